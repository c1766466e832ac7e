"""How true probabilities are: Brier and its parts, reliability, skill against the price."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.research import calibration as cal
from trading_cli.research.clustered import clustered_mean, codes, resampled

F = [0.1, 0.1, 0.3, 0.3, 0.3, 0.7, 0.7, 0.7, 0.9, 0.9]
HAPPENED = [0, 0, 0, 1, 0, 1, 1, 0, 1, 1]


def test_ten_forecasts_by_hand():
    """Golden Q1: every number of statistics.md §9."""
    parts = cal.murphy(F, HAPPENED)
    assert parts.brier == pytest.approx(0.138, rel=1e-12)
    assert parts.reliability == pytest.approx(0.0046666667, abs=5e-11)
    assert parts.resolution == pytest.approx(0.1166666667, abs=5e-11)
    assert parts.uncertainty == 0.25
    assert (parts.within_variance, parts.within_covariance) == pytest.approx((0, 0), abs=1e-15)
    assert parts.skill == pytest.approx(0.448, rel=1e-12)
    assert cal.log_losses(F, HAPPENED).mean() == pytest.approx(0.4256087447, rel=1e-9)
    assert cal.expected_error(cal.reliability(F, HAPPENED)) == pytest.approx(0.06, rel=1e-12)
    assert cal.spiegelhalter(F, HAPPENED).z == pytest.approx(-0.3651483717, rel=1e-9)


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    [
        (0, 10, 0, 0.2775328), (5, 10, 0.2365930905, 0.7634069095), (8, 10, 0.4901625, 0.9433178),
        (55, 100, 0.4524460, 0.6438546), (60, 100, 0.5020025868, 0.6905987136),
    ],
)  # fmt: skip
def test_wilsons_bands(wins, n, low, high):
    """Golden Q2."""
    assert cal.wilson_band(wins / n, n) == pytest.approx((low, high), abs=6e-8)


@given(
    rows=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=60),
    count=st.integers(1, 20),
)
def test_the_parts_always_add_up(rows, count):
    """Whatever the forecasts and bins, the five parts make the Brier score."""
    f, o = zip(*rows, strict=True)
    parts = cal.murphy(f, o, [place / count for place in range(count + 1)])
    whole = parts.reliability - parts.resolution + parts.uncertainty
    whole += parts.within_variance - parts.within_covariance
    assert whole == pytest.approx(parts.brier, abs=1e-12)
    assert parts.brier == pytest.approx(cal.squared_errors(f, o).mean(), abs=1e-12)


@given(rows=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
def test_seen_from_no_it_is_the_same(rows):
    """Whatever was said, its mirror scores the same."""
    f, o = (np.array(one, float) for one in zip(*rows, strict=True))
    here, there = cal.murphy(f, o), cal.murphy(1 - f, 1 - o)
    assert here.brier == pytest.approx(there.brier, abs=1e-12)
    assert cal.log_losses(f, o).sum() == pytest.approx(cal.log_losses(1 - f, 1 - o).sum())


def test_a_copy_of_the_price_has_no_skill():
    """Exactly 0, and an interval of nothing."""
    rng = np.random.default_rng(0)
    price = rng.uniform(0.1, 0.9, 200)
    o = (rng.random(200) < price).astype(float)
    found = cal.skill(price, price, o, list(range(200)), rng)
    assert (found.skill, found.low, found.high) == (0, 0, 0)
    assert found.gain.point == 0


def test_who_knows_more_than_the_price_has_skill():
    """The truth against a price that is off; the interval of whole events leaves out 0."""
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.05, 0.95, 500)
    price = np.clip(truth + rng.normal(0, 0.2, 500), 0.02, 0.98)
    o = (rng.random(500) < truth).astype(float)
    found = cal.skill(truth, price, o, list(range(500)), rng)
    assert 0 < found.low < found.skill < found.high < 1
    assert found.gain.p < 0.01
    few = cal.skill(truth[:20], price[:20], o[:20], list(range(20)), rng)
    assert math.isnan(few.low)
    assert math.isnan(cal.skill([0.5], [1.0], [1], None, rng).skill)


def test_coxs_line_is_statsmodels():
    """Slope, intercept, and the clustered error without its small-sample factor."""
    rng = np.random.default_rng(4)
    events = rng.integers(0, 60, 400).tolist()
    f = rng.uniform(0.03, 0.97, 400)
    o = (rng.random(400) < 1 / (1 + np.exp(-1.6 * cal.log_odds(f) - 0.2))).astype(float)
    found = cal.line(f, o, events)
    fitted = sm.Logit(o, sm.add_constant(cal.log_odds(f))).fit(disp=0, tol=1e-12)
    assert (found.intercept, found.slope) == pytest.approx(tuple(fitted.params), rel=1e-8)
    robust = sm.Logit(o, sm.add_constant(cal.log_odds(f))).fit(
        disp=0, tol=1e-12, cov_type="cluster",
        cov_kwds={"groups": np.array(events), "use_correction": False},
    )  # fmt: skip
    count = len(set(events))
    wanted = robust.bse[1] * math.sqrt(count / (count - 1))
    assert found.slope_error == pytest.approx(wanted, rel=1e-6)


def test_where_there_is_no_line_it_says_so():
    """One outcome, one forecast, or outcomes that the forecasts separate."""
    for f, o in (
        ([0.2, 0.5, 0.9], [1, 1, 1]),
        ([0.5] * 4, [0, 1, 0, 1]),
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]),
    ):  # three cases
        assert math.isnan(cal.line(f, o).slope)


def test_one_event_seen_often_is_one_event():
    """Ten copies of each row: the same point, the same clustered interval, no narrower band."""
    rng = np.random.default_rng(2)
    f = rng.uniform(0.4, 0.5, 60)
    o = (rng.random(60) < f).astype(float)
    once = cal.calibration(f, o, list(range(60)))
    often = cal.calibration(np.repeat(f, 10), np.repeat(o, 10), np.repeat(range(60), 10).tolist())
    assert often.brier.point == pytest.approx(once.brier.point)
    assert often.brier.error == pytest.approx(once.brier.error)
    assert often.n == 600
    assert often.events == once.events == 60
    assert often.spiegelhalter.z_clustered == pytest.approx(once.spiegelhalter.z_clustered)
    assert often.spiegelhalter.z == pytest.approx(once.spiegelhalter.z * math.sqrt(10))
    width = [one.bins[0].band_high - one.bins[0].band_low for one in (once, often)]
    assert width[1] == pytest.approx(width[0], rel=0.02)
    assert (once.missing, often.missing) == ("", "")


def test_few_events_are_insufficient():
    """29 of 30 events: said."""
    found = cal.calibration([0.5] * 29, [1] * 29)
    assert found.missing == "29 of 30 events"
    assert not found.bins[0].shown
    assert found.bins[0].effective == 29


def test_nothing_is_nan():
    """No forecast has no score, and no number is made up."""
    found = cal.calibration([], [])
    assert math.isnan(found.brier.point)
    assert math.isnan(found.parts.brier)
    assert math.isnan(found.error)
    assert math.isnan(found.spiegelhalter.z)
    assert found.bins == ()
    assert math.isnan(cal.wilson_band(math.nan, 0)[0])


@pytest.mark.parametrize(
    ("f", "o", "edges"),
    [
        ([0.5, 1.2], [0, 1], None), ([0.5], [0.5], None), ([math.nan], [1], None),
        ([0.5], [0, 1], None), ([0.5], [1], [0, 0.5]), ([0.5], [1], [0, 0.7, 0.5, 1]),
    ],
)  # fmt: skip
def test_what_is_no_forecast_is_refused(f, o, edges):
    """Outside [0, 1], half an outcome, NaN, unequal lengths, bins that are none."""
    with pytest.raises(ValueError, match=r"lie in|0 or 1|alike long|edges"):
        cal.murphy(f, o, edges)


def test_the_closing_line_of_yes_and_no():
    """YES .40 → .50 is worth +10 points; NO of the same market -10."""
    found = cal.closing_line([0.4, 0.4], [0.5, 0.5], [True, False], ["a", "b"])
    assert found.points.point == 0
    one = cal.closing_line([0.4], [0.5], [True])
    assert one.points.point == pytest.approx(0.10)
    assert one.log_odds.point == pytest.approx(math.log(1.5))
    assert math.isnan(one.points.low)
    with pytest.raises(ValueError, match="closing line"):
        cal.closing_line([0.4], [1.0], [True])


def test_the_clustered_mean_is_statsmodels():
    """CR1 error and t with G - 1 degrees of freedom."""
    rng = np.random.default_rng(9)
    events = rng.integers(0, 40, 300)
    y = rng.normal(size=300) + rng.normal(size=40)[events]
    found = clustered_mean(y, events.tolist())
    referee = sm.OLS(y, np.ones(300)).fit(
        cov_type="cluster", cov_kwds={"groups": events, "df_correction": True}, use_t=True
    )
    assert found.point == pytest.approx(referee.params[0], rel=1e-12)
    assert found.error == pytest.approx(referee.bse[0], rel=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(referee.conf_int()[0]), rel=1e-9)
    assert found.p == pytest.approx(referee.pvalues[0], rel=1e-9)


def test_a_mean_without_clusters_is_students():
    """Each value its own cluster: the textbook interval; one cluster has none."""
    found = clustered_mean([1.0, 2.0, 3.0, 4.0])
    assert found.error == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
    assert math.isnan(clustered_mean([1.0, 2.0], ["a", "a"]).error)
    assert math.isnan(clustered_mean([1.0, 2.0], ["a", "a"]).p)
    assert math.isnan(clustered_mean([]).point)
    assert codes(["b", "a", "b"])[0].tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match="finite"):
        clustered_mean([math.nan])
    with pytest.raises(ValueError, match="names"):
        clustered_mean([1.0], ["a", "b"])
    with pytest.raises(ValueError, match="none"):
        resampled(0, 1, np.random.default_rng(0))


def test_the_clustered_interval_covers_what_it_says():
    """95 % of 600 intervals over 40 events of unequal size hold the truth."""
    rng = np.random.default_rng(21)
    events = np.repeat(np.arange(40), rng.integers(1, 9, 40))
    held = 0
    for _ in range(600):
        y = rng.normal(size=events.size) + rng.normal(size=40)[events]
        found = clustered_mean(y, events.tolist())
        held += found.low <= 0 <= found.high
    assert held / 600 == pytest.approx(0.95, abs=0.03)
