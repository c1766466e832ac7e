"""The file: how it is opened, the one way in, the one way to look, and what can go wrong.

Writers hold ``BEGIN IMMEDIATE`` transactions, so whoever cannot write waits at the door and never
fails in the middle; readers see one snapshot. The file is ours alone: 0600 in a 0700 folder.
"""

import os
import sqlite3
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from trading_cli.core import disk
from trading_cli.core.errors import (
    StoreCorrupt,
    StoreError,
    StoreLocked,
    StoreNewer,
    StoreReadOnly,
)
from trading_cli.store import migrations, readers
from trading_cli.store.born import is_there, leave_mark

APPLICATION_ID = 0x54524144  # "TRAD": says the file is ours before we touch it
CHECKPOINT_PAGES = 4_000
CACHE_KIB = 64_000

RESTORE = (
    "restore a copy (trading db restore FILE, the newest in data/backups), or move the file away"
    " and begin anew: trading stays stopped until `trading kill reset`"
)
_FAILURES: dict[int, tuple[type[StoreError], str, str]] = {
    sqlite3.SQLITE_BUSY: (
        StoreLocked,
        "another process holds the database {path} longer than we may wait",
        "wait for the other command to end, then try again",
    ),
    sqlite3.SQLITE_LOCKED: (
        StoreLocked,
        "the database {path} is locked by this very process",
        "finish reading before you write",
    ),
    sqlite3.SQLITE_CORRUPT: (StoreCorrupt, "the database {path} is damaged", RESTORE),
    sqlite3.SQLITE_NOTADB: (StoreCorrupt, "{path} is not a database", RESTORE),
    sqlite3.SQLITE_READONLY: (
        StoreReadOnly,
        "we may not write to the database {path}",
        "give yourself write permission on the file and its folder",
    ),
    sqlite3.SQLITE_PERM: (
        StoreReadOnly,
        "we may not open the database {path}",
        "give yourself permission on the file and its folder",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StoreReadOnly,
        "the database {path} cannot be opened or created",
        "look whether the folder exists and is yours to write",
    ),
    sqlite3.SQLITE_IOERR: (
        StoreError,
        "the disk failed while reading or writing {path}",
        "look at the disk (`dmesg`), then run the same command again",
    ),
}


def translate(error: sqlite3.Error, path: Path) -> StoreError:
    """Return the failure of ours that *error* is, with its sentence and its way out."""
    code = getattr(error, "sqlite_errorcode", None)
    if disk.full(path, error):
        return disk.no_room(path, error)
    found = None if code is None else _FAILURES.get(code & 0xFF)
    if found is None:
        return StoreError(
            f"the database {path} refused: {error}",
            hint=RESTORE,
        )
    failure, sentence, hint = found
    return failure(f"{sentence.format(path=path)} ({error})", hint=hint)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn every failure of sqlite inside into one of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error
    except (UnicodeDecodeError, zlib.error) as error:
        raise StoreCorrupt(f"the database {path} is damaged ({error})", hint=RESTORE) from error
    except PermissionError as error:
        raise StoreReadOnly(
            f"we may not write at {error.filename or path}",
            hint="give yourself write permission on the file and its folder",
        ) from error


Back = Callable[[sqlite3.Connection], None]


class Store:
    """One open database. Not for sharing between threads: open one in each."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, give_back: Back | None = None
    ) -> None:
        self.path = path
        self._connection = connection
        self._give_back = give_back

    @classmethod
    def open(
        cls, path: Path, *, now: datetime, busy_timeout_ms: int = 5000, backups: int = 7
    ) -> "Store":
        """Open *path* for writing: create it, or bring its schema up to date after a backup.

        *now* dates the migration records and the backup's name. Raises a StoreError of the kind
        that tells what to do: StoreNewer, StoreCorrupt, StoreLocked, StoreFull, StoreReadOnly.
        """
        with translated(path), ExitStack() as undo:
            _create_private(path)
            connection = _connect(path, "rw", busy_timeout_ms)
            undo.callback(connection.close)
            _check_ours(connection, path)
            _use_wal(connection, busy_timeout_ms)
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            migrations.migrate(
                connection, path, now=now, backups=backups, application_id=APPLICATION_ID
            )
            leave_mark(path, now)
            undo.pop_all()
        return cls(path, connection)

    @classmethod
    def reader(cls, path: Path, *, busy_timeout_ms: int = 5000) -> "Store":
        """Open *path* for looking only. Raises StoreError where there is nothing to look at."""
        if not is_there(path):
            raise StoreError(f"there is no database at {path} yet", hint="trading collect")
        kept = readers.AT_HAND.get()
        with translated(path), ExitStack() as undo:
            connection, back = _looking(path, busy_timeout_ms, kept)
            undo.callback(connection.close)
            _check_ours(connection, path)
            _check_current(connection, path)
            undo.pop_all()
        return cls(path, connection, back)

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Yield the one way in: all that is written inside is kept at the end, or none of it.

        A power cut may still take the newest commits, unless *durable*: then it is on the disk at
        the end, and with it all before.
        """
        connection = self._connection
        if connection.in_transaction:
            raise StoreError("a transaction was asked for inside a transaction")
        with translated(self.path):
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:  # after SQLITE_FULL sqlite has rolled back already
                    connection.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees one unchanging state of everything. Keep it short."""
        connection = self._connection
        with translated(self.path):
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @property
    def schema_version(self) -> int:
        """Return the number of the last migration applied."""
        with translated(self.path):
            return migrations.version_of(self._connection)

    def checkpoint(self, *, patience_ms: int = 0) -> bool:
        """Move the write-ahead log into the file; False where some of it is held back.

        What no reader and no writer holds is moved at once, and nobody is waited for longer than
        *patience_ms*: the next one moves the rest. The log is cut to nothing where none is left.
        """
        connection = self._connection
        with translated(self.path):
            waits = int(connection.execute("PRAGMA busy_timeout").fetchone()[0])
            connection.execute(f"PRAGMA busy_timeout={patience_ms:d}")
            try:
                busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                connection.execute(f"PRAGMA busy_timeout={waits:d}")
        return not busy

    def copy_to(self, path: Path) -> None:
        """Copy everything into a new file at *path*, 0600, as it is at one instant."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with translated(path), closing(sqlite3.connect(path, isolation_level=None)) as copy:
            self._connection.backup(copy)

    def quick_check(self) -> list[str]:
        """Return what sqlite finds wrong with the file, empty when nothing."""
        with translated(self.path):
            found = [str(row[0]) for row in self._connection.execute("PRAGMA quick_check(20)")]
            found += [
                f"{table} row {row} points to a missing {parent}"
                for table, row, parent, _ in self._connection.execute("PRAGMA foreign_key_check")
            ]
            self._connection.execute("PRAGMA shrink_memory")  # else it keeps what it read: the file
        return [line for line in found if line != "ok"]

    def stats(self) -> dict[str, object]:
        """Return rows by table, bytes of the file and its log, pages, seconds of sample reads."""
        wal = self.path.with_name(self.path.name + "-wal")
        with self.reading() as connection:
            rows, seconds = {}, {}
            for table, question in migrations.COUNTS:
                began = time.perf_counter()
                rows[table] = int(connection.execute(question).fetchone()[0])
                seconds[f"count {table}"] = time.perf_counter() - began
            pages = {
                name: int(connection.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_size", "page_count", "freelist_count")
            }
        return {
            "schema": self.schema_version,
            "bytes": self.path.stat().st_size,
            "wal_bytes": wal.stat().st_size if wal.exists() else 0,
            "rows": rows,
            "pages": pages,
            "seconds": seconds,
        }

    def close(self) -> None:
        """Let go of the file."""
        back, self._give_back = self._give_back, None
        if back is None:
            self._connection.close()
            return
        connection, self._connection = self._connection, _closed()
        back(connection)

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; what failed is kept by nobody."""
        if isinstance(error, (StoreError, sqlite3.Error)):
            self._give_back = None
        self.close()


def _closed() -> sqlite3.Connection:
    """Return a connection that is closed already."""
    connection = sqlite3.connect(":memory:")
    connection.close()
    return connection


def _create_private(path: Path) -> None:
    """Create the folder 0700 and the file 0600 where missing; a wider mode of it is mended."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            _mend(path.with_name(name))
    except OSError as error:
        if disk.full(path, error):
            raise disk.no_room(path, error) from error
        raise StoreReadOnly(
            f"the database {path} cannot be opened or created: {error.strerror or error}",
            hint="look whether the folder exists and is yours to write",
        ) from error


def _mend(path: Path) -> None:
    """Take a file of ours from everybody else, and note it; what is not ours to change stays."""
    with suppress(FileNotFoundError):
        info = path.stat()
        if stat.S_ISREG(info.st_mode) and info.st_mode & 0o077 and info.st_uid == os.geteuid():
            path.chmod(0o600)
            was = f"{stat.S_IMODE(info.st_mode):04o}"
            from trading_cli.core import log  # noqa: PLC0415  # `status` does without it

            log.get_logger("store").warning("mode mended", file=str(path), was=was, now="0600")


def _looking(
    path: Path, busy_ms: int, kept: readers.Readers | None
) -> tuple[sqlite3.Connection, Back | None]:
    """Return a connection that only looks, new or out of *kept*, and how it is given back there."""
    if kept is not None and (found := kept.take(path, busy_ms)) is not None:
        return found[1], partial(kept.give_back, found[0])
    back = None if kept is None else partial(kept.give_back, kept.terms(path, busy_ms))
    connection = _connect(path, "ro", busy_ms, own=kept is None)
    with ExitStack() as undo:
        undo.callback(connection.close)
        connection.execute("PRAGMA query_only=ON")
        if kept is not None:
            readers.prepared(connection)
        undo.pop_all()
    return connection, back


def _connect(
    path: Path, mode: str, busy_timeout_ms: int, *, own: bool = True
) -> sqlite3.Connection:
    if not path.is_file():  # sqlite would wait for ever at the end of a pipe
        raise StoreCorrupt(f"{path} is no plain file", hint=RESTORE)
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(
        address,
        uri=True,
        isolation_level=None,
        timeout=busy_timeout_ms / 1000,
        check_same_thread=own,
    )
    with ExitStack() as undo:
        undo.callback(connection.close)
        for pragma in (
            "PRAGMA foreign_keys=ON",
            "PRAGMA trusted_schema=OFF",
            "PRAGMA cell_size_check=ON",
            "PRAGMA recursive_triggers=ON",  # else a row that is replaced goes unnoticed
            f"PRAGMA cache_size=-{CACHE_KIB}",
        ):
            connection.execute(pragma)
        undo.pop_all()
    return connection


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is somebody else's, or a later version's, before touching it."""
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if not tables:
        return
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StoreError(
            f"{path} is a database of some other program",
            hint="name another file in `database.path`",
        )
    version = migrations.version_of(connection)
    if version > migrations.NEWEST:
        raise StoreNewer(
            f"the database {path} has schema {version}, this program knows {migrations.NEWEST}",
            hint="update this program, or put back the backup made before the update",
        )


def _check_current(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse to read a schema older than ours: the tables asked for may not be there."""
    version = migrations.version_of(connection)
    if version < migrations.NEWEST:
        raise StoreError(
            f"the database {path} cannot be read until it is brought to schema"
            f" {migrations.NEWEST}: it has {version}",
            hint="trading db optimize: it keeps a copy as it is, then brings it there; asks nobody",
        )


def _use_wal(connection: sqlite3.Connection, busy_timeout_ms: int) -> None:
    """Switch to write-ahead logging; sqlite does not wait for its lock here, so we do."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    deadline = time.monotonic() + busy_timeout_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return
