"""The past of the talk: planned, asked the newest first, cut short, failed, killed and resumed."""

import os
import select
import signal
import sys
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from homes import DAY, NOON, SLOT, Home, MakeHome  # beside this file
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.app import past_talk
from trading_cli.app.listening import listen
from trading_cli.app.past_talk import STEP_S, missing
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import from_epoch
from trading_cli.research.hype import EQUAL_AGE_S, HypeRules
from trading_cli.research.matching import ACCEPT, topic_query
from trading_cli.store import listings, talk
from trading_cli.store.talk_hours import posts_of_spans

PAST = tuple(STEP_S)
LAG_S = 900
DEPTH = timedelta(days=28)
WEEK = timedelta(days=7)
STUCK_S = 60.0
SPAN = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda s: (s[0], s[0] + s[1]))


@pytest.fixture
def kit(make_home: MakeHome) -> Home:
    """Return a home that follows three events, whose venue has been asked."""
    return followed(make_home, "home")


def followed(make_home: MakeHome, name: str, **collection: Any) -> Home:
    """Return such a home called *name*."""
    home = make_home(
        name, panel={"max_markets": 3, "per_event": 1}, read_timeout_s=10.0, **collection
    )
    home.collect()
    return home


def ask(home: Home, depth: timedelta | None = DEPTH, sources: tuple[str, ...] = PAST) -> Any:
    """Ask the talk alone, and its past as *depth* says."""
    return home.collect(backfill=depth, sources=sources, force=True)


def states(home: Home, *sources: str) -> Counter[str]:
    """Return how many windows of *sources* (all, if none) are in which state."""
    rows = home.rows("SELECT state, source FROM talk_windows")
    return Counter(state for state, source in rows if not sources or source in sources)


def events(home: Home) -> dict[str, str]:
    """Return the title of each event followed."""
    return {m.event_id or m.id: m.event_title or m.question for m in home.followed()}


def flood(
    home: Home, monkeypatch: pytest.MonkeyPatch, times: list[int], words: str = "Word of it"
) -> None:
    """Let each source know one post at each of *times*, of *words* in an order of its own."""

    def text(source: str, at: int) -> str:
        mixed = [*words.split(), *(f"{source}{at + n}" for n in range(3))]
        Random(f"{source}{at}").shuffle(mixed)  # noqa: S311  # no two alike, so no copies
        return " ".join(mixed)

    def posts(source: str, _query: str, start: float, end: float, _now: float) -> list[Any]:
        return [
            {"id": f"{source}{at}", "text": text(source, at), "author": f"ann{at}", "created": at}
            | {
                "url": f"https://{source}.example/{at}",
                "domain": f"a{at}.example",
                "language": "en",
            }
            | {"likes": 1, "reposts": 0, "replies": 0, "followers": None}
            for at in sorted(times, reverse=True)
            if start <= at < end
        ]

    monkeypatch.setattr(home.exchange.world, "posts", posts)


def test_hype_has_its_whole_baseline_at_once(make_home: MakeHome, monkeypatch):
    """After a backfill an event that is talked of has hype, FULL, before the first hour is over."""
    home = make_home("home", panel={"max_markets": 1}, read_timeout_s=10.0)
    home.collect()
    ((event, title),) = events(home).items()
    usual = [NOON - DAY * back + 2400 * n for back in range(1, 30) for n in range(35)]
    flood(home, monkeypatch, [*usual, *range(NOON - 5400, NOON - 1800, 450)], title)
    report = ask(home)
    assert (report.state, report.counts["windows_left"]) == ("OK", 0)
    with home.looking() as look:
        found = listen(look, [event], at=home.clock.now(), rules=HypeRules()).features[event]
    assert found.value is not None, found
    assert (found.inputs["baseline"], found.provisional) == ("FULL", False)
    assert found.inputs["baseline_days"] == 28
    assert found.inputs["sources"] == sorted(PAST)
    # likes as of today say nothing of an hour a week ago
    assert found.inputs["set"] == ["velocity", "volume"]


def test_the_past_is_whole_and_without_doubles(kit):
    """Every post the exchange can tell of the span is kept once, and every window is done."""
    report = ask(kit, WEEK)
    world, now = kit.exchange.world, int(kit.clock.now().timestamp())
    end = (now - LAG_S) // SLOT * SLOT
    for name in ("bluesky", "hacker_news"):
        for event, title in events(kit).items():
            told = world.posts(name, topic_query(title), end - 7 * DAY, end, now)
            kept = kit.rows(
                "SELECT p.post_id FROM post_events e JOIN posts p ON p.id = e.post"
                " WHERE e.event_id = ? AND p.source = ? AND e.event_time >= ? AND e.event_time < ?",
                (event, name, end - 7 * DAY, end),
            )
            assert {one[0].rsplit("/", 1)[-1] for one in kept} == {str(p["id"]) for p in told}
            assert len(kept) == len(told) > 0
    assert states(kit).keys() <= {"done", "empty", "split"}
    assert report.counts["windows_left"] == 0
    before = kit.counts()
    again = ask(kit, WEEK)
    assert again.counts["past_posts"] == 0
    assert kit.counts()["posts"] == before["posts"]
    assert kit.counts()["post_links"] == before["post_links"]
    assert kit.counts()["conflicts"] == 0


def test_who_may_know_the_past_when(kit):
    """A backtest knows a post 15 minutes after it was made; a decision only once we had it."""
    ask(kit, WEEK)
    now = kit.clock.now()
    row = kit.rows(
        "SELECT e.event_id, p.post_id, p.event_time, p.available_at, p.observed_at, p.origin"
        " FROM posts p JOIN post_events e ON e.post = p.id JOIN post_links l ON l.post = p.id"
        " JOIN post_seen s ON s.post = p.id WHERE p.source = 'bluesky' AND l.score >= ?"
        " AND NOT l.about_price AND l.duplicate_of IS NULL AND p.event_time < ?"
        " ORDER BY p.event_time LIMIT 1",
        (ACCEPT, NOON - DAY),
    )
    event, name, at, available, observed, origin = row[0]
    assert (available, observed, origin) == (at + LAG_S, int(now.timestamp()), 1)
    made = from_epoch(at)

    def known(as_of: int) -> list[Any]:
        with kit.looking() as look:
            found = talk.posts_for(
                look, event, since=made, until=made + timedelta(seconds=1), as_of=from_epoch(as_of)
            )
        return [post.likes for post in found if post.id == name]

    def usable(as_of: int) -> list[Any]:
        with kit.looking() as look:
            found = posts_of_spans(
                look,
                [(event, at, at + 1)],
                as_of=from_epoch(as_of),
                least_score=ACCEPT,
                age_s=EQUAL_AGE_S,
            )
        return [post.likes for post in found.get(event, ()) if post.id == name]

    assert known(at + LAG_S - 1) == []
    assert known(at + LAG_S) == [None], "likes counted later"
    assert known(observed) != [None]
    assert usable(observed - 1) == []
    assert usable(observed) == [None], "likes not counted at that age"


def test_a_run_without_time_only_plans(make_home: MakeHome):
    """The past waits until the present was asked; a later run with time does all of it."""
    poor = followed(make_home, "home")
    poor.at(1)
    ask(poor, None)
    planned = states(poor)
    assert set(planned) == {"planned"}
    assert not unheard(poor)
    rich = make_home("home", backfill_seconds=300, read_timeout_s=10.0)
    rich.at(2)
    report = ask(rich, None)
    assert report.counts["windows_left"] == 0
    assert states(rich)["done"] > 0
    asked = rich.exchange.sent()["bluesky /xrpc"]["total"]
    rich.at(3)
    before = states(rich).total()
    ask(rich, None, sources=("gdelt",))
    assert states(rich).total() == before, "planned once"
    assert rich.exchange.sent()["bluesky /xrpc"]["total"] == asked


def test_who_comes_back_is_owed_what_was_missed(make_home: MakeHome):
    """An event that left the panel and came back later gets the days in between, and no more."""
    home = make_home("home", panel={"max_markets": 1}, read_timeout_s=10.0)
    home.collect()
    ask(home, None)
    first = home.rows("SELECT source, max(stop) FROM talk_windows GROUP BY source")
    (market,) = home.followed()
    home.at(41)  # not the event's own quarter of the hour, so nobody asks what is new
    now = home.clock.now()
    with home.toolkit.open_store() as store, store.transaction() as tx:
        listings.panel_leave(tx, market.id, now - timedelta(hours=9), "SETTLED")
        listings.panel_enter(tx, market.id, now, now + WEEK)
    planned = states(home).total()
    ask(home, None)
    assert states(home).total() > planned
    for source, reached in home.rows("SELECT source, max(stop) FROM talk_windows GROUP BY source"):
        assert reached >= dict(first)[source]
    assert not unheard(home, until=int(now.timestamp()) - LAG_S)
    planned = states(home).total()
    ask(home, None)
    assert states(home).total() == planned


def unheard(home: Home, until: int = NOON - LAG_S) -> list[tuple[int, int]]:
    """Return what of the last 28 days was neither heard completely nor planned, of any event."""
    found = []
    for name in PAST:
        for event in events(home):
            known = home.rows(
                "SELECT since, until FROM coverage WHERE source = ?1 AND subject = ?2 AND complete"
                " UNION SELECT start, stop FROM talk_windows WHERE source = ?1 AND event_id = ?2",
                (name, event),
            )
            found += missing(NOON - 28 * DAY, until // SLOT * SLOT, known)
    return found


def test_a_source_that_fails_keeps_its_windows(make_home: MakeHome):
    """One source down: its windows stay to be asked, the others' are done; then it gets them."""
    kit = followed(make_home, "home")
    kit.exchange.faults({"fault": "server_error", "match": "/gdelt/"})
    report = ask(kit, WEEK)
    assert report.state == "PARTIAL"
    assert states(kit, "gdelt").keys() <= {"planned", "failed"}
    assert states(kit, "bluesky", "hacker_news").keys() <= {"done", "empty", "split"}
    assert report.counts["windows_left"] == states(kit, "gdelt").total() > 0
    kit.exchange.faults()
    later = make_home("home", limits_path="later.db", read_timeout_s=10.0)  # the pause is over
    again = ask(later, WEEK)
    assert again.state == "OK", again.sources
    assert states(later, "gdelt").keys() <= {"done", "empty", "split"}
    assert again.counts["windows_left"] == 0


def test_our_own_budget_is_nobodys_failure(make_home: MakeHome, exchange):
    """Where the present used up the requests, the past stays planned, untried and unblamed."""
    slow = {"url": f"{exchange.url}/gdelt", "requests_per_minute": 1}
    home = followed(make_home, "home", gdelt=slow, backfill_seconds=1)
    home.at(1)
    busy = ask(home, None, sources=("gdelt",))
    tries = home.rows("SELECT state, max(tries), count(*) FROM talk_windows GROUP BY 1")
    assert ("planned", 0) in [row[:2] for row in tries]
    assert "failed" not in states(home)
    assert "gdelt.past" not in busy.sources or busy.sources["gdelt.past"].state == "ok"
    assert home.rows("SELECT count(*) FROM failures WHERE detail LIKE '%budget%'") == [(0,)]


def test_an_answer_nobody_can_read_is_asked_again_later(kit):
    """What is no answer marks its window failed, tried once; the next run asks it again."""
    kit.exchange.faults({"fault": "html_page", "match": "/hacker_news/", "times": 4})
    ask(kit, WEEK, sources=("hacker_news",))
    kept = states(kit)
    assert 0 < kept["failed"] <= 4
    assert "planned" not in kept, "one bad answer stops nobody else's question"
    kit.exchange.faults()
    report = ask(kit, WEEK, sources=("hacker_news",))
    assert report.counts["windows_left"] == 0
    assert states(kit).keys() <= {"done", "empty"}


def test_an_answer_cut_short_is_asked_again_in_halves(make_home: MakeHome, monkeypatch):
    """720 articles a week do not fit in one answer: all are there in the end, known complete."""
    home = make_home("home", panel={"max_markets": 1}, read_timeout_s=10.0)
    home.collect()
    times = list(range(NOON - 5 * DAY, NOON - 3600, SLOT // 2))
    flood(home, monkeypatch, times)
    ask(home, WEEK, sources=("gdelt",))
    done = states(home)
    assert done["split"] > 0
    assert done.keys() <= {"split", "done", "empty"}
    assert home.counts()["posts"] == len(times)
    whole = home.rows(
        "SELECT since, until FROM coverage WHERE source = 'gdelt' AND complete ORDER BY since"
    )
    assert missing(NOON - 7 * DAY, NOON - LAG_S, whole) == []


def test_too_much_for_the_shortest_window_is_said_not_asked_forever(
    make_home: MakeHome, monkeypatch
):
    """300 stories in a minute never fit: the hour is marked as cut short and not complete."""
    home = make_home("home", panel={"max_markets": 1}, read_timeout_s=10.0)
    home.collect()
    burst = NOON - 3 * DAY
    flood(home, monkeypatch, [burst + n // 5 for n in range(300)] + list(range(burst, burst + 300)))
    report = ask(home, WEEK, sources=("hacker_news",))
    done = states(home)
    assert done["truncated"] == 1
    assert report.counts["windows_left"] == 0
    whole = home.rows(
        "SELECT since, until FROM coverage WHERE source = 'hacker_news' AND complete ORDER BY since"
    )
    (hole,) = missing(NOON - 7 * DAY, NOON - LAG_S, whole)
    assert hole[0] <= burst < hole[1]
    assert hole[1] - hole[0] <= 3600


@given(st.lists(SPAN, max_size=6), SPAN)
def test_what_is_missing_is_what_no_span_holds(known, wanted):
    """Whatever was heard: each instant asked for is in one missing span or was heard, not both."""
    found = missing(*wanted, known)
    for at in range(80):
        inside = sum(start <= at < stop for start, stop in found)
        heard = any(start <= at < stop for start, stop in known)
        assert inside == (wanted[0] <= at < wanted[1] and not heard)


def ask_until_killed(home: Home, groups: int, told: int) -> None:
    """In a forked child: ask for the past, and say so once *groups* were kept."""
    clock = FrozenClock(home.clock.now())
    own = Home(Toolkit(home.toolkit.loaded, clock=clock, env={}), clock, home.exchange, home.config)
    keep, kept = past_talk.keep_posts, []

    def counted(*args: Any) -> Any:
        kept.append(1)
        if len(kept) == groups:
            os.write(told, b"k")
        return keep(*args)

    past_talk.keep_posts = counted  # the child's own copy
    ask(own, WEEK)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_killed_midway_it_goes_on_without_doubles(make_home: MakeHome):
    """Killed with -9 while windows are being kept, three times: in the end all is there, once."""
    if sys.platform != "linux":
        pytest.skip("needs fork")
    whole, home = followed(make_home, "whole"), followed(make_home, "home")
    ask(whole, WEEK)
    for groups in (1, 2, 3):
        heard, told = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(heard)
                ask_until_killed(home, groups, told)
            finally:
                os._exit(1)
        os.close(told)
        ready, _, _ = select.select([heard], [], [], STUCK_S)
        assert ready
        assert os.read(heard, 1) == b"k", "killed too late"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(heard)
    assert states(home)["planned"] > 0
    ask(home, WEEK)
    assert home.rows("PRAGMA quick_check") == [("ok",)]
    names = "SELECT source, post_id, event_time FROM posts ORDER BY 1, 2"
    links = (
        "SELECT p.source, p.post_id, l.event_id, l.market, l.score FROM post_links l"
        " JOIN posts p ON p.id = l.post ORDER BY 1, 2, 3, 4"
    )
    assert home.rows(names) == whole.rows(names)
    assert home.rows(links) == whole.rows(links)
    assert home.counts()["conflicts"] == 0
    assert states(home).keys() <= {"done", "empty", "split"}
