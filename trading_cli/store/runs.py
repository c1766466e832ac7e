"""The ledger of runs: one row a start, whatever came of it; steps as checkpoints; who may write.

A run holds a lease and a fence number. Whoever begins later holds a higher fence, and the earlier
one, should it wake up, may not commit any more: ``hold`` inside its transaction says so. A slot in
which nothing began is a row too, written by the next run.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trading_cli.core.errors import RunLost
from trading_cli.domain import from_epoch
from trading_cli.store.rows import epoch, moment

ENDED_SILENTLY = "ended without a word"
COLLECTING = ("collection", "collect")  # the cycle, and the command: both collect a slot
_COLUMNS = "id, cycle, slot, state, started, finished, pid, why, numbers, timing, started_by, fence"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a cycle. ``finished`` is ``None`` while it is under way, or if it was killed."""

    id: int
    cycle: str
    slot: int
    state: str
    started: datetime
    finished: datetime | None
    pid: int
    why: str
    numbers: Mapping[str, Any]
    timing: str = "on_time"
    started_by: str = "command"
    fence: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """How one step of a run went."""

    name: str
    state: str
    seconds: float
    why: str
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a run shows when it writes: its id and its fence."""

    run: int
    cycle: str
    slot: int
    fence: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Start:
    """What is known of a start: which work, by whom, how punctual."""

    cycle: str
    slot: int
    now: datetime
    pid: int
    started_by: str = "command"
    timing: str = "on_time"


def begin(tx: sqlite3.Connection, start: Start, *, lease: timedelta) -> Ticket:
    """Open a run; every earlier one of the cycle still open ended without a word: FAILED.

    To be called by whoever holds the cycle's lock, so that an open one cannot be alive.
    """
    at = epoch(start.now)
    newest, fence = _newest(tx, start.cycle)
    # whoever began the newest ended all before it: a year of ended runs is not looked through
    tx.execute(
        "UPDATE runs SET state = 'FAILED', finished = max(started, ?), why = ?"
        " WHERE id >= ? AND +cycle = ? AND state = 'RUNNING'",
        (at, ENDED_SILENTLY, newest, start.cycle),
    )
    until = start.now + lease
    run = tx.execute(
        "INSERT INTO runs (cycle, slot, state, started, pid, started_by, timing, fence,"
        " lease_until) VALUES (?, ?, 'RUNNING', ?, ?, ?, ?, ?, ?)",
        (start.cycle, start.slot, at, start.pid, start.started_by, start.timing, fence + 1,
         epoch(until)),
    ).lastrowid  # fmt: skip
    return Ticket(int(run or 0), start.cycle, start.slot, fence + 1, until)


def _newest(look: sqlite3.Connection, cycle: str) -> tuple[int, int]:
    """Return the newest run of *cycle* that began, and its fence, the highest: (0, 0) for none.

    The plus keeps sqlite from gathering a year of the cycle's rows to find that one.
    """
    row = look.execute(
        "SELECT id, fence FROM runs WHERE +cycle = ? AND fence > 0 ORDER BY id DESC LIMIT 1",
        (cycle,),
    ).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def skip(tx: sqlite3.Connection, start: Start, why: str) -> int:
    """Write down a start that did no work, and why. Return its id."""
    at = epoch(start.now)
    run = tx.execute(
        "INSERT INTO runs (cycle, slot, state, started, finished, pid, why, started_by, timing)"
        " VALUES (?, ?, 'SKIPPED', ?, ?, ?, ?, ?, ?)",
        (start.cycle, start.slot, at, at, start.pid, why, start.started_by, start.timing),
    ).lastrowid
    return int(run or 0)


def missed(tx: sqlite3.Connection, cycle: str, slots: Iterable[int], now: datetime) -> int:
    """Write down each of *slots* in which no run of *cycle* began. Return how many were new."""
    at = epoch(now)
    return sum(
        tx.execute(
            "INSERT INTO runs (cycle, slot, state, started, finished, pid, why, started_by, timing)"
            " SELECT ?1, ?2, 'SKIPPED', ?3, ?3, 0, 'nothing ran', 'nobody', 'missed'"
            " WHERE NOT EXISTS (SELECT 1 FROM runs WHERE cycle = ?1 AND slot = ?2)",
            (cycle, slot, at),
        ).rowcount
        for slot in slots
    )


def hold(tx: sqlite3.Connection, ticket: Ticket, now: datetime) -> None:
    """Let the transaction go on only while *ticket* is the newest of its cycle and in its lease.

    Raises ``RunLost`` otherwise: somebody else took over, or the run is later than it may be.
    """
    row = tx.execute("SELECT state FROM runs WHERE id = ?", (ticket.run,)).fetchone()
    _, newest = _newest(tx, ticket.cycle)
    if row is None or row[0] != "RUNNING" or newest != ticket.fence:
        raise RunLost(
            f"run {ticket.run} of {ticket.cycle} was taken over by a later one;"
            " nothing of this step was stored",
            hint="look with `trading status`",
        )
    if now > ticket.lease_until:
        raise RunLost(
            f"run {ticket.run} of {ticket.cycle} outlived its lease of"
            f" {ticket.lease_until.isoformat()}; nothing of this step was stored",
            hint="look at its slowest step with `trading logs`",
        )


def finish(
    tx: sqlite3.Connection,
    ticket: Ticket,
    state: str,
    why: str,
    numbers: Mapping[str, object],
    now: datetime,
) -> None:
    """Close a run with its state (OK, PARTIAL or FAILED), its reason in words and its numbers."""
    tx.execute(
        "UPDATE runs SET state = ?, why = ?, numbers = ?, finished = max(started, ?),"
        " lease_until = NULL WHERE id = ? AND state = 'RUNNING'",
        (state, why, json.dumps(dict(numbers), default=str), epoch(now), ticket.run),
    )


def record_step(tx: sqlite3.Connection, run: int, step: Step) -> None:
    """Say how one step of a run went; said again, the newer word stands."""
    tx.execute(
        "INSERT INTO steps (run, name, state, seconds, why, numbers, position)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT count(*) FROM steps WHERE run = ?1))"
        " ON CONFLICT (run, name) DO UPDATE SET state = excluded.state,"
        " seconds = excluded.seconds, why = excluded.why, numbers = excluded.numbers",
        (run, step.name, step.state, step.seconds, step.why,
         json.dumps(dict(step.numbers), default=str)),
    )  # fmt: skip


def steps(connection: sqlite3.Connection, run: int) -> list[Step]:
    """Return the steps of *run* in the order they were recorded."""
    rows = connection.execute(
        "SELECT name, state, seconds, why, numbers FROM steps WHERE run = ? ORDER BY position",
        (run,),
    )
    return [Step(name, state, s, why, json.loads(numbers)) for name, state, s, why, numbers in rows]


def checkpoints(connection: sqlite3.Connection, cycle: str, slot: int) -> dict[str, Step]:
    """Return the steps that runs of *slot* which ended without a word had done, by name."""
    rows = connection.execute(
        "SELECT s.name, s.state, s.seconds, s.why, s.numbers FROM steps s"
        " JOIN runs r ON r.id = s.run"
        " WHERE r.cycle = ? AND r.slot = ? AND r.state = 'FAILED' AND r.why = ? AND s.state = 'OK'",
        (cycle, slot, ENDED_SILENTLY),
    )
    return {
        name: Step(name, state, seconds, why, json.loads(numbers))
        for name, state, seconds, why, numbers in rows
    }


def whole(connection: sqlite3.Connection, cycle: str, slot: int) -> Run | None:
    """Return the run that did *slot*, wholly or in part, ``None`` where none has."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE cycle = ? AND slot = ?"  # noqa: S608  # our own names
        " AND state IN ('OK', 'PARTIAL') ORDER BY id LIMIT 1",
        (cycle, slot),
    ).fetchone()
    return None if row is None else _run(row)


def under_way(connection: sqlite3.Connection, cycle: str, slot: int) -> bool:
    """Return whether a run of *slot* has begun and not ended, however many starts came after it."""
    row = connection.execute(
        "SELECT 1 FROM runs WHERE cycle = ? AND slot = ? AND state = 'RUNNING' LIMIT 1",
        (cycle, slot),
    ).fetchone()
    return row is not None


def newest_slot(connection: sqlite3.Connection, cycle: str, *, before: int) -> int | None:
    """Return the newest slot before *before* that has a row of *cycle*, also a missed one."""
    row = connection.execute(
        "SELECT max(slot) FROM runs WHERE cycle = ? AND slot < ?", (cycle, before)
    ).fetchone()
    return None if row[0] is None else int(row[0])


def last(
    connection: sqlite3.Connection, *, cycles: Sequence[str] = (), limit: int = 10
) -> list[Run]:
    """Return the newest runs of *cycles* (none named: of all), newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE ?1 = '[]'"  # noqa: S608  # our own names
        " OR cycle IN (SELECT value FROM json_each(?1)) ORDER BY id DESC LIMIT ?2",
        (json.dumps(list(cycles)), limit),
    )
    return [_run(row) for row in rows]


def collected(connection: sqlite3.Connection, *, limit: int = 200) -> list[Run]:
    """Return the newest runs that began to collect a slot, newest first.

    Starts that did nothing and slots that were missed are no such runs.
    """
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE +cycle IN (SELECT value FROM json_each(?))"  # noqa: S608  # our own names
        " AND state <> 'SKIPPED' ORDER BY id DESC LIMIT ?",  # the plus: walk from the newest row
        (json.dumps(COLLECTING), limit),
    )
    return [_run(row) for row in rows]


def runs_where(connection: sqlite3.Connection, where: str, values: Sequence[object]) -> list[Run]:
    """Return the runs of which *where* (our own words) holds, in the order they began."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE {where} ORDER BY id",  # noqa: S608  # our own words
        tuple(values),
    )
    return [_run(row) for row in rows]


def _run(row: tuple[Any, ...]) -> Run:
    number, name, slot, state, started, finished, pid, why, numbers, timing, by, fence = row
    return Run(
        number, name, slot, state, from_epoch(started), moment(finished), pid, why,
        json.loads(numbers), timing, by, fence,
    )  # fmt: skip
