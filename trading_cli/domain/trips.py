"""A position from its first buy to its end: what a backtest leaves and what is kept of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading_cli.domain.decisions import Token


@dataclass(frozen=True, slots=True)
class Trip:
    """One round trip; ``closed_at`` is ``None`` while it is open.

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
    themes: tuple[str, ...] = ()

    @property
    def net_return(self) -> float:
        """Return net over cost."""
        return float(self.net / self.cost) if self.cost else 0.0
