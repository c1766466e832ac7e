"""What many tests at once are worth: adjusted p-values, and one p of several.

NaN is no test: it is not of the family, neither counted nor answered. A one-dimensional array of
p-values comes in, an array of the same length goes out. Sources: Benjamini and Hochberg 1995
(J. R. Stat. Soc. B 57), Benjamini and Yekutieli 2001 (Ann. Stat. 29), Simes 1986 (Biometrika 73),
Holm 1979, Liu and Xie 2020 (Cauchy).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def _family(p: ArrayLike) -> tuple[Floats, NDArray[np.intp], Floats]:
    """Return the p-values, the places of those that are tests, and these ascending."""
    given = np.asarray(p, float)
    if given.ndim != 1:
        raise ValueError("p-values: one row of them.")
    if ((given < 0) | (given > 1)).any():
        raise ValueError("p-values lie in [0, 1].")
    order = np.argsort(given, kind="stable")
    tests = order[: int(np.isfinite(given).sum())]
    return given, tests, given[tests]


def _placed(given: Floats, places: NDArray[np.intp], values: Floats) -> Floats:
    found = np.full(given.shape, np.nan)
    found[places] = np.minimum(values, 1.0)
    return found


def bonferroni(p: ArrayLike) -> Floats:
    """Return p · m."""
    given, tests, sorted_p = _family(p)
    return _placed(given, tests, sorted_p * sorted_p.size)


def holm(p: ArrayLike) -> Floats:
    """Return Holm's step-down p-values: as strict as Bonferroni's, never larger."""
    given, tests, sorted_p = _family(p)
    factors = np.arange(sorted_p.size, 0, -1)
    return _placed(given, tests, np.maximum.accumulate(sorted_p * factors))


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Return q-values: rejecting q <= a keeps the expected share of false discoveries <= a.

    For independent or positively dependent tests.
    """
    given, tests, sorted_p = _family(p)
    m = sorted_p.size
    scaled = sorted_p * m / np.arange(1, m + 1)
    return _placed(given, tests, np.minimum.accumulate(scaled[::-1])[::-1])


def benjamini_yekutieli(p: ArrayLike) -> Floats:
    """Return q-values that hold whatever the dependence: Benjamini and Hochberg's times Σ 1/i."""
    given, tests, sorted_p = _family(p)
    m = sorted_p.size
    harmonic = float((1 / np.arange(1, m + 1)).sum())
    scaled = sorted_p * m * harmonic / np.arange(1, m + 1)
    return _placed(given, tests, np.minimum.accumulate(scaled[::-1])[::-1])


def simes(p: ArrayLike) -> Floats:
    """Return one p of several, along the last axis: min over k of m p₍ₖ₎ / k; NaN without a test.

    Unlike the others it takes any number of leading axes: [..., m] -> [...].
    """
    sorted_p = np.sort(np.asarray(p, float), axis=-1)
    m = np.isfinite(sorted_p).sum(axis=-1, keepdims=True)
    ranked = sorted_p * m / np.arange(1, sorted_p.shape[-1] + 1)
    found = np.min(np.where(np.isfinite(ranked), ranked, np.inf), axis=-1, initial=np.inf)
    one: Floats = np.where(np.isfinite(found), np.minimum(found, 1.0), np.nan)
    return one


def cauchy(p: ArrayLike) -> float:
    """Return the Cauchy combination of p-values: sound under dependence for small p."""
    _, _, sorted_p = _family(p)
    if not sorted_p.size:
        return float("nan")
    mean = float(np.tan((0.5 - sorted_p) * np.pi).mean())
    return 0.5 - float(np.arctan(mean)) / float(np.pi)


def harmonic_mean(p: ArrayLike) -> float:
    """Return the harmonic mean of p-values (raw, not calibrated)."""
    _, _, sorted_p = _family(p)
    if not sorted_p.size:
        return float("nan")
    if sorted_p[0] == 0:
        return 0.0
    return float(sorted_p.size / (1 / sorted_p).sum())
