"""Does one series help to foresee another: Granger's test at every lag, of many pairs at once.

    restricted    y_t = c + Σ a_i y_{t-i}                    -> RSS_r
    unrestricted  y_t = c + Σ a_i y_{t-i} + Σ b_j x_{t-j}    -> RSS_u
    F = ((RSS_r - RSS_u) / p) / (RSS_u / (n - 2p - 1)) ~ F(p, n - 2p - 1),  n = T - p rows

All lags share one cross-product matrix: that of a lag is the one of the lag above it plus the rows
that only the shorter lag has. One Cholesky of [1, y lags, x lags, y, x] holds both residual sums.
Where a column is nearly a sum of others (1 - R² < 1e-6) that pair and lag is done by the
orthogonal way; where a series does not move there is no test: NaN. Rows with a NaN are dropped,
gaps are never closed. Source: Granger 1969, as R's lmtest and statsmodels compute it.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trading_cli.research import least_squares as ls
from trading_cli.research import tails

Floats = NDArray[np.float64]

CHUNK = 32
LEAST_FREE = 30
FREE_PER_PARAMETER = 5


def carries(rows: float, parameters: int) -> bool:
    """Return whether so many rows carry a regression: n - k >= max(30, 5 k)."""
    return rows - parameters >= max(LEAST_FREE, FREE_PER_PARAMETER * parameters)


@dataclass(frozen=True, slots=True)
class Grid:
    """Tests by pair and lag, [P, L], lag 1 in the first column; NaN where there is no test.

    ``rows`` is n, ``rss_r`` and ``rss_u`` the residual sums of squares of the two models.
    """

    rss_r: Floats
    rss_u: Floats
    rows: Floats

    @property
    def lags(self) -> Floats:
        """Return 1 .. L."""
        return np.arange(1.0, self.rows.shape[-1] + 1)

    @property
    def free(self) -> Floats:
        """Return the denominator's degrees of freedom, n - 2p - 1."""
        found: Floats = self.rows - 2 * self.lags - 1
        return found

    @property
    def f(self) -> Floats:
        """Return the F statistics."""
        found: Floats = (self.rss_r - self.rss_u) / self.lags / (self.rss_u / self.free)
        return found

    @property
    def p(self) -> Floats:
        """Return the p-values of F."""
        return tails.fisher(self.f, self.lags, self.free)

    @property
    def chi2(self) -> Floats:
        """Return n (RSS_r - RSS_u) / RSS_u, "ssr_chi2"."""
        found: Floats = self.rows * (self.rss_r - self.rss_u) / self.rss_u
        return found

    @property
    def chi2_p(self) -> Floats:
        """Return its p-values, χ²(p)."""
        return tails.chi_square(self.chi2, self.lags)

    @property
    def ratio(self) -> Floats:
        """Return the likelihood ratios, n ln(RSS_r / RSS_u)."""
        return self.rows * self.geweke

    @property
    def ratio_p(self) -> Floats:
        """Return their p-values, χ²(p)."""
        return tails.chi_square(self.ratio, self.lags)

    @property
    def partial_r2(self) -> Floats:
        """Return 1 - RSS_u / RSS_r."""
        found: Floats = 1 - self.rss_u / self.rss_r
        return found

    @property
    def geweke(self) -> Floats:
        """Return Geweke's F of x to y in nats: ln(RSS_r / RSS_u)."""
        found: Floats = np.log(self.rss_r / self.rss_u)
        return found


def both_ways(x: Floats, y: Floats, max_lag: int) -> tuple[Grid, Grid]:
    """Return the tests of x on y and of y on x, at lags 1 .. *max_lag*; x, y [P, T]."""
    x, y = np.atleast_2d(np.asarray(x, float)), np.atleast_2d(np.asarray(y, float))
    if x.shape != y.shape:
        raise ValueError(f"x has shape {x.shape}, y {y.shape}: they must be alike.")
    if max_lag < 1:
        raise ValueError("max_lag is at least 1.")
    sums = np.full((4, x.shape[0], max_lag), np.nan)
    rows = np.repeat(x.shape[1] - np.arange(1.0, max_lag + 1)[None], x.shape[0], axis=0)
    whole = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
    moving = np.flatnonzero(whole & (x.std(axis=1) > 0) & (y.std(axis=1) > 0))
    short = x.shape[1] - max_lag < 2 * max_lag + 2
    quick = moving[:0] if short else moving
    for start in range(0, quick.size, CHUNK):
        places = quick[start : start + CHUNK]
        sums[:, places] = _batch(_standard(x[places]), _standard(y[places]), max_lag)
        sums[:2, places] *= y[places].var(axis=1)[:, None]
        sums[2:, places] *= x[places].var(axis=1)[:, None]
    counts = np.stack([rows, rows])
    torn = np.flatnonzero(~whole)
    for place in [*torn, *moving] if short else torn:
        _one_pair(x[place], y[place], sums[:, place], counts[:, place])
    return Grid(sums[0], sums[1], counts[0]), Grid(sums[2], sums[3], counts[1])


def _standard(series: Floats) -> Floats:
    """Return the series [P, T] with mean 0 and sd 1: F does not see it, the arithmetic does."""
    found: Floats = (series - series.mean(axis=1, keepdims=True)) / series.std(
        axis=1, keepdims=True
    )
    return found


def _batch(x: Floats, y: Floats, max_lag: int) -> Floats:
    """Return RSS_r, RSS_u of y, then of x, [4, C, L]; what cannot be trusted is done carefully."""
    wide = max_lag + 1
    ones = np.ones((*x.shape, 1))
    lags = range(wide)
    table = np.concatenate([ones, ls.lagged(y, lags), ls.lagged(x, lags)], axis=-1)
    early, late = np.nan_to_num(table[:, :max_lag]), table[:, max_lag:]
    gram = np.swapaxes(late, 1, 2) @ late
    sums = np.empty((4, x.shape[0], max_lag))
    for lag in range(max_lag, 0, -1):
        if lag < max_lag:
            row = early[:, lag]
            gram += row[:, :, None] * row[:, None, :]
        _at_lag(gram, lag, wide, sums[:, :, lag - 1])
        for place in np.flatnonzero(np.isnan(sums[0, :, lag - 1])):
            sums[:2, place, lag - 1] = _carefully(x[place], y[place], lag)[:2]
            sums[2:, place, lag - 1] = _carefully(y[place], x[place], lag)[:2]
    return sums


def _at_lag(gram: Floats, lag: int, wide: int, sums: Floats) -> None:
    """Put the four sums [4, C] of one lag; NaN where the matrix is too near to singular."""
    own, other = range(2, lag + 2), range(wide + 2, wide + lag + 2)
    order = [0, *own, *other, 1, wide + 1]
    factor, good = ls.cholesky(gram[:, order][:, :, order])
    short, fine = ls.cholesky(gram[:, [0, *other, wide + 1]][:, :, [0, *other, wide + 1]])
    last = factor[:, -2]
    sums[1] = last[:, -2] ** 2
    sums[0] = sums[1] + (last[:, lag + 1 : -2] ** 2).sum(axis=1)
    sums[3] = factor[:, -1, -1] ** 2 + factor[:, -1, -2] ** 2
    sums[2] = short[:, -1, -1] ** 2
    sums[:, ~(good & fine)] = np.nan


def _carefully(x: Floats, y: Floats, lag: int) -> tuple[float, float, int]:
    """Return RSS_r, RSS_u of x on y at one lag by orthogonal columns, and the rows; NaN: none."""
    lags = range(1, lag + 1)
    own, other = ls.lagged(y, lags), ls.lagged(x, lags)
    kept = np.isfinite(y) & np.isfinite(own).all(axis=1) & np.isfinite(other).all(axis=1)
    rows = int(kept.sum())
    if rows <= 2 * lag + 1:
        return np.nan, np.nan, rows
    return *_nested(np.column_stack([np.ones(rows), own[kept], other[kept]]), y[kept], lag), rows


def _nested(x: Floats, y: Floats, last: int) -> tuple[float, float]:
    """Return the RSS of y on all columns but the *last* ones, and on all; NaN if dependent."""
    length = np.sqrt((x**2).sum(axis=0))
    if not length.all():
        return math.nan, math.nan
    base, triangle = np.linalg.qr(x / length)
    if np.abs(np.diag(triangle)).min() < ls.LEAST_RANK:
        return math.nan, math.nan
    part = base.T @ y
    left = y - base @ part
    # a second time: what rounding left in the first
    more = base.T @ left
    left, part = left - base @ more, part + more
    rss = float(left @ left)
    return rss + float(part[-last:] @ part[-last:]), rss


def _one_pair(x: Floats, y: Floats, sums: Floats, counts: Floats) -> None:
    """Fill sums [4, L] and rows [2, L] of one pair lag by lag, rows with a NaN dropped."""
    for lag in range(1, sums.shape[1] + 1):
        sums[0, lag - 1], sums[1, lag - 1], counts[0, lag - 1] = _carefully(x, y, lag)
        sums[2, lag - 1], sums[3, lag - 1], counts[1, lag - 1] = _carefully(y, x, lag)


@dataclass(frozen=True, slots=True)
class Joint:
    """All lags of x together: F with its degrees, Wald by HC1 and by Newey-West, χ² each."""

    lags: int
    free: int
    rows: int
    f: float = math.nan
    p: float = math.nan
    wald: float = math.nan
    hc1: float = math.nan
    hc1_p: float = math.nan
    hac: float = math.nan
    hac_p: float = math.nan
    hac_lags: int = 0
    partial_r2: float = math.nan


def joint(  # what a regression is made of
    x: Floats,
    y: Floats,
    *,
    own: int,
    lags: int,
    free_lags: int = 0,
    controls: Floats | None = None,
    hac_lags: int | None = None,
) -> Joint:
    """Return the test of lags 1 .. *lags* of x [T] on y [T] beside *own* lags of y.

    *free_lags* more lags of x stay in both models (Toda and Yamamoto 1995: own = p + d, lags = p,
    free_lags = d, in levels); *controls* [T, C] are in both. NaN below n > k.
    """
    columns = [ls.lagged(x, range(1, lags + free_lags + 1)), ls.lagged(y, range(1, own + 1))]
    if controls is not None:
        columns.append(controls)
    table = np.column_stack(columns)
    kept = np.isfinite(y) & np.isfinite(table).all(axis=1)
    wide = np.column_stack([table[kept], np.ones(int(kept.sum()))])
    rows, k = wide.shape
    used = ls.bandwidth(rows) if hac_lags is None else hac_lags
    nothing = Joint(lags=lags, free=rows - k, hac_lags=used, rows=rows)
    if rows <= k:
        return nothing
    found = ls.fit(wide, y[kept])
    order = [*range(lags, k), *range(lags)]
    rss_r, _ = _nested(wide[:, order], y[kept], lags)
    if not np.isfinite(found.beta).all() or not rss_r > 0 or not found.rss > 0:
        return nothing
    f = (rss_r - float(found.rss)) / lags / (float(found.rss) / (rows - k))
    places = list(range(lags))
    plain = float(ls.wald(found, ls.classical(found), places))
    white = float(ls.wald(found, ls.hc1(found), places))
    newey = float(ls.wald(found, ls.newey_west(found, used), places))
    return replace(
        nothing,
        f=f,
        p=float(tails.fisher(f, lags, rows - k)),
        wald=plain,
        hc1=white,
        hc1_p=float(tails.chi_square(white, lags)),
        hac=newey,
        hac_p=float(tails.chi_square(newey, lags)),
        partial_r2=1 - float(found.rss) / rss_r,
    )


def toda_yamamoto(x: Floats, y: Floats, *, lags: int, most: int = 1) -> Joint:
    """Return Toda and Yamamoto's test of x on y in levels, with *most* (d_max) lags to spare.

    ``wald`` against χ²(lags) is theirs; ``f`` = W / p against F is the safer one in small samples.
    """
    return joint(x, y, own=lags + most, lags=lags, free_lags=most)
