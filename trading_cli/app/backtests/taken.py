"""What was decided, ordered, filled and paid in a span, as it stands in the store.

A decision is the machine's own where its id is that of an evaluation; what a person closed or
booked is apart: it is an event of the account, not an answer to be found again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from trading_cli.domain import Decision, Entry, Fill, Order, Position, Purpose, from_epoch
from trading_cli.store import Transaction, balances, deals, decided, holdings, operated
from trading_cli.store.operated import Ordered, Worked
from trading_cli.trading.account import digest
from trading_cli.trading.deciding import decision_id

EVERY = 2**31
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer of the ledger, its lines, and the order and fill it came of, if any."""

    name: str
    kind: str
    reference: str
    at: datetime
    lines: tuple[Entry, ...]
    order: Order | None = None
    fill: Fill | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The record of a span: its slots, its own decisions by slot, and the whole ledger.

    ``orders`` and ``ends`` are of the whole home, in the order placed; ``opened`` every position
    by its id, for what its opening said of it; ``until``: when the next slot after them began;
    ``outside`` how many stakes of the owner's wallets are known now: of then they are not kept.
    """

    slots: tuple[Worked, ...]
    decisions: Mapping[int, Sequence[Decision]]
    by_hand: tuple[Decision, ...]
    orders: Mapping[str, Order]
    ends: Mapping[str, Ordered]
    fills: Mapping[str, Fill]
    transfers: tuple[Transfer, ...]
    opened: Mapping[str, Position] = field(default_factory=dict)
    until: datetime = NEVER
    outside: int = 0

    def began(self, slot: int) -> datetime:
        """Return when the first run of *slot* began; its own time where no run is kept."""
        return next(began_of(one) for one in self.slots if one.slot == slot)

    def paid(self) -> dict[int, dict[str, Transfer]]:
        """Return the settlements of each slot by name: those since it began, before the next."""
        began = sorted((began_of(one), one.slot) for one in self.slots)
        found: dict[int, dict[str, Transfer]] = {slot: {} for _, slot in began}
        for one in self.transfers:
            if one.kind == "settlement" and one.at < self.until:
                slot = next((name for at, name in reversed(began) if at <= one.at), None)
                if slot is not None:
                    found[slot][one.name] = one
        return found

    def own(self) -> dict[str, Decision]:
        """Return the machine's own decisions by id."""
        return {one.id: one for taken in self.decisions.values() for one in taken}


def began_of(one: Worked) -> datetime:
    """Return when a slot's work began."""
    return from_epoch(one.slot) if one.began is None else one.began


def taken(look: Transaction, since: int, until: int) -> Taken:
    """Return the record of the slots that begin in [since, until)."""
    found = [operated.worked(look, slot) for slot in operated.decided_slots(look, since, until)]
    worked = tuple(one for one in found if not one.working)
    own: dict[int, list[Decision]] = {}
    by_hand: list[Decision] = []
    for slot in [one.slot for one in worked]:
        rows = decided.decisions(look, slot=slot, limit=EVERY)[::-1]
        own[slot] = [one for one in rows if is_own(one)]
        by_hand += [one for one in rows if not is_own(one)]
    orders = {one.id: one for one in reversed(deals.orders(look, limit=EVERY))}
    fills = {one.id: one for one in deals.fills(look, limit=EVERY)}
    return Taken(
        worked,
        own,
        tuple(by_hand),
        orders,
        operated.ordered(look),
        fills,
        tuple(_transfers(balances.entries(look), orders, fills)),
        {one.id: one for one in holdings.positions(look, every=True)},
        _next(look, until),
        len(holdings.outside_positions(look)),
    )


def _next(look: Transaction, until: int) -> datetime:
    """Return when the first slot from *until* on began, ``NEVER`` where there is none."""
    slot = operated.next_decided(look, until)
    return NEVER if slot is None else began_of(operated.worked(look, slot))


def is_own(one: Decision) -> bool:
    """Return whether the machine took *one*: its id says what was evaluated."""
    name = one.strategy
    if one.purpose is Purpose.EXIT:
        name = f"{name}:{one.facts.get('position')}"
    return one.id == decision_id(one.slot, one.market_id, name, one.purpose)


def position_of(order: Order) -> str:
    """Return the id of the position that *order* opens, where it opens one."""
    return digest("position", order.id)


def _transfers(
    lines: Iterable[Entry], orders: Mapping[str, Order], fills: Mapping[str, Fill]
) -> Iterable[Transfer]:
    for name, group in groupby(lines, key=lambda line: line.transfer):
        held = tuple(group)
        first = held[0]
        fill = fills.get(first.reference) if first.kind == "fill" else None
        order = None if fill is None else orders.get(fill.order_id)
        yield Transfer(name, first.kind, first.reference, first.at, held, order, fill)
