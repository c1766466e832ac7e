"""What a source has shown, against statsmodels and by simulation; and what its word moves."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from trading_cli.research.opinion_records import PRIOR_DEVIATION, fitted, record
from trading_cli.research.opinions import CLIP, Opinion, Record, beyond, moved

AT = datetime(2026, 3, 1, tzinfo=UTC)
Inside = st.floats(0.02, 0.98)
Weights = st.floats(0, 1)


def world(seed: int, n: int, knows: float, noise: float = 0.8) -> tuple[np.ndarray, ...]:
    """Return opinions, prices and outcomes of n events.

    The truth lies beyond the price by a normal step; an opinion says that much of it (*knows*) and
    errs by *noise*.
    """
    dice = np.random.default_rng(seed)
    base = dice.normal(0, 1, n)
    step = dice.normal(0, 1, n)
    said = base + knows * step + noise * dice.normal(0, 1, n)
    truth = base + (step if knows else 0)
    won = (dice.random(n) < expit(truth)).astype(float)
    inside = np.clip(expit(said), CLIP, 1 - CLIP)
    return inside, np.clip(expit(base), CLIP, 1 - CLIP), won


def columns(q: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the two columns of the regression."""
    return np.column_stack((logit(p), logit(q) - logit(p)))


def says(q: float, weight: float = 1.0, price: float | None = 0.5, source: str = "a") -> Opinion:
    """Return an opinion that counts."""
    return Opinion(source, q, price, AT, AT, Record(99, weight), used=True)


@pytest.mark.parametrize("seed", range(4))
def test_the_fit_is_that_of_statsmodels(seed: int) -> None:
    """Without priors: coefficients and deviations of a plain logistic regression, to 7 digits."""
    q, p, won = world(seed, 300, 0.6)
    found = fitted(q, p, won, math.inf)
    judge = sm.Logit(won, columns(q, p)).fit(disp=False, tol=1e-12)
    assert found[:2] == pytest.approx(tuple(judge.params), abs=1e-7)
    assert found[2:] == pytest.approx(tuple(judge.bse), abs=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_the_fit_with_priors_is_the_ridge_of_statsmodels(seed: int) -> None:
    """A normal prior around (1, 0) is a ridge around 0 of what is beyond the price itself."""
    q, p, won = world(seed, 60, 0.6)
    x, found = columns(q, p), fitted(q, p, won)
    model = sm.GLM(won, x, family=sm.families.Binomial(), offset=x[:, 0])
    ridge = model.fit_regularized(alpha=1 / PRIOR_DEVIATION**2 / won.size, L1_wt=0.0)
    assert (found.slope - 1, found.added) == pytest.approx(tuple(ridge.params), abs=2e-4)
    chance = expit(x @ np.array(found[:2]))
    curvature = (x * (chance * (1 - chance))[:, None]).T @ x + np.eye(2) / PRIOR_DEVIATION**2
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
    assert found[2:] == pytest.approx(tuple(errors), abs=1e-9)


def test_who_knows_nothing_weighs_nothing() -> None:
    """Of 1,000 sources that add noise to a true price, 200 events each: mean weight below .004.

    One in twenty may be lucky by the bound's own making; the luck of those is small.
    """
    shown = [record(*world(seed, 200, 0.0)) for seed in range(1000)]
    weights = [one.weight for one in shown]
    assert np.mean(weights) < 0.004
    assert np.mean([weight > 0 for weight in weights]) < 0.07
    assert max(weights) < 0.2
    together = [record(*world(seed, 200, 0.0), judged=1000).weight for seed in range(300)]
    assert max(together) == 0.0


def test_who_errs_always_weighs_nothing() -> None:
    """Opinions on the wrong side of the price are no evidence for the other side either."""
    for seed in range(50):
        q, p, won = world(seed, 200, 1.0, 0.3)
        against = np.clip(expit(2 * logit(p) - logit(q)), CLIP, 1 - CLIP)
        assert record(against, p, won).weight == 0.0


def test_the_weight_of_who_knows_grows_towards_one() -> None:
    """A source that says the truth, beyond prices that lack half of it, is believed in the end."""
    found = [
        np.mean([record(*world(seed, n, 1.0, 0.0)).weight for seed in range(20)])
        for n in (30, 100, 1000, 20_000)
    ]
    assert found == sorted(found)
    assert found[0] < 0.45
    assert found[-1] > 0.95


def test_who_boasts_is_believed_by_what_it_knows() -> None:
    """Opinions twice as far from the price as the truth get about half the weight, never more."""
    q, p, won = world(3, 20_000, 1.0, 0.0)
    loud = np.clip(expit(2 * logit(q) - logit(p)), CLIP, 1 - CLIP)
    assert record(loud, p, won).weight == pytest.approx(0.47, abs=0.06)


def test_below_thirty_events_there_is_only_a_count() -> None:
    """However right it was 29 times."""
    q, won = np.full(29, 0.95), np.ones(29)
    assert record(q, np.full(29, 0.5), won) == Record(29)
    assert record(np.full(30, 0.95), np.full(30, 0.5), np.ones(30)).weight > 0.3
    assert record([], [], []) == Record()


def test_repeating_the_price_shows_nothing() -> None:
    """Who says the price knows what the price knows: the fit is the prior, the weight 0."""
    _, p, won = world(1, 400, 0.0)
    shown = record(p, p, won)
    assert (shown.added, shown.error) == (pytest.approx(0), pytest.approx(PRIOR_DEVIATION))
    assert (shown.weight, shown.skill) == (0.0, (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="repeat the price"):
        fitted(p, p, won, math.inf)


@pytest.mark.parametrize(
    ("q", "p", "won"),
    [([0.0], [0.5], [1]), ([0.5], [1.0], [1]), ([0.5], [0.5], [0.5]), ([0.5, 0.5], [0.5], [1])],
)
def test_what_is_no_probability_is_refused(q: list[float], p: list[float], won: list[int]) -> None:
    """0 and 1 are no opinions, a half is no outcome, and rows go together."""
    with pytest.raises(ValueError, match=r"lie between|one row each"):
        fitted(q, p, won)


@given(st.integers(0, 10_000), st.integers(30, 60), st.floats(0, 2), st.integers(1, 500))
def test_a_weight_lies_within_its_bounds(seed: int, n: int, knows: float, judged: int) -> None:
    """Whatever was said and came: within [0, 1], the same from NO, less where many are judged."""
    q, p, won = world(seed, n, knows)
    shown = record(q, p, won)
    assert 0 <= shown.weight <= 1
    assert record(1 - q, 1 - p, 1 - won).weight == pytest.approx(shown.weight, abs=1e-7)
    assert record(q, p, won, judged=judged).weight <= shown.weight + 1e-12


Said = st.builds(
    says, Inside, Weights, st.one_of(st.none(), Inside), st.sampled_from(["a", "b", "c"])
)


@given(Inside, Inside, st.lists(Said, max_size=6))
def test_what_is_moved_stays_between_what_was_thought_and_said(
    own: float, price: float, said: list[Opinion]
) -> None:
    """Whatever is said: the result lies between the own probability and the furthest opinions."""
    found = moved(own, price, said)
    reach = [own, *(one.probability for one in said)]
    assert min(reach) - 1e-9 <= found <= max(reach) + 1e-9
    mirrored = moved(1 - own, 1 - price, [one.mirrored() for one in said])
    assert mirrored == pytest.approx(1 - found, abs=1e-9)


@given(Inside, Inside, Inside, Weights, Inside, Inside)
def test_saying_more_never_moves_it_less(
    own: float, price: float, then: float, weight: float, one: float, other: float
) -> None:
    """Monotone in what is said; nothing for the price, then or now, or for the own probability."""
    low, high = sorted((one, other))
    less, more = (moved(own, price, [says(one, weight, then)]) for one in (low, high))
    assert less <= more + 1e-12
    for known in (own, price, then):
        assert moved(own, price, [says(known, weight, then)]) == own
    assert moved(own, price, [says(high, 0.0, then)]) == own


@given(Inside, Inside, Weights, Weights)
def test_more_weight_never_moves_it_less(q: float, own: float, one: float, other: float) -> None:
    """Monotone in the weight, and all the way at weight 1."""
    low, high = sorted((one, other))
    far = [abs(moved(own, own, [says(q, weight, own)]) - own) for weight in (low, high)]
    assert far[0] <= far[1] + 1e-12
    assert moved(own, own, [says(q, 1.0, own)]) == pytest.approx(q, abs=1e-9)


@given(Inside, Inside, Weights, st.integers(1, 40))
def test_a_chorus_moves_it_as_one_does(own: float, q: float, weight: float, voices: int) -> None:
    """The same word from many is not counted twice; one who weighs nothing dilutes nothing."""
    alone = moved(own, own, [says(q, weight, own)])
    chorus = [says(q, weight, own, str(n)) for n in range(voices)]
    silent = [says(1 - q, 0.0, own, f"silent {n}") for n in range(voices)]
    assert moved(own, own, [*chorus, *silent]) == pytest.approx(alone, abs=1e-12)


def test_by_hand() -> None:
    """Half the weight of .8 on an even chance is a logit of ln 2: two thirds."""
    assert moved(0.5, 0.5, [says(0.8, 0.5)]) == pytest.approx(2 / 3, abs=1e-12)
    two = [says(0.8, 0.5), says(0.2, 0.25, source="b")]  # (.25 - .0625) ln 4 / .75
    assert logit(moved(0.5, 0.5, two)) == pytest.approx(math.log(4) / 4, abs=1e-12)
    assert beyond(0.6, 0.5, 0.7) == 0.0
    assert beyond(0.9, 0.5, 0.7) == pytest.approx(logit(0.9) - logit(0.7))
    assert beyond(0.2, 0.5, 0.7) == pytest.approx(logit(0.2))


def test_what_the_price_has_overtaken_moves_nothing() -> None:
    """Said .60 at a price of .50; now it is .90: the old word does not pull it back."""
    assert moved(0.9, 0.9, [says(0.6, 1.0, 0.5)]) == 0.9
    assert moved(0.55, 0.55, [says(0.6, 1.0, 0.5)]) == pytest.approx(0.6)


@pytest.mark.parametrize("own", [1e-12, 0.001, 0.999, 1 - 1e-12, 5e-324])
def test_what_is_certain_is_not_made_less_so_by_the_clip(own: float) -> None:
    """An opinion of .01 or .99 is as far as one may say; a price beyond is not pulled back."""
    assert moved(own, own, [says(0.9999 if own > 0.5 else 0.0001, 1.0, own)]) == own
    assert 0 <= moved(own, own, [says(0.5, 1.0, own)]) <= 1
    assert moved(1.0, 0.9, [says(0.5)]) == 1.0


def test_what_is_only_shown_moves_nothing() -> None:
    """Not where opinions are not weighed, nor where no price was known when it came."""
    heard = replace(says(0.9), used=False)
    assert (heard.weight, moved(0.5, 0.5, [heard])) == (0.0, 0.5)
    assert (says(0.9, price=None).weight, moved(0.5, 0.5, [says(0.9, price=None)])) == (0.0, 0.5)
