"""Small true things to decide, order, fill, hold and book; strategies that make any of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from trading_cli.domain import (
    Action,
    Decision,
    Entry,
    Fill,
    Level,
    Order,
    OrderState,
    Position,
    PositionState,
    Purpose,
    Reason,
    Side,
    Token,
    slot_of,
)
from trading_cli.store import Store

NOON = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Undo(Exception):  # not an error: ends a trial
    """Leave nothing behind."""


@contextmanager
def trial(store: Store) -> Iterator[sqlite3.Connection]:
    """Yield a transaction of *store* that is rolled back at its end."""
    with suppress(Undo), store.transaction() as tx:
        yield tx
        raise Undo


def decision(name: str = "d1", *, at: datetime = NOON, **changes: object) -> Decision:
    """Return a decision to buy YES; *changes* replace its fields."""
    made = Decision(
        name, slot_of(at), at, "500001", "e1", "rvr_roc_hype", Purpose.ENTRY, Action.BUY,
        Reason.SIGNAL, Token.YES, Decimal("12.5"), Decimal("0.43"), "position", "v1", "abc",
        at + 30 * MINUTE, {"rvr": 2.5, "why": ["a", "b"]},
    )  # fmt: skip
    return replace(made, **changes)


def order(name: str = "o1", *, at: datetime = NOON, **changes: object) -> Order:
    """Return an order of that decision, not yet sent."""
    made = Order(
        name, "d1", "500001", "e1", "rvr_roc_hype", Purpose.ENTRY, Side.BUY, Token.YES,
        Decimal("12.5"), Decimal("0.43"), Reason.SIGNAL, OrderState.PENDING, at, Decimal("5.375"),
    )  # fmt: skip
    return replace(made, **changes)


def fill(name: str = "f1", *, at: datetime = NOON, **changes: object) -> Fill:
    """Return a fill of that order over two levels."""
    levels = (Level(Decimal("0.42"), Decimal(10)), Level(Decimal("0.43"), Decimal("2.5")))
    made = Fill(
        name, "o1", "500001", Token.YES, Side.BUY, Decimal("12.5"), Decimal("0.422"),
        Decimal("0.04321"), at, levels, "A", "hash", at - MINUTE,
    )  # fmt: skip
    return replace(made, **changes)


def position(name: str = "p1", *, at: datetime = NOON, **changes: object) -> Position:
    """Return the position that fill opened."""
    made = Position(
        name, "500001", "e1", "rvr_roc_hype", Token.YES, PositionState.OPEN, Decimal("12.5"),
        Decimal("5.31821"), Decimal("12.5"), Decimal("0.422"), Decimal("0.41"), Decimal("0.01"),
        at, "d1", "Politics", "politics", ("series:1",),
    )  # fmt: skip
    return replace(made, **changes)


def transfer(name: str, kind: str, *lines: tuple[str, str], at: datetime = NOON) -> list[Entry]:
    """Return the entries of one transfer: (account, amount) each."""
    return [Entry(name, account, Decimal(amount), at, kind, name) for account, amount in lines]


TIMES = st.integers(0, 10_000_000).map(lambda s: NOON + timedelta(seconds=s))
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
NAMES = st.text("abc-1", min_size=1, max_size=8)
AMOUNTS = st.integers(0, 10**13).map(lambda n: Decimal(n) / 10**6)
SIGNED = st.integers(-(10**13), 10**13).map(lambda n: Decimal(n) / 10**6)
PRICES = st.integers(0, 10**6).map(lambda n: Decimal(n) / 10**6)
AVERAGES = st.builds(
    lambda a, b: Decimal(a) / Decimal(a + b), st.integers(0, 10**9), st.integers(1)
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
FACTS = st.dictionaries(WORDS, JSON, max_size=4)

DECISIONS = st.builds(
    Decision,
    id=NAMES,
    slot=st.integers(0, 10**6).map(lambda n: n * 900),
    decided_at=TIMES,
    market_id=WORDS,
    event_id=WORDS,
    strategy=WORDS,
    purpose=st.sampled_from(Purpose),
    action=st.sampled_from(Action),
    reason=st.sampled_from(Reason),
    token=st.sampled_from(Token),
    shares=AMOUNTS,
    limit_price=st.none() | PRICES,
    binding=WORDS,
    formula=WORDS,
    settings_hash=WORDS,
    expires_at=st.none() | TIMES,
    facts=FACTS,
)
ORDERS = st.builds(
    Order,
    id=NAMES,
    decision_id=WORDS,
    market_id=WORDS,
    event_id=WORDS,
    strategy=WORDS,
    purpose=st.sampled_from(Purpose),
    side=st.sampled_from(Side),
    token=st.sampled_from(Token),
    shares=AMOUNTS.filter(bool),
    limit_price=PRICES,
    reason=st.sampled_from(Reason),
    state=st.sampled_from(OrderState),
    placed_at=TIMES,
    reserved=AMOUNTS,
    broker=WORDS,
    detail=WORDS,
)
FILLS = st.builds(
    Fill,
    id=NAMES,
    order_id=st.just("o1"),
    market_id=WORDS,
    token=st.sampled_from(Token),
    side=st.sampled_from(Side),
    shares=AMOUNTS.filter(bool),
    price=AVERAGES,
    fee=AMOUNTS,
    at=TIMES,
    levels=st.lists(st.builds(Level, AVERAGES, AMOUNTS), max_size=3).map(tuple),
    grade=st.sampled_from("ABC"),
    book_hash=WORDS,
    book_at=st.none() | TIMES,
)
HELD = st.builds(
    Position,
    id=NAMES,
    market_id=WORDS,
    event_id=WORDS,
    strategy=WORDS,
    token=st.sampled_from(Token),
    state=st.sampled_from([PositionState.OPEN, PositionState.LOCKED]),
    shares=AMOUNTS.filter(bool),
    cost=AMOUNTS,
    original_shares=AMOUNTS,
    entry_price=AVERAGES,
    entry_bid=PRICES,
    entry_spread=PRICES,
    opened_at=TIMES,
    decision_id=WORDS,
    category=WORDS,
    sector=WORDS,
    themes=st.lists(WORDS, max_size=3).map(tuple),
    targets_hit=st.integers(0, 3),
    high_bid=st.none() | PRICES,
    halved_slow=st.booleans(),
    halved_deadline=st.booleans(),
    realized=SIGNED,
    by=WORDS,
)
