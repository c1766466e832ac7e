"""`trading db restore FILE`: a backup put in the place of the database. Trading is stopped by it.

A restored file believes what was so when it was made: positions may be gone by now, orders filled,
a stop forgotten. So the kill switch is pulled before the file is put in place, at level 4: first
the file KILL, then the database, then the row in it. The way back is a person's: `journal
reconcile`, then `kill reset`.
"""

import gzip
import os
import shutil
import time
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trading_cli.app import stop
from trading_cli.app.gather import Progress
from trading_cli.app.latch import latch
from trading_cli.app.settings import Loaded, load
from trading_cli.app.upkeep import all_locks
from trading_cli.app.upkeep.archive import FOLDER, folder_of
from trading_cli.core import disk, log
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import (
    StoreCorrupt,
    StoreError,
    StoreLocked,
    StoreReadOnly,
    UsageError,
)
from trading_cli.core.faults import fault
from trading_cli.store import Store, Transaction, archived, upkeep
from trading_cli.trading.killswitch import HIGHEST

ACTOR = "restore"
GZIP = b"\x1f\x8b"
BLOCK = 1 << 20
NEXT = (
    "trading journal reconcile",
    "trading kill status",
    "trading kill reset --reason TEXT --phrase P",
    "trading kill arm",
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place, and what stood there."""

    file: Path
    facts: upkeep.Facts
    aside: tuple[Path, ...]
    stopped: stop.Tripped
    brought: tuple[str, ...]
    missing: tuple[str, ...]


def restore(
    config: Path | None, file: Path, progress: Progress, *, clock: Clock | None = None
) -> dict[str, Any]:
    """Put the backup *file* in the place of a home's database, and stop trading.

    Raises ``RunLocked`` or ``StoreLocked`` while anybody works with the database, ``StoreCorrupt``,
    ``StoreNewer`` or ``StoreError`` for a file that is damaged, of a later version or foreign: then
    nothing was changed.
    """
    loaded, began = load(config), time.perf_counter()
    done = put_back(loaded, file, progress, clock or SystemClock())
    return {
        "file": str(done.file),
        "path": str(loaded.database),
        "holds": done.facts.data(),
        "aside": [str(one) for one in done.aside],
        "kill": {
            "latched": done.stopped.latched,
            "level": done.stopped.level,
            "troubles": list(done.stopped.troubles),
        },
        "archive": {"brought": list(done.brought), "missing": list(done.missing)},
        "next": list(NEXT),
        "seconds": round(time.perf_counter() - began, 3),
    }


def put_back(loaded: Loaded, file: Path, say: Progress, clock: Clock) -> Restored:
    """Unpack, examine, stop, swap, and say so in the restored file."""
    database, now = loaded.database, clock.now()
    if not file.is_file():
        what = f"{file} is no plain file." if file.exists() else f"there is no file {file}."
        raise UsageError(what, hint=f"ls {database.parent / 'backups'}")
    if database.exists() and file.samefile(database):
        raise UsageError("that is the database itself.", hint="name a backup of it")
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with all_locks(database.parent, now, scheduler=True):
        upkeep.sweep(database.parent, f".{database.name}.restore*")
        half = database.with_name(f".{database.name}.restore")
        try:
            _unpack(file, half)
            fault("restore.unpacked")
            facts = examine(half, file, say)
            words = f"restored from {file.name}, which ends at {_ends(facts)}"
            aside = _swap(loaded, half, words, now)
        finally:
            half.unlink(missing_ok=True)
        stopped = _told(loaded, words, now)
        brought, missing = _archive_too(loaded, file)
        say("in place; trading is stopped")
    return Restored(file, facts, aside, stopped, tuple(brought), tuple(missing))


def _archive_too(loaded: Loaded, file: Path) -> tuple[list[str], list[str]]:
    """Bring back the files of the archive that lie beside the backup and are not in the home."""
    with Store.reader(loaded.database) as store, store.reading() as look:
        return archived.bring(look, file.parent / FOLDER, folder_of(loaded))


def _ends(facts: upkeep.Facts) -> str:
    return "no run" if facts.last_slot is None else f"slot {facts.last_slot:%Y-%m-%d %H:%M} UTC"


def _unpack(file: Path, half: Path) -> None:
    """Write the plain file to *half*, 0600, on the disk at the end. Raises ``StoreCorrupt``."""
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == GZIP
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as out,
            gzip.open(file) if packed else file.open("rb") as given,
        ):
            shutil.copyfileobj(given, out, BLOCK)
            out.flush()
            os.fsync(out.fileno())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StoreCorrupt(
            f"{file} is damaged: it cannot be unpacked ({error})", hint="take an older backup"
        ) from error
    except OSError as error:
        if disk.full(half, error):
            raise disk.no_room(half, error) from error
        raise StoreReadOnly(
            f"{error.filename or file}: {error.strerror or error}",
            hint="look whether the file can be read and the folder written",
        ) from error


def examine(half: Path, file: Path, say: Progress) -> upkeep.Facts:
    """Return what the unpacked file holds. Raises ``StoreCorrupt`` unless all of it is sound."""
    try:
        with upkeep.lying(half) as look:
            say("reading every page and every row")
            wrong = _wrong(look)
            facts = None if wrong else upkeep.facts(look)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        wrong, facts = str(error), None
    except StoreError as error:
        message = error.message.replace(str(half), str(file))
        raise type(error)(message, hint=error.hint) from error
    if facts is None:
        raise StoreCorrupt(f"{file} is damaged: {wrong}", hint="take an older backup")
    return facts


def _wrong(look: Transaction) -> str:
    if pages := upkeep.damage(look):
        return pages[0]
    broken = [*upkeep.broken_chains(look), *upkeep.broken_seals(look)]
    return "" if not broken else f"{broken[0].table}: {broken[0].what}"


def _swap(loaded: Loaded, half: Path, words: str, now: datetime) -> tuple[Path, ...]:
    """Put *half* in the place of the database, what stood there aside; stopped before that.

    At every instant a whole file stands there, the old or the new one. Return what was put aside.
    """
    database = loaded.database
    stamp = _free(database, f"replaced-{now:%Y%m%dT%H%M%SZ}")
    with ExitStack() as stack:
        if database.exists():
            _shut_out(stack, loaded)
        latched = latch(loaded.home / "data", HIGHEST, f"{now.isoformat()} {ACTOR}: {words}")
        fault("restore.stopped")
        if latched.error:
            raise StoreReadOnly(
                f"trading cannot be stopped, so nothing is restored: {latched.error}",
                hint="make the folder data/ writable",
            )
        aside = [one.rename(f"{one}.{stamp}") for one in upkeep.beside(database)]
        if database.exists():
            kept = database.with_name(f"{database.name}.{stamp}")
            os.link(database, kept)
            aside.append(kept)
        fault("restore.aside")
        half.replace(database)
        upkeep.settle(database.parent)
        fault("restore.swapped")
    return tuple(aside)


def _free(database: Path, name: str) -> str:
    """Return an ending that nothing put aside before has."""
    number, free = 1, name
    while any(database.parent.glob(f"{database.name}*.{free}")):
        number += 1
        free = f"{name}-{number}"
    return free


def _shut_out(stack: ExitStack, loaded: Loaded) -> None:
    """Keep everybody out of the database for the rest of *stack*. Raises ``StoreLocked``.

    One that is damaged cannot be locked by its own means: then only our locks stand.
    """
    busy = loaded.settings.database.busy_timeout_ms
    try:
        stack.enter_context(upkeep.alone(loaded.database, busy))
    except StoreLocked:
        raise
    except StoreError as error:
        log.get_logger("upkeep").warning("restored over a damaged file", why=error.message)


def _told(loaded: Loaded, words: str, now: datetime) -> stop.Tripped:
    """Bring the restored file to this version, and write into it that it was, and the stop."""
    busy = loaded.settings.database.busy_timeout_ms
    with Store.open(loaded.database, now=now, busy_timeout_ms=busy) as store:
        store.checkpoint()
    place = stop.Place(loaded.home, loaded.database)
    stopped = stop.trip(place, level=HIGHEST, reason=words, actor=ACTOR, now=now)
    fault("restore.told")
    return stopped
