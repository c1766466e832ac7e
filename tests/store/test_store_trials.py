"""The trials ledger: a row before it runs, never fewer, never other than planned."""

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest
from store_world import NOON, market, point, quote, resolution  # beside this

from trading_cli.domain import Outcome
from trading_cli.store import Store, listings, series, trials
from trading_cli.store.trials import Planned, Result

DAY = timedelta(days=1)
PLANNED = Planned(
    "backtest", "price_only", NOON, NOON - 30 * DAY, NOON, {"signals.roc": 0.1}, "data", "code"
)


@pytest.fixture
def store(tmp_path):
    """Return an empty store."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        yield opened


def test_a_trial_comes_back_as_it_was_planned(store):
    """Planned, then what came of it."""
    with store.transaction() as tx:
        first = trials.plan(tx, PLANNED)
        (kept,) = trials.trials(tx)
        assert (kept.id, kept.state, kept.hash) == (first, "PLANNED", PLANNED.hash)
        assert kept.settings == PLANNED.settings
        assert kept.finished_at is None
        trials.finish(tx, first, NOON + DAY, Result(0.05, 30, skew=0.1, kurtosis=3.3))
        (kept,) = trials.trials(tx)
        assert (kept.state, kept.sharpe, kept.periods) == ("DONE", 0.05, 30)
        assert kept.finished_at == NOON + DAY


def test_the_same_trial_is_counted_once_however_often_it_ran(store):
    """Settings, data, code, span, strategy: one that differs is another trial."""
    others = [
        replace(PLANNED, settings={"signals.roc": 0.2}),
        replace(PLANNED, data_hash="more"),
        replace(PLANNED, code="other"),
        replace(PLANNED, strategy="early"),
        replace(PLANNED, until=NOON + DAY),
        replace(PLANNED, kind="correlation", tests=40),
    ]
    again = replace(PLANNED, at=NOON + DAY)
    with store.transaction() as tx:
        trials.plan_all(tx, [PLANNED, again, *others])
        found = trials.counted(tx)
        assert (found.rows, found.distinct, found.unfinished) == (8, 7, 8)
        assert found.tests == 46
        assert trials.counted(tx, strategy="early").distinct == 1
        assert trials.counted(tx, kind="correlation").tests == 40
        assert [one.kind for one in trials.trials(tx, kind="correlation")] == ["correlation"]
        assert len(trials.trials(tx, limit=3)) == 3


def test_a_failed_or_unended_trial_was_tried_too(store):
    """Nobody makes a search smaller by breaking it off."""
    with store.transaction() as tx:
        one = trials.plan(tx, PLANNED)
        trials.plan(tx, replace(PLANNED, code="other"))
        trials.fail(tx, one, NOON, "interrupted")
        assert trials.counted(tx).distinct == 2
        assert trials.counted(tx).unfinished == 1
        assert trials.trials(tx)[-1].why == "interrupted"
        assert trials.sharpes(tx) == []


def test_a_sweep_is_its_cells(store):
    """The sweep's own row is a run; its cells are the distinct trials."""
    with store.transaction() as tx:
        sweep = trials.plan(tx, PLANNED)
        cells = trials.plan_all(
            tx,
            [
                replace(PLANNED, kind="cell", parent=sweep, settings={"x": number})
                for number in range(5)
            ],
        )
        for number, cell in enumerate(cells):
            trials.finish(tx, cell, NOON, Result(0.01 * number, 30))
        assert trials.counted(tx).distinct == 5
        assert trials.sharpes(tx) == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])
        assert trials.sharpes(tx, "early") == []


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM trials",
        "UPDATE trials SET hash = 'x'",
        "UPDATE trials SET settings = '{}'",
        "UPDATE trials SET in_sample = 0",
        "UPDATE trials SET tests = 1",
    ],
)
def test_no_row_goes_and_none_is_changed_afterwards(store, sql):
    """The file itself refuses."""
    with store.transaction() as tx:
        trials.plan(tx, PLANNED)
        with pytest.raises(sqlite3.IntegrityError, match=r"stays|cannot be changed"):
            tx.execute(sql)


def test_a_trial_ends_once(store):
    """A second ending is refused, by us and by the file; so is the ending of none."""
    with store.transaction() as tx:
        one = trials.plan(tx, PLANNED)
        trials.finish(tx, one, NOON, Result())
        with pytest.raises(KeyError):
            trials.fail(tx, one, NOON, "later")
        with pytest.raises(KeyError):
            trials.finish(tx, 99, NOON, Result())
        with pytest.raises(sqlite3.IntegrityError, match="ends once"):
            tx.execute("UPDATE trials SET sharpe = 9")


def test_the_fingerprint_changes_with_the_data(store):
    """A quote, a mid or a settlement more is other data; the same data is the same."""
    span = (NOON - DAY, NOON + DAY)
    seen = set()
    with store.transaction() as tx:
        listings.record_markets(tx, [market(1)])
        seen.add(trials.fingerprint(tx, *span))
        assert trials.fingerprint(tx, *span) in seen
        series.record_quotes(tx, [quote(1)])
        seen.add(trials.fingerprint(tx, *span))
        series.record_points(tx, [point(1)])
        seen.add(trials.fingerprint(tx, *span))
        listings.record_resolutions(tx, [resolution(Outcome.YES, at=NOON)])
        seen.add(trials.fingerprint(tx, *span))
        assert trials.fingerprint(tx, NOON + DAY, NOON + 2 * DAY) not in seen
    assert len(seen) == 4
