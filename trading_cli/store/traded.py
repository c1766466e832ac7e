"""What takers dealt in a market over a span, where the span was heard."""

import sqlite3
from datetime import datetime

from trading_cli.store.features import spans
from trading_cli.store.rows import MILLION, epoch

SOURCE = "polymarket.trades"
LEAST_HEARD = 20 / 24
DAY_S = 86_400


def daily_usd(
    look: sqlite3.Connection, venue_id: str, *, since: datetime, until: datetime, as_of: datetime
) -> float | None:
    """Return USD dealt per day in [since, until), scaled up from what was heard of it.

    ``None`` where less than 20 of 24 hours were answered completely by *as_of*: a source that was
    silent is not a market that was quiet.
    """
    row = look.execute(
        "SELECT id, condition_id FROM markets WHERE venue_id = ?", (venue_id,)
    ).fetchone()
    if row is None or since >= until:
        return None
    market, condition = row
    heard = spans(look, SOURCE, {condition: since}, as_of=as_of).get(condition, [])
    first, last = epoch(since), epoch(until)
    usd, seconds = 0.0, 0
    for begin, end in heard:
        start, stop = max(begin, first), min(end, last)
        if start >= stop:
            continue
        seconds += stop - start
        usd += look.execute(
            "SELECT coalesce(sum(CAST(price AS REAL) * size), 0) FROM trades"
            " WHERE market = ?1 AND event_time >= ?2 AND event_time < ?3 AND available_at <= ?4"
            " AND observed_at <= ?4",
            (market, start, stop, epoch(as_of)),
        ).fetchone()[0]
    if seconds < LEAST_HEARD * (last - first):
        return None
    return usd / float(MILLION) ** 2 * DAY_S / seconds
