"""The cycles: tuples of steps, and how a run of one is kept.

Every start leaves a row. A step that fails is named and the others go on, unless the store itself
failed or another run took over; a run that was killed leaves its done steps as checkpoints, and
the next start in the same slot goes on from them. Slots in which nothing began become rows too.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from trading_cli.app import effective, stop
from trading_cli.app.gather import Progress
from trading_cli.app.runs import only_run
from trading_cli.app.toolkit import Toolkit
from trading_cli.core import log, memory
from trading_cli.core.errors import RunLocked, StoreCorrupt, StoreError, TradingError
from trading_cli.core.faults import fault
from trading_cli.domain import from_epoch
from trading_cli.store import Store, runs, sealing
from trading_cli.store.timings import SOURCES

LATE = timedelta(minutes=5)
PATIENCE_S = 2.0  # by then whoever holds the lock has written down which slot it is doing
FARTHEST = timedelta(days=28)
SEVERITIES = ("OK", "SKIPPED", "PARTIAL", "FAILED")


@dataclass(frozen=True, slots=True)
class Done:
    """What a step came to: OK, PARTIAL, SKIPPED (with why) or FAILED."""

    state: str = "OK"
    why: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Cycle:
    """One run under way: what its steps share. ``said`` is what earlier steps left for later."""

    toolkit: Toolkit
    store: Store
    ticket: runs.Ticket
    now: datetime
    say: Progress
    deadline: float
    said: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    errors: list[TradingError] = field(default_factory=list)

    @property
    def slot(self) -> int:
        """Return the slot the run is for, in epoch seconds."""
        return self.ticket.slot


Step = Callable[[Cycle], Done]


@dataclass(frozen=True, slots=True)
class Plan:
    """A cycle as data: its name, its period, its steps in order and the longest it may take.

    ``offset`` moves the grid of slots: weeks begin on Monday, the epoch on a Thursday.
    """

    name: str
    period: timedelta
    steps: tuple[tuple[str, Step], ...]
    longest: timedelta
    offset: timedelta = timedelta()

    def slot_of(self, at: datetime) -> int:
        """Return the start of the period that holds *at*, in epoch seconds."""
        period, offset = int(self.period.total_seconds()), int(self.offset.total_seconds())
        return (int(at.timestamp()) - offset) // period * period + offset


@dataclass(slots=True)
class CycleReport:
    """What a run did, as the envelope has it; ``error`` is what made it fail."""

    cycle: str
    slot: int
    run: int = 0
    state: str = "SKIPPED"
    timing: str = "on_time"
    reason: str = ""
    steps: list[runs.Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: TradingError | None = None

    def data(self) -> dict[str, Any]:
        """Return the report as the envelope has it."""
        return {
            "cycle": self.cycle,
            "run": self.run,
            "slot": from_epoch(self.slot).isoformat(),
            "state": self.state,
            "timing": self.timing,
            "reason": self.reason,
            "steps": [
                {
                    "name": step.name,
                    "state": step.state,
                    "seconds": round(step.seconds, 3),
                    "why": step.why,
                    "numbers": dict(step.numbers),
                }
                for step in self.steps
            ],
        }


def run_cycle(
    toolkit: Toolkit, plan: Plan, *, progress: Progress, started_by: str = "command"
) -> CycleReport:
    """Run *plan* for the present slot once, and keep the ledger of it.

    A second start in a slot does nothing and says so (SKIPPED). Raises ``RunLocked`` while a run
    of another slot holds the lock; ``StoreError`` when it cannot be kept. A damaged database pulls
    the kill switch: what cannot be read cannot be traded on.
    """
    try:
        return _started(toolkit, plan, progress, started_by)
    except StoreCorrupt as error:
        stop.trip(
            stop.Place(toolkit.home, toolkit.loaded.database),
            level=toolkit.settings.kill_switch.default_level,
            reason=error.message,
            actor="guard",
            now=toolkit.clock.now(),
        )
        raise
    finally:
        memory.give_back()


def _started(toolkit: Toolkit, plan: Plan, progress: Progress, started_by: str) -> CycleReport:
    now = toolkit.clock.now()
    slot = plan.slot_of(now)
    folder = toolkit.loaded.database.parent
    start = runs.Start(plan.name, slot, now, os.getpid(), started_by)
    with toolkit.open_store() as store:
        try:
            with only_run(folder, plan.name, now, patience=PATIENCE_S):
                return _first_or_second(toolkit, plan, store, start, progress)
        except RunLocked as locked:
            why = _known_of(store, plan, slot, locked.message)
            if why is None:
                raise
            return _skipped(store, start, why)


def _known_of(store: Store, plan: Plan, slot: int, holder: str) -> str | None:
    """Return why a start in *slot* has nothing to do while *holder* works; ``None``: not known."""
    with store.reading() as look:
        earlier = runs.whole(look, plan.name, slot)
        under_way = runs.under_way(look, plan.name, slot)
    if earlier is not None:
        return _did_it(earlier)
    return holder if under_way else None


def _did_it(earlier: runs.Run) -> str:
    done_at = (earlier.finished or earlier.started).isoformat()
    return f"run {earlier.id} did this slot at {done_at}"


def _first_or_second(
    toolkit: Toolkit, plan: Plan, store: Store, start: runs.Start, progress: Progress
) -> CycleReport:
    with store.reading() as look:
        earlier = runs.whole(look, plan.name, start.slot)
        before = runs.newest_slot(look, plan.name, before=start.slot)
    if earlier is not None:
        return _skipped(store, start, _did_it(earlier))
    lost = _missed(plan, before, start.slot)
    start = runs.Start(
        start.cycle, start.slot, start.now, start.pid, start.started_by, _timing(plan, start, lost)
    )
    with store.transaction() as tx:
        runs.missed(tx, plan.name, lost, start.now)
        ticket = runs.begin(tx, start, lease=plan.longest)
        effective.keep(tx, toolkit.loaded, start.now)
        kept = runs.checkpoints(tx, plan.name, start.slot)
    fault("cycle.begun")
    cycle = Cycle(
        toolkit,
        store,
        ticket,
        start.now,
        progress,
        toolkit.clock.monotonic() + plan.longest.total_seconds(),
    )
    if lost:
        cycle.warnings.append(f"{len(lost)} slots before this one were missed")
    report = CycleReport(plan.name, start.slot, ticket.run, "RUNNING", start.timing)
    with log.bind(run=ticket.run):
        _work(cycle, plan, kept, report)
    sealing.seal_all(store, run=ticket.run, now=toolkit.clock.now())
    store.checkpoint()
    return report


def _timing(plan: Plan, start: runs.Start, lost: range) -> str:
    """Return how punctual a start is: late is 5 minutes into the slot, or a 24th of a long one."""
    if lost:
        return "catch_up"
    grace = max(LATE, plan.period / 24)
    late = start.now.timestamp() - start.slot > grace.total_seconds()
    return "late" if late else "on_time"


def _missed(plan: Plan, before: int | None, slot: int) -> range:
    """Return the slots between the newest one known and this one, at most four weeks of them."""
    period = int(plan.period.total_seconds())
    if before is None:
        return range(0)
    farthest = slot - int(FARTHEST.total_seconds()) // period * period
    return range(max(before + period, farthest), slot, period)


def _skipped(store: Store, start: runs.Start, why: str) -> CycleReport:
    again = runs.Start(start.cycle, start.slot, start.now, start.pid, start.started_by, "duplicate")
    with store.transaction() as tx:
        run = runs.skip(tx, again, why)
    return CycleReport(start.cycle, start.slot, run, "SKIPPED", "duplicate", why)


def _work(cycle: Cycle, plan: Plan, kept: Mapping[str, runs.Step], report: CycleReport) -> None:
    """Take every step, then close the run; what the store or a successor refuses ends it here."""
    try:
        for name, step in plan.steps:
            report.steps.append(_step(cycle, name, step, kept.get(name)))
            fault(f"cycle.{name}.done")
    except StoreError as error:
        _close(cycle, report, "FAILED", error.message)
        raise
    worst = max((step.state for step in report.steps), key=SEVERITIES.index, default="OK")
    first = report.steps[0].state if report.steps else "OK"
    failed = first == "FAILED"
    state = "FAILED" if failed else "OK" if worst in {"OK", "SKIPPED"} else "PARTIAL"
    report.error = cycle.errors[0] if failed and cycle.errors else None
    why = "; ".join(f"{s.name}: {s.why}" for s in report.steps if s.state in {"PARTIAL", "FAILED"})
    _close(cycle, report, state, why[:500])


def _close(cycle: Cycle, report: CycleReport, state: str, why: str) -> None:
    report.state, report.reason, report.warnings = state, why, cycle.warnings
    numbers = {
        name: value
        for step in report.steps
        for name, value in step.numbers.items()
        if name != SOURCES
    }
    with cycle.store.transaction() as tx:
        runs.finish(tx, cycle.ticket, state, why, numbers, cycle.toolkit.clock.now())


def _step(cycle: Cycle, name: str, step: Step, kept: runs.Step | None) -> runs.Step:
    """Take one step and record it; a failure of ours is its state, and the next ones go on."""
    clock = cycle.toolkit.clock
    began = clock.monotonic()
    if kept is not None:
        done = Done("OK", "done by an earlier run of this slot", kept.numbers)
    elif began >= cycle.deadline:
        done = Done("FAILED", "the cycle's deadline passed before this step")
    else:
        try:
            done = step(cycle)
        except StoreError:
            raise
        except TradingError as error:
            cycle.errors.append(error)
            done = Done("FAILED", error.message)
    row = runs.Step(name, done.state, clock.monotonic() - began, done.why, done.numbers)
    with cycle.store.transaction() as tx:
        runs.hold(tx, cycle.ticket, clock.now())
        runs.record_step(tx, cycle.ticket.run, row)
    if done.state != "OK" and done.why:
        cycle.warnings.append(f"{name} {done.state}: {done.why}")
    log.get_logger("cycle").info(
        name, metrics={"state": done.state, "seconds": round(row.seconds, 3), **done.numbers}
    )
    cycle.say(f"{name}: {done.state}{f' ({done.why})' if done.why else ''} {row.seconds:.2f} s")
    return row
