"""The talk of the past as `listening` asks for it: spans from memory, hours counted once a run."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trading_cli.app.backtests.tape import Answers, Span
from trading_cli.app.selection import VOICES
from trading_cli.domain import Post, from_epoch
from trading_cli.research import hype
from trading_cli.research.matching import ACCEPT
from trading_cli.store import Transaction, past
from trading_cli.store.talk_hours import DEAF_FOR_S, Counts, posts_of_spans

SECOND = timedelta(seconds=1)
SOME_DAY = 2**33
"""Later than anything was seen."""

Kept = tuple[Counts | None, int]


class Memory:
    """What every source answered, and the hours counted so far: by a home then, or in this run."""

    def __init__(self, look: Transaction, since: int) -> None:
        self.look = look
        self.answers = {name: Answers(look, name, since) for name in VOICES}
        self._hours: dict[tuple[str, str], dict[int, list[Kept]]] = {}

    def hours(self, event: str, key: str) -> dict[int, list[Kept]]:
        """Return the event's hours for these sources, each as counted and when; oldest first."""
        found = self._hours.get((event, key))
        if found is None:
            found = self._hours[event, key] = defaultdict(list)
            for end, counts, at in past.counted_hours(self.look, event, key):
                found[end].append((counts, at))
        return found

    def keep(self, counted: Mapping[tuple[str, str], Mapping[int, Counts | None]], at: int) -> None:
        """Keep what was counted at *at*, as the live step does: what was counted stays."""
        for (event, key), hours in counted.items():
            held = self.hours(event, key)
            for end, counts in hours.items():
                known = [one for one in held[end] if one[1] <= at]
                if not any(one[0] is not None for one in known):
                    held[end].append((counts, at))
                    held[end].sort(key=lambda one: one[1])


@dataclass(frozen=True, slots=True)
class PastEars:
    """The talk as known at an instant. *live*: only what was also observed before.

    The talk is listened to last in a run: what came in the very second of the decision came after
    it, as far as whole seconds tell.
    """

    memory: Memory
    at: datetime
    live: bool

    def spans(self, source: str, since: Mapping[str, datetime]) -> Mapping[str, Sequence[Span]]:
        """Return the joined spans that *source* answered, by event."""
        answers, now = self.memory.answers[source], int(self.at.timestamp()) - 1
        if answers.silent:
            return {}
        found = {
            event: answers.spans(event, int(first.timestamp()), now, live=self.live)
            for event, first in since.items()
        }
        return {event: held for event, held in found.items() if held}

    def kept_hours(
        self, event_id: str, key: str, ends: Sequence[int]
    ) -> Mapping[int, Counts | None]:
        """Return the hours counted by then, for exactly these sources."""
        held, now = self.memory.hours(event_id, key), int(self.at.timestamp())
        found: dict[int, Counts | None] = {}
        for end in ends:
            known = [one for one in held.get(end, ()) if one[1] <= now]
            first = next((counts for counts, _ in known if counts is not None), None)
            if first is not None or (known and known[-1][1] > now - DEAF_FOR_S):
                found[end] = first
        return found

    def posts(self, asked: Sequence[tuple[str, int, int]]) -> Mapping[str, Sequence[Post]]:
        """Return the posts about each event in its spans."""
        if not asked:
            return {}
        return posts_of_spans(
            self.memory.look,
            asked,
            as_of=self.at - SECOND,
            least_score=ACCEPT,
            age_s=hype.EQUAL_AGE_S,
            seen_by=None if self.live else from_epoch(SOME_DAY),
        )
