"""The last slots as a strip: what came of each, how much of it came, how long it took."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trading_cli.app.asked.opening import NOTHING, looking
from trading_cli.app.overview import is_alive
from trading_cli.core.clock import Clock
from trading_cli.domain import SLOT_SECONDS, from_epoch, slot_of
from trading_cli.store import Transaction, pages, runs
from trading_cli.store.runs import COLLECTING, ENDED_SILENTLY, Run

OTHERS = ("analysis", "validation")
_BEST = {"OK": 6, "PARTIAL": 5, "RUNNING": 4, "FAILED": 3, "SKIPPED": 2, "MISSED": 1}


def strip(config: Path | None, *, slots: int = 96, clock: Clock | None = None) -> dict[str, Any]:
    """Return {slots, others, newest}: the last *slots* quarter-hours, the oldest first.

    Of several runs in a slot the one that got furthest counts. ``coverage`` is the share of the
    markets followed that were quoted. A slot before the first run is NONE, one in which nothing
    ran MISSED, the present one, until something runs, DUE.
    """
    with looking(config, clock) as look:
        if look is None:
            return {"slots": [], "others": [], "newest": None, "warnings": NOTHING}
        last = slot_of(look.now)
        begin = last - (slots - 1) * SLOT_SECONDS
        found = pages.runs_since(look.rows, COLLECTING, begin)
        first = pages.first_run_slot(look.rows, COLLECTING)
        others = runs.last(look.rows, cycles=OTHERS, limit=10)
        took = pages.seconds_of(look.rows, [one.id for one in (*found, *others)])
        newest = max((one for one in found if one.pid), key=lambda one: one.id, default=None)
        steps = None if newest is None else _steps(look.rows, newest, took)
    by_slot: dict[int, Run] = {}
    for one in found:
        held = by_slot.get(one.slot)
        if held is None or _BEST[_state(one)] >= _BEST[_state(held)]:
            by_slot[one.slot] = one
    return {
        "slots": [
            _cell(slot, by_slot.get(slot), took, _empty(slot, first, last))
            for slot in range(begin, last + 1, SLOT_SECONDS)
        ],
        "others": [_told(one, took) for one in others],
        "newest": steps,
    }


def _empty(slot: int, first: int | None, last: int) -> str:
    """Return what a slot is in which no run is written down."""
    if slot == last:
        return "DUE"
    return "NONE" if first is None or slot < first else "MISSED"


def _state(one: Run) -> str:
    if one.timing == "missed":
        return "MISSED"
    died = one.state == "RUNNING" and not is_alive(one.pid)
    return "FAILED" if died else one.state


def _cell(slot: int, one: Run | None, took: dict[int, float], empty: str) -> dict[str, Any]:
    if one is None:
        names = ("run", "cycle", "why", "seconds", "quotes", "markets", "coverage", "timing")
        return {"slot": from_epoch(slot).isoformat(), "state": empty} | dict.fromkeys(names)
    markets, quotes = (_count(one.numbers.get(name)) for name in ("markets", "quotes"))
    return {
        "slot": from_epoch(slot).isoformat(),
        "state": _state(one),
        "run": one.id,
        "cycle": one.cycle,
        "why": _why(one),
        "seconds": took.get(one.id),
        "quotes": quotes,
        "markets": markets,
        "coverage": None if quotes is None or not markets else round(quotes / markets, 4),
        "timing": one.timing,
    }


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _why(one: Run) -> str:
    return ENDED_SILENTLY if one.state == "RUNNING" and _state(one) == "FAILED" else one.why


def _told(one: Run, took: dict[int, float]) -> dict[str, Any]:
    return {
        "run": one.id,
        "cycle": one.cycle,
        "slot": from_epoch(one.slot).isoformat(),
        "state": _state(one),
        "why": _why(one),
        "started": one.started.isoformat(),
        "finished": None if one.finished is None else one.finished.isoformat(),
        "seconds": took.get(one.id),
        "started_by": one.started_by,
        "timing": one.timing,
    }


def _steps(look: Transaction, one: Run, took: dict[int, float]) -> dict[str, Any]:
    steps: Sequence[runs.Step] = runs.steps(look, one.id)
    return _told(one, took) | {
        "steps": [
            {"name": step.name, "state": step.state, "seconds": step.seconds, "why": step.why}
            for step in steps
        ]
    }
