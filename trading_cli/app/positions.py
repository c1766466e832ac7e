"""What is held, at what selling it now would bring, and what leaving now would cost.

A position's value is what walking the newest stored book's bids brings, after the fee: not its mid.
The book's age is told, since an old price is no price.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from trading_cli.app.settings import Settings, load
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.domain import Book, Market, Position, PositionState, Side, Token
from trading_cli.research.deadline import deadline_of
from trading_cli.store import Store, Transaction, balances, history, holdings, listings
from trading_cli.store.born import is_there
from trading_cli.trading import exits, fees, fills
from trading_cli.trading.terms import A_STOP

MICRO = Decimal("0.000001")
TICK = Decimal("0.01")
EMPTY = "nothing is held"
FROZEN = (
    "the venue is settling it: the targets are frozen, the stop still sells where somebody bids,"
    " the capital is locked until it is paid"
)


def positions(config: Path | None, *, clock: Clock | None = None) -> dict[str, Any]:
    """Return {positions, outside, totals, stop_note}: USD, prices of the token held.

    What no book prices is ``None``, never 0. Raises ConfigError and StoreError.
    """
    loaded = load(config)
    now = (clock or SystemClock()).now()
    if not is_there(loaded.database):
        return _empty()
    with Store.reader(loaded.database) as store, store.reading() as look:
        return held(look, loaded.settings, now)


def _empty() -> dict[str, Any]:
    totals = dict.fromkeys(("cost", "liquidation", "cost_to_leave", "unrealized", "cash"))
    return {
        "positions": [],
        "outside": [],
        "totals": {"held": 0, "unpriced": 0, **totals},
        "stop_note": A_STOP,
        "warnings": [EMPTY],
    }


def held(look: Transaction, settings: Settings, now: datetime) -> dict[str, Any]:
    """Return the same from an open look."""
    found = holdings.positions(look)
    outside = holdings.outside_positions(look)
    wanted = {one.market_id for one in found} | {one.market_id for one in outside}
    markets = {one.id: one for one in listings.listing_at(look, as_of=now, venue_ids=wanted)}
    rows = [
        worth(
            one,
            markets.get(one.market_id),
            history.newest_book(look, one.market_id, as_of=now),
            settings,
            now,
        )
        for one in found
    ]
    cash = balances.balances(look)["cash"]
    return {
        "positions": rows,
        "outside": [_outside(one, markets.get(one.market_id), now) for one in outside],
        "totals": _totals(found, rows, cash),
        "stop_note": A_STOP,
        "warnings": [] if rows or outside else [EMPTY],
    }


def _totals(found: list[Position], rows: list[dict[str, Any]], cash: Decimal) -> dict[str, Any]:
    def total(name: str) -> float | None:
        known = [row[name] for row in rows if row[name] is not None]
        return round(sum(known), 6) if known else None

    return {
        "held": len(rows),
        "unpriced": sum(row["liquidation"] is None for row in rows),
        "cost": float(sum((one.cost for one in found), Decimal(0))),
        "liquidation": total("liquidation"),
        "cost_to_leave": total("cost_to_leave"),
        "unrealized": total("unrealized"),
        "cash": float(cash),
    }


def worth(
    position: Position, market: Market | None, book: Book | None, settings: Settings, now: datetime
) -> dict[str, Any]:
    """Return one holding as JSON has it: what it is, cost, value now, stop and targets.

    ``cost_to_leave`` is the mid's value less what selling all into the bids brings, fee included;
    ``unsold`` shares find no bid; ``note`` says what a state other than OPEN means, else "".
    """
    seen = None if book is None or position.token is Token.YES else book.mirrored("")
    seen = book if seen is None else seen
    tick = (market.tick if market is not None else None) or TICK
    stop = exits.stop_price(position, tick, settings.exits)
    deadline = None if market is None else deadline_of(market).at
    return {
        "id": position.id,
        "market": position.market_id,
        "event": position.event_id,
        "question": None if market is None else market.question,
        "token": position.token.value,
        "state": position.state.value,
        "strategy": position.strategy,
        "by": position.by,
        "shares": float(position.shares),
        "entry_price": _price(position.entry_price),
        "cost": float(position.cost),
        "realized": float(position.realized),
        "opened_at": position.opened_at.isoformat(),
        "deadline": None if deadline is None else deadline.isoformat(),
        "stop": _price(stop) if stop > 0 else None,
        "targets": [_price(one) for one in exits.target_prices(position, settings.exits)],
        "targets_hit": position.targets_hit,
        "decision": position.decision_id or None,
        "note": FROZEN if position.state is PositionState.LOCKED else "",
        **_value(position, market, seen, now),
    }


def _value(
    position: Position, market: Market | None, book: Book | None, now: datetime
) -> dict[str, Any]:
    """Return what the holding would bring now; every field ``None`` where that is not known."""
    names = (
        *("bid", "ask", "book_at", "book_age_s", "liquidation", "unsold", "cost_to_leave"),
        *("unrealized", "returned"),
    )
    if book is None:
        return dict.fromkeys(names)
    found: dict[str, Any] = dict.fromkeys(names) | {
        "bid": None if book.best_bid is None else float(book.best_bid),
        "ask": None if book.best_ask is None else float(book.best_ask),
        "book_at": book.observed_at.isoformat(),
        "book_age_s": max(0, int((now - book.observed_at).total_seconds())),
    }
    if market is None:
        return found
    try:
        schedule = fees.schedule_of(market, now)
    except fees.FeeUnknown:
        return found
    walk = fills.walk(book, Side.SELL, position.shares, Decimal(0), schedule)
    found["liquidation"] = float(walk.net)
    found["unsold"] = float(position.shares - walk.shares)
    found["unrealized"] = float(walk.net - position.cost)
    if position.cost > 0:
        found["returned"] = float((walk.net / position.cost - 1).quantize(MICRO))
    if book.best_bid is not None and book.best_ask is not None:
        mid = (book.best_bid + book.best_ask) / 2
        found["cost_to_leave"] = float((mid * position.shares - walk.net).quantize(MICRO))
    return found


def _price(value: Decimal) -> float:
    return float(value.quantize(MICRO, ROUND_HALF_EVEN))


def _outside(one: holdings.Outside, market: Market | None, now: datetime) -> dict[str, Any]:
    title = one.facts.get("title") if isinstance(one.facts, Mapping) else None
    return {
        "wallet": one.wallet,
        "market": one.market_id,
        "event": one.event_id,
        "question": market.question if market is not None else title,
        "token": one.token.value,
        "shares": float(one.shares),
        "cost": float(one.cost),
        "observed_at": one.observed_at.isoformat(),
        "age_s": max(0, int((now - one.observed_at).total_seconds())),
    }
