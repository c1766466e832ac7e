"""Each lag of one series alone as a regressor of another, beside that other's own lags.

One lag at a time has power where the lags together drown it in parameters; what several of them
are worth together is for Simes to say. Errors by White's HC1: talk foretells volatility always,
and the plain t takes that for direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_cli.research import granger, tails
from trading_cli.research import least_squares as ls

Floats = NDArray[np.float64]

MOST_OWN = 12


@dataclass(frozen=True, slots=True)
class Alone:
    """Each lag alone [..., L]: coefficient, t (HC1), p, partial correlation, rows."""

    b: Floats
    t: Floats
    p: Floats
    r: Floats
    rows: Floats


def own_lags(y: Floats, most: int = MOST_OWN) -> int:
    """Return how many own lags of y [T] the BIC takes, 0 .. *most*, on rows that have them all."""
    table = ls.lagged(y, range(1, most + 1))
    kept = np.isfinite(y) & np.isfinite(table).all(axis=1)
    rows = int(kept.sum())
    while most and not granger.carries(rows, most + 2):
        most -= 1
        kept = np.isfinite(y) & np.isfinite(table[:, :most]).all(axis=1)
        rows = int(kept.sum())
    if not most:
        return 0
    x = np.column_stack([np.ones(rows), table[kept, :most]])
    scores = []
    for lags in range(most + 1):
        rss = float(ls.fit(x[:, : lags + 1], y[kept]).rss)
        scores.append(rows * np.log(rss / rows) + lags * np.log(rows) if rss > 0 else np.inf)
    return int(np.argmin(scores))


def alone(
    x: Floats,
    y: Floats,
    *,
    own: int,
    lags: Sequence[int],
    controls: Floats | None = None,
    taken: float = 0.0,
) -> Alone:
    """Return each of *lags* of x [S, T] or [T] alone, beside *own* lags of y [T] and a constant.

    *controls* [T, C] stand beside; *taken* degrees were spent before. Rows where something is
    missing are dropped lag by lag. p is two-sided, Student's t with n - k - taken degrees.
    """
    x = np.asarray(x, float)
    parts = [np.ones((y.size, 1)), ls.lagged(y, range(1, own + 1))]
    if controls is not None:
        parts.append(controls)
    beside = np.column_stack(parts)
    kept = np.isfinite(y) & np.isfinite(beside).all(axis=1)
    beside, target = beside[kept], y[kept]
    others = np.stack([ls.lagged(np.atleast_2d(x), range(lag, lag + 1))[..., 0] for lag in lags])
    table = others[..., kept].reshape(others.shape[0] * others.shape[1], target.size).T
    heard = np.isfinite(table)
    found = _partialled(beside, target, np.where(heard, table, 0.0), heard.astype(float), taken)
    shape = (len(lags), *np.atleast_2d(x).shape[:-1])
    answers = [np.moveaxis(one.reshape(shape), 0, -1) for one in found]
    return Alone(*(one[0] if x.ndim == 1 else one for one in answers))


def _partialled(
    beside: Floats, y: Floats, x: Floats, heard: Floats, taken: float
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return b, t, p, r, rows [J] of each column of x [n, J] beside [n, k - 1] (Frisch-Waugh).

    *heard* [n, J] is 1 where the row counts for that column; x is 0 where it does not.
    """
    n, k = beside.shape[0], beside.shape[1] + 1
    products = (beside[:, :, None] * beside[:, None, :]).reshape(n, (k - 1) ** 2)
    gram = (heard.T @ products).reshape(-1, k - 1, k - 1)
    scale = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-300))
    unit = gram / (scale[:, :, None] * scale[:, None, :])
    _, good = ls.cholesky(unit)
    rows = heard.sum(axis=0)
    good &= rows > k + taken
    unit[~good] = np.eye(k - 1)
    right = np.stack([x.T @ beside, heard.T @ (beside * y[:, None])], axis=-1) / scale[..., None]
    solved = np.linalg.solve(unit, right) / scale[..., None]
    m = x - heard * (beside @ solved[..., 0].T)
    v = heard * (y[:, None] - beside @ solved[..., 1].T)
    mm, mv, vv = (m * m).sum(axis=0), (m * v).sum(axis=0), (v * v).sum(axis=0)
    # what is left of x and of y must be more than rounding
    good &= (mm > ls.LEAST_RANK * (x * x).sum(axis=0)) & (vv > 0) & (mm > 0)
    mm, vv = np.where(good, mm, np.nan), np.where(good, vv, np.nan)
    b = mv / mm
    e = v - m * b
    free = rows - k - taken
    error = np.sqrt(rows / np.where(good, free, np.nan) * ((m * e) ** 2).sum(axis=0)) / mm
    t = np.divide(b, error, out=np.full(b.shape, np.nan), where=error > 0)
    # White's error is itself a guess: few loud hours carry it (Imbens and Kolesár 2016)
    carried = np.divide(mm**2, (m**4).sum(axis=0), out=np.ones(b.shape), where=good)
    p = tails.student(t, np.where(good, np.minimum(free, carried), 1.0))
    return b, t, p, mv / np.sqrt(mm * vv), rows
