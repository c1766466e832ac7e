"""What goes into the archive is read together with what stays; evidence stays; nothing is lost."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import upkeep_world as world  # beside this

from trading_cli.app.upkeep import POINTS
from trading_cli.app.upkeep.archive import folder_of, into_archive
from trading_cli.app.upkeep.backup import backup
from trading_cli.app.upkeep.restore import restore
from trading_cli.app.upkeep.verify import verify
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import StoreCorrupt, UsageError
from trading_cli.store import Store, archive, archived, arrays, history, thawed

pytest.importorskip("pyarrow", reason="the extra `analytics` is not installed")
LATE = 96 * 130  # slots: 130 days later
LATER = FrozenClock(world.at(LATE))
EARLY = (0, 1, 96, 96 * 40, 96 * 41)  # two days in March, two in April


@pytest.fixture
def config(home, monkeypatch) -> Path:
    """Return the settings of a home with old slots and a new one."""
    monkeypatch.delenv("TRADING_HOME")
    made = world.make_home(home / "one", slots=0)
    with Store.open(world.opened(made).database, now=world.NOON) as store:
        for number in (*EARLY, LATE - 1):
            world.cycle(store, number)
    return made


def run(config: Path, **options) -> dict:
    """Archive what is older than 60 days."""
    before = LATER.now() - timedelta(days=60)
    return into_archive(config, before=before, progress=world.quiet, clock=LATER, **options)


def seen(config: Path) -> tuple[list, np.ndarray, list]:
    """Return what backtest and correlate see: columns, matrix and rows, archive and live."""
    span = {"since": world.NOON - timedelta(hours=1), "until": LATER.now(), "as_of": LATER.now()}
    venues = [str(500_000 + n) for n in range(world.MARKETS)]
    with (
        Store.reader(world.opened(config).database) as store,
        thawed.reading(store, 0, thawed.END) as look,
    ):
        columns = [history.quote_columns(look, one, **span) for one in venues]
        matrix = arrays.quote_matrix(look, venues, **span)
        rows = [
            sorted(look.execute(f"SELECT {kind.listed} FROM {name}"))  # noqa: S608  # ours
            for name, kind in archived.KINDS.items()
        ]
    held = np.stack([matrix.bid, matrix.ask, matrix.mid, matrix.bid_depth, matrix.ask_depth])
    return columns, held, rows


def test_what_is_read_is_the_same_before_and_after(config):
    """Every number of every reader; the live file is smaller, and still sound."""
    before = seen(config)
    data = run(config)
    after = seen(config)
    assert before[0] == after[0]
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2] == after[2]
    assert data["deleted"] == dict.fromkeys(archived.KINDS, len(EARLY) * world.MARKETS)
    assert sorted(data["files"]) == sorted(
        f"{name}-2026-{month}.parquet" for name in archived.KINDS for month in ("03", "04")
    )
    with Store.reader(world.opened(config).database) as store, store.reading() as look:
        assert history.counts(look)["quotes"] == world.MARKETS
        assert look.execute("SELECT count(*) FROM quote_packs").fetchone() == (1,)
    assert verify(config, world.quiet)["sound"]


def test_a_second_run_finds_nothing_more(config):
    """What was archived is gone from the live file, so it is not archived twice."""
    run(config)
    again = run(config)
    assert (again["files"], again["deleted"]) == ([], {})


def test_a_dry_run_says_it_and_touches_nothing(config):
    """The plan is the same, nothing is written."""
    before = seen(config)
    plan = run(config, dry_run=True)["plan"]
    assert {one["rows"] for one in plan} == {len(EARLY) * world.MARKETS}
    assert not folder_of(world.opened(config)).exists()
    assert seen(config)[2] == before[2]
    assert run(config)["plan"] == plan


def test_evidence_stays(config):
    """What a decision rests on, and 28 days before it, stays in the live file, of its market."""
    world.decide(world.opened(config).database, 96 * 41)
    data = run(config)
    with Store.reader(world.opened(config).database) as store, store.reading() as look:
        slots = [s for (s,) in look.execute("SELECT slot FROM quotes WHERE market = 1")]
    kept = [int(world.at(n).timestamp()) // 900 * 900 for n in (96 * 40, 96 * 41, LATE - 1)]
    assert slots == kept
    assert {one["evidence"] for one in data["plan"]} == {2}
    config.write_text("retention: {evidence: deals}\n")
    assert run(config)["deleted"]["quotes"] == 2


def test_the_settings_say_when(config):
    """Without a time, each kind goes by its own days; 0 stays for ever."""
    config.write_text("retention: {quotes: 0, books: 90, trades: 100, points: 0, failures: 1}\n")
    data = into_archive(config, progress=world.quiet, clock=LATER)
    gone = {one.partition("-")[0] for one in data["files"]}
    assert gone == {"books", "trades"}
    assert verify(config, world.quiet)["sound"]


def test_what_is_still_looked_at_is_refused(config):
    """Less than 32 days is what hype and the limits look back on."""
    with pytest.raises(UsageError, match="32 days"):
        into_archive(config, before=LATER.now() - timedelta(days=31), progress=world.quiet,
                     clock=LATER)  # fmt: skip


def test_without_the_library_it_is_said(config, monkeypatch):
    """The command names the extra; a plan needs none; nothing to read needs none."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert run(config, dry_run=True)["plan"]
    with pytest.raises(UsageError, match="pyarrow") as caught:
        run(config)
    assert "analytics" in caught.value.hint
    assert seen(config)[0]


def test_a_damaged_file_is_noticed_and_nothing_is_deleted_for_it(config, monkeypatch):
    """A part that changed between writing and deleting keeps the live rows; verify names it."""
    real = archive.prune

    def spoiled(store, folder, part, now):
        path = folder / part.file
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        return real(store, folder, part, now)

    monkeypatch.setattr(archive, "prune", spoiled)
    with pytest.raises(StoreCorrupt, match="archive"):
        run(config)
    monkeypatch.undo()
    with Store.reader(world.opened(config).database) as store, store.reading() as look:
        assert history.counts(look)["quotes"] == (len(EARLY) + 1) * world.MARKETS
    told = verify(config, world.quiet)
    assert not told["sound"]
    assert "quotes-2026-03.parquet" in told["archive"][0]


def test_an_archived_row_that_is_fetched_again_is_one_row(config):
    """A backfill that brings an old row back: the live one is read, once; it goes again."""
    run(config)
    before = seen(config)
    path = world.opened(config).database
    with Store.open(path, now=world.at(1)) as store, store.transaction() as tx:
        world.record(tx, 1)
    after = seen(config)
    assert before[0] == after[0]
    assert before[2] == after[2]
    run(config)
    assert seen(config)[2] == before[2]
    assert verify(config, world.quiet)["sound"]


@pytest.mark.parametrize("point", [one for one in POINTS if one.startswith("archive.")])
def test_an_archive_killed_midway_loses_nothing(config, point):
    """At each point every row is still to be read, once; the next run goes on and ends it."""
    before = seen(config)
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "import test_archive; test_archive.run(Path(sys.argv[1]))"
    )
    line = ["-c", code]
    env = {k: v for k, v in os.environ.items() if not k.startswith("TRADING_")}
    done = subprocess.run(
        [sys.executable, *line, str(config), str(Path(__file__).parent)],
        env={**env, "TRADING_FAULT": point}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    after = seen(config)
    assert before[0] == after[0]
    assert before[2] == after[2]
    assert verify(config, world.quiet)["sound"]
    run(config)
    assert seen(config)[2] == before[2]
    with Store.reader(world.opened(config).database) as store, store.reading() as look:
        assert history.counts(look)["books"] == world.MARKETS
    assert not list(folder_of(world.opened(config)).glob(".*"))


def test_the_archive_goes_with_the_backup_and_comes_back(config, tmp_path):
    """A backup to another disk takes the files along; a new home gets them back from there."""
    run(config)
    before = seen(config)
    kept = backup(config, to=tmp_path / "disk", progress=world.quiet, clock=LATER)
    assert len(kept["archive"]) == 2 * len(archived.KINDS)
    assert backup(config, to=tmp_path / "disk", progress=world.quiet, clock=LATER)["archive"] == []
    shutil.rmtree(config.parent / "data")
    told = restore(config, Path(kept["file"]), world.quiet, clock=LATER)
    assert (len(told["archive"]["brought"]), told["archive"]["missing"]) == (8, [])
    assert seen(config)[2] == before[2]
    assert verify(config, world.quiet)["sound"]
