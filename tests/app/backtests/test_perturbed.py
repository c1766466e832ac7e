"""Monte Carlo of a kept backtest: its trades redrawn, or the whole of it run again with noise."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from made_source import Made  # beside this
from study_home import StudyHome  # beside this

from trading_cli.app import montecarlo as drawing
from trading_cli.app import montecarlo_record as record
from trading_cli.app.backtests import perturbed, study
from trading_cli.app.backtests.cells import play
from trading_cli.app.backtests.noisy import Noise, widened
from trading_cli.app.cycles import Cycle
from trading_cli.app.montecarlo_again import again
from trading_cli.cli import render
from trading_cli.cli.answer import Answer
from trading_cli.cli.monte_carlo import _blocks
from trading_cli.core import schemas
from trading_cli.core.envelope import envelope
from trading_cli.core.errors import UsageError
from trading_cli.domain import Book, FeeSchedule, Level
from trading_cli.store import backtests, trials
from trading_cli.trading.backtest.worlds import FIRST_SLOT, from_epoch

SMALL = Made(1, 6, step=0.15)
AT = from_epoch(FIRST_SLOT)
STILL = {"fee": 1.0, "spread": 1.0, "latency": 1.0, "threshold": 1.0}
SCHEMAS = Path(schemas.__file__).parent
POINTS = ((1.5, 0.10, 0.02), (2.0, 0.15, 0.05))
RUN = drawing.Asked(runs=2, engine="perturb", run="@last")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home in which one backtest is kept."""
    made = StudyHome(tmp_path_factory.mktemp("again"))
    made.run(SMALL, fees="flat:.05")
    return made


def cell(home, **changes):
    """Return what was run, as a cell."""
    asked = study.Asked(strategies=("roc_only",), fees="flat:.05")
    base = replace(study.base_cell(home.kit, asked), source=SMALL)
    return replace(study.spanned(base, asked), **changes)


def _again(home, **changes):
    wish = replace(RUN, **changes)
    with home.kit.open_store() as store:
        with store.reading() as look:
            sample = drawing.sample_of(look, home.kit.settings, wish)
        return again(home.kit, store, sample, wish, say=home.said.append, source=SMALL,
                     points=POINTS)  # fmt: skip


def test_a_book_is_widened_around_its_mid():
    """Each price twice as far from .50, sizes as they were, none at or beyond 0 and 1."""
    bids = tuple(Level(Decimal(one), Decimal(9)) for one in ("0.48", "0.20"))
    asks = tuple(Level(Decimal(one), Decimal(9)) for one in ("0.52", "0.80"))
    book = Book("y", "c", bids, asks, AT, AT, "abc")
    wide = widened(book, Decimal(2))
    assert [one.price for one in wide.bids] == [Decimal("0.46")]
    assert [one.price for one in wide.asks] == [Decimal("0.54")]
    assert widened(book, Decimal(1)) is book
    assert widened(replace(book, asks=()), Decimal(2)).asks == ()
    assert widened(replace(book, hash="mid 0.5 0.015"), Decimal(2)).bids == bids


def test_a_fee_is_so_many_times_what_it_was():
    """.05 times 1.25; never more than everything."""
    fee = FeeSchedule(Decimal(".05"), Decimal(1), "flat")
    assert Noise(fee=Decimal("1.25")).fees(fee).rate == Decimal(".0625")
    assert Noise(fee=Decimal(30)).fees(fee).rate == 1


def test_thresholds_and_slippage_are_settings(home):
    """Every tier of RVR, ROC and hype; the slippage of a mid; nothing else of the settings."""
    found = perturbed.noisy(cell(home), STILL | {"spread": 1.2, "threshold": 1.1}).whole
    assert found.backtest.slippage == Decimal("0.018")
    assert found.signals.rvr.moderate == pytest.approx(2.2)
    assert found.signals.roc.strong == pytest.approx(0.165)
    assert found.signals.hype.strong == pytest.approx(93.5)
    same = perturbed.noisy(cell(home), STILL).whole
    assert same == home.kit.settings
    assert perturbed.noisy(cell(home), STILL | {"threshold": 1.3}).whole.signals.hype.strong == 100


def test_without_noise_the_trades_are_the_same(home):
    """All factors 1: return for return what the run itself made, and dearer fees make less."""
    base = cell(home)
    run = play(base).run
    mine = perturbed.returns(run.closed, base.bankroll)
    assert len(mine) >= 2
    assert perturbed.Again(base)(STILL) == mine
    dearer = perturbed.Again(base)(STILL | {"fee": 1.25})
    wider = perturbed.Again(base)(STILL | {"spread": 1.5})
    assert sum(dearer) < sum(mine)
    assert sum(wider) < sum(mine)


def test_returns_are_of_the_equity_before_each(home):
    """They multiply to what the closed trades brought."""
    base = cell(home)
    closed = play(base).run.closed
    total = 1.0
    for one in perturbed.returns(closed, base.bankroll):
        total *= 1 + one
    net = float(sum(one.net for one in closed))
    assert total == pytest.approx(1 + net / float(base.bankroll), rel=1e-12)


def test_again_says_the_same_whoever_works(home):
    """One process or two: byte for byte; each grid cell is a trial, the noise one row in all."""
    before = len(home.trials())
    alone = _again(home)
    rows = home.trials()[before:]
    assert [(one[1], one[2], one[4]) for one in rows] == [("cell", 1, "DONE")] * 3
    with home.looking() as look:
        tests = look.execute("SELECT tests, sharpe FROM trials WHERE id = ?", (rows[0][0],))
        assert tests.fetchone() == (2, None)
    spread = _again(home, workers=2)
    assert json.dumps(spread, sort_keys=True) == json.dumps(alone, sort_keys=True)
    assert [one["rvr"] for one in alone["sensitivity"]] == [1.5, 2.0]
    assert [one["trial"] for one in alone["sensitivity"]] == [rows[1][0], rows[2][0]]
    assert (alone["run"], alone["engine"], alone["steps"]) == (1, "perturb", None)
    assert alone["factors"] == {"fee": 0.25, "spread": 0.5, "latency": 0.5, "threshold": 0.1}
    assert [one["percentile"] for one in alone["drawdown"]] == [50, 75, 90, 95, 99]
    assert _again(home, seed=2)["final"] != alone["final"]
    assert len(home.trials()) == before + 5, "the grid is not run twice"


def test_a_person_reads_it_and_its_schema_holds(home, capsys):
    """Every part of the page is there, and the JSON is as promised."""
    data = _again(home)
    schema = json.loads((SCHEMAS / "monte-carlo.json").read_text())
    jsonschema.validate(json.loads(envelope("monte-carlo", data))["data"], schema)
    render.present(Answer(data, _blocks(data)), "monte-carlo", as_json=False)
    page = " ".join(capsys.readouterr().out.split())
    assert "2 runs of it, fee +-25%, spread +-50%, latency +-50%, threshold +-10%" in page
    assert "sensitivity: 2 backtests, each a trial in the ledger" in page
    assert f"closed trades of backtest {data['run']}" in page


def test_a_point_of_the_grid_sets_all_that_says_how_much(home):
    """RVR's tiers in proportion, the stop, the position, the ceilings and a strategy's own."""
    found = perturbed.at_point(cell(home), 1.5, 0.1, 0.02)
    whole = found.whole
    assert (whole.signals.rvr.weak, whole.signals.rvr.strong) == (1.125, 2.25)
    assert (whole.exits.stop, whole.risk.position) == (Decimal("0.1"), Decimal("0.02"))
    assert whole.risk.tier_ceilings == tuple(Decimal(one) for one in (".005", ".01", ".015", ".02"))
    assert dict(found.overrides) == {"roc_only.ceiling": "0.02"}


def test_what_is_not_as_it_was_is_not_run_again(home, tmp_path):
    """Other settings, other data, a walk-forward: each refused with its reason, nothing planned."""
    with home.looking() as look:
        row = backtests.last(look)
        told = backtests.report_of(look, row.id)
    before = home.trials()
    other = StudyHome(tmp_path, "bankroll: 5000\n")
    with pytest.raises(UsageError, match="the settings have changed since backtest 1"):
        perturbed.cell_of(other.kit, row, told)
    with pytest.raises(UsageError, match="does not come out again as it was kept"):
        perturbed.same(cell(home, source=replace(SMALL, seed=9)), row)
    with pytest.raises(UsageError, match="backtest 1 is a walk-forward"):
        perturbed.cell_of(home.kit, row, told | {"kind": "walk-forward"})
    assert home.trials() == before


def test_a_cell_of_a_grid_is_found_again(home):
    """The values that a sweep's best cell was run with are put in once more."""
    data = home.run(SMALL, grid=("exits.stop=.08,.2", "roc_only.ceiling=.02"), fees="flat:.05")
    with home.looking() as look:
        row = backtests.run_of(look, data["run"])
    found = perturbed.cell_of(home.kit, row, data, SMALL)
    assert (
        f"exits.stop={found.whole.exits.stop:f}".replace("=0.", "=.").rstrip("0")
        in (data["asked"]["cell"])
    )
    assert dict(found.overrides) == {"roc_only.ceiling": ".02"}
    perturbed.same(found, row)


def test_the_trades_of_a_run_are_redrawn(home):
    """Their returns multiply to the run's own; below 100 trades it stays one sentence."""
    with home.looking() as look:
        sample = drawing.sample_of(look, home.kit.settings, replace(RUN, run="1"))
        data = drawing.told(look, sample, replace(RUN, engine="iid", run="1"), AT)
    assert data["state"] == "INSUFFICIENT"
    assert (data["run"], data["trades"]) == (1, len(sample.trades))
    mine = perturbed.returns(play(cell(home)).run.closed, Decimal(10_000))
    assert record.record_of(sample.trades).returns.tolist() == pytest.approx(mine, rel=1e-6)
    assert all(0 < one.chance < 1 for one in sample.trades)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"run": "99"}, "there is no backtest run 99"),
        ({"run": "first"}, "--run first: @last, or the number"),
        ({"engine": "perturb", "runs": 100_001}, "1 to 100,000 re-runs"),
    ],
)
def test_a_run_that_is_not_there_is_said(home, asked, words):
    """Exit 2 and how to get one."""
    with pytest.raises(UsageError, match=words) as told:
        drawing.monte_carlo(home.config, drawing.Asked(**asked), clock=home.clock)
    assert told.value.exit_code == 2


def test_a_cell_of_a_sweep_has_no_trades(home):
    """Its days alone are kept: said, not taken for a run without trades."""
    with home.looking() as look:
        question = "SELECT id FROM backtest_runs WHERE report = '{}' LIMIT 1"
        (number,) = look.execute(question).fetchone()
    with pytest.raises(UsageError, match="it is a cell of a sweep"):
        drawing.monte_carlo(home.config, drawing.Asked(run=str(number)), clock=home.clock)


def test_below_100_trades_nothing_is_run_again(home):
    """The one sentence, and no row in the ledger."""
    before = home.trials()
    data = drawing.monte_carlo(home.config, RUN, clock=home.clock)
    assert (data["state"], data["sensitivity"]) == ("INSUFFICIENT", [])
    assert home.trials() == before


def _keep_walk(home):
    """Keep a walk-forward of 120 trades made of those of run 1, and return its number."""
    with home.kit.open_store() as store, store.transaction() as tx:
        row, trips = backtests.run_of(tx, 1), backtests.trips(tx, 1)
        closed = [one for one in trips if one.closed_at is not None]
        many = [replace(closed[n % len(closed)], id=f"w{n}") for n in range(120)]
        since = row.since.replace(year=2020)
        planned = trials.Planned("backtest", "", AT, since, row.until, {}, "data", "code")
        number = backtests.keep(tx, replace(row, trial=trials.plan(tx, planned)), trips=many)
        backtests.tell(tx, number, backtests.report_of(tx, 1) | {"kind": "walk-forward"})
    return number


def test_the_weekly_step_takes_the_walk_forward_that_is_large_enough(home):
    """Else the account's own trades: here none; every engine redraws them and says of which run."""
    with home.kit.open_store() as store:
        cycle = Cycle(home.kit, store, None, home.clock.now(), print, 0.0)
        assert drawing.montecarlo_step(cycle).numbers == {"trades": 0}
    number = _keep_walk(home)
    with home.kit.open_store() as store:
        cycle = Cycle(home.kit, store, None, home.clock.now(), print, 0.0)
        done = drawing.montecarlo_step(cycle)
    assert done.state == "SKIPPED"
    assert "1 of 30 days" in done.why, "as many trades as it needs, but of one day"
    for engine in ("iid", "shuffle", "outcome"):
        asked = drawing.Asked(200, engine, "@last")
        data = drawing.monte_carlo(home.config, asked, clock=home.clock)
        assert (data["state"], data["run"], data["trades"]) == ("DONE", number, 120)
        assert [one["name"] for one in data["stress"]] == [
            "as recorded", "volatility x 2", "correlated resolution", "gap to 0",
        ]  # fmt: skip
        assert any("keeps no spread" in one for one in data["not_done"])
    with pytest.raises(UsageError, match=f"backtest {number} is a walk-forward"):
        drawing.monte_carlo(home.config, RUN, clock=home.clock)
