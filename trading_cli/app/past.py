"""The past of the markets we follow, in windows that are planned once and fetched within a budget.

A market that enters the panel is owed its last 28 days of mids and trades, less the days before it
was made and after it closed. What a run does not get to stays planned; what fails is tried again
by a later run.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from trading_cli.app.collection import Collection
from trading_cli.app.gather import Gathered, drain
from trading_cli.app.panel import Followed
from trading_cli.domain import Coverage, Market, Origin, Point, Trade, Wanted
from trading_cli.store import backfill, listings, series
from trading_cli.store.backfill import Window
from trading_cli.store.talk import record_coverage

DEPTH = timedelta(days=28)
MARGIN = timedelta(days=1)
MIDS, TRADES = "mids", "trades"
STEP_S = {MIDS: 14 * 86_400, TRADES: 86_400}
MARKETS_AT_ONCE = 100
WINDOWS_AT_ONCE = 20_000
GROUPS_A_WORD = 500

Group = tuple[str, datetime, datetime, list[Window]]


def fill(work: Collection, followed: Followed, asked: timedelta | None) -> None:
    """Plan what the new markets are owed (or the last *asked* of all), and fetch within budget."""
    if asked is not None:
        _plan(work, followed.markets, asked)
    elif followed.entered:
        new = set(followed.entered)
        _plan(work, [market for market in followed.markets if market.id in new], DEPTH)
    budget = work.toolkit.settings.data_collection.backfill_seconds
    clock = work.toolkit.clock
    began = clock.monotonic()
    deadline = None if asked is not None else began + budget
    gathered: dict[str, Gathered | None] = {MIDS: None, TRADES: None}
    for turn, group in enumerate(_groups(work)):
        if turn and turn % GROUPS_A_WORD == 0:
            with work.store.reading() as look:
                work.say(f"the past: {backfill.windows_left(look)} windows left")
        if deadline is not None and clock.monotonic() >= deadline:
            break
        _fetch(work, group, gathered)
    for kind, total in gathered.items():
        if total is not None:
            work.note(total, total.tally.stored)
            work.report.counts["points" if kind == MIDS else "past_trades"] = total.tally.stored
    with work.store.reading() as look:
        left = backfill.windows_left(look)
    work.report.counts["windows_left"] = left
    work.past_s += clock.monotonic() - began


def _plan(work: Collection, markets: Sequence[Market], depth: timedelta) -> None:
    with work.store.transaction() as tx:
        for market in markets:
            since, until = lifetime(market, work.now - depth, work.now)
            if since < until:
                for kind, step in STEP_S.items():
                    backfill.plan_windows(tx, market.id, kind, since, until, step)


def lifetime(market: Market, since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Return the part of [since, until) in which *market* was there, from midnight, a day to spare.

    What a market does not say of its beginning or end cuts nothing. Where it was not there at all
    the first is not before the second.
    """
    begun = [at for at in (market.created_at, market.start_at) if at is not None]
    if begun:
        since = max(since, min(begun) - MARGIN)
    if market.closed and market.closed_at is not None:
        until = min(until, market.closed_at + MARGIN)
    return since.replace(hour=0, minute=0, second=0, microsecond=0), until


def _groups(work: Collection) -> Iterator[Group]:
    """Yield the windows still to fetch, each once a run, those of one kind and span together."""
    seen: set[int] = set()
    while True:
        with work.store.reading() as look:
            windows = backfill.next_windows(look, WINDOWS_AT_ONCE)
        fresh = [window for window in windows if window.id not in seen]
        if not fresh:
            return
        seen.update(window.id for window in fresh)
        yield from _spans(fresh)


def _spans(windows: Sequence[Window]) -> Iterator[Group]:
    """Yield *windows* grouped by kind and span, mids before trades and the newest span first."""
    spans: dict[tuple[str, datetime, datetime], list[Window]] = defaultdict(list)
    for window in windows:
        spans[window.kind, window.start, window.stop].append(window)
    for kind, start, stop in sorted(spans, key=lambda span: (span[0], -span[1].timestamp())):
        held = spans[kind, start, stop]
        for at in range(0, len(held), MARKETS_AT_ONCE):
            yield kind, start, stop, held[at : at + MARKETS_AT_ONCE]


def _fetch(work: Collection, group: Group, totals: dict[str, Gathered | None]) -> None:
    kind, start, stop, windows = group
    with work.store.reading() as look:
        names = [window.market_id for window in windows]
        markets = listings.listing_at(look, as_of=work.toolkit.clock.now(), venue_ids=names)
    venue = work.toolkit.venue()
    source, client = (venue.history, venue.clob) if kind == MIDS else (venue.trades, venue.data)
    wanted = Wanted(start, stop, tuple(markets))
    came = drain(source, wanted, clock=work.toolkit.clock, clients=(client,))
    came.tally.stored = _keep(work, kind, windows, markets, came)
    total = totals[kind]
    if total is None:
        came.source = f"polymarket.past_{kind}"
        totals[kind] = came
    else:
        total.absorb(came)
        total.tally.stored += came.tally.stored


def _keep(
    work: Collection,
    kind: str,
    windows: Sequence[Window],
    markets: Sequence[Market],
    came: Gathered,
) -> int:
    """Store what came and mark each window whole, empty or failed, in one transaction."""
    subject = {m.id: m.yes_token if kind == MIDS else m.condition_id for m in markets}
    covered = {c.subject: c.items for c in came.of(Coverage) if c.complete}
    trades = [replace(trade, origin=Origin.BACKFILLED) for trade in came.of(Trade)]
    with work.store.transaction() as tx:
        new = series.record_points(tx, came.of(Point)).new
        new += series.record_trades(tx, trades).new
        record_coverage(tx, came.of(Coverage))
        for window in windows:
            items = covered.get(subject.get(window.market_id, ""))
            state = "failed" if items is None else "done" if items else "empty"
            backfill.mark_window(tx, window.id, state, items or 0)
    return new
