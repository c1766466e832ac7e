"""The hourly YES price of a few markets, quickly: the first that was seen from each hour on."""

import sqlite3
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from trading_cli.store.rows import epoch

HOUR = 3600
# newest first: of one hour the first stands
_QUOTES = (
    "SELECT slot / 3600, (bid + ask) / 2e6 FROM quotes WHERE market = ?1 AND slot >= ?2"
    " AND slot < ?3 + 1800 AND slot % 3600 < 1800 AND bid NOTNULL AND ask NOTNULL"
    " AND available_at <= ?4 AND observed_at <= ?4 ORDER BY slot DESC"
)
_POINTS = (
    "WITH RECURSIVE h (at) AS (SELECT ?2 UNION ALL SELECT at + 3600 FROM h WHERE at < ?3)"
    " SELECT at / 3600, (SELECT price FROM points WHERE market = ?1 AND outcome = 0"
    " AND event_time >= at AND event_time < at + 1800 AND available_at <= ?4"
    " AND observed_at <= ?4 ORDER BY event_time LIMIT 1) FROM h"
)


def hourly_mids(
    look: sqlite3.Connection, venue_id: str, ends: NDArray[np.int64], *, as_of: datetime
) -> NDArray[np.float64]:
    """Return the YES mid at each of *ends* [T], consecutive full hours, as known at *as_of*.

    The two-sided quote of the hour's own slot or the next; else the first history mid within half
    an hour; else NaN. An unknown market is NaN throughout.
    """
    known = look.execute("SELECT id FROM markets WHERE venue_id = ?", (venue_id,)).fetchone()
    if known is None or not ends.size:
        return np.full(ends.size, np.nan)
    first, last, at = int(ends[0]), int(ends[-1]), epoch(as_of)
    mids = dict(look.execute(_QUOTES, (known[0], first, last, at)).fetchall())
    lacks = [hour for hour in range(first // HOUR, last // HOUR + 1) if hour not in mids]
    if lacks:
        span = (lacks[0] * HOUR, lacks[-1] * HOUR)
        points = dict(look.execute(_POINTS, (known[0], *span, at)).fetchall())
        mids = points | mids
    hours = range(first // HOUR, last // HOUR + 1)
    return np.array([mids.get(hour) for hour in hours], dtype=np.float64)
