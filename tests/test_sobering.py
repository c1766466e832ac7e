"""The replay of recorded mids under our own rules, beside what a hand computes."""

import importlib
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.domain import FeeSchedule, Reason, Token

D = Decimal
FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
NOON = int(datetime(2026, 1, 20, 12, tzinfo=UTC).timestamp())
FOUR = FeeSchedule(D("0.04"), D(1), "flat")
FREE = FeeSchedule(D(0), D(1), "flat")


@pytest.fixture(scope="module")
def replay():
    """Return benchmarks/mid_replay.py; a folder of programs, not a package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("mid_replay")


@pytest.fixture(scope="module")
def sobering():
    """Return benchmarks/sobering.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("sobering")


def recorded():
    """Return benchmarks/mid_series.py; its folder need be on the path only the first time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        return importlib.import_module("mid_series")


def series(*mids, outcome="0", slug="will-it-rain"):
    """Return a market whose mids follow one another every 10 minutes from 13 s after 12:00 UTC."""
    points = [(NOON + 13 + 600 * n, D(mid)) for n, mid in enumerate(mids)]
    return recorded().series_of(slug, "Will it rain?", outcome, points)


def test_a_recorded_stop_out_comes_out_as_by_hand(replay, shared_data):
    """One YES entry of 2026-02-02 18:00, fee rate .04, through its five points with pencil."""
    markets = recorded().load(shared_data / "mixed_resolved_10min_2026-01")
    slug = "nba-min-mem-2026-02-02-rebounds-vince-williams-jr-3pt5"
    market = next(one for one in markets if one.market.id == slug)
    i = market.times.index(1770055228)  # 18:00:28
    assert list(zip(market.times[i : i + 5], map(str, market.mids[i : i + 5]), strict=True)) == [
        (1770055228, "0.605"),  # decides: bid .60, ask .61
        (1770055817, "0.595"),  # buys 100 at .60: fee 100 x .04 x .6 x .4 = .96, cost 60.96
        (1770056421, "0.585"),  # bid .58 stays above the stop: .59 - 12 % of it = .5192
        (1770057023, "0.495"),  # bid .49: the stop fires, .0292 through it; limit .47
        (1770057617, "0.495"),  # sells 100 at .49: fee 100 x .04 x .49 x .51 = .9996
    ]
    lane = replay.Lane(market, replay.Setup(FOUR), D("0.01"))
    quoted = next(q for q in lane.quoted if q.at == i)
    assert quoted.vetoes == ()
    # spread 1 + fees 100 x .04 x (.61 x .39 + .60 x .40) = 1.9116 cents, of an ask of 61
    assert quoted.cents == pytest.approx(2.9116)
    assert quoted.share == pytest.approx(2.9116 / 61)
    trade = lane.trade(i, Token.YES)
    assert (trade.entry, trade.stop, trade.seen) == (D("0.60"), D("0.5192"), D("0.49"))
    assert (trade.end, trade.until, trade.sold) == ("STOP", i + 4, D("0.49"))
    assert trade.gapped
    assert trade.below == D("0.0292")
    assert trade.net == pytest.approx((49 - 0.9996) / 60.96 - 1)
    assert trade.meant == pytest.approx((51.92 - 0.99853) / 60.96 - 1)
    assert trade.held == -1.0  # it ended NO


def test_the_whole_recorded_set_is_read(shared_data):
    """106 markets, 217,083 points less the 55 "now" points where two windows were joined."""
    markets = recorded().load(shared_data / "mixed_resolved_10min_2026-01")
    assert len(markets) == 106
    assert sum(len(one.times) for one in markets) == 217_083 - 55
    assert sum(one.dropped for one in markets) == 55
    assert len({one.event for one in markets}) == 42
    assert {one.payout for one in markets} == {D(0), D(1)}


def test_a_price_that_jumps_over_the_stop_is_sold_where_it_lands(replay):
    """Bought at .51, stop at .44: the next bid a cycle sees, at 12:50, is .30, and .28 pays."""
    market = series(*["0.505"] * 5, "0.305", "0.285", "0.285")
    lane = replay.Lane(market, replay.Setup(FREE), D("0.01"))
    trade = lane.trade(0, Token.YES)
    assert (trade.entry, trade.stop, trade.seen, trade.sold) == (
        D("0.51"), D("0.44"), D("0.30"), D("0.28"),
    )  # fmt: skip
    assert trade.below == D("0.14")
    assert trade.net == pytest.approx(28 / 51 - 1)
    assert trade.meant == pytest.approx(44 / 51 - 1)


def test_a_bid_that_is_gone_leaves_the_stop_nothing_to_sell_to(replay):
    """Within a tick of 0 nobody bids: the stop cannot fire, the settlement takes everything."""
    market = series("0.505", "0.505", "0.505", *["0.0005"] * 6)
    trade = replay.Lane(market, replay.Setup(FREE), D("0.01")).trade(0, Token.YES)
    assert (trade.end, trade.stop, trade.net) == (replay.SETTLED, None, -1.0)


def test_the_point_that_decides_is_never_the_one_that_deals(replay):
    """A jump after the decision is paid, or beyond the limit (ask and 2 ticks) not filled."""
    paid = series("0.505", "0.525", "0.525", "0.525", outcome="1")
    missed = series("0.505", "0.535", "0.535", "0.535", outcome="1")
    setup = replay.Setup(FREE)
    assert replay.Lane(paid, setup, D("0.01")).trade(0, Token.YES).entry == D("0.53")
    assert replay.Lane(missed, setup, D("0.01")).trade(0, Token.YES) is None


def test_what_comes_later_changes_no_entry(replay):
    """Two futures after the same two points: the same entry, the same quote, the same vetoes."""
    lanes = [
        replay.Lane(series("0.505", "0.505", *rest), replay.Setup(FREE), D("0.01"))
        for rest in (["0.9"] * 5, ["0.2"] * 5)
    ]
    assert lanes[0].quoted == lanes[1].quoted
    assert lanes[0].trade(0, Token.NO).entry == lanes[1].trade(0, Token.NO).entry


def test_a_dear_round_trip_is_not_entered(replay):
    """At .05 an ask of .51 costs more there and back than the rule allows; at 0 it does not."""
    market = series(*["0.505"] * 5)
    dear = FeeSchedule(D("0.05"), D(1), "flat")
    refused = replay.Lane(market, replay.Setup(dear), D("0.01"))
    assert not refused.admitted
    assert {q.vetoes for q in refused.quoted} == {(Reason.ROUND_TRIP,)}
    assert len(replay.Lane(market, replay.Setup(FREE), D("0.01")).admitted) == 2


def test_positions_of_one_token_do_not_overlap(replay):
    """A day without a move: both tokens are entered at noon, and held over the later hours."""
    market = series(*["0.505"] * 144)
    lane = replay.Lane(market, replay.Setup(FREE), D("0.01"))
    assert len(lane.admitted) == 2 * 4
    assert [trade.token for trade in lane.entries()] == [Token.YES, Token.NO]


def test_a_now_point_is_left_out():
    """The point 20 s behind another repeats it: it is dropped, and counted."""
    points = [(NOON, D("0.5")), (NOON + 21, D("0.51")), (NOON + 600, D("0.52"))]
    market = recorded().series_of("x", "X?", "1", points)
    assert (market.times, market.dropped) == ((NOON, NOON + 600), 1)


@given(
    halves=st.integers(1, 1999),
    cents=st.sampled_from(["0.01", "0.02", "0.05"]),
)
@settings(max_examples=300, deadline=None)
def test_every_assumed_book_is_on_the_grid_around_its_mid(halves, cents):
    """Whatever mid: prices on the grid inside (0, 1), never crossed, as wide as asked if it can."""
    mid, tick = D(halves) / 2000, D("0.001")
    book = recorded().book_around(mid, NOON, tick, D(cents))
    prices = [price for price in (book.best_bid, book.best_ask) if price is not None]
    assert prices
    assert all(0 < price < 1 and price % tick == 0 for price in prices)
    if len(prices) == 2:
        bid, ask = prices
        assert bid < ask
        assert (bid + ask) / 2 == mid
        assert ask - bid >= D(cents) or bid == tick or ask == 1 - tick
        assert ask - bid < D(cents) + 2 * tick


def test_too_few_events_show_no_point(replay, sobering):
    """29 events are INSUFFICIENT however many trades; from 30 on there is an interval."""

    def trade(event, net):
        return replay.Trade(str(event), Token.YES, D("0.5"), "STOP", net, net, 1, 0, 0)

    few = [trade(n % 29, -0.1) for n in range(500)]
    assert sobering.estimate(few) == "INSUFFICIENT"
    assert sobering.estimate([trade(n, -0.1) for n in range(30)]) == "-10.0 [-10.0, -10.0]"


def test_without_the_recorded_set_it_says_so_and_fails(tmp_path):
    """Exit code 1, nothing on stdout, and how to mend it."""
    told = subprocess.run(
        [sys.executable, str(FOLDER / "sobering.py"), "--data", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (1, "")
    assert "set TRADING_SHARED_DATA" in told.stderr
