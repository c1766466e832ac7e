"""Tail probabilities: the p-values of statistics. Arrays in, arrays out; NaN stays NaN."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # type: ignore[import-untyped]  # it ships no stubs

Floats = NDArray[np.float64]


def student(t: ArrayLike, free: ArrayLike) -> Floats:
    """Return the two-sided p of Student's t with *free* degrees of freedom."""
    found: Floats = 2 * special.stdtr(free, -np.abs(t))
    return found


def fisher(f: ArrayLike, lags: ArrayLike, free: ArrayLike) -> Floats:
    """Return the upper tail of F(lags, free)."""
    found: Floats = special.fdtrc(lags, free, f)
    return found


def chi_square(x: ArrayLike, degrees: ArrayLike) -> Floats:
    """Return the upper tail of χ² with so many degrees of freedom."""
    found: Floats = special.chdtrc(degrees, x)
    return found


def below(z: ArrayLike) -> Floats:
    """Return the share of the normal distribution below *z*."""
    found: Floats = special.ndtr(z)
    return found
