"""What moved: the change, the leap and its hour, and what was said around it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from dealt import NOON, SLOT, Dealt  # beside this

from trading_cli.app import news
from trading_cli.core.errors import UsageError
from trading_cli.domain import Post
from trading_cli.store import listings, talk

HOUR = timedelta(hours=1)


@pytest.fixture
def dealt(home: Path) -> Dealt:
    """Return a home that follows three markets over 8 hours: one leaps, one drifts, one stands."""
    made = Dealt(home)
    for number in range(32):
        at = NOON + number * SLOT
        made.see(1, at=at, bid="0.41" if number < 20 else "0.61")
        made.see(2, at=at, bid=f"{0.41 - 0.005 * (number // 4):.3f}")
        made.see(3, at=at)
    with made.store() as store, store.transaction() as tx:
        for number in (1, 2, 3):
            listings.panel_enter(tx, str(500_000 + number), NOON, NOON + 7 * 24 * HOUR)
    made.clock.set(NOON + 8 * HOUR)
    return made


def linked(post: Post) -> talk.PostLink:
    """Return the word of a scorer that *post* is of event e1."""
    return talk.PostLink(
        post.source,
        post.id,
        "e1",
        None,
        0.99,
        "s/1",
        about_price=False,
        sentiment=None,
        lexicon="l/1",
        duplicate_of=None,
        observed_at=NOON,
    )


def told(dealt: Dealt, **more):
    """Return the news of the home's eight hours."""
    return news.news(dealt.config, NOON - HOUR, NOON + 8 * HOUR, clock=dealt.clock, **more)


def test_the_largest_move_comes_first_with_its_leap(dealt):
    """Market 1 rose by .20 at 17:00 at once; 2 fell slowly; 3 did not move and is counted."""
    data = told(dealt)
    first, second = data["markets"]
    assert (first["market"], first["change"], first["leap"]) == ("500001", 0.2, 0.2)
    assert first["leap_at"] == (NOON + 5 * HOUR).replace(second=0).isoformat()
    assert second["market"] == "500002"
    assert second["change"] == pytest.approx(-0.035)
    assert abs(second["leap"]) == pytest.approx(0.005)
    assert data["still"] == 1


def test_only_what_was_said_around_the_leap_is_shown_loudest_first(dealt):
    """Of four posts, the one too early and the one too late are not of it."""
    at = NOON + 5 * HOUR
    posts = [
        Post("bluesky", name, f"thing 1 {name}", "a", "https://x.test", when, when, "e1", likes=n)
        for name, when, n in (
            ("early", at - 4 * HOUR, 900), ("quiet", at - HOUR, 1), ("loud", at - 2 * HOUR, 50),
            ("late", at + 2 * HOUR, 900),
        )
    ]  # fmt: skip
    with dealt.store() as store, store.transaction() as tx:
        talk.record_posts(tx, [replace(one, observed_at=one.event_time + HOUR) for one in posts])
        talk.record_links(tx, [linked(one) for one in posts])
    (row,) = told(dealt, limit=1)["markets"]
    assert row["said"] == 2
    assert [one["text"] for one in row["posts"]] == ["thing 1 loud", "thing 1 quiet"]


def test_a_market_is_found_by_a_word_and_an_unknown_one_is_named(dealt):
    """`thing 2` is one market; nonsense is a usage error with the way out."""
    assert [one["market"] for one in told(dealt, market="thing 2")["markets"]] == ["500002"]
    with pytest.raises(UsageError, match="'nonsense' is no market we follow"):
        told(dealt, market="nonsense")


def test_nothing_after_the_present_is_news(dealt):
    """With the clock at 16:00 the leap of 17:00 has not happened."""
    dealt.clock.set(NOON + 4 * HOUR)
    assert [one["market"] for one in told(dealt)["markets"]] == ["500002"]
