"""Many possible courses of one account, and what they say with the error of having drawn so few.

A path is a row of log growths, one a step; ``follow`` walks all paths of a block together, one
step at a time, so that its arrays stay in the cache and no (steps x paths) matrix of equities is
ever made. Everything is of compounded equity that starts at 1.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading_cli.research.track_record import LEVEL, Interval, wilson

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]
PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0)
FINAL_PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
RUIN = 0.25
_ROUNDING = 1e-12  # what adding logarithms may take off a fall of exactly 25 %


@dataclass(frozen=True, slots=True)
class Paths:
    """What each path came to, in the order of the paths.

    ``growth``   final equity, as a multiple of the start
    ``fall``     maximum drawdown, a fraction of the peak before it, 0..1
    ``lowest``   the lowest equity, as a multiple of the start, at most 1
    ``longest``  the longest stretch of steps below an earlier peak; of the first paths only, so
                 possibly shorter than the others
    ``waiting``  whether the path ended below an earlier peak; like ``longest``
    """

    growth: Floats
    fall: Floats
    lowest: Floats
    longest: Counts
    waiting: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return how many paths there are."""
        return len(self.growth)

    def digest(self) -> bytes:
        """Return every number as bytes: equal if and only if the paths are."""
        parts = (self.growth, self.fall, self.lowest, self.longest, self.waiting)
        return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


def follow(rows: Iterable[Floats], n: int, *, timed: bool = False) -> Paths:
    """Return what *n* paths come to; each of *rows* is their next log growths, shape (n,).

    A row may be overwritten by the one after it; -inf is a total loss. ``timed`` also counts how
    long each path is under water. NaN must not occur.
    """
    here, peak, deepest, lowest = (np.zeros(n) for _ in range(4))
    gap = np.empty(n)
    water = _Water(n) if timed else None
    for row in rows:
        np.add(here, row, out=here)
        np.maximum(peak, here, out=peak)
        np.subtract(peak, here, out=gap)
        np.maximum(deepest, gap, out=deepest)
        np.minimum(lowest, here, out=lowest)
        if water is not None:
            water.see(gap)
    fall = -np.expm1(-deepest)
    longest, waiting = (
        (np.empty(0, np.int32), np.empty(0, np.bool_))
        if water is None
        else (water.longest, water.now > 0)
    )
    return Paths(np.exp(here), fall, np.exp(lowest), longest, waiting)


class _Water:
    """How long each path has been below its peak, and was at the longest."""

    def __init__(self, n: int) -> None:
        self.now = np.zeros(n, np.int32)
        self.longest = np.zeros(n, np.int32)

    def see(self, gap: Floats) -> None:
        """Count one more step: *gap* is how far below its peak each path is, in log equity."""
        self.now += 1
        self.now *= gap > _ROUNDING
        np.maximum(self.longest, self.now, out=self.longest)


def joined(parts: Sequence[Paths]) -> Paths:
    """Return the paths of all *parts*, in that order."""
    names = ("growth", "fall", "lowest", "longest", "waiting")
    return Paths(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def given_paths(returns: Floats, *, timed: bool = True) -> Paths:
    """Return what the paths of *returns* (paths x steps, fractions, >= -1) come to: no chance."""
    return follow(_rows_of(returns), len(returns), timed=timed)


def _rows_of(returns: Floats) -> Iterator[Floats]:
    logs = log_growth(returns)
    yield from (np.ascontiguousarray(logs[:, step]) for step in range(logs.shape[1]))


def log_growth(returns: Floats) -> Floats:
    """Return ln(1 + r); a loss of everything is -inf. Raises ValueError below -1 and for NaN."""
    values = np.asarray(returns, dtype=np.float64)
    if not (np.isfinite(values).all() and (values >= -1).all()):
        raise ValueError("a return is a finite fraction of equity, at least -1")
    with np.errstate(divide="ignore"):
        return np.log1p(values)


class Quantile(NamedTuple):
    """A percentile (0..100) of the paths, with the interval of its Monte Carlo error."""

    percentile: float
    point: float
    low: float
    high: float


def ranks(paths: int, share: float, level: float = LEVEL) -> tuple[int, int]:
    """Return the 1-based order statistics that hold the *share* quantile with P *level*.

    Binomial by its normal approximation, rounded outwards and kept within 1..paths.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    half = z * math.sqrt(paths * share * (1 - share))
    low, high = math.floor(paths * share - half), math.ceil(paths * share + half)
    return max(1, low), min(paths, high)


def quantiles(values: Floats, percentiles: Sequence[float], level: float = LEVEL) -> list[Quantile]:
    """Return percentiles by the inverted distribution function, each with its interval by ranks."""
    ordered = np.sort(values)
    n = len(ordered)
    found = []
    for percentile in percentiles:
        share = percentile / 100
        rank = min(n, max(1, math.ceil(n * share - 1e-9)))
        low, high = ranks(n, share, level)
        at = (float(ordered[r - 1]) for r in (rank, low, high))
        found.append(Quantile(percentile, *at))
    return found


class Ruin(NamedTuple):
    """How many of the paths fell by ``at`` from a peak; the interval is Wilson's."""

    at: float
    ruined: int
    paths: int
    share: Interval
    error: float  # sqrt(p (1 - p) / paths)

    def told(self) -> str:
        """Return it in words; none in n is "below", by the rule of three."""
        if self.ruined == 0:
            return f"0 of {self.paths:,}: below {min(1, 3 / self.paths):.2%}"
        share = self.share
        return f"{share.point:.2%} [{share.low:.2%}, {share.high:.2%}]"


def ruin(paths: Paths, at: float = RUIN) -> Ruin:
    """Return the share of *paths* whose maximum drawdown is *at* or more."""
    n = len(paths)
    hit = int(np.count_nonzero(paths.fall >= at - _ROUNDING))
    share = hit / n
    return Ruin(at, hit, n, wilson(hit, n), math.sqrt(share * (1 - share) / n))


@dataclass(frozen=True, slots=True)
class Summary:
    """What the paths say. ``final`` is the total return; empty where the engine cannot vary it.

    ``below_start`` is the share whose equity was ever 25 % under its start. ``longest`` (steps
    under water) and ``waiting`` (share that ended there) are of ``timed`` paths.
    """

    paths: int
    fall: list[Quantile]
    ruin: Ruin
    below_start: Interval
    final: list[Quantile]
    mean_final: Interval | None
    lost: Interval | None
    timed: int
    longest: list[Quantile]
    waiting: Interval | None


def summary(paths: Paths, *, final: bool = True) -> Summary:
    """Return what *paths* say; ``final`` False where every path ends alike (shuffling)."""
    n, timed = len(paths), len(paths.longest)
    returned = paths.growth - 1
    below = int(np.count_nonzero(paths.lowest <= 1 - RUIN + _ROUNDING))
    lost = int(np.count_nonzero(returned < 0))
    return Summary(
        n,
        quantiles(paths.fall, PERCENTILES),
        ruin(paths),
        wilson(below, n),
        quantiles(returned, FINAL_PERCENTILES) if final else [],
        _mean(returned) if final else None,
        wilson(lost, n) if final else None,
        timed,
        quantiles(paths.longest.astype(np.float64), PERCENTILES) if timed else [],
        wilson(int(np.count_nonzero(paths.waiting)), timed) if timed else None,
    )


def _mean(values: Floats) -> Interval | None:
    """Return the mean with its Monte Carlo error; ``None`` of a single path."""
    n = len(values)
    if n == 1:
        return None
    mean = float(values.mean())
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)
