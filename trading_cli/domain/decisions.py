"""What we decide, risk, order, hold and tell: frozen values, as light as the observations.

Money, prices and shares are ``Decimal``; shares are of the token named. There is no short: to be
bearish is to buy NO. Every decision, also the one not to trade, is a ``Decision`` with a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

from trading_cli.domain.observations import FeeSchedule, Level, Severity, Side


class Token(StrEnum):
    """One of a market's two tokens."""

    YES = "YES"
    NO = "NO"

    @property
    def other(self) -> "Token":
        """Return the token that pays when this one does not."""
        return Token.NO if self is Token.YES else Token.YES


class Action(StrEnum):
    """What a decision comes to."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class Purpose(StrEnum):
    """Whether an order opens or reduces: no limit ever blocks a reduction."""

    ENTRY = "entry"
    EXIT = "exit"


class Tier(IntEnum):
    """How far an indicator is beyond its thresholds."""

    NONE = 0
    WEAK = 1
    MODERATE = 2
    STRONG = 3


class Reason(StrEnum):
    """Why a decision came out as it did: one word, stable, for people and programs."""

    SIGNAL = "SIGNAL"
    # --- no signal
    WARMING_UP = "WARMING_UP"
    NO_QUOTE = "NO_QUOTE"
    RVR_UNDEFINED = "RVR_UNDEFINED"
    RVR_LOW = "RVR_LOW"
    ONE_WALLET = "ONE_WALLET"
    ROC_UNDEFINED = "ROC_UNDEFINED"
    ROC_LOW = "ROC_LOW"
    ROC_FADED = "ROC_FADED"
    HYPE_UNDEFINED = "HYPE_UNDEFINED"
    HYPE_LOW = "HYPE_LOW"
    SENTIMENT_LOW = "SENTIMENT_LOW"
    PRICE_MOVED = "PRICE_MOVED"
    NO_EDGE = "NO_EDGE"
    INSUFFICIENT = "INSUFFICIENT"
    STRATEGY_FAILED = "STRATEGY_FAILED"
    STRATEGY_TIMEOUT = "STRATEGY_TIMEOUT"
    # --- the Never rules and other vetoes
    QUALITY = "QUALITY"
    GATE_CLOSED = "GATE_CLOSED"
    NOT_ARMED = "NOT_ARMED"
    PAUSED = "PAUSED"
    PAUSED_STALE = "PAUSED_STALE"
    ALREADY_IN = "ALREADY_IN"
    DEADLINE_NEAR = "DEADLINE_NEAR"
    DEADLINE_UNKNOWN = "DEADLINE_UNKNOWN"
    LIQUIDITY_LOW = "LIQUIDITY_LOW"
    ASK_BAND = "ASK_BAND"
    ROUND_TRIP = "ROUND_TRIP"
    UMA_STATUS = "UMA_STATUS"
    PLACEHOLDER = "PLACEHOLDER"
    NO_RULES = "NO_RULES"
    RULES_CHANGED = "RULES_CHANGED"
    FEE_UNKNOWN = "FEE_UNKNOWN"
    EXIT_WOULD_FIRE = "EXIT_WOULD_FIRE"
    RISK = "RISK"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    # --- after the decision
    NO_BOOK = "NO_BOOK"
    EXPIRED = "EXPIRED"
    # --- exits
    STOP = "STOP"
    TARGET_1 = "TARGET_1"
    TARGET_2 = "TARGET_2"
    TARGET_3 = "TARGET_3"
    TRAILING = "TRAILING"
    SLOW_3_DAYS = "SLOW_3_DAYS"
    SLOW_7_DAYS = "SLOW_7_DAYS"
    DEADLINE_7_DAYS = "DEADLINE_7_DAYS"
    DEADLINE_3_DAYS = "DEADLINE_3_DAYS"
    VOLUME_FADED = "VOLUME_FADED"
    KILL_WINNERS = "KILL_WINNERS"
    KILL_ALL = "KILL_ALL"
    CLOSED_BY_OWNER = "CLOSED_BY_OWNER"
    # --- exit checks that sell nothing
    NO_EXIT = "NO_EXIT"
    LOCKED = "LOCKED"
    STALE_BOOK = "STALE_BOOK"


@dataclass(frozen=True, slots=True)
class Feature:
    """One computed indicator. ``value`` is ``None`` exactly where ``undefined`` says why.

    ``tier`` is by the value now; ``inputs`` are the numbers it was made of, as JSON can hold them.
    """

    name: str
    value: float | None
    undefined: str
    tier: Tier
    inputs: Mapping[str, object] = field(default_factory=dict)
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """What one strategy says of one market; ``HOLD`` carries the reason why not.

    ``ceiling`` is the most it may be of equity, a fraction; ``probability`` that ``token`` pays,
    ``None`` unless the strategy states one; ``strength`` in [0, 1] only ranks.
    """

    strategy: str
    market_id: str
    action: Action
    reason: Reason
    token: Token | None = None
    strength: float = 0.0
    ceiling: Decimal = Decimal(0)
    probability: float | None = None
    label: str = ""
    halved: bool = False
    indicators: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """One evaluation of one market by one strategy in one slot, trade or no trade.

    ``id`` is made from slot, market, strategy and purpose, so the same evaluation is the same row.
    ``facts`` hold what decided: features, veto sentences, limits, quality, round trip, worst case.
    """

    id: str
    slot: int
    decided_at: datetime
    market_id: str
    event_id: str
    strategy: str
    purpose: Purpose
    action: Action
    reason: Reason
    token: Token | None = None
    shares: Decimal = Decimal(0)
    limit_price: Decimal | None = None
    binding: str = ""
    formula: str = ""
    settings_hash: str = ""
    expires_at: datetime | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """An order we would like to send; the gateway may make it smaller, never larger.

    ``worst_case`` of one share is what it cost: all of it can be lost.
    """

    decision_id: str
    market_id: str
    event_id: str
    strategy: str
    purpose: Purpose
    side: Side
    token: Token
    shares: Decimal
    limit_price: Decimal
    reason: Reason
    fee: FeeSchedule
    tick: Decimal
    min_size: Decimal
    category: str = ""
    sector: str = "other"
    themes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """What one risk rule would allow: shares, and a sentence with its numbers."""

    rule: str
    allowed: Decimal
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gateway allows: the smallest answer, and the rule that gave it ("" for none)."""

    shares: Decimal
    binding: str
    sentence: str
    checks: tuple[Check, ...] = ()

    @property
    def allowed(self) -> bool:
        """Return whether anything may be sent."""
        return self.shares > 0


class OrderState(StrEnum):
    """Where an order stands. UNKNOWN: it was sent, and we do not know what became of it."""

    PENDING = "PENDING"
    FILLED = "FILLED"
    PARTIAL = "PARTIAL"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"

    @property
    def open(self) -> bool:
        """Return whether it may still be filled."""
        return self in {OrderState.PENDING, OrderState.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Order:
    """One order; ``id`` is made from its decision, so the same intent is the same order.

    ``reserved`` is the USD held back for it until its outcome is known; 0 for an exit.
    """

    id: str
    decision_id: str
    market_id: str
    event_id: str
    strategy: str
    purpose: Purpose
    side: Side
    token: Token
    shares: Decimal
    limit_price: Decimal
    reason: Reason
    state: OrderState
    placed_at: datetime
    reserved: Decimal = Decimal(0)
    broker: str = "paper"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    """What an order got: shares at an average price over the book's levels, and the fee.

    ``grade`` is A for a recorded book, B a printed trade through, C a mid with slippage. ``fee``
    is USD, to 5 decimals, charged per level and added up.
    """

    id: str
    order_id: str
    market_id: str
    token: Token
    side: Side
    shares: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    levels: tuple[Level, ...] = ()
    grade: str = "A"
    book_hash: str = ""
    book_at: datetime | None = None

    @property
    def gross(self) -> Decimal:
        """Return USD that changed hands without the fee."""
        return self.shares * self.price


class PositionState(StrEnum):
    """Whether a holding can be sold. LOCKED: the venue is settling it."""

    OPEN = "OPEN"
    LOCKED = "LOCKED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Position:
    """Shares of one token of one market that one strategy bought, until all are gone.

    ``cost`` is what the shares still held cost all-in (fees included), USD. ``entry_*`` are of the
    opening fill. ``high_bid`` is the highest bid since the second target, ``None`` before it.
    ``owed`` shares of the part to be sold for ``owed_for`` found no bid yet.
    """

    id: str
    market_id: str
    event_id: str
    strategy: str
    token: Token
    state: PositionState
    shares: Decimal
    cost: Decimal
    original_shares: Decimal
    entry_price: Decimal
    entry_bid: Decimal
    entry_spread: Decimal
    opened_at: datetime
    decision_id: str = ""
    category: str = ""
    sector: str = "other"
    themes: tuple[str, ...] = ()
    targets_hit: int = 0
    high_bid: Decimal | None = None
    halved_slow: bool = False
    halved_deadline: bool = False
    realized: Decimal = Decimal(0)
    closed_at: datetime | None = None
    by: str = "paper"
    owed: Decimal = Decimal(0)
    owed_for: Reason | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the double-entry ledger; the lines of one ``transfer`` sum to zero USD.

    ``account`` is cash, positions, fees, realized or capital; ``amount`` is USD, signed.
    """

    transfer: str
    account: str
    amount: Decimal
    at: datetime
    kind: str
    reference: str
    market_id: str = ""
    token: Token | None = None
    shares: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell the owner; the same ``key`` is told once.

    ``kind`` is signal, position, risk, pause, health, kill or summary. ``text`` is plain text:
    titles in it are hostile and escaped by each channel. Past ``expires_at`` it is not delivered.
    """

    key: str
    kind: str
    severity: Severity
    text: str
    created_at: datetime
    expires_at: datetime | None = None
    critical: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
