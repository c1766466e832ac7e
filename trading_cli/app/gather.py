"""Draining a source: what came, what was refused, what failed, how long it took.

A source that fails is a named state of that source, never an exception for the others and never a
zero: its tally says so and what it brought before is kept.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from trading_cli.core.clock import Clock
from trading_cli.core.errors import SourceError
from trading_cli.core.http_client import HttpClient
from trading_cli.domain import Coverage, Failure, Record, Refusal, Wanted
from trading_cli.sources import Source

R = TypeVar("R", bound=Record)


@dataclass(slots=True)
class Tally:
    """How one source did in one run. ``state``: ok, degraded, failed, off, skipped."""

    fetched: int = 0
    stored: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    requests: int = 0
    state: str = "ok"
    message: str = ""

    def data(self) -> dict[str, object]:
        """Return the fields as the report shows them."""
        return {
            "fetched": self.fetched,
            "stored": self.stored,
            "refused": self.refused,
            "failed": self.failed,
            "seconds": round(self.seconds, 3),
            "requests": self.requests,
            "state": self.state,
            "message": self.message,
        }


@dataclass(slots=True)
class Gathered:
    """Everything one source yielded, by kind."""

    source: str
    tally: Tally
    error: SourceError | None = None
    _kinds: dict[type, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def add(self, record: Record) -> None:
        """Keep *record*."""
        self._kinds[type(record)].append(record)

    def refuse(self, refusal: Refusal) -> None:
        """Keep *refusal*, which came of looking at the records, and count it."""
        self.add(refusal)
        self.tally.refused += 1

    def take_out(self, reason: str) -> list[Failure]:
        """Take the failures of *reason* out, as an answer of its own kind, and return them."""
        failures = self.of(Failure)
        taken = [failure for failure in failures if failure.reason == reason]
        self._kinds[Failure] = [failure for failure in failures if failure.reason != reason]
        self.weigh(answered=bool(taken))
        return taken

    def weigh(self, *, answered: bool = False) -> None:
        """Count what came and did not, and say in the tally how the source did.

        *answered*: something came, though it is none of the records.
        """
        tally, failed = self.tally, self.of(Failure)
        tally.refused, tally.failed = len(self.of(Refusal)), len(failed)
        tally.fetched = sum(
            len(rows)
            for kind, rows in self._kinds.items()
            if kind not in {Refusal, Failure, Coverage}
        )
        tally.state, tally.message = "ok", ""
        came = answered or tally.fetched
        if self.error is not None:
            tally.state = "degraded" if came else "failed"
            tally.message = self.error.message
        elif failed:
            tally.state = "degraded" if came or self.of(Coverage) else "failed"
            tally.message = f"{len(failed)} not answered, first: {failed[0].detail}"

    def absorb(self, other: "Gathered") -> None:
        """Count what *other* brought as part of this."""
        for kind, rows in other._kinds.items():  # noqa: SLF001  # our own class
            self._kinds[kind] += rows
        mine, theirs = self.tally, other.tally
        mine.fetched += theirs.fetched
        mine.refused += theirs.refused
        mine.failed += theirs.failed
        mine.seconds += theirs.seconds
        mine.requests += theirs.requests
        if theirs.state != "ok" and mine.state == "ok":
            mine.state, mine.message = "degraded", theirs.message

    def of(self, kind: type[R]) -> list[R]:
        """Return the records of *kind*, in the order they came."""
        return [record for record in self._kinds[kind] if isinstance(record, kind)]


def drain(
    source: Source, wanted: Wanted, *, clock: Clock, clients: tuple[HttpClient, ...] = ()
) -> Gathered:
    """Collect everything *source* has for *wanted*; a ``SourceError`` becomes its state."""
    tally = Tally()
    gathered = Gathered(source.name, tally)
    began, sent = clock.monotonic(), sum(client.requests for client in clients)
    try:
        for record in source.collect(wanted):
            gathered.add(record)
    except SourceError as error:
        gathered.error = error
    gathered.weigh()
    tally.seconds = clock.monotonic() - began
    tally.requests = sum(client.requests for client in clients) - sent
    return gathered


Progress = Callable[[str], None]
