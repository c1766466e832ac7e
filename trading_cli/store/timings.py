"""How long the steps of past runs took, and the sources inside them, from the ledger of runs."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_cli.store.rows import epoch

SOURCES = "sources"  # the key under which a step's numbers keep each source's tally


@dataclass(frozen=True, slots=True)
class Timed:
    """One step of one run; ``seconds`` are real ones."""

    run: int
    cycle: str
    slot: int
    step: str
    state: str
    seconds: float
    why: str


def step_times(look: sqlite3.Connection, since: datetime, until: datetime) -> list[Timed]:
    """Return every step of the runs of slots in [since, until), oldest first."""
    rows = look.execute(
        "SELECT r.id, r.cycle, r.slot, s.name, s.state, s.seconds, s.why FROM runs r"
        " JOIN steps s ON s.run = r.id WHERE r.slot >= ? AND r.slot < ?"
        " ORDER BY r.slot, r.id, s.position",
        (epoch(since), epoch(until)),
    )
    return [Timed(*row) for row in rows]


def source_times(
    look: sqlite3.Connection, since: datetime, until: datetime
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (source, tally) of every step that kept its sources, oldest first.

    A tally is {seconds, requests, state, …} as the collection told it.
    """
    rows = look.execute(
        "SELECT json_extract(s.numbers, '$.sources') FROM runs r JOIN steps s ON s.run = r.id"
        " WHERE r.slot >= ? AND r.slot < ? AND json_extract(s.numbers, '$.sources') IS NOT NULL"
        " ORDER BY r.slot, r.id, s.position",
        (epoch(since), epoch(until)),
    )
    for (text,) in rows:
        yield from json.loads(text).items()
