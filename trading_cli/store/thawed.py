"""The archive where SQL finds it: old rows in temporary tables, behind views of the tables' names.

A snapshot that was told to (``thaw``) reads quotes, packs, books, trades and points of the archive
and of the live file as one; a live row wins. What was thawed goes with the snapshot. A file is read
a day at a time, what lies outside the span not at all, and is first held against its hash. Where
nothing of a span was ever archived, nothing is loaded and nothing changes.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trading_cli.core.errors import StoreCorrupt, UsageError
from trading_cli.domain import from_epoch
from trading_cli.store import archived
from trading_cli.store.archived import KINDS, Kind, Part, Row
from trading_cli.store.arrays import ENTRY
from trading_cli.store.past import by_market
from trading_cli.store.rows import epoch

if TYPE_CHECKING:
    from trading_cli.store.database import Store

PACKS = "packs"
"""The quotes once more, a slot in one piece: what matrices are made of."""
QUOTES, BOOKS, TRADES, POINTS = "quotes", "books", "trades", "points"
EVERY = (QUOTES, PACKS, BOOKS, TRADES, POINTS)
END = 1 << 40
"""After every instant there is."""
LOOK_BACK = timedelta(days=35)
"""What indicators, limits and volumes of an instant rest on lies within so long before it."""
BACK = "put back a copy of data/archive; trading db verify says which files are damaged"
_CACHE_KIB = 16_384
_MARKED = "SELECT 1 FROM temp.thawed_groups WHERE kind = '' AND part = ?"
_SQL = {"i": "INTEGER", "f": "REAL", "s": "TEXT", "b": "BLOB"}
_INDEXES = "CREATE INDEX temp.thawed_trades_by_market ON thawed_trades (market, event_time)"
_VIEW_OF_PACKS = (
    "CREATE TEMP VIEW quote_packs AS SELECT slot, quotes, pack FROM main.quote_packs m"
    " WHERE NOT EXISTS (SELECT 1 FROM temp.thawed_packs t WHERE t.slot = m.slot)"
    " UNION ALL SELECT slot, quotes, pack FROM temp.thawed_packs"
)
Instant = datetime | int
Ints = NDArray[np.int64]


@contextmanager
def reading(
    store: "Store", since: Instant, until: Instant, kinds: Sequence[str] = EVERY
) -> Iterator[sqlite3.Connection]:
    """Yield what ``store.reading()`` does, with the archived rows of [since, until) in it.

    Raises what ``thaw`` does.
    """
    with store.reading() as look:
        thaw(look, since, until, kinds)
        yield look


def thaw(
    look: sqlite3.Connection, since: Instant, until: Instant, kinds: Sequence[str] = EVERY
) -> None:
    """Let the snapshot *look* see the archived rows of [since, until) of *kinds* too.

    Call it in a snapshot, as often as needed: what is there is not read again. Raises
    ``UsageError`` where such rows are and pyarrow is not, ``StoreCorrupt`` where a file that holds
    some is gone or is not the one that was written.
    """
    first, last = _seconds(since), _seconds(until)
    for kind in kinds:
        for part in _parts(look, kind, first, last):
            with _writable(look):
                _begin(look, kind)
                touched = partial(_touch, first, last)
                for mark, table in _fresh(look, kind, part, touched):
                    _put(look, kind, table)
                    look.execute("INSERT INTO temp.thawed_groups VALUES (?, ?, ?, ?)", mark)


def thaw_of(
    look: sqlite3.Connection, spans: Mapping[int, tuple[int, int]], kinds: Sequence[str]
) -> None:
    """Let the snapshot see the archived rows of some markets, each of its own span [since, until).

    By our numbers. Else as ``thaw``.
    """
    if not spans or not archived.has_archive(look):
        return
    size = max(spans) + 1
    low, high = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for number, (begin, end) in spans.items():
        low[number], high[number] = begin, end
    first, last = min(begin for begin, _ in spans.values()), int(high.max())
    for kind in kinds:
        for part in _parts(look, kind, first, last):
            with _writable(look):
                _begin(look, kind)
                for _, table in _fresh(look, kind, part, partial(_touch_some, low, high)):
                    _put(look, kind, table.filter(_within(table, _kind(kind), low, high)))


def ends(look: sqlite3.Connection, kind: str, origin: int) -> tuple[int, int] | None:
    """Return the times of the first and last archived row of *kind* that came so; else ``None``."""
    shape = KINDS[kind]
    found: list[int] = []
    for part in archived.parts(look, kind):
        path = _folder(look) / part.file
        _hold_against_hash(part, path)
        with _files(part, path) as file:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number, columns=[shape.time, "origin"])
                at = table[shape.time].to_numpy()[table["origin"].to_numpy() == origin]
                found += [int(at.min()), int(at.max())] if at.size else []
    return (min(found), max(found)) if found else None


def forget(look: sqlite3.Connection, kind: str, before: int) -> None:
    """Let go of the thawed rows of *kind* (not packs) before *before*: a long walk stays small."""
    if not _begun(look):
        return
    with _writable(look):
        _begin(look, kind)
        look.execute(f"DELETE FROM temp.thawed_{kind} WHERE {KINDS[kind].time} < ?", (before,))  # noqa: S608  # our own names
        look.execute("DELETE FROM temp.thawed_groups WHERE kind = ? AND first < ?", (kind, before))


def _seconds(at: Instant) -> int:
    return at if isinstance(at, int) else epoch(at)


def _kind(name: str) -> Kind:
    return KINDS[QUOTES if name == PACKS else name]


def _parts(look: sqlite3.Connection, kind: str, since: int, until: int) -> list[Part]:
    """Return the files that hold rows of the span."""
    rows = look.execute(
        "SELECT id FROM archives WHERE name = ? AND until >= ? AND since < ?",
        (_kind(kind).name, since, until),
    ).fetchall()
    wanted = {number for (number,) in rows}
    return (
        [one for one in archived.parts(look, _kind(kind).name) if one.id in wanted] if rows else []
    )


# --- the temporary tables


@contextmanager
def _writable(look: sqlite3.Connection) -> Iterator[None]:
    """Let a reader's connection write its own temporary tables; the file itself stays shut."""
    (shut,) = look.execute("PRAGMA query_only").fetchone()
    look.execute("PRAGMA query_only=OFF")
    try:
        yield
    finally:
        look.execute(f"PRAGMA query_only={'ON' if shut else 'OFF'}")


def _begun(look: sqlite3.Connection, name: str = "thawed_groups") -> bool:
    row = look.execute("SELECT 1 FROM sqlite_temp_schema WHERE name = ?", (name,)).fetchone()
    return row is not None


def _begin(look: sqlite3.Connection, kind: str) -> None:
    """Make the table of *kind* and its view, unless they are there."""
    if not _begun(look):
        look.execute(f"PRAGMA temp.cache_size=-{_CACHE_KIB}")
        look.execute(
            "CREATE TEMP TABLE thawed_groups (kind TEXT, part INTEGER, number INTEGER,"
            " first INTEGER, PRIMARY KEY (kind, part, number))"
        )
    if _begun(look, f"thawed_{kind}"):
        return
    if kind == PACKS:
        look.execute(
            "CREATE TEMP TABLE thawed_packs (slot INTEGER PRIMARY KEY, quotes INTEGER, pack BLOB)"
        )
        look.execute(_VIEW_OF_PACKS)
        return
    shape = KINDS[kind]
    columns = ", ".join(
        f"{name} {_SQL[letter]}" for name, letter in zip(shape.columns, shape.types, strict=True)
    )
    rowid = "" if kind in {BOOKS, TRADES} else " WITHOUT ROWID"
    look.execute(
        f"CREATE TEMP TABLE thawed_{kind} ({columns}, PRIMARY KEY ({', '.join(shape.key)})){rowid}"
    )
    if kind == TRADES:
        look.execute(_INDEXES)
    look.execute(
        f"CREATE TEMP VIEW {kind} AS SELECT {shape.listed} FROM main.{kind}"  # noqa: S608  # our own names
        f" UNION ALL SELECT {shape.listed} FROM temp.thawed_{kind}"
    )


# --- reading the files


def _fresh(
    look: sqlite3.Connection, kind: str, part: Part, touched: Callable[[int, int], bool]
) -> Iterator[tuple[Row, Any]]:
    """Yield the row groups of a file whose first and last time are *touched*, but the thawed."""
    path = _folder(look) / part.file
    there = {
        number
        for (number,) in look.execute(
            "SELECT number FROM temp.thawed_groups WHERE kind = ? AND part = ?", (kind, part.id)
        )
    }
    if not look.execute(_MARKED, (part.id,)).fetchone():
        _hold_against_hash(part, path)
        look.execute("INSERT INTO temp.thawed_groups VALUES ('', ?, 0, NULL)", (part.id,))
    shape = _kind(kind)
    names = ENTRY.names or ()
    columns = [*names, "slot"] if kind == PACKS else list(shape.columns)
    with _files(part, path) as file:
        place = file.schema_arrow.get_field_index(shape.time)
        for number in range(file.num_row_groups):
            known = file.metadata.row_group(number).column(place).statistics
            if number not in there and touched(known.min, known.max):
                mark = (kind, part.id, number, known.min)
                yield mark, file.read_row_group(number, columns=columns)


def _touch(since: int, until: int, first: int, last: int) -> bool:
    return last >= since and first < until


def _touch_some(low: Ints, high: Ints, first: int, last: int) -> bool:
    return bool(((low <= last) & (high > first)).any())


@contextmanager
def _files(part: Part, path: Path) -> Iterator[Any]:
    """Yield the file, open, its failures ours."""
    pq = _library(part)
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, ValueError) as error:
        raise StoreCorrupt(f"the archive {path} cannot be read: {error}", hint=BACK) from error


def _folder(look: sqlite3.Connection) -> Path:
    for _, name, path in look.execute("PRAGMA database_list"):
        if name == "main":
            return Path(path).parent / archived.FOLDER
    raise StoreCorrupt("the database has no file", hint=BACK)


def _library(part: Part) -> Any:
    try:
        return archived.parquet()
    except UsageError as error:
        since, until = (f"{from_epoch(one):%Y-%m-%d}" for one in (part.since, part.until))
        raise UsageError(
            f"the {part.kind} of {since} to {until} lie in the archive: reading them needs"
            " pyarrow, which is not installed.",
            hint=f"{archived.MISSING_HINT}; or a span after {until}",
        ) from error


def _hold_against_hash(part: Part, path: Path) -> None:
    """Raise ``StoreCorrupt`` unless the file is the one that was noted."""
    if wrong := archived.whole(path.parent, part):
        raise StoreCorrupt(f"the archive in {path.parent} is damaged: {wrong}", hint=BACK)


def _within(table: Any, shape: Kind, low: Ints, high: Ints) -> Any:
    """Return which rows lie in the span of their market."""
    number, at = table["market"].to_numpy(), table[shape.time].to_numpy()
    known = np.where(number < low.size, number, 0)  # no market is number 0
    arrow = archived.arrow()
    return arrow.array((at >= low[known]) & (at < high[known]))


# --- into the tables


def _put(look: sqlite3.Connection, kind: str, table: Any) -> None:
    """Keep the rows of a group, but for those the live file has."""
    if not table.num_rows:
        return
    if kind == PACKS:
        _put_packs(look, table)
        return
    shape = KINDS[kind]
    rows = archived.rows_of(table)
    live = _live(look, shape, rows)
    if live:
        places = [shape.at(one) for one in shape.key]
        rows = [row for row in rows if tuple(row[one] for one in places) not in live]
    marks = ", ".join("?" * len(shape.columns))
    look.executemany(f"INSERT OR IGNORE INTO temp.thawed_{kind} VALUES ({marks})", rows)  # noqa: S608  # our own names


def _live(look: sqlite3.Connection, shape: Kind, rows: Sequence[Row]) -> set[Row]:
    """Return the keys the live file has of the markets and the time that *rows* span."""
    at = [row[shape.at(shape.time)] for row in rows]
    question = (
        f"SELECT {', '.join(shape.key)} FROM main.{shape.name}"  # noqa: S608  # our own names
        f" WHERE market = ?{archived.both_outcomes(shape)} AND {shape.time} BETWEEN ? AND ?"
    )
    found: set[Row] = set()
    for market in {row[shape.at("market")] for row in rows}:
        found.update(look.execute(question, (market, min(at), max(at))).fetchall())
    return found


def _put_packs(look: sqlite3.Connection, table: Any) -> None:
    """Keep the quotes of a group in packs, by market, beside those their slots have already."""
    slots = table["slot"].to_numpy()
    entries = np.empty(slots.size, ENTRY)
    entries["market"] = table["market"].to_numpy()
    entries["available_at"] = table["available_at"].to_numpy()
    for name in ("bid", "ask"):
        entries[name] = table[name].fill_null(-1).to_numpy()
    for name in ("bid_depth", "ask_depth"):
        entries[name] = table[name].fill_null(float("nan")).to_numpy()
    order = np.lexsort((entries["market"], slots))
    slots, entries = slots[order], entries[order]
    edges = np.flatnonzero(np.diff(slots)) + 1
    for slot, fresh in zip(
        slots[np.concatenate(([0], edges))].tolist(), np.split(entries, edges), strict=True
    ):
        whole = _beside(look, slot, fresh)
        look.execute(
            "INSERT OR REPLACE INTO temp.thawed_packs VALUES (?, ?, ?)",
            (slot, whole.size, whole.tobytes()),
        )


def _beside(look: sqlite3.Connection, slot: int, fresh: NDArray[np.void]) -> NDArray[np.void]:
    """Return a slot's quotes by market: those that are there, and what is *fresh*."""
    kept = look.execute("SELECT pack FROM quote_packs WHERE slot = ?", (slot,)).fetchone()
    if kept is None:
        return fresh
    there = np.frombuffer(kept[0], ENTRY)
    both = np.concatenate((there, fresh[~np.isin(fresh["market"], there["market"])]))
    return by_market(both)
