"""`monte-carlo --engine perturb`: the backtest again, with noise and over the grid of its risks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trading_cli.app.backtests import perturbed
from trading_cli.app.backtests.cells import Source
from trading_cli.app.backtests.sweep import Study
from trading_cli.app.backtests.tried import Ledger
from trading_cli.app.montecarlo import (
    KEEP_A_RUN,
    Asked,
    Sample,
    Say,
    emptied,
    quiet,
    stress,
    summed,
)
from trading_cli.app.toolkit import Toolkit, build
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.research import rerun
from trading_cli.research.paths import summary
from trading_cli.store import Store


def again_at(
    config: Path | None, sample: Sample, wish: Asked, *, clock: Clock | None, say: Say
) -> dict[str, Any]:
    """Return the same of the home at *config*."""
    with build(config, clock=clock) as toolkit, toolkit.open_store() as store:
        return again(toolkit, store, sample, wish, say=say)


def again(  # what a re-run is made of
    toolkit: Toolkit,
    store: Store,
    sample: Sample,
    wish: Asked,
    *,
    say: Say = quiet,
    source: Source | None = None,
    points: Sequence[perturbed.Point] = perturbed.POINTS,
) -> dict[str, Any]:
    """Return what running the backtest of *sample* again says, with noise and over the grid.

    *source*: another than the home's own; *points*: of the grid. Raises UsageError where it does
    not come out again.
    """
    row = sample.run
    if row is None:
        raise UsageError("no backtest run is named.", hint=KEEP_A_RUN)
    cell = perturbed.cell_of(toolkit, row, sample.report, source)
    perturbed.same(cell, row)
    study = Study(Ledger(store, toolkit.clock), toolkit.settings, wish.seed, wish.crew, say)
    found = perturbed.perturbed(study, cell, row, wish.runs or 1)
    data = emptied(wish, sample) | summed(summary(found.paths))
    data |= {
        "unit": "trades",
        "factors": dict(rerun.FACTORS),
        "sensitivity": perturbed.sensitivity(study, cell, row, points),
        "stress": stress(sample, wish),
    }
    return data
