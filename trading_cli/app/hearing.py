"""How much talk was really heard: counted by what the sources answered, never by the calendar.

A gap of months counts for nothing; a past that was asked for counts in full.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from trading_cli.app.selection import VOICES
from trading_cli.domain import slot_of
from trading_cli.research.hype import AROUND, FULL, HOUR, HypeRules, baseline_ends, standing
from trading_cli.store import Transaction, progress
from trading_cli.store.progress import Span

DAY = timedelta(days=1)
SAMPLE = 8
"""Of so many pairs of a source and an event, those asked about longest, the best counts."""
SPAN = timedelta(days=30)
"""Correlation looks back so far."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the event heard most has of a baseline: days in all, of the last few, and its worth.

    ``state`` is FULL, PROVISIONAL or "", by the rule of hype itself; ``going`` whether anybody
    answered within the last day.
    """

    days: float = 0.0
    late: float = 0.0
    state: str = ""
    going: bool = False


def baseline(look: Transaction, now: datetime, rules: HypeRules) -> Baseline:
    """Return how far the best-heard event is; three hours a day make a day."""
    backs = baseline_ends(slot_of(now), rules.baseline_days)
    since = now - timedelta(days=rules.baseline_days + 1)
    found = [
        _baseline(progress.heard(look, source, event, since=since, as_of=now), backs, now, rules)
        for source, event in progress.first_asked(look, VOICES, as_of=now)[:SAMPLE]
    ]
    return max(found, key=lambda one: (one.state == FULL, one.state, one.days), default=Baseline())


def _baseline(
    spans: Sequence[Span], backs: Mapping[int, int], now: datetime, rules: HypeRules
) -> Baseline:
    held = [back for end, back in backs.items() if _covered(spans, end)]
    late = [back for back in held if back <= rules.provisional_days]
    going = bool(spans) and spans[-1][1] > (now - DAY).timestamp()
    return Baseline(_days(held), _days(late), standing(held, rules), going)


def _days(backs: Sequence[int]) -> float:
    return min(float(len(set(backs))), len(backs) / len(AROUND))


def _covered(spans: Sequence[Span], end: int) -> bool:
    """Return whether one of the joined *spans* holds all of (end - 1 h, end]."""
    return any(start <= end - HOUR + 1 and end < stop for start, stop in spans)


def usable_hours(look: Transaction, now: datetime, rules: HypeRules) -> float:
    """Return in how many hours of its last 30 days the median market had both talk and a price.

    Hours before an event has a provisional baseline do not count. It is at most what correlation
    finds usable: that also wants the price of the hour before.
    """
    followed = progress.followed(look, as_of=now)
    heard: dict[str, set[int]] = {}
    hours: list[int] = []
    for market, event in followed:
        if event not in heard:
            heard[event] = _warm(look, event, now, rules)
        priced = progress.priced_hours(look, market, since=now - SPAN, as_of=now)
        hours.append(len(heard[event] & priced))
    return float(median(hours)) if hours else 0.0


def _warm(look: Transaction, event: str, now: datetime, rules: HypeRules) -> set[int]:
    """Return the hours of *event* its best source answered, from a provisional baseline on."""
    best: set[int] = set()
    begin = now - SPAN - timedelta(days=rules.baseline_days)
    for source in VOICES:
        ends = {
            end // HOUR
            for start, stop in progress.heard(look, source, event, since=begin, as_of=now)
            for end in range(-(-(start + HOUR - 1) // HOUR) * HOUR, stop, HOUR)
        }
        best = max(best, ends, key=len)
    ordered = sorted(best)
    return set(ordered[rules.provisional_days * 24 :])
