"""What is remembered of pure functions: bounded, so that a long run does not grow."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
BEFORE = 2


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

    def forget(self, old: Callable[[Any], bool]) -> None:
        """Forget what was made for each key that is *old*."""
        for key in list(self._kept):
            if old(key):
                self._kept.pop(key, None)


class Days(Generic[T]):
    """What pure functions returned for UTC days: of the newest day asked for and two before it.

    Older ones are forgotten as the clock moves on, and made again, the same, where asked for.
    """

    def __init__(self, room: int) -> None:
        self._memory: Memory[T] = Memory(room)
        self._newest = 0

    def get(self, key: Hashable, day: int, make: Callable[[], T]) -> T:
        """Return what *make* returns for *key* on *day* (days since 1970)."""
        if day > self._newest:
            self._newest = day
            self._memory.forget(lambda kept: kept[1] < day - BEFORE)
        return self._memory.get((key, day), make)
