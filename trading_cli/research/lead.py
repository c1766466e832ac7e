"""Does the talk about a market lead its price, does the price lead the talk, or neither.

Per market and direction: each lag of the other series alone beside the own lags (chosen by BIC),
t by HC1; Simes over the lags gives one p. Where a series is not clearly stationary the weaker of
that and of Toda and Yamamoto's test in levels counts: the one is not made for levels, the other
takes bursts of volatility for direction. Beside it all that could make the finding an artefact:
the lags together (F, HC1, HAC), the category index as a control, circular shifts, out of sample.
"Leads" is predictive, not cause.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from trading_cli.research import granger, hourly, stationarity
from trading_cli.research import least_squares as ls
from trading_cli.research.many_tests import simes
from trading_cli.research.out_of_sample import OutOfSample, clark_west
from trading_cli.research.single_lags import alone, own_lags

Floats = NDArray[np.float64]

LEAST_HOURS = 200
LEAST_COVERAGE = 0.80
LEAST_MOVES = 30
MAX_LAG = 24
ALPHA = 0.05
LEAST_SHIFT = 24
LEAST_SHIFTS = 100
CHUNK = 256
INDEX_LAGS = 4
LEAST_OTHERS = 2
LEAST_INDEXED = 0.9
JOINT_LAGS = (24, 12, 6, 3, 2, 1)
NAN = float("nan")
BATCH = 16  # markets that another process is handed at once: a second of work
SINGLE, WEAKER = "single lags", "weaker with Toda-Yamamoto"


@dataclass(frozen=True, slots=True)
class Market:
    """One market on the common grid of hour ends: hype [T] and the price's log-odds [T], or NaN.

    ``price`` and ``cost`` (cents a share to go in and out) turn an effect into money.
    """

    id: str
    event: str
    category: str
    hype: Floats
    level: Floats
    price: float = NAN
    cost: float = NAN


@dataclass(frozen=True, slots=True)
class Rules:
    """What is tried: lags 1 .. max_lag; and the grid's first end (epoch).

    ``shifted``: with circular shifts where p is .05 or less; ``beside``: also what only stands
    beside the verdict (the lags together, out of sample).
    """

    max_lag: int = MAX_LAG
    first_end: float = 0.0
    shifted: bool = True
    beside: bool = True


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of one market: ``p`` is the one p, ``lag`` where the smallest lies.

    ``b`` is the change of the target per unit of the other, ``effect`` per standard deviation of
    it; ``r`` the partial correlation at that lag. What was not tried or does not exist is NaN.
    """

    p: float = NAN
    lag: int = 0
    b: float = NAN
    t: float = NAN
    r: float = NAN
    effect: float = NAN
    by_lag: tuple[float, ...] = ()
    own: int = 0
    rows: int = 0
    method: str = SINGLE
    joint: granger.Joint | None = None
    toda_yamamoto: float = NAN
    conditional: float = NAN
    conditional_r: float = NAN
    shift: float = NAN


@dataclass(frozen=True, slots=True)
class Examined:
    """All about one market; ``insufficient`` says what is missing ("" : nothing)."""

    id: str
    event: str
    category: str
    hours: int
    coverage: float
    insufficient: str = ""
    forward: Direction = field(default_factory=Direction)
    reverse: Direction = field(default_factory=Direction)
    same_hour: float = NAN
    same_hour_p: float = NAN
    hype_state: str = ""
    price_state: str = ""
    out_of_sample: float = NAN
    clark_west: float = NAN
    gross_cents: float = NAN
    net_cents: float = NAN


Pairs = Sequence[tuple[Market, Floats]]
Each = Callable[[Callable[[Pairs], list[Examined]], Iterable[Pairs]], Iterable[list[Examined]]]


def rolled(series: Floats, shifts: NDArray[np.intp]) -> Floats:
    """Return *series* [T] shifted in a circle by each of *shifts* [S]: [S, T]."""
    length = series.shape[-1]
    found: Floats = series[(np.arange(length)[None, :] - shifts[:, None]) % length]
    return found


def examine(markets: Sequence[Market], rules: Rules, each: Each = map) -> list[Examined]:
    """Return what is found of each market, in their order; the p-values are not yet adjusted.

    *each* maps a picklable function over batches of markets, keeping their order.
    """
    pairs = list(zip(markets, category_indices(markets), strict=True))
    batches = [pairs[first : first + BATCH] for first in range(0, len(pairs), BATCH)]
    return [one for found in each(partial(_batch, rules), batches) for one in found]


def _batch(rules: Rules, pairs: Pairs) -> list[Examined]:
    return [_examined(market, index, rules) for market, index in pairs]


def category_indices(markets: Sequence[Market]) -> list[Floats]:
    """Return for each market the mean of its category's other events' standardised changes [T].

    Other events only: outcomes of one event move together by arithmetic. NaN where fewer than two
    other markets are known.
    """
    steps = [hourly.changes(market.level) for market in markets]
    spreads = [float(np.nanstd(one)) if np.isfinite(one).any() else 0.0 for one in steps]
    units = [one / sd if sd > 0 else np.full(one.shape, np.nan) for one, sd in zip(
        steps, spreads, strict=True)]  # fmt: skip
    sums: dict[str, list[Floats]] = {}
    for market, unit in zip(markets, units, strict=True):
        for key in (market.category, f"{market.category}\0{market.event}"):
            held = sums.setdefault(key, [np.zeros(unit.shape), np.zeros(unit.shape)])
            held[0] = held[0] + np.nan_to_num(unit)
            held[1] = held[1] + np.isfinite(unit)
    found = []
    for market in markets:
        total, count = sums[market.category]
        own_total, own_count = sums[f"{market.category}\0{market.event}"]
        others = count - own_count
        found.append(
            np.divide(
                total - own_total, others,
                out=np.full(total.shape, np.nan), where=others >= LEAST_OTHERS,
            )
        )  # fmt: skip
    return found


def missing(market: Market) -> tuple[str, int, float]:
    """Return what is missing ("" : nothing), the hours that count, and their share of the span."""
    step = hourly.changes(market.level)
    both = np.isfinite(market.hype) & np.isfinite(step)
    hours = int(both.sum())
    if hours == 0:
        return f"0 of {LEAST_HOURS} hours with hype and a price before and after", 0, 0.0
    places = np.flatnonzero(both)
    coverage = hours / (places[-1] - places[0] + 1)
    moves = int((step[both] != 0).sum())
    why = ""
    if hours < LEAST_HOURS:
        why = f"{hours} of {LEAST_HOURS} hours with hype and a price before and after"
    elif coverage < LEAST_COVERAGE:
        why = f"{coverage:.0%} of the hours are there, needs {LEAST_COVERAGE:.0%}"
    elif moves < LEAST_MOVES:
        why = f"the price moved in {moves} hours, needs {LEAST_MOVES}"
    elif float(np.ptp(market.hype[both])) == 0:
        why = "hype did not vary"
    return why, hours, coverage


def _examined(market: Market, index: Floats, rules: Rules) -> Examined:
    why, hours, coverage = missing(market)
    start = Examined(market.id, market.event, market.category, hours, coverage, why)
    if why:
        return start
    x, spent_x = hourly.without_hours(market.hype, rules.first_end)
    y, spent_y = hourly.without_hours(hourly.changes(market.level), rules.first_end)
    states = stationarity.judge(x).state, stationarity.judge(y).state
    levels = (market.hype, market.level)
    sure = states == (stationarity.STATIONARY,) * 2
    control = _control(index, x, y)
    forward = _direction(x, y, levels, rules, spent_y, control, sure=sure)
    reverse = _direction(y, x, levels[::-1], rules, spent_x, None, sure=sure)
    if rules.shifted and forward.p <= ALPHA:
        forward = replace(forward, shift=_shifted(x, y, forward, spent_y))
    both = np.isfinite(x) & np.isfinite(y)
    now = alone(x, y, own=forward.own, lags=[0], taken=spent_y)
    outside = clark_west(x, y, max_lag=rules.max_lag) if rules.beside else OutOfSample()
    gross = abs(forward.effect) * market.price * (1 - market.price) * 100
    return replace(
        start, forward=forward, reverse=reverse, same_hour=float(now.r[0]),
        same_hour_p=float(now.p[0]), hype_state=states[0], price_state=states[1],
        out_of_sample=outside.r2, clark_west=outside.p, hours=int(both.sum()),
        gross_cents=gross, net_cents=gross - market.cost,
    )  # fmt: skip


def _control(index: Floats, x: Floats, y: Floats) -> Floats | None:
    """Return the category index of this hour and the three before [T, 4].

    ``None`` unless it is known for nine of ten of the hours that count; 0 where it is not.
    """
    both = np.isfinite(x) & np.isfinite(y)
    if np.isfinite(index[both]).mean() < LEAST_INDEXED:
        return None
    return np.nan_to_num(ls.lagged(index, range(INDEX_LAGS)), nan=0.0)


def _direction(  # a direction is made of all of these
    x: Floats,
    y: Floats,
    levels: tuple[Floats, Floats],
    rules: Rules,
    taken: float,
    control: Floats | None,
    *,
    sure: bool,
) -> Direction:
    own = own_lags(y)
    lags = range(1, rules.max_lag + 1)
    found = alone(x, y, own=own, lags=lags, taken=taken)
    p = np.where([granger.carries(n - taken, own + 2) for n in found.rows], found.p, np.nan)
    if not np.isfinite(p).any():
        return Direction(own=own)
    best = int(np.nanargmin(p))
    together = _together(x, y, own, rules.max_lag) if rules.beside else None
    apart = _levels(*levels, rules.max_lag) if rules.beside or not sure else NAN
    one, method = float(simes(p)), SINGLE
    if not sure:
        one, method = float(np.maximum(one, apart)), WEAKER
    held = Direction(
        one, best + 1, float(found.b[best]), float(found.t[best]), float(found.r[best]),
        float(found.b[best] * np.nanstd(x)), tuple(p.tolist()), own, int(found.rows[best]),
        method, together, apart,
    )  # fmt: skip
    if control is None:
        return held
    with_index = alone(x, y, own=own, lags=[best + 1], controls=control, taken=taken)
    return replace(held, conditional=float(with_index.p[0]), conditional_r=float(with_index.r[0]))


def _together(x: Floats, y: Floats, own: int, max_lag: int) -> granger.Joint | None:
    """Return the joint test of as many lags as the rows carry, ``None``: not even one."""
    for lags in (max_lag, *JOINT_LAGS):
        found = granger.joint(x, y, own=own, lags=lags) if lags <= max_lag else None
        if found is not None and granger.carries(found.rows, own + lags + 1):
            return found
    return None


def _levels(x: Floats, level: Floats, max_lag: int) -> float:
    """Return Toda and Yamamoto's p (F form) with as many lags as the rows carry, NaN: none."""
    for lags in (max_lag, *JOINT_LAGS):
        if lags > max_lag:
            continue
        found = granger.toda_yamamoto(x, level, lags=lags)
        if granger.carries(found.rows, 2 * lags + 3):
            return found.p
    return NAN


def placebo(x: Floats, y: Floats, *, own: int, max_lag: int, taken: float = 0.0) -> Floats:
    """Return the p over the lags (Simes) of every circular shift of x by 24 h or more, [S].

    A lag of a shifted series is a longer shift: T regressions serve all shifts and lags.
    """
    length = x.size
    found = np.full(length, np.nan)
    for start in range(0, length, CHUNK):
        some = np.arange(start, min(start + CHUNK, length))
        one = alone(rolled(x, some), y, own=own, lags=[0], taken=taken)
        found[some] = one.p[:, 0]
    first, last = LEAST_SHIFT + 1, length - LEAST_SHIFT + 1
    if last - first < max_lag:
        return np.array([])
    return simes(np.lib.stride_tricks.sliding_window_view(found[first:last], max_lag))


def _shifted(x: Floats, y: Floats, held: Direction, taken: float) -> float:
    """Return how often a shifted hype does as well over the lags: (1 + hits) / (1 + S).

    NaN with fewer than 100 shifts: nothing can be told then.
    """
    trials = placebo(x, y, own=held.own, max_lag=len(held.by_lag), taken=taken)
    known = trials[np.isfinite(trials)]
    if known.size < LEAST_SHIFTS:
        return NAN
    own = float(simes(np.array(held.by_lag)))
    return float((1 + (known <= own).sum()) / (1 + known.size))
