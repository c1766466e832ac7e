"""The talk about the events we follow: asked in fixed rotation, matched, scored and kept.

Every event of the panel has its turn once an hour, in an order that neither price nor volume
chooses. A source that is absent or failing is a named state, never a zero.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta

from trading_cli.app.collection import Collection
from trading_cli.app.gather import Gathered, Tally, drain
from trading_cli.app.runs import only_run
from trading_cli.app.selection import Selection
from trading_cli.app.toolkit import Voice
from trading_cli.core.errors import RunLocked
from trading_cli.domain import SLOT_SECONDS, Coverage, Market, Post, Topic, Wanted
from trading_cli.research import rotation, sentiment
from trading_cli.research.matching import SCORER, MarketWords, Scorer, Subject, topic_query
from trading_cli.research.talk import about_price, duplicates
from trading_cli.store import Transaction, backfill, ledger, listings
from trading_cli.store.talk import (
    PostLink,
    posts_for,
    record_coverage,
    record_links,
    record_posts,
)

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
    subjects = _subjects(work)
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


def _subjects(work: Collection) -> dict[str, Subject]:
    """Return the events of the panel, by id, with the markets of theirs that we follow."""
    with work.store.reading() as look:
        members = listings.panel_members(look, as_of=work.toolkit.clock.now())
        markets = listings.listing_at(look, as_of=work.toolkit.clock.now(), venue_ids=list(members))
    grouped: dict[str, list[Market]] = defaultdict(list)
    for market in markets:
        grouped[market.event_id or market.id].append(market)
    return {
        event: Subject(
            event,
            held[0].event_title or held[0].question,
            tuple(MarketWords(market.id, market.question) for market in held),
        )
        for event, held in grouped.items()
    }


def _wanted(work: Collection, name: str, voice: Voice, subjects: Mapping[str, Subject]) -> Wanted:
    due = rotation.due(subjects, work.slot, per_slot=voice.per_slot, first=voice.first)
    topics = tuple(
        Topic(event, subjects[event].title, topic_query(subjects[event].title)) for event in due
    )
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
    posts = heard.of(Post)
    grouped = _by_event(posts)
    with work.store.transaction() as tx:
        earlier = {event: _earlier(tx, work, heard.source, event) for event in grouped}
        written = record_posts(tx, posts)
        record_links(tx, _links(grouped, earlier, subjects, scorer))
        record_coverage(tx, heard.of(Coverage))
        if not heard.error:
            backfill.set_watermark(tx, f"talk.{heard.source}", work.now)
    work.note(heard, written.new)
    work.report.counts["posts"] = work.report.counts.get("posts", 0) + written.new


def _earlier(tx: Transaction, work: Collection, source: str, event: str) -> list[Post]:
    """Return what *source* said about *event* in the last day and we heard before this look."""
    until = work.now + timedelta(seconds=SLOT_SECONDS)  # also what no decision may use yet
    stored = posts_for(tx, event, since=work.now - FARTHEST, until=until, as_of=until)
    return [post for post in stored if post.source == source]


def _links(
    grouped: Mapping[str, Sequence[Post]],
    earlier: Mapping[str, Sequence[Post]],
    subjects: Mapping[str, Subject],
    scorer: Scorer,
) -> Iterator[PostLink]:
    """Yield what each post is to its event: how surely about it, how it feels, whose copy it is."""
    for event, held in grouped.items():
        before = earlier[event]
        everyone = [*before, *held]
        copies = duplicates(everyone, known=len(before))
        for place, post in enumerate(held, len(before)):
            match = scorer.score(post.text, subjects[event], post.event_time.year)
            first = everyone[copies.get(place, place)].id
            yield PostLink(
                post.source,
                post.id,
                event,
                match.market_id,
                match.score,
                SCORER,
                about_price(post.text),
                sentiment.score(post.text, post.language),
                sentiment.VERSION,
                None if first == post.id else first,
                post.observed_at,
            )


def _by_event(posts: Iterable[Post]) -> dict[str, list[Post]]:
    grouped: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        grouped[post.event_id].append(post)
    return grouped
