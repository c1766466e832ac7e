"""What was really done, slot by slot: which slots were decided, when, and how far their runs came.

Nothing here is judged; `parity` and `replay` hold it against what the engine makes of the inputs.
"""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_cli.domain import from_epoch
from trading_cli.store.rows import moment

DECIDING = ("collection", "signal")
"""The cycles that decide: both look at every candidate of a slot."""
_DONE = ("OK", "PARTIAL")
_NEVER = 2**62
_TOUCHED = (
    "SELECT slot FROM decisions WHERE slot >= ?1 AND slot < ?2"
    " UNION SELECT slot FROM marks WHERE slot >= ?1 AND slot < ?2"
    " UNION SELECT slot FROM runs WHERE slot >= ?1 AND slot < ?2 AND state <> 'SKIPPED'"
    " AND cycle IN (SELECT value FROM json_each(?3))"
)


@dataclass(frozen=True, slots=True)
class Worked:
    """One slot: when its first run began, which steps were done, and the runs that failed.

    ``began`` is ``None`` where no run of it is kept; ``working``: one is still at it.
    """

    slot: int
    began: datetime | None
    exits: bool
    entries: bool
    failed: tuple[int, ...] = ()
    working: bool = False


@dataclass(frozen=True, slots=True)
class Ordered:
    """When an order ended and in which slot it was decided; ``None``: still open, or unknown."""

    name: str
    slot: int | None
    ended_at: datetime | None


def decided_slots(look: sqlite3.Connection, since: int, until: int) -> list[int]:
    """Return the slots of [since, until) that were decided, marked, or worked on, in order."""
    rows = look.execute(f"{_TOUCHED} ORDER BY 1", (since, until, json.dumps(DECIDING)))
    return [int(row[0]) for row in rows]


def next_decided(look: sqlite3.Connection, since: int) -> int | None:
    """Return the first such slot from *since* on, ``None`` where there is none."""
    row = look.execute(
        f"SELECT min(slot) FROM ({_TOUCHED})",  # noqa: S608  # our own words
        (since, _NEVER, json.dumps(DECIDING)),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def span(look: sqlite3.Connection) -> tuple[int, int] | None:
    """Return the first and the last slot with a decision, ``None`` where there is none."""
    row = look.execute("SELECT min(slot), max(slot) FROM decisions").fetchone()
    return None if row[0] is None else (int(row[0]), int(row[1]))


def worked(look: sqlite3.Connection, slot: int) -> Worked:
    """Return how far the runs of *slot* came."""
    wanted = json.dumps(DECIDING)
    runs = look.execute(
        "SELECT id, state, started FROM runs WHERE cycle IN (SELECT value FROM json_each(?))"
        " AND slot = ? AND state <> 'SKIPPED' ORDER BY id",
        (wanted, slot),
    ).fetchall()
    steps: set[str] = set()
    for number, _, _ in runs:
        found = look.execute("SELECT name, state FROM steps WHERE run = ?", (number,))
        steps |= {name for name, state in found if state in _DONE}
    began = min((started for _, _, started in runs), default=None)
    failed = tuple(int(number) for number, state, _ in runs if state == "FAILED")
    working = any(state == "RUNNING" for _, state, _ in runs)
    return Worked(slot, moment(began), "exits" in steps, "signals" in steps, failed, working)


def ordered(look: sqlite3.Connection) -> dict[str, Ordered]:
    """Return every order's slot and end, by its id."""
    rows = look.execute(
        "SELECT o.id, d.slot, o.ended_at FROM orders o LEFT JOIN decisions d ON d.id = o.decision"
    )
    return {name: Ordered(name, slot, moment(ended)) for name, slot, ended in rows}


def run_of(look: sqlite3.Connection, name: str) -> tuple[int, str, int, str, datetime] | None:
    """Return (id, cycle, slot, state, started) of the run *name*, ``None`` where there is none.

    ``@last`` is the newest that decided anything.
    """
    columns = "SELECT id, cycle, slot, state, started FROM runs"
    if name == "@last":
        question = (
            f"{columns} WHERE cycle IN (SELECT value FROM json_each(?)) AND state <> 'SKIPPED'"  # noqa: S608  # our own words
            " AND slot IN (SELECT slot FROM decisions) ORDER BY id DESC LIMIT 1"
        )
        row: tuple[Any, ...] | None = look.execute(question, (json.dumps(DECIDING),)).fetchone()
    else:
        row = look.execute(f"{columns} WHERE id = ?", (int(name),)).fetchone()
    return None if row is None else (*row[:4], from_epoch(row[4]))
