"""What happened, in the order it was written: the rows behind the page's stream.

Triggers write them (``schema_web``); here they are read, and forgotten when they are old.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import from_epoch
from trading_cli.store.rows import epoch


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: its number, which only grows; when; of what kind; to what."""

    id: int
    at: datetime
    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The oldest and the newest number that are kept; both 0 where nothing happened yet."""

    oldest: int = 0
    newest: int = 0


def kept(look: sqlite3.Connection) -> Kept:
    """Return which numbers are kept."""
    oldest, newest = look.execute(
        "SELECT (SELECT min(id) FROM events), (SELECT max(id) FROM events)"
    ).fetchone()
    return Kept(oldest or 0, newest or 0)


def after(look: sqlite3.Connection, last: int, *, limit: int = 500) -> list[Happening]:
    """Return what happened after number *last*, in order, at most *limit* of it."""
    rows = look.execute(
        "SELECT id, at, kind, subject FROM events WHERE id > ? ORDER BY id LIMIT ?", (last, limit)
    )
    return [Happening(number, from_epoch(at), kind, about) for number, at, kind, about in rows]


def forget(tx: sqlite3.Connection, before: datetime) -> int:
    """Delete what was written before anything of *before* or later, but for the newest row.

    By number, so that what is kept has no holes: a row may be of an earlier moment than the ones
    written before it. Return how many went.
    """
    return tx.execute(
        "DELETE FROM events WHERE id < coalesce((SELECT min(id) FROM events WHERE at >= ?),"
        " (SELECT max(id) FROM events))",
        (epoch(before),),
    ).rowcount
