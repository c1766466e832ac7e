"""Item 10: an upgrade killed at any statement leaves the old version or the new, never between."""

import os
import signal
import sqlite3
from pathlib import Path

import pytest
import store_world as world  # see conftest

from trading_cli.core.errors import StoreNewer
from trading_cli.store import Store, migrations

pytestmark = [
    pytest.mark.usefixtures("own_migrations"),  # making a file is the point
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
APPLICATION = 0x54524144


def old_file(path: Path, version: int) -> dict[str, int]:
    """Make a file of schema *version* with a few rows; return how many rows each table has."""
    raw = sqlite3.connect(path, isolation_level=None)
    for number in range(1, version + 1):
        migrations._apply(raw, number, 1_772_000_000, APPLICATION, lost=False)
    for n in range(30):
        raw.execute(
            "INSERT INTO runs (cycle, slot, state, started, finished, pid)"
            " VALUES ('collection', ?1, 'OK', ?1, ?1, 1)",
            (n * 900,),
        )
    counts = rows_of(raw)
    raw.close()
    return counts


def rows_of(raw: sqlite3.Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    names = [
        row[0]
        for row in raw.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    ]
    return {name: raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608  # its own names


def schema_of(path: Path) -> tuple[int, frozenset[str]]:
    """Return the version a file says it has, and every statement of its schema."""
    raw = sqlite3.connect(path)
    version = raw.execute("PRAGMA user_version").fetchone()[0]
    told = frozenset(
        row[0] for row in raw.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
    )
    raw.close()
    return version, told


def statements(path: Path) -> int:
    """Return how many statements the upgrade of *path* takes, and do it."""
    counted = 0

    def count(_: str) -> None:
        nonlocal counted
        counted += 1

    raw = sqlite3.connect(path, isolation_level=None)
    raw.set_trace_callback(count)
    migrations.migrate(raw, path, now=world.NOON, backups=1, application_id=APPLICATION)
    raw.close()
    return counted


def die_at(path: Path, last: int) -> None:
    """In a child: upgrade *path*, and be killed as statement number *last* begins."""
    left = last

    def count_down(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    raw = sqlite3.connect(path, isolation_level=None)
    raw.set_trace_callback(count_down)
    migrations.migrate(raw, path, now=world.NOON, backups=1, application_id=APPLICATION)
    os._exit(0)


def killed_at(folder: Path, version: int, stride: int) -> int:
    """Kill an upgrade from *version* at every so manyth statement; return how many were killed."""
    template = folder / "old.db"
    before = old_file(template, version)
    whole = template.read_bytes()
    steps = {}
    for number in range(version, migrations.NEWEST + 1):
        one = folder / f"v{number}.db"
        old_file(one, number)
        steps[number] = schema_of(one)[1]
    total = statements(template)
    kills = 0
    for last in range(1, total + 1, stride):
        path = folder / f"killed{last}" / "t.db"
        path.parent.mkdir()
        path.write_bytes(whole)
        if (child := os.fork()) == 0:
            die_at(path, last)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        found, told = schema_of(path)
        assert told == steps[found], f"between two versions after statement {last}"
        with Store.open(path, now=world.NOON) as store, store.reading() as look:
            assert store.schema_version == migrations.NEWEST
            assert store.quick_check() == []
            after = rows_of(look)
        assert before["runs"] == 30
        assert all(after[name] >= rows for name, rows in before.items())
    return kills


@pytest.mark.parametrize("version", range(1, migrations.NEWEST))
def test_an_upgrade_killed_at_some_statements(tmp_path, version):
    """From each earlier version, at every eightieth statement: old or new, and it goes on."""
    assert killed_at(tmp_path, version, 80) > 0


@pytest.mark.nightly
@pytest.mark.parametrize("version", range(1, migrations.NEWEST))
def test_an_upgrade_killed_at_every_statement(tmp_path, version):
    """The same, at every statement."""
    assert killed_at(tmp_path, version, 1) >= 20


def test_an_older_program_refuses_a_newer_file(tmp_path):
    """The version before ours would have been told so; so are we of the next."""
    path = tmp_path / "t.db"
    old_file(path, migrations.NEWEST)
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA user_version={migrations.NEWEST + 1}")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(StoreNewer):
        Store.open(path, now=world.NOON)
    assert path.read_bytes() == before
