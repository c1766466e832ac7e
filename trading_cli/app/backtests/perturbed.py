"""A kept backtest run again: with other costs and thresholds, and over a grid of what it risks.

What is run again is a trial that is in the ledger already, and only where it comes out again as it
was kept, decision for decision. The re-runs with noise are one row more, written before they run
(``tests``: how many): what is told of them is their distribution, never which of them did best, so
nothing can be chosen by them. The grid names its values: each of its cells is a trial of its own.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np

from trading_cli.app.backtests import figures, grid, study
from trading_cli.app.backtests.cells import Cell, Source, made, parameters, play
from trading_cli.app.backtests.noisy import Noise
from trading_cli.app.backtests.report import WALK
from trading_cli.app.backtests.sweep import Failed, Study, swept
from trading_cli.app.backtests.tried import Tried, relevant
from trading_cli.app.settings import Settings
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.errors import UsageError
from trading_cli.domain import Trip
from trading_cli.research import rerun
from trading_cli.research.paths import Paths
from trading_cli.store import trials
from trading_cli.store.backtests import Row

Changes = rerun.Changes
TIERS = ("weak", "moderate", "strong")
HIGHEST_HYPE = 100.0
STEP = Decimal("0.000001")
Point = tuple[float, float, float]
POINTS: tuple[Point, ...] = tuple(product(rerun.RVR, rerun.STOPS, rerun.SIZES))
_LABELS = re.compile(r", (?=[\w.]+=)")
AGAIN = "trading backtest, then --run @last"


@dataclass(frozen=True, slots=True)
class Again:
    """What the callable of the engine is: one cell, run with what is given it. For any process."""

    cell: Cell

    def __call__(self, changes: Changes) -> list[float]:
        """Return the trades' returns, fractions of the equity before each, as they closed."""
        cell = noisy(self.cell, changes)
        return returns(play(cell).run.closed, cell.bankroll)


def returns(closed: Sequence[Trip], bankroll: Decimal) -> list[float]:
    """Return each net result over the bankroll and what was earned before it; at least -1."""
    equity, found = float(bankroll), []
    for one in sorted(closed, key=lambda trip: (trip.closed_at, trip.id)):
        net = float(one.net)
        found.append(max(net / equity, -1.0) if equity > 0 else -1.0)
        equity += net
    return found


def noisy(cell: Cell, changes: Changes) -> Cell:
    """Return *cell* with fees, spreads, delays and thresholds so many times what they are."""
    tree: dict[str, Any] = json.loads(cell.settings)
    spread = _exact(changes["spread"])
    tree["backtest"]["slippage"] = str((cell.whole.backtest.slippage * spread).quantize(STEP))
    for name in ("rvr", "roc", "hype"):
        bars = tree["signals"][name]
        for tier in TIERS:
            bars[tier] *= changes["threshold"]
            if name == "hype":
                bars[tier] = min(bars[tier], HIGHEST_HYPE)
    whole = Settings.model_validate_json(json.dumps(tree), strict=True)
    noise = Noise(_exact(changes["fee"]), spread, _exact(changes["latency"]))
    return replace(cell, settings=whole.model_dump_json(), noise=noise)


def _exact(factor: float) -> Decimal:
    return Decimal(str(factor)).quantize(STEP)


# --- which run


def cell_of(
    toolkit: Toolkit, row: Row, told: Mapping[str, Any], source: Source | None = None
) -> Cell:
    """Return the one configuration of a kept run.

    Raises ``UsageError`` for a walk-forward, which has none, and where the settings are others now.
    """
    name = f"backtest {row.id}"
    if told["kind"] == WALK:
        raise UsageError(
            f"{name} is a walk-forward: it has no one configuration to run again.",
            hint="--engine block redraws its trades; or --run a plain backtest",
        )
    said = told["asked"]
    wish = study.Asked(
        row.since, row.until, tuple(said["strategies"]), fees=row.fees, engine=row.engine
    )
    base = study.base_cell(toolkit, wish)
    values = tuple(_LABELS.split(said["cell"])) if said["cell"] else ()
    (cell,) = grid.cells(base, grid.axes(values))
    if relevant(cell.whole) != said["settings"]:
        raise UsageError(f"the settings have changed since {name}.", hint=AGAIN)
    return cell if source is None else replace(cell, source=source)


def same(cell: Cell, row: Row) -> None:
    """Run *cell* as it is; raise ``UsageError`` unless it comes to what was kept as *row*."""
    if play(cell).run.digest != row.digest:
        raise UsageError(
            f"backtest {row.id} does not come out again as it was kept: its data or the program"
            " have changed.",
            hint=AGAIN,
        )


# --- the re-runs


def perturbed(study: Study, cell: Cell, row: Row, runs: int) -> rerun.Perturbed:
    """Run *cell* again *runs* times with noise; one row of the ledger, below that of *row*."""
    ledger = study.ledger
    noise = {"runs": runs, "seed": study.seed, "factors": dict(rerun.FACTORS)}
    planned = ledger.planned(cell, "cell", parent=row.trial, more={"perturb": noise})
    (trial,) = ledger.plan([replace(planned, tests=runs)])

    def each(work: rerun.Work, given: Iterable[int]) -> Iterator[tuple[Paths, Changes]]:
        for done, one in enumerate(study.crew.each(work, given), start=1):
            study.say(f"backtest {row.id} again, each a little other: {done} of {runs}")
            yield one

    with study.failing(trial):
        found = rerun.perturbed(Again(cell), runs, study.seed, each=each)
    with ledger.store.transaction() as tx:
        growth = [float(one) - 1 for one in np.percentile(found.paths.growth, (5, 50, 95))]
        summary = {"total_return_5_50_95": [figures.number(one) for one in growth]}
        trials.finish(tx, trial, ledger.clock.now(), trials.Result(summary=summary))
    return found


def sensitivity(
    study: Study, cell: Cell, row: Row, points: Sequence[Point] = POINTS
) -> list[dict[str, Any]]:
    """Run the grid of RVR threshold, stop and size; every cell a trial, kept as it ends."""
    cells = [at_point(cell, *one) for one in points]
    rows = swept(study, cells, row.trial)
    return [
        {"rvr": rvr, "stop": stop, "size": size} | _told(one)
        for (rvr, stop, size), one in zip(points, rows, strict=True)
    ]


def at_point(cell: Cell, rvr: float, stop: float, size: float) -> Cell:
    """Return *cell* with RVR MODERATE from *rvr* on, the stop at *stop*, *size* of equity at most.

    The other tiers of RVR keep their distance in proportion, and so do the ceilings below the
    highest; a strategy with a ceiling of its own has *size*.
    """
    whole = cell.whole
    bars, ceilings = whole.signals.rvr, whole.risk.tier_ceilings
    times, top = rvr / bars.moderate, max(ceilings)
    most = Decimal(str(size))
    scaled = [str((one / top * most).quantize(STEP)) if top else "0" for one in ceilings]
    changes = {f"signals.rvr.{tier}": repr(getattr(bars, tier) * times) for tier in TIERS}
    changes |= {
        "exits.stop": str(stop), "risk.position": str(most),
        "risk.tier_ceilings": f"[{', '.join(scaled)}]",
    }  # fmt: skip
    own = {f"{one.name}.ceiling": str(most) for one in made(cell) if "ceiling" in parameters(one)}
    overrides = tuple({**dict(cell.overrides), **own}.items())
    label = f"RVR {rvr:g}, stop {stop:g}, size {size:g}"
    settings = grid.with_values(cell.settings, changes)
    return replace(cell, settings=settings, overrides=overrides, label=label)


def _told(one: Tried | Failed) -> dict[str, Any]:
    if isinstance(one, Failed):
        empty = dict.fromkeys(("trial", "trades", "total_return", "drawdown"))
        return {**empty, "why": one.why}
    equity = np.cumprod(np.concatenate([[1.0], 1 + one.returns]))
    fall = float(np.max(1 - equity / np.maximum.accumulate(equity)))
    return {
        "trial": one.trial, "trades": one.trades,
        "total_return": figures.number(one.total_return), "drawdown": figures.number(fall),
        "why": "",
    }  # fmt: skip
