"""A restore takes nothing that is not sound, nothing while anybody works, and stops trading."""

import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import upkeep_world as world  # beside this

from trading_cli.app import stop
from trading_cli.app.runs import only_run
from trading_cli.app.upkeep import POINTS, SCHEDULER, WORKS
from trading_cli.app.upkeep.backup import backup
from trading_cli.app.upkeep.restore import restore
from trading_cli.app.upkeep.verify import verify
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import (
    RunLocked,
    StoreCorrupt,
    StoreError,
    StoreLocked,
    StoreNewer,
    UsageError,
)
from trading_cli.store import Store, migrations

LATER = FrozenClock(world.at(40))


@pytest.fixture
def config(home, monkeypatch) -> Path:
    """Return the settings of a home of four slots."""
    monkeypatch.delenv("TRADING_HOME")
    return world.make_home(home / "one")


@pytest.fixture
def kept(config) -> Path:
    """Return a backup of it; two slots more are collected after it."""
    file = Path(backup(config, progress=world.quiet, clock=FrozenClock(world.at(4)))["file"])
    with Store.open(world.opened(config).database, now=world.at(5)) as store:
        world.cycle(store, 5)
        world.cycle(store, 6)
    return file


def put_back(config: Path, file: Path) -> dict:
    """Restore *file*."""
    return restore(config, file, world.quiet, clock=LATER)


def standing(config: Path) -> tuple[str, int, str]:
    """Return how the kill switch of a home stands."""
    loaded = world.opened(config)
    now = stop.standing_at(stop.Place(loaded.home, loaded.database))
    return now.state.value, now.level, now.reason


def test_what_was_kept_is_back_and_trading_is_stopped(config, kept):
    """The four slots are there, the two after them are aside, and the switch says why."""
    database = world.opened(config).database
    before = world.said(database)
    data = put_back(config, kept)
    assert world.last_run(database)[0] == 4
    (aside,) = [Path(one) for one in data["aside"]]
    assert world.said(aside) == before
    state, level, reason = standing(config)
    assert (state, level) == ("TRIGGERED", 4)
    assert kept.name in reason
    assert (database.parent / "KILL").exists()
    assert verify(config, world.quiet)["sound"]


def test_a_plain_file_and_one_of_an_older_schema_are_restored_too(config, kept, tmp_path):
    """What a migration left beside the database is a backup like any other: it is migrated."""
    plain = tmp_path / "plain.db"
    plain.write_bytes(gzip.decompress(kept.read_bytes()))
    put_back(config, plain)
    old = tmp_path / "old.db"
    with sqlite3.connect(old, isolation_level=None) as raw:
        for number in (1, 2):
            migrations._apply(raw, number, 1_000, 0x54524144, lost=False)
    raw.close()
    data = put_back(config, old)
    assert data["holds"]["schema"] == 2
    assert data["kill"]["troubles"] == []
    assert standing(config)[:2] == ("TRIGGERED", 4)


def test_a_home_that_lost_its_database_gets_it_back(config, kept):
    """The disaster it is for: nothing is there but the backup and the mark."""
    database = world.opened(config).database
    for one in database.parent.glob("trading.db*"):
        one.unlink()
    assert put_back(config, kept)["aside"] == []
    assert world.last_run(database)[0] == 4


def test_a_damaged_database_is_put_aside_with_its_log(config, kept):
    """What cannot be opened is no reason not to restore; it is kept as it is, with what lay by."""
    database = world.opened(config).database
    database.write_bytes(b"no database" * 1000)
    log = database.with_name("trading.db-wal")
    log.write_bytes(b"stale")
    data = put_back(config, kept)
    kept_aside = {Path(one).read_bytes()[:5] for one in data["aside"]}
    assert kept_aside >= {b"no da", b"stale"}
    assert world.last_run(database)[0] == 4
    assert verify(config, world.quiet)["sound"]


@pytest.mark.parametrize("work", [SCHEDULER, *WORKS])
def test_a_home_at_work_is_left_alone(config, kept, work):
    """Whoever holds a lock of the home is named, and nothing is changed."""
    database = world.opened(config).database
    before = world.said(database)
    with only_run(database.parent, work, world.NOON), pytest.raises(RunLocked, match=work):
        put_back(config, kept)
    assert world.said(database) == before
    assert standing(config)[0] == "ARMED"


def test_a_database_somebody_has_open_is_left_alone(config, kept):
    """A dashboard, a shell, anything that looks at the file without a lock of ours."""
    config.write_text("database: {busy_timeout_ms: 50}\n")
    loaded = world.opened(config)
    looking = sqlite3.connect(loaded.database)
    looking.execute("SELECT count(*) FROM runs").fetchall()
    with pytest.raises(StoreLocked, match="open"):
        put_back(config, kept)
    looking.close()
    put_back(config, kept)


def hurt(file: Path, tmp_path: Path, how: str) -> Path:
    """Return a copy of a backup that is not to be taken."""
    plain = tmp_path / f"{how}.db"
    plain.write_bytes(gzip.decompress(file.read_bytes()))
    if how == "cut":
        cut = tmp_path / "cut.db.gz"
        cut.write_bytes(file.read_bytes()[:-100])
        return cut
    if how == "foreign":
        plain.write_bytes(b"")
    if how == "text":
        plain.write_text("not a database")
        return plain
    with sqlite3.connect(plain, isolation_level=None) as raw:
        if how == "foreign":
            raw.execute("CREATE TABLE other (x)")
        elif how == "newer":
            raw.execute(f"PRAGMA user_version={migrations.NEWEST + 1}")
        elif how == "row":
            raw.execute("UPDATE trades SET size = size + 1 WHERE id = (SELECT min(id) FROM trades)")
    raw.close()
    return plain


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("cut", StoreCorrupt, "unpacked"),
        ("text", StoreCorrupt, "not a database"),
        ("foreign", StoreError, "some other program"),
        ("newer", StoreNewer, "schema"),
        ("row", StoreCorrupt, "trades"),
    ],
)
def test_what_is_not_a_sound_backup_of_ours_is_refused(config, kept, tmp_path, how, kind, words):
    """Whatever is wrong with the file, nothing is done and trading goes on."""
    database = world.opened(config).database
    before = world.said(database)
    with pytest.raises(kind, match=words):
        put_back(config, hurt(kept, tmp_path, how))
    assert world.said(database) == before
    assert standing(config)[0] == "ARMED"


def test_the_database_is_no_backup_of_itself(config):
    """Naming the file itself, or none, is a mistake that is said."""
    for name in ("data/trading.db", "data/absent.db"):
        with pytest.raises(UsageError):
            put_back(config, config.parent / name)


def command(config: Path, point: str, *words: str) -> int:
    """Run a `db` command as a process, killed at *point*; return how it ended."""
    line = [sys.executable, "-m", "trading_cli", "db", *words, "--config", str(config), "-q"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("TRADING_")}
    env["TRADING_FAULT"] = point
    return subprocess.run(line, env=env, capture_output=True, check=False).returncode


@pytest.mark.parametrize("point", [one for one in POINTS if one.startswith("restore.")])
def test_a_restore_killed_midway_leaves_the_old_or_the_new(config, kept, point):
    """One or the other is there, whole; the new one stopped; the same command again ends it."""
    database = world.opened(config).database
    old = world.last_run(database)[0]
    assert command(config, point, "restore", str(kept)) == -signal.SIGKILL
    run, _, _ = world.last_run(database)
    assert run in {old, 4}
    assert run == old or standing(config)[:2] == ("TRIGGERED", 4)
    assert verify(config, world.quiet)["sound"]
    put_back(config, kept)
    assert world.last_run(database)[0] == 4
    assert standing(config)[:2] == ("TRIGGERED", 4)
    assert not list(database.parent.glob(".trading.db.restore*"))


def test_who_waited_for_the_old_file_does_not_write_into_it(config, kept):
    """A writer that opened the old file and waits while it is replaced is told so."""
    database = world.opened(config).database
    waiting = sqlite3.connect(database, isolation_level=None, timeout=0)
    put_back(config, kept)  # it has opened the file, but not read it yet: nobody sees that
    with pytest.raises(sqlite3.Error):
        waiting.executescript("PRAGMA journal_mode=WAL; INSERT INTO meta VALUES ('a', 'b')")
    waiting.close()


def corruptions(file: Path, seed: int, flips: int, torn: int, cuts: int):
    """Yield (what, bytes) of a database hurt in one way each."""
    whole, chance = file.read_bytes(), random.Random(seed)  # noqa: S311  # repeatable, not secret
    for _ in range(flips):
        spot, bit = chance.randrange(len(whole)), chance.randrange(8)
        hurt = bytearray(whole)
        hurt[spot] ^= 1 << bit
        yield f"bit {bit} of byte {spot}", bytes(hurt)
    pages = len(whole) // 4096
    for _ in range(torn):
        page, other = chance.randrange(pages), chance.randrange(pages)
        hurt = bytearray(whole)
        at = page * 4096 + 2048
        hurt[at : at + 2048] = whole[other * 4096 + 2048 : other * 4096 + 4096]
        yield f"half of page {page} from page {other}", bytes(hurt)
    for _ in range(cuts):
        length = chance.randrange(len(whole))
        yield f"cut at {length}", whole[:length]


def campaign(config: Path, tmp_path: Path, flips: int, torn: int, cuts: int) -> dict[str, int]:
    """Hurt the database in each way; whatever changes a word of it must be noticed."""
    database = world.opened(config).database
    with Store.open(database, now=world.at(9)) as store:
        store.checkpoint()
    before = world.said(database)
    tally = {"noticed": 0, "harmless": 0}
    home = tmp_path / "hurt"
    (home / "data").mkdir(parents=True)
    settings = home / "config.yaml"
    settings.write_text("")
    settings.chmod(0o600)
    for what, hurt in corruptions(database, 5, flips, torn, cuts):
        for one in (home / "data").iterdir():
            one.unlink()
        target = home / "data" / "trading.db"
        target.write_bytes(hurt)
        try:
            noticed = not verify(settings, world.quiet)["sound"]
        except StoreError:
            noticed = True
        if not noticed:
            assert world.said(target) == before, f"{what} went unnoticed"
        tally["noticed" if noticed else "harmless"] += 1
    return tally


def test_corruption_is_noticed(config, tmp_path):
    """Of 40 flipped bits, torn pages and cuts, each that changes a word is noticed."""
    tally = campaign(config, tmp_path, 30, 6, 4)
    assert tally["noticed"] >= 10


@pytest.mark.nightly
def test_570_corruptions_are_noticed(config, tmp_path):
    """The same of 450 flipped bits, 80 torn pages and 40 cuts, in a file of two days."""
    with Store.open(world.opened(config).database, now=world.at(4)) as store:
        for number in range(4, 192):
            world.cycle(store, number)
    tally = campaign(config, tmp_path, 450, 80, 40)
    assert tally["noticed"] >= 250
    sys.stderr.write(json.dumps(tally) + "\n")
