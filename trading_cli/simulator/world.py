"""The pretend world: any question about any instant, answered without stepping through time.

Everything is derived from (seed, name, grid cell), so the order of questions cannot matter; what
is remembered is only a bounded cache.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trading_cli.simulator import listing
from trading_cli.simulator.cast import DAY, EventPlan, Kind
from trading_cli.simulator.casting import cast
from trading_cli.simulator.floor import Floor
from trading_cli.simulator.scenes import stage
from trading_cli.simulator.talk import Talk
from trading_cli.simulator.truth import planted as truly

ROOM_FOR_SCENES = 40


class World:
    """A seeded world of about *markets* open markets from *start* to *end* (epoch seconds).

    Events reach 30 days back before *start*. ``liquid_share`` is the part that the panel would
    take. With *scenes* (and at least 40 markets) the demo's scripted markets play on the last day
    before *end*; without *planted* there are none, and no event carries anything. Defaults: 60 days
    back from today's midnight, 180 days long; give both for the same bytes on another day.
    """

    def __init__(
        self,
        seed: int,
        markets: int = 200,
        start: float | None = None,
        end: float | None = None,
        *,
        liquid_share: float = 0.35,
        scenes: bool = True,
        planted: bool = True,
    ) -> None:
        self.seed = seed
        self.start = time.time() // DAY * DAY - 60 * DAY if start is None else float(start)
        self.end = self.start + 180 * DAY if end is None else float(end)
        staged: list[EventPlan] = []
        if scenes and planted and markets >= ROOM_FOR_SCENES:
            staged = stage(seed, self.start, self.end)
        rest = cast(seed, markets - len(staged), self.start, self.end, liquid_share)
        if not planted:
            rest = [replace(event, kind=Kind.NULL) for event in rest]
        self.events = {event.id: event for event in [*staged, *rest]}
        self._floor = Floor(seed, self.events.values())
        self._talk = Talk(seed, self.events)

    def listing(self, now: float) -> Sequence[dict[str, Any]]:
        """Return every market opened by *now*, open and closed, as Gamma writes it."""
        return self._floor.listing(now)

    def event(self, event_id: str) -> dict[str, Any] | None:
        """Return one event without its markets."""
        found = self.events.get(event_id)
        return None if found is None else listing.event_object(found)

    def book(self, token: str, now: float) -> dict[str, Any] | None:
        """Return the book of *token*; ``None`` before opening, after closing, or unknown."""
        return self._floor.book(token, now)

    def history(
        self, token: str, start: float, end: float, step_s: int, now: float
    ) -> list[tuple[int, float]] | None:
        """Return (epoch, mid) in [start, min(end, now)], about every *step_s*; None if unknown."""
        return self._floor.history(token, start, end, step_s, now)

    def trades(
        self, condition_ids: Sequence[str], start: float, end: float, now: float
    ) -> list[dict[str, Any]]:
        """Return trades with start <= timestamp < end and not after *now*, newest first."""
        return self._floor.trades(condition_ids, start, end, now)

    def posts(
        self, source: str, query: str, start: float, end: float, now: float
    ) -> list[dict[str, Any]]:
        """Return posts in [start, end), not after *now*, that hold 60 % of the query's words."""
        return self._talk.posts(source, query, start, end, now)

    def truth(self) -> dict[str, Any]:
        """Return what was planted: per event its kind and news, and where the scenes are."""
        span = {"seed": self.seed, "start": self.start, "end": self.end}
        return {**span, **truly(self.seed, list(self.events.values()))}
