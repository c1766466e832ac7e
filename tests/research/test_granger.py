"""Granger's test and its relatives against published numbers, R's and statsmodels'."""

import warnings

import numpy as np
import pytest
from chickens import CHICKEN, EGG
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.research import granger
from trading_cli.research import least_squares as ls

MACRO = pytest.importorskip("statsmodels.api").datasets.macrodata


def test_chickens_and_eggs_in_levels():
    """G1, R lmtest and statsmodels: F, p, χ², LR, partial R², Geweke of both ways."""
    eggs, chickens = granger.both_ways(CHICKEN, EGG, 4)
    assert eggs.f[0] == pytest.approx(
        [0.0470318565, 0.8799844471, 0.5916153295, 0.3928632978], rel=1e-9
    )
    assert eggs.p[0] == pytest.approx(
        [0.8291934626, 0.4215113700, 0.6237862004, 0.8125377841], rel=1e-9
    )
    assert chickens.f[0] == pytest.approx(
        [1.2071001070, 8.8174728030, 5.4049843723, 4.2567657970], rel=1e-9
    )
    assert chickens.p[0] == pytest.approx(
        [0.2771696182, 0.0005601651, 0.0029663974, 0.0056714369], rel=1e-6
    )
    assert chickens.free[0].tolist() == [50, 47, 44, 41]
    third = (chickens.chi2, chickens.chi2_p, chickens.ratio, chickens.ratio_p)
    assert [one[0, 2] for one in third] == pytest.approx(
        [18.7946047493, 0.0003014774, 16.0002849882, 0.0011338317], rel=1e-6
    )
    assert eggs.chi2[0, 2] == pytest.approx(2.0572078502, rel=1e-9)
    assert eggs.ratio[0, 2] == pytest.approx(2.0167996971, rel=1e-9)
    assert chickens.partial_r2[0, 2] == pytest.approx(0.2692845, abs=1e-7)
    assert chickens.geweke[0, 2] == pytest.approx(0.3137311, abs=1e-7)


def test_chickens_and_eggs_in_log_differences():
    """G1, orders 1 to 4, R."""
    eggs, chickens = granger.both_ways(np.diff(np.log(CHICKEN)), np.diff(np.log(EGG)), 4)
    assert eggs.f[0] == pytest.approx([1.732018, 1.026111, 0.632396, 0.448791], abs=1e-6)
    assert chickens.f[0] == pytest.approx([11.869139, 4.701327, 3.680866, 4.868483], abs=1e-6)
    assert chickens.p[0] == pytest.approx([0.0011793, 0.0138748, 0.0190863, 0.0027073], abs=1e-7)


def macro():
    """Return 202 quarterly log-differences of gdp, consumption, investment."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = MACRO.load_pandas().data
    return {name: np.diff(np.log(table[name].to_numpy()))
            for name in ("realgdp", "realcons", "realinv")}  # fmt: skip


def test_consumption_and_output():
    """G2, statsmodels and R; conditional on investment with R's df (2, 193)."""
    series = macro()
    there, back = granger.both_ways(series["realcons"], series["realgdp"], 2)
    assert there.f[0, 1] == pytest.approx(19.0353175694, rel=1e-9)
    assert there.p[0, 1] == pytest.approx(2.8076149e-08, rel=1e-6)
    assert (back.f[0, 1], back.p[0, 1]) == pytest.approx((0.24309698, 0.78443276), rel=1e-7)
    beside = ls.lagged(series["realinv"], range(1, 3))
    found = granger.joint(series["realcons"], series["realgdp"], own=2, lags=2, controls=beside)
    assert found.free == 193
    assert found.f == pytest.approx(16.9719387291, rel=1e-8)
    assert found.p == pytest.approx(1.6224e-07, rel=1e-4)


def test_robust_errors():
    """G6, R sandwich (no prewhitening, no adjustment) and HC1: eggs to chickens, order 3, levels.

    The textbook result is no longer significant at 5 % with three lags.
    """
    found = granger.joint(EGG, CHICKEN, own=3, lags=3, hac_lags=3)
    assert found.wald == pytest.approx(16.2149531, abs=1e-7)
    assert (found.hc1, found.hc1_p) == pytest.approx((9.484991541, 0.02349), abs=2e-6)
    assert (found.hac, found.hac_p) == pytest.approx((6.599154854, 0.085833), abs=1e-6)
    others = [granger.joint(EGG, CHICKEN, own=3, lags=3, hac_lags=n).hac for n in (0, 1, 4)]
    assert others == pytest.approx([10.993967, 8.478417, 6.169465], abs=1e-6)


def test_toda_and_yamamoto():
    """G5, R: d_max 1, orders 3, 2, 1."""
    there = [granger.toda_yamamoto(EGG, CHICKEN, lags=n).wald for n in (3, 2, 1)]
    back = [granger.toda_yamamoto(CHICKEN, EGG, lags=n).wald for n in (3, 2, 1)]
    assert there == pytest.approx([11.87321332, 10.80292176, 14.12197085], abs=1e-7)
    assert back == pytest.approx([1.191313917, 0.9215993189, 1.107352904], abs=1e-8)
    third = granger.toda_yamamoto(EGG, CHICKEN, lags=3)
    assert (third.rows, third.free) == (50, 41)


def test_the_mean_of_eight_numbers():
    """G7, numpy and statsmodels (HAC, no correction): the error of a mean at bandwidths 0, 1, 2."""
    y = np.array([1, 2, 1.5, 3, 2.5, 4, 3, 5])
    found = ls.fit(np.ones((8, 1)), y)
    errors = [float(np.sqrt(ls.newey_west(found, lags)[0, 0])) for lags in (0, 1, 2)]
    assert errors == pytest.approx([0.4330127019, 0.4749588798, 0.5424673569], abs=1e-10)


def test_bandwidths():
    """G4's table: ⌊4 (T / 100)^(2/9)⌋."""
    assert [ls.bandwidth(n) for n in (96, 200, 672, 2880)] == [3, 4, 6, 8]


def test_statsmodels_says_the_same_of_every_pair_and_lag():
    """The referee, where the matrix is well and where it is not: F and p to 1e-8."""
    from statsmodels.tsa.stattools import grangercausalitytests

    rng = np.random.default_rng(5)
    x = rng.standard_t(4, (4, 300))
    y = 0.2 * np.roll(x, 2, axis=1) + rng.standard_normal((4, 300))
    y[1] = np.cumsum(y[1])
    x[2] = y[2] * 2e3 + rng.standard_normal(300)  # nearly the other: the careful way
    there, back = granger.both_ways(x, y, 8)
    for place in range(4):
        for ours, pair in ((there, (y, x)), (back, (x, y))):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table = np.column_stack([one[place] for one in pair])
                told = grangercausalitytests(table - table.mean(axis=0), 8)
            for lag in range(1, 9):
                f, p, free, _ = told[lag][0]["ssr_ftest"]
                assert ours.f[place, lag - 1] == pytest.approx(f, rel=1e-8, abs=1e-9)
                assert ours.p[place, lag - 1] == pytest.approx(p, rel=1e-8, abs=1e-12)
                assert ours.free[place, lag - 1] == free


def test_statsmodels_says_the_same_of_errors():
    """The referee for HC1, HAC and CR1 of one regression."""
    import statsmodels.api as sm

    rng = np.random.default_rng(6)
    x = np.column_stack([rng.standard_normal((150, 3)), np.ones(150)])
    y = x @ [0.3, 0, -1, 2] + rng.standard_normal(150) * (1 + np.abs(x[:, 0]))
    groups = rng.integers(0, 12, 150)
    found, told = ls.fit(x, y), sm.OLS(y, x)
    hac = told.fit(cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": False})
    clustered = told.fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert ls.classical(found) == pytest.approx(told.fit().cov_params(), rel=1e-9)
    assert ls.hc1(found) == pytest.approx(told.fit(cov_type="HC1").cov_params(), rel=1e-9)
    assert ls.newey_west(found, 5) == pytest.approx(hac.cov_params(), rel=1e-9)
    assert ls.clustered(found, groups) == pytest.approx(clustered.cov_params(), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 1e3, 1e-6]), st.floats(-1e4, 1e4))
def test_units_do_not_matter(seed, scale, offset):
    """Whatever the unit and the zero of a series, F is the same."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 2, 90))
    plain, _ = granger.both_ways(x, y, 5)
    moved, _ = granger.both_ways(x * scale + offset * scale, y / scale, 5)
    assert moved.f == pytest.approx(plain.f, rel=1e-5)


def test_a_gap_is_not_closed():
    """Rows that miss a lag are dropped: the same as the regression written out by hand."""
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((2, 120))
    y[50], x[80] = np.nan, np.nan
    found, _ = granger.both_ways(x, y, 2)
    table = np.column_stack([ls.lagged(y, range(1, 3)), ls.lagged(x, range(1, 3))])
    kept = np.isfinite(table).all(axis=1) & np.isfinite(y)
    by_hand = ls.fit(np.column_stack([np.ones(kept.sum()), table[kept]]), y[kept])
    assert found.rows[0, 1] == kept.sum() == 120 - 2 - 3 - 2
    assert found.rss_u[0, 1] == pytest.approx(float(by_hand.rss), rel=1e-10)


def test_what_has_no_test_is_nan():
    """A frozen series, one that is the other, and one too short: no number, no crash."""
    rng = np.random.default_rng(9)
    noise = rng.standard_normal(60)
    x = np.stack([np.full(60, 3.0), noise, np.full(60, np.nan)])
    y = np.stack([noise, noise, noise])
    there, back = granger.both_ways(x, y, 3)
    assert np.isnan(there.f).all()
    assert np.isnan(back.f).all()
    assert np.isnan(granger.both_ways(noise[:5], noise[5:10], 3)[0].f[0, 1:]).all()
    assert np.isnan(granger.joint(noise[:8], noise[8:16], own=3, lags=3).f)
    with pytest.raises(ValueError, match="alike"):
        granger.both_ways(noise, noise[1:], 2)
    with pytest.raises(ValueError, match="max_lag"):
        granger.both_ways(noise, noise, 0)


def test_dependent_columns_have_no_answer_and_nearly_dependent_ones_the_right_one():
    """Below the bar the orthogonal way is taken; where no way leads, NaN."""
    rng = np.random.default_rng(10)
    a, b, y = rng.standard_normal((3, 80))
    twice = np.column_stack([a, 2 * a, np.ones(80)])
    near = np.column_stack([a, a + 1e-5 * b, np.ones(80)])
    both = ls.fit(np.stack([twice, near]), np.stack([y, y]))
    assert np.isnan(both.beta[0]).all()
    expected, *_ = np.linalg.lstsq(near, y, rcond=None)
    assert both.beta[1] == pytest.approx(expected, rel=1e-8)


def test_few_rows_carry_few_parameters():
    """The guard of §1.7, n - 2p - 1 >= max(30, 5 (2p + 1)) with n = T - p: at p = 4 and 12."""
    for p, least in ((1, 34), (4, 58), (12, 162)):
        assert granger.carries(least - p, 2 * p + 1)
        assert not granger.carries(least - p - 1, 2 * p + 1)
