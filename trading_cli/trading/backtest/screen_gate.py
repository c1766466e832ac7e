"""Which of the possible entries the account might let through: never fewer than it would.

Only what is surely refused is left out: events held or just entered, slots in which a pause, a
cool-down or a full count forbids every entry, and sizes that no limit leaves room for.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np

from trading_cli.domain import Order, OrderState, Purpose
from trading_cli.trading import deciding, sizing
from trading_cli.trading.account import Account, Labels, Stake
from trading_cli.trading.backtest.columns import Floats
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.screen_signals import Hot, Readings
from trading_cli.trading.backtest.screen_world import WHOLE, World
from trading_cli.trading.looking_after import TICK
from trading_cli.trading.strategies import Strategy

_FILLED = frozenset({OrderState.FILLED, OrderState.PARTIAL})
_HAIR = 1e-3  # USD: fees are rounded, position by position
_CHUNK = 512
_SECTORS = ("crypto", "politics", "sports")


@dataclass(slots=True)
class _Used:
    """What positions fill of each limit, USD, and how many there are of each category."""

    exposure: float = 0.0
    category: dict[str, float] = field(default_factory=dict)
    sector: dict[str, float] = field(default_factory=dict)
    theme: dict[str, float] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)


class Gate:
    """The account as far as it can be told without asking the gateway itself."""

    def __init__(
        self, world: World, hot: Hot, read: Readings, rules: Rules, strategies: Sequence[Strategy]
    ) -> None:
        self.world, self.hot, self.read, self.rules = world, hot, read, rules
        self.ceiling = max((float(one.ceiling) for one in strategies), default=0.0)
        self.free_from = np.zeros(len(world.events[0]), dtype=np.int64)
        self.blocked_until = 0
        self._place = {name: place for place, name in enumerate(world.events[0])}
        self._labels: dict[int, Labels] = {}
        self._used = _Used()
        self._cash = 0.0
        self._seen = 0
        self._entered: dict[int, int] = {}

    def stand(self, account: Account, orders: Collection[Order], *, killed: bool) -> None:
        """Bring everything up to date: the account as it stands, and all orders ever placed."""
        for order in islice(orders, self._seen, None):
            self._enter(order)
        self._seen = len(orders)
        self.free_from[:] = 0
        for event, column in self._entered.items():
            self.free_from[event] = column
        for stake in account.stakes:
            self.free_from[self._place[stake.event_id]] = self.world.shape[1]
        self._cash, self._used = float(account.cash), _used(account.stakes)
        self.blocked_until = self.world.shape[1] if killed else self._blocked(account)

    def _enter(self, order: Order) -> None:
        """Keep until when the event of a filled entry is not to be entered again."""
        if order.purpose is Purpose.ENTRY and order.state in _FILLED:
            hours = timedelta(hours=self.rules.signals.already_in_hours)
            self._entered[self._place[order.event_id]] = self._column(order.placed_at + hours)

    def _column(self, at: datetime) -> int:
        """Return the first slot decided at *at* or later, to the second."""
        return int(np.searchsorted(self.world.decided_at, math.floor(at.timestamp())))

    def _blocked(self, account: Account) -> int:
        """Return the first slot in which an entry is not surely forbidden."""
        limits, never = self.rules.risk, self.world.shape[1]
        held = {(stake.market_id, stake.token) for stake in account.stakes}
        if len(held) >= limits.open_positions or limits.trades_per_day == 0:
            return never
        free = [loss.until for loss in account.losses if loss.until is not None]
        if account.last_loss_at is not None:
            free.append(account.last_loss_at + timedelta(minutes=limits.cool_down_minutes))
        if account.entries_today >= limits.trades_per_day:
            today = account.at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            free.append(today + timedelta(days=1))
        return max((self._column(at) for at in free), default=0)

    # --- which may pass

    def first(self, start: int, end: int, equity: Floats) -> int | None:
        """Return the first slot in [*start*, *end*) with an entry that might pass.

        *equity* [end - start]: of each of these slots, after its exits.
        """
        columns = self.hot.column
        begin, stop = np.searchsorted(columns, [max(start, self.blocked_until), end])
        for chunk in range(int(begin), int(stop), _CHUNK):
            part = slice(chunk, min(int(stop), chunk + _CHUNK))
            free = columns[part] >= self.free_from[self.hot.event[part]]
            for place in (np.flatnonzero(free) + chunk).tolist():
                column = int(columns[place])
                if self.room(int(self.hot.row[place]), column, float(equity[column - start])):
                    return column
        return None

    def open(self, column: int, equity: float) -> list[int]:
        """Return the markets of one slot of every event in which an entry might pass.

        One that surely fails stays beside another of its event: it may be the stronger one, and
        then neither is entered.
        """
        if column < self.blocked_until:
            return []
        begin, stop = np.searchsorted(self.hot.column, [column, column + 1])
        rows, events = self.hot.row[begin:stop].tolist(), self.hot.event[begin:stop].tolist()
        there = list(zip(rows, events, strict=True))
        open_events = {
            event
            for row, event in there
            if column >= self.free_from[event] and self.room(row, column, equity)
        }
        return [row for row, event in there if event in open_events]

    def room(self, row: int, column: int, equity: float) -> bool:
        """Return whether the venue's smallest order might fit under every limit."""
        limits, used = self.rules.risk, self._used
        market, labels = self.world.history.markets[row], self._labels_of(row)
        if used.count.get(labels.category, 0) >= limits.per_category:
            return False
        base = max(0.0, min(float(self.rules.bankroll), equity) + _HAIR)
        sector = _sector(labels.sector)
        share = float(getattr(limits, f"sector_{sector}")) * float(limits.exposure)
        themes = max((used.theme.get(name, 0.0) for name in labels.themes), default=0.0)
        room = min(
            self.ceiling * base,
            float(limits.position) * base - themes,
            float(limits.event_group) * base,
            float(limits.exposure) * base - used.exposure,
            float(limits.category) * base - used.category.get(labels.category, 0.0),
            share * base - used.sector.get(sector, 0.0),
            self._cash - float(limits.cash) * max(0.0, base - 2 * _HAIR),
        )
        least = float(sizing.DEFAULT_MIN_SIZE if market.min_size is None else market.min_size)
        return room + _HAIR >= min(least, 5.0) * self._unit(row, column) * (1 - _HAIR)

    def _unit(self, row: int, column: int) -> float:
        """Return the least that a share of the token bought could cost: its mid and the ticks."""
        yes = self.world.micro[row, column] / WHOLE
        own = yes if self.read.value[row, column] > 0 else 1 - yes
        tick = float(self.world.history.markets[row].tick or TICK)
        return float(min(own + self.rules.risk.limit_ticks * tick, 1 - tick))

    def _labels_of(self, row: int) -> Labels:
        if row not in self._labels:
            market = self.world.history.markets[row]
            self._labels[row] = deciding.labels_of(market, self.rules.risk.themes)
        return self._labels[row]


def _used(stakes: Sequence[Stake]) -> _Used:
    found = _Used()
    markets = {}
    for one in stakes:
        labels, cost = one.labels, float(one.cost)
        found.exposure += cost
        _add(found.category, labels.category, cost)
        _add(found.sector, _sector(labels.sector), cost)
        for name in labels.themes:
            _add(found.theme, name, cost)
        markets[one.market_id, one.token] = labels.category
    for category in markets.values():
        found.count[category] = found.count.get(category, 0) + 1
    return found


def _add(sums: dict[str, float], name: str, usd: float) -> None:
    sums[name] = sums.get(name, 0.0) + usd


def _sector(name: str) -> str:
    return name if name in _SECTORS else "other"
