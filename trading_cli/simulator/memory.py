"""What is remembered of pure functions: bounded, so that a long run does not grow."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Memory(Generic[T]):
    """The last *room* results of a pure function; a lost one is made again, the same."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what *make* returns for *key*. Two threads may both make it; alike."""
        found = self._kept.get(key)
        if found is None:
            found = make()
            self._kept[key] = found
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return found
