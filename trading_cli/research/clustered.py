"""The mean of values that come in clusters, and how sure it is.

Values of one event are no independent witnesses: twenty snapshots of one market are one market.
The cluster-robust variance of Liang and Zeger (Biometrika 73, 1986) sums the errors within a
cluster before it squares them; the small-sample factor is CR1 as Stata and statsmodels have it,
G/(G-1) · (n-1)/(n-k) with k = 1, and Student's t has G-1 degrees of freedom.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # type: ignore[import-untyped]  # it ships no stubs

from trading_cli.research.track_record import LEVEL

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean with its standard error and interval; n values in so many clusters.

    With fewer than 2 clusters error, low and high are NaN: the spread between clusters is not
    known. Without values the point is NaN too.
    """

    point: float
    low: float
    high: float
    error: float
    n: int
    clusters: int

    @property
    def p(self) -> float:
        """Return the two-sided p-value of a mean of 0; NaN where there is no error or it is 0."""
        if not self.error > 0:
            return float("nan")
        return float(2 * special.stdtr(self.clusters - 1, -abs(self.point) / self.error))


def codes(clusters: Sequence[Hashable]) -> tuple[Codes, int]:
    """Return each value's cluster as 0, 1, … in order of first appearance, and how many."""
    known: dict[Hashable, int] = {}
    found = [known.setdefault(one, len(known)) for one in clusters]
    return np.asarray(found, dtype=np.intp), len(known)


def clustered_mean(
    values: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    level: float = LEVEL,
) -> ClusteredMean:
    """Return the mean of *values* [n] with its cluster-robust interval.

    *clusters* [n] names each value's cluster; ``None``: each is its own (the classic interval).
    Raises ValueError for NaN or infinite values, or lengths that differ.
    """
    x = np.asarray(values, float)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError("a mean needs one row of finite values.")
    n = x.size
    of, count = (np.arange(n), n) if clusters is None else codes(clusters)
    if of.size != n:
        raise ValueError(f"{n} values in {of.size} clusters' names.")
    nan = float("nan")
    if n == 0:
        return ClusteredMean(nan, nan, nan, nan, 0, 0)
    mean = float(x.mean())
    if count < 2:  # noqa: PLR2004  # between one cluster and itself there is no spread
        return ClusteredMean(mean, nan, nan, nan, n, count)
    summed = np.bincount(of, weights=x - mean, minlength=count)
    error = float(np.sqrt(count / (count - 1) * (summed @ summed))) / n
    half = float(special.stdtrit(count - 1, (1 + level) / 2)) * error
    return ClusteredMean(mean, mean - half, mean + half, error, n, count)


def resampled(count: int, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how often each of *count* clusters is drawn [draws, count]: the cluster bootstrap.

    Every row sums to *count*; clusters are drawn whole, with replacement.
    """
    if count < 1 or draws < 1:
        raise ValueError(f"{draws} draws of {count} clusters are none.")
    return rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(float)
