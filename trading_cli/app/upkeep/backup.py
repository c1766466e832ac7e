"""`trading db backup`: a verified copy of one instant, made while everything goes on.

The copy is of one commit. It is of a boundary between collections where none is under way when it
begins, or ends within ``patience``; else a run is under way in it, which whoever restores it goes
on with, as after a crash. Which of the two is said.
"""

import gzip
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from trading_cli.app.gather import Progress
from trading_cli.app.journal import must_exist
from trading_cli.app.runs import only_run
from trading_cli.app.settings import Loaded, load
from trading_cli.app.upkeep import UPKEEP
from trading_cli.app.upkeep.archive import FOLDER as ARCHIVE
from trading_cli.app.upkeep.archive import folder_of
from trading_cli.core import disk
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import RunLocked, StoreCorrupt, StoreFull, StoreReadOnly
from trading_cli.core.faults import fault
from trading_cli.store import Store, archived, upkeep

FOLDER = "backups"
ENDING = ".db.gz"
LEVEL = 1  # 114 MB/s and 38 % of the size; level 6: 46 MB/s and 36 %
BLOCK = 1 << 20
PATIENCE_S = 30.0
COLLECTION = "collection"


class Readable(Protocol):
    """What can be read block by block."""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes more, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """One backup as it was made."""

    file: Path
    facts: upkeep.Facts
    at: datetime
    boundary: str
    seconds: float
    forgotten: tuple[str, ...]
    archive: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "file": str(self.file),
            "bytes": self.file.stat().st_size,
            "at": self.at.isoformat(),
            "boundary": self.boundary,
            "holds": self.facts.data(),
            "seconds": round(self.seconds, 3),
            "forgotten": list(self.forgotten),
            "archive": list(self.archive),
        }


def backup(
    config: Path | None,
    *,
    to: Path | None = None,
    patience: float = PATIENCE_S,
    progress: Progress,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Make a backup of a home's database. Return what was made.

    Raises ``RunLocked`` where another one is being made, ``StoreCorrupt`` where the database, or
    the copy of it, is damaged: then no backup is forgotten for it.
    """
    loaded = load(config)
    return make(loaded, to, patience, progress, clock or SystemClock()).data()


def make(loaded: Loaded, to: Path | None, patience: float, say: Progress, clock: Clock) -> Kept:
    """Make a backup, verify it, and forget the oldest ones."""
    database, began = loaded.database, time.perf_counter()
    must_exist(database)
    folder = (to or database.parent / FOLDER).absolute()
    _make_folder(folder)
    now = clock.now()
    with only_run(database.parent, UPKEEP, now), _room(folder):
        upkeep.sweep(folder, f".{database.stem}-*.part*")
        _enough_room(folder, database)
        target = _free(folder, f"{database.stem}-{now:%Y%m%dT%H%M%SZ}")
        half = folder / f".{target.name}.part"
        plain = half.with_name(half.name + ".db")
        try:
            boundary, known = _copy(loaded, plain, patience, now)
            fault("backup.copied")
            say(f"copied: {plain.stat().st_size / 1e6:.1f} MB, run {known.last_run}")
            verify_copy(plain, known)
            say("verified: every page, every row sealed, the same counts")
            _pack(plain, half)
            fault("backup.packed")
            half.replace(target)
            upkeep.settle(folder)
        finally:
            for left in (plain, half):
                left.unlink(missing_ok=True)
        fault("backup.kept")
        brought = _archive_too(loaded, folder) if to is not None else ()
        gone = _forget(folder, database.stem, loaded.settings.database.backup_keep)
    return Kept(target, known, now, boundary, time.perf_counter() - began, gone, brought)


def _archive_too(loaded: Loaded, folder: Path) -> tuple[str, ...]:
    """Copy the files of the archive that *folder* has not yet; what is there is never deleted."""
    with Store.reader(loaded.database) as store, store.reading() as look:
        brought, missing = archived.bring(look, folder_of(loaded), folder / ARCHIVE)
    if missing:
        raise StoreCorrupt(
            f"the archive is damaged: {missing[0]}; the database itself was backed up",
            hint="trading db verify",
        )
    return tuple(brought)


def _copy(loaded: Loaded, plain: Path, patience: float, now: datetime) -> tuple[str, upkeep.Facts]:
    """Copy one instant of the database to *plain*. Return which boundary it is, and its facts."""
    busy = loaded.settings.database.busy_timeout_ms
    with (
        _between(loaded.database.parent, patience, now) as let_go,
        upkeep.snapshot(loaded.database, busy) as look,
    ):
        let_go()  # what is begun now is not in the copy
        known = upkeep.facts(look)
        upkeep.copy(look, plain)
    return "commit" if COLLECTION in known.running else "cycle", known


@contextmanager
def _between(folder: Path, patience: float, now: datetime) -> Iterator[Callable[[], None]]:
    """Wait for the end of a collection; yield what lets the next one begin.

    Where none ends within *patience* real seconds, the copy is of a commit inside it.
    """
    lock = only_run(folder, COLLECTION, now, patience=patience)
    held = True
    try:
        lock.__enter__()
    except RunLocked:
        held = False

    def let_go() -> None:
        nonlocal held
        if held:
            held = False
            lock.__exit__(None, None, None)

    try:
        yield let_go
    finally:
        let_go()


def verify_copy(plain: Path, known: upkeep.Facts) -> None:
    """Raise ``StoreCorrupt`` unless the copy is sound and holds what the database held."""
    with upkeep.lying(plain) as look:
        wrong = upkeep.damage(look)
        broken = [] if wrong else [*upkeep.broken_chains(look), *upkeep.broken_seals(look)]
        copied = None if wrong else upkeep.facts(look)
    if wrong or broken:
        first = wrong[0] if wrong else f"{broken[0].table}: {broken[0].what}"
        raise StoreCorrupt(
            f"the copy is damaged, so the database is: {first}; no backup was made of it",
            hint="trading db verify, then trading db restore with the newest backup before it",
        )
    if copied != known:
        raise StoreCorrupt(
            "the copy does not hold what the database held; it was thrown away",
            hint="look at the disk and the memory, then run the same command again",
        )


def _pack(plain: Path, half: Path) -> None:
    """Compress *plain* to *half*, 0600, on the disk at the end; read it back and compare."""
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with (
            plain.open("rb") as given,
            gzip.GzipFile("", "wb", compresslevel=LEVEL, fileobj=raw, mtime=0) as packed,
        ):
            shutil.copyfileobj(given, packed, BLOCK)
        raw.flush()
        os.fsync(raw.fileno())
    with plain.open("rb") as one, gzip.open(half) as other:
        if hashed(one) != hashed(other):
            raise StoreCorrupt(
                "the compressed copy reads otherwise than what was written",
                hint="look at the disk, then run the same command again",
            )


def hashed(file: Readable) -> bytes:
    """Return a hash of everything that is left to read of *file*."""
    mark = blake2b(digest_size=16)
    while block := file.read(BLOCK):
        mark.update(block)
    return mark.digest()


def backups(folder: Path, stem: str) -> list[Path]:
    """Return the backups in *folder*, the newest first."""
    found = folder.glob(f"{stem}-????????T??????Z*{ENDING}")
    return sorted(found, key=lambda one: one.name.removesuffix(ENDING), reverse=True)


def _forget(folder: Path, stem: str, keep: int) -> tuple[str, ...]:
    """Delete all but the newest *keep* backups. Return the names of those that went."""
    gone = backups(folder, stem)[keep:]
    for one in gone:
        one.unlink(missing_ok=True)
    return tuple(one.name for one in gone)


def _free(folder: Path, name: str) -> Path:
    """Return a name nobody has: a second one of the same second gets a number."""
    target, number = folder / f"{name}{ENDING}", 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{name}-{number}{ENDING}"
    return target


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreReadOnly(
            f"the folder {folder} cannot be made: {error.strerror or error}",
            hint="name another one: --to DIR",
        ) from error


def _enough_room(folder: Path, database: Path) -> None:
    """Refuse where the copy, plain and compressed, would not fit."""
    room = os.statvfs(folder)
    free, needed = room.f_bavail * room.f_frsize, 2 * database.stat().st_size
    if free < needed:
        raise StoreFull(
            f"{folder} has {free / 1e6:.0f} MB left, a backup may take {needed / 1e6:.0f}",
            hint="free some space, or name another folder: --to DIR",
        )


@contextmanager
def _room(folder: Path) -> Iterator[None]:
    """Turn a disk that fails while it is written into one of our failures."""
    try:
        yield
    except OSError as error:
        if disk.full(folder, error):
            raise disk.no_room(folder, error) from error
        raise StoreReadOnly(
            f"{error.filename or folder}: {error.strerror or error}",
            hint="look at the disk, or name another folder: --to DIR",
        ) from error
