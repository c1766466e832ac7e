"""`monte-carlo` on an account's own trades: what it is made of, and when it says nothing."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from dealt import NOON, SLOT, Dealt  # beside this

from trading_cli.app import montecarlo as drawing
from trading_cli.app import montecarlo_record as record
from trading_cli.app.cycles import Cycle
from trading_cli.app.montecarlo_settings import MonteCarloSection
from trading_cli.app.toolkit import build
from trading_cli.core.errors import UsageError
from trading_cli.domain import Level, Reason
from trading_cli.domain import Position as Held
from trading_cli.store import balances, deals, holdings
from trading_cli.trading import account

PRICES = [("0.42", "0.47"), ("0.42", "0.36"), ("0.42", "0.44"), ("0.42", "0.40")]
DAY = timedelta(days=1)
FEWER = drawing.Asked(runs=500, engine="iid")


def _home(folder, count):
    """Return a home with *count* closed trades, one every 12 hours, booked without ceremony."""
    home = Dealt(folder / "home")
    home.open_account()
    made = home.decide(1)
    home.trade(made, "0.42", at=NOON)
    closed = home.trade(made, "0.40", at=NOON + SLOT, sell=Reason.STOP)
    with home.store() as store, store.transaction() as tx:
        (bought, sold) = deals.dealings(tx, closed)
        for i in range(2, count + 1):
            _copy(tx, closed, bought, sold, i)
    home.clock.set(NOON + count * DAY)
    return home


def _copy(tx, closed: Held, bought, sold, i):
    """Book the trade again as number *i*, in a market of its own, with another result."""
    at = NOON + i * DAY / 2
    names = {"market_id": str(500_000 + i), "event_id": f"e{i // 2}"}
    gain = Decimal(PRICES[i % 4][1]) - Decimal(PRICES[i % 4][0])
    for n, (order, fill) in enumerate((bought, sold)):
        name = account.digest(order.id, i)
        price = Decimal(PRICES[i % 4][n])
        when = at + n * SLOT
        deals.place_order(tx, replace(order, id=f"o{name}", placed_at=when, **names))
        deals.record_fill(
            tx,
            replace(
                fill, id=f"f{name}", order_id=f"o{name}", market_id=names["market_id"],
                price=price, at=when, levels=(Level(price, fill.shares),),
            ),
        )  # fmt: skip
    holdings.save_position(
        tx,
        replace(
            closed, id=f"p{i}", opened_at=at, closed_at=at + SLOT, decision_id="",
            realized=(gain * Decimal("12.5")).quantize(Decimal("0.000001")), **names,
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home with 120 closed trades."""
    return _home(tmp_path_factory.mktemp("mc"), 120)


def _asked(home, **changes):
    return drawing.monte_carlo(home.config, replace(FEWER, **changes), clock=home.clock)


def test_an_empty_home_gets_one_sentence(tmp_path):
    """No database is no error: nothing was traded yet."""
    home = Dealt(tmp_path / "home")
    told = drawing.monte_carlo(home.config)
    assert (told["state"], told["trades"]) == ("INSUFFICIENT", 0)
    assert told["drawdown"] == told["stress"] == []
    assert not home.database.exists()


def test_below_100_trades_no_percentile_is_said(tmp_path):
    """99 trades: the sentence, and not a number."""
    told = _asked(_home(tmp_path, 99))
    assert "99 trades" in told["missing"]
    assert (told["drawdown"], told["ruin"], told["recovery"]) == ([], None, None)


def test_returns_multiply_to_the_account(home):
    """The product of all returns is the equity the ledger's results come to."""
    with home.store() as store, store.reading() as look:
        found = record.trades(look, Decimal(1))
        flows = balances.balances(look)
    assert flows["capital"] == -10_000
    returns = record.record_of(found).returns
    total = 10_000 + sum(one.net for one in found)
    assert 10_000 * np.prod(1 + returns) == pytest.approx(total, rel=1e-12)
    assert np.prod(1 + record.daily(found, returns)) == pytest.approx(total / 10_000, rel=1e-12)
    assert len(record.daily(found, returns)) == 61


def test_costs_and_stakes_are_as_worked_by_hand(home):
    """Bought 12.5 at 0.42 with its fee; half a cent of spread on each share both ways."""
    with home.store() as store, store.reading() as look:
        one = record.trades(look, Decimal(1))[5]
    fee = 12.5 * 0.04 * 0.42 * 0.58
    assert one.paid == pytest.approx(12.5 * 0.42 + fee, abs=1e-4)
    assert one.slippage == pytest.approx(25 * 0.005)
    assert (one.impact, one.shares, one.stated) == (0.0, 12.5, False)
    assert one.chance == pytest.approx(0.415)


@pytest.mark.parametrize(
    ("engine", "unit"),
    [("block", "days"), ("iid", "trades"), ("shuffle", "trades"), ("outcome", "bets")],
)
def test_each_engine_says_its_percentiles_and_errors(home, engine, unit):
    """Percentiles rise, each inside its interval; the ruin has its error; the same seed repeats."""
    told = _asked(home, engine=engine)
    assert (told["state"], told["unit"], told["runs"]) == ("DONE", unit, 500)
    points = [one["point"] for one in told["drawdown"]]
    assert points == sorted(points)
    assert all(one["low"] <= one["point"] <= one["high"] for one in told["drawdown"])
    assert [one["percentile"] for one in told["drawdown"]] == [50, 75, 90, 95, 99]
    assert told["ruin"]["share"]["low"] <= told["ruin"]["share"]["high"]
    assert (told["final"] == []) is (engine == "shuffle")
    assert (told["block_length"] is not None) is (engine == "block")
    assert told["recovery"]["paths"] == 500
    assert told["stress"][0]["name"] == "as recorded"
    assert len(told["stress"]) == 6
    assert told == _asked(home, engine=engine)


def test_one_path_is_no_reason_for_nonsense(home):
    """A single path has no mean with an error, and nothing undefined is told."""
    told = _asked(home, runs=1, engine="iid")
    assert told["mean_final"] is None
    assert json.dumps(told, allow_nan=False)


def test_two_processes_say_the_same(home):
    """Byte for byte, however many work."""
    wish = {"runs": 20_000, "engine": "iid", "seed": 5}
    assert _asked(home, **wish, workers=2) == _asked(home, **wish)


def test_no_edge_is_called_the_price_itself(home):
    """Where no decision stated a probability, the chances are the mids and it says so."""
    told = _asked(home, engine="outcome")
    assert told["odds"] == {"stated": 0, "price": 120}


def test_blocks_need_days(tmp_path):
    """Trades enough, but all within a few days: another engine is named."""
    home = _home(tmp_path, 100)
    with home.store() as store, store.transaction() as tx:
        for one in holdings.positions(tx, every=True):
            soon = NOON + (one.closed_at - NOON) / 10
            moved = replace(one, id=f"{one.id}x", opened_at=soon - SLOT, closed_at=soon)
            holdings.save_position(tx, moved)
    told = _asked(home, engine="block")
    assert told["state"] == "DONE"  # the slow ones are still there
    with home.store() as store, store.reading() as look:
        found = record.trades(look, Decimal(1))[:100]
        few = record.daily(found, record.record_of(found).returns)
    assert 0 < len(few) < 30


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine": "perturb"}, "no backtest run is kept yet"),
        ({"engine": "nonsense"}, "no engine"),
        ({"run": "@last"}, "no backtest run is kept yet"),
        ({"runs": 0}, "--runs 0"),
        ({"seed": -1}, "--seed"),
        ({"workers": 0}, "--workers"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(home, changes, words):
    """A usage error, exit 2, each with its reason."""
    with pytest.raises(UsageError, match=words):
        _asked(home, **changes)


def test_the_settings_say_how_many_and_how():
    """The defaults are those of the settings file."""
    assert MonteCarloSection() == MonteCarloSection(runs=10_000, engine="block")


def test_outcomes_that_exclude_one_another_lieside_by_side():
    """Scaled down where their chances sum to more than 1."""
    spans = record.side_by_side({"a": 0.6, "b": 0.9})
    assert spans["a"] == (0.0, pytest.approx(0.4))
    assert spans["b"] == (pytest.approx(0.4), pytest.approx(1.0))
    assert record.side_by_side({"a": 0.2, "b": 0.3})["b"] == (0.2, 0.5)


def _step(home):
    """Return what the step of the weekly cycle comes to in *home*."""
    with build(home.config, clock=home.clock) as toolkit, home.store() as store:
        cycle = Cycle(toolkit, store, None, home.clock.now(), print, 0.0)
        return drawing.montecarlo_step(cycle)


def test_the_weekly_step_says_the_same_or_why_not(home, tmp_path):
    """SKIPPED with the sentence below 100 trades; else the numbers and the seed of the paths."""
    few = _step(_home(tmp_path, 3))
    assert (few.state, few.numbers) == ("SKIPPED", {"trades": 3})
    assert "cannot contain a loss you have not had" in few.why
    done = _step(home)
    assert (done.state, done.numbers["engine"], done.numbers["runs"]) == ("OK", "block", 10_000)
    assert json.loads(json.dumps(done.numbers))["seed"] == drawing.SEED
