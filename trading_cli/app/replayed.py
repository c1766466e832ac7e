"""A recording brought into a home of its own, whole: every listing, book, series and trade.

One collection sees each token's book as it stood at one instant, and a home keeps one book a market
and slot. So every recorded instant gets a slot of its own, after the recording; a row's
``event_time`` stays the venue's own. Everything travels over HTTP through the client, the sources
and the store that the real thing uses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app import past
from trading_cli.app.collect import collect
from trading_cli.app.collection import Collection, CollectReport
from trading_cli.app.gather import Progress, drain
from trading_cli.app.panel import Followed
from trading_cli.app.quotes import quotes_of
from trading_cli.app.selection import Selection
from trading_cli.app.simulate import make_home, new_home, recording
from trading_cli.app.toolkit import Toolkit, build
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import TradingError
from trading_cli.domain import SLOT_SECONDS, Book, Market, Wanted, from_epoch, slot_of
from trading_cli.simulator.replay import Replay
from trading_cli.simulator.running import Running, start
from trading_cli.store import backfill, history, listings, series

INSTANTS_AT_ONCE = 100


@dataclass(slots=True)
class Taking:
    """A recording on its way into a home."""

    replay: Replay
    server: Running
    toolkit: Toolkit
    clock: FrozenClock
    say: Progress


def take_in(directory: Path, home: Path, *, progress: Progress) -> dict[str, Any]:
    """Bring the recording in *directory* into a new home at *home*; return what came.

    ``sums`` compares the recording with the file: listings (stored or refused by name), pairs of
    market and instant that have a book, points of the YES series at distinct times, trades. Raises
    ``UsageError`` where the folder holds nothing or the home is not new, ``TradingError`` where the
    sums differ.
    """
    home = home.resolve()
    new_home(home)
    replay = recording(directory)
    began = int(replay.recording_time()) + 1
    clock = FrozenClock(from_epoch(began))
    with start(replay, limits=False, now=replay.recording_time()) as server:
        config = make_home(home, server.url)
        with build(config, clock=clock) as toolkit:
            work = Taking(replay, server, toolkit, clock, progress)
            report = collect(toolkit, progress=progress, all_markets=True, talk=False)
            refused = report.sources["polymarket.listing"].refused
            _past(work)
            sums = _sums(work, refused=refused, books=_books(work))
    wrong = [row["what"] for row in sums if row["recorded"] != row["store"]]
    if wrong:
        raise TradingError(
            f"the recording and the file differ: {', '.join(wrong)}.", hint=f"look at {home}"
        )
    return {
        "url": server.url,
        "seed": replay.seed,
        "markets": sums[0]["store"],
        "home": str(home),
        "sums": sums,
    }


def _past(work: Taking) -> None:
    """Fetch the series and the trades of the markets that have any, over their recorded spans."""
    spans = work.replay.spans()
    with work.toolkit.open_store() as store:
        now = work.clock.now()
        with store.transaction() as tx:
            for market in listings.listing_at(tx, as_of=now):
                owed = ((past.MIDS, market.yes_token), (past.TRADES, market.condition_id))
                for kind, subject in owed:
                    if subject in spans:
                        since, until = (from_epoch(at) for at in spans[subject])
                        step = past.STEP_S[kind]
                        backfill.plan_windows(tx, market.id, kind, since, until, step)
        slot = slot_of(now)
        asked = Selection.of((), talk=False)
        told = CollectReport(slot)
        collection = Collection(work.toolkit, store, now, slot, asked, told, work.say)
        past.fill(collection, Followed(()), timedelta(days=1))


def _books(work: Taking) -> int:
    """Show the venue each recorded instant in turn, and keep what its books then are."""
    changes = work.replay.book_changes()
    begun = slot_of(work.clock.now()) + SLOT_SECONDS
    kept = 0
    with work.toolkit.open_store() as store:
        with store.reading() as look:
            known = listings.listing_at(look, as_of=work.clock.now())
        owner = {token: market for market in known for token in (market.yes_token, market.no_token)}
        for turn, (at, tokens) in enumerate(changes.items()):
            work.server.clock.set(at)
            slot = begun + turn * SLOT_SECONDS
            work.clock.set(from_epoch(slot + 1))
            markets = tuple({owner[token].id: owner[token] for token in tokens}.values())
            quoted = _quoted(work, markets, slot)
            with store.transaction() as tx:
                kept += series.record_quotes(tx, (quote for _, _, quote in quoted)).new
                series.record_books(tx, slot, ((market.id, book) for market, book, _ in quoted))
            if (turn + 1) % INSTANTS_AT_ONCE == 0:
                work.say(f"books of {turn + 1} of {len(changes)} instants: {kept} kept")
    return kept


def _quoted(work: Taking, markets: Sequence[Market], slot: int) -> list[Any]:
    """Return market, book and quote of each of *markets* as the venue shows them now."""
    venue = work.toolkit.venue()
    now: datetime = work.clock.now()
    wanted = Wanted(now, now + timedelta(seconds=1), tuple(markets))
    came = drain(venue.books, wanted, clock=work.clock, clients=(venue.clob,))
    if came.error is not None:
        raise came.error
    return quotes_of(markets, {book.token: book for book in came.of(Book)}, slot)


def _sums(work: Taking, *, refused: int, books: int) -> list[dict[str, Any]]:
    """Return what was recorded next to what the file holds, one row for each kind."""
    recorded = work.replay.recorded()
    with work.toolkit.open_store() as store, store.reading() as look:
        counts = history.counts(look)
    return [
        {
            "what": "listings, stored or refused",
            "recorded": recorded["listings"],
            "store": counts["markets"] + refused,
        },
        {
            "what": "books by market and instant",
            "recorded": recorded["books"],
            "store": books,
        },
        {"what": "points", "recorded": recorded["points"], "store": counts["points"]},
        {"what": "trades", "recorded": recorded["trades"], "store": counts["trades"]},
    ]
