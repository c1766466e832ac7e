"""`trading kill` as a person runs it: it never asks, loads little, and says what it stopped."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from telling import tell  # beside this

from trading_cli.store import Store, kill
from trading_cli.store.born import mark_of
from trading_cli.store.rows import epoch

HEAVY = {"numpy", "pandas", "pydantic", "yaml", "structlog", "requests", "rich", "psutil"}
TRIP = ("kill", "--reason", "because")


@pytest.fixture
def database(home: Path) -> Path:
    """Return the database of an armed home."""
    path = home / "data" / "trading.db"
    Store.open(path, now=datetime.now(UTC)).close()
    return path


def _told(*words):
    told = tell(*words, "--json")
    assert told.out, told.err
    return told.exit_code, json.loads(told.out)


@pytest.mark.parametrize("word", ["kill", "kill-switch"])
@pytest.mark.usefixtures("database")
def test_it_stops_and_says_where(home, word):
    """Both words do the same; the home is printed; the envelope is that of `kill`."""
    code, told = _told(word, "--reason", "because", "--level", "2")
    assert (code, told["schema"]) == (0, "trading.kill/1")
    assert (told["data"]["home"], told["data"]["level"]) == (str(home), 2)
    assert told["data"]["proof"]["state"] == "VERIFIED"
    assert (home / "data" / "KILL").exists()
    again = tell(word, "--reason", "again").out
    assert str(home) in again
    assert "worst case 0.00 USD" in again
    assert _told(word, "status")[1]["schema"] == "trading.kill.status/1"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("kill",), 2),
        (("kill", "--reason", ""), 2),
        (("kill", "--reason", "x", "--level", "5"), 2),
        (("kill", "--reason", "x", "status"), 2),
        (("kill", "nonsense"), 2),
        (("kill", "reset"), 2),
    ],
)
@pytest.mark.usefixtures("database")
def test_what_it_does_not_understand_stops_nothing(home, words, code):
    """It says how it is meant; nothing is latched."""
    told = tell(*words)
    assert told.exit_code == code
    assert not (home / "data" / "KILL").exists()


@pytest.mark.parametrize("text", ["nonsense: 1\n", "[", "\x00\xff", "database:\n  path: [\n"])
@pytest.mark.usefixtures("database")
def test_wrong_settings_do_not_matter(home, text):
    """No setting is needed to stop, to look and to verify; the way back needs valid ones."""
    (home / "config.yaml").write_text(text)
    code, told = _told(*TRIP)
    assert (code, told["data"]["row"]) == (0, 2)
    assert _told("kill", "status")[1]["data"]["state"] == "TRIGGERED"
    assert _told("kill", "verify")[0] == 0
    phrase = _told("kill", "status")[1]["data"]["phrase"]
    assert tell("kill", "reset", "--reason", "all is well now", "--phrase", phrase).exit_code == 4


def test_secrets_that_others_may_read_do_not_matter(home, database):
    """What keeps every other command from beginning does not keep this one."""
    (home / "secrets.env").write_text("TRADING_X_TOKEN=secret")
    (home / "secrets.env").chmod(0o644)
    database.unlink()
    assert tell(*TRIP).exit_code == 0


def _process(home, *words, **more):
    env = {**os.environ, "TRADING_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "trading_cli", *words],
        env=env, capture_output=True, text=True, check=False, timeout=60, **more,
    )  # fmt: skip


@pytest.mark.usefixtures("database")
def test_it_reads_no_input(home):
    """Whoever pipes into it, or has closed it, is not waited for."""
    assert _process(home, *TRIP, stdin=subprocess.DEVNULL).returncode == 0
    reader, writer = os.pipe()
    try:
        assert _process(home, *TRIP, stdin=reader).returncode == 0
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.usefixtures("database")
def test_it_loads_only_what_it_needs(home):
    """Nothing heavy is loaded between the key and the latch, nor after it."""
    program = (
        "import sys; from trading_cli.cli.main import run; run(sys.argv[1:]);"
        "sys.stderr.write(','.join(sorted(m for m in sys.modules if '.' not in m)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *TRIP, "--json"],
        env={**os.environ, "TRADING_HOME": str(home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ran.stdout)["data"]["row"] == 2
    assert HEAVY & set(ran.stderr.split(",")) == set()


def test_where_nothing_could_be_latched_it_fails_loudly(home, tmp_path):
    """No folder, or one that cannot hold the file: exit 4 and 1, and a word in capitals."""
    told = tell(*TRIP, "--config", str(tmp_path / "absent" / "config.yaml"))
    assert told.exit_code == 0, "TRADING_HOME says where the home is"
    (home / "data" / "KILL").unlink()
    (home / "data").rmdir()
    (home / "data").write_text("a file where the folder should be")
    told = tell(*TRIP)
    assert told.exit_code == 1
    assert "NOT STOPPED" in told.err


@pytest.mark.usefixtures("no_home")
def test_a_home_that_is_not_there_is_an_error(tmp_path):
    """Stopping the wrong folder would be worse than saying so."""
    told = tell(*TRIP, "--config", str(tmp_path / "absent" / "config.yaml"))
    assert told.exit_code == 4
    assert "nothing was stopped" in told.err


def _aged(database):
    """Write a trigger that is older than the cool-down; return its phrase."""
    at = datetime.now(UTC) - timedelta(minutes=16)
    with Store.open(database, now=at) as store, store.transaction() as tx:
        kill.record(tx, "TRIGGERED", 4, at=at, actor="person", reason="because")
    return _told("kill", "status")[1]["data"]


def test_the_whole_way_back(database):
    """Status shows phrase and time; reset, arm; each step is a row of the history."""
    assert tell(*TRIP).exit_code == 0
    status = _aged(database)
    assert datetime.fromisoformat(status["reset_from"]) < datetime.now(UTC)
    assert _told("kill", "arm")[0] == 8
    reset = ("kill", "reset", "--reason", "looked into it, all is well", "--phrase")
    code, told = _told(*reset, "0000-0000")
    assert (code, told["schema"], told["data"]["code"]) == (
        8, "trading.kill.reset/1", "kill_switch",
    )  # fmt: skip
    code, told = _told(*reset, status["phrase"])
    assert (code, told["data"]["state"]) == (0, "DISARMED")
    assert "no trading allowed" in tell("kill", "status").out
    code, told = _told("kill", "arm", "--reason", "back to work")
    assert (code, told["data"]["state"]) == (0, "ARMED")
    states = [row["state"] for row in _told("kill", "history")[1]["data"]["rows"]]
    assert states == ["ARMED", "DISARMED", "TRIGGERED", "TRIGGERED", "ARMED"]


def test_a_reset_in_the_cool_down_is_refused(database):
    """A quarter of an hour is there to look at what happened."""
    del database
    assert tell(*TRIP).exit_code == 0
    phrase = _told("kill", "status")[1]["data"]["phrase"]
    told = tell("kill", "reset", "--reason", "looked into it", "--phrase", phrase)
    assert told.exit_code == 8
    assert "cool-down" in told.err


def test_verify_tells_an_open_order_by_its_exit_code(database):
    """UNVERIFIED is 3, nothing triggered is 8."""
    assert _told("kill", "verify")[0] == 8
    assert tell(*TRIP).exit_code == 0
    assert _told("kill", "verify")[0] == 0
    with Store.open(database, now=datetime.now(UTC)) as store, store.transaction() as tx:
        tx.execute(
            "INSERT INTO orders (id, decision, market, event, strategy, purpose, side, token,"
            " shares, limit_price, reason, state, placed_at, reserved, broker, detail) VALUES"
            " ('o', 'd', 'm', 'e', 's', 'entry', 'BUY', 'YES', 1, 1, 'SIGNAL', 'UNKNOWN', ?, 1,"
            " 'paper', '')",
            (epoch(datetime.now(UTC)),),
        )
    code, told = _told("kill", "verify")
    assert (code, told["data"]["state"], told["data"]["unknown_orders"]) == (3, "UNVERIFIED", 1)


def test_a_drill_stops_a_copy_and_leaves_the_home_alone(home, database):
    """What it measured is in the journal of the home, which is armed as before."""
    code, told = _told("kill", "drill")
    assert (code, told["data"]["passed"]) == (0, True), told
    assert told["data"]["permitted_after"] == 0
    assert not (home / "data" / "KILL").exists()
    assert _told("kill", "status")[1]["data"]["state"] == "ARMED"
    with Store.reader(database) as store, store.reading() as look:
        (row,) = look.execute("SELECT body FROM journal WHERE kind = 'drill'").fetchall()
    assert json.loads(row[0])["processes"] == 4


def test_status_shows_a_stop_that_is_only_a_file(home, database):
    """`trading status` says what `kill status` says, with and without a database."""
    (home / "data" / "KILL").touch()
    assert _told("status")[1]["data"]["kill"]["state"] == "TRIGGERED"
    database.unlink()
    assert tell("status").exit_code == 6  # it is gone: no new home
    mark_of(database).unlink()
    assert _told("status")[1]["data"]["kill"]["level"] == 4
