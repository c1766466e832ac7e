"""Measured comovement: equal to its reference, silent about what stands still, rarely by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.research.comovement import between

HOURS = 721


def walk(rng, moves=0.5, *, tails=False):
    """Return log odds of 30 days in which a share *moves* of the hours brings a change."""
    step = rng.standard_t(1.5, HOURS) if tails else rng.standard_normal(HOURS)
    return 0.05 * np.cumsum(np.where(rng.random(HOURS) < moves, step, 0.0))


def test_it_is_pearsons_r_of_the_hours_in_which_one_of_them_moved():
    """Against numpy, hour by hour; the moves are those hours."""
    rng = np.random.default_rng(3)
    one, other = walk(rng), walk(rng)
    other += 0.4 * one
    x, y = np.diff(one), np.diff(other)
    moved = (x != 0) | (y != 0)
    rho, moves = between(one, other[None, :])
    assert rho[0] == pytest.approx(np.corrcoef(x[moved], y[moved])[0, 1], abs=1e-12)
    assert moves[0] == moved.sum() < HOURS - 1


def test_the_other_side_of_a_market_has_the_other_sign():
    """Log odds of NO are minus those of YES."""
    rng = np.random.default_rng(4)
    one = walk(rng)
    rho, _ = between(one, np.stack([one, -one, one + 0.0 * walk(rng)]))
    assert rho == pytest.approx([1, -1, 1])


def test_what_one_does_not_know_counts_for_neither():
    """A change needs both hours of both; nothing is filled."""
    rng = np.random.default_rng(5)
    one, other = walk(rng, moves=1.0), walk(rng, moves=1.0)
    one[100] = np.nan
    other[200:300] = np.nan
    rho, moves = between(one, other[None, :])
    x, y = np.diff(one), np.diff(other)
    known = np.isfinite(x) & np.isfinite(y)
    assert moves[0] == known.sum() == HOURS - 1 - 2 - 101
    assert rho[0] == pytest.approx(np.corrcoef(x[known], y[known])[0, 1], abs=1e-12)


def test_standing_still_is_no_correlation():
    """Two frozen prices have no moves; one that stands while the other moves has no number."""
    flat, moving = np.full(HOURS, 0.3), walk(np.random.default_rng(6), moves=1.0)
    rho, moves = between(flat, np.stack([flat, moving, np.full(HOURS, np.nan)]))
    assert np.isnan(rho).all()
    assert moves.tolist() == [0, HOURS - 1, 0]


@given(st.lists(st.one_of(st.floats(-3, 3), st.just(float("nan"))), min_size=1, max_size=60),
       st.data())  # fmt: skip
def test_whatever_the_series_it_is_symmetric_and_in_range(one, data):
    """r(a, b) = r(b, a) within [-1, 1], or there is none."""
    size = len(one)
    other = data.draw(st.lists(st.floats(-3, 3), min_size=size, max_size=size))
    a, b = np.array(one), np.array(other)
    rho, moves = between(a, b[None, :])
    back, again = between(b, a[None, :])
    assert moves[0] == again[0] < size
    assert np.isnan(rho[0]) or -1 <= rho[0] <= 1
    assert rho[0] == pytest.approx(back[0], abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("moves", "tails"), [(0.2, False), (0.9, False), (0.2, True), (0.9, True)])
def test_independent_markets_are_hardly_ever_called_moving_together(moves, tails):
    """1,275 pairs of independent markets, also with leaps (Student's t, 1.5): at most 0.5 %."""
    rng = np.random.default_rng(11)
    worlds = np.stack([walk(rng, moves, tails=tails) for _ in range(51)])
    called = tested = 0
    for place in range(50):
        rho, count = between(worlds[place], worlds[place + 1 :])
        called += int(((np.abs(rho) > 0.7) & (count >= 100)).sum())
        tested += rho.size
    assert tested == 1275
    assert called <= 0.005 * tested


def test_markets_that_share_what_moves_them_are_found():
    """Two legs of one story, with noise of their own of a half: found in every one of 50 worlds."""
    rng = np.random.default_rng(12)
    found = []
    for _ in range(50):
        shared = walk(rng, moves=0.8)
        legs = [shared + 0.5 * walk(rng, moves=0.8) for _ in range(2)]
        rho, count = between(legs[0], legs[1][None, :])
        found.append(rho[0] > 0.7 and count[0] >= 100)
    assert all(found)
