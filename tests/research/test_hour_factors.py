"""The hour-of-week factor: what is usual, pooled over the panel."""

import numpy as np
import pytest

from trading_cli.research import hour_factors as hf

MONDAY = 1_772_409_600  # 2026-03-02 00:00 UTC, a Monday
WEEKS = 4 * hf.WEEK


def panel(pattern, *, markets=12, hours=WEEKS):
    """Return *markets* of different size that all follow *pattern* through the week."""
    sizes = 10.0 ** (np.arange(markets) % 5)
    return sizes[:, None] * np.tile(pattern, hours // hf.WEEK + 1)[:hours]


def test_the_week_begins_on_monday():
    """Monday 00:30 is hour 0, Sunday 23:30 hour 167."""
    assert hf.hour_of_week(MONDAY + 1800) == 0
    assert hf.hour_of_week(MONDAY - 1800) == 167


def test_a_rhythm_is_found_whatever_the_markets_sizes():
    """Days twice as busy as nights give 4/3 and 2/3, mean 1."""
    pattern = np.where(np.arange(168) % 24 < 12, 1.0, 2.0)
    found = hf.factors(panel(pattern), MONDAY - WEEKS * 3600)
    assert found == pytest.approx(np.where(np.arange(168) % 24 < 12, 2 / 3, 4 / 3))
    assert found.mean() == pytest.approx(1.0)


def test_a_window_that_begins_midweek_is_laid_right():
    """Columns that begin on a Wednesday noon belong to Wednesday noon."""
    pattern = np.ones(168)
    pattern[60] = 5.0  # Wednesday 12:00
    found = hf.factors(panel(np.roll(pattern, -60)), MONDAY + 60 * 3600 - WEEKS * 3600)
    assert np.argmax(found) == 60


def test_not_known_before_fourteen_days_of_ten_markets():
    """13 days, or nine markets, say nothing: the factor is 1 until it is known."""
    assert hf.factors(panel(np.ones(168), hours=14 * 24), MONDAY) is not None
    assert hf.factors(panel(np.ones(168), hours=14 * 24 - 1), MONDAY) is None
    assert hf.factors(panel(np.ones(168), markets=9), MONDAY) is None


def test_hours_that_were_not_heard_do_not_count_as_quiet():
    """Every seventh cell deaf at random changes nothing where the truth is flat."""
    usd = panel(np.ones(168), markets=30)
    usd[np.random.default_rng(1).random(usd.shape) < 1 / 7] = np.nan
    assert hf.factors(usd, MONDAY) == pytest.approx(np.ones(168))


def test_a_lump_moves_a_factor_little():
    """One market's hour a thousand times its mean counts for ten: 9 / 12 / 4 more, not 80."""
    usd = panel(np.ones(168))
    usd[0, 100] = 1e6
    found = hf.factors(usd, MONDAY)
    assert found[100] < 1.25
    assert np.delete(found, 100) == pytest.approx(np.full(167, found[0]), rel=1e-9)


def test_the_ladder_needs_two_days_and_ranks_a_value():
    """Hours of 0 … 99 USD: 49.5 stands in the middle; 47 hours make no ladder."""
    rungs = hf.ladder(np.arange(100.0), MONDAY, None)
    assert hf.percentile(rungs, 49.5) == 50.0
    assert hf.percentile(rungs, -1.0) == 0.0
    assert hf.percentile(rungs, 99.0) == 100.0
    assert hf.ladder(np.arange(47.0), MONDAY, None) is None


def test_of_many_quiet_hours_the_upper_end_counts():
    """Where three hours in four traded nothing, nothing stands at 70 %, their last rung."""
    rungs = hf.ladder(np.array([0.0] * 75 + [10.0] * 25), MONDAY, None)
    assert hf.percentile(rungs, 0.0) == 70.0
