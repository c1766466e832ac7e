"""The talk about the events we follow: asked in fixed rotation, matched, scored and kept.

Every event of the panel has its turn once an hour, in an order that neither price nor volume
chooses. A source that is absent or failing is a named state, never a zero.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta

from trading_cli.app.collection import Collection
from trading_cli.app.gather import Gathered, Tally, drain
from trading_cli.app.linking import Near, keep_posts, subjects_at, topics_of
from trading_cli.app.runs import only_run
from trading_cli.app.selection import Selection
from trading_cli.app.toolkit import Voice
from trading_cli.core.errors import RunLocked
from trading_cli.domain import SLOT_SECONDS, Coverage, Post, Wanted
from trading_cli.research import rotation
from trading_cli.research.matching import Scorer, Subject
from trading_cli.store import backfill, ledger
from trading_cli.store.talk import record_coverage

LOOK_BACK = timedelta(hours=2)
FARTHEST = timedelta(hours=24)
ROUND = timedelta(hours=1)
SPARE_S = 60.0


def listen(work: Collection, asked: Selection) -> None:
    """Ask every voice about the events due in this slot, and keep what they say."""
    try:
        with only_run(work.toolkit.loaded.database.parent, "talk", work.now):
            _listen(work, asked)
    except RunLocked as error:
        work.report.warnings.append(error.message)


def _listen(work: Collection, asked: Selection) -> None:
    subjects = subjects_at(work.store, work.toolkit.clock.now())
    voices, absent = work.toolkit.voices(x_spent=_spent(work))
    for name, why in absent.items():
        if name in asked.voices:
            _absent(work, name, why)
    chosen = {name: voice for name, voice in voices.items() if name in asked.voices}
    if not subjects or not chosen:
        return
    _reserve(work, chosen.values())
    scorer = Scorer(list(subjects.values()))
    work.say(f"talk: asking {', '.join(chosen)}, each at its own pace; this can take minutes")
    with ThreadPoolExecutor(len(chosen), "talk") as pool:
        heard = [
            pool.submit(
                drain,
                voice.source,
                _wanted(work, name, voice, subjects),
                clock=work.toolkit.clock,
                clients=(voice.client,),
            )
            for name, voice in chosen.items()
        ]
        for future in as_completed(heard):
            _keep(work, future.result(), subjects, scorer)
    _settle(work, chosen.values())


def _spent(work: Collection) -> float:
    """Return what paid talk has cost this UTC day, in USD."""
    with work.store.reading() as look:
        return float(backfill.meta(look, _purse(work)) or 0.0)


def _purse(work: Collection) -> str:
    return f"talk.spent.{work.now:%Y-%m-%d}"


def _reserve(work: Collection, voices: Iterable[Voice]) -> None:
    """Charge the worst case before asking, so that a run killed midway cannot spend it again."""
    for bill, requests in ((voice.bill, voice.per_slot) for voice in voices):
        if bill is not None:
            with work.store.transaction() as tx:
                backfill.set_meta(tx, _purse(work), repr(bill.spent + bill.worst * requests))


def _settle(work: Collection, voices: Iterable[Voice]) -> None:
    """Write down what was spent in truth."""
    for bill in (voice.bill for voice in voices):
        if bill is not None:
            with work.store.transaction() as tx:
                backfill.set_meta(tx, _purse(work), repr(bill.spent))


def _absent(work: Collection, name: str, why: str) -> None:
    work.report.sources[name] = Tally(state="off", message=why)
    with work.store.transaction() as tx:
        ledger.set_source_state(tx, name, "off", why, work.now)


def _wanted(work: Collection, name: str, voice: Voice, subjects: Mapping[str, Subject]) -> Wanted:
    due = rotation.due(subjects, work.slot, per_slot=voice.per_slot, first=voice.first)
    topics = topics_of(subjects, due)
    clock = work.toolkit.clock
    left = work.slot + SLOT_SECONDS - SPARE_S - clock.now().timestamp()
    deadline = clock.monotonic() + max(left, 1.0)
    return Wanted(_since(work, name), work.now, topics=topics, deadline=deadline)


def _since(work: Collection, name: str) -> datetime:
    """Return from when to ask: two hours back, or as far as nobody listened, a day at most."""
    with work.store.reading() as look:
        heard = backfill.watermark(look, f"talk.{name}")
    start = work.now - LOOK_BACK
    since = work.now - FARTHEST if heard is None else min(start, heard - ROUND)
    return max(since, work.now - FARTHEST)


def _keep(
    work: Collection, heard: Gathered, subjects: Mapping[str, Subject], scorer: Scorer
) -> None:
    until = work.now + timedelta(seconds=SLOT_SECONDS)  # also what no decision may use yet
    near = Near(work.now - FARTHEST, until, until)
    with work.store.transaction() as tx:
        written = keep_posts(tx, heard.source, heard.of(Post), subjects, scorer, near)
        record_coverage(tx, heard.of(Coverage))
        if not heard.error:
            backfill.set_watermark(tx, f"talk.{heard.source}", work.now)
    work.note(heard, written.new)
    work.report.counts["posts"] = work.report.counts.get("posts", 0) + written.new
