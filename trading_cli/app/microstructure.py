"""What one market's book implies: now, over the stored looks of a span, and by who dealt.

The book is the newest stored one, its age told, or with ``live`` one fetched now through the same
source as every other; nothing is written. What the numbers mean stands in
``research.microstructure`` (one book) and ``research.book_history`` (many looks).
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from trading_cli.app import brief
from trading_cli.app import microstructure_told as told
from trading_cli.app.gather import drain
from trading_cli.app.toolkit import build
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import SourceDown, UsageError
from trading_cli.domain import Book, Failure, Market, Refusal, Side, Trade, Wanted
from trading_cli.research import book_history as bh
from trading_cli.research import microstructure as ms
from trading_cli.store import Store, Transaction, history, listings, thawed
from trading_cli.store.past_books import past_books

DAY = timedelta(days=1)
SHORTEST, LONGEST = timedelta(minutes=15), timedelta(days=366)
SIZES = tuple(Decimal(usd) for usd in (10, 30, 100, 300, 1000, 3000, 10_000))
MOST_USD = Decimal(100_000_000)
NEAR_TICKS = 5
HOUR = timedelta(hours=1)
_NAMED = 5  # markets an unclear name lists


class NoBook(UsageError):
    """No book of the market is there to be looked at."""

    code: ClassVar[str] = "no_book"


class OneSided(UsageError):
    """The book has bids only or asks only: no mid, no spread."""

    code: ClassVar[str] = "one_sided"


class Crossed(UsageError):
    """The book's best bid is not below its best ask: no book can be so."""

    code: ClassVar[str] = "crossed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read: the market, the book asked about, all looks of the span, and the trades."""

    market: Market
    book: Book
    live: bool
    since: datetime
    until: datetime
    past: Sequence[Book]
    trades: Sequence[Trade]


def microstructure(  # as many questions as options
    config: Path | None,
    name: str,
    *,
    size: Decimal | None = None,
    since: timedelta = DAY,
    live: bool = False,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Return the page of the market that *name* names, as the envelope has it.

    *size*: USD, one more row of the cost curve. *since*: how much of the past, back from the newest
    book. Raises UsageError for what cannot be asked (its subclasses NoBook, OneSided and Crossed
    for a book that says nothing), SourceError where *live* gets no answer.
    """
    if size is not None and not (size.is_finite() and 0 < size <= MOST_USD):
        raise UsageError(
            f"--size {size}: a size is above 0 and at most {MOST_USD:,} USD.", hint="--size 500"
        )
    if not SHORTEST <= since <= LONGEST:
        raise UsageError(f"--since {since}: between 15 minutes and a year.", hint="--since 24h")
    clock = clock or SystemClock()
    known = brief.read(config, os.environ)
    with Store.reader(known.database) as store, store.reading() as look:
        market = find(look, name, clock.now())
    fetched = _fetch(config, market, clock) if live else None
    now = clock.now()
    with Store.reader(known.database) as store, store.reading() as look:
        seen = _read(look, market, fetched, since, now)
    return page(seen, now, (*SIZES, size) if size is not None else SIZES, size)


def find(look: Transaction, name: str, as_of: datetime) -> Market:
    """Return the one market that *name* names.

    Its id, condition id, token or slug; else a beginning of one id or slug; else words that one
    question holds. Raises UsageError where that is none or several.
    """
    exact = listings.listing_at(look, as_of=as_of, venue_ids=[name])
    if exact:
        return exact[0]
    every = listings.listing_at(look, as_of=as_of)
    said = name.strip().casefold()
    found = [m for m in every if name in {m.condition_id, m.yes_token, m.no_token, m.slug}]
    if not found and said:
        found = [m for m in every if m.slug.startswith(said) or m.id.startswith(said)]
    if not found and said:
        words = said.split()
        found = [m for m in every if all(word in m.question.casefold() for word in words)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"no market is {name!r}, begins so, or has such words in its question.",
            hint="trading markets --search TEXT",
        )
    some = "; ".join(f"{m.id} {m.question}" for m in found[:_NAMED])
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise UsageError(f"{name!r} is {len(found)} markets: {some}{more}.", hint="give the id")


def _fetch(config: Path | None, market: Market, clock: Clock) -> Book:
    """Fetch the market's YES book. Raises SourceError, or NoBook where the venue has none."""
    with ExitStack() as stack:
        toolkit = stack.enter_context(build(config, clock=clock))
        venue, now = toolkit.venue(), clock.now()
        wanted = Wanted(now, now + timedelta(seconds=1), (market,))
        came = drain(venue.books, wanted, clock=clock, clients=(venue.clob,))
    if came.error is not None:
        raise came.error
    for book in came.of(Book):
        if book.token == market.yes_token:
            return book
    for refusal in came.of(Refusal):
        kind = Crossed if refusal.reason == "crossed" else NoBook
        raise kind(f"the book of {market.id} was refused: {refusal.detail}.", hint=_STORED)
    failed = came.of(Failure)
    if failed and failed[0].reason not in {"no_book", "no_book_of_no"}:
        raise SourceDown("polymarket.books", failed[0].detail, hint=_STORED)
    raise NoBook(f"the venue has no book of {market.id} ({market.question}).", hint=_STORED)


_STORED = "without --live the newest stored book is shown"


def _read(
    look: Transaction, market: Market, fetched: Book | None, since: timedelta, now: datetime
) -> Seen:
    number = listings.market_ids(look, [market.id])[market.id]
    newest = _newest(look, market, number, fetched, since, now)
    if newest is None:
        raise NoBook(
            f"no book of {market.id} ({market.question}) is stored.",
            hint="`--live` fetches one; `trading collect` keeps them",
        )
    until = newest.observed_at
    begin = until - since
    past = past_books(look, market.id, since=begin, until=until, as_of=now)
    if fetched is not None:
        past = [*past, fetched]
    first = min([begin, *(one.event_time for one in past)])
    bounds = int(first.timestamp()), int(until.timestamp()) + 1
    thawed.thaw_of(look, {number: bounds}, (thawed.TRADES,))
    trades = history.trades(  # of a recording the venue's times count: they lie before the span
        look, market.id, since=first, until=until + timedelta(seconds=1), as_of=now
    )
    return Seen(market, newest, fetched is not None, begin, until, past, trades)


def _newest(  # whose book, and how far back more of them are asked for
    look: Transaction, market: Market, number: int, fetched: Book | None, since: timedelta,
    now: datetime,
) -> Book | None:  # fmt: skip
    """Return the newest book, and have the archived ones of so long before it at hand."""
    had = thawed.END
    while True:
        found = fetched or history.newest_book(look, market.id, as_of=now)
        begin = 0
        if found is not None and found.observed_at - found.event_time < HOUR:
            begin = int((found.observed_at - since - HOUR).timestamp())
        # else it may have come from a file, whose books were all seen at once, in any slot
        if begin >= had:
            return found
        thawed.thaw_of(look, {number: (begin, thawed.END)}, (thawed.BOOKS,))
        had = begin


def page(
    seen: Seen, now: datetime, sizes: Sequence[Decimal] = SIZES, size: Decimal | None = None
) -> dict[str, Any]:
    """Return all that is said of what was *seen*. Raises OneSided or Crossed."""
    orders = _orders(seen, now)
    tick, origin = _tick(seen, orders)
    looks, taken_in, crossed = _looks(seen.past, tick)
    if not taken_in:
        seen = replace(seen, trades=[t for t in seen.trades if t.event_time >= seen.since])
    bought, sold, usd = _flows(looks.seen, seen)
    stood = bh.standing(looks)
    lost = bh.resilience(bh.losses(looks, bought, sold))
    moved = bh.moves(looks, bought - sold, usd)
    fee = told.fee_of(seen.market, seen.book.observed_at)
    ask = told.Asked(sorted(set(sizes)), fee, seen.book.min_size or seen.market.min_size, tick)
    mirrored = replace(looks, bid=1 - looks.ask, ask=1 - looks.bid)
    tokens = [
        told.token(name, label, one, ask, bh.weighted_spread(many, stood), lost)
        for name, label, one, many in (
            ("YES", seen.market.yes_label, orders, looks),
            ("NO", seen.market.no_label, orders.mirrored(), mirrored),
        )
    ]
    both = bh.weighted_spread(looks, stood)
    return {
        "market": told.market(seen.market, ask, origin),
        "book": told.book(seen.book, now, live=seen.live),
        "size_usd": size,
        "tokens": tokens,
        "span": {
            "since": seen.since,
            "until": seen.until,
            "looks": looks.seen.size,
            "crossed": crossed,
            "seconds": stood.span if taken_in else (seen.until - seen.since).total_seconds(),
            "two_sided_seconds": both.two_sided,
            "one_sided_seconds": both.one_sided,
            "longest_gap_seconds": bh.LONGEST,
            "venue_times": taken_in,
        },
        "resilience": told.resilience(lost),
        "impact": [told.impact(bh.amihud(moved)), told.impact(bh.kyle(moved))],
        "flow": told.flow(seen.trades),
    }


def _orders(seen: Seen, now: datetime) -> ms.Orders:
    """Return the book as arrays. Raises OneSided or Crossed, with its age."""
    book = seen.book
    about = f"the book of {seen.market.id} seen {told.ago(book, now)}"
    if not book.bids or not book.asks:
        lacks = " and ".join(
            name for name, side in (("bids", book.bids), ("asks", book.asks)) if not side
        )
        raise OneSided(
            f"{about} has no {lacks}: there is no mid and no spread.",
            hint="the market may be as good as decided; `--live` fetches the book of now",
        )
    if book.bids[0].price >= book.asks[0].price:
        raise Crossed(
            f"{about} is crossed: bid {book.bids[0].price} is not below ask {book.asks[0].price}.",
            hint="trading quality-check",
        )
    return _arrays(book)


def _arrays(book: Book) -> ms.Orders:
    bids, asks = (
        ms.Side.of([float(lv.price) for lv in side], [float(lv.size) for lv in side])
        for side in (book.bids, book.asks)
    )
    return ms.Orders(bids, asks)


def _tick(seen: Seen, orders: ms.Orders) -> tuple[float | None, str]:
    """Return the tick and who says so: book, listing, or seen (no price is off it)."""
    for value, origin in ((seen.book.tick, "book"), (seen.market.tick, "listing")):
        if value is not None:
            return float(value), origin
    step = ms.seen_tick(np.concatenate((orders.bids.prices, orders.asks.prices)))
    return (None, "unknown") if np.isnan(step) else (step, "seen")


def _looks(past: Sequence[Book], tick: float | None) -> tuple[bh.Looks, bool, int]:
    """Return the looks in time, whether by the venue's times, how many crossed were left out."""
    whole = [b for b in past if not (b.bids and b.asks and b.bids[0].price >= b.asks[0].price)]
    reach = Decimal(str(tick or 0)) * NEAR_TICKS
    rows = [
        (
            one.observed_at.timestamp(),
            one.event_time.timestamp(),
            float("nan") if one.best_bid is None else float(one.best_bid),
            float("nan") if one.best_ask is None else float(one.best_ask),
            float(sum(v.size for v in one.bids if v.price >= one.bids[0].price - reach)),
            float(sum(v.size for v in one.asks if v.price <= one.asks[0].price + reach)),
        )
        for one in whole
    ]
    columns = np.asarray(rows, float).reshape(-1, 6).T
    return *bh.timed(bh.Looks(*columns)), len(past) - len(whole)


def _flows(times: bh.Floats, seen: Seen) -> tuple[bh.Floats, bh.Floats, bh.Floats]:
    """Return shares of YES bought and sold, and USD, between each look and the one before [n].

    Buying NO is selling YES: both tokens share one pool of orders.
    """
    columns = np.zeros((3, times.size))
    if not times.size:
        return columns[0], columns[1], columns[2]
    dealt = np.array([one.event_time.timestamp() for one in seen.trades])
    places = np.searchsorted(times, dealt, side="left")
    for place, one in zip(places.tolist(), seen.trades, strict=True):
        if 0 < place < times.size:
            buys = (one.side is Side.BUY) == (one.outcome_index == 0)
            columns[0 if buys else 1, place] += float(one.size)
            columns[2, place] += one.usd
    return columns[0], columns[1], columns[2]
