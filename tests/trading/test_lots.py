"""First in, first out: goldens by hand, and for whatever was dealt the sums of the ledger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.domain import Entry, Token
from trading_cli.trading.lots import fifo

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
D = Decimal


def dealt(number: int, shares: str, cost: str, cash: str, *, market: str = "m", kind: str = ""):
    """Return the lines of one transfer: shares and cost in or out of the position, cash."""
    at = NOON + timedelta(days=number)
    word = kind or ("buy" if D(shares) > 0 else "sell")
    name, rest = f"t{number}{market}", (at, word, "r", market, Token.YES)
    return [
        Entry(name, "cash", D(cash), *rest, D(0)),
        Entry(name, "positions", D(cost), *rest, D(shares)),
        Entry(name, "realized", -D(cash) - D(cost), *rest, D(0)),
    ]


def test_the_oldest_shares_go_first_with_their_own_cost():
    """10 at 4.00, 10 at 6.00; 15 sold for 9.00: all of the first, half of the second."""
    gone, held = fifo(
        dealt(0, "10", "4", "-4") + dealt(1, "10", "6", "-6") + dealt(9, "-15", "-7.5", "9")
    )
    assert [(one.shares, one.cost, one.proceeds, one.gain, one.days) for one in gone] == [
        (D(10), D(4), D(6), D(2), 9),
        (D(5), D(3), D(3), D(0), 8),
    ]
    assert [(lot.shares, lot.cost) for lot in held] == [(D(5), D(3))]


def test_a_settlement_is_a_disposal_also_at_nothing():
    """Three shares that paid 0 lose all they cost."""
    gone, held = fifo(
        dealt(0, "3", "1.23", "-1.23") + dealt(2, "-3", "-1.23", "0", kind="settlement")
    )
    (one,) = gone
    assert (one.how, one.gain) == ("settlement", D("-1.23"))
    assert held == []


def test_other_markets_are_other_lots():
    """A sale in one market never takes the shares of another."""
    gone, held = fifo(
        dealt(0, "3", "1", "-1", market="a")
        + dealt(1, "3", "2", "-2", market="b")
        + dealt(2, "-3", "-2", "3", market="b")
    )
    assert [(one.market_id, one.cost) for one in gone] == [("b", D(2))]
    assert [lot.market_id for lot in held] == ["a"]


def test_what_moves_no_shares_is_no_disposal():
    """A deposit first and between, and a line of a purchase that corrects its cost alone."""
    paid = [Entry("d", "cash", D(100), NOON, "deposit", "r"),
            Entry("d", "capital", D(-100), NOON, "deposit", "r")]  # fmt: skip
    later = [replace(one, transfer="e") for one in paid]
    bought = dealt(0, "4", "2", "-2")
    corrected = [replace(bought[1], amount=D(0), shares=D(0)), *bought]
    gone, held = fifo(paid + corrected + later + dealt(1, "-4", "-2", "3"))
    assert [(one.shares, one.cost, one.proceeds) for one in gone] == [(D(4), D(2), D(3))]
    assert held == []


def test_more_sold_than_bought_is_an_error_that_names_the_transfer():
    """A ledger in which shares come from nowhere is not made into lots."""
    with pytest.raises(ValueError, match="t1m disposes of 2 more YES of market m"):
        fifo(dealt(0, "3", "1", "-1") + dealt(1, "-5", "-1", "2"))


amounts = st.integers(1, 10**9).map(lambda n: D(n) / 10**6)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.booleans(), amounts, amounts), min_size=1, max_size=30),
)
def test_whatever_was_dealt_no_cent_is_lost(moves):
    """Shares, cost and proceeds of disposals and what is held are exactly those of the ledger."""
    entries, held = [], D(0)
    for number, (buys, shares, usd) in enumerate(moves):
        if buys or held == 0:
            entries += dealt(number, str(shares), str(usd), str(-usd))
            held += shares
        else:
            part = min(shares, held)
            entries += dealt(number, str(-part), "-1", str(usd))
            held -= part
    gone, left = fifo(entries)
    bought = [one for one in entries if one.account == "positions" and one.shares > 0]
    paid = sum(one.amount for one in entries if one.account == "cash" and one.kind == "sell")
    assert sum((lot.shares for lot in left), D(0)) == held
    assert sum(one.shares for one in bought) == held + sum(one.shares for one in gone)
    assert sum(one.amount for one in bought) == sum(one.cost for one in [*gone, *left])
    assert sum((one.proceeds for one in gone), D(0)) == paid
    assert all(one.acquired_at <= one.disposed_at for one in gone)
    assert all(one.cost >= 0 and one.proceeds >= 0 for one in gone)
