"""What a run leaves: closed and open round trips, equity, fills by grade, decisions by reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import Decision, Entry, Fill, Order, Trip

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Equity:
    """USD by slot, all float64 [S]: cash, positions at liquidation value and at mid, the stakes."""

    slots: NDArray[np.int64]
    cash: Floats
    liquidation: Floats
    mid: Floats
    staked: Floats

    @property
    def at_liquidation(self) -> Floats:
        """Return cash and what everything would bring, [S]."""
        return self.cash + self.liquidation

    @property
    def at_mid(self) -> Floats:
        """Return cash and everything at its mid, [S]: shown, never used to decide."""
        return self.cash + self.mid


@dataclass(frozen=True, slots=True)
class Run:
    """Everything a run did. ``decisions`` are kept only where they were asked for.

    ``digest`` stands for every decision, order and fill in their order: two runs that did the same
    have the same one. ``killed_at``: when a loss from the peak stopped the run's trading for good.
    """

    closed: tuple[Trip, ...]
    still_open: tuple[Trip, ...]
    equity: Equity
    reasons: Mapping[str, int]
    grades: Mapping[str, int]
    digest: str
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    entries: tuple[Entry, ...] = ()
    decisions: tuple[Decision, ...] = ()
    traded: Decimal = Decimal(0)
    waived: frozenset[str] = field(default_factory=frozenset)
    killed_at: datetime | None = None
    pauses: Mapping[str, int] = field(default_factory=dict)
