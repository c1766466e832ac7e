"""What of the past is still to be fetched, in windows that survive a stop, and how far we are."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import from_epoch
from trading_cli.store.rows import Written, epoch, moment

TRIES = 5


@dataclass(frozen=True, slots=True)
class Window:
    """One half-open span of one market's past to fetch: ``kind`` is "mids" or "trades"."""

    id: int
    market_id: str
    kind: str
    start: datetime
    stop: datetime
    tries: int


def plan_windows(
    tx: sqlite3.Connection, venue_id: str, kind: str, start: datetime, end: datetime, step_s: int
) -> Written:
    """Plan [start, end) of a market's past in windows of *step_s* seconds on the epoch's grid.

    Planning again adds only what was not planned. Raises KeyError for an unknown market.
    """
    market = tx.execute("SELECT id FROM markets WHERE venue_id = ?", (venue_id,)).fetchone()
    if market is None:
        raise KeyError(venue_id)
    first, last = epoch(start), epoch(end)
    spans = [
        (market[0], kind, max(at, first), min(at + step_s, last))
        for at in range(first // step_s * step_s, last, step_s)
    ]
    new = tx.executemany(
        "INSERT INTO backfill_windows (market, kind, start, stop) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        spans,
    ).rowcount
    return Written(max(new, 0), len(spans) - max(new, 0))


def next_windows(connection: sqlite3.Connection, limit: int) -> list[Window]:
    """Return up to *limit* windows still to fetch: untried first, then the failed ones again."""
    rows = connection.execute(
        "SELECT w.id, m.venue_id, w.kind, w.start, w.stop, w.tries FROM backfill_windows w"
        " JOIN markets m ON m.id = w.market WHERE w.state IN ('planned', 'failed') AND w.tries < ?"
        " ORDER BY w.tries, w.id LIMIT ?",
        (TRIES, limit),
    )
    return [
        Window(number, venue, kind, from_epoch(start), from_epoch(stop), tries)
        for number, venue, kind, start, stop, tries in rows
    ]


def mark_window(tx: sqlite3.Connection, window: int, state: str, rows: int) -> None:
    """Say that a window is "done", "empty" or "failed". Raises KeyError if unknown."""
    changed = tx.execute(
        "UPDATE backfill_windows SET state = ?, rows = rows + ?, tries = tries + 1 WHERE id = ?",
        (state, rows, window),
    ).rowcount
    if not changed:
        raise KeyError(window)


def windows_left(connection: sqlite3.Connection) -> int:
    """Return how many windows are still to fetch."""
    row = connection.execute(
        "SELECT count(*) FROM backfill_windows WHERE state IN ('planned', 'failed') AND tries < ?",
        (TRIES,),
    ).fetchone()
    return int(row[0])


def set_watermark(tx: sqlite3.Connection, name: str, at: datetime) -> None:
    """Say that everything of *name* before *at* is in; a watermark never goes back."""
    tx.execute(
        "INSERT INTO watermarks (name, at) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET at = max(at, excluded.at)",
        (name, epoch(at)),
    )


def watermark(connection: sqlite3.Connection, name: str) -> datetime | None:
    """Return up to when everything of *name* is in, ``None`` where nothing is."""
    row = connection.execute("SELECT at FROM watermarks WHERE name = ?", (name,)).fetchone()
    return None if row is None else moment(row[0])


def set_meta(tx: sqlite3.Connection, name: str, value: str) -> None:
    """Remember *value* under *name*."""
    tx.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def meta(connection: sqlite3.Connection, name: str) -> str | None:
    """Return what is remembered under *name*, ``None`` where nothing is."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])
