"""Finds what was said: an index of events by word, and a bounded memory of their days."""

import math
from collections.abc import Mapping
from typing import Any

from trading_cli.simulator import chatter
from trading_cli.simulator.cast import DAY, EventPlan
from trading_cli.simulator.memory import Days

MATCH = 0.6
_NEAR = 0.4


class Talk:
    """All posts about *events* (by id)."""

    def __init__(self, seed: int, events: Mapping[str, EventPlan]) -> None:
        self._seed = seed
        self._events = events
        self._by_word: dict[str, list[str]] = {}
        for event in events.values():
            for word in chatter.word_set(event.title) | set(event.words):
                self._by_word.setdefault(word, []).append(event.id)
        self._said: Days[tuple[chatter.Said, ...]] = Days(20_000)

    def posts(
        self, source: str, query: str, start: float, end: float, now: float
    ) -> list[dict[str, Any]]:
        """Return posts in [start, end), not after *now*, that hold 60 % of the query's words."""
        wanted = chatter.query_words(query)
        if not wanted or source not in chatter.PER_DAY:
            return []
        need, stop = MATCH * len(wanted), min(end, math.floor(now) + 1)
        found: list[chatter.Said] = []
        for event in self._about(wanted):
            first, last = max(start, event.opens), min(stop, event.closes)
            for day in range(int(first // DAY), int(last // DAY) + 1 if last > first else 0):
                found += [
                    post
                    for post in self._day(event, source, day)
                    if start <= post.created < stop and len(wanted & post.words) >= need
                ]
        found.sort(key=lambda p: (-p.created, p.id))
        return [chatter.neutral(post, source, now) for post in found]

    def _about(self, wanted: frozenset[str]) -> list[EventPlan]:
        """Return events whose title holds at least two fifths of *wanted*."""
        hits: dict[str, int] = {}
        for word in wanted:
            for event_id in self._by_word.get(word, ()):
                hits[event_id] = hits.get(event_id, 0) + 1
        return [self._events[k] for k in sorted(hits) if hits[k] >= _NEAR * len(wanted)]

    def _day(self, event: EventPlan, source: str, day: int) -> tuple[chatter.Said, ...]:
        """Return one day's posts."""
        return self._said.get(
            (event.id, source), day, lambda: chatter.said(self._seed, event, source, day)
        )
