"""Quick looks at how things stand: a few rows each, without numpy."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import from_epoch
from trading_cli.store.rows import epoch


@dataclass(frozen=True, slots=True)
class Kill:
    """How the kill switch stands; level 0 unless triggered."""

    state: str
    level: int
    reason: str
    since: datetime


def kill(connection: sqlite3.Connection) -> Kill | None:
    """Return the newest state of the kill switch, ``None`` where it was never written."""
    row = connection.execute(
        "SELECT state, level, reason, at FROM kill_state ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return None if row is None else Kill(row[0], row[1], row[2], from_epoch(row[3]))


def funnel(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the stages of the newest slot that has them, in their order."""
    rows = connection.execute(
        "SELECT stage, count FROM funnel WHERE slot = (SELECT max(slot) FROM funnel)"
        " ORDER BY position"
    )
    return {str(stage): int(count) for stage, count in rows}


def closing(connection: sqlite3.Connection, slot: int, *, since: datetime) -> list[str]:
    """Return what was found about the whole of *slot*, since then, that closes the gate.

    Errors do; of gaps in the schedule only one that still lasted (research.quality.gate).
    """
    rows = connection.execute(
        "SELECT check_name, severity, message, evidence FROM findings"
        " WHERE slot = ? AND subject = '' AND observed_at >= ? ORDER BY severity, check_name, id",
        (slot, epoch(since)),
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


def scores(connection: sqlite3.Connection) -> dict[str, float]:
    """Return the score of each market in the newest slot that has scores."""
    rows = connection.execute(
        "SELECT market, score FROM scores WHERE slot = (SELECT max(slot) FROM scores)"
    )
    return {str(market): float(value) for market, value in rows}


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
