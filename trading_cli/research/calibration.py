"""How true stated probabilities are, and whether they know more than the price.

Forecasts f [n] lie in [0, 1], outcomes o [n] are 0 or 1 (a 50-50 settlement is no outcome here:
the caller leaves it out and says so), clusters [n] name each row's event. Not finite: ValueError.
An empty input gives NaN. Sources: Brier 1950; Murphy 1973 with the within-bin terms of
Stephenson, Coelho and Jolliffe 2008; Spiegelhalter 1986; Wilson 1927; Cox 1958 (slope).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # type: ignore[import-untyped]  # it ships no stubs

from trading_cli.research.clustered import ClusteredMean, clustered_mean, codes, resampled
from trading_cli.research.track_record import LEAST_EVENTS, LEVEL

Floats = NDArray[np.float64]

CLIP = 1e-6
"""Log loss and log odds treat a probability as no nearer to 0 or 1 than this."""
TENTHS: tuple[float, ...] = tuple(place / 10 for place in range(11))
DRAWS = 2000
_NAN = math.nan


def _pair(forecasts: ArrayLike, outcomes: ArrayLike) -> tuple[Floats, Floats]:
    f, o = np.asarray(forecasts, float), np.asarray(outcomes, float)
    if f.ndim != 1 or f.shape != o.shape:
        raise ValueError(f"forecasts {f.shape} and outcomes {o.shape}: one row each, alike long.")
    if not ((f >= 0) & (f <= 1)).all():
        raise ValueError("forecasts lie in [0, 1].")
    if not ((o == 0) | (o == 1)).all():
        raise ValueError("outcomes are 0 or 1; a 50-50 settlement is neither.")
    return f, o


def squared_errors(forecasts: ArrayLike, outcomes: ArrayLike) -> Floats:
    """Return each row's (f - o)²; their mean is the Brier score."""
    f, o = _pair(forecasts, outcomes)
    return (f - o) ** 2


def log_losses(forecasts: ArrayLike, outcomes: ArrayLike, clip: float = CLIP) -> Floats:
    """Return each row's -ln of the probability given to what happened, f clipped to [clip, 1-clip].

    Their mean is the log loss, in nats.
    """
    f, o = _pair(forecasts, outcomes)
    kept = np.clip(f, clip, 1 - clip)
    losses: Floats = -np.log(np.where(o == 1, kept, 1 - kept))
    return losses


class Murphy(NamedTuple):
    """brier = reliability - resolution + uncertainty + within_variance - within_covariance.

    The two within terms are 0 where each bin holds one forecast value.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float

    @property
    def skill(self) -> float:
        """Return 1 - Brier/uncertainty: against always saying the base rate. NaN without one."""
        return 1 - self.brier / self.uncertainty if self.uncertainty > 0 else _NAN


def murphy(
    forecasts: ArrayLike, outcomes: ArrayLike, edges: Sequence[float] | None = None
) -> Murphy:
    """Return the decomposition of the Brier score over bins [edge, next edge), the last closed.

    Without *edges* each distinct forecast is a bin of its own.
    """
    f, o = _pair(forecasts, outcomes)
    if not f.size:
        return Murphy(*[_NAN] * 6)
    of = np.unique(f, return_inverse=True)[1] if edges is None else places(f, edges)
    counts = np.bincount(of)
    filled = counts > 0
    n, size = f.size, np.maximum(counts, 1)
    mean_f, mean_o = np.bincount(of, weights=f) / size, np.bincount(of, weights=o) / size
    base = float(o.mean())
    apart, off = f - mean_f[of], o - mean_o[of]
    weight = counts[filled] / n
    return Murphy(
        brier=float(((f - o) ** 2).mean()),
        reliability=float(weight @ (mean_f - mean_o)[filled] ** 2),
        resolution=float(weight @ (mean_o[filled] - base) ** 2),
        uncertainty=base * (1 - base),
        within_variance=float((apart**2).mean()),
        within_covariance=float(2 * (apart * off).mean()),
    )


def places(forecasts: Floats, edges: Sequence[float]) -> NDArray[np.intp]:
    """Return which bin of *edges* (ascending, from 0 to 1) each forecast falls into."""
    if len(edges) < 2 or edges[0] != 0 or edges[-1] != 1 or list(edges) != sorted(set(edges)):  # noqa: PLR2004
        raise ValueError("bins: ascending edges from 0 to 1.")
    found: NDArray[np.intp] = np.clip(
        np.searchsorted(np.asarray(edges), forecasts, side="right") - 1, 0, len(edges) - 2
    )
    return found


class Spiegelhalter(NamedTuple):
    """z and its two-sided p under independence, and both again clustered by event."""

    z: float
    p: float
    z_clustered: float
    p_clustered: float


def spiegelhalter(
    forecasts: ArrayLike, outcomes: ArrayLike, clusters: Sequence[Hashable] | None = None
) -> Spiegelhalter:
    """Return the test that forecasts are calibrated: Σ(o-f)(1-2f) over its deviation.

    The deviation is √Σ(1-2f)²f(1-f); clustered: √Σ over events of (their sum)². NaN where it is
    0 (all forecasts 0, .5 or 1).
    """
    f, o = _pair(forecasts, outcomes)
    terms = (o - f) * (1 - 2 * f)
    total = float(terms.sum())
    spread = math.sqrt(float(((1 - 2 * f) ** 2 * f * (1 - f)).sum()))
    of, count = (np.arange(f.size), f.size) if clusters is None else codes(clusters)
    by_event = np.bincount(of, weights=terms, minlength=count)
    robust = math.sqrt(float(by_event @ by_event))
    z, other = (total / one if one > 0 else _NAN for one in (spread, robust))
    p, other_p = (2 * float(special.ndtr(-abs(one))) for one in (z, other))
    return Spiegelhalter(z, p, other, other_p)


def wilson_band(share: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's interval of a share seen in *n* independent rows; *n* may be broken."""
    if not (n > 0 and 0 <= share <= 1):
        return _NAN, _NAN
    z = float(special.ndtri((1 + level) / 2))
    more = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / more
    half = z / more * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of the reliability diagram.

    ``effective`` is what its rows are worth as independent ones: n over the design effect of the
    clusters, at most n; the number of events where all went one way. The band is Wilson's with
    it. ``shown`` says whether there are events enough for a point.
    """

    low: float
    high: float
    n: int
    events: int
    forecast: float
    frequency: float
    effective: float
    band_low: float
    band_high: float

    @property
    def shown(self) -> bool:
        """Return whether the bin has at least 30 events."""
        return self.events >= LEAST_EVENTS


def reliability(
    forecasts: ArrayLike,
    outcomes: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    edges: Sequence[float] = TENTHS,
    level: float = LEVEL,
) -> list[Bin]:
    """Return the bins that hold anything, in ascending order."""
    f, o = _pair(forecasts, outcomes)
    events = list(range(f.size)) if clusters is None else list(clusters)
    if len(events) != f.size:
        raise ValueError(f"{f.size} forecasts in {len(events)} clusters' names.")
    of = places(f, edges)
    found = []
    for place in np.unique(of).tolist():
        rows = np.flatnonzero(of == place)
        mean = clustered_mean(o[rows], [events[row] for row in rows.tolist()])
        worth = _effective(mean)
        low, high = wilson_band(mean.point, worth, level)
        found.append(
            Bin(edges[place], edges[place + 1], mean.n, mean.clusters, float(f[rows].mean()),
                mean.point, worth, low, high)
        )  # fmt: skip
    return found


def _effective(mean: ClusteredMean) -> float:
    plain = mean.point * (1 - mean.point)
    if plain > 0 and mean.error > 0:
        return min(float(mean.n), plain / mean.error**2)
    return float(mean.clusters)


def expected_error(bins: Sequence[Bin]) -> float:
    """Return ECE: the mean over rows of |forecast - frequency| of their bin; NaN without rows."""
    n = sum(one.n for one in bins)
    return sum(one.n * abs(one.forecast - one.frequency) for one in bins) / n if n else _NAN


class Line(NamedTuple):
    """Cox's line: log odds of what happened = intercept + slope · log odds of the forecast.

    1 and 0 are calibrated; a slope above 1 says the forecasts stay too near .5. The error of the
    slope is clustered. NaN where there is no line (one outcome only, one forecast, or separated).
    """

    slope: float
    intercept: float
    slope_error: float


def log_odds(probabilities: ArrayLike, clip: float = CLIP) -> Floats:
    """Return ln(f/(1-f)), f clipped to [clip, 1-clip]."""
    kept = np.clip(np.asarray(probabilities, float), clip, 1 - clip)
    odds: Floats = np.log(kept) - np.log1p(-kept)
    return odds


def line(
    forecasts: ArrayLike, outcomes: ArrayLike, clusters: Sequence[Hashable] | None = None
) -> Line:
    """Return Cox's calibration line by maximum likelihood (Newton, 50 steps at most)."""
    f, o = _pair(forecasts, outcomes)
    nothing = Line(_NAN, _NAN, _NAN)
    x = np.column_stack([np.ones(f.size), log_odds(f)])
    if f.size < 3 or np.ptp(x[:, 1]) == 0 or np.ptp(o) == 0:  # noqa: PLR2004
        return nothing
    beta = np.array([0.0, 1.0])
    for _ in range(50):
        q = special.expit(x @ beta)
        information = (x * (q * (1 - q))[:, None]).T @ x
        if not np.linalg.cond(information) < 1e12:  # noqa: PLR2004  # separated: no maximum
            return nothing
        step = np.linalg.solve(information, x.T @ (o - q))
        beta = beta + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-10:  # noqa: PLR2004
            break
    else:
        return nothing
    scores = x * (o - q)[:, None]
    of, count = (np.arange(f.size), f.size) if clusters is None else codes(clusters)
    summed = np.stack([np.bincount(of, weights=one, minlength=count) for one in scores.T], axis=1)
    inverse = np.linalg.inv(information)
    variance = inverse @ (summed.T @ summed) @ inverse * count / max(count - 1, 1)
    error = math.sqrt(float(variance[1, 1])) if count > 1 else _NAN
    return Line(float(beta[1]), float(beta[0]), error)


@dataclass(frozen=True, slots=True)
class Skill:
    """Own forecasts against the price: 1 - Brier/Brier of the price, 0 for a copy of it.

    ``gain`` is the mean of (price's squared error - own), clustered; low and high are of the
    skill by a bootstrap of whole events (NaN below 30 of them).
    """

    skill: float
    low: float
    high: float
    gain: ClusteredMean


def skill(  # two forecasters, the truth, who belongs together
    forecasts: ArrayLike,
    prices: ArrayLike,
    outcomes: ArrayLike,
    clusters: Sequence[Hashable] | None,
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Skill:
    """Return how much better than the price the forecasts are; NaN where the price never errs."""
    own, theirs = squared_errors(forecasts, outcomes), squared_errors(prices, outcomes)
    gain = clustered_mean(theirs - own, clusters, level)
    of, count = (np.arange(own.size), own.size) if clusters is None else codes(clusters)
    if not theirs.sum() > 0:
        return Skill(_NAN, _NAN, _NAN, gain)
    point = 1 - float(own.sum() / theirs.sum())
    if count < LEAST_EVENTS:
        return Skill(point, _NAN, _NAN, gain)
    sums = np.array([np.bincount(of, weights=one, minlength=count) for one in (own, theirs)])
    drawn = resampled(count, draws, rng) @ sums.T
    there = drawn[:, 1] > 0
    low, high = np.quantile(
        1 - drawn[there, 0] / drawn[there, 1], [(1 - level) / 2, (1 + level) / 2]
    )
    return Skill(point, float(low), float(high), gain)


class ClosingLine(NamedTuple):
    """Closing-line value of the token bought: mean of close - entry, in points and in log odds."""

    points: ClusteredMean
    log_odds: ClusteredMean


def closing_line(
    entries: ArrayLike,
    closes: ArrayLike,
    bought_yes: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    level: float = LEVEL,
) -> ClosingLine:
    """Return the mean closing-line value, positive where the price came to the buyer.

    *entries* and *closes* [n] are YES mids (the close is the last mid well before the settlement,
    never the 0 or 1 it settles at), *bought_yes* [n] is true for YES and false for NO.
    """
    began, ended = np.asarray(entries, float), np.asarray(closes, float)
    if not (((began > 0) & (began < 1)).all() and ((ended > 0) & (ended < 1)).all()):
        raise ValueError("prices of a closing line lie between 0 and 1.")
    sign = np.where(np.asarray(bought_yes, bool), 1.0, -1.0)
    return ClosingLine(
        clustered_mean(sign * (ended - began), clusters, level),
        clustered_mean(sign * (log_odds(ended) - log_odds(began)), clusters, level),
    )


@dataclass(frozen=True, slots=True)
class Calibration:
    """All that is said of one group of forecasts; ``missing`` is not empty where INSUFFICIENT.

    Below 30 events only n, events and what is missing count; the numbers are still filled in for
    a test, a report leaves them out.
    """

    n: int
    events: int
    base_rate: float
    brier: ClusteredMean
    log_loss: ClusteredMean
    parts: Murphy
    spiegelhalter: Spiegelhalter
    error: float
    line: Line
    bins: tuple[Bin, ...]
    missing: str = ""


def calibration(
    forecasts: ArrayLike,
    outcomes: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    edges: Sequence[float] = TENTHS,
    level: float = LEVEL,
) -> Calibration:
    """Return the whole judgement of *forecasts*, clustered by event."""
    f, o = _pair(forecasts, outcomes)
    brier = clustered_mean((f - o) ** 2, clusters, level)
    bins = reliability(f, o, clusters, edges, level)
    events = brier.clusters
    return Calibration(
        n=brier.n,
        events=events,
        base_rate=float(o.mean()) if o.size else _NAN,
        brier=brier,
        log_loss=clustered_mean(log_losses(f, o), clusters, level),
        parts=murphy(f, o, edges),
        spiegelhalter=spiegelhalter(f, o, clusters),
        error=expected_error(bins),
        line=line(f, o, clusters),
        bins=tuple(bins),
        missing="" if events >= LEAST_EVENTS else f"{events} of {LEAST_EVENTS} events",
    )
