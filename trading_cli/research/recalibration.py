"""Prices bent to what they turned out to mean: a walk-forward slope in log odds.

    P(YES) = 1 / (1 + exp(-slope · ln(p / (1 - p))))

One number, no intercept: the same market seen from NO gives the same answer, g(1-p) = 1 - g(p). A
slope above 1 says prices stay too near .5 (favourites win more often than priced). It is fitted by
maximum likelihood with each event weighing 1 however often it was seen, and shrunk towards 1 (the
price as it is) by a normal prior of deviation ½ as if nothing were known. Only what was settled
and known by the time of fitting is used.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # type: ignore[import-untyped]  # it ships no stubs

from trading_cli.research.calibration import log_odds
from trading_cli.research.clustered import codes
from trading_cli.research.track_record import LEAST_EVENTS

Floats = NDArray[np.float64]
PRIOR_DEVIATION = 0.5
_ODDS_CLIP = 1e-4


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A fitted slope: call it with a YES mid for the probability of YES.

    ``n`` snapshots of ``events`` events; ``error`` is the posterior deviation of the slope, events
    taken as independent; ``as_of`` (epoch seconds) is when the newest outcome used was known.
    """

    slope: float
    error: float
    n: int
    events: int
    as_of: float

    def __call__(self, yes_mid: float) -> float:
        """Return the probability of YES at *yes_mid*. Raises ValueError outside [0, 1]."""
        if not 0 <= yes_mid <= 1:
            raise ValueError(f"{yes_mid:g} is no price.")
        return float(self.all([yes_mid])[0])

    def all(self, yes_mids: ArrayLike) -> Floats:
        """Return the probabilities [n] of YES at *yes_mids* [n]; NaN stays NaN."""
        found: Floats = special.expit(self.slope * log_odds(yes_mids, 1e-9))
        return found


def fit(
    yes_mids: ArrayLike,
    outcomes: ArrayLike,
    events: Sequence[Hashable],
    *,
    as_of: float = math.nan,
    deviation: float = PRIOR_DEVIATION,
    least: int = LEAST_EVENTS,
) -> Recalibration | None:
    """Return the slope for YES mids [n] in (0, 1) and outcomes [n]; ``None`` below *least* events.

    A snapshot of an event that was seen k times weighs 1/k. Raises ValueError for prices outside
    [0, 1] or outcomes that are not 0 or 1.
    """
    p, o = np.asarray(yes_mids, float), np.asarray(outcomes, float)
    if p.shape != o.shape or p.ndim != 1 or len(events) != p.size:
        raise ValueError("mids, outcomes and events: one row each, alike long.")
    if not ((p >= 0) & (p <= 1)).all() or not ((o == 0) | (o == 1)).all():
        raise ValueError("mids lie in [0, 1] and outcomes are 0 or 1.")
    of, count = codes(events)
    if count < least:
        return None
    weight = 1 / np.bincount(of, minlength=count)[of]
    x = log_odds(p, _ODDS_CLIP)
    precision = 1 / deviation**2
    slope = 1.0
    for _ in range(100):
        q = special.expit(slope * x)
        gradient = float(weight @ (x * (o - q))) - precision * (slope - 1)
        curvature = float(weight @ (x * x * q * (1 - q))) + precision
        step = float(np.clip(gradient / curvature, -0.5, 0.5))
        slope += step
        if abs(step) < 1e-12:  # noqa: PLR2004  # the prior makes the sum concave: it always ends
            break
    return Recalibration(slope, 1 / math.sqrt(curvature), int(p.size), count, as_of)


def known_by(  # what was seen, how it ended, and when both were known
    yes_mids: ArrayLike,
    outcomes: ArrayLike,
    events: Sequence[Hashable],
    seen_at: ArrayLike,
    settled_at: ArrayLike,
    at: float,
    *,
    least: int = LEAST_EVENTS,
) -> Recalibration | None:
    """Return the fit on what was seen and settled by *at* (epoch seconds), nothing later.

    ``seen_at`` and ``settled_at`` [n] are when each price and each outcome was known (available),
    not when it happened.
    """
    seen, settled = np.asarray(seen_at, float), np.asarray(settled_at, float)
    rows = np.flatnonzero((seen <= at) & (settled <= at))
    p, o = np.asarray(yes_mids, float)[rows], np.asarray(outcomes, float)[rows]
    newest = float(settled[rows].max()) if rows.size else math.nan
    return fit(p, o, [events[row] for row in rows.tolist()], as_of=newest, least=least)


def walk_forward(  # as known_by
    yes_mids: ArrayLike,
    outcomes: ArrayLike,
    events: Sequence[Hashable],
    seen_at: ArrayLike,
    settled_at: ArrayLike,
    *,
    every_s: float = 86_400.0,
    least: int = LEAST_EVENTS,
) -> Floats:
    """Return for each row the probability that the fit of its day's beginning gives it [n].

    Refitted at multiples of *every_s*; NaN where too few events had settled by then. A row's own
    outcome, and any not yet known, is never used.
    """
    mids, seen = np.asarray(yes_mids, float), np.asarray(seen_at, float)
    began = np.floor(seen / every_s) * every_s
    found = np.full(mids.shape, math.nan)
    for at in np.unique(began).tolist():
        fitted = known_by(mids, outcomes, events, seen, settled_at, at, least=least)
        if fitted is not None:
            rows = began == at
            found[rows] = fitted.all(mids[rows])
    return found
