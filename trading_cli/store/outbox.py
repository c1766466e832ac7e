"""What is to be told: written in the transaction of its cause, told once."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import Notice, Severity, from_epoch
from trading_cli.store.rows import as_json, epoch, epoch_or_none, moment

COLUMNS = (
    "id, key, kind, severity, critical, text, facts, created_at, expires_at, state, acked_at,"
    " acked_by"
)
_ROWS = f"SELECT {COLUMNS} FROM outbox WHERE ?1 IS NULL OR state = ?1 ORDER BY id DESC LIMIT ?2"  # noqa: S608  # our own column names
_DUE = (
    f"SELECT {COLUMNS} FROM outbox WHERE state = 'PENDING'"  # noqa: S608  # same
    " AND (expires_at IS NULL OR expires_at > ?) ORDER BY critical DESC, id LIMIT ?"
)

_DIGEST = f"SELECT {COLUMNS} FROM outbox WHERE state = 'DIGEST' ORDER BY id"  # noqa: S608  # same
_NAMED = f"SELECT {COLUMNS} FROM outbox WHERE key = ? OR id = ? ORDER BY id LIMIT 1"  # noqa: S608  # same


@dataclass(frozen=True, slots=True)
class Queued:
    """A notice and where it stands.

    ``state``: PENDING; SENT; EXPIRED before it could be; kept for the DIGEST, and DIGESTED; DEAD:
    no channel takes it; MUTED: its kind is not told.
    """

    id: int
    notice: Notice
    state: str
    acked_at: datetime | None = None
    acked_by: str | None = None


def put(tx: sqlite3.Connection, notice: Notice) -> bool:
    """Queue a notice; False where one of the same key was queued before, whatever it said."""
    return bool(
        tx.execute(
            "INSERT INTO outbox (key, kind, severity, critical, text, facts, created_at,"
            " expires_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'PENDING')"
            " ON CONFLICT (key) DO NOTHING",
            (
                notice.key,
                notice.kind,
                notice.severity.value,
                int(notice.critical),
                notice.text,
                as_json(notice.facts),
                epoch(notice.created_at),
                epoch_or_none(notice.expires_at),
            ),
        ).rowcount
    )


def due(look: sqlite3.Connection, now: datetime, *, limit: int = 100) -> list[Queued]:
    """Return what is still to be told and worth telling at *now*, critical first, then oldest."""
    return [queued(*row) for row in look.execute(_DUE, (epoch(now), limit))]


def rows(look: sqlite3.Connection, *, state: str | None = None, limit: int = 100) -> list[Queued]:
    """Return the newest notices, in *state* where it is given, newest first."""
    return [queued(*row) for row in look.execute(_ROWS, (state, limit))]


def settle(tx: sqlite3.Connection, notices: Iterable[int], state: str) -> None:
    """Put these notices into *state*."""
    tx.executemany("UPDATE outbox SET state = ? WHERE id = ?", [(state, one) for one in notices])


def in_digest(look: sqlite3.Connection) -> list[Queued]:
    """Return what waits for the digest, oldest first."""
    return [queued(*row) for row in look.execute(_DIGEST)]


def waiting(look: sqlite3.Connection) -> tuple[int, datetime | None]:
    """Return how many notices are still to be told, and since when the oldest is."""
    count, oldest = look.execute(
        "SELECT count(*), min(created_at) FROM outbox WHERE state = 'PENDING'"
    ).fetchone()
    return int(count), moment(oldest)


def anything(look: sqlite3.Connection) -> bool:
    """Return whether anything is still to be told, now or in a digest."""
    found = "SELECT EXISTS (SELECT 1 FROM outbox WHERE state IN ('PENDING', 'DIGEST'))"
    return bool(look.execute(found).fetchone()[0])


def pending_of(look: sqlite3.Connection, kind: str) -> int:
    """Return how many notices of *kind* are still to be told."""
    row = look.execute(
        "SELECT count(*) FROM outbox WHERE state = 'PENDING' AND kind = ?", (kind,)
    ).fetchone()
    return int(row[0])


def named(look: sqlite3.Connection, name: str) -> Queued | None:
    """Return the notice of that key or number, ``None`` where there is none."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 18 else -1  # noqa: PLR2004  # 64 bits
    row = look.execute(_NAMED, (name, number)).fetchone()
    return None if row is None else queued(*row)


def revive(tx: sqlite3.Connection, notice: int | None = None) -> int:
    """Let what no channel took be tried again, one or all. Return how many."""
    tx.execute(
        "DELETE FROM deliveries WHERE outbox IN"
        " (SELECT id FROM outbox WHERE state = 'DEAD' AND (?1 IS NULL OR id = ?1))",
        (notice,),
    )
    return tx.execute(
        "UPDATE outbox SET state = 'PENDING' WHERE state = 'DEAD' AND (?1 IS NULL OR id = ?1)",
        (notice,),
    ).rowcount


def ack(tx: sqlite3.Connection, notice: int | None, *, at: datetime, by: str) -> int:
    """Keep that somebody has seen a notice, or all that were told. Return how many were new."""
    return tx.execute(
        "UPDATE outbox SET acked_at = ?2, acked_by = ?3 WHERE acked_at IS NULL AND"
        " (id = ?1 OR (?1 IS NULL AND state IN ('SENT', 'DIGESTED', 'EXPIRED')))",
        (notice, epoch(at), by),
    ).rowcount


def queued(  # noqa: PLR0913, PLR0917  # one argument for each column
    number: int,
    key: str,
    kind: str,
    severity: str,
    critical: int,
    text: str,
    facts: str,
    created: int,
    expires: int | None,
    state: str,
    acked: int | None,
    acked_by: str | None,
) -> Queued:
    """Return the row that has these values in ``COLUMNS``."""
    notice = Notice(
        key,
        kind,
        Severity(severity),
        text,
        from_epoch(created),
        moment(expires),
        bool(critical),
        json.loads(facts),
    )
    return Queued(number, notice, state, moment(acked), acked_by)
