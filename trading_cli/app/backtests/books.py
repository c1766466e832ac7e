"""What an order meets and what a holding is judged on: stored books, printed trades, or mids."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading_cli.app.backtests.pricing import Prices
from trading_cli.app.backtests.tape import Tape
from trading_cli.app.backtests.universe import DAY, Universe
from trading_cli.domain import SLOT_SECONDS, Book, Level, Market, Order, Side, Token, slot_of
from trading_cli.store import Transaction, past, past_deals, thawed
from trading_cli.store.packed import PackedBook
from trading_cli.store.rows import MILLION, exact
from trading_cli.store.traded import LEAST_HEARD
from trading_cli.trading.backtest.history import Execution
from trading_cli.trading.backtest.mids import book_of_mid, book_to_decide, token_book

SECOND = timedelta(seconds=1)
WAIT_S = SLOT_SECONDS
ONE = Decimal(1)
ANY_TIME = past.NEVER


class Books:
    """The stored books, and what stands in for one where none was stored."""

    def __init__(
        self,
        look: Transaction,
        universe: Universe,
        prices: Prices,
        tape: Tape,
        slippage: Decimal,
    ) -> None:
        self._look = look
        self._of = universe
        self._prices = prices
        self._tape = tape
        self._slippage = slippage
        self._traded: dict[tuple[int, int, int], float | None] = {}
        self._thawed = range(0)

    def of_slot(
        self, slot: int, rows: Iterable[int], at: int, purpose: str = "slot"
    ) -> dict[int, Book]:
        """Return the YES books of *slot* known at *at*, by row."""
        self._thaw(slot)
        numbers = [self._of.names[row].number for row in rows]
        return {
            int(self._of.row_by_number[one.market]): self._packed(one)
            for one in past_deals.slot_books(self._look, numbers, slot, purpose)
            if one.available_at <= at
        }

    def _thaw(self, slot: int) -> None:
        """Have the archived books of the days around *slot*, and none of those long before."""
        if slot in self._thawed:
            return
        day = slot // DAY * DAY
        thawed.forget(self._look, thawed.BOOKS, day - DAY)
        thawed.thaw(self._look, day, day + DAY + 2 * SLOT_SECONDS, (thawed.BOOKS,))
        self._thawed = range(day, day + DAY)

    def to_judge(self, slot: int, rows: Iterable[int], at: int) -> dict[int, Book]:
        """Return the books a slot's holdings were judged on: fetched for it, else collected."""
        asked = list(rows)
        return self.of_slot(slot, asked, at) | self.of_slot(slot, asked, at, "exit")

    def of_mid(self, row: int, market: Market, at: datetime) -> Book | None:
        """Return the YES book made of the last mid, ``None`` without one inside (0, 1)."""
        mid = self._mid(row, at)
        if mid is None:
            return None
        return book_of_mid(mid, self._slippage, market.yes_token, market, at)

    def to_decide(self, row: int, market: Market, at: datetime) -> Book | None:
        """Return the YES book a decision looks at where a history mid is all there is."""
        mid = self._mid(row, at)
        return None if mid is None else book_to_decide(mid, self._slippage, market, at)

    def _mid(self, row: int, at: datetime) -> Decimal | None:
        now = int(at.timestamp())
        found = self._prices.mid(row, slot_of(at), now, now, live=False)
        return found.value if found is not None and 0 < found.value < 1 else None

    def recorded(self, order: Order, row: int, yes: Market) -> Execution | None:
        """Return grade A, the book fetched for the order, else the first one seen after it.

        Else grade B: a trade printed through the limit within a quarter-hour.
        """
        slot, placed = slot_of(order.placed_at), int(order.placed_at.timestamp())
        own = self.of_slot(slot, [row], ANY_TIME, f"execution:{order.id}").get(row)
        if own is not None and own.observed_at >= order.placed_at.replace(microsecond=0):
            return Execution(token_book(_after(own, order), order.token, yes), "A")
        self._thaw(slot)
        number = self._of.names[row].number
        later = past_deals.first_book_after(self._look, number, placed, (slot, slot + SLOT_SECONDS))
        if later is not None:
            return Execution(token_book(self._packed(later), order.token, yes), "A", late=True)
        return self._printed(order, number, yes, placed)

    def _printed(self, order: Order, number: int, yes: Market, placed: int) -> Execution | None:
        for one in past_deals.prints(self._look, number, placed, placed + WAIT_S):
            own = (one.outcome == 0) == (order.token is Token.YES)
            price = exact(one.price) if own else ONE - exact(one.price)
            over = (
                order.limit_price - price if order.side is Side.BUY else price - order.limit_price
            )
            if over > 0:
                level = (Level(order.limit_price, exact(one.size)),)
                bids, asks = ((), level) if order.side is Side.BUY else (level, ())
                seen = order.placed_at + timedelta(seconds=one.time - placed)
                name = yes.yes_token if order.token is Token.YES else yes.no_token
                book = Book(
                    name, yes.condition_id, bids, asks, seen, seen, f"print:{number}:{one.time}",
                    yes.tick, yes.min_size,
                )  # fmt: skip
                return Execution(book, "B", late=True)
        return None

    def at_mid(self, order: Order, row: int, yes: Market) -> Execution | None:
        """Return grade C: the token's own last mid and the slippage, depth without end."""
        mid = self._mid(row, order.placed_at)
        if mid is None:
            return None
        own = mid if order.token is Token.YES else ONE - mid
        name = yes.yes_token if order.token is Token.YES else yes.no_token
        book = book_of_mid(own, self._slippage, name, yes, order.placed_at + SECOND)
        return Execution(book, "C")

    def _packed(self, one: past_deals.StoredBook) -> Book:
        """Return the book, unpacked when it is looked at; an imported one was seen in its time."""
        condition = self._of.names[int(self._of.row_by_number[one.market])].condition
        return PackedBook.of(condition, one.event_time, one.available_at, one.hash, one.levels)

    def traded_usd(self, row: int, since: int, until: int, at: int, *, live: bool) -> float | None:
        """Return USD dealt a day in [since, until) as `traded.daily_usd` does.

        A span of which everything had been seen at *at* is worked out once.
        """
        if since >= until:
            return None
        key = row, since, until
        if key in self._traded:
            return self._traded[key]
        found = self._fresh(row, since, until, at, live=live)
        if at - until >= DAY and self._settled(row, since, until, at, live=live):
            self._traded[key] = found
        return found

    def _fresh(self, row: int, since: int, until: int, at: int, *, live: bool) -> float | None:
        name = self._of.names[row]
        heard = self._tape.answers.spans(name.condition, since, at, live=live)
        usd, seconds = 0.0, 0
        for begin, end in heard:
            start, stop = max(begin, since), min(end, until)
            if start < stop:
                seconds += stop - start
                seen = at if live else ANY_TIME
                usd += past_deals.dealt_usd(self._look, name.number, start, stop, at, seen)
        if seconds < LEAST_HEARD * (until - since):
            return None
        return usd / float(MILLION) ** 2 * DAY / seconds

    def _settled(self, row: int, since: int, until: int, at: int, *, live: bool) -> bool:
        name = self._of.names[row]
        if not self._tape.answers.settled(name.condition, since, until, at, live=live):
            return False
        return past_deals.newest_trade_seen(self._look, name.number, since, until) <= at or not live


def _after(book: Book, order: Order) -> Book:
    """Return *book* as seen after the order: the file knows whole seconds only."""
    if book.observed_at > order.placed_at:
        return book
    return replace(book, observed_at=order.placed_at + timedelta(microseconds=1))


def by_venue(universe: Universe, books: Mapping[int, Book]) -> dict[str, Book]:
    """Return the books by the venue's market id."""
    return {universe.names[row].venue: book for row, book in books.items()}
