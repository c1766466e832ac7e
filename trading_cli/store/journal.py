"""What happened, in the order it happened, each row sealed with the one before it.

hash = blake2b-256(previous hash, canonical JSON of [seq, at, kind, subject, actor, body]), where
``body`` is its text as stored and the first row's previous is 32 zero bytes. The newest seq and
hash stand beside the rows too, so a missing end is seen as well as a missing middle. The seal
shows damage and careless hands; who may write the whole file can seal it anew.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from trading_cli.domain import from_epoch
from trading_cli.store.rows import as_json, epoch, epoch_or_none, narrowed

GENESIS = bytes(32)
_ROWS = "SELECT seq, at, kind, subject, actor, body FROM journal"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that happened: what kind, to what, by whom, and the facts."""

    seq: int
    at: datetime
    kind: str
    subject: str
    actor: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row at which the record is not what was written, and what is wrong there."""

    seq: int
    what: str


def append(
    tx: sqlite3.Connection,
    kind: str,
    subject: str,
    body: Mapping[str, object],
    *,
    at: datetime,
    actor: str = "system",
) -> int:
    """Add a row to the chain and return its number. The transaction must be a writing one."""
    last, previous = head(tx)
    seq, text, seconds = last + 1, as_json(body), epoch(at)
    mark = _seal(previous, seq, seconds, kind, subject, actor, text)
    tx.execute(
        "INSERT INTO journal (seq, at, kind, subject, actor, body, previous, hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (seq, seconds, kind, subject, actor, text, previous, mark),
    )
    tx.execute(
        "INSERT INTO journal_head (one, seq, hash) VALUES (1, ?, ?)"
        " ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
        (seq, mark),
    )
    return seq


def _seal(
    previous: bytes, seq: int, at: int, kind: str, subject: str, actor: str, body: str
) -> bytes:
    text = json.dumps([seq, at, kind, subject, actor, body], separators=(",", ":"))
    return blake2b(previous + text.encode(), digest_size=32).digest()


def head(look: sqlite3.Connection) -> tuple[int, bytes]:
    """Return the newest row's number and hash; 0 and 32 zero bytes of an empty journal."""
    row = look.execute("SELECT seq, hash FROM journal_head").fetchone()
    return (0, GENESIS) if row is None else (int(row[0]), bytes(row[1]))


def rows(
    look: sqlite3.Connection,
    *,
    since_seq: int = 0,
    kind: str | None = None,
    subject: str | None = None,
    limit: int = 1000,
) -> list[Row]:
    """Return the rows after *since_seq* that match all that is asked, in their order."""
    where, values = narrowed({"seq > ?": since_seq, "kind = ?": kind, "subject = ?": subject})
    question = f"{_ROWS} WHERE {where} ORDER BY seq LIMIT ?"
    return [_row(*row) for row in look.execute(question, (*values, limit))]


def newest(
    look: sqlite3.Connection,
    *,
    kind: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Row]:
    """Return the last rows written at or after *since* that match all asked, newest first.

    *before*: of those with smaller numbers alone.
    """
    where, values = narrowed(
        {
            "at >= ?": epoch_or_none(since),
            "kind = ?": kind,
            "subject = ?": subject,
            "seq < ?": before,
        }
    )
    question = f"{_ROWS} WHERE {where} ORDER BY seq DESC LIMIT ?"
    return [_row(*row) for row in look.execute(question, (*values, limit))]


def _row(seq: int, at: int, kind: str, subject: str, actor: str, body: str) -> Row:
    return Row(seq, from_epoch(at), kind, subject, actor, json.loads(body))


def verify(look: sqlite3.Connection, *, after: tuple[int, bytes] = (0, GENESIS)) -> Broken | None:
    """Walk the whole chain; return the first row that is not as written, ``None`` if all are.

    Found are a changed, missing, added or moved row, and a missing end. With *after*, a row's
    number and hash as a former ``head``, only what came later is walked.
    """
    expected, previous = after[0] + 1, after[1]
    first = after[0] + 1 if after[0] else -(2**63)  # a row before the first one is no row of ours
    for seq, at, kind, subject, actor, body, before, mark in look.execute(
        "SELECT seq, at, kind, subject, actor, body, previous, hash FROM journal"
        " WHERE seq >= ? ORDER BY seq",
        (first,),
    ):
        if seq != expected:
            return Broken(min(seq, expected), f"row {expected} is expected and row {seq} is there")
        if bytes(before) != previous:
            return Broken(seq, "it does not follow the row before it")
        previous = _seal(previous, seq, at, kind, subject, actor, body)
        if bytes(mark) != previous:
            return Broken(seq, "its words are not those that were sealed")
        expected += 1
    last, newest_hash = head(look)
    if last >= expected:
        return Broken(expected, f"rows {expected} to {last} are missing at the end")
    if last < expected - 1:
        return Broken(last + 1, "it was added without the seal of the whole")
    return None if newest_hash == previous else Broken(last, "the seal of the whole is another")
