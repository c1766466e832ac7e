"""The answer of `trading backtest`: one mapping, of which the page and the screen are drawn.

The words are those of SPEC §5: nothing is called proven, what does not carry a number says so, and
what was chosen on the data it is shown on is IN-SAMPLE.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trading_cli.app.backtests import figures
from trading_cli.app.backtests.cells import Cell, Outcome
from trading_cli.app.backtests.tried import relevant
from trading_cli.research.track_record import LEAST_EVENTS
from trading_cli.trading.backtest.history import Coverage
from trading_cli.trading.backtest.result import Run

RUN, GRID, WALK = "run", "grid", "walk-forward"
DONE, INSUFFICIENT = "DONE", "INSUFFICIENT"
GRADES = ("A", "B", "C")
MOST_TRIPS = 500
UNPROVEN = "UNPROVEN."
CHOSEN_HERE = "the best of {n} cells, chosen on the very data it is shown on"


@dataclass(slots=True)
class Parts:
    """What was found besides the run itself, each as the envelope has it."""

    kind: str = RUN
    trial: int = 0
    in_sample: Sequence[str] = ()
    luck: Mapping[str, Any] = field(default_factory=dict)
    beside: Sequence[Mapping[str, Any]] = ()
    capacity: Sequence[Mapping[str, Any]] = ()
    bias: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Any] | None = None
    walk: Mapping[str, Any] | None = None


def assembled(cell: Cell, outcome: Outcome, parts: Parts, *, seed: int) -> dict[str, Any]:
    """Return the whole answer; the number of the kept run is put in by who keeps it."""
    run, bankroll = outcome.run, float(cell.bankroll)
    found = [figures.told(one) for one in figures.measured(run, bankroll, seed)]
    state, missing = _state(run)
    closed = run.closed
    in_sample = [*parts.in_sample, *([outcome.in_sample] if outcome.in_sample else [])]
    return {
        "run": 0,
        "trial": parts.trial,
        "kind": parts.kind,
        "state": state,
        "missing": missing,
        "sentence": _sentence(run, found),
        "asked": _asked(cell, seed),
        "digest": run.digest,
        "in_sample": in_sample,
        "coverage": _coverage(outcome.coverage, outcome.slots),
        "waived": sorted({*run.waived, *outcome.coverage.waived}),
        "killed_at": None if run.killed_at is None else run.killed_at.isoformat(),
        "counts": {
            "closed": len(closed),
            "open": len(run.still_open),
            "events": len({figures.event_of(one) for one in closed}),
            "late_fills": sum(one.late for one in (*closed, *run.still_open)),
        },
        "fills": {grade: int(run.grades.get(grade, 0)) for grade in GRADES},
        "metrics": found,
        "targets": figures.targets(found, parts.luck.get("dsr")),
        "luck": dict(parts.luck),
        "gate": figures.gate(run, cell.whole.gates),
        "by_grade": figures.grouped(closed, lambda one: one.grade),
        "by_category": figures.grouped(closed, lambda one: one.category),
        "unresolved": figures.unresolved(run),
        "equity": figures.curve(run.equity, bankroll),
        "beside": [dict(one) for one in parts.beside],
        "capacity": [dict(one) for one in parts.capacity],
        "bias": dict(parts.bias),
        "reasons": dict(sorted(run.reasons.items(), key=lambda one: (-one[1], one[0]))),
        "pauses": dict(run.pauses),
        "trips": [figures.trip(one) for one in closed[:MOST_TRIPS]],
        "trips_left_out": max(0, len(closed) - MOST_TRIPS),
        "grid": parts.grid,
        "walk_forward": parts.walk,
    }


def _asked(cell: Cell, seed: int) -> dict[str, Any]:
    whole = cell.whole
    return {
        "since": cell.since.isoformat(),
        "until": cell.until.isoformat(),
        "strategies": list(cell.names),
        "parameters": dict(cell.overrides),
        "cell": cell.label,
        "engine": cell.engine,
        "fees": cell.fees,
        "slippage": float(whole.backtest.slippage),
        "bankroll": figures.number(float(cell.bankroll)),
        "seed": seed,
        "settings": relevant(whole),
    }


def _coverage(found: Coverage, slots: int) -> dict[str, Any]:
    quotes = found.recorded + found.backfilled + found.imported
    return {
        "slots": slots,
        "missing_slots": found.missing_slots,
        "recorded": found.recorded,
        "backfilled": found.backfilled,
        "imported": found.imported,
        "not_recorded_share": None
        if not quotes
        else figures.number((found.backfilled + found.imported) / quotes),
    }


def _state(run: Run) -> tuple[str, str]:
    """Return DONE, or INSUFFICIENT with what is missing: below 30 events no point is made."""
    events = len({figures.event_of(one) for one in run.closed})
    if events >= LEAST_EVENTS:
        return DONE, ""
    told = f"INSUFFICIENT: {len(run.closed)} closed trades in {events} of {LEAST_EVENTS} events"
    if not run.closed and run.reasons:
        most = max(run.reasons.items(), key=lambda one: (one[1], one[0]))
        told += f"; {most[1]:,} of {sum(run.reasons.values()):,} decisions were {most[0]}"
    return INSUFFICIENT, told


def _sentence(run: Run, found: Sequence[Mapping[str, Any]]) -> str:
    """Return what can be said in one line, UNPROVEN always in it."""
    if not run.closed:
        return f"No trade was closed: nothing can be said. {UNPROVEN}"
    each = next(one for one in found if one["name"] == "net per event")
    events = each["n"]
    if each["value"] is None or each["low"] is None:
        told = f"{len(run.closed)} trades in {events} of {LEAST_EVENTS} events"
        return f"{told}: too few to say anything. {UNPROVEN}"
    head = f"{len(run.closed)} trades in {events} events: net {_percent(each['value'])} an event"
    told = f"{head} [{_percent(each['low'])}, {_percent(each['high'])}]"
    if each["low"] <= 0 <= each["high"]:
        return f"{told}: not distinguishable from luck. {UNPROVEN}"
    side = "above" if each["low"] > 0 else "below"
    return f"{told}: {side} 0 on this history. {UNPROVEN}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1%}"


def verdict(data: Mapping[str, Any]) -> int:
    """Return the exit code of an answer: 3 where a check exposed look-ahead, else 0."""
    return 3 if data["bias"].get("state") == "EXPOSED" else 0
