"""Everything known about one candidate at one instant: what a strategy and a veto may look at.

Nothing in a view was observed after ``at``. Prices are of the YES token unless a function asks for
a token; NO is the mirror, so a view and its ``mirrored()`` must lead to the same decision with the
tokens swapped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from trading_cli.domain import Book, Feature, FeeSchedule, Market, Quote, Reason, Tier, Token
from trading_cli.research.deadline import Deadline
from trading_cli.research.opinions import Opinion, moved


@dataclass(frozen=True, slots=True)
class Talk:
    """The talk of the last 6 h: mean sentiment in [-1, 1] (``None``: no polarity), and posts."""

    sentiment: float | None = None
    posts: int = 0


@dataclass(frozen=True, slots=True)
class Pooled:
    """The pooled test of a category: ``coefficient`` of hype on the later change of YES's logit."""

    coefficient: float
    horizon_h: int
    n: int


@dataclass(frozen=True, slots=True)
class TradingState:
    """Whether we may enter at all. The default is the careful one: nothing known, nothing allowed.

    ``kill_state`` is ARMED, DISARMED or TRIGGERED; ``pauses`` are kinds (owner, day, week, month,
    stale); ``held_back`` says why entries wait after a gap ("": they do not). ``proofs`` is what
    each strategy had shown of itself by then: it is said, and in paper forbids nothing.
    """

    kill_state: str = "TRIGGERED"
    kill_level: int = 4
    pauses: tuple[str, ...] = ()
    gate_open: bool = False
    gate_reasons: tuple[str, ...] = ()
    held_back: str = ""
    proofs: Mapping[str, Mapping[str, object]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class View:
    """One candidate at ``at``.

    market            as listed at ``at``
    quote             the YES side in ``slot``, ``None`` where there is none
    deadline          the earliest date, whether it is a hazard, why it is refused
    book              the YES book read for deciding, ``None`` where there is none
    features          "rvr", "roc", "hype" now; absent means never computed
    best_tiers        the best tier of each within the last hour
    best_roc          the ROC at its best tier within the last hour: its sign must still hold
    mids              (time, YES mid) of the last 24 h, oldest first
    fee               what a taker pays, ``None`` where unknown: ``fee_reason`` says why
    warming           what is still missing before a decision makes sense ("": nothing)
    entered           events with a position, or entered within the last hours
    pooled            the pooled test of the market's category, ``None``: insufficient
    recalibrate       YES mid -> probability of YES, fitted on the past; ``None``: not fitted
    waived            vetoes whose input was never recorded (imported history only)
    opinions          what outsiders say of it, each with what its source has shown so far
    """

    market: Market
    at: datetime
    slot: int
    quote: Quote | None
    deadline: Deadline
    book: Book | None = None
    features: Mapping[str, Feature] = field(default_factory=dict)
    best_tiers: Mapping[str, Tier] = field(default_factory=dict)
    best_roc: float | None = None
    mids: tuple[tuple[datetime, float], ...] = ()
    talk: Talk = field(default_factory=Talk)
    quality: float | None = None
    fee: FeeSchedule | None = None
    fee_reason: str = ""
    rules_changed_at: datetime | None = None
    warming: str = ""
    state: TradingState = field(default_factory=TradingState)
    entered: frozenset[str] = frozenset()
    pooled: Pooled | None = None
    recalibrate: Callable[[float], float] | None = None
    waived: frozenset[Reason] = frozenset()
    opinions: tuple[Opinion, ...] = ()

    def __post_init__(self) -> None:
        """Close the mappings: a strategy that writes into its view must not change another's."""
        object.__setattr__(self, "features", MappingProxyType(dict(self.features)))
        object.__setattr__(self, "best_tiers", MappingProxyType(dict(self.best_tiers)))

    @property
    def event_id(self) -> str:
        """Return the event, or the market itself where it belongs to none."""
        return self.market.event_id or self.market.id

    @property
    def hazard(self) -> bool:
        """Return whether the market may resolve on any day."""
        return self.deadline.hazard

    @property
    def mid(self) -> Decimal | None:
        """Return the YES mid, ``None`` unless bid and ask are there."""
        return None if self.quote is None else self.quote.mid

    @property
    def tick(self) -> Decimal:
        """Return the smallest price step: the book's, else the market's, else one cent."""
        own = self.book.tick if self.book is not None else None
        return own or self.market.tick or Decimal("0.01")

    @property
    def to_deadline(self) -> timedelta | None:
        """Return how long it is to the deadline, ``None`` where none was found."""
        return None if self.deadline.at is None else self.deadline.at - self.at

    def bid(self, token: Token) -> Decimal | None:
        """Return the best bid for *token*, ``None`` where nobody bids."""
        if self.quote is None:
            return None
        return self.quote.bid if token is Token.YES else _one_minus(self.quote.ask)

    def ask(self, token: Token) -> Decimal | None:
        """Return the best ask for *token*, ``None`` where nobody offers."""
        if self.quote is None:
            return None
        return self.quote.ask if token is Token.YES else _one_minus(self.quote.bid)

    def token_book(self, token: Token) -> Book | None:
        """Return the book of *token*, ``None`` where none was read."""
        if self.book is None or token is Token.YES:
            return self.book
        return self.book.mirrored(self.market.no_token)

    def feature(self, name: str) -> Feature:
        """Return the feature; one never computed is undefined ("not computed")."""
        return self.features.get(name) or Feature(name, None, "not computed", Tier.NONE)

    def best(self, name: str) -> Tier:
        """Return the best tier within the last hour, now included."""
        return max(self.feature(name).tier, self.best_tiers.get(name, Tier.NONE))

    def believed(self, probability: float, token: Token = Token.YES) -> float:
        """Return an own *probability* of *token* as it stands with the opinions that weigh.

        Without any it is the very number that was given.
        """
        if self.mid is None or not any(one.weight for one in self.opinions):
            return probability
        if token is Token.YES:
            return moved(probability, float(self.mid), self.opinions)
        said = [one.mirrored() for one in self.opinions]
        return moved(probability, float(1 - self.mid), said)

    def mirrored(self) -> "View":
        """Return the same market with its tokens swapped: what was YES is NO."""
        recalibrate = self.recalibrate
        return replace(
            self,
            market=_swapped(self.market),
            quote=None if self.quote is None else _mirrored(self.quote),
            book=None if self.book is None else self.book.mirrored(self.market.no_token),
            features={name: _negated(one) for name, one in self.features.items()},
            best_roc=_minus(self.best_roc),
            mids=tuple((at, 1 - mid) for at, mid in self.mids),
            talk=Talk(_minus(self.talk.sentiment), self.talk.posts),
            pooled=None
            if self.pooled is None
            else replace(self.pooled, coefficient=-self.pooled.coefficient),
            recalibrate=None if recalibrate is None else lambda mid: 1 - recalibrate(1 - mid),
            opinions=tuple(one.mirrored() for one in self.opinions),
        )


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _one_minus(price: Decimal | None) -> Decimal | None:
    return None if price is None else 1 - price


def _negated(one: Feature) -> Feature:
    """Return the feature as seen from the other token: only ROC has a direction."""
    return replace(one, value=_minus(one.value)) if one.name == "roc" else one


def _mirrored(quote: Quote) -> Quote:
    return replace(
        quote,
        bid=_one_minus(quote.ask),
        ask=_one_minus(quote.bid),
        bid_depth=quote.ask_depth,
        ask_depth=quote.bid_depth,
    )


def _swapped(market: Market) -> Market:
    prices = market.outcome_prices
    return replace(
        market,
        yes_token=market.no_token,
        no_token=market.yes_token,
        yes_label=market.no_label,
        no_label=market.yes_label,
        best_bid=None if market.best_ask is None else 1 - market.best_ask,
        best_ask=None if market.best_bid is None else 1 - market.best_bid,
        last_price=None if market.last_price is None else 1 - market.last_price,
        outcome_prices=None if prices is None else (prices[1], prices[0]),
    )
