"""Ordinary least squares of many regressions at once, and how sure each coefficient is.

One shape for all: x [..., n, k], y [..., n]. The normal equations are solved after each column is
scaled to length 1; where they are ill-conditioned the orthogonal way (SVD) is taken instead, and
where not even that has an answer all is NaN. A row that does not count is all zeros in x and y
and is left out of n.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WELL = 1e-6
"""Least 1 - R² of a column on those before it for which the normal equations keep 9 digits."""
LEAST_RANK = 1e-10


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients [..., k], residuals [..., n], (X'X)⁻¹ [..., k, k], RSS, rows used [...]."""

    x: Floats
    beta: Floats
    residuals: Floats
    inverse: Floats
    rss: Floats
    rows: Floats

    @property
    def free(self) -> Floats:
        """Return the residual degrees of freedom, n - k."""
        found: Floats = self.rows - self.x.shape[-1]
        return found


def tolerances(gram: Floats, factor: Floats) -> Floats:
    """Return each column's 1 - R² on the columns before it, from a Gram matrix and its Cholesky."""
    whole = np.diagonal(gram, axis1=-2, axis2=-1)
    left = np.diagonal(factor, axis1=-2, axis2=-1) ** 2
    found = np.zeros(left.shape)
    np.divide(left, whole, out=found, where=whole > 0)
    return found


def cholesky(gram: Floats) -> tuple[Floats, Bools]:
    """Return the lower factors of *gram* [..., k, k] and which of them may be trusted.

    One that may not is the identity. Trusted: positive definite, every tolerance at least 1e-6.
    """
    factor: Floats
    try:
        factor = np.asarray(np.linalg.cholesky(gram), dtype=np.float64)
    except np.linalg.LinAlgError:
        factor = _one_by_one(gram)
    enough = (tolerances(gram, factor) >= WELL).all(axis=-1)
    good: Bools = np.asarray(enough & np.isfinite(factor).all(axis=(-2, -1)))
    factor[~good] = np.eye(gram.shape[-1])
    return factor, good


def _one_by_one(gram: Floats) -> Floats:
    """Return the factors of those that have one, NaN for the others."""
    flat = gram.reshape(-1, *gram.shape[-2:])
    found = np.full_like(flat, np.nan)
    for place, one in enumerate(flat):
        try:
            found[place] = np.linalg.cholesky(one)
        except np.linalg.LinAlgError:
            continue
    factors: Floats = found.reshape(gram.shape)
    return factors


def fit(x: Floats, y: Floats, rows: Floats | None = None) -> Fit:
    """Return the regressions of y [..., n] on x [..., n, k]; *rows*: how many count (default n).

    NaN throughout for one whose columns are not independent or that has no row to spare.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    n, k = x.shape[-2:]
    used = np.full(x.shape[:-2], float(n)) if rows is None else np.asarray(rows, float)
    length = np.sqrt(np.einsum("...nk,...nk->...k", x, x))
    scale = np.where(length > 0, length, 1.0)
    unit = x / scale[..., None, :]
    gram = np.swapaxes(unit, -1, -2) @ unit
    _, good = cholesky(gram)
    safe = np.where(good[..., None, None], gram, np.eye(k))
    inverse = np.linalg.inv(safe)
    beta = (inverse @ (np.swapaxes(unit, -1, -2) @ y[..., None]))[..., 0]
    # one step of refinement: what the squaring of the condition cost comes back
    left = y - (unit @ beta[..., None])[..., 0]
    beta = beta + (inverse @ (np.swapaxes(unit, -1, -2) @ left[..., None]))[..., 0]
    for place in map(tuple, np.argwhere(~good)):
        beta[place], inverse[place] = _careful(unit[place], y[place])
    beta = np.where((used > k)[..., None], beta, np.nan)
    residuals = y - (unit @ beta[..., None])[..., 0]
    rss = np.einsum("...n,...n->...", residuals, residuals)
    inverse = inverse / (scale[..., :, None] * scale[..., None, :])
    return Fit(x, beta / scale, residuals, inverse, rss, used)


def _careful(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return one regression's coefficients and (X'X)⁻¹ by the singular values of *x*."""
    k = x.shape[-1]
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or x.shape[0] < k:
        return np.full(k, np.nan), np.full((k, k), np.nan)
    left, single, right = np.linalg.svd(x, full_matrices=False)
    if single[-1] <= LEAST_RANK * single[0]:
        return np.full(k, np.nan), np.full((k, k), np.nan)
    beta = right.T @ ((left.T @ y) / single)
    return beta, (right.T / single**2) @ right


def classical(found: Fit) -> Floats:
    """Return the covariance of the coefficients where the errors are alike: s² (X'X)⁻¹."""
    variance: Floats = (found.rss / found.free)[..., None, None] * found.inverse
    return variance


def hc1(found: Fit, *, taken: float = 0.0) -> Floats:
    """Return White's covariance times n / (n - k): errors of any variance, HC1.

    *taken*: degrees of freedom spent before (means that were removed).
    """
    scores = found.x * found.residuals[..., None]
    meat = np.swapaxes(scores, -1, -2) @ scores
    factor = found.rows / (found.free - taken)
    variance: Floats = factor[..., None, None] * (found.inverse @ meat @ found.inverse)
    return variance


def newey_west(found: Fit, lags: int) -> Floats:
    """Return Newey and West's covariance with Bartlett weights 1 - l / (L + 1), no correction.

    Rows follow one another in time; ``lags`` 0 is White's without n / (n - k) (HC0).
    """
    scores = found.x * found.residuals[..., None]
    meat = np.swapaxes(scores, -1, -2) @ scores
    for lag in range(1, min(lags, scores.shape[-2] - 1) + 1):
        cross = np.swapaxes(scores[..., lag:, :], -1, -2) @ scores[..., :-lag, :]
        meat = meat + (1 - lag / (lags + 1)) * (cross + np.swapaxes(cross, -1, -2))
    variance: Floats = found.inverse @ meat @ found.inverse
    return variance


def clustered(found: Fit, groups: NDArray[np.intp]) -> Floats:
    """Return the covariance of one regression clustered by *groups* [n], CR1.

    The factor is G / (G - 1) · (n - 1) / (n - k), as statsmodels and Stata have it.
    """
    scores = found.x * found.residuals[..., None]
    count = int(groups.max(initial=-1)) + 1
    sums = np.zeros((count, scores.shape[-1]))
    np.add.at(sums, groups, scores)
    n, k = found.x.shape[-2:]
    factor = count / (count - 1) * (n - 1) / (n - k) if count > 1 else np.nan
    variance: Floats = factor * (found.inverse @ (sums.T @ sums) @ found.inverse)
    return variance


def wald(found: Fit, covariance: Floats, places: list[int]) -> Floats:
    """Return b' V⁻¹ b of the coefficients at *places*: χ² with so many degrees, NaN if singular."""
    beta = found.beta[..., places]
    part = covariance[..., places, :][..., :, places]
    answer = np.full(beta.shape[:-1], np.nan)
    for place in np.ndindex(answer.shape):
        if np.isfinite(part[place]).all() and np.linalg.cond(part[place]) < 1 / LEAST_RANK**1.5:
            answer[place] = beta[place] @ np.linalg.solve(part[place], beta[place])
    return answer


def bandwidth(rows: int) -> int:
    """Return the lags a Newey-West covariance of so many rows takes: ⌊4 (T / 100)^(2/9)⌋."""
    return int(4 * (rows / 100) ** (2 / 9)) if rows > 0 else 0


def lagged(series: Floats, lags: range) -> Floats:
    """Return columns of *series* [..., T] so many steps before: [..., T, len(lags)], NaN before it.

    Lag 0 is the series; a negative lag looks ahead and is NaN at the end.
    """
    length = series.shape[-1]
    found = np.full((*series.shape, len(lags)), np.nan)
    for place, lag in enumerate(lags):
        if 0 <= lag < length:
            found[..., lag:, place] = series[..., : length - lag]
        elif -length < lag < 0:
            found[..., :lag, place] = series[..., -lag:]
    return found
