"""Walking a book by hand: levels, limits, partial fills, fees, and what was ours already."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from deals import FREE, NOW, D, book, fill_of, flat, levels, order
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Side, Token
from trading_cli.trading.fees import FEE_TABLE, fee
from trading_cli.trading.fills import (
    DEAREST_FEE,
    MICRO,
    SHARE_STEP,
    depth_taken,
    gross_of,
    liquidation,
    walk,
    whole_shares,
)

BOOK = book(
    bids=[("0.48", "50"), ("0.47", "100"), ("0.40", "1000")],
    asks=[("0.50", "30"), ("0.51", "40.5"), ("0.53", "100")],
    book_hash="h1",
)


def test_a_buy_walks_the_asks_within_its_limit() -> None:
    """100 shares up to .51 get 30 at .50 and 40.5 at .51: 35.655 USD, and the rest nothing."""
    got = walk(BOOK, Side.BUY, D(100), D("0.51"), FREE)
    assert got.levels == levels(("0.50", "30"), ("0.51", "40.5"))
    assert (got.shares, got.gross, got.fee) == (D("70.5"), D("35.655"), D(0))
    assert got.price == D("35.655") / D("70.5")
    assert got.net == D("35.655")


def test_a_sell_walks_the_bids_down_to_its_limit() -> None:
    """120 shares down to .47 get 50 at .48 and 70 at .47, less the fee of each level."""
    got = walk(BOOK, Side.SELL, D(120), D("0.47"), flat("0.04"))
    assert got.levels == levels(("0.48", "50"), ("0.47", "70"))
    assert got.gross == D("56.9")
    # 50 x .04 x .48 x .52 = .4992; 70 x .04 x .47 x .53 = .69748
    assert got.fee == D("1.19668")
    assert got.net == D("55.70332")


def test_the_fee_is_charged_per_level_not_on_the_average() -> None:
    """Two levels, two roundings: the fee is the sum of both, to 5 decimals."""
    got = walk(BOOK, Side.BUY, D("30.01"), D("0.51"), flat("0.07"))
    assert got.fee == D("0.525") + D("0.00017")


@pytest.mark.parametrize(
    ("side", "limit"), [(Side.BUY, "0.49"), (Side.SELL, "0.49"), (Side.BUY, "0")]
)
def test_nothing_within_the_limit_is_nothing(side: Side, limit: str) -> None:
    """No level, no shares, no fee, no price."""
    got = walk(BOOK, side, D(10), D(limit), flat("0.05"))
    assert (got.levels, got.shares, got.gross, got.fee, got.price) == ((), 0, 0, 0, None)


def test_shares_come_in_hundredths_taken_down() -> None:
    """An order of 10.009 gets 10.00; a level of 3.456 gives 3.45."""
    thin = book(asks=[("0.50", "3.456"), ("0.51", "100")])
    got = walk(thin, Side.BUY, D("10.009"), D("0.51"), FREE)
    assert got.levels == levels(("0.50", "3.45"), ("0.51", "6.55"))
    assert whole_shares(D("-1")) == 0


def test_a_bid_that_pays_less_than_its_fee_is_not_sold_to() -> None:
    """A hundredth of a share at .0001 would bring a millionth and cost ten: it is left alone."""
    dust = book(bids=[("0.0001", "0.01")], asks=[("0.5", "5")])
    assert walk(dust, Side.SELL, D(1), D(0), flat("0.05")).shares == 0


def test_a_bid_that_pays_no_more_than_its_fee_is_not_sold_to() -> None:
    """A hundredth at .001 would bring .00001 and cost as much; the next bid pays, and gets it."""
    dust = book(bids=[("0.001", "0.01")], asks=[("0.5", "5")])
    assert walk(dust, Side.SELL, D(1), D(0), flat("0.05")).shares == 0
    thin = book(bids=[("0.002", "0.001"), ("0.001", "10")], asks=[("0.5", "5")])
    assert walk(thin, Side.SELL, D(1), D(0), flat("0.05")).levels == levels(("0.001", "1"))


def test_the_steps_of_the_venue_and_the_dearest_fee() -> None:
    """Hundredths of a share, millionths of a USD; a way out costs at most 7 % of p(1-p)."""
    assert (D("0.01"), D("0.000001")) == (SHARE_STEP, MICRO)
    assert (DEAREST_FEE.rate, DEAREST_FEE.exponent) == (D("0.07"), 1)
    assert DEAREST_FEE.rate >= max(r.rate for r in FEE_TABLE if r.exponent == 1)


def test_what_leaves_is_gross_and_fee_and_what_comes_in_is_less_it() -> None:
    """30 at .50 with a rate of .04: 15 USD and .30 of fee; 50 at .48: 24 USD less .4992."""
    assert walk(BOOK, Side.BUY, D(30), D("0.50"), flat("0.04")).net == D("15.3")
    assert walk(BOOK, Side.SELL, D(50), D("0.48"), flat("0.04")).net == D("23.5008")


def test_a_level_that_is_all_ours_is_passed_over() -> None:
    """30 of 30 at .50 are gone: the next order gets .51; what is not of this side takes none."""
    ours = fill_of(order("30"), [("0.50", "30")], at=NOW + timedelta(seconds=1))
    sold = fill_of(order("5", "0.48", side=Side.SELL), [("0.48", "5")], at=NOW)
    taken = depth_taken(BOOK, Token.YES, Side.BUY, [sold, ours])
    assert taken == {D("0.50"): D(30)}
    got = walk(BOOK, Side.BUY, D(15), D("0.51"), FREE, taken)
    assert got.levels == levels(("0.51", "15"))


def test_a_price_of_many_decimals_is_rounded_against_us() -> None:
    """1 share at .1234567: paid .123457, got .123456."""
    fine = book([("0.1234567", "1")], [("0.1234567", "1")])
    assert walk(fine, Side.BUY, D(1), D(1), FREE).gross == D("0.123457")
    assert walk(fine, Side.SELL, D(1), D(0), FREE).gross == D("0.123456")


def test_a_limit_that_is_no_price_is_refused() -> None:
    """A limit of 50 cents is .50, not 50."""
    with pytest.raises(ValueError, match="limit price"):
        walk(BOOK, Side.BUY, D(1), D(50), FREE)


def test_own_fills_take_depth_of_the_same_book() -> None:
    """20 of the 30 at .50 were ours: the next order finds 10 there and goes on at .51."""
    mine = fill_of(order("20"), [("0.50", "20")], at=NOW + timedelta(seconds=1))
    taken = depth_taken(BOOK, Token.YES, Side.BUY, [mine])
    assert taken == {D("0.50"): D(20)}
    got = walk(BOOK, Side.BUY, D(15), D("0.51"), FREE, taken)
    assert got.levels == levels(("0.50", "10"), ("0.51", "5"))


def test_buying_no_eats_the_bids_of_yes() -> None:
    """10 NO bought at .52 are 10 of the YES bids at .48, and nothing of the YES asks."""
    mine = fill_of(order("10", "0.52", token=Token.NO), [("0.52", "10")])
    assert depth_taken(BOOK, Token.YES, Side.SELL, [mine]) == {D("0.48"): D(10)}
    assert depth_taken(BOOK, Token.YES, Side.BUY, [mine]) == {}


def test_a_newer_book_shows_the_depth_back_and_the_same_hash_does_not() -> None:
    """What counts is a change of the book after the fill, not that it was looked at again."""
    mine = fill_of(order("20"), [("0.50", "20")])
    mine = replace(mine, book_hash="h1")
    later = NOW + timedelta(minutes=15)
    seen_again = book(asks=[("0.50", "30")], at=later, book_hash="h1")
    unchanged = book(asks=[("0.50", "30")], at=later, book_hash="h0", event_time=NOW)
    changed = book(asks=[("0.50", "30")], at=later, book_hash="h2")
    assert depth_taken(seen_again, Token.YES, Side.BUY, [mine]) == {D("0.50"): D(20)}
    assert depth_taken(unchanged, Token.YES, Side.BUY, [mine]) == {D("0.50"): D(20)}
    assert depth_taken(changed, Token.YES, Side.BUY, [mine]) == {}


def test_liquidation_is_what_the_bids_pay_and_nothing_where_there_are_none() -> None:
    """200 shares into 1,150 bid: 50 at .48, 100 at .47, 50 at .40; without a bid, 0."""
    assert liquidation(BOOK, D(200), FREE) == D("91")
    assert liquidation(book(asks=[("0.5", "10")]), D(200), FREE) == 0
    assert liquidation(None, D(200), FREE) == 0
    assert liquidation(book(bids=[("0.48", "50")]), D(200), FREE) == D(24)


prices = st.integers(1, 9999).map(lambda n: D(n) / 10000)
sizes = st.integers(1, 10**8).map(lambda n: D(n) / 1000)
rates = st.sampled_from(["0", "0.04", "0.07", "0.25"])


@given(
    raw=st.lists(st.tuples(prices, sizes), min_size=1, max_size=12, unique_by=lambda p: p[0]),
    side=st.sampled_from(list(Side)),
    shares=st.integers(1, 10**7).map(lambda n: D(n) / 100),
    limit=prices,
    rate=rates,
)
def test_whatever_the_book_a_walk_keeps_its_promises(
    raw: list[tuple[Decimal, Decimal]], side: Side, shares: Decimal, limit: Decimal, rate: str
) -> None:
    """Never more than asked or resting, never beyond the limit, whole millionths, fee per level."""
    rows = sorted(raw, reverse=side is Side.SELL)
    pairs = [(str(price), str(size)) for price, size in rows]
    there = book(asks=pairs) if side is Side.BUY else book(bids=pairs)
    got = walk(there, side, shares, limit, flat(rate))
    assert got.shares <= shares
    resting = dict(rows)
    for level in got.levels:
        assert level.size <= resting[level.price]
        assert level.price <= limit if side is Side.BUY else level.price >= limit
    assert got.fee == sum((fee(lv.size, lv.price, flat(rate)) for lv in got.levels), D(0))
    assert (
        got.gross
        == got.gross.quantize(MICRO)
        == sum((lv.size * lv.price for lv in got.levels), D(0))
    )
    assert got.net >= 0
    assert got.price is None or got.price == got.gross / got.shares


def test_gross_of_a_fill_is_its_levels_in_whole_millionths() -> None:
    """An average that never ends does not lose a millionth: 1 at .33 and 2 at .34 are 1.01."""
    sent = order("3")
    got = fill_of(sent, [("0.33", "1"), ("0.34", "2")])
    assert gross_of(got) == D("1.01")
    assert gross_of(replace(got, levels=())) == D("1.01")
