"""Descriptions, books and trades of an import, put beside what the store holds, then into it.

Of each market's books the first of a slot is the slot's own, and gives its quote; every other has
the purpose ``import:MILLISECONDS``. Trades are known 300 s after their time unless a lag is said.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from trading_cli.app.importing.gathering import Harvest
from trading_cli.app.importing.markets import VENUE
from trading_cli.app.importing.storing import CONTRADICTS, NONE, Plan
from trading_cli.app.quotes import quote_of
from trading_cli.domain import Book, Market, Origin, Outcome, Quote, Trade, from_epoch, slot_of
from trading_cli.sources.polymarket.resolutions import resolution_of
from trading_cli.store import Store, Transaction, imports, series
from trading_cli.store.imports import Came, Ending
from trading_cli.store.rows import LAGS_S, Written, epoch

ROWS_AT_ONCE = 1_000
OWN = "slot"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Others:
    """What is to be written besides points; books and trades by the key of their market."""

    listed: Sequence[Market]
    books: Sequence[tuple[str, str, Book]]
    trades: Sequence[tuple[str, Trade]]


def plan(look: Transaction | None, harvest: Harvest, found: Plan) -> Others:
    """Return what is to be written, counting in *found* what is new and what is there."""
    listed = list(_listed(look, harvest, found))
    kept = [one for one in harvest.books if one[0] in found.markets]
    others = Others(
        listed,
        list(_purposes(kept)),
        [one for one in harvest.trades if one[0] in found.markets],
    )
    counts = {"books": NONE, "trades": NONE, "quotes": NONE}
    for key, purpose, book in others.books:
        number, at = found.markets[key].number, epoch(book.event_time)
        same = False
        if look is not None and number is not None:
            same = imports.has_book(look, number, at, purpose)
        counts["books"] += _one(there=same)
        if purpose == OWN:
            counts["quotes"] += _one(there=same)
    for _, trade in others.trades:
        counts["trades"] += _one(there=look is not None and imports.has_trade(look, trade.id))
    found.others |= counts
    return others


def _one(*, there: bool) -> Written:
    return Written(same=1) if there else Written(new=1)


def _listed(look: Transaction | None, harvest: Harvest, found: Plan) -> Iterator[Market]:
    """Yield the descriptions that contradict nothing."""
    known: dict[str, tuple[str, ...]] = {}
    counts = NONE
    for market, file, place in harvest.listed:
        names = (market.id, market.condition_id, market.yes_token, market.no_token)
        clash = any(known.setdefault(name, names) != names for name in names)
        if clash or (look is not None and imports.contradicted(look, market)):
            harvest.refused.add(CONTRADICTS, file, place, market.id)
            continue
        there = None if look is None else imports.by_condition(look, market.condition_id)
        at = epoch(market.observed_at)
        same = there is not None and look is not None and imports.has_listing(look, there[0], at)
        counts += _one(there=same)
        found.new_markets += there is None
        found.described += 1
        ending = _ending(market)
        if ending is not None:
            found.settled += 1
            kept = [] if look is None or there is None else imports.endings(look, there[0])
            found.endings += _one(there=ending.outcome in kept)
        yield market
    found.others["listings"] = counts


def _ending(market: Market) -> Ending | None:
    """Return how the market ended, as far as its description says so twice."""
    read = resolution_of(market, market.observed_at)
    if read.outcome is Outcome.OPEN or read.payout is None:
        return None
    closed = None if read.closed_at is None else epoch(read.closed_at)
    at = epoch(market.observed_at) if closed is None else closed
    return Ending(read.outcome, read.payout, at, closed, "imported: as the venue described it")


def _purposes(books: Sequence[tuple[str, Book]]) -> Iterator[tuple[str, str, Book]]:
    """Yield the books in order of time, the first of each market and slot as the slot's own."""
    seen: set[tuple[str, int]] = set()
    for key, book in sorted(books, key=lambda one: (one[1].event_time, one[0])):
        own = (key, slot_of(book.event_time))
        purpose = f"import:{round(book.event_time.timestamp() * 1000)}" if own in seen else OWN
        seen.add(own)
        yield key, purpose, book


def write(store: Store, found: Plan, others: Others, came: Came, trades_lag: int | None) -> None:
    """Write it all in steps, counting in *found* what was really written."""
    listings = endings = NONE
    for part in _parts(others.listed):
        with store.transaction() as tx:
            for market in part:
                one, other = _write_listed(tx, came, market)
                listings, endings = listings + one, endings + other
    books = quotes = trades = NONE
    for rows in _parts(others.books):
        with store.transaction() as tx:
            books += imports.record_books(tx, came, [_book_row(found, *row) for row in rows])
            own = [_quote(found, came, *row) for row in rows if row[1] == OWN]
            quotes += series.record_quotes(tx, own, lag_s=came.lag)
    later = came._replace(lag=LAGS_S["trades"] if trades_lag is None else trades_lag)
    for deals in _parts(others.trades):
        with store.transaction() as tx:
            named = [(_number(found, key), trade) for key, trade in deals]
            trades += imports.record_trades(tx, later, named)
    found.endings += endings
    found.others = {"listings": listings, "books": books, "quotes": quotes, "trades": trades}


def _write_listed(tx: Transaction, came: Came, market: Market) -> tuple[Written, Written]:
    there = imports.by_condition(tx, market.condition_id)
    number = imports.record_market(
        tx, came, market.id, market, number=None if there is None else there[0], identity=VENUE,
        facts={},
    )  # fmt: skip
    ending = _ending(market)
    listed = imports.record_listing(tx, came, number, market)
    return listed, NONE if ending is None else imports.record_ending(tx, came, number, ending)


def _number(found: Plan, key: str) -> int:
    number = found.markets[key].number
    if number is None:  # every market was written before
        raise KeyError(key)
    return number


def _book_row(found: Plan, key: str, purpose: str, book: Book) -> tuple[int, str, int, str, bytes]:
    own = replace(book, token=found.markets[key].market.yes_token)
    at = epoch(book.event_time)
    return _number(found, key), purpose, at, book.hash, series.pack_levels(own)


def _quote(found: Plan, came: Came, key: str, _purpose: str, book: Book) -> Quote:
    seen = replace(book, observed_at=from_epoch(came.at))
    quote = quote_of(found.markets[key].market, slot_of(book.event_time), seen, None)
    return replace(quote, origin=Origin.IMPORTED)


def _parts(rows: Sequence[T]) -> Iterator[list[T]]:
    feed = iter(rows)
    while part := list(islice(feed, ROWS_AT_ONCE)):
        yield part
