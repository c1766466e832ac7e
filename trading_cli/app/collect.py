"""Sources -> store, for one slot: listings, the panel, books, trades, settlements, the past, talk.

What must be whole is one transaction per kind of record; a source that fails is a named state of
its own and the others go on. A second run in a slot that was collected whole sends nothing.
"""

import os
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from trading_cli.app import chatter, past, past_talk, quality
from trading_cli.app.collection import Collection, CollectReport
from trading_cli.app.gather import Gathered, Progress, drain
from trading_cli.app.panel import Followed, follow, rules_of
from trading_cli.app.quotes import quotes_of
from trading_cli.app.runs import only_run
from trading_cli.app.selection import Selection
from trading_cli.app.toolkit import Toolkit, Venue
from trading_cli.core import log
from trading_cli.core.errors import SourceError, TradingError
from trading_cli.domain import (
    SLOT_SECONDS,
    Book,
    Coverage,
    Failure,
    Finding,
    Market,
    Refusal,
    Severity,
    Trade,
    Wanted,
    from_epoch,
    slot_of,
)
from trading_cli.research.gaps import GapCause, slots_between
from trading_cli.research.panel import PanelRules
from trading_cli.sources.polymarket.resolutions import resolution_of
from trading_cli.sources.polymarket.venue_clock import server_time
from trading_cli.store import (
    Store,
    Transaction,
    backfill,
    ledger,
    listings,
    runs,
    sealing,
    series,
)
from trading_cli.store.talk import record_coverage

LOCK = "collection"  # shared with the cycle: a slot is collected by one at a time
COMMAND = "collect"
LEASE = timedelta(days=2)  # a backfill may take a day
OVERLAP = timedelta(minutes=10)
FIRST_LOOK = timedelta(hours=2)
TRADES = "trades"
NOT_LISTED = "not_listed"


def collect(  # one argument for each option of the command
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
    with toolkit.open_store() as store, only_run(toolkit.loaded.database.parent, LOCK, now):
        report = CollectReport(slot)
        ordinary = not (force or backfill or all_markets or sources)
        if ordinary and (done := collected(store, slot)):
            report.already = done
            return report
        work = Collection(toolkit, store, now, slot, asked, report, progress, all_markets)
        with store.transaction() as tx:
            ticket = runs.begin(tx, runs.Start(COMMAND, slot, now, os.getpid()), lease=LEASE)
        try:
            with log.bind(run=ticket.run):
                _steps(work, backfill)
        except TradingError as error:
            _finish(work, ticket, "FAILED", error.message)
            raise
        _finish(work, ticket, report.state, "; ".join(report.warnings)[:500])
        sealing.seal_all(store, run=ticket.run, now=toolkit.clock.now())
        store.checkpoint()
        return report


def collected(store: Store, slot: int) -> str | None:
    """Return when *slot* was collected whole, by whichever command; ``None`` while it was not."""
    with store.reading() as look:
        done = [run for run in runs.collected(look) if run.slot == slot]
        whole = [run for run in done if _whole(look, run)]
    return whole[0].finished.isoformat() if whole and whole[0].finished else None


def _whole(look: Transaction, run: runs.Run) -> bool:
    """Return whether *run* ended with every source of the slot answered."""
    if run.finished is None:
        return False
    if run.cycle == COMMAND:
        return run.state == "OK"
    return any(step.name == "collect" and step.state == "OK" for step in runs.steps(look, run.id))


def _finish(work: Collection, ticket: runs.Ticket, state: str, why: str) -> None:
    with work.store.transaction() as tx:
        runs.finish(tx, ticket, state, why, work.report.counts, work.toolkit.clock.now())


def _steps(work: Collection, wanted_past: timedelta | None) -> None:
    if work.asked.venue:
        gather_venue(work, wanted_past)
        judge(work)
    if work.asked.talk:
        chatter.listen(work, work.asked)
        past_talk.fill(work, work.asked, wanted_past)
    weigh(work)


def gather_venue(work: Collection, wanted_past: timedelta | None = None) -> None:
    """Collect listings, books, trades, settlements, and as much of the past as time allows."""
    _missed_slots(work)
    followed = _venue(work)
    past.fill(work, followed, wanted_past)


def weigh(work: Collection) -> None:
    """Say how the collection did as a whole. Raises the first error when nothing at all came."""
    tallies = work.report.sources.values()
    answered = any(one.state in {"ok", "degraded"} and one.requests for one in tallies)
    if work.errors and not answered:
        raise work.errors[0]
    if any(one.state in {"failed", "degraded"} for one in tallies):
        work.report.state = "PARTIAL"


def judge(work: Collection) -> None:
    """Check what is stored, keep the scores and findings, and say whether the gate is open."""
    found = quality.judge(
        work.store,
        slot=work.slot,
        now=work.toolkit.clock.now(),
        clock_offset_s=work.clock_offset_s,
    )
    work.report.gate = {"open": found.gate.open, "reasons": list(found.gate.reasons)}
    tally = Counter(one.severity.value for one in found.findings)
    work.report.counts["findings"] = sum(tally.values())
    work.say(f"gate {'open' if found.gate.open else 'closed'}; findings {dict(tally)}")


def _clock_offset(work: Collection, venue: Venue) -> None:
    """Compare this machine's clock with the venue's; the venue not telling is no finding."""
    try:
        told = server_time(venue.clob)
    except SourceError as error:
        work.report.warnings.append(f"the venue did not tell the time: {error.detail}")
        return
    work.clock_offset_s = (told - work.toolkit.clock.now()).total_seconds()


def _venue(work: Collection) -> Followed:
    venue = work.toolkit.venue()
    _clock_offset(work, venue)
    followed = _listing(work, venue)
    if not followed.markets:
        return followed
    until = work.now + timedelta(seconds=1)
    # a closed market has no book, and none is missing
    quoted = replace(followed, markets=tuple(m for m in followed.markets if not m.closed))
    books = Wanted(work.now, until, quoted.markets)
    since = _trades_since(work)
    trades = Wanted(since, until, followed.markets)
    clock = work.toolkit.clock
    with ThreadPoolExecutor(2, "collect") as pool:
        booked = pool.submit(drain, venue.books, books, clock=clock, clients=(venue.clob,))
        traded = pool.submit(drain, venue.trades, trades, clock=clock, clients=(venue.data,))
        _keep_books(work, quoted, booked.result())
        _keep_trades(work, traded.result(), work.now)
    return followed


def _listing(work: Collection, venue: Venue) -> Followed:
    """Fetch and keep the listing, settlements included, and choose what to follow."""
    clock = work.toolkit.clock
    wanted = Wanted(work.now, work.now, everything=work.everything)
    listing = drain(venue.listing, wanted, clock=clock, clients=(venue.gamma,))
    listed = listing.of(Market)
    if listing.error and not listed:
        work.note(listing, 0)
        return _as_last_known(work, listing.error)
    gone = _looked_up(work, venue, {market.id for market in listed}, listing)
    everyone = [*listed, *gone]
    rules = rules_of(work.toolkit.settings)
    with work.store.transaction() as tx:
        members = listings.panel_members(tx, as_of=work.now)
        known_before = {*members, *(market.id for market in gone)}
        rows = everyone if work.everything else worth_keeping(everyone, rules, known_before)
        written = listings.record_markets(tx, rows)
        known = listings.market_ids(tx, [market.id for market in rows])
        settled = listings.record_resolutions(
            tx, (resolution_of(market, market.observed_at) for market in rows if market.id in known)
        )
    for market in rows:
        if market.id not in known:
            listing.refuse(_contradiction(market))
    work.note(listing, written.new)
    followed = follow(work.store, everyone, rules=rules, slot=work.slot, now=work.now)
    if work.everything:
        kept = tuple(market for market in rows if market.id in known)
        followed = Followed(kept, followed.entered, followed.funnel)
    work.report.funnel = followed.funnel
    work.report.counts |= {
        "listed": len(listed),
        "markets": len(followed.markets),
        "resolutions": settled.new,
    }
    return followed


def _as_last_known(work: Collection, error: SourceError) -> Followed:
    """Return the panel as it was: without a listing its books and trades are still to be had."""
    with work.store.reading() as look:
        members = listings.panel_members(look, as_of=work.now)
        known = listings.listing_at(look, as_of=work.now, venue_ids=list(members))
    if not known or work.everything:
        raise error
    work.report.warnings.append(f"no listing: the {len(known)} markets followed before are asked")
    work.report.counts["markets"] = len(known)
    return Followed(tuple(known))


def worth_keeping(
    listed: Sequence[Market], rules: PanelRules, members: Container[str]
) -> list[Market]:
    """Return *members* and the markets whose 24 h volume and liquidity pass the panel's bars."""
    return [
        market
        for market in listed
        if market.id in members
        or (
            (market.volume_24h or 0.0) >= rules.min_volume_24h
            and (market.liquidity or 0.0) >= rules.min_liquidity
        )
    ]


def _contradiction(market: Market) -> Refusal:
    """Return the refusal of a market whose condition or tokens belong to another one we know."""
    detail = f"condition {market.condition_id} or its tokens belong to another market"
    return Refusal(
        "polymarket.listing", "market", market.id, "conflict", detail, market.observed_at
    )


def _looked_up(work: Collection, venue: Venue, seen: set[str], listing: Gathered) -> list[Market]:
    """Return the markets once followed that the listing did not show and that are not settled.

    So a market that left the panel before its end still gets its settlement written down.
    """
    with work.store.reading() as look:
        open_ones = listings.open_markets_unresolved(look, as_of=work.now)
    known = tuple(market for market in open_ones if market.id not in seen)
    if not known:
        return []
    wanted = Wanted(work.now, work.now, known)
    looked = drain(venue.listing, wanted, clock=work.toolkit.clock, clients=(venue.gamma,))
    _vanished(work, known, {failure.subject for failure in looked.take_out(NOT_LISTED)})
    listing.absorb(looked)
    return looked.of(Market)


def _vanished(work: Collection, known: Sequence[Market], gone: Container[str]) -> None:
    """Note the markets the venue no longer knows: an answer, not a failure to get one."""
    found = [
        Finding(
            "vanished",
            Severity.WARN,
            market.id,
            "the venue no longer lists it, neither as open nor as closed; its outcome is unknown",
            {"question": market.question, "condition": market.condition_id},
        )
        for market in known
        if market.condition_id in gone
    ]
    if found:
        with work.store.transaction() as tx:
            ledger.record_findings(tx, work.slot, found, work.now)
        work.report.warnings.append(
            f"{len(found)} markets once followed are no longer listed, first: {found[0].subject}"
        )


def _keep_books(work: Collection, followed: Followed, books: Gathered) -> None:
    by_token = {book.token: book for book in books.of(Book)}
    quoted = quotes_of(followed.markets, by_token, work.slot)
    with work.store.transaction() as tx:
        kept = series.record_quotes(tx, (quote for _, _, quote in quoted))
        series.record_books(tx, work.slot, ((market.id, book) for market, book, _ in quoted))
        missing = _gaps(work, followed, books, {market.id for market, _, _ in quoted})
        ledger.record_gaps(tx, missing, work.now)
    work.note(books, kept.new)
    work.report.counts["quotes"] = len(quoted)


def _gaps(
    work: Collection, followed: Followed, books: Gathered, quoted: set[str]
) -> Iterator[ledger.Gap]:
    """Yield what was expected of each followed market in this slot, and why it did not come."""
    refused = {refusal.subject for refusal in books.of(Refusal)}
    none = {f.subject for f in books.of(Failure) if f.reason == "no_book"}
    for market in followed.markets:
        names = {market.condition_id, market.yes_token, market.id}
        if market.id in quoted:
            yield ledger.Gap(work.slot, market.id, received=True, cause="")
        elif names & refused:
            yield ledger.Gap(work.slot, market.id, received=False, cause=GapCause.REFUSED)
        elif names & none:
            yield ledger.Gap(work.slot, market.id, received=False, cause=GapCause.NO_BOOK)
        else:
            yield ledger.Gap(work.slot, market.id, received=False, cause=GapCause.SOURCE_DOWN)


def _keep_trades(work: Collection, trades: Gathered, until: datetime) -> None:
    with work.store.transaction() as tx:
        kept = series.record_trades(tx, trades.of(Trade))
        record_coverage(tx, trades.of(Coverage))
        if not trades.error and not trades.of(Failure):
            backfill.set_watermark(tx, TRADES, until)
    work.note(trades, kept.new)
    work.report.counts["trades"] = kept.new


def _trades_since(work: Collection) -> datetime:
    with work.store.reading() as look:
        known = backfill.watermark(look, TRADES)
    earliest = work.now - past.DEPTH
    return max(known - OVERLAP, earliest) if known else work.now - FIRST_LOOK


def _missed_slots(work: Collection) -> None:
    """Write down the slots since the last run in which nothing ran, or nothing was kept.

    Rows, never silence: a run that was killed or found no room left its slot without a word.
    """
    present = from_epoch(work.slot)
    with work.store.reading() as look:
        begun = {run.slot for run in runs.collected(look) if run.slot < work.slot}
        if not begun:
            return
        earliest = present - past.DEPTH
        told = ledger.slots_told(look, since=earliest, until=present)
    since = max(from_epoch(max(begun) + SLOT_SECONDS), earliest)
    not_run = slots_between(since, present)
    cut_off = sorted(slot for slot in begun - told if slot >= earliest.timestamp())
    gaps = [ledger.Gap(slot, "", received=False, cause=GapCause.NOT_RUN) for slot in not_run]
    gaps += [ledger.Gap(slot, "", received=False, cause=GapCause.CUT_OFF) for slot in cut_off]
    with work.store.transaction() as tx:
        ledger.record_gaps(tx, gaps, work.now)
    if not_run:
        work.report.warnings.append(f"{len(not_run)} slots before this one were not run")
    if cut_off:
        work.report.warnings.append(f"{len(cut_off)} runs before this one kept nothing")
