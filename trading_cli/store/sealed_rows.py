"""The content of every row, hashed, summed and chained: a bit that flipped is noticed.

A page of the file may change in a way that sqlite's own check cannot see. So each row's hash is
added to the sum of its table and time (a slot of `observed_at` for what is only added to, a day
for what changes); the sums grow with what triggers say was written since; and what each run came to
is chained to the run before. ``verify`` adds everything up again. A row written late, by whatever
command, belongs to the seal that comes next.

The seal shows damage and careless hands, not an attacker: who writes the whole file can seal anew.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any

from trading_cli.domain import SLOT_SECONDS
from trading_cli.store.rows import epoch
from trading_cli.store.schema_seals import EVIDENCE, UNWATCHED

DAY = 86_400
GENESIS = bytes(16)
_RING = 1 << 128
_KEYS = 5
_TIMES = (
    "observed_at", "computed_at", "decided_at", "placed_at", "created_at", "started", "slot",
    "day", "at", "since",
)  # fmt: skip
_LITERAL = re.compile(r"NULL|X'([0-9A-F]*)'|'((?:[^']|'')*)'|([-+0-9.eE]+|[-+]?Inf)", re.DOTALL)
_encode = json.JSONEncoder(separators=(",", ":"), default=bytes.hex).encode

Sums = dict[int, list[int]]  # bucket -> [rows, sum of hashes]


@dataclass(frozen=True, slots=True)
class Watched:
    """One table as it is watched: its columns, its key, and where the time of a row stands."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    time: int | None
    width: int

    @property
    def listed(self) -> str:
        """Return the columns as SQL lists them."""
        return ", ".join(f'"{one}"' for one in self.columns)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one seal took in: its number and how many rows were new, changed or gone."""

    seq: int
    rows: int


@dataclass(slots=True)
class Delta:
    """What changed in the sums: by table and bucket, rows and hashes."""

    sums: dict[str, Sums] = field(default_factory=dict)
    touched: int = 0

    def add(self, table: Watched, row: Sequence[Any], sign: int) -> None:
        """Count *row* in (sign 1) or out (-1)."""
        held = self.sums.setdefault(table.name, {}).setdefault(bucket_of(table, row), [0, 0])
        held[0] += sign
        held[1] = (held[1] + sign * hash_of(table.name, row)) % _RING
        self.touched += 1


def hash_of(name: str, row: Sequence[Any]) -> int:
    """Return 128 bits that stand for what *row* of table *name* says."""
    text = _encode((name, *row))
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "big")


def bucket_of(table: Watched, row: Sequence[Any]) -> int:
    """Return the beginning of the stretch of time *row* belongs to, 0 where it has no time."""
    if table.time is None or not isinstance(at := row[table.time], int):
        return 0
    return at // table.width * table.width


def tables(look: sqlite3.Connection) -> list[str]:
    """Return the names of the tables that are to be watched, sorted."""
    found = look.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [n for (n,) in found if not n.startswith("sqlite_") and n not in UNWATCHED]


def watched(look: sqlite3.Connection, name: str) -> Watched:
    """Return how table *name* is watched, from what the file says of it now."""
    return _watched(name, tuple(look.execute(f'PRAGMA table_info("{name}")')), _bare(look, name))


def _bare(look: sqlite3.Connection, name: str) -> bool:
    """Return whether the table has no rowid."""
    found = look.execute(f'PRAGMA table_list("{name}")').fetchone()  # schema, name, type, ncol, wr
    return bool(found and found[4])


@cache
def _watched(name: str, told: tuple[tuple[Any, ...], ...], bare: bool) -> Watched:  # noqa: FBT001
    columns = tuple(row[1] for row in told)
    by_place = sorted((row[5], row[1]) for row in told if row[5])
    key = tuple(column for _, column in by_place) if bare else ("rowid",)
    if len(key) > _KEYS:
        raise ValueError(f"the key of {name} has more than {_KEYS} columns")
    time = next((columns.index(one) for one in _TIMES if one in columns), None)
    return Watched(name, columns, key, time, SLOT_SECONDS if name in EVIDENCE else DAY)


# --- watching


def watch(tx: sqlite3.Connection, at: int) -> None:
    """Watch every table there is, and take in what it holds: the last thing a migration does.

    A table whose columns changed is taken in anew; one that is watched as it is stays as it is.
    """
    before = dict(tx.execute("SELECT name, columns FROM seal_tables"))
    delta = Delta()
    for name in tables(tx):
        table = watched(tx, name)
        if before.pop(name, None) == table.listed:
            continue
        _forget(tx, name, delta)
        _untrigger(tx, name)
        for row in tx.execute(f'SELECT {table.listed} FROM "{name}"'):  # noqa: S608  # a name of the schema
            delta.add(table, row, 1)
        for statement in _triggers(table):
            tx.execute(statement)
        tx.execute(
            "INSERT INTO seal_tables VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET columns = ?2",
            (name, table.listed),
        )
    for gone in before:
        tx.execute("DELETE FROM seal_tables WHERE name = ?", (gone,))
        _forget(tx, gone, delta)
    _chain(tx, 0, at, delta)


def _forget(tx: sqlite3.Connection, name: str, delta: Delta) -> None:
    """Take all that was summed of table *name* out again."""
    sums = delta.sums.setdefault(name, {})
    for bucket, rows, added in tx.execute(
        "SELECT bucket, rows, sum FROM seal_sums WHERE name = ?", (name,)
    ):
        sums[bucket] = [-rows, -int.from_bytes(added, "big") % _RING]


def _untrigger(tx: sqlite3.Connection, name: str) -> None:
    for end in ("in", "up", "out"):
        tx.execute(f'DROP TRIGGER IF EXISTS "seal_{name}_{end}"')
    for queue in ("unsealed_keys", "unsealed_rows"):
        tx.execute(f"DELETE FROM {queue} WHERE name = ?", (name,))  # noqa: S608  # our own names


def _triggers(table: Watched) -> Iterator[str]:
    """Yield the triggers that say which rows of *table* were written.

    No conflict clause stands in them: sqlite would put that of the outer statement in its place.
    """
    name = table.name
    if name in EVIDENCE:
        places = ", ".join(f"k{n}" for n in range(1, len(table.key) + 1))
        values = ", ".join(f'NEW."{one}"' for one in table.key)
        yield (
            f'CREATE TRIGGER "seal_{name}_in" AFTER INSERT ON "{name}" BEGIN'  # noqa: S608  # names of the schema
            f" INSERT INTO unsealed_keys (name, {places}) VALUES ('{name}', {values}); END"
        )
        return
    was = "||','||".join(f'quote(OLD."{one}")' for one in table.columns)
    old, new = _noted(table, "OLD", was), _noted(table, "NEW", "NULL")
    events = {"in": ("INSERT", new), "up": ("UPDATE", f"{old} {new}"), "out": ("DELETE", old)}
    for end, (event, statements) in events.items():
        yield f'CREATE TRIGGER "seal_{name}_{end}" AFTER {event} ON "{name}" BEGIN {statements} END'


def _noted(table: Watched, side: str, was: str) -> str:
    """Return the statement that notes a row by its key, unless it is noted since the last seal."""
    key = [f'{side}."{one}"' for one in table.key] + ["''"] * (_KEYS - len(table.key))
    same = " AND ".join(f"k{n} = {value}" for n, value in enumerate(key, 1))
    return (
        f"INSERT INTO unsealed_rows SELECT '{table.name}', {', '.join(key)}, {was} WHERE NOT EXISTS"  # noqa: S608  # names of the schema
        f" (SELECT 1 FROM unsealed_rows WHERE name = '{table.name}' AND {same});"
    )


# --- sealing


def seal(tx: sqlite3.Connection, *, run: int, now: datetime, most: int | None = None) -> Sealed:
    """Take in what was written since the last seal, for *run* (0: no run); a writing transaction.

    Nothing new writes nothing. With *most*, at most so many new rows of evidence, the oldest first:
    see ``sealing.seal_all``.
    """
    last = None if most is None else _nth(tx, most)
    delta = unsealed(tx, last=last)
    if not delta.touched:
        return Sealed(head(tx)[0], 0)
    tx.execute("DELETE FROM unsealed_keys WHERE ?1 IS NULL OR rowid <= ?1", (last,))
    tx.execute("DELETE FROM unsealed_rows")
    return Sealed(_chain(tx, run, epoch(now), delta), delta.touched)


def _nth(look: sqlite3.Connection, most: int) -> int | None:
    """Return the place of the *most*-th row that waits, ``None`` where there are fewer."""
    row = look.execute(
        "SELECT rowid FROM unsealed_keys ORDER BY rowid LIMIT 1 OFFSET ?", (most - 1,)
    ).fetchone()
    return None if row is None else int(row[0])


def unsealed(
    look: sqlite3.Connection, only: str | None = None, *, last: int | None = None
) -> Delta:
    """Return what was written since the last seal (to table *only*), as a change of the sums.

    With *last*, of evidence what was written until that place in the queue.
    """
    delta = Delta()
    for name in _waiting(look, "unsealed_keys", only):
        table = watched(look, name)
        until = "" if last is None else f" AND q.rowid <= {last:d}"
        for row in _queued(look, table, "unsealed_keys", until):
            delta.add(table, row, 1)
    for name in _waiting(look, "unsealed_rows", only):
        table = watched(look, name)
        for row in _queued(look, table, "unsealed_rows"):
            delta.add(table, row, 1)
        told = look.execute(
            "SELECT was FROM unsealed_rows WHERE name = ? AND was IS NOT NULL", (name,)
        )
        for (was,) in told:
            delta.add(table, values_of(was), -1)
    return delta


def _waiting(look: sqlite3.Connection, queue: str, only: str | None) -> list[str]:
    """Return the names of the tables that *queue* names rows of."""
    found = look.execute(
        f"SELECT DISTINCT name FROM {queue} WHERE ?1 IS NULL OR name = ?1 ORDER BY name",  # noqa: S608  # our own names
        (only,),
    )
    return [str(name) for (name,) in found]


def _queued(
    look: sqlite3.Connection, table: Watched, queue: str, until: str = ""
) -> sqlite3.Cursor:
    """Return the rows of *table* that *queue* names and that are there."""
    columns = ", ".join(f't."{one}"' for one in table.columns)
    same = " AND ".join(f't."{one}" = q.k{n}' for n, one in enumerate(table.key, 1))
    return look.execute(
        f'SELECT {columns} FROM {queue} q CROSS JOIN "{table.name}" t ON {same}'  # noqa: S608  # names of the schema
        f" WHERE q.name = ?{until}",
        (table.name,),
    )


def values_of(was: str) -> list[Any]:
    """Return the values that sqlite's quote() wrote, joined by commas, into *was*."""
    found: list[Any] = []
    for match in _LITERAL.finditer(was):
        blob, text, number = match.groups()
        if number is not None:
            found.append(int(number) if number.lstrip("-").isdigit() else float(number))
        elif text is not None:
            found.append(text.replace("''", "'"))
        else:
            found.append(None if blob is None else bytes.fromhex(blob))
    return found


def take_out(
    tx: sqlite3.Connection, table: Watched, rows: Iterable[Sequence[Any]], now: datetime
) -> None:
    """Take *rows*, which this transaction deletes from a table of evidence, out of the sums.

    They must have been sealed: ``seal`` comes first, in the same transaction.
    """
    delta = Delta()
    for row in rows:
        delta.add(table, row, -1)
    _chain(tx, 0, epoch(now), delta)


def _chain(tx: sqlite3.Connection, run: int, at: int, delta: Delta) -> int:
    """Bring the sums up to date and write a link over them. Return its number."""
    seq, previous, total = _newest(tx)
    for name, sums in delta.sums.items():
        for bucket, (rows, added) in sums.items():
            total += _moved(tx, name, bucket, rows, added)
    layout, whole = layout_of(tx), (total % _RING).to_bytes(16, "big")
    link = link_of(previous, seq + 1, run, at, delta.touched, whole, layout)
    tx.execute(
        "INSERT INTO seals VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (seq + 1, run, at, delta.touched, whole, layout, previous, link),
    )
    return seq + 1


def _moved(tx: sqlite3.Connection, name: str, bucket: int, rows: int, added: int) -> int:
    """Add to one sum. Return by how much the whole moves."""
    held = tx.execute(
        "SELECT rows, sum FROM seal_sums WHERE name = ? AND bucket = ?", (name, bucket)
    ).fetchone()
    before = (0, bytes(16)) if held is None else (int(held[0]), bytes(held[1]))
    summed = (int.from_bytes(before[1], "big") + added) % _RING
    after = (before[0] + rows, summed.to_bytes(16, "big"))
    if after == (0, bytes(16)):
        tx.execute("DELETE FROM seal_sums WHERE name = ? AND bucket = ?", (name, bucket))
    else:
        tx.execute(
            "INSERT INTO seal_sums VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (name, bucket) DO UPDATE SET rows = ?3, sum = ?4",
            (name, bucket, *after),
        )
    return weight_of(name, bucket, *after) - (
        0 if held is None else weight_of(name, bucket, *before)
    )


def weight_of(name: str, bucket: int, rows: int, added: bytes) -> int:
    """Return what one sum adds to the whole: 0 where it is empty."""
    return 0 if (rows, added) == (0, bytes(16)) else hash_of("", (name, bucket, rows, added))


def _newest(look: sqlite3.Connection) -> tuple[int, bytes, int]:
    row = look.execute("SELECT seq, hash, total FROM seals ORDER BY seq DESC LIMIT 1").fetchone()
    return (0, GENESIS, 0) if row is None else (row[0], row[1], int.from_bytes(row[2], "big"))


def head(look: sqlite3.Connection) -> tuple[int, bytes]:
    """Return the newest link's number and hash; 0 and zero bytes where there is none."""
    seq, mark, _ = _newest(look)
    return seq, mark


def layout_of(look: sqlite3.Connection) -> bytes:
    """Return one hash over the schema: its tables, indexes and triggers as text."""
    mark = blake2b(digest_size=16)
    for row in look.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'"
        " ORDER BY type, name"
    ):
        mark.update(_encode(row).encode())
    return mark.digest()


def link_of(previous: bytes, *words: Any) -> bytes:
    """Return the hash of a link: *words* are its number, run, time, rows, total and layout."""
    return blake2b(previous + _encode(words).encode(), digest_size=16).digest()
