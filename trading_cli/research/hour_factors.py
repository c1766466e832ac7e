"""How busy each hour of the week is on the whole panel: what is usual at three on a Sunday morning.

Each market counts the same, whatever its size: its hours are taken as multiples of its own mean,
and one hour of one market counts for ten times that mean at most, so that no lump moves a factor.
"""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HOUR = 3600
WEEK = 168
LEAST_HOURS = 14 * 24
LEAST_OF_MARKET = 7 * 24
LEAST_MARKETS = 10
LUMP = 10.0
LEAST_FACTOR = 0.1
RUNGS = 21
LEAST_LADDER = 48
MONDAY = 3 * 24
"""The epoch began on a Thursday: hour 0 of the week is Monday 00:00 UTC."""


def hour_of_week(second: float) -> int:
    """Return which hour of the UTC week holds *second* (epoch), 0 for Monday 00:00 to 01:00."""
    return (int(second // HOUR) + MONDAY) % WEEK


def day_of(at: datetime) -> int:
    """Return the midnight (UTC, epoch seconds) that began the day of *at*."""
    return int(at.timestamp()) // 86_400 * 86_400


def pooled_hours(usd: Floats) -> int:
    """Return how many of the hours [M, H] were heard (not NaN) of enough markets to be pooled."""
    return int((_known(usd).sum(axis=0) >= LEAST_MARKETS).sum())


def _known(usd: Floats) -> NDArray[np.bool_]:
    """Return which cells count: heard, and of a market that was heard for a week and traded."""
    heard = ~np.isnan(usd)
    usable = (heard.sum(axis=1) >= LEAST_OF_MARKET) & (np.nansum(usd, axis=1) > 0)
    known: NDArray[np.bool_] = heard & usable[:, None]
    return known


def factors(usd: Floats, first_hour: int) -> Floats | None:
    """Return the factor of each hour of the week [168], mean 1; ``None`` while it is not known.

    *usd* [M, H]: what was traded in each market and clock hour, NaN where it was not heard;
    *first_hour*: the epoch second the first column begins. Known from 14 days of hours, each
    heard of 10 markets or more, that reach every hour of the week.
    """
    known = _known(usd)
    if pooled_hours(usd) < LEAST_HOURS:
        return None
    cells = np.where(known, usd, 0.0)
    counts = known.sum(axis=1, keepdims=True)
    means = cells.sum(axis=1, keepdims=True) / np.maximum(counts, 1)
    ratios = np.minimum(np.divide(cells, means, out=np.zeros_like(cells), where=means > 0), LUMP)
    markets = known.sum(axis=0)
    pooled = markets >= LEAST_MARKETS
    hourly = ratios.sum(axis=0)[pooled] / markets[pooled]
    of_week = (np.arange(usd.shape[1])[pooled] + hour_of_week(first_hour)) % WEEK
    seen = np.bincount(of_week, minlength=WEEK)
    if not seen.all():
        return None
    raw = np.maximum(np.bincount(of_week, weights=hourly, minlength=WEEK) / seen, LEAST_FACTOR)
    found: Floats = raw / raw.mean()
    return found


def ladder(usd: Floats, first_hour: int, known: Floats | None) -> Floats | None:
    """Return the 0, 5, … 100 % quantiles of a market's own hours [H], each over its factor.

    ``None`` below 48 heard hours.
    """
    hours = np.arange(usd.size) + hour_of_week(first_hour)
    level = usd if known is None else usd / known[hours % WEEK]
    heard = level[~np.isnan(level)]
    if heard.size < LEAST_LADDER:
        return None
    found: Floats = np.quantile(heard, np.linspace(0, 1, RUNGS))
    return found


def percentile(rungs: Floats | None, value: float) -> float | None:
    """Return how much of the market's own past was below *value*, 0 to 100; ``None`` unknown.

    Of a run of equal rungs the upper end counts: nothing traded is as much as the quiet hours.
    """
    if rungs is None:
        return None
    above = int(np.searchsorted(rungs, value, side="right"))
    if above == 0:
        return 0.0
    if above == rungs.size:
        return 100.0
    low, high = float(rungs[above - 1]), float(rungs[above])
    share = (value - low) / (high - low)
    return round(100 * (above - 1 + share) / (rungs.size - 1), 1)
