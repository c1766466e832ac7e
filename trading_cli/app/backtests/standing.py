"""The account as it stood at an instant, put together again from the rows that only ever grow.

Fills, settlements and deposits in their order make positions and cash; orders say what was entered
of late; marks and pauses which loss limits hold. What changes in place is not asked, but for what a
position's opening said of it, which never changes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading_cli.app.backtests.taken import Taken, Transfer, position_of
from trading_cli.core.errors import StoreError
from trading_cli.domain import Order, OrderState, Position, PositionState
from trading_cli.store import Transaction, backfill, balances, decided, pauses
from trading_cli.trading.account import (
    PERSON,
    Labels,
    apply,
    is_loss,
    settle,
)
from trading_cli.trading.backtest.engine import Engine
from trading_cli.trading.backtest.holdings import Holdings, to_second
from trading_cli.trading.backtest.marks import PERIODS, SlotMark
from trading_cli.trading.exits import FRESH
from trading_cli.trading.losses import Loss

PEAK_SINCE = "risk.peak_since"
SECOND_TARGET = 2
ZERO = Decimal(0)
UNRECORDED = "a paper order not recorded never happened"


@dataclass(slots=True)
class Standing:
    """Puts transfers into a run's holdings; ``second`` is when each reached its second target."""

    holdings: Holdings
    taken: Taken
    second: dict[str, datetime] = field(default_factory=dict)

    def put(self, transfer: Transfer) -> None:
        """Book *transfer* as the store has it. Raises ``StoreError`` where that cannot be."""
        held = self.holdings
        if transfer.fill is not None and transfer.order is not None:
            self._fill(transfer)
        elif transfer.kind == "settlement":
            self._settlement(transfer)
        held.changes += 1
        for line in transfer.lines:
            held.totals[line.account] = held.totals.get(line.account, ZERO) + line.amount

    def order(self, order: Order) -> None:
        """Keep an *order* of before, ended; one whose outcome was not kept never happened."""
        state, detail = order.state, order.detail
        if state.open:
            state, detail = OrderState.REJECTED, UNRECORDED
        self.holdings.place(order, Labels())
        self.holdings.end(order, state, detail)

    def _fill(self, transfer: Transfer) -> None:
        fill, order, held = transfer.fill, transfer.order, self.holdings
        if fill is None or order is None:
            return
        by_person = order.broker == PERSON
        key = (order.market_id, order.token, order.strategy)
        before = next(
            (
                one
                for one in held.positions.values()
                if (one.market_id, one.token, one.strategy) == key
                and (one.by == PERSON) is by_person
            ),
            None,
        )
        said = self.taken.opened.get(position_of(order) if before is None else before.id)
        if said is None:
            raise StoreError(
                f"fill {fill.id} belongs to no position that is stored", hint="trading db verify"
            )
        after, _ = apply(
            before, order, fill, entry_bid=said.entry_bid, entry_spread=said.entry_spread,
            labels=Labels(said.category, said.sector, said.themes),
            by=PERSON if by_person else said.by,
        )  # fmt: skip
        if after.targets_hit >= SECOND_TARGET:
            self.second.setdefault(after.id, fill.at)
        if before is not None and is_loss(before, after):
            held.last_loss = to_second(fill.at)
        held.fills.append(fill)
        held.by_market.setdefault(fill.market_id, []).append(fill)
        self._keep(after)

    def _settlement(self, transfer: Transfer) -> None:
        before = self.holdings.positions.get(transfer.reference)
        if before is None:
            raise StoreError(
                f"{transfer.name} settles a position that is not held", hint="trading db verify"
            )
        paid = sum((one.amount for one in transfer.lines if one.account == "cash"), ZERO)
        payout = (paid / before.shares * 2).to_integral_value() / 2
        after, _ = settle(before, payout, transfer.at)
        if is_loss(before, after):
            self.holdings.last_loss = to_second(transfer.at)
        self._keep(after)

    def _keep(self, position: Position) -> None:
        if position.state is PositionState.CLOSED:
            self.holdings.positions.pop(position.id, None)
        else:
            self.holdings.positions[position.id] = position


def stand(look: Transaction, engine: Engine, taken: Taken, before: datetime) -> Standing:
    """Put *engine* where the account stood just before *before*; return what goes on from there.

    Nothing was there yet: the engine opens the account itself.
    """
    held = engine.dealer.holdings
    standing = Standing(held, taken)
    for transfer in taken.transfers:
        if transfer.at < before:
            standing.put(transfer)
    _orders(standing, taken, before, engine.rules.signals.already_in_hours)
    ordered = sorted(held.positions.values(), key=lambda one: (one.opened_at, one.id))
    held.positions = {one.id: _up_to_date(look, one, standing, before) for one in ordered}
    _losses(look, engine, before)
    _marks(look, engine, before)
    return standing


def _orders(standing: Standing, taken: Taken, before: datetime, hours: float) -> None:
    """Keep the orders placed before then that still count: of today, or of the hours of entry."""
    midnight = before.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = min(midnight, before - timedelta(hours=hours)) - timedelta(hours=1)
    for order in taken.orders.values():
        if first <= order.placed_at < before:
            standing.order(order)


def _up_to_date(
    look: Transaction, position: Position, standing: Standing, before: datetime
) -> Position:
    """Return *position* with the highest bid its exit checks saw since the second target."""
    since = standing.second.get(position.id)
    if since is None:
        return position
    high = position.high_bid
    checks = decided.decisions(
        look, since=since, until=before, market=position.market_id, limit=2**31
    )
    for one in checks:
        facts = one.facts
        if facts.get("position") != position.id or one.decided_at <= since:
            continue
        bid, ask, seen = facts.get("bid"), facts.get("ask"), facts.get("book_at")
        if bid is None or ask is None or seen is None:
            continue
        age = one.decided_at - to_second(datetime.fromisoformat(str(seen)))
        if timedelta(0) <= age <= FRESH:
            high = Decimal(str(bid)) if high is None else max(high, Decimal(str(bid)))
    return replace(position, high_bid=high)


def _losses(look: Transaction, engine: Engine, before: datetime) -> None:
    """Give the engine the pauses of loss limits that were begun, and those still in force."""
    last = before - timedelta(seconds=1)
    found = {
        one.kind: Loss(one.kind, ZERO, ZERO, one.reason, until=one.until)
        for one in pauses.active(look, last)
        if one.kind in PERIODS
    }
    begun = {kind: at for kind in PERIODS if (at := pauses.begun_before(look, kind, before))}
    engine.guard.resume(found, begun)


def _marks(look: Transaction, engine: Engine, before: datetime) -> None:
    """Give the engine the marks taken before then."""
    for one in _before(balances.marks(look), before):
        engine.guard.marks.take(
            SlotMark(
                one.slot, one.at, one.cash, one.liquidation, one.mid, one.exposure, one.equity,
                one.fresh, one.flows,
            )
        )  # fmt: skip
    rebase(look, engine, before)


def _before(marks: Iterable[balances.Mark], before: datetime) -> Iterable[balances.Mark]:
    return (one for one in marks if one.at < before)


def rebase(look: Transaction, engine: Engine, at: datetime) -> None:
    """Let the peak count from the last reset of the switch, where one was before *at*."""
    said = backfill.meta(look, PEAK_SINCE)
    since = None if said is None else datetime.fromtimestamp(int(said), UTC)
    if since is not None and since < at:
        engine.guard.marks.rebase(since)
