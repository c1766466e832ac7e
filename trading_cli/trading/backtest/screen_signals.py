"""Where a strategy could enter: every place it may answer BUY, and no fewer.

The arrays only leave out what the strategy or a veto surely refuses; what is left is asked of the
strategy and the vetoes themselves. So a hair of rounding here can cost time, never a trade.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from trading_cli.core.errors import UsageError
from trading_cli.domain import Feature, Quote, Reason, Tier, from_epoch
from trading_cli.research import roc
from trading_cli.research.tiers import Bars
from trading_cli.trading import SignalsSection
from trading_cli.trading.backtest.columns import HOUR_SLOTS, Floats, Ints
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.screen_fees import charge
from trading_cli.trading.backtest.screen_world import WHOLE, Mask, World
from trading_cli.trading.backtest.worlds import OPEN, SECOND
from trading_cli.trading.strategies import Strategy
from trading_cli.trading.strategies.price_only import PriceOnly
from trading_cli.trading.strategies.roc_only import RocOnly
from trading_cli.trading.view import View

_HAIR = 1e-9
_DAY = timedelta(days=1)
KNOWN = (RocOnly, PriceOnly)  # both need ROC MODERATE within the hour, WEAK now, of one sign


@dataclass(frozen=True, eq=False)
class Readings:
    """ROC of every market and slot: value, tier, and the best tier of the hour with its value."""

    value: Floats
    tier: NDArray[np.int8]
    best: NDArray[np.int8]
    best_value: Floats

    @property
    def carries(self) -> Mask:
        """Return where ROC carries an entry, see ``strategies.judging.roc_wrong``."""
        same = self.best_value * self.value > 0
        held = np.where(same, self.best, self.tier)
        strong: Mask = (self.best >= Tier.MODERATE) & (self.tier >= Tier.WEAK)
        return strong & (held >= Tier.MODERATE) & np.isfinite(self.value)


@dataclass(frozen=True, eq=False)
class Hot:
    """The places where an entry is possible, by slot, then market: [K] each."""

    column: Ints
    row: Ints
    event: Ints


def readings(world: World, signals: SignalsSection) -> Readings:
    """Return ROC under *signals*, computed once for all cells that share its bars."""
    bars = (signals.roc.weak, signals.roc.moderate, signals.roc.strong)
    key = ("roc", signals.roc_form, bars)
    return world.shared(key, lambda: _read(*_changes(world, signals.roc_form), bars))


def _changes(world: World, form: str) -> tuple[Floats, Mask]:
    return world.shared(("change", form), lambda: changes(world, form))


def changes(world: World, form: str) -> tuple[Floats, Mask]:
    """Return ROC [M, S], NaN where undefined, and where the move is too small for a tier."""
    now = np.where(world.priced, world.micro, math.nan)
    then = world.before
    least = [
        float(max(roc.LEAST_TICKS * (market.tick or roc.USUAL_TICK), roc.LEAST_MOVE))
        for market in world.history.markets
    ]
    small = np.abs(now - then) < np.rint(np.array(least) * WHOLE)[:, None]
    if form == "relative":
        return (now - then) / then, small
    return (_logits(now) - _logits(then)) / 2, small


def _logits(mids: Floats) -> Floats:
    """Return the logit of each mid, every different one computed once, as ROC computes it."""
    there = np.isfinite(mids)
    counted = np.where(there, mids, 0).astype(np.int64)
    present = np.zeros(WHOLE + 1, dtype=bool)
    present[counted[there]] = True
    table = np.full(WHOLE + 1, math.nan)
    for one in np.flatnonzero(present).tolist():
        table[one] = roc.logit(one / WHOLE)
    found: Floats = np.where(there, table[counted], math.nan)
    return found


def _read(value: Floats, small: Mask, bars: Bars) -> Readings:
    size = np.abs(value)
    tier = np.zeros(value.shape, dtype=np.int8)
    for bar in bars:
        tier += size >= bar - 1e-9 * max(1.0, abs(bar))  # as ``tiers.tier_of``
    tier[small] = 0
    best, best_value = tier.copy(), value.copy()
    for back in range(1, min(HOUR_SLOTS, value.shape[1])):
        higher = tier[:, :-back] > best[:, back:]
        best[:, back:][higher] = tier[:, :-back][higher]
        best_value[:, back:][higher] = value[:, :-back][higher]
    return Readings(value, tier, best, best_value)


def hot(world: World, rules: Rules, strategies: Sequence[Strategy]) -> Hot:
    """Return where any of *strategies* could enter under *rules*.

    Raises ``UsageError`` for a strategy the arrays do not know.
    """
    for one in strategies:
        if not isinstance(one, KNOWN):
            raise UsageError(
                f"the screen engine does not know {one.name}: it may read more than prices",
                hint="--engine full; the screen knows roc_only and price_only",
            )
    section = rules.signals
    key = ("hot", section.roc_form, section.roc, section.min_ask, section.max_ask,
           section.min_days_to_deadline)  # fmt: skip
    return world.shared(key, lambda: _hot(world, section))


def _hot(world: World, section: SignalsSection) -> Hot:
    read, waived = readings(world, section), world.history.waived
    there = read.carries & world.candidate & world.priced & _charged(world)
    if Reason.ASK_BAND not in waived:
        yes = world.micro / WHOLE
        own = np.where(read.value > 0, yes, 1 - yes)
        ask = own + float(world.history.slippage) * np.maximum(yes, 1 - yes)
        there &= (ask >= float(section.min_ask) - _HAIR) & (own <= float(section.max_ask) + _HAIR)
    if Reason.DEADLINE_NEAR not in waived:
        least = section.min_days_to_deadline * _DAY.total_seconds()
        last = [
            math.inf if one.at is None else one.at.timestamp() - least for one in world.deadlines
        ]
        there &= world.decided_at <= np.array(last)[:, None]
    column, row = np.nonzero(there.T)
    return Hot(column, row, world.events[1][row])


def _charged(world: World) -> Mask:
    """Return the markets whose fee is known [M, 1]: no other can be entered, now or later."""
    past = world.history
    at = world.moments[0].decided_at if world.moments else from_epoch(0)
    known = [past.fees is not None or charge(one, at)[0] is not None for one in past.markets]
    return np.array(known, dtype=bool)[:, None]


def view(world: World, read: Readings, row: int, column: int) -> View:
    """Return what a strategy and the vetoes are shown of one market in one slot.

    The same as the history's own view, but that it has no feature besides ROC.
    """
    past, moment = world.history, world.moments[column]
    at, seen = moment.decided_at, from_epoch(moment.slot) + SECOND
    market = past.market(past.markets[row].id, at)
    book = world.book_to_decide(row, column)
    bid = book.best_bid if book is not None else None
    ask = book.best_ask if book is not None else None
    value, best = float(read.value[row, column]), float(read.best_value[row, column])
    undefined = "" if math.isfinite(value) else "no price now or 12 hours ago"
    feature = Feature(
        roc.NAME, value if math.isfinite(value) else None, undefined,
        Tier(int(read.tier[row, column])),
    )  # fmt: skip
    fee, why = (past.fees, "") if past.fees is not None else charge(market, at)
    return View(
        market, at, moment.slot, Quote(market.id, moment.slot, bid, ask, None, None, seen, seen),
        world.deadlines[row], book=book, features={roc.NAME: feature},
        best_tiers={roc.NAME: Tier(int(read.best[row, column]))},
        best_roc=best if math.isfinite(best) else None, quality=1.0, fee=fee, fee_reason=why,
        state=OPEN, waived=past.waived, recalibrate=world.learned(at),
    )  # fmt: skip
