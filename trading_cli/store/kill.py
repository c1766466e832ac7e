"""The kill switch's rows: a chain of seals, so that a damaged or missing one is noticed.

``standing`` never guesses: a row that does not match its seal, a gap in the chain, a newest row
that is not the one ``meta`` remembers, or none at all, is ``None`` with a reason, and whoever asks
treats that as TRIGGERED.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from trading_cli.domain import from_epoch
from trading_cli.store.backfill import meta, set_meta
from trading_cli.store.rows import epoch

HEAD = "kill.head"
_GENESIS = bytes(16)
_TAIL = 8


class Row(NamedTuple):
    """One state the switch was put into."""

    seq: int
    state: str
    level: int
    at: datetime
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest row, or why it cannot be believed."""

    row: Row | None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class ProofRow:
    """What a verification of one trigger found."""

    trigger: int
    state: str
    at: datetime
    open_orders: int
    opening_orders: int
    unknown_orders: int
    positions: int
    worst_case: int
    seconds: float
    detail: str


def record(
    tx: sqlite3.Connection, state: str, level: int, *, at: datetime, actor: str, reason: str
) -> int:
    """Append a state and seal it. Return its number."""
    previous = tx.execute("SELECT seal FROM kill_state ORDER BY seq DESC LIMIT 1").fetchone()
    seq = int(
        tx.execute(
            "INSERT INTO kill_state (state, level, at, actor, reason) VALUES (?, ?, ?, ?, ?)",
            (state, level, epoch(at), actor, reason),
        ).lastrowid
        or 0
    )
    before = bytes(previous[0]) if previous is not None and previous[0] else _GENESIS
    seal = _seal(before, seq, state, level, epoch(at), actor, reason)
    tx.execute("UPDATE kill_state SET seal = ? WHERE seq = ?", (seal, seq))
    set_meta(tx, HEAD, f"{seq}:{seal.hex()}")
    return seq


def seal_all(tx: sqlite3.Connection) -> None:
    """Seal every row there is: for the migration that brought the seals."""
    seal = _GENESIS
    rows = tx.execute(
        "SELECT seq, state, level, at, actor, reason FROM kill_state ORDER BY seq"
    ).fetchall()
    for seq, state, level, at, actor, reason in rows:
        seal = _seal(seal, seq, state, level, at, actor, reason)
        tx.execute("UPDATE kill_state SET seal = ? WHERE seq = ?", (seal, seq))
    if rows:
        set_meta(tx, HEAD, f"{rows[-1][0]}:{seal.hex()}")


def standing(look: sqlite3.Connection) -> Standing:
    """Return the newest state, or why the rows cannot be believed. Quick: asked before each send.

    The newest rows are checked against their seals; ``verify`` checks them all.
    """
    newest: tuple[Row, bytes] | None = None
    for found, doubt in _checked(look, _TAIL):
        if doubt:
            return Standing(None, doubt)
        newest = found
    if newest is None:
        return Standing(None, "the kill switch was never written")
    row, seal = newest
    if meta(look, HEAD) != f"{row.seq}:{seal.hex()}":
        return Standing(None, "the newest row of the kill switch is not the last one written")
    return Standing(row)


def verify(look: sqlite3.Connection) -> str:
    """Return what is wrong with the whole chain, "" when nothing."""
    for _, doubt in _checked(look, -1):
        if doubt:
            return doubt
    return standing(look).doubt


def _checked(look: sqlite3.Connection, limit: int) -> Iterator[tuple[tuple[Row, bytes], str]]:
    """Yield each of the last *limit* rows (-1: all), oldest first, with what is wrong with it."""
    rows = look.execute(
        "SELECT seq, state, level, at, actor, reason, seal FROM kill_state"
        " ORDER BY seq DESC LIMIT ?",
        (limit + 1 if limit >= 0 else -1,),
    ).fetchall()[::-1]
    before, whole = _GENESIS, limit < 0 or len(rows) <= limit
    expected = 1
    if not whole:
        first = rows.pop(0)
        before, expected = bytes(first[6] or b""), first[0] + 1
    for seq, state, level, at, actor, reason, seal in rows:
        sound = seq == expected and seal == _seal(before, seq, state, level, at, actor, reason)
        doubt = "" if sound else f"row {seq} of the kill switch does not match its seal"
        yield (Row(seq, state, level, from_epoch(at), actor, reason), bytes(seal or b"")), doubt
        before, expected = bytes(seal or b""), seq + 1


def _seal(  # what a row says, and what went before
    before: bytes, seq: int, state: str, level: int, at: int, actor: str, reason: str
) -> bytes:
    text = "\x1f".join(str(part) for part in (seq, state, level, at, actor, reason))
    return blake2b(before + text.encode(), digest_size=16, person=b"kill switch").digest()


def history(look: sqlite3.Connection, limit: int = 50) -> list[Row]:
    """Return the newest states, newest first."""
    rows = look.execute(
        "SELECT seq, state, level, at, actor, reason FROM kill_state ORDER BY seq DESC LIMIT ?",
        (limit,),
    )
    return [Row(seq, state, lv, from_epoch(at), who, why) for seq, state, lv, at, who, why in rows]


def record_proof(tx: sqlite3.Connection, proof: ProofRow) -> None:
    """Keep what a verification found."""
    tx.execute(
        "INSERT INTO kill_proofs (trigger, state, at, open_orders, opening_orders, unknown_orders,"
        " positions, worst_case, seconds, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            proof.trigger, proof.state, epoch(proof.at), proof.open_orders, proof.opening_orders,
            proof.unknown_orders, proof.positions, proof.worst_case, proof.seconds, proof.detail,
        ),
    )  # fmt: skip


def last_proof(look: sqlite3.Connection, trigger: int) -> ProofRow | None:
    """Return the newest proof of *trigger*, ``None`` where nobody has looked."""
    row = look.execute(
        "SELECT trigger, state, at, open_orders, opening_orders, unknown_orders, positions,"
        " worst_case, seconds, detail FROM kill_proofs WHERE trigger = ? ORDER BY seq DESC LIMIT 1",
        (trigger,),
    ).fetchone()
    return None if row is None else ProofRow(row[0], row[1], from_epoch(row[2]), *row[3:])
