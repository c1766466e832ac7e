"""Quick looks at how things stand: a few rows each, without numpy.

Where there is an ``as_of``, what was found or judged after it is not there, and of what was judged
twice the word that stood then.
"""

import json
import sqlite3
from datetime import datetime

from trading_cli.store.rows import MILLION, epoch


def funnel(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the stages of the newest slot that has them, in their order."""
    rows = connection.execute(
        "SELECT stage, count FROM funnel WHERE slot = (SELECT max(slot) FROM funnel)"
        " ORDER BY position"
    )
    return {str(stage): int(count) for stage, count in rows}


def closing(
    connection: sqlite3.Connection, slot: int, *, since: datetime, as_of: datetime
) -> list[str]:
    """Return what was found about the whole of *slot*, from *since* to *as_of*, closing the gate.

    Errors do; of gaps in the schedule only one that still lasted (research.quality.gate).
    """
    rows = connection.execute(
        "SELECT check_name, severity, message, evidence FROM findings"
        " WHERE slot = ? AND subject = '' AND observed_at >= ? AND observed_at <= ?"
        " ORDER BY severity, check_name, id",
        (slot, epoch(since), epoch(as_of)),
    )
    return [
        f"{check}: {message}"
        for check, severity, message, evidence in rows
        if (
            json.loads(evidence).get("newest") is True
            if check == "schedule_gap"
            else severity == "error"
        )
    ]


def scores(connection: sqlite3.Connection, *, as_of: datetime) -> dict[str, float]:
    """Return the score of each market in the newest slot that had scores at *as_of*."""
    at = epoch(as_of)
    rows = connection.execute(
        "WITH newest AS (SELECT max("
        " coalesce((SELECT slot FROM scores WHERE slot <= ?1 AND observed_at <= ?1"
        "  ORDER BY slot DESC LIMIT 1), -1),"
        " coalesce((SELECT slot FROM scores_before WHERE slot <= ?1 AND observed_at <= ?1"
        "  ORDER BY slot DESC LIMIT 1), -1)) AS slot)"
        " SELECT s.market, s.score FROM newest n CROSS JOIN scores s ON s.slot = n.slot"
        " WHERE s.observed_at <= ?1"
        " UNION ALL"
        " SELECT b.market, b.score FROM newest n CROSS JOIN scores_before b ON b.slot = n.slot"
        " WHERE b.observed_at <= ?1 AND b.until > ?1",
        (at,),
    )
    return {str(market): float(value) for market, value in rows}


def judged(connection: sqlite3.Connection, slot: int, *, as_of: datetime) -> bool:
    """Return whether the checks had given any market a score in *slot* by *as_of*."""
    row = connection.execute(
        "SELECT 1 FROM scores WHERE slot = ?1 AND observed_at <= ?2"
        " UNION ALL SELECT 1 FROM scores_before WHERE slot = ?1 AND observed_at <= ?2 LIMIT 1",
        (slot, epoch(as_of)),
    ).fetchone()
    return row is not None


def newest_mark(connection: sqlite3.Connection) -> dict[str, float | int] | None:
    """Return what everything was worth at the newest mark, USD, and when; ``None`` before it."""
    row = connection.execute(
        "SELECT equity, cash, exposure, open, at FROM marks ORDER BY slot DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    equity, cash, exposure, held, at = row
    return {
        "equity": equity / MILLION,
        "cash": cash / MILLION,
        "exposure": exposure / MILLION,
        "open": held,
        "at": at,
    }


def untold(connection: sqlite3.Connection) -> tuple[int, int | None]:
    """Return how many notices wait to be told, and when the oldest was queued, epoch seconds."""
    count, oldest = connection.execute(
        "SELECT count(*), min(created_at) FROM outbox WHERE state = 'PENDING'"
    ).fetchone()
    return int(count), oldest


def first_slot(connection: sqlite3.Connection) -> int | None:
    """Return the first slot with quotes, ``None`` before there is one."""
    row = connection.execute("SELECT min(slot) FROM quote_packs WHERE quotes > 0").fetchone()
    return None if row[0] is None else int(row[0])


def gaps_since(connection: sqlite3.Connection, slot: int) -> dict[str, int]:
    """Return how many (slot, market) did not come since *slot*, by cause."""
    rows = connection.execute(
        "SELECT cause, count(*) FROM gaps WHERE slot >= ? AND received = 0 GROUP BY cause", (slot,)
    )
    return {str(cause): int(count) for cause, count in rows}
