"""The screen engine: the full engine, stepping only into the slots in which something can happen.

A position's exits depend on its own prices, a signal on its market's; only the account couples
them. So arrays name the slots in which a signal stands, an exit may fire, the venue pays, or a loss
limit may be reached, a little too many of them, and the full engine's own step is taken there. What
lies between is worth prices times holdings. It equals ``engine.run`` trade for trade; what it does
not keep is every decision to do nothing: ``reasons`` and ``digest`` of its runs are empty.

Mids alone (grade C), strategies that read only prices. For sweeps: a ``World`` is made once, and
every cell runs on it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, cast

import numpy as np

from trading_cli.domain import Market, Position, slot_of
from trading_cli.trading.backtest.engine import Engine, result_of
from trading_cli.trading.backtest.history import History
from trading_cli.trading.backtest.marks import SlotMark
from trading_cli.trading.backtest.result import Equity, Run
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.screen_gate import Gate
from trading_cli.trading.backtest.screen_marks import SparseMarks, Stretch, worth
from trading_cli.trading.backtest.screen_paths import Path
from trading_cli.trading.backtest.screen_signals import hot, readings, view
from trading_cli.trading.backtest.screen_summary import Summary, summary
from trading_cli.trading.backtest.screen_world import World
from trading_cli.trading.backtest.tally import Tally
from trading_cli.trading.deciding import Stamp
from trading_cli.trading.fills import DEAREST_FEE, liquidation
from trading_cli.trading.looking_after import whole
from trading_cli.trading.orchestrator import Proposal
from trading_cli.trading.strategies import Strategy
from trading_cli.trading.view import View

_State = tuple[object, ...]
_AHEAD = 960  # slots whose worth is computed at a time: ten days


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a sweep: what it is called, what it obeys, who decides."""

    name: str
    rules: Rules
    strategies: tuple[Strategy, ...]


def run(world: World, rules: Rules, strategies: Sequence[Strategy]) -> Run:
    """Return what *strategies* would have done in *world* under *rules*.

    Trades, fills, orders, ledger, pauses and cash are those of ``engine.run``; equity is right to
    a millionth. Raises ``UsageError`` for strategies the arrays do not know.
    """
    return Screen(world, rules, strategies).play()


class Ended(NamedTuple):
    """A cell that was run, its run, and what it came to."""

    cell: Cell
    run: Run
    summary: Summary


def sweep(world: World, cells: Iterable[Cell]) -> Iterator[Ended]:
    """Yield each cell as it ends; what is not asked for is not run."""
    for cell in cells:
        done = run(world, cell.rules, cell.strategies)
        yield Ended(cell, done, summary(done, float(cell.rules.bankroll)))


class Offered:
    """The history, but that of each slot's candidates only those are offered that might pass."""

    def __init__(self, world: World, rules: Rules) -> None:
        self.world, self.readings = world, readings(world, rules.signals)
        self.rows: tuple[int, list[int]] = (0, [])
        self._listed: dict[tuple[str, int, bool, bool], Market] = {}
        self._traded: dict[tuple[str, datetime, datetime], float | None] = {}

    def views(self, slot: int) -> Sequence[View]:
        """Return the views of the markets named last; any other would be held."""
        column, rows = self.rows
        if self.world.moments[column].slot != slot:
            return []
        return [view(self.world, self.readings, row, column) for row in rows]

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market as listed at *at*: made once for all that is the same of a slot."""
        past, slot = self.world.history, slot_of(at)
        began = past.settling.get(market_id)
        settling = began is not None and began <= at
        key = (market_id, slot, past.payout(market_id, at) is not None, settling)
        if key not in self._listed:
            if self._listed and next(iter(self._listed))[1] != slot:
                self._listed.clear()
            self._listed[key] = past.market(market_id, at)
        return self._listed[key]

    def traded_usd(
        self, market_id: str, since: datetime, until: datetime, as_of: datetime
    ) -> float | None:
        """Return the daily mean; what was before an entry is asked of the history once."""
        if until >= as_of:
            return self.world.history.traded_usd(market_id, since, until, as_of)
        key = (market_id, since, until)
        if key not in self._traded:
            self._traded[key] = self.world.history.traded_usd(market_id, since, until, as_of)
        return self._traded[key]

    def __getattr__(self, name: str) -> Any:
        """Return everything else of the history as it is."""
        return getattr(self.world.history, name)


class Screen(Engine):
    """One run, from one slot that matters to the next."""

    def __init__(self, world: World, rules: Rules, strategies: Sequence[Strategy]) -> None:
        places = hot(world, rules, strategies)
        self.offered = Offered(world, rules)
        super().__init__(cast("History", self.offered), rules, strategies, Tally(keep=False))
        self.world, self.column = world, 0
        self.waived = world.history.waived if world.candidate.any() else frozenset()
        self.sparse = SparseMarks(self._mark_at)
        self.guard.marks = self.sparse
        self.gate = Gate(world, places, self.offered.readings, rules, strategies)
        self.paths: dict[str, Path] = {}
        self.money = np.zeros((4, world.shape[1]))  # cash, liquidation, mid, at stake
        self._due: dict[str, tuple[_State, int]] = {}
        self._gated = -1
        self._stood: list[tuple[int, Decimal, list[Position]]] = []

    def play(self) -> Run:
        """Step into the slots that matter and return the run."""
        column, end = 0, self.world.shape[1]
        while column < end:
            self._step_into(column)
            column = self._next(end)
        done = result_of(self)
        slots = self.world.history.columns.slots
        return replace(done, equity=Equity(slots, *self.money), reasons={}, digest="")

    def _step_into(self, column: int) -> None:
        """Do one slot as the full engine does."""
        holdings = self.dealer.holdings
        for position in holdings.held():
            if position.targets_hit >= 2:  # noqa: PLR2004  # the second: its high bid was not kept
                high = self.paths[position.id].raised(position, self.column, column)
                holdings.brought_up_to_date(replace(position, high_bid=high))
        self.column = column
        self.step(self.world.moments[column])
        mark, held = self.sparse.taken[-1], holdings.held()
        self.money[:, column] = [
            float(one) for one in (mark.cash, mark.liquidation, mark.mid, mark.exposure)
        ]
        override = self.rules.fees
        self.paths = {
            one.id: self.paths.get(one.id) or Path.of(self.world, one, override) for one in held
        }
        self._stood.append((column, holdings.cash, held))

    def enter(self, slot: int, now: datetime) -> None:
        """Decide on what might pass."""
        self.guard.stand(slot, now)
        self._at_the_gate(now)
        rows = self.gate.open(self.column, float(self.sparse.taken[-1].equity))
        self.offered.rows = (self.column, rows)
        super().enter(slot, now)

    def _entry(self, one: Proposal, stamp: Stamp, now: datetime) -> None:
        """Carry out one entry, unless those before it in the slot have surely closed the gate."""
        if self._gated != self.dealer.holdings.changes:
            self._at_the_gate(now)
        row, equity = self.world.rows[one.view.market.id], float(self.dealer.account(now).equity)
        if self.column >= self.gate.blocked_until and self.gate.room(row, self.column, equity):
            super()._entry(one, stamp, now)

    def _at_the_gate(self, now: datetime) -> None:
        """Let the gate know how the account stands."""
        holdings = self.dealer.holdings
        self._gated = holdings.changes
        orders, killed = holdings.orders.values(), self.guard.killed is not None
        self.gate.stand(self.dealer.account(now), orders, killed=killed)

    # --- the way to the next slot that matters

    def _next(self, end: int) -> int:
        """Return the next slot to step into: the last one in any case, *end* after that."""
        if self.column == end - 1:
            return end
        self._at_the_gate(self.world.moments[self.column].decided_at)
        horizon, start = self._horizon(end - 1), self.column + 1
        while start < horizon:
            stop = min(horizon, start + _AHEAD)
            stretch = self._worth(start, stop)
            suspect = self.sparse.suspect(
                stretch, (self.world.exits_at, self.world.decided_at), self.rules.risk,
                float(self.rules.bankroll), self.guard.begun, killed=self.guard.killed is not None,
            )  # fmt: skip
            found = stop if suspect is None else suspect
            entry = self.gate.first(start, found, stretch.equity)
            found = found if entry is None else entry
            self._pass(stretch, found)
            if found < stop:
                return found
            start = stop
        return horizon

    def _horizon(self, end: int) -> int:
        """Return the first slot at which a holding may be sold or is paid, at most *end*."""
        held = self.dealer.holdings.held()
        if held and self.guard.killed is not None:
            return self.column + 1
        known, self._due = self._due, {}
        for one in held:
            path, state = self.paths[one.id], _state(one)
            kept, due = known.get(one.id, ((), 0))
            if kept != state or due <= self.column:
                paid = max(path.settled, self.column + 1)  # it may be paid when it is entered
                due = min(path.due(one, self.rules.exits, self.column, end), paid)
            self._due[one.id] = (state, due)
        return min([end, *(due for _, due in self._due.values())])

    def _worth(self, start: int, end: int) -> Stretch:
        held = [(one, self.paths[one.id]) for one in self.dealer.holdings.held()]
        return worth(float(self.dealer.holdings.cash), held, start, end)

    def _pass(self, stretch: Stretch, end: int) -> None:
        """Step over the slots of *stretch* before *end*."""
        count, start = end - stretch.start, stretch.start
        stake = sum((one.cost for one in self.dealer.holdings.held()), Decimal(0))
        part = self.money[:, start:end]
        part[0], part[3] = float(self.dealer.holdings.cash), float(stake)
        part[1], part[2] = stretch.liquidation[:count], stretch.middle[:count]
        fresh = np.flatnonzero(stretch.fresh[:count])
        columns = (fresh + start).tolist()
        at = [self.world.moments[column].decided_at for column in columns]
        self.sparse.quiet(columns, at, stretch.equity[fresh])

    def _mark_at(self, column: int) -> SlotMark:
        """Return the mark of a quiet slot, made exactly as the full engine makes it."""
        place = bisect_left(self._stood, (column,)) - 1
        _, cash, held = self._stood[place]
        moment, value = self.world.moments[column], Decimal(0)
        for one in held:
            row = self.world.rows[one.market_id]
            market = self.dealer.market(one.market_id, moment.decided_at)
            fee = self.dealer.fee(market, moment.decided_at) or DEAREST_FEE
            value += liquidation(self.world.book(row, column, one.token), one.shares, fee)
        stake = sum((one.cost for one in held), Decimal(0))
        return SlotMark(
            moment.slot, moment.decided_at, cash, whole(value), Decimal(0), stake,
            whole(cash + value), fresh=True,
        )  # fmt: skip


def _state(position: Position) -> _State:
    """Return what the exits of *position* depend on, its path apart."""
    return (
        position.shares, position.targets_hit, position.halved_slow, position.halved_deadline,
    )  # fmt: skip
