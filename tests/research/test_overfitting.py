"""Overfitting: PBO by CSCV, Hansen's SPA, the block bootstrap under them."""

import math

import numpy as np
import pytest
from arch.bootstrap import SPA, StationaryBootstrap, optimal_block_length

from trading_cli.research import block_bootstrap as blocks
from trading_cli.research import overfitting
from trading_cli.research.blocks import block_lengths

EIGHT = [[1, 4, 0, -5], [1, 2, -5, 0], [-2, 2, 2, -5], [-3, -5, 3, -4], [4, 5, 1, -2],
         [-2, 1, 4, 5], [-5, 2, -4, -3], [-3, -1, 2, -4]]  # fmt: skip
SHORT = [1, 2, 1.5, 3, 2.5, 4, 3, 5]


def test_eight_rows_of_four_by_hand():
    """Golden P1: every choice of 2 of 4 blocks, worked out by hand."""
    found = overfitting.cscv(EIGHT, 4, "mean")
    logits = [1.386294, 0.405465, 0.405465, -0.405465, -0.405465, 1.386294]
    assert found.logits == pytest.approx(logits, abs=1e-6)
    assert found.best_is == pytest.approx([0.75, 3, 1.75, 2.5, 0.75, 1.75])
    assert found.best_oos == pytest.approx([1.75, -0.5, 0.75, -1.75, 0, 0.75])
    assert found.pbo == pytest.approx(1 / 3)
    assert found.loss == pytest.approx(1 / 3)
    assert found.line == pytest.approx((-0.893939, 1.731061), abs=1e-6)


def test_ties_get_the_mean_rank_and_zero_counts_as_overfitted():
    """Golden P2: blocks of one row (each doubled here, the means are the same)."""
    rows = np.repeat([[3, 1, 0], [-1, 1, 0], [-1, 1, 2], [2, 0, 1]], 2, axis=0)
    found = overfitting.cscv(rows, 4, "mean")
    logits = [-0.510826, 0, -1.098612, -0.510826, 0, -1.098612]
    assert found.logits == pytest.approx(logits, abs=1e-6)
    assert found.pbo == 1.0
    assert (found.logits < 0).mean() == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("count", "splits"), [(4, 6), (6, 20), (8, 70), (10, 252), (12, 924), (16, 12870)]
)
def test_as_many_splits_as_choices(count, splits):
    """C(S, S/2) of them."""
    noise = np.random.default_rng(0).normal(size=(40, 3))
    assert overfitting.cscv(noise, count).logits.size == splits


def _slow(x, count, metric):
    """Return the logits as the paper says it, row by row."""
    from itertools import combinations

    from scipy.stats import rankdata

    parts = np.array_split(x, count)
    found = []
    for chosen in combinations(range(count), count // 2):
        inside = np.concatenate([parts[one] for one in chosen])
        outside = np.concatenate([parts[one] for one in range(count) if one not in chosen])
        best = np.argmax([metric(column) for column in inside.T])
        ranks = rankdata([metric(column) for column in outside.T])
        share = ranks[best] / (x.shape[1] + 1)
        found.append(math.log(share / (1 - share)))
    return found


def test_the_sums_per_block_are_the_rows_themselves():
    """Sharpe from block sums equals Sharpe from the rows, also where blocks differ in length."""
    x = np.random.default_rng(3).normal(0.001, 0.01, size=(83, 12)) + 5e-4
    wanted = _slow(x, 8, lambda column: column.mean() / column.std(ddof=1))
    assert overfitting.cscv(x, 8).logits == pytest.approx(wanted, abs=1e-12)


def test_a_configuration_that_never_trades_earns_nothing():
    """A column of zeros has a ratio of 0, not NaN, and is never above a winner."""
    rng = np.random.default_rng(5)
    x = np.column_stack([np.zeros(64), rng.normal(1, 0.1, 64), rng.normal(-1, 0.1, 64)])
    found = overfitting.cscv(x, 8)
    assert set(found.chosen) == {1}
    assert found.pbo == 0
    assert np.isfinite(found.logits).all()


def test_recentred_noise_is_always_overfitted():
    """All trials re-centred to 0: what was best in one half is bad in the other, PBO 1."""
    x = np.random.default_rng(7).normal(size=(400, 50))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    found = overfitting.cscv(x, 8)
    assert found.pbo == 1.0
    assert found.line[0] < -0.9


def test_one_good_among_noise_is_found():
    """A planted ratio of .2 a day among 99 of noise: PBO well below a half."""
    rng = np.random.default_rng(11)
    noise = [overfitting.cscv(rng.normal(size=(1000, 100)), 8).pbo for _ in range(5)]
    planted = []
    for _ in range(5):
        x = rng.normal(size=(1000, 100))
        x[:, 0] += 0.2
        planted.append(overfitting.cscv(x, 8).pbo)
    assert 0.2 < np.mean(noise) < 0.8
    assert np.mean(planted) < 0.35


def test_too_little_is_said_not_guessed():
    """PBO needs 10 trades in each of 8 blocks, and 10 configurations."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(160, 12))
    one_a_day = np.ones((160, 12))
    full = overfitting.probability_of_overfitting(x, one_a_day)
    assert (full.blocks, full.splits, full.missing) == (16, 12870, "")
    assert 0 <= full.pbo <= 1
    fewer = overfitting.probability_of_overfitting(x[:100], one_a_day[:100])
    assert fewer.blocks == 10
    thin = overfitting.probability_of_overfitting(x[:79], one_a_day[:79])
    assert math.isnan(thin.pbo)
    assert thin.missing == "9 of 10 trades in the emptiest of 8 blocks"
    few = overfitting.probability_of_overfitting(x[:, :9], one_a_day[:, :9])
    assert few.missing == "9 of 10 configurations"
    none = overfitting.probability_of_overfitting(np.empty((0, 0)), np.empty((0, 0)))
    assert "0 of 10 configurations" in none.missing
    assert "0 of 10 trades" in none.missing


def test_what_cannot_be_split_is_refused():
    """Odd blocks, too few rows, one column, NaN: each in a sentence."""
    x = np.ones((20, 2))
    for rows, count in ((x, 3), (x, 18), (x[:7], 4), (x[:, :1], 4), (x * np.nan, 4)):
        with pytest.raises(ValueError, match=r"blocks|columns|finite"):
            overfitting.cscv(rows, count)
    with pytest.raises(ValueError, match="one shape"):
        overfitting.probability_of_overfitting(x, x[:3])


def _losses():
    """Return arch's own example: 500 losses and 50 models, and the same with a good one."""
    rng = np.random.default_rng(42)
    bench, models = rng.normal(size=500) ** 2, rng.normal(size=(500, 50)) ** 2
    good = models.copy()
    good[:, 0] = (0.7 * rng.normal(size=500)) ** 2
    return bench, models, good


def _places(draws, n, length, seed):
    """Return the resamplings arch makes with *seed*."""
    drawn = StationaryBootstrap(length, np.arange(n), seed=seed)
    return np.array([data[0][0] for data in drawn.bootstrap(draws)])


def test_hansens_test_is_archs():
    """Golden P3: .707/.880/.893, and 0/0/0 with a model that is better."""
    bench, models, good = _losses()
    places = _places(1000, 500, 10, 1)
    found = overfitting.superior_ability(bench, models, length=10, studentized=False, places=places)
    assert found[:3] == pytest.approx((0.707, 0.880, 0.893), abs=1e-12)
    referee = SPA(bench, models, block_size=10, reps=1000, seed=1)
    referee.compute()
    assert found[:3] == pytest.approx(tuple(referee.pvalues), abs=1e-12)
    better = overfitting.superior_ability(bench, good, length=10, studentized=False, places=places)
    assert better == (0, 0, 0, 0)


def test_own_draws_agree_with_archs():
    """With our own generator the p-values are the same within their error."""
    bench, models, good = _losses()
    rng = np.random.default_rng(5)
    found = overfitting.superior_ability(bench, models, length=10, studentized=False, rng=rng)
    assert found.consistent == pytest.approx(0.880, abs=0.05)
    assert found.lower <= found.consistent <= found.upper
    assert overfitting.superior_ability(bench, good, length=10, rng=rng).consistent < 0.01


def test_useless_models_weigh_on_the_reality_check_only():
    """Fifty hopeless models make White's p-value larger; Hansen's consistent one hardly moves."""
    rng = np.random.default_rng(8)
    bench = rng.normal(size=400)
    few = bench[:, None] - 0.09 + rng.normal(size=(400, 3)) * 0.8
    many = np.column_stack([few, bench[:, None] + 2 + 4 * rng.normal(size=(400, 50))])
    places = blocks.stationary_places(400, 5, 1000, rng)
    alone = overfitting.superior_ability(bench, few, length=5, studentized=False, places=places)
    crowd = overfitting.superior_ability(bench, many, length=5, studentized=False, places=places)
    assert crowd.upper > alone.upper + 0.1
    assert abs(crowd.consistent - alone.consistent) < 0.05


def test_under_the_null_the_p_value_is_not_too_small():
    """Models as good as the benchmark: p ≤ .10 in about a tenth of 300 worlds, not many more."""
    rng = np.random.default_rng(12)
    p = []
    for _ in range(300):
        losses = rng.normal(size=(120, 6))
        found = overfitting.superior_ability(
            losses[:, 0], losses[:, 1:], length=2, draws=200, rng=rng
        )
        p.append(found.consistent)
    assert np.mean(np.array(p) <= 0.10) == pytest.approx(0.10, abs=0.055)


def test_nothing_to_compare_is_no_discovery():
    """A model that is the benchmark differs from it by nothing: p = 1."""
    bench = np.arange(10.0)
    rng = np.random.default_rng(0)
    assert overfitting.superior_ability(bench, bench[:, None], length=2, rng=rng)[:3] == (1, 1, 1)
    with pytest.raises(ValueError, match="Generator"):
        overfitting.superior_ability(bench, bench[:, None], length=2)
    with pytest.raises(ValueError, match=r"\[n, k\]"):
        overfitting.superior_ability(bench, bench, length=2, rng=rng)
    with pytest.raises(ValueError, match="finite"):
        overfitting.superior_ability(bench[:2], bench[:2, None], length=2, rng=rng)


def test_the_block_length_is_the_published_one():
    """Golden MC1: 13.635665 stationary, 15.60894 circular."""
    e = np.random.RandomState(0).standard_normal(10_100)
    y = e.copy()
    for place in range(1, y.size):
        y[place] = 0.3 * y[place - 1] + e[place]
    found = block_lengths(y[100:])
    assert found == pytest.approx((13.635665, 15.60894), rel=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_the_block_length_is_archs(seed):
    """Whatever the series: short or long, dependent or not."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(12, 900))
    y = np.convolve(rng.normal(size=n + 5), rng.normal(size=6), mode="valid")
    wanted = optimal_block_length(y).to_numpy()[0]
    assert tuple(block_lengths(y)) == pytest.approx(tuple(wanted), rel=1e-9)


@pytest.mark.parametrize(
    ("chance", "variance"),
    [(1, 0.1875), (0.5, 0.1648406982), (0.25, 0.1181949377), (0.1, 0.0591648287)],
)
def test_the_variance_of_the_bootstrap_is_the_closed_form(chance, variance):
    """Golden MC2, and 100,000 draws agree with it."""
    assert blocks.stationary_variance(SHORT, 1 / chance) == pytest.approx(variance, abs=5e-11)
    places = blocks.stationary_places(8, 1 / chance, 100_000, np.random.default_rng(1))
    means = np.asarray(SHORT)[places].mean(axis=1)
    assert means.var() == pytest.approx(variance, rel=0.03)


def test_blocks_run_on_round_the_circle():
    """Between the starts of blocks every place follows the one before it."""
    places = blocks.stationary_places(50, 1e9, 20, np.random.default_rng(0))
    assert (np.diff(places, axis=1) % 50 == 1).all()
    with pytest.raises(ValueError, match="cannot be"):
        blocks.stationary_places(0, 2, 1, np.random.default_rng(0))
