"""What a slip of the hand meets: exit 2 or 6, the thing named, a way out, nothing left behind."""

import gzip
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from telling import tell  # beside this

from trading_cli.app.upkeep import bundle as bundles
from trading_cli.store import migrations

DUMP = Path(__file__).parents[1] / "store" / "schema_1.sql.gz"
LOOKS = (
    ("status",), ("db", "verify"), ("db", "stats"), ("db", "bundle", "--to", "q.db"),
    ("journal", "verify"),
)  # fmt: skip


@pytest.fixture
def older(home: Path) -> Path:
    """Return the database of a home that an older program left."""
    path = home / "data" / "trading.db"
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as file:
        file.executescript(gzip.decompress(DUMP.read_bytes()).decode())
    path.chmod(0o600)
    return path


def version_of(path: Path) -> int:
    """Return the schema of a file."""
    with closing(sqlite3.connect(path)) as file:
        return migrations.version_of(file)


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_an_older_file_is_said_to_be_brought_up_to_date_first(older, words):
    """Exit 6, which schema it needs, and a way there that asks nobody; the file stays as it is."""
    told = tell(*words)
    assert (told.exit_code, told.out) == (6, "")
    assert f"cannot be read until it is brought to schema {migrations.NEWEST}" in told.err
    assert "trading db optimize" in told.err
    assert "trading collect" not in told.err
    assert version_of(older) == 1


def test_the_kill_switch_of_an_older_file_says_why_it_counts_as_pulled(older):
    """Failing closed is right; the reason is the file's schema, and no file KILL is claimed."""
    told = json.loads(tell("kill", "status", "--json").out)["data"]
    assert (told["state"], told["level"]) == ("TRIGGERED", 4)
    assert "cannot be read until it is brought to schema" in told["reason"]
    shown = " ".join(tell("health").out.split())
    assert "cannot be read until it is brought to schema" in shown
    assert version_of(older) == 1


def test_the_way_there_keeps_a_copy_and_needs_no_network(older, monkeypatch):
    """`db optimize` brings it up to date, beside a copy as it was; then it can be looked at."""
    monkeypatch.setenv("TRADING__DATA_COLLECTION__POLYMARKET__GAMMA_URL", "http://127.0.0.1:9")
    told = tell("db", "optimize", "-q")
    assert told.exit_code == 0, told.err
    assert version_of(older) == migrations.NEWEST
    (kept,) = (one for one in older.parent.rglob("*") if one.is_file() and "v1" in one.name)
    assert version_of(kept) == 1
    assert tell("db", "verify", "-q").exit_code == 0
    assert json.loads(tell("kill", "status", "--json").out)["data"]["state"] == "ARMED"


@pytest.mark.parametrize("words", [("backup",), ("optimize",), ("verify",)], ids=" ".join)
def test_without_a_database_there_is_none_yet(home, words):
    """`db backup` says it like the others, and leaves neither a folder nor a lock."""
    told = tell("db", *words)
    assert told.exit_code == 6
    assert "there is no database at" in told.err
    assert not (home / "data").exists()


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize("run", ["\N{SUPERSCRIPT TWO}", "9" * 23, "\N{ARABIC-INDIC DIGIT THREE}"])
def test_what_only_looks_like_a_number_is_no_run(homes, tmp_path, run):
    """A digit of another kind, and one without end: exit 2, and no file."""
    out = tmp_path / "q.db"
    told = tell("db", "bundle", run, "--to", str(out), "--config", str(homes["filled"]))
    assert told.exit_code == 2
    assert "is no run" in told.err
    assert list(tmp_path.glob("*q.db*")) == []


@pytest.mark.usefixtures("no_home")
def test_a_file_that_cannot_be_made_goes_by_its_own_name(homes, tmp_path):
    """Not by that of the half that nobody asked for."""
    out = tmp_path / "nowhere" / "q.db"
    told = tell("db", "bundle", "--to", str(out), "--config", str(homes["filled"]))
    assert told.exit_code == 6
    assert f"{out} cannot be made" in told.err
    assert ".part" not in told.err


@pytest.mark.usefixtures("no_home")
def test_a_device_is_there_and_no_backup(homes, tmp_path):
    """Neither a device nor a folder is a backup, and nobody says that they are not there."""
    for place in (os.devnull, str(tmp_path)):
        told = tell("db", "restore", place, "--config", str(homes["filled"]))
        assert told.exit_code == 2
        assert "is no plain file" in told.err


@pytest.mark.usefixtures("no_home")
def test_a_bundle_in_the_place_of_a_database_is_known_as_one(homes, tmp_path):
    """Sound, and of which run; damaged, the way out is to make it anew."""
    home = tmp_path / "home"
    (home / "data").mkdir(mode=0o700, parents=True)
    (home / "config.yaml").write_text(homes["filled"].read_text())
    (home / "config.yaml").chmod(0o600)
    file = home / "data" / "trading.db"
    run = bundles.bundle(homes["filled"], "@last", file, str)["run"]
    told = tell("db", "verify", "-q", "--config", str(home / "config.yaml"))
    assert told.exit_code == 0, told.out
    assert f"of run {run}: a copy" in told.out
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("UPDATE quotes SET bid_depth = bid_depth + 1")
    told = tell("db", "verify", "-q", "--config", str(home / "config.yaml"))
    assert told.exit_code == 3
    assert "Way out: trading db bundle" in told.out
    assert "trading db restore" not in told.out


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize("name", ["config.yaml", "data/trading.db", "c.ics.bak", "plain"])
def test_a_calendar_is_written_to_an_ics_alone(homes, tmp_path, name):
    """Any other file stays as it is, byte for byte: exit 2."""
    home = homes["filled"].parent
    place = home / name if (home / name).exists() else tmp_path / name
    before = place.read_bytes() if place.exists() else None
    told = tell("calendar", "--ics", str(place), "--config", str(homes["filled"]))
    assert told.exit_code == 2
    assert "no .ics file" in told.err
    assert (place.read_bytes() if place.exists() else None) == before


@pytest.mark.usefixtures("no_home")
def test_a_folder_is_no_calendar_and_nothing_is_left_beside_it(homes, tmp_path):
    """Exit 2, and no half of a file."""
    (tmp_path / "c.ics").mkdir()
    told = tell("calendar", "--ics", str(tmp_path / "c.ics"), "--config", str(homes["filled"]))
    assert told.exit_code == 2
    assert [one.name for one in tmp_path.glob("*ics*")] == ["c.ics"]


@pytest.mark.usefixtures("no_home")
def test_a_sampled_command_that_fails_fails(homes):
    """`profile --command` ends as the command did."""

    def asked(words: str) -> int:
        where = str(homes["filled"])
        return tell("profile", "--command", words, "-q", "--config", where).exit_code

    assert asked("journal list --kind") == 2
    assert asked("schedule show") == 0
