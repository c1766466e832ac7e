"""When a notice is told, with which others, how fast and through which channel. Pure.

Critical ones first, at any hour; of the others a few a day, outside the quiet hours, and the rest
in one digest. What has expired is never told. What was cut off while it was sent is told again
only if it is critical; else the digest says that it may have been told.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from trading_cli.alerts import AlertsSection, Message
from trading_cli.domain import Notice, Severity

LAST_MOMENT = timedelta(seconds=20)  # an attempt may take so long: nothing is told as it expires
BACKOFF_S = (2.0, 5.0, 30.0, 60.0, 120.0, 300.0)
LONGEST_WAIT_S = 3600.0
CRITICAL_WAITS_S = 60.0
MINUTE_S = 60.0
GAP_S = 1.0
LINES = 60
UNPROVEN = "UNPROVEN"  # said wherever a signal is
WIDE = 160
_WORST = {Severity.INFO: 0, Severity.WARN: 1, Severity.ERROR: 2}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice in the queue. ``unsure``: a send of it was cut off, it may have arrived."""

    id: int
    notice: Notice
    unsure: bool = False
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes out as one message, unless it is a summary: that takes the digest along."""

    members: tuple[Waiting, ...]

    @property
    def critical(self) -> bool:
        """Return whether any of it is."""
        return any(one.notice.critical for one in self.members)

    @property
    def kind(self) -> str:
        """Return the kind, the same for all."""
        return self.members[0].notice.kind

    @property
    def refused(self) -> frozenset[str]:
        """Return the channels that do not take it."""
        return frozenset().union(*(one.refused for one in self.members))


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the queue now: ids by the state they go into, and what is sent, in order."""

    states: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    batches: tuple[Batch, ...] = ()
    held: int = 0


def plan(
    waiting: Sequence[Waiting], section: AlertsSection, *, told_today: int, now: datetime
) -> Plan:
    """Return what becomes of *waiting* (critical first, then oldest) at *now*.

    *told_today* counts the messages of the day that were neither critical nor a summary.
    """
    fates = {one.id: _fate(one, section, now) for one in waiting}
    alive = [one for one in waiting if not fates[one.id]]
    critical = _batches([one for one in alive if one.notice.critical], section.coalesce_above)
    rest = [one for one in alive if not one.notice.critical]
    if quiet(now, section):
        return Plan(_by_state(fates), tuple(critical), len(rest))
    summaries = [Batch((one,)) for one in rest if one.notice.kind == "summary"]
    others = _batches([one for one in rest if one.notice.kind != "summary"], section.coalesce_above)
    left = max(0, section.max_per_day - told_today)
    fates |= {one.id: "DIGEST" for batch in others[left:] for one in batch.members}
    return Plan(_by_state(fates), (*critical, *others[:left], *summaries))


def _fate(one: Waiting, section: AlertsSection, now: datetime) -> str:
    """Return the state *one* goes into at once, "" where it may be told."""
    notice = one.notice
    if expired(notice, now):
        return "EXPIRED"
    if notice.critical:
        return ""
    if notice.kind not in section.kinds:
        return "MUTED"
    old = now - notice.created_at > timedelta(hours=section.max_age_hours)
    return "DIGEST" if one.unsure or old else ""


def expired(notice: Notice, now: datetime) -> bool:
    """Return whether *notice* could arrive too late."""
    return notice.expires_at is not None and notice.expires_at <= now + LAST_MOMENT


def _by_state(fates: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
    states = sorted({state for state in fates.values() if state})
    return {state: tuple(one for one, got in fates.items() if got == state) for state in states}


def _batches(alive: Sequence[Waiting], above: int) -> list[Batch]:
    """Return one batch each, or one for all of a kind of which there are more than *above*."""
    count = Counter(one.notice.kind for one in alive)
    many = {kind for kind, times in count.items() if times > above}
    grouped: dict[tuple[str, int], list[Waiting]] = {}
    for one in alive:
        kind = one.notice.kind
        grouped.setdefault((kind, 0 if kind in many else one.id), []).append(one)
    return [Batch(tuple(members)) for members in grouped.values()]


def message(batch: Batch, at: datetime, *, digest: Sequence[Waiting] = ()) -> Message:
    """Return *batch* as it is sent; a summary ends with the *digest*."""
    notices = tuple(one.notice for one in batch.members)
    first = notices[0]
    worst = max((one.severity for one in notices), key=_WORST.__getitem__)
    again = any(one.unsure for one in batch.members)
    if len(notices) == 1:
        text, key = first.text, first.key
    else:
        text = "\n".join((f"{len(notices)} x {batch.kind}:", *_lines(batch.members)))
        key = f"{first.key} +{len(notices) - 1}"
    if digest:
        text = "\n".join((text, "", f"Not told one by one: {len(digest)}", *_lines(digest)))
    if again:
        text = f"(You may have been told already.)\n{text}"
    if batch.critical:
        text = f"CRITICAL\n{text}"
    every = (*notices, *(one.notice for one in digest))
    if UNPROVEN not in text and any(one.kind == "signal" for one in every):
        text = f"{text}\n{UNPROVEN}."
    return Message(key, batch.kind, worst.value, batch.critical, text, at, every)


def _lines(members: Sequence[Waiting]) -> list[str]:
    """Return one line for each, its key at the end; beyond ``LINES`` only how many more."""
    lines = [_line(one) for one in members[:LINES]]
    more = len(members) - len(lines)
    return [*lines, f"… and {more} more: trading alerts list"] if more else lines


def _line(one: Waiting) -> str:
    """Return when, what, until when, the key, and whether it may have been told."""
    notice = one.notice
    until = "" if notice.expires_at is None else f" (until {notice.expires_at:%H:%M} UTC)"
    doubt = " (may have been told)" if one.unsure else ""
    at = f"{notice.created_at:%H:%M}"
    return f"- {at} {_short(notice.text)}{until} [{notice.key}]{doubt}"


def _short(text: str) -> str:
    """Return the beginning of *text* on one line."""
    line = " · ".join(part.strip() for part in text.splitlines()[:2])
    return line if len(line) <= WIDE else f"{line[: WIDE - 1]}…"


# ---------------------------------------------------------------- the clock of the owner


def _quiet_span(section: AlertsSection) -> tuple[time, time] | None:
    begin, _, end = section.quiet_hours.partition("-")
    if not end or begin == end:
        return None
    return time.fromisoformat(begin), time.fromisoformat(end)


def quiet(now: datetime, section: AlertsSection) -> bool:
    """Return whether *now* is in the quiet hours, which may go over midnight."""
    span = _quiet_span(section)
    if span is None:
        return False
    begin, end = span
    at = now.astimezone(ZoneInfo(section.timezone)).time()
    return begin <= at < end if begin < end else at >= begin or at < end


def day_start(now: datetime, section: AlertsSection) -> datetime:
    """Return the midnight that began the owner's day."""
    return now.astimezone(ZoneInfo(section.timezone)).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0
    )


def digest_at(now: datetime, section: AlertsSection) -> datetime:
    """Return when the newest digest was due: the end of the quiet hours, else midnight."""
    span = _quiet_span(section)
    midnight = day_start(now, section)
    if span is None:
        return midnight
    due = midnight.replace(hour=span[1].hour, minute=span[1].minute)
    if due > now:
        before = day_start(midnight - timedelta(hours=1), section)
        due = before.replace(hour=span[1].hour, minute=span[1].minute)
    return due


# ---------------------------------------------------------------- how fast, and through which


def pace(sent: Iterable[tuple[float, int]], at: float, per_minute: int | None) -> float:
    """Return the seconds to wait at *at* before the next message to one place.

    *sent* is (epoch seconds, parts) of what went there. One a second, *per_minute* in any minute;
    ``None``: no limit.
    """
    if per_minute is None:
        return 0.0
    times = sorted(itertools.chain.from_iterable(itertools.repeat(t, n) for t, n in sent))
    times = [one for one in times if one > at - MINUTE_S]
    waits = [0.0]
    if times:
        waits.append(times[-1] + GAP_S - at)
    if len(times) >= per_minute:
        waits.append(times[-per_minute] + MINUTE_S - at)
    return max(waits)


def backoff(failures: int, asked: float | None = None) -> float:
    """Return the seconds a channel is left alone after so many failures in a row.

    *asked* is what it told us to wait, where it did: that counts, up to an hour.
    """
    if asked is not None and math.isfinite(asked):
        return min(max(asked, GAP_S), LONGEST_WAIT_S)
    return BACKOFF_S[min(max(failures, 1), len(BACKOFF_S)) - 1]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a channel does: failures in a row, seconds for which it is to be left alone."""

    failures: int = 0
    wait: float = 0.0


def choose(
    names: Sequence[str], standing: Mapping[str, Standing], *, critical: bool, limit: int
) -> tuple[str | None, float]:
    """Return the channel to use now, or ``None`` and the seconds until there is one.

    The first of *names* that is not failing; one that failed *limit* times in a row is asked again
    when its wait is over, and passed by until then. A critical message waits for no channel
    longer than a minute.
    """
    waits: list[float] = []
    for name in names:
        here = standing.get(name, Standing())
        if here.wait <= 0:
            return name, 0.0
        waits.append(here.wait)
        if here.failures < limit and not (critical and here.wait > CRITICAL_WAITS_S):
            break
    return None, min(waits, default=math.inf)


# ---------------------------------------------------------------- on an edge, not on a level


@dataclass(frozen=True, slots=True)
class Edge:
    """Whether something is raised, and for how many looks in a row it has been otherwise."""

    raised: bool = False
    streak: int = 0


def watch(before: Edge, *, bad: bool, raise_after: int = 2, clear_after: int = 4) -> Edge:
    """Return how it stands after one more look.

    It is raised after *raise_after* bad looks in a row, and cleared after *clear_after* good ones,
    so that what flickers is told once.
    """
    if bad == before.raised:
        return Edge(before.raised, 0)
    streak = before.streak + 1
    turns = streak >= (clear_after if before.raised else raise_after)
    return Edge(not before.raised, 0) if turns else Edge(before.raised, streak)
