"""How much of a bankroll a stated probability is worth, and how much less when it may be wrong.

fraction      one bet (Kelly 1956);  growth, its expected log growth
exclusive     the outcomes of one event, of which one at most comes true (Smoczynski & Tomkins 2010)
together      several independent events at once, each with outcomes that exclude one another
shrunk        a probability drawn towards the price; learned_weight, by how much
constrained   one bet whose chance of a deep fall is bounded (Busseti, Ryu & Boyd 2016)

A price is all-in: what a share that pays 1 costs with its fee. Probabilities and prices are within
(0, 1); a bet without an edge gets 0. NO is a bet of its own: 1 - q at NO's all-in price.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LEAST_FORECASTS = 30
MOST_STATES = 100_000
_STEPS = 200
_CLOSE = 1e-13


class Race(NamedTuple):
    """Fractions of the bankroll for each outcome, what is kept back, and the log growth."""

    fractions: tuple[float, ...]
    reserve: float
    growth: float


@dataclass(frozen=True, slots=True)
class Event:
    """Outcomes that exclude one another: own probabilities (sum <= 1) and all-in prices."""

    chances: tuple[float, ...]
    prices: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.chances) != len(self.prices) or not self.chances:
            raise ValueError("an event has as many probabilities as prices, and one at least")
        _check(*self.prices)
        if min(self.chances) < 0 or math.fsum(self.chances) > 1 + _CLOSE:
            raise ValueError(f"probabilities {self.chances} are below 0 or sum to more than 1")


def _check(*values: float) -> None:
    if not all(0 < value < 1 for value in values):
        raise ValueError(f"{values}: probabilities and prices are between 0 and 1")


def fraction(chance: float, price: float) -> float:
    """Return (q - p')/(1 - p') of the bankroll, 0 without an edge. Raises ValueError outside (0,1).

    >>> round(fraction(0.6, 0.5), 10)
    0.2
    """
    _check(chance, price)
    return max(0.0, (chance - price) / (1 - price))


def growth(stake: float, chance: float, price: float) -> float:
    """Return q ln(1 + f (1-p')/p') + (1-q) ln(1-f), the log growth of staking *stake*; may be -inf.

    Raises ValueError unless 0 <= stake <= 1.
    """
    _check(chance, price)
    if not 0 <= stake <= 1:
        raise ValueError(f"a stake of {stake} is no fraction of the bankroll")
    if stake == 1:
        return -math.inf
    return chance * math.log1p(stake * (1 - price) / price) + (1 - chance) * math.log1p(-stake)


def exclusive(event: Event) -> Race:
    """Return the fractions for outcomes of which one at most comes true.

    Sorted by q/p, outcomes are added while q/p > R = (1 - Σq)/(1 - Σp) of those added; each gets
    q - R p. A small bet on an outcome with q < p is a hedge of the others. Where the prices added
    would sum to 1 or more nothing is left to keep back: the adding stops.
    """
    order = sorted(range(len(event.prices)), key=lambda i: -event.chances[i] / event.prices[i])
    chances = prices = 0.0
    reserve, taken = 1.0, []
    for i in order:
        q, p = event.chances[i], event.prices[i]
        if q / p <= reserve + _CLOSE or prices + p >= 1:
            break
        chances, prices = chances + q, prices + p
        reserve = max(0.0, (1 - chances) / (1 - prices))
        taken.append(i)
    stakes = [0.0] * len(order)
    for i in taken:
        stakes[i] = max(0.0, event.chances[i] - reserve * event.prices[i])
    weights, returns = scenarios([event])
    return Race(tuple(stakes), reserve, _growth(weights, returns, np.array(stakes)))


def scenarios(events: Sequence[Event]) -> tuple[Floats, Floats]:
    """Return (probability (S,), return of each outcome's share (S, n)) of every joint outcome.

    Events are independent. Raises ValueError above 100,000 joint outcomes.
    """
    states = math.prod(len(event.prices) + 1 for event in events)
    if states > MOST_STATES:
        raise ValueError(f"{states:,} joint outcomes are too many: {MOST_STATES:,} at most")
    single = [_alone(event) for event in events]
    weights, rows = [], []
    for combined in product(*single):
        weight = math.prod(chance for chance, _ in combined)
        if weight > 0:
            weights.append(weight)
            rows.append([value for _, row in combined for value in row])
    return np.array(weights), np.array(rows)


def _alone(event: Event) -> list[tuple[float, list[float]]]:
    """Return (probability, returns) of each outcome of one event, the last: none of them."""
    count = len(event.prices)
    found = []
    for winner in range(count + 1):
        row = [1 / event.prices[i] - 1 if i == winner else -1.0 for i in range(count)]
        rest = max(0.0, 1 - math.fsum(event.chances))
        found.append((event.chances[winner] if winner < count else rest, row))
    return found


def together(events: Sequence[Event]) -> Race:
    """Return the fractions of all *events* at once, outcome after outcome, that grow fastest.

    Maximises E ln(1 + f·r) over f >= 0 by exact enumeration: a damped Newton method on the outcomes
    that are not held at 0. ``reserve`` is what is not staked. No events: nothing is staked. Raises
    ValueError for what cannot be lost (a sure outcome, an arbitrage): nothing limits its stake.
    """
    if not events:
        return Race((), 1.0, 0.0)
    weights, returns = scenarios(events)
    stakes = np.zeros(returns.shape[1])
    for _ in range(_STEPS):
        wealth = 1 + returns @ stakes
        slope = returns.T @ (weights / wealth)
        free = (stakes > 0) | (slope > _CLOSE)
        if not free.any() or np.abs(slope[free]).max() < _CLOSE:
            break
        scaled = returns[:, free] / wealth[:, None]
        bend = scaled.T @ (scaled * weights[:, None])
        bend += np.eye(int(free.sum())) * (1e-14 * np.trace(bend) + 1e-300)
        step = np.zeros_like(stakes)
        step[free] = np.linalg.solve(bend, slope[free])
        moved = _better(weights, returns, stakes, step)
        if moved is None:
            break
        stakes = moved
    if stakes.sum() > 1 + _CLOSE:
        raise ValueError("what cannot be lost knows no fastest growth: nothing limits its stake")
    told = tuple(float(one) for one in stakes)
    return Race(told, 1 - math.fsum(told), _growth(weights, returns, stakes))


def _better(weights: Floats, returns: Floats, stakes: Floats, step: Floats) -> Floats | None:
    """Return the stakes after as much of *step* as grows, ``None`` where nothing does."""
    before, size = _growth(weights, returns, stakes), 1.0
    for _ in range(60):
        moved = np.maximum(stakes + size * step, 0.0)
        after = _growth(weights, returns, moved)
        if after > before:
            return moved
        size /= 2
    return None


def _growth(weights: Floats, returns: Floats, stakes: Floats) -> float:
    wealth = 1 + returns @ stakes
    if (wealth <= 0).any():
        return -math.inf
    return float(weights @ np.log(wealth))


def shrunk(chance: float, price: float, weight: float) -> float:
    """Return w q + (1 - w) p: *weight* 0 believes the price alone. Raises outside 0..1."""
    if not 0 <= weight <= 1:
        raise ValueError(f"a weight of {weight} is not within 0..1")
    return weight * chance + (1 - weight) * price


def learned_weight(chances: ArrayLike, prices: ArrayLike, outcomes: ArrayLike) -> float:
    """Return the weight with which past forecasts would have scored best (log score), 0..1.

    The forecasts must have been made before their outcomes (0 or 1) were known. Below 30 of them
    nothing is known of their worth: 0. The score is concave in the weight: bisection on its slope.
    """
    q, p, y = (np.asarray(one, dtype=np.float64) for one in (chances, prices, outcomes))
    if not (q.shape == p.shape == y.shape) or not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("as many probabilities as prices as outcomes, which are 0 or 1")
    if len(q) < LEAST_FORECASTS:
        return 0.0
    _check(float(q.min()), float(q.max()), float(p.min()), float(p.max()))
    right, market = np.where(y == 1, q, 1 - q), np.where(y == 1, p, 1 - p)

    def slope(weight: float) -> float:
        return float(np.sum((right - market) / (market + weight * (right - market))))

    if slope(0.0) <= 0:
        return 0.0
    if slope(1.0) >= 0:
        return 1.0
    low, high = 0.0, 1.0
    while high - low > _CLOSE:
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return (low + high) / 2


def fall_chance(part: float, left: float) -> float:
    """Return P(the bankroll ever falls to *left* of itself) at *part* of Kelly: left^(2/part - 1).

    In the limit of many small bets; 0 < part < 2, 0 < left < 1.
    """
    if not 0 < part < 2 or not 0 < left < 1:  # noqa: PLR2004  # beyond twice Kelly ruin is certain
        raise ValueError("0 < part < 2 and 0 < left < 1 must hold")
    return float(left ** (2 / part - 1))


def growth_share(part: float) -> float:
    """Return the share of Kelly's growth that *part* of Kelly has, in the same limit: 2k - k²."""
    return 2 * part - part * part


def constrained(chance: float, price: float, left: float, risk: float) -> float:
    """Return the stake that grows fastest with P(ever below *left* of the start) < *risk*.

    E[(1 + f r)^-λ] <= 1 with λ = ln risk / ln left; Kelly's where that is allowed. 0 without edge.
    """
    full = fraction(chance, price)
    _check(left, risk)
    power = math.log(risk) / math.log(left)

    def allowed(stake: float) -> bool:
        if stake >= 1:
            return False
        won, lost = math.log1p(stake * (1 - price) / price), math.log1p(-stake)
        return chance * math.exp(-power * won) + (1 - chance) * math.exp(-power * lost) <= 1

    if full == 0 or allowed(full):
        return full
    low, high = 0.0, full
    while high - low > _CLOSE:
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low
