"""The relative volume ratio: worksheets with numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Tier
from trading_cli.research import hour_factors
from trading_cli.research.rvr import HOUR, RvrRules, Traded, covered_hours, rvr, windows

AT = 1_772_452_800 + 20  # Monday 2026-03-02 12:00:20 UTC
LAST = AT - 300  # the last second that counts
WHOLE = ((AT - 27 * HOUR, AT + 1),)
PEOPLE = ("a", "b", "c", "d", "e")


def traded(now=3000.0, before=100.0, *, wallets=PEOPLE, spans=WHOLE, hours=24):
    """Return *now* USD shared equally by *wallets* in the hour, *before* in each of *hours*."""
    rows = [(LAST - 10 - n, now / len(wallets), name) for n, name in enumerate(wallets)]
    rows += [(LAST - HOUR * (back + 1) - 60, before, "z") for back in range(hours)]
    times, usd, who = zip(*rows, strict=True)
    return Traded(np.array(times, dtype=np.int64), np.array(usd), who, spans)


def test_three_hundred_after_a_hundred_an_hour_is_three():
    """300 USD in the hour after 24 hours of 100 are 3.0 exactly: the hour itself is no baseline."""
    found = rvr(traded(300.0), at=AT)
    assert found.value == pytest.approx(3.0, rel=1e-12)
    assert found.inputs["mean_usd"] == 100.0
    assert found.inputs["usd"] == 300.0
    assert found.inputs["hours"] == 24


def test_the_hour_is_from_65_to_5_minutes_ago_and_its_first_second_is_outside():
    """(t-65, t-5]: what is 65 minutes old belongs to the hour before, what is 5 to this one."""
    assert windows(AT)[0] == (AT - 3900 + 1, AT - 300 + 1)
    edges = {AT - 299: 0.0, AT - 300: 50.0, AT - 3899: 50.0, AT - 3900: 0.0}
    for when, expected in edges.items():
        one = Traded(
            np.array([when, AT - 9000], dtype=np.int64), np.array([50.0, 100.0]), ("a", "b"), WHOLE
        )
        assert rvr(one, at=AT).inputs["usd"] == expected


def test_tiers_begin_at_their_thresholds():
    """1.5 is WEAK, 2 MODERATE, 3 STRONG; just below is one less."""
    for ratio, tier in (
        (1.49, Tier.NONE), (1.5, Tier.WEAK), (1.99, Tier.WEAK), (2.0, Tier.MODERATE),
        (2.99, Tier.MODERATE), (3.0, Tier.STRONG),
    ):  # fmt: skip
        assert rvr(traded(10_000 * ratio, 10_000.0), at=AT).tier is tier, ratio


@pytest.mark.parametrize(
    ("usd", "wallets", "tier"),
    [
        (5000.0, PEOPLE, Tier.STRONG),
        (4999.0, PEOPLE, Tier.WEAK),  # too little
        (9000.0, PEOPLE[:4], Tier.WEAK),  # too few
        (9000.0, ("a", "a", "a", "b", "c", "d", "e"), Tier.STRONG),  # 3 of 7 is no majority
        (9000.0, (*"aaaaa", "b", "c", "d", "e"), Tier.WEAK),  # 5 of 9 is
        (9000.0, (*"aaaa", "b", "c", "d", "e"), Tier.STRONG),  # exactly half is not over half
    ],
)
def test_one_wallet_cannot_make_more_than_weak(usd, wallets, tier):
    """MODERATE needs 5,000 USD of 5 wallets, none over half; else the value stays, WEAK."""
    found = rvr(traded(usd, 100.0, wallets=wallets), at=AT)
    assert found.value == pytest.approx(usd / 100)
    assert found.tier is tier
    assert (found.inputs.get("limited") == "ONE_WALLET") == (tier is Tier.WEAK)


def test_twenty_of_the_24_hours_are_enough_and_nineteen_are_not():
    """The mean is of the hours heard; with fewer than 20 there is none, and it says so."""
    now = AT - 300 + 1 - HOUR
    spans = ((now - 20 * HOUR, AT),)
    assert covered_hours(spans, AT) == (True, 20)
    assert rvr(traded(300.0, spans=spans), at=AT).value == pytest.approx(3.0)
    short = ((now - 20 * HOUR + 1, AT),)
    found = rvr(traded(300.0, spans=short), at=AT)
    assert found.value is None
    assert found.undefined == "trades heard for 19 of the 24 hours before, 20 needed"
    assert found.tier is Tier.NONE


def test_an_hour_that_was_not_heard_is_left_out_of_the_mean():
    """Four deaf hours with no trades in them do not make the others look busier."""
    now = AT - 300 + 1 - HOUR
    spans = ((now - 24 * HOUR, now - 4 * HOUR), (now, AT))
    assert rvr(traded(300.0, spans=spans), at=AT).value == pytest.approx(3.0)


def test_the_hour_itself_must_have_been_heard():
    """A venue that did not answer for the last hour leaves RVR undefined, not low."""
    found = rvr(traded(spans=((AT - 27 * HOUR, AT - 301),)), at=AT)
    assert found.undefined == "the trades of the last hour were not heard completely"


def test_a_day_without_a_trade_is_no_baseline():
    """Mean 0 leaves it undefined: not infinite, not zero."""
    found = rvr(traded(300.0, 0.0), at=AT)
    assert (found.value, found.undefined) == (None, "nothing was traded in the 24 hours before")


def test_no_trade_in_the_hour_is_a_true_zero():
    """Heard, and nothing happened: 0.0, which is not undefined."""
    found = rvr(traded(0.0), at=AT)
    assert (found.value, found.undefined, found.tier) == (0.0, "", Tier.NONE)


def test_the_factor_of_the_hour_divides_it():
    """An hour that is usually twice as busy counts half: 300 / 2 over 100 is 1.5."""
    factors = np.ones(168)
    factors[hour_factors.hour_of_week(LAST - HOUR / 2)] = 2.0  # Monday 11:00 to 12:00
    assert rvr(traded(300.0), at=AT, factors=factors).value == pytest.approx(1.5)
    plain = RvrRules(seasonal=False)
    assert rvr(traded(300.0), at=AT, factors=factors, rules=plain).value == pytest.approx(3.0)


def test_its_own_past_stands_beside_it():
    """With a ladder 0, 10 … 200, an hour of 55 stands at 27.5 %."""
    ladder = np.linspace(0, 200, 21)
    assert rvr(traded(55.0), at=AT, ladder=ladder).inputs["percentile"] == 27.5
    assert rvr(traded(900.0), at=AT, ladder=ladder).inputs["percentile"] == 100.0
    assert rvr(traded(55.0), at=AT).inputs["percentile"] is None


@given(
    rows=st.lists(
        st.tuples(
            st.integers(AT - 27 * HOUR, AT),
            st.just(0.0) | st.floats(1e-6, 1e5),  # a millionth of a USD is the least there is
            st.sampled_from(PEOPLE),
        ),
        max_size=60,
    )
)
def test_whatever_was_traded_the_order_and_scale_do_not_matter(rows):
    """Shuffled trades, or all of them in cents, give the same ratio; value xor a reason why not."""
    times = np.array([row[0] for row in rows], dtype=np.int64)
    usd = np.array([row[1] for row in rows], dtype=np.float64)
    who = [row[2] for row in rows]
    one = rvr(Traded(times, usd, who, WHOLE), at=AT)
    other = rvr(Traded(times[::-1], usd[::-1] * 100, who[::-1], WHOLE), at=AT)
    assert (one.value is None) == (one.undefined != "") == (other.value is None)
    if one.value is not None:
        assert other.value == pytest.approx(one.value, rel=1e-6)
