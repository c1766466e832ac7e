"""What a run may ask of the past: everything is as it was known at the instant it is asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from trading_cli.domain import Book, Market, Order
from trading_cli.trading.groups import Correlation
from trading_cli.trading.view import View


class Moment(NamedTuple):
    """One slot: when what is held was judged, and when entries were decided (t)."""

    slot: int
    exits_at: datetime
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Operated:
    """What others than the account did at that time: the switch, and pauses not of a loss limit."""

    kill_state: str = "ARMED"
    kill_level: int = 0
    pauses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Execution:
    """What an order meets: the book of the order's own token, and how good that evidence is.

    ``grade`` is A (a recorded book), B (a printed trade through the limit: the book has one level
    of its price and size) or C (a mid and the configured slippage). ``late``: not the book fetched
    for the order but the first one seen after it.
    """

    book: Book
    grade: str
    late: bool = False


class History(Protocol):
    """The past, as the engine asks for it. Implementations hold no truth of their own."""

    def moments(self) -> Sequence[Moment]:
        """Return the slots of the run, in order."""
        ...

    def views(self, slot: int) -> Sequence[View]:
        """Return the candidates of *slot* as seen at ``decided_at``, busiest first.

        ``entered`` and the account's own pauses are left to the engine.
        """
        ...

    def operated(self, slot: int) -> Operated:
        """Return what the operator and the data did by then."""
        ...

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market as it was listed at *at*, its outcome unknown unless observed by then.

        Raises KeyError for one never listed by then.
        """
        ...

    def payout(self, market_id: str, at: datetime) -> Decimal | None:
        """Return what YES paid (1, 0.5 or 0) where that was observed by *at*."""
        ...

    def exit_books(self, slot: int, market_ids: Sequence[str]) -> Mapping[str, Book]:
        """Return the YES book of each held market as fetched to judge it; absent: none came."""
        ...

    def execution(self, order: Order, yes: Market) -> Execution | None:
        """Return what *order* meets, seen after ``order.placed_at``; ``None``: nothing came."""
        ...

    def traded_usd(
        self, market_id: str, since: datetime, until: datetime, as_of: datetime
    ) -> float | None:
        """Return the daily mean USD that takers traded, ``None`` where it was not covered."""
        ...

    def correlations(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return how the market moved with each of *held*, as measured at *at*; none: unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where a history comes from: quotes recorded live, backfilled or imported; slots without."""

    recorded: int = 0
    backfilled: int = 0
    imported: int = 0
    missing_slots: int = 0
    waived: frozenset[str] = field(default_factory=frozenset)
