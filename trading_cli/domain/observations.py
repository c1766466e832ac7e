"""The nouns: frozen values, no I/O, no clock.

Probabilities and prices are fractions in [0, 1]. What can be ordered or paid is ``Decimal``; what
is only looked at (volumes, mids, scores) is ``float``. Times are aware UTC datetimes. "YES" is the
outcome at index 0 of the venue's list and "NO" the one at index 1, whatever their labels say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

SLOT_SECONDS = 900


def slot_of(at: datetime) -> int:
    """Return the start of the UTC quarter-hour that holds *at*, in epoch seconds."""
    return int(at.timestamp()) // SLOT_SECONDS * SLOT_SECONDS


def from_epoch(seconds: float) -> datetime:
    """Return *seconds* since 1970 as an aware UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)


class Origin(StrEnum):
    """How a row came to us."""

    RECORDED = "recorded"
    BACKFILLED = "backfilled"
    IMPORTED = "imported"


class Side(StrEnum):
    """Which way an order or a taker went."""

    BUY = "BUY"
    SELL = "SELL"


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What a taker pays: shares · rate · (p(1-p))^exponent. ``origin`` says where it was found."""

    rate: Decimal
    exponent: Decimal
    origin: str


@dataclass(frozen=True, slots=True)
class Market:
    """One listed question with two outcomes, as the venue described it at ``observed_at``.

    Every field the venue may leave out is optional and ``None`` when absent: absent is not zero.
    """

    id: str
    condition_id: str
    question: str
    slug: str
    yes_token: str
    no_token: str
    yes_label: str
    no_label: str
    observed_at: datetime
    event_id: str | None = None
    event_slug: str | None = None
    event_title: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    resolution_source: str | None = None
    active: bool | None = None
    closed: bool = False
    accepting_orders: bool | None = None
    enable_order_book: bool | None = None
    neg_risk: bool = False
    neg_risk_market_id: str | None = None
    neg_risk_other: bool = False
    neg_risk_placeholder: bool = False
    tick: Decimal | None = None
    min_size: Decimal | None = None
    fees_enabled: bool | None = None
    fee_type: str | None = None
    fee_schedule: FeeSchedule | None = None
    created_at: datetime | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    game_start_at: datetime | None = None
    event_start_at: datetime | None = None
    closed_at: datetime | None = None
    updated_at: datetime | None = None
    uma_status: str | None = None
    uma_statuses: tuple[str, ...] = ()
    best_bid: float | None = None
    best_ask: float | None = None
    last_price: float | None = None
    outcome_prices: tuple[Decimal, Decimal] | None = None
    volume: float | None = None
    volume_24h: float | None = None
    liquidity: float | None = None

    @property
    def category(self) -> str:
        """Return the event's first tag, or "" where it has none."""
        return self.tags[0] if self.tags else ""


@dataclass(frozen=True, slots=True)
class Level:
    """So many shares at one price."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Book:
    """Resting orders of one token, BEST FIRST on both sides (the wire is worst-first)."""

    token: str
    condition_id: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    event_time: datetime
    observed_at: datetime
    hash: str = ""
    tick: Decimal | None = None
    min_size: Decimal | None = None
    neg_risk: bool | None = None

    @property
    def best_bid(self) -> Decimal | None:
        """Return the highest price somebody will pay."""
        return self.bids[0].price if self.bids else None

    @property
    def best_ask(self) -> Decimal | None:
        """Return the lowest price somebody will take."""
        return self.asks[0].price if self.asks else None

    def depth_usd(self, within: Decimal) -> tuple[Decimal, Decimal] | None:
        """Return USD (price · size) resting within *within* of the mid, per side (bid, ask).

        ``None`` for a one-sided book: it has no mid.
        """
        bid, ask = self.best_bid, self.best_ask
        if bid is None or ask is None:
            return None
        mid = (bid + ask) / 2
        bids = (lv.price * lv.size for lv in self.bids if lv.price >= mid - within)
        asks = (lv.price * lv.size for lv in self.asks if lv.price <= mid + within)
        return sum(bids, Decimal(0)), sum(asks, Decimal(0))

    def mirrored(self, token: str) -> "Book":
        """Return the other outcome's book, implied by this one: each bid is 1 - an ask."""
        return Book(
            token,
            self.condition_id,
            tuple(Level(1 - lv.price, lv.size) for lv in self.asks),
            tuple(Level(1 - lv.price, lv.size) for lv in self.bids),
            self.event_time,
            self.observed_at,
            self.hash,
            self.tick,
            self.min_size,
            self.neg_risk,
        )


@dataclass(frozen=True, slots=True)
class Quote:
    """The YES side of one market in one slot; NO is ``1 - ask`` and ``1 - bid``.

    ``pair_gap`` is how far the separately fetched NO book's best prices were from that mirror
    (``None``: the NO book was not seen). Depths are USD within 2 cents of the mid.
    """

    market_id: str
    slot: int
    bid: Decimal | None
    ask: Decimal | None
    bid_depth: float | None
    ask_depth: float | None
    event_time: datetime
    observed_at: datetime
    pair_gap: Decimal | None = None
    book_hash: str = ""
    origin: Origin = Origin.RECORDED

    @property
    def mid(self) -> Decimal | None:
        """Return the middle of bid and ask, ``None`` unless both are there."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Trade:
    """What a taker did. ``id`` is unique and derived from the row itself."""

    id: str
    condition_id: str
    token: str
    outcome_index: int
    side: Side
    price: Decimal
    size: Decimal
    wallet: str
    event_time: datetime
    observed_at: datetime
    origin: Origin = Origin.RECORDED

    @property
    def usd(self) -> float:
        """Return what the taker paid or got, in USD."""
        return float(self.price * self.size)


@dataclass(frozen=True, slots=True)
class Point:
    """A midpoint from the venue's price history: not a trade, and nobody could deal at it."""

    token: str
    price: float
    event_time: datetime
    observed_at: datetime
    origin: Origin = Origin.BACKFILLED


class Outcome(StrEnum):
    """Where a market's settlement stands."""

    OPEN = "open"
    YES = "yes"
    NO = "no"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a market's settlement stood when observed; ``payout`` is what one YES pays, if final."""

    condition_id: str
    outcome: Outcome
    payout: Decimal | None
    uma_status: str | None
    closed_at: datetime | None
    observed_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """Something somebody published, as seen at ``observed_at``: engagement grows, text stays."""

    source: str
    id: str
    text: str
    author: str
    url: str
    event_time: datetime
    observed_at: datetime
    event_id: str
    language: str | None = None
    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    followers: int | None = None
    origin: Origin = Origin.RECORDED


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item we were given and would not take: what it was, why, and the first 64 KiB of it."""

    source: str
    kind: str
    subject: str
    reason: str
    detail: str
    observed_at: datetime
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that brought nothing, for one subject; the others go on."""

    source: str
    subject: str
    reason: str
    detail: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Coverage:
    """One question a source was asked, and how completely it answered.

    ``complete`` is False where the answer was truncated: such a span is not covered.
    """

    source: str
    subject: str
    since: datetime
    until: datetime
    observed_at: datetime
    complete: bool = True
    items: int = 0


Record = Market | Book | Trade | Point | Resolution | Post | Refusal | Failure | Coverage


@dataclass(frozen=True, slots=True)
class Topic:
    """An event to ask the talk about: the words that find it, and the markets it holds."""

    event_id: str
    title: str
    query: str
    market_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to ask a source for: a half-open span of time, the subjects, and when to stop asking.

    ``deadline`` is an instant of ``Clock.monotonic()``; ``None`` means no hurry.
    """

    since: datetime
    until: datetime
    markets: tuple[Market, ...] = ()
    topics: tuple[Topic, ...] = ()
    deadline: float | None = None
    everything: bool = False


class Severity(StrEnum):
    """How bad a finding is."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check noticed. ``subject`` is a market id, or "" for the whole cycle."""

    check: str
    severity: Severity
    subject: str
    message: str
    evidence: Mapping[str, object] = field(default_factory=dict)
