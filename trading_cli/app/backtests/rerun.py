"""The recorded slots taken again: the engine over the store, where and as the live steps worked.

The same account to begin with, the same switch and pauses, the steps that were done and no other;
an order meets the book that was fetched for it, or nothing where nothing came. What a person did
meanwhile is put in where it happened.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trading_cli.app.backtests.conditions import Conditions
from trading_cli.app.backtests.history import RECORDED, StoreHistory
from trading_cli.app.backtests.standing import Standing, rebase, stand
from trading_cli.app.backtests.taken import Taken, Transfer, began_of
from trading_cli.app.facts import settings_hash
from trading_cli.app.settings import Settings
from trading_cli.domain import Book, Decision, Entry, Fill, Market, Order, Position, Purpose
from trading_cli.store import Transaction, balances
from trading_cli.store.operated import Worked
from trading_cli.trading.account import PERSON
from trading_cli.trading.backtest.engine import Engine
from trading_cli.trading.backtest.history import Execution, Moment, Operated
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.tally import Tally
from trading_cli.trading.groups import Correlation
from trading_cli.trading.killswitch import State
from trading_cli.trading.strategies import Strategy
from trading_cli.trading.view import View

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Redone:
    """What one slot came to when it was taken again."""

    slot: int
    decisions: tuple[Decision, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    settlements: Mapping[str, tuple[Entry, ...]]
    cash: Decimal


@dataclass(frozen=True, slots=True)
class Again:
    """Everything that was taken again, by slot; ``left_out``: slots of which no quotes are kept.

    ``positions`` and ``cash`` are how the account stood before the first of them.
    """

    slots: tuple[Redone, ...]
    left_out: tuple[int, ...]
    positions: int = 0
    cash: Decimal = Decimal(0)
    moved: int = 0


class AsItWas:
    """A home's history as the live steps met it. ``now`` is the instant of the step at work."""

    def __init__(self, look: Transaction, history: StoreHistory, taken: Taken) -> None:
        self._inner = history
        self._taken = taken
        self._conditions = Conditions(look, as_operated=True)
        self.now: datetime | None = None
        slots = {one.slot for one in taken.slots}
        self._moments = [
            one
            for one in history.moments()
            if one.slot in slots and history.evidence(one.slot) == RECORDED
        ]

    def moments(self) -> Sequence[Moment]:
        """Return the recorded slots in which the live steps worked."""
        return self._moments

    def views(self, slot: int) -> Sequence[View]:
        """Return the candidates as seen when they were decided on."""
        return self._inner.views(slot)

    def operated(self, slot: int) -> Operated:
        """Return how the switch and the pauses stood at the instant of the step at work."""
        now = self.now
        return self._inner.operated(slot) if now is None else self._conditions.operated(now)

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market as listed at *at*."""
        return self._inner.market(market_id, at)

    def payout(self, market_id: str, at: datetime) -> Decimal | None:
        """Return what YES paid where that was observed by *at*."""
        return self._inner.payout(market_id, at)

    def exit_books(self, slot: int, market_ids: Sequence[str]) -> Mapping[str, Book]:
        """Return the books fetched to judge what is held."""
        return self._inner.exit_books(slot, market_ids)

    def execution(self, order: Order, yes: Market) -> Execution | None:
        """Return the book fetched for *order*; ``None`` where it was sent and none came.

        An order that was never sent then meets what any backtest's would.
        """
        found = self._inner.execution(order, yes)
        if order.id in self._taken.orders and (found is None or found.late):
            return None
        return found

    def traded_usd(
        self, market_id: str, since: datetime, until: datetime, as_of: datetime
    ) -> float | None:
        """Return the daily mean USD that takers traded."""
        return self._inner.traded_usd(market_id, since, until, as_of)

    def correlations(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return what was measured between markets by then."""
        return self._inner.correlations(market_id, held, slot, at)


class Decided(Tally):
    """The decisions alone: what was held before the span has no round trip here."""

    def filled(self, order: Order, fill: Fill, after: Position, *, late: bool) -> None:
        """Keep nothing: the holdings have the fill."""

    def settled(self, before: Position, after: Position, payout: Decimal) -> None:
        """Keep nothing: the ledger has it."""


class Repeating(Engine):
    """The engine, told at each step which instant it is at; ``work``: the steps to take."""

    history: AsItWas
    work: Worked

    @property
    def done(self) -> bool:
        """Return False: every slot was decided, also after a stop."""
        return False

    @done.setter
    def done(self, ended: bool) -> None:
        """Go on."""

    def take(self, moment: Moment, worked: Worked) -> None:
        """Do one slot as far as it was done."""
        self.explain = False
        self.history.now = moment.decided_at
        if self.history.operated(moment.slot).kill_state != State.ARMED.value:
            self.guard.killed = None  # the switch itself says so, and when it is reset
        self.work = worked
        self.step(moment)

    def look_after(self, slot: int, now: datetime) -> None:
        """Look after what is held, where that was done; else only see its books."""
        self.history.now = now - SECOND  # what the marks of this step pull comes after it
        if self.work.exits:
            super().look_after(slot, now)
            self.history.now = now
            return
        self.guard.stand(slot, now)
        held = {one.market_id: self.dealer.market(one.market_id, now)
                for one in self.dealer.holdings.held()}  # fmt: skip
        for name, book in self.history.exit_books(slot, list(held)).items():
            self.dealer.remember(held[name], book)

    def enter(self, slot: int, now: datetime) -> None:
        """Decide on the candidates, where that was done."""
        self.history.now = now
        if self.work.entries:
            super().enter(slot, now)


HOUR = timedelta(hours=1)
"""A decision looks at the indicators of the hour before: the history is opened so much earlier."""


def again(
    look: Transaction,
    history: StoreHistory,
    settings: Settings,
    strategies: Sequence[Strategy],
    taken: Taken,
) -> Again:
    """Return what the engine makes of the slots of *taken*, from the account as it stood."""
    past = AsItWas(look, history, taken)
    moments = {one.slot: one for one in past.moments()}
    left_out: list[int] = []
    rules = Rules(
        signals=settings.signals, risk=settings.risk, exits=settings.exits,
        bankroll=_bankroll(taken, settings), settings_hash=settings_hash(settings),
    )  # fmt: skip
    course = Course(look, taken, lambda: Repeating(past, rules, strategies, Decided(keep=True)))
    found = []
    for one in taken.slots:
        worked = course.done(one)
        if not (worked.exits or worked.entries):
            continue
        if one.slot in moments:
            found.append(course.take(worked, moments[one.slot]))
        else:
            course.lost()
            left_out.append(one.slot)
    return Again(tuple(found), tuple(left_out), *(course.begun or (0, Decimal(0))), course.moved)


class Course:
    """The slots one after the other, on one account.

    It begins where the account stood before the first; and again where a run that failed, or a slot
    of which nothing is kept, left it elsewhere than the engine would. ``begun``: positions and cash
    at the first beginning; ``moved`` counts what a person booked.
    """

    def __init__(self, look: Transaction, taken: Taken, make: Callable[[], Repeating]) -> None:
        self._look, self._taken, self._make = look, taken, make
        self._engine: Repeating | None = None
        self._standing: Standing | None = None
        self._foreign = _foreign(taken)
        self._paid = taken.paid()
        self.begun: tuple[int, Decimal] | None = None
        self.moved = 0

    def lost(self) -> None:
        """Begin anew with the next slot."""
        self._engine = None

    def take(self, one: Worked, moment: Moment) -> Redone:
        """Take one slot again."""
        at = began_of(one)
        engine = self._engine
        if engine is None or self._standing is None:
            engine = self._make()
            self._standing = stand(self._look, engine, self._taken, at)
            held = engine.dealer.holdings
            self.begun = self.begun or (len(held.positions), held.cash)
            self._foreign = [each for each in self._foreign if each.at >= at]
            self._engine = engine
        self._others(engine, self._standing, at)
        rebase(self._look, engine, at)
        redone = _slot(engine, moment, one)
        stored = {each.id for each in self._taken.decisions[one.slot]}
        if one.failed and any(each.id not in stored for each in redone.decisions):
            self.lost()
        return redone

    def done(self, one: Worked) -> Worked:
        """Return which steps of a slot to take: those that were done, or left something."""
        purposes = {each.purpose for each in self._taken.decisions[one.slot]}
        exits = one.exits or Purpose.EXIT in purposes or bool(self._paid[one.slot])
        return replace(one, exits=exits, entries=one.entries or Purpose.ENTRY in purposes)

    def _others(self, engine: Repeating, standing: Standing, at: datetime) -> None:
        """Put in what others booked before *at*."""
        held = engine.dealer.holdings
        while self._foreign and self._foreign[0].at < at:
            other = self._foreign.pop(0)
            if other.order is not None and other.order.id not in held.orders:
                standing.order(other.order)
            standing.put(other)
            self.moved += 1


def _slot(engine: Repeating, moment: Moment, worked: Worked) -> Redone:
    """Take one slot again and return what was new."""
    held, tally = engine.dealer.holdings, engine.tally
    decisions, orders, fills = len(tally.decisions), len(held.orders), len(held.fills)
    entries = len(held.entries)
    engine.take(moment, worked)
    new = list(held.orders.values())[orders:]
    paid: dict[str, list[Entry]] = {}
    for line in held.entries[entries:]:
        if line.kind == "settlement":
            paid.setdefault(line.transfer, []).append(line)
    return Redone(
        moment.slot,
        tuple(tally.decisions[decisions:]),
        tuple(new),
        tuple(held.fills[fills:]),
        {name: tuple(lines) for name, lines in paid.items()},
        held.cash,
    )


def _bankroll(taken: Taken, settings: Settings) -> Decimal:
    """Return what was deposited at the opening, as it stands in the ledger."""
    opening = (one for one in taken.transfers if one.reference == balances.OPENING)
    first: Any = next(opening, None)
    if first is None:
        return settings.bankroll
    return sum((one.amount for one in first.lines if one.account == "cash"), Decimal(0))


def _foreign(taken: Taken) -> list[Transfer]:
    """Return what was booked and is none of the engine's own doing, in order."""
    own = taken.own()
    return [
        one
        for one in taken.transfers
        if one.reference != balances.OPENING
        and one.kind != "settlement"
        and (one.order is None or one.order.broker == PERSON or one.order.decision_id not in own)
    ]
