"""The double-entry ledger, positions, and equity at liquidation value.

Every transfer is a few lines that sum to zero USD, over five accounts:

    cash        what we can spend
    positions   what the shares still held cost, fees included: the sum of every position's cost
    fees        every fee ever paid
    realized    the result before fees; a gain is negative. Buying books its fee here at once,
                because that fee is also in the cost: so realized + fees is always the net result
    capital     deposits less withdrawals, negative

Rounding is done once: every amount is a whole number of millionths of a USD. Selling a part takes
its share of the cost, rounded down to a millionth; the remainder stays with what is kept, so the
last sale, or the settlement, clears the cost to exactly 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from hashlib import blake2b

from trading_cli.core.errors import TradingError
from trading_cli.domain import (
    Entry,
    Fill,
    Order,
    Position,
    PositionState,
    Purpose,
    Reason,
    Side,
    Token,
)
from trading_cli.trading.fills import MICRO, ZERO, gross_of
from trading_cli.trading.losses import Loss

PERSON = "person"  # who holds what a person booked by hand
PAYOUTS = (Decimal(0), Decimal("0.5"), Decimal(1))
_TARGETS = {Reason.TARGET_1: 1, Reason.TARGET_2: 2, Reason.TARGET_3: 3}
_PARTS = frozenset({
    Reason.SLOW_3_DAYS, Reason.DEADLINE_7_DAYS, Reason.TARGET_1, Reason.TARGET_2,
})  # fmt: skip


class LedgerRefused(TradingError):
    """A step that would break the ledger: more sold than held, another market's fill."""

    code = "ledger_refused"


@dataclass(frozen=True, slots=True)
class Labels:
    """What a market counts towards besides itself and its event."""

    category: str = ""
    sector: str = "other"
    themes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stake:
    """USD at risk in one token of one market.

    ``kind`` is position, order (it may not be filled) or outside (the person's own, in a wallet
    or booked by hand: it fills the limits, we never sell it). ``cost`` is all that can be lost:
    of a position its cost, of an order what is reserved.
    """

    market_id: str
    event_id: str
    token: Token
    shares: Decimal
    cost: Decimal
    labels: Labels = field(default_factory=Labels)
    kind: str = "position"
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Everything the risk rules look at, at one instant.

    ``capital`` is the bankroll plus flows; ``liquidation`` what all positions would bring now, net
    of fees; ``selling`` the shares under an open exit order, by (strategy, market, token);
    ``losses`` the loss limits in force.
    """

    at: datetime
    cash: Decimal
    capital: Decimal
    liquidation: Decimal
    stakes: tuple[Stake, ...] = ()
    entries_today: int = 0
    last_loss_at: datetime | None = None
    losses: tuple[Loss, ...] = ()
    selling: Mapping[tuple[str, str, Token], Decimal] = field(default_factory=dict)

    @property
    def equity(self) -> Decimal:
        """Return cash and what the positions would bring now."""
        return self.cash + self.liquidation

    @property
    def base(self) -> Decimal:
        """Return what percentages are of: the smaller of capital and equity, never below 0."""
        return max(ZERO, min(self.capital, self.equity))

    @property
    def reserved(self) -> Decimal:
        """Return USD held back for open orders."""
        return sum((s.cost for s in self.stakes if s.kind == "order"), ZERO)

    @property
    def exposure(self) -> Decimal:
        """Return all stakes: positions, open orders and what is held outside."""
        return sum((s.cost for s in self.stakes), ZERO)

    def held(self, strategy: str, market_id: str, token: Token) -> Decimal:
        """Return shares *strategy* may still sell: held, less those under an open exit order."""
        shares = sum(
            (
                stake.shares
                for stake in self.stakes
                if stake.kind == "position"
                and (stake.strategy, stake.market_id, stake.token) == (strategy, market_id, token)
            ),
            ZERO,
        )
        return max(ZERO, shares - self.selling.get((strategy, market_id, token), ZERO))


def snapshot(  # noqa: PLR0913  # an account is the sum of what is known about it
    *,
    at: datetime,
    cash: Decimal,
    capital: Decimal,
    positions: Sequence[Position],
    values: Mapping[str, Decimal],
    orders: Iterable[Order] = (),
    outside: Iterable[Stake] = (),
    labels: Mapping[str, Labels] | None = None,
    entries_today: int = 0,
    last_loss_at: datetime | None = None,
    losses: Iterable[Loss] = (),
) -> Account:
    """Return the account at *at*. *values*: position id -> USD at liquidation (absent: 0).

    *labels* (by market id) say what open orders count towards; positions and *outside* stakes
    carry their own. Closed positions and ended orders are left out.
    """
    known = labels or {}
    live = [p for p in positions if p.state is not PositionState.CLOSED]
    pending = [o for o in orders if o.state.open]
    stakes = [stake_of(p) for p in live]
    stakes += [
        Stake(o.market_id, o.event_id, o.token, o.shares, o.reserved,
              known.get(o.market_id, Labels()), "order", o.strategy)
        for o in pending if o.purpose is Purpose.ENTRY
    ]  # fmt: skip
    stakes += outside
    selling: dict[tuple[str, str, Token], Decimal] = {}
    for order in pending:
        if order.purpose is Purpose.EXIT:
            key = (order.strategy, order.market_id, order.token)
            selling[key] = selling.get(key, ZERO) + order.shares
    return Account(
        at, cash, capital, sum((values.get(p.id, ZERO) for p in live), ZERO), tuple(stakes),
        entries_today, last_loss_at, tuple(losses), selling,
    )  # fmt: skip


def stake_of(position: Position) -> Stake:
    """Return what *position* puts at risk: its whole cost."""
    labels = Labels(position.category, position.sector, position.themes)
    kind = "outside" if position.by == PERSON else "position"
    return Stake(
        position.market_id, position.event_id, position.token, position.shares, position.cost,
        labels, kind, position.strategy,
    )  # fmt: skip


def apply(  # the opening fill carries what the exits will need
    position: Position | None,
    order: Order,
    fill: Fill,
    *,
    entry_bid: Decimal | None = None,
    entry_spread: Decimal | None = None,
    labels: Labels | None = None,
    by: str = "paper",
) -> tuple[Position, tuple[Entry, ...]]:
    """Return the position after *fill* of *order*, and the ledger lines of that fill.

    A first buy opens (``entry_bid`` and ``entry_spread`` of the execution book, else the fill's
    own price and 0); a further one adds and averages the entry price. Raises LedgerRefused where
    the fill is another market's, or sells more than is held.
    """
    _check(position, order, fill)
    if fill.side is Side.BUY:
        opened = position or _opening(order, fill, entry_bid, entry_spread, labels or Labels(), by)
        return _bought(opened, fill)
    if position is None:
        raise LedgerRefused(f"fill {fill.id} sells {fill.shares} shares, and none are held")
    return _sold(position, order, fill)


def settle(position: Position, payout: Decimal, at: datetime) -> tuple[Position, tuple[Entry, ...]]:
    """Return *position* closed at *payout* USD a share of its own token (1, 0.5 or 0), and lines.

    Raises LedgerRefused for another payout, or a position that is closed already.
    """
    if payout not in PAYOUTS:
        raise LedgerRefused(f"position {position.id} cannot settle at {payout}: only 1, 0.5 or 0")
    if position.state is PositionState.CLOSED:
        raise LedgerRefused(f"position {position.id} is closed already")
    paid = (position.shares * payout).quantize(MICRO, ROUND_DOWN)
    gain = paid - position.cost
    lines = (
        ("cash", paid, ZERO),
        ("positions", -position.cost, -position.shares),
        ("realized", -gain, ZERO),
    )
    entries = _transfer(
        f"settlement:{position.id}", "settlement", position.id, at, lines,
        position.market_id, position.token,
    )  # fmt: skip
    closed = replace(
        position, state=PositionState.CLOSED, shares=ZERO, cost=ZERO,
        realized=position.realized + gain, closed_at=at,
    )  # fmt: skip
    return closed, entries


def deposit(amount: Decimal, at: datetime, reference: str) -> tuple[Entry, ...]:
    """Return the lines of a deposit of *amount* USD, negative for a withdrawal.

    The same *reference* is the same transfer. Raises LedgerRefused for an amount of 0.
    """
    if amount == 0 or amount != amount.quantize(MICRO):
        raise LedgerRefused(f"{amount} USD cannot be moved: not 0, and at most six decimals")
    kind = "deposit" if amount > 0 else "withdrawal"
    lines = (("cash", amount, ZERO), ("capital", -amount, ZERO))
    return _transfer(f"{kind}:{reference}", kind, reference, at, lines)


def balances(entries: Iterable[Entry]) -> dict[str, Decimal]:
    """Return account -> USD over *entries*; they sum to exactly 0."""
    totals: dict[str, Decimal] = {}
    for entry in entries:
        totals[entry.account] = totals.get(entry.account, ZERO) + entry.amount
    return totals


def is_loss(before: Position, after: Position) -> bool:
    """Return whether the step between the two took a loss: that starts the cool-down."""
    return after.realized < before.realized


def digest(*parts: object) -> str:
    """Return 16 hex digits made of *parts*: the same parts, the same id, on any machine."""
    text = "\x1f".join(str(part) for part in parts)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def order_id(  # the hash of exactly what makes an intent one
    strategy: str, market_id: str, token: Token, side: Side, slot: int, intent: int = 0
) -> str:
    """Return the client order id: the same intent, by these six, is the same order.

    *intent* numbers the intents of one strategy in one slot and market.
    """
    return digest("order", strategy, market_id, token, side, slot, intent)


def _check(position: Position | None, order: Order, fill: Fill) -> None:
    """Raise LedgerRefused unless fill, order and position speak of the same thing."""
    wrong = (fill.market_id, fill.token, fill.side) != (order.market_id, order.token, order.side)
    if wrong or fill.order_id != order.id:
        raise LedgerRefused(f"fill {fill.id} does not belong to order {order.id}")
    if fill.shares <= 0 or fill.fee < 0:
        raise LedgerRefused(f"fill {fill.id} has {fill.shares} shares and a fee of {fill.fee}")
    if position is None:
        return
    if (position.market_id, position.token) != (fill.market_id, fill.token):
        raise LedgerRefused(f"fill {fill.id} is not of position {position.id}")
    if position.state is PositionState.CLOSED:
        raise LedgerRefused(f"position {position.id} is closed already")
    if fill.side is Side.SELL and fill.shares > position.shares:
        raise LedgerRefused(
            f"fill {fill.id} sells {fill.shares} shares, and {position.shares} are held"
        )


def _opening(  # one position is this many facts
    order: Order,
    fill: Fill,
    bid: Decimal | None,
    spread: Decimal | None,
    labels: Labels,
    by: str,
) -> Position:
    return Position(
        id=digest("position", order.id), market_id=order.market_id, event_id=order.event_id,
        strategy=order.strategy, token=order.token, state=PositionState.OPEN, shares=ZERO,
        cost=ZERO, original_shares=ZERO, entry_price=ZERO,
        entry_bid=fill.price if bid is None else bid,
        entry_spread=ZERO if spread is None else spread, opened_at=fill.at,
        decision_id=order.decision_id, category=labels.category, sector=labels.sector,
        themes=labels.themes, by=by,
    )  # fmt: skip


def _bought(position: Position, fill: Fill) -> tuple[Position, tuple[Entry, ...]]:
    gross, shares = gross_of(fill), position.original_shares + fill.shares
    cost = gross + fill.fee
    lines = (
        ("cash", -cost, ZERO),
        ("positions", cost, fill.shares),
        ("fees", fill.fee, ZERO),
        ("realized", -fill.fee, ZERO),
    )
    bought = replace(
        position,
        shares=position.shares + fill.shares,
        cost=position.cost + cost,
        original_shares=shares,
        entry_price=(position.entry_price * position.original_shares + gross) / shares,
    )
    return bought, _of_fill(fill, lines)


def _sold(position: Position, order: Order, fill: Fill) -> tuple[Position, tuple[Entry, ...]]:
    gross, left = gross_of(fill), position.shares - fill.shares
    part = position.cost * fill.shares / position.shares
    cost = part.quantize(MICRO, ROUND_DOWN) if left else position.cost
    lines = (
        ("cash", gross - fill.fee, ZERO),
        ("positions", -cost, -fill.shares),
        ("fees", fill.fee, ZERO),
        ("realized", cost - gross, ZERO),
    )
    sold = replace(
        position,
        shares=left,
        cost=position.cost - cost,
        realized=position.realized + gross - fill.fee - cost,
        state=position.state if left else PositionState.CLOSED,
        closed_at=None if left else fill.at,
        targets_hit=max(position.targets_hit, _TARGETS.get(order.reason, 0)),
        halved_slow=position.halved_slow or order.reason is Reason.SLOW_3_DAYS,
        halved_deadline=position.halved_deadline or order.reason is Reason.DEADLINE_7_DAYS,
    )
    return _owing(sold, order, fill), _of_fill(fill, lines)


def _owing(sold: Position, order: Order, fill: Fill) -> Position:
    """Return *sold* with what its part still lacks: a part is begun once, and sold to its end."""
    begun = order.reason in _PARTS
    owed = min(order.shares - fill.shares if begun else sold.owed, sold.shares)
    reason = order.reason if begun else sold.owed_for
    return replace(sold, owed=owed, owed_for=reason if owed else None)


def _of_fill(fill: Fill, lines: Iterable[tuple[str, Decimal, Decimal]]) -> tuple[Entry, ...]:
    return _transfer(f"fill:{fill.id}", "fill", fill.id, fill.at, lines, fill.market_id, fill.token)


def _transfer(  # one ledger line is this many columns
    transfer: str,
    kind: str,
    reference: str,
    at: datetime,
    lines: Iterable[tuple[str, Decimal, Decimal]],
    market_id: str = "",
    token: Token | None = None,
) -> tuple[Entry, ...]:
    """Return the lines that say something, as entries."""
    return tuple(
        Entry(transfer, account, amount, at, kind, reference, market_id, token, shares)
        for account, amount, shares in lines
        if amount or shares
    )
