"""Lots: what was bought first is sold first (FIFO), for whoever must account for each disposal.

The ledger books a sale at the average cost of its position; a tax office may ask for the cost of
the very shares that went. Both are of the same cash: over everything bought and gone the gains sum
to the same amount. A settlement is a disposal at what it paid, also at 0.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from trading_cli.domain import Entry, Token
from trading_cli.trading.fills import MICRO, ZERO


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares of one purchase that are still held, and what they cost with their fee, USD."""

    market_id: str
    token: Token
    acquired_at: datetime
    shares: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Disposal:
    """Shares of one lot that went in one sale or settlement; USD, fees included on both sides."""

    market_id: str
    token: Token
    how: str
    acquired_at: datetime
    disposed_at: datetime
    shares: Decimal
    cost: Decimal
    proceeds: Decimal

    @property
    def gain(self) -> Decimal:
        """Return proceeds less cost."""
        return self.proceeds - self.cost

    @property
    def days(self) -> int:
        """Return whole days held."""
        return (self.disposed_at - self.acquired_at) // timedelta(days=1)


def fifo(entries: Iterable[Entry]) -> tuple[list[Disposal], list[Lot]]:
    """Return every disposal in the ledger's *entries*, in order, and the lots still held.

    Cost and proceeds are split by shares, rounded down to a millionth; the last part takes the
    remainder, so that nothing is lost. Raises ValueError where more goes than was ever bought.
    """
    held: dict[tuple[str, Token], deque[Lot]] = defaultdict(deque)
    gone: list[Disposal] = []
    for transfer in _transfers(entries):
        moved = next((one for one in transfer if one.account == "positions" and one.shares), None)
        if moved is None or moved.market_id is None or moved.token is None:
            continue
        lots = held[moved.market_id, moved.token]
        if moved.shares > 0:
            lots.append(Lot(moved.market_id, moved.token, moved.at, moved.shares, moved.amount))
            continue
        proceeds = sum((one.amount for one in transfer if one.account == "cash"), ZERO)
        gone += _taken(lots, moved, proceeds)
    return gone, [lot for lots in held.values() for lot in lots]


def _transfers(entries: Iterable[Entry]) -> Iterable[Sequence[Entry]]:
    """Return the lines of each transfer, in the order the transfers began."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.transfer, []).append(entry)
    return found.values()


def _taken(lots: deque[Lot], moved: Entry, proceeds: Decimal) -> Iterable[Disposal]:
    """Yield what leaves *lots* with *moved*, oldest first, with its share of *proceeds*."""
    left, unpaid = -moved.shares, proceeds
    how = "settlement" if moved.kind == "settlement" else "sale"
    while left > 0:
        if not lots:
            raise ValueError(
                f"{moved.transfer} disposes of {left} more {moved.token} of market"
                f" {moved.market_id} than was bought"
            )
        lot = lots.popleft()
        part = min(left, lot.shares)
        cost = lot.cost if part == lot.shares else _share(lot.cost, part, lot.shares)
        paid = unpaid if part == left else _share(unpaid, part, left)
        if part < lot.shares:
            lots.appendleft(replace(lot, shares=lot.shares - part, cost=lot.cost - cost))
        yield Disposal(lot.market_id, lot.token, how, lot.acquired_at, moved.at, part, cost, paid)
        left, unpaid = left - part, unpaid - paid


def _share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return (amount * part / whole).quantize(MICRO, ROUND_DOWN)
