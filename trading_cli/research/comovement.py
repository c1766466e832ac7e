"""Which markets move together: the correlation of their hourly changes in log odds.

Only hours that both know count, and of those the ones in which at least one of the two moved: a
price that stands still for a week says nothing about another that does too. There are as many
moves as such hours. Pearson's r of them, so one hour in which both leap can make it large; for a
limit that can only tighten that is the right side to err on.
"""

import numpy as np
from numpy.typing import NDArray

from trading_cli.research.hourly import Floats, changes

SETTLED = 1e-9
"""A change of log odds below this is none: rounding."""


def between(one: Floats, others: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return (r [K], moves [K]) of *one* [T] with each of *others* [K, T], both log odds by hour.

    NaN in a series is an hour it does not know; r is NaN below two moves or where a series did not
    move in them.
    """
    x, y = np.broadcast_arrays(changes(one)[None, :], changes(np.atleast_2d(others)))
    both = np.isfinite(x) & np.isfinite(y)
    both &= np.where(both, np.abs(x) + np.abs(y), 0.0) > SETTLED
    moves = both.sum(axis=1)
    x, y = (_centred(series, both, moves) for series in (x, y))
    size = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    r = np.full(moves.shape, np.nan)
    np.divide((x * y).sum(axis=1), size, out=r, where=(moves > 1) & (size > SETTLED**2))
    return np.clip(r, -1.0, 1.0), moves.astype(np.int64)


def _centred(series: Floats, both: NDArray[np.bool_], moves: NDArray[np.intp]) -> Floats:
    """Return *series* [K, T] less its mean over the hours *both*, 0 in the others."""
    held = np.where(both, series, 0.0)
    mean = held.sum(axis=1) / np.maximum(moves, 1)
    centred: Floats = np.where(both, held - mean[:, None], 0.0)
    return centred
