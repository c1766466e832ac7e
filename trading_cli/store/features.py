"""Indicators as computed, and what they are computed from, read for many markets at once.

Every reader shows only what was both available and observed at ``as_of``: a row fetched later from
the past counts from the moment it came. All are bounded by an index and by time, so a year in the
file costs nothing.

Of an indicator the newer word stands: a slot computed again replaces the row, unless it is older;
what it replaced stays readable as of then.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import SLOT_SECONDS, Feature, Tier, from_epoch
from trading_cli.store.listings import market_ids
from trading_cli.store.rows import Written, epoch, epoch_or_none

Span = tuple[int, int]
Floats = NDArray[np.float64]

SLOTS_OF_AN_HOUR = 4
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Best:
    """The best tier of an indicator within an hour, and its value then (the newest of equals)."""

    tier: Tier
    value: float | None


@dataclass(frozen=True, slots=True)
class Dealt:
    """One trade, as much of it as the volume ratio needs: epoch seconds, USD, who."""

    at: int
    usd: float
    wallet: str


def record_features(
    tx: sqlite3.Connection,
    slot: int,
    features: Mapping[str, Iterable[tuple[Feature, str]]],
    at: datetime,
) -> Written:
    """Keep each market's indicators of *slot*, with their formulas, as computed at *at*.

    The newer word stands; one computed before what is kept changes nothing. Counts as new what is
    new or changed. Raises KeyError naming a market the store does not know.
    """
    numbers = market_ids(tx, features)
    rows = [
        (
            numbers[market],
            slot,
            one.name,
            one.value,
            one.undefined,
            int(one.tier),
            int(one.provisional),
            json.dumps(one.inputs, sort_keys=True, separators=(",", ":")),
            formula,
            epoch(at),
        )
        for market, held in features.items()
        for one, formula in held
    ]
    changed = tx.executemany(
        "INSERT INTO features (market, slot, name, value, undefined, tier, provisional, inputs,"
        " formula, computed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (market, slot, name) DO UPDATE SET value = excluded.value,"
        " undefined = excluded.undefined, tier = excluded.tier,"
        " provisional = excluded.provisional, inputs = excluded.inputs,"
        " formula = excluded.formula, computed_at = excluded.computed_at"
        " WHERE excluded.computed_at >= computed_at AND (excluded.value IS NOT value"
        " OR excluded.undefined <> undefined OR excluded.tier <> tier"
        " OR excluded.provisional <> provisional OR excluded.inputs <> inputs"
        " OR excluded.formula <> formula)",
        rows,
    ).rowcount
    return Written(max(changed, 0), len(rows) - max(changed, 0))


def features_of(
    connection: sqlite3.Connection,
    venue_ids: Sequence[str],
    slot: int,
    *,
    as_of: datetime | None = None,
) -> dict[str, dict[str, Feature]]:
    """Return the indicators of *slot* by market and name; a market without any is not in it.

    As they stood at *as_of*; ``None``: as they stand.
    """
    rows = connection.execute(
        "SELECT m.venue_id, f.name, f.value, f.undefined, f.tier, f.provisional, f.inputs"
        " FROM json_each(?1) w CROSS JOIN markets m ON m.venue_id = w.value"
        " CROSS JOIN features f ON f.market = m.id AND f.slot = ?2"
        " WHERE f.computed_at <= coalesce(?3, f.computed_at)"
        " UNION ALL"
        " SELECT m.venue_id, b.name, b.value, b.undefined, b.tier, b.provisional, b.inputs"
        " FROM json_each(?1) w CROSS JOIN markets m ON m.venue_id = w.value"
        " CROSS JOIN features_before b ON b.market = m.id AND b.slot = ?2"
        " WHERE b.computed_at <= ?3 AND b.until > ?3"
        " ORDER BY 1, 2",
        (json.dumps(list(venue_ids)), slot, epoch_or_none(as_of)),
    )
    found: dict[str, dict[str, Feature]] = defaultdict(dict)
    for venue, name, value, undefined, tier, provisional, inputs in rows:
        found[venue][name] = Feature(
            name, value, undefined, Tier(tier), json.loads(inputs), bool(provisional)
        )
    return dict(found)


def best_of_hour(
    connection: sqlite3.Connection, venue_ids: Sequence[str], slot: int, *, as_of: datetime
) -> dict[str, dict[str, Best]]:
    """Return each indicator's best tier of *slot* and the three slots before it, as of then."""
    rows = connection.execute(
        "SELECT m.venue_id, f.name, f.tier, f.slot, f.value"
        " FROM json_each(?1) w CROSS JOIN markets m ON m.venue_id = w.value"
        " CROSS JOIN features f ON f.market = m.id AND f.slot > ?2 AND f.slot <= ?3"
        " WHERE f.computed_at <= ?4"
        " UNION ALL"
        " SELECT m.venue_id, b.name, b.tier, b.slot, b.value"
        " FROM json_each(?1) w CROSS JOIN markets m ON m.venue_id = w.value"
        " CROSS JOIN features_before b ON b.market = m.id AND b.slot > ?2 AND b.slot <= ?3"
        " WHERE b.computed_at <= ?4 AND b.until > ?4"
        " ORDER BY 1, 2, 3, 4",
        (
            json.dumps(list(venue_ids)),
            slot - SLOTS_OF_AN_HOUR * SLOT_SECONDS,
            slot,
            epoch(as_of),
        ),
    )
    found: dict[str, dict[str, Best]] = defaultdict(dict)
    for venue, name, tier, _slot, value in rows:
        found[venue][name] = Best(Tier(tier), value)
    return dict(found)


def spans(
    connection: sqlite3.Connection,
    source: str,
    since: Mapping[str, datetime],
    *,
    as_of: datetime,
) -> dict[str, list[Span]]:
    """Return each subject's completely answered spans that end after its *since*, joined, sorted.

    Epoch seconds, half-open. A subject that was not answered is not in the answer. Spans of over
    two days (172,800 s) are few and have an index of their own; the others begin near *since*.
    """
    begins = {subject: epoch(at) for subject, at in since.items()}
    wanted = json.dumps(sorted(begins.items()))
    rows = connection.execute(
        "WITH w AS (SELECT json_extract(value, '$[0]') subject, json_extract(value, '$[1]') at"
        " FROM json_each(?1))"
        " SELECT c.subject, c.since, c.until FROM w CROSS JOIN coverage c"
        " ON c.source = ?2 AND c.subject = w.subject AND c.since > w.at - 172800"
        " WHERE c.until > w.at AND c.observed_at <= ?3 AND c.complete = 1"
        " UNION ALL"
        # no join: by the statistics of a young file sqlite would read all of the table to filter it
        " SELECT c.subject, c.since, c.until FROM coverage c INDEXED BY coverage_long"
        " WHERE c.source = ?2 AND c.subject IN (SELECT subject FROM w)"
        " AND c.until > (SELECT min(at) FROM w) AND c.until - c.since > 172800"
        " AND c.observed_at <= ?3 AND c.complete = 1"
        " ORDER BY 1, 2",
        (wanted, source, epoch(as_of)),
    )
    found: dict[str, list[Span]] = {}
    held: list[Span] = []
    last = None
    for subject, start, stop in rows:
        if stop <= begins[subject]:
            continue
        if subject != last:
            held, last = found.setdefault(subject, []), subject
        if held and start <= held[-1][1]:
            if stop > held[-1][1]:
                held[-1] = (held[-1][0], stop)
        else:
            held.append((start, stop))
    return found


def conditions_of(connection: sqlite3.Connection, venue_ids: Iterable[str]) -> dict[str, str]:
    """Return the condition ids of the venue's market ids, in the order first met."""
    rows = connection.execute(
        "SELECT venue_id, condition_id FROM markets"
        " WHERE venue_id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(list(venue_ids)),),
    )
    return {str(venue): str(condition) for venue, condition in rows}


def dealt(
    connection: sqlite3.Connection,
    venue_ids: Sequence[str],
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> dict[str, list[Dealt]]:
    """Return each market's trades of [since, until), oldest first."""
    rows = connection.execute(
        "SELECT m.venue_id, t.event_time, t.price * 1e-12 * t.size, t.wallet"
        " FROM json_each(?1) w CROSS JOIN markets m ON m.venue_id = w.value"
        " CROSS JOIN trades t INDEXED BY trades_by_market ON t.market = m.id"
        " AND t.event_time >= ?2 AND t.event_time < ?3"
        " WHERE t.available_at <= ?4 AND t.observed_at <= ?4 ORDER BY m.venue_id, t.event_time",
        (json.dumps(list(venue_ids)), epoch(since), epoch(until), epoch(as_of)),
    )
    found: dict[str, list[Dealt]] = defaultdict(list)
    for venue, at, usd, wallet in rows:
        found[venue].append(Dealt(at, usd, wallet))
    return dict(found)


def hourly_usd(
    connection: sqlite3.Connection, days: Iterable[tuple[str, int]], *, as_of: datetime
) -> dict[tuple[str, int], Floats]:
    """Return the USD traded in each of the 24 hours of each (market, UTC midnight) asked for.

    Whether an hour was heard at all is for the coverage to say.
    """
    wanted = list(days)
    found = {one: np.zeros(24) for one in wanted}
    rows = connection.execute(
        "SELECT m.venue_id, json_extract(w.value, '$[1]') AS day, t.event_time,"
        " t.price * 1e-12 * t.size"
        " FROM json_each(?1) w CROSS JOIN markets m ON m.venue_id = json_extract(w.value, '$[0]')"
        " CROSS JOIN trades t INDEXED BY trades_by_market ON t.market = m.id"
        " AND t.event_time >= json_extract(w.value, '$[1]')"
        " AND t.event_time < json_extract(w.value, '$[1]') + 86400"
        " WHERE t.available_at <= ?2 AND t.observed_at <= ?2",
        (json.dumps(wanted), epoch(as_of)),
    )
    for venue, day, at, usd in rows:
        found[venue, day][(at - day) // HOUR] += usd
    return found


def record_traded_days(
    tx: sqlite3.Connection, days: Mapping[tuple[str, int], Floats], at: datetime
) -> None:
    """Keep the hourly USD [24] of whole days, by (market, midnight); what is kept stays."""
    numbers = market_ids(tx, {venue for venue, _ in days})
    tx.executemany(
        "INSERT INTO traded_days (market, day, hours, computed_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [
            (numbers[venue], day, hours.astype("<f8").tobytes(), epoch(at))
            for (venue, day), hours in days.items()
        ],
    )


def traded_days(
    connection: sqlite3.Connection,
    venue_ids: Sequence[str],
    *,
    since_day: int,
    until_day: int,
    as_of: datetime,
) -> dict[tuple[str, int], Floats]:
    """Return the kept days of the markets, by (market, midnight): USD of each hour [24]."""
    rows = connection.execute(
        "SELECT m.venue_id, d.day, d.hours FROM json_each(?) w"
        " CROSS JOIN markets m ON m.venue_id = w.value"
        " CROSS JOIN traded_days d ON d.market = m.id AND d.day >= ? AND d.day < ?"
        " WHERE d.computed_at <= ?",
        (json.dumps(list(venue_ids)), since_day, until_day, epoch(as_of)),
    )
    return {(venue, day): np.frombuffer(hours, "<f8") for venue, day, hours in rows}


def mids_at(
    connection: sqlite3.Connection,
    venue_ids: Sequence[str],
    slots: Sequence[int],
    *,
    as_of: datetime,
) -> dict[tuple[str, int], tuple[int, int]]:
    """Return {(market, slot): (bid + ask in millionths, observed_at)} of two-sided quotes."""
    rows = connection.execute(
        "SELECT m.venue_id, q.slot, q.bid + q.ask, q.observed_at"
        " FROM json_each(?1) w CROSS JOIN markets m ON m.venue_id = w.value"
        " CROSS JOIN json_each(?2) s CROSS JOIN quotes q ON q.market = m.id AND q.slot = s.value"
        " WHERE q.bid NOTNULL AND q.ask NOTNULL AND q.available_at <= ?3 AND q.observed_at <= ?3",
        (json.dumps(list(venue_ids)), json.dumps(list(slots)), epoch(as_of)),
    )
    return {(venue, slot): (both, seen) for venue, slot, both, seen in rows}


# --- what is computed once a day


def record_hour_factors(
    tx: sqlite3.Connection, day: int, factors: Floats | None, hours: int, at: datetime
) -> bool:
    """Keep the *factors* of *day* (``None``: not known yet); known ones stay as they are."""
    kept = [] if factors is None else [float(one) for one in factors]
    changed = tx.execute(
        "INSERT INTO hour_factors (day, factors, hours, computed_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (day) DO UPDATE SET factors = excluded.factors, hours = excluded.hours,"
        " computed_at = excluded.computed_at"
        " WHERE factors = '[]' AND excluded.computed_at > computed_at",
        (day, json.dumps(kept), hours, epoch(at)),
    ).rowcount
    return changed > 0


def hour_factors(
    connection: sqlite3.Connection, day: int, *, as_of: datetime
) -> tuple[Floats | None, datetime] | None:
    """Return the factors of *day* (``None``: not known) and when they were computed.

    ``None`` where nobody computed them by *as_of*.
    """
    row = connection.execute(
        "SELECT factors, computed_at FROM hour_factors WHERE day = ? AND computed_at <= ?",
        (day, epoch(as_of)),
    ).fetchone()
    if row is None:
        return None
    held = np.array(json.loads(row[0]), dtype=np.float64)
    return (held if held.size else None), from_epoch(row[1])


def record_ladders(
    tx: sqlite3.Connection, day: int, ladders: Mapping[str, Floats], at: datetime
) -> None:
    """Keep the quantiles of each market's hours as of *day*; the newer word stands."""
    numbers = market_ids(tx, ladders)
    tx.executemany(
        "INSERT INTO volume_ladders (day, market, rungs, computed_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (day, market) DO UPDATE SET rungs = excluded.rungs,"
        " computed_at = excluded.computed_at WHERE excluded.computed_at >= computed_at",
        [
            (day, numbers[venue], json.dumps([round(float(one), 6) for one in rungs]), epoch(at))
            for venue, rungs in ladders.items()
        ],
    )


def ladders(
    connection: sqlite3.Connection, venue_ids: Sequence[str], day: int, *, as_of: datetime
) -> dict[str, Floats]:
    """Return the quantiles of each market's hours as of *day*; one without any is not in it."""
    rows = connection.execute(
        "SELECT m.venue_id, v.rungs FROM json_each(?) w CROSS JOIN markets m"
        " ON m.venue_id = w.value CROSS JOIN volume_ladders v ON v.day = ? AND v.market = m.id"
        " WHERE v.computed_at <= ?",
        (json.dumps(list(venue_ids)), day, epoch(as_of)),
    )
    return {venue: np.array(json.loads(rungs), dtype=np.float64) for venue, rungs in rows}
