"""Connections kept for a moment: never one to another file, never one in the middle of a look."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trading_cli.core.errors import StoreError, StoreLocked
from trading_cli.store import Store, readers, upkeep
from trading_cli.store.readers import Readers, at_hand

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BUSY_MS = 50


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return an empty database of ours, its log written back."""
    path = tmp_path / "trading.db"
    with Store.open(path, now=NOW) as store:
        store.checkpoint()
    return path


@pytest.fixture
def now() -> list[float]:
    """Return the moment it is for those connections."""
    return [100.0]


@pytest.fixture
def kept(now: list[float]) -> Iterator[Readers]:
    """Return connections at hand in this test."""
    found = Readers(lambda: now[0])
    with at_hand(found):
        yield found
    found.close()


def _wrote(path: Path, value: str) -> None:
    with Store.open(path, now=NOW) as store, store.transaction() as tx:
        tx.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('test', ?)", (value,))


def _read(path: Path) -> str | None:
    with Store.reader(path) as store, store.reading() as look:
        row = look.execute("SELECT value FROM meta WHERE name = 'test'").fetchone()
    return None if row is None else str(row[0])


@contextmanager
def _noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[sqlite3.Connection]]:
    """Yield the connections to a database that are opened meanwhile."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noting(address, *words, **more):
        made = connect(address, *words, **more)
        if str(address).startswith("file:"):
            opened.append(made)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", noting)
        yield opened


def test_one_is_opened_for_many_looks_and_each_sees_the_newest(file, kept, monkeypatch):
    """The schema is read once; what another process wrote meanwhile is seen all the same."""
    _wrote(file, "0")
    with _noted(monkeypatch) as opened:
        assert _read(file) == "0"
    assert (len(opened), len(kept)) == (1, 1)
    for value in ("1", "2", "3"):
        _wrote(file, value)
        with _noted(monkeypatch) as opened:
            assert _read(file) == value
        assert opened == []


def test_who_did_not_ask_for_it_opens_and_closes_its_own(file, kept):
    """A command, or a thread of the server that makes no reply, has nothing to do with it."""
    _read(file)
    assert len(kept) == 1
    found: list[int] = []

    def apart() -> None:
        with Store.reader(file):
            found.append(len(kept))

    thread = threading.Thread(target=apart)
    thread.start()
    thread.join()
    assert found == [1]
    assert len(kept) == 1


def test_two_at_once_have_one_each(file, kept):
    """Nobody shares a connection, and no more are kept than there is room for."""
    stores = [Store.reader(file) for _ in range(readers.MOST + 2)]
    assert len({id(one._connection) for one in stores}) == len(stores)
    for one in stores:
        one.close()
    assert len(kept) == readers.MOST


def test_what_was_given_back_cannot_be_used_or_closed_again(file, kept):
    """It is another's now."""
    store = Store.reader(file)
    store.close()
    with Store.reader(file) as other:
        store.close()
        with pytest.raises(StoreError), store.reading():
            pass
        with other.reading() as look:
            assert look.execute("SELECT 1").fetchone() == (1,)
    assert len(kept) == 1


def test_a_file_put_in_its_place_is_read_and_not_the_old_one(file, tmp_path, kept):
    """Restored, moved or linked there: the kept connection to the old one is closed."""
    _wrote(file, "old")
    other = tmp_path / "other.db"
    with Store.open(other, now=NOW) as store:
        with store.transaction() as tx:
            tx.execute("INSERT INTO meta (name, value) VALUES ('test', 'new')")
        store.checkpoint()
    with Store.reader(file) as store:
        held = store._connection
    assert len(kept) == 1
    for one in upkeep.beside(file):
        one.unlink()
    other.replace(file)
    assert _read(file) == "new"
    with pytest.raises(sqlite3.ProgrammingError):
        held.execute("SELECT 1")


def test_a_file_written_over_in_its_place_is_read_anew(file, tmp_path, kept):
    """Even where somebody copied another over it, against all advice."""
    other = tmp_path / "other.db"
    shutil.copy(file, other)
    _wrote(other, "new")
    with Store.open(other, now=NOW) as store:
        store.checkpoint()
    assert _read(file) is None
    assert len(kept) == 1
    for one in upkeep.beside(file):
        one.unlink()
    shutil.copyfile(other, file)
    assert _read(file) == "new"


def test_a_file_that_is_gone_or_broken_is_told_as_ever(file, kept):
    """A connection that is kept hides neither."""
    assert _read(file) is None
    assert len(kept) == 1
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        _read(file)
    file.unlink()
    with pytest.raises(StoreError, match="gone"):
        _read(file)


def test_none_that_is_kept_holds_back_the_log(file, kept):
    """What was written is moved into the file while connections are kept."""
    for value in ("1", "2"):
        _wrote(file, value)
        _read(file)
    assert len(kept) == 1
    with Store.open(file, now=NOW) as store:
        assert store.checkpoint()
    assert file.with_name(f"{file.name}-wal").stat().st_size == 0


@pytest.mark.parametrize("way", ["half read", "transaction", "temporary", "attached", "writing"])
def test_one_that_is_not_as_it_was_opened_is_not_kept(file, kept, way):
    """Something under way or beside the file: it is closed."""
    store = Store.reader(file)
    look = store._connection
    left = []
    if way == "half read":
        left.append(look.execute("SELECT name FROM sqlite_schema"))
        left[0].fetchone()
    elif way == "transaction":
        look.execute("BEGIN")
    elif way == "attached":
        look.execute("ATTACH ':memory:' AS beside")
    else:
        look.execute("PRAGMA query_only=OFF")
        if way == "temporary":
            look.execute("CREATE TEMP VIEW runs AS SELECT 1")
            look.execute("PRAGMA query_only=ON")
    store.close()
    assert len(kept) == 0
    with pytest.raises(sqlite3.ProgrammingError):
        look.execute("SELECT 1")


def test_one_that_failed_is_not_kept(file, kept):
    """Whatever the file said wrong, the next one opens it anew."""
    with pytest.raises(StoreError), Store.reader(file) as store, store.reading() as look:
        look.execute("SELECT nonsense")
    assert len(kept) == 0
    with pytest.raises(ValueError, match="mine"), Store.reader(file) as store, store.reading():
        raise ValueError("mine")
    assert len(kept) == 1


def test_all_are_closed_together_however_many_ask(file, kept, now):
    """At the end of their time, also the youngest; then none is kept, then it begins anew."""
    _read(file)
    late = Store.reader(file)
    now[0] += readers.LIVES_S * 0.9
    _read(file)
    kept.tidy()
    assert len(kept) == 1
    now[0] += readers.LIVES_S * 0.2
    kept.tidy()
    late.close()
    assert len(kept) == 0
    _read(file)
    assert len(kept) == 0
    with upkeep.alone(file, BUSY_MS):
        pass
    now[0] += readers.RESTS_S
    _read(file)
    assert len(kept) == 1


def test_one_whose_time_is_over_is_not_taken(file, kept, now):
    """Nobody has called for it to be closed yet: who wants one closes it, and opens another."""
    with Store.reader(file) as store:
        held = store._connection
    assert len(kept) == 1
    now[0] += readers.LIVES_S + readers.RESTS_S
    with Store.reader(file) as store:
        assert store._connection is not held
    with pytest.raises(sqlite3.ProgrammingError):
        held.execute("SELECT 1")


def test_at_the_end_all_are_closed(file, kept):
    """One that comes back later is closed then."""
    late = Store.reader(file)
    _read(file)
    kept.close()
    late.close()
    assert len(kept) == 0
    with upkeep.alone(file, BUSY_MS):
        pass


def test_who_must_be_alone_waits_until_it_is_closed(file, kept):
    """A kept connection is in the way for a moment, one in use for as long as it is used."""
    _read(file)
    with pytest.raises(StoreLocked, match="has the database"), upkeep.alone(file, BUSY_MS):
        pass
    assert _read(file) is None
    closing = threading.Timer(0.05, kept.close)
    closing.start()
    with upkeep.alone(file, 60_000) as only:
        assert only.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    closing.join()


def test_another_process_has_none_of_them(file, kept):
    """What was opened before a fork is neither used nor closed behind it."""
    _read(file)
    with Store.reader(file) as store:
        held = store._connection
    child = os.fork()
    if child == 0:
        found = kept.take(file, 5000)
        os._exit(0 if found is None else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    with Store.reader(file) as store:
        assert store._connection is held


def test_threads_take_turns(file, kept):
    """Eight at once, a hundred looks each, somebody writing: every look is whole."""
    _wrote(file, "0")
    wrong: list[object] = []
    over = threading.Event()

    def looks() -> None:
        with at_hand(kept):
            for _ in range(100):
                with Store.reader(file) as store, store.reading() as look:
                    first, second = (
                        look.execute("SELECT value FROM meta WHERE name = 'test'").fetchone()
                        for _ in range(2)
                    )
                if first != second:
                    wrong.append((first, second))

    def writes() -> None:
        number = 0
        with Store.open(file, now=NOW) as store:
            while not over.is_set():
                number += 1
                with store.transaction() as tx:
                    tx.execute("UPDATE meta SET value = ? WHERE name = 'test'", (str(number),))

    writer = threading.Thread(target=writes)
    threads = [threading.Thread(target=looks) for _ in range(8)]
    for one in (writer, *threads):
        one.start()
    for one in threads:
        one.join()
    over.set()
    writer.join()
    assert wrong == []
    assert 1 <= len(kept) <= readers.MOST
