"""The paper broker on its execution book, and the guard no order gets around."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from deals import FREE, NOW, D, book, fill_of, flat, order

from trading_cli.core.errors import SourceDown, StoreCorrupt
from trading_cli.domain import Book, FeeSchedule, Fill, Order, OrderState, Reason, Side, Token
from trading_cli.trading.account import order_id
from trading_cli.trading.brokers import (
    Broker,
    GuardedBroker,
    Outcome,
    PaperBroker,
    fill_id,
)
from trading_cli.trading.fees import FEE_TABLE, FeeUnknown, fee
from trading_cli.trading.fills import DEAREST_FEE

SECOND = timedelta(seconds=1)
THERE = book([("0.48", "50")], [("0.50", "60"), ("0.51", "100")], at=NOW + SECOND, book_hash="h")


def paper(
    there: Book | None = THERE,
    *,
    earlier: tuple[Fill, ...] = (),
    now: datetime = NOW + 2 * SECOND,
    rate: FeeSchedule = FREE,
) -> PaperBroker:
    """Return a paper broker that finds this book."""
    return PaperBroker(lambda _: there, lambda _: earlier, lambda _: rate, lambda: now)


def test_an_order_is_filled_on_the_book_fetched_for_it() -> None:
    """100 up to .51: 60 at .50 and 40 at .51, 50.40 USD, fee .996 + ... per level."""
    sent = order("100", "0.51")
    said = paper(rate=flat("0.04")).submit(sent)
    assert said.state is OrderState.FILLED
    assert said.book is THERE
    fill = said.fill
    assert fill is not None
    assert (fill.shares, fill.price, fill.gross) == (D(100), D("0.504"), D("50.4"))
    assert fill.fee == D("0.6") + D("0.39984")
    assert (fill.at, fill.grade, fill.book_hash, fill.book_at) == (
        NOW + 2 * SECOND, "A", "h", THERE.event_time,
    )  # fmt: skip
    assert fill.id == fill_id(sent)


def test_what_is_not_there_is_not_filled() -> None:
    """60 of 100 within .50: PARTIAL; none within .49: CANCELLED, and nothing rests."""
    part = paper().submit(order("100", "0.50"))
    assert (part.state, part.fill.shares if part.fill else None) == (OrderState.PARTIAL, D(60))
    none = paper().submit(order("100", "0.49"))
    assert (none.state, none.fill, none.reason) == (
        OrderState.CANCELLED, None, Reason.PRICE_MOVED,
    )  # fmt: skip
    assert paper().open_orders() == ()


@pytest.mark.parametrize(
    ("there", "age", "word"),
    [
        (None, 0, "no book was to be had"),
        (replace(THERE, observed_at=NOW), 1, "not newer than the decision"),
        (replace(THERE, observed_at=NOW - SECOND), 1, "not newer than the decision"),
        (THERE, 61.001, "61 s is"),
    ],
)
def test_without_a_book_of_its_own_an_order_is_not_filled(
    there: Book | None, age: float, word: str
) -> None:
    """None, one from before the decision, one older than 60 s: NO_BOOK."""
    said = paper(there, now=NOW + SECOND + timedelta(seconds=age)).submit(order())
    assert (said.state, said.reason, said.fill) == (OrderState.REJECTED, Reason.NO_BOOK, None)
    assert word in said.detail or "s old" in said.detail


def test_a_book_of_exactly_60_seconds_serves() -> None:
    """The edge is inside."""
    assert paper(now=NOW + 61 * SECOND).submit(order()).fill is not None


def test_a_source_that_fails_is_no_book_and_an_unknown_fee_is_no_order() -> None:
    """Nothing was sent, so nothing is unknown; a way out is charged the dearest fee instead."""

    def down(_: Order) -> Book | None:
        raise SourceDown("polymarket", "timed out")

    def unknown(_: Order) -> FeeSchedule:
        raise FeeUnknown("m1", "NO_FEE_TYPE", "nothing says")

    lost = PaperBroker(down, lambda _: (), lambda _: FREE, lambda: NOW).submit(order())
    assert (lost.state, lost.reason) == (OrderState.REJECTED, Reason.NO_BOOK)
    free = PaperBroker(lambda _: THERE, lambda _: (), unknown, lambda: NOW).submit(order())
    assert (free.state, free.reason) == (OrderState.REJECTED, Reason.FEE_UNKNOWN)
    out = PaperBroker(lambda _: THERE, lambda _: (), unknown, lambda: NOW).submit(
        order("50", "0.48", side=Side.SELL)
    )
    assert out.fill is not None
    assert out.fill.fee == D(50) * D("0.07") * D("0.48") * D("0.52")


def test_the_dearest_fee_is_the_dearest_at_any_price() -> None:
    """No documented rate costs more, at one cent or at fifty."""
    for row in FEE_TABLE:
        schedule = FeeSchedule(row.rate, row.exponent, "table")
        for cents in range(1, 100):
            price = D(cents) / 100
            assert fee(D(1000), price, schedule) <= fee(D(1000), price, DEAREST_FEE)


def test_own_fills_take_depth_until_a_newer_book() -> None:
    """After 60 at .50 the same book has only .51 left; buying NO at .50 had eaten nothing of it."""
    first = paper().submit(order("60", "0.51", name="first")).fill
    assert first is not None
    second = paper(earlier=(first,)).submit(order("60", "0.51", name="second")).fill
    assert second is not None
    assert second.price == D("0.51")
    other = fill_of(order("10", "0.50", token=Token.NO), [("0.50", "10")], at=NOW + SECOND)
    third = paper(earlier=(other,)).submit(order("60", "0.51", name="third")).fill
    assert third is not None
    assert third.price == D("0.50")


def test_the_same_intent_is_the_same_order() -> None:
    """Made of strategy, market, token, side, slot and number; each of them makes it another."""
    made = order_id("s", "m1", Token.YES, Side.BUY, 900, 0)
    assert made == order_id("s", "m1", Token.YES, Side.BUY, 900, 0) == "30ffe39d9110e7e1"
    others = {
        order_id("t", "m1", Token.YES, Side.BUY, 900, 0),
        order_id("s", "m2", Token.YES, Side.BUY, 900, 0),
        order_id("s", "m1", Token.NO, Side.BUY, 900, 0),
        order_id("s", "m1", Token.YES, Side.SELL, 900, 0),
        order_id("s", "m1", Token.YES, Side.BUY, 1800, 0),
        order_id("s", "m1", Token.YES, Side.BUY, 900, 1),
        made,
    }
    assert len(others) == 7


class Venue:
    """A broker with a ledger of its own, which can break after the order has arrived."""

    name = "venue"

    def __init__(self, breaks: Exception | None = None, answer: Outcome | None = None) -> None:
        self.arrived: list[str] = []
        self.taken_back: list[str] = []
        self._breaks = breaks
        self._answer = answer

    def submit(self, order: Order) -> Outcome:
        """Take the order, then break, or answer."""
        self.arrived.append(order.id)
        if self._breaks is not None:
            raise self._breaks
        return self._answer or Outcome(order.id, OrderState.CANCELLED)

    def cancel(self, order: Order) -> Outcome:
        """Take it back."""
        self.taken_back.append(order.id)
        return Outcome(order.id, OrderState.CANCELLED)

    def find(self, order: Order) -> Outcome:
        """Say whether it arrived."""
        state = OrderState.FILLED if order.id in self.arrived else OrderState.REJECTED
        return Outcome(order.id, state, fill=fill_of(order, [("0.5", "1")]))

    def open_orders(self) -> tuple[str, ...]:
        """Return what rests."""
        return tuple(self.arrived)


def test_every_broker_is_one() -> None:
    """Paper, venue and guard all fit the seam."""
    brokers: list[Broker] = [paper(), Venue(), GuardedBroker(Venue(), lambda _: "")]
    assert [one.name for one in brokers] == ["paper", "venue", "venue"]


def test_the_guard_asks_right_before_each_send() -> None:
    """Permitted once, then stopped: one order arrived, the next never did; cancels always pass."""
    answers = iter(["", "kill switch level 1: no opening order"])
    venue = Venue()
    guard = GuardedBroker(venue, lambda _: next(answers))
    one, two = order(name="one"), order(name="two")
    assert guard.submit(one).state is OrderState.CANCELLED
    stopped = guard.submit(two)
    assert (stopped.state, stopped.reason) == (OrderState.REJECTED, Reason.NOT_ARMED)
    assert stopped.detail == "kill switch level 1: no opening order"
    assert venue.arrived == ["one"]
    guard.cancel(two)
    assert venue.taken_back == ["two"]
    assert guard.open_orders() == ("one",)


def test_a_switch_that_cannot_be_read_is_a_stop() -> None:
    """A corrupt or missing database sends nothing."""
    for failure in (StoreCorrupt("damaged"), OSError("gone")):

        def permitted(_: Order, failure: Exception = failure) -> str:
            raise failure

        venue = Venue()
        said = GuardedBroker(venue, permitted).submit(order())
        assert (said.state, venue.arrived) == (OrderState.REJECTED, [])


@pytest.mark.parametrize(
    "failure",
    [
        SourceDown("venue", "timed out"), OSError("reset"), TimeoutError(), ValueError("JSON"),
        KeyError("orderID"), RuntimeError("closed"), ZeroDivisionError(), AttributeError("status"),
    ],
)  # fmt: skip
def test_a_broker_that_breaks_after_the_send_leaves_an_unknown_order(failure: Exception) -> None:
    """It arrived: calling it rejected would let it be sent again."""
    venue = Venue(failure)
    sent = order()
    said = GuardedBroker(venue, lambda _: "").submit(sent)
    assert said.state is OrderState.UNKNOWN
    assert type(failure).__name__ in said.detail
    assert venue.arrived == [sent.id]


ANSWERS: dict[str, Callable[[Order], Outcome]] = {
    "another order": lambda o: Outcome(f"not {o.id}", OrderState.CANCELLED),
    "filled without a fill": lambda o: Outcome(o.id, OrderState.FILLED),
    "rejected with a fill": lambda o: Outcome(
        o.id, OrderState.REJECTED, fill=fill_of(o, [("0.5", "1")])
    ),
    "more than asked": lambda o: Outcome(
        o.id, OrderState.FILLED, fill=fill_of(o, [("0.5", "101")])
    ),
    "beyond the limit": lambda o: Outcome(
        o.id, OrderState.FILLED, fill=fill_of(o, [("0.6", "100")])
    ),
    "another market's fill": lambda o: Outcome(
        o.id, OrderState.FILLED, fill=replace(fill_of(o, [("0.5", "100")]), market_id="m2")
    ),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_that_cannot_be_is_unknown(what: str) -> None:
    """A broker's word is checked against the order before the ledger hears it."""
    sent = order("100", "0.50")
    guard = GuardedBroker(Venue(answer=ANSWERS[what](sent)), lambda _: "")
    assert guard.submit(sent).state is OrderState.UNKNOWN


def test_what_became_of_an_order_is_asked_not_guessed() -> None:
    """A paper order without a stored outcome never happened; a venue is asked."""
    sent = order()
    assert paper().find(sent).state is OrderState.REJECTED
    assert paper().cancel(sent).state is OrderState.CANCELLED
    venue = Venue(OSError("reset"))
    guard = GuardedBroker(venue, lambda _: "stopped")
    open_guard = GuardedBroker(venue, lambda _: "")
    assert open_guard.submit(sent).state is OrderState.UNKNOWN
    assert guard.find(sent).state is OrderState.FILLED
