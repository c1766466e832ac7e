"""RVR, the relative volume ratio: this hour's trades against the mean of the day before.

    RVR = (V(t) / f(h_t)) / mean over the 24 windows that end at t-65 min of (V_i / f(h_i))

V is USD of taker trades of both tokens; V(t) is of (t-65, t-5] minutes, five minutes being what a
trade may need to be known; f is the panel's hour-of-week factor at the middle of a window, 1 in the
plain form and until it is known. The same from the YES and the NO side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import truediv

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import Feature, Tier
from trading_cli.research import hour_factors
from trading_cli.research.tiers import Bars, tier_of

FORMULA = "rvr/1"
NAME = "rvr"
HOUR = 3600
LAG_S = 300
HOURS = 24
LEAST_HOURS = 20
ONE_WALLET = "ONE_WALLET"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RvrRules:
    """The three tiers, the form, and what MODERATE and more also needs."""

    bars: Bars = (1.5, 2.0, 3.0)
    seasonal: bool = True
    min_usd: float = 5_000.0
    min_wallets: int = 5
    max_share: float = 0.5


def _no_ints() -> Ints:
    return np.empty(0, dtype=np.int64)


def _no_floats() -> Floats:
    return np.empty(0, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Traded:
    """What takers did in one market in the last 26 hours, and what was heard of it.

    ``times`` epoch seconds [N] in any order, ``usd`` [N], ``wallets`` who; ``spans`` are the
    half-open spans the venue answered completely, sorted by their beginning.
    """

    times: Ints = field(default_factory=_no_ints)
    usd: Floats = field(default_factory=_no_floats)
    wallets: Sequence[str] = ()
    spans: Sequence[Span] = ()


def covers(spans: Sequence[Span], start: int, stop: int) -> bool:
    """Return whether the sorted *spans* together cover [start, stop)."""
    at = start
    for begin, end in spans:
        if begin <= at < end:
            at = end
    return at >= stop


def windows(at: int) -> list[Span]:
    """Return the 25 hours before *at* as half-open spans of seconds, the one to judge first.

    Window (a, b] holds the whole seconds a+1 … b, so it is [a+1, b+1).
    """
    last = at - LAG_S + 1
    return [(last - HOUR * (back + 1), last - HOUR * back) for back in range(HOURS + 1)]


def covered_hours(spans: Sequence[Span], at: int) -> tuple[bool, int]:
    """Return whether the hour to judge was heard, and how many of the 24 before it."""
    now, *before = windows(at)
    return covers(spans, *now), sum(covers(spans, *window) for window in before)


def rvr(  # the inputs of the formula, by name
    traded: Traded,
    *,
    at: int,
    factors: Floats | None = None,
    ladder: Floats | None = None,
    rules: RvrRules | None = None,
) -> Feature:
    """Return the feature at *at* (epoch seconds).

    Undefined where the hour itself or more than 4 of the 24 before it were not heard completely, or
    where nothing was traded in them. Fewer than ``min_usd`` from ``min_wallets``, or one wallet
    with more than half, leaves the value and limits the tier to WEAK (``limited``: ONE_WALLET).
    """
    rules = rules or RvrRules()
    used = factors if rules.seasonal else None
    return of_hours(_hours(traded, at), weights(at, used), ladder=ladder, rules=rules)


@dataclass(frozen=True, slots=True)
class Hours:
    """The 25 windows, the one to judge first: USD, which were heard, who dealt in the first.

    ``top_share`` is the largest wallet's share of the USD of the first.
    """

    usd: Sequence[float]
    heard: Sequence[bool]
    wallets: int = 0
    top_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Weights:
    """The hour-of-week factor of each of the 25 windows; 1 each where none is ``known``."""

    factors: Sequence[float]
    known: bool


def weights(at: int, factors: Floats | None) -> Weights:
    """Return the factors of the windows before *at*."""
    return Weights([_factor(window, factors) for window in windows(at)], factors is not None)


def of_hours(hours: Hours, by: Weights, *, ladder: Floats | None, rules: RvrRules) -> Feature:
    """Return what ``rvr`` does, of windows already summed."""
    before = sum(hours.heard[1:])
    inputs: dict[str, object] = {
        "form": "seasonal" if rules.seasonal else "plain",
        "hours": before,
        "factor_known": by.known,
    }
    if not hours.heard[0]:
        return _undefined("the trades of the last hour were not heard completely", inputs)
    if before < LEAST_HOURS:
        return _undefined(
            f"trades heard for {before} of the 24 hours before, {LEAST_HOURS} needed", inputs
        )
    levels = list(map(truediv, hours.usd, by.factors))
    level = levels[0]
    baseline = sum(compress(levels[1:], hours.heard[1:])) / before
    inputs["usd"], inputs["factor"] = round(hours.usd[0], 2), round(by.factors[0], 6)
    inputs["mean_usd"] = round(baseline, 6)
    inputs["wallets"], inputs["top_share"] = hours.wallets, hours.top_share
    inputs["percentile"] = hour_factors.percentile(ladder, level)
    if baseline <= 0:
        return _undefined("nothing was traded in the 24 hours before", inputs)
    value = level / baseline
    tier = tier_of(value, rules.bars)
    if tier >= Tier.MODERATE and not _broad(inputs, rules):
        tier = Tier.WEAK
        inputs["limited"] = ONE_WALLET
    return Feature(NAME, value, "", tier, inputs)


def _hours(traded: Traded, at: int) -> Hours:
    asked = windows(at)
    inside = _inside(traded, asked[0])
    wallets = [traded.wallets[place] for place in np.flatnonzero(inside).tolist()]
    return Hours(
        [_usd(traded, window) for window in asked],
        [covers(traded.spans, *window) for window in asked],
        *who(wallets, traded.usd[inside].tolist()),
    )


def _undefined(why: str, inputs: Mapping[str, object]) -> Feature:
    return Feature(NAME, None, why, Tier.NONE, inputs)


def _inside(traded: Traded, window: Span) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (traded.times >= window[0]) & (traded.times < window[1])
    return inside


def _usd(traded: Traded, window: Span) -> float:
    return float(traded.usd[_inside(traded, window)].sum())


def _factor(window: Span, factors: Floats | None) -> float:
    """Return the factor of the hour of the week that holds the middle of *window*."""
    if factors is None:
        return 1.0
    return float(factors[hour_factors.hour_of_week((window[0] + window[1]) / 2 - 1)])


def who(wallets: Sequence[str | int], usd: Sequence[float]) -> tuple[int, float]:
    """Return how many wallets dealt, and the largest one's share of the USD."""
    sums: dict[str | int, float] = {}
    for wallet, amount in zip(wallets, usd, strict=True):
        sums[wallet] = sums.get(wallet, 0.0) + amount
    total = sum(sums.values())
    share = max(sums.values()) / total if total > 0 else 0.0
    return len(sums), round(share, 6)


def _broad(inputs: Mapping[str, object], rules: RvrRules) -> bool:
    """Return whether enough money came from enough wallets, none with more than half."""
    usd, wallets, share = (float(str(inputs[name])) for name in ("usd", "wallets", "top_share"))
    return usd >= rules.min_usd and wallets >= rules.min_wallets and share <= rules.max_share
