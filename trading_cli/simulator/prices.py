"""Prices: conditional probabilities of the outcome itself, so that they are fair by construction.

A latent Brownian state runs on a clock of its own (stochastic volatility and bursts that know
nothing of direction) and decides the event by its sign at the end; the price is the probability
of that given the state now: Φ(x / sqrt(time left)). A mutually exclusive group breaks a stick:
member k takes a fraction q_k of what the members before it left, each q_k such a price of its own;
products of independent martingales are martingales, and the shares add to one. Only planted
drifts (`shocks.py`) and scripted scenes are unfair.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from trading_cli.simulator.cast import DAY, HOUR, STEP, EventPlan, Form, Kind
from trading_cli.simulator.dice import Floats, chance, normal_cdf, stream
from trading_cli.simulator.shocks import DRIFT_HOURS, shocks, swell

FLIP = 0.07
VOID = 0.04
Ticks = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Path:
    """Quotes of an event's markets on the grid, shape (markets, steps), first step ``first``.

    In ticks of each market; a bid of 0 or an ask of one dollar means that side is empty.
    """

    first: int
    bid: Ticks
    ask: Ticks
    payouts: tuple[float, ...]

    def index(self, at: float) -> int:
        """Return the column that holds *at*, clipped to the path."""
        return max(0, min(int(at // STEP) - self.first, int(self.bid.shape[1]) - 1))


def _clock(seed: int, event: EventPlan, times: Floats) -> tuple[Floats, float]:
    """Return how much of the latent clock passes in each step, and the share left for the end."""
    rng = stream(seed, "clock", event.key)
    days = int((times[-1] - times[0]) // DAY) + 2
    heat = rng.normal(0, 0.45, days)
    for day in range(1, days):
        heat[day] = 0.7 * heat[day - 1] + 0.7 * heat[day]
    speed = np.exp(np.interp(times, times[0] + DAY * np.arange(days), heat))
    speed *= swell(times, shocks(seed, event), talk=False) ** 1.5
    jumps = rng.random(len(times)) < 4 * STEP / DAY / 7
    speed[jumps] *= 25
    end_share = float(rng.uniform(0.3, 0.7))
    part: Floats = speed / speed.sum() * (1 - end_share)
    return part, end_share


def _drift(seed: int, event: EventPlan, times: Floats, left: Floats) -> Floats:
    """Return the planted push on the latent state, cumulated; zeros for fair events."""
    out = np.zeros(len(times))
    if event.kind not in {Kind.TALK_LEADS, Kind.COMMON_CAUSE}:
        return out
    for shock in shocks(seed, event):
        if shock.price_at is None:
            continue
        ramp = np.clip((times - shock.price_at) / (DRIFT_HOURS * HOUR), 0, 1)
        at = min(int(np.searchsorted(times, shock.price_at)), len(times) - 1)
        out += ramp * shock.sign * shock.drift * left[at]
    return out


def _latents(seed: int, event: EventPlan, count: int, times: Floats) -> tuple[Floats, Floats]:
    """Return *count* latent states (count, steps + 1, the last decides) and the spread left."""
    part, end_share = _clock(seed, event, times)
    passed = np.cumsum(part) - part
    left = np.sqrt(np.maximum(1 - passed, end_share))
    push = _drift(seed, event, times, left)
    out = np.empty((count, len(times) + 1))
    for row in range(count):
        rng = stream(seed, "latent", event.key, row)
        noise = rng.standard_normal(len(times))
        walk = np.cumsum(np.sqrt(part) * noise)
        out[row, 0] = 0
        out[row, 1:] = walk
        out[row, :-1] += push if row == 0 else 0
        last = walk[-1] + np.sqrt(end_share) * rng.standard_normal()
        out[row, -1] = last + (push[-1] if row == 0 else 0)
    return out, left


def _start(p: float) -> float:
    """Return the latent state whose probability is *p*."""
    return NormalDist().inv_cdf(min(max(p, 0.002), 0.998))


def _single(seed: int, event: EventPlan, times: Floats) -> tuple[Floats, tuple[float, ...]]:
    """Return the fair price of a stand-alone market, and what its YES pays."""
    state, left = _latents(seed, event, 1, times)
    wide = 0.5 if event.liquid else 0.9
    x = state[0] + stream(seed, "start", event.key).normal(0, wide)
    raw = normal_cdf(x[:-1] / left)
    won = float(x[-1] > 0)
    if event.half:
        void = chance(seed, "void", event.key) < VOID
        return VOID / 2 + (1 - VOID) * raw[None], (0.5 if void else won,)
    if event.disputed is not None:
        flip = chance(seed, "flip", event.key) < FLIP
        return FLIP + (1 - 2 * FLIP) * raw[None], (1 - won if flip else won,)
    return raw[None], (won,)


def _group(seed: int, event: EventPlan, times: Floats) -> tuple[Floats, tuple[float, ...]]:
    """Return the members' fair prices (they add to one) and payouts (exactly one is 1)."""
    count = len(event.markets)
    state, left = _latents(seed, event, count - 1, times)
    weights = stream(seed, "weights", event.key).dirichlet(np.full(count, 1.6))
    small = [m.placeholder or m.other for m in event.markets]
    weights = np.where(small, 0.02, weights)
    rest = np.ones(len(times))
    prices, payouts, open_still = np.empty((count, len(times))), [0.0] * count, True
    for k in range(count - 1):
        x = state[k] + _start(float(weights[k] / weights[k:].sum()))
        q = normal_cdf(x[:-1] / left)
        prices[k] = rest * q
        rest = rest * (1 - q)
        if open_still and x[-1] > 0:
            payouts[k], open_still = 1.0, False
    prices[-1] = rest
    payouts[-1] = float(open_still)
    return prices, tuple(payouts)


def _ladder(seed: int, event: EventPlan, times: Floats) -> tuple[Floats, tuple[float, ...]]:
    """Return the fair prices of rising thresholds over one state, and their payouts."""
    state, left = _latents(seed, event, 1, times)
    count = len(event.markets)
    bars = np.linspace(-0.9, 0.9, count) if count > 1 else np.zeros(1)
    x = state[0][None] - bars[:, None]
    return normal_cdf(x[:, :-1] / left), tuple(float(v > 0) for v in x[:, -1])


def _script(seed: int, event: EventPlan, times: Floats) -> tuple[Floats, tuple[float, ...]]:
    """Return a scripted scene's price: straight in logit between knots, with a little noise."""
    at = [t for t, _ in event.knots]
    logit = [float(np.log(p / (1 - p))) for _, p in event.knots]
    rng = stream(seed, "script", event.key)
    noise = rng.normal(0, 0.02, len(times))
    calm = np.interp(times, at, logit) + noise
    first = int(np.searchsorted(times, at[0]))
    wander = np.cumsum(rng.normal(0, 0.007, len(times)))
    bridge = wander - (wander[first - 1] if first else 0.0)
    calm[:first] += bridge[:first]
    return (1 / (1 + np.exp(-calm)))[None], (float(event.payout or 0.0),)


def path(seed: int, event: EventPlan) -> Path:
    """Return the whole path of *event* from opening to closing."""
    first = int(event.opens // STEP)
    steps = max(2, int(event.decided // STEP) - first)
    times: Floats = ((first + np.arange(steps)) * STEP).astype(np.float64)
    if event.zombie:
        prices, payouts = np.full((len(event.markets), steps), 0.5), (0.0,) * len(event.markets)
    elif event.knots:
        prices, payouts = _script(seed, event, times)
    else:
        rule = {Form.SINGLE: _single, Form.GROUP: _group, Form.LADDER: _ladder}[event.form]
        prices, payouts = rule(seed, event, times)
    after = 1 if event.zombie else max(1, int((event.closes - event.decided) // STEP) + 2)
    bid = np.empty((len(event.markets), steps + after), np.int16)
    ask = np.empty_like(bid)
    for row, market in enumerate(event.markets):
        p = np.concatenate([prices[row], np.full(after, _decided_price(seed, event, payouts[row]))])
        bid[row], ask[row] = _quotes(p, market.ticks, market.spread_ticks, steps)
    return Path(first, bid, ask, payouts)


def _decided_price(seed: int, event: EventPlan, payout: float) -> float:
    """Return where the price rests once the outcome is known but not yet paid."""
    if event.zombie:
        return 0.9995
    if event.disputed is not None:
        flipped = not event.knots and chance(seed, "flip", event.key) < FLIP
        return FLIP + (1 - 2 * FLIP) * (1 - payout if flipped else payout)
    return payout


def _quotes(p: Floats, ticks: int, spread: int, decided: int) -> tuple[Ticks, Ticks]:
    """Return best bid and ask in ticks around *p*, wider for a moment after a large move."""
    moved = np.abs(np.diff(p, prepend=p[0])) * ticks
    wide = spread + np.minimum(moved // 3, 3 * spread + 2).astype(np.int64)
    wide[decided:] = spread
    bid = np.floor(p * ticks - wide / 2 + 0.5).astype(np.int64)
    ask = bid + wide
    return np.clip(bid, 0, ticks - 1).astype(np.int16), np.clip(ask, 1, ticks).astype(np.int16)
