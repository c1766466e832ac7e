"""Sweeps: every cell is a trial before it runs, each is kept, and none is run twice."""

import pickle
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from made_source import START, Made  # beside this
from study_home import StudyHome  # beside this

from trading_cli.app.backtests import grid, study
from trading_cli.app.backtests.cells import Cell, made, play
from trading_cli.app.backtests.luck import luck
from trading_cli.app.backtests.tried import Tried, relevant
from trading_cli.app.settings import Settings
from trading_cli.core.errors import UsageError
from trading_cli.store import backtests, trials

GRID = ("exits.stop=.08,.2", "roc_only.ceiling=0.01,0.02")
SMALL = Made(1, 2)


def cell(**changes):
    """Return a cell of a small world."""
    base = Cell(
        SMALL, Settings().model_dump_json(), Path(), ("roc_only",), START, SMALL.until, "zero",
    )  # fmt: skip
    return replace(base, **changes)


def test_every_combination_is_a_cell_of_its_own():
    """Settings and strategy parameters, in the order typed; each label says its values."""
    found = grid.cells(cell(), grid.axes((*GRID, "exits.targets=[.05,.1,.2],[.1,.2,.3]")))
    assert len(found) == 8
    assert found[0].label == "exits.stop=.08, roc_only.ceiling=0.01, exits.targets=[.05,.1,.2]"
    assert found[-1].whole.exits.stop == Decimal("0.2")
    assert found[-1].whole.exits.targets == (Decimal(".1"), Decimal(".2"), Decimal(".3"))
    assert made(found[-1])[0].ceiling == Decimal("0.02")
    assert len({relevant(one.whole) for one in found}) == 4, "the ceiling is no setting"
    assert len({(one.settings, one.overrides) for one in found}) == 8


def test_numbers_are_read_as_a_person_types_them():
    """1e3, .5, 0, true: what YAML takes for a word too."""
    settings = Settings().model_dump_json()
    found = grid.with_values(
        settings,
        {"bankroll": "1e3", "signals.min_days_to_deadline": "0", "exits.volume_fade": ".25"},
    )
    whole = Settings.model_validate_json(found)
    assert whole.bankroll == 1000
    assert whole.signals.min_days_to_deadline == 0
    assert whole.exits.volume_fade == 0.25


def test_the_fees_of_a_cell_are_those_of_its_axis():
    """backtest.fees can be swept as well."""
    found = grid.cells(cell(), grid.axes(("backtest.fees=zero,flat:.05",)))
    assert [one.fees for one in found] == ["zero", "flat:.05"]
    with pytest.raises(UsageError, match=r"backtest\.fees"):
        grid.cells(cell(), grid.axes(("backtest.fees=free",)))


def test_a_cell_and_its_outcome_can_be_pickled():
    """Another process is handed the one and hands back the other, digest for digest."""
    there = pickle.loads(pickle.dumps(cell()))  # noqa: S301  # our own
    mine, theirs = play(cell()), pickle.loads(pickle.dumps(play(there)))  # noqa: S301
    assert theirs.run.digest == mine.run.digest
    np.testing.assert_array_equal(theirs.run.equity.cash, mine.run.equity.cash)


def test_a_sweep_reports_its_best_as_in_sample(tmp_path):
    """The best cell is told, IN-SAMPLE; every cell is a row under the sweep's own."""
    home = StudyHome(tmp_path)
    data = home.run(SMALL, grid=GRID)
    assert data["kind"] == "grid"
    assert data["in_sample"] == ["the best of 4 cells, chosen on the very data it is shown on"]
    cells = data["grid"]["cells"]
    best = max(cells, key=lambda one: one["total_return"])
    assert data["grid"]["best"] == best["cell"] == data["asked"]["cell"]
    own = data["equity"][-1]["liquidation"] / 10_000 - 1
    assert own == pytest.approx(best["total_return"], abs=1e-6)
    rows = home.trials()
    assert rows[0][1:3] == ("backtest", None)
    assert [one[1:3] for one in rows[1:5]] == [("cell", 1)] * 4
    assert {one[4] for one in rows} == {"DONE"}
    with home.looking() as look:
        counted = trials.counted(look)
        assert counted.rows == 8
        assert counted.distinct == 7, "a sweep is its cells"
        assert backtests.last(look).trial == rows[0][0]


def test_one_cell_is_no_choice(tmp_path):
    """A grid of one combination is a run under other settings: nothing was chosen."""
    data = StudyHome(tmp_path).run(SMALL, grid=("exits.stop=.2",))
    assert data["kind"] == "run"
    assert data["in_sample"] == []
    assert data["grid"] is None
    assert data["asked"]["cell"] == "exits.stop=.2"


def test_what_is_kept_is_not_run_again(tmp_path):
    """The same sweep again runs no cell; one value more runs only what is new."""
    home = StudyHome(tmp_path)
    first = home.run(SMALL, grid=("exits.stop=.08,.2",))
    again = home.run(SMALL, grid=("exits.stop=.08,.2,.15",))
    assert [one["reused"] for one in first["grid"]["cells"]] == [False, False]
    assert [one["reused"] for one in again["grid"]["cells"]] == [True, True, False]
    for old, kept in zip(first["grid"]["cells"], again["grid"]["cells"], strict=False):
        assert (old["total_return"], old["trades"]) == (kept["total_return"], kept["trades"])
    assert "2 of 3 cells are kept from before" in home.said
    changed = home.run(Made(1, 2, seed=2), grid=("exits.stop=.08,.2",))
    assert not any(one["reused"] for one in changed["grid"]["cells"]), "other data"


def test_an_interrupt_keeps_what_was_finished(tmp_path):
    """After Ctrl-C the finished cells are DONE, the others were planned, and it goes on there."""
    home = StudyHome(tmp_path)

    def interrupted(text):
        home.said.append(text)
        if text.startswith("cell 2 of 4"):
            raise KeyboardInterrupt

    asked = study.Asked(strategies=("roc_only",), fees="zero", grid=GRID)
    with home.kit.open_store() as store:
        base = replace(study.base_cell(home.kit, asked), source=SMALL)
        with pytest.raises(KeyboardInterrupt):
            study.studied(home.kit, store, base, asked, grid.axes(GRID), say=interrupted)
    assert [one[4] for one in home.trials()] == ["PLANNED", "DONE", "DONE", "PLANNED", "PLANNED"]
    assert home.said[-1] == "2 of 4 cells are kept: the same command goes on from there"
    data = home.run(SMALL, grid=GRID)
    assert sum(one["reused"] for one in data["grid"]["cells"]) == 2


def test_one_bad_cell_ends_no_sweep(tmp_path):
    """A cell that fails is told with why, counts as tried, and the others go on."""
    home = StudyHome(tmp_path)
    data = home.run(replace(SMALL, refuses="0.2"), grid=("exits.stop=.08,.2,.15",))
    assert [one["why"] for one in data["grid"]["cells"]] == ["", "this one cannot be", ""]
    assert [one[4] for one in home.trials()][:4] == ["DONE", "DONE", "FAILED", "DONE"]
    bad = replace(SMALL, refuses="0.2")
    with pytest.raises(UsageError, match="every cell failed, the first: this one cannot be"):
        home.run(bad, grid=("exits.stop=.2", "roc_only.ceiling=.01,.02"))
    assert home.trials()[-2][4] == home.trials()[-1][4] == "FAILED"


@pytest.mark.nightly
def test_any_number_of_processes_finds_the_same(tmp_path):
    """Two workers, or one: cell for cell the same."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    alone = StudyHome(tmp_path / "one").run(SMALL, grid=("exits.stop=.08,.2",))
    spread = StudyHome(tmp_path / "two").run(SMALL, grid=("exits.stop=.08,.2",), workers=2)
    assert alone["grid"] == spread["grid"]
    assert alone["digest"] == spread["digest"]


def _tried(seed, days=120, each=1):
    rng = np.random.default_rng(seed)
    return Tried(1, 1, rng.normal(0, 0.01, days), np.full(days, each), 0.0, days * each)


def test_overfitting_needs_its_minima(tmp_path):
    """PBO: 10 configurations and 10 trades in each of 8 blocks; SPA and PSR: 30 days."""
    home = StudyHome(tmp_path)
    with home.kit.open_store() as store, store.reading() as look:
        many = [_tried(seed) for seed in range(12)]
        found = luck(look, many[0].returns, many, seed=1)
        assert found["pbo"]["missing"] == ""
        assert 0 <= found["pbo"]["pbo"] <= 1
        assert found["pbo"]["configurations"] == 12
        assert found["spa"]["lower"] <= found["spa"]["consistent"] <= found["spa"]["upper"]
        assert 0 < found["psr"] < 1
        few = luck(look, many[0].returns, many[:9], seed=1)
        assert "9 of 10 configurations" in few["pbo"]["missing"]
        idle = luck(look, many[0].returns, [_tried(s, each=0) for s in range(12)], seed=1)
        assert "0 of 10 trades" in idle["pbo"]["missing"]
        short = luck(look, many[0].returns[:29], [], seed=1)
        assert "29 of 30 days" in short["missing"]
        assert "29 of 30 days" in short["spa"]["missing"]
        assert short["psr"] is None


def test_a_cell_reads_nothing_of_alerts_or_schedules():
    """The hash of what a backtest reads does not change with what it does not read."""
    usual = Settings()
    section = usual.schedule.model_copy(update={"analysis": "1 1 * * *"})
    quiet = usual.model_copy(update={"schedule": section})
    assert relevant(quiet) == relevant(usual)
    other = usual.model_copy(update={"bankroll": Decimal(5)})
    assert relevant(other) != relevant(usual)
