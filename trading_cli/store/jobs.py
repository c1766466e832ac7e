"""Jobs: work somebody asked for, each a row before it is a process, and after.

A job begins QUEUED, is RUNNING while its process is, and ends once: DONE with an answer, FAILED
with a reason, LOST where nobody knows, CANCELLED where somebody wanted it to end. One of a kind at
a time: the file itself sees to that. Who watches a job notes how it went; where the watcher is
gone, another may take it over.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_cli.domain import from_epoch
from trading_cli.store.rows import as_json, epoch, moment

UNDER_WAY = ("QUEUED", "RUNNING")
_COLUMNS = (
    "id, workflow, parameters, asked_at, asked_by, state, pid, began, watcher, watcher_began,"
    " started_at, ended_at, exit_code, progress, result, error"
)


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its number, and when it began (epoch seconds), since numbers are given again."""

    pid: int
    began: float


@dataclass(frozen=True, slots=True)
class Job:
    """One job. ``result`` names its answer's file, ``error`` is {code, message, hint}.

    An error while it is under way says who wants it to end.
    """

    id: int
    workflow: str
    parameters: Mapping[str, Any]
    asked_at: datetime
    asked_by: str
    state: str
    process: Process | None
    watcher: Process
    started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    progress: str
    result: str | None
    error: Mapping[str, str] | None

    @property
    def under_way(self) -> bool:
        """Return whether it has not ended."""
        return self.state in UNDER_WAY

    @property
    def unwanted(self) -> bool:
        """Return whether it is to end, and has not yet."""
        return self.under_way and self.error is not None


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended: DONE with a result, or FAILED, LOST or CANCELLED with an error."""

    state: str
    exit_code: int | None = None
    result: str | None = None
    error: Mapping[str, str] | None = None


def ask(
    tx: sqlite3.Connection,
    workflow: str,
    parameters: Mapping[str, Any],
    *,
    by: str,
    watcher: Process,
    now: datetime,
) -> int | None:
    """Queue a job and return its number; ``None`` while one of the kind is under way."""
    at = epoch(now)
    row = tx.execute(
        "INSERT INTO jobs (workflow, parameters, asked_at, asked_by, state, watcher, watcher_began,"
        " changed_at) VALUES (?, ?, ?, ?, 'QUEUED', ?, ?, ?)"
        " ON CONFLICT (workflow) WHERE state IN ('QUEUED', 'RUNNING') DO NOTHING RETURNING id",
        (workflow, as_json(parameters), at, by, watcher.pid, watcher.began, at),
    ).fetchone()
    return None if row is None else int(row[0])


def started(tx: sqlite3.Connection, job: int, process: Process, now: datetime) -> None:
    """Note the process of a queued job."""
    tx.execute(
        "UPDATE jobs SET state = 'RUNNING', pid = ?, began = ?, started_at = ?4, changed_at = ?4"
        " WHERE id = ?3 AND state = 'QUEUED'",
        (process.pid, process.began, job, epoch(now)),
    )


def progressed(tx: sqlite3.Connection, job: int, text: str, now: datetime) -> None:
    """Note how far a running job is; the same text again changes nothing."""
    tx.execute(
        "UPDATE jobs SET progress = ?1, changed_at = ?2"
        " WHERE id = ?3 AND state = 'RUNNING' AND progress <> ?1",
        (text, epoch(now), job),
    )


def cancel(
    tx: sqlite3.Connection, job: int, why: Mapping[str, str], progress: str, now: datetime
) -> bool:
    """Note that a job is to end, and who wants it; False where it has ended, or was noted before.

    Whoever watches the job ends its process.
    """
    return bool(
        tx.execute(
            "UPDATE jobs SET error = ?1, progress = ?2, changed_at = ?3"
            " WHERE id = ?4 AND ended_at IS NULL AND error IS NULL",
            (as_json(why), progress, epoch(now), job),
        ).rowcount
    )


def ended(tx: sqlite3.Connection, job: int, end: End, now: datetime) -> bool:
    """Note how a job ended; False where that was noted before: it ends once."""
    return bool(
        tx.execute(
            "UPDATE jobs SET state = ?1, exit_code = ?2, result = ?3, error = ?4,"
            " ended_at = max(asked_at, ?5), changed_at = ?5 WHERE id = ?6 AND ended_at IS NULL",
            (end.state, end.exit_code, end.result,
             None if end.error is None else as_json(end.error), epoch(now), job),
        ).rowcount
    )  # fmt: skip


def take_over(tx: sqlite3.Connection, job: Job, watcher: Process) -> bool:
    """Make *watcher* the one that watches *job*; False where somebody was quicker."""
    return bool(
        tx.execute(
            "UPDATE jobs SET watcher = ?, watcher_began = ? WHERE id = ? AND watcher = ?"
            " AND watcher_began = ? AND ended_at IS NULL",
            (watcher.pid, watcher.began, job.id, job.watcher.pid, job.watcher.began),
        ).rowcount
    )


def find(look: sqlite3.Connection, job: int) -> Job | None:
    """Return a job, ``None`` where there is none of that number."""
    row = look.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job,)).fetchone()  # noqa: S608  # our own names
    return None if row is None else _job(row)


def under_way(look: sqlite3.Connection, workflow: str | None = None) -> list[Job]:
    """Return the jobs that have not ended, of *workflow* where it is given, oldest first."""
    rows = look.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE state IN ('QUEUED', 'RUNNING')"  # noqa: S608  # our own names
        " AND (?1 IS NULL OR workflow = ?1) ORDER BY id",
        (workflow,),
    )
    return [_job(row) for row in rows]


def newest(look: sqlite3.Connection, *, before: int | None = None, limit: int = 50) -> list[Job]:
    """Return the last jobs asked for, newest first; with *before*, those of smaller numbers."""
    rows = look.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",  # noqa: S608  # our own names
        (before, limit),
    )
    return [_job(row) for row in rows]


def run_of(look: sqlite3.Connection, job: Job) -> int | None:
    """Return the run that the job's process began, ``None`` where it has begun none."""
    if job.process is None:
        return None
    row = look.execute(
        "SELECT id FROM runs WHERE pid = ? AND cycle = ? AND started >= ? ORDER BY id DESC LIMIT 1",
        (job.process.pid, job.workflow, epoch(job.asked_at)),
    ).fetchone()
    return None if row is None else int(row[0])


def old(look: sqlite3.Connection, before: datetime) -> Iterator[Job]:
    """Yield the jobs that ended before *before*, but for the newest job there is."""
    rows = look.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE ended_at < ? AND id < (SELECT max(id) FROM jobs)",  # noqa: S608  # our own names
        (epoch(before),),
    )
    yield from map(_job, rows.fetchall())


def forget(tx: sqlite3.Connection, job: int) -> None:
    """Delete the row of an ended job."""
    tx.execute("DELETE FROM jobs WHERE id = ? AND ended_at IS NOT NULL", (job,))


def _job(row: tuple[Any, ...]) -> Job:
    (number, workflow, parameters, asked, by, state, pid, began, watcher, since, started_at,
     ended_at, code, progress, result, error) = row  # fmt: skip
    return Job(
        number, workflow, json.loads(parameters), from_epoch(asked), by, state,
        None if pid is None else Process(pid, began), Process(watcher, since),
        moment(started_at), moment(ended_at), code, progress, result,
        None if error is None else json.loads(error),
    )  # fmt: skip
