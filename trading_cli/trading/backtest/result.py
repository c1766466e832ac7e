"""What a run leaves: closed and open round trips, equity, fills by grade, decisions by reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import Decision, Entry, Fill, Order, Token

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One position from its first buy to its end; ``closed_at`` is ``None`` while it is open.

    USD: ``cost`` all-in paid for ``shares``, ``proceeds`` net of fees, ``fees`` both ways,
    ``net`` = proceeds - cost, of an open one at liquidation value (and listed apart). ``grade`` is
    the worst of its fills (A, B, C); ``reasons`` why it was left, in order.
    """

    id: str
    market_id: str
    event_id: str
    category: str
    sector: str
    strategy: str
    token: Token
    label: str
    opened_at: datetime
    closed_at: datetime | None
    shares: Decimal
    cost: Decimal
    proceeds: Decimal
    fees: Decimal
    net: Decimal
    grade: str
    late: bool
    reasons: tuple[str, ...]
    payout: Decimal | None = None
    probability: float | None = None
    entry_price: Decimal = Decimal(0)
    question: str = ""

    @property
    def net_return(self) -> float:
        """Return net over cost."""
        return float(self.net / self.cost) if self.cost else 0.0


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

    closed: tuple[RoundTrip, ...]
    still_open: tuple[RoundTrip, ...]
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
