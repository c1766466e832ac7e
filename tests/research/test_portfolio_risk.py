"""Tails, atoms and weights against printed numbers and brute force."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.research.portfolio_risk import (
    Atoms,
    Holding,
    concentration,
    drawdown_tail,
    event_atoms,
    joint,
    least_variance,
    penalised,
    tail,
    tangency,
)


def held(low, high, shares, cost):
    """Return so many YES of a market that comes true between *low* and *high*."""
    return Holding(low, high, yes=True, shares=shares, cost=cost)


RETURNS = [0.02, -0.01, 0.03, -0.05, 0.01, -0.02, 0.04, -0.03, 0, -0.04]


@pytest.mark.parametrize(
    ("level", "var", "cvar"),
    [(0.80, 0.03, 0.045), (0.85, None, 0.0466666667), (0.90, 0.04, 0.05), (0.95, 0.05, 0.05)],
)
def test_tails_are_as_printed(level, var, cvar):
    """Golden V1: the upper quantile, and the boundary atom taken in part."""
    got = tail(RETURNS, level)
    assert got.cvar == pytest.approx(cvar, abs=5e-11)
    assert var is None or got.var == pytest.approx(var)


def test_drawdown_tails_are_as_printed():
    """Golden V1, added up and compounded."""
    added = drawdown_tail(RETURNS, 0.8, compounded=False)
    assert added[:2] == pytest.approx((0.09, 0.075), abs=1e-12)
    grown = drawdown_tail(RETURNS, 0.8)
    assert grown == pytest.approx((0.0893586611, 0.0745243306, 0.0464355437), abs=5e-11)


def test_three_binaries_are_as_printed():
    """Golden V2: VaR is 80 where CVaR is 176: the normal's 132 is wrong both ways."""
    events = [event_atoms([held(0, q, 100, 100 * q)]) for q in (0.4, 0.6, 0.8)]
    got = joint(events)
    assert got.results == pytest.approx([-180, -80, 20, 120])
    assert got.chances == pytest.approx([0.048, 0.296, 0.464, 0.192])
    assert (got.mean, got.deviation) == (pytest.approx(0, abs=1e-9), pytest.approx(80))
    assert tail(got.results, 0.95, got.chances)[1:] == pytest.approx((80, 176))
    assert got.exact


@given(
    st.lists(
        st.tuples(st.floats(0.05, 0.95), st.booleans(), st.integers(1, 50), st.integers(1, 30)),
        min_size=1, max_size=5,
    )
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_joint_results_equal_brute_force(owned):
    """Whatever is held in events apart: every combination, by hand."""
    events = [event_atoms([Holding(0, q, yes, n, c)]) for q, yes, n, c in owned]
    got = joint(events)
    expected: dict[float, float] = {}
    for came in product((True, False), repeat=len(owned)):
        chance = math.prod(q if c else 1 - q for c, (q, *_) in zip(came, owned, strict=True))
        result = sum(
            n * (c == yes) - cost for c, (_, yes, n, cost) in zip(came, owned, strict=True)
        )
        expected[result] = expected.get(result, 0) + chance
    assert got.results == pytest.approx(sorted(expected))
    assert got.chances == pytest.approx([expected[one] for one in sorted(expected)])
    assert got.chances.sum() == pytest.approx(1)


def test_outcomes_of_one_event_exclude_one_another():
    """Two YES side by side: one pays, or none; YES and NO of one market are a sure thing."""
    got = event_atoms([held(0, 0.5, 10, 5), held(0.5, 0.8, 10, 3)])
    assert got.results == pytest.approx([-8, 2])
    assert got.chances == pytest.approx([0.2, 0.8])
    sure = event_atoms([held(0, 0.5, 10, 5), Holding(0, 0.5, yes=False, shares=10, cost=5.2)])
    assert (sure.results.tolist(), sure.chances.tolist()) == ([-0.2], [1.0])


def test_too_many_results_are_drawn_and_it_is_said():
    """Forty events of incommensurable sizes; the draw is near the truth and repeats."""
    sizes = np.sqrt(np.arange(2, 42))
    events = [event_atoms([held(0, 0.5, s, s / 2)]) for s in sizes]
    got = joint(events)
    assert not got.exact
    assert got.deviation == pytest.approx(math.sqrt((sizes**2).sum() / 4), rel=0.02)
    assert (joint(events).results == got.results).all()
    assert joint([]).results.tolist() == [0.0]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(0.5, 0.99))
def test_the_tail_is_beyond_its_edge(values, level):
    """Whatever the results: CVaR is at least VaR, and neither is worse than the worst."""
    got = tail(values, level)
    assert got.var - 1e-12 <= got.cvar <= -min(values) + 1e-9


def test_concentration_is_between_one_nth_and_one():
    """Equal stakes 1/n, one stake 1, none: undefined."""
    assert concentration([5, 5, 5, 5]) == pytest.approx(0.25)
    assert concentration([7, 0]) == 1
    assert math.isnan(concentration([]))
    with pytest.raises(ValueError, match="below 0"):
        concentration([-1.0])


def test_what_moves_together_shares_one_size():
    """Two alike get half each; strangers all; negative correlation is no licence."""
    assert penalised([0.04, 0.04], [[1, 1], [1, 1]]) == pytest.approx([0.02, 0.02])
    assert penalised([0.04, 0.02], np.eye(2)) == pytest.approx([0.04, 0.02])
    assert penalised([0.04, 0.02], [[1, -0.9], [-0.9, 1]]) == pytest.approx([0.04, 0.02])
    assert penalised([0.04, 0.0], [[1, 0.5], [0.5, 1]]) == pytest.approx([0.04, 0.0])
    for rho in ([[1.0]], [[1, 0.2], [0.3, 1]], [[1, 2], [2, 1]], [[0.5, 0], [0, 1]]):
        with pytest.raises(ValueError, match="correlation"):
            penalised([0.1, 0.1], rho)


def test_mean_variance_weights_are_as_printed():
    """Golden V3: the tangency and the least variance; one without merit is left out."""
    sigma = np.array([[0.04, 0.006], [0.006, 0.09]])
    mu = np.array([0.10, 0.15])
    w = tangency(mu, sigma, 0.02)
    assert w == pytest.approx([0.5763016158, 0.4236983842], abs=5e-11)
    risk = math.sqrt(w @ sigma @ w)
    assert (w @ mu, risk) == pytest.approx((0.1211849192, 0.1799219490), abs=5e-11)
    assert (w @ mu - 0.02) / risk == pytest.approx(0.5623822984, abs=5e-11)
    least = least_variance(sigma)
    assert least == pytest.approx([0.7118644068, 0.2881355932], abs=5e-11)
    assert math.sqrt(least @ sigma @ least) == pytest.approx(0.1737912248, abs=5e-11)
    assert tangency([0.1, -0.5], sigma).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="riskless"):
        tangency(mu, sigma, 0.2)
    with pytest.raises(ValueError, match="positive definite"):
        least_variance([[1, 2], [2, 1]])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: tail([], 0.9),
        lambda: tail([float("nan")], 0.9),
        lambda: tail([1.0], 1.0),
        lambda: tail([1.0, 2.0], 0.9, [0.5, 0.6]),
        lambda: held(0.5, 0.2, 1, 1),
        lambda: drawdown_tail([], 0.9),
    ],
)
def test_undefined_risks_are_refused(wrong):
    """Nothing is made of nothing, or of chances that do not sum to 1."""
    with pytest.raises(ValueError, match=r"."):
        wrong()


def test_atoms_say_their_mean_and_deviation():
    """By hand."""
    fair = Atoms(np.array([-1.0, 1.0]), np.array([0.5, 0.5]))
    assert (fair.mean, fair.deviation) == (0, 1)
