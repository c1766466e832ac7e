"""Pauses of entries: they end by themselves or are lifted, as a kill switch never does."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import from_epoch
from trading_cli.store.rows import epoch, epoch_or_none, moment

KINDS = ("owner", "day", "week", "month", "stale")


@dataclass(frozen=True, slots=True)
class Pause:
    """Why no entry is made, since when and until when; ``until`` ``None``: until it is lifted."""

    kind: str
    since: datetime
    until: datetime | None
    reason: str
    actor: str
    lifted_at: datetime | None = None


def pause(
    tx: sqlite3.Connection,
    kind: str,
    *,
    since: datetime,
    until: datetime | None,
    reason: str,
    actor: str,
) -> bool:
    """Begin a pause; False where one of the kind holds already and lasts as long.

    One that ends sooner is lifted for it. *kind* is owner, day, week, month or stale.
    """
    now, end = epoch(since), epoch_or_none(until)
    row = tx.execute(
        "SELECT seq, since, until FROM pauses WHERE kind = ? AND lifted_at IS NULL", (kind,)
    ).fetchone()
    if row is not None:
        seq, began, ends = row
        if ends is None or (ends > now and end is not None and end <= ends):
            return False
        tx.execute(
            "UPDATE pauses SET lifted_at = ? WHERE seq = ?", (max(began, min(ends, now)), seq)
        )
    tx.execute(
        "INSERT INTO pauses (kind, since, until, reason, actor) VALUES (?, ?, ?, ?, ?)",
        (kind, now, end, reason, actor),
    )
    return True


def lift(tx: sqlite3.Connection, kind: str, at: datetime) -> bool:
    """End the pause of this kind; False where none holds at *at*."""
    return bool(
        tx.execute(
            "UPDATE pauses SET lifted_at = max(since, ?1) WHERE kind = ?2 AND lifted_at IS NULL"
            " AND (until IS NULL OR until > ?1)",
            (epoch(at), kind),
        ).rowcount
    )


def active(look: sqlite3.Connection, now: datetime) -> list[Pause]:
    """Return the pauses that hold at *now*, oldest first; one whose end has come does not."""
    return [
        Pause(kind, from_epoch(since), moment(until), reason, actor, moment(lifted))
        for kind, since, until, reason, actor, lifted in look.execute(
            "SELECT kind, since, until, reason, actor, lifted_at FROM pauses WHERE since <= ?1"
            " AND (until IS NULL OR until > ?1) AND (lifted_at IS NULL OR lifted_at > ?1)"
            " ORDER BY since, seq",
            (epoch(now),),
        )
    ]


def stood(look: sqlite3.Connection, kind: str, since: datetime, until: datetime) -> bool:
    """Return whether a pause of *kind* held at any time in [since, until)."""
    row = look.execute(
        "SELECT EXISTS (SELECT 1 FROM pauses WHERE kind = ? AND since < ?"
        " AND (until IS NULL OR until > ?) AND (lifted_at IS NULL OR lifted_at > ?))",
        (kind, epoch(until), epoch(since), epoch(since)),
    ).fetchone()
    return bool(row[0])


def begun_before(look: sqlite3.Connection, kind: str, at: datetime) -> datetime | None:
    """Return when the last pause of *kind* before *at* began; ``None``: none did."""
    row = look.execute(
        "SELECT max(since) FROM pauses WHERE kind = ? AND since < ?", (kind, epoch(at))
    ).fetchone()
    return moment(row[0])


def last_begun(look: sqlite3.Connection, kind: str) -> datetime | None:
    """Return when the last pause of *kind* began, also one that has ended; ``None``: none did."""
    row = look.execute("SELECT max(since) FROM pauses WHERE kind = ?", (kind,)).fetchone()
    return moment(row[0])
