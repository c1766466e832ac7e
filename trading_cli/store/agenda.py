"""Dates: what a person brought in, what the venue is settling, what was settled."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from struct import unpack

from trading_cli.domain import from_epoch
from trading_cli.store.rows import decimal_of, epoch, epoch_or_none, moment

IMPORTANCES = ("low", "medium", "high")
HOURS = 24
_FORM = f"<{HOURS}d"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that happens outside at a known time; ``uid`` tells those of a source apart."""

    uid: str
    at: datetime
    title: str
    source: str
    until: datetime | None = None
    importance: str = "medium"


def record_occasions(tx: sqlite3.Connection, found: Iterable[Occasion], at: datetime) -> int:
    """Keep *found*; one known by its source and uid takes the newer word. Return how many are new.

    What a source no longer names stays: a feed that is cut short loses nothing.
    """
    before = tx.execute("SELECT count(*) FROM agenda").fetchone()[0]
    tx.executemany(
        "INSERT INTO agenda (source, uid, at, until, title, importance, observed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, uid) DO UPDATE SET at = excluded.at,"
        " until = excluded.until, title = excluded.title, importance = excluded.importance,"
        " observed_at = excluded.observed_at",
        [
            (one.source, one.uid, epoch(one.at), epoch_or_none(one.until), one.title,
             one.importance, epoch(at))
            for one in found
        ],
    )  # fmt: skip
    return int(tx.execute("SELECT count(*) FROM agenda").fetchone()[0] - before)


def occasions(look: sqlite3.Connection, since: datetime, until: datetime) -> list[Occasion]:
    """Return what happens in [since, until), earliest first."""
    rows = look.execute(
        "SELECT uid, at, title, source, until, importance FROM agenda"
        " WHERE at >= ? AND at < ? ORDER BY at, source, uid",
        (epoch(since), epoch(until)),
    )
    return [
        Occasion(uid, from_epoch(at), title, source, moment(end), importance)
        for uid, at, title, source, end, importance in rows
    ]


def settling(
    look: sqlite3.Connection, venue_ids: Iterable[str], *, as_of: datetime
) -> dict[str, tuple[str, datetime]]:
    """Return (UMA status, since when we saw it) of each market whose settlement is under way."""
    rows = look.execute(
        "SELECT m.venue_id, r.uma_status, r.observed_at, r.outcome FROM resolutions r"
        " JOIN markets m ON m.id = r.market"
        " WHERE m.venue_id IN (SELECT value FROM json_each(?)) AND r.available_at <= ?"
        " ORDER BY m.venue_id, r.observed_at",
        (json.dumps(list(venue_ids)), epoch(as_of)),
    )
    found: dict[str, tuple[str, datetime]] = {}
    for venue, status, seen, outcome in rows:
        word = str(status or "").lower()
        if outcome != "open" or not word:
            found.pop(venue, None)
        elif found.get(venue, ("",))[0] != word:
            found[venue] = word, from_epoch(seen)
    return found


def settled(
    look: sqlite3.Connection, since: datetime, until: datetime
) -> list[tuple[str, datetime, Decimal]]:
    """Return (market, when first seen paid, YES's payout) of what was settled in the span."""
    rows = look.execute(
        "SELECT m.venue_id, min(r.event_time), r.payout FROM resolutions r"
        " JOIN markets m ON m.id = r.market WHERE r.outcome <> 'open'"
        " GROUP BY r.market HAVING min(r.event_time) >= ? AND min(r.event_time) < ?"
        " ORDER BY 2, 1",
        (epoch(since), epoch(until)),
    )
    return [(venue, from_epoch(at), decimal_of(payout) or Decimal(0)) for venue, at, payout in rows]


def traded_hours(
    look: sqlite3.Connection, since: datetime, until: datetime
) -> dict[int, tuple[int, list[float]]]:
    """Return {UTC midnight: (markets, USD by hour [24])} over the markets heard whole that day."""
    rows = look.execute(
        "SELECT day, hours FROM traded_days WHERE day >= ? AND day < ? ORDER BY day",
        (epoch(since), epoch(until)),
    )
    found: dict[int, tuple[int, list[float]]] = {}
    for day, packed in rows:
        markets, sums = found.get(day, (0, [0.0] * HOURS))
        found[day] = markets + 1, [a + b for a, b in zip(sums, unpack(_FORM, packed), strict=True)]
    return found
