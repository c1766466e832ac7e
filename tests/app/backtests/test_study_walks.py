"""Walk-forward: what chooses never sees what judges, and the folds together are one account."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from made_source import START, Made  # beside this
from study_home import StudyHome  # beside this

from trading_cli.app.backtests import walk
from trading_cli.app.backtests.cells import Cell, Narrowed, Outcome
from trading_cli.app.settings import Settings
from trading_cli.core.errors import UsageError
from trading_cli.domain import Token, Trip
from trading_cli.trading.backtest.result import Equity, Run

DAY = timedelta(days=1)
SHORT = "bankroll: 10000\nbacktest: {train_days: 1, test_days: 1, step_days: 1}\n"
D = Decimal


def trip(number: int, net: str, *, event: str = "", day: float = 0.0, closed: bool = True):
    """Return a round trip of market *number*."""
    at = START + day * DAY
    return Trip(
        f"P{number}", str(number), event or f"E{number}", "Politics", "politics", "roc_only",
        Token.YES, "", at, at + DAY / 4 if closed else None, D(10), D(5), D(5) + D(net), D(0),
        D(net), "C", late=False, reasons=("STOP",),
    )  # fmt: skip


class Paid:
    """A history that knows when which market was paid."""

    def __init__(self, known) -> None:
        self.known = known

    def payout(self, market_id, at):
        """Return 1 where it was paid by *at*."""
        when = self.known.get(market_id)
        return D(1) if when is not None and when <= at else None


def curve(*values: float, first: int = 0) -> Equity:
    """Return a curve with one value a day, all in cash but a tenth."""
    slots = int(START.timestamp()) + 86_400 * (first + np.arange(len(values))) + 85_500
    money = np.array(values, float)
    return Equity(slots, money * 0.9, money * 0.1, money * 0.11, money * 0.1)


def judged(equity: Equity, *trips: Trip, digest: str = "a"):
    """Return a fold that came to *equity* and *trips*."""
    closed = tuple(one for one in trips if one.closed_at is not None)
    still = tuple(one for one in trips if one.closed_at is None)
    run = Run(closed, still, equity, {"SIGNAL": 1}, {"C": 2}, digest, traded=D(100))
    fold = walk.Fold(START, START + DAY, START + 2 * DAY)
    return walk.Judged(fold, None, Outcome(run), 1, None)


def test_the_folds_are_whole_days_in_order():
    """60/30/15 over 120 days: three tests, each right after its training, none beyond the end."""
    found = walk.folds(START, START + 120 * DAY, train=60, test=30, step=15)
    assert [(one.since - START) // DAY for one in found] == [0, 15, 30]
    assert all(one.turn - one.since == 60 * DAY for one in found)
    assert all(one.until - one.turn == 30 * DAY for one in found)
    assert found[-1].until == START + 120 * DAY
    with pytest.raises(UsageError, match="needs 90 days"):
        walk.folds(START, START + 89 * DAY, train=60, test=30, step=15)


def test_only_what_was_paid_before_the_test_teaches():
    """A trade whose market was not paid by the turn does not count; of equals the first."""
    turn = START + 10 * DAY
    ahead = Paid({"1": turn - DAY, "2": turn, "3": turn + timedelta(seconds=1)})
    closed = [trip(1, "2"), trip(2, "-1"), trip(3, "50"), trip(4, "70")]
    taught = walk.lesson(ahead, turn, closed)
    assert (taught.net, taught.counted, taught.left_out) == (D(1), 2, 2)
    assert taught.events == {"E1", "E2"}
    nothing = walk.lesson(ahead, turn, [trip(3, "50")])
    assert walk.chosen([nothing, taught, taught]) == 1
    assert walk.chosen([nothing, nothing]) == 0
    assert walk.chosen([]) == 0


def test_events_that_taught_cannot_be_entered():
    """No event stands on both sides: its markets are not offered in the test."""
    source = Made(1, 4)
    inner = source.history(Settings(), "zero")
    slot = inner.moments()[10].slot
    offered = {one.event_id for one in inner.views(slot)}
    left = {one.event_id for one in Narrowed(inner, frozenset({"E1", "E2"}), None).views(slot)}
    assert offered - left == {"E1", "E2"} & offered
    assert left


def test_the_recalibration_is_fitted_on_the_train_side_alone():
    """What is fitted at the turn does not change with anything that comes after it."""
    source = Made(2, 45, seed=3, paid_every=1)
    inner = source.history(Settings(), "zero")
    turn = START + 1.5 * DAY
    with source.opened(Settings(), START, turn, "zero") as before:
        fitted = walk.fitted(before.history, turn)
    assert fitted is not None
    assert fitted.events >= 30
    later = {one: (at + 9 * DAY, paid) for one, (at, paid) in inner.payouts.items()}
    with source.opened(Settings(), START, turn, "zero") as before:
        unpaid = replace(before.history.inner, payouts=later)
        assert walk.fitted(replace(before.history, inner=unpaid, seen={}), turn) is None


def test_overlapping_tests_share_one_account():
    """A day on which two folds run returns their mean; a trade in both is counted once."""
    one = judged(curve(10_100.0, 10_201.0), trip(1, "1"), trip(2, "2", day=1.5), digest="a")
    two = judged(curve(10_300.0, first=1), trip(2, "4", day=1.5), trip(3, "5", closed=False))
    run = walk.together([one, two], 10_000.0).run
    np.testing.assert_allclose(run.equity.at_liquidation, [10_100, 10_100 * 1.02])
    assert [one.id for one in run.closed] == ["P1", "P2"]
    assert run.closed[1].net == D(4), "as the later fold made it"
    assert [one.id for one in run.still_open] == ["P3"]
    assert run.traded == D("133.33"), "of three days' trading, two were the account's"
    assert run.grades == {"C": 4}
    np.testing.assert_allclose(run.equity.staked, run.equity.at_liquidation * 0.1)


def test_a_walk_is_told_fold_by_fold(tmp_path):
    """Each cell and each test is a trial under the walk; the tests together are the answer."""
    home = StudyHome(tmp_path, SHORT)
    data = home.run(Made(3, 2), walk_forward=True, grid=("exits.stop=.08,.2",))
    walked = data["walk_forward"]
    assert (walked["train_days"], walked["test_days"], walked["step_days"]) == (1, 1, 1)
    assert len(walked["folds"]) == 2
    assert data["kind"] == "walk-forward"
    assert data["in_sample"] == []
    assert data["asked"]["since"] == (START + DAY).isoformat()
    assert data["asked"]["until"] == (START + 3 * DAY).isoformat()
    rows = home.trials()
    assert rows[0][1:3] == ("backtest", None)
    assert [one[1:3] for one in rows[1:7]] == [("cell", 1)] * 6, "two cells and a test, twice"
    assert {one[4] for one in rows} == {"DONE"}
    for one in walked["folds"]:
        assert one["train_trades"] is not None
        assert one["cell"] in {"exits.stop=.08", "exits.stop=.2"}
        assert one["test_since"] < one["test_until"]
    assert data["luck"]["trials"] == len(rows) - 1


def test_with_one_configuration_nothing_is_trained(tmp_path):
    """No grid: each test is a trial, and nothing was chosen."""
    home = StudyHome(tmp_path, SHORT)
    data = home.run(Made(2, 2), walk_forward=True, strategies=("price_only",))
    (fold,) = data["walk_forward"]["folds"]
    assert fold["train_trades"] is None
    assert fold["events_apart"] == 0
    assert fold["slope"] is None, "two markets cannot be recalibrated on"
    assert [one[1] for one in home.trials()][:2] == ["backtest", "cell"]


def test_a_fold_that_cannot_be_opened_fails_the_walk(tmp_path):
    """It is in the ledger with its reason, and the walk says it."""
    home = StudyHome(tmp_path, SHORT)
    with pytest.raises(UsageError, match="this one cannot be"):
        home.run(Made(2, 2, refuses="0.2"), walk_forward=True, grid=("exits.stop=.08,.2",))
    assert [one[4] for one in home.trials()] == ["FAILED", "DONE", "FAILED"]


def test_a_cell_is_a_value():
    """Two cells that say the same are equal, so they can be told apart by what they say."""
    one = Cell(Made(1, 1), "{}", None, ("a",), START, START + DAY, "zero")
    assert one == replace(one)
    assert one != replace(one, fees="schedule")
