"""A copy of what a backtest reads, from which all that nobody knew at an instant is truly absent.

A reader that forgets to ask when something was known finds nothing there to read too early. Rows
count as known when they were observed; backfilled and imported ones, which came later than they
are of, when they became available. What was overwritten since is put back as it stood.
Of a market with prices of then that was first described later, those first words alone stay: a
backtest of backfilled prices knows its markets from nowhere else.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from trading_cli.store import thawed
from trading_cli.store.arrays import ENTRY
from trading_cli.store.database import APPLICATION_ID, Store, translated
from trading_cli.store.migrations import version_of
from trading_cli.store.rows import epoch

BACK = timedelta(days=60)
"""Series are copied from so long before the span: no indicator looks back further."""
_BY_ORIGIN = "CASE origin WHEN 0 THEN max(observed_at, available_at) ELSE available_at END"
_RUN = "(SELECT {} FROM correlation_runs r WHERE r.id = run)"
# When a row was known. A value that changes in place stands as it was: see ``_RESTORED``.
KNOWN: Mapping[str, str] = {
    "listing_versions": _BY_ORIGIN,
    "listing_seen": _BY_ORIGIN,
    "resolutions": _BY_ORIGIN,
    "quotes": _BY_ORIGIN,
    "books": _BY_ORIGIN,
    "trades": _BY_ORIGIN,
    "points": _BY_ORIGIN,
    "posts": _BY_ORIGIN,
    "post_events": _BY_ORIGIN,
    "post_seen": _BY_ORIGIN,
    "opinions": _BY_ORIGIN,
    "post_links": (
        "(SELECT CASE origin WHEN 0 THEN post_links.observed_at ELSE available_at END"
        " FROM posts WHERE id = post)"
    ),
    # what a backfill was told of is covered as far as its rows are there: see ``_RESTORED``
    "coverage": "CASE WHEN observed_at - since > 172800 THEN since ELSE observed_at END",
    "findings": "observed_at",
    "gaps": "observed_at",
    "gaps_before": "observed_at",
    "scores": "observed_at",
    "scores_before": "observed_at",
    "features": "computed_at",
    "features_before": "computed_at",
    "talk_hours": "computed_at",
    "traded_days": "computed_at",
    "volume_ladders": "computed_at",
    "hour_factors": "computed_at",
    "recalibrations": "computed_at",
    "quote_packs": "slot",
    "panel": "entered_at",
    "decisions": "decided_at",
    "kill_state": "at",
    "pauses": "since",
    "gate_verdicts": "at",
    "correlation_runs": "coalesce(finished_at, at)",
    "correlation_labels": "at",
    "correlations": _RUN.format("coalesce(r.finished_at, r.at)"),
    "pooled_correlations": _RUN.format("coalesce(r.finished_at, r.at)"),
    "settings_kept": "at",
    "meta": "0",
    "migrations": "0",
    "markets": "0",  # who they are; one that is not listed yet is taken out at the end
}
# Nothing a backtest looks at: the home's own dealing, messages, ledgers of runs and of the file.
LEFT: frozenset[str] = frozenset(
    {
        "agenda", "archives", "backfill_windows", "backtest_equity", "backtest_runs",
        "backtest_trips", "channels", "chat_updates", "conditions", "conflicts", "deliveries",
        "entries", "events", "failures", "fills", "funnel", "imported_files", "imported_markets",
        "imports", "jobs", "journal", "journal_head", "kill_proofs", "marks", "orders", "outbox",
        "outside_positions", "positions", "refusals", "runs", "seal_sums",
        "seal_tables", "seals", "source_states", "steps", "talk_windows", "trials",
        "unsealed_keys", "unsealed_rows", "watermarks",
    }
)  # fmt: skip
_SINCE: Mapping[str, str] = {
    "quotes": "slot", "quote_packs": "slot", "books": "slot", "trades": "event_time",
    "scores": "slot", "scores_before": "slot", "features": "slot", "features_before": "slot",
    "gaps": "slot", "gaps_before": "slot", "findings": "slot", "decisions": "slot",
    "listing_seen": "CASE origin WHEN 0 THEN event_time ELSE 4611686018427387904 END",
}  # fmt: skip
_FEATURE = "value, undefined, tier, provisional, inputs, formula"
_UNKNOWN = (
    "DELETE FROM markets WHERE id NOT IN (SELECT market FROM listing_versions)"
    " AND id NOT IN (SELECT market FROM quotes)"
)
_RESTORED: tuple[str, ...] = (
    "UPDATE panel SET left_at = NULL, cause = '' WHERE left_at > :at",
    "UPDATE OR REPLACE coverage SET until = :at WHERE until > :at",
    "UPDATE pauses SET lifted_at = NULL WHERE lifted_at > :at",
    *(
        f"INSERT OR REPLACE INTO {name} ({listed}) SELECT {listed} FROM {name}_before"  # noqa: S608  # our own names
        " WHERE until > :at"
        for name, listed in (
            ("scores", "market, slot, score, dimensions, observed_at"),
            ("gaps", "slot, market, received, cause, observed_at"),
            ("features", f"market, slot, name, {_FEATURE}, computed_at"),
        )
    ),
    "DELETE FROM scores_before WHERE until > :at",
    "DELETE FROM gaps_before WHERE until > :at",
    "DELETE FROM features_before WHERE until > :at",
    _UNKNOWN,
)


def write(path: Path, source: Path, *, since: datetime, at: datetime) -> None:
    """Write into a new file *path* what of *source* was known at *at*, for slots from *since* on.

    The archive's rows are in it like all others. Raises what ``thawed.reading`` does.
    """
    begin = epoch(since - BACK)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with (
        Store.reader(source) as store,
        thawed.reading(store, begin, epoch(at) + 1) as look,
        translated(path),
        closing(sqlite3.connect(path, isolation_level=None)) as made,
    ):
        thawed.thaw(look, 0, epoch(at) + 1, (thawed.POINTS,))  # what prices meant: all of them
        made.execute("PRAGMA journal_mode=OFF")
        made.execute("PRAGMA synchronous=OFF")
        made.execute("BEGIN")
        kinds = dict(look.execute("SELECT name, sql FROM main.sqlite_schema WHERE type = 'table'"))
        for name, sql in kinds.items():
            if not name.startswith("sqlite_"):
                made.execute(sql)
        late: set[tuple[int, int]] = set()
        for name in KNOWN:  # the quotes before their packs
            _fill(look, made, name, begin, epoch(at), late)
        _describe(look, made)
        for statement in _RESTORED:
            made.execute(statement, {"at": epoch(at)} if ":at" in statement else {})
        for (sql,) in look.execute(
            "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        ):
            made.execute(sql)
        made.execute(f"PRAGMA application_id={APPLICATION_ID}")
        made.execute(f"PRAGMA user_version={version_of(look)}")
        made.execute("COMMIT")


def _fill(
    look: sqlite3.Connection,
    made: sqlite3.Connection,
    name: str,
    begin: int,
    at: int,
    late: set[tuple[int, int]],
) -> None:
    """Copy the rows of a table that were known at *at*; note in *late* the quotes that were not."""
    columns = [str(row[1]) for row in look.execute(f'PRAGMA main.table_info("{name}")')]
    listed, places = ", ".join(columns), ", ".join("?" * len(columns))
    since = f"{_SINCE[name]} >= {begin:d}" if name in _SINCE else "1"
    if name == "quotes":
        asked = f"SELECT {listed}, {KNOWN[name]} FROM quotes WHERE slot <= ? AND {since}"  # noqa: S608  # our own names
        found = _early(look.execute(asked, (at,)), at, late)
    else:
        asked = f"SELECT {listed} FROM {name} WHERE {KNOWN[name]} <= ? AND {since}"  # noqa: S608  # our own names
        rows = look.execute(asked, (at,))
        found = _packs(rows, at, late) if name == "quote_packs" else rows
    made.executemany(f"INSERT INTO {name} ({listed}) VALUES ({places})", found)  # noqa: S608  # our own names


def _describe(look: sqlite3.Connection, made: sqlite3.Connection) -> None:
    """Add the first words of each market that has prices, and no words yet."""
    bare = made.execute(
        "SELECT id FROM markets m WHERE NOT EXISTS (SELECT 1 FROM listing_versions v WHERE"
        " v.market = m.id) AND (EXISTS (SELECT 1 FROM points p WHERE p.market = m.id) OR"
        " EXISTS (SELECT 1 FROM quotes q WHERE q.market = m.id))"
    ).fetchall()
    for (market,) in bare:
        first = look.execute(
            "SELECT * FROM listing_versions WHERE market = ? ORDER BY observed_at, id LIMIT 1",
            (market,),
        ).fetchone()
        if first is not None:
            places = ", ".join("?" * len(first))
            made.execute(f"INSERT INTO listing_versions VALUES ({places})", first)  # noqa: S608  # our own words


def _early(rows: sqlite3.Cursor, at: int, late: set[tuple[int, int]]) -> Iterator[tuple[Any, ...]]:
    """Yield the quotes known at *at*, without the last column, and note the others."""
    for row in rows:
        if row[-1] <= at:
            yield row[:-1]
        else:
            late.add((row[1], row[0]))


def _packs(
    rows: sqlite3.Cursor, at: int, late: set[tuple[int, int]]
) -> Iterator[tuple[int, int, bytes]]:
    """Yield the packs without the quotes that came later, or were seen later."""
    gone: dict[int, list[int]] = {}
    for slot, market in late:
        gone.setdefault(slot, []).append(market)
    for slot, _, pack in rows:
        entries = np.frombuffer(pack, ENTRY)
        kept = (entries["available_at"] <= at) & ~np.isin(entries["market"], gone.get(slot, []))
        yield slot, int(kept.sum()), entries[kept].tobytes()
