"""One book's numbers by hand, and what must hold of any book; many looks likewise."""

import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.regression.linear_model import OLS

from trading_cli.research import book_history as bh
from trading_cli.research import microstructure as ms

BOTH = (ms.BUY, ms.SELL)


def book(bids, asks):
    """Return a book from pairs of price and shares."""
    return ms.Orders(ms.Side.of(*zip(*bids, strict=True)), ms.Side.of(*zip(*asks, strict=True)))


HAND = book(
    [(0.40, 100), (0.39, 200), (0.35, 1000)],
    [(0.42, 100), (0.44, 300), (0.50, 600)],
)


@st.composite
def books(draw):
    """Return any book on ticks of a cent: at least one level a side."""
    cents = draw(st.lists(st.integers(1, 99), min_size=2, max_size=40, unique=True).map(sorted))
    cut = draw(st.integers(1, len(cents) - 1))
    sizes = draw(st.lists(st.integers(1, 500_000), min_size=len(cents), max_size=len(cents)))
    levels = [(cent / 100, size / 100) for cent, size in zip(cents, sizes, strict=True)]
    return book(levels[:cut][::-1], levels[cut:])


usd_sizes = st.floats(0.01, 1e6)


# --- one book, by hand


def test_a_spread_by_hand():
    """0.42 over 0.40: 2 cents, 487.8 bps of the mid 0.41, 4.76 % of the ask."""
    found = ms.spread(HAND.bid, HAND.ask)
    assert_allclose((found.absolute, found.bps, found.of_ask), (0.02, 200 / 0.41, 0.02 / 0.42))


def test_depth_by_hand():
    """Ticks count from a side's own best, per cent from the mid; both ends belong to it."""
    found = {(one.unit, one.distance): one for one in ms.depths(HAND, 0.01)}
    one, two, five = (found["ticks", count] for count in ms.TICKS)
    assert (one.bid_shares, one.ask_shares) == (300, 100)
    assert_allclose((two.bid_usd, two.ask_usd), (40 + 78, 42 + 132))
    assert (five.bid_shares, five.ask_shares) == (1300, 400)
    near = [found["of_mid", share] for share in ms.SHARES_OF_MID]
    assert [(d.bid_shares, d.ask_shares) for d in near] == [(0, 0), (0, 0), (300, 100)]


def test_without_a_tick_there_is_no_depth_by_ticks():
    """What is not known is left out, not guessed."""
    assert {one.unit for one in ms.depths(HAND, None)} == {"of_mid"}


def test_imbalance_by_hand():
    """USD of the top levels: 40 + 78 + 350 bid, 42 + 132 + 300 asked; nothing against nothing."""
    assert ms.top_value(HAND) == pytest.approx((468, 474))
    assert ms.imbalance(*ms.top_value(HAND)) == pytest.approx(-6 / 942)
    assert math.isnan(ms.imbalance(0, 0))


def test_a_purchase_by_hand():
    """108 USD: 100 shares for 42, then 150 at 0.44 for 66: 0.432 on average."""
    got = ms.walk(HAND, ms.BUY, 108)
    assert got.filled
    assert_allclose(got.taken, [100, 150, 0])
    assert got.average == pytest.approx(0.432)
    assert got.worst == 0.44
    assert got.slippage(HAND.mid) == pytest.approx(0.432 / 0.41 - 1)
    assert got.slippage(HAND.ask) == pytest.approx(0.432 / 0.42 - 1)


def test_a_sale_by_hand():
    """79 USD: 100 shares for 40, then 100 at 0.39 for 39: 0.395 on average, 1.25 % below best."""
    got = ms.walk(HAND, ms.SELL, 79)
    assert got.shares == pytest.approx(200)
    assert got.slippage(HAND.bid) == pytest.approx(0.0125)


def test_what_the_book_cannot_give_is_not_filled():
    """All asks cost 474 USD: a size of 475 is told as short, with what there is and no more."""
    whole, short = ms.walk(HAND, ms.BUY, 474), ms.walk(HAND, ms.BUY, 475)
    assert whole.filled
    assert not short.filled
    assert (short.usd, short.shares) == (pytest.approx(474), pytest.approx(1000))
    assert not ms.walk_shares(HAND, ms.SELL, 1301).filled


def test_the_largest_size_by_hand():
    """2 % over the ask 0.42 is 0.4284: 100 at 0.42 and x at 0.44, x = 0.84 / 0.0116."""
    found = ms.largest(HAND, ms.BUY, 0.42, 0.02)
    more = (0.4284 * 100 - 42) / (0.44 - 0.4284)
    assert found.shares == pytest.approx(100 + more)
    assert found.usd == pytest.approx(42 + 0.44 * more)
    assert not found.whole
    assert ms.largest(HAND, ms.BUY, HAND.mid).usd == 0  # half the spread alone is 2.4 %
    assert ms.largest(HAND, ms.SELL, 0.40, 0.5).whole


def test_whales_are_levels_and_their_side_is_named():
    """A level of 12,000 USD that is most of its side; one of exactly 10,000 is none."""
    found = ms.whales(book([(0.5, 24_000), (0.4, 10)], [(0.8, 12_500), (0.9, 50_000)]))
    assert [(one.side, one.price, one.dominant) for one in found] == [
        ("ask", 0.9, True),
        ("bid", 0.5, True),
    ]
    assert found[1].share == pytest.approx(12_000 / 12_004)


def test_a_score_is_its_parts_by_hand():
    """Two levels of 210 and 200 USD one cent apart; without resilience its weight is left out."""
    one = book([(0.40, 500)], [(0.42, 500)])
    whole, part = ms.score(one, 0.01, 0.5), ms.score(one, 0.01, float("nan"), "few")
    tight, deep, spread_out = 1 - 0.02 / 0.41 / 0.1, 0.02, 1 - (200**2 + 210**2) / 410**2
    by_hand = 0.3 * tight + 0.3 * deep + 0.2 * spread_out
    assert whole.value == pytest.approx(by_hand + 0.1)
    assert part.value == pytest.approx(by_hand / 0.8)
    assert (part.parts[-1].name, part.parts[-1].why) == ("resilience", "few")
    assert ms.score(one, None, 0.5).parts[1].why == "no tick known"


@pytest.mark.parametrize(
    ("bids", "asks", "why"),
    [
        ([(0.5, 1)], [(0.5, 1)], "crossed"),
        ([(0.6, 1)], [(0.5, 1)], "crossed"),
        ([(0.4, 1), (0.41, 1)], [(0.5, 1)], "bids are not best first"),
        ([(0.4, 1)], [(0.5, 1), (0.5, 1)], "asks are not best first"),
        ([(0.4, 0)], [(0.5, 1)], "size above 0"),
        ([(0.0, 1)], [(0.5, 1)], "price inside"),
        ([(0.4, float("nan"))], [(0.5, 1)], "size above 0"),
    ],
)
def test_what_is_no_book_is_refused(bids, asks, why):
    """Crossed, unsorted or empty levels never become a number."""
    with pytest.raises(ValueError, match=why):
        book(bids, asks)


def test_a_side_must_be_there():
    """No bids: no mid, no spread."""
    with pytest.raises(ValueError, match="no bids"):
        ms.Orders(ms.Side.of([], []), HAND.asks)


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf")])
def test_a_size_is_above_nothing(size):
    """USD and shares alike."""
    for ask in (ms.walk, ms.walk_shares):
        with pytest.raises(ValueError, match="above 0"):
            ask(HAND, ms.BUY, size)


def test_a_tick_is_seen_in_the_prices():
    """The widest of the venue's that none is off."""
    assert ms.seen_tick([0.4, 0.42, 0.51]) == 0.01
    assert ms.seen_tick([0.4, 0.5]) == 0.1
    assert ms.seen_tick([0.4, 0.425]) == 0.001
    assert math.isnan(ms.seen_tick([0.123456]))
    assert math.isnan(ms.seen_tick([]))


# --- any book


@given(books(), usd_sizes, usd_sizes)
def test_more_never_costs_less(one, first, second):
    """Whatever book and two sizes: the larger one has no better average, and no fewer shares."""
    small, large = sorted((first, second))
    for side in BOTH:
        a, b = ms.walk(one, side, small), ms.walk(one, side, large)
        assert b.slippage(one.mid) >= a.slippage(one.mid) - 1e-9
        assert b.shares >= a.shares * (1 - 1e-9)
        assert a.slippage(one.mid) > 0


@given(books(), usd_sizes)
def test_buying_and_selling_again_never_gains(one, usd):
    """Whatever book and size: what the shares bring back is less than was paid."""
    bought = ms.walk(one, ms.BUY, usd)
    back = ms.walk_shares(one, ms.SELL, bought.shares)
    assert back.usd < bought.usd


@given(books(), usd_sizes)
def test_nothing_is_made_or_lost_on_the_way(one, usd):
    """Whatever book: a fill's levels are whole but the last, and add up; short means everything."""
    for side, eaten in ((ms.BUY, one.asks), (ms.SELL, one.bids)):
        got = ms.walk(one, side, usd)
        assert_allclose((got.taken * got.prices).sum(), got.usd, rtol=1e-9)
        touched = np.flatnonzero(got.taken)
        assert_allclose(got.taken[touched[:-1]], eaten.sizes[touched[:-1]])
        if not got.filled:
            assert usd > eaten.usd.sum()
            assert_allclose(got.taken, eaten.sizes)


@given(books(), usd_sizes)
def test_shares_and_money_walk_the_same_way(one, usd):
    """Whatever book: asking for the shares that a size got costs that size."""
    for side in BOTH:
        got = ms.walk(one, side, usd)
        assert ms.walk_shares(one, side, got.shares).usd == pytest.approx(got.usd, rel=1e-9)


@given(books(), st.floats(0.001, 0.5))
def test_the_largest_size_is_on_the_curve(one, slippage):
    """Whatever book: its slippage is the one allowed, or the side ended; a bit more is too much."""
    for side, best in ((ms.BUY, one.ask), (ms.SELL, one.bid)):
        for reference in (one.mid, best):
            found = ms.largest(one, side, reference, slippage)
            if found.usd == 0:
                assert ms.walk(one, side, 1e-6).slippage(reference) > slippage
                continue
            got = ms.walk(one, side, found.usd * (1 - 1e-12))
            assert got.slippage(reference) <= slippage + 1e-9
            if not found.whole:
                assert got.slippage(reference) == pytest.approx(slippage, abs=1e-8)
                assert got.shares == pytest.approx(found.shares, rel=1e-6)


@given(books(), st.floats(0.01, 1e4))
def test_the_other_token_is_the_mirror(one, shares):
    """Whatever book: buying NO is selling YES, share for share; twice mirrored is the same."""
    no = one.mirrored()
    assert no.mid == pytest.approx(1 - one.mid)
    assert no.ask - no.bid == pytest.approx(one.ask - one.bid)
    bought, sold = ms.walk_shares(no, ms.BUY, shares), ms.walk_shares(one, ms.SELL, shares)
    assert bought.shares == pytest.approx(sold.shares)
    assert bought.usd == pytest.approx(sold.shares - sold.usd)
    assert_allclose(no.mirrored().bids.prices, one.bids.prices)
    here, there = ([d for d in ms.depths(side, 0.01) if d.unit == "ticks"] for side in (one, no))
    assert [d.bid_shares for d in here] == [d.ask_shares for d in there]


@given(books(), st.floats(0, 1))
def test_a_score_and_its_parts_lie_between_0_and_1(one, back):
    """Whatever book; and a deeper book of the same shape is no worse."""
    found = ms.score(one, 0.01, back)
    assert 0 <= found.value <= 1
    assert all(0 <= part.value <= 1 for part in found.parts)
    deeper = ms.Orders(
        ms.Side(one.bids.prices, one.bids.sizes * 2), ms.Side(one.asks.prices, one.asks.sizes * 2)
    )
    assert ms.score(deeper, 0.01, back).value >= found.value - 1e-12


def test_recorded_books_obey_too(shared_data):
    """Every two-sided real book: the curve rises, nothing gains, the largest size is on it."""
    count = 0
    for path in sorted((shared_data / "ws_market_channel_mlb_2025-06").glob("*_books.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        for row in rows:
            sides = [
                [(float(lv["price"]), float(lv["size"])) for lv in row[name]][::-1]
                for name in ("bids", "asks")
            ]
            if not all(sides):
                continue
            _obeys(book(*sides))
            count += 1
    assert count == 1533


def _obeys(one):
    for side in BOTH:
        worse = [
            walk.slippage(one.mid)
            for walk in (ms.walk(one, side, usd) for usd in (10, 100, 1000, 10_000))
        ]
        assert worse == sorted(worse) or np.diff(worse).min() > -1e-9
        found = ms.largest(one, side, one.mid)
        if found.usd and not found.whole:
            assert ms.walk(one, side, found.usd).slippage(one.mid) == pytest.approx(0.01, abs=1e-9)
    bought = ms.walk(one, ms.BUY, 100)
    assert ms.walk_shares(one, ms.SELL, bought.shares).usd < bought.usd


# --- many looks


def looks(seen, *, changed=None, bid=None, ask=None, bid_depth=None, ask_depth=None):
    """Return looks of one-cent books, as much as is given."""
    n = len(seen)
    columns = (
        seen, seen if changed is None else changed, bid or [0.4] * n, ask or [0.41] * n,
        bid_depth or [100.0] * n, ask_depth or [100.0] * n,
    )  # fmt: skip
    return bh.Looks(*(np.asarray(one, float) for one in columns))


def test_a_spread_is_weighted_by_the_time_it_stood():
    """1 cent for 900 s, then 3 cents for 300 s: 1.5 cents, not the mean of the looks."""
    many = looks([0, 900, 1200], ask=[0.41, 0.43, 0.50])
    found = bh.weighted_spread(many, bh.standing(many))
    assert found.absolute == pytest.approx((900 * 0.01 + 300 * 0.03) / 1200)
    assert found.two_sided == 1200


def test_between_looks_far_apart_nothing_is_known():
    """An hour without a look is not filled; the looks around it are not stretched."""
    many = looks([0, 900, 4500, 5400], ask=[0.41, 0.99, 0.43, 0.43])
    stood = bh.standing(many)
    assert stood.seconds.tolist() == [900, 0, 900, 0]
    assert bh.weighted_spread(many, stood).absolute == pytest.approx(0.02)
    assert (stood.known, stood.span) == (1800, 5400)


def test_a_book_stands_from_its_own_change_on():
    """Seen at 900, it had changed at 300: from there it counts, and unchanged it counts on."""
    many = looks([0, 900, 9000], changed=[0, 300, 300])
    assert bh.standing(many).seconds.tolist() == [300, 600, 8100]


def test_a_time_with_one_side_is_told_apart():
    """An empty side has no spread, and its time is no time of two sides."""
    many = looks([0, 600, 1200], ask=[0.41, float("nan"), 0.41])
    found = bh.weighted_spread(many, bh.standing(many))
    assert (found.two_sided, found.one_sided) == (600, 600)
    assert found.absolute == pytest.approx(0.01)


@pytest.mark.parametrize("seen", [[], [5.0]])
def test_one_look_has_no_time(seen):
    """Nothing is weighted by nothing."""
    many = looks(seen)
    assert math.isnan(bh.weighted_spread(many, bh.standing(many)).absolute)
    assert bh.resilience(bh.losses(many, seen, seen)).n == 0
    assert bh.moves(many, seen, seen).change.size == 0


def test_a_recording_taken_in_later_keeps_the_venues_times():
    """Seen in slots years later, changed seconds apart: only the changes place the looks."""
    many, taken_in = bh.timed(
        looks([9000, 9900, 10_800], changed=[10, 20, 25], bid=[0.3, 0.2, 0.1])
    )
    assert taken_in
    assert many.seen.tolist() == [10, 20, 25]
    assert many.bid.tolist() == [0.3, 0.2, 0.1]


def test_live_looks_are_put_in_the_order_they_were_seen():
    """Twice the same instant is one look, the last; a stale change does not move it."""
    many, taken_in = bh.timed(
        looks([900, 0, 900, 1800], changed=[890, 0, 895, 895], bid=[0.1, 0.2, 0.3, 0.4])
    )
    assert not taken_in
    assert many.seen.tolist() == [0, 900, 1800]
    assert many.bid.tolist() == [0.2, 0.3, 0.4]


def test_a_loss_and_its_return_by_hand():
    """100 to 40; 50 of it at the next look, 70 (half of the 60 back) two looks later."""
    many = looks([0, 900, 1800, 2700], ask_depth=[100, 40, 50, 70])
    found = bh.losses(many, [0, 5, 0, 0], [0, 0, 0, 0])
    assert found.back == pytest.approx([10 / 60])
    assert found.waits.tolist() == [1800]
    assert found.ended.tolist() == [True]
    assert found.dealt.tolist() == [True]


def test_what_is_not_back_when_last_seen_is_not_called_back():
    """A break, or the end, ends the look after it; less than a fifth is no loss."""
    many = looks([0, 900, 1800, 9000], bid_depth=[100, 40, 50, 90])
    found = bh.losses(many, [0] * 4, [0] * 4)
    assert (found.waits.tolist(), found.ended.tolist()) == ([900], [False])
    assert (
        bh.losses(looks([0, 900, 1800], bid_depth=[100, 81, 100]), [0] * 3, [0] * 3).back.size == 0
    )


def test_few_losses_have_no_half_life():
    """Nine of ten: undefined, with n."""
    nine = bh.Losses(np.ones(9), np.full(9, 900.0), np.ones(9, bool), np.ones(9, bool))
    found = bh.resilience(nine)
    assert (found.n, found.undefined[:12]) == (9, "INSUFFICIENT")
    assert math.isnan(found.half_life)


@given(
    st.lists(
        st.tuples(st.integers(1, 12).map(lambda k: 900.0 * k), st.booleans()),
        min_size=10,
        max_size=80,
    )
)
def test_a_median_wait_is_that_of_the_reference(rows):
    """Whatever waits: statsmodels' Kaplan-Meier median and its log(-log) interval."""
    waits, ended = (list(column) for column in zip(*rows, strict=True))
    median, low, high = bh.median_wait(waits, ended)
    if not any(ended):
        assert math.isnan(median)
        return
    curve = SurvfuncRight(np.array(waits), np.array(ended, int))
    below = curve.surv_times[curve.surv_prob <= 0.5 + 1e-12]
    assert (median == below[0]) if below.size else math.isnan(median)
    with np.errstate(all="ignore"):
        interval = curve.quantile_ci(0.5, method="cloglog")
    if not math.isnan(interval[0]):
        assert (low, high) == interval


def test_a_half_life_has_the_references_interval():
    """40 waits of which 6 are cut: statsmodels' log(-log) interval of the median."""
    rng = np.random.default_rng(3)
    waits = np.ceil(rng.exponential(3, 40)) * 900
    ended = rng.random(40) > 0.15
    curve = SurvfuncRight(waits, ended.astype(int))
    median, low, high = bh.median_wait(waits, ended)
    assert median == curve.quantile(0.5)
    assert (low, high) == pytest.approx(curve.quantile_ci(0.5, method="cloglog"))


def test_a_planted_half_life_is_found():
    """Depth that comes back by half each look after a shock: half-life one look."""
    depth = []
    for _ in range(15):
        depth += [100, 100, 20, 60, 80, 90, 95, 100]
    seen = np.arange(len(depth)) * 900.0
    many = looks(seen, ask_depth=depth)
    found = bh.resilience(bh.losses(many, np.ones(len(depth)), np.zeros(len(depth))))
    assert (found.n, found.dealt, found.ended) == (15, 15, 15)
    assert found.half_life == 900
    assert found.back.point == pytest.approx(0.5)


def _walked(n, slope, rng):
    net = rng.normal(0, 500, n)
    mids = 0.5 + np.concatenate(([0], np.cumsum(slope * net[1:] + rng.normal(0, 1e-4, n - 1))))
    half = 0.005
    many = looks(np.arange(n) * 900.0, bid=list(mids - half), ask=list(mids + half))
    return many, net, np.abs(net) * 0.5 + 1


def test_a_planted_slope_is_found_and_its_error_is_the_references():
    """λ of 2e-7 a share: inside the interval, which is statsmodels' HC3 where that is the wider."""
    many, net, usd = _walked(121, 2e-7, np.random.default_rng(5))
    pairs = bh.moves(many, net, usd)
    found = bh.kyle(pairs)
    assert found.n == 120
    assert found.low < 2e-7 < found.high
    x = np.column_stack((np.ones(120), pairs.net))
    fit = OLS(pairs.change, x).fit(cov_type="HC3", use_t=True)
    assert found.value == pytest.approx(fit.params[1], rel=1e-8)
    low, high = fit.conf_int()[1]
    assert found.low <= low * (1 + 1e-6)
    assert found.high >= high * (1 - 1e-6)


def test_errors_that_follow_one_another_widen_the_interval():
    """Flow and errors both in runs: Newey and West's part is the larger one and counts."""
    rng = np.random.default_rng(8)
    runs = np.repeat(rng.normal(0, 500, 20), 6)
    noise = np.repeat(rng.normal(0, 1e-3, 20), 6)
    pairs = bh.Moves(2e-7 * runs + noise, runs, np.abs(runs) + 1)
    fit = OLS(pairs.change, np.column_stack((np.ones(120), runs))).fit(cov_type="HC3", use_t=True)
    low, high = fit.conf_int()[1]
    found = bh.kyle(pairs)
    assert found.high - found.low > 1.3 * (high - low)


def test_one_pair_alone_sets_no_slope():
    """Thirty-nine pairs of the same flow and one other: no error could be told of that line."""
    net = np.full(40, 10.0)
    net[7] = 500
    pairs = bh.Moves(np.linspace(0, 0.01, 40), net, np.ones(40))
    assert bh.kyle(pairs).undefined == "undefined: one pair alone sets the slope"


def test_intervals_cover_what_they_say_in_heavy_tailed_flow():
    """300 worlds of 60 pairs, log-normal sizes: inside in at least 88 % (93 less 3 errors)."""
    rng = np.random.default_rng(9)
    inside = 0
    for _ in range(300):
        net = rng.choice([-1, 1], 60) * rng.lognormal(5, 1.5, 60)
        found = bh.kyle(bh.Moves(1e-7 * net + rng.normal(0, 0.005, 60), net, np.abs(net)))
        inside += found.low <= 1e-7 <= found.high
    assert inside / 300 >= 0.88


def test_a_bootstrap_interval_leans_to_the_long_tail():
    """A skewed sample: the upper end is further off than the lower; equal values have no width."""
    x = np.random.default_rng(4).lognormal(0, 1, 40)
    low, high = bh.bootstrap_t(x)
    assert low < x.mean() < high
    assert high - x.mean() > 1.3 * (x.mean() - low)
    assert bh.bootstrap_t(np.ones(30)) == (1, 1)
    assert bh.bootstrap_t(x) == (low, high)


def test_amihud_by_hand():
    """30 moves of 1 cent for 1,000 USD each: 0.00001 a USD; 29 are too few."""
    pairs = bh.Moves(np.full(30, 0.01), np.ones(30), np.full(30, 1000.0))
    assert bh.amihud(pairs).value == pytest.approx(1e-5)
    few = bh.Moves(pairs.change[1:], pairs.net[1:], pairs.usd[1:])
    assert bh.amihud(few).undefined == bh.kyle(few).undefined
    assert "29 of 30" in bh.amihud(few).undefined
    assert bh.kyle(pairs).undefined.startswith("undefined: the net flow")


def test_pairs_without_trades_or_across_a_break_are_left_out():
    """Three moves: one without a trade, one over an hour without a look."""
    many = looks([0, 900, 1800, 5400], bid=[0.4, 0.41, 0.42, 0.43], ask=[0.42, 0.43, 0.44, 0.45])
    found = bh.moves(many, [0, 10, 0, 10], [0, 4, 0, 4])
    assert found.change == pytest.approx([0.01])


def test_a_venues_clock_a_little_behind_is_no_recording():
    """A book seen half a minute after the next one's change: two clocks, not a recording."""
    many, taken_in = bh.timed(looks([100, 130], changed=[60, 75]))
    assert not taken_in
    assert many.seen.tolist() == [100, 130]
