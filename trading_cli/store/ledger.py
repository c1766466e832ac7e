"""What came of the asking: how sources fare, what is missing, what is wrong, what was refused."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from trading_cli.domain import Failure, Finding, Refusal, from_epoch
from trading_cli.store.rows import Shape, Written, digest, epoch, epoch_or_none, keep, moment

RAW_BYTES = 65_536

FAILURES = Shape(
    "failures",
    "INSERT INTO failures (source, subject, reason, observed_at, detail) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING",
    "SELECT source FROM failures WHERE source = ? AND subject = ? AND reason = ?"
    " AND observed_at = ?",
    itemgetter(slice(0, 4)),
    itemgetter(slice(0, 1)),
    3,
)
REFUSALS = Shape(
    "refusals",
    "INSERT INTO refusals (source, kind, subject, reason, detail, observed_at, raw, hash)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT source FROM refusals WHERE hash = ?",
    itemgetter(slice(7, 8)),
    itemgetter(slice(0, 1)),
    5,
)
FINDINGS = Shape(
    "findings",
    "INSERT INTO findings (slot, check_name, severity, subject, message, evidence, observed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT severity, evidence FROM findings WHERE slot = ? AND check_name = ? AND subject = ?"
    " AND message = ? AND observed_at = ?",
    itemgetter(0, 1, 3, 4, 6),
    itemgetter(2, 5),
    6,
)


@dataclass(frozen=True, slots=True)
class Score:
    """How fit one market's series is, in [0, 1], and why: its dimensions by name."""

    market_id: str
    score: float
    dimensions: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Gap:
    """What was expected for a slot: of one market, or of everything where market_id is ""."""

    slot: int
    market_id: str
    received: bool
    cause: str


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source fares: since when, and when it last answered well."""

    name: str
    state: str
    since: datetime
    message: str
    last_ok: datetime | None
    checked: datetime


def record_failures(tx: sqlite3.Connection, failures: Iterable[Failure]) -> Written:
    """Keep each request that brought nothing."""
    return keep(
        tx,
        FAILURES,
        ((f.source, f.subject, f.reason, epoch(f.observed_at), f.detail[:2000]) for f in failures),
    )


def record_refusals(tx: sqlite3.Connection, refusals: Iterable[Refusal]) -> Written:
    """Keep each item we would not take, with its first 64 KiB; the same one again is the same."""
    rows = []
    for item in refusals:
        raw = item.raw.encode("utf-8", "surrogatepass")[:RAW_BYTES]
        what = (item.source, item.kind, item.subject, item.reason)
        name = digest([*what, item.detail, raw.hex()])
        rows.append((*what, item.detail[:2000], epoch(item.observed_at), raw, name))
    return keep(tx, REFUSALS, rows)


def record_gaps(tx: sqlite3.Connection, gaps: Iterable[Gap], observed_at: datetime) -> Written:
    """Say what was expected and whether it came. What came late fills its gap; never the reverse.

    A filled gap and a new one both count as new.
    """
    new = same = 0
    for gap in gaps:
        changed = tx.execute(
            "INSERT INTO gaps (slot, market, received, cause, observed_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (slot, market) DO UPDATE SET received = 1, cause = excluded.cause,"
            " observed_at = excluded.observed_at WHERE received = 0 AND excluded.received = 1",
            (gap.slot, gap.market_id, int(gap.received), gap.cause, epoch(observed_at)),
        ).rowcount
        new, same = new + changed, same + 1 - changed
    return Written(new, same)


def record_findings(
    tx: sqlite3.Connection, slot: int, findings: Iterable[Finding], observed_at: datetime
) -> Written:
    """Keep what the checks noticed about *slot*, each finding of a look once."""
    at = epoch(observed_at)
    return keep(
        tx,
        FINDINGS,
        (
            (
                slot,
                f.check,
                f.severity.value,
                f.subject,
                f.message,
                json.dumps(dict(f.evidence), sort_keys=True, default=str),
                at,
            )
            for f in findings
        ),
    )


def record_scores(
    tx: sqlite3.Connection, slot: int, scores: Iterable[Score], observed_at: datetime
) -> Written:
    """Say how fit each market is in *slot*; judged again with more data, the newer word stands."""
    new = same = 0
    for score in scores:
        changed = tx.execute(
            "INSERT INTO scores (market, slot, score, dimensions, observed_at)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (slot, market) DO UPDATE SET"
            " score = excluded.score, dimensions = excluded.dimensions,"
            " observed_at = excluded.observed_at"
            " WHERE (score, dimensions) <> (excluded.score, excluded.dimensions)",
            (
                score.market_id,
                slot,
                score.score,
                json.dumps(dict(score.dimensions), sort_keys=True),
                epoch(observed_at),
            ),
        ).rowcount
        new, same = new + changed, same + 1 - changed
    return Written(new, same)


def record_funnel(
    tx: sqlite3.Connection, slot: int, counts: Mapping[str, int], *, first: int = 0
) -> Written:
    """Say how many markets passed each stage in *slot*, in the mapping's order from *first* on."""
    new = same = 0
    for position, (stage, count) in enumerate(counts.items(), start=first):
        changed = tx.execute(
            "INSERT INTO funnel (slot, stage, position, count) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (slot, stage) DO UPDATE SET count = excluded.count,"
            " position = excluded.position WHERE (count, position)"
            " <> (excluded.count, excluded.position)",
            (slot, stage, position, count),
        ).rowcount
        new, same = new + changed, same + 1 - changed
    return Written(new, same)


def set_source_state(
    tx: sqlite3.Connection, name: str, state: str, message: str, now: datetime
) -> None:
    """Say how a source fares; ``since`` moves only when the state does."""
    tx.execute(
        "INSERT INTO source_states (name, state, since, message, last_ok, checked)"
        " VALUES (?1, ?2, ?3, ?4, CASE WHEN ?2 = 'ok' THEN ?3 END, ?3)"
        " ON CONFLICT (name) DO UPDATE SET since = CASE WHEN state = ?2 THEN since ELSE ?3 END,"
        " state = ?2, message = ?4, checked = ?3,"
        " last_ok = CASE WHEN ?2 = 'ok' THEN ?3 ELSE last_ok END",
        (name, state, epoch(now), message),
    )


def source_states(connection: sqlite3.Connection) -> list[SourceState]:
    """Return how every source fares, by name."""
    return [
        SourceState(name, state, from_epoch(since), message, moment(ok), from_epoch(checked))
        for name, state, since, message, ok, checked in connection.execute(
            "SELECT name, state, since, message, last_ok, checked FROM source_states ORDER BY name"
        )
    ]


def slots_told(connection: sqlite3.Connection, *, since: datetime, until: datetime) -> set[int]:
    """Return the slots that begin in [since, until) of which it is known what came, or did not."""
    rows = connection.execute(
        "SELECT DISTINCT slot FROM gaps WHERE slot >= ? AND slot < ?", (epoch(since), epoch(until))
    )
    return {row[0] for row in rows}


def gaps(
    connection: sqlite3.Connection,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime | None = None,
) -> list[Gap]:
    """Return what was expected of the slots that begin in [since, until), in order.

    What had come by *as_of*; ``None``: by now.
    """
    rows = connection.execute(
        "SELECT slot, market, received, cause FROM gaps WHERE slot >= ?1 AND slot < ?2"
        " AND observed_at <= coalesce(?3, observed_at)"
        " UNION ALL SELECT slot, market, received, cause FROM gaps_before"
        " WHERE slot >= ?1 AND slot < ?2 AND observed_at <= ?3 AND until > ?3"
        " ORDER BY slot, market",
        (epoch(since), epoch(until), epoch_or_none(as_of)),
    )
    return [Gap(slot, market, bool(received), cause) for slot, market, received, cause in rows]
