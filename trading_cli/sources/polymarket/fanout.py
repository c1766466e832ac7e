"""A bounded number of requests at once, and what came of each."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from trading_cli.core.errors import CircuitOpen, SourceDown, SourceError, SourceThrottled
from trading_cli.domain import Failure, Record

T = TypeVar("T")


@dataclass(slots=True)
class Part:
    """What one piece of the work brought. ``answered``: somebody was there, whatever they said."""

    records: list[Record] = field(default_factory=list)
    answered: bool = False
    error: SourceError | None = None

    def add(self, other: "Part") -> None:
        """Take over what *other* brought."""
        self.records += other.records
        self.answered = self.answered or other.answered
        self.error = self.error or other.error


def spread(workers: int, work: Callable[[T], Part], pieces: Sequence[T]) -> Iterator[Record]:
    """Yield the records of every piece as they arrive, at most *workers* pieces at once.

    Raises the first ``SourceError`` after the last record when nobody answered at all.
    """
    total = Part()
    with ThreadPoolExecutor(max(1, min(workers, len(pieces)))) as pool:
        running = [pool.submit(work, piece) for piece in pieces]
        try:
            for done in as_completed(running):
                part = done.result()
                total.answered = total.answered or part.answered
                total.error = total.error or part.error
                yield from part.records
        finally:
            for waiting in running:
                waiting.cancel()
    if total.error is not None and not total.answered:
        raise total.error


class Allowance:
    """How many more requests one broken batch may cost while we look for the broken item."""

    def __init__(self, requests: int) -> None:
        self._left = requests

    def take(self) -> bool:
        """Return whether one more request may be sent."""
        self._left -= 1
        return self._left >= 0


def isolate(
    pieces: Sequence[T],
    ask: Callable[[Sequence[T]], Part],
    failed: Callable[[T, SourceError], Failure],
    allowance: Allowance,
) -> Part:
    """Ask for all *pieces* at once; where that fails, halve until the bad ones stand alone.

    An unreachable service is not asked for the halves: that would only be more of the same.
    """
    if not pieces:
        return Part()
    try:
        return ask(pieces)
    except SourceError as error:
        if len(pieces) == 1 or not worth_halving(error) or not allowance.take():
            down = isinstance(error, SourceDown)
            return Part([failed(piece, error) for piece in pieces], not down, error)
    part = Part()
    half = len(pieces) // 2
    for some in (pieces[:half], pieces[half:]):
        part.add(isolate(some, ask, failed, allowance))
    return part


def worth_halving(error: SourceError) -> bool:
    """Return whether a smaller request may succeed where this one failed."""
    if isinstance(error, CircuitOpen | SourceThrottled):
        return False
    return not isinstance(error, SourceDown) or error.status >= 500  # noqa: PLR2004  # HTTP


def failure(source: str, subject: str, error: SourceError, observed_at: datetime) -> Failure:
    """Return the record of a request that brought nothing for *subject*."""
    return Failure(source, subject, error.code, error.detail[:500], observed_at)
