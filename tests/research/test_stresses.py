"""Worse worlds worked by hand, and the seams through which a backtest is run again."""

import numpy as np
import pytest

from trading_cli.research.rerun import FACTORS, perturbed
from trading_cli.research.stresses import NAMES, Record, steps, stressed

RECORD = Record(
    returns=np.array([0.02, -0.01, 0.05, -0.04]),
    stakes=np.array([0.04, 0.03, 0.04, 0.04]),
    slippage=np.array([0.001, 0.002, 0.001, 0.0]),
    impact=np.array([0.0, 0.001, 0.0, 0.0]),
    together=2,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("as recorded", [0.02, -0.01, 0.05, -0.04]),
        ("volatility x 2", [0.02375, -0.025, 0.06125, -0.04]),
        ("slippage x 2", [0.019, -0.012, 0.049, -0.04]),
        ("liquidity x 0.5", [0.02, -0.011, 0.05, -0.04]),
        ("correlated resolution", [0.04, -0.02, 0.10, -0.08]),
        ("gap to 0", [0.02, -0.03, 0.05, -0.04]),
    ],
)
def test_each_world_is_as_worked_by_hand(name, expected):
    """Every stress on four trades."""
    assert name in NAMES
    assert stressed(RECORD, name) == pytest.approx(expected, abs=1e-12)
    assert steps(RECORD, name) == (2 if name == "correlated resolution" else 4)


def test_no_stress_is_a_gift():
    """However lopsided the trades: no world is better than the recorded one on average."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        stakes = rng.uniform(0.005, 0.05, 40)
        returns = np.where(rng.random(40) < 0.5, -stakes, stakes * rng.uniform(0, 3, 40))
        made = Record(returns, stakes, stakes / 50, stakes / 90)
        for name in NAMES:
            assert stressed(made, name).mean() <= returns.mean() + 1e-12


def test_nothing_loses_more_than_all():
    """However many trades come out alike."""
    wild = Record(*(np.array([-0.4]) for _ in range(2)), np.zeros(1), np.zeros(1), 5)
    assert stressed(wild, "correlated resolution") == pytest.approx([-1.0])


def test_an_unknown_world_and_a_torn_record_are_refused():
    """A name that is none; columns of other lengths; undefined numbers."""
    with pytest.raises(ValueError, match="no stress"):
        stressed(RECORD, "rain")
    with pytest.raises(ValueError, match="as long"):
        Record(np.zeros(2), np.zeros(1), np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="undefined"):
        Record(*(np.array([np.nan]) for _ in range(4)))


def _toy(changes):
    """Be a backtest of three trades whose costs are the factors."""
    return [0.05 - 0.01 * changes["fee"], -0.02 * changes["spread"], 0.01]


def test_a_backtest_is_run_again_with_other_costs():
    """Every factor stays in its range; the same seed gives the same runs in any order."""
    got = perturbed(_toy, 50, 3)
    assert len(got.paths) == len(got.changes) == 50
    for changes in got.changes:
        assert changes.keys() == FACTORS.keys()
        assert all(1 - FACTORS[name] <= x <= 1 + FACTORS[name] for name, x in changes.items())
    first = got.changes[0]
    end = (1.05 - 0.01 * first["fee"]) * (1 - 0.02 * first["spread"]) * 1.01
    assert got.paths.growth[0] == pytest.approx(end, rel=1e-12)

    def backwards(function, runs):
        return [function(run) for run in list(runs)[::-1]][::-1]

    again = perturbed(_toy, 50, 3, each=backwards)
    assert again.paths.digest() == got.paths.digest()
    assert perturbed(_toy, 50, 4).paths.digest() != got.paths.digest()
    assert len(perturbed(lambda _: [], 2, 1).paths) == 2


def test_runs_that_cannot_be_are_refused():
    """No runs, a negative seed, no factors, a factor that could turn a cost into a gift."""
    for wrong in (
        lambda: perturbed(_toy, 0, 1),
        lambda: perturbed(_toy, 1, -1),
        lambda: perturbed(_toy, 1, 1, {}),
        lambda: perturbed(_toy, 1, 1, {"fee": 1.5}),
    ):
        with pytest.raises(ValueError, match=r"cannot be drawn|factor"):
            wrong()
