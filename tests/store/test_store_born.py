"""A home is new once: a database that was lost does not come back armed."""

from datetime import UTC, datetime

import pytest

from trading_cli.core.errors import StoreCorrupt, StoreError
from trading_cli.store import Store, kill
from trading_cli.store.born import is_there, mark_of

pytestmark = pytest.mark.usefixtures("own_migrations")  # making a file is the point
NOW = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)


def state(path) -> tuple[str, int]:
    """Open *path* and return how the kill switch stands."""
    with Store.open(path, now=NOW) as store, store.reading() as look:
        row = kill.standing(look).row
        assert row is not None
        return row.state, row.level


def lose(path) -> None:
    """Delete the database, its log and its index, as a careless hand would."""
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)


def test_a_new_home_is_armed_and_stays_so(tmp_path):
    """The first opening arms; later ones change nothing."""
    path = tmp_path / "trading.db"
    assert [state(path), state(path)] == [("ARMED", 0), ("ARMED", 0)]
    assert mark_of(path).stat().st_mode & 0o777 == 0o600


def test_a_lost_database_comes_back_stopped(tmp_path):
    """Where a database was before, a new one begins TRIGGERED at level 4 and stays so."""
    path = tmp_path / "trading.db"
    state(path)
    lose(path)
    assert [state(path), state(path)] == [("TRIGGERED", 4), ("TRIGGERED", 4)]


def test_a_file_without_a_mark_is_given_one(tmp_path):
    """A crash between file and mark, or a backup put back, is not taken for a loss."""
    path = tmp_path / "trading.db"
    state(path)
    mark_of(path).unlink()
    assert state(path) == ("ARMED", 0)
    lose(path)
    assert state(path) == ("TRIGGERED", 4)


def test_who_only_looks_is_told_that_it_is_gone(tmp_path):
    """A reader of a lost database says what to do and makes no new one; a new home is another."""
    path = tmp_path / "trading.db"
    assert not is_there(path)
    with pytest.raises(StoreError, match=r"no database at .* yet"):
        Store.reader(path)
    state(path)
    assert is_there(path)
    lose(path)
    for look in (Store.reader, is_there):
        with pytest.raises(StoreCorrupt, match=r"there was a database at .* gone") as told:
            look(path)
        assert str(mark_of(path)) in told.value.hint
    assert not path.exists()
