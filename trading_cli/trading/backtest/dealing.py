"""One order over the past: barred, reviewed, sent and settled, as the live gateway does it.

What an order meets is seen after it was placed. Where that is not the book fetched for it but a
later one, the order stays pending, its worst cost reserved, until that time has come: nothing
that is decided before knows what it got.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from trading_cli.domain import (
    Book,
    Decision,
    FeeSchedule,
    Fill,
    Intent,
    Market,
    Order,
    OrderState,
    Position,
    Purpose,
    Token,
)
from trading_cli.trading import deciding, risk
from trading_cli.trading.account import Account, Labels, LedgerRefused
from trading_cli.trading.backtest.history import Execution, History
from trading_cli.trading.backtest.holdings import Holdings
from trading_cli.trading.backtest.mids import token_book
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.tally import Said, Tally
from trading_cli.trading.brokers import GuardedBroker, PaperBroker
from trading_cli.trading.deciding import Standings
from trading_cli.trading.fees import FeeUnknown
from trading_cli.trading.fills import DEAREST_FEE, liquidation
from trading_cli.trading.groups import Correlation
from trading_cli.trading.killswitch import Standing, State, forbids
from trading_cli.trading.losses import Loss

PRINTED = "B"
ARMED = Standing(State.ARMED, 0, "")


@dataclass(frozen=True, slots=True)
class Asked:
    """An intent with its decision and market; ``position`` is the holding an exit reduces."""

    intent: Intent
    decision: Decision
    market: Market
    features: str = ""
    position: Position | None = None
    number: int = 0
    said: Said = Said()  # noqa: RUF009  # frozen
    sized: Callable[[Decimal], Mapping[str, object]] | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order and what it meets (``None``: nothing came), in its market."""

    order: Order
    meets: Execution | None
    market: Market
    position: Position | None = None


class Dealer:
    """The gateway of one run: it alone sends, and it alone changes what is held.

    ``switch``, ``pauses`` and ``losses`` are how things stand; the engine keeps them current.
    """

    def __init__(self, history: History, rules: Rules, tally: Tally) -> None:
        self.history, self.rules, self.tally = history, rules, tally
        self.holdings = Holdings()
        self.books: dict[str, Book] = {}
        self.switch = ARMED
        self.pauses: tuple[str, ...] = ()
        self.losses: tuple[Loss, ...] = ()
        self._waiting: list[Waiting] = []
        self._sides: dict[tuple[str, Token], tuple[Book, Book]] = {}
        self._listed: dict[str, Market] = {}
        self._listed_at: datetime | None = None
        self._labels: dict[object, Labels] = {}
        self._account: tuple[object, Account] | None = None
        self._sending: Waiting | None = None
        paper = PaperBroker(self._fetch, self._fills_of, self._fee_of, self._now)
        self._broker = GuardedBroker(
            paper, lambda order: forbids(self.switch, order.purpose, order.reason)
        )

    # --- what is known

    def remember(self, market: Market, yes_book: Book) -> None:
        """Keep *yes_book* as the newest one of *market*, unless it is older."""
        known = self.books.get(market.id)
        if known is None or known.observed_at <= yes_book.observed_at:
            self.books[market.id] = yes_book
            if self._account is not None and self.holdings.holds(market.id):
                self._account = None

    def forget_books(self) -> None:
        """Begin a slot: every book must be seen anew."""
        self.books.clear()
        self._sides.clear()
        self._account = None

    def book(self, market: Market, token: Token) -> Book | None:
        """Return the newest book seen of one token, ``None`` where there is none."""
        found, key = self.books.get(market.id), (market.id, token)
        if found is None:
            return None
        side = self._sides.get(key)
        if side is None or side[0] is not found:
            side = self._sides[key] = found, token_book(found, token, market)
        return side[1]

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market as listed at *at*; asked of the history once an instant."""
        if self._listed_at != at:
            self._listed_at, self._listed = at, {}
        found = self._listed.get(market_id)
        if found is None:
            found = self._listed[market_id] = self.history.market(market_id, at)
        return found

    def fee(self, market: Market, at: datetime) -> FeeSchedule | None:
        """Return what a taker pays on *market*, ``None`` where nobody knows."""
        try:
            return self.rules.fee(market, at)
        except FeeUnknown:
            return None

    def labels(self, market: Market) -> Labels:
        """Return what *market* counts towards besides itself."""
        key = (
            market.id, market.question, market.event_id, market.event_slug, market.event_title,
            market.tags,
        )  # fmt: skip
        if key not in self._labels:
            self._labels[key] = deciding.labels_of(market, self.rules.risk.themes)
        return self._labels[key]

    def values(self, at: datetime) -> dict[str, Decimal]:
        """Return what each position would bring now, USD: 0 where no bid or book is known."""
        found: dict[str, Decimal] = {}
        for position in self.holdings.positions.values():
            market = self.market(position.market_id, at)
            fee = self.fee(market, at) or DEAREST_FEE
            found[position.id] = liquidation(
                self.book(market, position.token), position.shares, fee
            )
        return found

    def account(self, at: datetime) -> Account:
        """Return the account as it stands; made anew where anything of it has changed."""
        key = at, self.holdings.changes, self.losses
        if self._account is None or self._account[0] != key:
            account = self.holdings.account(at, self.values(at), self.losses)
            self._account = key, account
        return self._account[1]

    def entered(self, at: datetime) -> frozenset[str]:
        """Return the events not to be entered again."""
        return self.holdings.entered(at, self.rules.signals.already_in_hours)

    # --- the way of an order

    def carry_out(self, asked: Asked, now: datetime) -> bool:
        """Decide, send and settle one order; return whether anything was dealt at once."""
        standings = Standings(self.switch, lambda: self.pauses, lambda: self.entered(now))
        verdict = deciding.barred(asked.intent, asked.decision.expires_at, standings, now)
        if verdict is None:
            ours = [self.market(one, now) for one in sorted(self.holdings.markets())]
            groups = deciding.groups_of(asked.market, ours, correlations=self._measured(asked, now))
            verdict = risk.review(asked.intent, self.account(now), self.rules.risk, groups, now)
        decision = deciding.judged(asked.decision, verdict)
        if verdict.allowed and asked.sized is not None:
            decision = deciding.with_facts(decision, asked.sized(verdict.shares))
        self.tally.decided(decision, asked.features)
        name = self._broker.name
        order = deciding.order_of(asked.intent, decision, verdict, name, now, asked.number)
        return order is not None and self._place(order, asked, now)

    def _measured(self, asked: Asked, now: datetime) -> Sequence[Correlation]:
        """Return how the market of an entry moved with what is held."""
        held = self.holdings.markets()
        if asked.intent.purpose is not Purpose.ENTRY or not held:
            return ()
        return self.history.correlations(asked.market.id, held, asked.decision.slot, now)

    def _place(self, order: Order, asked: Asked, now: datetime) -> bool:
        """Keep *order*, and send it unless what it meets is not seen yet."""
        self.holdings.place(order, self.labels(asked.market))
        self.tally.ordered(order, asked.said)
        meets = self.history.execution(order, asked.market)
        if meets is not None and meets.late:
            if meets.book.observed_at <= now + self.rules.expiry:
                self._waiting.append(Waiting(order, meets, asked.market))
                return False
            meets = None
        return self._send(Waiting(order, meets, asked.market, asked.position))

    def resolve(self, now: datetime) -> None:
        """Settle the orders whose book was seen by *now*, in the order of those."""
        due = sorted((one for one in self._waiting if _seen(one) <= now), key=_seen)
        self._waiting = [one for one in self._waiting if _seen(one) > now]
        for one in due:
            self._send(one)

    def _send(self, waiting: Waiting) -> bool:
        """Send one order into what it meets and keep its outcome; return whether it got anything.

        Raises ``LedgerRefused`` where what became of it is not certain: the past knows.
        """
        self._sending = waiting
        outcome = self._broker.submit(waiting.order)
        order, market = waiting.order, waiting.market
        if outcome.state is OrderState.UNKNOWN:
            raise LedgerRefused(f"order {order.id} of the backtest: {outcome.detail}")
        self.holdings.end(order, outcome.state, outcome.detail)
        grade = "" if waiting.meets is None else waiting.meets.grade
        if outcome.book is not None and grade != PRINTED:
            self.remember(market, token_book(outcome.book, order.token, market))
        if outcome.fill is None or waiting.meets is None:
            return False
        fill = replace(outcome.fill, grade=grade)
        after = self.holdings.filled(order, fill, outcome.book, waiting.position)
        self.tally.filled(order, fill, after, late=waiting.meets.late)
        return True

    # --- what the paper broker asks

    def _fetch(self, _order: Order) -> Book | None:
        waiting = self._sending
        return None if waiting is None or waiting.meets is None else waiting.meets.book

    def _fills_of(self, order: Order) -> Sequence[Fill]:
        return self.holdings.fills_of(order, self._now())

    def _fee_of(self, order: Order) -> FeeSchedule:
        now = self._now()
        return self.rules.fee(self.market(order.market_id, now), now)

    def _now(self) -> datetime:
        waiting = self._sending
        if waiting is None:
            raise LedgerRefused("nothing is being sent")
        return _seen(waiting)


def _seen(waiting: Waiting) -> datetime:
    """Return when what the order meets was seen; the order's own time where nothing came."""
    return waiting.order.placed_at if waiting.meets is None else waiting.meets.book.observed_at
