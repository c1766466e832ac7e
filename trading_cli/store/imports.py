"""What a person brought in from files: its ledger, its markets, and its rows among the recorded.

Everything has ``origin`` imported, the instant of the import as ``observed_at`` and its own time
plus the declared lag as ``available_at``. Bringing the same in again adds nothing.
"""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from trading_cli.domain import Market, Origin, Outcome, Side, Trade
from trading_cli.store.listings import RESOLUTION_INSERT, SEEN, described
from trading_cli.store.rows import (
    ORIGINS,
    Row,
    Written,
    as_json,
    digest,
    epoch,
    epoch_or_none,
    keep,
    millionths,
    note_conflict,
)
from trading_cli.store.series import BOOKS, POINTS, TRADES

IMPORTED = ORIGINS[Origin.IMPORTED]


class Came(NamedTuple):
    """One import: its number, when (epoch seconds), the lag its rows get, and its source's name."""

    number: int
    at: int
    lag: int
    source: str


class Known(NamedTuple):
    """A market that a source brought before, by the number and the name it has with us."""

    number: int
    venue_id: str
    identity: str


@dataclass(frozen=True, slots=True)
class File:
    """One file of an import. ``rows`` counts what it held, ``refused`` what was not taken."""

    name: str
    sha256: bytes
    size: int
    layout: str
    rows: int
    refused: int


def begin(tx: sqlite3.Connection, source: str, *, at: int, lag: int) -> Came:
    """Note that an import begins, and return it."""
    made = tx.execute("INSERT INTO imports (at, source, lag) VALUES (?, ?, ?)", (at, source, lag))
    return Came(int(made.lastrowid or 0), at, lag, source)


def finish(
    tx: sqlite3.Connection,
    came: Came,
    files: Iterable[File],
    *,
    at: int,
    summary: Mapping[str, object],
) -> None:
    """Note what the import came to, and its files."""
    tx.executemany(
        "INSERT INTO imported_files (import, name, sha256, bytes, layout, rows, refused, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (came.number, one.name, one.sha256, one.size, one.layout, one.rows, one.refused, at)
            for one in files
        ],
    )
    tx.execute(
        "UPDATE imports SET state = 'DONE', finished_at = ?, summary = ? WHERE id = ?",
        (at, as_json(summary), came.number),
    )


def lags(look: sqlite3.Connection, source: str) -> list[int]:
    """Return the different lags that *source* was ever brought in with, smallest first."""
    rows = look.execute("SELECT DISTINCT lag FROM imports WHERE source = ? ORDER BY 1", (source,))
    return [int(lag) for (lag,) in rows]


def sources(look: sqlite3.Connection) -> list[str]:
    """Return the names of everything that was ever brought in."""
    return [str(name) for (name,) in look.execute("SELECT DISTINCT source FROM imports ORDER BY 1")]


def known_markets(look: sqlite3.Connection, source: str) -> dict[str, Known]:
    """Return the markets *source* brought so far, by the name its files give them."""
    rows = look.execute(
        "SELECT i.key, m.id, m.venue_id, i.identity FROM imported_markets i"
        " JOIN markets m ON m.id = i.market WHERE i.source = ?",
        (source,),
    )
    return {str(key): Known(int(number), venue, how) for key, number, venue, how in rows}


def members(look: sqlite3.Connection, source: str) -> frozenset[str]:
    """Return the venue ids of the markets that *source* brought."""
    return frozenset(known.venue_id for known in known_markets(look, source).values())


def contradicted(look: sqlite3.Connection, market: Market) -> bool:
    """Say whether one of the market's four names belongs to another market of the store."""
    given = (market.id, market.condition_id, market.yes_token, market.no_token)
    rows = look.execute(
        "SELECT venue_id, condition_id, yes_token, no_token FROM markets WHERE venue_id = ?1"
        " OR condition_id = ?2 OR yes_token IN (?3, ?4) OR no_token IN (?3, ?4)",
        given,
    )
    return any(row != given for row in rows)


def by_condition(look: sqlite3.Connection, condition_id: str) -> tuple[int, str, str, str] | None:
    """Return our number, the venue's id and both tokens of a market, ``None`` if not known."""
    row = look.execute(
        "SELECT id, venue_id, yes_token, no_token FROM markets WHERE condition_id = ?",
        (condition_id,),
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]), str(row[2]), str(row[3]))


def record_market(
    tx: sqlite3.Connection,
    came: Came,
    key: str,
    market: Market,
    *,
    number: int | None,
    identity: str,
    facts: Mapping[str, object],
) -> int:
    """Give the market its number, under the name *key* of the file; the facts are the file's own.

    The caller has asked ``contradicted`` first. One that is known keeps the names it has.
    """
    if number is None:
        names = (market.id, market.condition_id, market.yes_token, market.no_token)
        tx.execute(
            "INSERT INTO markets (venue_id, condition_id, yes_token, no_token, event_id,"
            " first_seen) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*names, market.event_id, came.at),
        )
        row = tx.execute("SELECT id FROM markets WHERE venue_id = ?", names[:1]).fetchone()
        number = int(row[0])
    tx.execute(
        "INSERT INTO imported_markets (source, key, market, identity, facts, import)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (came.source, key, number, identity, as_json(facts), came.number),
    )
    return number


def record_listing(tx: sqlite3.Connection, came: Came, number: int, market: Market) -> Written:
    """Keep how the market looked at its ``observed_at``: that is the event's time here."""
    seen = epoch(market.observed_at)
    version = _version_of(tx, came, number, market, seen)
    yes, no = market.outcome_prices or (None, None)
    row: Row = (
        number, seen, came.at, seen + came.lag, IMPORTED, version,
        epoch_or_none(market.updated_at), market.best_bid, market.best_ask, market.last_price,
        None if yes is None else str(yes), None if no is None else str(no),
        market.volume, market.volume_24h, market.liquidity,
    )  # fmt: skip
    return keep(tx, SEEN, [row])


def _version_of(tx: sqlite3.Connection, came: Came, number: int, market: Market, seen: int) -> int:
    body = json.dumps(described(market), sort_keys=True, separators=(",", ":")).encode()
    name = digest(body)
    kept = tx.execute(
        "SELECT id FROM listing_versions WHERE market = ? AND hash = ?", (number, name)
    ).fetchone()
    if kept is not None:
        return int(kept[0])
    rules = None if market.description is None else digest(market.description)
    made = tx.execute(
        "INSERT INTO listing_versions (market, hash, event_time, observed_at, available_at, origin,"
        " closed, end_at, event_id, rules_hash, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, name, seen, came.at, seen + came.lag, IMPORTED, int(market.closed),
         epoch_or_none(market.end_at), market.event_id, rules, zlib.compress(body, 6)),
    ).lastrowid  # fmt: skip
    return int(made or 0)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a market ended: ``at`` when that was so, ``closed_at`` the recorded close, if any."""

    outcome: Outcome
    payout: Decimal
    at: int
    closed_at: int | None
    reason: str


def endings(look: sqlite3.Connection, number: int) -> list[Outcome]:
    """Return the outcomes, other than open, that the store holds of a market."""
    rows = look.execute(
        "SELECT DISTINCT outcome FROM resolutions WHERE market = ? AND outcome <> 'open'", (number,)
    )
    return [Outcome(outcome) for (outcome,) in rows]


def record_ending(tx: sqlite3.Connection, came: Came, number: int, ending: Ending) -> Written:
    """Keep how the market ended, once; another outcome than the one kept is a conflict."""
    row: Row = (
        number, ending.at, came.at, ending.at + came.lag, IMPORTED, ending.outcome.value,
        millionths(ending.payout), None, ending.closed_at, ending.reason,
    )  # fmt: skip
    kept = endings(tx, number)
    if ending.outcome in kept:
        return Written(same=1)
    if kept:
        held: Row = tuple(one.value for one in kept)
        note_conflict(tx, "resolutions", (number,), held, row, came.at)
        return Written(conflict=1)
    return Written(max(tx.execute(RESOLUTION_INSERT, row).rowcount, 0))


def points_of(look: sqlite3.Connection, number: int, outcome: int) -> dict[int, float]:
    """Return every history midpoint kept of a market's token, by its epoch second."""
    rows = look.execute(
        "SELECT event_time, price FROM points WHERE market = ? AND outcome = ?", (number, outcome)
    )
    return {int(at): float(price) for at, price in rows}


def record_points(
    tx: sqlite3.Connection, came: Came, points: Iterable[tuple[int, int, int, float]]
) -> Written:
    """Keep points given as (market number, outcome, epoch second, price), each once."""
    rows = (
        (number, outcome, at, price, came.at, at + came.lag, IMPORTED)
        for number, outcome, at, price in points
    )
    return keep(tx, POINTS, rows)


def has_listing(look: sqlite3.Connection, number: int, at: int) -> bool:
    """Say whether a market was described at the epoch second *at*."""
    row = look.execute(
        "SELECT 1 FROM listing_seen WHERE market = ? AND event_time = ?", (number, at)
    ).fetchone()
    return row is not None


def has_book(look: sqlite3.Connection, number: int, at: int, purpose: str) -> bool:
    """Say whether the book of that slot and purpose is kept."""
    row = look.execute(
        "SELECT 1 FROM books WHERE market = ? AND slot = ? AND purpose = ?",
        (number, at // 900 * 900, purpose),
    ).fetchone()
    return row is not None


def has_trade(look: sqlite3.Connection, name: str) -> bool:
    """Say whether the trade is kept."""
    return look.execute("SELECT 1 FROM trades WHERE id = ?", (name,)).fetchone() is not None


def record_books(
    tx: sqlite3.Connection, came: Came, books: Iterable[tuple[int, str, int, str, bytes]]
) -> Written:
    """Keep YES books given as (market number, purpose, epoch second, the venue's hash, levels)."""
    rows = (
        (number, at // 900 * 900, purpose, at, came.at, at + came.lag, IMPORTED, name,
         digest(levels), zlib.compress(levels, 1))
        for number, purpose, at, name, levels in books
    )  # fmt: skip
    return keep(tx, BOOKS, rows)


def record_trades(
    tx: sqlite3.Connection, came: Came, trades: Iterable[tuple[int, Trade]]
) -> Written:
    """Keep trades, each with the number of its market."""
    rows: Iterable[Row] = (
        (one.id, number, one.outcome_index, int(one.side is Side.BUY), millionths(one.price),
         millionths(one.size), one.wallet, epoch(one.event_time), came.at,
         epoch(one.event_time) + came.lag, IMPORTED)
        for number, one in trades
    )  # fmt: skip
    return keep(tx, TRADES, rows)
