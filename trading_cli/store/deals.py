"""Orders and what they got.

An order is written before it is sent and ended when its outcome is known; an ended order stays as
it ended. What it held back of the money is let go in the same statement that ends it.
"""

import json
import sqlite3
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from operator import itemgetter

from trading_cli.core.errors import StoreError
from trading_cli.domain import (
    Fill,
    Level,
    Order,
    OrderState,
    Position,
    Purpose,
    Reason,
    Side,
    Token,
    from_epoch,
)
from trading_cli.store.decided import FOREVER, only_one, prefix_bounds
from trading_cli.store.rows import (
    MILLION,
    Shape,
    as_json,
    epoch,
    epoch_or_none,
    exact,
    keep,
    millionths,
    moment,
    narrowed,
    whole,
)

PERSON = "person"  # the broker of trades a person made: theirs are apart from ours

_ORDER = (
    "id, decision, market, event, strategy, purpose, side, token, shares, limit_price, reason,"
    " state, placed_at, reserved, broker, detail"
)
_FILL = (
    "id, order_id, market, token, side, shares, price, gross, fee, at, grade, levels, book_hash,"
    " book_at"
)
_INSERT_ORDER = (
    f"INSERT INTO orders ({_ORDER}, ended_at)"  # noqa: S608  # our own column names
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_ORDER_BY_ID = f"SELECT {_ORDER} FROM orders WHERE id >= ? AND id < ? ORDER BY id LIMIT 2"  # noqa: S608  # same
_OPEN = f"SELECT {_ORDER} FROM orders WHERE state IN ('PENDING', 'UNKNOWN') ORDER BY seq"  # noqa: S608  # same
FILLS = Shape(
    "fills",
    f"INSERT INTO fills ({_FILL}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # same
    " ON CONFLICT DO NOTHING",
    "SELECT order_id, market, token, side, shares, gross, fee FROM fills WHERE id = ?",
    itemgetter(slice(0, 1)),
    itemgetter(1, 2, 3, 4, 5, 7, 8),
    9,
)
_FILL_BY_ID = f"SELECT {_FILL} FROM fills WHERE id >= ? AND id < ? ORDER BY id LIMIT 2"  # noqa: S608  # same


def place_order(tx: sqlite3.Connection, order: Order) -> bool:
    """Write an order down before it is sent; False where it is there already, however it ended.

    Raises ValueError where shares, price or money are no whole millionths.
    """
    row = (
        order.id,
        order.decision_id,
        order.market_id,
        order.event_id,
        order.strategy,
        order.purpose.value,
        order.side.value,
        order.token.value,
        whole(order.shares, "shares"),
        whole(order.limit_price, "limit price"),
        order.reason.value,
        order.state.value,
        epoch(order.placed_at),
        whole(order.reserved, "reserved"),
        order.broker,
        order.detail,
        None if order.state.open else epoch(order.placed_at),
    )
    return bool(tx.execute(_INSERT_ORDER, row).rowcount)


def end_order(
    tx: sqlite3.Connection, name: str, state: OrderState, detail: str, at: datetime
) -> bool:
    """Say what became of an order; False where that is known already.

    Unless it may still be filled, what it reserved is let go. Raises StoreError where there is no
    such order, or it ended otherwise before.
    """
    kept = tx.execute("SELECT state FROM orders WHERE id = ?", (name,)).fetchone()
    if kept is None:
        raise StoreError(f"there is no order {name} to end")
    before = OrderState(kept[0])
    if before is state:
        return False
    if not before.open:
        raise StoreError(f"order {name} ended {before.value}: it cannot become {state.value}")
    tx.execute(
        "UPDATE orders SET state = ?1, detail = ?2, ended_at = CASE WHEN ?3 THEN NULL ELSE"
        " max(placed_at, ?4) END, reserved = CASE WHEN ?3 THEN reserved ELSE 0 END WHERE id = ?5",
        (state.value, detail, state.open, epoch(at), name),
    )
    return True


def open_orders(look: sqlite3.Connection) -> list[Order]:
    """Return the orders that may still be filled, oldest first."""
    return [_order(row) for row in look.execute(_OPEN)]


def order(look: sqlite3.Connection, name: str) -> Order | None:
    """Return the order whose id is, or alone begins with, *name*; UsageError if several do."""
    row = only_one(name, look.execute(_ORDER_BY_ID, prefix_bounds(name)).fetchall(), "orders")
    return None if row is None else _order(row)


def ended_at(look: sqlite3.Connection, name: str) -> datetime | None:
    """Return when the order's outcome became known, ``None`` while it is open or unknown to us."""
    row = look.execute("SELECT ended_at FROM orders WHERE id = ?", (name,)).fetchone()
    return None if row is None else moment(row[0])


def orders(
    look: sqlite3.Connection,
    *,
    since: datetime | None = None,
    decision: str | None = None,
    market: str | None = None,
    limit: int = 200,
) -> list[Order]:
    """Return the orders placed at or after *since* that match all that is asked, newest first."""
    where, values = narrowed(
        {"placed_at >= ?": epoch_or_none(since), "decision = ?": decision, "market = ?": market}
    )
    question = f"SELECT {_ORDER} FROM orders WHERE {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608  # our own words
    return [_order(row) for row in look.execute(question, (*values, limit))]


def _order(row: tuple[object, ...]) -> Order:
    return _read_order(*row)  # type: ignore[arg-type]  # the columns are those of _ORDER


def _read_order(  # noqa: PLR0913, PLR0917  # one argument for each column
    name: str,
    decision: str,
    market: str,
    event: str,
    strategy: str,
    purpose: str,
    side: str,
    token: str,
    shares: int,
    limit_price: int,
    reason: str,
    state: str,
    placed_at: int,
    reserved: int,
    broker: str,
    detail: str,
) -> Order:
    return Order(
        name,
        decision,
        market,
        event,
        strategy,
        Purpose(purpose),
        Side(side),
        Token(token),
        exact(shares),
        exact(limit_price),
        Reason(reason),
        OrderState(state),
        from_epoch(placed_at),
        exact(reserved),
        broker,
        detail,
    )


def gross_of(fill: Fill) -> int:
    """Return the millionths of a USD that changed hands without the fee.

    From its levels where they are kept, a buyer's rounded up and a seller's down, level by level;
    else from the average price, half to even. The same as ``trading.fills.gross_of``.
    """
    if not fill.levels:
        return millionths(fill.gross) or 0
    way = ROUND_UP if fill.side is Side.BUY else ROUND_DOWN
    return sum(int((lv.price * lv.size * MILLION).to_integral_value(way)) for lv in fill.levels)


def record_fill(tx: sqlite3.Connection, fill: Fill) -> bool:
    """Keep what an order got; False where that fill is there already.

    One that contradicts the kept one is noted in `conflicts`. The order must be there. Raises
    ValueError where shares or fee are no whole millionths.
    """
    row = (
        fill.id,
        fill.order_id,
        fill.market_id,
        fill.token.value,
        fill.side.value,
        whole(fill.shares, "shares"),
        str(fill.price),
        gross_of(fill),
        whole(fill.fee, "fee"),
        epoch(fill.at),
        fill.grade,
        as_json([[str(level.price), str(level.size)] for level in fill.levels]),
        fill.book_hash,
        epoch_or_none(fill.book_at),
    )
    return bool(keep(tx, FILLS, [row]).new)


def fill(look: sqlite3.Connection, name: str) -> Fill | None:
    """Return the fill whose id is, or alone begins with, *name*; UsageError if several do."""
    row = only_one(name, look.execute(_FILL_BY_ID, prefix_bounds(name)).fetchall(), "fills")
    return None if row is None else _fill(row)


def fills(
    look: sqlite3.Connection,
    *,
    order: str | None = None,
    market: str | None = None,
    since: datetime | None = None,
    limit: int = 1000,
) -> list[Fill]:
    """Return the fills at or after *since* that match all that is asked, oldest first."""
    where, values = narrowed(
        {"at >= ?": epoch_or_none(since), "order_id = ?": order, "market = ?": market}
    )
    question = f"SELECT {_FILL} FROM fills WHERE {where} ORDER BY seq LIMIT ?"  # noqa: S608  # our own words
    return [_fill(row) for row in look.execute(question, (*values, limit))]


def dealings(look: sqlite3.Connection, position: Position) -> list[tuple[Order, Fill]]:
    """Return the orders and fills that made *position* and sold it, oldest first.

    Those of its strategy, market and token from its opening to its end; a person's own apart from
    the broker's.
    """
    person = position.by == PERSON
    until = epoch_or_none(position.closed_at) or FOREVER
    span = (position.market_id, position.token.value, epoch(position.opened_at), until)
    found = [
        _fill(row)
        for row in look.execute(
            f"SELECT {_FILL} FROM fills WHERE market = ? AND token = ? AND at >= ? AND at <= ?"  # noqa: S608  # our own column names
            " ORDER BY at, seq",
            span,
        )
    ]
    pairs = [(made, got) for got in found if (made := order(look, got.order_id)) is not None]
    return [
        (made, got)
        for made, got in pairs
        if made.strategy == position.strategy and (made.broker == PERSON) is person
    ]


def _fill(row: tuple[object, ...]) -> Fill:
    return _read_fill(*row)  # type: ignore[arg-type]  # the columns are those of _FILL


def _read_fill(  # noqa: PLR0913, PLR0917  # one argument for each column
    name: str,
    order: str,
    market: str,
    token: str,
    side: str,
    shares: int,
    price: str,
    _gross: int,
    fee: int,
    at: int,
    grade: str,
    levels: str,
    book_hash: str,
    book_at: int | None,
) -> Fill:
    return Fill(
        name,
        order,
        market,
        Token(token),
        Side(side),
        exact(shares),
        Decimal(price),
        exact(fee),
        from_epoch(at),
        tuple(Level(Decimal(each), Decimal(size)) for each, size in json.loads(levels)),
        grade,
        book_hash,
        moment(book_at),
    )
