"""What a backtest reads of the past, in blocks, as arrays: one question for a day of many markets.

Times are epoch seconds; markets go by the file's own small numbers. Nothing here judges what was
known when: every row comes with when it became available and when we saw it.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading_cli.store.arrays import ENTRY
from trading_cli.store.listings import words_of

Rows = NDArray[np.void]

SEEN = np.dtype(
    [
        ("market", "<i8"), ("event_time", "<i8"), ("available_at", "<i8"), ("version", "<i8"),
        ("volume_24h", "<f8"), ("liquidity", "<f8"),
    ]
)  # fmt: skip
TRADES = np.dtype(
    [
        ("market", "<i8"), ("time", "<i8"), ("usd", "<f8"), ("wallet", "<i8"),
        ("available_at", "<i8"), ("observed_at", "<i8"),
    ]
)  # fmt: skip
SPANS = np.dtype([("since", "<i8"), ("until", "<i8"), ("observed_at", "<i8")])
POINTS = np.dtype(
    [("time", "<i8"), ("price", "<f8"), ("available_at", "<i8"), ("observed_at", "<i8")]
)
OTHERS = np.dtype(
    [("market", "<i8"), ("slot", "<i8"), ("observed_at", "<i8"), ("origin", "<i8")]
)  # fmt: skip
STAYS = np.dtype([("market", "<i8"), ("entered", "<i8"), ("left", "<i8")])
DAYS = np.dtype([("market", "<i8"), ("day", "<i8"), ("computed_at", "<i8")])
NEVER = 2**62


class Name(NamedTuple):
    """Who a market is: our number, the venue's ids, its event."""

    number: int
    venue: str
    condition: str
    event: str | None
    first_seen: int


class Version(NamedTuple):
    """A description without its words: which rules text it has, and when it was first seen."""

    id: int
    market: int
    rules: bytes | None
    observed_at: int
    available_at: int


def rows_of(found: Iterator[tuple[Any, ...]], shape: np.dtype[Any]) -> Rows:
    """Return the rows as one array of *shape*."""
    return np.fromiter(found, dtype=shape)


def names(look: sqlite3.Connection, numbers: Sequence[int]) -> list[Name]:
    """Return who the markets are, by number."""
    rows = look.execute(
        "SELECT m.id, m.venue_id, m.condition_id, m.event_id, m.first_seen FROM json_each(?) w"
        " JOIN markets m ON m.id = w.value ORDER BY m.id",
        (json.dumps([int(one) for one in numbers]),),
    )
    return [Name(*row) for row in rows]


def stays(look: sqlite3.Connection, since: int, until: int) -> Rows:
    """Return who was on the panel in [since, until), in the order they came; NEVER: still is."""
    found = look.execute(
        "SELECT market, entered_at, coalesce(left_at, ?1) FROM panel WHERE entered_at < ?3"
        " AND coalesce(left_at, ?1) > ?2 ORDER BY entered_at, market",
        (NEVER, since, until),
    )
    return rows_of(found, STAYS)


def slots_quoted(look: sqlite3.Connection, since: int, until: int) -> dict[int, int]:
    """Return how many quotes each slot of [since, until) has; one without is not in it."""
    rows = look.execute(
        "SELECT slot, quotes FROM quote_packs WHERE slot >= ? AND slot < ? AND quotes > 0"
        " ORDER BY slot",
        (since, until),
    )
    return {int(slot): int(quotes) for slot, quotes in rows}


def packs(look: sqlite3.Connection, since: int, until: int) -> Iterator[tuple[int, Rows]]:
    """Yield the quotes of each slot of [since, until), as `arrays.ENTRY`."""
    rows = look.execute(
        "SELECT slot, pack FROM quote_packs WHERE slot >= ? AND slot < ? ORDER BY slot",
        (since, until),
    )
    for slot, pack in rows:
        yield int(slot), np.frombuffer(pack, ENTRY)


def by_market(pack: Rows) -> Rows:
    """Return the entries of a pack by market: they lie as they came."""
    found: Rows = pack[np.argsort(pack["market"], kind="stable")]
    return found


def not_recorded(look: sqlite3.Connection, since: int, until: int) -> Rows:
    """Return which quotes of [since, until) were backfilled (1) or imported (2), and when."""
    found = look.execute(
        "SELECT market, slot, observed_at, origin FROM quotes"
        " WHERE origin <> 0 AND slot >= ? AND slot < ? ORDER BY market, slot",
        (since, until),
    )
    return rows_of(found, OTHERS)


def quote_rows(
    look: sqlite3.Connection, numbers: Sequence[int], slot: int
) -> list[tuple[Any, ...]]:
    """Return the markets' quotes of *slot*: (market, bid, ask, depths, pair gap, hash, times…).

    In the order of *numbers*.
    """
    asked = [int(one) for one in numbers]
    rows = look.execute(
        "SELECT q.market, q.bid, q.ask, q.bid_depth, q.ask_depth, q.pair_gap, q.book_hash,"
        " q.event_time, q.observed_at, q.origin FROM json_each(?) w"
        " CROSS JOIN quotes q ON q.market = w.value AND q.slot = ?",
        (json.dumps(asked), slot),
    ).fetchall()
    return in_order(rows, asked)


def in_order(rows: list[Any], asked: Sequence[int]) -> list[Any]:
    """Return *rows*, whose first column is a market, in the order the markets were asked in."""
    if [row[0] for row in rows] != asked:  # some are not there, or lie in the archive
        place = {number: n for n, number in enumerate(asked)}
        rows.sort(key=lambda row: place[row[0]])
    return rows


def looks(look: sqlite3.Connection, numbers: Sequence[int], since: int, until: int) -> Rows:
    """Return when the markets were looked at in [since, until), and the last look before.

    By market and time; an absent volume or liquidity is -1.
    """
    wanted = json.dumps([int(one) for one in numbers])
    columns = (
        "SELECT s.market, s.event_time, s.available_at, s.version, coalesce(s.volume_24h, -1),"
        " coalesce(s.liquidity, -1) FROM json_each(?1) w CROSS JOIN listing_seen s"
    )
    question = (
        columns  # noqa: S608  # ours
        + " ON s.market = w.value AND s.event_time = (SELECT max(b.event_time)"
        " FROM listing_seen b WHERE b.market = w.value AND b.event_time < ?2)"
        " UNION ALL "
        + columns
        + " ON s.market = w.value AND s.event_time >= ?2 AND s.event_time < ?3"
    )
    found = look.execute(question, (wanted, since, until))
    rows = rows_of(found, SEEN)
    return rows[np.lexsort((rows["event_time"], rows["market"]))]


def looked_at(look: sqlite3.Connection, pairs: Sequence[tuple[int, int]]) -> list[tuple[Any, ...]]:
    """Return the looks of these (market, event time), in this order, as `market_of` takes them."""
    return look.execute(
        "SELECT s.version, s.event_time, s.updated_at, s.best_bid, s.best_ask, s.last_price,"
        " s.outcome_yes, s.outcome_no, s.volume, s.volume_24h, s.liquidity"
        " FROM json_each(?) w CROSS JOIN listing_seen s"
        " ON s.market = json_extract(w.value, '$[0]')"
        " AND s.event_time = json_extract(w.value, '$[1]') ORDER BY w.key",
        (json.dumps(pairs),),
    ).fetchall()


def versions(look: sqlite3.Connection, numbers: Sequence[int]) -> list[Version]:
    """Return the markets' descriptions without their words, oldest first."""
    rows = look.execute(
        "SELECT v.id, v.market, v.rules_hash, v.observed_at, v.available_at FROM json_each(?) w"
        " CROSS JOIN listing_versions v ON v.market = w.value ORDER BY v.observed_at, v.id",
        (json.dumps([int(one) for one in numbers]),),
    )
    return [Version(*row) for row in rows]


def words(look: sqlite3.Connection, version: int) -> dict[str, Any]:
    """Return the words of a version, by the market's own field names."""
    row = look.execute("SELECT body FROM listing_versions WHERE id = ?", (version,)).fetchone()
    return dict(words_of(row[0]))


def wallets() -> defaultdict[str, int]:
    """Return what gives each wallet it is asked for a number of its own."""
    return defaultdict(count().__next__)


def trades(
    look: sqlite3.Connection,
    numbers: Sequence[int],
    since: int,
    until: int,
    known: defaultdict[str, int],
) -> Rows:
    """Return the markets' trades of [since, until), by market and time.

    *known*: each wallet's number (see ``wallets``). USD as `features.dealt` has them.
    """
    found = look.execute(
        "SELECT t.market, t.event_time, t.price * 1e-12 * t.size, t.wallet, t.available_at,"
        " t.observed_at FROM json_each(?1) w CROSS JOIN trades t"
        " ON t.market = w.value AND t.event_time >= ?2 AND t.event_time < ?3",
        (json.dumps(sorted(int(one) for one in numbers)), since, until),
    ).fetchall()
    rows = np.empty(len(found), dtype=TRADES)
    if found:
        market, time, usd, wallet, available, observed = zip(*found, strict=True)
        rows["market"], rows["time"], rows["usd"] = market, time, usd
        rows["wallet"] = list(map(known.__getitem__, wallet))
        rows["available_at"], rows["observed_at"] = available, observed
    return rows[np.lexsort((rows["time"], rows["market"]))]


def answers(look: sqlite3.Connection, source: str) -> bool:
    """Return whether *source* ever answered anything completely."""
    row = look.execute(
        "SELECT 1 FROM coverage WHERE source = ? AND complete = 1 LIMIT 1", (source,)
    ).fetchone()
    return row is not None


def answered(look: sqlite3.Connection, source: str, subject: str, since: int) -> Rows:
    """Return the spans *source* answered completely that end after *since*, by their beginning."""
    found = look.execute(
        "SELECT since, until, observed_at FROM coverage WHERE source = ? AND subject = ?"
        " AND until > ? AND complete = 1 ORDER BY since",
        (source, subject, since),
    )
    return rows_of(found, SPANS)


def points(look: sqlite3.Connection, number: int, outcome: int, since: int, until: int) -> Rows:
    """Return a token's history mids of [since, until), oldest first."""
    found = look.execute(
        "SELECT event_time, price, available_at, observed_at FROM points"
        " WHERE market = ? AND outcome = ? AND event_time >= ? AND event_time < ?"
        " ORDER BY event_time",
        (number, outcome, since, until),
    )
    return rows_of(found, POINTS)


def pointed(look: sqlite3.Connection, since: int, until: int) -> list[tuple[int, int, int]]:
    """Return the markets with history mids of YES in [since, until): number, first and last."""
    rows = look.execute(
        "SELECT m.id, (SELECT event_time FROM points p WHERE p.market = m.id AND p.outcome = 0"
        "  AND p.event_time >= ?1 AND p.event_time < ?2 ORDER BY p.event_time LIMIT 1) AS first,"
        " (SELECT event_time FROM points p WHERE p.market = m.id AND p.outcome = 0"
        "  AND p.event_time >= ?1 AND p.event_time < ?2 ORDER BY p.event_time DESC LIMIT 1)"
        " FROM markets m WHERE first NOTNULL ORDER BY m.id",
        (since, until),
    )
    return [(int(market), int(first), int(last)) for market, first, last in rows]


def point_origins(
    look: sqlite3.Connection, numbers: Sequence[int], since: int, until: int
) -> dict[int, int]:
    """Return how many history mids of YES there are by origin in [since, until)."""
    rows = look.execute(
        "SELECT origin, count(*) FROM (SELECT p.origin FROM json_each(?1) w CROSS JOIN points p"
        " ON p.market = w.value AND p.outcome = 0 AND p.event_time >= ?2 AND p.event_time < ?3"
        " LIMIT -1) GROUP BY origin",  # by itself: over the archive's view a join is not grouped
        (json.dumps([int(one) for one in numbers]), since, until),
    )
    return {int(origin): int(points) for origin, points in rows}


class Taken(NamedTuple):
    """When a slot's entries and exits were decided, and on indicators of when; as far as known."""

    entries: int | None = None
    exits: int | None = None
    features: int | None = None


def taken_at(look: sqlite3.Connection, slot: int) -> Taken:
    """Return when the decisions of *slot* were taken, the first of each kind."""
    found = dict(
        look.execute(
            "SELECT purpose, min(decided_at) FROM decisions INDEXED BY decisions_by_slot"
            " WHERE slot = ? GROUP BY purpose",
            (slot,),
        ).fetchall()
    )
    entries = found.get("entry")
    if entries is None:
        return Taken(None, found.get("exit"))
    row = look.execute(
        "WITH w AS (SELECT DISTINCT m.id FROM decisions d INDEXED BY decisions_by_slot"
        " CROSS JOIN markets m ON m.venue_id = d.market WHERE d.slot = ?1 AND d.purpose = 'entry')"
        " SELECT max(at) FROM (SELECT f.computed_at AS at FROM w CROSS JOIN features f"
        " ON f.market = w.id AND f.slot = ?1 WHERE f.computed_at <= ?2"
        " UNION ALL SELECT b.computed_at FROM w CROSS JOIN features_before b"
        " ON b.market = w.id AND b.slot = ?1 WHERE b.computed_at <= ?2)",
        (slot, entries),
    ).fetchone()
    return Taken(entries, found.get("exit"), row[0])


def missed(look: sqlite3.Connection, slots: Sequence[int], as_of: int) -> bool:
    """Return whether one of *slots* is known at *as_of* to have been missed whole."""
    row = look.execute(
        "SELECT 1 FROM json_each(?1) w CROSS JOIN gaps g ON g.slot = w.value AND g.market = ''"
        " WHERE g.observed_at <= ?2 LIMIT 1",
        (json.dumps([int(one) for one in slots]), as_of),
    ).fetchone()
    return row is not None


def scores_at(look: sqlite3.Connection, venues: Sequence[str], at: int) -> dict[str, float]:
    """Return what `glance.scores` does, of these markets alone."""
    newest = (
        "SELECT max("
        "coalesce((SELECT slot FROM scores WHERE slot <= ?1 AND observed_at <= ?1"
        " ORDER BY slot DESC LIMIT 1), -1),"
        " coalesce((SELECT slot FROM scores_before WHERE slot <= ?1 AND observed_at <= ?1"
        " ORDER BY slot DESC LIMIT 1), -1))"
    )
    (slot,) = look.execute(newest, (at,)).fetchone()
    rows = look.execute(
        "SELECT s.market, s.score FROM json_each(?1) w CROSS JOIN scores s"
        " ON s.slot = ?2 AND s.market = w.value WHERE s.observed_at <= ?3"
        " UNION ALL SELECT b.market, b.score FROM json_each(?1) w CROSS JOIN scores_before b"
        " ON b.slot = ?2 AND b.market = w.value WHERE b.observed_at <= ?3 AND b.until > ?3",
        (json.dumps(list(venues)), slot, at),
    )
    return {str(market): float(value) for market, value in rows}


def switch_at(look: sqlite3.Connection, at: int) -> tuple[str, int] | None:
    """Return the state and level the kill switch was in at *at*, ``None`` before its first."""
    row = look.execute(
        "SELECT state, level FROM kill_state WHERE at <= ? ORDER BY seq DESC LIMIT 1", (at,)
    ).fetchone()
    return None if row is None else (str(row[0]), int(row[1]))


def kept_days(look: sqlite3.Connection, since: int, until: int) -> Iterator[tuple[int, int, int]]:
    """Yield (market, day, computed at) of the days of trades that were summed and kept."""
    yield from look.execute(
        "SELECT market, day, computed_at FROM traded_days WHERE day >= ? AND day < ?",
        (since, until),
    )


def kept_day(look: sqlite3.Connection, market: int, day: int) -> NDArray[np.float64]:
    """Return the USD of the 24 hours of a kept day."""
    row = look.execute(
        "SELECT hours FROM traded_days WHERE market = ? AND day = ?", (market, day)
    ).fetchone()
    return np.frombuffer(row[0], "<f8")


def counted_hours(
    look: sqlite3.Connection, event: str, key: str
) -> Iterator[tuple[int, tuple[Any, ...] | None, int]]:
    """Yield (end, counts, computed at) of the event's kept hours of talk; ``None``: not heard."""
    rows = look.execute(
        "SELECT end_at, computed_at, posts, authors, engagement, judged, influential"
        " FROM talk_hours WHERE event_id = ? AND sources = ?",
        (event, key),
    )
    for end, at, *counts in rows:
        yield int(end), None if counts[0] is None else tuple(counts), int(at)
