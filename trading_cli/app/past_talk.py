"""The past of the talk: what was said about an event before we began to listen.

Each event of the panel is owed its last 28 days, less what was heard completely already, in windows
that are planned once per source and asked the newest first, round all events in the order of the
rotation. An answer cut short is asked again in halves. What a run does not get to stays planned;
what a source does not answer is tried again by a later run.

Engagement comes as it stands now, which says nothing of how it stood when a post was as old as
those of today: it is kept under the time of the look.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from trading_cli.app.collection import Collection
from trading_cli.app.gather import Gathered, Tally, drain
from trading_cli.app.linking import Near, keep_posts, subjects_at, topics_of
from trading_cli.app.past import DEPTH
from trading_cli.app.runs import only_run
from trading_cli.app.selection import Selection
from trading_cli.app.toolkit import Voice
from trading_cli.core.errors import (
    CircuitOpen,
    RunLocked,
    SourceDown,
    SourceRefused,
    SourceThrottled,
)
from trading_cli.domain import (
    SLOT_SECONDS,
    Coverage,
    Failure,
    Origin,
    Post,
    Refusal,
    Wanted,
    from_epoch,
    slot_of,
)
from trading_cli.research import rotation
from trading_cli.research.matching import Scorer, Subject
from trading_cli.store import Transaction, listings, talk_windows
from trading_cli.store.features import spans
from trading_cli.store.rows import LAGS_S
from trading_cli.store.talk import record_coverage
from trading_cli.store.talk_windows import Span, TalkWindow

DAY_S = 86_400
STEP_S = {"gdelt": 7 * DAY_S, "bluesky": 4 * DAY_S, "hacker_news": 14 * DAY_S}
"""The sources that can be asked about a past span, and how much at once their answers hold."""
REACH = {"gdelt": timedelta(days=90)}
"""Beyond this a source answers less than it was asked, without saying so."""
SHORTEST = timedelta(hours=1)
NEAR_BY = timedelta(hours=24)
EVENTS_AT_ONCE = 10
WINDOWS_A_WORD = 500
SPARE_S = 60.0
NOT_ASKED = "not_asked"
SILENT = frozenset(
    {NOT_ASKED, *(one.code for one in (SourceDown, SourceThrottled, CircuitOpen, SourceRefused))}
)
"""Why a source did not answer that will not answer the next question either."""

Group = list[TalkWindow]


@dataclass(slots=True)
class _Past:
    """One filling of the past under way: what its steps share."""

    work: Collection
    subjects: Mapping[str, Subject]
    scorer: Scorer
    voices: Mapping[str, Voice]
    events: Mapping[str, Sequence[str]]
    entered: Mapping[str, datetime]
    deadline: float | None
    totals: dict[str, Gathered] = field(default_factory=dict)
    asked: int = 0

    @property
    def late(self) -> bool:
        """Return whether the time for the past is over."""
        return self.deadline is not None and (self.work.toolkit.clock.monotonic() >= self.deadline)


def fill(work: Collection, asked: Selection, depth: timedelta | None = None) -> None:
    """Plan what the events are owed (or the last *depth* of all), and ask within the budget.

    With a *depth* there is no deadline; else the rest of what a run may spend on the past. The
    talk of the present, under the same lock, goes before.
    """
    try:
        with only_run(work.toolkit.loaded.database.parent, "talk", work.now):
            _fill(work, asked, depth)
    except RunLocked as error:
        work.report.warnings.append(error.message)


def _fill(work: Collection, asked: Selection, depth: timedelta | None) -> None:
    past = _begin(work, asked, depth)
    if not past.subjects or not past.voices:
        return
    _plan(past, depth)
    if not past.late:
        work.say(f"the past of the talk: asking {', '.join(past.voices)}")
        _ask(past)
    for total in past.totals.values():
        work.note(total, total.tally.stored)
    counts = work.report.counts
    counts["past_posts"] = sum(total.tally.stored for total in past.totals.values())
    with work.store.reading() as look:
        counts["windows_left"] = counts.get("windows_left", 0) + _left(look, past)


def _begin(work: Collection, asked: Selection, depth: timedelta | None) -> _Past:
    clock = work.toolkit.clock
    subjects = subjects_at(work.store, clock.now())
    found, _ = work.toolkit.voices()
    voices = {name: found[name] for name in STEP_S if name in found and name in asked.voices}
    events = {
        name: rotation.taking_part(subjects, per_slot=voice.per_slot, first=voice.first)
        for name, voice in voices.items()
    }
    budget = work.toolkit.settings.data_collection.backfill_seconds - work.past_s
    room = work.slot + SLOT_SECONDS - SPARE_S - clock.now().timestamp()
    spent = room if work.patient else min(budget, room)
    deadline = None if depth is not None else clock.monotonic() + spent
    entered = _entered(work, subjects)
    scorer = Scorer(list(subjects.values()))
    return _Past(work, subjects, scorer, voices, events, entered, deadline)


def _entered(work: Collection, subjects: Mapping[str, Subject]) -> dict[str, datetime]:
    """Return when the first market of each event now followed came to the panel."""
    with work.store.reading() as look:
        members = listings.panel_members(look, as_of=work.toolkit.clock.now())
    return {
        event: min(
            (members[market.id] for market in subject.markets if market.id in members),
            default=work.now,
        )
        for event, subject in subjects.items()
    }


def _plan(past: _Past, depth: timedelta | None) -> None:
    """Plan what was neither heard completely nor planned; without a *depth*, of who entered since.

    The end is as far back as the lag we declare: what is younger may not be used yet.
    """
    work, entered = past.work, past.entered
    now = work.toolkit.clock.now()
    until = slot_of(now - timedelta(seconds=LAGS_S["talk"]))
    with work.store.transaction() as tx:
        for name, events in past.events.items():
            begin = now - min(depth or DEPTH, REACH.get(name, timedelta.max))
            since = slot_of(begin.replace(hour=0, minute=0))
            planned = talk_windows.planned(tx, name, events)
            owed = [
                event
                for event in events
                if depth is not None or _entered_since(entered[event], planned.get(event, ()))
            ]
            heard = spans(tx, name, dict.fromkeys(owed, from_epoch(since)), as_of=now)
            for event in owed:
                known = [*planned.get(event, ()), *heard.get(event, ())]
                if depth is None and event in planned and not _entered_since(entered[event], known):
                    continue
                owing = [_whole_slots(*span) for span in missing(since, until, known)]
                talk_windows.plan(tx, name, event, owing, STEP_S[name])


def _entered_since(entered: datetime, known: Sequence[Span]) -> bool:
    """Return whether what is *known* ends before the event came to the panel."""
    reached = max((stop for _, stop in known), default=0)
    return reached < slot_of(entered) - 2 * LAGS_S["talk"]


def _whole_slots(start: int, stop: int) -> Span:
    """Return the span with the quarters it cuts made whole: to them some sources round down."""
    return start // SLOT_SECONDS * SLOT_SECONDS, -(-stop // SLOT_SECONDS) * SLOT_SECONDS


def missing(since: int, until: int, known: Sequence[Span]) -> list[Span]:
    """Return the parts of [since, until) that no span of *known* holds, oldest first."""
    found: list[Span] = []
    at = since
    for start, stop in sorted(known):
        if start > at:
            found.append((at, min(start, until)))
        at = max(at, stop)
        if at >= until:
            break
    if at < until:
        found.append((at, until))
    return [(start, stop) for start, stop in found if start < stop]


def _ask(past: _Past) -> None:
    """Ask all sources at once, each one group of windows after the other, and keep what comes."""
    queues = {name: _groups(past, name) for name in past.voices}
    with ThreadPoolExecutor(len(queues), "past") as pool:
        under_way: dict[Future[Gathered], Group] = {}
        for queue in queues.values():
            _next(past, pool, queue, under_way)
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                group = under_way.pop(future)
                if _keep(past, group, future.result()):
                    _next(past, pool, queues[group[0].source], under_way)


def _next(
    past: _Past,
    pool: ThreadPoolExecutor,
    queue: Iterator[Group],
    under_way: dict[Future[Gathered], Group],
) -> None:
    """Ask the next group of *queue*, if there is one and time for it."""
    group = None if past.late else next(queue, None)
    if group is None:
        return
    voice = past.voices[group[0].source]
    topics = topics_of(past.subjects, [window.event_id for window in group])
    wanted = Wanted(group[0].start, group[0].stop, topics=topics, deadline=past.deadline)
    clock = past.work.toolkit.clock
    under_way[pool.submit(drain, voice.source, wanted, clock=clock, clients=(voice.client,))] = (
        group
    )


def _groups(past: _Past, name: str) -> Iterator[Group]:
    """Yield the windows of one source still to ask, each once a run, those of one span together.

    With a deadline each goes alone, so that one cut short costs no other.
    """
    size = EVENTS_AT_ONCE if past.deadline is None else 1
    place = {event: at for at, event in enumerate(past.events[name])}
    seen: set[int] = set()
    while True:
        with past.work.store.reading() as look:
            windows = talk_windows.todo(look, name, past.events[name])
        fresh = [window for window in windows if window.id not in seen]
        if not fresh:
            return
        seen.update(window.id for window in fresh)
        # the halves of what is asked now come in the next round
        spans_of: dict[tuple[int, datetime, datetime], Group] = {}
        for window in fresh:
            spans_of.setdefault((window.tries, window.stop, window.start), []).append(window)
        for held in spans_of.values():
            held.sort(key=lambda window: place[window.event_id])
            for at in range(0, len(held), size):
                yield held[at : at + size]


def _keep(past: _Past, group: Group, came: Gathered) -> bool:
    """Keep what came and mark the windows, in one transaction; return whether to go on asking."""
    silent = {one.reason for one in came.of(Failure)} & SILENT
    out_of_time = past.deadline is not None and (past.late or not came.tally.requests)
    if silent and out_of_time and not came.of(Coverage):
        return False  # our own time or budget was over: nobody failed
    work, source = past.work, came.source
    near = Near(
        group[0].start - NEAR_BY,
        group[0].stop + NEAR_BY,
        work.toolkit.clock.now() + timedelta(seconds=SLOT_SECONDS),
    )
    posts = [replace(post, origin=Origin.BACKFILLED) for post in came.of(Post)]
    with work.store.transaction() as tx:
        written = keep_posts(tx, source, posts, past.subjects, past.scorer, near)
        record_coverage(tx, came.of(Coverage))
        answered = _mark(tx, group, came)
    came.tally.stored = written.new
    _add(past, came)
    before, past.asked = past.asked, past.asked + len(group)
    if past.asked // WINDOWS_A_WORD > before // WINDOWS_A_WORD:
        with work.store.reading() as look:
            work.say(f"the past of the talk: {_left(look, past)} windows left")
    return came.error is None and NOT_ASKED not in silent and (answered > 0 or not silent)


def _mark(tx: Transaction, group: Group, came: Gathered) -> int:
    """Say of each window what became of it; return how many were answered."""
    covered = {one.subject: one for one in came.of(Coverage)}
    failed = {one.subject for one in came.of(Failure) if one.reason != NOT_ASKED}
    for window in group:
        answer = covered.get(window.event_id)
        if answer is None:
            if window.event_id in failed or came.error is not None:
                talk_windows.mark(tx, window.id, "failed", 0)
        elif answer.complete:
            talk_windows.mark(tx, window.id, "done" if answer.items else "empty", answer.items)
        elif window.stop - window.start > SHORTEST:
            talk_windows.split(tx, window, answer.items)
        else:
            talk_windows.mark(tx, window.id, "truncated", answer.items)
    return len(covered)


def _add(past: _Past, came: Gathered) -> None:
    """Count what *came* brought, and keep its refusals and failures; the posts are in the store."""
    total = past.totals.setdefault(came.source, Gathered(f"{came.source}.past", Tally()))
    rest = Gathered(came.source, came.tally, came.error)
    for refusal in came.of(Refusal):
        rest.add(refusal)
    for failure in came.of(Failure):
        rest.add(failure)
    total.absorb(rest)
    total.tally.stored += came.tally.stored
    if came.error is not None:
        total.error = came.error


def _left(look: Transaction, past: _Past) -> int:
    return sum(len(talk_windows.todo(look, name, events)) for name, events in past.events.items())
