"""Old quotes, books, trades and points in Parquet files by month, read together with the live file.

A part holds a month's rows of one kind, a row group a day. It is written, read back and compared
before it is noted in `archives`; only what the read-back file says is then deleted, row by row
equal, a day a transaction, its hashes taken out of the seals. What an interrupted run left is gone
on with.
"""

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trading_cli.core import disk
from trading_cli.core.errors import StoreCorrupt, StoreReadOnly
from trading_cli.core.faults import fault
from trading_cli.store import sealed_rows
from trading_cli.store.archived import (
    KINDS,
    Kind,
    Part,
    Row,
    arrow,
    both_outcomes,
    file_hash,
    groups,
    parquet,
    whole,
)
from trading_cli.store.rows import epoch
from trading_cli.store.sealed_rows import DAY, hash_of
from trading_cli.store.series import PACK

Spans = list[tuple[int, int]]  # half-open, epoch seconds, in order, apart
_RING = 1 << 128


@dataclass(frozen=True, slots=True)
class Written:
    """One file as it was written: its path, its rows and the span of their times."""

    path: Path
    rows: int
    hash: bytes
    since: int
    until: int


# --- what may go


def kept_spans(look: sqlite3.Connection, *, needed_s: int, deals_only: bool) -> dict[int, Spans]:
    """Return, by market, the spans that stand behind what was decided: they stay in the live file.

    A span ends a slot after the decision, order or fill and begins *needed_s* before it.
    *deals_only*: what came to no order needs nothing.
    """
    questions = [
        "SELECT m.id, o.placed_at FROM orders o JOIN markets m ON m.venue_id = o.market",
        "SELECT m.id, f.at FROM fills f JOIN markets m ON m.venue_id = f.market",
    ]
    if not deals_only:
        questions.append(
            "SELECT m.id, d.decided_at FROM decisions d JOIN markets m ON m.venue_id = d.market"
        )
    found: dict[int, list[int]] = {}
    for question in questions:
        for market, at in look.execute(question):
            found.setdefault(market, []).append(at)
    return {
        market: merged((at - needed_s, at + 900) for at in sorted(set(times)))
        for market, times in found.items()
    }


def merged(spans: Iterable[tuple[int, int]]) -> Spans:
    """Return sorted *spans* with those that touch made one."""
    found: Spans = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def free(kept: Spans, begin: int, end: int) -> Spans:
    """Return what of [begin, end) lies in none of *kept*."""
    found: Spans = []
    at = begin
    for first, last in kept:
        if last <= at or first >= end:
            continue
        if first > at:
            found.append((at, first))
        at = max(at, last)
    if at < end:
        found.append((at, end))
    return found


def markets(look: sqlite3.Connection) -> list[int]:
    """Return our numbers of all markets, in order."""
    return [int(number) for (number,) in look.execute("SELECT id FROM markets ORDER BY id")]


def first_time(look: sqlite3.Connection, kind: Kind) -> int | None:
    """Return the time of the oldest row of *kind*, ``None`` where there is none."""
    oldest = [
        row[0]
        for number in markets(look)
        for row in look.execute(
            f"SELECT min({kind.time}) FROM {kind.name} WHERE market = ?{both_outcomes(kind)}",  # noqa: S608  # our own names
            (number,),
        )
        if row[0] is not None
    ]
    return min(oldest, default=None)


def rows_of(
    look: sqlite3.Connection, kind: Kind, kept: Mapping[int, Spans], day: int, until: int
) -> list[Row]:
    """Return the rows of *kind* of the day that may go: none at or after *until*, none kept."""
    order = ", ".join(kind.order or kind.key)
    question = (
        f"SELECT {kind.listed} FROM {kind.name} WHERE market = ?{both_outcomes(kind)}"  # noqa: S608  # our own names
        f" AND {kind.time} >= ? AND {kind.time} < ?{kind.only} ORDER BY {order}"
    )
    found: list[Row] = []
    for market in markets(look):
        for begin, end in free(kept.get(market, []), day, min(day + DAY, until)):
            found += look.execute(question, (market, begin, end)).fetchall()
    return found


# --- writing


def write(path: Path, kind: Kind, days: Iterable[list[Row]]) -> Written | None:
    """Write *days* of rows to *path*, 0600, on the disk at the end; ``None`` where there are none.

    Then read it back: raises ``StoreCorrupt`` unless it says the same.
    """
    pq, library = parquet(), arrow()
    schema = _schema(library, kind)
    count, total, first, last = 0, 0, 1 << 62, -(1 << 62)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            with pq.ParquetWriter(out, schema, compression="zstd") as writer:
                for rows in days:
                    if not rows:
                        continue
                    writer.write_table(_table(library, schema, rows))
                    at = [row[kind.at(kind.time)] for row in rows]
                    first, last = min([first, *at]), max([last, *at])
                    count += len(rows)
                    total += sum(hash_of(kind.name, row) for row in rows)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        if disk.full(path, error):
            raise disk.no_room(path, error) from error
        raise StoreReadOnly(
            f"{path}: {error.strerror or error}", hint="look at the disk"
        ) from error
    if not count:
        path.unlink()
        return None
    again = [hash_of(kind.name, row) for group in groups(path, kind) for row in group]
    if len(again) != count or (sum(again) - total) % _RING:
        path.unlink()
        raise StoreCorrupt(
            f"{path} reads otherwise than what was written: nothing was deleted",
            hint="look at the disk, then run the same command again",
        )
    return Written(path, count, file_hash(path), first, last)


def _schema(library: Any, kind: Kind) -> Any:
    types = {
        "i": library.int64(),
        "f": library.float64(),
        "s": library.string(),
        "b": library.binary(),
    }
    fields = zip(kind.columns, kind.types, strict=True)
    return library.schema([(name, types[letter]) for name, letter in fields])


def _table(library: Any, schema: Any, rows: Sequence[Row]) -> Any:
    columns = zip(*rows, strict=True)
    arrays = [
        library.array(values, kept.type) for values, kept in zip(columns, schema, strict=True)
    ]
    return library.Table.from_arrays(arrays, schema=schema)


def note(tx: sqlite3.Connection, kind: Kind, month: str, done: Written, now: datetime) -> int:
    """Note a file as part of the archive. Return its number."""
    made = tx.execute(
        "INSERT INTO archives (name, month, file, rows, hash, since, until, written_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (kind.name, month, done.path.name, done.rows, done.hash, done.since, done.until,
         epoch(now)),
    ).lastrowid  # fmt: skip
    return int(made or 0)


# --- deleting


def delete(tx: sqlite3.Connection, kind: Kind, rows: Sequence[Row], now: datetime) -> int:
    """Delete those of *rows* that the live file says in the very same words. Return how many.

    What is not sealed yet is sealed first, so that the sums stay true.
    """
    sealed_rows.seal(tx, run=0, now=now)
    places = [kind.at(one) for one in kind.key]
    match = " AND ".join(f"{one} = ?" for one in kind.key)
    question = f"SELECT {kind.listed} FROM {kind.name} WHERE {match}"  # noqa: S608  # our own names
    same = [
        row
        for row in rows
        if tx.execute(question, [row[place] for place in places]).fetchone() == row
    ]
    keys = [[row[place] for place in places] for row in same]
    tx.executemany(f"DELETE FROM {kind.name} WHERE {match}", keys)  # noqa: S608  # our own names
    table = sealed_rows.watched(tx, kind.name)
    order = [kind.at(one) for one in table.columns]
    told = ([row[place] for place in order] for row in same)
    if kind.name == "quotes":
        _repack(tx, same)
    sealed_rows.take_out(tx, table, told, now)
    return len(same)


def _repack(tx: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Take the quotes just deleted out of their slots' packs."""
    gone: dict[Any, set[Any]] = {}
    for market, slot, *_ in rows:
        gone.setdefault(slot, set()).add(market)
    for slot, members in gone.items():
        kept = tx.execute("SELECT pack FROM quote_packs WHERE slot = ?", (slot,)).fetchone()
        left = [
            PACK.pack(*entry)
            for entry in PACK.iter_unpack(b"" if kept is None else kept[0])
            if entry[0] not in members
        ]
        if left:
            tx.execute(
                "UPDATE quote_packs SET quotes = ?, pack = ? WHERE slot = ?",
                (len(left), b"".join(left), slot),
            )
        else:
            tx.execute("DELETE FROM quote_packs WHERE slot = ?", (slot,))


def throw_away(tx: sqlite3.Connection, name: str, before: datetime, now: datetime) -> int:
    """Delete what table *name* observed before *before*, for good. Return how many rows went."""
    sealed_rows.seal(tx, run=0, now=now)
    table = sealed_rows.watched(tx, name)
    old = f'FROM "{name}" WHERE observed_at < ?'
    rows = tx.execute(
        f"SELECT {table.listed} {old}", (epoch(before),)
    ).fetchall()  # names of the schema
    if rows:
        tx.execute(f"DELETE {old}", (epoch(before),))  # names of the schema
        sealed_rows.take_out(tx, table, rows, now)
    return len(rows)


def set_pruned(tx: sqlite3.Connection, part: int, now: datetime) -> None:
    """Say that all of a file is gone from the live one."""
    tx.execute("UPDATE archives SET pruned_at = ? WHERE id = ?", (epoch(now), part))


def count(
    look: sqlite3.Connection, kind: Kind, kept: Mapping[int, Spans], until: int
) -> tuple[int, int]:
    """Return how many rows of *kind* before *until* may go, and how many stay as evidence."""
    question = (
        f"SELECT count(*) FROM {kind.name} WHERE market = ?{both_outcomes(kind)}"  # noqa: S608  # our own names
        f" AND {kind.time} >= ? AND {kind.time} < ?{kind.only}"
    )
    going, everything = 0, 0
    for market in markets(look):
        everything += look.execute(question, (market, 0, until)).fetchone()[0]
        for begin, end in free(kept.get(market, []), 0, until):
            going += look.execute(question, (market, begin, end)).fetchone()[0]
    return going, everything - going


def month_of(at: int) -> str:
    """Return the UTC month of *at*, as files are named: 2026-03."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m}"


def next_month(at: int) -> int:
    """Return the beginning of the UTC month after *at*, epoch seconds."""
    day = datetime.fromtimestamp(at, UTC)
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)  # noqa: PLR2004
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())


def prune(store: Any, folder: Path, part: Part, now: datetime) -> int:
    """Delete from the live file what *part* holds, a day a transaction. Return how many rows went.

    Raises ``StoreCorrupt`` where the file is not the one that was noted.
    """
    if wrong := whole(folder, part):
        raise StoreCorrupt(
            f"the archive is damaged: {wrong}", hint="put back a copy of data/archive"
        )
    gone, kind = 0, KINDS[part.kind]
    for rows in groups(folder / part.file, kind):
        with store.transaction() as tx:
            gone += delete(tx, kind, rows, now)
            fault("archive.deleting")
    with store.transaction() as tx:
        set_pruned(tx, part.id, now)
        sealed_rows.seal(tx, run=0, now=now)
    return gone
