"""What of the talk's past is still to be asked, in windows that survive a stop.

A window is one span of one event at one source. It is planned once; a window whose answer was cut
short is split in halves, so that what is not known to be complete is never taken for complete.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.store.backfill import TRIES
from trading_cli.store.rows import Written, epoch

Span = tuple[int, int]
TODO = "state IN ('planned', 'failed') AND tries < ?"


@dataclass(frozen=True, slots=True)
class TalkWindow:
    """One half-open span of what one source may have said about one event."""

    id: int
    source: str
    event_id: str
    start: datetime
    stop: datetime
    tries: int


def plan(
    tx: sqlite3.Connection, source: str, event_id: str, spans: Iterable[Span], step_s: int
) -> Written:
    """Plan *spans* (epoch seconds, half-open), cut where the epoch's grid of *step_s* cuts them.

    Planning again adds only what was not planned.
    """
    cut = [
        (source, event_id, max(at, first), min(at + step_s, last))
        for first, last in spans
        for at in range(first // step_s * step_s, last, step_s)
    ]
    new = tx.executemany(
        "INSERT INTO talk_windows (source, event_id, start, stop) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        cut,
    ).rowcount
    return Written(max(new, 0), len(cut) - max(new, 0))


def planned(
    connection: sqlite3.Connection, source: str, event_ids: Sequence[str]
) -> dict[str, list[Span]]:
    """Return the spans ever planned of each event, sorted; an event without any is not in it."""
    rows = connection.execute(
        "SELECT w.event_id, w.start, w.stop FROM json_each(?) e CROSS JOIN talk_windows w"
        " ON w.source = ? AND w.event_id = e.value ORDER BY w.event_id, w.start, w.stop",
        (json.dumps(list(event_ids)), source),
    )
    found: dict[str, list[Span]] = defaultdict(list)
    for event, start, stop in rows:
        found[event].append((start, stop))
    return dict(found)


def todo(connection: sqlite3.Connection, source: str, event_ids: Sequence[str]) -> list[TalkWindow]:
    """Return the events' windows still to ask: the least tried first, of those the newest."""
    rows = connection.execute(
        "SELECT w.id, w.source, w.event_id, w.start, w.stop, w.tries FROM json_each(?)"  # noqa: S608  # ours
        " e CROSS JOIN talk_windows w ON w.source = ? AND w.event_id = e.value"
        f" WHERE {TODO} ORDER BY w.tries, w.stop DESC, w.start DESC, w.id",
        (json.dumps(list(event_ids)), source, TRIES),
    )
    return [
        TalkWindow(number, name, event, from_epoch(start), from_epoch(stop), tries)
        for number, name, event, start, stop, tries in rows
    ]


def mark(tx: sqlite3.Connection, window: int, state: str, rows: int) -> None:
    """Say that a window is "done", "empty", "truncated" or "failed". Raises KeyError if unknown."""
    changed = tx.execute(
        "UPDATE talk_windows SET state = ?, rows = ?, tries = tries + 1 WHERE id = ?",
        (state, rows, window),
    ).rowcount
    if not changed:
        raise KeyError(window)


def split(tx: sqlite3.Connection, window: TalkWindow, rows: int) -> None:
    """Put the two halves of *window* in its place, cut at a quarter of an hour.

    Raises KeyError if unknown, ValueError if it holds no quarter to cut at.
    """
    mark(tx, window.id, "split", rows)
    first, last = epoch(window.start), epoch(window.stop)
    middle = (first + last) // 2 // SLOT_SECONDS * SLOT_SECONDS  # where sources round times
    if not first < middle < last:
        raise ValueError(f"a window of {last - first} s is too short to be split")
    tx.executemany(
        "INSERT INTO talk_windows (source, event_id, start, stop) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [
            (window.source, window.event_id, first, middle),
            (window.source, window.event_id, middle, last),
        ],
    )


def left(connection: sqlite3.Connection, event_ids: Sequence[str]) -> int:
    """Return how many windows of the events are still to ask, at all sources."""
    row = connection.execute(
        "SELECT count(*) FROM talk_windows"  # noqa: S608  # ours
        f" WHERE {TODO} AND event_id IN (SELECT value FROM json_each(?))",
        (TRIES, json.dumps(list(event_ids))),
    ).fetchone()
    return int(row[0])
