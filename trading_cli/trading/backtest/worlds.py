"""A history made of arrays: for tests, synthetic worlds and mid-only files.

What is asked for an instant is read from the columns up to it, and nothing else: a later column
cannot be reached but through a later question.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading_cli.core.errors import UsageError
from trading_cli.domain import (
    SLOT_SECONDS,
    Book,
    FeeSchedule,
    Level,
    Market,
    Order,
    Quote,
    Reason,
    Side,
    Token,
    from_epoch,
    slot_of,
)
from trading_cli.research.deadline import Deadline, deadline_of
from trading_cli.trading import SignalsSection
from trading_cli.trading.backtest.columns import FIRST_SLOT, Columns, Floats, Ints, Place
from trading_cli.trading.backtest.history import Execution, Moment, Operated
from trading_cli.trading.backtest.mids import book_of_mid, book_to_decide, token_book
from trading_cli.trading.fees import FeeUnknown, schedule_of
from trading_cli.trading.groups import Correlation
from trading_cli.trading.view import TradingState, View

SECOND = timedelta(seconds=1)
SLOT = timedelta(seconds=SLOT_SECONDS)
OPEN = TradingState("ARMED", 0, gate_open=True)
MID_WAIVED = frozenset({Reason.QUALITY, Reason.LIQUIDITY_LOW, Reason.NO_RULES, Reason.ROUND_TRIP})
"""What mids alone never say: waived by name."""


@dataclass(frozen=True, slots=True)
class Print:
    """A taker's trade of one token: the evidence of grade B."""

    token: Token
    price: Decimal
    size: Decimal
    at: datetime


@dataclass(frozen=True, eq=False)
class MemoryHistory:
    """Arrays as a ``History``: M markets over S slots.

    markets     the listing; a market is there from the slot ``listed[m]`` on (the first by default)
    mids        [M, S] YES mids, NaN where there was no quote
    slots       [S] epoch seconds, quarter-hours in order; from June 2026 on by default
    volumes     [M, S] USD that takers traded in each slot, ``None``: never heard
    books       (m, s) -> the YES book collected in that slot; its mid stands before ``mids``
    fresh       (m, s) -> the YES book fetched for an order of that slot (grade A)
    prints      m -> trades, in order (grade B)
    payouts     market id -> (when observed, what YES paid)
    settling    market id -> when the venue began to settle it
    waived      rules whose input this world never recorded
    fees        one schedule in every view, ``None``: each market's own
    lag         slots until the mid of grade C: 0 is the slot of the order, its slippage the wait
    operating   slot -> what others did
    """

    markets: Sequence[Market]
    mids: Floats
    slots: Ints | None = None
    volumes: Floats | None = None
    books: Mapping[Place, Book] = field(default_factory=dict)
    fresh: Mapping[Place, Book] = field(default_factory=dict)
    prints: Mapping[int, Sequence[Print]] = field(default_factory=dict)
    payouts: Mapping[str, tuple[datetime, Decimal]] = field(default_factory=dict)
    settling: Mapping[str, datetime] = field(default_factory=dict)
    listed: Ints | None = None
    slippage: Decimal = Decimal("0.015")
    signals: SignalsSection = field(default_factory=SignalsSection)
    waived: frozenset[Reason] = MID_WAIVED
    fees: FeeSchedule | None = None
    candidates: int = 50
    lag: int = 0
    exits_after: timedelta = timedelta(seconds=30)
    decide_after: timedelta = timedelta(seconds=60)
    operating: Mapping[int, Operated] = field(default_factory=dict)
    columns: Columns = field(init=False, repr=False)
    _place: dict[str, int] = field(init=False, repr=False)
    _deadlines: dict[str, Deadline] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Check the shapes. Raises ``UsageError`` naming what does not fit."""
        columns = Columns(self.mids, self.slots, self.volumes, self.books, self.signals)
        place = {market.id: row for row, market in enumerate(self.markets)}
        if not len(place) == len(self.markets) == columns.mids.shape[0]:
            raise UsageError(
                f"{len(place)} different markets for {columns.mids.shape[0]} rows of mids",
                hint="one row a market",
            )
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "_place", place)

    def moments(self) -> Sequence[Moment]:
        """Return the slots, exits and entries so long after their beginning."""
        return [
            Moment(slot, from_epoch(slot) + self.exits_after, from_epoch(slot) + self.decide_after)
            for slot in self.columns.place
        ]

    def operated(self, slot: int) -> Operated:
        """Return what was said of *slot*, else armed and never paused."""
        return self.operating.get(slot, Operated())

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market as listed at *at*; its end is told once it was observed."""
        row = self._place[market_id]
        if self.listed is not None and slot_of(at) < self.listed[row]:
            raise KeyError(market_id)
        market = replace(self.markets[row], observed_at=from_epoch(slot_of(at)))
        paid = self.payout(market_id, at)
        if paid is not None:
            prices = paid, 1 - paid
            closed = self.payouts[market_id][0]
            return replace(market, closed=True, closed_at=closed, outcome_prices=prices)
        began = self.settling.get(market_id)
        return replace(market, uma_status="proposed") if began and began <= at else market

    def payout(self, market_id: str, at: datetime) -> Decimal | None:
        """Return what YES paid where it was observed by *at*."""
        found = self.payouts.get(market_id)
        return None if found is None or found[0] > at else found[1]

    def views(self, slot: int) -> Sequence[View]:
        """Return the candidates of *slot*, busiest first: listed, quoted, not paid out."""
        column = self.columns.place[slot]
        at = from_epoch(slot) + self.decide_after
        there = [
            row
            for row, market in enumerate(self.markets)
            if (self.listed is None or self.listed[row] <= slot)
            and self.columns.mid(row, column) is not None
            and self.payout(market.id, at) is None
        ]
        chosen = self.columns.busiest(there, column)[: self.candidates]
        return [self._view(row, slot, at) for row in chosen]

    def _view(self, row: int, slot: int, at: datetime) -> View:
        column, seen = self.columns.place[slot], from_epoch(slot) + SECOND
        market = self.market(self.markets[row].id, at)
        book = self._to_decide(row, column, market)
        features, best, best_roc = self.columns.indicators(row, column, market.tick)
        fee, why = self._fee(market, at)
        bid = book.best_bid if book is not None else None
        ask = book.best_ask if book is not None else None
        deadline = self._deadlines.get(market.id)
        if deadline is None:
            deadline = self._deadlines.setdefault(market.id, deadline_of(market))
        return View(
            market, at, slot, Quote(market.id, slot, bid, ask, None, None, seen, seen), deadline,
            book=book, features=features, best_tiers=best, best_roc=best_roc,
            mids=self.columns.past(row, column), quality=1.0, fee=fee, fee_reason=why, state=OPEN,
            waived=self.waived,
        )  # fmt: skip

    def _to_decide(self, row: int, column: int, market: Market) -> Book | None:
        kept = self.books.get((row, column))
        mid = None if kept is not None else self.columns.mid(row, column)
        if mid is None or not 0 < mid < 1:
            return kept
        return book_to_decide(mid, self.slippage, market, self.columns.times[column] + SECOND)

    def _fee(self, market: Market, at: datetime) -> tuple[FeeSchedule | None, str]:
        if self.fees is not None:
            return self.fees, ""
        try:
            return schedule_of(market, at), ""
        except FeeUnknown as unknown:
            return None, unknown.message

    def exit_books(self, slot: int, market_ids: Sequence[str]) -> Mapping[str, Book]:
        """Return the YES book of each, made of its mid where there is no other."""
        column = self.columns.place[slot]
        found = {}
        for market_id in market_ids:
            row = self._place[market_id]
            kept = self.books.get((row, column))
            mid = None if kept is not None else self.columns.mid(row, column)
            if mid is not None and 0 < mid < 1:
                market, at = self.markets[row], self.columns.times[column] + SECOND
                kept = book_of_mid(mid, self.slippage, market.yes_token, market, at)
            if kept is not None:
                found[market_id] = kept
        return found

    def execution(self, order: Order, yes: Market) -> Execution | None:
        """Return A: the book fetched for it, else the next slot's; B: a print; C: a mid."""
        row, slot = self._place[order.market_id], slot_of(order.placed_at)
        column = self.columns.place.get(slot)
        if column is None:
            return None
        book = self.fresh.get((row, column))
        if book is not None:
            return Execution(token_book(_after(book, order), order.token, yes), "A")
        later = self.books.get((row, self.columns.place.get(slot + SLOT_SECONDS, -1)))
        if later is not None:
            return Execution(token_book(later, order.token, yes), "A", late=True)
        if row in self.prints or row in self.columns.rows_with_books:
            return _printed(order, self.prints.get(row, ()), yes)
        return self._of_mid(order, row, column, yes)

    def _of_mid(self, order: Order, row: int, column: int, yes: Market) -> Execution | None:
        place = column + self.lag
        mid = self.columns.mid(row, place) if place < len(self.columns.times) else None
        if mid is None or not 0 < mid < 1:
            return None
        at = (self.columns.times[place] if self.lag else order.placed_at) + SECOND
        own = mid if order.token is Token.YES else 1 - mid
        book = book_of_mid(own, self.slippage, _name(order, yes), yes, at)
        return Execution(book, "C", late=self.lag > 0)

    def traded_usd(
        self, market_id: str, since: datetime, until: datetime, as_of: datetime
    ) -> float | None:
        """Return the daily mean of the slots that ended by *as_of*; ``None`` below 20 of 24 h."""
        return self.columns.traded_usd(self._place[market_id], since, until, as_of)

    def correlations(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return none: nothing is measured in such a world."""
        del market_id, held, slot, at
        return ()


def _printed(order: Order, prints: Sequence[Print], yes: Market) -> Execution | None:
    """Return the first trade strictly through the limit within 15 minutes, as a book of it."""
    buys = order.side is Side.BUY
    for one in prints:
        price = one.price if one.token is order.token else 1 - one.price
        through = price < order.limit_price if buys else price > order.limit_price
        if through and order.placed_at < one.at <= order.placed_at + SLOT:
            level = (Level(order.limit_price, one.size),)
            book = Book(
                _name(order, yes), yes.condition_id, () if buys else level, level if buys else (),
                one.at, one.at, f"print:{order.market_id}:{one.at:%Y%m%d%H%M%S}", yes.tick,
                yes.min_size,
            )  # fmt: skip
            return Execution(book, "B", late=True)
    return None


def _after(book: Book, order: Order) -> Book:
    """Return *book*, as seen a second after the order where it was seen before it."""
    if book.observed_at > order.placed_at:
        return book
    return replace(book, observed_at=order.placed_at + SECOND)


def _name(order: Order, yes: Market) -> str:
    return yes.yes_token if order.token is Token.YES else yes.no_token


def plain_market(number: int, *, event: str = "", days: float = 300, **changes: object) -> Market:
    """Return an ordinary market of a world: open, deep, far from its end, free of fees."""
    start = from_epoch(FIRST_SLOT)
    plain = Market(
        f"m{number}", f"0x{number:x}", f"Will thing {number} happen?", f"thing-{number}",
        f"y{number}", f"n{number}", "Yes", "No", start, event_id=event or f"e{number}",
        event_slug=f"thing-{number}", tags=(f"Tag{number}",), description="As the source says.",
        active=True, accepting_orders=True, enable_order_book=True, tick=Decimal("0.01"),
        min_size=Decimal(5), fees_enabled=False, created_at=start - timedelta(days=9),
        end_at=start + timedelta(days=days), liquidity=50_000.0, volume_24h=90_000.0,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields of a market
