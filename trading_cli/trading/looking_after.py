"""What is held: the holding to judge, its decision row, its sale, and what it is worth.

The pure pieces of looking after what is held, the same in paper, live and the backtest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from trading_cli.domain import (
    SLOT_SECONDS,
    Action,
    Book,
    Decision,
    FeeSchedule,
    Intent,
    Market,
    Order,
    Position,
    Purpose,
    Side,
    Token,
)
from trading_cli.research.deadline import deadline_of
from trading_cli.trading.account import PERSON
from trading_cli.trading.deciding import FORMULA, Stamp, decision_id
from trading_cli.trading.exits import Exit, Holding, Stay

MIN_SIZE = Decimal(5)
TICK = Decimal("0.01")
MICRO = Decimal("0.000001")
SETTLING = frozenset({"proposed", "disputed"})
FRESH = timedelta(seconds=SLOT_SECONDS)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
ZERO = Decimal(0)

Books = Mapping[tuple[str, Token], Book]


def holding_of(  # a holding is judged by this much
    position: Position,
    market: Market,
    book: Book | None,
    fee: FeeSchedule,
    *,
    volume_24h: float | None,
    volume_before: float | None,
    kill_level: int,
) -> Holding:
    """Return what the exits of *position* look at; *book* is of the token held."""
    return Holding(
        position,
        book,
        fee,
        tick_of(market, book),
        market.min_size or (book.min_size if book is not None else None) or MIN_SIZE,
        deadline_of(market).at,
        volume_24h,
        volume_before,
        settling=bool(SETTLING & {(market.uma_status or "").lower()}),
        kill_level=kill_level,
    )


def tick_of(market: Market, book: Book | None) -> Decimal:
    """Return the smallest price step: the book's, else the market's, else one cent."""
    return (book.tick if book is not None else None) or market.tick or TICK


def exit_decision(
    holding: Holding, answer: Exit | Stay, stamp: Stamp, at: datetime, *, strategy: str = ""
) -> Decision:
    """Return the decision row of one exit check, trade or none."""
    position, book = holding.position, holding.book
    sells = isinstance(answer, Exit)
    name = strategy or position.strategy
    return Decision(
        decision_id(stamp.slot, position.market_id, f"{name}:{position.id}", Purpose.EXIT),
        stamp.slot, at, position.market_id, position.event_id, name, Purpose.EXIT,
        Action.SELL if sells else Action.HOLD, answer.reason, position.token,
        answer.shares if isinstance(answer, Exit) else Decimal(0),
        answer.limit_price if isinstance(answer, Exit) else None,
        "", FORMULA, stamp.settings_hash, None,
        {
            "sentence": answer.sentence,
            "position": position.id,
            "bid": None if book is None or book.best_bid is None else str(book.best_bid),
            "ask": None if book is None or book.best_ask is None else str(book.best_ask),
            "book_at": None if book is None else book.observed_at.isoformat(),
            "shares": str(position.shares),
            "cost": str(position.cost),
            "volume_24h": holding.volume_24h,
            "volume_before": holding.volume_before,
            "deadline": None if holding.deadline is None else holding.deadline.isoformat(),
        },
    )  # fmt: skip


def exit_intent(holding: Holding, answer: Exit, decision_name: str) -> Intent:
    """Return the sale that *answer* wants."""
    position = answer.position
    return Intent(
        decision_name, position.market_id, position.event_id, position.strategy, Purpose.EXIT,
        Side.SELL, position.token, answer.shares, answer.limit_price, answer.reason, holding.fee,
        holding.tick, holding.min_size, position.category, position.sector, position.themes,
    )  # fmt: skip


def held_for(
    order: Order, positions: Iterable[Position], fresh: Position | None
) -> Position | None:
    """Return the one of *positions* that *order* adds to or reduces, ``None`` where there is none.

    *fresh* is the same holding with its state and high bid brought up to date.
    """
    for position in positions:
        same = (position.market_id, position.token, position.strategy)
        if position.by != PERSON and same == (order.market_id, order.token, order.strategy):
            if fresh is not None and fresh.id == position.id:
                return replace(position, state=fresh.state, high_bid=fresh.high_bid)
            return position
    return None


def opening_of(book: Book | None) -> tuple[Decimal | None, Decimal | None]:
    """Return bid and spread of the execution *book*: the exits are measured from them."""
    bid = book.best_bid if book is not None else None
    ask = book.best_ask if book is not None else None
    return bid, None if bid is None or ask is None else ask - bid


def fresh_enough(book: Book | None, now: datetime, within: timedelta) -> bool:
    """Return whether *book* has two sides and was seen within *within* of *now*."""
    if book is None or book.best_bid is None or book.best_ask is None:
        return False
    return now - book.observed_at <= within


def middle_of(
    positions: Iterable[Position], books: Books, now: datetime
) -> tuple[Decimal, bool, bool]:
    """Return *positions* at the mids of *books*, USD; whether all are fresh; whether all were seen.

    One whose book has not two sides counts 0; it is not fresh, but seen where it is of now.
    """
    middle, fresh, seen = ZERO, True, True
    for position in positions:
        book = books.get((position.market_id, position.token))
        fresh = fresh and fresh_enough(book, now, FRESH)
        seen = seen and book is not None and now - book.observed_at <= FRESH
        if book is not None and book.best_bid is not None and book.best_ask is not None:
            middle += position.shares * (book.best_bid + book.best_ask) / 2
    return middle, fresh, seen


def whole(amount: Decimal) -> Decimal:
    """Return *amount* down to a whole millionth of a USD."""
    return amount.quantize(MICRO, ROUND_DOWN)
