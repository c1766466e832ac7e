"""The decisions of a slot: those taken, or, as a trial, those that would be taken now."""

from pathlib import Path
from typing import Any

from trading_cli.app import analyse, entering, views
from trading_cli.app.cycles import run_cycle
from trading_cli.app.decision_told import shown
from trading_cli.app.desk import Desk
from trading_cli.app.gather import Progress
from trading_cli.app.runs import only_run
from trading_cli.app.steps import COLLECTION, DECIDING
from trading_cli.app.toolkit import Toolkit, build
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Decision, Purpose, from_epoch, slot_of
from trading_cli.store import Store, decided, glance, runs

__all__ = ["shown", "signal"]


def signal(
    config: Path | None,
    *,
    dry_run: bool,
    market: str | None,
    progress: Progress,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Return the decisions of this slot, taking them first where nobody has.

    With *dry_run* nothing is stored, ordered or told: what would be decided now is shown. Raises
    ``UsageError`` for a market that is no candidate, or where the slot was not collected yet;
    ``RunLocked`` while the cycle is about to decide.
    """
    with build(config, clock=clock) as toolkit, toolkit.open_store() as store:
        slot = slot_of(toolkit.clock.now())
        if dry_run:
            found = _trial(toolkit, store, slot)
        else:
            if not _decided(store, slot):
                _decide(toolkit, store, slot, progress)
            found = _taken(store, slot)
        if market is not None:
            found = [one for one in found if one.market_id == market]
            if not found:
                raise UsageError(
                    f"market {market} is no candidate in this slot.",
                    hint="trading markets, and trading status for the funnel",
                )
        return {
            "slot": from_epoch(slot).isoformat(),
            "dry_run": dry_run,
            "decisions": [shown(one) for one in found],
        }


def _decided(store: Store, slot: int) -> bool:
    """Return whether the decisions of *slot* were taken, be it that there were none to take."""
    with store.reading() as look:
        known = runs.last(look, cycles=(COLLECTION.name, DECIDING.name), limit=20)
        steps = [step for run in known if run.slot == slot for step in runs.steps(look, run.id)]
    return any(step.name == "signals" and step.state in {"OK", "PARTIAL"} for step in steps)


def _decide(toolkit: Toolkit, store: Store, slot: int, progress: Progress) -> None:
    """Take the decisions of *slot*, in the place of the cycle and never beside it."""
    folder, now = toolkit.loaded.database.parent, toolkit.clock.now()
    with only_run(folder, COLLECTION.name, now):
        with store.reading() as look:
            fit = glance.judged(look, slot, as_of=now)
        if not fit:
            raise UsageError(
                f"slot {from_epoch(slot):%H:%M} UTC was not collected yet: there is nothing to"
                " decide on.",
                hint="trading collect, or trading cycle collection",
            )
        if not _decided(store, slot):
            run_cycle(toolkit, DECIDING, progress=progress)


def _taken(store: Store, slot: int) -> list[Decision]:
    with store.reading() as look:
        found = decided.decisions(look, slot=slot, limit=100_000)
    return [one for one in found if one.purpose is Purpose.ENTRY]


def _trial(toolkit: Toolkit, store: Store, slot: int) -> list[Decision]:
    """Return what would be decided now; only the computed features are kept."""
    desk = Desk(toolkit, store, slot)
    desk.see_held()
    at = desk.now()
    with store.reading() as look:
        ready = views.ready(look, desk, at)
    found = analyse.features(
        store,
        slot=slot,
        at=at,
        markets=ready.markets,
        signals=toolkit.settings.signals,
        hype_section=toolkit.settings.hype,
    )
    proposals = entering.propose(desk, ready, found, entering.asked_strategies(desk), at)
    decisions = []
    for one in proposals:
        if one.view.book is not None:
            desk.remember(one.view.market, one.view.book)
        sized = entering.size_of(desk, one) if one.rank else None
        decisions.append(entering.decision_of(desk, one, at, sized))
    return decisions
