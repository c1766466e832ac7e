"""The bracket rule on arrays is the same as one bar after the other, whatever the prices do."""

import math

import numpy as np
import pytest

from trading_cli.trading.backtest.screen_bracket import Bracket, bracket, sweep
from trading_cli.trading.backtest.screen_figures import equity, figures, totals

QUICK = Bracket(least_change=0.04, least_ratio=1.5, hold=9, bars=4, volume_bars=6)


def world(seed, instruments=7, bars=160, gaps=0.0):
    """Return prices and volumes [M, S] with bursts, some bars without a price."""
    rng = np.random.default_rng(seed)
    burst = rng.random((instruments, bars)) < 0.05
    steps = rng.normal(0, 0.05, burst.shape) + burst * rng.normal(0.2, 0.3, burst.shape)
    prices = np.round(1 / (1 + np.exp(-np.cumsum(steps, axis=1) * 0.9)), 3).clip(0.01, 0.99)
    volumes = np.round(rng.lognormal(6, 0.5, burst.shape) * np.where(burst, 5, 1), 2)
    prices[rng.random(prices.shape) < gaps] = np.nan
    return prices, volumes


def entered(prices, volumes, bar, rules):
    """Return whether the rule may enter at *bar* of one instrument."""
    if bar < max(rules.bars, rules.volume_bars):
        return False
    mean = math.fsum(volumes[bar - rules.volume_bars : bar]) / rules.volume_bars
    change = prices[bar] / prices[bar - rules.bars] - 1
    return change > rules.least_change and volumes[bar] / mean > rules.least_ratio


def bar_by_bar(prices, volumes, rules):
    """Return (row, entry, exit or None) of every trip, and equity without opening [M, S]."""
    trips, worth = [], np.zeros(prices.shape)
    for row, (price, volume) in enumerate(zip(prices, volumes, strict=True)):
        cash, held, bought, since, last = 0.0, 0.0, 0.0, 0, 0.0
        for bar, now in enumerate(price):
            last = last if math.isnan(now) else now
            if held and not math.isnan(now):
                low, high = now <= bought * (1 - rules.stop), now >= bought * (1 + rules.target)
                if low or high or bar - since >= rules.hold:
                    cash, held = cash + held * now * (1 - rules.slippage), 0.0
                    trips.append((row, since, bar))
            elif not held and entered(price, volume, bar, rules):
                bought, since, held = now * (1 + rules.slippage), bar, rules.units
                cash -= held * bought
            worth[row, bar] = cash + held * last
        if held:
            trips.append((row, since, None))
    return trips, worth


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_arrays_trade_as_one_bar_after_the_other(gaps):
    """Twenty random worlds, with and without gaps: the same trips, the same equity."""
    closed = still_open = 0
    for seed in range(20):
        prices, volumes = world(seed, gaps=gaps)
        expected, worth = bar_by_bar(prices, volumes, QUICK)
        trips = bracket(prices, volumes, QUICK)
        steps = prices.shape[1]
        found = [
            (row, entry % steps, left % steps if sold else None)
            for row, entry, left, sold in zip(
                trips.row.tolist(), trips.entry.tolist(), trips.exit.tolist(),
                trips.closed.tolist(), strict=True,
            )
        ]  # fmt: skip
        assert found == expected
        np.testing.assert_allclose(equity(prices, trips, 50.0), worth + 50.0, atol=1e-9)
        closed += sum(trip[2] is not None for trip in found)
        still_open += sum(trip[2] is None for trip in found)
    assert closed > 500
    assert still_open > 5


def test_figures_are_those_of_each_instrument():
    """Trades, result, return, deepest fall, win rate and profit factor, from the bars' equity."""
    prices, volumes = world(3)
    trips, worth = bracket(prices, volumes, QUICK), bar_by_bar(prices, volumes, QUICK)[1]
    found = figures(prices, trips, 1000.0)
    path = np.concatenate([np.full((len(prices), 1), 1000.0), worth + 1000.0], axis=1)
    deepest = (1 - path / np.maximum.accumulate(path, axis=1)).max(axis=1)

    np.testing.assert_allclose(found.max_drawdown, deepest, atol=1e-12)
    np.testing.assert_allclose(found.total_return, path[:, -1] / 1000 - 1, atol=1e-12)
    for row in range(len(prices)):
        net = trips.net[(trips.row == row) & trips.closed]
        assert found.trades[row] == net.size
        assert found.win_rate[row] == pytest.approx((net > 0).mean())
        lost = -net[net < 0].sum()
        factor = net[net > 0].sum() / lost if lost else math.nan
        assert found.profit_factor[row] == pytest.approx(factor, nan_ok=True)


def test_totals_are_the_sum_of_the_instruments():
    """One account of all: its equity is the sum, its figures follow from it."""
    prices, volumes = world(5, gaps=0.05)
    trips = bracket(prices, volumes, QUICK)
    found, path = totals(prices, trips, 100.0), equity(prices, trips, 100.0).sum(axis=0)
    path = np.concatenate([[700.0], path])
    returns = path[1:] / path[:-1] - 1

    assert found.net == pytest.approx(path[-1] - 700)
    assert found.max_drawdown == pytest.approx((1 - path / np.maximum.accumulate(path)).max())
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(8760))


def test_a_cell_of_a_sweep_is_the_run_alone():
    """What the cells share changes none of them."""
    prices, volumes = world(8)
    grid = [
        Bracket(least_change=change, least_ratio=1.5, stop=stop, target=target, hold=9, bars=4,
                volume_bars=6)
        for change in (0.04, 0.1) for stop in (0.05, 0.12) for target in (0.1, 0.3)
    ]  # fmt: skip
    for rules, trips in zip(grid, sweep(prices, volumes, grid), strict=True):
        alone = bracket(prices, volumes, rules)
        assert trips.entry.tolist() == alone.entry.tolist()
        assert trips.exit.tolist() == alone.exit.tolist()


def test_a_ratio_of_exactly_the_threshold_is_no_surge():
    """811.75 of volume is twice the mean of these 24 hours: not more, however it is summed."""
    before = [405.87] * 12 + [405.88] * 12
    volumes = np.array([[*before, 811.75]])
    prices = np.array([[0.4] * 24 + [0.5]])
    at_two, below = Bracket(least_ratio=2.0), Bracket(least_ratio=1.9999)

    assert bracket(prices, volumes, at_two).entry.size == 0
    assert bracket(prices, volumes, below).entry.size == 1


@pytest.mark.parametrize("bars", [0, 3, 30])
def test_a_history_too_short_trades_nothing(bars):
    """No bars, or fewer than the windows need: no trips, no error."""
    trips = bracket(np.full((2, bars), 0.5), np.ones((2, bars)), Bracket())

    assert trips.entry.size == 0
    assert math.isnan(figures(np.full((2, bars), 0.5), trips, 10.0).win_rate[0])


def test_shapes_that_differ_are_refused():
    """Prices and volumes of different markets are no world."""
    with pytest.raises(ValueError, match="one shape"):
        bracket(np.ones((2, 5)), np.ones((2, 6)), Bracket())
    with pytest.raises(ValueError, match="sweep each apart"):
        list(sweep(np.ones((1, 5)), np.ones((1, 5)), [Bracket(), QUICK]))
