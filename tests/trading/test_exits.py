"""Each exit by hand, its edges, the order in which they win, and what is sold of how much."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from deals import CENT, FREE, NOW, D, book, flat, position
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Position, PositionState, Reason, Side
from trading_cli.trading import ExitsSection
from trading_cli.trading.exits import (
    Exit,
    Holding,
    Stay,
    net_return,
    review,
    stop_price,
    target_prices,
    would_fire,
)
from trading_cli.trading.fills import walk

SECTION = ExitsSection()
DAY = timedelta(days=1)


def held(bid: str | None = "0.50", ask: str | None = "0.51", **changes: Any) -> Holding:
    """Return 100 YES bought at .50 with the bid at .49 an hour ago, and a book of this bid, ask."""
    bids = [(bid, "1000")] if bid else []
    asks = [(ask, "1000")] if ask else []
    plain = Holding(position(), book(bids, asks), FREE, CENT, D(5), NOW + 60 * DAY)
    return replace(plain, **changes)


def found(holding: Holding, now: datetime = NOW) -> tuple[Reason, Decimal | None]:
    """Return the reason and the shares to sell, ``None`` for staying."""
    said = review(holding, SECTION, now)
    assert said.sentence
    return said.reason, said.shares if isinstance(said, Exit) else None


@pytest.mark.parametrize(
    ("bid", "spread", "tick", "price"),
    [
        ("0.50", "0.01", "0.01", "0.44"),  # 12 % of .50 is .06
        ("0.20", "0.01", "0.01", "0.17"),  # 3 ticks are more than 12 % of .20
        ("0.20", "0.03", "0.01", "0.14"),  # 2 spreads are more than both
        ("0.20", "0.001", "0.001", "0.176"),  # with a fine tick, 12 % again
        ("0.03", "0.02", "0.01", "-0.01"),  # cannot be reached
    ],
)
def test_the_stop_is_the_widest_of_three_distances(
    bid: str, spread: str, tick: str, price: str
) -> None:
    """12 % of the entry bid, 3 ticks, twice the entry's spread."""
    assert stop_price(position(bid=bid, spread=spread), D(tick), SECTION) == D(price)


@pytest.mark.parametrize(
    ("bid", "ask", "reason"),
    [
        ("0.44", "0.45", Reason.NO_EXIT),  # the stop is .49 - .0588 = .4312
        ("0.43", "0.44", Reason.STOP),
        ("0.10", "0.11", Reason.STOP),  # a gap through
        ("0.43", None, Reason.STALE_BOOK),  # one side is no price
        (None, "0.44", Reason.STALE_BOOK),
        (None, None, Reason.STALE_BOOK),
    ],
)
def test_a_stop_needs_one_fresh_book_with_two_sides(
    bid: str | None, ask: str | None, reason: Reason
) -> None:
    """At or below the stop everything is sold; a book with one side proves nothing."""
    said, shares = found(held(bid, ask))
    assert (said, shares) == (reason, D(100) if reason is Reason.STOP else None)


@pytest.mark.parametrize(("age", "reason"), [(900, Reason.STOP), (901, Reason.STALE_BOOK)])
def test_a_stale_book_stops_nothing(age: int, reason: Reason) -> None:
    """A book older than a slot is not believed, nor one from the future."""
    old = replace(held("0.10", "0.11").book, observed_at=NOW - timedelta(seconds=age))
    assert found(held(book=old))[0] is reason
    future = replace(old, observed_at=NOW + timedelta(seconds=1))
    assert found(held(book=future))[0] is Reason.STALE_BOOK
    assert found(held(book=None))[0] is Reason.STALE_BOOK


def test_a_gap_through_the_stop_is_sold_where_the_bid_is() -> None:
    """The limit is two ticks below the bid there is, not the stop's price: .10, not .43."""
    said = review(held("0.10", "0.11"), SECTION, NOW)
    assert isinstance(said, Exit)
    assert (said.limit_price, said.whole) == (D("0.08"), True)
    cheap = review(held("0.01", "0.02"), SECTION, NOW)
    assert isinstance(cheap, Exit)
    assert cheap.limit_price == D("0.01")


def test_targets_are_the_nearer_of_a_rise_and_a_part_of_the_way_to_one() -> None:
    """From .50: .54, .575, .625. From .90: .94, .96, .98, for 8 % more would be .972."""
    assert target_prices(position(entry="0.50"), SECTION) == (D("0.54"), D("0.575"), D("0.625"))
    assert target_prices(position(entry="0.90"), SECTION) == (D("0.94"), D("0.96"), D("0.98"))


def ladder(shares: str, hit: int, high: str | None = None) -> Position:
    """Return what is left of 100 shares after *hit* targets."""
    left = position(shares, original="100")
    return replace(left, targets_hit=hit, high_bid=None if high is None else D(high))


@pytest.mark.parametrize(
    ("bid", "shares", "hit", "expected"),
    [
        ("0.53", "100", 0, (Reason.NO_EXIT, None)),
        ("0.54", "100", 0, (Reason.TARGET_1, D(25))),
        ("0.54", "75", 1, (Reason.NO_EXIT, None)),
        ("0.58", "75", 1, (Reason.TARGET_2, D(50))),
        ("0.58", "100", 0, (Reason.TARGET_2, D(75))),  # both at once
        ("0.63", "25", 2, (Reason.TARGET_3, D(25))),
        ("0.63", "100", 0, (Reason.TARGET_3, D(100))),  # a jump over all three
        ("0.63", "4", 3, (Reason.TARGET_3, D(4))),  # what a partial fill left
        ("0.54", "8", 0, (Reason.TARGET_1, D(8))),  # 25 of the original 100 are not there
        ("0.54", "29.99", 0, (Reason.TARGET_1, D("29.99"))),  # 4.99 would be below the minimum
        ("0.54", "30", 0, (Reason.TARGET_1, D(25))),
    ],
)
def test_the_ladder_sells_parts_of_the_original_size(
    bid: str, shares: str, hit: int, expected: tuple[Reason, Decimal | None]
) -> None:
    """25, 50, 25 % of 100; a remainder below 5 goes along."""
    ask = str(D(bid) + CENT)
    assert found(held(bid, ask, position=ladder(shares, hit, bid))) == expected


def test_a_part_below_the_venues_minimum_grows_to_it() -> None:
    """A quarter of 12 shares is 3: 5 are sold; of 9, all."""
    assert found(held("0.54", "0.55", position=position("12"))) == (Reason.TARGET_1, D(5))
    assert found(held("0.54", "0.55", position=position("9"))) == (Reason.TARGET_1, D(9))


def test_trailing_begins_after_the_second_target() -> None:
    """The highest bid since is kept; 5 % below it everything goes."""
    rising = review(held("0.60", "0.61", position=ladder("25", 2, "0.58")), SECTION, NOW)
    assert isinstance(rising, Stay)
    assert rising.position.high_bid == D("0.60")
    first = review(held("0.58", "0.59", position=ladder("25", 2)), SECTION, NOW)
    assert first.position.high_bid == D("0.58")
    before = review(held("0.56", "0.57", position=ladder("75", 1)), SECTION, NOW)
    assert before.position.high_bid is None
    assert found(held("0.57", "0.58", position=ladder("25", 2, "0.60"))) == (
        Reason.TRAILING, D(25),
    )  # fmt: skip
    assert found(held("0.58", "0.59", position=ladder("25", 2, "0.60")))[0] is Reason.NO_EXIT
    lone = held("0.57", None, position=ladder("25", 2, "0.60"))
    assert found(lone)[0] is Reason.STALE_BOOK


@pytest.mark.parametrize(
    ("days", "bid", "halved", "expected"),
    [
        (3, "0.50", 0, (Reason.NO_EXIT, None)),  # not longer than 3 days
        (3.01, "0.52", 0, (Reason.SLOW_3_DAYS, D(50))),  # +4 %
        (3.01, "0.53", 0, (Reason.NO_EXIT, None)),  # +6 %
        (5, "0.52", 1, (Reason.NO_EXIT, None)),  # half is sold once
        (7, "0.53", 1, (Reason.NO_EXIT, None)),
        (7.01, "0.53", 1, (Reason.SLOW_7_DAYS, D(100))),  # +6 % is below 8
        (7.01, "0.50", 0, (Reason.SLOW_7_DAYS, D(100))),  # all, not half
    ],
)
def test_a_slow_holding_is_halved_then_sold(
    days: float, bid: str, halved: int, expected: tuple[Reason, Decimal | None]
) -> None:
    """More than 3 days below +5 %, more than 7 below +8 %, by return, fees counted."""
    mine = replace(position(held=timedelta(days=days)), halved_slow=bool(halved), targets_hit=1)
    assert found(held(bid, str(D(bid) + CENT), position=mine)) == expected


def test_the_return_counts_the_fee_and_what_finds_no_bid() -> None:
    """100 shares that cost 51: 60 of them find a bid at .55, less a fee of .594 each 40."""
    mine = position("100", "0.50", cost="51")
    thin = book([("0.55", "60")], [("0.56", "10")])
    assert net_return(mine, thin, FREE) == D(33) / D(51) - 1
    assert net_return(mine, thin, flat("0.04")) == (D(33) - D("0.594")) / D(51) - 1
    assert net_return(mine, book(asks=[("0.5", "1")]), FREE) == -1
    assert net_return(replace(mine, cost=D(0)), thin, FREE) == 0


@pytest.mark.parametrize(
    ("days", "ask", "halved", "expected"),
    [
        (7.01, "0.51", 0, (Reason.NO_EXIT, None)),
        (7, "0.51", 0, (Reason.DEADLINE_7_DAYS, D(50))),
        (5, "0.51", 1, (Reason.NO_EXIT, None)),
        (3, "0.51", 1, (Reason.DEADLINE_3_DAYS, D(100))),
        (-1, "0.51", 0, (Reason.DEADLINE_3_DAYS, D(100))),
        (3, None, 0, (Reason.DEADLINE_3_DAYS, D(100))),  # a bid is enough to leave
    ],
)
def test_before_the_deadline_half_then_all(
    days: float, ask: str | None, halved: int, expected: tuple[Reason, Decimal | None]
) -> None:
    """At 7 days half, once; at 3 days all."""
    mine = replace(position(), halved_deadline=bool(halved))
    deadline = NOW + timedelta(days=days)
    assert found(held("0.50", ask, position=mine, deadline=deadline)) == expected


@pytest.mark.parametrize(
    ("hours", "now", "before", "reason"),
    [
        (25, 4999.0, 10_000.0, Reason.VOLUME_FADED),
        (25, 5000.0, 10_000.0, Reason.NO_EXIT),
        (24, 10.0, 10_000.0, Reason.NO_EXIT),  # within the first day
        (25, None, 10_000.0, Reason.NO_EXIT),
        (25, 10.0, None, Reason.NO_EXIT),
    ],
)
def test_faded_volume_sells_after_the_first_day(
    hours: int, now: float | None, before: float | None, reason: Reason
) -> None:
    """Under half of the week before; an unknown volume is not zero."""
    mine = position(held=timedelta(hours=hours))
    assert found(held(position=mine, volume_24h=now, volume_before=before))[0] is reason


def test_a_market_being_settled_freezes_targets_and_nothing_else() -> None:
    """LOCKED at a price over all targets; a stop still sells; it unlocks when settling ends."""
    locked = held("0.99", "1", settling=True)
    said = review(locked, SECTION, NOW)
    assert said.reason is Reason.LOCKED
    assert said.position.state is PositionState.LOCKED
    falling = held("0.57", "0.58", settling=True, position=ladder("25", 2, "0.70"))
    assert found(falling)[0] is Reason.LOCKED
    assert found(held(None, None, settling=True))[0] is Reason.LOCKED
    assert found(held("0.30", "0.31", settling=True))[0] is Reason.STOP
    freed = review(held(position=said.position), SECTION, NOW)
    assert freed.position.state is PositionState.OPEN


def test_level_2_sells_winners_and_keeps_losers() -> None:
    """Worth more than it cost after fees: sold; less: kept, with its ordinary exits."""
    assert found(held("0.51", "0.52", kill_level=2)) == (Reason.KILL_WINNERS, D(100))
    assert found(held("0.51", "0.52", kill_level=2, fee=flat("0.07")))[0] is Reason.NO_EXIT
    assert found(held("0.50", "0.52", kill_level=2))[0] is Reason.NO_EXIT
    assert found(held("0.40", "0.41", kill_level=2))[0] is Reason.STOP
    assert found(held("0.51", "0.52", kill_level=1))[0] is Reason.NO_EXIT


@pytest.mark.parametrize(
    ("bid", "ask", "limit"),
    [
        ("0.50", "0.51", "0.48"),  # two ticks
        ("0.10", "0.90", "0.40"),  # .8 of a mid of .50: nothing there, and so UNCLOSED
        ("0.10", "0.11", "0.09"),  # .8 x .105 = .084, up to the tick
        ("0.97", None, "0.95"),  # a missing ask counts as 1
        ("0.10", None, "0.44"),
    ],
)
def test_level_3_sells_everything_but_not_for_nothing(
    bid: str, ask: str | None, limit: str
) -> None:
    """Not below max(bid - 2 ticks, .8 of the mid)."""
    said = review(held(bid, ask, kill_level=3), SECTION, NOW)
    assert isinstance(said, Exit)
    assert (said.reason, said.shares, said.limit_price) == (Reason.KILL_ALL, D(100), D(limit))


def test_level_4_sells_nothing_at_all() -> None:
    """No order, whatever the price."""
    assert found(held("0.01", "0.02", kill_level=4)) == (Reason.NO_EXIT, None)


def test_the_whole_wins_over_a_part_and_the_stop_over_the_deadline() -> None:
    """A target's quarter, a slow half and the last days at once: all, for the deadline."""
    mine = position(held=4 * DAY)
    both = held("0.54", "0.55", position=mine, deadline=NOW + 2 * DAY, fee=flat("0.07"))
    assert found(both) == (Reason.DEADLINE_3_DAYS, D(100))
    worst = held("0.30", "0.31", position=mine, deadline=NOW + 2 * DAY)
    assert found(worst)[0] is Reason.STOP
    parts = held("0.54", "0.55", position=mine, deadline=NOW + 6 * DAY)
    assert found(parts) == (Reason.DEADLINE_7_DAYS, D(50))


def test_a_fill_that_an_exit_would_undo_is_foreseen() -> None:
    """A week before the deadline the half would go at once; a slot before that, a slot later."""
    there = book([("0.49", "1000")], [("0.50", "1000")])
    bought = walk(there, Side.BUY, D(100), D("0.52"), flat("0.04"))

    def fires(deadline: timedelta) -> Reason | None:
        case = Holding(position(), there, flat("0.04"), CENT, D(5), NOW + deadline)
        said = would_fire(bought, case, SECTION, NOW)
        return None if said is None else said.reason

    assert fires(60 * DAY) is None
    assert fires(7 * DAY) is Reason.DEADLINE_7_DAYS
    assert fires(7 * DAY + timedelta(minutes=15)) is Reason.DEADLINE_7_DAYS
    assert fires(7 * DAY + timedelta(minutes=16)) is None
    empty = walk(there, Side.BUY, D(100), D("0.10"), FREE)
    assert would_fire(empty, held(), SECTION, NOW) is None


cents = st.integers(1, 98).map(lambda n: D(n) / 100)


@given(
    prices=st.tuples(cents, st.integers(1, 10), cents),
    shares=st.integers(1, 50_000).map(lambda n: D(n) / 100),
    sold=st.floats(0, 0.99),
    hit=st.integers(0, 3),
    days=st.floats(0, 10),
    level=st.integers(0, 4),
    left=st.floats(-1, 20),
)
def test_whatever_happens_an_exit_sells_what_is_held_and_leaves_no_dust(
    prices: tuple[Decimal, int, Decimal], shares: Decimal, sold: float, hit: int, days: float,
    level: int, left: float,
) -> None:  # fmt: skip
    """0 < sold <= held; what stays is nothing or at least the minimum; the limit is a price."""
    bid, gap, entry = prices
    ask = min(D("0.99"), bid + gap * CENT)
    original = (shares / (1 - D(repr(sold)))).quantize(CENT) + CENT
    mine = replace(
        position(str(shares), str(entry), bid=str(entry), original=str(original)),
        targets_hit=hit, opened_at=NOW - timedelta(days=days),
    )  # fmt: skip
    case = held(
        str(bid), str(ask), position=mine, kill_level=level, deadline=NOW + timedelta(days=left)
    )
    said = review(case, SECTION, NOW)
    if isinstance(said, Exit):
        remains = shares - said.shares
        assert 0 < said.shares <= shares
        assert remains == 0 or remains >= 5
        assert said.whole == (remains == 0)
        assert CENT <= said.limit_price <= 1
        assert level < 4


def test_dust_below_a_hundredth_of_a_share_stays_until_the_settlement() -> None:
    """A person's own fill may leave .003456 shares: the venue sells none of them."""
    uneven = review(held("0.30", "0.31", position=position("10.003456")), SECTION, NOW)
    assert isinstance(uneven, Exit)
    assert (uneven.shares, uneven.whole) == (D(10), True)
    assert found(held("0.30", "0.31", position=position("0.003456"))) == (Reason.NO_EXIT, None)
