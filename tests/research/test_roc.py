"""The rate of change: half a logit, equal and opposite for NO."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Tier
from trading_cli.research.roc import Mid, RocRules, logit, roc

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
THEN = NOW - timedelta(hours=12)
CENT = Decimal("0.01")


def of(now, then, **more):
    """Return the ROC from *then* to *now*."""
    return roc(
        Mid(Decimal(now), NOW), Mid(Decimal(then), THEN), tick=more.pop("tick", CENT), **more
    )


@pytest.mark.parametrize(
    ("then", "now", "value"),
    [
        ("0.50", "0.55", 0.10033535),  # half of .2006707: about the plan's ten percent
        ("0.95", "0.97", 0.26582986),
        ("0.05", "0.07", 0.17887482),
        ("0.95", "0.96", 0.11680742),
        ("0.01", "0.02", 0.35164978),
        ("0.55", "0.50", -0.10033535),
        ("0.40", "0.45", 0.10239721),
    ],
)
def test_it_is_half_the_change_of_the_logit(then, now, value):
    """Worked out with a calculator: ½ (ln(m/(1-m)) now - then)."""
    found = of(now, then)
    assert found.value == pytest.approx(value, abs=1e-8)
    assert found.inputs["token"] == ("YES" if value > 0 else "NO")
    assert found.inputs["relative"] == pytest.approx(float(Decimal(now) / Decimal(then)) - 1)


def test_at_a_half_it_is_the_plans_percent():
    """From .50 a change of one point is 2 % of the price and .02 of ROC."""
    assert of("0.51", "0.49").value == pytest.approx(0.04001, abs=1e-5)
    assert logit(0.5) == 0.0


def test_tiers_go_by_size_not_sign():
    """.45 → .50 and .50 → .45 are both MODERATE."""
    assert of("0.50", "0.45").tier is Tier.MODERATE
    assert of("0.45", "0.50").tier is Tier.MODERATE
    assert of("0.53", "0.50").tier is Tier.WEAK
    assert of("0.60", "0.50").tier is Tier.STRONG


def test_a_small_move_near_an_edge_is_no_signal():
    """.010 → .020 is a logit apart but one cent: the value stays, the tier is NONE."""
    found = of("0.020", "0.010", tick=Decimal("0.001"))
    assert found.value == pytest.approx(0.35165, abs=1e-5)
    assert found.tier is Tier.NONE
    assert found.inputs["limited"] == "SMALL_MOVE"


def test_the_move_is_two_ticks_at_least():
    """Of a market with ticks of two cents, three cents are too little and four are enough."""
    assert of("0.93", "0.90", tick=Decimal("0.02")).tier is Tier.NONE
    assert of("0.94", "0.90", tick=Decimal("0.02")).tier is Tier.STRONG
    assert of("0.92", "0.90", tick=None).tier is Tier.MODERATE


def test_what_is_missing_is_named():
    """No quote and no history now, or then, leaves it undefined: never zero."""
    mid = Mid(Decimal("0.5"), NOW)
    assert roc(None, mid, tick=CENT).undefined == "no price now"
    assert roc(mid, None, tick=CENT).undefined == "no price 12 hours ago"
    assert roc(None, None, tick=CENT).undefined == "no price now and 12 hours ago"
    assert of("1", "0.9").undefined == "a price at 0 or 1 has no rate of change"


def test_a_mid_from_the_history_is_flagged():
    """The inputs say which of the two was no quote."""
    found = roc(Mid(Decimal("0.6"), NOW), Mid(Decimal("0.5"), THEN, history=True), tick=CENT)
    assert found.inputs["from_history"] == ["12h"]


def test_the_relative_form_judges_the_percent():
    """.50 → .54 is 8 %: WEAK either way; .05 → .07 is 40 %: STRONG."""
    rules = RocRules(relative=True)
    assert of("0.54", "0.50", rules=rules).value == pytest.approx(0.08)
    assert of("0.07", "0.05", rules=rules).tier is Tier.STRONG


PRICE = st.integers(1, 9999).map(lambda n: Decimal(n) / 10_000)


@given(now=PRICE, then=PRICE, tick=st.sampled_from([Decimal("0.01"), Decimal("0.001"), None]))
def test_whatever_the_prices_no_mirrors_yes(now, then, tick):
    """From the NO book: the value with the other sign, the same tier, the other token."""
    yes_now, yes_then = Mid(now, NOW), Mid(then, THEN)
    yes = roc(yes_now, yes_then, tick=tick)
    no = roc(yes_now.mirrored(), yes_then.mirrored(), tick=tick)
    assert no.value == pytest.approx(-yes.value, abs=1e-9)
    assert no.tier is yes.tier
    swapped = {"YES": "NO", "NO": "YES", "": ""}
    assert no.inputs["token"] == swapped[str(yes.inputs["token"])]
