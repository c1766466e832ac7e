"""The latest instant at which a question is settled, from five places that may disagree."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Market
from trading_cli.research.deadline import (
    CONFLICT_AFTER,
    DeadlineOrigin,
    DeadlineRefusal,
    date_in_slug,
    date_in_title,
    deadline_of,
    new_york_midnight,
)

CREATED = datetime(2026, 3, 1, tzinfo=UTC)
BARE = Market(
    id="1",
    condition_id="0x1",
    question="Will it rain?",
    slug="will-it-rain",
    yes_token="1",  # noqa: S106  # a token of the venue
    no_token="2",  # noqa: S106  # a token of the venue
    yes_label="Yes",
    no_label="No",
    observed_at=CREATED,
    created_at=CREATED,
)


def at(text: str) -> datetime:
    """Return a UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Will A win on March 14, 2026?", "2026-03-15T04:00"),
        ("Ceasefire by June 30?", "2026-07-01T04:00"),
        ("Out as President before 2027?", "2027-01-01T05:00"),
        ("How many tweets in March?", "2026-04-01T04:00"),
        ("Tweets March 14-16?", "2026-03-17T04:00"),
        ("Tweets March 28 to April 3?", "2026-04-04T04:00"),
        ("Strike between March 9 and March 15?", "2026-03-16T04:00"),
        ("Will NAC Breda win on 2026-02-11?", "2026-02-12T05:00"),
        ("Will it launch in Q1 2026?", "2026-04-01T04:00"),
        ("Head of state end of 2026?", "2027-01-01T05:00"),
        ("Released by end of June?", "2026-07-01T04:00"),
        ("Released before June?", "2026-06-01T04:00"),
        ("Released before March 14?", "2026-03-14T04:00"),
        ("CBA by Mar. 31, 2026?", "2026-04-01T04:00"),
        ("Done by the 31st of May 2026?", "2026-06-01T04:00"),
        ("Bitcoin Up or Down - March 12, 10:10AM-10:15AM ET", "2026-03-13T04:00"),
        ("Frost on January 5?", "2027-01-06T05:00"),
        ("Gone by February 28, 2026?", "2026-03-01T05:00"),
    ],
)
def test_a_date_in_words_is_the_end_of_its_day_in_new_york(question: str, expected: str) -> None:
    """Every form of the grammar, worked out by hand for a market created on 1 March 2026."""
    assert date_in_title(question, CREATED, None) == at(expected)


@pytest.mark.parametrize(
    "question",
    [
        "Released by March?",
        "Will May win?",
        "Ceasefire before GTA VI?",
        "Apple finish week of March 9 above $250?",
        "Win the 2026 Masters?",
        "Champion in 2025-26?",
        "March 5 or March 9?",
        "Gone by February 30, 2026?",
        "Rate after the March meeting?",
    ],
)
def test_what_is_ambiguous_is_not_read(question: str) -> None:
    """A month alone, a week, two days that are no range, a day that is none: no guess is made."""
    assert date_in_title(question, CREATED, None) is None


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("aapl-above-300-on-march-31-2026", "2026-04-01T04:00"),
        ("lol-wlg-ban2-2026-03-11-game2", "2026-03-12T04:00"),
        ("highest-temperature-in-miami-on-march-11-2026-88-89f", "2026-03-12T04:00"),
        ("low-in-miami-on-march-11-2026-12-13", "2026-03-12T04:00"),
        ("posts-march-13-march-20-2026", "2026-03-21T04:00"),
        ("gone-before-march-3-2026", "2026-03-03T05:00"),
        ("elon-musk-of-tweets-march-13-march-20-160-179", None),
        ("will-it-happen-by-june-30-241", None),
        ("btc-updown-15m-1773267300", None),
    ],
)
def test_a_slug_is_read_only_where_it_spells_the_year(slug: str, expected: str | None) -> None:
    """Numbers behind a slug are not years, and a temperature is not a month."""
    assert date_in_slug(slug) == (at(expected) if expected else None)


def test_a_day_without_a_year_needs_something_to_count_from() -> None:
    """Without creation the year nearest to the end date is taken; without both, none is."""
    assert date_in_title("by June 30?", None, at("2026-07-02")) == at("2026-07-01T04:00")
    assert date_in_title("by June 30?", None, None) is None


def test_the_earliest_date_is_the_deadline() -> None:
    """A game at 18:15 with its end date six hours later is over, for us, when it starts."""
    market = replace(
        BARE,
        end_at=at("2026-03-12T00:15"),
        game_start_at=at("2026-03-11T18:15"),
        slug="x-2026-03-11",
    )
    found = deadline_of(market)
    assert (found.at, found.origin) == (at("2026-03-11T18:15"), DeadlineOrigin.GAME_START)
    assert found.refused is None
    assert not found.hazard


def test_dates_more_than_two_days_apart_are_refused_and_still_shown() -> None:
    """A tennis match on the 12th with an end date on the 19th: the 12th, refused."""
    market = replace(BARE, end_at=at("2026-03-19T13:00"), game_start_at=at("2026-03-12T13:00"))
    found = deadline_of(market)
    assert found.refused is DeadlineRefusal.CONFLICT
    assert found.at == at("2026-03-12T13:00")
    assert found.spread == timedelta(days=7)


def test_two_days_exactly_is_no_conflict() -> None:
    """The bar is more than two days."""
    market = replace(BARE, end_at=at("2026-03-14"), game_start_at=at("2026-03-12"))
    assert deadline_of(market).refused is None


def test_no_date_at_all_is_unparsable() -> None:
    """Absent is not far away."""
    found = deadline_of(BARE)
    assert (found.at, found.origin, found.refused) == (None, None, DeadlineRefusal.UNPARSABLE)


@pytest.mark.parametrize(
    ("question", "hazard"),
    [
        ("Ceasefire by June 30?", True),
        ("Out before 2027?", True),
        ("Album before GTA VI?", True),
        ("Retire by end of 2026?", True),
        ("Win the primary by 9% or more?", False),
        ("Will it rain on March 14?", False),
        ("Directed by Nolan?", False),
    ],
)
def test_by_and_before_may_resolve_any_day(question: str, hazard: bool) -> None:  # noqa: FBT001  # a table
    """Hazard is the word followed by a date, not the word alone."""
    assert deadline_of(replace(BARE, question=question)).hazard is hazard


def test_new_york_midnight_agrees_with_the_time_zone_database() -> None:
    """Every midnight of 2020 to 2035, both sides of each change of clocks."""
    try:
        zone = ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        pytest.skip("no time zone database on this machine")
    day = date(2020, 1, 1)
    while day.year < 2036:
        expected = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        assert new_york_midnight(day) == expected
        day += timedelta(days=1)


instants = st.none() | st.datetimes(
    CREATED.replace(tzinfo=None, year=2020),
    CREATED.replace(tzinfo=None, year=2035),
    timezones=st.just(UTC),
)
words = st.lists(
    st.sampled_from(
        [
            "by",
            "before",
            "in",
            "on",
            "end",
            "of",
            "March",
            "May",
            "June",
            "14",
            "31",
            "30",
            "2026",
            "2027",
            "Q1",
            "-",
            "to",
            "and",
            "between",
            "2026-02-30",
            ",",
            "?",
        ]
    ),
    max_size=9,
).map(" ".join)


@given(end=instants, game=instants, event=instants, created=instants, text=words)
def test_the_deadline_is_never_after_any_date_found(
    end: datetime | None,
    game: datetime | None,
    event: datetime | None,
    created: datetime | None,
    text: str,
) -> None:
    """Whatever the dates and words: the earliest, refused if and only if the rule says so."""
    market = replace(
        BARE,
        question=text,
        slug=text.replace(" ", "-").lower(),
        end_at=end,
        game_start_at=game,
        event_start_at=event,
        created_at=created,
    )
    found = deadline_of(market)
    assert all(found.at is not None and found.at <= date_ for _, date_ in found.candidates)
    assert (found.at is None) is (found.refused is DeadlineRefusal.UNPARSABLE)
    assert (found.spread > CONFLICT_AFTER) is (found.refused is DeadlineRefusal.CONFLICT)
    assert deadline_of(market) == found


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    """A title or slug of any characters is read or not read, never an error."""
    assert date_in_title(text, datetime(9998, 1, 1, tzinfo=UTC), None) is None or text
    date_in_slug(text)
