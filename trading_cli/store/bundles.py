"""What one run read and wrote, copied into a small file of the same schema.

It holds no kill switch, no journal and nothing of what was told to whom: it can be read anywhere,
and no home can trade on it, since a switch that was never written forbids.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trading_cli.core.errors import StoreError, UsageError
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.store import backfill, migrations, sealed_rows, upkeep
from trading_cli.store.database import APPLICATION_ID, translated
from trading_cli.store.rows import as_json
from trading_cli.store.series import PACK

NAME = "bundle"
_MARKET = "market IN (SELECT id FROM temp.taken)"
_VENUE = "market IN (SELECT venue_id FROM temp.taken)"
_EVENT = "event_id IN (SELECT event_id FROM temp.taken)"
_POSTS = f"(SELECT post FROM source.post_events WHERE {_EVENT} AND event_time >= :since)"  # noqa: S608  # our own words
# what its source had shown by then is part of what an opinion says
_SPOKEN_OF = "(SELECT market FROM source.opinions WHERE observed_at < :until)"
# what of each table belongs to the run; times are bounded by what was observed until its end
_TAKEN: Mapping[str, str] = {
    "markets": f"id IN (SELECT id FROM temp.taken) OR id IN {_SPOKEN_OF}",  # noqa: S608  # our own words
    "listing_versions": f"{_MARKET} AND observed_at < :until",
    "listing_seen": f"{_MARKET} AND event_time >= :since AND observed_at < :until",
    "resolutions": f"({_MARKET} OR market IN {_SPOKEN_OF}) AND observed_at < :until",
    "panel": _MARKET,
    "quotes": f"{_MARKET} AND slot >= :since AND slot <= :slot",
    "books": f"{_MARKET} AND slot >= :day AND slot <= :slot",
    "trades": f"{_MARKET} AND event_time >= :since AND observed_at < :until",
    "points": f"{_MARKET} AND outcome IN (0, 1) AND event_time >= :since AND observed_at < :until",
    "post_events": f"{_EVENT} AND event_time >= :since AND observed_at < :until",
    "posts": f"id IN {_POSTS}",
    "post_seen": f"post IN {_POSTS} AND observed_at < :until",
    "post_links": f"{_EVENT} AND post IN {_POSTS} AND observed_at < :until",
    "talk_hours": f"{_EVENT} AND end_at >= :since AND end_at < :until",
    "talk_windows": _EVENT,
    "coverage": "until >= :since AND observed_at < :until",
    "hour_factors": "day >= :since AND day < :until",
    "volume_ladders": f"{_MARKET} AND day >= :since AND day < :until",
    "traded_days": f"{_MARKET} AND day >= :since AND day < :until",
    "features": f"{_MARKET} AND slot >= :day AND slot <= :slot",
    "scores": f"{_VENUE} AND slot >= :day AND slot <= :slot",
    "gaps": f"(market = '' OR {_VENUE}) AND slot >= :since AND slot <= :slot",
    "findings": "slot >= :day AND slot <= :slot",
    "funnel": "slot = :slot",
    "source_states": "TRUE",
    "watermarks": "TRUE",
    "decisions": "slot = :slot OR (action <> 'HOLD' AND decided_at < :until)",
    "settings_kept": "at < :until",
    "opinions": "observed_at < :until",
    "orders": "placed_at < :until",
    "fills": "at < :until",
    "positions": "opened_at < :until",
    "outside_positions": "observed_at < :until",
    "entries": "at < :until",
    "marks": "at < :until",
    "pauses": "since < :until",
    "correlation_runs": "at < :until AND state = 'DONE'",
    "correlation_labels": "at < :until",
    "runs": "id = :run OR (slot >= :day AND id < :run)",
    "steps": "run = :run",
}
_MARKETS = """
    CREATE TEMP TABLE taken AS SELECT id, venue_id, event_id FROM source.markets WHERE venue_id IN
        (SELECT market FROM source.decisions WHERE slot = :slot
         UNION SELECT market FROM source.orders WHERE placed_at < :until
         UNION SELECT market FROM source.positions WHERE opened_at < :until)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """The run that is bundled, and how far back its inputs reach."""

    run: int
    cycle: str
    slot: int
    started: int
    finished: int | None
    since: int

    @property
    def values(self) -> dict[str, int]:
        """Return what the conditions above are given."""
        end = self.finished if self.finished is not None else self.started + SLOT_SECONDS
        return {
            "run": self.run,
            "slot": self.slot,
            "since": self.since,
            "day": self.slot - sealed_rows.DAY,
            "until": end + 1,
        }


def asked(look: sqlite3.Connection, run: int | None, days: int) -> Asked:
    """Return run *run*, the newest collection where ``None``. Raises ``UsageError`` for no run."""
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
    return Asked(number, cycle, slot, started, finished, slot - days * sealed_rows.DAY)


def write(path: Path, source: Path, want: Asked, manifest: Mapping[str, Any], now: datetime) -> Any:
    """Write what belongs to the run from *source* into a new file; return the whole manifest."""
    with translated(path), closing(sqlite3.connect(path, isolation_level=None, uri=True)) as made:
        made.execute("PRAGMA journal_mode=DELETE")
        migrations.migrate(made, path, now=now, backups=1, application_id=APPLICATION_ID)
        made.execute("ATTACH ? AS source", (f"file:{quote(str(source.absolute()))}?mode=ro",))
        made.execute("BEGIN IMMEDIATE")
        made.execute("DELETE FROM sqlite_sequence WHERE name = 'kill_state'")
        for name in ("kill_state", "meta", "migrations"):
            made.execute(f"DELETE FROM {name}")  # noqa: S608  # our own names
        made.execute("INSERT INTO migrations SELECT * FROM source.migrations")
        made.execute(_MARKETS.replace(":slot", str(want.slot)).replace(
            ":until", str(want.values["until"])))  # fmt: skip
        for name, condition in _TAKEN.items():
            given = {key: value for key, value in want.values.items() if f":{key}" in condition}
            columns = ", ".join(
                f'"{row[1]}"' for row in made.execute(f'PRAGMA source.table_info("{name}")')
            )
            made.execute(
                f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM source.{name}"  # noqa: S608  # our own words
                f" WHERE {condition}",
                given,
            )
        made.executemany("INSERT INTO quote_packs VALUES (?, ?, ?)", _packs(made, want))
        made.execute("DELETE FROM events")  # what was told here is no news
        made.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
        sealed_rows.seal(made, run=want.run, now=now)
        told = {**manifest, "tables": counts(made), "digest": digest(made)}
        backfill.set_meta(made, NAME, as_json(told))
        sealed_rows.seal(made, run=want.run, now=now)
        made.execute("COMMIT")
        made.execute("DETACH source")
        made.execute("VACUUM")
    return told


def _packs(made: sqlite3.Connection, want: Asked) -> Iterator[tuple[int, int, bytes]]:
    """Yield the packs of the run's slots with its markets alone."""
    ours = {number for (number,) in made.execute("SELECT id FROM temp.taken")}
    rows = made.execute(
        "SELECT slot, pack FROM source.quote_packs WHERE slot >= ? AND slot <= ?",
        (want.since, want.slot),
    ).fetchall()
    for slot, pack in rows:
        left = [PACK.pack(*entry) for entry in PACK.iter_unpack(pack) if entry[0] in ours]
        if left:
            yield slot, len(left), b"".join(left)


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
