"""What a portfolio of binary positions can lose: exact atoms, tails, concentration, correlation.

tail               VaR and CVaR of weighted results;  drawdown_tail, CDaR of a series of returns
event_atoms        every result of one event's positions with its probability
joint              the results of independent events together, exact; drawn where they are too many
concentration      HHI;  penalised, sizes cut for what moves together
tangency, least_variance   long-only mean-variance weights, for comparison only

Losses are positive. Convention of VaR: the upper quantile, the smallest loss l with
P(loss > l) <= 1 - level: an atom that ends exactly at the level is not in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
MOST_ATOMS = 200_000
DRAWN = 100_000
_MICRO = 1_000_000
_CLOSE = 1e-12
_SWEEPS = 10_000


class Tail(NamedTuple):
    """What is lost at the level (VaR) and on average beyond it (CVaR), both positive losses."""

    level: float
    var: float
    cvar: float


@dataclass(frozen=True, slots=True)
class Atoms:
    """Results (USD or fractions) in rising order with their probabilities, which sum to 1.

    ``exact`` is False where they were drawn.
    """

    results: Floats
    chances: Floats
    exact: bool = True

    @property
    def mean(self) -> float:
        """Return the expected result."""
        return float(self.results @ self.chances)

    @property
    def deviation(self) -> float:
        """Return the standard deviation of the result."""
        return math.sqrt(max(0.0, float((self.results - self.mean) ** 2 @ self.chances)))


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares of one token until its market resolves, USD.

    YES of its market comes true when low <= u < high, u uniform and one for each event: side by
    side for outcomes that exclude one another.
    """

    low: float
    high: float
    yes: bool
    shares: float
    cost: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1 + _CLOSE or self.shares < 0:
            raise ValueError(f"{self}: 0 <= low <= high <= 1 and shares >= 0 must hold")


def tail(results: ArrayLike, level: float, chances: ArrayLike | None = None) -> Tail:
    """Return VaR and CVaR of *results* (gains positive), each as likely or with its chance.

    CVaR takes the part of the boundary atom that fills the tail to exactly 1 - level. Raises
    ValueError for no results, undefined ones, a level outside (0, 1), chances that do not sum to 1.
    """
    values = np.asarray(results, dtype=np.float64)
    n = len(values)
    weights = np.full(n, 1 / n) if chances is None and n else np.asarray(chances, dtype=np.float64)
    if not n or not np.isfinite(values).all() or not 0 < level < 1:
        raise ValueError("a tail needs finite results and a level between 0 and 1")
    if len(weights) != n or (weights < 0).any() or abs(float(weights.sum()) - 1) > 1e-9:  # noqa: PLR2004  # rounding of many sums
        raise ValueError("as many chances as results, none below 0, summing to 1")
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    room = 1 - level
    upto = np.cumsum(weights)
    at = min(int(np.searchsorted(upto, room + _CLOSE, side="right")), n - 1)
    inside = float(values[:at] @ weights[:at])
    filled = float(upto[at - 1]) if at else 0.0
    worst = inside + max(0.0, room - filled) * float(values[at])
    return Tail(level, -float(values[at]), -worst / room)


class DrawdownTail(NamedTuple):
    """Of the drawdowns after each return: the largest, their CVaR, root mean square (ulcer)."""

    largest: float
    cdar: float
    ulcer: float


def drawdown_tail(returns: ArrayLike, level: float, *, compounded: bool = True) -> DrawdownTail:
    """Return the tail of the drawdowns of *returns*, from the highest point so far, start included.

    ``compounded`` False adds returns up and takes falls in points; else fractions of the peak.
    """
    values = np.asarray(returns, dtype=np.float64)
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("drawdowns need finite returns")
    if compounded:
        curve = np.cumprod(1 + values)
        falls = 1 - curve / np.maximum(np.maximum.accumulate(curve), 1.0)
    else:
        curve = np.cumsum(values)
        falls = np.maximum(np.maximum.accumulate(curve), 0.0) - curve
    return DrawdownTail(
        float(falls.max()), tail(-falls, level).cvar, float(np.sqrt(np.mean(falls**2)))
    )


def event_atoms(holdings: Sequence[Holding]) -> Atoms:
    """Return every result at resolution of one event's *holdings*, less their cost."""
    cuts = {0.0, 1.0}
    for one in holdings:
        cuts |= {min(one.low, 1.0), min(one.high, 1.0)}
    edges = sorted(cuts)
    chances, results = [], []
    for low, high in pairwise(edges):
        middle = (low + high) / 2
        won = (one.shares * ((one.low <= middle < one.high) == one.yes) for one in holdings)
        results.append(math.fsum(won) - math.fsum(one.cost for one in holdings))
        chances.append(high - low)
    return _merged(np.array(results), np.array(chances))


def joint(events: Sequence[Atoms], generator: np.random.Generator | None = None) -> Atoms:
    """Return the sum of independent *events*.

    Exact while there are at most 200,000 different sums (to a millionth); beyond that 100,000 are
    drawn with *generator* (seed 1 where none is given) and ``exact`` is False.
    """
    total = Atoms(np.zeros(1), np.ones(1))
    for one in events:
        if len(total.results) * len(one.results) > 10 * MOST_ATOMS:
            return _drawn(events, generator or np.random.default_rng(1))
        total = _merged(
            np.add.outer(total.results, one.results).ravel(),
            np.multiply.outer(total.chances, one.chances).ravel(),
        )
        if len(total.results) > MOST_ATOMS:
            return _drawn(events, generator or np.random.default_rng(1))
    return total


def _merged(results: Floats, chances: Floats) -> Atoms:
    """Return the atoms in rising order, those alike to a millionth as one."""
    whole, where = np.unique(np.round(results * _MICRO), return_inverse=True)
    return Atoms(whole / _MICRO, np.asarray(np.bincount(where, chances, len(whole)), np.float64))


def _drawn(events: Sequence[Atoms], generator: np.random.Generator) -> Atoms:
    total = np.zeros(DRAWN)
    for one in events:
        total += generator.choice(one.results, DRAWN, p=one.chances / one.chances.sum())
    return Atoms(np.sort(total), np.full(DRAWN, 1 / DRAWN), exact=False)


def concentration(stakes: ArrayLike) -> float:
    """Return the HHI, Σ (share of the whole)², 1/n to 1; NaN where nothing is staked."""
    values = np.asarray(stakes, dtype=np.float64)
    if (values < 0).any():
        raise ValueError("a stake is not below 0")
    total = float(values.sum())
    return float(np.sum((values / total) ** 2)) if total > 0 else math.nan


def penalised(sizes: ArrayLike, correlation: ArrayLike) -> Floats:
    """Return each size times its share of what moves with it: f_i² / Σ_j max(0, r_ij) f_j.

    Two that move as one get half each; what is uncorrelated stays; nothing ever grows. Negative
    correlation is no licence: it counts as 0. Shapes (n,), (n, n) with ones on the diagonal.
    """
    f, rho = np.asarray(sizes, dtype=np.float64), np.asarray(correlation, dtype=np.float64)
    if rho.shape != (len(f), len(f)) or (f < 0).any() or not np.allclose(np.diag(rho), 1):
        raise ValueError("sizes >= 0, and a square correlation with ones on its diagonal")
    if not (np.allclose(rho, rho.T) and (np.abs(rho) <= 1 + _CLOSE).all()):
        raise ValueError("a correlation is symmetric and within -1..1")
    load = np.maximum(rho, 0.0) @ f
    return np.divide(f * f, load, out=np.zeros_like(f), where=load > 0)


def tangency(mean: ArrayLike, covariance: ArrayLike, riskless: float = 0.0) -> Floats:
    """Return the long-only weights (sum 1) of the highest Sharpe ratio.

    Raises ValueError where nothing is expected to earn more than *riskless*.
    """
    excess = np.asarray(mean, dtype=np.float64) - riskless
    return _weights(covariance, excess)


def least_variance(covariance: ArrayLike) -> Floats:
    """Return the long-only weights (sum 1) of the smallest variance."""
    return _weights(covariance, np.ones(len(np.asarray(covariance))))


def _weights(covariance: ArrayLike, target: Floats) -> Floats:
    """Return y / Σy of min ½ y'Σy - target·y over y >= 0, by cyclic coordinate descent."""
    sigma = np.asarray(covariance, dtype=np.float64)
    if sigma.shape != (len(target), len(target)) or not (np.linalg.eigvalsh(sigma) > 0).all():
        raise ValueError("a covariance is square and positive definite")
    y = np.zeros(len(target))
    for _ in range(_SWEEPS):
        before = y.copy()
        for i in range(len(y)):
            y[i] = max(0.0, (target[i] - sigma[i] @ y + sigma[i, i] * y[i]) / sigma[i, i])
        if np.abs(y - before).max() <= _CLOSE * max(1.0, float(y.max())):
            break
    total = float(y.sum())
    if total <= 0:
        raise ValueError("nothing is expected to earn more than the riskless rate")
    return y / total
