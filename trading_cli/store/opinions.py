"""What outsiders said a market is worth: kept once, never changed, read as it was known.

An opinion may be known to a decision from ``available_at`` on. Those who want to know how good a
source is ask for its opinions on what has settled since.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trading_cli.domain import Origin, Outcome, from_epoch
from trading_cli.store.rows import ORIGINS, epoch


@dataclass(frozen=True, slots=True)
class Said:
    """One opinion: the probability of YES that *source* gave *market* (the venue's id).

    ``price``     the YES mid we knew when it came, ``None``: none
    ``valid``     how long it was meant to hold, from ``said_at`` on
    ``said_at``   when the source says it was said, at most ``observed_at``: when it came
    ``note``      the source's own words, foreign text without control characters
    ``body``      the SHA-256 of what was sent
    """

    source: str
    nonce: str
    market: str
    probability: float
    price: float | None
    valid: timedelta
    said_at: datetime
    observed_at: datetime
    note: str = ""
    body: bytes = bytes(32)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Scored:
    """The opinion of a source that counts for one event, the price then, and how it ended."""

    event: str
    market: str
    probability: float
    price: float
    won: bool
    known_at: datetime


def record(tx: sqlite3.Connection, said: Said) -> int | None:
    """Keep *said* and return its number; ``None`` where its source used its nonce before.

    Raises KeyError for a market that is not known.
    """
    row = tx.execute("SELECT id FROM markets WHERE venue_id = ?", (said.market,)).fetchone()
    if row is None:
        raise KeyError(said.market)
    seen = epoch(said.observed_at)
    done = tx.execute(
        "INSERT INTO opinions (source, nonce, market, probability, price, valid_s, event_time,"
        " observed_at, available_at, origin, note, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, nonce) DO NOTHING",
        (
            said.source,
            said.nonce,
            row[0],
            said.probability,
            said.price,
            int(said.valid.total_seconds()),
            epoch(said.said_at),
            seen,
            seen,
            ORIGINS[Origin.RECORDED],
            said.note,
            said.body,
        ),
    )
    return done.lastrowid if done.rowcount else None


_SAID = (
    "SELECT o.source, o.nonce, m.venue_id, o.probability, o.price, o.valid_s, o.event_time,"
    " o.observed_at, o.note, o.body, o.id FROM opinions o JOIN markets m ON m.id = o.market"
)


def _said(row: Sequence[object]) -> Said:
    source, nonce, market, probability, price, valid, said_at, seen, note, body, number = row
    return Said(
        str(source), str(nonce), str(market), float(str(probability)),
        None if price is None else float(str(price)), timedelta(seconds=int(str(valid))),
        from_epoch(int(str(said_at))), from_epoch(int(str(seen))), str(note),
        body if isinstance(body, bytes) else b"", int(str(number)),
    )  # fmt: skip


def known(look: sqlite3.Connection, source: str, nonce: str) -> Said | None:
    """Return what *source* said under *nonce*, ``None`` where it never used it."""
    row = look.execute(_SAID + " WHERE o.source = ? AND o.nonce = ?", (source, nonce)).fetchone()
    return None if row is None else _said(row)


def times_since(look: sqlite3.Connection, source: str, since: datetime) -> list[datetime]:
    """Return when the opinions of *source* after *since* came, oldest first."""
    rows = look.execute(
        "SELECT available_at FROM opinions WHERE source = ? AND available_at > ? ORDER BY 1",
        (source, epoch(since)),
    )
    return [from_epoch(at) for (at,) in rows]


def standing(
    look: sqlite3.Connection, markets: Iterable[str], *, since: datetime, as_of: datetime
) -> list[Said]:
    """Return the newest opinion of each source on each of *markets*, as known at *as_of*.

    The newest is the one said last, whenever it came. An older one never stands again. One said
    before *since*, or that held until before *as_of*, is left out: nothing else was said since.
    In the order of market, then source.
    """
    rows = look.execute(
        _SAID + " WHERE m.venue_id IN (SELECT value FROM json_each(?1)) AND o.id ="  # noqa: S608  # ours
        " (SELECT n.id FROM opinions n WHERE n.market = o.market AND n.source = o.source"
        " AND n.available_at <= ?2 ORDER BY n.event_time DESC, n.id DESC LIMIT 1)"
        " AND o.available_at BETWEEN ?3 AND ?2 AND o.event_time >= ?3"
        " AND o.event_time + o.valid_s > ?2"
        " ORDER BY m.venue_id, o.source",
        (json.dumps(list(markets)), epoch(as_of), epoch(since)),
    )
    return [_said(row) for row in rows]


def last(
    look: sqlite3.Connection, *, as_of: datetime, limit: int, market: str | None = None
) -> list[Said]:
    """Return the last *limit* opinions known at *as_of* (on *market*), newest first."""
    rows = look.execute(
        _SAID + " WHERE o.available_at <= ?1 AND (?2 IS NULL OR m.venue_id = ?2)"
        " ORDER BY o.id DESC LIMIT ?3",
        (epoch(as_of), market, limit),
    )
    return [_said(row) for row in rows]


def sources(look: sqlite3.Connection, *, as_of: datetime) -> list[str]:
    """Return who had said anything by *as_of*, sorted."""
    rows = look.execute(
        "SELECT DISTINCT source FROM opinions WHERE available_at <= ? ORDER BY source",
        (epoch(as_of),),
    )
    return [str(source) for (source,) in rows]


def scored(
    look: sqlite3.Connection, source: str, *, as_of: datetime, before: timedelta
) -> list[Scored]:
    """Return what counts of *source*: one opinion an event, on what was settled as of *as_of*.

    It is the last that came at least *before* the market closed, while we knew a price: what is
    said when the end is near, or known, proves nothing. Half-half is no outcome.
    """
    rows = look.execute(
        "SELECT coalesce(m.event_id, m.venue_id), m.venue_id, o.probability, o.price, r.outcome,"
        " r.available_at FROM opinions o JOIN markets m ON m.id = o.market"
        " JOIN resolutions r ON r.market = m.id AND r.observed_at ="
        " (SELECT max(observed_at) FROM resolutions WHERE market = m.id AND available_at <= ?2)"
        " WHERE o.source = ?1 AND o.available_at <= ?2 AND o.price IS NOT NULL"
        " AND r.outcome IN ('yes', 'no')"
        " AND o.available_at <= min(coalesce(r.closed_at, r.event_time), r.event_time) - ?3"
        " ORDER BY o.available_at, o.id",
        (source, epoch(as_of), int(before.total_seconds())),
    )
    found: dict[str, Scored] = {}
    for event, market, probability, price, outcome, known_at in rows:
        won = Outcome(outcome) is Outcome.YES
        found[event] = Scored(event, market, probability, price, won, from_epoch(known_at))
    return list(found.values())
