"""What was measured of a book as plain values: numbers, ``None`` for what is not known, reasons."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading_cli.domain import Book, FeeSchedule, Market, Side, Trade
from trading_cli.research import book_history as bh
from trading_cli.research import microstructure as ms
from trading_cli.research.clustered import ClusteredMean
from trading_cli.trading.fees import FeeUnknown, fee, schedule_of

WALLETS = 5
SHOWN_LEVELS = 5
_PLACES = 9  # decimals of a price: what a float adds behind is not the book's


@dataclass(frozen=True, slots=True)
class Asked:
    """What a token's book is asked: sizes in USD, the fee (or why it is not known), least order."""

    sizes: Sequence[Decimal]
    fee: FeeSchedule | str
    least: Decimal | None
    tick: float | None


def number(value: float) -> float | None:
    """Return *value*, ``None`` where it is not finite."""
    return value if math.isfinite(value) else None


def fee_of(market: Market, at: datetime) -> FeeSchedule | str:
    """Return what a taker pays at *at*, or why nobody knows."""
    try:
        return schedule_of(market, at)
    except FeeUnknown as unknown:
        return unknown.message


def ago(book: Book, now: datetime) -> str:
    """Return when *book* was seen, with its age."""
    age = int((now - book.observed_at).total_seconds())
    units = ((86_400, "days"), (3600, "h"), (60, "min"), (1, "s"))
    size, unit = next((one for one in units if age >= 2 * one[0]), units[-1])
    return f"{book.observed_at:%Y-%m-%d %H:%M:%S} UTC, {age // size} {unit} ago,"


def market(one: Market, asked: Asked, origin: str) -> dict[str, Any]:
    """Return what the market is, with tick, smallest order and fee."""
    known = isinstance(asked.fee, FeeSchedule)
    return {
        "id": one.id,
        "question": one.question,
        "slug": one.slug,
        "category": one.category,
        "tick": asked.tick,
        "tick_origin": origin,
        "min_shares": asked.least,
        "fee_rate": asked.fee.rate if isinstance(asked.fee, FeeSchedule) else None,
        "fee_exponent": asked.fee.exponent if isinstance(asked.fee, FeeSchedule) else None,
        "fee_origin": asked.fee.origin if isinstance(asked.fee, FeeSchedule) else None,
        "fee_unknown": "" if known else str(asked.fee),
    }


def book(one: Book, now: datetime, *, live: bool) -> dict[str, Any]:
    """Return where the book came from and how old it is."""
    return {
        "source": "live" if live else "stored",
        "seen_at": one.observed_at,
        "changed_at": one.event_time,
        "age_seconds": int((now - one.observed_at).total_seconds()),
        "hash": one.hash,
        "bid_levels": len(one.bids),
        "ask_levels": len(one.asks),
    }


def token(  # one book and all that is asked of it
    name: str,
    label: str,
    orders: ms.Orders,
    asked: Asked,
    weighted: bh.Weighted,
    lost: bh.Resilience,
) -> dict[str, Any]:
    """Return everything about one token's book."""
    depths = ms.depths(orders, asked.tick)
    return {
        "token": name,
        "label": label,
        "bid": round(orders.bid, _PLACES),
        "ask": round(orders.ask, _PLACES),
        "mid": round(orders.mid, _PLACES),
        "spread": _spread(orders, asked.tick),
        "weighted_spread": {
            one: number(getattr(weighted, one)) for one in ("absolute", "bps", "of_ask")
        },
        "levels": {"bids": _levels(orders.bids), "asks": _levels(orders.asks)},
        "depth": [asdict(one) for one in depths],
        "imbalance": _imbalance(orders, depths),
        "costs": [
            cost(orders, side, usd, asked) for usd in asked.sizes for side in (ms.BUY, ms.SELL)
        ],
        "largest": [
            {**asdict(ms.largest(orders, side, reference)), "against": against}
            for side in (ms.BUY, ms.SELL)
            for against, reference in _references(orders, side)
        ],
        "whales": [_heavy(one) for one in ms.whales(orders)],
        "heaviest": [_heavy(one) for one in ms.heaviest(orders)],
        "concentration": ms.concentration(orders),
        "score": _score(ms.score(orders, asked.tick, lost.back.point, lost.undefined)),
    }


def _spread(orders: ms.Orders, tick: float | None) -> dict[str, float | None]:
    found = ms.spread(orders.bid, orders.ask)
    ticks = None if tick is None else round(found.absolute / tick, _PLACES)
    absolute = round(found.absolute, _PLACES)
    return {"absolute": absolute, "bps": found.bps, "of_ask": found.of_ask, "ticks": ticks}


def _levels(side: ms.Side) -> list[dict[str, float]]:
    best = zip(side.prices[:SHOWN_LEVELS], side.sizes[:SHOWN_LEVELS], strict=True)
    return [
        {"price": round(float(price), _PLACES), "shares": float(size), "usd": float(price * size)}
        for price, size in best
    ]


def _references(orders: ms.Orders, side: str) -> list[tuple[str, float]]:
    return [("mid", orders.mid), ("best", orders.ask if side == ms.BUY else orders.bid)]


def _imbalance(orders: ms.Orders, depths: Sequence[ms.Depth]) -> dict[str, float | None]:
    by_reach = {(one.unit, one.distance): one for one in depths}
    two, ticks = by_reach["of_mid", ms.SHARES_OF_MID[1]], by_reach.get(("ticks", ms.TICKS[-1]))
    near = math.nan if ticks is None else ms.imbalance(ticks.bid_shares, ticks.ask_shares)
    return {
        "usd_top_5": number(ms.imbalance(*ms.top_value(orders))),
        "shares_2_percent": number(ms.imbalance(two.bid_shares, two.ask_shares)),
        "shares_5_ticks": number(near),
    }


def _heavy(one: ms.Heavy) -> dict[str, Any]:
    return {**asdict(one), "price": round(one.price, _PLACES), "dominant": one.dominant}


def _score(found: ms.Score) -> dict[str, Any]:
    parts = [{**asdict(one), "value": number(one.value)} for one in found.parts]
    return {"value": found.value, "weight": found.weight, "parts": parts}


def cost(orders: ms.Orders, side: str, usd: Decimal, asked: Asked) -> dict[str, Any]:
    """Return what *usd* costs on one side; where the book ends before, only what it would give.

    ``with_fee`` is the loss against the mid, fee included, a fraction of the mid. ``round_trip``
    (a purchase only) is what buying and selling the same shares at once loses, fees included, a
    fraction of what was paid; ``None`` where the bids cannot take them.
    """
    done = ms.walk(orders, side, float(usd))
    row: dict[str, Any] = {
        "side": side,
        "usd": usd,
        "filled": done.filled,
        "book_gives_usd": done.usd,
        "shares": None, "average": None, "worst": None, "against_mid": None,
        "against_best": None, "fee": None, "with_fee": None, "round_trip": None,
        "below_minimum": None,
    }  # fmt: skip
    if not done.filled:
        return row
    paid = _fee(done, asked.fee)
    sign = 1 if side == ms.BUY else -1
    best = orders.ask if side == ms.BUY else orders.bid
    return row | {
        "shares": done.shares,
        "average": done.average,
        "worst": done.worst,
        "against_mid": done.slippage(orders.mid),
        "against_best": max(0.0, done.slippage(best)),
        "fee": paid,
        "with_fee": None
        if paid is None
        else sign * ((done.usd + sign * paid) / done.shares / orders.mid - 1),
        "round_trip": _round_trip(orders, done, paid, asked.fee) if side == ms.BUY else None,
        "below_minimum": None if asked.least is None else done.shares < float(asked.least),
    }


def _fee(done: ms.Walk, schedule: FeeSchedule | str) -> float | None:
    """Return the fee of every level touched, each rounded as the venue rounds a fill."""
    if isinstance(schedule, str):
        return None
    legs = zip(done.taken.tolist(), done.prices.tolist(), strict=True)
    paid = sum(
        fee(Decimal(str(taken)), Decimal(str(round(price, _PLACES))), schedule)
        for taken, price in legs
        if taken > 0
    )
    return float(paid)


def _round_trip(
    orders: ms.Orders, bought: ms.Walk, paid: float | None, schedule: FeeSchedule | str
) -> float | None:
    back = ms.walk_shares(orders, ms.SELL, bought.shares)
    again = _fee(back, schedule)
    if not back.filled or paid is None or again is None:
        return None
    out = bought.usd + paid
    return 1 - (back.usd - again) / out


def resilience(found: bh.Resilience) -> dict[str, Any]:
    """Return how depth came back, with n and the reason where nothing can be said."""
    return {
        "losses": found.n,
        "dealt": found.dealt,
        "half_back": found.ended,
        "back_next_look": _mean(found.back),
        "half_life_seconds": number(found.half_life),
        "low": number(found.low),
        "high": number(found.high),
        "undefined": found.undefined,
    }


def _mean(found: ClusteredMean) -> dict[str, float | None]:
    return {name: number(getattr(found, name)) for name in ("point", "low", "high")}


def impact(found: bh.Impact) -> dict[str, Any]:
    """Return one measure of impact with its interval and n."""
    numbers = {name: number(getattr(found, name)) for name in ("value", "low", "high")}
    return {"name": found.name, "n": found.n, **numbers, "undefined": found.undefined}


def flow(trades: Sequence[Trade]) -> dict[str, Any]:
    """Return who dealt and which way: the largest takers with their share of the USD.

    ``net`` is (shares of YES bought - sold) / all shares; buying NO counts as selling YES.
    """
    by_wallet: dict[str, list[float]] = defaultdict(list)
    bought = sold = usd = 0.0
    for one in trades:
        usd += one.usd
        by_wallet[one.wallet].append(one.usd)
        if (one.side is Side.BUY) == (one.outcome_index == 0):
            bought += float(one.size)
        else:
            sold += float(one.size)
    ranked = sorted(by_wallet.items(), key=lambda pair: (-sum(pair[1]), pair[0]))
    return {
        "trades": len(trades),
        "usd": usd,
        "bought_shares": bought,
        "sold_shares": sold,
        "net": number(ms.imbalance(bought, sold)),
        "wallets": len(by_wallet),
        "largest": [
            {
                "wallet": wallet,
                "usd": sum(sums),
                "share": sum(sums) / usd if usd > 0 else None,
                "trades": len(sums),
            }
            for wallet, sums in ranked[:WALLETS]
        ],
    }
