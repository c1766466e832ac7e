"""What an id names: a decision, an order, a position or a fill, by its id or a unique beginning."""

from dataclasses import dataclass

from trading_cli.core.errors import UsageError
from trading_cli.domain import Decision, Fill, Order, Position, Purpose
from trading_cli.store import Transaction, deals, decided, holdings

HINT = "`trading signal` and `trading journal list` show ids; a unique beginning is enough"
SHORT = 12  # characters of an id a table shows; enough to be typed again


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing with all that hangs together with it: each part ``None`` where there is none.

    ``kind`` is decision, order, position or fill; ``id`` is that thing's.
    """

    kind: str
    id: str
    decision: Decision | None = None
    order: Order | None = None
    position: Position | None = None
    fill: Fill | None = None


def find(look: Transaction, name: str) -> Subject:
    """Return what *name* names. Raises UsageError where it is nothing, or more than one thing."""
    decision = decided.decision(look, name)
    order = deals.order(look, name)
    position = holdings.position(look, name)
    fill = deals.fill(look, name)
    found: list[Subject] = []
    if decision is not None:
        found.append(Subject("decision", decision.id, decision=decision))
    if order is not None:
        found.append(Subject("order", order.id, order=order))
    if position is not None:
        found.append(Subject("position", position.id, position=position))
    if fill is not None:
        found.append(Subject("fill", fill.id, fill=fill))
    exact = [one for one in found if one.id == name]
    if len(exact or found) != 1:
        raise _unclear(name, found)
    return (exact or found)[0]


def _unclear(name: str, found: list[Subject]) -> UsageError:
    if not found:
        return UsageError(f"there is no decision, order, position or fill {name!r}.", hint=HINT)
    told = ", ".join(f"{one.kind} {one.id}" for one in found)
    return UsageError(f"{name!r} begins several ids: {told}.", hint="give more of the id")


def whole(look: Transaction, subject: Subject) -> Subject:
    """Return *subject* with the decision, order and position it belongs to filled in."""
    order = subject.order
    if subject.fill is not None:
        order = deals.order(look, subject.fill.order_id)
    position = subject.position
    name = order.decision_id if order is not None else ""
    if position is not None:
        name = position.decision_id
    decision = subject.decision or (decided.decision(look, name) if name else None)
    if order is None and decision is not None:
        order = next(iter(deals.orders(look, decision=decision.id)), None)
    if position is None and decision is not None and decision.purpose is Purpose.EXIT:
        position = holdings.position(look, str(decision.facts.get("position") or ""))
    if position is None:
        position = _position(look, decision, order)
    return Subject(subject.kind, subject.id, decision, order, position, subject.fill)


def _position(look: Transaction, decision: Decision | None, order: Order | None) -> Position | None:
    """Return the position that the decision opened, or that the order is a part of."""
    for position in reversed(holdings.positions(look, every=True)):
        if decision is not None and position.decision_id == decision.id:
            return position
        if order is None or (order.market_id, order.token) != (position.market_id, position.token):
            continue
        if any(made.id == order.id for made, _ in deals.dealings(look, position)):
            return position
    return None
