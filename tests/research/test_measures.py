"""The measures of a track record: conventions, intervals, and what does not exist."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.research import measures
from trading_cli.research.measures import TradeResult

EQUITY = [100, 110, 105, 120, 90, 95, 130, 117, 125]


def _rng():
    return np.random.default_rng(7)


def _named(found):
    return {one.name: one for one in found}


def test_the_curve_of_nine_values():
    """Golden of statistics.md §8: deepest fall .25, mean fall, ulcer index."""
    assert measures.max_drawdown(EQUITY) == pytest.approx(0.25, rel=1e-12)
    assert measures.drawdowns(EQUITY).mean() == pytest.approx(0.0713610464, rel=1e-9)
    assert measures.ulcer_index(EQUITY) == pytest.approx(0.1152042550, rel=1e-9)


def test_ratios_by_hand():
    """+1 %, -1 %, +2 %, 0: mean .5 %, sample deviation, downside over all four days."""
    r = np.array([0.01, -0.01, 0.02, 0.0])
    deviation = math.sqrt(((r - 0.005) ** 2).sum() / 3)
    assert measures.sharpe_ratio(r, 365) == pytest.approx(0.005 / deviation * math.sqrt(365))
    assert measures.sortino_ratio(r, 365) == pytest.approx(0.005 / 0.005 * math.sqrt(365))
    total = 1.01 * 0.99 * 1.02
    assert measures.annual_return(r, 4) == pytest.approx(total - 1)
    assert measures.calmar_ratio(r, 4) == pytest.approx((total - 1) / 0.01)


def test_a_year_of_days_has_every_number_and_its_interval():
    """365 days: six measures, each within its interval, each with its method."""
    r = np.random.default_rng(3).normal(0.001, 0.01, 365)
    found = measures.of_equity(10_000 * measures.compounded(r), _rng())
    named = _named(found)
    assert list(named) == [
        "total return", "Sharpe", "annual return", "Sortino", "max drawdown", "Calmar"
    ]  # fmt: skip
    for one in found:
        assert one.low < one.value < one.high, one
        assert one.n == 365
        assert one.missing == ""
        assert one.method == ("Mertens" if one.name == "Sharpe" else "stationary bootstrap")
    assert named["Sharpe"].value == pytest.approx(measures.sharpe_ratio(r))
    assert named["total return"].value == pytest.approx(named["annual return"].value)


def test_the_same_seed_gives_the_same_numbers():
    """Deterministic: the Generator is an argument."""
    r = np.random.default_rng(3).normal(0.001, 0.01, 90)
    curve = measures.compounded(r)
    assert measures.of_equity(curve, _rng()) == measures.of_equity(curve, _rng())


def test_few_days_have_no_interval():
    """Below 30 days the value stands alone, INSUFFICIENT said; one day has only its return."""
    curve = measures.compounded(np.random.default_rng(3).normal(0.001, 0.01, 29))
    for one in measures.of_equity(curve, _rng()):
        assert math.isnan(one.low)
        assert one.missing.startswith("INSUFFICIENT: 29 of 30 days")
    alone = _named(measures.of_equity([100, 101], _rng()))
    assert alone["total return"].value == pytest.approx(0.01)
    assert math.isnan(alone["Sharpe"].value)
    assert math.isnan(alone["Calmar"].value)


def test_a_curve_that_never_falls_has_no_calmar():
    """NaN with a sentence, never infinity."""
    named = _named(measures.of_equity(measures.compounded([0.01, 0.02] * 20), _rng()))
    for name in ("Sortino", "Calmar"):
        assert math.isnan(named[name].value)
        assert "nothing was lost" in named[name].missing
    flat = _named(measures.of_equity([100.0] * 40, _rng()))
    assert math.isnan(flat["Sharpe"].value)
    assert flat["max drawdown"].value == 0


def test_the_interval_of_the_sharpe_ratio_covers_what_it_says():
    """Mertens over 400 records of 250 skewed days: about 95 % hold the truth."""
    rng = np.random.default_rng(5)
    held, truth = 0, 0.1 * math.sqrt(365)
    for _ in range(400):
        r = 0.001 * (0.1 - (rng.exponential(1, 250) - 1))
        one = _named(measures.of_equity(measures.compounded(r), rng, draws=2))["Sharpe"]
        held += one.low <= truth <= one.high
    assert held / 400 == pytest.approx(0.95, abs=0.035)


def test_trades_by_hand():
    """Four events; one has two trades that together lost."""
    trades = [
        TradeResult("a", 10, 100), TradeResult("b", -5, 100), TradeResult("c", 10, 50),
        TradeResult("c", -20, 50), TradeResult("d", 5, 100),
    ]  # fmt: skip
    named = _named(measures.of_trades(trades, _rng()))
    assert named["win rate"].value == 0.5
    assert named["win rate"].n == 4
    assert named["net per event"].value == pytest.approx((0.1 - 0.05 - 0.1 + 0.05) / 4)
    assert named["expectancy"].value == 0
    assert named["profit factor"].value == 1
    assert named["mean win"].value == pytest.approx(25 / 3)
    assert named["mean loss"].value == pytest.approx(12.5)
    assert all("4 of 30 events" in one.missing for one in named.values())


def test_enough_events_have_intervals():
    """A hundred events of two trades each; win rate by Wilson of events, not of trades."""
    rng = np.random.default_rng(2)
    trades = [
        TradeResult(place // 2, float(net), 10.0) for place, net in enumerate(rng.normal(1, 5, 200))
    ]
    found = measures.of_trades(trades, _rng())
    for one in found:
        assert one.low < one.value < one.high, one
    won = _named(found)["win rate"]
    assert won.n == 100
    assert won.high - won.low == pytest.approx(0.19, abs=0.02)


def test_only_winners_have_no_profit_factor():
    """Nothing lost: NaN and the reason; no trade at all the same."""
    won = _named(measures.of_trades([TradeResult(i, 1.0, 10.0) for i in range(40)], _rng()))
    assert math.isnan(won["profit factor"].value)
    assert won["profit factor"].missing == "no trade lost"
    assert won["win rate"].value == 1
    assert won["win rate"].low < 1
    none = _named(measures.of_trades([], _rng()))
    assert all(math.isnan(one.value) for one in none.values())
    with pytest.raises(ValueError, match="cost above 0"):
        measures.of_trades([TradeResult("a", 1, 0)], _rng())


def test_turnover_and_exposure_are_facts():
    """730 traded on 100 of equity in ten days is 266 times a year."""
    assert measures.turnover(730, [100] * 11).value == pytest.approx(266.45)
    assert math.isnan(measures.turnover(0, [100]).value)
    named = _named(measures.exposure([0, 10, 20, 0], [100, 100, 100, 100]))
    assert named["mean exposure"].value == pytest.approx(0.075)
    assert named["largest exposure"].value == pytest.approx(0.2)
    assert named["time at stake"].value == 0.5
    assert math.isnan(measures.exposure([], [])[0].value)
    with pytest.raises(ValueError, match="one value an instant"):
        measures.exposure([1], [1, 2])


@pytest.mark.parametrize("curve", [[], [100, -1], [100, math.nan], [[1, 2]]])
def test_what_is_no_curve_is_refused(curve):
    """Empty, ruined below 0, NaN, a table."""
    with pytest.raises(ValueError, match="above 0"):
        measures.returns_of(curve)


@given(r=st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=50), scale=st.floats(0.01, 1000))
def test_the_unit_of_money_does_not_matter(r, scale):
    """Whatever the curve, its multiple has the same drawdown, in [0, 1]."""
    curve = measures.compounded(r)
    fall = float(measures.max_drawdown(curve))
    assert 0 <= fall < 1
    assert float(measures.max_drawdown(curve * scale)) == pytest.approx(fall, abs=1e-9)


@pytest.mark.parametrize(
    ("price", "days", "earned"), [(0.95, 60, 0.3662), (0.98, 90, 0.0854), (0.99, 180, 0.0206)]
)
def test_what_locked_capital_earns(price, days, earned):
    """statistics.md §5: the opportunity cost of waiting for a settlement."""
    assert measures.locked_return(price, days) == pytest.approx(earned, abs=5e-5)
    with pytest.raises(ValueError, match="locked"):
        measures.locked_return(0, days)
