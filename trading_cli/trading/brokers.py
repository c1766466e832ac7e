"""Who carries an order out: the Broker seam, paper, and the guard around every one of them.

An order is stored before it is sent, and its id is made from what it is, so the same intent is the
same order wherever it is sent from. What comes back is an ``Outcome``:

    FILLED, PARTIAL   with a fill, and the book it was filled on
    CANCELLED         it rests nowhere: nothing within the limit
    REJECTED          proven not to be at the broker: refused before or at the send
    UNKNOWN           sent, and we do not know: to be asked with ``find``, never sent again
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from trading_cli.core.errors import SourceError, TradingError
from trading_cli.domain import (
    Book,
    FeeSchedule,
    Fill,
    Order,
    OrderState,
    Purpose,
    Reason,
    Side,
)
from trading_cli.trading.account import digest
from trading_cli.trading.fees import FeeUnknown
from trading_cli.trading.fills import DEAREST_FEE, MICRO, Walk, depth_taken, walk

MAX_BOOK_AGE = timedelta(seconds=60)

# What a broker may break with. Foreign errors are translated at their own border; anything else
# ends the run with the order still PENDING in the store, which is asked about at the next start.
BREAKDOWNS = (
    TradingError, OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError,
    AttributeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order. ``book`` is the execution book, to be stored with that purpose.

    ``reason`` is a word where nothing was bought or sold (NO_BOOK, NOT_ARMED, …), else ``None``.
    """

    order_id: str
    state: OrderState
    detail: str = ""
    fill: Fill | None = None
    book: Book | None = None
    reason: Reason | None = None


class Broker(Protocol):
    """Sends orders. One call may send one order, once; it never retries by itself."""

    @property
    def name(self) -> str:
        """Return the word stored with the order."""
        ...

    def submit(self, order: Order) -> Outcome:
        """Send *order* and return what became of it."""
        ...

    def cancel(self, order: Order) -> Outcome:
        """Take *order* back; it may have been filled meanwhile."""
        ...

    def find(self, order: Order) -> Outcome:
        """Return what became of *order*, which may never have arrived: REJECTED if proven so."""
        ...

    def open_orders(self) -> tuple[str, ...]:
        """Return the ids of our orders that rest at the broker."""
        ...


def fill_id(order: Order, number: int = 0) -> str:
    """Return the id of the *number*-th fill of *order*."""
    return digest("fill", order.id, number)


class PaperBroker:
    """Fills orders on a book fetched for them after the decision, at what rests there.

    Nothing ever rests here: what is not filled at once is gone. It remembers nothing, so an order
    whose outcome was not stored never happened. *fetch_book* returns the book of the order's own
    token (``None``: there is none); *fills_of* our earlier fills in its market; *fee_of* what a
    taker pays there; *now* the world's time.
    """

    name = "paper"

    def __init__(
        self,
        fetch_book: Callable[[Order], Book | None],
        fills_of: Callable[[Order], Sequence[Fill]],
        fee_of: Callable[[Order], FeeSchedule],
        now: Callable[[], datetime],
    ) -> None:
        self._fetch_book = fetch_book
        self._fills_of = fills_of
        self._fee_of = fee_of
        self._now = now

    def submit(self, order: Order) -> Outcome:
        """Fetch the book, judge its age, and walk it.

        REJECTED with NO_BOOK where none is to be had (a source that fails is certain: nothing was
        sent). Where nobody knows the fee an entry is REJECTED with FEE_UNKNOWN, and an exit charged
        the dearest known.
        """
        try:
            fee = self._fee_of(order)
        except FeeUnknown as unknown:
            if order.purpose is Purpose.ENTRY:
                return _rejected(order, unknown.message, Reason.FEE_UNKNOWN)
            fee = DEAREST_FEE
        try:
            book = self._fetch_book(order)
        except SourceError as failed:
            return _rejected(order, f"no book: {failed.message}", Reason.NO_BOOK)
        now = self._now()
        if (wrong := unusable(book, order.placed_at, now)) or book is None:
            return _rejected(order, wrong, Reason.NO_BOOK, book)
        taken = depth_taken(book, order.token, order.side, self._fills_of(order))
        got = walk(book, order.side, order.shares, order.limit_price, fee, taken)
        if got.price is None:
            detail = f"nothing within the limit of {order.limit_price}"
            return Outcome(
                order.id, OrderState.CANCELLED, detail, book=book, reason=Reason.PRICE_MOVED
            )
        state = OrderState.FILLED if got.shares == order.shares else OrderState.PARTIAL
        detail = f"{got.shares} of {order.shares} shares at {got.price:.4f} on average"
        return Outcome(order.id, state, detail, _fill(order, got, got.price, book, now), book)

    def cancel(self, order: Order) -> Outcome:
        """Return CANCELLED: nothing rests on paper."""
        return Outcome(order.id, OrderState.CANCELLED, "nothing rests on paper")

    def find(self, order: Order) -> Outcome:
        """Return REJECTED: a paper order without a stored outcome never happened."""
        return Outcome(order.id, OrderState.REJECTED, "a paper order not recorded never happened")

    def open_orders(self) -> tuple[str, ...]:
        """Return none."""
        return ()


def _rejected(order: Order, detail: str, reason: Reason, book: Book | None = None) -> Outcome:
    return Outcome(order.id, OrderState.REJECTED, detail, book=book, reason=reason)


def unusable(book: Book | None, decided_at: datetime, now: datetime) -> str:
    """Return why *book* cannot execute what was decided at *decided_at* ("" where it can)."""
    if book is None:
        return "no book was to be had for the order"
    if book.observed_at <= decided_at:
        return f"the book of {book.observed_at:%H:%M:%S} is not newer than the decision"
    if now - book.observed_at > MAX_BOOK_AGE:
        age = (now - book.observed_at).total_seconds()
        return f"the book is {age:.0f} s old, {MAX_BOOK_AGE.seconds} s is the limit"
    return ""


def _fill(order: Order, got: Walk, price: Decimal, book: Book, now: datetime) -> Fill:
    return Fill(
        fill_id(order), order.id, order.market_id, order.token, order.side, got.shares, price,
        got.fee, now, got.levels, "A", book.hash, book.event_time,
    )  # fmt: skip


class GuardedBroker:
    """Every broker wears this: the kill switch is asked right before each send.

    *permitted* returns "" or the sentence that forbids the order; where it cannot be asked, nothing
    is sent. Taking orders back and asking about them always passes. A broker that breaks after the
    send leaves the order UNKNOWN, never rejected.
    """

    def __init__(self, inner: Broker, permitted: Callable[[Order], str]) -> None:
        self._inner = inner
        self._permitted = permitted

    @property
    def name(self) -> str:
        """Return the name of the broker inside."""
        return self._inner.name

    def submit(self, order: Order) -> Outcome:
        """Send *order* if that is permitted at this instant."""
        try:
            forbidden = self._permitted(order)
        except (TradingError, OSError) as failed:
            forbidden = f"the kill switch could not be read: {failed}"
        if forbidden:
            return _rejected(order, forbidden, Reason.NOT_ARMED)
        return self._certain(order, self._inner.submit)

    def cancel(self, order: Order) -> Outcome:
        """Take *order* back, whatever the switch says."""
        return self._certain(order, self._inner.cancel)

    def find(self, order: Order) -> Outcome:
        """Ask what became of *order*, whatever the switch says."""
        return self._certain(order, self._inner.find)

    def open_orders(self) -> tuple[str, ...]:
        """Return what rests at the broker; its errors pass, for nobody may take them for none."""
        return self._inner.open_orders()

    def _certain(self, order: Order, call: Callable[[Order], Outcome]) -> Outcome:
        """Return what *call* says, or UNKNOWN where it breaks or speaks of another order."""
        try:
            outcome = call(order)
        except BREAKDOWNS as failed:
            detail = f"{type(failed).__name__}: {failed}"
            return Outcome(order.id, OrderState.UNKNOWN, f"what became of it is unknown: {detail}")
        if outcome.order_id != order.id or not _sound(order, outcome):
            return Outcome(
                order.id, OrderState.UNKNOWN, f"the broker's answer is not of this order: {outcome}"
            )
        return outcome


def _sound(order: Order, outcome: Outcome) -> bool:
    """Return whether the fill, where there is one, is of *order* and within its limit and size."""
    fill = outcome.fill
    filled = outcome.state in {OrderState.FILLED, OrderState.PARTIAL}
    if fill is None:
        return not filled
    same = (fill.order_id, fill.market_id, fill.token, fill.side) == (
        order.id, order.market_id, order.token, order.side,
    )  # fmt: skip
    over = fill.price - order.limit_price
    beyond = (over if order.side is Side.BUY else -over) > MICRO
    return filled and same and not beyond and 0 < fill.shares <= order.shares
