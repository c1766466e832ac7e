"""Each way the file can fail has its own sentence and class, and what was stored stays readable.

The suite may run as root, whom no file mode stops: "read-only" is made with sqlite's own mode, and
with a file where the folder should be.
"""

import random
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
import store_world as world

from trading_cli.core.errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreNewer,
    StoreReadOnly,
)
from trading_cli.store import Store, history, listings, migrations, series

pytestmark = pytest.mark.usefixtures("own_migrations")  # making a file is the point
NOON = world.NOON


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a closed store with two markets, and quotes of one."""
    file = tmp_path / "data" / "t.db"
    with Store.open(file, now=NOON) as store:
        with store.transaction() as tx:
            listings.record_markets(tx, [world.market(1), world.market(2)])
            series.record_quotes(tx, [world.quote(1)])
        assert store.checkpoint()
    return file


def test_the_file_and_its_folder_are_ours_alone(path):
    """A new file is 0600 in a 0700 folder, and so is its log while it is open."""
    with Store.open(path, now=NOON) as store:
        with store.transaction() as tx:
            series.record_quotes(tx, [world.quote(2)])
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_full_disk_loses_nothing_and_says_so(path):
    """When no page more can be had, the step is undone, the rest is readable, and work goes on."""
    with Store.open(path, now=NOON) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count={pages}")
        many = [world.market(n) for n in range(10, 400)]
        with pytest.raises(StoreFull, match="full"), store.transaction() as tx:
            listings.record_markets(tx, many)
        assert len(listings_of(store)) == 2
        store._connection.execute("PRAGMA max_page_count=1000000")
        with store.transaction() as tx:
            assert listings.record_markets(tx, many).new == len(many)


def listings_of(store: Store) -> list[str]:
    """Return the ids of the markets that can be read."""
    with store.reading() as look:
        return [found.id for found in listings.listing_at(look, as_of=NOON)]


def test_a_locked_file_is_waited_for_and_then_named(path):
    """Another writer at work longer than we may wait is its own failure; nothing is half done."""
    with (
        Store.open(path, now=NOON) as first,
        Store.open(path, now=NOON, busy_timeout_ms=50) as second,
    ):
        with (
            first.transaction() as tx,
            pytest.raises(StoreLocked, match="another process"),
            second.transaction(),
        ):
            pass
        with second.transaction() as tx:
            assert series.record_quotes(tx, [world.quote(2)]).new == 1


def test_a_reader_cannot_write(path):
    """What was opened for looking refuses a write by sqlite's own word."""
    with Store.reader(path) as store:
        with pytest.raises(StoreReadOnly, match="may not write"), store.transaction() as tx:
            series.record_quotes(tx, [world.quote(2)])
        assert listings_of(store) == ["500001", "500002"]


def test_a_folder_that_cannot_be_is_named(tmp_path):
    """A path under something that is no folder is a StoreReadOnly with the path in it."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreReadOnly, match=r"t\.db"):
        Store.open(tmp_path / "file" / "t.db", now=NOON)


def test_a_missing_file_says_how_to_begin(tmp_path):
    """Looking at nothing tells which command makes something."""
    with pytest.raises(StoreError, match="no database") as caught:
        Store.reader(tmp_path / "none.db")
    assert caught.value.hint == "trading collect"


def test_a_file_that_is_no_database_is_corrupt(path):
    """A file whose first bytes are another's is refused as damaged, for writing and for looking."""
    path.write_bytes(b"not a database at all" * 500)
    for opening in (lambda: Store.open(path, now=NOON), lambda: Store.reader(path)):
        with pytest.raises(StoreCorrupt, match="not a database"):
            opening()
    assert path.read_bytes().startswith(b"not a database")


def test_a_cut_file_is_corrupt(path):
    """A file cut short is found by the check or by the first look, never read as if whole."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    with pytest.raises(StoreCorrupt):
        look_at(path)


def look_at(path: Path) -> None:
    """Open and check the file; raise what the opening raises, or StoreCorrupt for a finding."""
    with Store.open(path, now=NOON) as store:
        found = store.quick_check()
    if found:
        raise StoreCorrupt(found[0])


def test_flipped_bits_are_a_named_failure_or_nothing(path):
    """Whatever bit flips, what comes is a store failure or a reading; never another exception."""
    whole = path.read_bytes()
    chance = random.Random(7)  # noqa: S311  # repeatable, not secret
    found = 0
    for _ in range(100):
        spot, bit = chance.randrange(len(whole)), chance.randrange(8)
        hurt = bytearray(whole)
        hurt[spot] ^= 1 << bit
        path.write_bytes(bytes(hurt))
        try:
            with Store.open(path, now=NOON) as store:
                found += bool(store.quick_check())
                with store.reading() as look:
                    history.counts(look)
                    listings.listing_at(look, as_of=NOON)
        except StoreError:
            found += 1
        for log in path.parent.glob("t.db-*"):
            log.unlink()
    assert found > 0


def test_a_newer_schema_is_refused_untouched(path):
    """A file of a later version is refused before anything in it changes."""
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version={migrations.NEWEST + 1}")
    raw.close()
    before = path.read_bytes()
    for opening in (lambda: Store.open(path, now=NOON), lambda: Store.reader(path)):
        with pytest.raises(StoreNewer, match=f"schema {migrations.NEWEST + 1}"):
            opening()
    assert path.read_bytes() == before


def test_somebody_elses_database_is_left_alone(tmp_path):
    """A database that is not ours is refused, and gets none of our tables."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE notes (words TEXT)")
    raw.close()
    with pytest.raises(StoreError, match="some other program"):
        Store.open(path, now=NOON)
    assert path.read_bytes().count(b"CREATE TABLE") == 1


def add_a_table(connection: sqlite3.Connection, at: int) -> None:
    """Be one more step of the schema: a table and a row in it."""
    connection.execute("CREATE TABLE later (at INTEGER NOT NULL) STRICT")
    connection.execute("INSERT INTO later VALUES (?)", (at,))


@pytest.fixture
def one_step_more(path, monkeypatch):
    """Let the program know one step more than the file, which was made before."""
    assert path.exists()
    steps = (*migrations.STEPS, ("a later one", add_a_table))
    monkeypatch.setattr(migrations, "STEPS", steps)
    monkeypatch.setattr(migrations, "NEWEST", len(steps))


@pytest.mark.usefixtures("one_step_more")
def test_a_migration_makes_a_copy_first(path):
    """The file is copied, 0600, before a step; the copy is the old version with the old rows."""
    before = migrations.NEWEST - 1
    with pytest.raises(StoreError, match=f"to schema {migrations.NEWEST}: it has {before}"):
        Store.reader(path)
    with Store.open(path, now=NOON) as store:
        assert store.schema_version == before + 1
        assert listings_of(store) == ["500001", "500002"]
    (copy,) = path.parent.glob(f"t.db.backup-v{before}-*")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    raw = sqlite3.connect(copy)
    assert raw.execute("PRAGMA user_version").fetchone() == (before,)
    assert raw.execute("SELECT count(*) FROM markets").fetchone() == (2,)
    raw.close()


def test_only_the_newest_copies_are_kept(path):
    """Of many backups the newest as many as asked for stay."""
    with Store.open(path, now=NOON) as store:
        for hour in range(5):
            at = NOON.replace(hour=hour)
            migrations.back_up(store._connection, path, version=1, now=at, keep=2)
    left = sorted(copy.name[-16:] for copy in path.parent.glob("t.db.backup-*"))
    assert left == ["20260302T030000Z", "20260302T040000Z"]


def test_a_new_home_is_armed_once(tmp_path):
    """The first step writes ARMED, and opening again writes nothing."""
    for _ in range(2):
        with Store.open(tmp_path / "t.db", now=NOON) as store, store.reading() as look:
            assert look.execute("SELECT state, level FROM kill_state").fetchall() == [("ARMED", 0)]


def test_the_numbers_add_up(path):
    """The statistics count what is there and measure the file."""
    with Store.open(path, now=NOON) as store:
        stats = store.stats()
        assert stats["rows"]["quotes"] == 1
        assert stats["rows"]["markets"] == 2
        assert stats["bytes"] == path.stat().st_size
        assert store.quick_check() == []


def test_a_durable_transaction_waits_for_the_disk_and_the_next_one_does_not(tmp_path):
    """FULL while an intent is written, NORMAL again for what is written after it."""
    with Store.open(tmp_path / "a.db", now=NOON) as store:
        for durable, level in ((False, 1), (True, 2), (False, 1)):
            with store.transaction(durable=durable) as tx:
                assert tx.execute("PRAGMA synchronous").fetchone()[0] == level


def test_putting_the_log_away_waits_for_nobody(path):
    """Beside a reader, then a writer, of whom each would be waited for ten minutes."""
    long = 600_000
    with Store.open(path, now=NOON, busy_timeout_ms=long) as store:
        with Store.reader(path) as other, other.reading() as look:
            look.execute("SELECT count(*) FROM quotes").fetchone()
            with store.transaction() as tx:
                series.record_quotes(tx, [world.quote(2)])
            assert not store.checkpoint()
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            store.checkpoint()
            writer.execute("ROLLBACK")
        with store.reading() as look:
            assert look.execute("PRAGMA busy_timeout").fetchone() == (long,)
        assert store.checkpoint()
        assert path.with_name(path.name + "-wal").stat().st_size == 0
