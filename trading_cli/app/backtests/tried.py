"""Runs in the ledger of trials: a row before each, what came of it after, and nothing unwritten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.backtests import figures
from trading_cli.app.backtests.cells import Cell, Outcome
from trading_cli.app.settings import Settings
from trading_cli.app.trials import code_hash
from trading_cli.core.clock import Clock
from trading_cli.core.faults import fault
from trading_cli.research import sharpe
from trading_cli.research.measures import LEAST_DAYS
from trading_cli.store import Store, backtests, trials

Floats = NDArray[np.float64]
READ = {"signals", "risk", "exits", "hype", "backtest", "bankroll", "data_collection"}
_COLLECTED = {"panel", "candidates"}


@dataclass(frozen=True, slots=True)
class Tried:
    """A run that is kept, as a sweep needs it: daily returns [n], trips opened by day [n]."""

    trial: int
    run: int
    returns: Floats
    opened: NDArray[np.int64]
    total_return: float
    trades: int
    reused: bool = False


@dataclass(slots=True)
class Ledger:
    """Where runs are written down. One for a command."""

    store: Store
    clock: Clock
    prints: dict[tuple[datetime, datetime], str] = field(default_factory=dict)

    def planned(
        self, cell: Cell, kind: str, *, parent: int | None = None, in_sample: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> trials.Planned:  # fmt: skip
        """Return *cell* as the ledger has it."""
        span = (cell.since, cell.until)
        if span not in self.prints:
            self.prints[span] = cell.source.fingerprint(*span)
        told = {**described(cell), **(more or {})}
        return trials.Planned(
            kind, ",".join(cell.names), self.clock.now(), *span, told, self.prints[span],
            code_hash(), parent=parent, in_sample=in_sample,
        )  # fmt: skip

    def plan(self, every: Sequence[trials.Planned]) -> list[int]:
        """Write down what is about to be run, before it is."""
        with self.store.transaction(durable=True) as tx:
            rows = trials.plan_all(tx, every)
        fault("backtest.planned")
        return rows

    def fail(self, trial: int, why: str) -> None:
        """Write down that a planned run failed."""
        with self.store.transaction() as tx:
            trials.fail(tx, trial, self.clock.now(), why[:500])

    def finish(
        self,
        trial: int,
        cell: Cell,
        outcome: Outcome,
        *,
        whole: bool = True,
        sweep: Mapping[str, Any] | None = None,
    ) -> Tried:
        """Keep a run: *whole* with its trips and every slot, else its days alone.

        *sweep*: the summary of a sweep, whose ratios are those of its cells and not its own.
        """
        bankroll, run = float(cell.bankroll), outcome.run
        returns = figures.returns(run.equity, bankroll)
        opened = figures.opened_by_day((*run.closed, *run.still_open), run.equity)
        total = float(figures.daily(run.equity, bankroll)[-1]) / bankroll - 1
        trips = (*run.closed, *run.still_open) if whole else ()
        now = self.clock.now()
        with self.store.transaction() as tx:
            number = backtests.keep(
                tx, _row(trial, cell, outcome, now), trips=trips,
                curve=_curve(outcome, whole=whole),
            )  # fmt: skip
            summary = {"run": number, "total_return": figures.number(total)}
            summary |= {"trades": len(run.closed), "open": len(run.still_open)}
            result = _result(returns, summary)
            if sweep is not None:
                result = trials.Result(summary={**summary, **sweep})
            trials.finish(tx, trial, now, result)
        fault("backtest.kept")
        return Tried(trial, number, returns, opened, total, int(opened.sum()))

    def tell(self, run: int, report: Mapping[str, Any]) -> None:
        """Keep what was answered of a run."""
        with self.store.transaction() as tx:
            backtests.tell(tx, run, report)

    def same(self, planned: trials.Planned) -> Tried | None:
        """Return what is kept of the same trial, which need not be run again."""
        with self.store.reading() as look:
            row = backtests.same(look, planned.hash)
            kept = None if row is None else backtests.curve(look, row.id)
        if row is None or kept is None:
            return None
        days = figures.days_of(kept.slots)
        curve = np.concatenate([[float(row.opening)], kept.at_liquidation[days]])
        curve = np.maximum(curve, figures.LEAST)
        opened = np.add.reduceat(kept.opened, np.concatenate([[0], days[:-1] + 1]))
        total = float(curve[-1] / curve[0] - 1)
        return Tried(
            row.trial, row.id, curve[1:] / curve[:-1] - 1, opened, total, int(opened.sum()),
            reused=True,
        )  # fmt: skip


def described(cell: Cell) -> dict[str, Any]:
    """Return what distinguishes *cell*, in a few words and one hash of every setting it reads."""
    told: dict[str, Any] = {
        "settings": relevant(cell.whole), "engine": cell.engine, "fees": cell.fees,
    }  # fmt: skip
    if cell.label:
        told["grid"] = cell.label
    if cell.times != 1:
        told["bankroll_times"] = cell.times
    told |= dict(cell.overrides)
    if cell.apart:
        told["events_apart"] = len(cell.apart)
    return told


def relevant(settings: Settings) -> str:
    """Return 12 hex digits that stand for every setting a backtest reads."""
    text = settings.model_dump_json(
        include={name: _COLLECTED if name == "data_collection" else True for name in READ},
        exclude={"signals": {"strategies", "strategy_timeout_s"}},
    )
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _result(returns: Floats, summary: Mapping[str, Any]) -> trials.Result:
    """Return the ratio with its moments; a record below 30 days has none (SPEC §5)."""
    found = sharpe.moments(returns)
    number = figures.number
    exists = np.isfinite(found.sharpe) and found.n >= LEAST_DAYS
    return trials.Result(
        found.sharpe if exists else None, found.n,
        skew=number(found.skew), kurtosis=number(found.kurtosis), summary=summary,
    )  # fmt: skip


def _row(trial: int, cell: Cell, outcome: Outcome, now: datetime) -> backtests.Row:
    run = outcome.run
    equity = run.equity.at_liquidation
    closing = cell.bankroll if not equity.size else type(cell.bankroll)(str(float(equity[-1])))
    return backtests.Row(
        trial, now, cell.since, cell.until, ",".join(cell.names), cell.engine, cell.fees,
        run.digest, cell.bankroll, closing, run.traded, run.killed_at,
    )  # fmt: skip


def _curve(outcome: Outcome, *, whole: bool) -> backtests.Curve:
    equity = outcome.run.equity
    rows = np.arange(equity.slots.size) if whole else figures.days_of(equity.slots)
    slots = equity.slots[rows]
    trips = (*outcome.run.closed, *outcome.run.still_open)
    at = np.array([int(one.opened_at.timestamp()) for one in trips], np.int64)
    opened = np.zeros(slots.size, np.int64)
    if slots.size and at.size:
        ends = slots // 86_400 * 86_400 + 86_399 if not whole else slots + 899
        np.add.at(opened, np.clip(np.searchsorted(ends, at), 0, slots.size - 1), 1)
    return backtests.Curve(
        slots, equity.cash[rows], equity.liquidation[rows], equity.mid[rows], equity.staked[rows],
        opened,
    )  # fmt: skip
