"""When things happen: shares of a day's or a week's activity, a day being one observation.

Hours of one day depend on each other, so the interval is over days (or weeks), not over hours.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

Floats = NDArray[np.float64]

LEAST = 8
LEVEL = 0.95


class Share(NamedTuple):
    """The mean share of one hour or weekday, its interval, and of how many days or weeks."""

    share: float
    low: float
    high: float
    n: int


def shares(activity: Floats, level: float = LEVEL) -> list[Share]:
    """Return the mean share of each column of *activity* [N, K] in its row's sum.

    Rows with a NaN or a sum of 0 are left out; below 8 rows every number is NaN (n is told). The
    interval is Student's t over the rows (Casella & Berger, Statistical Inference, 9.2.1), cut to
    [0, 1].
    """
    table = np.asarray(activity, dtype=np.float64)
    sums = table.sum(axis=1)
    kept = table[np.isfinite(sums) & (sums > 0)]
    n, k = len(kept), table.shape[1]
    if n < LEAST:
        return [Share(np.nan, np.nan, np.nan, n)] * k
    part = kept / kept.sum(axis=1, keepdims=True)
    mean = part.mean(axis=0)
    error = part.std(axis=0, ddof=1) / np.sqrt(n)
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    return [
        Share(float(m), float(max(m - r, 0.0)), float(min(m + r, 1.0)), n)
        for m, r in zip(mean, reach, strict=True)
    ]
