"""How far along everything is: few and quick counts, for whoever asks what is still missing."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trading_cli.store.rows import epoch, moment

Span = tuple[int, int]
HOUR = 3600
LONGEST_S = 30 * 86_400
"""No source is asked about more at once."""
_FOLLOWED = (
    "SELECT m.id, coalesce(m.event_id, m.venue_id) AS event FROM markets m WHERE m.id IN"
    " (SELECT p.market FROM panel p WHERE p.entered_at <= ?1"
    " AND (p.left_at IS NULL OR p.left_at > ?1)) OR NOT EXISTS (SELECT 1 FROM panel)"
)
"""The panel's markets; all that are known where there has been no panel yet."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots with quotes: how many, since when and until when."""

    n: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator in one slot: of how many markets it has a value, and why not of the others."""

    name: str
    markets: int
    defined: int
    provisional: int
    undefined: tuple[tuple[str, int], ...]


def slots(look: sqlite3.Connection) -> Slots:
    """Return the slots with quotes."""
    n, first, last = look.execute(
        "SELECT count(*), min(slot), max(slot) FROM quote_packs WHERE quotes > 0"
    ).fetchone()
    return Slots(n, moment(first), moment(last))


def followed(look: sqlite3.Connection, *, as_of: datetime) -> list[tuple[int, str]]:
    """Return the store's number and the event of every market that is followed."""
    rows = look.execute(_FOLLOWED, (epoch(as_of),))
    return [(int(market), str(event)) for market, event in rows]


def first_asked(
    look: sqlite3.Connection, sources: Sequence[str], *, as_of: datetime
) -> list[tuple[str, str]]:
    """Return (source, event) of the followed events that were answered, the longest ago first."""
    rows = look.execute(
        f"WITH followed AS ({_FOLLOWED}) SELECT source, event FROM ("  # noqa: S608  # no input
        "SELECT s.value AS source, e.event AS event, (SELECT min(c.since) FROM coverage c"
        " WHERE c.source = s.value AND c.subject = e.event) AS first"
        " FROM (SELECT DISTINCT event FROM followed) e, json_each(?2) s)"
        " WHERE first IS NOT NULL ORDER BY first, event, source",
        (epoch(as_of), json.dumps(list(sources))),
    )
    return [(str(source), str(event)) for source, event in rows]


def heard(
    look: sqlite3.Connection, source: str, event: str, *, since: datetime, as_of: datetime
) -> list[Span]:
    """Return the completely answered spans that end after *since*, joined: seconds, half-open."""
    begin = epoch(since)
    joined: list[Span] = []
    for start, stop in look.execute(
        "SELECT since, until FROM coverage WHERE source = ? AND subject = ? AND since > ?"
        " AND until > ? AND observed_at <= ? AND complete = 1 ORDER BY since",
        (source, event, begin - LONGEST_S, begin, epoch(as_of)),
    ):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def priced_hours(
    look: sqlite3.Connection, market: int, *, since: datetime, as_of: datetime
) -> set[int]:
    """Return the hours, of the epoch, in which *market* has a quote or a past price."""
    rows = look.execute(
        "SELECT slot / ?4 FROM quotes WHERE market = ?1 AND slot >= ?2 AND observed_at <= ?3"
        " AND bid NOTNULL AND ask NOTNULL UNION SELECT event_time / ?4 FROM points"
        " WHERE market = ?1 AND outcome = 0 AND event_time >= ?2 AND observed_at <= ?3",
        (market, epoch(since), epoch(as_of), HOUR),
    )
    return {int(hour) for (hour,) in rows}


def indicators(look: sqlite3.Connection) -> list[Indicator]:
    """Return how the indicators stand in the newest slot that has any, by name."""
    found: dict[str, list[tuple[str, int]]] = {}
    for name, undefined, provisional in look.execute(
        "SELECT f.name, f.undefined, f.provisional FROM markets m JOIN features f"
        " ON f.market = m.id AND f.slot = (SELECT max(slot) FROM features f2"
        " WHERE f2.market = m.id) WHERE f.slot >= (SELECT max(slot) FROM quote_packs) - 900"
    ):
        found.setdefault(str(name), []).append((str(undefined), int(provisional)))
    return [_indicator(name, rows) for name, rows in sorted(found.items())]


def _indicator(name: str, rows: list[tuple[str, int]]) -> Indicator:
    reasons = [undefined for undefined, _ in rows if undefined]
    counted = sorted({reason: reasons.count(reason) for reason in reasons}.items(), key=_by_count)
    provisional = sum(flag for undefined, flag in rows if not undefined)
    return Indicator(name, len(rows), len(rows) - len(reasons), provisional, tuple(counted))


def _by_count(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def reasons_since(look: sqlite3.Connection, since: datetime) -> dict[str, int]:
    """Return how many entry decisions since then came out with each reason, the commonest first."""
    rows = look.execute(
        "SELECT reason, count(*) FROM decisions WHERE decided_at >= ? AND purpose = 'entry'"
        " GROUP BY reason ORDER BY count(*) DESC, reason",
        (epoch(since),),
    )
    return {str(reason): int(count) for reason, count in rows}
