"""Trades a person made, booked on the same footing as the broker's: order, fill, position, ledger.

They are facts, not orders: nothing is sent, so no limit is asked. The position is the person's own
(``by`` = person), apart from what the broker holds of the same signal.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading_cli.app import journal as diary
from trading_cli.app import subjects
from trading_cli.app.desk import LAST_LOSS, last_loss
from trading_cli.app.toolkit import Toolkit, build
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import (
    Action,
    Decision,
    Entry,
    Fill,
    Market,
    Order,
    OrderState,
    Position,
    PositionState,
    Purpose,
    Reason,
    Side,
    Token,
)
from trading_cli.store import (
    Transaction,
    backfill,
    balances,
    deals,
    history,
    holdings,
    journal,
    listings,
)
from trading_cli.trading import account, fees, themes

MICRO = Decimal("0.000001")
ZERO = Decimal(0)
LATE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Trade:
    """What the person says: price and shares, the fee where they know it, and when it was.

    ``again`` books it although the same was booked before.
    """

    price: Decimal
    shares: Decimal | None
    fee: Decimal | None = None
    at: datetime | None = None
    again: bool = False


def fill(
    config: Path | None, name: str, trade: Trade, *, clock: Clock | None = None
) -> dict[str, Any]:
    """Book that the person bought on the signal *name*; return order, fill, position and cash.

    The fee is by the market's schedule where it is not given. Raises UsageError where the signal
    names no token, was no trade or ended a day ago (unless ``at`` is said), the numbers cannot be,
    or it costs more than the account's cash; FeeUnknown where the fee has to be given.
    """
    with ExitStack() as stack:
        toolkit, tx = _writing(stack, config, clock)
        found = subjects.find(tx, name)
        decision = subjects.whole(tx, found).decision
        if decision is None or decision.token is None:
            raise UsageError(
                f"{found.kind} {found.id} names no token to buy.",
                hint="a fill is booked against a signal: `trading signal` shows their ids",
            )
        if trade.shares is None:
            raise UsageError("how many shares were bought?", hint="--shares N")
        _still_meant(decision, trade, toolkit.clock.now())
        at = _when(trade, toolkit, decision.decided_at)
        market = _market(tx, decision.market_id, at)
        number = _before(tx, market.id, decision.token, Side.BUY, trade, trade.shares)
        order = _order(decision, decision.token, trade, trade.shares, at, number)
        held = _held(tx, order)
        bid, spread = _entry(tx, order.market_id, order.token, at)
        got = _fill(order, trade, trade.shares, market, at)
        position, lines = account.apply(
            held,
            order,
            got,
            entry_bid=bid,
            entry_spread=spread,
            labels=_labels(market, toolkit),
            by=diary.PERSON,
        )
        _book_opening(tx, toolkit, at)
        _affordable(tx, lines)
        return _book(tx, order, got, position, lines)


def sold(
    config: Path | None, name: str, trade: Trade, *, clock: Clock | None = None
) -> dict[str, Any]:
    """Book that the person sold shares of their position *name*, all where none are named.

    Raises UsageError where it is not the person's, or is closed.
    """
    with ExitStack() as stack:
        toolkit, tx = _writing(stack, config, clock)
        found = subjects.find(tx, name)
        held = _persons(tx, found)
        shares = held.shares if trade.shares is None else trade.shares
        at = _when(trade, toolkit, held.opened_at)
        market = _market(tx, held.market_id, at)
        number = _before(tx, market.id, held.token, Side.SELL, trade, shares)
        order = Order(
            account.digest("by hand", held.id, shares, trade.price, int(at.timestamp()), number),
            held.decision_id,
            held.market_id,
            held.event_id,
            held.strategy,
            Purpose.EXIT,
            Side.SELL,
            held.token,
            shares,
            trade.price,
            Reason.CLOSED_BY_OWNER,
            OrderState.FILLED,
            at,
            broker=deals.PERSON,
            detail="by hand",
        )
        got = _fill(order, trade, shares, market, at)
        position, lines = account.apply(held, order, got)
        if account.is_loss(held, position):
            _cool_down(tx, at)
        return _book(tx, order, got, position, lines)


def _writing(
    stack: ExitStack, config: Path | None, clock: Clock | None
) -> tuple[Toolkit, Transaction]:
    toolkit = stack.enter_context(build(config, clock=clock))
    diary.must_exist(toolkit.loaded.database)
    store = stack.enter_context(toolkit.open_store())
    return toolkit, stack.enter_context(store.transaction())


def _still_meant(decision: Decision, trade: Trade, now: datetime) -> None:
    """Refuse a buy on what was no signal, or is none any more, unless its time was said."""
    if trade.at is not None:
        return
    hint = "if you did buy on it, say when: --at TIME"
    if decision.action is Action.HOLD:
        raise UsageError(
            f"decision {decision.id} was no trade ({decision.reason.value}).", hint=hint
        )
    ended = decision.expires_at or decision.decided_at
    if now - ended > LATE:
        raise UsageError(
            f"decision {decision.id} ended {ended:%Y-%m-%d %H:%M} UTC, more than a day ago.",
            hint=hint,
        )


def _affordable(tx: Transaction, lines: Sequence[Entry]) -> None:
    """Refuse a buy that costs more than the account's cash: nobody paid that from here."""
    cash = balances.balances(tx)["cash"]
    cost = -sum((one.amount for one in lines if one.account == "cash"), ZERO)
    if cost > cash:
        raise UsageError(
            f"it costs {cost:,.2f} USD with its fee, and the account has {cash:,.2f} USD.",
            hint="check --shares and --price; 42 cents is --price 0.42",
        )


def _when(trade: Trade, toolkit: Toolkit, earliest: datetime) -> datetime:
    """Return when the trade was, in whole seconds; not in the future, nor before its cause."""
    now = toolkit.clock.now()
    at = (trade.at or now).replace(microsecond=0)
    first = earliest.replace(microsecond=0)
    if not first <= at <= now:
        raise UsageError(
            f"a trade at {at:%Y-%m-%d %H:%M:%S} UTC cannot be: its cause is of"
            f" {first:%Y-%m-%d %H:%M:%S}, and now is {now:%Y-%m-%d %H:%M:%S}.",
            hint="--at TIME",
        )
    return at


def _market(tx: Transaction, market_id: str, at: datetime) -> Market:
    found = listings.listing_at(tx, as_of=at, venue_ids=[market_id])
    if not found:
        raise UsageError(f"market {market_id} was not known at {at:%Y-%m-%d %H:%M} UTC.")
    return found[0]


def _order(
    decision: Decision, token: Token, trade: Trade, shares: Decimal, at: datetime, number: int
) -> Order:
    seconds = int(at.timestamp())
    name = account.digest("by hand", decision.id, shares, trade.price, seconds, number)
    return Order(
        name,
        decision.id,
        decision.market_id,
        decision.event_id,
        decision.strategy,
        Purpose.ENTRY,
        Side.BUY,
        token,
        shares,
        trade.price,
        Reason.SIGNAL,
        OrderState.FILLED,
        at,
        broker=deals.PERSON,
        detail="by hand",
    )


def _held(tx: Transaction, order: Order) -> Position | None:
    """Return the person's open position that a further buy of *order* adds to."""
    wanted = (order.strategy, order.market_id, order.token)
    for one in holdings.positions(tx):
        if one.by == diary.PERSON and (one.strategy, one.market_id, one.token) == wanted:
            return one
    return None


def _persons(tx: Transaction, found: subjects.Subject) -> Position:
    position = subjects.whole(tx, found).position if found.position is None else found.position
    if position is None or position.by != diary.PERSON:
        raise UsageError(
            f"{found.kind} {found.id} is no position of yours.",
            hint="what the broker holds is sold by `trading close ID --reason T`",
        )
    if position.state is PositionState.CLOSED:
        raise UsageError(f"position {position.id} is closed already.")
    return position


def _entry(
    tx: Transaction, market_id: str, token: Token, at: datetime
) -> tuple[Decimal | None, Decimal | None]:
    """Return bid and spread of the newest book known at *at*, ``None`` where there is none."""
    book = history.newest_book(tx, market_id, as_of=at)
    if book is None:
        return None, None
    seen = book if token is Token.YES else book.mirrored("")
    bid, ask = seen.best_bid, seen.best_ask
    return bid, None if bid is None or ask is None else ask - bid


def _fill(order: Order, trade: Trade, shares: Decimal, market: Market, at: datetime) -> Fill:
    if shares <= 0:
        raise UsageError(f"shares must be above 0, not {shares}.", hint="--shares 12.5")
    if not 0 < trade.price < 1:
        raise UsageError(
            f"{shares} shares at {trade.price} cannot be: a price lies between 0 and 1.",
            hint="a price of 42 cents is --price 0.42",
        )
    if any(value != value.quantize(MICRO) for value in (trade.price, shares, trade.fee or ZERO)):
        raise UsageError("price, shares and fee have at most six decimals.")
    paid = trade.fee
    if paid is None:
        paid = fees.fee(shares, trade.price, fees.schedule_of(market, at))
    if paid < 0:
        raise UsageError(f"a fee of {paid} USD cannot be.")
    return Fill(
        account.digest("fill", order.id),
        order.id,
        order.market_id,
        order.token,
        order.side,
        shares,
        trade.price,
        paid,
        at,
        grade="A",
    )


def _labels(market: Market, toolkit: Toolkit) -> account.Labels:
    return account.Labels(
        market.category,
        themes.sector_of(market.tags),
        themes.themes_of(market, toolkit.settings.risk.themes),
    )


def _before(
    tx: Transaction, market_id: str, token: Token, side: Side, trade: Trade, shares: Decimal
) -> int:
    """Return how often the same trade was booked by hand before; refuse it unless it is ``again``.

    A line typed twice is not two trades.
    """
    same = []
    for one in deals.fills(tx, market=market_id):
        made = deals.order(tx, one.order_id)
        alike = (one.token, one.side, one.shares, one.price) == (token, side, shares, trade.price)
        if alike and made is not None and made.broker == deals.PERSON:
            same.append(one)
    if same and not trade.again:
        last = same[-1]
        raise UsageError(
            f"the same trade is booked already, as fill {last.id} of {last.at:%Y-%m-%d %H:%M}.",
            hint="if you did it twice: --again",
        )
    return len(same)


def _cool_down(tx: Transaction, at: datetime) -> None:
    """Let a loss by hand start the cool-down as any loss does; one booked late moves nothing back.

    The gateway asks when a loss was last taken, whoever took it.
    """
    last = last_loss(tx)
    if last is None or last < at:
        backfill.set_meta(tx, LAST_LOSS, str(int(at.timestamp())))


def _book_opening(tx: Transaction, toolkit: Toolkit, at: datetime) -> None:
    """Put the bankroll into an empty ledger: a trade by hand may be the first thing in it."""
    if balances.entries(tx):
        return
    lines = account.deposit(toolkit.settings.bankroll, at, balances.OPENING)
    balances.record_entries(tx, lines)
    body = {"amount": str(toolkit.settings.bankroll), "reference": balances.OPENING}
    journal.append(tx, "deposit", balances.OPENING, body, at=at)


def _book(
    tx: Transaction, order: Order, got: Fill, position: Position, lines: Sequence[Entry]
) -> dict[str, Any]:
    """Write order, fill, position, ledger lines and journal row, and tell what was written."""
    if not deals.place_order(tx, order) or not deals.record_fill(tx, got):
        raise UsageError(
            f"that very trade is booked already, as fill {got.id}.", hint="--at says another time"
        )
    holdings.save_position(tx, position)
    balances.record_entries(tx, lines)
    kind = "fill" if order.purpose is Purpose.ENTRY else "exit"
    body = {
        "market": order.market_id,
        "reason": order.reason.value,
        "order": order.id,
        "position": position.id,
        "side": got.side.value,
        "token": got.token.value,
        "shares": str(got.shares),
        "price": str(got.price),
        "fee": str(got.fee),
        "by": diary.PERSON,
    }
    journal.append(tx, kind, got.id, body, at=got.at, actor=diary.PERSON)
    cash = balances.balances(tx)["cash"]
    warning = f"the ledger's cash is now {cash} USD: no entry is allowed until it is not"
    return {
        "order": order.id,
        "fill": got.id,
        "position": position.id,
        "market": order.market_id,
        "token": got.token.value,
        "side": got.side.value,
        "shares": float(got.shares),
        "price": float(got.price),
        "fee": float(got.fee),
        "at": got.at.isoformat(),
        "held": float(position.shares),
        "realized": float(position.realized),
        "cash": float(cash),
        "warnings": [warning] if cash < 0 else [],
    }
