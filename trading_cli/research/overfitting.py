"""How likely the best of many configurations is luck: PBO by CSCV, and Hansen's SPA.

Bailey, Borwein, López de Prado and Zhu 2017 (The probability of backtest overfitting, J. Comp.
Finance 20); Hansen 2005 (A test for superior predictive ability, J. Bus. Econ. Stat. 23), White
2000 for the upper p-value (Reality Check).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trading_cli.research.block_bootstrap import Places, stationary_places, stationary_variance

Floats = NDArray[np.float64]
Metric = Literal["mean", "sharpe"]

LEAST_TRADES, LEAST_BLOCKS, LEAST_CONFIGURATIONS = 10, 8, 10
MOST_BLOCKS = 16
_AT_ONCE = 2_000_000  # cells of one batch of combinations


@dataclass(frozen=True, slots=True)
class Splits:
    """What CSCV found: one row per choice of blocks, in lexicographic order.

    logits [C]     ln(ω/(1-ω)), ω = the OOS rank of the best IS over N + 1 (mean rank on ties)
    best_is [C]    the best configuration's metric in sample
    best_oos [C]   the same configuration's metric out of sample
    chosen [C]     which configuration it was (the first on a tie)
    """

    logits: Floats
    best_is: Floats
    best_oos: Floats
    chosen: NDArray[np.intp]

    @property
    def pbo(self) -> float:
        """Return the share of choices whose best is at or below the median out of sample."""
        return float((self.logits <= 0).mean())

    @property
    def loss(self) -> float:
        """Return the share of choices whose best loses out of sample."""
        return float((self.best_oos < 0).mean())

    @property
    def line(self) -> tuple[float, float]:
        """Return slope and intercept of OOS on IS; NaN where IS does not vary or is infinite."""
        away = self.best_is - self.best_is.mean()
        if not np.isfinite(away).all() or not away.any():
            return math.nan, math.nan
        slope = float(away @ self.best_oos / (away @ away))
        return slope, float(self.best_oos.mean() - slope * self.best_is.mean())


def cscv(returns: ArrayLike, blocks: int, metric: Metric = "sharpe") -> Splits:
    """Return every way to choose half of *blocks* as in sample, for *returns* [T, N].

    A row is one period, a column one configuration; rows are cut into *blocks* of equal length
    (the first T mod blocks are one longer). ``sharpe`` is mean over sample deviation; one that
    never varies in a half counts as its mean's sign times infinity, 0 where it earned nothing.
    Raises ValueError for an odd number of blocks, more than 16, fewer rows than two a block,
    fewer than 2 columns, or a return that is not finite.
    """
    x = np.asarray(returns, float)
    if blocks < 2 or blocks % 2 or blocks > MOST_BLOCKS:  # noqa: PLR2004
        raise ValueError(f"{blocks} blocks: an even number from 2 to {MOST_BLOCKS} is needed.")
    if x.ndim != 2 or x.shape[1] < 2 or x.shape[0] < 2 * blocks:  # noqa: PLR2004
        raise ValueError(
            f"returns of shape {x.shape}: periods by configurations, two rows a block and two"
            " columns at least, are needed."
        )
    if not np.isfinite(x).all():
        raise ValueError("returns must be finite: a period without a trade returns 0.")
    halves = _Halves(x, blocks, metric)
    found = [_judged(*halves.of(batch)) for batch in halves.batches()]
    logits, best_is, best_oos, chosen = (np.concatenate(part) for part in zip(*found, strict=True))
    return Splits(logits, best_is, best_oos, chosen.astype(np.intp))


class _Halves:
    """The metric of every configuration in and out of sample, from sums per block."""

    def __init__(self, x: Floats, blocks: int, metric: Metric) -> None:
        self.metric = metric
        self.blocks = blocks
        self.centre = x.mean(axis=0)
        parts = np.array_split(x - self.centre, blocks)
        self.rows = np.array([part.shape[0] for part in parts], float)
        self.sums = np.array([part.sum(axis=0) for part in parts])
        self.squares = np.array([(part**2).sum(axis=0) for part in parts])

    def batches(self) -> Iterator[Floats]:
        """Yield 0/1 masks [c, blocks] of the in-sample blocks, few enough for the memory."""
        size = max(1, _AT_ONCE // self.sums.shape[1])
        every = combinations(range(self.blocks), self.blocks // 2)
        while batch := list(islice(every, size)):
            mask = np.zeros((len(batch), self.blocks))
            np.put_along_axis(mask, np.array(batch), 1.0, axis=1)
            yield mask

    def of(self, mask: Floats) -> tuple[Floats, Floats]:
        """Return the metric [c, N] in and out of sample."""
        return self._metric(mask), self._metric(1 - mask)

    def _metric(self, mask: Floats) -> Floats:
        rows = (mask @ self.rows)[:, None]
        centred = mask @ self.sums / rows
        mean: Floats = centred + self.centre
        if self.metric == "mean":
            return mean
        squares = mask @ self.squares
        left = squares - rows * centred**2
        flat = left <= 1e-12 * (squares + rows * self.centre**2)
        deviation = np.sqrt(np.where(flat, 1.0, left) / (rows - 1))
        earned_nothing = np.abs(mean) <= 1e-12 * (np.abs(self.centre) + np.abs(centred))
        still = np.where(earned_nothing, 0.0, np.copysign(np.inf, mean))
        metric: Floats = np.where(flat, still, mean / deviation)
        return metric


def _judged(inside: Floats, outside: Floats) -> tuple[Floats, Floats, Floats, NDArray[np.intp]]:
    """Return logits, IS and OOS of the best, and which it is, for metrics [c, N]."""
    chosen = inside.argmax(axis=1)
    here = np.arange(chosen.size)
    best = outside[here, chosen][:, None]
    below, ties = (outside < best).sum(axis=1), (outside == best).sum(axis=1)
    share = (below + (ties + 1) / 2) / (outside.shape[1] + 1)
    return np.log(share / (1 - share)), inside[here, chosen], best[:, 0], chosen


class Overfitting(NamedTuple):
    """PBO with what it rests on; ``pbo`` is NaN and ``missing`` says why where INSUFFICIENT."""

    pbo: float
    loss: float
    slope: float
    intercept: float
    blocks: int
    splits: int
    configurations: int
    missing: str = ""


def probability_of_overfitting(
    returns: ArrayLike,
    trades: ArrayLike,
    *,
    metric: Metric = "sharpe",
    blocks: int | None = None,
) -> Overfitting:
    """Return PBO of *returns* [T, N] where *trades* [T, N] (trades opened a period) carry it.

    Needed: at least 10 configurations, and at least 8 blocks with 10 trades in each, for every
    configuration. *blocks* ``None`` takes the most of 16, 14, … 8 that satisfy it. What is missing
    is said in ``missing``; the numbers are NaN then.
    """
    x, opened = np.asarray(returns, float), np.asarray(trades, float)
    if x.ndim != 2 or x.shape != opened.shape:  # noqa: PLR2004
        raise ValueError(f"returns {x.shape} and trades {opened.shape}: one shape, periods by N.")
    count = x.shape[1]
    wanted = (blocks,) if blocks else range(MOST_BLOCKS, LEAST_BLOCKS - 1, -2)
    usable = [one for one in wanted if one >= LEAST_BLOCKS and _fewest(opened, one) >= LEAST_TRADES]
    if count >= LEAST_CONFIGURATIONS and usable:
        found = cscv(x, usable[0], metric)
        return Overfitting(found.pbo, found.loss, *found.line, usable[0], found.logits.size, count)
    lacking = []
    if count < LEAST_CONFIGURATIONS:
        lacking.append(f"{count} of {LEAST_CONFIGURATIONS} configurations")
    if not usable:
        asked = max(LEAST_BLOCKS, blocks or 0)
        lacking.append(
            f"{max(0, _fewest(opened, asked)):g} of {LEAST_TRADES} trades in the emptiest of"
            f" {asked} blocks"
        )
    nan = math.nan
    return Overfitting(nan, nan, nan, nan, 0, 0, count, "; ".join(lacking))


def _fewest(trades: Floats, blocks: int) -> float:
    """Return the trades of the emptiest block of any configuration; 0 where rows do not do."""
    if trades.shape[0] < 2 * blocks or not trades.shape[1]:
        return 0.0
    return float(min(part.sum(axis=0).min() for part in np.array_split(trades, blocks)))


class Superiority(NamedTuple):
    """Hansen's three p-values; the consistent one is the answer, the others bound it."""

    lower: float
    consistent: float
    upper: float
    best: int


def superior_ability(  # a test and its bootstrap
    benchmark: ArrayLike,
    models: ArrayLike,
    *,
    length: float,
    draws: int = 1000,
    studentized: bool = True,
    rng: np.random.Generator | None = None,
    places: Places | None = None,
) -> Superiority:
    """Return the SPA p-values that no model beats the benchmark, from *losses* (small is good).

    *benchmark* [n], *models* [n, k]. *length* is the mean block; *places* [draws, n] gives the
    resampling itself, otherwise *rng* draws it. ``studentized`` divides each difference by its
    deviation as Hansen does; without it the statistic is the plain largest mean, as in arch.
    ``upper`` is White's Reality Check. A model that never differs from the benchmark is left out.
    """
    base, others = np.asarray(benchmark, float), np.asarray(models, float)
    if others.ndim != 2 or base.shape != others.shape[:1]:  # noqa: PLR2004
        raise ValueError(f"benchmark {base.shape} and models {others.shape}: [n] and [n, k].")
    better = base[:, None] - others
    if base.size < 3 or not np.isfinite(better).all():  # noqa: PLR2004  # ln ln n
        raise ValueError("SPA needs at least 3 periods of finite losses.")
    if places is None:
        if rng is None:
            raise ValueError("a seeded Generator or the places must be given.")
        places = stationary_places(base.size, length, draws, rng)
    variance = base.size * stationary_variance(better, length)
    used = np.flatnonzero(variance > 0)
    if not used.size:
        return Superiority(1.0, 1.0, 1.0, 0)
    better, variance = better[:, used], variance[used]
    means = better.mean(axis=0)
    scale = np.sqrt(variance) if studentized else np.ones_like(variance)
    limit = -np.sqrt(variance / base.size * 2 * np.log(np.log(base.size)))
    centres = (np.maximum(means, 0.0), np.where(means >= limit, means, 0.0), means)
    drawn = _drawn_means(better, places)
    best = float((means / scale).max())
    lower, consistent, upper = (
        float((((drawn - centre) / scale).max(axis=1) > best).mean()) for centre in centres
    )
    return Superiority(lower, consistent, upper, int(used[int((means / scale).argmax())]))


def _drawn_means(x: Floats, places: Places) -> Floats:
    """Return the column means of x [n, k] in every resampling [draws, k], by counting rows."""
    n, draws = x.shape[0], places.shape[0]
    of = places + n * np.arange(draws)[:, None]
    counts = np.bincount(of.ravel(), minlength=n * draws).reshape(draws, n)
    means: Floats = counts @ x / n
    return means
