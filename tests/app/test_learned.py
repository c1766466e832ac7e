"""What research found reaches the decision of its time: the pooled test, and the day's slope."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from dealing import NOON, Stage, market  # beside this
from dealt import Dealt
from test_calibrate import KNOWN, home  # noqa: F401  # the fixture

from trading_cli.app import calibrate, learned
from trading_cli.app.cycles import run_cycle
from trading_cli.domain import Tier, from_epoch, slot_of
from trading_cli.store import Store, correlations, decided, recalibrations
from trading_cli.trading.view import Pooled

AT = from_epoch(NOON) - timedelta(days=1)
MINUTE = timedelta(minutes=1)
LOOKS = """
from decimal import Decimal
from trading_cli.trading.strategies import Action, Advice
class Looks:
    name, ceiling = "looks", Decimal("0.01")
    def decide(self, data, symbol, current_price):
        found = {"none": 1.0}
        if data.pooled is not None:
            found = {"b": data.pooled.coefficient, "hours": float(data.pooled.horizon_h)}
        if data.recalibrate is not None:
            found["of_60"] = data.recalibrate(0.6)
        return Advice(Action.HOLD, indicators=found)
"""


def run_of(tx, rows, at=AT, kind="confirmatory", categories=("politics", "crypto"), took=MINUTE):
    """Keep a finished run: {(category, hours): (q, label's b, what is pending)}."""
    run = correlations.plan_run(
        tx, correlations.Planned(kind, at, at - timedelta(days=30), at, "s", "d", "c", {})
    )
    correlations.finish_run(
        tx, run, at=at + took, summary={},
        markets=[
            correlations.MarketRow(f"M{n}", "NO LEAD", Tier.NONE, 1, 0.5, {"category": name})
            for n, name in enumerate(categories)
        ],
        pooled=[
            correlations.PooledRow(name, hours, q is not None and q < 0.05, q, {"events": 25})
            for (name, hours), (q, _, _) in rows.items()
        ],
    )  # fmt: skip
    correlations.record_labels(tx, [
        correlations.LabelRow(
            correlations.pooled_subject(name, hours), at, run, leads=bool(b), tier=Tier.NONE,
            lag=hours, b=b, pending=pending,
        )
        for (name, hours), (_, b, pending) in rows.items() if b is not None or pending
    ])  # fmt: skip


@pytest.fixture
def store(tmp_path):
    """Return an empty home's file."""
    with Store.open(tmp_path / "t.db", now=AT) as opened:
        yield opened


def leads(store, at=AT + MINUTE):
    """Return what talk leads at *at*."""
    with store.reading() as look:
        return learned.talk_leads(look, at)


def test_a_confirmed_lead_is_there_once_its_run_is_over(store):
    """Of two confirmed horizons the shorter one; a second before the run's end there is none."""
    with store.transaction() as tx:
        run_of(tx, {("politics", 3): (0.01, 0.2, {}), ("politics", 12): (0.02, 0.1, {})})
    assert leads(store).of("politics") == Pooled(0.2, 3, 25)
    assert leads(store).of("crypto") is None
    assert leads(store, AT + MINUTE - timedelta(seconds=1)).of("politics") is None


def test_monitoring_changes_nothing(store):
    """A daily run, or a command's, is a look: what it found is not used."""
    with store.transaction() as tx:
        run_of(tx, {("politics", 3): (0.01, 0.2, {})}, kind="monitoring")
    assert leads(store).of("politics") is None


def test_tested_without_a_lead_is_zero_and_not_yet_confirmed_is_nothing(store):
    """No lead at all: 0. A first detection that waits: insufficient. Not testable: the same."""
    with store.transaction() as tx:
        run_of(tx, {
            ("politics", 1): (0.4, None, {}), ("politics", 6): (0.6, None, {}),
            ("crypto", 1): (0.4, None, {}),
            ("crypto", 6): (0.01, None, {"leads": True, "b": 0.3}),
            ("sports", 1): (None, None, {}),
        })  # fmt: skip
    found = leads(store)
    assert found.of("politics") == Pooled(0.0, 1, 25)
    assert found.of("crypto") is None
    assert found.of("sports") is None


def test_horizons_that_contradict_one_another_give_no_direction(store):
    """Up in three hours and down in a day is no direction to buy."""
    with store.transaction() as tx:
        run_of(tx, {("politics", 3): (0.01, 0.2, {}), ("politics", 24): (0.01, -0.2, {})})
    assert leads(store).of("politics") == Pooled(0.0, 3, 25)


def test_the_test_of_all_is_that_of_the_only_category(store):
    """Where every market of the run is of politics, "all" is politics, and no other category's."""
    with store.transaction() as tx:
        run_of(tx, {("all", 6): (0.01, -0.3, {})}, categories=("politics", "politics"))
    assert leads(store).of("politics") == Pooled(-0.3, 6, 25)
    assert leads(store).of("crypto") is None


def test_the_test_of_all_is_nobodys_where_there_are_several(store):
    """A category too thin for a test of its own does not borrow the others' answer."""
    with store.transaction() as tx:
        run_of(tx, {("all", 6): (0.01, 0.3, {}), ("politics", 6): (None, None, {})})
    assert leads(store).of("politics") is None


def test_a_decision_uses_what_stood_at_its_time(tmp_path):
    """Live, slot by slot: nothing, then the confirmed lead, then the newest label of two."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "looks.py").write_text(LOOKS)
    stage = Stage(
        tmp_path / "home", lambda _n, _turn: "0.50", 1,
        {"signals": {"strategies": ["looks.py:Looks"]}}, market,
    )  # fmt: skip
    seen = []
    for turn, b in ((0, None), (1, 0.2), (2, -0.1)):
        stage.at(turn)
        now = stage.clock.now()
        if b is not None:
            with stage.open_store() as store, store.transaction() as tx:
                run_of(tx, {("politics", 6): (0.01, b, {})}, at=now - 2 * MINUTE)
                recalibrations.record(
                    tx,
                    recalibrations.Fitted(
                        from_epoch(NOON - NOON % 86_400 - turn * 86_400), 1.2, 0.1, 60, 40, 0.0
                    ),
                    now - MINUTE,
                )
        run_cycle(stage, stage.plan(), progress=lambda _text: None)
        with stage.open_store() as store, store.reading() as look:
            (one,) = decided.decisions(look, slot=slot_of(now), limit=10)
        seen.append(one.facts["indicators"])
    assert seen[0] == {"none": 1.0}
    assert (seen[1]["b"], seen[1]["hours"]) == (0.2, 6.0)
    assert seen[1]["of_60"] == pytest.approx(1 / (1 + (0.4 / 0.6) ** 1.2))
    assert seen[2]["b"] == -0.1


def test_the_days_slope_is_kept_once_and_read_by_date(home: Dealt):  # noqa: F811  # pytest's way
    """The analysis keeps the fit of its midnight; before it ran there is none; it is the fit."""
    midnight = (KNOWN + timedelta(days=1)).replace(hour=0, minute=0)
    with home.store() as store:
        for hours in (0, 3):
            home.clock.set(KNOWN + timedelta(days=1, hours=hours))
            calibrate.calibrate_step(SimpleNamespace(toolkit=home, store=store))
        with store.reading() as look:
            before = learned.recalibrated(look, KNOWN + timedelta(days=1, seconds=-1))
            kept = learned.recalibrated(look, KNOWN + timedelta(days=1))
            fitted = calibrate.recalibration(look, midnight)
            days = look.execute("SELECT count(*) FROM recalibrations").fetchone()[0]
    assert (before, days) == (None, 1)
    assert kept == fitted
    assert kept(0.3) == fitted(0.3)
