"""Kelly's fractions against printed numbers, closed forms and one another."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trading_cli.research.kelly import (
    Event,
    constrained,
    exclusive,
    fall_chance,
    fraction,
    growth,
    growth_share,
    learned_weight,
    scenarios,
    shrunk,
    together,
)

CHANCE = st.floats(0.02, 0.98)


@pytest.mark.parametrize(
    ("q", "p", "f"),
    [
        (0.60, 0.50, 0.20),
        (0.65, 0.50, 0.30),
        (0.10, 0.05, 0.0526315789),
        (0.95, 0.90, 0.50),
        (0.70, 0.55, 0.3333333333),
        (0.60, 0.51, 0.1836734694),
        (0.60, 0.5175, 0.1709844560),
        (0.40, 0.50, 0.0),
    ],
)
def test_one_bet_is_as_printed(q, p, f):
    """Golden K1, with and without fees; no edge, no bet."""
    assert fraction(q, p) == pytest.approx(f, abs=5e-11)


def test_parts_of_kelly_grow_as_printed():
    """Golden K1: full, half and quarter."""
    told = [growth(part * 0.2, 0.6, 0.5) for part in (1, 0.5, 0.25)]
    assert told == pytest.approx([0.0201355136, 0.0150419016, 0.0087567807], abs=5e-11)
    assert growth(1.0, 0.6, 0.5) == -math.inf
    assert growth(0.25, 0.95, 0.9) / growth(0.5, 0.95, 0.9) == pytest.approx(0.697, abs=5e-4)


def test_two_bets_at_once_are_as_printed():
    """Golden K2: less on each than alone."""
    got = together([Event((0.6,), (0.5,))] * 2)
    assert got.fractions == pytest.approx((0.1923076923, 0.1923076923), abs=5e-11)
    assert got.growth == pytest.approx(0.0394708136, abs=5e-11)


@pytest.mark.parametrize(
    ("q", "p", "stakes", "reserve", "grown"),
    [
        ((0.5, 0.3, 0.2), (0.40, 0.35, 0.30), (0.18, 0.02, 0.0), 0.8, 0.0206978614),
        ((0.40, 0.35, 0.25), (0.30, 0.30, 0.45), (0.2125, 0.1625, 0.0), 0.625, 0.0515246596),
    ],
)
def test_a_race_is_as_printed(q, p, stakes, reserve, grown):
    """Golden K3, one outcome at most: closed form and enumeration agree."""
    got = exclusive(Event(q, p))
    assert got.fractions == pytest.approx(stakes, abs=1e-12)
    assert (got.reserve, got.growth) == (pytest.approx(reserve), pytest.approx(grown, abs=5e-11))
    same = together([Event(q, p)])
    assert same.fractions == pytest.approx(stakes, abs=1e-7)
    assert same.growth == pytest.approx(grown, abs=5e-11)


@given(st.lists(st.tuples(CHANCE, CHANCE), min_size=1, max_size=4), st.floats(0.3, 1.0))
@settings(max_examples=40, deadline=None)
def test_the_closed_form_and_the_search_agree(pairs, mass):
    """Whatever the race, neither way grows faster than the other."""
    chances, prices = (np.array(one) for one in zip(*pairs, strict=True))
    prices = prices / max(1.0, prices.sum() / 0.97)
    event = Event(tuple(chances / chances.sum() * mass), tuple(prices))
    one = exclusive(event)
    assume(one.reserve > 1e-6)  # nothing limits the stake on what cannot be lost
    other = together([event])
    assert one.growth == pytest.approx(other.growth, abs=1e-9)
    assert min(one.fractions) >= 0
    assert min(other.fractions) >= 0


@given(st.lists(st.tuples(CHANCE, CHANCE), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_bets_at_once_are_never_larger_than_alone_and_grow_no_faster(pairs):
    """Whatever the bets: the sum of their growths alone is the ceiling, no bet alone the floor."""
    got = together([Event((q,), (p,)) for q, p in pairs])
    alone = [fraction(q, p) for q, p in pairs]
    best = [growth(f, q, p) if f < 1 else 0.0 for f, (q, p) in zip(alone, pairs, strict=True)]
    assert all(f <= a + 1e-6 for f, a in zip(got.fractions, alone, strict=True))
    assert max(best) - 1e-9 <= got.growth <= math.fsum(best) + 1e-9
    assert got.reserve == pytest.approx(1 - sum(got.fractions))


def test_scenarios_are_every_joint_outcome():
    """Two events of two and one outcomes: six, whose chances sum to 1; too many are refused."""
    weights, returns = scenarios([Event((0.5, 0.3), (0.4, 0.3)), Event((0.6,), (0.5,))])
    assert (weights.sum(), returns.shape) == (pytest.approx(1), (6, 3))
    with pytest.raises(ValueError, match="too many"):
        scenarios([Event((0.5,), (0.5,))] * 17)
    assert together([]).reserve == 1.0


def test_a_probability_is_drawn_to_the_price():
    """Half way at weight one half; the price alone at 0."""
    assert shrunk(0.7, 0.5, 0.5) == pytest.approx(0.6)
    assert shrunk(0.7, 0.5, 0.0) == 0.5
    with pytest.raises(ValueError, match="weight"):
        shrunk(0.7, 0.5, 1.5)


def test_the_weight_is_learned_from_what_came_true():
    """A forecaster who knows gets 1, one who errs 0, half the truth about one half; few get 0."""
    rng = np.random.default_rng(2)
    price = rng.uniform(0.2, 0.8, 20_000)
    truth = np.clip(price + rng.normal(0, 0.12, 20_000), 0.03, 0.97)
    came = (rng.random(20_000) < truth).astype(float)
    assert learned_weight(truth, price, came) > 0.9
    assert learned_weight(np.clip(2 * price - truth, 0.02, 0.98), price, came) == 0.0
    bold = np.clip(price + 2 * (truth - price), 0.01, 0.99)
    assert learned_weight(bold, price, came) == pytest.approx(0.5, abs=0.08)
    assert learned_weight(truth[:29], price[:29], came[:29]) == 0.0
    with pytest.raises(ValueError, match="outcomes"):
        learned_weight([0.5], [0.5], [0.3])


def test_shrinking_and_quarters_save_who_is_wrong():
    """Probabilities with an error of .1 and no edge: full Kelly shrinks, shrunk does not bet."""
    rng = np.random.default_rng(4)
    price = np.full(4000, 0.5)
    own = np.clip(price + rng.normal(0, 0.1, 4000), 0.02, 0.98)
    came = rng.random(4000) < price
    weight = learned_weight(own[:2000], price[:2000], came[:2000].astype(float))

    def grown(used):
        total = 0.0
        for q, won in zip(used, came[2000:], strict=True):
            side, hit = (q, won) if q >= 0.5 else (1 - q, not won)
            f = fraction(side, 0.5)
            total += math.log1p(f if hit else -f)
        return total

    full = grown(own[2000:])
    assert full < -10
    assert grown([shrunk(q, 0.5, weight) for q in own[2000:]]) > full / 10


@pytest.mark.parametrize(
    ("part", "left", "chance"),
    [
        (1, 0.5, 0.5), (0.5, 0.5, 0.125), (0.25, 0.5, 0.0078125),
        (1, 0.7, 0.7), (0.5, 0.7, 0.343), (0.25, 0.7, 0.0823543),
    ],
)  # fmt: skip
def test_falls_of_parts_of_kelly_are_as_printed(part, left, chance):
    """Golden K4."""
    assert fall_chance(part, left) == pytest.approx(chance, abs=1e-12)
    assert [growth_share(k) for k in (1, 0.5, 0.25)] == [1, 0.75, 0.4375]
    with pytest.raises(ValueError, match="must hold"):
        fall_chance(2, 0.5)


@pytest.mark.parametrize(
    ("left", "risk", "stake"),
    [(0.7, 0.1, 0.0542572855), (0.5, 0.05, 0.0759197746), (0.8, 0.2, 0.0492694608)],
)
def test_a_bounded_fall_costs_what_is_printed(left, risk, stake):
    """Golden K5, even money, q = .6; without an edge nothing; a mild bound leaves Kelly whole."""
    got = constrained(0.6, 0.5, left, risk)
    assert got == pytest.approx(stake, abs=5e-11)
    assert constrained(0.5, 0.5, left, risk) == 0.0
    assert constrained(0.6, 0.5, 0.01, 0.9) == pytest.approx(0.2)
    if left == 0.7:
        assert growth(got, 0.6, 0.5) == pytest.approx(0.0093880270, abs=5e-11)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: fraction(1.0, 0.5),
        lambda: fraction(0.5, float("nan")),
        lambda: growth(1.2, 0.5, 0.5),
        lambda: Event((0.5,), (0.5, 0.5)),
        lambda: Event((0.6, 0.6), (0.5, 0.4)),
        lambda: Event((), ()),
    ],
)
def test_what_is_no_probability_is_refused(wrong):
    """Outside (0, 1), undefined, or more than everything."""
    with pytest.raises(ValueError, match=r"between 0 and 1|fraction|probabilit"):
        wrong()


def test_a_sure_thing_has_no_fraction():
    """What cannot be lost would be staked without end: it is refused."""
    with pytest.raises(ValueError, match="no fastest growth"):
        together([Event((1.0,), (0.5,))])
