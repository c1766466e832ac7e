"""The kill switch's rows: a chain of seals, so that a damaged or missing one is noticed.

``standing`` never guesses: a row that does not match its seal, a gap in the chain, a newest row
that is not the one ``meta`` remembers, or none at all, is ``None`` with a reason, and whoever asks
treats that as TRIGGERED. A reset of rows that cannot be believed begins the chain anew: the row it
writes is sealed like a first one, and ``meta`` remembers it as the base.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from trading_cli.domain import from_epoch
from trading_cli.store.backfill import meta, set_meta
from trading_cli.store.rows import epoch

HEAD = "kill.head"
BASE = "kill.base"
_GENESIS = bytes(16)
_TAIL = 8
_NONSENSE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, OSError)
_ROWS = "SELECT seq, state, level, at, actor, reason, seal FROM kill_state ORDER BY seq DESC"


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


def record(  # a row, and whether to trust those before it
    tx: sqlite3.Connection,
    state: str,
    level: int,
    *,
    at: datetime,
    actor: str,
    reason: str,
    anew: bool = False,
) -> int:
    """Append a state and seal it; *anew* begins the chain here. Return its number."""
    previous = tx.execute("SELECT seal FROM kill_state ORDER BY seq DESC LIMIT 1").fetchone()
    seq = int(
        tx.execute(
            "INSERT INTO kill_state (state, level, at, actor, reason) VALUES (?, ?, ?, ?, ?)",
            (state, level, epoch(at), actor, reason),
        ).lastrowid
        or 0
    )
    sealed = previous is not None and isinstance(previous[0], bytes) and not anew
    before = previous[0] if sealed else _GENESIS
    seal = _seal(before, seq, state, level, epoch(at), actor, reason)
    tx.execute("UPDATE kill_state SET seal = ? WHERE seq = ?", (seal, seq))
    set_meta(tx, HEAD, f"{seq}:{seal.hex()}")
    if anew:
        set_meta(tx, BASE, str(seq))
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
    return _standing(look, _TAIL)


def verify(look: sqlite3.Connection) -> str:
    """Return what is wrong with the whole chain, "" when nothing."""
    return _standing(look, -1).doubt


def newest(look: sqlite3.Connection) -> tuple[Row, str] | None:
    """Return the newest row with its seal in hex, believed or not; ``None`` where there is none.

    Raises ValueError where it makes no sense at all.
    """
    row = look.execute(f"{_ROWS} LIMIT 1").fetchone()
    if row is None:
        return None
    seq, state, level, at, actor, reason, seal = row
    if not isinstance(at, int) or not isinstance(seal, bytes):
        raise ValueError(f"row {seq} of the kill switch makes no sense")  # noqa: TRY004  # damage
    return Row(seq, state, level, from_epoch(at), actor, reason), seal.hex()


def _standing(look: sqlite3.Connection, limit: int) -> Standing:
    try:
        return _believed(look, limit)
    except (sqlite3.Error, *_NONSENSE) as error:
        return Standing(None, f"the rows of the kill switch cannot be read: {error}")


def _believed(look: sqlite3.Connection, limit: int) -> Standing:
    """Return the newest of the last *limit* rows (-1: all) if each follows from the one before."""
    base = int(meta(look, BASE) or 1)
    rows = look.execute(f"{_ROWS} LIMIT ?", (limit + 1 if limit >= 0 else -1,)).fetchall()[::-1]
    rows = [row for row in rows if row[0] >= base]
    if not rows:
        return Standing(None, "the kill switch was never written, or its rows are gone")
    before, expected = _GENESIS, base
    if rows[0][0] > base and 0 <= limit < len(rows):
        expected, *_, before = rows.pop(0)
        expected += 1
    for seq, *words, seal in rows:
        sound = isinstance(before, bytes) and seq == expected and seal == _seal(before, seq, *words)
        if not sound:
            return Standing(None, f"row {seq} of the kill switch does not match its seal")
        before, expected = seal, seq + 1
    seq, state, level, at, actor, reason, seal = rows[-1]
    if meta(look, HEAD) != f"{seq}:{seal.hex()}":
        return Standing(None, "the newest row of the kill switch is not the last one written")
    return Standing(Row(seq, state, level, from_epoch(at), actor, reason))


def _seal(before: bytes, *words: object) -> bytes:
    """Return the seal of a row: *words* are its number, state, level, time, actor and reason."""
    text = "\x1f".join(str(word) for word in words)
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
