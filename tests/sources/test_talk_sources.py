"""The five talk providers over real HTTP on loopback, in their own shapes, good and bad."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer
from talk_replies import (
    HOSTILE,
    MODULES,
    NOW,
    TOPICS,
    UNTIL,
    Item,
    build,
    client,
    reply,
    wanted,
)

from trading_cli.core.errors import SourceDown, SourceGarbled, SourceRefused, SourceThrottled
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Coverage, Failure, Post, Refusal
from trading_cli.sources import gdelt, google_news, x

NAMES = sorted(MODULES)
every = pytest.mark.parametrize("name", NAMES)


def serve(server: HTTPServer, name: str, body: bytes, **options: object) -> None:
    """Let *server* answer every question to *name* with *body*."""
    server.expect_request(MODULES[name].PATH).respond_with_data(body, **options)


def ask(server: HTTPServer, name: str, folder, *topics, **limits):
    """Return all records of one question."""
    with client(name, server.url_for(""), folder) as http:
        return list(build(name, http, **limits).collect(wanted(*topics)))


class Answers:
    """Stands where the HTTP client stands and gives prepared answers, one after the other."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked = []

    def get(self, path, params=None, **_limits):
        """Return, or raise, the next answer."""
        self.asked.append(dict(params))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Reply(200, answer, {}, path, NOW, 0.01)


@every
def test_posts_inside_the_hour_come_with_their_coverage(name, httpserver, tmp_path):
    """Two posts in the hour and one after it: two posts, one complete coverage."""
    items = [Item("1", "Netanyahu arrested?"), Item("2", "Police & Netanyahu"), Item("3", "x", 60)]
    serve(httpserver, name, reply(name, items))

    records = ask(httpserver, name, tmp_path)

    posts = [r for r in records if isinstance(r, Post)]
    assert [post.text for post in posts] == ["Netanyahu arrested?", "Police & Netanyahu"]
    assert {(p.source, p.event_id, p.language) for p in posts} == {(name, "e1", "en")}
    assert all(p.author and p.url.startswith("https://") for p in posts)
    assert records[-1] == Coverage(name, "e1", records[-1].since, UNTIL, NOW, True, 3)  # noqa: FBT003  # complete


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gdelt", (None, None, None, None)),
        ("google_news", (None, None, None, None)),
        ("bluesky", (7, 2, 1, None)),
        ("hacker_news", (7, None, 3, None)),
        ("x", (7, 3, 4, 12000)),
    ],
)
def test_engagement_is_what_the_provider_counts_and_absent_otherwise(
    name, expected, httpserver, tmp_path
):
    """Likes, reposts, replies and followers: a count, or None where it is not told."""
    serve(httpserver, name, reply(name, [Item("1", "Netanyahu arrested")]))

    post = ask(httpserver, name, tmp_path)[0]

    assert (post.likes, post.reposts, post.replies, post.followers) == expected


@every
def test_nothing_found_is_an_answer(name, httpserver, tmp_path):
    """No items: covered, with nothing in it."""
    serve(httpserver, name, reply(name, []))

    (coverage,) = ask(httpserver, name, tmp_path)

    assert coverage.complete
    assert coverage.items == 0


@pytest.mark.parametrize(
    ("name", "cap"),
    [("gdelt", 250), ("google_news", 100), ("hacker_news", 100)],
)
def test_an_answer_at_the_cap_is_not_complete(name, cap, httpserver, tmp_path):
    """As many items as fit means that there may be more."""
    serve(httpserver, name, reply(name, [Item(str(i), f"Netanyahu {i}") for i in range(cap)]))

    *posts, coverage = ask(httpserver, name, tmp_path)

    assert len(posts) == cap
    assert not coverage.complete


def test_bluesky_turns_pages_and_says_when_it_stopped_early():
    """Two pages of one allowed pair: both read, and a third one left behind."""
    pages = [reply("bluesky", [Item(str(i), "Netanyahu")], cursor=str(i)) for i in range(3)]
    http = Answers(*pages)

    *posts, coverage = build("bluesky", http, max_pages=2).collect(wanted())

    assert [post.id[-1] for post in posts] == ["0", "1"]
    assert [asked.get("cursor") for asked in http.asked] == [None, "0"]
    assert not coverage.complete


def test_x_says_that_there_is_more():
    """A next_token means a truncated answer."""
    body = reply("x", [Item("1", "Netanyahu")], meta={"next_token": "n"})

    assert not list(build("x", Answers(body)).collect(wanted()))[-1].complete


@every
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Your search was too short</body></html>",
        b"Timespan is too short.",
        b'{"articles": [{"url": "https://exam',
        b"[]",
        b"null",
        b"\xff\xfe\x00garbage",
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><rss>&b;</rss>',
        b'<?xml version="1.0"?><rss version="2.0"><channel><item><title>cut o',
    ],
)
def test_garbage_with_status_200_is_a_failure(name, body, httpserver, tmp_path):
    """What cannot be read is never taken for silence."""
    serve(httpserver, name, body)

    (failure,) = ask(httpserver, name, tmp_path)

    assert isinstance(failure, Failure)
    assert failure.reason == "source_garbled"


@every
def test_throttled_once_the_rest_is_not_asked(name, httpserver, tmp_path):
    """A 429 in plain text: one failure says so, the others say that they were not asked."""
    serve(httpserver, name, b"Please limit requests to one every 5 seconds", status=429)

    failures = ask(httpserver, name, tmp_path, *TOPICS)

    assert [f.reason for f in failures] == ["source_throttled", "not_asked", "not_asked"]
    assert [f.subject for f in failures] == ["e1", "e2", "e3"]
    assert failures[1].detail.startswith("not asked: ")
    assert len(httpserver.log) == 1


@every
def test_one_topics_failure_is_its_own(name):
    """A garbled answer in the middle leaves its neighbours whole."""
    good = reply(name, [Item("1", "something")])

    records = list(build(name, Answers(good, b"oops", good)).collect(wanted(*TOPICS)))

    kinds = [(type(r).__name__, getattr(r, "event_id", getattr(r, "subject", ""))) for r in records]
    assert kinds == [
        ("Post", "e1"),
        ("Coverage", "e1"),
        ("Failure", "e2"),
        ("Post", "e3"),
        ("Coverage", "e3"),
    ]


@every
@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (SourceDown("s", "timed out"), 2),
        (SourceThrottled("s", "wait"), 1),
        (SourceRefused("s", "HTTP 403", status=403), 1),
        (SourceRefused("s", "HTTP 404", status=404), 3),
        (SourceGarbled("s", "no JSON"), 3),
    ],
)
def test_a_host_that_will_not_answer_is_left_alone(name, error, asked):
    """Down twice, throttling or not letting us in ends the round; other failures do not."""
    http = Answers(error)

    records = list(build(name, http).collect(wanted(*TOPICS)))

    assert len(http.asked) == asked
    assert [type(r) for r in records] == [Failure] * 3


@every
def test_hostile_text_comes_clean(name):
    """Bidi tricks, control characters, lone surrogates and tags never reach the store."""
    (post, _) = build(name, Answers(reply(name, [Item("1", HOSTILE)]))).collect(wanted())

    assert "anyahu" in post.text
    assert not set(post.text) & {"\u202e", "\x07", "\ud800"}
    post.text.encode("utf-8")


@every
def test_a_post_told_twice_is_kept_once(name):
    """The same id twice in one answer is one post."""
    body = reply(name, [Item("1", "first"), Item("1", "again")])

    (post, _) = build(name, Answers(body)).collect(wanted())

    assert post.text == "first"


@every
def test_an_item_without_text_is_refused_by_name(name):
    """An unusable item is a refusal that says what it lacks; the rest stays."""
    body = reply(name, [Item("1", ""), Item("2", "fine")])

    records = list(build(name, Answers(body)).collect(wanted()))

    expected = {"Refusal": 1, "Post": 1, "Coverage": 1}
    if name == "google_news":
        expected = {"Post": 2, "Coverage": 1}
    assert Counter(type(r).__name__ for r in records) == expected


@pytest.mark.parametrize("likes", [-1, True, "7", 7.5, None, 10**30, [], {}])
@pytest.mark.parametrize("name", ["bluesky", "hacker_news", "x"])
def test_what_is_no_count_is_absent(name, likes):
    """Absent is None, never 0."""
    (post, _) = build(name, Answers(reply(name, [Item("1", "a post", likes=likes)]))).collect(
        wanted()
    )

    assert post.likes is None


def test_gdelt_leaves_short_words_out():
    """Words under three letters are refused by GDELT; odd ones go in quotes."""
    assert gdelt.query_of("GTA VI Coca-Cola deal") == 'GTA "Coca-Cola" deal'


def test_google_is_asked_for_days_and_older_spans_by_date():
    """Within a day: when:1d. Further back: dates with a day's margin."""
    assert google_news.query_of("a b", NOW - timedelta(hours=2), NOW, NOW) == "a b when:1d"
    assert google_news.query_of("a", NOW - timedelta(days=7), NOW - timedelta(days=6), NOW) == (
        "a after:2026-03-03 before:2026-03-06"
    )


def test_x_stops_before_the_cap_could_be_passed():
    """With 0.20 USD and 0.15 at worst per request, the second request is not sent."""
    http = Answers(reply("x", [Item(str(i), "Netanyahu") for i in range(10)]))
    source = build("x", http, spent=0.0, cap=0.20)

    records = list(source.collect(wanted(*TOPICS)))

    failures = [r for r in records if isinstance(r, Failure)]
    assert len(http.asked) == 1
    assert source.spent == pytest.approx(10 * 0.005 + 0.010)
    assert failures[0].reason == "spend_cap_reached"
    assert "spend cap reached" in failures[0].detail


@pytest.mark.parametrize(
    ("error", "charged"),
    [
        (SourceDown("x", "timed out"), 0.15),
        (SourceGarbled("x", "too large"), 0.15),
        (SourceThrottled("x", "wait"), 0.0),
        (SourceRefused("x", "HTTP 402", status=402), 0.0),
    ],
)
def test_x_charges_the_worst_where_it_cannot_know(error, charged):
    """A request that may have been answered is charged in full; a refused one is not."""
    source = build("x", Answers(error))

    list(source.collect(wanted()))

    assert source.spent == pytest.approx(charged)


def test_x_searches_seven_days_and_says_which():
    """The coverage names the span that was really searched."""
    source = build("x", Answers(reply("x", [])))

    (coverage,) = source.collect(wanted())

    assert coverage.until == UNTIL
    assert x.query_of("Netanyahu -from:me OR arrested").endswith("arrested -is:retweet")


def mutated(body: bytes, rng: random.Random) -> bytes:
    """Return *body* with a few bytes cut, doubled, flipped or replaced by something nasty."""
    nasty = [
        b"null",
        b"-1",
        b"1e999",
        b"{}",
        b"[]",
        b'"',
        b"\\ud800",
        b"9" * 40,
        b"<",
        b"&#0;",
        b"\0",
    ]
    data = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        span = rng.randint(1, 30)
        kind = rng.randrange(4)
        if kind == 0:
            del data[at : at + span]
        elif kind == 1:
            data[at:at] = data[at : at + span]
        elif kind == 2:
            data[at : at + span] = rng.choice(nasty)
        elif at < len(data):
            data[at] = rng.randrange(256)
    return bytes(data)


@every
def test_two_thousand_mutated_replies_are_records(name):
    """Whatever a reply says, the outcome is clean records and never an exception."""
    rng = random.Random(20260311)  # noqa: S311  # a seed, not a secret
    body = reply(name, [Item(str(i), f"Netanyahu arrested {i}") for i in range(3)])
    tally = Counter()
    for _ in range(2000):
        records = list(build(name, Answers(mutated(body, rng))).collect(wanted()))
        tally.update(type(r).__name__ for r in records)
        assert isinstance(records[-1], Coverage | Failure)
        for post in records:
            if isinstance(post, Post):
                assert wanted().since <= post.event_time < UNTIL
                assert post.text
                assert post.id
                (post.text + post.author + post.url + post.id).encode("utf-8")
            elif isinstance(post, Refusal):
                assert len(post.raw) <= 65_536
    assert tally["Failure"] > 100
    assert tally["Post"] > 300
