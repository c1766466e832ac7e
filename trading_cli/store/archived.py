"""What lies in the archive, and how it is read together with the live file.

Only files that are noted in `archives` are read; a live row wins over an archived one.
"""

import importlib
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from trading_cli.core.errors import StoreCorrupt, UsageError
from trading_cli.domain import SLOT_SECONDS
from trading_cli.store import history
from trading_cli.store.history import QuoteColumns
from trading_cli.store.listings import market_ids
from trading_cli.store.rows import epoch

Row = tuple[Any, ...]

_BLOCK = 1 << 20
_QUOTE = (
    "slot", "bid", "ask", "bid_depth", "ask_depth", "pair_gap", "book_hash", "observed_at",
)  # fmt: skip
MISSING = "the archive needs pyarrow, which is not installed."
MISSING_HINT = "pip install 'trading-cli[analytics]', or uv sync --extra analytics"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of row that goes into the archive: its columns, its key, where its time stands."""

    name: str
    columns: tuple[str, ...]
    types: str  # of each column: i, f, s, b
    key: tuple[str, ...]
    time: str
    only: str = ""

    @property
    def listed(self) -> str:
        """Return the columns as SQL lists them."""
        return ", ".join(self.columns)

    def at(self, column: str) -> int:
        """Return where *column* stands in a row."""
        return self.columns.index(column)


_TIMES = ("event_time", "observed_at", "available_at", "origin")
KINDS: Mapping[str, Kind] = {
    "quotes": Kind(
        "quotes",
        ("market", "slot", "bid", "ask", "bid_depth", "ask_depth", "pair_gap", "book_hash",
         *_TIMES),
        "iiiiffibiiii", ("market", "slot"), "slot",
    ),
    "books": Kind(
        "books",
        ("market", "slot", "purpose", *_TIMES, "hash", "levels_hash", "levels"),
        "iisiiiisbb", ("market", "slot", "purpose"), "slot", " AND purpose = 'slot'",
    ),
    "trades": Kind(
        "trades",
        ("id", "market", "outcome", "buy", "price", "size", "wallet", *_TIMES),
        "siiiiisiiii", ("id",), "event_time",
    ),
    "points": Kind(
        "points",
        ("market", "outcome", "event_time", "price", "observed_at", "available_at", "origin"),
        "iiifiii", ("market", "outcome", "event_time"), "event_time",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the archive as it is noted."""

    id: int
    kind: str
    month: str
    file: str
    rows: int
    hash: bytes
    since: int
    until: int
    pruned: bool


def parquet() -> Any:
    """Return the library that reads and writes the files. Raises ``UsageError`` without it."""
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise UsageError(MISSING, hint=MISSING_HINT) from error


def groups(path: Path, kind: Kind) -> Iterator[list[Row]]:
    """Yield the rows of each row group of a file, as tuples of what sqlite gives."""
    with parquet().ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield _rows(file.read_row_group(number, columns=list(kind.columns)))


def _rows(table: Any) -> list[Row]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def file_hash(path: Path) -> bytes:
    """Return a hash of the bytes of a file."""
    mark = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            mark.update(block)
    return mark.digest()


def parts(look: sqlite3.Connection, kind: str | None = None) -> list[Part]:
    """Return the files of the archive (of *kind*), in the order they were written."""
    rows = look.execute(
        "SELECT id, name, month, file, rows, hash, since, until, pruned_at IS NOT NULL"
        " FROM archives WHERE ?1 IS NULL OR name = ?1 ORDER BY id",
        (kind,),
    )
    return [Part(*(*row[:-1], bool(row[-1]))) for row in rows]


def whole(folder: Path, part: Part) -> str:
    """Return what is wrong with a file of the archive, "" for nothing."""
    path = folder / part.file
    with suppress(OSError):
        return "" if file_hash(path) == part.hash else f"{part.file} is not what was written"
    return f"{part.file} cannot be read"


def bring(look: sqlite3.Connection, source: Path, target: Path) -> tuple[list[str], list[str]]:
    """Copy the noted files that *target* lacks and *source* has. Return them, and those of neither.

    A copy is on the disk, 0600, and the one that was noted, or it is not made.
    """
    brought, missing = [], []
    for part in parts(look):
        if not whole(target, part):
            continue
        if whole(source, part):
            missing.append(part.file)
            continue
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = target / f".{part.file}.part"
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write((source / part.file).read_bytes())
            out.flush()
            os.fsync(out.fileno())
        half.replace(target / part.file)
        brought.append(part.file)
    return brought, missing


def rows_archived(  # what of which kind, whose, when
    folder: Path,
    look: sqlite3.Connection,
    kind: str,
    numbers: Sequence[int] | None,
    *,
    since: int,
    until: int,
    as_of: int,
) -> list[Row]:
    """Return the archived rows of [since, until) known at *as_of*, in the order of their keys.

    *numbers* are our numbers of the markets, ``None`` for all. Raises ``UsageError`` without
    pyarrow where there is something to read, ``StoreCorrupt`` where a file is gone or damaged.
    """
    shape = KINDS[kind]
    wanted = [one for one in parts(look, kind) if one.until >= since and one.since < until]
    found: dict[Row, Row] = {}
    places = [shape.at(one) for one in shape.key]
    for part in wanted:
        filters = [
            (shape.time, ">=", since),
            (shape.time, "<", until),
            ("available_at", "<=", as_of),
        ]
        if numbers is not None:
            filters.append(("market", "in", list(numbers)))  # type: ignore[arg-type]
        path = folder / part.file
        pq = parquet()
        try:
            table = pq.read_table(path, columns=list(shape.columns), filters=filters)
        except (OSError, ValueError) as error:
            raise StoreCorrupt(
                f"the archive {path} cannot be read: {error}",
                hint="put back a copy of data/archive; trading db verify says which file it is",
            ) from error
        for row in _rows(table):
            found.setdefault(tuple(row[place] for place in places), row)
    return [found[key] for key in sorted(found)]


def has_archive(look: sqlite3.Connection) -> bool:
    """Return whether anything was ever archived: without, no reader pays for the other library."""
    return look.execute("SELECT 1 FROM archives LIMIT 1").fetchone() is not None


def quotes_archived(  # the same as history.quote_columns, and where the archive is
    folder: Path,
    look: sqlite3.Connection,
    venue_id: str,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> QuoteColumns:
    """Return what ``history.quote_columns`` does, from the archive and the live file together."""
    live = history.quote_columns(look, venue_id, since=since, until=until, as_of=as_of)
    if not has_archive(look):
        return live
    numbers = list(market_ids(look, [venue_id]).values())
    rows = rows_archived(
        folder, look, "quotes", numbers,
        since=epoch(since), until=epoch(until), as_of=epoch(as_of),
    )  # fmt: skip
    places = [KINDS["quotes"].at(one) for one in _QUOTE]
    by_slot = {row[0]: row for row in ([one[at] for at in places] for one in rows)}
    by_slot |= {row[0]: list(row) for row in zip(*live, strict=True)}
    ordered = [by_slot[slot] for slot in sorted(by_slot)]
    return QuoteColumns(*zip(*ordered, strict=True)) if ordered else QuoteColumns()


def fill_from_archive(
    folder: Path, look: sqlite3.Connection, arrays: Any, *, as_of: datetime
) -> None:
    """Put archived quotes into those cells of a ``QuoteArrays`` that the live file left empty."""
    if not has_archive(look) or not len(arrays.slots):
        return
    known = market_ids(look, arrays.market_ids)
    row_of = {known[venue]: n for n, venue in enumerate(arrays.market_ids) if venue in known}
    first = int(arrays.slots[0])
    rows = rows_archived(
        folder, look, "quotes", list(row_of),
        since=first, until=int(arrays.slots[-1]) + 1, as_of=epoch(as_of),
    )  # fmt: skip
    nan = float("nan")
    for market, slot, bid, ask, bid_depth, ask_depth, *_ in rows:
        cell = row_of[market], (slot - first) // SLOT_SECONDS
        if not all(math.isnan(one[cell]) for one in (arrays.bid, arrays.ask, arrays.bid_depth)):
            continue
        arrays.bid[cell] = nan if bid is None else bid / 1e6
        arrays.ask[cell] = nan if ask is None else ask / 1e6
        arrays.mid[cell] = (arrays.bid[cell] + arrays.ask[cell]) / 2
        arrays.bid_depth[cell] = nan if bid_depth is None else bid_depth
        arrays.ask_depth[cell] = nan if ask_depth is None else ask_depth
