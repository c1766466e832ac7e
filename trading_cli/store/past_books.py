"""All the books a home kept of one market, whatever each was fetched for."""

import sqlite3
from datetime import datetime

from trading_cli.domain import Book
from trading_cli.store.history import unpacked
from trading_cli.store.rows import epoch


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
        "SELECT m.condition_id, b.event_time, b.observed_at, b.hash, b.levels,"
        " b.slot, b.purpose FROM books b JOIN markets m ON m.id = b.market"
        " WHERE b.market = (SELECT id FROM markets WHERE venue_id = ?) AND b.observed_at >= ?"
        " AND b.observed_at <= ? AND b.available_at <= ?"
        " ORDER BY b.observed_at, b.slot, b.purpose",
        (venue_id, epoch(since), epoch(until), epoch(as_of)),
    )
    return [unpacked(*row[:5]) for row in rows]
