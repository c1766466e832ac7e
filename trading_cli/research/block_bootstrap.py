"""The stationary bootstrap, and how long its blocks should be.

Politis and Romano 1994 (J. Am. Stat. Assoc. 89): blocks of geometric length, mean b, from a
circle. Length by Politis and White 2004 (Econometric Reviews 23) as corrected by Patton, Politis
and White 2009. Every draw comes from the Generator given.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
FEWEST = 8
"""Values below which no length is estimated: there are no autocorrelations to look at."""


class BlockLength(NamedTuple):
    """The mean length of a stationary block and the length of a circular one, in periods."""

    stationary: float
    circular: float


def optimal_length(y: ArrayLike) -> BlockLength:
    """Return the block lengths for the mean of *y* [n] by Politis and White.

    Never above ceil(min(3√n, n/3)); 1 for a series that does not vary. Below 8 values NaN. Raises
    ValueError for NaN or infinite values. Conventions as in arch 8: bandwidth 2m̂ after the first
    run of max(5, log10 n) autocorrelations below 2√(log10 n / n), flat-top window.
    """
    x = np.asarray(y, float)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError("a block length needs one row of finite values.")
    n = x.size
    if n < FEWEST:
        return BlockLength(math.nan, math.nan)
    if np.ptp(x) == 0:
        return BlockLength(1.0, 1.0)
    covariances, window = _bandwidth(x - x.mean())
    lags = np.arange(1, window + 1)
    taper = np.minimum(1.0, 2 * (1 - lags / window))
    weighted = 2 * taper * covariances[1 : window + 1]
    slope, whole = float(lags @ weighted), float(covariances[0] + weighted.sum())
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))
    if whole == 0:
        return BlockLength(float(longest), float(longest))
    stationary = (slope**2 / whole**2 * n) ** (1 / 3)
    circular = stationary * 1.5 ** (1 / 3)
    return BlockLength(min(stationary, longest), min(circular, longest))


def _bandwidth(eps: Floats) -> tuple[Floats, int]:
    """Return the autocovariances 0..m_max of centred *eps* and the window 2m̂ (at most m_max)."""
    n = eps.size
    run = max(5, int(math.log10(n)))
    furthest = min(math.ceil(math.sqrt(n)) + run, n - 2)
    small = 2 * math.sqrt(math.log10(n) / n)
    covariances, correlations = np.zeros(furthest + 1), np.zeros(furthest + 1)
    for lag in range(furthest + 1):
        crossed = float(eps[lag:] @ eps[: n - lag])
        covariances[lag] = crossed / n
        # the lengths leave out one more than the product does: arch's convention, kept
        late, early = eps[lag + 1 :], eps[: n - lag - 1]
        size = math.sqrt(float(late @ late) * float(early @ early))
        correlations[lag] = abs(crossed) / size if size > 0 else np.inf
    for lag in range(run, furthest + 1):
        if (correlations[lag - run : lag] < small).all():
            return covariances, min(2 * max(lag - run, 1), furthest)
    return covariances, furthest


def stationary_places(n: int, length: float, draws: int, rng: np.random.Generator) -> Places:
    """Return *draws* resamplings of 0..n-1 [draws, n] in blocks of mean *length* >= 1.

    A block ends before each place with probability 1/length; the end of the series is followed by
    its beginning.
    """
    if n < 1 or draws < 1 or not length >= 1:
        raise ValueError(f"{draws} draws of {n} values in blocks of {length:g} cannot be.")
    starts = rng.integers(0, n, size=(draws, n))
    new = rng.random((draws, n)) < 1 / length
    new[:, 0] = True
    steps = np.arange(n)
    begun = np.maximum.accumulate(np.where(new, steps, 0), axis=1)
    places: Places = (np.take_along_axis(starts, begun, axis=1) + steps - begun) % n
    return places


def stationary_variance(y: ArrayLike, length: float) -> Floats:
    """Return the variance of the mean of y [n] or [n, k] under the stationary bootstrap, exactly.

    [c₀ + 2 Σ (1 - i/n)(1 - 1/length)^i cᵢ]/n with circular autocovariances cᵢ: what infinitely
    many draws would give (Politis and Romano 1994, lemma 1).
    """
    x = np.asarray(y, float)
    n = x.shape[0]
    eps = x - x.mean(axis=0)
    waves = np.fft.rfft(eps, axis=0)
    covariances = np.fft.irfft(np.abs(waves) ** 2, n=n, axis=0) / n
    lags = np.arange(1, n)
    weights = np.concatenate(([1.0], 2 * (1 - lags / n) * (1 - 1 / length) ** lags))
    variance: Floats = np.maximum(np.tensordot(weights, covariances, axes=(0, 0)), 0.0) / n
    return variance
