"""How prices turned out to mean what they say, by day: the fits that decisions could use."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import from_epoch
from trading_cli.store.rows import epoch

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Fitted:
    """A slope in log odds, fitted on what was settled and known at the midnight ``day``.

    ``newest`` (epoch seconds) is when the newest outcome used was known.
    """

    day: datetime
    slope: float
    error: float
    snapshots: int
    events: int
    newest: float


def record(tx: sqlite3.Connection, fitted: Fitted, at: datetime) -> bool:
    """Keep the fit of a day as computed at *at*; False where the day has one already."""
    return (
        tx.execute(
            "INSERT INTO recalibrations (day, slope, error, snapshots, events, newest,"
            " computed_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                epoch(fitted.day),
                fitted.slope,
                fitted.error,
                fitted.snapshots,
                fitted.events,
                fitted.newest,
                epoch(at),
            ),
        ).rowcount
        > 0
    )


def standing(look: sqlite3.Connection, *, as_of: datetime) -> Fitted | None:
    """Return the newest fit computed by *as_of*, ``None`` before the first."""
    row = look.execute(
        "SELECT day, slope, error, snapshots, events, newest FROM recalibrations"
        " WHERE day <= ?1 AND computed_at <= ?1 ORDER BY day DESC LIMIT 1",
        (epoch(as_of),),
    ).fetchone()
    return None if row is None else Fitted(from_epoch(row[0]), *row[1:])
