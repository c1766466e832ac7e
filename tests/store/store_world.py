"""Small true things to put into a store: markets, quotes, books, trades, points, posts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading_cli.domain import (
    Book,
    Level,
    Market,
    Outcome,
    Point,
    Post,
    Quote,
    Resolution,
    Side,
    Trade,
    slot_of,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def market(number: int = 1, *, at: datetime = NOON, **changes: object) -> Market:
    """Return a plausible market; *changes* replace its fields."""
    facts: dict[str, object] = {
        "id": str(500_000 + number),
        "condition_id": f"0xc{number}",
        "question": f"Will thing {number} happen?",
        "slug": f"thing-{number}",
        "yes_token": f"7{number}1",
        "no_token": f"7{number}2",
        "yes_label": "Yes",
        "no_label": "No",
        "observed_at": at,
        "event_id": f"e{number}",
        "tags": ("Politics",),
        "description": "It happens if it happens.",
        "tick": Decimal("0.01"),
        "end_at": NOON + timedelta(days=40),
        "outcome_prices": (Decimal("0.42"), Decimal("0.58")),
        "volume_24h": 60_000.0,
        "liquidity": 20_000.0,
    }
    return Market(**(facts | changes))


def quote(number: int = 1, *, at: datetime = NOON, bid: str = "0.41", **changes: object) -> Quote:
    """Return the market's quote seen at *at*, one cent wide."""
    facts: dict[str, object] = {
        "market_id": str(500_000 + number),
        "slot": slot_of(at),
        "bid": Decimal(bid),
        "ask": Decimal(bid) + Decimal("0.01"),
        "bid_depth": 1000.5,
        "ask_depth": 2000.25,
        "event_time": at - timedelta(seconds=2),
        "observed_at": at,
        "pair_gap": Decimal(0),
        "book_hash": "0123456789abcdef",
    }
    return Quote(**(facts | changes))


def book(number: int = 1, *, at: datetime = NOON, **changes: object) -> Book:
    """Return the market's YES book seen at *at*."""
    facts: dict[str, object] = {
        "token": f"7{number}1",
        "condition_id": f"0xc{number}",
        "bids": (Level(Decimal("0.41"), Decimal(100)), Level(Decimal("0.4"), Decimal("5.25"))),
        "asks": (Level(Decimal("0.42"), Decimal(80)),),
        "event_time": at,
        "observed_at": at,
        "hash": "abc",
        "tick": Decimal("0.01"),
    }
    return Book(**(facts | changes))


def trade(number: int = 1, *, name: str = "t1", at: datetime = NOON, **changes: object) -> Trade:
    """Return a trade of the market's YES token."""
    facts: dict[str, object] = {
        "id": name,
        "condition_id": f"0xc{number}",
        "token": f"7{number}1",
        "outcome_index": 0,
        "side": Side.BUY,
        "price": Decimal("0.42"),
        "size": Decimal("12.5"),
        "wallet": "0xw",
        "event_time": at - timedelta(seconds=30),
        "observed_at": at,
    }
    return Trade(**(facts | changes))


def point(number: int = 1, *, at: datetime = NOON, price: float = 0.415) -> Point:
    """Return a history midpoint of the market's YES token, fetched a day later."""
    return Point(f"7{number}1", price, at, at + timedelta(days=1))


def post(name: str = "p1", *, at: datetime = NOON, likes: int = 3, age_s: int = 60) -> Post:
    """Return a post published at *at* and looked at *age_s* later."""
    seen = at + timedelta(seconds=age_s)
    return Post("bluesky", name, "words", "who", "https://x.test", at, seen, "e1", likes=likes)


def resolution(outcome: Outcome, *, at: datetime, number: int = 1) -> Resolution:
    """Return how the market's settlement stood at *at*."""
    payouts = {Outcome.YES: Decimal(1), Outcome.NO: Decimal(0), Outcome.HALF: Decimal("0.5")}
    return Resolution(f"0xc{number}", outcome, payouts.get(outcome), None, None, at)
