"""Sources -> store, for one slot: listings, the panel, books, trades, settlements, the past, talk.

What must be whole is one transaction per kind of record; a source that fails is a named state of its
own and the others go on. A second run in a slot that was collected whole sends nothing.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from trading_cli.app import backfill as past
from trading_cli.app import chatter, quality
from trading_cli.app.gather import Gathered, Progress, Tally, drain
from trading_cli.app.panel import Followed, follow, rules_of
from trading_cli.app.quotes import quotes_of
from trading_cli.app.runs import only_run
from trading_cli.app.selection import Selection
from trading_cli.app.toolkit import Toolkit, Venue
from trading_cli.core import log
from trading_cli.core.errors import SourceDown, SourceError, TradingError
from trading_cli.domain import (
    Book,
    Failure,
    Market,
    Outcome,
    Refusal,
    Resolution,
    Trade,
    Wanted,
    from_epoch,
    slot_of,
)
from trading_cli.store import Store, ledger, listings, series

CYCLE = "collect"
OVERLAP = timedelta(minutes=10)
FIRST_LOOK = timedelta(hours=2)


@dataclass(slots=True)
class CollectReport:
    """What one collection did. ``already`` says when the slot was collected before."""

    slot: int
    already: str | None = None
    state: str = "OK"
    sources: dict[str, Tally] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    funnel: Mapping[str, int] = field(default_factory=dict)
    findings: list[dict[str, object]] = field(default_factory=list)
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
            "findings": self.findings,
        }


@dataclass(slots=True)
class Collection:
    """One collection under way: what its steps share."""

    toolkit: Toolkit
    store: Store
    now: datetime
    slot: int
    asked: Selection
    report: CollectReport
    say: Progress
    everything: bool = False

    def note(self, gathered: Gathered, stored: int) -> None:
        """Keep what *gathered* could not bring, and its tally."""
        tally = gathered.tally
        tally.stored += stored
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


def collect(  # noqa: PLR0913  # one argument for each option of the command
    toolkit: Toolkit,
    *,
    progress: Progress,
    backfill: timedelta | None = None,
    sources: tuple[str, ...] = (),
    all_markets: bool = False,
    force: bool = False,
    talk: bool = True,
) -> CollectReport:
    """Collect the present slot once.

    Raises ``RunLocked`` when another collection is at work, a ``SourceError`` when nothing at all
    came, a ``StoreError`` when it cannot be kept.
    """
    now = toolkit.clock.now()
    slot = slot_of(now)
    asked = Selection.of(sources, talk=talk)
    with toolkit.open_store() as store, only_run(toolkit.loaded.database.parent, CYCLE, now):
        report = CollectReport(slot)
        ordinary = not (force or backfill or all_markets or sources)
        if ordinary and (done := _done(store, slot)):
            report.already = done
            return report
        work = Collection(toolkit, store, now, slot, asked, report, progress, all_markets)
        with store.transaction() as tx:
            run = ledger.start_run(tx, CYCLE, slot, now, os.getpid())
        try:
            with log.bind(run=run):
                _steps(work, backfill)
        except TradingError as error:
            _finish(work, run, "FAILED", error.message)
            raise
        _finish(work, run, report.state, "; ".join(report.warnings)[:500])
        store.checkpoint()
        return report


def _done(store: Store, slot: int) -> str | None:
    with store.reading() as look:
        runs = [run for run in ledger.last_runs(look, cycle=CYCLE) if run.slot == slot]
    whole = [run for run in runs if run.state == "OK" and run.finished is not None]
    return whole[0].finished.isoformat() if whole and whole[0].finished else None


def _finish(work: Collection, run: int, state: str, why: str) -> None:
    with work.store.transaction() as tx:
        ledger.finish_run(tx, run, state, why, work.report.counts, work.toolkit.clock.now())


def _steps(work: Collection, wanted_past: timedelta | None) -> None:
    if work.asked.venue:
        followed = _venue(work)
        past.fill(work, followed, wanted_past)
        quality.judge(work.store, work.toolkit.settings, slot=work.slot, now=work.now)
    if work.asked.talk:
        chatter.listen(work, work.asked)
    states = [tally.state for tally in work.report.sources.values()]
    if any(state in {"failed", "degraded"} for state in states):
        work.report.state = "PARTIAL"


def _venue(work: Collection) -> Followed:
    venue = work.toolkit.venue()
    followed = _listing(work, venue)
    if not followed.markets:
        return followed
    until = work.now + timedelta(seconds=1)
    books = Wanted(work.now, until, followed.markets)
    since = _trades_since(work)
    trades = Wanted(since, until, followed.markets)
    clock = work.toolkit.clock
    with ThreadPoolExecutor(2, "collect") as pool:
        booked = pool.submit(drain, venue.books, books, clock=clock, clients=(venue.clob,))
        traded = pool.submit(drain, venue.trades, trades, clock=clock, clients=(venue.data,))
        _keep_books(work, followed, booked.result())
        _keep_trades(work, traded.result())
    _nothing_came(work)
    return followed


def _listing(work: Collection, venue: Venue) -> Followed:
    """Fetch and keep the listing, settlements included, and choose what to follow."""
    clock = work.toolkit.clock
    wanted = Wanted(work.now, work.now, everything=work.everything)
    listing = drain(venue.listing, wanted, clock=clock, clients=(venue.gamma,))
    listed = listing.of(Market)
    if listing.error and not listed:
        work.note(listing, 0)
        raise listing.error
    known = _unlisted(work, {market.id for market in listed})
    looked = drain(
        venue.listing, Wanted(work.now, work.now, known), clock=clock, clients=(venue.gamma,)
    ) if known else None
    gone = looked.of(Market) if looked else []
    rules = rules_of(work.toolkit.settings)
    everyone = [*listed, *gone]
    rows = everyone if work.everything else [*_worth_keeping(listed, rules), *gone]
    with work.store.transaction() as tx:
        written = listings.record_markets(tx, rows)
        settled = listings.record_resolutions(tx, _settlements(rows, work.now))
    work.note(listing, written.new)
    followed = follow(work.store, everyone, rules=rules, slot=work.slot, now=work.now)
    if work.everything:
        followed = Followed(tuple(rows), followed.entered, followed.funnel)
    work.report.funnel = followed.funnel
    work.report.counts |= {
        "listed": len(listed),
        "markets": len(followed.markets),
        "resolutions": settled.new,
    }
    return followed
