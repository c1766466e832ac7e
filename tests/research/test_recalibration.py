"""Prices bent to what they turned out to mean, on the past alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from trading_cli.research import recalibration as rec
from trading_cli.research.calibration import log_odds

DAY = 86_400.0


def _world(slope, n, seed=0):
    """Return mids and outcomes where prices are too near .5 by *slope*."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.03, 0.97, n)
    return p, (rng.random(n) < 1 / (1 + np.exp(-slope * log_odds(p)))).astype(float)


def test_the_slope_is_the_maximum():
    """Against a plain optimiser of the same penalised likelihood, events weighing 1 each."""
    p, o = _world(1.5, 120)
    events = [place // 3 for place in range(120)]
    x = log_odds(p)

    def cost(slope):
        q = 1 / (1 + np.exp(-slope * x))
        likelihood = (o * np.log(q) + (1 - o) * np.log(1 - q)).sum() / 3
        return -likelihood + (slope - 1) ** 2 / (2 * 0.25)

    wanted = minimize_scalar(cost, bounds=(-2, 5), method="bounded", options={"xatol": 1e-10}).x
    found = rec.fit(p, o, events)
    assert found.slope == pytest.approx(wanted, abs=1e-6)
    assert (found.n, found.events) == (120, 40)


def test_a_planted_slope_is_found():
    """Prices too near .5: 1.6 is found from 3,000 events, and the favourite is worth more."""
    p, o = _world(1.6, 3000)
    found = rec.fit(p, o, list(range(3000)))
    assert found.slope == pytest.approx(1.6, abs=3 * found.error)
    assert found(0.8) > 0.87
    assert found(0.2) < 0.13


def test_little_evidence_hardly_moves_the_price():
    """Thirty events of longshots that all lost: no certainty comes of it."""
    found = rec.fit([0.02] * 30, [0] * 30, list(range(30)))
    assert 1 <= found.slope < 1.5
    assert found(0.02) > 0.003
    assert rec.fit([0.02] * 29, [0] * 29, list(range(29))) is None


def test_one_event_seen_a_thousand_times_is_one():
    """Snapshots of one event weigh together as one."""
    p, o = _world(1.4, 60)
    once = rec.fit(p, o, list(range(60)))
    times = np.arange(60) % 7 + 1
    often = rec.fit(np.repeat(p, times), np.repeat(o, times), np.repeat(range(60), times).tolist())
    assert often.slope == pytest.approx(once.slope, abs=1e-9)


@given(mid=st.floats(0, 1), slope=st.floats(-1, 4))
def test_no_is_the_mirror_of_yes(mid, slope):
    """Whatever the slope, g(1-p) = 1 - g(p), and the answer is a probability."""
    one = rec.Recalibration(slope, 0.1, 30, 30, 0.0)
    assert one(1 - mid) == pytest.approx(1 - one(mid), abs=1e-9)
    assert 0 <= one(mid) <= 1
    assert one(0.5) == 0.5


def test_the_fit_itself_is_the_mirror_of_its_mirror():
    """Fitting on NO prices and NO outcomes gives the same slope."""
    p, o = _world(1.3, 90, seed=5)
    events = list(range(90))
    assert rec.fit(1 - p, 1 - o, events).slope == pytest.approx(rec.fit(p, o, events).slope)


def test_walking_forward_sees_only_what_was_settled():
    """Changing every outcome settled after a row's day leaves its probability alone."""
    rng = np.random.default_rng(3)
    p, o = _world(1.5, 400, seed=3)
    seen = np.sort(rng.uniform(0, 60 * DAY, 400))
    settled = seen + rng.uniform(DAY, 10 * DAY, 400)
    events = [f"e{place}" for place in range(400)]
    before = rec.walk_forward(p, o, events, seen, settled)
    late = settled > 30 * DAY
    after = rec.walk_forward(p, np.where(late, 1 - o, o), events, seen, settled)
    early = seen < 30 * DAY
    assert np.array_equal(before[early], after[early], equal_nan=True)
    assert not np.array_equal(before[~early], after[~early], equal_nan=True)
    assert np.isnan(before[:20]).all()
    assert np.isfinite(before[-100:]).all()


def test_it_remembers_when_it_was_known():
    """``as_of`` is the newest outcome used, never later than the instant asked for."""
    p, o = _world(1.0, 50)
    settled = np.arange(50.0)
    found = rec.known_by(p, o, list(range(50)), np.zeros(50), settled, 40.0)
    assert (found.as_of, found.n) == (40.0, 41)
    assert rec.known_by(p, o, list(range(50)), np.zeros(50), settled, -1.0) is None


def test_what_is_no_price_is_refused():
    """Outside [0, 1], half an outcome, unequal lengths."""
    one = rec.Recalibration(1.0, 0.1, 30, 30, 0.0)
    with pytest.raises(ValueError, match="no price"):
        one(1.5)
    with pytest.raises(ValueError, match="no price"):
        one(math.nan)
    for p, o, events in (([1.5], [1], ["a"]), ([0.5], [0.5], ["a"]), ([0.5], [1], [])):
        with pytest.raises(ValueError, match=r"lie in|alike long"):
            rec.fit(p, o, events)
