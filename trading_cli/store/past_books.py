"""All the books a home kept of one market, whatever each was fetched for."""

import json
import sqlite3
import zlib
from datetime import datetime

from trading_cli.domain import Book, from_epoch
from trading_cli.store.rows import epoch
from trading_cli.store.series import decimal_or_none, levels_of


def past_books(
    connection: sqlite3.Connection,
    venue_id: str,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> list[Book]:
    """Return the market's YES books seen in [since, until], as known by *as_of*, oldest first."""
    rows = connection.execute(
        "SELECT m.condition_id, b.event_time, b.observed_at, b.hash, b.levels FROM books b"
        " JOIN markets m ON m.id = b.market WHERE m.venue_id = ? AND b.observed_at >= ?"
        " AND b.observed_at <= ? AND b.available_at <= ?"
        " ORDER BY b.observed_at, b.slot, b.purpose",
        (venue_id, epoch(since), epoch(until), epoch(as_of)),
    )
    return [_book(*row) for row in rows]


def _book(condition: str, event: int, observed: int, name: str, packed: bytes) -> Book:
    found = json.loads(zlib.decompress(packed))
    return Book(
        found["token"],
        condition,
        levels_of(found["bids"]),
        levels_of(found["asks"]),
        from_epoch(event),
        from_epoch(observed),
        name,
        decimal_or_none(found["tick"]),
        decimal_or_none(found["min_size"]),
        found["neg_risk"],
    )
