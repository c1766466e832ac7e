"""The worst an event can do, by enumerating what can happen to it."""

from dataclasses import replace
from decimal import Decimal
from itertools import product

from deals import NOW, D
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Market, Token
from trading_cli.trading.account import Stake
from trading_cli.trading.groups import (
    Correlation,
    Group,
    Groups,
    Line,
    losses_by_outcome,
    of_markets,
    outcomes,
    worst_loss,
)

THREE = frozenset({"a", "b", "c"})
EXCLUSIVE = Group("e", THREE, exclusive=True)
EXHAUSTIVE = Group("e", THREE, exclusive=True, exhaustive=True)
APART = Group("e", THREE)


def yes(market: str, cost: str, shares: str = "100") -> Line:
    """Return a YES stake."""
    return Line(market, Token.YES, D(shares), D(cost))


def no(market: str, cost: str, shares: str = "100") -> Line:
    """Return a NO stake."""
    return Line(market, Token.NO, D(shares), D(cost))


def test_two_yes_of_an_exclusive_event_lose_both_where_a_third_may_win() -> None:
    """YES a for 40 and YES b for 30: worst is neither, 70; never less by winning one."""
    both = [yes("a", "40"), yes("b", "30")]
    assert worst_loss(EXCLUSIVE, both) == 70
    assert worst_loss(EXHAUSTIVE, both) == 70


def test_all_yes_of_an_exhaustive_event_cannot_all_lose() -> None:
    """40 + 30 + 35 for a sure 100: worst is 5; where the list may be short, all 105."""
    every = [yes("a", "40"), yes("b", "30"), yes("c", "35")]
    assert worst_loss(EXHAUSTIVE, every) == 5
    assert worst_loss(EXCLUSIVE, every) == 105


def test_two_no_of_an_exclusive_event_cannot_both_lose() -> None:
    """NO a for 80 and NO b for 70: a wins, 100 come of b, 50 are lost; cancelled, 100 come, 50."""
    assert worst_loss(EXCLUSIVE, [no("a", "80"), no("b", "70")]) == 50
    assert worst_loss(APART, [no("a", "80"), no("b", "70")]) == 150


def test_many_no_are_worst_when_the_event_is_cancelled() -> None:
    """Three NO at 90: one YES costs 70, but at .5 each 120 are gone."""
    assert worst_loss(EXCLUSIVE, [no(m, "90") for m in "abc"]) == 120


def test_both_tokens_of_a_market_hedge_each_other() -> None:
    """YES for 40 and NO for 65 of one market pay 100 whatever comes: 5 are lost."""
    assert worst_loss(APART, [yes("a", "40"), no("a", "65")]) == 5
    assert worst_loss(EXCLUSIVE, [yes("a", "40"), no("a", "65")]) == 5


def test_an_order_that_may_not_be_filled_never_helps() -> None:
    """A pending NO does not make a held YES safer."""
    pending = replace(no("a", "65"), sure=False)
    assert worst_loss(APART, [yes("a", "40"), pending]) == 40
    assert worst_loss(APART, [pending]) == 65


def test_the_feasible_outcomes_of_an_exclusive_event() -> None:
    """Each alone, none, cancelled; not none where the list is exhaustive and all are held."""
    assert len(outcomes(EXCLUSIVE, "ab")) == 4
    assert len(outcomes(EXHAUSTIVE, "ab")) == 4
    assert len(outcomes(EXHAUSTIVE, "abc")) == 4
    assert {"a": D(0), "b": D(0), "c": D(0)} not in outcomes(EXHAUSTIVE, "abc")


money = st.integers(0, 10_000).map(lambda n: D(n) / 100)
some_lines = st.lists(
    st.builds(Line, st.sampled_from("abc"), st.sampled_from(list(Token)), money, money), max_size=6
)


@given(lines=some_lines)
def test_whatever_is_held_apart_is_the_worst_of_all_combinations(lines: list[Line]) -> None:
    """The sum of each market's worst equals the worst of the 2^3 combinations."""
    every = (
        sum((ln.loss(dict(zip("abc", pays, strict=True))[ln.market_id]) for ln in lines), D(0))
        for pays in product((D(0), D(1)), repeat=3)
    )
    assert worst_loss(APART, lines) == max(D(0), *every)


@given(lines=some_lines)
def test_whatever_is_held_excluding_one_another_is_never_worse_than_apart(
    lines: list[Line],
) -> None:
    """Knowing that markets exclude each other only takes outcomes away; cancelling is between."""
    assert worst_loss(EXHAUSTIVE, lines) <= worst_loss(EXCLUSIVE, lines) <= worst_loss(APART, lines)


@given(lines=some_lines, market=st.sampled_from("abc"))
def test_the_losses_by_outcome_hold_the_worst(lines: list[Line], market: str) -> None:
    """Split by what one market pays, the worst is the same."""
    for group in (APART, EXCLUSIVE, EXHAUSTIVE):
        split = losses_by_outcome(group, lines, market)
        assert max(D(0), *(lost for lost, _ in split)) >= worst_loss(group, lines)


def market(name: str, event: str | None, set_id: str | None) -> Market:
    """Return a market of an event, of a negRisk set or of none."""
    return Market(
        name, "0x" + name, "?", name, "1", "2", "Yes", "No", NOW, event_id=event,
        neg_risk=set_id is not None, neg_risk_market_id=set_id,
    )  # fmt: skip


def test_an_event_is_exclusive_only_where_all_its_markets_are_of_one_set() -> None:
    """One negRisk set: exclusive; two sets, or one market outside: not; never exhaustive."""
    listed = [
        market("a", "e1", "n1"), market("b", "e1", "n1"),
        market("c", "e2", "n2"), market("d", "e2", "n3"),
        market("e", "e3", "n4"), market("f", "e3", None),
        market("g", None, None),
    ]  # fmt: skip
    groups = of_markets(listed).events
    assert {name: g.exclusive for name, g in groups.items()} == {
        "e1": True, "e2": False, "e3": False, "g": False,
    }  # fmt: skip
    assert groups["e1"].markets == {"a", "b"}
    assert not any(g.exhaustive for g in groups.values())


def test_measured_correlation_has_a_sign_and_a_minimum() -> None:
    """Rho .8 over 100 moves: YES moves with YES and against NO; 99 moves, or .7, are nothing."""

    def groups(rho: float, moves: int) -> Groups:
        return Groups(correlations=(Correlation("a", "b", rho, moves),))

    def stake(token: Token) -> Stake:
        return Stake("b", "e", token, Decimal(1), Decimal(1))

    assert groups(0.8, 100).moves_with("a", Token.YES, stake(Token.YES))
    assert not groups(0.8, 100).moves_with("a", Token.YES, stake(Token.NO))
    assert groups(-0.8, 100).moves_with("a", Token.NO, stake(Token.YES))
    assert not groups(0.8, 99).moves_with("a", Token.YES, stake(Token.YES))
    assert not groups(0.7, 500).moves_with("a", Token.YES, stake(Token.YES))
    assert not groups(0.8, 100).moves_with("c", Token.YES, stake(Token.YES))
