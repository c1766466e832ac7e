"""Jobs as a page asks for them: a row, then a `trading` process of its own, then its answer.

What a process prints goes into data/jobs, 0600: NUMBER.out is its envelope, NUMBER.err what it
said. A job outlives the server that began it; the next one watches on.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from trading_cli.app.settings import Loaded
from trading_cli.app.workflows import WORKFLOWS, Asked
from trading_cli.core.errors import TradingError
from trading_cli.core.foreign import clean_text
from trading_cli.core.redact import Redactor
from trading_cli.store import Store, Transaction, jobs, runs
from trading_cli.store.born import is_there

Job = jobs.Job
Process = jobs.Process
FOLDER = "jobs"
LARGEST = 16 * 1024 * 1024
TAIL = 8 * 1024
LINE = 300
CANCELLED = "cancelled"


class JobUnderWay(TradingError):
    """One of the kind is at work: ``job`` is its number."""

    exit_code: ClassVar[int] = 8
    code: ClassVar[str] = "job_under_way"

    def __init__(self, workflow: str, job: int) -> None:
        super().__init__(
            f"job {job} is at work on {workflow} already.",
            hint=f"wait for it: GET /api/v1/workflows/{job}",
        )
        self.job = job


class NoSuchJob(TradingError):
    """There is no job of that number."""

    code: ClassVar[str] = "not_found"


class Over(TradingError):
    """The job has ended by itself: there is nothing to cancel."""

    exit_code: ClassVar[int] = 8
    code: ClassVar[str] = "over"


class StillAtWork(TradingError):
    """The job has no answer yet."""

    code: ClassVar[str] = "at_work"


class NoResult(TradingError):
    """The job has no answer and never will."""

    code: ClassVar[str] = "no_result"


def folder_of(loaded: Loaded) -> Path:
    """Return where what jobs print is kept."""
    return loaded.database.parent / FOLDER


def out_of(loaded: Loaded, job: int) -> Path:
    """Return the file of a job's answer."""
    return folder_of(loaded) / f"{job}.out"


def err_of(loaded: Loaded, job: int) -> Path:
    """Return the file of what a job said."""
    return folder_of(loaded) / f"{job}.err"


def queue(loaded: Loaded, asked: Asked, *, by: str, watcher: Process, now: datetime) -> int:
    """Keep that something is asked for, and return its number. Raises ``JobUnderWay``."""
    with writing(loaded, now) as store, store.transaction() as tx:
        job = jobs.ask(tx, asked.workflow.name, asked.parameters, by=by, watcher=watcher, now=now)
        if job is None:
            raise JobUnderWay(asked.workflow.name, jobs.under_way(tx, asked.workflow.name)[0].id)
    return job


def cancel(loaded: Loaded, job: int, *, by: str, now: datetime) -> bool:
    """Note that *by* wants a job to end. Return whether it is under way still, False once it ended.

    Again is no matter. Raises ``NoSuchJob``, and ``Over`` for one that ended in another way.
    """
    _found(loaded, job)
    why = {"code": CANCELLED, "message": f"cancelled by the {by}.", "hint": "ask for it again"}
    with writing(loaded, now) as store, store.transaction() as tx:
        jobs.cancel(tx, job, why, f"{why['message']} Ending.", now)
        found = jobs.find(tx, job)
    if found is None or not (found.under_way or found.state == "CANCELLED"):
        state = "over" if found is None else found.state
        raise Over(
            f"job {job} ended {state}: there is nothing to cancel.",
            hint=f"look at it: GET /api/v1/workflows/{job}",
        )
    return found.under_way


@contextmanager
def writing(loaded: Loaded, now: datetime) -> Iterator[Store]:
    """Yield the store of a home, to write."""
    busy = loaded.settings.database.busy_timeout_ms
    with Store.open(loaded.database, now=now, busy_timeout_ms=busy) as store:
        yield store


@contextmanager
def looking(loaded: Loaded) -> Iterator[Transaction]:
    """Yield a connection that sees one state of a home."""
    busy = loaded.settings.database.busy_timeout_ms
    with Store.reader(loaded.database, busy_timeout_ms=busy) as store, store.reading() as look:
        yield look


# --- what a page is shown


def listed(loaded: Loaded, *, before: int | None = None, limit: int = 20) -> dict[str, Any]:
    """Return {jobs, next}: the newest first; ``next`` is what *before* is to be for the rest."""
    if not is_there(loaded.database):
        return {"jobs": [], "next": None}
    with looking(loaded) as look:
        found = jobs.newest(look, before=before, limit=limit + 1)
    shown = [told(one) for one in found[:limit]]
    return {"jobs": shown, "next": found[limit - 1].id if len(found) > limit else None}


def one(loaded: Loaded, job: int) -> dict[str, Any]:
    """Return a job with the steps its cycle has done. Raises ``NoSuchJob``."""
    found = _found(loaded, job)
    with looking(loaded) as look:
        run, steps = steps_of(look, found)
    return {
        **told(found),
        "run": run,
        "steps": [
            {"name": step.name, "state": step.state, "seconds": round(step.seconds, 3),
             "why": step.why}
            for step in steps
        ],
    }  # fmt: skip


def _found(loaded: Loaded, job: int) -> Job:
    found = None
    if is_there(loaded.database) and 0 < job < 1 << 63:
        with looking(loaded) as look:
            found = jobs.find(look, job)
    if found is None:
        raise NoSuchJob(f"there is no job {job}.", hint="look at the list: GET /api/v1/workflows")
    return found


def result(loaded: Loaded, job: int) -> bytes:
    """Return the envelope a job printed, as it did. Raises NoSuchJob, StillAtWork, NoResult."""
    found = _found(loaded, job)
    if found.under_way:
        raise StillAtWork(
            f"job {job} is at work.", hint=f"wait for it: GET /api/v1/workflows/{job}"
        )
    if found.result is None:
        why = (found.error or {}).get("message", "")
        raise NoResult(f"job {job} ended {found.state}: {why}", hint="ask for it again")
    text = read(out_of(loaded, job), LARGEST)
    if envelope_of(text) is None:
        raise NoResult(f"the answer of job {job} is gone.", hint="ask for it again")
    return text


def told(found: Job) -> dict[str, Any]:
    """Return a job as JSON has it."""
    return {
        "id": found.id,
        "workflow": found.workflow,
        "parameters": dict(found.parameters),
        "state": found.state,
        "asked_at": found.asked_at.isoformat(),
        "asked_by": found.asked_by,
        "started_at": _iso(found.started_at),
        "ended_at": _iso(found.ended_at),
        "exit_code": found.exit_code,
        "progress": found.progress,
        "result": None if found.result is None else f"/api/v1/workflows/{found.id}/result",
        "error": None if found.error is None else dict(found.error),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


# --- what became of the process


def steps_of(look: Transaction, found: Job) -> tuple[int | None, list[runs.Step]]:
    """Return the run of a cycle's process and its steps so far; none for other jobs."""
    workflow = WORKFLOWS.get(found.workflow)
    if found.process is None or workflow is None or not workflow.is_cycle:
        return None, []
    run = jobs.run_of(look, found)
    return run, [] if run is None else runs.steps(look, run)


def how_it_ended(loaded: Loaded, found: Job, code: int | None) -> jobs.End:
    """Return how a process that is gone ended, by what it left; *code* where that is known.

    One that was told to end and had its answer already is DONE: that is what it is.
    """
    job = found.id
    out = out_of(loaded, job)
    text = read(out, LARGEST + 1)
    if len(text) > LARGEST:
        return _failed(code, "too_large", f"its answer is larger than {LARGEST >> 20} MB.")
    if envelope_of(text) is not None:
        return jobs.End("DONE", code, out.name)
    error = found.error or _complaint(loaded, job)
    if error is not None:
        return jobs.End("CANCELLED" if found.error else "FAILED", code, None, error)
    if code is not None and code < 0:
        return _failed(code, "killed", f"it was ended by signal {-code}.")
    if code is not None:
        return _failed(code, "failed", f"it ended with exit code {code} and said nothing.")
    said = "its process is gone, and nobody saw how it ended."
    return jobs.End("LOST", None, None, {"code": "lost", "message": said, "hint": ""})


def _failed(code: int | None, word: str, said: str) -> jobs.End:
    return jobs.End("FAILED", code, None, {"code": word, "message": said, "hint": ""})


def envelope_of(text: bytes) -> dict[str, Any] | None:
    """Return the envelope that *text* is, ``None`` where it is none, or half of one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    whole = {"schema", "generated_at", "data", "warnings"}
    return value if isinstance(value, dict) and set(value) == whole else None


def _complaint(loaded: Loaded, job: int) -> dict[str, str] | None:
    """Return the error object that the process wrote last, ``None`` where it wrote none."""
    lines = _lines(loaded, job)
    try:
        value = json.loads(lines[-1]) if lines else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("message"), str):
        return None
    mask = Redactor(loaded.secrets.values()).text
    return {
        key: clean_text(mask(str(value.get(key, ""))), 2000) for key in ("code", "message", "hint")
    }


def last_word(loaded: Loaded, job: int) -> str:
    """Return the last line a process said, clean and without secrets, "" where it said none."""
    lines = [line for line in _lines(loaded, job) if not line.startswith("{")]
    return clean_text(Redactor(loaded.secrets.values()).text(lines[-1]), LINE) if lines else ""


def _lines(loaded: Loaded, job: int) -> list[str]:
    text = read(err_of(loaded, job), TAIL, end=True).decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.strip()]


def read(path: Path, most: int, *, end: bool = False) -> bytes:
    """Return at most *most* bytes of a plain file of ours, its last with *end*; b"" for none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file, suppress(OSError):
        if end:
            file.seek(max(0, os.fstat(descriptor).st_size - most))
        return file.read(most)
    return b""


def forget(loaded: Loaded, before: datetime, now: datetime) -> int:
    """Delete the jobs that ended before *before* with what they printed. Return how many."""
    with looking(loaded) as look:
        gone = list(jobs.old(look, before))
    with writing(loaded, now) as store, store.transaction() as tx:
        for each in gone:
            jobs.forget(tx, each.id)
    for each in gone:
        for path in (out_of(loaded, each.id), err_of(loaded, each.id)):
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return len(gone)
