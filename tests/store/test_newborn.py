"""The copy of a new database that other tests begin with is the one the migrations make."""

from datetime import UTC, datetime, timedelta

import pytest
from newborn import Newborn  # of all tests

from trading_cli.store import Store, kill, migrations
from trading_cli.store.born import mark_of

NOW = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)
PRAGMAS = ("application_id", "user_version", "journal_mode", "page_size", "encoding",
           "auto_vacuum", "quick_check", "foreign_key_check", "page_count")  # fmt: skip


def told(path, now=NOW):
    """Open *path* and return all that its file says: settings, schema, and every row."""
    with Store.open(path, now=now) as store:
        look = store._connection
        said = {name: look.execute(f"PRAGMA {name}").fetchall() for name in PRAGMAS}
        rows = [
            *look.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid"),
            *look.iterdump(),
        ]
        assert store.quick_check() == []
    return said, rows, sorted(one.name for one in path.parent.iterdir()), path.stat().st_mode


@pytest.fixture
def asked(newborn, monkeypatch):
    """Return a new one that stands where the migrations stand, and each time it asked them."""
    calls = []
    mine = Newborn()
    mine.real = lambda *words, **more: calls.append(1) or newborn.real(*words, **more)
    monkeypatch.setattr(migrations, "migrate", mine.migrate)
    return calls


def test_a_copy_is_what_the_migrations_make(tmp_path, monkeypatch, newborn, asked):
    """Schema, rows, seals, settings, mode and neighbours of the file are the same."""
    first, second = told(tmp_path / "a" / "trading.db"), told(tmp_path / "b" / "trading.db")
    assert asked == [1]
    monkeypatch.setattr(migrations, "migrate", newborn.real)
    assert first == second == told(tmp_path / "c" / "trading.db")
    assert second != told(tmp_path / "d" / "trading.db", NOW + timedelta(seconds=1))


def test_only_an_empty_file_of_a_new_home_is_copied(tmp_path, monkeypatch, asked):
    """Another instant, a file that is there, a lost one, another schema, a death on the way."""
    path = tmp_path / "trading.db"
    Store.open(path, now=NOW).close()
    for number, now in enumerate((NOW, NOW + timedelta(seconds=1))):
        Store.open(tmp_path / f"{number}.db", now=now).close()
    assert len(asked) == 2
    Store.open(path, now=NOW).close()
    assert len(asked) == 3
    path.unlink()
    assert mark_of(path).exists()
    with Store.open(path, now=NOW) as store, store.reading() as look:
        assert kill.standing(look).row.state == "TRIGGERED"
    monkeypatch.setenv("TRADING_FAULT", "none")
    Store.open(tmp_path / "e.db", now=NOW).close()
    monkeypatch.delenv("TRADING_FAULT")
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS,))
    monkeypatch.setattr(migrations, "NEWEST", migrations.NEWEST - 1)
    Store.open(tmp_path / "f.db", now=NOW).close()
    assert len(asked) == 6


def test_what_is_written_into_a_copy_stays_there(tmp_path, asked):
    """The next copies have none of it."""
    for name in ("a.db", "b.db", "c.db"):
        with Store.open(tmp_path / name, now=NOW) as store, store.transaction() as tx:
            assert tx.execute("SELECT count(*) FROM meta WHERE name = 'x'").fetchone() == (0,)
            tx.execute("INSERT INTO meta VALUES ('x', 'y')")
    assert asked == [1]
