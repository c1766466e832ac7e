"""One collection under way, and the report it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trading_cli.app.gather import Gathered, Progress, Tally
from trading_cli.app.selection import Selection
from trading_cli.app.toolkit import Toolkit
from trading_cli.core import log
from trading_cli.core.errors import SourceError
from trading_cli.domain import Failure, Refusal, from_epoch
from trading_cli.store import Store, ledger


@dataclass(slots=True)
class CollectReport:
    """What one collection did. ``already`` says when the slot was collected before."""

    slot: int
    already: str | None = None
    state: str = "OK"
    sources: dict[str, Tally] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    funnel: Mapping[str, int] = field(default_factory=dict)
    gate: Mapping[str, object] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        """Return the report as the envelope has it."""
        return {
            "slot": from_epoch(self.slot).isoformat(),
            "already": self.already,
            "state": self.state,
            "sources": {name: tally.data() for name, tally in self.sources.items()},
            **self.counts,
            "funnel": dict(self.funnel),
            "gate": dict(self.gate),
        }


@dataclass(slots=True)
class Collection:
    """One collection under way: what its steps share.

    ``patient``: the past of the talk may take what is left of the slot, as a cycle's last step may.
    """

    toolkit: Toolkit
    store: Store
    now: datetime
    slot: int
    asked: Selection
    report: CollectReport
    say: Progress
    everything: bool = False
    clock_offset_s: float | None = None
    past_s: float = 0.0
    patient: bool = False
    errors: list[SourceError] = field(default_factory=list)

    def note(self, gathered: Gathered, stored: int) -> None:
        """Keep what *gathered* could not bring, and its tally."""
        tally = gathered.tally
        tally.stored = stored
        if gathered.error is not None:
            self.errors.append(gathered.error)
        self.report.sources[gathered.source] = tally
        with self.store.transaction() as tx:
            ledger.record_refusals(tx, gathered.of(Refusal))
            ledger.record_failures(tx, gathered.of(Failure))
            ledger.set_source_state(
                tx, gathered.source, tally.state, tally.message, self.toolkit.clock.now()
            )
        if tally.state != "ok":
            self.report.warnings.append(f"{gathered.source} {tally.state}: {tally.message}")
        log.get_logger("collect").info(gathered.source, metrics=tally.data())
        self.say(
            f"{gathered.source}: {tally.fetched} fetched, {stored} new, {tally.refused} refused,"
            f" {tally.failed} failed ({tally.seconds:.1f} s)"
        )
