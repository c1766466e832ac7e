"""What was planted, in words a test can compare with what was found."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from trading_cli.simulator.cast import EventPlan, Kind
from trading_cli.simulator.scenes import SCENES
from trading_cli.simulator.shocks import shocks


def planted(seed: int, events: Sequence[EventPlan]) -> dict[str, Any]:
    """Return per event its kind and news, where the scenes are, and the share of null events.

    ``null_share`` counts the events that are not scenes: at least 0.7 of them carry no signal in
    any world; ``null_share_with_scenes`` counts all and is lower in a small world.
    """
    staged = {f"scene.{scene.name}": scene.name for scene in SCENES}
    return {
        "null_share": _null_share([event for event in events if event.key not in staged]),
        "null_share_with_scenes": _null_share(events),
        "events": {event.id: _kind(seed, event) for event in events},
        "scenes": {staged[e.key]: _scene(e) for e in events if e.key in staged},
    }


def _null_share(events: Sequence[EventPlan]) -> float | None:
    """Return the share of *events* without a signal; ``None`` of none."""
    if not events:
        return None
    return sum(event.kind is Kind.NULL for event in events) / len(events)


def _kind(seed: int, event: EventPlan) -> dict[str, Any]:
    """Return what ties the event's talk to its price."""
    news = [] if event.kind is Kind.NULL else shocks(seed, event)
    return {
        "kind": event.kind.value,
        "lag_h": event.lag_h,
        "strength": event.strength,
        "markets": [market.id for market in event.markets],
        "news": [dataclasses.asdict(shock) for shock in news],
    }


def _scene(event: EventPlan) -> dict[str, Any]:
    """Return where a scene plays and how it ends."""
    return {
        "event_id": event.id,
        "market_id": event.markets[0].id,
        "knots": [list(knot) for knot in event.knots],
        "decided": event.decided,
        "closes": event.closes,
        "payout": event.payout,
    }
