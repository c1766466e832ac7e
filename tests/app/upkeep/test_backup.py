"""A backup is whole, of one instant, ours alone, and the one before survives whatever happens."""

import gzip
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import upkeep_world as world  # beside this

from trading_cli.app.runs import only_run
from trading_cli.app.upkeep import POINTS
from trading_cli.app.upkeep.backup import backup, backups, make
from trading_cli.app.upkeep.restore import restore
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import RunLocked, StoreCorrupt, StoreError, StoreFull
from trading_cli.store import Store, sealed_rows, upkeep

HERE = Path(__file__).parent


@pytest.fixture
def config(home, monkeypatch) -> Path:
    """Return the settings of a home of four slots."""
    monkeypatch.delenv("TRADING_HOME")
    return world.make_home(home / "one")


def run(config: Path, number: int = 9, **options) -> dict:
    """Make a backup in slot *number*."""
    clock = FrozenClock(world.at(number))
    return backup(config, progress=world.quiet, clock=clock, **options)


def unpacked(file: Path, folder: Path) -> Path:
    """Return the plain file a backup holds."""
    plain = folder / f"{file.name}.plain"
    with gzip.open(file) as packed, plain.open("wb") as out:
        shutil.copyfileobj(packed, out)
    return plain


def test_a_backup_says_what_the_database_says(config, tmp_path):
    """Every row of every table is in it; the file is 0600 in a folder that is 0700."""
    data = run(config)
    file = Path(data["file"])
    database = world.opened(config).database
    assert world.said(unpacked(file, tmp_path)) == world.said(database)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert data["boundary"] == "cycle"
    assert data["holds"]["last_run"] == 4
    assert data["holds"]["rows"]["quotes"] == 4 * world.MARKETS
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_the_oldest_are_forgotten(config):
    """As many stay as the settings say, the newest; two of one second are two."""
    config.write_text("database: {backup_keep: 3}\n")
    names = [Path(run(config, number)["file"]).name for number in (1, 2, 3, 3, 4)]
    folder = world.opened(config).database.parent / "backups"
    assert len(set(names)) == 5
    assert [one.name for one in backups(folder, "trading")] == names[:1:-1]


def test_a_backup_of_a_run_under_way_says_so(config):
    """Who does not wait is told that the copy is of a commit inside a run; it is whole too."""
    loaded = world.opened(config)
    with (
        Store.open(loaded.database, now=world.at(5)) as store,
        only_run(loaded.database.parent, "collection", world.at(5)),
    ):
        from trading_cli.store import runs

        start = runs.Start("collection", 0, world.at(5), os.getpid())
        with store.transaction() as tx:
            runs.begin(tx, start, lease=world.SLOT)
        data = run(config, patience=0)
    assert data["boundary"] == "commit"
    assert data["holds"]["running"] == ["collection"]


def test_a_second_backup_at_once_is_refused(config):
    """One at a time: their names and their leftovers are told apart by that."""
    with (
        only_run(world.opened(config).database.parent, "upkeep", world.NOON),
        pytest.raises(RunLocked, match="upkeep"),
    ):
        run(config)


def test_a_damaged_database_gives_no_backup_and_keeps_the_old_ones(config):
    """A copy that does not verify is thrown away, and none is forgotten for it."""
    config.write_text("database: {backup_keep: 1}\n")
    good = Path(run(config)["file"])
    database = world.opened(config).database
    spoil(database)
    with pytest.raises(StoreCorrupt, match="no backup was made"):
        run(config, 10)
    assert [one.name for one in good.parent.iterdir()] == [good.name]


def spoil(database: Path) -> None:
    """Change one number of one sealed row, as no SQL of ours would."""
    with Store.open(database, now=world.NOON) as store:
        with store.transaction() as tx:
            tx.execute("UPDATE quotes SET bid_depth = 7 WHERE market = 1")
        store.checkpoint()


def test_a_folder_that_cannot_be_written_is_named(config, tmp_path):
    """Where a file stands in the place of the folder, the path is in the words."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file"):
        run(config, to=tmp_path / "file" / "backups")


def test_too_little_room_is_said_before_anything_is_written(config, monkeypatch):
    """A disk on which the copy would not fit is a refusal, not a half file."""
    real = os.statvfs

    class Full:
        f_bavail = 1
        f_frsize = 4096

    monkeypatch.setattr(
        os, "statvfs", lambda path: Full() if "backups" in str(path) else real(path)
    )
    with pytest.raises(StoreFull, match="MB left"):
        run(config)


@contextmanager
def writing(database: Path, first: int = 100) -> Iterator[subprocess.Popen]:
    """Keep a process writing slot after slot while the block runs."""
    words = [sys.executable, str(HERE / "write_cycles.py"), str(database), str(first)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            child.stdout.readline()
            yield child
        finally:
            child.send_signal(signal.SIGKILL)


def under_load(config: Path, folder: Path, times: int) -> None:
    """Make *times* backups while slots are collected as fast as they go; look at each."""
    loaded = world.opened(config)
    with writing(loaded.database) as child:
        for number in range(times):
            kept = make(loaded, folder, 60.0, world.quiet, FrozenClock(world.at(1000 + number)))
            assert kept.boundary == "cycle"
            plain = unpacked(kept.file, folder)
            with upkeep.lying(plain) as look:
                assert not upkeep.damage(look)
                assert not upkeep.broken_chains(look)
                assert not upkeep.broken_seals(look)
                facts = upkeep.facts(look)
                assert not facts.running
                slots = look.execute("SELECT count(*) FROM runs WHERE state = 'OK'").fetchone()[0]
                assert facts.rows["quotes"] == slots * world.MARKETS
                assert facts.rows["journal"] == slots
            plain.unlink()
        assert child.poll() is None


def test_backups_under_load_are_of_a_boundary_between_cycles(config, tmp_path):
    """Twenty made while slots are collected without a pause: each whole, each between two runs."""
    under_load(config, tmp_path / "there", 20)


@pytest.mark.nightly
def test_200_backups_under_load_are_of_a_boundary_between_cycles(config, tmp_path):
    """The same two hundred times."""
    under_load(config, tmp_path / "there", 200)


def killed(config: Path, point: str, *words: str) -> int:
    """Run a `db` command as a process that is killed at *point*; return how it ended."""
    command = [sys.executable, "-m", "trading_cli", "db", *words, "--config", str(config), "-q"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("TRADING_")}
    done = subprocess.run(
        command, env={**env, "TRADING_FAULT": point}, capture_output=True, check=False
    )
    return done.returncode


@pytest.mark.parametrize("point", [one for one in POINTS if one.startswith("backup.")])
def test_a_backup_killed_midway_leaves_the_one_before(config, point):
    """At each point: the one before is there and restores; the next one sweeps what was left."""
    good = Path(run(config)["file"])
    assert killed(config, point, "backup") == -signal.SIGKILL
    folder = good.parent
    assert good in backups(folder, "trading")
    again = Path(run(config, 11)["file"])
    assert {one.name for one in folder.iterdir()} == {
        one.name for one in backups(folder, "trading")
    }
    for file in (good, again):
        restore(config, file, world.quiet, clock=FrozenClock(world.at(12)))


def test_what_a_backup_holds_is_sealed_by_then_or_said(config):
    """Rows written since the last seal are in the copy, and counted as not sealed."""
    database = world.opened(config).database
    with Store.open(database, now=world.at(5)) as store, store.transaction() as tx:
        world.record(tx, 5)
        assert sealed_rows.unsealed(tx).touched
    data = run(config)
    assert data["holds"]["unsealed"] > 0
    assert data["holds"]["rows"]["quotes"] == 5 * world.MARKETS
