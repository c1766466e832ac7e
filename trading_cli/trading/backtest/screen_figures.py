"""What round trips came to: equity of every instrument, and the figures of each and of all.

A year is 365 days of 24 hourly bars unless told otherwise; NaN is a figure that does not exist.
"""

import math
from dataclasses import dataclass

import numpy as np

from trading_cli.trading.backtest.screen_bracket import Trips
from trading_cli.trading.backtest.screen_surges import Floats, Ints

BARS_A_YEAR = 365 * 24
_BLOCK = 1 << 17  # values worked on at a time: what a core's cache holds


@dataclass(frozen=True, slots=True)
class Figures:
    """What each instrument came to [M], every one with ``opening`` of its own."""

    trades: Ints
    net: Floats
    total_return: Floats
    max_drawdown: Floats
    win_rate: Floats
    profit_factor: Floats


@dataclass(frozen=True, slots=True)
class Totals:
    """What all instruments came to together, each with its opening: one account of all.

    ``sharpe`` is of the changes from bar to bar, times the root of the bars in a year.
    """

    trades: int
    net: float
    total_return: float
    sharpe: float
    max_drawdown: float
    win_rate: float
    profit_factor: float


def equity(prices: Floats, trips: Trips, opening: float) -> Floats:
    """Return what each instrument's account is worth at every bar, [M, S]: cash and units held."""
    held = _steps(trips, np.full(trips.entry.size, trips.units), np.full(trips.entry.size, 0.0))
    paid = trips.units * trips.bought
    cash = _steps(trips, -paid, trips.units * trips.sold - paid)
    held *= _filled(prices)
    cash += held
    cash += opening
    return cash


def figures(prices: Floats, trips: Trips, opening: float) -> Figures:
    """Return trades, result, return, deepest fall, win rate and profit factor of each row [M].

    Open trips count at the last price in result and return, and in nothing else. NaN where there
    was no closed trade, or none that lost. Worked through in blocks of rows.
    """
    rows = trips.shape[0]
    row, closed, net = trips.row, trips.closed, trips.net
    worth = equity(prices, trips, opening)
    deepest = np.empty(rows)
    step = max(1, _BLOCK // max(1, trips.shape[1]))
    for start in range(0, rows, step):
        part = worth[start : start + step]
        peak = np.maximum.accumulate(part, axis=1)
        np.maximum(peak, opening, out=peak)
        np.divide(part, peak, out=peak)
        deepest[start : start + step] = 1 - peak.min(axis=1, initial=1.0)
    won = _by_row(row[closed], np.maximum(net[closed], 0), rows)
    lost = _by_row(row[closed], np.maximum(-net[closed], 0), rows)
    trades = np.bincount(row[closed], minlength=rows)
    wins = np.bincount(row[closed & (net > 0)], minlength=rows)
    total = _by_row(row, net, rows)
    return Figures(trades, total, total / opening, deepest, _over(wins, trades), _over(won, lost))


def _by_row(row: Ints, values: Floats, rows: int) -> Floats:
    return np.bincount(row, weights=values, minlength=rows).astype(np.float64)


def _over(top: Floats | Ints, bottom: Floats | Ints) -> Floats:
    nothing = np.full(top.shape, np.nan)
    found: Floats = np.divide(top, bottom, out=nothing, where=bottom > 0)
    return found


def _filled(prices: Floats) -> Floats:
    """Return *prices* with each gap at the last price seen, 0 before the first."""
    if not np.isnan(prices).any():
        return prices
    seen = np.where(np.isfinite(prices), np.arange(prices.shape[1]), -1)
    last = np.maximum.accumulate(seen, axis=1)
    kept = np.take_along_axis(prices, np.maximum(last, 0), axis=1)
    return np.where(last >= 0, kept, 0.0)


def _steps(trips: Trips, held: Floats, after: Floats) -> Floats:
    """Return [M, S]: the row's running sum of *after* while out, plus *held* while in a trip."""
    rows, steps = trips.shape
    ran = np.cumsum(after)
    before = ran - after
    at_start = np.searchsorted(trips.entry, np.arange(rows) * steps)
    base = np.append(before, ran[-1:] if ran.size else 0.0)[at_start]
    base_of = base[trips.row]
    sold = trips.closed
    at = np.concatenate([np.arange(rows) * steps, trips.entry, trips.exit[sold]])
    level = np.concatenate([np.zeros(rows), before - base_of + held, (ran - base_of)[sold]])
    order = np.argsort(at, kind="stable")
    lengths = np.diff(np.append(at[order], rows * steps))
    return np.repeat(level[order], lengths).reshape(rows, steps)


def totals(
    prices: Floats, trips: Trips, opening: float, *, bars_a_year: float = BARS_A_YEAR
) -> Totals:
    """Return the figures of all instruments as one account of ``M x opening``.

    Open trips count at the last price in result, return, Sharpe and drawdown, in nothing else.
    """
    closed, net = trips.closed, trips.net
    start = opening * trips.shape[0]
    worth = start + gains(prices, trips)
    path = np.concatenate([[start], worth])
    returns = path[1:] / path[:-1] - 1
    spread = returns.std(ddof=1) if returns.size > 1 else 0.0
    sharpe = returns.mean() / spread * math.sqrt(bars_a_year) if spread > 0 else math.nan
    won, lost = net[closed & (net > 0)], net[closed & (net < 0)]
    trades = int(closed.sum())
    return Totals(
        trades,
        float(net.sum()),
        float(net.sum()) / start,
        float(sharpe),
        float((1 - path / np.maximum.accumulate(path)).max()),
        won.size / trades if trades else math.nan,
        float(-won.sum() / lost.sum()) if lost.size else math.nan,
    )


def gains(prices: Floats, trips: Trips) -> Floats:
    """Return what all trips together had won at every bar, open ones at its price, [S]."""
    steps = trips.shape[1]
    paid, closed = trips.units * trips.bought, trips.closed
    cash = np.bincount(trips.entry % steps, weights=-paid, minlength=steps)
    sold = trips.units * trips.sold[closed]
    cash += np.bincount(trips.exit[closed] % steps, weights=sold, minlength=steps)
    length = trips.exit - trips.entry
    first = np.repeat(trips.entry - (np.cumsum(length) - length), length)
    held = first + np.arange(first.size)
    worth = _filled(prices).ravel()[held]
    value = np.bincount(held % steps, weights=worth, minlength=steps)
    total: Floats = np.cumsum(cash) + trips.units * value
    return total
