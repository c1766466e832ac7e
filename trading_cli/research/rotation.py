"""Which events are asked about in which quarter of an hour.

The order is a hash of the event's id, so neither price nor volume nor hope chooses what we hear
about. Each event has its turn once an hour; neighbours coming and going shift few others.
"""

import hashlib
from collections.abc import Iterable

from trading_cli.domain import SLOT_SECONDS

SLOTS_PER_ROUND = 4


def rank(event_id: str) -> str:
    """Return the place of *event_id* in the eternal order, as sortable hex."""
    return hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()


def order(event_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the events, each once, in the eternal order."""
    return tuple(sorted(set(event_ids), key=rank))


def taking_part(
    event_ids: Iterable[str], *, per_slot: int, first: int | None = None
) -> tuple[str, ...]:
    """Return the events that are ever asked about, in the eternal order: the *first* that fit."""
    room = SLOTS_PER_ROUND * max(per_slot, 0)
    return order(event_ids)[: room if first is None else max(0, min(first, room))]


def due(
    event_ids: Iterable[str], slot: int, *, per_slot: int, first: int | None = None
) -> tuple[str, ...]:
    """Return the events to ask about in *slot* (epoch seconds of its start), at most *per_slot*.

    Only the *first* events of the order take part (default: as many as four slots can hold), so
    those that do are asked once an hour and the others never: half heard is not heard.
    """
    asked = taking_part(event_ids, per_slot=per_slot, first=first)
    quarter = slot // SLOT_SECONDS % SLOTS_PER_ROUND
    size = len(asked)
    return tuple(
        event for place, event in enumerate(asked) if place * SLOTS_PER_ROUND // size == quarter
    )
