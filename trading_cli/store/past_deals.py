"""What a backtest's orders meet: stored books, still packed, and printed trades.

Times are epoch seconds; markets go by the file's own small numbers; money is millionths.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from trading_cli.store.past import in_order


class StoredBook(NamedTuple):
    """A book as the file has it: whose it is, what for, when, and its packed levels."""

    market: int
    slot: int
    purpose: str
    event_time: int
    observed_at: int
    available_at: int
    hash: str
    levels: bytes


_BOOK = "b.market, b.slot, b.purpose, b.event_time, b.observed_at, b.available_at, b.hash, b.levels"


def slot_books(
    look: sqlite3.Connection, numbers: Sequence[int], slot: int, purpose: str = "slot"
) -> list[StoredBook]:
    """Return the markets' YES books of *slot* for one *purpose*, still packed."""
    asked = [int(one) for one in numbers]
    rows = look.execute(
        f"SELECT {_BOOK} FROM json_each(?) w CROSS JOIN books b"  # noqa: S608  # ours
        " ON b.market = w.value AND b.slot = ? AND b.purpose = ?",
        (json.dumps(asked), slot, purpose),
    ).fetchall()
    return [StoredBook(*row) for row in in_order(rows, asked)]


def first_book_after(
    look: sqlite3.Connection, number: int, seen_after: int, slots: tuple[int, int]
) -> StoredBook | None:
    """Return the market's first book of the slots [first, last] seen after *seen_after*."""
    row = look.execute(
        f"SELECT {_BOOK} FROM books b WHERE b.market = ? AND b.slot >= ? AND b.slot <= ?"  # noqa: S608  # ours
        " AND b.available_at > ? ORDER BY b.available_at, b.slot, b.purpose LIMIT 1",
        (number, *slots, seen_after),
    ).fetchone()
    return None if row is None else StoredBook(*row)


def stored_of(look: sqlite3.Connection, numbers: Sequence[int], since: int, until: int) -> str:
    """Return which of books and trades are stored of the markets in [since, until), in words.

    "": neither.
    """
    wanted = (json.dumps([int(one) for one in numbers]), since, until)
    books, trades = look.execute(
        "SELECT EXISTS (SELECT 1 FROM json_each(?1) w CROSS JOIN books b ON b.market = w.value"
        " AND b.slot >= ?2 AND b.slot < ?3),"
        " EXISTS (SELECT 1 FROM json_each(?1) w CROSS JOIN trades t"
        " ON t.market = w.value AND t.event_time >= ?2 AND t.event_time < ?3)",
        wanted,
    ).fetchone()
    return " and ".join(name for name, there in (("books", books), ("trades", trades)) if there)


class Print(NamedTuple):
    """A trade as far as an order needs it: which token, at what, how much (millionths), when."""

    outcome: int
    price: int
    size: int
    time: int


def prints(look: sqlite3.Connection, number: int, after: int, until: int) -> list[Print]:
    """Return the market's trades of (after, until], oldest first, then by id."""
    rows = look.execute(
        "SELECT outcome, price, size, event_time FROM trades WHERE market = ?"
        " AND event_time > ? AND event_time <= ? ORDER BY event_time, id",
        (number, after, until),
    )
    return [Print(*row) for row in rows]


def dealt_usd(
    look: sqlite3.Connection, number: int, since: int, until: int, as_of: int, seen_by: int
) -> float:
    """Return USD dealt in [since, until) that was available by *as_of* and seen by *seen_by*."""
    row = look.execute(
        "SELECT coalesce(sum(usd), 0) FROM (SELECT CAST(price AS REAL) * size AS usd FROM trades"
        " WHERE market = ?1 AND event_time >= ?2 AND event_time < ?3 AND available_at <= ?4"
        " AND observed_at <= ?5 ORDER BY event_time LIMIT -1)",  # a sum of floats goes by its order
        (number, since, until, as_of, seen_by),
    ).fetchone()
    return float(row[0])


def newest_trade_seen(look: sqlite3.Connection, number: int, since: int, until: int) -> int:
    """Return when the last of the market's trades of [since, until) was seen and available."""
    row = look.execute(
        "SELECT coalesce(max(max(observed_at, available_at)), 0) FROM trades"
        " WHERE market = ? AND event_time >= ? AND event_time < ?",
        (number, since, until),
    ).fetchone()
    return int(row[0])
