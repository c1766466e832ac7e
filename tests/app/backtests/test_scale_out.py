"""Sweeps, Monte Carlo and correlation over a real dask cluster: the bytes of one process."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_source import Made  # beside this
from study_home import StudyHome  # beside this

from trading_cli.app.backtests import grid, study
from trading_cli.app.workers import Crew
from trading_cli.core.errors import UsageError
from trading_cli.research import lead, montecarlo

GRID = ("exits.stop=.08,.2", "roc_only.ceiling=0.01,0.02")
SMALL = Made(1, 2)


@pytest.fixture(scope="module")
def cluster():
    """Return the address of a dask cluster of two processes on the loopback."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
        dashboard_address="127.0.0.1:0", silence_logs=50,
    ) as made:  # fmt: skip
        yield made.scheduler_address


def test_a_sweep_over_a_cluster_is_the_same(tmp_path, cluster):
    """The whole answer and the ledger; each cell is told as it ends."""
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
    alone, many = StudyHome(tmp_path / "one"), StudyHome(tmp_path / "many")
    told = alone.run(SMALL, grid=GRID)
    assert json.dumps(many.run(SMALL, grid=GRID, cluster=cluster)) == json.dumps(told)
    assert many.trials() == alone.trials()
    for said in (alone.said, many.said):
        assert sum(one.startswith("cell ") for one in said) == 4


def test_paths_over_a_cluster_are_the_same(cluster):
    """Every number of 20,000 paths."""
    logs = np.log1p(np.random.default_rng(3).normal(0, 0.05, 40))
    engine = montecarlo.Iid(logs, 40)
    alone = montecarlo.simulate(engine, 20_000, 7)
    for crew in (Crew(2), Crew(cluster=cluster)):
        assert montecarlo.simulate(engine, 20_000, 7, crew.each).digest() == alone.digest()


def test_correlation_over_a_cluster_is_the_same(cluster):
    """Every number of 18 markets, which are two batches."""
    rng = np.random.default_rng(4)
    markets = [
        lead.Market(f"m{n}", f"e{n}", "c", rng.standard_normal(260),
                    np.cumsum(0.05 * rng.standard_normal(260)))
        for n in range(lead.BATCH + 2)
    ]  # fmt: skip
    rules = lead.Rules(max_lag=2, beside=False, shifted=False)
    alone = repr(lead.examine(markets, rules))
    for crew in (Crew(2), Crew(cluster=cluster)):
        assert repr(lead.examine(markets, rules, crew.each)) == alone


def test_other_data_on_a_worker_is_refused_before_anything_runs(tmp_path, cluster):
    """A worker that would read another file than ours is named; no row is written."""
    home = StudyHome(tmp_path)
    with pytest.raises(UsageError, match=r"the worker tcp://127\.0\.0\.1:\d+ .* has other data"):
        home.run(replace(Other(1, 2)), grid=GRID, cluster=cluster)
    assert home.trials() == []


class Other(Made):
    """Data that are others in every process."""

    def fingerprint(self, since, until):
        """Return what no other process says."""
        import os

        return f"{os.getpid()} {since} {until}"


def test_an_interrupt_keeps_what_two_processes_finished(tmp_path):
    """After Ctrl-C what came back is DONE, the rest was planned, and the same command goes on."""
    home = StudyHome(tmp_path)

    def interrupted(text):
        home.said.append(text)
        if text.startswith("cell 1 of 4"):
            raise KeyboardInterrupt

    asked = study.Asked(strategies=("roc_only",), fees="zero", grid=GRID, workers=2)
    with home.kit.open_store() as store:
        base = replace(study.base_cell(home.kit, asked), source=SMALL)
        with pytest.raises(KeyboardInterrupt):
            study.studied(home.kit, store, base, asked, grid.axes(GRID), say=interrupted)
    states = [one[4] for one in home.trials()]
    assert sorted(states) == ["DONE", "PLANNED", "PLANNED", "PLANNED", "PLANNED"]
    assert states[0] == "PLANNED", "the sweep itself"
    data = home.run(SMALL, grid=GRID)
    assert sum(one["reused"] for one in data["grid"]["cells"]) == 1
