"""Two hourly series of a market: how loud the talk was, and what the price did.

Both lie on the same grid of hour ends t (right-labelled): hype at t is of (t - 1 h, t], the price
at t is the first one observed from t on, so that what hype at t could have foreseen begins when
that hour had ended. NaN is "not known"; nothing is filled.
"""

import math

import numpy as np
from numpy.typing import NDArray

from trading_cli.research.hour_factors import WEEK, hour_of_week
from trading_cli.research.hype import (
    AROUND,
    FULL_SHARE,
    LEAST_SCALE,
    MAD_TO_SD,
    PROVISIONAL_SHARE,
    HypeRules,
)

Floats = NDArray[np.float64]

HOUR = 3600
A_DAY = 24
LOW, HIGH = 0.05, 0.95


def hype_z(posts: Floats, engagement: Floats, rules: HypeRules | None = None) -> Floats:
    """Return hype of each hour [T] as Σ w z / Σ w, neither clipped nor with sentiment.

    *posts*, *engagement* [T]: of each hour that was heard, NaN where not. Components volume,
    engagement and velocity with hype's own weights, each as (x - median) / max(1.4826 MAD, .25)
    against the baseline of hype; influencer is a share, no z, and left out. NaN without volume
    and velocity.
    """
    rules = rules or HypeRules()
    loud = np.log1p(np.asarray(posts, float))
    parts = {
        "volume": loud,
        "engagement": np.log1p(np.asarray(engagement, float)),
        "velocity": np.diff(loud, prepend=np.nan),
    }
    total, weight = np.zeros(loud.shape), np.zeros(loud.shape)
    known = np.ones(loud.shape, dtype=np.bool_)
    for name, x in parts.items():
        z = standing_z(x, rules)
        there, w = np.isfinite(z), rules.weights.get(name, 0.0)
        total += np.where(there, w * z, 0.0)
        weight += np.where(there, w, 0.0)
        if name != "engagement":
            known &= there
    return np.divide(total, weight, out=np.full(loud.shape, np.nan), where=known & (weight > 0))


def standing_z(x: Floats, rules: HypeRules) -> Floats:
    """Return each hour's z [T] against the same hour, the one before and after, of the past days.

    NaN where the hour is not known, or its baseline is neither FULL nor PROVISIONAL (hype's rules).
    """
    days = np.arange(1, rules.baseline_days + 1)
    offsets = (A_DAY * days[:, None] - np.array(AROUND)[None, :]).ravel()
    places = np.arange(x.size)[:, None] - offsets[None, :]
    past = np.where(places >= 0, x[np.maximum(places, 0)], np.nan)
    there = np.isfinite(past)
    per_day = there.reshape(x.size, days.size, len(AROUND))
    late = per_day[:, : rules.provisional_days].sum(axis=(1, 2))
    full = (there.sum(axis=1) >= FULL_SHARE * len(AROUND) * rules.baseline_days) & (
        per_day.any(axis=2).sum(axis=1) >= rules.full_days
    )
    enough = late >= PROVISIONAL_SHARE * len(AROUND) * rules.provisional_days - 1e-9
    known = np.isfinite(x) & (full | enough)
    found = np.full(x.shape, np.nan)
    if known.any():
        middle = np.nanmedian(past[known], axis=1)
        spread = MAD_TO_SD * np.nanmedian(np.abs(past[known] - middle[:, None]), axis=1)
        found[known] = (x[known] - middle) / np.maximum(spread, LEAST_SCALE)
    return found


def log_odds(price: Floats) -> Floats:
    """Return logit of prices [..., T] from .05 to .95; NaN outside, where one tick is a leap."""
    p = np.asarray(price, float)
    inside = (p >= LOW) & (p <= HIGH)
    safe = np.where(inside, p, 0.5)
    found: Floats = np.where(inside, np.log(safe / (1 - safe)), np.nan)
    return found


def changes(level: Floats) -> Floats:
    """Return the change of *level* [..., T] over the hour that ended; NaN without both ends."""
    found: Floats = np.diff(np.asarray(level, float), axis=-1, prepend=np.nan)
    return found


def without_hours(series: Floats, first_end: float) -> tuple[Floats, float]:
    """Return *series* [T] less the mean of its hour of the UTC week, and the degrees that cost.

    *first_end*: the epoch second of the first hour's end. Each of the 168 means is drawn towards
    the mean of all by as much of it as is noise (empirical Bayes: τ² / (τ² + σ² / n)), for with two
    weeks a raw one would be half of what it is taken from. The cost is the sum of the weights.
    """
    known = np.isfinite(series)
    if not known.any():
        return series.copy(), 0.0
    hours = (np.arange(series.size) + hour_of_week(first_end - HOUR)) % WEEK
    counts = np.bincount(hours[known], minlength=WEEK).astype(float)
    sums = np.bincount(hours[known], weights=series[known], minlength=WEEK)
    middle = float(series[known].mean())
    seen = counts > 0
    means = np.divide(sums, counts, out=np.full(WEEK, middle), where=seen)
    left = series[known] - means[hours[known]]
    spare = known.sum() - seen.sum()
    if spare <= 0:
        return series - middle, 0.0
    noise = float(left @ left) / spare
    between = float((counts[seen] * (means[seen] - middle) ** 2).sum()) - noise * (seen.sum() - 1)
    norm = known.sum() - float((counts**2).sum()) / known.sum()
    truth = max(between / norm, 0.0) if norm > 0 else 0.0
    weights = np.divide(
        truth * counts, truth * counts + noise, out=np.zeros(WEEK), where=truth * counts + noise > 0
    )
    found = series - (middle + weights * (means - middle))[hours]
    return found, float(weights[seen].sum()) if math.isfinite(truth) else 0.0
