"""A span of stored mids as arrays: what `StoreHistory` shows of it, for the screen engine.

A span of which anything else is stored (recorded slots, books, trades, what was heard of them,
imported quotes, a pause) is refused by name: the arrays know nothing of it. So is a market whose
words changed while it was open. What is left is the same, price by price and market by market.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property

import numpy as np

from trading_cli.app.backtests.history import DECIDES_AFTER_S
from trading_cli.app.backtests.listed import Listed
from trading_cli.app.backtests.pricing import STALE_S
from trading_cli.app.backtests.seeing import MID_WAIVED
from trading_cli.app.backtests.tape import SOURCE, Answers
from trading_cli.app.backtests.universe import DAY, Universe, universe
from trading_cli.app.comovement import SPAN, Levels, measured
from trading_cli.app.panel import rules_of
from trading_cli.app.settings import Settings
from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, Market, from_epoch
from trading_cli.research.roc import LOOK_BACK
from trading_cli.store import Transaction, listings, past, past_deals, pauses
from trading_cli.trading.backtest.columns import Floats, Ints
from trading_cli.trading.backtest.history import Coverage
from trading_cli.trading.backtest.rules import fees_of
from trading_cli.trading.backtest.screen_world import WHOLE, Mask, World
from trading_cli.trading.backtest.worlds import MemoryHistory
from trading_cli.trading.groups import Correlation

FULL = "--engine full"
MOST_CELLS = 20_000_000
BACK = int(LOOK_BACK.total_seconds())
_KEPT_LEVELS = 10_000
_MOVES = (
    "observed_at", "updated_at", "closed", "closed_at", "active", "accepting_orders", "best_bid",
    "best_ask", "last_price", "outcome_prices", "volume", "volume_24h", "liquidity",
)  # fmt: skip
"""What a listing may change of a market without any decision on mids being another."""


class Together:
    """How markets moved together, as `StoreHistory` measures it; what was read is kept for all."""

    def __init__(self, look: Transaction) -> None:
        self._look = look
        self._levels: dict[int, Levels] = {}

    def measured(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return how the market moved with each of *held*, as known at *at*."""
        if sum(map(len, self._levels.values())) > _KEPT_LEVELS:
            self._levels.clear()
        levels = self._levels.setdefault(slot, {})
        return measured(self._look, market_id, held, slot=slot, as_of=at, levels=levels)


@dataclass(frozen=True, eq=False)
class StoredMids(MemoryHistory):
    """Stored mids in memory. ``together`` is ``None`` where nothing could have been measured."""

    together: Together | None = None

    def correlations(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return how the market moved with each of *held*, as known at *at*."""
        return () if self.together is None else self.together.measured(market_id, held, slot, at)


@dataclass(eq=False)
class StoredWorld(World):
    """The same for the screen engine.

    ``offered`` [M, S]: which markets were candidates. ``then`` [M, S]: the mids 12 hours before
    each slot as they were known in it, in whole millionths; NaN where there was none inside (0, 1).
    """

    offered: Mask = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    then: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @cached_property
    def candidate(self) -> Mask:
        """Return which markets were offered in each slot [M, S]."""
        return self.offered

    @cached_property
    def before(self) -> Floats:
        """Return the mids of 12 hours before where the market was a candidate: no other has ROC."""
        return np.where(self.offered, self.then, np.nan)


@dataclass(frozen=True, slots=True)
class Span:
    """What is shown of a span of mids: the arrays by row (``rows`` of the universe) and slot."""

    rows: list[int]
    slots: Ints
    mids: Floats
    then: Floats
    seen: bool

    @property
    def decided(self) -> Ints:
        """Return when each slot was decided, epoch seconds."""
        found: Ints = self.slots + DECIDES_AFTER_S
        return found


def stored_world(
    look: Transaction, settings: Settings, since: datetime, until: datetime, fees: str
) -> tuple[StoredWorld, Coverage]:
    """Return the slots that begin in [since, until) as arrays, and how the mids came.

    Raises ``UsageError``, with what stands against it, where more than mids is stored of them.
    """
    found = universe(look, int(since.timestamp()), int(until.timestamp()))
    slots = np.array(found.mids, dtype=np.int64)
    _mids_alone(look, found, slots)
    span = _span(look, found, slots)
    listed = Listed(look, found)
    shown = _Shown(look, found, listed, span)
    markets, open_ = shown.markets()
    offered = _offered(listed, span, open_, rules_of(settings).max_candidates)
    past_ = StoredMids(
        markets=markets,
        mids=np.where(shown.closed, np.nan, span.mids),
        slots=slots,
        payouts=shown.payouts(),
        slippage=settings.backtest.slippage,
        signals=settings.signals,
        waived=MID_WAIVED,
        fees=fees_of(fees),
        candidates=len(markets),
        exits_after=DECIDES_AFTER,
        decide_after=DECIDES_AFTER,
        together=Together(look) if span.seen else None,
    )
    return StoredWorld(past_, offered=offered, then=_inside(span.then)), _coverage(look, found)
