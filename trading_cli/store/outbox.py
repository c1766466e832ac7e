"""What is to be told: written in the transaction of its cause, told once."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import Notice, Severity, from_epoch
from trading_cli.store.rows import as_json, epoch, epoch_or_none, moment

_COLUMNS = (
    "id, key, kind, severity, critical, text, facts, created_at, expires_at, state, acked_at,"
    " acked_by"
)
_ROWS = f"SELECT {_COLUMNS} FROM outbox WHERE ?1 IS NULL OR state = ?1 ORDER BY id DESC LIMIT ?2"  # noqa: S608  # our own column names
_DUE = (
    f"SELECT {_COLUMNS} FROM outbox WHERE state = 'PENDING'"  # noqa: S608  # same
    " AND (expires_at IS NULL OR expires_at > ?) ORDER BY critical DESC, id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Queued:
    """A notice and where it stands. ``state``: PENDING, SENT, EXPIRED, DIGEST, DIGESTED, DEAD."""

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
    return [_queued(*row) for row in look.execute(_DUE, (epoch(now), limit))]


def rows(look: sqlite3.Connection, *, state: str | None = None, limit: int = 100) -> list[Queued]:
    """Return the newest notices, in *state* where it is given, newest first."""
    return [_queued(*row) for row in look.execute(_ROWS, (state, limit))]


def _queued(  # noqa: PLR0913, PLR0917  # one argument for each column
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
