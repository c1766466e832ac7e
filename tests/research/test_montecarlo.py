"""Paths: against enumeration, closed forms and printed numbers; and the same for every worker."""

from itertools import product
from math import exp, inf, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import Parallel, delayed

from trading_cli.research import drawdowns
from trading_cli.research.block_bootstrap import stationary_variance
from trading_cli.research.blocks import block_lengths
from trading_cli.research.montecarlo import (
    BLOCK,
    Bets,
    Block,
    Iid,
    Outcome,
    Shuffle,
    _indices,
    _orders,
    _places,
    simulate,
    too_few,
)
from trading_cli.research.paths import (
    given_paths,
    log_growth,
    quantiles,
    ranks,
    ruin,
    summary,
)

RETURNS = np.clip(np.random.default_rng(11).normal(0.004, 0.05, 120), -0.3, 0.5)
LOGS = log_growth(RETURNS)
ODDS = Bets(
    win=np.array([0.02, 0.02, 0.01]),
    lose=np.array([-0.02, -0.02, -0.03]),
    yes=np.array([True, True, False]),
    event=np.array([0, 0, 1]),
    low=np.array([0.0, 0.5, 0.0]),
    high=np.array([0.5, 0.8, 0.25]),
)
ENGINES = (Iid(LOGS, 40), Shuffle(LOGS), Block(LOGS, 7.5, 90), Block(LOGS, 1.5, 70), Outcome(ODDS))


def test_block_lengths_are_those_of_the_reference():
    """Golden MC1: the AR(1) series of arch's own tests."""
    noise = np.random.RandomState(0).standard_normal(10_100)
    for t in range(1, len(noise)):
        noise[t] += 0.3 * noise[t - 1]
    assert block_lengths(noise[100:]) == pytest.approx((13.635665, 15.60894), abs=5e-7)


@given(st.integers(0, 10_000), st.integers(30, 400), st.floats(-0.6, 0.9))
@settings(max_examples=25, deadline=None)
def test_block_lengths_agree_with_arch(seed, n, rho):
    """Whatever the series, arch (the referee) has the same lengths, but never below 1 for us."""
    from arch.bootstrap import optimal_block_length

    y = np.random.default_rng(seed).standard_normal(n)
    for t in range(1, n):
        y[t] += rho * y[t - 1]
    theirs = optimal_block_length(y).to_numpy()[0]
    assert tuple(block_lengths(y)) == pytest.approx(tuple(np.maximum(theirs, 1.0)), rel=1e-9)


def test_a_series_without_change_or_values_has_no_blocks():
    """One that stands still has blocks of 1; a short or undefined one is refused."""
    assert block_lengths(np.full(50, 0.1)) == (1.0, 1.0)
    with pytest.raises(ValueError, match="finite"):
        block_lengths([1.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        block_lengths([float("nan")] * 20)


@pytest.mark.parametrize(
    ("restart", "variance"),
    [(1, 0.1875), (0.5, 0.1648406982), (0.25, 0.1181949377), (0.1, 0.0591648287)],
)
def test_the_bootstrap_has_the_variance_it_must_have(restart, variance):
    """Golden MC2: by the formula, and by our own block engine within four standard errors."""
    y = np.array([1, 2, 1.5, 3, 2.5, 4, 3, 5])
    assert stationary_variance(y, 1 / restart) == pytest.approx(variance, abs=5e-11)
    drawn = 40_000
    paths = simulate(Block(y / 100, 1 / restart, len(y)), drawn, 3)
    means = np.log(paths.growth) * 100 / len(y)
    assert np.var(means) == pytest.approx(variance, rel=4 * sqrt(2.5 / drawn))


def test_a_restart_that_cannot_be_is_refused():
    """Blocks are at least 1 long."""
    with pytest.raises(ValueError, match="long"):
        Block(LOGS, 0.5, 10)


@pytest.mark.parametrize(
    ("n", "mean"), [(2, 1), (3, 1.375), (4, 1.6875), (5, 1.96875), (10, 3.076171875)]
)
def test_the_fair_walk_falls_as_enumerated(n, mean):
    """Every walk of n steps of ±1, on the logarithm: the mean of their falls is the golden."""
    walks = np.array(list(product((-1.0, 1.0), repeat=n)))
    fell = -np.log1p(-given_paths(np.expm1(walks)).fall)
    assert fell.mean() == pytest.approx(mean, rel=1e-12)


def test_the_kernel_equals_a_plain_loop():
    """Growth, fall, lowest and time under water of every path, one trade after the other."""
    returns = np.random.default_rng(5).normal(0, 0.1, (50, 30)).clip(-0.9)
    got = given_paths(returns)
    for i, path in enumerate(returns):
        equity = peak = lowest = 1.0
        fall = run = longest = 0
        for one in path:
            equity *= 1 + one
            peak, lowest = max(peak, equity), min(lowest, equity)
            fall = max(fall, 1 - equity / peak)
            run = run + 1 if equity < peak else 0
            longest = max(longest, run)
        assert got.growth[i] == pytest.approx(equity, rel=1e-12)
        assert (got.fall[i], got.lowest[i]) == pytest.approx((fall, lowest), rel=1e-9)
        assert (got.longest[i], got.waiting[i]) == (longest, run > 0)


def test_a_total_loss_is_a_fall_of_all():
    """Nothing is divided by what is left, and what comes after does not bring it back."""
    got = given_paths(np.array([[0.1, -1.0, 0.5]]))
    assert (got.growth[0], got.fall[0], got.lowest[0], got.longest[0]) == (0, 1, 0, 2)


@pytest.mark.parametrize("bad", [-1.01, float("nan"), inf])
def test_a_return_that_cannot_be_is_refused(bad):
    """Below -1 and undefined returns make no path."""
    with pytest.raises(ValueError, match="return"):
        log_growth(np.array([0.1, bad]))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(engine):
    """One process, two threads, blocks done backwards: the same; another seed: not."""
    paths = 2 * BLOCK + 100

    def threads(function, blocks):
        return Parallel(n_jobs=2, prefer="threads")(delayed(function)(b) for b in blocks)

    def backwards(function, blocks):
        return [function(b) for b in list(blocks)[::-1]][::-1]

    told = simulate(engine, paths, 7).digest()
    assert simulate(engine, paths, 7, threads).digest() == told
    assert simulate(engine, paths, 7, backwards).digest() == told
    assert simulate(engine, paths, 8).digest() != told


def test_more_paths_begin_with_the_same_ones():
    """Whole blocks do not depend on how many follow."""
    few, many = (simulate(ENGINES[2], n, 1) for n in (BLOCK, BLOCK + 50))
    assert (many.growth[:BLOCK] == few.growth).all()


def test_shuffling_never_changes_the_end():
    """Only the way there varies; the summary shows no end at all."""
    paths = simulate(Shuffle(LOGS), 3000, 1)
    assert paths.growth == pytest.approx(np.prod(1 + RETURNS), rel=1e-12)
    assert paths.fall.std() > 0.01
    told = summary(paths, final=False)
    assert (told.final, told.mean_final, told.lost) == ([], None, None)


def test_iid_has_the_mean_it_must_have():
    """The mean growth is (1 + mean return)^steps within four standard errors."""
    paths = simulate(Iid(LOGS, 60), 40_000, 2)
    expected = (1 + RETURNS.mean()) ** 60
    assert paths.growth.mean() == pytest.approx(
        expected, abs=4 * paths.growth.std() / sqrt(len(paths))
    )


def test_falls_of_chance_are_brownian():
    """Small fair steps fall as a Brownian motion does, but for the known 1.165/sqrt(N)."""
    n = 400
    size = 0.001
    paths = simulate(Iid(np.array([-size, size]), n), 20_000, 4)
    falls = -np.log1p(-paths.fall) / (size * sqrt(n))
    assert falls.mean() == pytest.approx(drawdowns.BROWNIAN_MEAN - 1.165 / sqrt(n), abs=0.015)


@given(st.floats(0.01, 0.25), st.integers(1, 3000), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_places_are_sorted_inside_and_as_many_as_expected(probability, cells, seed):
    """Whatever the line, hits are distinct places on it, as many as a binomial has."""
    got = _places(np.random.default_rng(seed), cells, probability)
    assert (np.diff(got) > 0).all()
    assert not len(got) or (got[0] >= 0 and got[-1] < cells)
    assert abs(len(got) - cells * probability) <= 6 * sqrt(cells * probability) + 6


@pytest.mark.parametrize("count", [1, 2, 3, 100, 250, 256, 30_011, 40_000])
def test_every_index_is_as_likely(count):
    """No remainder is favoured: chi-square of 200,000 draws over ten parts, and every end met."""
    drawn = _indices(np.random.default_rng(3), count, 200_001)
    assert len(drawn) == 200_001
    assert drawn.max() < count
    parts = min(count, 10)
    seen = np.bincount(drawn.astype(np.int64) * parts // count, minlength=parts)
    share = np.bincount(np.arange(count) * parts // count, minlength=parts) / count
    expected = share * len(drawn)
    assert ((seen - expected) ** 2 / expected).sum() < 33.7  # chi-square of 9, p = 1e-4


def test_every_order_is_a_permutation_and_as_likely():
    """Three trades have six orders, each about as often; each row holds every number once."""
    rows = _orders(np.random.default_rng(4), 60_000, 3)
    assert (np.sort(rows, axis=1) == [0, 1, 2]).all()
    seen = np.unique(rows, axis=0, return_counts=True)[1]
    assert len(seen) == 6
    assert seen == pytest.approx(10_000, abs=400)
    with pytest.raises(ValueError, match="too many"):
        simulate(Shuffle(np.zeros(65_537)), 1, 1)


def test_outcomes_come_as_often_as_they_should_and_exclude_one_another():
    """Two outcomes of one event never both pay; each pays with its probability."""
    paths = simulate(Outcome(ODDS), 40_000, 6)
    ways = {
        round((1 + a) * (1 + b) * (1 + c), 9): chance
        for (a, b, one) in ((0.02, -0.02, 0.5), (-0.02, 0.02, 0.3), (-0.02, -0.02, 0.2))
        for (c, other) in ((0.01, 0.75), (-0.03, 0.25))
        for chance in (one * other,)
    }
    ends = np.round(paths.growth, 9)
    assert set(ends) <= set(ways)
    merged = round((1.02) * (0.98) * 1.01, 9)  # winning the first or the second looks alike
    assert np.mean(ends == merged) == pytest.approx(0.8 * 0.75, abs=0.01)


def test_ranks_are_as_printed():
    """B = 1000: the 95 % quantile lies between the 936th and the 964th."""
    assert ranks(1000, 0.95) == (936, 964)
    assert ranks(10, 0.99) == (9, 10)


def test_quantiles_hold_the_truth_as_often_as_they_say():
    """Of 300 samples the interval of the 90 % quantile holds it in about 95 %."""
    rng = np.random.default_rng(9)
    held = 0
    for _ in range(300):
        (one,) = quantiles(rng.random(500), (90.0,))
        held += one.low <= 0.9 <= one.high
    assert held / 300 >= 0.92


def test_ruin_has_its_error_and_none_is_not_never():
    """Wilson around the share; 0 of 1000 is "below 0.30 %"."""
    fell = given_paths(np.array([[-0.25]] * 100 + [[0.1]] * 900))
    told = ruin(fell)
    assert (told.ruined, told.share.point) == (100, 0.1)
    assert told.error == pytest.approx(sqrt(0.1 * 0.9 / 1000))
    assert told.share.low < 0.1 < told.share.high
    none = ruin(given_paths(np.array([[0.1]] * 1000)))
    assert none.told() == "0 of 1,000: below 0.30%"


def test_below_100_trades_there_is_one_sentence():
    """It names how many there are, and what redrawing cannot do."""
    assert "99 trades" in too_few(99)
    assert "cannot contain a loss you have not had" in too_few(0)
    assert too_few(100) == too_few(100, 7) == ""
    assert too_few(12, 7).startswith("INSUFFICIENT: backtest run 7 closed 12 trades")
    assert "your" not in too_few(12, 7)


@pytest.mark.parametrize(("paths", "seed"), [(0, 1), (-1, 1), (10_000_001, 1), (10, -1)])
def test_paths_that_cannot_be_are_refused(paths, seed):
    """No paths, too many, and a negative seed."""
    with pytest.raises(ValueError, match=r"paths|seed"):
        simulate(ENGINES[0], paths, seed)


@pytest.mark.parametrize(
    ("p", "q"), [(0.5, 1.1489733), (0.9, 1.9599639), (0.95, 2.2414027273), (0.99, 2.8070338)]
)
def test_brownian_falls_are_as_printed(p, q):
    """Quantiles of the driftless maximum drawdown, and back."""
    assert drawdowns.brownian_quantile(p) == pytest.approx(q, abs=5e-7)
    assert drawdowns.brownian_cdf(2 * q, sigma=2.0) == pytest.approx(p, abs=1e-6)


def test_brownian_means_are_as_printed():
    """Without drift 1.2533141373; mu = sigma = 1 over 100: 2.93778."""
    assert pytest.approx(1.2533141373, abs=5e-11) == drawdowns.BROWNIAN_MEAN == sqrt(pi / 2)
    assert drawdowns.brownian_drifting(1, 1, 100) == pytest.approx(2.93778, abs=5e-6)
    assert drawdowns.brownian_cdf(0) == 0
    for wrong in (
        lambda: drawdowns.brownian_drifting(0, 1, 1),
        lambda: drawdowns.brownian_quantile(1),
    ):
        with pytest.raises(ValueError, match=r"above 0|no quantile"):
            wrong()


@pytest.mark.parametrize(
    ("start", "goal", "win", "chance"),
    [
        (10, 20, 0.5, 0.5),
        (10, 20, 0.49, 0.5987004770),
        (10, 20, 0.51, 0.4012995230),
        (5, 10, 0.55, 0.2682825988),
        (10, 100, 0.52, 0.4489530393),
        (10, inf, 0.55, 0.1344306327),
        (10, inf, 0.45, 1.0),
    ],
)
def test_gamblers_are_ruined_as_printed(start, goal, win, chance):
    """The closed form, also where it would overflow."""
    assert drawdowns.ruined(start, goal, win) == pytest.approx(chance, abs=5e-11)
    assert 0.99 < drawdowns.ruined(10, 100_000, 0.3) <= 1


@pytest.mark.parametrize(
    ("n", "run", "loss", "chance"),
    [
        (10, 3, 0.5, 0.5078125),
        (100, 5, 0.5, 0.8101095992),
        (100, 7, 0.5, 0.3175203875),
        (100, 10, 0.5, 0.0441372286),
        (200, 8, 0.45, 0.1652678381),
    ],
)
def test_streaks_are_as_printed(n, run, loss, chance):
    """Five losses in a row come to a fair coin in 81 % of 100 trades."""
    assert drawdowns.streak(n, run, loss) == pytest.approx(chance, abs=2e-10)
    with pytest.raises(ValueError, match="must hold"):
        drawdowns.streak(n, 0)


def test_paths_fall_below_their_start_as_walks_do():
    """As many paths ever fall five steps below their start as walks drawn another way."""
    n, depth = 100, 5
    paths = simulate(Iid(np.array([-0.01, 0.01]), n), 40_000, 8)
    got = np.mean(paths.lowest <= exp(-0.01 * depth) + 1e-9)
    walks = np.random.default_rng(1).integers(0, 2, (40_000, n)) * 2 - 1
    expected = np.mean(walks.cumsum(axis=1).min(axis=1) <= -depth)
    assert got == pytest.approx(expected, abs=0.015)
