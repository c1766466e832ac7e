"""What a track record measures, each number with an interval and the method named beside it.

Two inputs. The equity curve gives return, Sharpe, Sortino, drawdown, Calmar: ``equity`` [n + 1],
one value per day, the opening value first. The closed trades give win rate, profit factor,
expectancy, average win and loss, clustered by event. Conventions: a year has 365 days; no
riskless rate; deviations are the sample's (n - 1); the downside deviation is √(mean of min(r, 0)²)
over all days; drawdown is the fall from the highest value so far as a share of it. Intervals are
95 % unless asked otherwise. NaN is a number that does not exist; ``missing`` says why.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # type: ignore[import-untyped]  # it ships no stubs

from trading_cli.research.block_bootstrap import stationary_places
from trading_cli.research.blocks import block_lengths
from trading_cli.research.clustered import clustered_mean, codes, resampled
from trading_cli.research.sharpe import moments, standard_error
from trading_cli.research.track_record import LEAST_EVENTS, LEVEL, wilson

Floats = NDArray[np.float64]

YEAR = 365
LEAST_DAYS = 30
DRAWS = 2000
_NAN = math.nan


@dataclass(frozen=True, slots=True)
class Measure:
    """One number: value, interval, what it was made of and how the interval was made.

    ``method`` is "stationary bootstrap", "cluster bootstrap", "Mertens", "Wilson", "cluster t" or
    "exact" (a fact, no interval). low and high are NaN where there is no interval; ``missing``
    then says why, INSUFFICIENT first where it is for want of data.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    unit: str
    method: str
    missing: str = ""


@dataclass(frozen=True, slots=True)
class TradeResult:
    """One closed trade: its event, the net result and the all-in cost, same currency."""

    event: Hashable
    net: float
    paid: float


# ---- paths: [..., n + 1] equity, first value the opening one; the answers are [...]


def drawdowns(equity: ArrayLike) -> Floats:
    """Return the fall from the highest value so far, as a share of it [..., n + 1]."""
    x = np.asarray(equity, float)
    peak = np.maximum.accumulate(x, axis=-1)
    fall: Floats = 1 - x / peak
    return fall


def max_drawdown(equity: ArrayLike) -> Floats:
    """Return the deepest fall, 0 where it never falls."""
    deepest: Floats = drawdowns(equity).max(axis=-1)
    return deepest


def ulcer_index(equity: ArrayLike) -> Floats:
    """Return √(mean of drawdown²) over all values, the opening one included (Martin 1987)."""
    index: Floats = np.sqrt((drawdowns(equity) ** 2).mean(axis=-1))
    return index


def annual_return(returns: ArrayLike, year: int = YEAR) -> Floats:
    """Return the compounded growth a year of daily returns [..., n]; -1 after ruin."""
    x = np.asarray(returns, float)
    with np.errstate(divide="ignore"):
        log = np.log1p(np.maximum(x, -1.0)).mean(axis=-1)
    growth: Floats = np.expm1(np.minimum(log * year, 700.0))
    return growth


def sharpe_ratio(returns: ArrayLike, year: int = YEAR) -> Floats:
    """Return mean over sample deviation of returns [..., n], times √year; NaN without spread."""
    x = np.asarray(returns, float)
    return _ratio(x.mean(axis=-1), x.std(axis=-1, ddof=1)) * math.sqrt(year)


def sortino_ratio(returns: ArrayLike, year: int = YEAR) -> Floats:
    """Return mean over downside deviation, times √year; NaN where no return is below 0."""
    x = np.asarray(returns, float)
    downside = np.sqrt((np.minimum(x, 0.0) ** 2).mean(axis=-1))
    return _ratio(x.mean(axis=-1), downside) * math.sqrt(year)


def calmar_ratio(returns: ArrayLike, year: int = YEAR) -> Floats:
    """Return the annual return over the deepest fall; NaN where it never falls."""
    x = np.asarray(returns, float)
    return _ratio(annual_return(x, year), max_drawdown(compounded(x)))


def compounded(returns: ArrayLike) -> Floats:
    """Return the equity from 1 of returns [..., n] -> [..., n + 1]."""
    x = np.asarray(returns, float)
    opening = np.ones((*x.shape[:-1], 1))
    path: Floats = np.concatenate([opening, np.cumprod(1 + x, axis=-1)], axis=-1)
    return path


def _ratio(over: ArrayLike, under: ArrayLike) -> Floats:
    top, bottom = np.asarray(over, float), np.asarray(under, float)
    there = bottom > 1e-15 * (1 + np.abs(top))
    found: Floats = np.divide(top, bottom, out=np.full(top.shape, _NAN), where=there)
    return found


def returns_of(equity: ArrayLike) -> Floats:
    """Return the daily returns [n] of equity [n + 1]. Raises ValueError unless finite and > 0."""
    x = np.asarray(equity, float)
    if x.ndim != 1 or not x.size or not np.isfinite(x).all() or (x <= 0).any():
        raise ValueError("equity: one row of finite values above 0, the opening one first.")
    found: Floats = x[1:] / x[:-1] - 1
    return found


_PATHS = (
    ("annual return", annual_return, "share a year"),
    ("Sortino", sortino_ratio, "a year"),
    ("max drawdown", lambda returns, _year: max_drawdown(compounded(returns)), "share"),
    ("Calmar", calmar_ratio, "a year"),
)


def of_equity(
    equity: ArrayLike,
    rng: np.random.Generator,
    *,
    year: int = YEAR,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> list[Measure]:
    """Return the measures of a curve of daily values: total return first, then those of a year.

    Intervals by the stationary bootstrap of the daily returns with Politis and White's length,
    percentiles of *draws*; Sharpe's by Mertens. Below 30 days there is no interval. *year*: how
    many steps make one.
    """
    x = np.asarray(equity, float)
    returns = returns_of(x)
    n = returns.size
    total = float(x[-1] / x[0] - 1)
    if n < 2:  # noqa: PLR2004  # nothing varies
        why = f"INSUFFICIENT: {n} of {LEAST_DAYS} days"
        names = [("total return", "share", total), ("Sharpe", "a year", _NAN)]
        names += [(name, unit, _NAN) for name, _, unit in _PATHS]
        return [
            Measure(name, value, _NAN, _NAN, n, unit, "exact", why) for name, unit, value in names
        ]
    enough = n >= LEAST_DAYS
    drawn = None
    if enough:
        length = block_lengths(returns).stationary
        drawn = returns[stationary_places(n, length, draws, rng)]
    found = [_drawn("total return", total, "share", n, level,
                    None if drawn is None else compounded(drawn)[:, -1] - 1),
             _sharpe(returns, year, level)]  # fmt: skip
    for name, measure, unit in _PATHS:
        sample = None if drawn is None else measure(drawn, year)
        found.append(_drawn(name, float(measure(returns, year)), unit, n, level, sample))
    return found


def _drawn(  # a measure's parts
    name: str, value: float, unit: str, n: int, level: float, sample: Floats | None
) -> Measure:
    low, high, why = _NAN, _NAN, ""
    if math.isnan(value):
        why = "it does not exist: nothing was lost" if n else "nothing to measure"
    elif sample is None:
        why = f"INSUFFICIENT: {n} of {LEAST_DAYS} days for an interval"
    else:
        low, high, why = _percentiles(sample, level)
    return Measure(name, value, low, high, n, unit, "stationary bootstrap", why)


def _percentiles(sample: Floats, level: float) -> tuple[float, float, str]:
    """Return the middle *level* of *sample*, NaN where more than a tail of it does not exist."""
    there = sample[np.isfinite(sample)]
    lost = 1 - there.size / sample.size
    if lost > (1 - level) / 2:
        return _NAN, _NAN, f"it does not exist in {100 * lost:.1f} % of the redrawings"
    low, high = np.quantile(there, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high), ""


def _sharpe(returns: Floats, year: int, level: float) -> Measure:
    found = moments(returns)
    root, n = math.sqrt(year), returns.size
    value = found.sharpe * root
    if math.isnan(value):
        return Measure("Sharpe", _NAN, _NAN, _NAN, n, "a year", "Mertens", "returns do not vary")
    if n < LEAST_DAYS:
        why = f"INSUFFICIENT: {n} of {LEAST_DAYS} days for an interval"
        return Measure("Sharpe", value, _NAN, _NAN, n, "a year", "Mertens", why)
    error = standard_error(found.sharpe, n, found.skew, found.kurtosis)
    half = float(special.ndtri((1 + level) / 2)) * error * root
    return Measure("Sharpe", value, value - half, value + half, n, "a year", "Mertens")


def of_trades(
    trades: Sequence[TradeResult],
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> list[Measure]:
    """Return win rate, profit factor, expectancy, and the mean win and loss of closed trades.

    win rate       share of events with a net result above 0 (Wilson): an event is one bet
    net per event  mean of net over cost, event by event (cluster t)
    profit factor  what the winning trades won over what the losing ones lost (cluster bootstrap)
    expectancy     mean net result of a trade, in money (cluster t)
    mean win, mean loss  per trade, in money (cluster bootstrap)

    Below 30 events values stand without an interval. Raises ValueError for a trade without cost.
    """
    if any(not (math.isfinite(one.net) and one.paid > 0) for one in trades):
        raise ValueError("each trade needs a finite result and a cost above 0.")
    of, events = codes([one.event for one in trades])
    net = np.array([one.net for one in trades], float)
    by_event = np.bincount(of, weights=net, minlength=events)
    paid = np.bincount(of, weights=[one.paid for one in trades], minlength=events)
    enough = events >= LEAST_EVENTS
    short = "" if enough else f"INSUFFICIENT: {events} of {LEAST_EVENTS} events for an interval"
    wins = int((by_event > 0).sum())
    low, high = wilson(wins, events, level)[1:] if enough else (_NAN, _NAN)
    rate = wins / events if events else _NAN
    each = clustered_mean(by_event / paid if events else [], level=level)
    trade = clustered_mean(net, of.tolist(), level)
    found = [Measure("win rate", rate, low, high, events, "share of events", "Wilson", short)]
    for name, one, n, unit in (
        ("net per event", each, events, "share of cost"),
        ("expectancy", trade, net.size, "money a trade"),
    ):
        ends = (one.low, one.high) if enough else (_NAN, _NAN)
        found.append(Measure(name, one.point, *ends, n, unit, "cluster t", short))
    return found + _won_and_lost(net, of, events, short, rng, draws, level)


def _won_and_lost(  # the parts of of_trades
    net: Floats,
    of: NDArray[np.intp],
    events: int,
    short: str,
    rng: np.random.Generator,
    draws: int,
    level: float,
) -> list[Measure]:
    columns = np.array([np.maximum(net, 0), np.maximum(-net, 0), net > 0, net < 0], float)
    sums = np.array([np.bincount(of, weights=one, minlength=events) for one in columns])
    drawn = None if short else resampled(events, draws, rng) @ sums.T
    whole = sums.sum(axis=1)
    found = []
    for name, over, under, unit, lacking in (
        ("profit factor", 0, 1, "ratio", "no trade lost"),
        ("mean win", 0, 2, "money a trade", "no trade won"),
        ("mean loss", 1, 3, "money a trade", "no trade lost"),
    ):
        value = float(_ratio(whole[over], whole[under]))
        low, high, why = _NAN, _NAN, short
        if math.isnan(value):
            why = lacking if net.size else "no trade"
        elif drawn is not None:
            low, high, why = _percentiles(_ratio(drawn[:, over], drawn[:, under]), level)
        found.append(Measure(name, value, low, high, net.size, unit, "cluster bootstrap", why))
    return found


def turnover(traded: float, equity: ArrayLike, year: int = YEAR) -> Measure:
    """Return what was bought and sold in a year over the mean equity; a fact, no interval.

    *traded*: USD of all fills, both sides; *equity* [n + 1] by day.
    """
    x = np.asarray(equity, float)
    days, mean = x.size - 1, float(x.mean()) if x.size else _NAN
    value = traded / mean * year / days if days > 0 and mean > 0 else _NAN
    why = "" if math.isfinite(value) else "no equity"
    return Measure("turnover", value, _NAN, _NAN, max(days, 0), "times a year", "exact", why)


def exposure(staked: ArrayLike, equity: ArrayLike) -> list[Measure]:
    """Return the mean and the largest share of equity at stake, and the share of time with any.

    *staked* and *equity* [n] at evenly spaced instants, the more the truer, same currency; a fact,
    no interval.
    """
    at_stake, x = np.asarray(staked, float), np.asarray(equity, float)
    if at_stake.shape != x.shape or (x <= 0).any():
        raise ValueError("staked and equity: one value an instant each, equity above 0.")
    n = x.size
    share = at_stake / x
    numbers = (share.mean(), share.max(), (at_stake > 0).mean()) if n else (_NAN, _NAN, _NAN)
    names = ("mean exposure", "largest exposure", "time at stake")
    why = "" if n else "no day of equity"
    return [
        Measure(name, float(value), _NAN, _NAN, n, "share", "exact", why)
        for name, value in zip(names, numbers, strict=True)
    ]


def locked_return(price: float, days: float, year: int = YEAR) -> float:
    """Return what a certain 1 bought at *price* earns a year if it is locked for *days*.

    (1/price)^(year/days) - 1. Raises ValueError unless 0 < price <= 1 and days > 0.
    """
    if not (0 < price <= 1 and days > 0):
        raise ValueError(f"a price of {price:g} locked for {days:g} days earns nothing.")
    return float((1 / price) ** (year / days) - 1)
