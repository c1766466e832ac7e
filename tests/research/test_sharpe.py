"""Was it luck: the probabilistic and deflated Sharpe ratio, and how long a record must be."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trading_cli.research import sharpe

MONTHLY = 1.585 / math.sqrt(12)
DAILY = 2.5 / math.sqrt(250)
DAILY_VARIANCE = 0.5 / 250


def test_the_hedge_fund_of_the_paper():
    """Bailey and López de Prado 2012: 24 months, skew -2.448, raw kurtosis 10.164 (S1)."""
    assert pytest.approx(0.4575500883, abs=1e-10) == MONTHLY
    found = sharpe.probabilistic_sharpe(MONTHLY, 24, -2.448, 10.164)
    assert found == pytest.approx(0.9132343069, rel=1e-9)
    assert sharpe.probabilistic_sharpe(MONTHLY, 24) == pytest.approx(0.9815912361, rel=1e-9)


def test_excess_kurtosis_where_raw_is_meant_changes_the_answer_or_is_refused():
    """7.164 for 10.164 is no rounding error; an impossible pair is named."""
    wrong = sharpe.probabilistic_sharpe(MONTHLY, 24, -2.448, 7.164)
    assert abs(wrong - 0.9132343069) > 0.001
    with pytest.raises(ValueError, match="was the excess given"):
        sharpe.probabilistic_sharpe(MONTHLY, 24, -2.448, 0.0)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "found"),
    [(100, -3, 10, 0.9003968345), (46, -3, 10, 0.9505017069), (88, 0, 3, 0.9504908167)],
)
def test_the_deflated_ratio_of_the_paper(trials, skew, kurtosis, found):
    """Bailey and López de Prado 2014: annual 2.5 over 1250 days, variance ½ a year (S2)."""
    got = sharpe.deflated_sharpe(
        DAILY, 1250, skew, kurtosis, trials=trials, variance=DAILY_VARIANCE
    )
    assert got == pytest.approx(found, rel=1e-9)


def test_the_hurdle_of_a_hundred_trials():
    """Daily .1131720019, a year 1.7894."""
    hurdle = sharpe.expected_maximum(100, DAILY_VARIANCE)
    assert hurdle == pytest.approx(0.1131720019, rel=1e-8)
    assert hurdle * math.sqrt(250) == pytest.approx(1.7894, abs=5e-5)


@pytest.mark.parametrize(
    ("trials", "found"),
    [
        (1, 0.0), (2, 0.5197553), (5, 1.1925940), (10, 1.5745983), (45, 2.2356402),
        (50, 2.2763031), (100, 2.5306028932), (1000, 3.2551215),
    ],
)  # fmt: skip
def test_the_best_of_many_without_skill(trials, found):
    """E[max] with variance 1 (S3); one trial selects nothing."""
    assert sharpe.expected_maximum(trials) == pytest.approx(found, abs=5e-8)


@pytest.mark.parametrize(
    ("periods", "skew", "kurtosis", "years", "observations"),
    [
        (250, 0, 3, 2.7311878018, 682.797), (52, 0, 3, 2.8288335869, 147.099),
        (12, 0, 3, 3.2398006964, 38.878), (250, -0.72, 5.78, 3.00768, None),
        (52, -0.72, 5.78, 3.51375, None), (12, -0.72, 5.78, 4.99126, None),
    ],
)  # fmt: skip
def test_how_long_until_two_is_above_one(periods, skew, kurtosis, years, observations):
    """MinTRL of 2 against 1 a year at 95 % (S4), in periods and in years."""
    root = math.sqrt(periods)
    found = sharpe.least_track_record(2 / root, skew, kurtosis, benchmark=1 / root)
    assert found / periods == pytest.approx(years, rel=2e-6 if observations is None else 1e-9)
    if observations is not None:
        assert found == pytest.approx(observations, abs=5e-4)


def test_how_long_until_three_is_above_two_and_a_half():
    """Monthly, skewed and fat: 27 years."""
    root = math.sqrt(12)
    found = sharpe.least_track_record(3 / root, -0.72, 5.78, benchmark=2.5 / root) / 12
    assert found == pytest.approx(27.3529202, rel=1e-8)
    assert math.isnan(sharpe.least_track_record(0.1, benchmark=0.2))


@pytest.mark.parametrize(("trials", "years"), [(45, 4.9980870044), (7, 1.9231434)])
def test_how_short_a_backtest_shows_one_by_luck(trials, years):
    """MinBTL for an annual target of 1 (S5), below the bound 2 ln N."""
    found = sharpe.least_backtest_years(trials)
    assert found == pytest.approx(years, rel=3e-8)
    assert found < 2 * math.log(trials)


@pytest.mark.parametrize(
    ("ratio", "error"),
    [(0.5, 0.1369306), (1, 0.1581139), (1.5, 0.1881932), (2, 0.2236068), (3, 0.3027650)],
)
def test_los_error(ratio, error):
    """Lo 2002, T = 60 (S6)."""
    assert sharpe.lo_error(ratio, 60) == pytest.approx(error, abs=5e-8)


@pytest.mark.parametrize(
    ("rho", "eta"),
    [(0, 3.4641016), (0.1, 3.1601110), (0.2, 2.8788487), (0.5, 2.1212880), (-0.2, 4.1708480)],
)
def test_los_scale(rho, eta):
    """η(12) by autocorrelation (S6)."""
    assert sharpe.lo_scale(12, rho) == pytest.approx(eta, abs=5e-8)


def test_moments_are_scipys():
    """Skew and raw kurtosis are the plain ones; the deviation is the sample's."""
    x = np.random.default_rng(1).gamma(2, size=200) - 1.8
    found = sharpe.moments(x)
    assert found.sharpe == pytest.approx(x.mean() / x.std(ddof=1), rel=1e-12)
    assert found.skew == pytest.approx(stats.skew(x), rel=1e-12)
    assert found.kurtosis == pytest.approx(stats.kurtosis(x, fisher=False), rel=1e-12)
    assert found.n == 200


def test_what_does_not_exist_is_nan():
    """One return, or returns that never vary, have no ratio; NaN among them is an error."""
    assert math.isnan(sharpe.moments([0.1]).sharpe)
    assert math.isnan(sharpe.moments([0.1, 0.1, 0.1]).sharpe)
    assert math.isnan(sharpe.probabilistic_sharpe(math.nan, 10))
    assert math.isnan(sharpe.probabilistic_sharpe(0.1, 1))
    with pytest.raises(ValueError, match="finite"):
        sharpe.moments([0.1, math.nan])
    for wrong in (
        lambda: sharpe.expected_maximum(0),
        lambda: sharpe.effective_trials(0, 0.1),
        lambda: sharpe.least_backtest_years(5, 0),
        lambda: sharpe.lo_scale(0, 0.1),
    ):
        with pytest.raises(ValueError):  # noqa: PT011  # the sentences are read above
            wrong()


def test_alike_trials_count_less():
    """A hundred trials that are one are one; uncorrelated ones are a hundred."""
    assert sharpe.effective_trials(100, 1.0) == 1
    assert sharpe.effective_trials(100, 0.0) == 100
    assert sharpe.effective_trials(100, -0.2) == 100
    assert sharpe.effective_trials(100, 0.5) == 50.5


@given(ratio=st.floats(-0.5, 0.5), n=st.integers(10, 5000), trials=st.integers(1, 500))
def test_more_trials_never_raise_the_deflated_ratio(ratio, n, trials):
    """Whatever the record, one trial more makes it look no better."""
    before = sharpe.deflated_sharpe(ratio, n, trials=trials, variance=0.01)
    after = sharpe.deflated_sharpe(ratio, n, trials=trials + 1, variance=0.01)
    assert after <= before + 1e-12
    assert before <= sharpe.probabilistic_sharpe(ratio, n) + 1e-12


@given(ratio=st.floats(0.02, 0.5), skew=st.floats(-1, 1), extra=st.floats(0.5, 20))
def test_the_least_record_is_where_the_probability_reaches_the_level(ratio, skew, extra):
    """PSR at MinTRL periods is 95 %."""
    kurtosis = 1 + skew**2 + extra
    n = sharpe.least_track_record(ratio, skew, kurtosis)
    if n > 2.0:
        assert sharpe.probabilistic_sharpe(ratio, n, skew, kurtosis) == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("price", "chance", "bets"), [(0.50, 0.55, 268), (0.90, 0.92, 498), (0.10, 0.12, 714)]
)
def test_how_many_bets_show_an_edge(price, chance, bets):
    """statistics.md §5: independent bets to see the edge one-sided at 5 %."""
    assert sharpe.bets_to_see(chance, price) == pytest.approx(bets, abs=1)
    assert sharpe.bet_sharpe(chance, price) > 0
    assert math.isnan(sharpe.bets_to_see(price, chance))
    assert math.isnan(sharpe.bet_sharpe(1.0, 0.5))
