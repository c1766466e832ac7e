"""Optimize leaves the same words in a tidier file; a bundle holds one run; stats tell the pace."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import upkeep_world as world  # beside this

from trading_cli.app import effective
from trading_cli.app.facts import settings_hash
from trading_cli.app.runs import only_run
from trading_cli.app.upkeep import POINTS, WORKS
from trading_cli.app.upkeep import bundle as bundles
from trading_cli.app.upkeep.optimize import optimize
from trading_cli.app.upkeep.stats import stats
from trading_cli.app.upkeep.verify import verify
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import RunLocked, StoreCorrupt, StoreError, UsageError
from trading_cli.domain import slot_of
from trading_cli.store import Store, kill, pace, settings_kept
from trading_cli.store import runs as ledger
from trading_cli.store.ledger import record_funnel

LATER = FrozenClock(world.at(40))
SEALING = {"seals", "seal_sums", "unsealed_keys", "unsealed_rows"}


@pytest.fixture
def config(home, monkeypatch) -> Path:
    """Return the settings of a home of four slots."""
    monkeypatch.delenv("TRADING_HOME")
    return world.make_home(home / "one")


def words(config: Path) -> dict:
    """Return what the database says, the seals aside."""
    told = world.said(world.opened(config).database)
    return {name: rows for name, rows in told.items() if name not in SEALING}


def tidy(config: Path, **options) -> dict:
    """Optimize."""
    return optimize(config, world.quiet, clock=LATER, **options)


def test_a_tidier_file_says_the_same(config):
    """Room is won where rows were deleted; no word is lost; it is sound, and ours alone."""
    path = world.opened(config).database
    with Store.open(path, now=world.NOON) as store:
        with store.transaction() as tx:
            tx.execute("INSERT INTO meta VALUES ('big', ?)", ("x" * 900_000,))
        with store.transaction() as tx:
            tx.execute("DELETE FROM meta WHERE name = 'big'")
    before = words(config)
    data = tidy(config)
    assert data["swapped"], data["why"]
    assert data["freed"] > 800_000
    assert words(config) == before
    assert verify(config, world.quiet)["sound"]
    assert path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("SELECT count(*) FROM sqlite_stat1").fetchone()[0] > 10
    raw.close()


def test_a_missing_index_is_made_again(config):
    """An index or a trigger that somebody dropped is back."""
    with sqlite3.connect(world.opened(config).database) as raw:
        raw.execute("DROP INDEX trades_by_market")
        raw.execute("DROP TRIGGER seal_runs_up")
    raw.close()
    assert tidy(config)["indexes_made"] == ["seal_runs_up", "trades_by_market"]
    assert tidy(config)["indexes_made"] == []


@pytest.mark.parametrize("work", WORKS)
def test_it_takes_every_lock_but_those_of_its_own_cycle(config, work):
    """Whoever is at work is named; the cycle that calls it holds its lock already."""
    folder = world.opened(config).database.parent
    with only_run(folder, work, world.NOON):
        with pytest.raises(RunLocked, match=work):
            tidy(config)
        assert tidy(config, held=frozenset({work}))["swapped"]


def test_a_file_that_somebody_has_open_is_not_swapped(config):
    """The statistics are new all the same, and it is said why the file is not."""
    config.write_text("database: {busy_timeout_ms: 50}\n")
    before = words(config)
    looking = sqlite3.connect(world.opened(config).database)
    looking.execute("SELECT count(*) FROM runs").fetchall()
    data = tidy(config)
    looking.close()
    assert not data["swapped"]
    assert "open" in data["why"]
    assert words(config) == before


def test_a_damaged_file_is_not_tidied(config):
    """A vacuum of damage is damage: the old file stays as it is."""
    path = world.opened(config).database
    with Store.open(path, now=world.NOON) as store, store.transaction() as tx:
        tx.execute("UPDATE trades SET price = 1")
    with pytest.raises(StoreCorrupt, match="trades"):
        tidy(config)
    assert not list(path.parent.glob(".trading.db.tidy*"))


@pytest.mark.parametrize("point", [one for one in POINTS if one.startswith("optimize.")])
def test_optimize_killed_midway_leaves_the_old_or_the_new(config, point):
    """At each point a whole file is there that says the same; the next one goes through."""
    before = words(config)
    line = [sys.executable, "-m", "trading_cli", "db", "optimize", "--config", str(config), "-q"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("TRADING_")}
    env["TRADING_FAULT"] = point
    assert subprocess.run(line, env=env, check=False).returncode == -signal.SIGKILL
    assert words(config) == before
    assert verify(config, world.quiet)["sound"]
    assert tidy(config)["swapped"]
    assert words(config) == before
    assert not list(world.opened(config).database.parent.glob(".trading.db.tidy*"))


# --- bundle


def test_a_bundle_holds_what_the_run_read_and_wrote(config, tmp_path):
    """The run, its rows and those before it are there; what came later is not; it opens alone."""
    file = tmp_path / "run.db"
    held = world.opened(config).database
    world.decide(held, 2)
    data = bundles.bundle(config, "3", file, world.quiet, clock=LATER)
    assert (data["run"], data["tables"]["quotes"]) == (3, 3)
    assert file.stat().st_mode & 0o777 == 0o600
    told = bundles.opened(file)
    assert told["digest"] == data["digest"]
    assert told["tables"] == data["tables"]
    with Store.reader(file) as store, store.reading() as look:
        assert [one.id for one in ledger.last(look)] == [3, 2, 1]
        row = kill.standing(look).row
        assert (row.state, row.level) == ("TRIGGERED", 4)
        rows = look.execute("SELECT slot, quotes FROM quote_packs").fetchall()
        assert [count for _, count in rows] == [1, 1, 1]
    assert {one.name for one in tmp_path.iterdir()} >= {"run.db"}


def test_a_bundle_holds_the_settings_that_decided(config, tmp_path):
    """Those of then, whole, and none of later: a replay elsewhere can name what was changed."""
    loaded = world.opened(config)
    with Store.open(loaded.database, now=world.at(40)) as store, store.transaction() as tx:
        assert effective.keep(tx, loaded, world.at(1))
        settings_kept.keep(tx, "later", "{}", world.at(40))
    bundles.bundle(config, "3", tmp_path / "run.db", world.quiet, clock=LATER)
    with Store.reader(tmp_path / "run.db") as store, store.reading() as look:
        name = settings_hash(loaded.settings)
        assert settings_kept.kept(look, [name, "later"]) == {name: effective.body(loaded)}


def test_the_newest_run_is_meant_where_none_is_named(config, tmp_path):
    """@last is the newest collection."""
    assert bundles.bundle(config, "@last", tmp_path / "r.db", world.quiet)["run"] == 4


def test_what_is_no_run_and_what_is_there_already_is_said(config, tmp_path):
    """A number nobody has, a word, a file that exists."""
    (tmp_path / "there").write_text("")
    for run, name in (("99", "a"), ("x", "a"), ("1", "there")):
        with pytest.raises(UsageError):
            bundles.bundle(config, run, tmp_path / name, world.quiet)
    assert [one.name for one in tmp_path.glob("a*")] == []


def test_a_secret_never_goes_along(config, tmp_path, monkeypatch):
    """A token that stands in a row somebody else wrote is found, and no bundle is made."""
    monkeypatch.setenv("TRADING_X_TOKEN", "sesame-sesame")
    bundles.bundle(config, "4", tmp_path / "fine.db", world.quiet)
    assert b"sesame" not in (tmp_path / "fine.db").read_bytes()
    path = world.opened(config).database
    with Store.open(path, now=world.NOON) as store, store.transaction() as tx:
        tx.execute(
            "INSERT INTO source_states VALUES ('x', 'failed', 1, 'token sesame-sesame', 1, 1)"
        )
    with pytest.raises(StoreError, match="secret"):
        bundles.bundle(config, "4", tmp_path / "bad.db", world.quiet)
    assert [one.name for one in tmp_path.glob("*bad*")] == []


def test_a_bundle_that_was_changed_is_refused(config, tmp_path):
    """One number of one row, and a file that is no bundle at all."""
    file = tmp_path / "run.db"
    world.decide(world.opened(config).database, 2)
    bundles.bundle(config, "3", file, world.quiet)
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE quotes SET bid_depth = 5")
    raw.close()
    with pytest.raises(StoreError, match="quotes"):
        bundles.opened(file)
    with pytest.raises(UsageError, match="no bundle"):
        bundles.opened(world.opened(config).database)


# --- stats


def test_stats_tell_the_pace_and_when_it_is_full(home, monkeypatch):
    """Rows a day are the median of whole days; the days left are what the settings allow."""
    monkeypatch.delenv("TRADING_HOME")
    config = world.make_home(home / "one", slots=0)
    path = world.opened(config).database
    with Store.open(path, now=world.NOON) as store:
        for day in range(5):
            for slot in range(3):
                world.cycle(store, day * 96 + slot)
    data = stats(config)
    growth = data["growth"]
    assert growth["a_day"]["quotes"]["rows"] == 3 * world.MARKETS
    assert growth["bytes_a_day"] > 0
    expected = (4e9 - data["bytes"]) / sum(one["bytes"] for one in growth["a_day"].values())
    assert growth["days_to_warn"] == int(expected)
    assert growth["load"] == {"markets": None, "candidates": None}  # nobody counted them
    assert growth["full"]["bytes_a_day"] is None
    assert {"open positions", "latest quotes of a slot"} <= set(data["queries"])


def test_stats_tell_what_a_full_panel_would_take(home, monkeypatch):
    """What grows with the markets, as often as there are places; the rest as it is."""
    monkeypatch.delenv("TRADING_HOME")
    config = world.make_home(home / "one", slots=0)
    config.write_text("data_collection: {panel: {max_markets: 60}, candidates: {max_markets: 5}}\n")
    with Store.open(world.opened(config).database, now=world.NOON) as store:
        for slot in range(0, 5 * 96, 32):
            with store.transaction() as tx:
                counts = {pace.MARKETS: 6, pace.CANDIDATES: 1}
                record_funnel(tx, slot_of(world.at(slot)), counts)
            world.cycle(store, slot)
    data = stats(config)
    growth = data["growth"]
    by_name = {name: one["grows_with"] for name, one in growth["a_day"].items()}
    assert (by_name["quotes"], by_name["runs"], by_name["steps"]) == ("markets", "time", "time")
    assert growth["load"] == {"markets": 6, "candidates": 1}
    times = {"markets": 10, "candidates": 5, "time": 1}
    full = sum(one["bytes"] * times[one["grows_with"]] for one in growth["a_day"].values())
    assert growth["full"]["bytes_a_day"] == round(full) > growth["bytes_a_day"]
    assert growth["full"]["days_to_max"] == int((5e9 - data["bytes"]) / full)
    assert (growth["full"]["markets"], growth["full"]["candidates"]) == (60, 5)


def test_a_young_home_has_no_pace(config):
    """A day of filling in the past is no pace."""
    assert stats(config)["growth"]["bytes_a_day"] is None
