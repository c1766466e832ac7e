"""`--engine screen` over a stored past: the trades of the full engine, or why it cannot be."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from past_world import START, at, book, follow, heard, look, market, point, quote, trade
from study_home import StudyHome

from trading_cli.app.backtests.cells import Cell, made, play
from trading_cli.app.backtests.mids_only import last_mid
from trading_cli.app.backtests.screening import Screening
from trading_cli.app.backtests.stored import Stored
from trading_cli.app.importing import Asked, bring_in
from trading_cli.app.settings import Settings
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Origin, Outcome, Resolution, from_epoch
from trading_cli.store import Store, listings, pauses, recalibrations, series
from trading_cli.store.past import POINTS
from trading_cli.store.talk import record_coverage
from trading_cli.trading.backtest import engine, screen

HOUR = timedelta(hours=1)
TRADES = ("orders", "fills", "entries", "closed", "still_open", "pauses", "grades", "traded")
FREELY = {
    "signals": {"min_days_to_deadline": 0.1, "min_ask": "0.02", "max_ask": "0.98"},
    "risk": {"trades_per_day": 30, "open_positions": 20, "per_category": 20},
}


def settled(number, when, paid):
    """Return how a market ended."""
    outcome = Outcome.YES if paid else Outcome.NO
    return Resolution(f"0xc{number}", outcome, Decimal(paid), "resolved", when, when, "paid")


def mids_by_chance(path, seed, *, markets=9, slots=300):
    """Write a past of mids alone: gaps, late ones, 0 and 1, ends, markets described only later."""
    rng = np.random.default_rng(seed)
    with Store.open(path, now=START) as store, store.transaction() as tx:
        for n in range(1, markets + 1):
            end = int(rng.integers(slots // 3, 3 * slots))
            seen = at(-500) if rng.random() < 0.7 else at(slots * 2)
            described = market(
                n, observed_at=seen, event_id=f"e{n % 6}", created_at=START - 40 * HOUR,
                end_at=at(end) if rng.random() < 0.5 else at(9000),
                question=f"Will thing {n} happen?", tick=Decimal("0.001"),
                volume_24h=None if rng.random() < 0.5 else 50_000.0 + n,
            )  # fmt: skip
            listings.record_markets(tx, [described])
            if rng.random() < 0.6 and seen < START:
                ended = replace(described, observed_at=at(end, 7), closed=True, closed_at=at(end))
                listings.record_markets(tx, [ended])
                paid_at = at(end + int(rng.integers(-1, 5)), 7)
                listings.record_resolutions(tx, [settled(n, paid_at, int(rng.integers(2)))])
            level, rows = float(rng.normal(0, 1)), []
            for step in range(-200, slots):
                level += float(rng.normal(0, 0.12))
                if rng.random() < 0.08:
                    continue
                price = round(1 / (1 + np.exp(-level)), 3)
                price = float(rng.integers(2)) if rng.random() < 0.01 else price
                rows.append(point(n, at(step, int(rng.integers(-300, 600))), price))
            series.record_points(tx, rows, lag_s=int(rng.choice([0, 20, 90, 400])))
        fitted = recalibrations.Fitted(at(96), 1.3, 0.1, 900, 60, at(90).timestamp())
        recalibrations.record(tx, fitted, at(96))


def asked(path, **changes):
    """Return a cell over the whole of the past at *path*."""
    given_ = Settings.model_validate(changes.pop("settings", FREELY))
    names = changes.pop("names", ("roc_only",))
    return replace(
        Cell(
            Stored(Path(path)), given_.model_dump_json(), Path(path).parent, names, at(0), at(300),
            "zero",
        ),
        **changes,
    )  # fmt: skip


def both(cell):
    """Return the runs of both engines."""
    with cell.source.opened(cell.whole, cell.since, cell.until, cell.fees) as opened:
        whole = engine.run(opened.history, cell.rules, made(cell))
        told = opened.coverage
    with Screening.open() as screening:
        world, coverage, _ = screening._world(cell)  # the run with its orders
        assert coverage == told
        return whole, screen.run(world, cell.rules, made(cell))


def assert_same(whole, screened):
    """Every order, fill, trade and ledger row is one and the same; equity to a few millionths."""
    for name in TRADES:
        assert getattr(whole, name) == getattr(screened, name), name
    assert whole.waived == screened.waived
    assert whole.killed_at == screened.killed_at
    for name in ("slots", "cash", "liquidation", "mid", "staked"):
        ours, theirs = getattr(whole.equity, name), getattr(screened.equity, name)
        np.testing.assert_allclose(ours, theirs, atol=5e-5, rtol=0)


@pytest.mark.parametrize("seed", range(6))
def test_a_made_past_is_traded_alike(tmp_path, seed):
    """Whatever is late, missing, settled, ended or described afterwards, trade for trade."""
    mids_by_chance(tmp_path / "past.db", seed)
    names = (("roc_only",), ("price_only", "roc_only"), ("price_only",))[seed % 3]
    tight = {"data_collection": {"candidates": {"max_markets": 4}}} if seed % 2 else {}
    cell = asked(
        tmp_path / "past.db", names=names, settings=FREELY | tight,
        fees=("zero", "flat:0.03", "schedule")[seed // 2],
    )  # fmt: skip
    whole, screened = both(cell)
    assert len(whole.orders) > 10
    assert_same(whole, screened)


def test_a_recorded_set_is_traded_alike(shared_data, tmp_path, monkeypatch):
    """Ten-minute mids as they were imported: four days of January 2026."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    config = tmp_path / "config.yaml"
    config.touch(mode=0o600)
    folder = shared_data / "mixed_resolved_10min_2026-01"
    bring_in(config, Asked((folder,)), clock=FrozenClock(START))
    day = from_epoch(1_768_867_200)  # 2026-01-20
    cell = asked(
        tmp_path / "data" / "trading.db", settings={"signals": {"min_days_to_deadline": 0}},
        since=day, until=day + timedelta(days=4),
    )  # fmt: skip
    whole, screened = both(cell)
    assert len(whole.orders) > 10
    assert_same(whole, screened)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_last_mid_is_the_one_a_search_finds(data):
    """Whatever came late: the newest of the quarter-hour that was known."""
    times = sorted(data.draw(st.sets(st.integers(0, 4000), max_size=12)))
    late = data.draw(st.lists(st.integers(0, 1500), min_size=len(times), max_size=len(times)))
    held = np.zeros(len(times), dtype=POINTS)
    held["time"], held["available_at"] = times, np.add(times, late) if times else []
    held["price"] = np.arange(len(times)) / 100
    instants = np.arange(0, 5000, 250)
    found = last_mid(held, instants, instants)
    for instant, mid in zip(instants.tolist(), found.tolist(), strict=True):
        known = [
            price
            for time, price, when in zip(times, held["price"], held["available_at"], strict=True)
            if instant - 900 <= time <= instant and when <= instant
        ]
        assert mid == known[-1] if known else np.isnan(mid)


def _recorded(tx):
    follow(tx, 1)
    look(tx, 60, 1)


def _booked(tx):
    series.record_books(tx, int(at(60).timestamp()), [("501", book(1, at(60, 5)))])


def _traded(tx):
    series.record_trades(tx, [trade("t", 1, at(60))])


def _heard(tx):
    record_coverage(tx, [heard(1, at(0), at(60))])


def _quoted(tx):
    series.record_quotes(tx, [quote(1, at(60), origin=Origin.IMPORTED)])


def _reworded(tx):
    changed = market(1, observed_at=at(60), tick=Decimal("0.005"), created_at=START - 40 * HOUR)
    listings.record_markets(tx, [changed])


def _fine(tx):
    series.record_points(tx, [point(1, at(60, 400), 0.123456789)])


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (_recorded, "recorded with quotes and books"),
        (_booked, "books are stored"),
        (_traded, "trades are stored"),
        (_heard, "what was traded"),
        (_quoted, "quotes were imported"),
        (_reworded, "described anew in it"),
        (_fine, "more than six decimals"),
    ],
)
def test_what_is_more_than_mids_is_refused_by_name(tmp_path, write, said):
    """The reason, and the way out: the full engine."""
    path = tmp_path / "past.db"
    with Store.open(path, now=START) as store, store.transaction() as tx:
        listings.record_markets(tx, [market(1, observed_at=at(-99), created_at=START - 40 * HOUR)])
        series.record_points(tx, [point(1, at(step, 30), 0.4) for step in range(-60, 120)])
        write(tx)
    with Screening.open() as screening, pytest.raises(UsageError) as told:
        screening.check(asked(path, until=at(100)))
    assert said in told.value.message
    assert "--engine full" in told.value.hint


def test_a_pause_for_stale_prices_is_refused(tmp_path):
    """A history without an operator knows of none."""
    path = tmp_path / "past.db"
    mids_by_chance(path, 1, markets=2, slots=40)
    with Store.open(path, now=START) as store, store.transaction() as tx:
        pauses.pause(tx, "stale", since=at(3), until=None, reason="old books", actor="watch")
    with Screening.open() as screening, pytest.raises(UsageError, match="paused"):
        screening.check(asked(path, until=at(30)))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"strategies": ("favourite",)}, "does not know favourite"),
        ({"walk_forward": True}, "walks forward"),
        ({"cluster": "tcp://127.0.0.1:1"}, "cluster"),
    ],
)
def test_what_the_screen_cannot_do_is_refused_before_anything_is_tried(tmp_path, wish, said):
    """Nothing is in the ledger of what was never run."""
    home = StudyHome(tmp_path)
    mids_by_chance(home.kit.loaded.database, 2, markets=3, slots=40)
    with pytest.raises(UsageError, match=said):
        home.run(Stored(home.kit.loaded.database), engine="screen", **wish)
    assert home.trials() == []


def test_a_sweep_says_that_it_is_of_the_screen(tmp_path):
    """Its cells are trials, its best is run once more; no check, benchmark or gate is claimed."""
    home = StudyHome(tmp_path)
    mids_by_chance(home.kit.loaded.database, 3)
    wish = {
        "engine": "screen", "since": at(0), "until": at(150),
        "grid": ("signals.min_days_to_deadline=0.1", "exits.stop=.08,.12,.2"),
    }  # fmt: skip
    source = Stored(home.kit.loaded.database)
    data = home.run(source, **wish)
    assert [row[1] for row in home.trials()] == ["backtest", "cell", "cell", "cell"]
    assert data["asked"]["engine"] == "screen"
    assert data["bias"]["state"] == "NOT RUN"
    assert "the full engine" in data["gate"]["missing"][-1]
    assert data["beside"] == data["capacity"] == []
    assert "Screen engine" in data["sentence"]
    for one, stop in zip(data["grid"]["cells"], (".08", ".12", ".2"), strict=True):
        varied = {"signals": {"min_days_to_deadline": 0.1}, "exits": {"stop": stop}}
        whole = play(asked(source.database, settings=varied | {"bankroll": 10_000}, until=at(150)))
        assert len(whole.run.closed) + len(whole.run.still_open) == one["trades"]
        last = float(whole.run.equity.at_liquidation[-1])
        assert one["total_return"] == pytest.approx(last / 10_000 - 1, abs=1e-6)
    again = home.run(source, **wish)
    assert all(one["reused"] for one in again["grid"]["cells"])
