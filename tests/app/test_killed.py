"""Whole collections killed at any moment: what is there is whole, and the next one works."""

import os
import random
import select
import signal
import sys

import pytest
from homes import Home, MakeHome  # beside this file

from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import from_epoch

CHILD_SLOTS = 40
BEGUN = b"b"


def collect_until_killed(home: Home, turn: int, told: int) -> None:
    """In a forked child: collect slot after slot, saying when each begins. Never returns."""
    clock = FrozenClock(from_epoch(0))
    own = Home(Toolkit(home.toolkit.loaded, clock=clock, env={}), clock, home.exchange, home.config)
    for later in range(CHILD_SLOTS):
        own.at_here(turn + later)
        os.write(told, BEGUN)
        own.collect()


def kill_one(home: Home, turn: int, dice: random.Random) -> int:
    """Fork a child, kill it within a collection, and return how many it began."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(heard)
            collect_until_killed(home, turn, told)
        finally:
            os._exit(1)
    os.close(told)
    first = os.read(heard, 1)
    select.select([], [], [], dice.uniform(0, 0.5))  # the moment of death is what is tried
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    begun = len(first + os.read(heard, 10_000))
    os.close(heard)
    assert first == BEGUN
    return begun


def campaign(home: Home, kills: int) -> tuple[int, int]:
    """Kill *kills* children; check what they left; return slots begun and slots that were whole."""
    dice = random.Random(11)  # noqa: S311  # repeatable, not secret
    home.collect()
    turn = 1
    for _ in range(kills):
        begun = kill_one(home, turn, dice)
        turn += begun
    home.at(turn)
    assert home.collect().state in {"OK", "PARTIAL"}
    assert home.rows("PRAGMA quick_check") == [("ok",)]
    assert home.rows("PRAGMA foreign_key_check") == []
    quoted = dict(home.rows("SELECT slot, count(*) FROM quotes GROUP BY slot"))
    packed = dict(home.rows("SELECT slot, quotes FROM quote_packs"))
    booked = dict(home.rows("SELECT slot, count(*) FROM books GROUP BY slot"))
    expected = dict(
        home.rows("SELECT slot, count(*) FROM gaps WHERE market <> '' AND received GROUP BY slot")
    )
    assert quoted == packed == booked == expected
    followed = len(home.followed())
    assert set(quoted.values()) == {followed}
    ok = {slot for (slot,) in home.rows("SELECT slot FROM runs WHERE state = 'OK'")}
    assert ok <= quoted.keys()
    assert home.rows("SELECT DISTINCT kept_in FROM conflicts") == []
    return turn, len(ok)


@pytest.fixture
def victim(make_home: MakeHome) -> Home:
    """Return a home whose collections are there to be killed."""
    if sys.platform != "linux":
        pytest.skip("needs fork")
    return make_home(panel={"max_markets": 10}, read_timeout_s=10.0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fifteen_killed_collections(victim):
    """After 15 kills every slot that has quotes has all of them, once, and work goes on."""
    begun, whole = campaign(victim, 15)
    assert begun >= 15
    assert whole >= 2


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_thousand_killed_collections(victim):
    """The same, a thousand kills long, within the hours in which this world changes nothing."""
    begun, _ = campaign(victim, 1000)
    assert begun >= 1000
