"""The gate: a bound that holds however often one looks, and what else it asks for."""

import importlib
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from trading_cli.research import gates

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
START = datetime(2026, 1, 1, tzinfo=UTC)
PROOFS = {"parity": True, "kill drill": True, "geoblock clear": True}


@pytest.fixture(scope="module")
def power():
    """Return benchmarks/gate_power.py; a folder of programs, not a package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("gate_power")


def _trades(returns, days=200.0, per_event=2):
    """Return *per_event* trades of 100 for each return, closing evenly over *days*."""
    step = days / max(len(returns) - 1, 1)
    return [
        gates.ClosedTrade(f"e{place}", START + timedelta(days=step * place), 100 * value, 100.0)
        for place, value in enumerate(returns)
        for _ in range(per_event)
    ]


def test_the_capital_of_two_bets_by_hand():
    """After +1 and -1 each stake has (1+s)(1-s); the mixture is their mean."""
    found = gates.log_capital([1.0, -1.0])
    stakes = np.array(gates.STAKES)
    assert found[0] == pytest.approx(math.log((1 + stakes).mean()))
    assert found[1] == pytest.approx(math.log(((1 + stakes) * (1 - stakes)).mean()))


def test_the_bound_is_where_the_capital_stands_at_twenty():
    """At the bound 20 to 1, just above it less."""
    x = np.random.default_rng(0).choice([1.0, -0.6], 300)
    bound = gates.lower_bound(x)
    assert gates.log_capital(x, bound)[-1] == pytest.approx(math.log(20), abs=1e-6)
    assert gates.log_capital(x, bound + 1e-3)[-1] < math.log(20)
    assert -1 < bound < x.mean()


@given(
    x=st.lists(st.floats(-1, 8), max_size=80),
    more=st.floats(0, 3),
    place=st.integers(0, 79),
)
def test_a_better_return_never_lowers_the_bound(x, more, place):
    """Whatever the record: monotone in each return, the order of no account, below the mean."""
    bound = gates.lower_bound(x)
    assert gates.lower_bound(x[::-1]) == pytest.approx(bound, abs=1e-9)
    assert bound >= -1
    if x:
        assert bound <= max(np.mean(x), 0) + 1e-9
        better = list(x)
        better[place % len(x)] += more
        assert gates.lower_bound(better) >= bound - 1e-9
    assert gates.lower_bound(x, 0.99) <= bound + 1e-9


@given(x=st.lists(st.floats(-1, 5), min_size=1, max_size=60))
def test_refuted_is_a_bound_above_zero(x):
    """Whatever the record, both say the same of its end (but on the very edge)."""
    bound = gates.lower_bound(x)
    if abs(bound) > 1e-9:
        assert bool(gates.refuted(x)[-1]) == (bound > 0)


@pytest.mark.parametrize("shape", ["coin", "longshot", "favourite", "drifting"])
def test_without_an_edge_it_is_ever_crossed_in_one_path_of_twenty_at_most(shape):
    """2,000 paths looked at after every single event of 1,000, with no least number at all."""
    rng = np.random.default_rng(6)
    size = (2000, 1000)
    ask = {"coin": 0.5, "longshot": 0.03, "favourite": 0.97}.get(shape)
    price = rng.uniform(0.1, 0.9, size) if ask is None else np.full(size, ask)
    if shape == "drifting":  # the stake's odds depend on what happened before
        price = np.where(np.arange(1000) % 2 == 0, 0.2, 0.8) * np.ones(size)
    x = (rng.random(size) < price) / price - 1
    share = gates.refuted(x).any(axis=1).mean()
    assert share <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)


def test_bets_that_move_together_must_be_one():
    """Five a week that share a factor: counted apart they pass too often, merged they do not."""
    rng = np.random.default_rng(0)
    ask = rng.uniform(0.17, 0.85, (800, 104, 5))
    shared = math.sqrt(0.6) * rng.normal(size=(800, 104, 1))
    own = math.sqrt(0.4) * rng.normal(size=(800, 104, 5))
    x = (ndtr(shared + own) < ask) / ask - 1
    apart = gates.refuted(x.reshape(800, -1))[:, 49:].any(axis=1).mean()
    merged = gates.refuted(x.mean(axis=2))[:, 9:].any(axis=1).mean()
    assert apart > 0.10
    assert merged <= 0.05


def test_the_bound_by_week_takes_a_week_as_one_bet():
    """Monday to Sunday; the mean of the events that closed in it."""
    trades = [
        gates.ClosedTrade("a", datetime(2026, 3, 2, tzinfo=UTC), 10, 100),
        gates.ClosedTrade("b", datetime(2026, 3, 8, 23, tzinfo=UTC), -50, 100),
        gates.ClosedTrade("c", datetime(2026, 3, 9, tzinfo=UTC), 30, 100),
    ]
    assert gates.returns_by_week(trades) == pytest.approx([-0.2, 0.3])
    verdict = gates.judge(_trades([0.7, -0.2] * 30), conditions=PROOFS)
    assert verdict.bound_by_week < verdict.mean


def test_no_edge_rarely_passes_weekly_looks_of_two_years(power):
    """The whole gate on 500 paths of each world; the nightly run has 10,000."""
    for world, share in power.wrongly(500, 3):
        assert share <= 0.05, world


@pytest.mark.nightly
def test_no_edge_passes_in_a_twentieth_of_ten_thousand_paths_at_most(power):
    """10,000 zero-edge paths with weekly looks for two years, each world; the power is printed."""
    for world, share in power.wrongly(10_000, 1):
        assert share <= 0.05, world
    assert power.main(["--paths", "2000"]) == 0


def test_a_true_edge_passes_in_time(power):
    """Ten points and ten events a week: nearly always within two years, more with every month."""
    curves = dict(power.power(200, 2))
    assert curves[10.0][-1] > 0.95
    for shares in curves.values():
        assert shares == sorted(shares)
    assert curves[1.0][-1] < curves[2.0][-1] < curves[5.0][-1]


def test_the_gate_opens_when_all_is_there():
    """120 trades in 60 events over 200 days, a clear edge, every proof."""
    verdict = gates.judge(_trades([0.7, -0.2] * 30), conditions=PROOFS)
    assert verdict.passed
    assert verdict.missing == ()
    assert 0 < verdict.bound < verdict.mean == pytest.approx(0.25)
    assert (verdict.trades, verdict.events) == (120, 60)
    assert verdict.days == pytest.approx(200)


@pytest.mark.parametrize(
    ("trades", "conditions", "said"),
    [
        (_trades([0.7, -0.2] * 30, per_event=1), PROOFS, "60 of 100 closed trades"),
        (_trades([0.7, -0.2] * 20, per_event=3), PROOFS, "40 of 50 events"),
        (_trades([0.7, -0.2] * 30, days=60), PROOFS, "60 of 90 days"),
        (_trades([0.9, -0.9] * 30), PROOFS, "not above 0"),
        (_trades([0.7, -0.2] * 30), PROOFS | {"parity": False}, "parity is not proved"),
    ],
)
def test_each_thing_that_is_missing_closes_it_and_is_named(trades, conditions, said):
    """One lack, one sentence."""
    verdict = gates.judge(trades, conditions=conditions)
    assert not verdict.passed
    assert len(verdict.missing) == 1
    assert said in verdict.missing[0]


def test_an_empty_record_is_unknown_not_zero():
    """Nothing traded: every minimum named, the bound unknown."""
    verdict = gates.judge([])
    assert math.isnan(verdict.bound)
    assert len(verdict.missing) == 4
    assert "unknown" in verdict.missing[-1]


def test_trades_of_one_event_are_one_bet():
    """Net over cost of the event, in order of its last closing."""
    trades = [
        gates.ClosedTrade("b", START + timedelta(days=2), 10, 100),
        gates.ClosedTrade("a", START, -50, 100),
        gates.ClosedTrade("a", START + timedelta(days=1), 20, 200),
    ]
    assert gates.returns_by_event(trades) == pytest.approx([-0.1, 0.1])
    with pytest.raises(ValueError, match="no return"):
        gates.returns_by_event([gates.ClosedTrade("a", START, 1, 0)])


def test_what_cannot_be_a_return_is_refused():
    """Below -1, NaN, a mean that cannot be, a level that is none, a table."""
    for call in (
        lambda: gates.lower_bound([-1.5]),
        lambda: gates.lower_bound([math.nan]),
        lambda: gates.lower_bound([[0.1]]),
        lambda: gates.lower_bound([0.1], 1.0),
        lambda: gates.log_capital([0.1], -1.0),
    ):
        with pytest.raises(ValueError, match=r"stake|finite|one row|probability|at least"):
            call()
    assert gates.lower_bound([]) == -1.0
