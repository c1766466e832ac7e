"""How much a record of trades says: intervals, and when it says nothing.

wilson         the interval of a share of wins
mean_interval  the interval of a mean, Student's t
t_quantile     the quantile it needs

A record is made of events: trades of one event are one bet, since they win and lose together.
Below ``LEAST_EVENTS`` no point is shown at all (SPEC §5).
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

LEAST_EVENTS = 30
LEVEL = 0.95
_FEWEST = 3  # degrees of freedom below which the expansion of t is not to be trusted


class Interval(NamedTuple):
    """An estimate and the interval around it."""

    point: float
    low: float
    high: float


def wilson(wins: int, n: int, level: float = LEVEL) -> Interval:
    """Return wins/n with Wilson's score interval. Raises ValueError unless 0 <= wins <= n, n > 0.

    centre = (p + z²/2n) / (1 + z²/n);  half = z/(1 + z²/n) · sqrt(p(1-p)/n + z²/4n²)
    """
    if not 0 <= wins <= n or n <= 0:
        raise ValueError(f"no share of {wins} in {n}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    p, more = wins / n, 1 + z * z / n
    centre = (p + z * z / (2 * n)) / more
    half = z / more * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Interval(p, max(0.0, centre - half), min(1.0, centre + half))


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Return the mean of *values* with Student's interval: mean ± t(n-1) · s / sqrt(n).

    Raises ValueError below 4 values: nothing can be said.
    """
    n = len(values)
    if n <= _FEWEST:
        raise ValueError(f"{n} values have no interval")
    mean = fmean(values)
    half = t_quantile((1 + level) / 2, n - 1) * stdev(values) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def t_quantile(p: float, freedom: int) -> float:
    """Return Student's quantile by the Cornish-Fisher expansion around the normal's.

    Right to 3 decimals from 6 degrees of freedom on and to 5 from 29 on, for 0.005 < p < 0.995.
    Raises ValueError below 3 degrees.
    """
    if freedom < _FEWEST:
        raise ValueError(f"{freedom} degrees of freedom are too few")
    z = NormalDist().inv_cdf(p)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))
