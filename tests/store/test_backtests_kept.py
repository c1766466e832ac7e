"""Runs of backtests are kept whole, once, under a trial that was there before."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.domain import Token, Trip
from trading_cli.store import Store, backtests, trials

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PLAN = trials.Planned("backtest", "roc_only", AT, AT, AT + DAY, {"fees": "zero"}, "data", "code")
TRIP = Trip(
    "P1", "M1", "E1", "Politics", "politics", "roc_only", Token.NO, "benchmark", AT,
    AT + timedelta(hours=2), Decimal("12.5"), Decimal("5.25"), Decimal("6.1"), Decimal("0.05"),
    Decimal("0.85"), "B", bool(1), ("TARGET_1", "STOP"), Decimal("0.5"), 0.6, Decimal("0.42"),
    "<b>Will it?</b>",
)  # fmt: skip


def row(trial: int) -> backtests.Row:
    """Return a run of *trial*."""
    return backtests.Row(
        trial, AT, AT, AT + DAY, "roc_only", "full", "zero", "abc", Decimal(10_000),
        Decimal("10000.85"), Decimal("11.35"), AT + timedelta(hours=3),
    )  # fmt: skip


def curve(values: list[float]) -> backtests.Curve:
    """Return a curve of *values*, one a slot."""
    slots = int(AT.timestamp()) + 900 * np.arange(len(values))
    money = np.array(values)
    return backtests.Curve(slots, money, money / 2, money / 3, money / 4, np.arange(len(values)))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty database."""
    return Store.open(tmp_path / "t.db", now=AT)


def planned(store: Store) -> int:
    """Plan a trial and return its row."""
    with store.transaction() as tx:
        return trials.plan(tx, PLAN)


def test_what_is_kept_comes_back(store):
    """Row, trips, curve and report, to the millionth."""
    with store.transaction() as tx:
        trial = trials.plan(tx, PLAN)
        still = replace(TRIP, id="P2", closed_at=None, payout=None, probability=None)
        whole = curve([10_000.0, 9_999.123456])
        number = backtests.keep(tx, row(trial), trips=[TRIP, still], curve=whole)
        backtests.tell(tx, number, {"sentence": "UNPROVEN."})
    with store.reading() as look:
        assert backtests.run_of(look, number) == replace(row(trial), id=number)
        assert backtests.trips(look, number) == [TRIP, still]
        kept = backtests.curve(look, number)
        assert kept is not None
        np.testing.assert_allclose(kept.at_liquidation, whole.at_liquidation, atol=2e-6)
        np.testing.assert_allclose(kept.at_mid, whole.at_mid, atol=2e-6)
        np.testing.assert_array_equal(kept.slots, whole.slots)
        np.testing.assert_array_equal(kept.opened, whole.opened)
        assert backtests.report_of(look, number) == {"sentence": "UNPROVEN."}
        assert backtests.last(look) == replace(row(trial), id=number)
        with pytest.raises(KeyError, match="no backtest run 99"):
            backtests.report_of(look, 99)
        assert backtests.run_of(look, 99) is None
        assert backtests.curve(look, 99) is None
    store.close()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50))
def test_a_curve_survives_its_packing(values):
    """Whatever the money: what is unpacked is within half a millionth of what was packed."""
    packed = backtests._packed(curve(values))
    found = backtests._unpacked(len(values), packed)
    np.testing.assert_allclose(found.cash, np.array(values), atol=1e-6, rtol=1e-12)


def test_only_a_finished_trial_is_the_same(store):
    """A kept run is used again only where its trial is DONE; the newest one."""
    trial = planned(store)
    with store.transaction() as tx:
        number = backtests.keep(tx, row(trial))
    with store.transaction() as tx:
        assert backtests.same(tx, PLAN.hash) is None
        trials.finish(tx, trial, AT, trials.Result())
        found = backtests.same(tx, PLAN.hash)
        assert found is not None
        assert found.id == number
        assert backtests.same(tx, "other") is None
        assert backtests.last(tx) is None, "nobody asked for a run without an answer"
    store.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trial": 99}, "FOREIGN KEY"),
        ({"engine": "magic"}, "CHECK"),
        ({"opening": Decimal(0)}, "CHECK"),
        ({"until": AT}, "CHECK"),
        ({"digest": ""}, "CHECK"),
    ],
)
def test_a_run_that_cannot_be_is_refused(store, wrong, said):
    """The file itself says no: no trial, no such engine, nothing to begin with, no span."""
    trial = planned(store)
    with pytest.raises(Exception, match=said), store.transaction() as tx:
        backtests.keep(tx, replace(row(trial), **wrong))
    store.close()


@pytest.mark.parametrize(
    "wrong",
    [{"grade": "D"}, {"shares": Decimal(0)}, {"closed_at": AT - DAY}, {"payout": Decimal(2)}],
)
def test_a_trip_that_cannot_be_is_refused(store, wrong):
    """Nor does the file hold a fourth grade, no shares, an early end, a payout of 2."""
    trial = planned(store)
    with pytest.raises(Exception, match="CHECK"), store.transaction() as tx:
        backtests.keep(tx, row(trial), trips=[replace(TRIP, **wrong)])
    store.close()


def test_one_run_a_trial(store):
    """A trial ends once, so it has one run."""
    trial = planned(store)
    with store.transaction() as tx:
        backtests.keep(tx, row(trial))
    with pytest.raises(Exception, match="UNIQUE"), store.transaction() as tx:
        backtests.keep(tx, row(trial))
    store.close()


def test_the_extent_of_an_empty_file_is_none(store):
    """Nothing is stored: there is nothing to run over."""
    with store.reading() as look:
        assert isinstance(look, sqlite3.Connection)
        assert backtests.extent(look) is None
    store.close()
