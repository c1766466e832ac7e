"""`trading db` as a person meets it: pages of 80 columns, exit codes, the way out."""

import json
import re
import sqlite3

import pytest
from jsonschema import Draft202012Validator
from telling import tell  # beside this

from trading_cli.core.schemas import data_schema

ANSI = re.compile(r"\x1b\[[0-9;]*m")
pytestmark = pytest.mark.usefixtures("no_home")


def db(config, *words: str):
    """Run one `db` command."""
    return tell("db", *words, "-q", "--config", str(config))


def test_every_page_fits_80_columns(homes, tmp_path, monkeypatch):
    """What is piped is whole; on a narrow terminal no line is broken."""
    filled = homes["filled"]
    monkeypatch.setenv("COLUMNS", "80")
    pages = (
        ("stats",), ("verify",), ("backup", "--to", str(tmp_path)), ("archive", "--dry-run"),
        ("optimize",),
    )  # fmt: skip
    for words in pages:
        told = tell("db", *words, "-q", "--config", str(filled), screen=True)
        assert told.exit_code == 0, told.err
        lines = [ANSI.sub("", line) for line in told.out.splitlines()]
        wide = [line for line in lines if len(line.rstrip()) > 80 and "/" not in line]
        assert wide == []  # a path has no place to be broken at


def test_a_backup_is_made_lost_and_restored(homes, tmp_path):
    """The whole way: backup, the file is gone, restore, stopped, verified, and what comes next."""
    stopped = homes["stopped"]
    file = json.loads(
        tell("db", "backup", "--to", str(tmp_path), "--json", "--config", str(stopped)).out
    )["data"]["file"]
    database = stopped.parent / "data" / "trading.db"
    for one in database.parent.glob("trading.db*"):
        one.unlink()
    assert db(stopped, "verify").exit_code == 6
    told = db(stopped, "restore", file)
    assert told.exit_code == 0, told.err
    assert "STOPPED" in told.out
    assert "trading journal reconcile" in told.out
    state = json.loads(tell("kill", "status", "--json", "--config", str(stopped)).out)["data"]
    assert (state["state"], state["level"]) == ("TRIGGERED", 4)
    assert "restored from" in state["reason"]
    told = db(stopped, "verify")
    assert told.exit_code == 0
    page = " ".join(told.out.split())
    assert "rows are sealed: a change of one would be seen here." in page
    assert "rows were there when sealing began on" in page


def test_verify_names_the_run_and_the_table(homes, tmp_path):
    """A changed number is exit 3, with the table, and the command that mends it."""
    config = homes["partial"]
    database = config.parent / "data" / "trading.db"
    seal(database)
    with sqlite3.connect(database) as raw:
        raw.execute("UPDATE quotes SET bid_depth = bid_depth + 1")
    raw.close()
    told = db(config, "verify")
    assert told.exit_code == 3
    assert "quotes" in told.out
    assert "trading db restore" in told.out
    refused = db(config, "backup", "--to", str(tmp_path))
    assert refused.exit_code == 6
    assert "no backup was made" in refused.err


def data_of(config, name: str, *words: str) -> dict:
    """Return what `db NAME WORDS` answers, held against its schema."""
    told = tell("db", name, *words, "--json", "--config", str(config))
    assert told.exit_code in {0, 3}, told.err
    data = json.loads(told.out)["data"]
    Draft202012Validator(data_schema(f"db.{name}")).validate(data)
    return data


def test_what_programs_read_is_what_the_schemas_say(homes, tmp_path):
    """Of the answers that need a file made before: restore, a bundle read, a broken seal."""
    config = homes["stopped"]
    kept = data_of(config, "backup", "--to", str(tmp_path))
    data_of(config, "restore", kept["file"])
    data_of(config, "bundle", "--to", str(tmp_path / "run.db"))
    assert data_of(config, "bundle", "--open", str(tmp_path / "run.db"))["tables"]
    seal(config.parent / "data" / "trading.db")
    with sqlite3.connect(config.parent / "data" / "trading.db") as raw:
        raw.execute("UPDATE trades SET wallet = 'x'")
    raw.close()
    told = data_of(config, "verify")
    assert (told["sound"], told["broken"][0]["table"]) == (False, "trades")


def seal(database) -> None:
    """Seal what a collection left."""
    from datetime import UTC, datetime

    from trading_cli.store import Store, sealing

    with Store.open(database, now=datetime.now(UTC)) as store:
        sealing.seal_all(store, run=1, now=datetime.now(UTC))


def test_what_cannot_be_is_a_usage_error(homes, tmp_path):
    """A file that is not there, a time too near, a bundle of nothing."""
    filled = homes["filled"]
    for words in (
        ("restore", str(tmp_path / "absent")),
        ("archive", "--before", "3d"),
        ("bundle", "@last"),
        ("bundle", "1", "--to", str(filled)),
        ("bundle", "--open", str(tmp_path / "absent")),
    ):
        assert db(filled, *words).exit_code == 2, words
