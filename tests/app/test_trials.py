"""The trials ledger as a person sees it, and what luck alone would show."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from dealt import NOON, Dealt  # beside this

from trading_cli.app import trials as shown
from trading_cli.cli.main import run
from trading_cli.core.errors import UsageError
from trading_cli.research.sharpe import expected_maximum
from trading_cli.store import trials
from trading_cli.store.trials import Planned, Result

DAY = timedelta(days=1)


def _plan(number, kind="backtest"):
    return Planned(kind, "price_only", NOON, NOON - 30 * DAY, NOON, {"x": number}, "data", "code")


@pytest.fixture
def home(tmp_path):
    """Return an empty home with a database."""
    made = Dealt(tmp_path / "home")
    with made.store():
        pass
    return made


def test_luck_alone_is_the_best_of_what_was_tried(home):
    """Ten trials: the variance of their daily ratios, and the maximum expected of ten."""
    ratios = [0.01 * number for number in range(10)]
    with home.store() as store, store.transaction() as tx:
        for number, ratio in enumerate(ratios):
            one = trials.plan(tx, _plan(number))
            trials.finish(tx, one, NOON, Result(ratio, 30))
        found = shown.yardstick(tx, "price_only")
    spread = sum((one - 0.045) ** 2 for one in ratios) / 9
    assert found.trials == 10
    assert found.variance == pytest.approx(spread)
    assert found.hurdle == pytest.approx(expected_maximum(10, spread))
    data = shown.ledger(home.config, clock=home.clock)
    assert data["luck"]["sharpe_a_year"] == pytest.approx(found.hurdle * math.sqrt(365), abs=1e-6)
    assert data["counted"] == {"rows": 10, "distinct": 10, "tests": 10, "unfinished": 0}
    assert data["trials"][0]["settings"] == {"x": 9}


def test_one_trial_selects_nothing_and_two_unended_are_unknown(home):
    """One: no hurdle. Several without a ratio: not known, and said."""
    with home.store() as store, store.transaction() as tx:
        assert shown.yardstick(tx).hurdle == 0
        trials.plan(tx, _plan(1))
        assert shown.yardstick(tx).hurdle == 0
        trials.plan(tx, _plan(2, "cell"))
        assert math.isnan(shown.yardstick(tx).hurdle)
    data = shown.ledger(home.config, clock=home.clock)
    assert data["luck"]["missing"]
    assert data["counted"]["unfinished"] == 2


def test_a_kind_there_is_not_is_refused(home):
    """And an empty home has an empty ledger."""
    with pytest.raises(UsageError, match="no kind"):
        shown.ledger(home.config, kind="guess", clock=home.clock)
    data = shown.ledger(home.config, kind="cell", clock=home.clock)
    assert data["trials"] == []
    assert data["luck"]["missing"] == "nothing was tried yet"


def test_the_code_has_one_hash(home):
    """The same program, the same 16 hex digits."""
    del home
    assert shown.code_hash() == shown.code_hash()
    assert len(shown.code_hash()) == 16


def test_a_person_sees_what_was_tried(home, capsys):
    """Each row with its settings; what was in-sample or failed says so."""
    with home.store() as store, store.transaction() as tx:
        one = trials.plan(tx, replace(_plan(1), in_sample=True))
        trials.fail(tx, one, NOON, "interrupted")
        trials.finish(tx, trials.plan(tx, _plan(2)), NOON, Result(0.1, 30))
    assert run(["trials", "--config", str(home.config)]) == 0
    told = capsys.readouterr().out
    assert "IN-SAMPLE; interrupted; x=1" in told
    assert "1.91" in told
    assert "2 distinct trials in 2 runs" in told


def test_a_good_record_after_many_tries_is_less_good():
    """PSR does not know of the search, DSR does; without a hurdle there is no DSR, and it says."""
    returns = np.random.default_rng(1).normal(0.002, 0.02, 400).tolist()
    alone = shown.luck_of(returns, shown.Yardstick(1, math.nan, 0.0))
    assert alone["psr"] == alone["dsr"]
    searched = shown.luck_of(returns, shown.Yardstick(100, 0.0025, expected_maximum(100, 0.0025)))
    assert searched["dsr"] < searched["psr"] == alone["psr"]
    unknown = shown.luck_of(returns, shown.Yardstick(3, math.nan, math.nan))
    assert unknown["dsr"] is None
    assert "fewer than 2" in unknown["missing"]
    flat = shown.luck_of([0.0] * 30, shown.Yardstick(1, math.nan, 0.0))
    assert (flat["psr"], flat["missing"]) == (None, "30 daily returns that do not vary")
