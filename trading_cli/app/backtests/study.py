"""`trading backtest`: what is asked becomes cells, each a trial before it runs, and a report."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from trading_cli.app.backtests import grid, walk
from trading_cli.app.backtests.bias_checks import EXPOSED
from trading_cli.app.backtests.cells import ENGINES, FULL, SCREEN, Cell, Source
from trading_cli.app.backtests.report import Parts
from trading_cli.app.backtests.screening import screening_of
from trading_cli.app.backtests.stored import Stored
from trading_cli.app.backtests.sweep import SEED, Say, Study, quiet, sweep
from trading_cli.app.backtests.tried import Ledger
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.journal import must_exist
from trading_cli.app.toolkit import Toolkit, build
from trading_cli.app.workers import Crew
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.store import Store
from trading_cli.store.backtests import Extent, Span
from trading_cli.trading.backtest.rules import fees_of

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for; ``None`` and nothing are as the settings and the data have it."""

    since: datetime | None = None
    until: datetime | None = None
    strategies: tuple[str, ...] = ()
    walk_forward: bool = False
    grid: tuple[str, ...] = ()
    fees: str | None = None
    engine: str = FULL
    cluster: str | None = None
    seed: int = SEED
    workers: int = 1


def backtest(
    config: Path | None,
    asked: Asked | None = None,
    *,
    clock: Clock | None = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Return the answer, as the envelope has it.

    Raises ``UsageError`` for what cannot be asked: an unknown strategy, engine, fee or setting, a
    grid of nothing or of too much, a span without a price. Raises ``StoreReadOnly`` where the
    trial cannot be written down: nothing is run that is not in the ledger.
    """
    asked = asked or Asked()
    axes = grid.axes(asked.grid)
    with ExitStack() as stack:
        toolkit = stack.enter_context(build(config, clock=clock))
        base = base_cell(toolkit, asked)
        must_exist(toolkit.loaded.database)
        store = stack.enter_context(toolkit.open_store())
        return studied(toolkit, store, base, asked, axes, say=say)


def studied(
    toolkit: Toolkit, store: Store, base: Cell, asked: Asked, axes: Sequence[grid.Axis], *,
    say: Say = quiet,
) -> dict[str, Any]:  # fmt: skip
    """Return the same for a cell whose span may still be open."""
    there = base.source.extent()
    base = _within(base, asked, there)
    left_out = _left_out(base, asked, there)
    cells = grid.cells(base, axes)
    ledger = Ledger(store, toolkit.clock)
    crew = Crew(asked.workers, asked.cluster)
    crew.agree(partial(base.source.fingerprint, base.since, base.until), "other data")
    many = f", {len(cells)} cells" if axes else ""
    say(f"{base.since:%Y-%m-%d %H:%M} <= t < {base.until:%Y-%m-%d %H:%M} UTC{many}")
    with screening_of(cells[0]) as screening:
        study = Study(ledger, toolkit.settings, asked.seed, crew, say, screening, left_out)
        if asked.walk_forward:
            return walk.walk(study, base, cells, axes)
        return sweep(study, base, cells, axes) if len(cells) > 1 else _one(study, cells[0])


def base_cell(toolkit: Toolkit, asked: Asked) -> Cell:
    """Return what is asked for as one cell, its span as typed. Raises ``UsageError``."""
    settings = toolkit.settings
    fees = asked.fees or settings.backtest.fees
    fees_of(fees)
    if asked.engine not in ENGINES:
        raise UsageError(f"there is no engine {asked.engine!r}.", hint=", ".join(ENGINES))
    if asked.engine == SCREEN and (asked.walk_forward or asked.cluster is not None):
        raise UsageError(
            "the engine screen sweeps in one process: it neither walks forward nor asks a cluster.",
            hint="--engine full",
        )
    if asked.seed < 0 or asked.workers < 1:
        raise UsageError("--seed is 0 or more, and --workers 1 or more.")
    Crew(asked.workers, asked.cluster).ready()
    names = asked.strategies or settings.signals.strategies
    source: Source = Stored(toolkit.loaded.database)
    return Cell(
        source, settings.model_dump_json(), toolkit.home, tuple(names), asked.since or NEVER,
        asked.until or NEVER, fees, asked.engine,
    )  # fmt: skip


def spanned(base: Cell, asked: Asked) -> Cell:
    """Return *base* with the span filled from what there is. Raises ``UsageError`` for none."""
    return _within(base, asked, base.source.extent())


def _within(base: Cell, asked: Asked, there: Extent | None) -> Cell:
    if there is None:
        raise UsageError(
            "there is no price in the database: nothing can be run.",
            hint="trading collect --backfill 7d, or trading import FILE",
        )
    first, last = there.whole
    since, until = asked.since or there.usual[0], asked.until or there.usual[1]
    if since >= until:
        raise UsageError(
            f"the span from {since.isoformat()} to {until.isoformat()} is empty.",
            hint="--since must lie before --until",
        )
    if since >= last or until <= first:
        raise UsageError(
            f"there is no price from {since.isoformat()} to {until.isoformat()}.",
            hint=f"there are prices from {first.isoformat()} to {last.isoformat()}",
        )
    return replace(base, since=since, until=until)


def _left_out(base: Cell, asked: Asked, there: Extent | None) -> tuple[Span, ...]:
    """Return the imported history that the usual span leaves out; what was typed was meant."""
    if there is None:
        return ()
    first, last = there.whole
    since, until = (first if asked.since else base.since), (last if asked.until else base.until)
    return there.left_out(since, until)


def _one(study: Study, cell: Cell) -> dict[str, Any]:
    """Run one configuration and what stands beside it."""
    (trial,) = study.ledger.plan([study.ledger.planned(cell, "backtest")])
    with study.failing(trial), study.running(cell) as (opened, outcome):
        kept = study.ledger.finish(trial, cell, outcome)
        study.say(f"run: {len(outcome.run.closed)} trades closed")
        return study.answer(cell, opened, outcome, Parts(trial=trial), kept)


def backtest_step(cycle: Cycle) -> Done:
    """Walk the settings' strategies forward; SKIPPED, with how much there is, before it can."""
    asked = Asked(walk_forward=True)
    try:
        base = spanned(base_cell(cycle.toolkit, asked), asked)
        section = base.whole.backtest
        walk.folds(
            base.since, base.until, train=section.train_days, test=section.test_days,
            step=section.step_days,
        )  # fmt: skip
    except UsageError as error:
        return Done("SKIPPED", error.message)
    data = studied(cycle.toolkit, cycle.store, base, asked, (), say=cycle.say)
    numbers = {name: data[name] for name in ("run", "trial", "counts", "sentence")}
    numbers |= {"trials": data["luck"]["trials"], "dsr": data["luck"]["dsr"]}
    if data["bias"]["state"] == EXPOSED:
        wrong = "; ".join(one["sentence"] for one in data["bias"]["checks"] if not one["clean"])
        return Done("FAILED", f"look-ahead: {wrong}", numbers)
    return Done("OK", data["missing"], numbers)
