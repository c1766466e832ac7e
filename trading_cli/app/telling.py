"""What the owner hears of an order: what it got, what it did not, and what nobody knows."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from trading_cli.domain import Fill, Market, Notice, Order, Position, Reason, Severity, Side
from trading_cli.trading.terms import A_STOP


def told_of_fill(market: Market, order: Order, fill: Fill, position: Position) -> Notice:
    """Return what the owner hears of a fill."""
    verb = "Bought" if fill.side is Side.BUY else "Sold"
    left = f"{position.shares} left" if position.shares else "closed"
    why = "" if fill.side is Side.BUY else f" ({order.reason.value})"
    held = f"Cost {position.cost:.2f} USD. {A_STOP.capitalize()}."
    result = f"Result of the position so far {position.realized:+.2f} USD; {left}."
    text = (
        f"{verb} {fill.shares} {fill.token.value} at {fill.price:.4f},"
        f" fee {fill.fee:.4f} USD{why}\n"
        f"{market.question}\n{held if fill.side is Side.BUY else result}"
    )
    severity = Severity.WARN if order.reason is Reason.STOP else Severity.INFO
    facts: Mapping[str, object] = {
        "position": position.id, "order": order.id, "decision": order.decision_id,
    }  # fmt: skip
    return Notice(f"fill:{fill.id}", "position", severity, text, fill.at, facts=facts)


def told_of_unsold(market: Market, order: Order, why: str, sold: Decimal, now: datetime) -> Notice:
    """Return what the owner hears of an exit that sold nothing, or not all: once a day each."""
    word = "UNCLOSED" if order.reason is Reason.KILL_ALL else "NOT SOLD"
    text = (
        f"{word}: {order.shares - sold} of {order.shares} {order.token.value}"
        f" ({order.reason.value}): {why}\n{market.question}\nThe next slot looks again."
    )
    key = f"unsold:{order.market_id}:{order.token}:{order.reason}:{now:%Y%m%d}"
    facts = {"order": order.id, "decision": order.decision_id}
    return Notice(key, "risk", Severity.WARN, text, now, facts=facts)


def told_of_unbought(market: Market, order: Order, why: str, now: datetime) -> Notice:
    """Return what the owner hears of an entry that was announced and bought nothing."""
    text = f"Not bought: {order.token.value}, {why}\n{market.question}"
    facts = {"order": order.id, "decision": order.decision_id}
    return Notice(f"unbought:{order.id}", "position", Severity.INFO, text, now, facts=facts)


def told_of_unknown(order: Order, why: str, now: datetime) -> Notice:
    """Return what the owner hears of an order whose fate nobody knows."""
    text = (
        f"Order {order.id} is UNKNOWN: {why}\nIt counts in full until the broker says"
        " what became of it; it is never sent again."
    )
    return Notice(
        f"unknown:{order.id}", "risk", Severity.ERROR, text, now, critical=True,
        facts={"order": order.id},
    )  # fmt: skip
