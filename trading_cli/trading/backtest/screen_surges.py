"""Where a price rose while the volume surged: the sparse places at which anything may be entered.

Prices and volumes are [M, S] float64, a row per instrument, NaN where nothing was seen. A ratio or
a change over a gap is undefined, and what is undefined is no surge.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDING = 1e-9  # how far a plain sum may be off; what is nearer is summed again, carefully


@dataclass(frozen=True, slots=True)
class Surges:
    """Places in time order within each row, rows in order, all [K].

    ``at`` is the place in the flattened array: row x S + bar. ``change`` is the relative change of
    the price, ``ratio`` the volume over its mean before.
    """

    at: Ints
    change: Floats
    ratio: Floats

    def __len__(self) -> int:
        return self.at.size

    def beyond(self, least_change: float, least_ratio: float) -> Ints:
        """Return the places, ascending, where both are above their thresholds."""
        places: Ints = self.at[(self.change > least_change) & (self.ratio > least_ratio)]
        return places


def surges(  # two windows, two thresholds
    prices: Floats,
    volumes: Floats,
    *,
    bars: int,
    least_change: float,
    volume_bars: int,
    least_ratio: float,
) -> Surges:
    """Return where the price rose by more than ``least_change`` while the volume surged.

    The change is price / price ``bars`` before - 1; the volume is more than ``least_ratio`` times
    its mean over the ``volume_bars`` bars before. It is only looked at where the price moved: that
    is one place in ten or fewer.
    Raises ValueError unless both arrays have one shape and the windows are at least one bar.
    """
    if prices.ndim != 2 or prices.shape != volumes.shape or min(bars, volume_bars) < 1:  # noqa: PLR2004  # a matrix
        raise ValueError(
            f"prices {prices.shape} and volumes {volumes.shape} need one shape [M, S], and windows"
            f" of at least one bar, not {bars} and {volume_bars}"
        )
    steps = prices.shape[1]
    if steps <= bars:
        return Surges(np.empty(0, np.int64), np.empty(0), np.empty(0))
    with np.errstate(divide="ignore", invalid="ignore"):
        change = prices[:, bars:] / prices[:, :-bars]
        change -= 1
        places = np.flatnonzero(change > least_change)
        row, bar = np.divmod(places, steps - bars)
        bar += bars
        whole = bar >= volume_bars
        at = (row * steps + bar)[whole]
        rough = ratio_before(volumes.ravel(), at, volume_bars)
        near = rough > least_ratio * (1 - _ROUNDING)
        at, places = at[near], places[whole][near]
        ratio = ratio_before(volumes.ravel(), at, volume_bars, exact=True)
    surged = ratio > least_ratio
    return Surges(at[surged], change.ravel()[places][surged], ratio[surged])


def ratio_before(values: Floats, at: Ints, bars: int, *, exact: bool = False) -> Floats:
    """Return values[at] over the mean of the ``bars`` values before it, [K].

    Every place must have so many before it. 0 / 0 is NaN, a window with NaN too. *exact* carries
    the rounding of the sum along (Kahan 1965): a ratio of exactly 2 is 2.
    """
    before, lost = np.zeros(at.size), np.zeros(at.size)
    for back in range(1, bars + 1):
        if not exact:
            before += values[at - back]
            continue
        more = values[at - back] - lost
        total = before + more
        lost = (total - before) - more
        before = total
    ratio: Floats = values[at] / (before / bars)
    return ratio
