"""Hype of each event at an instant: who answered, which hours they cover, what those came to.

Hours are (end - 1 h, end], ends lie on quarter-hours. An hour counts for a set of sources where
each of them answered all of it. The set is the largest of those heard in the last 90 minutes whose
own past suffices for a baseline: the source with the least past leaves first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from trading_cli.app.selection import VOICES
from trading_cli.domain import SLOT_SECONDS, Feature, Post, from_epoch
from trading_cli.research import hype
from trading_cli.research.hype import HOUR, STALE_S, HypeRules, TalkHour
from trading_cli.research.matching import ACCEPT
from trading_cli.research.rvr import covers
from trading_cli.store import Transaction, talk_hours
from trading_cli.store.features import Span, spans
from trading_cli.store.talk_hours import Counts, key_of

ENGAGING = frozenset({"bluesky", "hacker_news", "x"})
"""The voices that count likes, reposts or replies."""
FOLLOWING = frozenset({"x"})
"""The voices that tell how many follow an author."""
RECENT = timedelta(hours=4)
GIVEN_UP_S = 26 * HOUR
"""No source is asked about more than a day ago: what it has not answered by then it will not."""

Hours = dict[int, TalkHour]
Spans = Mapping[str, Sequence[Span]]
Counted = dict[tuple[str, str], dict[int, Counts | None]]


class Ears(Protocol):
    """What is known of the talk at an instant: what was answered, counted before, and said."""

    def spans(self, source: str, since: Mapping[str, datetime]) -> Spans:
        """Return the joined spans that *source* answered, by event, as ``features.spans`` does."""
        ...

    def kept_hours(
        self, event_id: str, key: str, ends: Sequence[int]
    ) -> Mapping[int, Counts | None]:
        """Return the hours counted before, as ``talk_hours.kept_hours`` does."""
        ...

    def posts(self, asked: Sequence[tuple[str, int, int]]) -> Mapping[str, Sequence[Post]]:
        """Return the posts about each event in its spans, as ``posts_of_spans`` does."""
        ...


@dataclass(frozen=True, slots=True)
class StoreEars:
    """The talk as the store has it, as of an instant."""

    look: Transaction
    at: datetime

    def spans(self, source: str, since: Mapping[str, datetime]) -> Spans:
        """Return the joined spans that *source* answered, by event."""
        return spans(self.look, source, since, as_of=self.at)

    def kept_hours(
        self, event_id: str, key: str, ends: Sequence[int]
    ) -> Mapping[int, Counts | None]:
        """Return the hours counted before, for exactly these sources."""
        return talk_hours.kept_hours(self.look, event_id, key, ends, as_of=self.at)

    def posts(self, asked: Sequence[tuple[str, int, int]]) -> Mapping[str, Sequence[Post]]:
        """Return the posts about each event in its spans, near-duplicates apart."""
        return talk_hours.posts_of_spans(
            self.look, asked, as_of=self.at, least_score=ACCEPT, age_s=hype.EQUAL_AGE_S
        )


@dataclass(frozen=True, slots=True)
class Heard:
    """Hype by event, and the hours counted on the way that nobody had counted before."""

    features: Mapping[str, Feature]
    counted: Mapping[tuple[str, str], Mapping[int, Counts | None]] = field(default_factory=dict)


@dataclass(slots=True)
class _Event:
    """What one event has come to so far: who answered it until when, and its hours."""

    id: str
    answered: dict[str, Sequence[Span]]
    sources: tuple[str, ...]
    end: int
    hours: Hours = field(default_factory=dict)
    deaf: set[int] = field(default_factory=set)

    def missing(self, ends: Sequence[int]) -> list[int]:
        """Return which of the hours *ends* are neither counted nor known to be deaf."""
        return [end for end in ends if end not in self.hours and end not in self.deaf]

    def covered(self, end: int, sources: Iterable[str] | None = None) -> bool:
        """Return whether each of *sources* (ours if absent) answered all of the hour to *end*."""
        asked = self.sources if sources is None else sources
        return all(covers(self.answered[name], end - HOUR + 1, end + 1) for name in asked)


def listen(look: Transaction, event_ids: Iterable[str], *, at: datetime, rules: HypeRules) -> Heard:
    """Return the hype of each event at *at*, read once for all."""
    return heard(StoreEars(look, at), event_ids, at=at, rules=rules)


def heard(ears: Ears, event_ids: Iterable[str], *, at: datetime, rules: HypeRules) -> Heard:
    """Return the hype of each event as *ears* know it at *at*."""
    now = int(at.timestamp())
    asked = sorted(set(event_ids))
    recently = dict.fromkeys(asked, at - RECENT)
    recent = {name: ears.spans(name, recently) for name in VOICES}
    events = {one: event for one in asked if (event := _event(one, recent, now)) is not None}
    counted: Counted = defaultdict(dict)
    latest = {one: [event.end, event.end - HOUR] for one, event in events.items()}
    _fill(ears, events.values(), latest, at, counted)
    loud = [event for event in events.values() if _loud(event)]
    _remember(ears, loud, at, rules)
    wanted = {event.id: hype.wanted_ends(event.end, rules.baseline_days) for event in loud}
    _fill(ears, loud, wanted, at, counted)
    found = {one: _hype(events.get(one), now, rules) for one in asked}
    return Heard(found, counted)


def _event(event_id: str, recent: Mapping[str, Spans], now: int) -> _Event | None:
    """Return who answered *event_id* in the last 90 minutes; ``None`` where nobody did."""
    answered = {name: held[event_id] for name, held in recent.items() if event_id in held}
    until = {name: min(held[-1][1], now + 1) for name, held in answered.items()}
    fresh = tuple(name for name in sorted(until) if now - _grid(until[name]) <= STALE_S)
    if not fresh:
        return None
    end = min(_grid(until[name]) for name in fresh)
    return _Event(event_id, answered, fresh, end)


def _grid(until: int) -> int:
    """Return the last quarter-hour whose own second lies before *until*."""
    return (until - 1) // SLOT_SECONDS * SLOT_SECONDS


def _loud(event: _Event) -> bool:
    """Return whether enough was said in the last hour for the past to matter."""
    now = event.hours.get(event.end)
    return now is not None and hype.enough(now)


def _remember(ears: Ears, events: Sequence[_Event], at: datetime, rules: HypeRules) -> None:
    """Give each event what its past needs: kept hours, spans that cover the rest, its sources.

    Only where kept hours are missing are spans read, and by far most often none are.
    """
    start = at - timedelta(days=rules.baseline_days, hours=6)
    since: dict[str, datetime] = {}
    for event in events:
        ends = hype.wanted_ends(event.end, rules.baseline_days)
        _recall(ears, event, ends)
        missing = event.missing(ends)
        if missing:
            since[event.id] = from_epoch(missing[-1] - HOUR)
    _extend(ears, [event for event in events if event.id in since], since)
    poor = [event for event in events if not _enough(event, rules)]
    _extend(ears, poor, {event.id: start for event in poor})
    for event in poor:
        chosen = _chosen(event, rules)
        if chosen != event.sources:
            event.sources, event.hours, event.deaf = chosen, {}, set()


def _recall(ears: Ears, event: _Event, ends: Sequence[int]) -> None:
    """Give *event* those of its hours *ends* that were counted before."""
    kept = ears.kept_hours(event.id, key_of(event.sources), event.missing(ends))
    event.hours |= {end: TalkHour(*counts) for end, counts in kept.items() if counts}
    event.deaf |= {end for end, counts in kept.items() if not counts}


def _extend(ears: Ears, events: Sequence[_Event], since: Mapping[str, datetime]) -> None:
    """Give each of *events* the spans its sources answered since then."""
    for name in VOICES:
        asked = [event for event in events if name in event.sources]
        held = ears.spans(name, {event.id: since[event.id] for event in asked})
        for event in asked:
            event.answered[name] = held.get(event.id, ())


def _enough(event: _Event, rules: HypeRules) -> bool:
    """Return whether all of the event's sources together have a baseline."""
    backs = hype.baseline_ends(event.end, rules.baseline_days)
    held = [back for end, back in backs.items() if end in event.hours or event.covered(end)]
    return bool(hype.standing(held, rules))


def _chosen(event: _Event, rules: HypeRules) -> tuple[str, ...]:
    """Return the largest set of sources with a baseline, all of them where none has one."""
    backs = hype.baseline_ends(event.end, rules.baseline_days)
    by_source = {
        name: {end for end in backs if event.covered(end, (name,))} for name in event.sources
    }
    left = sorted(event.sources, key=lambda name: (-len(by_source[name]), name))
    while left:
        shared = set.intersection(*(by_source[name] for name in left))
        if hype.standing([backs[end] for end in shared], rules):
            return tuple(sorted(left))
        left.pop()
    return event.sources


def _fill(
    ears: Ears,
    events: Iterable[_Event],
    wanted: Mapping[str, Sequence[int]],
    at: datetime,
    counted: Counted,
) -> None:
    """Give the events their *wanted* hours: as counted before, else from the posts of the hour."""
    missing: dict[str, list[int]] = {}
    held = {event.id: event for event in events}
    for event in held.values():
        _recall(ears, event, wanted[event.id])
        sought = event.missing(wanted[event.id])
        missing[event.id] = [end for end in sought if event.covered(end)]
        late = at.timestamp() - GIVEN_UP_S
        deaf = [end for end in sought if end < late and not event.covered(end)]
        counted[event.id, key_of(event.sources)] |= dict.fromkeys(deaf)
    asked = [(one, end - HOUR + 1, end + 1) for one, ends in missing.items() for end in ends]
    posts = ears.posts(asked)
    for one, ends in missing.items():
        event = held[one]
        sorted_out = _by_hour(event, ends, posts.get(one, ()))
        new = {end: _count(event, sorted_out[end]) for end in ends}
        event.hours |= new
        counted[one, key_of(event.sources)] |= {end: _row(hour) for end, hour in new.items()}


def _by_hour(
    event: _Event, ends: Sequence[int], posts: Iterable[Post]
) -> Mapping[int, Sequence[Post]]:
    """Return the posts of the event's own sources by the end of their hour."""
    found: dict[int, list[Post]] = {end: [] for end in ends}
    for post in posts:
        # (end - 1 h, end]: the end's own second belongs to it
        late = (event.end - int(post.event_time.timestamp())) // HOUR * HOUR
        if post.source in event.sources and event.end - late in found:
            found[event.end - late].append(post)
    return found


def _count(event: _Event, posts: Sequence[Post]) -> TalkHour:
    sources = set(event.sources)
    return hype.hour_of(posts, ENGAGING & sources, FOLLOWING & sources)


def _row(hour: TalkHour) -> Counts:
    return hour.posts, hour.authors, hour.engagement, hour.judged, hour.influential


def _hype(event: _Event | None, now: int, rules: HypeRules) -> Feature:
    if event is None:
        return hype.hype({}, None, age_s=None, sources=(), rules=rules)
    return hype.hype(
        event.hours, event.end, age_s=now - event.end, sources=event.sources, rules=rules
    )
