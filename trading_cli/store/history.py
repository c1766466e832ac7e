"""Looking at quotes, books, trades and points as they were known at an instant.

Every reader that a decision could use takes ``as_of`` and shows nothing that came later.
Spans are half-open, [since, until).
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from trading_cli.domain import Book, Point, Quote, Side, Trade, from_epoch
from trading_cli.store.migrations import COUNTS
from trading_cli.store.packed import PackedBook
from trading_cli.store.rows import ORIGIN_OF, decimal_of, epoch, exact
from trading_cli.store.series import PACK

QUOTE = (
    "SELECT m.venue_id, q.slot, q.bid, q.ask, q.bid_depth, q.ask_depth, q.pair_gap, q.book_hash,"
    " q.event_time, q.observed_at, q.origin FROM quotes q JOIN markets m ON m.id = q.market"
)


def quotes(
    connection: sqlite3.Connection,
    venue_id: str,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> list[Quote]:
    """Return the market's quotes of the slots that begin in [since, until), oldest first.

    ``book_hash`` is the first 16 hex digits of the venue's.
    """
    question = (
        QUOTE + " WHERE q.market = (SELECT id FROM markets WHERE venue_id = ?)"  # noqa: S608  # ours
        " AND q.slot >= ? AND q.slot < ? AND q.available_at <= ? ORDER BY q.slot"
    )
    rows = connection.execute(
        question,
        (venue_id, epoch(since), epoch(until), epoch(as_of)),
    )
    return [_quote(row) for row in rows]


class QuoteColumns(NamedTuple):
    """A market's quotes by column, oldest first, as the file has them: millionths, epochs."""

    slots: tuple[int, ...] = ()
    bids: tuple[int | None, ...] = ()
    asks: tuple[int | None, ...] = ()
    bid_depths: tuple[float | None, ...] = ()
    ask_depths: tuple[float | None, ...] = ()
    pair_gaps: tuple[int | None, ...] = ()
    hashes: tuple[bytes | None, ...] = ()
    observed: tuple[int, ...] = ()


def quote_columns(
    connection: sqlite3.Connection,
    venue_id: str,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> QuoteColumns:
    """Return what ``quotes`` does by column: quick where a day of many markets is looked at."""
    rows = connection.execute(
        "SELECT slot, bid, ask, bid_depth, ask_depth, pair_gap, book_hash, observed_at FROM quotes"
        " WHERE market = (SELECT id FROM markets WHERE venue_id = ?)"
        " AND slot >= ? AND slot < ? AND available_at <= ? ORDER BY slot",
        (venue_id, epoch(since), epoch(until), epoch(as_of)),
    ).fetchall()
    return QuoteColumns(*zip(*rows, strict=True)) if rows else QuoteColumns()


def latest_quotes(connection: sqlite3.Connection, slot: int, *, as_of: datetime) -> list[Quote]:
    """Return every market's quote of *slot*, in the order the markets were first met."""
    kept = connection.execute("SELECT pack FROM quote_packs WHERE slot = ?", (slot,)).fetchone()
    if kept is None:
        return []
    members = json.dumps(sorted(entry[0] for entry in PACK.iter_unpack(kept[0])))
    question = (
        QUOTE + " WHERE q.market IN (SELECT value FROM json_each(?)) AND q.slot = ?"  # noqa: S608  # ours
        " AND q.available_at <= ? ORDER BY q.market"
    )
    rows = connection.execute(
        question,
        (members, slot, epoch(as_of)),
    )
    return [_quote(row) for row in rows]


def _quote(row: tuple[Any, ...]) -> Quote:
    venue, slot, bid, ask, bid_depth, ask_depth, gap, name, event, observed, origin = row
    return Quote(
        venue,
        slot,
        decimal_of(bid),
        decimal_of(ask),
        bid_depth,
        ask_depth,
        from_epoch(event),
        from_epoch(observed),
        decimal_of(gap),
        "" if name is None else name.hex(),
        ORIGIN_OF[origin],
    )


def book(
    connection: sqlite3.Connection,
    venue_id: str,
    slot: int,
    *,
    as_of: datetime,
    purpose: str = "slot",
) -> Book | None:
    """Return the market's YES book of *slot*, ``None`` where it was not kept or not yet known."""
    row = connection.execute(
        "SELECT m.condition_id, b.event_time, b.observed_at, b.hash, b.levels FROM books b"
        " JOIN markets m ON m.id = b.market WHERE m.venue_id = ? AND b.slot = ?"
        " AND b.purpose = ? AND b.available_at <= ?",
        (venue_id, slot, purpose, epoch(as_of)),
    ).fetchone()
    if row is None:
        return None
    condition, event, observed, name, packed = row
    return unpacked(condition, event, observed, name, packed)


def unpacked(condition: str, event: int, observed: int, name: str, packed: bytes) -> Book:
    """Return a stored YES book: whose condition it is, its times, its hash and packed levels."""
    return replace(PackedBook.of(condition, event, observed, name, packed))


def newest_book(connection: sqlite3.Connection, venue_id: str, *, as_of: datetime) -> Book | None:
    """Return the market's YES book observed last by *as_of*, whatever it was fetched for."""
    row = connection.execute(
        "SELECT slot, purpose, observed_at FROM books"
        " WHERE market = (SELECT id FROM markets WHERE venue_id = ?1) AND available_at <= ?2"
        " ORDER BY slot DESC, observed_at DESC LIMIT 1",
        (venue_id, epoch(as_of)),
    ).fetchone()
    return None if row is None else book(connection, venue_id, row[0], as_of=as_of, purpose=row[1])


def trades(
    connection: sqlite3.Connection,
    venue_id: str,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> list[Trade]:
    """Return what takers did in the market in [since, until), oldest first, then by id."""
    rows = connection.execute(
        "SELECT t.id, m.condition_id, CASE t.outcome WHEN 0 THEN m.yes_token ELSE m.no_token END,"
        " t.outcome, t.buy, t.price, t.size, t.wallet, t.event_time, t.observed_at, t.origin"
        " FROM trades t JOIN markets m ON m.id = t.market WHERE m.venue_id = ?"
        " AND t.event_time >= ? AND t.event_time < ? AND t.available_at <= ?"
        " ORDER BY t.event_time, t.id",
        (venue_id, epoch(since), epoch(until), epoch(as_of)),
    )
    return [
        Trade(
            name,
            condition,
            token,
            outcome,
            Side.BUY if buy else Side.SELL,
            exact(price),
            exact(size),
            wallet,
            from_epoch(event),
            from_epoch(observed),
            ORIGIN_OF[origin],
        )
        for (
            name, condition, token, outcome, buy, price, size, wallet, event, observed, origin,
        ) in rows
    ]  # fmt: skip


def trade_times(
    connection: sqlite3.Connection,
    venue_id: str,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> list[int]:
    """Return when takers dealt in the market in [since, until), epoch seconds, oldest first."""
    rows = connection.execute(
        "SELECT event_time FROM trades WHERE market = (SELECT id FROM markets WHERE venue_id = ?)"
        " AND event_time >= ? AND event_time < ? AND available_at <= ? ORDER BY event_time",
        (venue_id, epoch(since), epoch(until), epoch(as_of)),
    )
    return [int(row[0]) for row in rows]


def points(
    connection: sqlite3.Connection,
    venue_id: str,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
    outcome: int = 0,
) -> list[Point]:
    """Return the history midpoints of the market's YES (or NO: *outcome* 1) token, oldest first."""
    rows = connection.execute(
        "SELECT CASE p.outcome WHEN 0 THEN m.yes_token ELSE m.no_token END, p.price, p.event_time,"
        " p.observed_at, p.origin FROM points p JOIN markets m ON m.id = p.market"
        " WHERE m.venue_id = ? AND p.outcome = ? AND p.event_time >= ? AND p.event_time < ?"
        " AND p.available_at <= ? ORDER BY p.event_time",
        (venue_id, outcome, epoch(since), epoch(until), epoch(as_of)),
    )
    return [
        Point(token, price, from_epoch(event), from_epoch(observed), ORIGIN_OF[origin])
        for token, price, event, observed, origin in rows
    ]


def newest_quote_at(connection: sqlite3.Connection) -> datetime | None:
    """Return when the newest quote was observed, ``None`` before the first."""
    row = connection.execute("SELECT pack FROM quote_packs ORDER BY slot DESC LIMIT 1").fetchone()
    if row is None:
        return None
    return from_epoch(max(entry[5] for entry in PACK.iter_unpack(row[0])))


def counts(connection: sqlite3.Connection) -> Mapping[str, int]:
    """Return how many rows there are of each kind."""
    return {name: int(connection.execute(question).fetchone()[0]) for name, question in COUNTS}
