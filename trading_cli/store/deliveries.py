"""How each notice fared on each channel, and how the channels do.

A delivery is TRYING from before it is sent until its outcome is kept: one found so later was cut
off, and may or may not have arrived. WAITING: it did not. SENT, FAILED: it is over.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import from_epoch
from trading_cli.store.outbox import COLUMNS, Queued, queued
from trading_cli.store.rows import epoch, moment

_PENDING = (
    f"SELECT {COLUMNS}, (SELECT count(*) FROM deliveries d WHERE d.outbox = o.id"  # noqa: S608  # our own column names
    " AND d.state = 'TRYING'), (SELECT group_concat(channel) FROM deliveries d"
    " WHERE d.outbox = o.id AND d.state = 'FAILED')"
    " FROM outbox o WHERE state = 'PENDING' ORDER BY critical DESC, id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Pending:
    """A notice still to be told. ``unsure``: a send was cut off; ``refused``: by these channels."""

    queued: Queued
    unsure: bool
    refused: frozenset[str]


@dataclass(frozen=True, slots=True)
class Health:
    """How a channel does: failures in a row since when, and until when it is left alone."""

    failures: int = 0
    since: datetime | None = None
    blocked_until: datetime | None = None
    error: str = ""
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that was taken, whatever the notices in it."""

    at: datetime
    parts: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one notice fares on one channel."""

    channel: str
    state: str
    tries: int
    tried_at: datetime
    sent_at: datetime | None
    reference: str
    error: str


def pending(look: sqlite3.Connection, *, limit: int = 5000) -> list[Pending]:
    """Return what is still to be told, critical first, then oldest."""
    return [
        Pending(queued(*row), bool(trying), frozenset((refused or "").split(",")) - {""})
        for *row, trying, refused in look.execute(_PENDING, (limit,))
    ]


def cut_off(look: sqlite3.Connection) -> frozenset[int]:
    """Return the notices kept for the digest of which a send was cut off."""
    rows = look.execute(
        "SELECT d.outbox FROM deliveries d JOIN outbox o ON o.id = d.outbox"
        " WHERE d.state = 'TRYING' AND o.state = 'DIGEST'"
    )
    return frozenset(row[0] for row in rows)


def claim(tx: sqlite3.Connection, notices: Iterable[int], channel: str, at: datetime) -> None:
    """Keep that these notices are about to be sent through *channel*."""
    tx.executemany(
        "INSERT INTO deliveries (outbox, channel, state, tries, tried_at, reference, error)"
        " VALUES (?, ?, 'TRYING', 1, ?, '', '') ON CONFLICT (outbox, channel) DO UPDATE"
        " SET state = 'TRYING', tries = tries + 1, tried_at = excluded.tried_at",
        [(one, channel, epoch(at)) for one in notices],
    )


def took(
    tx: sqlite3.Connection,
    notices: Sequence[int],
    channel: str,
    *,
    at: datetime,
    reference: str,
    parts: int,
) -> None:
    """Keep that *channel* took these notices as one message, and that it works."""
    tx.executemany(
        "UPDATE deliveries SET state = 'SENT', sent_at = ?, reference = ?, parts = ?, error = ''"
        " WHERE outbox = ? AND channel = ?",
        [(epoch(at), reference, parts, one, channel) for one in notices],
    )
    tx.executemany(
        "UPDATE outbox SET state = CASE state WHEN 'DIGEST' THEN 'DIGESTED' ELSE 'SENT' END"
        " WHERE id = ?",
        [(one,) for one in notices],
    )
    tx.execute(
        "INSERT INTO channels (name, failures, error, sent_at) VALUES (?, 0, '', ?)"
        " ON CONFLICT (name) DO UPDATE SET failures = 0, since = NULL, blocked_until = NULL,"
        " error = '', sent_at = excluded.sent_at",
        (channel, epoch(at)),
    )


def turned_down(
    tx: sqlite3.Connection, notices: Iterable[int], channel: str, error: str, *, for_good: bool
) -> None:
    """Keep that *channel* did not take these notices; *for_good*: it never will."""
    state = "FAILED" if for_good else "WAITING"
    tx.executemany(
        "UPDATE deliveries SET state = ?, error = ? WHERE outbox = ? AND channel = ?",
        [(state, error[:500], one, channel) for one in notices],
    )


def failing(
    tx: sqlite3.Connection,
    channel: str,
    *,
    failures: int,
    at: datetime,
    until: datetime,
    error: str,
) -> None:
    """Keep that *channel* failed *failures* times in a row, and is left alone until then."""
    tx.execute(
        "INSERT INTO channels (name, failures, since, blocked_until, error) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET failures = excluded.failures,"
        " since = coalesce(since, excluded.since), blocked_until = excluded.blocked_until,"
        " error = excluded.error",
        (channel, failures, epoch(at), epoch(until), error[:500]),
    )


def health(look: sqlite3.Connection) -> dict[str, Health]:
    """Return how every channel does that was ever used."""
    return {
        name: Health(failures, moment(since), moment(blocked), error, moment(sent))
        for name, failures, since, blocked, error, sent in look.execute(
            "SELECT name, failures, since, blocked_until, error, sent_at FROM channels"
        )
    }


def unblock(tx: sqlite3.Connection) -> None:
    """Let every channel be tried again at once."""
    tx.execute("UPDATE channels SET failures = 0, since = NULL, blocked_until = NULL")


def sent(
    look: sqlite3.Connection, since: datetime, *, channel: str | None = None, capped: bool = False
) -> list[Sent]:
    """Return the messages taken since then, oldest first, through *channel* where it is given.

    *capped*: only those that count towards the day: neither critical nor a summary.
    """
    rows = look.execute(
        "SELECT DISTINCT d.channel, d.reference, d.sent_at, d.parts FROM deliveries d"
        " JOIN outbox o ON o.id = d.outbox WHERE d.state = 'SENT' AND d.sent_at >= ?1"
        " AND (?2 IS NULL OR d.channel = ?2)"
        " AND (NOT ?3 OR (o.critical = 0 AND o.kind <> 'summary' AND o.state = 'SENT'))"
        " ORDER BY d.sent_at",
        (epoch(since), channel, capped),
    )
    return [Sent(from_epoch(at), parts) for _, _, at, parts in rows]


def of_notice(look: sqlite3.Connection, notice: int) -> list[Delivery]:
    """Return how one notice fared on each channel."""
    return [
        Delivery(channel, state, tries, from_epoch(tried), moment(at), reference, error)
        for channel, state, tries, tried, at, reference, error in look.execute(
            "SELECT channel, state, tries, tried_at, sent_at, reference, error FROM deliveries"
            " WHERE outbox = ? ORDER BY channel",
            (notice,),
        )
    ]


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether something is told as bad, and for how many looks it has been otherwise."""

    raised: bool = False
    streak: int = 0


def condition(look: sqlite3.Connection, name: str) -> Condition:
    """Return how *name* stands; never seen before: not raised."""
    row = look.execute("SELECT raised, streak FROM conditions WHERE name = ?", (name,)).fetchone()
    return Condition() if row is None else Condition(bool(row[0]), row[1])


def keep_condition(tx: sqlite3.Connection, name: str, now: Condition, at: datetime) -> None:
    """Keep how *name* stands."""
    tx.execute(
        "INSERT INTO conditions (name, raised, streak, since) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (name) DO UPDATE SET streak = ?3,"
        " since = iif(raised = ?2, since, ?4), raised = ?2",
        (name, int(now.raised), now.streak, epoch(at)),
    )
