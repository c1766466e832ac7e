"""The account's worth in the slots nobody looked at: as numbers at once, exactly where it matters.

Between two steps of a run nothing is bought or sold, so its worth is what it holds times prices:
one array each. From these the slots are found in which a loss limit may be reached, and only those
few marks that such a judgement needs are made exactly.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import SupportsIndex, overload

import numpy as np

from trading_cli.domain import SLOT_SECONDS, Position
from trading_cli.trading import RiskSection
from trading_cli.trading.backtest.columns import Floats
from trading_cli.trading.backtest.marks import PERIODS, REACH, Marks, SlotMark
from trading_cli.trading.backtest.screen_paths import Path
from trading_cli.trading.backtest.screen_world import Mask
from trading_cli.trading.losses import Loss, pause_until

_HAIR = 1e-3  # USD: fees are rounded, position by position
_NEIGHBOUR = 2.0 * SLOT_SECONDS
_SPANS = {"week": timedelta(days=7).total_seconds(), "month": timedelta(days=30).total_seconds()}


@dataclass(frozen=True, eq=False)
class Stretch:
    """What an account is worth in the slots from ``start`` on while nothing is dealt, USD.

    ``liquidation`` and ``middle`` are of the positions, ``equity`` has the cash; ``fresh`` where
    all held books had two sides.
    """

    start: int
    equity: Floats
    liquidation: Floats
    middle: Floats
    fresh: Mask


def worth(cash: float, held: Sequence[tuple[Position, Path]], start: int, end: int) -> Stretch:
    """Return what *cash* and *held* are worth in the slots of [*start*, *end*)."""
    part, size = slice(start, end), end - start
    bring, middle, fresh = np.zeros(size), np.zeros(size), np.ones(size, dtype=bool)
    for position, path in held:
        side, shares = path.side, float(position.shares)
        price = np.nan_to_num(side.bid[part])
        bring += shares * np.maximum(0.0, price - path.fees.at(part, price))
        middle += np.where(side.two[part], shares * side.mid[part], 0.0)
        fresh &= side.two[part]
    return Stretch(start, cash + bring, bring, middle, fresh)


class Lazy(list[SlotMark]):
    """Marks of which some are only numbers of slots until they are looked at."""

    def __init__(self, make: Callable[[int], SlotMark]) -> None:
        super().__init__()
        self._make = make

    def wait(self, columns: Iterable[int]) -> None:
        """Add the marks of *columns*, to be made when they are looked at."""
        super().extend(columns)  # type: ignore[arg-type]  # made when looked at

    @overload
    def __getitem__(self, place: SupportsIndex) -> SlotMark: ...
    @overload
    def __getitem__(self, place: slice) -> list[SlotMark]: ...
    def __getitem__(self, place: SupportsIndex | slice) -> SlotMark | list[SlotMark]:
        """Return the mark, or the marks, made by now."""
        if isinstance(place, slice):
            return [self[one] for one in range(len(self))[place]]
        found = super().__getitem__(place)
        if isinstance(found, int):
            found = self._make(found)
            self[place] = found
        return found


class SparseMarks(Marks):
    """The marks of a run that steps over quiet slots; what it answers is what ``Marks`` would."""

    def __init__(self, make: Callable[[int], SlotMark]) -> None:
        super().__init__()
        self._fresh: Lazy = Lazy(make)
        self.seconds: list[float] = []
        self.numbers: list[float] = []
        self.top = -math.inf

    def take(self, mark: SlotMark) -> None:
        """Keep *mark*, and the same as a number beside it."""
        if self.taken and self.taken[-1].slot == mark.slot:
            if self.taken.pop().fresh:
                self._fresh.pop()
                for kept in (self._times, self.seconds, self.numbers):
                    kept.pop()
        else:
            self.top = max(self.top, *self.numbers[-1:], -math.inf)
        self.taken.append(mark)
        if mark.fresh:
            self._fresh.append(mark)
            self._times.append(mark.at)
            self.seconds.append(mark.at.timestamp())
            self.numbers.append(float(mark.equity))

    def quiet(self, columns: Sequence[int], at: Sequence[datetime], equity: Floats) -> None:
        """Step over the fresh slots *columns*, where the account was worth *equity*."""
        if not columns:
            return
        self.top = max(self.top, *self.numbers[-1:], *equity[:-1].tolist(), -math.inf)
        self._fresh.wait(columns)
        self._times += at
        self.seconds += [one.timestamp() for one in at]
        self.numbers += equity.tolist()

    def losses(
        self, now: datetime, limits: RiskSection, bankroll: Decimal, begun: Mapping[str, datetime]
    ) -> tuple[Loss, ...]:
        """Return the limits newly reached at *now*; judged exactly where that is near."""
        if not self.taken or not self.taken[-1].fresh:
            return ()
        judge = _Judge(self.seconds[:-1], self.numbers[:-1], limits, float(bankroll), begun)
        top = max(self.top, *self.numbers[-2:])
        if not judge.reached(self.numbers[-1], now.timestamp(), top, killed=False):
            return ()
        near = {
            number: place
            for place, number in enumerate(self.numbers[:-1])
            if number >= self.top - _HAIR
        }
        peaks = (self._fresh[place] for place in near.values())
        self._peak = max(peaks, key=lambda mark: mark.equity, default=None)
        return super().losses(now, limits, bankroll, begun)

    # --- where a limit may be reached

    def suspect(
        self,
        stretch: Stretch,
        times: tuple[Floats, Floats],
        limits: RiskSection,
        bankroll: float,
        begun: Mapping[str, datetime],
        *,
        killed: bool,
    ) -> int | None:
        """Return the first slot of *stretch* in which a loss limit may be newly reached."""
        least = min(limits.day_loss, limits.week_loss, limits.month_loss, limits.peak_loss)
        top = max(self.top, *self.numbers[-1:], -math.inf)
        highest = np.maximum(np.maximum.accumulate(stretch.equity), top)
        floor = float(least) * np.minimum(bankroll, stretch.equity)
        deep = stretch.fresh & (highest - stretch.equity >= floor - _HAIR)
        if not deep.any():
            return None
        judge = _Judge(self.seconds.copy(), self.numbers.copy(), limits, bankroll, begun)
        for place in range(stretch.equity.size):
            now, equity = stretch.start + place, float(stretch.equity[place])
            for at in times if deep[place] else ():
                if judge.reached(equity, float(at[now]), float(highest[place]), killed=killed):
                    return now
            if stretch.fresh[place]:
                judge.seconds.append(float(times[1][now]))
                judge.numbers.append(equity)
        return None


@dataclass(slots=True)
class _Judge:
    """The loss limits as numbers: never says no where ``losses.loss_limits`` would say yes."""

    seconds: list[float]
    numbers: list[float]
    limits: RiskSection
    bankroll: float
    begun: Mapping[str, datetime]

    def reached(self, equity: float, now: float, top: float, *, killed: bool) -> bool:
        """Return whether a limit may be reached with *equity* now and in the fresh mark before."""
        if not self.seconds or now - self.seconds[-1] > _NEIGHBOUR + SLOT_SECONDS:
            return False
        level = max(equity, self.numbers[-1])
        if not killed and top - level >= float(self.limits.peak_loss) * top - _HAIR:
            return True
        return any(self._period(kind, level, now) for kind in PERIODS)

    def _period(self, kind: str, level: float, now: float) -> bool:
        begun = self.begun.get(kind)
        if begun is not None and now < pause_until(kind, begun).timestamp():
            return False
        since = now - _SPANS[kind] if kind in _SPANS else now // 86_400 * 86_400
        since = since if begun is None else max(since, begun.timestamp())
        place = bisect_right(self.seconds, since) - 1
        if place >= 0 and self.seconds[place] < now - REACH.total_seconds():
            return True  # beyond what is looked at: let it be judged exactly
        start = self.numbers[max(place, 0)]
        limit: Decimal = getattr(self.limits, f"{kind}_loss")
        return start - level >= float(limit) * min(self.bankroll, start) - _HAIR


__all__ = ["SparseMarks", "Stretch", "worth"]
