"""Who is in the panel, who stays, who leaves, and who may be traded now."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Market, Quote
from trading_cli.research.panel import (
    LeftCause,
    PanelRefusal,
    PanelRules,
    Sector,
    candidates,
    screen,
    sector_of,
    select_panel,
)

NOW = datetime(2026, 3, 11, tzinfo=UTC)
RULES = PanelRules()
GOOD = Market(
    id="1",
    condition_id="0x1",
    question="Will it rain?",
    slug="rain",
    yes_token="1",  # noqa: S106  # a token of the venue
    no_token="2",  # noqa: S106  # a token of the venue
    yes_label="Yes",
    no_label="No",
    observed_at=NOW,
    event_id="e1",
    tags=("Weather",),
    active=True,
    accepting_orders=True,
    enable_order_book=True,
    end_at=NOW + timedelta(days=30),
    best_bid=0.4,
    best_ask=0.42,
    volume_24h=6_000.0,
    liquidity=11_000.0,
)


def market(number: int, **changes: Any) -> Market:
    """Return a good market of an event of its own."""
    return replace(GOOD, id=f"{number:03}", event_id=f"e{number}", **changes)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, None),
        ({"closed": True}, PanelRefusal.CLOSED),
        ({"active": None}, PanelRefusal.INACTIVE),
        ({"end_at": NOW}, PanelRefusal.PAST_END),
        ({"accepting_orders": None}, PanelRefusal.NOT_ACCEPTING),
        ({"enable_order_book": False}, PanelRefusal.NOT_ACCEPTING),
        ({"best_bid": None}, PanelRefusal.NOT_TWO_SIDED),
        ({"best_ask": 1.0}, PanelRefusal.NOT_TWO_SIDED),
        ({"best_bid": 0.42}, PanelRefusal.NOT_TWO_SIDED),
        ({"volume_24h": 4_999.99}, PanelRefusal.VOLUME),
        ({"volume_24h": 5_000.0}, None),
        ({"volume_24h": float("nan")}, PanelRefusal.VOLUME),
        ({"liquidity": None}, PanelRefusal.LIQUIDITY),
        ({"end_at": None}, PanelRefusal.DEADLINE_UNPARSABLE),
        ({"end_at": NOW + timedelta(days=10)}, None),
        ({"end_at": NOW + timedelta(days=10, seconds=-1)}, PanelRefusal.DEADLINE_NEAR),
        ({"game_start_at": NOW + timedelta(days=20)}, PanelRefusal.DEADLINE_CONFLICT),
    ],
)
def test_each_bar_stops_what_is_just_below_it(
    changes: dict[str, Any], refusal: PanelRefusal | None
) -> None:
    """One market, one change at a time."""
    assert screen(replace(GOOD, **changes), RULES, NOW) is refusal


def test_at_most_three_of_an_event_the_busiest() -> None:
    """The fourth by volume is refused PER_EVENT."""
    four = [replace(GOOD, id=str(i), volume_24h=10_000.0 * i) for i in (1, 2, 3, 4)]
    result = select_panel(four, members={}, rules=RULES, now=NOW)
    assert result.members == ("4", "3", "2")
    assert result.refusals == {"1": PanelRefusal.PER_EVENT}
    assert result.funnel["per_event"] == 3


def test_the_busiest_enter_a_full_panel_first() -> None:
    """With room for two, the two with the most volume enter, and the third is told why."""
    rules = replace(RULES, max_markets=2)
    three = [market(i, volume_24h=10_000.0 * i) for i in (1, 2, 3)]
    result = select_panel(three, members={}, rules=rules, now=NOW)
    assert result.members == ("003", "002")
    assert result.refusals == {"001": PanelRefusal.PANEL_FULL}


def test_a_member_stays_seven_days_whatever_its_volume() -> None:
    """A quiet member is kept until its days are over, then leaves; a busier newcomer waits."""
    quiet, busy = market(1, volume_24h=1.0), market(2, volume_24h=99_999.0)
    rules = replace(RULES, max_markets=1)
    young = {"001": NOW - timedelta(days=7) + timedelta(seconds=1)}
    stays = select_panel([quiet, busy], members=young, rules=rules, now=NOW)
    assert (stays.members, stays.entered, dict(stays.left)) == (("001",), (), {})
    assert stays.entered_at == young
    old = {"001": NOW - timedelta(days=7)}
    goes = select_panel([quiet, busy], members=old, rules=rules, now=NOW)
    assert (goes.members, goes.entered) == (("002",), ("002",))
    assert goes.left == {"001": LeftCause.NO_LONGER_QUALIFIES}


def test_a_member_that_still_qualifies_after_its_days_counts_anew() -> None:
    """It neither left nor entered; its seven days begin again."""
    result = select_panel(
        [market(1)], members={"001": NOW - timedelta(days=8)}, rules=RULES, now=NOW
    )
    assert (result.members, result.entered, dict(result.left)) == (("001",), (), {})
    assert result.entered_at == {"001": NOW}


def test_a_resolved_member_leaves_at_once_and_an_unlisted_one_does_not() -> None:
    """Closed is resolution; absence from one listing is not."""
    since = {"001": NOW, "002": NOW, "003": NOW - timedelta(days=9)}
    result = select_panel([market(1, closed=True)], members=since, rules=RULES, now=NOW)
    assert result.members == result.unlisted == ("002",)
    assert result.left == {"001": LeftCause.RESOLVED, "003": LeftCause.NOT_LISTED}


def test_categories_and_sectors_filter() -> None:
    """Only what is named passes; the stage shows in the funnel only then."""
    crypto, rain = market(1, tags=("Bitcoin", "Crypto")), market(2)
    rules = replace(RULES, categories=("crypto",))
    result = select_panel([crypto, rain], members={}, rules=rules, now=NOW)
    assert result.members == ("001",)
    assert result.refusals == {"002": PanelRefusal.CATEGORY}
    assert list(result.funnel)[3:5] == ["two_sided", "category"]


def test_the_newest_observation_of_a_market_counts() -> None:
    """A market listed twice is one market, as it was last seen."""
    later = replace(market(1), observed_at=NOW + timedelta(seconds=1), closed=True)
    for listing in ([market(1), later], [later, market(1)]):
        result = select_panel(listing, members={}, rules=RULES, now=NOW)
        assert result.refusals == {"001": PanelRefusal.CLOSED}


def quote(market_id: str, bid: str | None, ask: str | None) -> Quote:
    """Return the YES quote of one market."""
    sides = (None if side is None else Decimal(side) for side in (bid, ask))
    return Quote(market_id, 0, *sides, None, None, NOW, NOW)


def test_candidates_pass_the_higher_bars_now() -> None:
    """Volume 50,000, liquidity 10,000, a two-sided book; a near deadline is no bar here."""
    near = market(2, volume_24h=60_000.0, end_at=NOW + timedelta(days=1))
    listing = [market(1, volume_24h=50_000.0), near, market(3, volume_24h=49_999.0)]
    assert candidates(listing, {}, RULES, NOW) == ("002", "001")
    one_sided = {"002": quote("002", "0.4", None)}
    assert candidates(listing, one_sided, RULES, NOW) == ("001",)
    assert candidates(listing, {}, replace(RULES, max_candidates=1), NOW) == ("002",)


@pytest.mark.parametrize(
    ("tags", "sector"),
    [
        (("Bitcoin", "Politics"), Sector.CRYPTO),
        (("US Election",), Sector.POLITICS),
        (("Weather", "Soccer"), Sector.SPORTS),
        (("Weather",), Sector.OTHER),
        ((), Sector.OTHER),
    ],
)
def test_the_first_telling_tag_gives_the_sector(tags: tuple[str, ...], sector: Sector) -> None:
    """What no tag tells is OTHER."""
    assert sector_of(tags) is sector


markets = st.lists(
    st.builds(
        lambda i, event, volume, closed, bid: replace(
            GOOD,
            id=str(i),
            event_id=event,
            volume_24h=volume,
            closed=closed,
            best_bid=bid,
        ),
        st.integers(0, 25),
        st.sampled_from([None, "a", "b", "c", "d"]),
        st.sampled_from([None, 100.0, 6_000.0, 60_000.0, 70_000.0]),
        st.booleans(),
        st.sampled_from([None, 0.4]),
    ),
    max_size=40,
    unique_by=lambda m: m.id,
)
memberships = st.dictionaries(
    st.integers(0, 30).map(str),
    st.integers(0, 12).map(lambda days: NOW - timedelta(days=days)),
    max_size=25,
)


@given(markets, memberships, st.integers(0, 8), st.integers(1, 3), st.randoms())
def test_whatever_comes_the_caps_hold_and_order_does_not_matter(
    listing: list[Market],
    members: dict[str, datetime],
    cap: int,
    per_event: int,
    random: Any,
) -> None:
    """Caps, stickiness, a funnel that only falls, every market accounted for, determinism."""
    rules = replace(RULES, max_markets=cap, max_per_event=per_event, max_candidates=3)
    result = select_panel(listing, members=members, rules=rules, now=NOW)
    by_id = {m.id: m for m in listing}
    assert len(result.members) == len(set(result.members)) <= cap
    events = Counter(by_id[i].event_id for i in result.members if i in by_id and by_id[i].event_id)
    assert max(events.values(), default=0) <= per_event
    assert not any(by_id[i].closed for i in result.members if i in by_id)
    assert set(result.entered) == set(result.members) - set(members)
    assert set(result.left) == set(members) - set(result.members)
    assert set(result.refusals) | set(result.members) >= set(by_id)
    assert not set(result.refusals) & set(result.members)
    for market_id, cause in result.left.items():
        young = NOW - members[market_id] < timedelta(days=7)
        assert not young or cause in (LeftCause.RESOLVED, LeftCause.OVER_CAP)
    stages = list(result.funnel.values())
    assert stages[:-2] == sorted(stages[:-2], reverse=True)
    assert result.funnel["candidates"] <= min(3, len(result.members))
    shuffled = listing[:]
    random.shuffle(shuffled)
    assert select_panel(shuffled, members=members, rules=rules, now=NOW) == result
