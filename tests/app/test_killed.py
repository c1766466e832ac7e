"""Whole collections killed at any moment: what is there is whole, and the next one works."""

import os
import random
import select
import signal
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from homes import AFTER_SLOT_S, NOON, SLOT, Home, MakeHome  # beside this file

from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import from_epoch

KILLS_A_HOME = 50
LAST_TURN = 90  # of the 96 slots in this world's day
BEGUN, ENDED = b"b", b"e"
STUCK_S = 60.0
AMOUNTS = ("price", "size")


@dataclass(slots=True)
class Tally:
    """What a campaign came to; the last three must stay zero.

    ``told``: collections that ended and said so before the kill. ``named``: quotes that did not
    come, with their cause in the gap ledger (a book that closed meanwhile). ``lost``: slots or
    trades that should be there and are not. ``partial``: slots with some of their rows. ``twice``:
    rows too many.
    """

    kills: int = 0
    begun: int = 0
    told: int = 0
    slots: int = 0
    named: int = 0
    trades: int = 0
    lost: int = 0
    partial: int = 0
    twice: int = 0

    def add(self, other: "Tally") -> None:
        """Take over what another home's campaign came to."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def collect_until_killed(home: Home, turn: int, told: int) -> None:
    """In a forked child: collect slot after slot, saying when each begins and when it ended."""
    clock = FrozenClock(from_epoch(0))
    own = Home(Toolkit(home.toolkit.loaded, clock=clock, env={}), clock, home.exchange, home.config)
    for later in range(turn, LAST_TURN):
        own.at_here(later)
        os.write(told, BEGUN)
        own.collect()
        os.write(told, ENDED)


def kill_one(home: Home, turn: int, dice: random.Random) -> tuple[int, int]:
    """Fork a child, kill it within a collection; return how many it began, how many it ended."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(heard)
            collect_until_killed(home, turn, told)
        finally:
            os._exit(1)
    os.close(told)
    ready, _, _ = select.select([heard], [], [], STUCK_S)
    first = os.read(heard, 1) if ready else b""
    select.select([], [], [], dice.uniform(0, 0.3))  # the moment of death is what is tried
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    said = first + os.read(heard, 10_000)
    os.close(heard)
    assert first == BEGUN
    return said.count(BEGUN), said.count(ENDED)


def campaign(home: Home, kills: int, seed: int) -> Tally:
    """Kill up to *kills* children, stop where the day ends, and count what they left."""
    dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
    tally = Tally()
    done: set[int] = set()
    turn = 0
    while tally.kills < kills and turn < LAST_TURN:
        begun, ended = kill_one(home, turn, dice)
        done |= {NOON + (turn + one) * SLOT for one in range(ended)}
        tally.kills += 1
        tally.begun += begun
        tally.told += ended
        turn += begun
    done.add(home.at(turn))
    assert home.collect().state in {"OK", "PARTIAL"}
    assert home.rows("PRAGMA quick_check") == [("ok",)]
    assert home.rows("PRAGMA foreign_key_check") == []
    assert home.rows("SELECT DISTINCT kept_in FROM conflicts") == []
    count_slots(home, done, tally)
    count_trades(home, turn, tally)
    return tally


def by_slot(home: Home, question: str) -> Counter[int]:
    """Return the number that *question* gives for each slot."""
    return Counter(dict(home.rows(question)))


def count_slots(home: Home, ended: set[int], tally: Tally) -> None:
    """Count the slots that hold rows, and those that are not whole.

    A slot is whole when each followed market has its gap row, and its quote, its place in the pack
    and its book where that row says it came. *ended*: slots whose collection said it was done.
    """
    gaps = "SELECT slot, count(*) FROM gaps WHERE market <> ''"
    expected = by_slot(home, f"{gaps} GROUP BY slot")
    received = by_slot(home, f"{gaps} AND received GROUP BY slot")
    held = [
        by_slot(home, "SELECT slot, quotes FROM quote_packs"),
        by_slot(home, "SELECT slot, count(*) FROM quotes GROUP BY slot"),
        by_slot(home, "SELECT slot, count(*) FROM books GROUP BY slot"),
    ]
    followed = len(home.followed())
    slots = {slot for number in [expected, *held] for slot in number}
    finished = dict(home.rows("SELECT slot, state FROM runs WHERE state <> 'RUNNING'"))
    assert ended <= finished.keys(), "a collection that ended said so in the ledger"
    tally.slots = len(slots)
    tally.named = sum((expected - received).values())
    tally.lost += len({slot for slot, state in finished.items() if state == "OK"} - slots)
    tally.lost += len(ended - slots)
    for slot in slots:
        numbers = [number[slot] for number in held]
        tally.partial += expected[slot] < followed or min(numbers) < received[slot]
        tally.twice += expected[slot] > followed or max(numbers) > received[slot]


def spans_of(home: Home) -> dict[str, list[list[int]]]:
    """Return the spans in which each market's trades are said to be complete, joined, by market."""
    spans: dict[str, list[list[int]]] = defaultdict(list)
    for subject, since, until in home.rows(
        "SELECT subject, since, until FROM coverage WHERE source = 'polymarket.trades'"
        " AND complete ORDER BY subject, since"
    ):
        joined = spans[subject]
        if joined and since <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], until)
        else:
            joined.append([since, until])
    return spans


def count_trades(home: Home, turn: int, tally: Tally) -> None:
    """Compare the trades kept with those the exchange made in the spans said to be complete."""
    end = NOON + turn * SLOT + AFTER_SLOT_S
    spans = spans_of(home)
    for market in home.followed():
        assert [until for _, until in spans[market.condition_id]] == [end + 1], "a span in between"
    for condition, joined in spans.items():
        made: Counter[Any] = Counter(
            (raw["timestamp"], *(int(Decimal(str(raw[name])) * 10**6) for name in AMOUNTS))
            for since, until in joined
            for raw in home.exchange.world.trades([condition], since, until, end)
        )
        kept: Counter[Any] = Counter(
            home.rows(
                "SELECT event_time, price, size FROM trades"
                " JOIN markets ON markets.id = market WHERE condition_id = ?",
                [condition],
            )
        )
        tally.trades += kept.total()
        tally.lost += (made - kept).total()
        tally.twice += (kept - made).total()


def victim(make_home: MakeHome, name: str) -> Home:
    """Return an empty home whose collections are there to be killed."""
    if sys.platform != "linux":
        pytest.skip("needs fork")
    return make_home(name, panel={"max_markets": 10}, read_timeout_s=10.0)


def campaigns(make_home: MakeHome, kills: int) -> tuple[int, Tally]:
    """Kill so many collections in home after home, each for a day; return how many, and all."""
    total, homes = Tally(), 0
    while total.kills < kills:
        home = victim(make_home, f"home{homes}")
        total.add(campaign(home, min(KILLS_A_HOME, kills - total.kills), seed=homes))
        homes += 1
    return homes, total


def nothing_amiss(total: Tally) -> None:
    """Check that nothing was lost, partial or there twice, in a campaign that tried."""
    assert (total.lost, total.partial, total.twice) == (0, 0, 0), total
    assert total.told < total.begun, "no collection was cut short"
    assert total.slots
    assert total.trades


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fifty_killed_collections(make_home):
    """After 50 kills, the first of a new home, each slot has all its rows, once, as each trade."""
    _, total = campaigns(make_home, 50)
    nothing_amiss(total)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_thousand_killed_collections(make_home, capsys):
    """The same, a thousand kills long."""
    homes, total = campaigns(make_home, 1000)
    with capsys.disabled():
        sys.stdout.write(f"\n{homes} homes: {total}\n")
    nothing_amiss(total)
