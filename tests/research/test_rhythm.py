"""When things happen: golden shares, honest intervals, and silence below the least."""

import numpy as np
import pytest

from trading_cli.research.rhythm import LEAST, shares


def test_the_shares_of_a_small_table_are_those_worked_by_hand():
    """Eight days of 1:3 and 3:1 in turn: half each, +- t(.975; 7) x .26726 / sqrt 8 = .22345."""
    table = np.array([[1.0, 3.0], [3.0, 1.0]] * 4)
    first, second = shares(table)
    assert first.share == second.share == 0.5
    assert first.high - 0.5 == pytest.approx(2.364624 * 0.267261242 / 8**0.5, abs=1e-6)
    assert (first.low + first.high) / 2 == pytest.approx(0.5)
    assert first.n == 8


def test_below_the_least_nothing_is_said():
    """Seven days: no number, but how many there were."""
    found = shares(np.ones((LEAST - 1, 24)))
    assert all(np.isnan([one.share, one.low, one.high]).all() for one in found)
    assert {one.n for one in found} == {LEAST - 1}


def test_a_day_that_was_not_heard_or_had_no_trade_is_left_out():
    """NaN and empty rows are no observations; the shares sum to one."""
    table = np.random.default_rng(1).gamma(2, size=(20, 24))
    table[3, 5], table[7] = np.nan, 0
    found = shares(table)
    assert {one.n for one in found} == {18}
    assert sum(one.share for one in found) == pytest.approx(1)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Over 400 worlds of 20 days an even hour's interval holds 1/24 in 95 % (error 1.1 %)."""
    dice = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        one = shares(dice.gamma(2, size=(20, 24)))[0]
        held += one.low <= 1 / 24 <= one.high
    assert 0.91 <= held / 400 <= 0.985
