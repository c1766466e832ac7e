"""Markets as they were described, how they settled, and which of them we follow.

What a venue says about a market in words is a version, kept once; what moves with every look
(volumes, prices) is a row that points to its version. Nothing here is ever overwritten.
"""

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from trading_cli.domain import FeeSchedule, Market, Origin, Outcome, Resolution, from_epoch
from trading_cli.store.rows import (
    ORIGINS,
    Row,
    Shape,
    Written,
    available_at,
    decimal_of,
    digest,
    epoch,
    epoch_or_none,
    keep,
    millionths,
    moment,
    note_conflict,
)

Transaction = sqlite3.Connection

MOVING = frozenset(
    {
        "observed_at",
        "updated_at",
        "best_bid",
        "best_ask",
        "last_price",
        "outcome_prices",
        "volume",
        "volume_24h",
        "liquidity",
    }
)
TIMES = frozenset(
    {"created_at", "start_at", "end_at", "game_start_at", "event_start_at", "closed_at"}
)
DECIMALS = frozenset({"tick", "min_size"})
LISTS = frozenset({"tags", "uma_statuses"})
DESCRIPTIVE = tuple(field.name for field in fields(Market) if field.name not in MOVING)

SEEN = Shape(
    "listing_seen",
    "INSERT INTO listing_seen (market, event_time, observed_at, available_at, origin, version,"
    " updated_at, best_bid, best_ask, last_price, outcome_yes, outcome_no, volume, volume_24h,"
    " liquidity) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT version, updated_at, best_bid, best_ask, last_price, outcome_yes, outcome_no, volume,"
    " volume_24h, liquidity FROM listing_seen WHERE market = ? AND event_time = ?",
    itemgetter(0, 1),
    itemgetter(slice(5, 15)),
    2,
)


def record_markets(tx: sqlite3.Connection, markets: Iterable[Market]) -> Written:
    """Keep how each market looked: a new version where its words changed, a reference if not.

    A market whose id or tokens contradict what we know is noted in `conflicts` and left out.
    """
    total, rows = Written(), []
    for market in markets:
        number = _number_of(tx, market)
        if number is None:
            total += Written(conflict=1)
            continue
        seen = epoch(market.observed_at)
        version = _version_of(tx, number, market, seen)
        yes, no = market.outcome_prices or (None, None)
        rows.append(
            (
                number,
                seen,
                seen,
                available_at(Origin.RECORDED, seen, seen, lag_s=0),
                ORIGINS[Origin.RECORDED],
                version,
                epoch_or_none(market.updated_at),
                market.best_bid,
                market.best_ask,
                market.last_price,
                None if yes is None else str(yes),
                None if no is None else str(no),
                market.volume,
                market.volume_24h,
                market.liquidity,
            )
        )
    return total + keep(tx, SEEN, rows)


def _number_of(tx: sqlite3.Connection, market: Market) -> int | None:
    """Return the market's number, giving it one if new; ``None`` if it contradicts a known one."""
    same = _identity(market)
    observed = epoch(market.observed_at)
    tx.execute(
        "INSERT INTO markets (venue_id, condition_id, yes_token, no_token, event_id, first_seen)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (*same, market.event_id, observed),
    )
    kept = tx.execute(
        "SELECT id, venue_id, condition_id, yes_token, no_token FROM markets WHERE venue_id = ?",
        (market.id,),
    ).fetchone()
    if kept is not None and kept[1:] == same:
        return int(kept[0])
    note_conflict(tx, "markets", (market.id,), kept[1:] if kept else (), same, observed)
    return None


def _identity(market: Market) -> tuple[str, str, str, str]:
    return market.id, market.condition_id, market.yes_token, market.no_token


def _version_of(tx: sqlite3.Connection, number: int, market: Market, seen: int) -> int:
    """Return the id of the version that holds the market's words, making it if they are new."""
    body = json.dumps(described(market), sort_keys=True, separators=(",", ":")).encode()
    name = digest(body)
    kept = tx.execute(
        "SELECT id FROM listing_versions WHERE market = ? AND hash = ?", (number, name)
    ).fetchone()
    if kept is not None:
        return int(kept[0])
    made = tx.execute(
        "INSERT INTO listing_versions (market, hash, event_time, observed_at, available_at, origin,"
        " closed, end_at, event_id, rules_hash, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            name,
            seen,
            seen,
            available_at(Origin.RECORDED, seen, seen, lag_s=0),
            ORIGINS[Origin.RECORDED],
            int(market.closed),
            epoch_or_none(market.end_at),
            market.event_id,
            None if market.description is None else digest(market.description),
            zlib.compress(body, 6),
        ),
    ).lastrowid
    return int(made or 0)


def described(market: Market) -> dict[str, object]:
    """Return the part of *market* that is words and rules as plain JSON, less what is absent."""
    found: dict[str, object] = {}
    for name in DESCRIPTIVE:
        value = getattr(market, name)
        if value is None:
            continue
        if isinstance(value, datetime):
            value = epoch(value)
        elif isinstance(value, Decimal):
            value = str(value)
        elif isinstance(value, FeeSchedule):
            value = [str(value.rate), str(value.exponent), value.origin]
        found[name] = value
    return found


def market_ids(tx: sqlite3.Connection, venue_ids: Iterable[str]) -> dict[str, int]:
    """Return the numbers of the venue's market ids; an unknown one is not in the answer."""
    rows = tx.execute(
        "SELECT venue_id, id FROM markets WHERE venue_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(venue_ids)),),
    )
    return {str(venue): int(number) for venue, number in rows}


RESOLUTION_INSERT = (
    "INSERT INTO resolutions (market, event_time, observed_at, available_at, origin, outcome,"
    " payout, uma_status, closed_at, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
RESOLUTION = Shape(
    "resolutions",
    RESOLUTION_INSERT,
    "SELECT outcome, payout, uma_status, closed_at, reason FROM resolutions"
    " WHERE market = ? AND observed_at = ?",
    itemgetter(0, 2),
    itemgetter(slice(5, 10)),
    2,
)


def record_resolutions(tx: sqlite3.Connection, resolutions: Iterable[Resolution]) -> Written:
    """Keep each settlement state as a row of its own time. Raises KeyError for an unknown market.

    A look that shows what the row before it showed is the same, and adds no row.
    """
    total = Written()
    for resolution in resolutions:
        number = _by_condition(tx, resolution.condition_id)
        seen = epoch(resolution.observed_at)
        row: Row = (
            number,
            seen,
            seen,
            available_at(Origin.RECORDED, seen, seen, lag_s=0),
            ORIGINS[Origin.RECORDED],
            resolution.outcome.value,
            millionths(resolution.payout),
            resolution.uma_status,
            epoch_or_none(resolution.closed_at),
            resolution.reason,
        )
        before = tx.execute(
            "SELECT outcome, payout, uma_status, closed_at, reason FROM resolutions"
            " WHERE market = ? AND observed_at < ? ORDER BY observed_at DESC LIMIT 1",
            (number, seen),
        ).fetchone()
        if before is not None and before == row[5:10]:
            total += Written(same=1)
        else:
            total += keep(tx, RESOLUTION, [row])
    return total


def _by_condition(tx: sqlite3.Connection, condition_id: str) -> int:
    row = tx.execute("SELECT id FROM markets WHERE condition_id = ?", (condition_id,)).fetchone()
    if row is None:
        raise KeyError(condition_id)
    return int(row[0])


LISTED = (
    "SELECT v.body, s.event_time, s.updated_at, s.best_bid, s.best_ask, s.last_price,"
    " s.outcome_yes, s.outcome_no, s.volume, s.volume_24h, s.liquidity"
    " FROM markets m JOIN listing_seen s ON s.market = m.id AND s.event_time ="
    " (SELECT max(event_time) FROM listing_seen WHERE market = m.id AND event_time <= :at"
    " AND available_at <= :at) JOIN listing_versions v ON v.id = s.version"
)


def listing_at(
    connection: sqlite3.Connection, *, as_of: datetime, venue_ids: Iterable[str] | None = None
) -> list[Market]:
    """Return each market as last described and seen by *as_of*, in the order first met.

    *venue_ids* asks for those only; one that was not known by then is not in the answer.
    """
    wanted = {"at": epoch(as_of), "ids": json.dumps(list(venue_ids or ()))}
    if venue_ids is None:
        rows = connection.execute(LISTED + " ORDER BY m.id", wanted)
    else:
        among = " WHERE m.venue_id IN (SELECT value FROM json_each(:ids)) ORDER BY m.id"
        rows = connection.execute(LISTED + among, wanted)
    return [_market(*row) for row in rows]


def _market(body: bytes, seen: int, updated: int | None, *moving: object) -> Market:
    """Return the stored words and numbers as the market they came from."""
    return market_of(words_of(body), seen, updated, *moving)


@lru_cache(maxsize=2048)  # the same are read in every look
def words_of(body: bytes) -> Mapping[str, Any]:
    """Return the words and rules of a version, by the market's own field names."""
    found: dict[str, Any] = json.loads(zlib.decompress(body))
    for name in found.keys() & TIMES:
        found[name] = from_epoch(found[name])
    for name in found.keys() & DECIMALS:
        found[name] = Decimal(found[name])
    for name in found.keys() & LISTS:
        found[name] = tuple(found[name])
    if "fee_schedule" in found:
        rate, exponent, origin = found["fee_schedule"]
        found["fee_schedule"] = FeeSchedule(Decimal(rate), Decimal(exponent), origin)
    return MappingProxyType(found)


def market_of(words: Mapping[str, Any], seen: int, updated: int | None, *moving: object) -> Market:
    """Return the market of these *words* as it was *seen* (epoch seconds).

    *moving*: best bid, best ask, last price, outcome prices of YES and of NO, and three volumes
    (all, of 24 h, liquidity), as `listing_seen` has them.
    """
    bid, ask, last, yes, no, *volumes = moving
    found = {**words, "best_bid": bid, "best_ask": ask, "last_price": last}
    found |= dict(zip(("volume", "volume_24h", "liquidity"), volumes, strict=True))
    if yes is not None and no is not None:
        found["outcome_prices"] = (Decimal(str(yes)), Decimal(str(no)))
    return Market(observed_at=from_epoch(seen), updated_at=moment(updated), **found)


def resolution_at(
    connection: sqlite3.Connection, venue_id: str, *, as_of: datetime
) -> Resolution | None:
    """Return how the market's settlement stood when last seen by *as_of*; ``None``: never seen."""
    row = connection.execute(
        "SELECT m.condition_id, r.outcome, r.payout, r.uma_status, r.closed_at, r.event_time,"
        " r.reason FROM resolutions r JOIN markets m ON m.id = r.market"
        " WHERE m.venue_id = ? AND r.available_at <= ? ORDER BY r.observed_at DESC LIMIT 1",
        (venue_id, epoch(as_of)),
    ).fetchone()
    if row is None:
        return None
    condition, outcome, payout, uma, closed, seen, reason = row
    return Resolution(
        condition,
        Outcome(outcome),
        decimal_of(payout),
        uma,
        moment(closed),
        from_epoch(seen),
        reason,
    )


def rules_changed(
    connection: sqlite3.Connection, venue_ids: Sequence[str], *, as_of: datetime
) -> dict[str, datetime]:
    """Return when the rules text last became another one, by *as_of*; absent where it never did."""
    rows = connection.execute(
        "SELECT m.venue_id, v.rules_hash, min(v.observed_at) FROM listing_versions v"
        " JOIN markets m ON m.id = v.market"
        " WHERE m.venue_id IN (SELECT value FROM json_each(?)) AND v.observed_at <= ?"
        " GROUP BY v.market, v.rules_hash ORDER BY 3",
        (json.dumps(list(venue_ids)), epoch(as_of)),
    ).fetchall()
    texts = Counter(venue for venue, _, _ in rows)
    return {venue: from_epoch(first) for venue, _, first in rows if texts[venue] > 1}


def open_markets_unresolved(connection: sqlite3.Connection, *, as_of: datetime) -> list[Market]:
    """Return the markets we ever followed or quoted whose settlement was not final at *as_of*."""
    rows = connection.execute(
        "SELECT m.venue_id FROM markets m WHERE (EXISTS"
        " (SELECT 1 FROM panel p WHERE p.market = m.id AND p.entered_at <= ?1)"
        " OR EXISTS (SELECT 1 FROM quotes q WHERE q.market = m.id AND q.available_at <= ?1"
        " AND q.origin <> 2))"  # nobody is asked about a market of a file
        " AND NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.market = m.id"
        " AND r.available_at <= ?1 AND r.outcome <> 'open')",
        (epoch(as_of),),
    )
    return listing_at(connection, as_of=as_of, venue_ids=[venue for (venue,) in rows])


def panel_enter(
    tx: sqlite3.Connection, venue_id: str, entered_at: datetime, until: datetime
) -> Written:
    """Begin a market's stay on the panel, at least until *until*; one already there is the same.

    Raises KeyError naming a market the store does not know.
    """
    market = market_ids(tx, [venue_id])[venue_id]
    new = tx.execute(
        "INSERT INTO panel (market, entered_at, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (market, epoch(entered_at), epoch(until)),
    ).rowcount
    return Written(new, 1 - new)


def panel_leave(tx: sqlite3.Connection, venue_id: str, now: datetime, cause: str) -> Written:
    """End a market's stay, saying why; one not on the panel is the same."""
    new = tx.execute(
        "UPDATE panel SET left_at = max(entered_at, ?), cause = ? WHERE left_at IS NULL"
        " AND market = (SELECT id FROM markets WHERE venue_id = ?)",
        (epoch(now), cause, venue_id),
    ).rowcount
    return Written(new, 1 - new)


def panel_members(connection: sqlite3.Connection, *, as_of: datetime) -> dict[str, datetime]:
    """Return who was on the panel at *as_of* and since when, in the order they came."""
    rows = connection.execute(
        "SELECT m.venue_id, p.entered_at FROM panel p JOIN markets m ON m.id = p.market"
        " WHERE p.entered_at <= ?1 AND (p.left_at IS NULL OR p.left_at > ?1)"
        " ORDER BY p.entered_at, m.id",
        (epoch(as_of),),
    )
    return {venue: from_epoch(entered) for venue, entered in rows}


def panel_stays(connection: sqlite3.Connection) -> list[tuple[str, datetime, datetime | None]]:
    """Return every stay on the panel: the market, since when, and when it left if it did."""
    rows = connection.execute(
        "SELECT m.venue_id, p.entered_at, p.left_at FROM panel p JOIN markets m ON m.id = p.market"
        " ORDER BY p.entered_at, m.id"
    )
    return [(str(venue), from_epoch(entered), moment(left)) for venue, entered, left in rows]
