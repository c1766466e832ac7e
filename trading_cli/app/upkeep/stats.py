"""`trading db stats`: sizes, pace, and how long the questions take that are really asked."""

import os
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from trading_cli.app.settings import DatabaseSection, Settings, load
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.domain import from_epoch, slot_of
from trading_cli.store import (
    Store,
    Transaction,
    decided,
    history,
    holdings,
    journal,
    kill,
    listings,
    pace,
    runs,
)  # fmt: skip

DAY = timedelta(days=1)
DAYS = 7
GB = 1e9
GROWS_WITH: Mapping[str | None, str] = {
    pace.MARKETS: "markets", pace.CANDIDATES: "candidates", None: "time",
}  # fmt: skip
Question = Callable[[Transaction], object]


def stats(config: Path | None, *, clock: Clock | None = None) -> dict[str, Any]:
    """Return the sizes, rows, pace and sample times of a home's database."""
    loaded = load(config, env=os.environ)
    with Store.reader(loaded.database) as store:
        told: dict[str, Any] = store.stats()
        with store.reading() as look:
            asked = {name: _timed(question, look) for name, question in _questions(look, clock)}
            sizes = pace.sizes(look)
            growth = _growth(look, sizes, told["bytes"], loaded.settings)
    pages = told["pages"]
    return {
        "path": str(loaded.database),
        "bytes": told["bytes"],
        "wal_bytes": told["wal_bytes"],
        "free_bytes": pages["freelist_count"] * pages["page_size"],
        "schema": told["schema"],
        "tables": told["rows"],
        "table_bytes": sizes,
        "queries": {name: round(value * 1e3, 3) for name, value in told["seconds"].items()}
        | {name: round(value * 1e3, 3) for name, value in asked.items()},
        "growth": growth,
    }


def _timed(question: Question, look: Transaction) -> float:
    began = time.perf_counter()
    question(look)
    return time.perf_counter() - began


def _questions(look: Transaction, clock: Clock | None) -> list[tuple[str, Question]]:
    """Return what the product really asks, ready to be asked; of the newest data there is."""
    newest = history.newest_quote_at(look) or (clock or SystemClock()).now()
    slot, soon = slot_of(newest), newest + DAY
    latest = history.latest_quotes(look, slot, as_of=soon)
    venue = latest[0].market_id if latest else ""
    since = newest - DAY
    return [
        ("latest quotes of a slot", lambda tx: history.latest_quotes(tx, slot, as_of=soon)),
        ("24 h of one market's quotes", lambda tx: history.quote_columns(
            tx, venue, since=since, until=soon, as_of=soon)),
        ("24 h of one market's trades", lambda tx: history.trades(
            tx, venue, since=since, until=soon, as_of=soon)),
        ("newest book of one market", lambda tx: history.newest_book(tx, venue, as_of=soon)),
        ("the listing as known", lambda tx: listings.listing_at(tx, as_of=soon)),
        ("open positions", holdings.positions),
        ("newest 50 decisions", lambda tx: decided.decisions(tx, limit=50)),
        ("newest 50 of the journal", lambda tx: journal.newest(tx, limit=50)),
        ("the kill switch", kill.standing),
        ("newest runs", runs.collected),
    ]  # fmt: skip


def _growth(
    look: Transaction, sizes: dict[str, int] | None, size: int, settings: Settings
) -> dict[str, Any]:
    """Return the pace by table, and when the file reaches its bounds if it goes on like that.

    It goes by the markets of the newest three days. How many the exchange will list, and how many
    of those pass the bars, cannot be known: ``full`` is the same pace with every place taken that
    the settings have. What the archive takes out again is not counted.
    """
    day = pace.newest_day(look)
    found = pace.Pace({}, {}) if day is None else pace.pace(look, day, DAYS)
    held = pace.rows(look)
    by_table = {
        name: {
            "rows": round(count, 1),
            "bytes": _bytes(name, count, sizes, held),
            "grows_with": GROWS_WITH[pace.driver(name)],
        }
        for name, count in sorted(found.rows.items())
        if count
    }
    places = {
        pace.MARKETS: settings.data_collection.panel.max_markets,
        pace.CANDIDATES: settings.data_collection.candidates.max_markets,
    }
    now, full = dict.fromkeys(places, 1.0), None
    if all(found.load.get(stage) for stage in places):
        full = {stage: places[stage] / found.load[stage] for stage in places}
    return {
        "until": None if day is None else from_epoch(day).isoformat(),
        "days": DAYS,
        "load": {GROWS_WITH[stage]: found.load.get(stage) for stage in places},
        "a_day": by_table,
        **_when(by_table, now, size, settings.database),
        "full": {GROWS_WITH[stage]: count for stage, count in places.items()}
        | _when(by_table, full, size, settings.database),
    }


def _bytes(
    name: str, a_day: float, sizes: dict[str, int] | None, counts: dict[str, int]
) -> float | None:
    """Return the bytes *a_day* rows of a table take, by what its rows take now."""
    if sizes is None or not counts.get(name):
        return None
    return round(a_day * sizes.get(name, 0) / counts[name], 1)


def _when(
    by_table: Mapping[str, Mapping[str, Any]],
    times: Mapping[str, float] | None,
    size: int,
    section: DatabaseSection,
) -> dict[str, int | None]:
    """Return the bytes a day and the days left with *times* as many markets at each stage."""
    a_day = 0.0
    if times is not None:
        a_day = sum(
            (one["bytes"] or 0.0) * times.get(pace.driver(name) or "", 1.0)
            for name, one in by_table.items()
        )
    if not a_day:
        return dict.fromkeys(("bytes_a_day", "days_to_warn", "days_to_max"))
    return {
        "bytes_a_day": round(a_day),
        "days_to_warn": _days(section.warn_gb, size, a_day),
        "days_to_max": _days(section.max_gb, size, a_day),
    }


def _days(bound_gb: float, size: int, a_day: float) -> int:
    """Return in how many days the file is that large, 0 where it is already."""
    return max(0, int((bound_gb * GB - size) / a_day))
