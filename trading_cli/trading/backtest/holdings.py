"""What a run holds, ordered and paid: positions, orders, and the double-entry ledger behind them.

Every step is taken through here, and the books must balance after each: the lines of a transfer sum
to zero, cash never falls below it, and "positions" is what the open positions cost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from trading_cli.domain import (
    Book,
    Entry,
    Fill,
    Order,
    OrderState,
    Position,
    PositionState,
    Purpose,
    from_epoch,
)
from trading_cli.trading.account import (
    Account,
    Labels,
    LedgerRefused,
    apply,
    deposit,
    is_loss,
    settle,
    snapshot,
)
from trading_cli.trading.looking_after import held_for, opening_of
from trading_cli.trading.losses import Loss

ZERO = Decimal(0)
OPENING = "opening"
DAY = timedelta(days=1)
GOT = frozenset({OrderState.FILLED, OrderState.PARTIAL})
MANY = 1000


@dataclass(slots=True)
class Holdings:
    """The account of one run. Times that the store keeps to the second are compared to the second.

    ``positions`` are the open ones, oldest first; ``orders`` all, as they stand, ``pending``
    those whose outcome is not known; ``by_market`` the fills of each market, oldest first;
    ``totals`` the balance of every account, USD; ``last_entered`` when an order that got something
    was last placed in an event, ``placed_on`` the entries of a UTC day that got or may get
    something; ``changes`` counts what was done.
    """

    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    pending: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    by_market: dict[str, list[Fill]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    totals: dict[str, Decimal] = field(default_factory=dict)
    last_loss: datetime | None = None
    traded: Decimal = ZERO
    labels: dict[str, Labels] = field(default_factory=dict)
    last_entered: dict[str, datetime] = field(default_factory=dict)
    placed_on: dict[date, int] = field(default_factory=dict)
    changes: int = 0

    def open(self, bankroll: Decimal, at: datetime) -> None:
        """Deposit the bankroll."""
        self._book(deposit(bankroll, at, OPENING))

    @property
    def cash(self) -> Decimal:
        """Return USD that can be spent."""
        return self.totals.get("cash", ZERO)

    def held(self) -> list[Position]:
        """Return the open positions, oldest first."""
        return list(self.positions.values())

    def holds(self, market_id: str) -> bool:
        """Return whether anything of the market is held."""
        return any(one.market_id == market_id for one in self.positions.values())

    def markets(self) -> set[str]:
        """Return the markets with a position or an open order."""
        held = {position.market_id for position in self.positions.values()}
        return held | {order.market_id for order in self.pending.values()}

    def open_orders(self) -> list[Order]:
        """Return the orders whose outcome is not known yet."""
        return list(self.pending.values())

    def place(self, order: Order, labels: Labels) -> None:
        """Keep *order*, pending: what it may cost is reserved from now on."""
        self.changes += 1
        self.orders[order.id] = self.pending[order.id] = order
        self.labels[order.market_id] = labels
        if order.purpose is Purpose.ENTRY:
            day = _day(order.placed_at)
            self.placed_on[day] = self.placed_on.get(day, 0) + 1

    def end(self, order: Order, state: OrderState, detail: str) -> None:
        """Keep what became of *order*."""
        self.changes += 1
        self.orders[order.id] = replace(order, state=state, detail=detail)
        self.pending.pop(order.id, None)
        if order.purpose is not Purpose.ENTRY:
            return
        if state in GOT:
            self.last_entered[order.event_id] = to_second(order.placed_at)
        elif state is not OrderState.UNKNOWN:
            self.placed_on[_day(order.placed_at)] -= 1

    def filled(
        self, order: Order, fill: Fill, book: Book | None, fresh: Position | None
    ) -> Position:
        """Return the position after *fill*; *fresh* is the one sold, brought up to date."""
        before = held_for(order, self.positions.values(), fresh)
        bid, spread = opening_of(book)
        after, entries = apply(
            before, order, fill, entry_bid=bid, entry_spread=spread,
            labels=self.labels.get(order.market_id),
        )  # fmt: skip
        self._keep(after)
        self._book(entries)
        self.fills.append(fill)
        self.by_market.setdefault(fill.market_id, []).append(fill)
        self.traded += fill.gross
        if before is not None and is_loss(before, after):
            self.last_loss = to_second(fill.at)
        return after

    def settled(self, position: Position, payout: Decimal, at: datetime) -> Position:
        """Return *position* closed at *payout* USD a share of its own token."""
        closed, entries = settle(position, payout, at)
        self._keep(closed)
        self._book(entries)
        if is_loss(position, closed):
            self.last_loss = to_second(at)
        return closed

    def brought_up_to_date(self, position: Position) -> None:
        """Keep the state and the highest bid of *position*, if it is still held."""
        stored = self.positions.get(position.id)
        if stored is not None:
            self.positions[position.id] = replace(
                stored, state=position.state, high_bid=position.high_bid
            )

    def being_sold(self, position: Position) -> bool:
        """Return whether an order to sell *position* is still open."""
        key = (position.strategy, position.market_id, position.token)
        return any(
            order.purpose is Purpose.EXIT and (order.strategy, order.market_id, order.token) == key
            for order in self.pending.values()
        )

    def entered(self, at: datetime, hours: float) -> frozenset[str]:
        """Return the events held, ordered, or entered within so many hours."""
        since = to_second(at - timedelta(hours=hours))
        if len(self.last_entered) > MANY:
            kept = {name: when for name, when in self.last_entered.items() if when >= since - DAY}
            self.last_entered = kept
        events = {position.event_id for position in self.positions.values()}
        events |= {order.event_id for order in self.pending.values()}
        events |= {name for name, when in self.last_entered.items() if when >= since}
        return frozenset(events)

    def fills_of(self, order: Order, at: datetime) -> Sequence[Fill]:
        """Return our fills of the last day in the market of *order*."""
        ours = self.by_market.get(order.market_id, ())
        return [one for one in ours if one.at >= at - DAY]

    def account(
        self, at: datetime, values: Mapping[str, Decimal], losses: Sequence[Loss]
    ) -> Account:
        """Return the account at *at*; *values*: position id -> USD at liquidation."""
        return snapshot(
            at=at,
            cash=self.cash,
            capital=-self.totals.get("capital", ZERO),
            positions=self.held(),
            values=values,
            orders=self.open_orders(),
            labels=self.labels,
            entries_today=self.placed_on.get(_day(at), 0),
            last_loss_at=self.last_loss,
            losses=losses,
        )

    def check(self) -> None:
        """Raise ``LedgerRefused`` where the books do not balance."""
        cost = sum((position.cost for position in self.positions.values()), ZERO)
        if sum(self.totals.values(), ZERO) != 0 or self.totals.get("positions", ZERO) != cost:
            raise LedgerRefused(f"the run's books do not balance: {self.totals}, cost {cost}")
        if self.cash < 0:
            raise LedgerRefused(f"the run's cash fell below zero: {self.cash}")

    def _keep(self, position: Position) -> None:
        self.changes += 1
        if position.state is PositionState.CLOSED:
            self.positions.pop(position.id, None)
        else:
            self.positions[position.id] = position

    def _book(self, entries: Iterable[Entry]) -> None:
        lines = tuple(entries)
        if sum((line.amount for line in lines), ZERO) != 0:
            raise LedgerRefused(f"the lines of {lines[0].transfer} do not sum to zero")
        for line in lines:
            self.totals[line.account] = self.totals.get(line.account, ZERO) + line.amount
        self.entries += lines


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def to_second(at: datetime) -> datetime:
    """Return *at* as the store keeps it: down to the second."""
    return at if not at.microsecond else from_epoch(int(at.timestamp()))
