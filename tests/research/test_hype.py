"""Hype: how much more than usual, worked out by hand; what was not heard is never a zero."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Post, Tier, Token
from trading_cli.research import hype as h
from trading_cli.research.hype import DAY, HOUR, HypeRules, TalkHour

END = 1_772_452_800  # 2026-03-02 12:00 UTC
NEWS = ("gdelt", "google_news")


def past(hour=None, *, days=28):
    """Return the same *hour* (4 posts of 3) at every hour a baseline of *days* looks at."""
    usual = hour or TalkHour(4, 3)
    ends = [e for e in h.wanted_ends(END, days) if e not in {END, END - HOUR}]
    return dict.fromkeys(ends, usual)


def of(now, before=None, *, usual=None, days=28, **more):
    """Return hype of *now* after *before* (4 posts) on a usual past."""
    hours = past(usual, days=days) | {END: now, END - HOUR: before or TalkHour(4, 3)}
    return h.hype(hours, END, age_s=600, sources=more.pop("sources", NEWS), **more)


def test_nine_posts_where_four_are_usual():
    """Both z are (ln 10 - ln 5) / .25 = 2.7726, s = .9242: 92.42, STRONG."""
    found = of(TalkHour(9, 6))
    assert found.value == pytest.approx(100 * math.log(2) / 0.25 / 3, rel=1e-12)
    assert found.value == pytest.approx(92.4196, abs=1e-4)
    assert found.tier is Tier.STRONG
    assert found.inputs["set"] == ["velocity", "volume"]
    assert found.inputs["baseline"] == "FULL"
    assert found.inputs["weight"] == 0.5
    assert not found.provisional


def test_engagement_that_did_not_grow_pulls_it_down():
    """With 10 likes as ever: (.25 · .9242 · 2 + .30 · 0) / .80 = 57.76: WEAK."""
    found = of(TalkHour(9, 6, 10), TalkHour(4, 3, 10), usual=TalkHour(4, 3, 10))
    assert found.value == pytest.approx(57.7623, abs=1e-4)
    assert found.tier is Tier.WEAK
    assert found.inputs["set"] == ["engagement", "velocity", "volume"]


def test_large_accounts_count_by_their_share():
    """Half of the engagement by large accounts: (.4621 + 0 + .10 · .5) / .90 = 56.90."""
    now = TalkHour(9, 6, 10, 10, 5)
    found = of(now, TalkHour(4, 3, 10), usual=TalkHour(4, 3, 10))
    assert found.value == pytest.approx(56.8998, abs=1e-4)


def test_sentiment_counts_for_the_side_and_only_with_a_polarity():
    """Mean .6: .8 for YES and .2 for NO where good news is good for YES; else absent, not .5."""
    assert h.sentiment_share(0.6, 1, Token.YES) == pytest.approx(0.8)
    assert h.sentiment_share(0.6, 1, Token.NO) == pytest.approx(0.2)
    assert h.sentiment_share(0.6, -1, Token.NO) == pytest.approx(0.8)
    assert h.sentiment_share(0.6, None, Token.YES) is None
    assert h.sentiment_share(None, 1, Token.YES) is None
    with_it = of(TalkHour(9, 6), sentiment=0.8)
    assert with_it.value == pytest.approx(100 * (0.5 * 0.924196 + 0.1 * 0.8) / 0.6, abs=1e-3)


def test_a_usual_hour_is_a_true_zero_and_a_flood_is_a_hundred():
    """What is usual scores 0.0, which is not undefined; z beyond 3 is clipped."""
    assert of(TalkHour(4, 3), TalkHour(4, 3), usual=TalkHour(4, 3)).value is None  # four posts
    five = of(TalkHour(5, 3), TalkHour(5, 3), usual=TalkHour(5, 3))
    assert (five.value, five.undefined, five.tier) == (0.0, "", Tier.NONE)
    assert of(TalkHour(500, 90)).value == 100.0


def test_the_usual_spread_is_the_scale():
    """Half of the hours 3 posts and half 7: MAD of ln 4 and ln 8 is ln √2, times 1.4826."""
    hours = past() | {END: TalkHour(9, 6), END - HOUR: TalkHour(7, 3)}
    for n, end in enumerate(sorted(h.baseline_ends(END, 28))):
        hours[end] = TalkHour(3 if n % 2 else 7, 3)
    part = h.hype(hours, END, age_s=0, sources=NEWS).inputs["components"]["volume"]
    assert part["median"] == pytest.approx(math.log(4 * math.sqrt(2)), abs=1e-6)
    assert part["scale"] == pytest.approx(1.4826 * math.log(math.sqrt(2)), abs=1e-6)
    assert part["z"] == pytest.approx(math.log(10 / 4 / math.sqrt(2)) / part["scale"], abs=1e-5)


def test_an_outlier_does_not_hide_itself():
    """Of 1, 2, 3, 4, 100 the robust z of 100 is 65.4256."""
    middle, scale = h.robust([1, 2, 3, 4, 100])
    assert (middle, round((100 - middle) / scale, 4)) == (3, 65.4256)


@pytest.mark.parametrize(
    ("posts", "authors", "defined"), [(5, 3, True), (4, 4, False), (9, 2, False)]
)
def test_five_posts_of_three_people_are_needed(posts, authors, defined):
    """Fewer leave hype undefined, and it says how many there were."""
    found = of(TalkHour(posts, authors))
    assert (found.value is not None) == defined
    if not defined:
        assert found.undefined == f"{posts} posts from {authors} authors, needs 5 from 3"


def test_talk_older_than_ninety_minutes_is_no_talk():
    """At 90 minutes it counts, a second later it does not."""
    hours = past() | {END: TalkHour(9, 6), END - HOUR: TalkHour(4, 3)}
    assert h.hype(hours, END, age_s=5400, sources=NEWS).value is not None
    old = h.hype(hours, END, age_s=5401, sources=NEWS)
    assert old.undefined == "no source of talk answered about this event in the last 90 minutes"
    nobody = h.hype({}, None, age_s=None, sources=())
    assert nobody.undefined == old.undefined
    assert nobody.inputs == {"sources": [], "hour_end": None, "age_s": None}


def test_an_hour_that_was_not_heard_whole_is_called_so():
    """Somebody answered just now, but not about all of the hour: that is another sentence."""
    found = h.hype(past(), END, age_s=20, sources=NEWS)
    assert found.undefined == "the last hour of talk was not heard whole"
    assert found.inputs == {"sources": sorted(NEWS), "hour_end": END, "age_s": 20}


def test_the_baseline_is_full_from_42_hours_of_14_days():
    """14 whole days, 42 values: FULL; 41: only provisional, and its size is halved downstream."""
    assert of(TalkHour(9, 6), days=14).inputs["baseline"] == "FULL"
    hours = past(days=14) | {END: TalkHour(9, 6), END - HOUR: TalkHour(4, 3)}
    del hours[END - 14 * DAY]
    found = h.hype(hours, END, age_s=0, sources=NEWS)
    assert found.inputs["baseline"] == "PROVISIONAL"
    assert found.provisional
    assert found.value is not None


def test_forty_two_hours_of_thirteen_days_are_not_full():
    """The days count too."""
    backs = [back for back in range(1, 14) for _ in range(4)]
    assert h.standing(backs, HypeRules()) == "PROVISIONAL"
    assert h.standing([*backs, 14], HypeRules()) == "FULL"


def test_eighteen_of_twenty_one_over_the_last_week_are_provisional():
    """18 of the last seven days' 21 do, 17 do not; hours of last month do not stand in."""
    week = [back for back in range(1, 8) for _ in range(3)]
    assert h.standing(week[:18], HypeRules()) == "PROVISIONAL"
    assert h.standing(week[:17], HypeRules()) == ""
    assert h.standing([*week[:17], 20, 21, 22], HypeRules()) == ""


def test_three_days_of_talk_say_so():
    """A new home hears how far it is."""
    found = of(TalkHour(9, 6), days=3)
    assert found.undefined == "baseline: 3 of 7 days heard"
    assert found.value is None


def test_an_hour_that_was_not_heard_is_absent_not_silent():
    """Deleting a third of the past changes nothing where it was flat; silence would."""
    hours = past() | {END: TalkHour(9, 6), END - HOUR: TalkHour(4, 3)}
    thinned = {e: hour for e, hour in hours.items() if e >= END - HOUR or e % (3 * DAY) // DAY}
    assert h.hype(thinned, END, age_s=0, sources=NEWS).value == pytest.approx(92.4196, abs=1e-4)


def test_without_the_hour_before_there_is_no_velocity_and_no_hype():
    """Volume and velocity are both needed."""
    hours = past() | {END: TalkHour(9, 6)}
    assert h.hype(hours, END, age_s=0, sources=NEWS).value is None


def test_less_than_half_of_the_weight_is_undefined():
    """Where engagement weighs .6 and nobody counts it, volume and velocity are not enough."""
    rules = HypeRules(weights={"volume": 0.2, "velocity": 0.2, "engagement": 0.6})
    found = of(TalkHour(9, 6), rules=rules)
    assert found.undefined == "the components we have weigh less than half"


def post(n, source="bluesky", **more):
    """Return one post of the hour."""
    at = datetime.fromtimestamp(END - 60 * n, UTC)
    facts = {"text": f"saying number {n} {n * 7919} of {n * 104729}", "author": f"a{n}"}
    facts |= {"url": f"https://site{n}.test/{n}"}
    facts |= more
    return Post(
        source, f"p{n}", facts.pop("text"), facts.pop("author"), facts.pop("url"), at,
        at + timedelta(minutes=5), "e1", **facts,
    )  # fmt: skip


def test_copies_count_once_and_domains_stand_in_for_authors():
    """One story on two sites is one post; two nameless articles of one site are one voice."""
    story = "Parliament passes the budget after a long and bitter night of debate"
    posts = [
        post(1, "gdelt", text=story, author=""),
        post(2, "google_news", text=f"{story} - The Daily", author="The Daily"),
        post(3, "gdelt", author="", url="https://www.one.test/a"),
        post(4, "gdelt", author="", url="https://one.test/b"),
    ]
    assert h.hour_of(posts, frozenset(), frozenset()) == TalkHour(3, 2)


def test_engagement_is_likes_and_twice_the_reposts_and_replies():
    """3 + 2·2 + 1 = 8 of an account of 20,000, 5 of one of 10,000: 8 of 13 are influential."""
    posts = [
        post(1, "x", likes=3, reposts=2, replies=1, followers=20_000),
        post(2, "x", likes=5, followers=10_000),
        post(3, "gdelt"),
    ]
    assert h.hour_of(posts, {"x"}, {"x"}) == TalkHour(3, 3, 13, 13, 8)


def test_engagement_nobody_saw_is_not_zero():
    """Known of fewer than half of the posts that could have it: absent. Nobody spoke: 0."""
    seen, unseen = post(1, likes=4), post(2)
    assert h.hour_of([seen, unseen], {"bluesky"}, ()).engagement == 4
    assert h.hour_of([seen, unseen, post(3)], {"bluesky"}, ()).engagement is None
    assert h.hour_of([], {"bluesky"}, ()).engagement == 0
    assert h.hour_of([], (), ()).engagement is None


@given(posts=st.integers(5, 400), more=st.integers(0, 400), usual=st.integers(0, 50))
def test_whatever_is_usual_more_posts_are_never_less_hype(posts, more, usual):
    """Hype is in [0, 100] and grows with the hour's posts."""
    less = of(TalkHour(posts, 3), usual=TalkHour(usual, 1))
    greater = of(TalkHour(posts + more, 3), usual=TalkHour(usual, 1))
    assert 0 <= less.value <= greater.value <= 100


def test_its_settings_are_its_own():
    """Thresholds of the settings decide the tier."""
    assert of(TalkHour(9, 6), rules=replace(HypeRules(), bars=(93, 95, 97))).tier is Tier.NONE
