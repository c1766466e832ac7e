"""`trading db optimize`: what sqlite plans by is counted anew, and the file is written anew.

The tidier file is made beside the old one while readers go on, read from end to end, and put in the
old one's place only if nothing was written meanwhile. Killed anywhere, the old or the new file
stands there, whole.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from trading_cli.app.gather import Progress
from trading_cli.app.journal import must_exist
from trading_cli.app.settings import Loaded, load
from trading_cli.app.upkeep import all_locks
from trading_cli.app.upkeep.backup import verify_copy
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import StoreFull, StoreLocked
from trading_cli.core.faults import fault
from trading_cli.store import Store, sealing, upkeep

TRIES = 2
MEANWHILE = "something was written meanwhile"


def optimize(
    config: Path | None,
    progress: Progress,
    *,
    held: frozenset[str] = frozenset(),
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Tidy a home's database. Return what was done.

    A cycle that calls it says which locks it holds already. Raises ``RunLocked`` where another
    work is under way, ``StoreCorrupt`` where the file is damaged.
    """
    return tidy(load(config), progress, clock or SystemClock(), held)


def tidy(
    loaded: Loaded, say: Progress, clock: Clock, held: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Do what ``optimize`` does, with the settings of a home."""
    database, began = loaded.database, time.perf_counter()
    must_exist(database)  # an older schema is no hindrance: it is brought up to date here
    with all_locks(database.parent, clock.now(), held=held):
        upkeep.sweep(database.parent, f".{database.name}.tidy*")
        before = database.stat().st_size
        seconds: dict[str, float] = {}
        missing = _prepared(loaded, clock, seconds, say)
        why = ""
        for _ in range(TRIES):
            why = _rewritten(loaded, clock, seconds, say)
            if why != MEANWHILE:
                break
        if not why:
            with Store.open(database, now=clock.now()) as store:
                store.checkpoint()
    after = database.stat().st_size
    return {
        "path": str(database),
        "bytes_before": before,
        "bytes": after,
        "freed": before - after,
        "indexes_made": missing,
        "swapped": not why,
        "why": why,
        "steps": {name: round(value, 3) for name, value in seconds.items()},
        "seconds": round(time.perf_counter() - began, 3),
    }


def _prepared(loaded: Loaded, clock: Clock, seconds: dict[str, float], say: Progress) -> list[str]:
    """Seal, mend and count in the live file. Return the names of what was missing."""
    busy = loaded.settings.database.busy_timeout_ms
    with Store.open(loaded.database, now=clock.now(), busy_timeout_ms=busy) as store:
        with store.reading() as look:
            missing = upkeep.missing(look)
        if missing:
            say(f"missing: {', '.join(missing)}")
            _timed(seconds, "indexes", lambda: _mended(store, missing))
        _timed(seconds, "analyze", lambda: _counted(store))
        sealing.seal_all(store, run=0, now=clock.now())
        fault("optimize.sealed")
        _timed(seconds, "checkpoint", store.checkpoint)
    say("indexes looked at, statistics counted")
    return sorted(missing)


def _mended(store: Store, missing: dict[str, str]) -> None:
    with store.transaction() as tx:
        upkeep.mend(tx, missing)


def _counted(store: Store) -> None:
    with store.transaction() as tx:
        upkeep.analyse(tx)


def _rewritten(loaded: Loaded, clock: Clock, seconds: dict[str, float], say: Progress) -> str:
    """Write the file anew and put it in place. Return why not, "" where it is."""
    database, busy = loaded.database, loaded.settings.database.busy_timeout_ms
    half = database.with_name(f".{database.name}.tidy-{os.getpid()}")
    _enough_room(database)
    with Store.open(database, now=clock.now(), busy_timeout_ms=busy) as store:
        sealing.seal_all(store, run=0, now=clock.now())
        with store.reading() as look:
            known = upkeep.facts(look)
    try:
        _timed(seconds, "vacuum", lambda: upkeep.tidied(database, half, busy))
        fault("optimize.tidied")
        say("written anew; reading every page and row of it")
        _timed(seconds, "verify", lambda: verify_copy(half, known))
        upkeep.settle(half)
        with upkeep.alone(database, busy) as only:
            fault("optimize.alone")
            if upkeep.ends(only) != known.ends:
                return MEANWHILE
            half.replace(database)
            upkeep.settle(database.parent)
            fault("optimize.swapped")
    except StoreLocked as locked:
        return locked.message
    finally:
        with suppress(FileNotFoundError):
            half.unlink()
    return ""


def _timed(seconds: dict[str, float], name: str, call: Callable[[], Any]) -> None:
    began = time.perf_counter()
    call()
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - began


def _enough_room(database: Path) -> None:
    room = os.statvfs(database.parent)
    free, needed = room.f_bavail * room.f_frsize, database.stat().st_size
    if free < needed:
        raise StoreFull(
            f"{database.parent} has {free / 1e6:.0f} MB left, {needed / 1e6:.0f} are needed",
            hint="free some space, or trading db archive first",
        )
