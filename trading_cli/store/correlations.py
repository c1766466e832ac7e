"""What correlation runs tried and found, by date; and what each market is called at an instant.

A run is a row before it runs. A reader as of *t* sees what was finished by then, nothing later.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_cli.domain import Tier, from_epoch
from trading_cli.store.rows import as_json, epoch, moment


@dataclass(frozen=True, slots=True)
class Planned:
    """What is about to be tried: a run of *kind* on [since, until), with what it rests on."""

    kind: str
    at: datetime
    since: datetime
    until: datetime
    settings_hash: str
    data_hash: str
    code: str
    family: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A run as kept; ``finished`` is ``None`` where it never came to its end."""

    id: int
    planned: Planned
    finished: datetime | None
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MarketRow:
    """One market's result: the verdict's word, its tier, the smallest-p lag, q, all the rest."""

    market: str
    word: str
    tier: Tier
    lag: int
    q: float | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PooledRow:
    """One category and horizon (hours): whether talk leads there, q, all the rest."""

    category: str
    horizon: int
    leads: bool
    q: float | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What *subject* (a market's id, or ``pooled:CATEGORY:HOURS``) is called from ``at`` on.

    ``b`` is the direction and size; ``pending`` what is claimed and not yet confirmed.
    """

    subject: str
    at: datetime
    run: int
    leads: bool
    tier: Tier
    lag: int
    b: float | None
    pending: Mapping[str, Any]


def pooled_subject(category: str, horizon: int) -> str:
    """Return the subject under which a category's label at a horizon is kept."""
    return f"pooled:{category}:{horizon}"


def plan_run(tx: sqlite3.Connection, planned: Planned) -> int:
    """Write down what is about to be tried and return its number."""
    row = tx.execute(
        "INSERT INTO correlation_runs (kind, at, since, until, settings_hash, data_hash, code,"
        " family) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            planned.kind,
            epoch(planned.at),
            epoch(planned.since),
            epoch(planned.until),
            planned.settings_hash,
            planned.data_hash,
            planned.code,
            as_json(planned.family),
        ),
    ).fetchone()
    return int(row[0])


def finish_run(
    tx: sqlite3.Connection,
    run: int,
    *,
    at: datetime,
    markets: Iterable[MarketRow],
    pooled: Iterable[PooledRow],
    summary: Mapping[str, Any],
) -> bool:
    """Keep what the run found; returns False, changing nothing, where it was finished before."""
    done = tx.execute(
        "UPDATE correlation_runs SET state = 'DONE', finished_at = ?, summary = ?"
        " WHERE id = ? AND state = 'PLANNED'",
        (epoch(at), as_json(summary), run),
    ).rowcount
    if not done:
        return False
    tx.executemany(
        "INSERT INTO correlations (run, market, word, tier, lag, q, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(run, m.market, m.word, int(m.tier), m.lag, m.q, as_json(m.body)) for m in markets],
    )
    tx.executemany(
        "INSERT INTO pooled_correlations (run, category, horizon, leads, q, body)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(run, p.category, p.horizon, int(p.leads), p.q, as_json(p.body)) for p in pooled],
    )
    return True


def last_run(
    connection: sqlite3.Connection, *, as_of: datetime, kind: str | None = None
) -> Run | None:
    """Return the newest run finished by *as_of* (of *kind*, else of any)."""
    row = connection.execute(
        "SELECT id, kind, at, since, until, settings_hash, data_hash, code, family, finished_at,"
        " summary FROM correlation_runs WHERE state = 'DONE' AND finished_at <= ?1"
        " AND (?2 IS NULL OR kind = ?2) ORDER BY finished_at DESC, id DESC LIMIT 1",
        (epoch(as_of), kind),
    ).fetchone()
    if row is None:
        return None
    number, word, at, since, until, settings, data, code, family, finished, summary = row
    planned = Planned(
        word, from_epoch(at), from_epoch(since), from_epoch(until), settings, data, code,
        json.loads(family),
    )  # fmt: skip
    return Run(number, planned, moment(finished), json.loads(summary))


def looks(connection: sqlite3.Connection, *, as_of: datetime) -> dict[str, int]:
    """Return how many runs of each kind were begun by *as_of*, also those never finished."""
    rows = connection.execute(
        "SELECT kind, count(*) FROM correlation_runs WHERE at <= ? GROUP BY kind", (epoch(as_of),)
    )
    return {str(kind): int(count) for kind, count in rows}


def markets_of(connection: sqlite3.Connection, run: int) -> list[MarketRow]:
    """Return what the run found of each market, by id."""
    rows = connection.execute(
        "SELECT market, word, tier, lag, q, body FROM correlations WHERE run = ? ORDER BY market",
        (run,),
    )
    return [MarketRow(m, w, Tier(t), lag, q, json.loads(body)) for m, w, t, lag, q, body in rows]


def pooled_of(connection: sqlite3.Connection, run: int) -> list[PooledRow]:
    """Return what the run found of each category and horizon."""
    rows = connection.execute(
        "SELECT category, horizon, leads, q, body FROM pooled_correlations WHERE run = ?"
        " ORDER BY category, horizon",
        (run,),
    )
    return [PooledRow(c, h, bool(leads), q, json.loads(body)) for c, h, leads, q, body in rows]


def record_labels(tx: sqlite3.Connection, labels: Iterable[LabelRow]) -> None:
    """Keep what each subject is called from now on; of one instant the later word stands."""
    tx.executemany(
        "INSERT OR REPLACE INTO correlation_labels (subject, at, run, leads, tier, lag, b, pending)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.subject,
                epoch(one.at),
                one.run,
                int(one.leads),
                int(one.tier),
                one.lag,
                one.b,
                as_json(one.pending),
            )
            for one in labels
        ],
    )


def labels(connection: sqlite3.Connection, *, as_of: datetime) -> dict[str, LabelRow]:
    """Return what every subject was called at *as_of*, by subject."""
    rows = connection.execute(
        "SELECT subject, max(at), run, leads, tier, lag, b, pending FROM correlation_labels"
        " WHERE at <= ? GROUP BY subject ORDER BY subject",
        (epoch(as_of),),
    )
    return {
        subject: LabelRow(
            subject, from_epoch(at), run, bool(leads), Tier(tier), lag, b, json.loads(pending)
        )
        for subject, at, run, leads, tier, lag, b, pending in rows
    }


def pooled_labels(
    connection: sqlite3.Connection, *, as_of: datetime
) -> dict[tuple[str, int], LabelRow]:
    """Return what each category was called at *as_of*, by category and hours.

    A label counts from when its run was finished: before that nobody could read it.
    """
    rows = connection.execute(
        "SELECT l.subject, max(l.at), l.run, l.leads, l.tier, l.lag, l.b, l.pending"
        " FROM correlation_labels l CROSS JOIN correlation_runs r ON r.id = l.run"
        " WHERE l.subject >= 'pooled:' AND l.subject < 'pooled;' AND l.at <= ?1"
        " AND r.finished_at <= ?1 GROUP BY l.subject ORDER BY l.subject",
        (epoch(as_of),),
    )
    found = {}
    for subject, at, run, leads, tier, lag, b, pending in rows:
        category, hours = subject.removeprefix("pooled:").rsplit(":", 1)
        found[category, int(hours)] = LabelRow(
            subject, from_epoch(at), run, bool(leads), Tier(tier), lag, b, json.loads(pending)
        )
    return found
