"""What lies in the archive: its files as they are noted in `archives`, and what is in them.

`thawed` reads them together with the live file.
"""

import importlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from trading_cli.core.errors import UsageError

Row = tuple[Any, ...]

FOLDER = "archive"
"""Where it lies, beside the database."""
_BLOCK = 1 << 20
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
    order: tuple[str, ...] = ()  # of a market's rows in a file, where it is not the key's

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
        "siiiiisiiii", ("id",), "event_time", "", ("event_time", "rowid"),
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


def arrow() -> Any:
    """Return the library below it: tables in memory."""
    parquet()
    return importlib.import_module("pyarrow")


def both_outcomes(kind: Kind) -> str:
    """Return the condition that lets the key of *kind* be searched by market and time."""
    return " AND outcome IN (0, 1)" if kind.name == "points" else ""


def groups(path: Path, kind: Kind) -> Iterator[list[Row]]:
    """Yield the rows of each row group of a file, as tuples of what sqlite gives."""
    with parquet().ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield rows_of(file.read_row_group(number, columns=list(kind.columns)))


def rows_of(table: Any) -> list[Row]:
    """Return the rows of an Arrow table, as tuples of what sqlite gives."""
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


def has_archive(look: sqlite3.Connection) -> bool:
    """Return whether anything was ever archived: without, no reader pays for the other library."""
    return look.execute("SELECT 1 FROM archives LIMIT 1").fetchone() is not None
