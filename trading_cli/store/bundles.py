"""What one run read and wrote, copied into a small file of the same schema.

A home that has this file for a database replays the run like the home that decided: what decisions
rest on is listed once, in `cut_copies`. It holds no journal and nothing of what was told to whom;
it can be read anywhere, and no home deals on it, since its kill switch ends TRIGGERED.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trading_cli.core.errors import StoreError, UsageError
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.store import (
    backfill,
    cut_copies,
    kill,
    migrations,
    operated,
    sealed_rows,
    thawed,
    upkeep,
)
from trading_cli.store.database import APPLICATION_ID, Store, translated
from trading_cli.store.rows import as_json, epoch
from trading_cli.store.series import PACK

NAME = "bundle"
BACK_S = int(thawed.LOOK_BACK.total_seconds())
"""What a decision rests on lies within so long before it, the usual of its talk apart."""
_HOUR = 3600
_READ_LATE = 2 * SLOT_SECONDS
_KEPT_META = ("risk.last_loss", "risk.peak_since")
_STANDS = "a copy of what run {run} read and wrote: nothing is dealt from it"
_NEAR = "market IN (SELECT value FROM json_each(:near))"
_OURS = "market IN (SELECT value FROM json_each(:ours))"
_VENUE = "market IN (SELECT value FROM json_each(:venues))"
_EVENT = "event_id IN (SELECT value FROM json_each(:events))"
_POSTS = f"(SELECT post FROM post_events WHERE {_EVENT} AND event_time >= :since)"  # noqa: S608  # our own words
_DEEP = f"({_OURS} AND {{at}} >= :since OR {_NEAR} AND {{at}} >= :hour)"
# what its source had shown by then is part of what an opinion says
_SPOKEN_OF = "(SELECT market FROM opinions WHERE observed_at < :until)"
_LAST_BEFORE = (
    "event_time >= coalesce((SELECT max(b.event_time) FROM listing_seen b"
    " WHERE b.market = listing_seen.market AND b.event_time < {first}), {first})"
)
# of each kind of study the last before the run, and any that was finished meanwhile
_STUDIES = (
    "run IN (SELECT c.id FROM correlation_runs c WHERE c.finished_at >= coalesce("
    "(SELECT max(p.finished_at) FROM correlation_runs p WHERE p.kind = c.kind"
    " AND p.state = 'DONE' AND p.finished_at < :hour), 0))"
)
# What decisions rest on is `cut_copies.KNOWN`, with when each row was known; of these tables the
# part that concerns a run. One that is not named here goes along whole.
PARTS: Mapping[str, str] = {
    "markets": f"id IN (SELECT value FROM json_each(:near)) OR id IN {_SPOKEN_OF}",  # noqa: S608  # our own words
    "listing_versions": _NEAR,
    "listing_seen": (
        f"({_OURS} AND {_LAST_BEFORE.format(first=':since')})"
        f" OR ({_NEAR} AND {_LAST_BEFORE.format(first=':midnight')})"
    ),
    "resolutions": f"{_NEAR} OR market IN {_SPOKEN_OF}",
    "panel": _NEAR,
    "quotes": f"{_DEEP.format(at='slot')} AND slot <= :slot",
    "quote_packs": "slot >= :since AND slot <= :slot",
    "books": f"{_OURS} AND slot >= :day AND slot <= :slot + 900",
    "trades": f"{_OURS} AND event_time >= :since",
    "points": f"{_OURS} AND outcome IN (0, 1) AND event_time >= :since",
    "post_events": f"{_EVENT} AND event_time >= :since",
    "posts": f"id IN {_POSTS}",
    "post_seen": f"post IN {_POSTS}",
    "post_links": f"{_EVENT} AND post IN {_POSTS}",
    "talk_hours": f"{_EVENT} AND end_at >= :since",
    "coverage": "until >= :since",
    "hour_factors": "day >= :since",
    "volume_ladders": f"{_NEAR} AND day >= :since",
    "traded_days": f"{_NEAR} AND day >= :since",
    "features": f"{_OURS} AND slot >= :day AND slot <= :slot",
    "features_before": f"{_OURS} AND slot >= :day AND slot <= :slot",
    "scores": f"{_VENUE} AND slot >= :scored AND slot <= :slot",
    "scores_before": f"{_VENUE} AND slot >= :scored AND slot <= :slot",
    "gaps": f"(market = '' OR {_VENUE}) AND slot >= :day AND slot <= :slot",
    "gaps_before": f"(market = '' OR {_VENUE}) AND slot >= :day AND slot <= :slot",
    "findings": "slot >= :day AND slot <= :slot",
    "decisions": (
        "slot >= :hour AND slot <= :slot OR action <> 'HOLD' OR purpose = 'exit'"
        " AND market IN (SELECT value FROM json_each(:held))"
    ),
    "correlations": _STUDIES,
    "pooled_correlations": _STUDIES,
}
NOT_TAKEN = frozenset({"meta", "migrations"})
"""Of what decisions rest on, what a new file has of its own; some of `meta` goes along by name."""
# the account before the run and what the run did; and what shows how it went
ACCOUNT: Mapping[str, str] = {
    "orders": "placed_at < :until",
    "fills": "at < :until",
    "positions": "opened_at < :until",
    "entries": "at < :until",
    "marks": "at < :until",
    "outside_positions": "TRUE",  # only what is held now is known: its number is said
    "runs": "id = :run OR slot >= :day AND slot <= :slot AND started < :until",
    "steps": (
        "run = :run OR run IN (SELECT id FROM runs WHERE slot >= :hour AND slot <= :slot"
        " AND started < :until)"
    ),
    "funnel": "slot = :slot",
    "source_states": "TRUE",
    "watermarks": "TRUE",
    "talk_windows": _EVENT,
}
# an order may meet a book seen, or a trade printed, in the quarter-hour after it
_LATE = frozenset({"books", "trades"})
_RUNS_VENUES = (
    "SELECT market FROM decisions WHERE slot >= :hour AND slot <= :slot"
    " UNION SELECT market FROM orders WHERE placed_at < :until"
    " UNION SELECT market FROM positions WHERE opened_at < :until"
)
_PANEL = (
    "SELECT market FROM panel WHERE entered_at < :until"
    " AND coalesce(left_at, :until) >= :hour - 172800"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The run that is bundled, how far back its inputs reach, and until when rows are its own."""

    run: int
    cycle: str
    slot: int
    started: int
    finished: int | None
    since: int
    until: int

    @property
    def values(self) -> dict[str, Any]:
        """Return what the conditions above are given."""
        hour = self.slot - _HOUR
        return {
            "run": self.run,
            "slot": self.slot,
            "since": self.since,
            "hour": hour,
            "midnight": hour // sealed_rows.DAY * sealed_rows.DAY,
            "day": self.slot - sealed_rows.DAY,
            "until": self.until,
        }


def asked(look: sqlite3.Connection, run: int | None, now: datetime, talk_days: int) -> Asked:
    """Return run *run*, the newest collection where ``None``. Raises ``UsageError`` for no run.

    *talk_days*: of how many days the usual of the talk is. What came before the next slot that
    decides began belongs to the run: it is the account of its slot.
    """
    row = look.execute(
        "SELECT id, cycle, slot, started, finished FROM runs WHERE (?1 IS NOT NULL AND id = ?1)"
        " OR (?1 IS NULL AND cycle IN ('collection', 'collect') AND state <> 'SKIPPED')"
        " ORDER BY id DESC LIMIT 1",
        (run,),
    ).fetchone()
    if row is None:
        what = "nothing was collected yet" if run is None else f"there is no run {run}"
        raise UsageError(f"{what}.", hint="trading status, or trading logs")
    number, cycle, slot, started, finished = row
    last = slot + SLOT_SECONDS
    back = max(BACK_S, (talk_days + 2) * sealed_rows.DAY)
    ended = finished if finished is not None else started + SLOT_SECONDS
    following = operated.next_decided(look, last)
    until = epoch(now) if following is None else _began(look, following)
    return Asked(number, cycle, slot, started, finished, slot - _HOUR - back, max(ended + 1, until))


def _began(look: sqlite3.Connection, slot: int) -> int:
    began = operated.worked(look, slot).began
    return slot if began is None else epoch(began)


def write(path: Path, source: Path, want: Asked, manifest: Mapping[str, Any], now: datetime) -> Any:
    """Write what belongs to the run from *source* into a new file; return the whole manifest.

    Rows of the archive go along like all others. Raises what ``thawed.thaw_of`` does.
    """
    with (
        translated(path),
        closing(sqlite3.connect(path, isolation_level=None)) as made,
        Store.reader(source) as store,
        store.reading() as look,
    ):
        made.execute("PRAGMA journal_mode=DELETE")
        migrations.migrate(made, path, now=now, backups=1, application_id=APPLICATION_ID)
        made.execute("BEGIN IMMEDIATE")
        made.execute("DELETE FROM sqlite_sequence WHERE name = 'kill_state'")
        for name in ("kill_state", *sorted(NOT_TAKEN)):
            made.execute(f"DELETE FROM {name}")  # noqa: S608  # our own names
        _fill(look, made, "migrations", "TRUE", {})
        given = _given(look, want)
        numbers = dict.fromkeys(json.loads(given["ours"]), (want.since, want.until + _READ_LATE))
        thawed.thaw_of(look, numbers, thawed.EVERY)
        for name, condition in _conditions():
            _fill(look, made, name, condition, given)
        _tidy(look, made)
        _stop(made, want, now)
        sealed_rows.seal(made, run=want.run, now=now)
        told = {**manifest, "tables": counts(made), "digest": digest(made)}
        backfill.set_meta(made, NAME, as_json(told))
        sealed_rows.seal(made, run=want.run, now=now)
        made.execute("COMMIT")
        made.execute("VACUUM")
    return told


def _conditions() -> Iterator[tuple[str, str]]:
    """Yield each table that goes along, with which of its rows do."""
    for name, known in cut_copies.KNOWN.items():
        if name not in NOT_TAKEN:
            until = f":until + {_READ_LATE}" if name in _LATE else ":until"
            yield name, f"({PARTS.get(name, 'TRUE')}) AND {known} < {until}"
    yield from ACCOUNT.items()


def _given(look: sqlite3.Connection, want: Asked) -> dict[str, Any]:
    """Return what the conditions are given: the run's times, and the markets it looked at.

    ``ours`` were decided on or dealt in, ``near`` also those of the panel of then; where the panel
    as a whole had to be asked what is usual, all of it is ours.
    """
    values = want.values
    venues = {str(one) for (one,) in look.execute(_RUNS_VENUES, values)}
    found = look.execute("SELECT id, venue_id, coalesce(event_id, venue_id) FROM markets")
    ours = {row for row in found.fetchall() if row[1] in venues}
    panel = {number for (number,) in look.execute(_PANEL, values)}
    near = {one for one, *_ in ours} | panel
    if panel and not _usual_is_kept(look, want):
        rows = look.execute(
            "SELECT id, venue_id, coalesce(event_id, venue_id) FROM markets"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(panel)),),
        )
        ours |= set(rows)
    held = look.execute(
        "SELECT DISTINCT market FROM positions WHERE opened_at < :until"
        " AND coalesce(closed_at, :until) >= :hour",
        values,
    )
    (scored,) = look.execute(
        "SELECT coalesce(max(slot), 0) FROM scores WHERE slot <= :day", values
    ).fetchone()
    return {
        **values,
        "scored": scored,
        "ours": json.dumps(sorted(number for number, _, _ in ours)),
        "near": json.dumps(sorted(near)),
        "venues": json.dumps(sorted(venue for _, venue, _ in ours)),
        "events": json.dumps(sorted({event for _, _, event in ours})),
        "held": json.dumps(sorted(market for (market,) in held)),
    }


def _usual_is_kept(look: sqlite3.Connection, want: Asked) -> bool:
    """Return whether the factors of the hours were kept when each slot of the hour was decided."""
    slots = range(want.slot - _HOUR, want.slot + 1, SLOT_SECONDS)
    kept = {
        int(day): int(at)
        for day, at in look.execute(
            "SELECT day, computed_at FROM hour_factors WHERE factors <> '[]'"
        )
    }
    ends = ((slot, min(slot + SLOT_SECONDS, want.until)) for slot in slots)
    return all(kept.get(slot // sealed_rows.DAY * sealed_rows.DAY, end) < end for slot, end in ends)


def _fill(
    look: sqlite3.Connection,
    made: sqlite3.Connection,
    name: str,
    condition: str,
    given: Mapping[str, Any],
) -> None:
    """Copy the rows of a table that meet the condition."""
    names = [f'"{row[1]}"' for row in look.execute(f'PRAGMA main.table_info("{name}")')]
    columns, places = ", ".join(names), ", ".join("?" * len(names))
    rows = look.execute(f"SELECT {columns} FROM {name} WHERE {condition}", given)  # noqa: S608  # our own words
    made.executemany(f"INSERT INTO {name} ({columns}) VALUES ({places})", rows)  # noqa: S608  # our own words


def _tidy(look: sqlite3.Connection, made: sqlite3.Connection) -> None:
    """Leave of each pack what belongs to the run; of what was told here nothing is news."""
    there = set(made.execute("SELECT slot, market FROM quotes"))
    for slot, pack in made.execute("SELECT slot, pack FROM quote_packs").fetchall():
        left = [PACK.pack(*one) for one in PACK.iter_unpack(pack) if (slot, one[0]) in there]
        made.execute("DELETE FROM quote_packs WHERE slot = ?", (slot,))
        if left:
            made.execute(
                "INSERT INTO quote_packs VALUES (?, ?, ?)", (slot, len(left), b"".join(left))
            )
    for name in _KEPT_META:
        value = backfill.meta(look, name)
        if value is not None:
            backfill.set_meta(made, name, value)
    made.execute("DELETE FROM events")
    made.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")


def _stop(made: sqlite3.Connection, want: Asked, now: datetime) -> None:
    """Let the kill switch stand TRIGGERED after all that it was: nobody deals on a copy."""
    reason = _STANDS.format(run=want.run)
    at = max(now, from_epoch(want.until))
    kill.record(made, "TRIGGERED", 4, at=at, actor=NAME, reason=reason, anew=True)


def counts(look: sqlite3.Connection) -> dict[str, int]:
    """Return the rows of each table that has any."""
    found = look.execute("SELECT name, sum(rows) FROM seal_sums WHERE name <> 'meta' GROUP BY name")
    return {name: int(rows) for name, rows in found if rows}


def digest(look: sqlite3.Connection) -> str:
    """Return one hash over every row but the manifest's own."""
    sums: dict[str, int] = {}
    for name, added in look.execute("SELECT name, sum FROM seal_sums WHERE name <> 'meta'"):
        sums[name] = (sums.get(name, 0) + int.from_bytes(added, "big")) % (1 << 128)
    return f"{sealed_rows.hash_of(NAME, sorted(sums.items())):032x}"


def manifest_of(path: Path) -> dict[str, Any]:
    """Return what a bundle says of itself, after reading all of it.

    Raises ``StoreCorrupt`` or ``StoreError`` for what is damaged, foreign or no bundle.
    """
    with upkeep.lying(path) as look:
        wrong = upkeep.damage(look)
        told = None if wrong else backfill.meta(look, NAME)
        if told is not None:
            wrong = [f"{one.table}: {one.what}" for one in upkeep.broken_seals(look)]
            if digest(look) != json.loads(told)["digest"]:
                wrong.append("the rows are not those the manifest names")
    if wrong:
        raise StoreError(f"{path} is damaged: {wrong[0]}", hint="make the bundle anew")
    if told is None:
        raise UsageError(
            f"{path} is a database, but no bundle.", hint="trading db bundle RUN --to FILE"
        )
    found: dict[str, Any] = json.loads(told)
    return found


def when(seconds: int | None) -> str | None:
    """Return an instant of a run as ISO text."""
    return None if seconds is None else from_epoch(seconds).isoformat()
