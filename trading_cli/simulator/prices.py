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
DRIFTING = frozenset({Kind.TALK_LEADS, Kind.COMMON_CAUSE})
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
    """Return the planted push on the latent state, cumulated; never asked of fair events."""
    out, jump = np.zeros(len(times)), np.zeros(len(times) + 1)
    for shock in shocks(seed, event):
        if shock.price_at is None:
            continue
        full = shock.price_at + DRIFT_HOURS * HOUR
        lo, hi = (int(k) for k in np.searchsorted(times, [shock.price_at, full]))
        push = shock.sign * shock.drift * left[min(lo, len(times) - 1)]
        out[lo:hi] += push * (times[lo:hi] - shock.price_at) / (DRIFT_HOURS * HOUR)
        jump[hi] += push
    return out + np.cumsum(jump[:-1])


def _ends(seed: int, event: EventPlan, count: int) -> Floats:
    """Return where *count* latent states end without any push: their sign decides.

    Drawn first, so that an outcome costs one number; `_latents` walks there.
    """
    return stream(seed, "end", event.key).standard_normal(count)


def _final_push(seed: int, event: EventPlan) -> float:
    """Return the planted push on the first state's end."""
    if event.kind not in DRIFTING:
        return 0.0
    times = _grid(event)
    return float(_drift(seed, event, times, _left(seed, event, times)[1])[-1])


def _left(seed: int, event: EventPlan, times: Floats) -> tuple[Floats, Floats]:
    """Return the share of the latent clock passed before each step, and the spread left then."""
    part, end_share = _clock(seed, event, times)
    passed = np.cumsum(part) - part
    return part, np.sqrt(np.maximum(1 - passed, end_share))


def _latents(seed: int, event: EventPlan, count: int, times: Floats) -> tuple[Floats, Floats]:
    """Return *count* latent states, shape (count, steps), and the spread left at each step.

    A Brownian bridge to the ends drawn before has the law of the free motion.
    """
    part, left = _left(seed, event, times)
    passed = np.cumsum(part)
    root = np.sqrt(part)
    ends = _ends(seed, event, count)
    out = np.zeros((count, len(times)))
    for row in range(count):
        rng = stream(seed, "latent", event.key, row)
        free = np.cumsum(root * rng.standard_normal(len(times)))
        beyond = np.sqrt(max(0.0, 1 - passed[-1])) * rng.standard_normal()
        walk = free + passed * (ends[row] - free[-1] - beyond)
        out[row, 1:] = walk[:-1]
    if event.kind in DRIFTING:
        out[0] += _drift(seed, event, times, left)
    return out, left


def _start(p: float) -> float:
    """Return the latent state whose probability is *p*."""
    return NormalDist().inv_cdf(min(max(p, 0.002), 0.998))


def _offsets(seed: int, event: EventPlan) -> Floats:
    """Return where each latent state starts: the prior view of each question."""
    count = len(event.markets)
    if event.form is Form.LADDER:
        return -np.linspace(-0.9, 0.9, count) if count > 1 else np.zeros(1)
    if event.form is Form.SINGLE:
        wide = 0.5 if event.liquid else 0.9
        return np.array([stream(seed, "start", event.key).normal(0, wide)])
    weights = stream(seed, "weights", event.key).dirichlet(np.full(count, 1.6))
    small = [m.placeholder or m.other for m in event.markets]
    weights = np.where(small, 0.02, weights)
    return np.array([_start(float(weights[k] / weights[k:].sum())) for k in range(count - 1)])


def payouts(seed: int, event: EventPlan) -> tuple[float, ...]:
    """Return what YES of each market pays in the end, without walking there."""
    count = len(event.markets)
    if event.zombie:
        return (0.0,) * count
    if event.knots:
        return (float(event.payout or 0.0),)
    states = count - 1 if event.form is Form.GROUP else 1
    ends = _ends(seed, event, states)
    ends[:1] += _final_push(seed, event)
    above = ends + _offsets(seed, event) > 0
    if event.form is Form.LADDER:
        return tuple(float(one) for one in above)
    if event.form is Form.GROUP:
        first = next((k for k in range(states) if above[k]), states)
        return tuple(float(k == first) for k in range(count))
    return (_settled(seed, event, won=bool(above[0])),)


def _settled(seed: int, event: EventPlan, *, won: bool) -> float:
    """Return what a stand-alone market pays once its state has decided."""
    if event.half and chance(seed, "void", event.key) < VOID:
        return 0.5
    flipped = event.disputed is not None and _flipped(seed, event)
    return float(won != flipped)


def _flipped(seed: int, event: EventPlan) -> bool:
    """Return whether the dispute turned the outcome round."""
    return chance(seed, "flip", event.key) < FLIP


def _fair(seed: int, event: EventPlan, times: Floats) -> Floats:
    """Return the fair prices, shape (markets, steps)."""
    count = len(event.markets)
    state, left = _latents(seed, event, count - 1 if event.form is Form.GROUP else 1, times)
    raw = normal_cdf((state + _offsets(seed, event)[:, None]) / left)
    if event.form is Form.GROUP:
        return _stick(raw)
    if event.form is Form.LADDER:
        return raw
    if event.half:
        return VOID / 2 + (1 - VOID) * raw
    return FLIP + (1 - 2 * FLIP) * raw if event.disputed is not None else raw


def _stick(parts: Floats) -> Floats:
    """Return a group's prices: each member takes its part of what those before it left."""
    prices = np.empty((len(parts) + 1, parts.shape[1]))
    rest = np.ones(parts.shape[1])
    for k, part in enumerate(parts):
        prices[k] = rest * part
        rest = rest * (1 - part)
    prices[-1] = rest
    return prices


def _script(seed: int, event: EventPlan, times: Floats) -> Floats:
    """Return a scripted scene's price: straight in logit between knots, with a little noise."""
    at = [t for t, _ in event.knots]
    logit = [float(np.log(p / (1 - p))) for _, p in event.knots]
    rng = stream(seed, "script", event.key)
    noise = rng.normal(0, 0.02, len(times))
    calm = np.interp(times, at, logit) + noise
    first = int(np.searchsorted(times, at[0]))
    wander = np.cumsum(rng.normal(0, 0.007, len(times)))
    bridge = wander - (wander[first - 1] if first else 0.0)
    # at rest for a day before the script begins: half a day's move is then the script's alone
    rest = np.clip((at[0] - DAY - times) / (3 * DAY), 0.0, 1.0)
    calm[:first] += (bridge * rest)[:first]
    out: Floats = (1 / (1 + np.exp(-calm)))[None]
    return out


def _grid(event: EventPlan) -> Floats:
    """Return the steps at which *event* is undecided, epoch seconds."""
    first = int(event.opens // STEP)
    steps = max(2, int(event.decided // STEP) - first)
    return ((first + np.arange(steps)) * STEP).astype(np.float64)


def path(seed: int, event: EventPlan) -> Path:
    """Return the whole path of *event* from opening to closing."""
    times = _grid(event)
    first, steps = int(times[0]) // STEP, len(times)
    paid = payouts(seed, event)
    if event.zombie:
        prices: Floats = np.full((len(event.markets), steps), 0.5)
    elif event.knots:
        prices = _script(seed, event, times)
    else:
        prices = _fair(seed, event, times)
    after = 1 if event.zombie else max(1, int((event.closes - event.decided) // STEP) + 2)
    bid = np.empty((len(event.markets), steps + after), np.int16)
    ask = np.empty_like(bid)
    for row, market in enumerate(event.markets):
        p = np.concatenate([prices[row], np.full(after, _decided_price(seed, event, paid[row]))])
        bid[row], ask[row] = _quotes(p, market.ticks, market.spread_ticks, steps)
    return Path(first, bid, ask, paid)


def _decided_price(seed: int, event: EventPlan, payout: float) -> float:
    """Return where the price rests once the outcome is known but not yet paid."""
    if event.zombie:
        return 0.9995
    if event.disputed is not None:
        flipped = not event.knots and _flipped(seed, event)
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
