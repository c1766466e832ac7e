"""The stationary bootstrap of Politis and Romano 1994 (J. Am. Stat. Assoc. 89).

Blocks of geometric length, mean b, from a circle; how long they should be says ``blocks``. Every
draw comes from the Generator given.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


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
