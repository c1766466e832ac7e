"""Resting orders around the grid's best quotes; the NO book is the YES book seen from below."""

from typing import Any

import numpy as np

from trading_cli.simulator.cast import STEP, EventPlan, MarketPlan
from trading_cli.simulator.dice import digest, number, stream
from trading_cli.simulator.prices import Path

_LEVELS = 24


def _ladder(
    rng: np.random.Generator, best: int, away: int, ticks: int, usd: float
) -> list[tuple[int, float]]:
    """Return (tick, size) best first, going *away* (+1 or -1), *usd* deep all together."""
    gaps = rng.integers(1, 2 if ticks <= 100 else 6, _LEVELS)  # noqa: PLR2004  # fine ticks have holes
    gaps[0] = 0
    at = best + away * np.cumsum(gaps)
    at = at[(at > 0) & (at < ticks)]
    weight = np.exp(-np.arange(len(at)) / 8) * rng.lognormal(0, 0.5, len(at))
    size = usd * weight / weight.sum() * ticks / at
    return [(int(tick), max(5.0, float(s))) for tick, s in zip(at, size, strict=True)]


def levels(
    seed: int, market: MarketPlan, quotes: Path, column: int
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Return the YES side's bids and asks, best first, as (tick, size)."""
    rng = stream(seed, "book", market.id, column)
    bid = int(quotes.bid[market.member, column])
    ask = int(quotes.ask[market.member, column])
    half = market.liquidity / 2
    bids = _ladder(rng, bid, -1, market.ticks, half) if bid > 0 else []
    asks = _ladder(rng, ask, 1, market.ticks, half) if ask < market.ticks else []
    return bids, asks


def wire_book(
    seed: int, event: EventPlan, market: MarketPlan, quotes: Path, outcome: int, now: float
) -> dict[str, Any]:
    """Return the CLOB book of outcome *outcome* (0 YES, 1 NO) as it stands at *now*."""
    column = quotes.index(now)
    bids, asks = levels(seed, market, quotes, column)
    if outcome == 1:
        mirror = market.ticks
        bids, asks = [(mirror - t, s) for t, s in asks], [(mirror - t, s) for t, s in bids]
    digits = len(str(market.ticks)) - 1
    written = [
        [{"price": f"{t / market.ticks:.{digits}f}", "size": f"{s:.2f}"} for t, s in side]
        for side in (reversed(bids), reversed(asks))
    ]
    begun = (quotes.first + column) * STEP
    since = number(seed, "changed", market.id, column) % 1000
    return {
        "market": market.condition,
        "asset_id": market.tokens[outcome],
        "timestamp": str(begun * 1000 + (since if begun + 1 <= now else 0)),
        "hash": digest(seed, market.id, outcome, column, size=20).hex(),
        "bids": written[0],
        "asks": written[1],
        "min_order_size": str(market.min_size),
        "tick_size": f"{market.tick:g}",
        "neg_risk": event.form.value == "group",
        "last_trade_price": mid_text(market, quotes, column, outcome),
    }


def mid(market: MarketPlan, quotes: Path, column: int, outcome: int = 0) -> float:
    """Return the midpoint; a one-sided book counts the empty side as 0 or 1."""
    total = int(quotes.bid[market.member, column]) + int(quotes.ask[market.member, column])
    yes = total / (2 * market.ticks)
    return round(1 - yes if outcome else yes, 6)


def mid_text(market: MarketPlan, quotes: Path, column: int, outcome: int) -> str:
    """Return the last price as text, "" where nobody ever traded."""
    return f"{mid(market, quotes, column, outcome):g}" if market.daily_usd > 0 else ""
