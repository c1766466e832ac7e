"""How markets ended, what they cost before, and what was decided of them: for `calibrate`.

All readers take ``as_of`` and show what was available by then.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import Origin, Outcome, Token, from_epoch
from trading_cli.store.rows import ORIGIN_OF, epoch


@dataclass(frozen=True, slots=True)
class Settled:
    """A market that is settled: how, when it closed (or was first seen settled), when known."""

    market: str
    event: str
    outcome: Outcome
    closed_at: datetime
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Mid:
    """A YES mid as it was known at an instant."""

    price: float
    at: datetime
    origin: Origin


@dataclass(frozen=True, slots=True)
class DecidedOnce:
    """The first entry decision of a strategy on a market in a UTC day, with the YES mid then.

    ``token`` is what it would have bought, ``bought`` whether it said BUY; ``probability`` is of
    YES as the strategy stated it, ``None`` where it stated none.
    """

    market: str
    strategy: str
    at: datetime
    bought: bool
    token: Token | None
    probability: float | None
    mid: float
    origin: Origin


def settled(look: sqlite3.Connection, *, as_of: datetime) -> list[Settled]:
    """Return every market known to be settled by *as_of*, in the order first met."""
    rows = look.execute(
        "SELECT m.venue_id, coalesce(m.event_id, m.venue_id), r.outcome,"
        " coalesce(r.closed_at, r.event_time), r.available_at"
        " FROM markets m JOIN resolutions r ON r.market = m.id AND r.observed_at ="
        " (SELECT max(observed_at) FROM resolutions WHERE market = m.id AND available_at <= ?)"
        " WHERE r.outcome <> 'open' ORDER BY m.id",
        (epoch(as_of),),
    )
    return [
        Settled(market, event, Outcome(outcome), from_epoch(closed), from_epoch(known))
        for market, event, outcome, closed, known in rows
    ]


_LAST_QUOTE = (
    "SELECT (q.bid + q.ask) / 2e6, q.observed_at, q.origin FROM quotes q"
    " WHERE q.market = ?1 AND q.slot <= ?2 AND q.slot >= ?3 AND q.available_at <= ?2"
    " AND q.event_time >= ?3 AND q.bid IS NOT NULL AND q.ask IS NOT NULL"
    " ORDER BY q.slot DESC LIMIT 1"
)
_LAST_POINT = (
    "SELECT p.price, p.event_time, p.origin FROM points p WHERE p.market = ?1 AND p.outcome = 0"
    " AND p.event_time <= ?2 AND p.event_time >= ?3 AND p.available_at <= ?2"
    " ORDER BY p.event_time DESC LIMIT 1"
)


def mids_before(
    look: sqlite3.Connection, market: str, spans: Sequence[tuple[datetime, datetime]]
) -> list[Mid | None]:
    """Return for each (since, at) the last YES mid in it that was known at *at*, or ``None``.

    A quote goes before a history point.
    """
    number = number_of(look, market)
    if number is None:
        return [None] * len(spans)
    found: list[Mid | None] = []
    for since, at in spans:
        values = (number, epoch(at), epoch(since))
        kept = look.execute(_LAST_QUOTE, values).fetchone()
        kept = kept or look.execute(_LAST_POINT, values).fetchone()
        found.append(
            None if kept is None else Mid(kept[0], from_epoch(kept[1]), ORIGIN_OF[kept[2]])
        )
    return found


def first_decisions(
    look: sqlite3.Connection, markets: Sequence[str], *, as_of: datetime
) -> list[DecidedOnce]:
    """Return the decisions to enter *markets*, one a strategy, market and UTC day.

    The first to buy on that day, else the first of the day. One without a two-sided quote in its
    slot is left out.
    """
    rows = look.execute(
        # ranked by their keys alone: the facts of a year of decisions are not sorted
        "WITH ranked AS (SELECT d.seq, row_number() OVER (PARTITION BY d.market, d.strategy,"
        " d.decided_at / 86400 ORDER BY d.action <> 'BUY', d.seq) AS place FROM decisions d"
        " WHERE d.purpose = 'entry' AND d.decided_at <= ?2"
        " AND d.market IN (SELECT value FROM json_each(?1)))"
        " SELECT d.market, d.strategy, d.decided_at, d.action = 'BUY', d.token,"
        " json_extract(d.facts, '$.probability'), (q.bid + q.ask) / 2e6, q.origin"
        " FROM ranked JOIN decisions d ON d.seq = ranked.seq"
        " JOIN markets m ON m.venue_id = d.market"
        " JOIN quotes q ON q.market = m.id AND q.slot = d.slot AND q.available_at <= d.decided_at"
        " WHERE ranked.place = 1 AND q.bid IS NOT NULL AND q.ask IS NOT NULL"
        " ORDER BY d.decided_at, d.market, d.strategy",
        (json.dumps(sorted(markets)), epoch(as_of)),
    )
    return [
        DecidedOnce(
            market, strategy, from_epoch(at), bool(bought),
            None if token is None else Token(token),
            _of_yes(said, token), mid, ORIGIN_OF[origin],
        )
        for market, strategy, at, bought, token, said, mid, origin in rows
    ]  # fmt: skip


def _of_yes(said: float | None, token: str | None) -> float | None:
    """Return the probability of YES where *said* is that of *token*."""
    if said is None or token is None:
        return None
    return float(said) if token == Token.YES.value else 1 - float(said)


_BESIDE = (
    (
        "SELECT (bid + ask) / 2e6, event_time, origin FROM quotes WHERE market = ?1 AND {when}"
        " AND bid IS NOT NULL AND ask IS NOT NULL ORDER BY slot {order} LIMIT 1"
    ),
    (
        "SELECT price, event_time, origin FROM points WHERE market = ?1 AND outcome = 0 AND {when}"
        " ORDER BY event_time {order} LIMIT 1"
    ),
)
_AFTER = tuple(
    one.format(when="event_time >= ?2 AND event_time <= ?2 + ?3", order="ASC") for one in _BESIDE
)
_BEFORE = tuple(
    one.format(when="event_time < ?2 AND event_time >= ?2 - ?3", order="DESC") for one in _BESIDE
)


def mid_beside(
    look: sqlite3.Connection, market: str, at: datetime, within_s: int, *, only_after: bool
) -> Mid | None:
    """Return the YES mid nearest in time to *at*, or the first not before it; ``None``: no such.

    Hindsight: whether it was known at *at* is not asked, so no decision may rest on it. At the
    same distance the later one, and a quote before a history point.
    """
    number = number_of(look, market)
    if number is None:
        return None
    values = (number, epoch(at), within_s)
    questions = _AFTER if only_after else _AFTER + _BEFORE
    found = [kept for one in questions if (kept := look.execute(one, values).fetchone())]
    if not found:
        return None
    price, when, origin = min(found, key=lambda kept: abs(kept[1] - values[1]))
    return Mid(price, from_epoch(when), ORIGIN_OF[origin])


def last_mid_at(look: sqlite3.Connection, market: str) -> datetime | None:
    """Return when the market's last YES mid was, whenever it became known."""
    row = look.execute(
        "SELECT max((SELECT coalesce(max(event_time), 0) FROM points WHERE market = ?1"
        " AND outcome = 0), (SELECT coalesce(max(event_time), 0) FROM quotes WHERE market = ?1"
        " AND bid IS NOT NULL AND ask IS NOT NULL))",
        (number_of(look, market),),
    ).fetchone()
    return from_epoch(row[0]) if row[0] else None


def number_of(look: sqlite3.Connection, market: str) -> int | None:
    """Return our number of the venue's market, ``None`` where the store does not know it."""
    row = look.execute("SELECT id FROM markets WHERE venue_id = ?", (market,)).fetchone()
    return None if row is None else int(row[0])


def decided_since(look: sqlite3.Connection) -> dict[str, int]:
    """Return the slot of each market's first decision to enter it or not."""
    rows = look.execute(
        "SELECT market, min(slot) FROM decisions WHERE purpose = 'entry' GROUP BY market"
    )
    return {str(market): int(slot) for market, slot in rows}
