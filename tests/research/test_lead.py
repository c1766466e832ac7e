"""Who leads whom, on markets whose truth is known; look-ahead by a wrong label is seen."""

from dataclasses import replace

import lead_worlds
import numpy as np
import pytest
from lead_worlds import world

from trading_cli.domain import Tier
from trading_cli.research import event_study, granger, hourly, lead, pooled, verdicts
from trading_cli.research import least_squares as ls
from trading_cli.research.many_tests import simes
from trading_cli.research.out_of_sample import clark_west
from trading_cli.research.single_lags import alone, own_lags

QUICK = lead.Rules(beside=False)
LAGS = (1, 3, 6, 12, 24)


def judged(markets, rules=QUICK):
    """Return the verdicts of *markets*."""
    return verdicts.judge(lead.examine(markets, rules))


def campaign(seeds, **facts):
    """Return the mean share of false discoveries, its error, and the recall of the planted."""
    planted = facts.get("planted", 0)
    shares, right = [], 0
    for seed in seeds:
        found = [place for place, one in enumerate(judged(world(seed, **facts))) if one.leads]
        true = sum(place < planted for place in found)
        shares.append((len(found) - true) / max(1, len(found)))
        right += true
    error = float(np.std(shares)) / len(shares) ** 0.5
    return float(np.mean(shares)), error, right / max(1, planted * len(shares))


def test_planted_leads_are_found_at_their_lag_and_nulls_are_not():
    """Effects of .4 over two weeks, lags 1 to 24, heavy tails and talk that moves volatility."""
    found = judged(world(3, markets=20, hours=336, planted=5, b=0.4))
    assert [(one.leads, one.examined.forward.lag) for one in found[:5]] == [
        (True, lag) for lag in LAGS
    ]
    assert sum(one.leads for one in found[5:]) <= 1
    assert all(one.examined.forward.b > 0 for one in found[:5])
    assert "(predictive, not cause)" in found[0].sentence


def test_the_reverse_and_a_common_cause_are_not_called_leads():
    """Where the price leads it is said so; where a third moves both the index takes it away."""
    kinds = ("reverse",) * 4 + ("common",) * 6
    found = [one.word for one in judged(world(1, markets=16, hours=720, kinds=kinds))]
    assert verdicts.LEADS not in found[:10]
    assert found[:4].count(verdicts.FOLLOWS) >= 3
    assert found[4:10].count(verdicts.COMMON) >= 5


@pytest.mark.nightly
@pytest.mark.parametrize("tail", [5, 10_000])
def test_false_discoveries_stay_within_five_percent(tail, monkeypatch):
    """200 null-heavy worlds each of tails heavy and light: share <= 5 % + 2 binomial errors."""
    monkeypatch.setattr(lead_worlds, "TAIL", tail)
    for hours, b in ((336, 0.3), (720, 0.2)):
        share, _, recall = campaign(range(200), markets=30, hours=hours, planted=5, b=b)
        assert share <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5
        assert recall >= 0.80 - 2 * (0.8 * 0.2 / 1000) ** 0.5
    share, _, _ = campaign(range(200), markets=20, hours=336)
    assert share <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5


def test_false_discoveries_of_a_few_worlds():
    """The daily sample of the campaign: 12 null-heavy worlds, one error of 12 is 6.3 %."""
    share, _, recall = campaign(range(100, 112), markets=12, hours=336, planted=2, b=0.4)
    assert share <= 0.05 + 3 * (0.05 * 0.95 / 12) ** 0.5
    assert recall >= 0.8


def labelled(seed, *, left):
    """Return the p of joint lags where hype reacts to the very hour of the price, quarter-hourly.

    *left*: the hour's hype is shown from its beginning, as a bucket labelled by its start would.
    """
    rng = np.random.default_rng(seed)
    step = rng.standard_normal(672)
    by_hour = np.abs(step.reshape(-1, 4)).sum(axis=1) + step.reshape(-1, 4).sum(axis=1)
    hype = by_hour + rng.standard_normal(168)
    shown = hype if left else np.concatenate([[0.0], hype[:-1]])
    return granger.joint(np.repeat(shown, 4), step, own=4, lags=4).p


def test_a_wrong_label_is_look_ahead():
    """A2: left-labelled hype rejects > 90 % where nothing leads, right-labelled its 5 %."""
    wrong = np.mean([labelled(seed, left=True) <= 0.05 for seed in range(100)])
    right = np.mean([labelled(seed, left=False) <= 0.05 for seed in range(400)])
    assert wrong > 0.90
    assert right <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5


def test_one_lag_alone_is_the_regression_with_it():
    """b, t (HC1) and the partial correlation equal the whole regression's, gaps and controls."""
    rng = np.random.default_rng(2)
    x, y, z = rng.standard_normal((3, 260))
    x[30:34], y[100] = np.nan, np.nan
    found = alone(x, y, own=2, lags=[1, 5], controls=z[:, None])
    for place, lag in enumerate((1, 5)):
        table = np.column_stack(
            [ls.lagged(x, range(lag, lag + 1)), ls.lagged(y, range(1, 3)), z, np.ones(260)]
        )
        kept = np.isfinite(table).all(axis=1) & np.isfinite(y)
        whole = ls.fit(table[kept], y[kept])
        error = float(np.sqrt(ls.hc1(whole)[0, 0]))
        assert found.rows[place] == kept.sum()
        assert found.b[place] == pytest.approx(whole.beta[0], rel=1e-9)
        assert found.t[place] == pytest.approx(whole.beta[0] / error, rel=1e-9)
        plain = whole.beta[0] / np.sqrt(ls.classical(whole)[0, 0])
        partial = plain / np.sqrt(plain**2 + whole.free)
        assert found.r[place] == pytest.approx(partial, rel=1e-9)


def test_no_row_at_all_is_nan():
    """Nothing known of either in the half that is looked at: NaN, not a crash."""
    x = np.random.default_rng(1).standard_normal(300)
    y = x[::-1].copy()
    y[:200] = np.nan
    assert np.isnan(alone(x[:150], y[:150], own=0, lags=[1, 2]).p).all()
    assert np.isnan(clark_west(x, y, max_lag=3).r2)


@pytest.mark.parametrize("behind", [0, 500])
@pytest.mark.parametrize("ahead", [0, 500])
def test_a_market_just_past_the_hours_needed(ahead, behind):
    """210 hours on a month's grid: each room answers, what cannot be told is INSUFFICIENT."""
    found = world(4, markets=22, hours=210)
    grid = [
        replace(one, hype=np.pad(one.hype, (ahead, behind), constant_values=np.nan),
                level=np.pad(one.level, (ahead, behind), constant_values=np.nan))
        for one in found
    ]  # fmt: skip
    nothing = np.full(grid[0].hype.size, np.nan)
    dead = [replace(grid[0], hype=nothing), replace(grid[0], level=nothing)]
    for some in ([], dead, grid[:1], [*dead, *grid[:2]]):
        told = judged(some, lead.Rules())
        words = [one.word for one in told]
        assert words[: sum(one.hype is nothing or one.level is nothing for one in some)] == [
            verdicts.INSUFFICIENT
        ] * (2 if some[:2] == dead else 0)
        assert all(one.insufficient for one in pooled.pooled(some))
        assert event_study.study(some).insufficient
    assert [one.events for one in pooled.pooled([*dead, *grid], shifts=2)][:1] == [
        len({one.event for one in grid})
    ]


def test_shifted_talk_does_as_well_only_by_chance():
    """Where nothing leads the p of shifted series is uniform; a lead's is not among them."""
    from scipy.stats import kstest

    rng = np.random.default_rng(12)
    x, y = rng.standard_normal((2, 600))
    trials = lead.placebo(x, y, own=1, max_lag=1)
    assert trials.size >= 200
    assert kstest(trials, "uniform").pvalue > 0.01
    later = 0.4 * np.roll(x, 3) + y
    own = alone(x, later, own=1, lags=[3]).p[0]
    assert (lead.placebo(x, later, own=1, max_lag=6) <= own).mean() < 0.02


def test_own_lags_by_bic():
    """Noise has none, AR(1) one, AR(3) three; a short series no more than it carries."""
    rng = np.random.default_rng(6)
    e = rng.standard_normal(1500)
    ar = np.zeros((2, 1500))
    for t in range(3, 1500):
        ar[0, t] = 0.5 * ar[0, t - 1] + e[t]
        ar[1, t] = 0.3 * ar[1, t - 1] - 0.2 * ar[1, t - 2] + 0.4 * ar[1, t - 3] + e[t]
    assert [own_lags(one) for one in (e, *ar)] == [0, 1, 3]
    assert own_lags(ar[1, :40]) <= 3
    assert own_lags(np.full(100, np.nan)) == 0


def test_out_of_sample():
    """A lead helps outside the half it was found in; noise does not; too little is NaN."""
    rng = np.random.default_rng(7)
    x, noise = rng.standard_normal((2, 700))
    y = noise + 0.4 * np.concatenate([[0, 0], x[:-2]])
    helped, not_helped = clark_west(x, y, max_lag=6), clark_west(x, noise, max_lag=6)
    assert helped.lag == 2
    assert helped.r2 > 0.08
    assert helped.p < 0.001 < not_helped.p
    assert not_helped.r2 < 0.02
    assert np.isnan(clark_west(x[:60], y[:60], max_lag=6).r2)


def test_insufficient_says_what_is_missing():
    """Nothing, too few hours, holes, a frozen price, hype that does not vary: each a sentence."""
    (one,) = world(4, markets=1, hours=400)
    holes = one.hype.copy()
    holes[::3] = np.nan
    cases = {
        "0 of 200 hours": replace(one, hype=np.full(400, np.nan)),
        "150 of 200 hours": replace(one, hype=one.hype[:151], level=one.level[:151]),
        "needs 80%": replace(one, hype=holes),
        "the price moved in 0 hours": replace(one, level=np.zeros(400)),
        "hype did not vary": replace(one, hype=np.ones(400)),
    }
    for words, market in cases.items():
        (verdict,) = judged([market])
        assert verdict.word == verdicts.INSUFFICIENT
        assert words in verdict.sentence
        assert verdict.tier is Tier.NONE
    assert judged([]) == []


def test_what_stands_beside():
    """F, HC1, HAC, Toda-Yamamoto, out of sample and cents are there for a whole examination."""
    (one,) = judged(world(5, markets=1, hours=500, planted=1, b=0.4), lead.Rules())
    ahead = one.examined.forward
    assert ahead.joint is not None
    assert max(ahead.joint.p, ahead.joint.hc1_p, ahead.toda_yamamoto) < 0.01
    assert len(ahead.by_lag) == 24
    assert ahead.shift < 0.02
    assert np.isnan(ahead.conditional)
    assert one.examined.gross_cents == pytest.approx(abs(ahead.effect) * 25)
    assert one.examined.net_cents == pytest.approx(one.examined.gross_cents - 2)
    assert one.examined.out_of_sample > 0


def test_a_series_in_levels_is_judged_by_the_weaker_of_two():
    """Where hype wanders ADF and KPSS say so; Toda and Yamamoto's test has to agree."""
    (one,) = world(6, markets=1, hours=400)
    wandering = replace(one, hype=np.cumsum(one.hype))
    (found,) = lead.examine([wandering], QUICK)
    assert found.hype_state != "I(0)"
    assert found.forward.method == lead.WEAKER
    single = float(simes(found.forward.by_lag))
    assert found.forward.p == max(single, found.forward.toda_yamamoto)


def test_tiers():
    """STRONG .5 / .001, MODERATE .3 / .01, WEAK .2 / .05, the sign does not matter."""
    cases = [(0.5, 0.0009), (-0.5, 0.001), (0.3, 0.009), (0.29, 0.0001), (0.2, 0.05), (0.1, 0.0)]
    expected = [Tier.STRONG, Tier.MODERATE, Tier.MODERATE, Tier.WEAK, Tier.NONE, Tier.NONE]
    assert [verdicts.tier_of(*one) for one in cases] == expected


def test_pooled_finds_what_no_market_shows():
    """Effects of .08 in each of 30 events are seen by all together, a null is not."""
    small = world(8, markets=30, hours=500, planted=30, b=0.08, lags=(1,))
    found = {(one.category, one.horizon): one for one in pooled.pooled(small)}
    assert set(found) == {("all", h) for h in pooled.HORIZONS}
    first = found["all", 1]
    assert first.leads
    assert 0.05 < first.b < 0.11
    assert first.shift <= 0.01
    null = pooled.pooled(world(9, markets=30, hours=400))
    assert not any(one.leads for one in null)


def test_pooled_needs_twenty_events():
    """Thirty markets of ten events are ten opinions."""
    markets = [replace(one, event=f"e{place % 10}")
               for place, one in enumerate(world(10, markets=30, hours=300))]  # fmt: skip
    found = pooled.pooled(markets)
    assert {one.insufficient for one in found} == {"10 of 20 events with enough hours"}
    assert pooled.pooled([])[0].insufficient == "0 of 20 events with enough hours"


def test_pooled_size():
    """Over 60 worlds where nothing leads the raw p of one horizon is under 5 % as often as due."""
    p = [
        pooled.pooled(world(seed, markets=20, hours=220), horizons=(3,), shifts=0)[0].p
        for seed in range(60)
    ]
    assert (np.array(p) <= 0.05).mean() <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5


def test_bursts_of_talk():
    """The path after bursts rises where talk leads; with few bursts there is no path."""
    found = event_study.study(world(11, markets=25, hours=500, planted=25, b=0.5, lags=(1,)))
    path = {step.hours: step for step in found.path}
    assert found.insufficient == ""
    assert path[1].mean > 5 * path[1].error > 0
    assert path[1].p < 0.001
    assert abs(path[-12].mean) < 3 * path[-12].error
    few = event_study.study(world(11, markets=2, hours=300))
    assert "of 30 bursts" in few.insufficient
    assert few.path == ()
    assert event_study.bursts(np.array([np.nan] * 50)).size == 0
    loud = np.zeros(100)
    loud[[30, 40, 60]] = 5
    assert event_study.bursts(loud).tolist() == [30, 60]


def test_hour_of_week_means_are_taken_as_far_as_they_are_real():
    """A rhythm goes, its cost is counted; where there is none next to nothing is taken."""
    rng = np.random.default_rng(13)
    noise = rng.standard_normal(336)
    rhythm = np.tile(3 * np.sin(np.arange(24) / 24 * 2 * np.pi), 14)
    left, cost = hourly.without_hours(noise + rhythm, 0.0)
    assert abs(float(left @ rhythm)) < 0.15 * float(rhythm @ rhythm)
    assert 100 < cost <= 168
    same, nothing = hourly.without_hours(noise, 0.0)
    assert nothing < 60
    assert np.corrcoef(same, noise)[0, 1] > 0.95
    empty, none = hourly.without_hours(np.full(5, np.nan), 0.0)
    assert np.isnan(empty).all()
    assert none == 0


def test_log_odds_only_where_they_mean_something():
    """From .05 to .95; a change needs both ends."""
    level = hourly.log_odds(np.array([0.5, 0.73105858, 0.96, 0.5, np.nan]))
    assert level[:2] == pytest.approx([0, 1], abs=1e-7)
    assert np.isnan(level[[2, 4]]).all()
    assert np.isfinite(hourly.changes(level)).tolist() == [False, True, False, False, False]


def test_hype_without_bounds_is_the_z_of_hype():
    """Where hype's own volume and velocity have a z, the series is their weighted mean."""
    from trading_cli.research import hype

    rng = np.random.default_rng(14)
    posts = rng.poisson(20, 24 * 30).astype(float)
    series = hourly.hype_z(posts, np.full(posts.shape, np.nan))
    hours = {n * 3600: hype.TalkHour(int(k), 9) for n, k in enumerate(posts)}
    end = (24 * 30 - 1) * 3600
    feature = hype.hype(hours, end, age_s=0, sources=["gdelt"])
    parts = feature.inputs["components"]
    expected = (parts["volume"]["z"] + parts["velocity"]["z"]) / 2
    assert series[-1] == pytest.approx(expected, abs=1e-5)
    assert np.isnan(series[: 24 * 6]).all()
