"""A file written by the first version, with what it collected, opened by this one: nothing is lost.

``schema_1.sql.gz`` is the dump of a home that the first released code filled from the pretend
exchange: five markets, four slots.
"""

import gzip
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trading_cli.app import overview
from trading_cli.store import Store, history, listings, migrations
from trading_cli.store.arrays import quote_matrix

pytestmark = pytest.mark.usefixtures("own_migrations")  # making a file is the point
OLD = Path(__file__).with_name("schema_1.sql.gz")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return the old file as it was left, at its version."""
    path = tmp_path / "data" / "trading.db"
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as file:
        file.executescript(gzip.decompress(OLD.read_bytes()).decode())
        assert file.execute("PRAGMA user_version").fetchone() == (1,)
    path.chmod(0o600)
    return path


def held(path: Path, columns: dict[str, list[str]] | None = None) -> tuple[Rows, dict]:
    """Return every row of every table, sorted, of *columns* where given, and the columns."""
    with closing(sqlite3.connect(path)) as file:
        tables = [
            name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        found = columns or {
            name: [row[1] for row in file.execute(f"PRAGMA table_info({name})")] for name in tables
        }
        rows = {
            name: sorted(
                file.execute(f"SELECT {', '.join(found[name])} FROM {name}"),  # noqa: S608  # ours
                key=repr,
            )
            for name in found
        }
    return rows, found


def test_every_row_of_the_first_version_is_there_after_the_upgrade(old):
    """All tables, all their columns: equal, but for the record of the migrations themselves."""
    before, columns = held(old)
    assert sum(map(len, before.values())) > 650
    with Store.open(old, now=NOW) as store:
        assert store.schema_version == migrations.NEWEST
        assert store.quick_check() == []
    after, _ = held(old, columns)
    grown = {"migrations", "sqlite_sequence", "meta"}  # their own record, and the kill chain's head
    for name in columns:
        kept = [row for row in after[name] if row in before[name]] if name in grown else after[name]
        assert kept == before[name] or name == "sqlite_sequence", name
    assert len(after["migrations"]) == migrations.NEWEST


def test_what_was_collected_is_read_by_todays_readers(old):
    """Listings, quotes, trades and points come out of the old rows."""
    with Store.open(old, now=NOW) as store, store.reading() as look:
        markets = listings.listing_at(look, as_of=NOW)
        quoted = history.newest_quote_at(look)
        assert len(markets) == 5
        assert quoted is not None
        since = quoted - timedelta(hours=1)
        names = [one.id for one in markets]
        until = quoted + timedelta(minutes=15)
        matrix = quote_matrix(look, names, since=since, until=until, as_of=NOW)
        assert (matrix.mid > 0).sum() == 8
        since = quoted - timedelta(days=9)
        trades = [history.trades(look, n, since=since, until=until, as_of=NOW) for n in names]
        assert sum(map(len, trades)) == 136


def test_a_copy_of_the_old_file_is_kept_and_the_status_works(old):
    """The copy is the old version, for its owner alone; the account is untouched and armed."""
    with Store.open(old, now=NOW):
        pass
    (copy,) = old.parent.glob("trading.db.backup-v1-*")
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)
    config = old.parent.parent / "config.yaml"
    config.write_text("mode: paper\n")
    told = overview.status(config, {"TRADING_HOME": str(old.parent.parent)})
    assert told["kill"]["state"] == "ARMED"
    assert told["newest_quote_age_s"] is not None
