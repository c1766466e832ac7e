"""Adding everything up again: whether the rows still are what was sealed."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_cli.domain import from_epoch
from trading_cli.store.sealed_rows import (
    GENESIS,
    Sums,
    Watched,
    bucket_of,
    hash_of,
    layout_of,
    link_of,
    tables,
    unsealed,
    watched,
    weight_of,
)

LAYOUT, CHAIN, SUMS, NUMBERS = "the schema", "seals", "seal_sums", "sqlite_sequence"
_RING = 1 << 128


@dataclass(frozen=True, slots=True)
class Broken:
    """Rows that are not what was sealed: of which table, of when, and of which run."""

    table: str
    since: datetime | None
    run: int | None
    what: str


def check_chain(look: sqlite3.Connection) -> Iterator[Broken]:
    """Yield what is wrong with the links, the sums they stand for, and the schema."""
    expected, before, row = 1, GENESIS, None
    for row in look.execute(
        "SELECT seq, run, at, rows, total, layout, previous, hash FROM seals ORDER BY seq"
    ):
        seq, *words, previous, mark = row
        if seq != expected or previous != before or mark != link_of(before, seq, *words):
            yield Broken(CHAIN, None, row[1], f"link {seq} does not follow the one before it")
            return
        expected, before = seq + 1, mark
    if row is None:
        yield Broken(CHAIN, None, None, "no row was ever sealed")
        return
    total = sum(weight_of(*one) for one in _sums(look)) % _RING
    if total.to_bytes(16, "big") != row[4]:
        yield Broken(SUMS, None, None, "the sums are not those of the newest link")
    if layout_of(look) != row[5]:
        yield Broken(LAYOUT, None, None, "tables, indexes or triggers are not those sealed")
    yield from _check_tables(look)


def _sums(look: sqlite3.Connection) -> Iterator[tuple[str, int, int, bytes]]:
    yield from look.execute("SELECT name, bucket, rows, sum FROM seal_sums")


def _check_tables(look: sqlite3.Connection) -> Iterator[Broken]:
    """Yield tables nobody watches, and numbers to be given next that do not follow the last."""
    version = look.execute("PRAGMA user_version").fetchone()[0]
    last = look.execute("SELECT max(version) FROM migrations").fetchone()[0]
    if version != last:
        yield Broken(LAYOUT, None, None, f"version {version} is noted, {last} was applied last")
    known = dict(look.execute("SELECT name, columns FROM seal_tables"))
    for name in sorted({*tables(look), *known}):
        if known.get(name) != (watched(look, name).listed or None):
            yield Broken(name, None, None, "the table is not watched as it is")
    for name, given in look.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
        last = look.execute(f'SELECT max(rowid) FROM "{name}"').fetchone()[0]  # noqa: S608  # a name of the schema
        if given != (last or 0):
            yield Broken(NUMBERS, None, None, f"{name}: {given} was given last, {last} is there")


def check_table(
    look: sqlite3.Connection, name: str, *, on_row: Callable[[], None] | None = None
) -> list[Broken]:
    """Return where the rows of table *name* are not those sealed, the oldest first.

    One snapshot holds the rows, the sums and what is not sealed yet. Raises ``sqlite3.Error``.
    """
    table = watched(look, name)
    found = _added_up(look, table, on_row)
    for bucket, (rows, added) in unsealed(look, name).sums.get(name, {}).items():
        held = found.setdefault(bucket, [0, 0])
        held[0], held[1] = held[0] - rows, (held[1] - added) % _RING
    for bucket, rows, added in look.execute(
        "SELECT bucket, rows, sum FROM seal_sums WHERE name = ?", (name,)
    ):
        held = found.setdefault(bucket, [0, 0])
        if (held[0], held[1]) == (rows, int.from_bytes(added, "big")):
            del found[bucket]
        else:
            held.append(rows)
    wrong = [one for one, held in found.items() if any(held)]
    return [_broken(look, table, bucket, found[bucket]) for bucket in sorted(wrong)]


def _added_up(look: sqlite3.Connection, table: Watched, on_row: Callable[[], None] | None) -> Sums:
    """Return the sums of what is there; text that is none is hashed as the bytes it has."""
    found: Sums = {}
    look.text_factory = _text
    try:
        for row in look.execute(f'SELECT {table.listed} FROM "{table.name}"'):  # noqa: S608  # names of the schema
            held = found.setdefault(bucket_of(table, row), [0, 0])
            held[0] += 1
            held[1] += hash_of(table.name, row)
            if on_row is not None:
                on_row()
    finally:
        look.text_factory = str
    return {bucket: [rows, added % _RING] for bucket, (rows, added) in found.items()}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _broken(look: sqlite3.Connection, table: Watched, bucket: int, held: Sequence[Any]) -> Broken:
    rows, sealed = held[0], held[2] if len(held) > 2 else 0  # noqa: PLR2004  # one more: what was sealed
    what = (
        f"{rows} rows are there, {sealed} were sealed"
        if rows != sealed
        else f"of {rows} rows one or more say something else than when they were sealed"
    )
    since = from_epoch(bucket) if 0 < bucket < 1 << 40 else None
    return Broken(table.name, since, _run_of(look, bucket, table.width), what)


def _run_of(look: sqlite3.Connection, bucket: int, width: int) -> int | None:
    """Return the first run that was at work in the stretch of time, ``None`` where none was."""
    row = look.execute(
        "SELECT id FROM runs WHERE started < ?2 AND coalesce(finished, started) >= ?1"
        " AND state <> 'SKIPPED' ORDER BY id LIMIT 1",
        (bucket, bucket + width),
    ).fetchone()
    return None if row is None else int(row[0])


@dataclass(frozen=True, slots=True)
class TakenIn:
    """How many rows the seals stand for; how many of them the first one found there, and when."""

    rows: int
    found: int
    began: datetime | None


def taken_in(look: sqlite3.Connection) -> TakenIn:
    """Return what the seals stand for. What the first one found was never seen being written."""
    rows = look.execute("SELECT coalesce(sum(rows), 0) FROM seal_sums").fetchone()[0]
    first = look.execute("SELECT rows, at FROM seals ORDER BY seq LIMIT 1").fetchone()
    if first is None:
        return TakenIn(int(rows), 0, None)
    return TakenIn(int(rows), int(first[0]), from_epoch(first[1]))
