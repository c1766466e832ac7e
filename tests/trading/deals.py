"""What the tests of dealing are written with: short ways to a book, an order, a position."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from trading_cli.domain import (
    Book,
    FeeSchedule,
    Fill,
    Intent,
    Level,
    Order,
    OrderState,
    Position,
    PositionState,
    Purpose,
    Reason,
    Side,
    Token,
)
from trading_cli.trading.account import digest

D = Decimal
NOW = datetime(2026, 6, 1, 12, 0, 7, tzinfo=UTC)
FREE = FeeSchedule(D(0), D(1), "disabled")
CENT = D("0.01")


def flat(rate: str, exponent: str = "1") -> FeeSchedule:
    """Return a schedule."""
    return FeeSchedule(D(rate), D(exponent), "market")


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    """Return levels of (price, size)."""
    return tuple(Level(D(price), D(size)) for price, size in pairs)


def book(
    bids: Sequence[tuple[str, str]] = (),
    asks: Sequence[tuple[str, str]] = (),
    at: datetime = NOW,
    book_hash: str = "",
    event_time: datetime | None = None,
) -> Book:
    """Return a book, best first, of one cent ticks and at least 5 shares."""
    return Book(
        "y", "0x1", levels(*bids), levels(*asks), event_time or at, at, book_hash, CENT, D(5)
    )


def order(
    shares: str = "100",
    limit: str = "0.50",
    *,
    side: Side = Side.BUY,
    token: Token = Token.YES,
    reason: Reason = Reason.SIGNAL,
    at: datetime = NOW,
    name: str = "",
    market: str = "m1",
) -> Order:
    """Return a pending order of the strategy "s" in market m1 of event e1."""
    purpose = Purpose.ENTRY if side is Side.BUY else Purpose.EXIT
    made = name or digest(side, token, shares, limit, reason, at, market)
    return Order(
        made, "d1", market, "e1", "s", purpose, side, token, D(shares), D(limit), reason,
        OrderState.PENDING, at,
    )  # fmt: skip


def fill_of(
    sent: Order, pairs: Sequence[tuple[str, str]], fee: str = "0", at: datetime | None = None
) -> Fill:
    """Return a fill of *sent* over these levels."""
    got = levels(*pairs)
    shares = sum((lv.size for lv in got), D(0))
    price = sum((lv.price * lv.size for lv in got), D(0)) / shares
    return Fill(
        digest("fill", sent.id), sent.id, sent.market_id, sent.token, sent.side, shares, price,
        D(fee), at or sent.placed_at, got,
    )  # fmt: skip


def position(
    shares: str = "100",
    entry: str = "0.50",
    *,
    bid: str = "0.49",
    spread: str = "0.01",
    cost: str = "",
    held: timedelta = timedelta(hours=1),
    original: str = "",
) -> Position:
    """Return an open position of strategy "s" in YES of m1, held for *held* at NOW."""
    return Position(
        "p1", "m1", "e1", "s", Token.YES, PositionState.OPEN, D(shares),
        D(cost) if cost else D(shares) * D(entry), D(original or shares), D(entry), D(bid),
        D(spread), NOW - held,
    )  # fmt: skip


def intent(shares: str = "100", limit: str = "0.50", **changes: Any) -> Intent:
    """Return an intent to buy YES of m1 (event e1), at no fee; *changes* are fields of it."""
    plain = Intent(
        "d1", "m1", "e1", "s", Purpose.ENTRY, Side.BUY, Token.YES, D(shares), D(limit),
        Reason.SIGNAL, FREE, CENT, D(5), "Politics", "politics",
    )  # fmt: skip
    return replace(plain, **changes)


def leaving(shares: str = "100", limit: str = "0.01", **changes: Any) -> Intent:
    """Return an intent to sell YES of m1."""
    plain = intent(shares, limit, purpose=Purpose.EXIT, side=Side.SELL)
    return replace(plain, **changes)
