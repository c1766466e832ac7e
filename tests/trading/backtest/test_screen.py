"""The screen engine is the full engine, trade for trade, on worlds random in everything."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
import random_worlds as wild  # beside this file

from trading_cli.core.errors import UsageError
from trading_cli.domain import from_epoch
from trading_cli.research import measures
from trading_cli.trading.backtest import engine, screen
from trading_cli.trading.backtest.columns import FIRST_SLOT
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.screen_summary import summary
from trading_cli.trading.backtest.screen_world import World
from trading_cli.trading.backtest.tally import Tally
from trading_cli.trading.backtest.worlds import MemoryHistory, plain_market
from trading_cli.trading.strategies.hype_only import HypeOnly
from trading_cli.trading.strategies.roc_only import RocOnly

SAME = (
    "orders", "fills", "entries", "closed", "still_open", "pauses", "killed_at", "traded",
    "grades", "waived",
)  # fmt: skip
BINDING = {
    "position", "event_group", "theme", "category", "sector", "exposure", "cash",
    "trades_per_day", "cool_down", "open_positions", "per_category", "minimum",
}  # fmt: skip
LEFT = {
    "STOP", "TARGET_1", "TARGET_2", "TARGET_3", "TRAILING", "SLOW_3_DAYS", "SLOW_7_DAYS",
    "DEADLINE_7_DAYS", "VOLUME_FADED", "KILL_ALL", "SETTLED",
}  # fmt: skip


def both(seed):
    """Return the full engine's run of one world, what bound in it, and the screen's run."""
    bent = seed % 4 == 3
    past, rules, asked = wild.history(seed, bent=bent), wild.rules(seed), wild.strategies(seed)
    full = engine.Engine(past, rules, asked, Tally(keep=False, trace=True))
    for moment in past.moments():
        full.step(moment)
    world = World(past, wild.bend if bent else None)
    lines = full.tally.lines or ()
    bound = Counter(line.rstrip("\n").rsplit("|", 1)[1] for line in lines)
    bound.update(line.split("|")[5] for line in lines)
    return engine.result_of(full), bound, screen.run(world, rules, asked)


def assert_same(seed, full, found):
    """Fail unless both did the same: orders, fills, ledger, settlements, pauses, equity."""
    for name in SAME:
        assert getattr(found, name) == getattr(full, name), f"world {seed}: {name}"
    for name in ("cash", "liquidation", "mid", "staked"):
        given, expected = getattr(found.equity, name), getattr(full.equity, name)
        np.testing.assert_allclose(given, expected, rtol=0, atol=2e-5, err_msg=f"world {seed}")


@pytest.mark.parametrize("seed", range(16))
def test_the_screen_trades_as_the_full_engine_does(seed):
    """Whatever the prices, the listing and the rules: the same orders, fills, ledger and equity."""
    full, _, found = both(seed)

    assert_same(seed, full, found)


@pytest.mark.nightly
def test_two_hundred_worlds_and_every_limit_binds_somewhere():
    """Two hundred random worlds, the same trades in each; no rule went untried."""
    bound, left, events = Counter(), Counter(), Counter()
    for seed in range(1000, 1200):
        full, rules, found = both(seed)
        assert_same(seed, full, found)
        bound += rules
        left.update(reason for trip in full.closed for reason in trip.reasons)
        events.update(full.pauses)
        events.update({"killed": full.killed_at is not None, "fills": len(full.fills)})

    assert BINDING - set(bound) == set()
    assert LEFT - set(left) == set()
    assert {"day", "week", "month"} <= set(events)
    assert events["killed"] > 5
    assert events["fills"] > 1000
    assert {"PAUSED", "NOT_ARMED", "ALREADY_IN", "FEE_UNKNOWN", "BELOW_MINIMUM"} <= set(bound)


def rising(slots=200, markets=2):
    """Return a history of prices that rise from .4 to .8, flat at both ends."""
    path = np.interp(np.arange(slots), [0, 60, 140, slots], [0.4, 0.4, 0.8, 0.8]).round(3)
    known = [plain_market(number, tags=("Crypto",)) for number in range(markets)]
    return MemoryHistory(known, np.tile(path, (markets, 1)))


def test_a_sweep_gives_its_cells_one_by_one():
    """What is not asked for is not run; a cell of a sweep is the run alone."""
    world = World(rising())
    cells = [
        screen.Cell(f"stop {stop}", replace(Rules(), exits=Rules().exits.model_copy(
            update={"stop": Decimal(stop)})), (RocOnly(),))
        for stop in ("0.05", "0.12", "0.3")
    ]  # fmt: skip
    found = screen.sweep(world, iter(cells))
    cell, run, told = next(found)

    assert cell.name == "stop 0.05"
    assert told.trades == len(run.closed)
    assert told.total_return == pytest.approx(run.equity.at_liquidation[-1] / 10_000 - 1)
    assert run.fills == engine.run(world.history, cell.rules, cell.strategies).fills
    assert run.fills
    assert [one.cell.name for one in found] == ["stop 0.12", "stop 0.3"]


def test_a_payout_in_the_last_slot_is_still_settled():
    """A market paid between the last two slots: the run ends with its cash, not with shares."""
    past = rising(slots=130)
    last = from_epoch(FIRST_SLOT + 129 * 900)
    payouts = {market.id: (last - timedelta(minutes=1), Decimal(1)) for market in past.markets}
    paid = MemoryHistory(past.markets, past.mids, payouts=payouts)
    rules = replace(Rules(), exits=Rules().exits.model_copy(update={"stop": Decimal("0.5")}))
    full, found = (
        engine.run(paid, rules, [RocOnly()]), screen.run(World(paid), rules, [RocOnly()])
    )  # fmt: skip

    assert_same("payout", full, found)
    assert any(trip.reasons[-1] == "SETTLED" for trip in found.closed)


def test_a_deadline_sells_half_and_then_the_rest():
    """A price that stays where it was bought is left at seven days, and at three."""
    path = np.interp(np.arange(96 * 9), [0, 60, 100], [0.4, 0.4, 0.46]).round(3)
    past = MemoryHistory([plain_market(1, days=9)], path[None, :])
    rules = Rules(
        signals=Rules().signals.model_copy(update={"min_days_to_deadline": 0.0}),
        exits=Rules().exits.model_copy(update={"slow_days": (90.0, 99.0)}),
    )
    full, found = engine.run(past, rules, [RocOnly()]), screen.run(World(past), rules, [RocOnly()])

    assert_same("deadline", full, found)
    assert found.closed[0].reasons == ("DEADLINE_7_DAYS", "DEADLINE_3_DAYS")


@pytest.mark.parametrize("slots", [0, 1, 2, 48, 50])
def test_a_world_too_short_for_a_change_trades_nothing(slots):
    """One slot, or just over twelve hours of one price: no trade, equity is the bankroll."""
    past = MemoryHistory([plain_market(1)], np.full((1, slots), 0.5))
    found = screen.run(World(past), Rules(), [RocOnly()])

    assert_same("short", engine.run(past, Rules(), [RocOnly()]), found)
    assert found.equity.at_liquidation.tolist() == [10_000.0] * slots


def test_what_is_not_of_mids_alone_is_refused():
    """A history with prints, and a strategy that reads talk, are for the full engine."""
    past = rising(markets=1)
    printed = MemoryHistory(past.markets, past.mids, prints={0: ()})

    with pytest.raises(UsageError, match="mids alone"):
        World(printed)
    with pytest.raises(UsageError, match="hype_only"):
        screen.run(World(past), Rules(), [HypeOnly()])


def test_a_summary_has_the_numbers_of_the_measures():
    """Sharpe, drawdown and profit factor of a cell are those of research.measures."""
    full, _, found = both(4)
    told = summary(found, float(wild.rules(4).bankroll))
    ends = np.flatnonzero(np.diff(np.append(full.equity.slots // 86_400, np.inf)))
    curve = np.append(float(wild.rules(4).bankroll), full.equity.at_liquidation[ends])
    trades = [
        measures.TradeResult(trip.event_id, float(trip.net), float(trip.cost))
        for trip in full.closed
    ]
    known = {one.name: one.value for one in measures.of_trades(trades, np.random.default_rng(1))}

    assert told.sharpe == pytest.approx(measures.sharpe_ratio(measures.returns_of(curve)), rel=1e-5)
    assert told.max_drawdown == pytest.approx(measures.max_drawdown(curve), rel=1e-5)
    assert told.win_rate == pytest.approx(known["win rate"])
    assert told.profit_factor == pytest.approx(known["profit factor"], nan_ok=True)
