"""The hourly YES price of a few markets, quickly: the first that was seen from each hour on."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

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


BLOCK = 240
"""Hours that are read at a time."""
_QUOTES_OF = (
    "SELECT slot / 3600, (bid + ask) / 2e6, max(available_at, observed_at) FROM quotes"
    " WHERE market = ? AND slot >= ? AND slot < ? AND slot % 3600 < 1800 AND bid NOTNULL"
    " AND ask NOTNULL ORDER BY slot"
)
_POINTS_OF = (
    "SELECT event_time / 3600, price, max(available_at, observed_at) FROM points"
    " WHERE market = ? AND outcome = 0 AND event_time >= ? AND event_time < ?"
    " AND event_time % 3600 < 1800 ORDER BY event_time"
)


class _Block(NamedTuple):
    """What was ever the first known of some hour: newest first, each with when it was known."""

    hour: NDArray[np.int64]
    mid: NDArray[np.float64]
    known: NDArray[np.int64]


class HourlyMids:
    """``hourly_mids`` of one snapshot, asked again and again: each stretch is read once."""

    def __init__(self, look: sqlite3.Connection) -> None:
        self._look = look
        self._numbers: dict[str, int | None] = {}
        self._held: dict[tuple[str, int, int], _Block] = {}

    def read(self, venue_id: str, ends: NDArray[np.int64], as_of: datetime) -> NDArray[np.float64]:
        """Return what ``hourly_mids`` does."""
        number = self._number(venue_id)
        if number is None or not ends.size:
            return np.full(ends.size, np.nan)
        hours, at = (int(ends[0]) // HOUR, int(ends[-1]) // HOUR), epoch(as_of)
        mids = self._first_known(_QUOTES_OF, number, hours, at)
        lacks = np.isnan(mids)
        if lacks.any():
            mids[lacks] = self._first_known(_POINTS_OF, number, hours, at)[lacks]
        return mids

    def _number(self, venue_id: str) -> int | None:
        if venue_id not in self._numbers:
            row = self._look.execute(
                "SELECT id FROM markets WHERE venue_id = ?", (venue_id,)
            ).fetchone()
            self._numbers[venue_id] = None if row is None else int(row[0])
        return self._numbers[venue_id]

    def _first_known(
        self, question: str, number: int, hours: tuple[int, int], at: int
    ) -> NDArray[np.float64]:
        """Return the first price known at *at* of each of the hours [first, last]; else NaN."""
        first, last = hours
        found = np.full(last - first + 1, np.nan)
        for place in range(first // BLOCK, last // BLOCK + 1):
            block = self._block(question, number, place)
            there = (block.known <= at) & (block.hour >= first) & (block.hour <= last)
            found[block.hour[there] - first] = block.mid[there]  # the oldest comes last, and stands
        return found

    def _block(self, question: str, number: int, place: int) -> _Block:
        key = question, number, place
        if key not in self._held:
            begin = place * BLOCK * HOUR
            rows = self._look.execute(question, (number, begin, begin + BLOCK * HOUR))
            self._held[key] = _block_of(rows)
        return self._held[key]


def _block_of(rows: Iterable[tuple[int, float, int]]) -> _Block:
    """Return the *rows* (oldest first) that were known before all older ones of their hour."""
    least: dict[int, int] = {}
    kept: list[tuple[int, float, int]] = []
    for hour, mid, known in rows:
        if hour not in least or known < least[hour]:
            least[hour] = known
            kept.append((hour, mid, known))
    hours, mids, times = zip(*kept[::-1], strict=True) if kept else ((), (), ())
    return _Block(np.array(hours, np.int64), np.array(mids, float), np.array(times, np.int64))
