"""How things stand, with and without a database."""

import os
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pytest
from dealt import NOON, SLOT, Dealt  # beside this

from trading_cli.app import overview, release
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import StoreCorrupt
from trading_cli.domain import Notice, Severity, from_epoch, slot_of
from trading_cli.store import balances, outbox, pauses, runs


@pytest.mark.usefixtures("home")
def test_an_empty_home_says_that_nothing_was_collected():
    """Without a database the gate is closed and nothing pretends to be known."""
    data = overview.status(None, os.environ)
    assert data["data_gate"] == {"open": False, "reasons": ["nothing collected yet"]}
    assert data["newest_quote_age_s"] is None


@pytest.mark.usefixtures("home")
def test_status_loads_no_heavy_library():
    """It stays quick because it imports none of the collection's libraries."""
    code = (
        "import os, sys; from trading_cli.app import overview; import trading_cli.store;"
        "overview.status(None, os.environ);"
        "sys.exit(' '.join({'numpy','structlog','requests','pandas'} & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.usefixtures("home")
def test_before_the_first_cycle_there_is_no_account():
    """Nothing is paused, nothing waits to be told, and no money is made up."""
    data = overview.status(None, os.environ)
    assert (data["pauses"], data["account"]) == ([], None)
    assert data["outbox"] == {"pending": 0, "oldest_s": None}


def test_pauses_the_account_and_what_is_to_be_told_are_those_of_the_store(tmp_path):
    """What was paused, marked and queued is told; what has ended or was sent is not."""
    dealt = Dealt(tmp_path / "home")
    cash, stake, worth = Decimal("9875.5"), Decimal("124.5"), Decimal("9990.25")
    nothing = Decimal(0)
    with dealt.store() as store, store.transaction() as tx:
        pauses.pause(tx, "owner", since=NOON, until=None, reason="away", actor="owner")
        pauses.pause(tx, "day", since=NOON, until=NOON + SLOT, reason="5 %", actor="risk")
        balances.record_mark(
            tx,
            balances.Mark(
                slot_of(NOON),
                NOON,
                cash,
                worth - cash,
                nothing,
                stake,
                worth,
                nothing,
                1,
                fresh=True,
            ),
        )
        for number in range(2):
            at = NOON + number * SLOT
            outbox.put(tx, Notice(f"n{number}", "health", Severity.INFO, "words", at))
    clock = FrozenClock(NOON + 2 * SLOT)
    data = overview.status(dealt.config, {}, clock=clock)
    assert data["pauses"] == [
        {"kind": "owner", "reason": "away", "since": NOON.isoformat(), "until": None}
    ]
    assert data["account"] == {
        "equity": 9990.25, "cash": 9875.5, "exposure": 124.5, "open": 1, "at": NOON.isoformat(),
    }  # fmt: skip
    assert data["outbox"] == {"pending": 2, "oldest_s": 1800}


def test_the_next_slot_lies_ahead_and_what_was_missed_is_said(tmp_path):
    """Ten minutes into a slot the next one is in five; after an hour without, since when."""
    dealt = Dealt(tmp_path / "home")
    dealt.store().close()
    ten = timedelta(minutes=10)

    def due(at):
        data = overview.status(dealt.config, {}, clock=FrozenClock(at))
        return data["next_slot"], data["missed_since"]

    noon = from_epoch(slot_of(NOON))
    assert due(noon + ten) == ((noon + SLOT).isoformat(), None)
    with dealt.store() as store, store.transaction() as tx:
        start = runs.Start("collection", slot_of(NOON), NOON, os.getpid())
        ticket = runs.begin(tx, start, lease=timedelta(minutes=15))
        runs.finish(tx, ticket, "OK", "", {}, NOON)
    for later, missed in ((ten, None), (SLOT + ten, None), (2 * SLOT, noon + SLOT)):
        told = (noon + later // SLOT * SLOT + SLOT).isoformat()
        assert due(noon + later) == (told, missed and missed.isoformat())


def test_a_database_that_is_gone_is_no_new_home(tmp_path):
    """Where there was one, status refuses, and looking makes no new one."""
    dealt = Dealt(tmp_path / "home")
    dealt.store().close()
    for path in dealt.database.parent.glob("trading.db*"):
        path.unlink()
    env = {"TRADING_HOME": str(tmp_path / "home")}
    with pytest.raises(StoreCorrupt, match="it is gone"):
        overview.status(None, env)
    assert not dealt.database.exists()


def test_without_a_database_status_and_kill_status_agree(home):
    """A file of a low level over a switch that nobody can read is one stop, told the same twice."""
    (home / "data").mkdir()
    (home / "data" / "KILL").write_text("level 1\n")
    told, switch = overview.status(None, os.environ)["kill"], release.status(None, os.environ)
    names = ("state", "level", "reason")
    assert [told[name] for name in names] == [switch[name] for name in names]
    assert told["level"] == 4


@pytest.mark.parametrize("dead", [True, False])
def test_a_run_whose_process_is_gone_has_failed(tmp_path, dead):
    """It ended without a word; one whose process lives is under way."""
    dealt = Dealt(tmp_path / "home")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    start = runs.Start("collection", slot_of(NOON), NOON, gone.pid if dead else os.getpid())
    with dealt.store() as store, store.transaction() as tx:
        runs.begin(tx, start, lease=timedelta(minutes=15))
    env = {"TRADING_HOME": str(tmp_path / "home")}
    last = overview.status(None, env, clock=FrozenClock(NOON))["last_run"]
    wanted = ("FAILED", "ended without a word") if dead else ("RUNNING", "")
    assert (last["state"], last["why"]) == wanted
