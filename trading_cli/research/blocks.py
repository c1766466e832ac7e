"""How long the blocks of a bootstrap must be (Politis & White 2004, corrected 2009).

The correction is Patton, Politis & White's. What such blocks do is ``block_bootstrap``.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_FEWEST = 8


class BlockLengths(NamedTuple):
    """The mean length of stationary blocks, and the length of circular ones, in observations."""

    stationary: float
    circular: float


def block_lengths(values: ArrayLike) -> BlockLengths:
    """Return the block lengths that keep the mean's variance best, for a series in its order.

    b = (2 G² / D)^(1/3) n^(1/3), G = Σ λ(k/m)|k| c_k, D = 2 g² (stationary) or 4/3 g² (circular),
    g = Σ λ(k/m) c_k, λ the flat-top kernel, m twice the lag after which k_n autocorrelations in a
    row are below 2 sqrt(log10(n)/n). At least 1 and at most min(3 sqrt(n), n/3), rounded up. A
    series that never changes has no autocorrelation: 1. Raises ValueError below 8 values and
    where one is not finite.
    """
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    if x.ndim != 1 or n < _FEWEST or not np.isfinite(x).all():
        raise ValueError(f"block lengths need {_FEWEST} finite values, not {x.shape}")
    eps = x - x.mean()
    if np.allclose(eps, 0, atol=1e-15 + 1e-12 * abs(float(x.mean()))):
        return BlockLengths(1.0, 1.0)
    in_a_row = max(5, int(math.log10(n)))
    farthest = min(math.ceil(math.sqrt(n)) + in_a_row, n - 2)
    covariance, correlation = _autocorrelation(eps, farthest)
    lags = _bandwidth(correlation, in_a_row, 2 * math.sqrt(math.log10(n) / n))
    k = np.arange(1, lags + 1)
    weight = np.minimum(1.0, 2 * (1 - k / lags))
    spread = 2 * float(np.sum(weight * k * covariance[1 : lags + 1]))
    level = float(covariance[0] + 2 * np.sum(weight * covariance[1 : lags + 1]))
    if level == 0:
        return BlockLengths(1.0, 1.0)
    most = float(math.ceil(min(3 * math.sqrt(n), n / 3)))
    ratio = 2 * spread**2 / level**2 * n
    found = (math.cbrt(ratio / constant) for constant in (2, 4 / 3))
    return BlockLengths(*(min(max(one, 1.0), most) for one in found))


def _autocorrelation(eps: Floats, farthest: int) -> tuple[Floats, Floats]:
    """Return autocovariances (over n) and |autocorrelations| at lags 0..farthest.

    The denominators leave out one observation more than the lag, as arch has it: its golden
    numbers need it.
    """
    n = len(eps)
    covariance, correlation = np.zeros(farthest + 1), np.zeros(farthest + 1)
    for lag in range(farthest + 1):
        cross = float(eps[lag:] @ eps[: n - lag])
        ends = float(eps[lag + 1 :] @ eps[lag + 1 :]) * float(eps[: -lag - 1] @ eps[: -lag - 1])
        covariance[lag] = cross / n
        correlation[lag] = abs(cross) / math.sqrt(ends) if ends > 0 else 0.0
    return covariance, correlation


def _bandwidth(correlation: Floats, in_a_row: int, critical: float) -> int:
    """Return m: twice the first lag from which *in_a_row* correlations are insignificant."""
    farthest = len(correlation) - 1
    for lag in range(in_a_row, farthest + 1):
        if (correlation[lag - in_a_row : lag] < critical).all():
            return min(2 * max(lag - in_a_row, 1), farthest)
    return farthest
