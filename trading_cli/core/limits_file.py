"""The file the rate limiter keeps its state in: opened, made, or set aside when damaged."""

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from trading_cli.core import disk
from trading_cli.core.errors import ConfigError, SourceDown, StoreFull

Answer = TypeVar("Answer")

_LOG = logging.getLogger("ratelimit")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS file (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  seen REAL NOT NULL,
  careful_since REAL
) STRICT;
CREATE TABLE IF NOT EXISTS budget (
  host TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  tat REAL NOT NULL DEFAULT 0,
  interval REAL NOT NULL DEFAULT 0,
  depth INTEGER NOT NULL DEFAULT 1,
  blocked REAL NOT NULL DEFAULT 0,
  strikes INTEGER NOT NULL DEFAULT 0,
  sent INTEGER NOT NULL DEFAULT 0,
  waited REAL NOT NULL DEFAULT 0,
  throttled INTEGER NOT NULL DEFAULT 0,
  seen REAL NOT NULL,
  PRIMARY KEY (host, endpoint)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS circuit (
  host TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  opened INTEGER NOT NULL,
  until REAL NOT NULL,
  probe REAL NOT NULL,
  seen REAL NOT NULL,
  cause TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
"""


class LimitsFile:
    """One connection to the shared file; safe for threads and after a fork.

    A damaged file is set aside and the work done again on a new one, which lets nobody ask before
    a whole window has passed. Raises ConfigError when the folder of *path* cannot be used, and
    StoreFull, as every use may, when its disk is full.
    """

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        self._path = path
        self._wall = wall
        self._lock = threading.Lock()
        self._inherited: list[sqlite3.Connection] = []
        self._inode: tuple[int, int] | None = None
        self.generation = 0  # grows with every file: what an older one promised is void
        self._connect(careful=False)

    def read(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Return what *work* finds. Raises SourceDown when the file cannot be used now."""
        return self._done(work)

    def write(self, work: Callable[[sqlite3.Connection, float], Answer]) -> Answer:
        """Return what *work* does, in one transaction, given the wall time inside it.

        When the wall clock went back since the last write, every instant in the file goes back
        with it, so nobody waits longer than before. Raises SourceDown as ``read`` does.
        """

        def transaction(db: sqlite3.Connection) -> Answer:
            db.execute("BEGIN IMMEDIATE")
            try:
                now = self._wall()
                _follow_the_clock(db, now)
                answer = work(db, now)
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
            return answer

        return self._done(transaction)

    def close(self) -> None:
        """Close the file. It must not be used afterwards."""
        with self._lock:
            self._db.close()

    def _done(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with self._lock:
            self._own()
            try:
                return work(self._db)
            except sqlite3.Error as error:
                if not _damaged(error):
                    raise self._unusable_now(error) from error
                self._db.close()
                self._connect(careful=True, damaged=str(error))
            try:
                return work(self._db)
            except sqlite3.Error as error:
                raise self._unusable_now(error) from error

    def _unusable_now(self, error: sqlite3.Error) -> SourceDown | StoreFull:
        if disk.full(self._path, error):
            return disk.no_room(self._path, error)
        return SourceDown("limits", f"the shared file {self._path} cannot be used now: {error}")

    def _own(self) -> None:
        """Leave a connection inherited through fork, and a file that is no longer at its path."""
        if self._pid != os.getpid():
            self._inherited.append(self._db)  # closing it would be the parent's business
            self._connect(careful=False)
        elif _inode(self._path) != self._inode:
            self._db.close()
            self._connect(careful=True)

    def _connect(self, *, careful: bool, damaged: str = "") -> None:
        """Open the file; set it aside first when it is *damaged* and nobody else did so yet."""
        now = self._wall()
        with _alone(self._path):
            if damaged and _inode(self._path) == self._inode:
                set_aside(self._path, damaged, now)
            _prepare(self._path)
            self._db = _opened_or_replaced(self._path, now, careful=careful)
            self._inode = _inode(self._path)
        self._pid = os.getpid()
        self.generation += 1


def looking(path: Path) -> sqlite3.Connection:
    """Return a connection that can only read the file at *path*. Raises sqlite3.Error."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(address, uri=True, timeout=5.0, isolation_level=None)
    db.execute("PRAGMA query_only = ON")
    return db


def set_aside(path: Path, why: str, now: float) -> None:
    """Move a damaged file out of the way, with its companions, and say so in the log."""
    aside = path.with_name(f"{path.name}.damaged-{int(now)}")
    for suffix in ("", "-wal", "-shm"):
        try:
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unusable(path, error) from error
    _LOG.warning("the limits file %s was damaged (%s): set aside as %s", path, why, aside.name)


def _damaged(error: sqlite3.Error) -> bool:
    """Say whether *error* means that the file is not ours or not whole; a busy or full one is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def _follow_the_clock(db: sqlite3.Connection, now: float) -> None:
    """Shift every instant in the file when the wall clock went back."""
    (seen,) = db.execute("SELECT seen FROM file").fetchone()
    if now < seen:
        back = seen - now
        db.execute("UPDATE budget SET tat = tat - ?1, blocked = max(0, blocked - ?1)", (back,))
        db.execute(
            "UPDATE circuit SET until = max(0, until - ?1), probe = max(0, probe - ?1)", (back,)
        )
        db.execute("UPDATE file SET careful_since = careful_since - ?", (back,))
    db.execute("UPDATE file SET seen = ?", (now,))


def _inode(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at *path* from any other, None where there is none."""
    try:
        info = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from error
    return info.st_dev, info.st_ino


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep every other process from opening or setting aside the file meanwhile."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _prepare(path: Path) -> None:
    """Make the file, 0600, where it is missing."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise _unusable(path, error) from error


def _opened_or_replaced(path: Path, now: float, *, careful: bool) -> sqlite3.Connection:
    try:
        return _opened(path, now, careful=careful)
    except sqlite3.Error as error:
        if not _damaged(error):
            raise _unusable(path, error) from error
        set_aside(path, str(error), now)
    _prepare(path)
    try:
        return _opened(path, now, careful=True)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _opened(path: Path, now: float, *, careful: bool) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
        _add_cause(db)
        db.execute("SELECT host, endpoint, tat, blocked, strikes, waited FROM budget LIMIT 1")
        db.execute("SELECT host, failures, opened, until, probe, cause FROM circuit LIMIT 1")
        db.execute(
            "INSERT OR IGNORE INTO file (one, seen, careful_since) VALUES (1, ?, ?)",
            (now, now if careful else None),
        )
    except sqlite3.Error:
        db.close()
        raise
    return db


def _add_cause(db: sqlite3.Connection) -> None:
    """Add what earlier versions of this program did not keep; those work with it all the same."""
    if not _lacks_cause(db):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if _lacks_cause(db):
            db.execute("ALTER TABLE circuit ADD COLUMN cause TEXT NOT NULL DEFAULT ''")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _lacks_cause(db: sqlite3.Connection) -> bool:
    columns = {row[1] for row in db.execute("PRAGMA table_info(circuit)")}
    return "seen" in columns and "cause" not in columns


def _unusable(path: Path, error: OSError | sqlite3.Error) -> ConfigError | StoreFull:
    """Return the failure to raise where the file cannot be kept at *path* at all."""
    if disk.full(path, error):
        return disk.no_room(path, error)
    why = getattr(error, "strerror", None) or error
    return ConfigError(
        f"the shared request budgets cannot be kept in {path.parent}: {why}",
        hint=f"make {path.parent} writable, or set data_collection.limits_path to another file",
    )
