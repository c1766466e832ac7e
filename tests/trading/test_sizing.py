"""How much is asked for, check by check, by hand."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from deals import CENT, FREE, NOW, D, book, flat
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Action, Reason, Signal, Token
from trading_cli.trading import RiskSection
from trading_cli.trading.account import Account
from trading_cli.trading.sizing import Sizing, kelly_fraction, limit_price, size

SECTION = RiskSection()
ACCOUNT = Account(NOW, D(10_000), D(10_000), D(0))
DEEP = book([("0.49", "100000")], [("0.50", "100000")])


def signal(ceiling: str = "0.02", **changes: Any) -> Signal:
    """Return a signal to buy YES of m1."""
    plain = Signal("s", "m1", Action.BUY, Reason.SIGNAL, Token.YES, ceiling=D(ceiling))
    return replace(plain, **changes)


def sized(ask: Signal, **options: Any) -> Sizing:
    """Return the size in the deep book, at no fee."""
    return size(ask, options.pop("there", DEEP), options.pop("fee", FREE), ACCOUNT, SECTION,
                **options)  # fmt: skip


@pytest.mark.parametrize(
    ("ceiling", "shares"), [("0.01", "192.30"), ("0.02", "384.61"), ("0.04", "769.23")]
)
def test_the_tier_is_a_share_of_the_account_at_the_limit_price(ceiling: str, shares: str) -> None:
    """1 % of 10,000 at up to .52 are 192.30 shares."""
    said = sized(signal(ceiling))
    assert (said.shares, said.limit_price, said.binding) == (D(shares), D("0.52"), "tier")
    assert said.shares * D("0.52") <= D(ceiling) * 10_000


def test_the_fee_is_part_of_what_a_share_costs() -> None:
    """At a rate of .07 a share at .52 costs .537472: 372.11 of them are 2 %."""
    assert sized(signal(), fee=flat("0.07")).shares == D("372.11")


def test_kelly_counts_only_where_a_probability_is_stated() -> None:
    """Q = .54 at an all-in .50: a quarter of .08 is 2 % of the account, 400 shares at .50."""
    assert kelly_fraction(0.54, D("0.50")) == D("0.08")
    both = sized(signal("0.04", probability=0.54))
    assert (both.shares, both.binding) == (D("400"), "kelly")
    assert [c.rule for c in sized(signal("0.04", strength=0.99)).checks] == [
        "tier", "ask_depth", "bid_depth",
    ]  # fmt: skip


def test_kelly_without_an_edge_buys_nothing() -> None:
    """The all-in ask is above the probability: the fee alone may take the edge."""
    none = sized(signal(probability=0.51), fee=flat("0.07"))  # .5175 all-in
    assert (none.shares, none.binding) == (0, "kelly")
    assert sized(signal(probability=0.51)).shares > 0
    assert kelly_fraction(0.9, D(1)) == 0
    with pytest.raises(ValueError, match="a probability lies"):
        kelly_fraction(1.5, D("0.5"))


def test_5_percent_of_what_is_offered_within_two_ticks() -> None:
    """1,000 + 400 + 600 shares up to .52 count, those at .53 do not: 100."""
    there = book(
        [("0.49", "100000")],
        [("0.50", "1000"), ("0.51", "400"), ("0.52", "600"), ("0.53", "90000")],
    )
    said = sized(signal(), there=there)
    assert (said.shares, said.binding) == (D(100), "ask_depth")


def test_20_percent_of_what_is_bid_within_2_percent() -> None:
    """.98 x .50 = .49 counts, .48 does not: 20 % of 300."""
    there = book([("0.50", "100"), ("0.49", "200"), ("0.48", "90000")], [("0.51", "100000")])
    said = sized(signal(), there=there)
    assert (said.shares, said.binding) == (D(60), "bid_depth")


def test_provisional_hype_or_a_hazard_halves_once() -> None:
    """Half of 384.61 is 192.30, whichever says so, or both."""
    assert sized(signal(halved=True)).shares == D("192.30")
    assert sized(signal(), halved=True).shares == D("192.30")
    both = sized(signal(halved=True), halved=True)
    assert both.shares == D("192.30")
    assert both.checks[-1].rule == "halved"


def test_below_the_venues_minimum_there_is_no_trade() -> None:
    """5 % of 99 shares offered is 4.95: none; of 100, five."""
    for offered, shares in (("99", 0), ("100", 5)):
        there = book([("0.49", "100000")], [("0.50", offered)])
        said = sized(signal(), there=there)
        assert said.shares == shares
        assert said.binding == ("minimum" if shares == 0 else "ask_depth")
    assert sized(signal(), min_size=D(500)).shares == 0


def test_a_book_that_says_neither_tick_nor_minimum_has_the_usual_ones() -> None:
    """One cent, five shares."""
    bare = replace(DEEP, tick=None, min_size=None)
    assert sized(signal(), there=bare).limit_price == D("0.52")
    for offered, shares in (("99", 0), ("100", 5)):
        thin = replace(book([("0.49", "100000")], [("0.50", offered)]), tick=None, min_size=None)
        assert sized(signal(), there=thin).shares == shares


def test_nothing_is_never_asked_for() -> None:
    """Where the venue has no minimum, three quarters of a share are an order, and 0 is none."""
    some = sized(signal("0.000039"), min_size=D(0))  # .39 USD at .52
    assert (some.shares, some.binding) == (D("0.75"), "tier")
    none = sized(signal("0"), min_size=D(0))
    assert (none.shares, none.binding, none.sentence[:8]) == (0, "tier", "no trade")
    assert [check.rule for check in none.checks][-1] == "minimum"
    assert none.checks[-1].allowed == 0


def test_what_has_no_size_has_no_checks() -> None:
    """Not one was asked: the answer is empty, not absent."""
    assert sized(signal(), there=book()).checks == ()


@pytest.mark.parametrize(
    ("probability", "fraction"), [(0.0, "0"), (0.5, "0"), (0.75, "0.5"), (1.0, "1")]
)
def test_certainty_is_a_probability(probability: float, fraction: str) -> None:
    """0 and 1 are in [0, 1]: at .50 all-in Kelly bets nothing, and everything."""
    assert kelly_fraction(probability, D("0.50")) == D(fraction)


def test_a_book_with_one_side_is_not_bought_from() -> None:
    """No ask is no price; no bid is no way out."""
    for there in (book([("0.49", "10")]), book(asks=[("0.5", "10")]), book()):
        said = sized(signal(), there=there)
        assert (said.shares, said.limit_price, said.binding) == (0, None, "book")


@pytest.mark.parametrize(
    ("ask", "tick", "limit"),
    [("0.50", "0.01", "0.52"), ("0.98", "0.01", "0.99"), ("0.997", "0.001", "0.999"),
     ("0.501", "0.001", "0.503")],
)  # fmt: skip
def test_the_limit_is_two_ticks_above_the_ask_and_below_one(
    ask: str, tick: str, limit: str
) -> None:
    """At most a tick below 1."""
    assert limit_price(D(ask), D(tick), 2) == D(limit)


@given(
    ask=st.integers(2, 99),
    gap=st.integers(1, 20),
    offered=st.integers(1, 10**6),
    wanted=st.integers(1, 10**6),
    ceiling=st.integers(0, 400).map(lambda n: D(n) / 10_000),
    probability=st.none() | st.floats(0, 1),
    rate=st.sampled_from(["0", "0.04", "0.07"]),
)
def test_whatever_the_book_the_size_is_within_every_check(  # seven dice
    ask: int, gap: int, offered: int, wanted: int, ceiling: Decimal, probability: float | None,
    rate: str,
) -> None:  # fmt: skip
    """Nothing, or at least the minimum and at most each answer; every check has its sentence."""
    bid = max(1, ask - gap)
    there = book([(str(bid * CENT), str(wanted))], [(str(ask * CENT), str(offered))])
    said = sized(signal(str(ceiling), probability=probability), there=there, fee=flat(rate))
    assert said.shares == 0 or said.shares >= 5
    assert all(said.shares <= check.allowed or check.rule == "minimum" for check in said.checks)
    assert all(check.sentence for check in said.checks)
    assert said.limit_price is not None
    assert said.limit_price <= D("0.99")
    assert said.shares * said.limit_price <= ceiling * 10_000
