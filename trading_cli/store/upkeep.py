"""The file as a whole: a copy of one instant of it, what is wrong with it, a tidier one of it.

``Facts`` say what a file holds at one commit; two files with the same facts and sound seals say the
same. A copy that nobody else can open is read as it lies there, without a log beside it.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trading_cli.core import disk
from trading_cli.core.errors import StoreCorrupt, StoreError, StoreLocked, StoreNewer
from trading_cli.domain import from_epoch
from trading_cli.store import journal, kill, migrations, seal_check, sealed_rows
from trading_cli.store.database import (
    APPLICATION_ID,
    CACHE_KIB,
    Store,
    translate,
    translated,
)

Stage = Callable[[str], None]
Ask = Callable[[Callable[[sqlite3.Connection], Any]], Any]
Ends = tuple[tuple[int, str], tuple[int, str], int]  # of the journal, of the seals; not sealed
MAGIC = b"SQLite format 3\x00"
FOUND_AT_MOST = 20
LETS_GO_S = 2.0  # longer than a server keeps connections for the next who asks (``readers``)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file holds at one commit: rows by table, the ends of its chains, the last run.

    ``running`` are the cycles that were under way: empty is a boundary between cycles.
    """

    schema: int
    rows: dict[str, int]
    journal: tuple[int, str]
    seals: tuple[int, str]
    unsealed: int
    last_run: int | None
    last_slot: datetime | None
    running: tuple[str, ...]

    @property
    def ends(self) -> Ends:
        """Return where the chains end, and how much is not sealed."""
        return self.journal, self.seals, self.unsealed

    def data(self) -> dict[str, Any]:
        """Return them as JSON has it."""
        told = asdict(self)
        told["last_slot"] = None if self.last_slot is None else self.last_slot.isoformat()
        told["running"] = list(self.running)
        return told | {"journal": _end(self.journal), "seals": _end(self.seals)}


def _end(end: tuple[int, str]) -> dict[str, Any]:
    return {"seq": end[0], "hash": end[1]}


@contextmanager
def lying(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection to a file that nobody else has open, read as it lies there.

    Raises ``StoreError`` where it is not one of ours that this version can read.
    """
    with path.open("rb") as file:
        if file.read(16) != MAGIC:
            raise StoreCorrupt(f"{path} is not a database", hint="name another file")
    with translated(path), closing(_open(path, "mode=ro&immutable=1")) as look:
        if look.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StoreError(
                f"{path} is a database of some other program", hint="name another file"
            )
        version = migrations.version_of(look)
        if version > migrations.NEWEST:
            raise StoreNewer(
                f"{path} has schema {version}, this program knows {migrations.NEWEST}",
                hint="update this program",
            )
        look.execute("BEGIN")
        yield look


def _open(path: Path, how: str, busy_ms: int = 5000) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?{how}"
    made = sqlite3.connect(address, uri=True, isolation_level=None, timeout=busy_ms / 1000)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", f"cache_size=-{CACHE_KIB}"):
        made.execute(f"PRAGMA {pragma}")
    return made


def facts(look: sqlite3.Connection) -> Facts:
    """Return what the file holds as *look* sees it. Raises ``sqlite3.Error``."""
    names = _tables(look)
    rows = {
        name: int(look.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608  # a name of the schema
        for name in sorted(names)
    }
    last = look.execute(
        "SELECT id, slot FROM runs WHERE state <> 'SKIPPED' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    running = look.execute("SELECT DISTINCT cycle FROM runs WHERE state = 'RUNNING' ORDER BY 1")
    return Facts(
        migrations.version_of(look),
        rows,
        *ends(look),
        None if last is None else int(last[0]),
        None if last is None else from_epoch(last[1]),
        tuple(cycle for (cycle,) in running),
    )


def ends(look: sqlite3.Connection) -> Ends:
    """Return where the chains end, and how many rows are not sealed; quick in any file."""
    names = _tables(look)
    waiting = (
        "SELECT (SELECT count(*) FROM unsealed_keys) + (SELECT count(*) FROM unsealed_rows)"
        if "seals" in names
        else "SELECT 0"
    )
    return (
        _hexed(journal.head(look)) if "journal_head" in names else (0, ""),
        _hexed(sealed_rows.head(look)) if "seals" in names else (0, ""),
        int(look.execute(waiting).fetchone()[0]),
    )


def _tables(look: sqlite3.Connection) -> set[str]:
    found = look.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {name for (name,) in found if not name.startswith("sqlite_")}


def _hexed(end: tuple[int, bytes]) -> tuple[int, str]:
    return end[0], end[1].hex()


@contextmanager
def snapshot(path: Path, busy_ms: int) -> Iterator[sqlite3.Connection]:
    """Yield a read-only connection that sees *path* as it is at this instant, whatever comes."""
    with translated(path), closing(_open(path, "mode=ro", busy_ms)) as look:
        look.execute("PRAGMA query_only=ON")
        look.execute("BEGIN")
        look.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on it is held
        yield look


@contextmanager
def looks(path: Path, busy_ms: int) -> Iterator[Ask]:
    """Yield what asks *path* one question after the other, each of one instant of its own.

    So no reader holds the log back for longer than one question takes.
    """
    with translated(path), closing(_open(path, "mode=ro", busy_ms)) as look:
        look.execute("PRAGMA query_only=ON")

        def ask(question: Callable[[sqlite3.Connection], Any]) -> Any:
            look.execute("BEGIN")
            try:
                return question(look)
            finally:
                if look.in_transaction:
                    look.execute("ROLLBACK")

        yield ask


def copy(look: sqlite3.Connection, target: Path) -> None:
    """Copy what *look* sees into a new file at *target*, 0600, in one piece without a log."""
    _private(target)
    with translated(target), closing(sqlite3.connect(target, isolation_level=None)) as made:
        look.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")


def tidied(path: Path, target: Path, busy_ms: int) -> None:
    """Write what *path* says into a new file at *target*, 0600, without the gaps."""
    _private(target)
    with translated(path), closing(_open(path, "mode=rw", busy_ms)) as made:
        made.execute("VACUUM INTO ?", (str(target),))
    with translated(target), closing(sqlite3.connect(target, isolation_level=None)) as made:
        made.execute(f"PRAGMA application_id={APPLICATION_ID}")


def _private(target: Path) -> None:
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if disk.full(target, error):
            raise disk.no_room(target, error) from error
        raise StoreError(
            f"{target} cannot be made: {error.strerror or error}",
            hint="look whether the folder is there and yours to write",
        ) from error


def damage(look: sqlite3.Connection) -> list[str]:
    """Return what sqlite finds wrong with the whole file, also with references; [] for nothing."""
    found = [str(row[0]) for row in look.execute(f"PRAGMA integrity_check({FOUND_AT_MOST})")]
    found += [
        f"{table} row {row} points to a missing {parent}"
        for table, row, parent, _ in look.execute("PRAGMA foreign_key_check")
    ][:FOUND_AT_MOST]
    return [line for line in found if line != "ok"]


def broken_chains(look: sqlite3.Connection) -> list[seal_check.Broken]:
    """Return what is wrong with the journal and the kill switch's rows."""
    found, names = [], _tables(look)
    if "journal" in names and (row := journal.verify(look)) is not None:
        found.append(seal_check.Broken("journal", None, None, f"row {row.seq}: {row.what}"))
    if "kill_proofs" in names and (doubt := kill.verify(look)):
        found.append(seal_check.Broken("kill_state", None, None, doubt))
    return found


def broken_links(look: sqlite3.Connection) -> list[seal_check.Broken]:
    """Return what is wrong with the seals themselves, and with the schema."""
    return list(seal_check.check_chain(look))


def broken_seals(look: sqlite3.Connection, say: Stage = lambda _: None) -> list[seal_check.Broken]:
    """Return every row of the file that is not as sealed, oldest first; [] for an older schema."""
    if "seals" not in _tables(look):
        return []
    found = broken_links(look)
    for name in sealed_rows.tables(look):
        say(name)
        found += seal_check.check_table(look, name)
    return sorted(found, key=when)


def when(one: seal_check.Broken) -> tuple[bool, float, str]:
    """Return what findings are sorted by: the oldest first, then those of no time."""
    return one.since is None, 0.0 if one.since is None else one.since.timestamp(), one.table


@contextmanager
def alone(path: Path, busy_ms: int) -> Iterator[sqlite3.Connection]:
    """Yield the only connection there is to *path*: its log is in it, and nobody gets in.

    Raises ``StoreLocked`` where somebody has it open and keeps it: a server that is asked much lets
    go of it every second, so it is waited for, *busy_ms* or ``LETS_GO_S`` at most.
    """
    with translated(path), closing(_open(path, "mode=rw", busy_ms)) as only:
        try:
            _out_of_wal(only, min(busy_ms / 1000, LETS_GO_S))
            only.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            failed = translate(error, path)
            if isinstance(failed, StoreLocked):
                raise _open_elsewhere(path) from error
            raise
        if only.execute("PRAGMA journal_mode").fetchone()[0] != "delete":  # one was quicker
            raise _open_elsewhere(path)
        yield only


def _out_of_wal(only: sqlite3.Connection, patience_s: float) -> None:
    """Leave write-ahead logging: that needs to be alone, and sqlite does not wait for it."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            only.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _open_elsewhere(path: Path) -> StoreLocked:
    return StoreLocked(
        f"somebody has the database {path} open",
        hint="end `trading run` and whatever else looks at it, then try again",
    )


@contextmanager
def released(store: Store, now: datetime) -> Iterator[None]:
    """Let go of the file for the block, and have it open again after: for who swaps it."""
    store.close()
    try:
        yield
    finally:
        again = Store.open(store.path, now=now)
        store._connection = again._connection  # noqa: SLF001  # the same store, on the new file


def settle(path: Path) -> None:
    """Make what stands at *path*, a file or the names in a folder, last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def beside(path: Path) -> list[Path]:
    """Return the log, its index and the journal of *path* that are there."""
    ends = ("-wal", "-shm", "-journal")
    return [one for end in ends if (one := path.with_name(path.name + end)).exists()]


def sweep(folder: Path, pattern: str) -> int:
    """Delete what an interrupted run left half done in *folder*. Return how many there were."""
    left = list(folder.glob(pattern))
    for one in left:
        with suppress(FileNotFoundError):
            one.unlink()
    return len(left)


def missing(look: sqlite3.Connection) -> dict[str, str]:
    """Return the indexes and triggers that a new file has and this one has not, name -> SQL."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        for _, step in migrations.STEPS[: migrations.version_of(look)]:
            step(fresh, 0)
        question = "SELECT name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger')"
        wanted = {name: sql for name, sql in fresh.execute(question) if sql}
    there = {name for name, _ in look.execute(question)}
    return {name: sql for name, sql in wanted.items() if name not in there}


def mend(tx: sqlite3.Connection, statements: dict[str, str]) -> None:
    """Make the indexes and triggers that are missing."""
    for statement in statements.values():
        tx.execute(statement)


def analyse(tx: sqlite3.Connection) -> None:
    """Let sqlite count anew what its plans are made by: a sample of each index."""
    tx.execute("PRAGMA analysis_limit=2000")
    tx.execute("ANALYZE")
