"""The running of cells: each kept as it ends, the best of them reported, nothing run twice."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from trading_cli.app.backtests import grid, report, sides
from trading_cli.app.backtests.bias_checks import NONE, checked
from trading_cli.app.backtests.cells import Cell, Opened, Outcome, play, play_on
from trading_cli.app.backtests.figures import number, sharpe
from trading_cli.app.backtests.luck import luck
from trading_cli.app.backtests.report import Parts
from trading_cli.app.backtests.screening import NO_CHECKS, NO_GATE, TO_CONFIRM, Screening
from trading_cli.app.backtests.tried import Ledger, Tried
from trading_cli.app.settings import Settings
from trading_cli.app.workers import ALONE, Crew, WorkerLost
from trading_cli.core.errors import SourceDown, TradingError, UsageError
from trading_cli.store.backtests import Span

SEED = 1
Say = Callable[[str], None]


def quiet(_text: str) -> None:
    """Hear nothing."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a cell came to nothing."""

    why: str


@dataclass(frozen=True, slots=True)
class Study:
    """What every run of one command shares."""

    ledger: Ledger
    settings: Settings
    seed: int = SEED
    crew: Crew = ALONE
    say: Say = quiet
    screening: Screening | None = None
    left_out: tuple[Span, ...] = ()
    """From when to when there is imported history that nobody asked to leave out."""

    def each(self, cells: Sequence[Cell]) -> Iterator[Outcome | Failed]:
        """Yield what each of *cells* comes to, in their order, from whoever does the work."""
        return self.crew.each(attempted, cells)

    def as_they_end(self, cells: Sequence[Cell]) -> Generator[tuple[int, Outcome | Failed]]:
        """Yield (place, what it comes to) of each of *cells* as it ends."""
        if self.screening is None:
            yield from self.crew.as_they_end(attempted, cells)
            return
        for place, cell in enumerate(cells):
            yield place, screened(self.screening, cell)

    @contextmanager
    def running(self, cell: Cell) -> Iterator[tuple[Opened | None, Outcome]]:
        """Run *cell*; yield its history while it is open (none of the screen) and the outcome."""
        if self.screening is not None:
            yield None, self.screening.play(cell)
            return
        with cell.source.opened(cell.whole, cell.since, cell.until, cell.fees) as opened:
            yield opened, play_on(cell, opened)

    @contextmanager
    def failing(self, trial: int) -> Iterator[None]:
        """Write a failure of ours down in the ledger before it goes on its way.

        A run that had come to its end stays DONE: only what is told of it failed.
        """
        try:
            yield
        except TradingError as error:
            with suppress(KeyError):
                self.ledger.fail(trial, error.message)
            raise

    def answer(  # what an answer is made of
        self, cell: Cell, opened: Opened | None, outcome: Outcome, parts: Parts, kept: Tried,
        cells: Sequence[Tried] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """Run what stands beside, judge the luck of it, keep the whole answer and return it.

        Nothing stands beside a run of the screen, of which no history is open.
        """
        if opened is None:
            parts.bias = {"state": NONE, "missing": NO_CHECKS, "checks": []}
        else:
            self._beside(cell, opened, outcome, parts)
        with self.ledger.store.reading() as look:
            parts.luck = luck(look, kept.returns, cells, seed=self.seed)
        data = report.assembled(cell, outcome, parts, seed=self.seed) | {"run": kept.run}
        data["coverage"]["left_out"] = [
            {"since": since.isoformat(), "until": until.isoformat()}
            for since, until in self.left_out
        ]
        if opened is None:
            data["gate"]["missing"].append(NO_GATE)
            data["sentence"] += f" {TO_CONFIRM}"
        self.ledger.tell(kept.run, data)
        return data

    def _beside(self, cell: Cell, opened: Opened, outcome: Outcome, parts: Parts) -> None:
        parts.bias = checked(cell, opened, seed=self.seed)
        self.say(f"bias checks: {parts.bias['state']}")
        found = sides.sides(self.ledger, cell, opened, outcome, seed=self.seed)
        parts.beside, parts.capacity = found.beside, found.capacity
        self.say("benchmarks and capacity: run on the same history")


def screened(screening: Screening, cell: Cell) -> Outcome | Failed:
    """Return what *cell* comes to on the screen engine, or why to nothing."""
    try:
        return screening.play(cell)
    except TradingError as error:
        return Failed(error.message)


def attempted(cell: Cell) -> Outcome | Failed:
    """Return what *cell* comes to, or why to nothing: one bad cell ends no sweep."""
    try:
        return play(cell)
    except TradingError as error:
        return Failed(error.message)


def attempted_on(cell: Cell, opened: Opened | None) -> Outcome | Failed:
    """Return the same on a history that is open, where there is one that will do."""
    if opened is None:
        return attempted(cell)
    try:
        return play_on(cell, opened)
    except TradingError as error:
        return Failed(error.message)


def sweep(
    study: Study, base: Cell, cells: Sequence[Cell], axes: Sequence[grid.Axis]
) -> dict[str, Any]:
    """Run every cell, then report the best of them, which is IN-SAMPLE."""
    more = {"grid": {one.key: list(one.values) for one in axes}}
    (parent,) = study.ledger.plan([study.ledger.planned(base, "backtest", more=more)])
    rows = swept(study, cells, parent)
    found = [(place, one) for place, one in enumerate(rows) if isinstance(one, Tried)]
    if not found:
        why = next(one.why for one in rows if isinstance(one, Failed))
        study.ledger.fail(parent, f"every cell failed: {why}")
        raise UsageError(f"every cell failed, the first: {why}")
    place, best = max(found, key=lambda one: (one[1].total_return, -one[0]))
    cell, tried = cells[place], [one for _, one in found]
    with study.failing(parent), study.running(cell) as (opened, outcome):
        summary = {"cells": len(cells), "best": cell.label}
        kept = study.ledger.finish(parent, cell, outcome, sweep=summary)
        chosen = report.CHOSEN_HERE.format(n=len(cells))
        table = _told(cells, rows)
        parts = Parts(report.GRID, parent, [chosen], grid=_grid(axes, table, cell.label, best))
        return study.answer(cell, opened, outcome, parts, kept, tried)


def swept(study: Study, cells: Sequence[Cell], parent: int) -> list[Tried | Failed]:
    """Return what each cell came to. One that is kept already is not run again.

    Each is kept as it ends: what interrupts the sweep loses nothing that was finished.
    """
    ledger, say = study.ledger, study.say
    plans = [ledger.planned(one, "cell", parent=parent) for one in cells]
    rows: dict[int, Tried | Failed] = {
        place: kept for place, kept in enumerate(map(ledger.same, plans)) if kept is not None
    }
    if rows:
        say(f"{len(rows)} of {len(cells)} cells are kept from before")
    waiting = [place for place in range(len(cells)) if place not in rows]
    trials = ledger.plan([plans[place] for place in waiting])
    try:
        with closing(study.as_they_end([cells[at] for at in waiting])) as ended:
            for at, outcome in ended:
                place = waiting[at]
                rows[place] = _kept(ledger, trials[at], cells[place], outcome)
                say(f"cell {len(rows)} of {len(cells)}: {cells[place].label}{_brief(rows[place])}")
    except (KeyboardInterrupt, WorkerLost, SourceDown):
        say(f"{len(rows)} of {len(cells)} cells are kept: the same command goes on from there")
        raise
    return [rows[place] for place in range(len(cells))]


def _kept(ledger: Ledger, trial: int, cell: Cell, outcome: Outcome | Failed) -> Tried | Failed:
    if isinstance(outcome, Failed):
        ledger.fail(trial, outcome.why)
        return outcome
    return ledger.finish(trial, cell, outcome, whole=False)


def _brief(one: Tried | Failed) -> str:
    return f": {one.why}" if isinstance(one, Failed) else f": {one.total_return:+.2%}"


def _told(cells: Sequence[Cell], rows: Sequence[Tried | Failed]) -> list[dict[str, Any]]:
    return [told_cell(cell, row) for cell, row in zip(cells, rows, strict=True)]


def told_cell(cell: Cell, row: Tried | Failed) -> dict[str, Any]:
    """Return a cell of a sweep as the envelope has it."""
    if isinstance(row, Failed):
        empty = dict.fromkeys(("trial", "total_return", "trades", "sharpe"))
        return {"cell": cell.label, **empty, "reused": False, "why": row.why}
    return {
        "cell": cell.label,
        "trial": row.trial,
        "total_return": number(row.total_return),
        "trades": row.trades,
        "sharpe": sharpe(row.returns),
        "reused": row.reused,
        "why": "",
    }


def _grid(
    axes: Sequence[grid.Axis], table: list[dict[str, Any]], label: str, best: Tried
) -> dict[str, Any]:
    return {
        "axes": [{"key": one.key, "values": list(one.values)} for one in axes],
        "cells": table,
        "best": label,
        "best_trial": best.trial,
    }
