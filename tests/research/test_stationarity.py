"""ADF and KPSS against R's urca and statsmodels; what both say together."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from chickens import CHICKEN, EGG
from statsmodels.tsa.stattools import adfuller

from trading_cli.research import stationarity


def test_dickey_and_fuller_of_chickens_and_eggs():
    """G3, urca and statsmodels: no constant, constant, trend; MacKinnon's p."""
    trends = ("n", "c", "ct")
    for series, lags, expected in (
        (CHICKEN, 0, [-0.769060, -2.013268, -2.359248]),
        (CHICKEN, 3, [-0.615944, -1.982014, -2.543302]),
        (EGG, 3, [0.935569, -2.202028, -1.701906]),
    ):
        found = [stationarity.adf(series, lags=lags, trend=one).statistic for one in trends]
        assert found == pytest.approx(expected, abs=1e-6)
    p = [stationarity.adf(CHICKEN, lags=lags).p for lags in (0, 3)]
    assert p == pytest.approx([0.280786, 0.294515], abs=1e-6)


def test_kpss_of_chickens_and_eggs():
    """G3, three lags, level and trend."""
    for series, expected in ((CHICKEN, [0.542060, 0.086429]), (EGG, [1.069051, 0.275766])):
        found = [stationarity.kpss(series, lags=3, trend=one).statistic for one in ("c", "ct")]
        assert found == pytest.approx(expected, abs=1e-6)


def test_output_and_sunspots():
    """G4, statsmodels: realgdp ADF with four lags, KPSS with three; sunspots at 7 and 16 lags."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        output = sm.datasets.macrodata.load_pandas().data["realgdp"].to_numpy()
        spots = sm.datasets.sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    found = {trend: stationarity.adf(output, lags=4, trend=trend) for trend in ("n", "c", "ct")}
    for trend, one in found.items():
        told = adfuller(output, maxlag=4, autolag=None, regression=trend, result_object=True)
        assert (one.statistic, one.p) == pytest.approx((told.statistic, told.pvalue), rel=1e-8)
    levels = [stationarity.kpss(output, lags=3, trend=one).statistic for one in ("c", "ct")]
    assert levels == pytest.approx([5.016894, 1.182778], abs=1e-6)
    seven, sixteen = (stationarity.kpss(spots, lags=lags) for lags in (7, 16))
    assert (seven.statistic, seven.p) == pytest.approx((0.669866, 0.016285), abs=1e-6)
    assert (sixteen.statistic, sixteen.p) == pytest.approx((0.446646, 0.057049), abs=1e-6)


def test_the_bic_chooses_as_statsmodels_does():
    """The referee: lags and statistic with Schwert's bound and BIC."""
    rng = np.random.default_rng(3)
    for series in (np.cumsum(rng.standard_normal(200)), rng.standard_normal(250)):
        bound = stationarity.schwert(series.size)
        told = adfuller(series, maxlag=bound, autolag="BIC", regression="c", result_object=True)
        ours = stationarity.adf(series)
        assert (ours.lags, ours.statistic) == (told.lags, pytest.approx(told.statistic, rel=1e-8))


def test_bounds():
    """G4's table: ⌈12 (T / 100)^¼⌉."""
    assert [stationarity.schwert(n) for n in (96, 200, 672, 2880)] == [12, 15, 20, 28]


def test_what_both_say_together():
    """Noise is I(0), a walk I(1), too little or a frozen series undetermined, gaps no hindrance."""
    rng = np.random.default_rng(4)
    noise = rng.standard_normal(600)
    assert stationarity.judge(noise).state == stationarity.STATIONARY
    assert stationarity.judge(np.cumsum(noise)).state == stationarity.INTEGRATED
    for nothing in (noise[:40], np.ones(300), np.full(300, np.nan), np.array([])):
        assert stationarity.judge(nothing).state == stationarity.UNDETERMINED
    noise[::17] = np.nan
    assert stationarity.judge(noise).state == stationarity.STATIONARY


def test_far_statistics_have_a_p():
    """Beyond MacKinnon's table p is 0 or 1."""
    assert stationarity.mackinnon(-30) == 0
    assert stationarity.mackinnon(3) == 1
    assert np.isnan(stationarity.mackinnon(float("nan")))
