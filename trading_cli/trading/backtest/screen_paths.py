"""When a holding could be sold: the first slot in which any exit rule may fire, by array search.

A position's exits depend on its own prices alone, so they are searched along its path. Each
condition is a little too generous, and the slot it names is judged by ``exits.review`` itself.
"""

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from trading_cli.domain import FeeSchedule, Position
from trading_cli.trading import ExitsSection, exits
from trading_cli.trading.backtest.columns import Floats
from trading_cli.trading.backtest.screen_fees import Fees
from trading_cli.trading.backtest.screen_world import Mask, Side, World
from trading_cli.trading.fills import whole_shares
from trading_cli.trading.looking_after import TICK, WEEK

_DAY = 86_400.0
_HAIR = 1e-9  # of a price
_FEE = 2e-5  # USD: a fee is rounded to a hundred-thousandth, and is at least one
_FADE = 1e-6  # of a volume
_CHUNK = 192


@dataclass(frozen=True, eq=False)
class Path:
    """A position's way through its market: where it could be sold, and what may sell it."""

    world: World
    row: int
    side: Side
    fees: Fees
    opened: float
    volume_before: float | None
    deadline: float | None

    @classmethod
    def of(cls, world: World, position: Position, override: FeeSchedule | None) -> "Path":
        """Return the path of *position*."""
        row = world.rows[position.market_id]
        opened = position.opened_at
        before = world.history.traded_usd(position.market_id, opened - WEEK, opened, opened)
        end = world.deadlines[row].at
        return cls(
            world, row, world.side(row, position.token), world.fees(row, override),
            opened.timestamp(), before, None if end is None else end.timestamp(),
        )  # fmt: skip

    @property
    def settled(self) -> int:
        """Return the slot in which the venue's payout is known; the number of slots for never."""
        return int(self.world.paid_from[self.row])

    def due(self, position: Position, section: ExitsSection, after: int, end: int) -> int:
        """Return the first slot in (*after*, *end*) in which an exit may fire, else *end*."""
        if whole_shares(position.shares) == 0:
            return end
        high = _number(position.high_bid)
        for start in range(after + 1, end, _CHUNK):
            part = slice(start, min(end, start + _CHUNK))
            fires = self._fires(position, section, part, high)
            if fires.any():
                return start + int(fires.argmax())
            if position.targets_hit >= 2:  # noqa: PLR2004  # the second
                high = max(high, self._highest(part))
        return end

    def raised(self, position: Position, after: int, end: int) -> Decimal | None:
        """Return the highest bid since the second target, slots in (*after*, *end*) included."""
        part = slice(after + 1, end)
        if position.targets_hit < 2 or not self.side.two[part].any():  # noqa: PLR2004  # the second
            return position.high_bid
        bids = np.where(self.side.two[part], self.side.bid[part], -math.inf)
        book = self.world.book(self.row, after + 1 + int(bids.argmax()), position.token)
        bid = None if book is None else book.best_bid
        high = position.high_bid
        return bid if high is None or (bid is not None and bid > high) else high

    def _highest(self, part: slice) -> float:
        bids = self.side.bid[part][self.side.two[part]]
        return float(bids.max()) if bids.size else -math.inf

    def _fires(self, position: Position, section: ExitsSection, part: slice, high: float) -> Mask:
        """Return where any rule may fire, over the slots of *part*."""
        bid, two, world = self.side.bid[part], self.side.two[part], self.world
        market, hit = world.history.markets[self.row], position.targets_hit
        held = world.exits_at[part] - self.opened
        with np.errstate(invalid="ignore"):
            stop = float(exits.stop_price(position, market.tick or TICK, section))
            fires: Mask = bid <= stop + _HAIR
            aims = sorted(float(price) for price in exits.target_prices(position, section))
            free = ~world.locked[self.row, part]
            fires |= free & (bid >= aims[min(hit, len(aims) - 1)] - _HAIR)
            if hit >= 2:  # noqa: PLR2004  # the second
                top = np.maximum.accumulate(np.where(two, bid, -math.inf))
                fires |= free & (bid <= float(section.trailing) * np.maximum(top, high) + _HAIR)
            fires |= self._slow(position, section, part, held)
            fires &= two
            fires |= self._late(position, section, part)
            fires |= self._faded(section, part, held)
        fires &= np.isfinite(bid)
        return fires

    def _slow(self, position: Position, section: ExitsSection, part: slice, held: Floats) -> Mask:
        """Return where it was held long with little gain; only looked at where it was held long."""
        half, whole = (days * _DAY for days in section.slow_days)
        if position.halved_slow:
            half = whole
        bid = self.side.bid[part]
        if held[-1] <= min(half, whole):
            return np.zeros(bid.shape, dtype=bool)
        price = np.nan_to_num(bid)
        net = float(position.shares) * (price - self.fees.at(part, price))
        cost = float(position.cost)
        gain = (net - _FEE) / cost - 1 - _HAIR if cost > 0 else np.zeros(bid.shape)
        least_half, least_whole = (float(one) for one in section.slow_returns)
        long: Mask = ((held > half) & (gain < least_half)) | ((held > whole) & (gain < least_whole))
        return long

    def _late(self, position: Position, section: ExitsSection, part: slice) -> Mask:
        """Return where the deadline is near."""
        left = (math.inf if self.deadline is None else self.deadline) - self.world.exits_at[part]
        half, whole = (days * _DAY for days in section.deadline_days)
        near: Mask = left <= (whole if position.halved_deadline else max(half, whole))
        return near

    def _faded(self, section: ExitsSection, part: slice, held: Floats) -> Mask:
        """Return where, after the first day, volume may have faded."""
        if self.volume_before is None or held[-1] <= _DAY:
            return np.zeros(held.shape, dtype=bool)
        least = section.volume_fade * self.volume_before
        day = self.world.day_volumes[self.row, part]
        slack = _FADE * (1 + self.volume_before) + self.world.volume_slack[self.row]
        faded: Mask = (held > _DAY) & (day < least + slack)
        return faded


def _number(price: Decimal | None) -> float:
    return -math.inf if price is None else float(price)
