"""`trading run`, `stop`, `pause` and `resume`: the clockwork of one home, and the owner's pause."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app.gather import Progress
from trading_cli.app.notify import courier
from trading_cli.app.runner import (
    Chore,
    Job,
    NotRunning,
    Runner,
    argv_of,
    describe,
    end_runner,
    trigger_of,
)
from trading_cli.app.runs import only_run
from trading_cli.app.settings import Loaded, load
from trading_cli.app.steps import PLANS
from trading_cli.app.stop import Place, standing_at
from trading_cli.core import log
from trading_cli.core.clock import SystemClock
from trading_cli.core.errors import ConfigError, UsageError
from trading_cli.store import Store, journal, pauses

WORK = "run"
PATIENCE_S = 20.0
HIGHEST = 4
GRACE = timedelta(minutes=1)
TELL_EVERY = timedelta(seconds=15)
GOES_ON = "the switch allows it"


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a runner ended, and whether the kill switch made it."""

    reason: str
    killed: bool


def serve(config: Path | None, progress: Progress, *, page: bool = False) -> Ended:
    """Run the cycles of a home by its schedule until told to end; blocks.

    Nothing is begun while the kill switch is at its highest level. With *page* the page is served
    beside it by a process of its own, and stays up where the switch ends the cycles: there a person
    sees why; they go on once the switch allows it. Raises ``RunLocked`` where another one serves
    this home already, ``UsageError`` for a page that others could read.
    """
    loaded = load(config)
    section = loaded.settings.logging
    log.configure(
        loaded.logs, level=section.level, max_mb=section.max_mb, keep=section.keep,
        secrets=loaded.secrets.values(),
    )  # fmt: skip
    folder = loaded.database.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    jobs = jobs_of(loaded)
    place = Place(loaded.home, loaded.database)
    now, tell = SystemClock().now(), courier(loaded)
    _open(loaded, now).close()  # a new home is made, and armed, before anybody asks its switch
    if (why := _killed(place)) and not page:
        tell()
        return Ended(why, killed=True)
    with only_run(folder, WORK, now), _beside(loaded, progress, page=page):
        note = folder / f"{WORK}.process"
        note.touch(mode=0o600)
        note.write_text(json.dumps({"pid": os.getpid(), "began": _began(os.getpid())}))
        try:
            for line in describe(now, jobs):
                progress(line)
            reason = _work(jobs, place, progress, tell, page=page)
        finally:
            note.unlink(missing_ok=True)
        killed = bool(_killed(place))
        if killed:
            tell()  # nobody else may be there to say what ended it
    return Ended(reason, killed)


def _work(
    jobs: Sequence[Job], place: Place, say: Progress, tell: Callable[[], object], *, page: bool
) -> str:
    """Run *jobs* until told to end, and return why. With *page* the kill switch only makes a break.

    What is due in the break is left out, as a later run notes.
    """
    chores = [Chore("alerts", TELL_EVERY, tell)]
    env = dict(os.environ)
    while True:
        if not page or not _killed(place):
            work = Runner(jobs, stopped=lambda: _killed(place), say=say, env=env, chores=chores)
            reason = work.serve()
            if work.signal or not page or not _killed(place):
                return work.signal or reason
        tell()
        say(f"{_killed(place)}: no cycle runs until that is undone; the page stays")
        pausing = Runner(
            (), stopped=lambda: "" if _killed(place) else GOES_ON, say=say, env=env, chores=chores
        )
        reason = pausing.serve()
        if pausing.signal or reason != GOES_ON:
            return pausing.signal or reason
        say("the cycles go on")


@contextmanager
def _beside(loaded: Loaded, say: Progress, *, page: bool) -> Iterator[None]:
    """Keep the page of a home up for the block, where it is wanted."""
    if not page:
        yield
        return
    from trading_cli.app import serving  # noqa: PLC0415  # paid for when used
    from trading_cli.app.beside import Beside, argv_of  # noqa: PLC0415

    section = loaded.settings.dashboard
    serving.check_token(loaded.secrets)
    serving.check_reach(loaded, section.host, section.port)
    beside = Beside(argv_of(loaded.config), say=say, env=dict(os.environ))
    beside.start()
    try:
        yield
    finally:
        beside.end()


def jobs_of(loaded: Loaded) -> list[Job]:
    """Return the cycles as the schedule has them; the collection also begins at once."""
    times = loaded.settings.schedule.model_dump()
    jobs = []
    for name, plan in PLANS.items():
        try:
            trigger = trigger_of(times[name])
        except ValueError as error:
            raise ConfigError(f"schedule.{name}: {times[name]!r}: {error}") from None
        argv = argv_of(name, loaded.config)
        jobs.append(Job(name, trigger, argv, plan.longest + GRACE, at_once=name == "collection"))
    return jobs


def _killed(place: Place) -> str:
    """Return why the clockwork must end: the kill switch at its highest level."""
    now = standing_at(place)
    return f"kill switch, level {now.level}: {now.reason}" if now.level >= HIGHEST else ""


def _began(pid: int) -> float:
    import psutil  # noqa: PLC0415  # paid for when used

    return float(psutil.Process(pid).create_time())


def stop(config: Path | None) -> Mapping[str, Any]:
    """End the runner of a home, and wait until it has; ``pid`` is ``None`` where there is none.

    What a cycle was doing is gone on with by the next one: nothing is lost.
    """
    loaded = load(config)
    note = loaded.database.parent / f"{WORK}.process"
    try:
        held = json.loads(note.read_text())
        pid, began = int(held["pid"]), float(held["began"])
        ended = end_runner(pid, began, wait=time.sleep, patience=PATIENCE_S)
    except (OSError, ValueError, KeyError, TypeError, NotRunning):
        return {"pid": None, "ended": True}
    return {"pid": pid, "ended": ended}


def pause(
    config: Path | None, *, reason: str, until: datetime | None, actor: str = "owner"
) -> Mapping[str, Any]:
    """Stop entries until *until*, or until ``resume``; exits go on."""
    if not reason.strip():
        raise UsageError("a pause needs a reason.", hint="trading pause --reason TEXT")
    loaded = load(config)
    now = SystemClock().now()
    if until is not None and until <= now:
        raise UsageError(f"{until.isoformat()} is over already.", hint="--for 4h")
    with _open(loaded, now) as store, store.transaction() as tx:
        new = pauses.pause(tx, "owner", since=now, until=until, reason=reason, actor=actor)
        if new:
            body = {"reason": reason, "until": None if until is None else until.isoformat()}
            journal.append(tx, "pause", "owner", body, at=now, actor=actor)
        held = [_shown(one) for one in pauses.active(tx, now)]
    return {"paused": True, "new": new, "pauses": held}


def resume(config: Path | None, *, actor: str = "owner") -> Mapping[str, Any]:
    """Lift the owner's pause, and no other."""
    loaded = load(config)
    now = SystemClock().now()
    with _open(loaded, now) as store, store.transaction() as tx:
        lifted = pauses.lift(tx, "owner", now)
        if lifted:
            journal.append(tx, "operator", "resume", {}, at=now, actor=actor)
        held = [_shown(one) for one in pauses.active(tx, now)]
    return {"lifted": lifted, "pauses": held}


def _open(loaded: Loaded, now: datetime) -> Store:
    return Store.open(
        loaded.database, now=now, busy_timeout_ms=loaded.settings.database.busy_timeout_ms
    )


def _shown(one: pauses.Pause) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "reason": one.reason,
        "since": one.since.isoformat(),
        "until": None if one.until is None else one.until.isoformat(),
    }
