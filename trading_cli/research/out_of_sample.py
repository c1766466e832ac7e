"""Would hype have helped to foresee the price with what was known then: Clark and West's test.

The first half of the rows chooses the lag and the own lags and fits; from there on both models are
fitted anew every day on all rows before and foresee the next 24 hours one by one. Source: Clark
and West 2007 (J. Econometrics 138): nested models, the wider one's noise is given back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_cli.research import least_squares as ls
from trading_cli.research import tails
from trading_cli.research.single_lags import alone, own_lags

Floats = NDArray[np.float64]

REFIT = 24
LEAST_OUTSIDE = 50


@dataclass(frozen=True, slots=True)
class OutOfSample:
    """1 - MSE of the model with hype over that without; Clark-West's t and its one-sided p."""

    r2: float = float("nan")
    t: float = float("nan")
    p: float = float("nan")
    rows: int = 0
    lag: int = 0


def clark_west(x: Floats, y: Floats, *, max_lag: int) -> OutOfSample:
    """Return how x [T] foresaw y [T] beside y's own lags; NaN with under 50 rows to foresee."""
    half = y.size // 2
    own = own_lags(y[:half])
    early = alone(x[:half], y[:half], own=own, lags=range(1, max_lag + 1))
    if not np.isfinite(early.p).any():
        return OutOfSample()
    lag = int(np.nanargmin(early.p)) + 1
    table = np.column_stack(
        [np.ones(y.size), ls.lagged(y, range(1, own + 1)), ls.lagged(x, range(lag, lag + 1))]
    )
    kept = np.isfinite(y) & np.isfinite(table).all(axis=1)
    design, target, when = table[kept], y[kept], np.flatnonzero(kept)
    first = int(np.searchsorted(when, half))
    rows = target.size - first
    if rows < LEAST_OUTSIDE or first <= 2 * design.shape[1]:
        return OutOfSample(rows=max(rows, 0), lag=lag)
    narrow, wide = np.empty(rows), np.empty(rows)
    for start in range(first, target.size, REFIT):
        stop = min(start + REFIT, target.size)
        for columns, out in ((slice(0, -1), narrow), (slice(None), wide)):
            beta = ls.fit(design[:start, columns], target[:start]).beta
            out[start - first : stop - first] = design[start:stop, columns] @ beta
    truth = target[first:]
    small, large = (truth - narrow) ** 2, (truth - wide) ** 2
    better = small - (large - (narrow - wide) ** 2)
    error = float(better.std(ddof=1)) / np.sqrt(rows)
    t = float(better.mean()) / error if error > 0 else np.nan
    r2 = 1 - float(large.sum()) / float(small.sum()) if small.sum() > 0 else np.nan
    return OutOfSample(r2, t, float(tails.below(-t)), rows, lag)
