"""Files as rows of text: CSV and Parquet, plain or gzip, bounded, with the line each row is on.

A file is read as a stream. A line over 1 MiB is refused and skipped; a file that unpacks to more
than 8 GiB, or to 400 times its size, is not read on.
"""

import csv
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from trading_cli.app.importing.refused import CELLS, LONG, NOT_UTF8, UNREADABLE, Refused
from trading_cli.core.errors import UsageError

CHUNK = 50_000
MAX_LINE = 1 << 20
MAX_BYTES = 8 << 30
MAX_RATIO, RATIO_FROM = 400, 64 << 20
MAX_JSON = 256 << 20
TABLES = (".csv", ".tsv", ".parquet")
RECORDS = (".json", ".jsonl", ".ndjson")
NO_PARQUET = "Parquet needs the extra `analytics`"


class Chunk(NamedTuple):
    """Some rows, each a list of cells of text, and the line of the file each one begins on.

    ``lost``: so many more that could not be made into rows, and were refused.
    """

    rows: list[list[str]]
    lines: list[int]
    lost: int = 0


class Table(NamedTuple):
    """One table: its header, then its rows in chunks. To be read once."""

    header: list[str]
    chunks: Iterator[Chunk]


@contextmanager
def readable() -> Iterator[None]:
    """Turn what the system says of a file inside into a UsageError."""
    try:
        yield
    except OSError as error:
        name = error.filename or "a file"
        raise UsageError(
            f"{str(name)[:200]} cannot be read: {error.strerror or error}.",
            hint="look whether it is there, and yours to read",
        ) from error


def found(paths: list[Path]) -> tuple[list[Path], list[str]]:
    """Return the files that *paths* name, a folder's sorted by name; and what was left out of it.

    Raises UsageError for a path that is not there, no plain file, empty, or of no known ending.
    """
    files: list[Path] = []
    left: list[str] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"there is no file {path}.", hint="correct the path")
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.is_file())
            known = [one for one in inside if ending(one) in (*TABLES, *RECORDS)]
            if not known:
                raise UsageError(
                    f"{path} holds no file to import.",
                    hint="CSV, Parquet, JSON or JSON lines, plain or .gz",
                )
            files += known
            left += [one.name for one in inside if one not in known]
            continue
        if ending(path) not in (*TABLES, *RECORDS):
            raise UsageError(
                f"{path.name} is of no kind we read.",
                hint="CSV, Parquet, JSON or JSON lines, plain or .gz: name it so",
            )
        files.append(path)
    names = [path.name for path in files]
    for path in files:
        _must_be_plain(path)
        if names.count(path.name) > 1 and files.count(path) > 1:
            raise UsageError(f"{path} is given twice.", hint="give it once")
    return files, left


def _must_be_plain(path: Path) -> None:
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):
        raise UsageError(f"{path} is no plain file.", hint="copy it into one first")
    if not info.st_size:
        raise UsageError(f"{path} is empty.", hint="export it again")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path} cannot be read.", hint=f"chmod u+r {path}")


def ending(path: Path) -> str:
    """Return the ending that says what is inside, ".gz" aside."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def fingerprint(path: Path) -> tuple[bytes, int]:
    """Return the file's SHA-256 and its size in bytes."""
    held = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            held.update(block)
        return held.digest(), file.tell()


class _Counted(io.RawIOBase):
    """A stream that stops with UsageError where more comes out than can be right."""

    def __init__(self, inner: BinaryIO, name: str, packed: int, most: int) -> None:
        super().__init__()
        self._inner, self._name, self._packed, self._most = inner, name, packed, most
        self._seen = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read on, counting."""
        try:
            block = self._inner.read(len(buffer))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UsageError(
                f"{self._name} is damaged: {error} (after {self._seen} bytes unpacked).",
                hint="fetch or pack it again",
            ) from error
        self._seen += len(block)
        if self._seen > self._most or (
            self._seen > RATIO_FROM and self._seen > MAX_RATIO * self._packed
        ):
            raise UsageError(
                f"{self._name} unpacks to more than {self._seen >> 20} MiB from"
                f" {self._packed} bytes: that is no honest history.",
                hint="unpack it yourself, look at it, and split it",
            )
        buffer[: len(block)] = block
        return len(block)


@contextmanager
def opened(path: Path, most: int = MAX_BYTES) -> Iterator[io.BufferedReader]:
    """Yield the file's bytes, unpacked, at most *most* of them."""
    with ExitStack() as stack:
        plain = stack.enter_context(path.open("rb"))
        packed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        inner: Any = stack.enter_context(gzip.GzipFile(fileobj=plain)) if packed else plain
        counted = _Counted(inner, path.name, path.stat().st_size, most)
        yield stack.enter_context(io.BufferedReader(counted, 1 << 18))


def _text(stream: io.BufferedReader, name: str, refused: Refused) -> Iterator[str]:
    """Yield the lines as text; one too long, or not UTF-8, is refused and yields an empty one."""
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE)
            refused.add(LONG, name, number, "")
            yield "\n"
            continue
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            if number == 1:
                raise UsageError(
                    f"{name} is not UTF-8 text: {error.reason}.", hint="save it as UTF-8 CSV"
                ) from error
            refused.add(NOT_UTF8, name, number, repr(line[:200]))
            yield "\n"


@contextmanager
def table(path: Path, refused: Refused) -> Iterator[Table]:
    """Yield the table in *path*. Raises UsageError where there is none to read."""
    if ending(path) == ".parquet":
        yield _parquet(path)
        return
    with opened(path) as stream:
        lines = _text(stream, path.name, refused)
        first = next(lines, "")
        if "\0" in first or not first.strip():
            raise UsageError(
                f"{path.name} has no header line.", hint="the first line names columns"
            )
        mark = max((",", ";", "\t"), key=first.count)
        header = next(csv.reader([first], delimiter=mark))
        rows = csv.reader(lines, delimiter=mark)
        yield Table(header, _chunks(rows, len(header), path.name, refused))


def _chunks(rows: Any, width: int, name: str, refused: Refused) -> Iterator[Chunk]:
    """Yield the rows that have as many cells as the header; the others are refused."""
    kept: list[list[str]] = []
    lines: list[int] = []
    before = 0
    while True:
        line = rows.line_num + 2  # the header was line 1
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            refused.add(UNREADABLE, name, line, str(error))
            continue
        if len(row) != width:
            if row:
                refused.add(CELLS, name, line, f"{len(row)} instead of {width}")
            continue
        kept.append(row)
        lines.append(line)
        if len(kept) == CHUNK:
            lost = refused.structural(name)
            yield Chunk(kept, lines, lost - before)
            kept, lines, before = [], [], lost
    yield Chunk(kept, lines, refused.structural(name) - before)


def _parquet(path: Path) -> Table:
    """Return the table in a Parquet file; a row's line is its place in it, from 1."""
    try:
        pyarrow = import_module("pyarrow")
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        raise UsageError(
            f"{path.name}: {NO_PARQUET}.", hint="pip install 'trading-cli[analytics]'"
        ) from error
    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"{path.name} is no Parquet file: {error}.", hint="export it again") from (
            error
        )
    names = [str(name) for name in file.schema_arrow.names]

    def chunks() -> Iterator[Chunk]:
        line = 1
        try:
            for batch in file.iter_batches(batch_size=CHUNK):
                columns = [[_cell(value) for value in one.to_pylist()] for one in batch.columns]
                rows = [list(row) for row in zip(*columns, strict=True)]
                yield Chunk(rows, list(range(line, line + len(rows))))
                line += len(rows)
        except (pyarrow.ArrowException, OSError) as error:
            raise UsageError(
                f"{path.name} is damaged from row {line}: {error}.", hint="export it again"
            ) from error

    return Table(names, chunks())


def _cell(value: object) -> str:
    if value is None:
        return ""
    written = getattr(value, "isoformat", None)
    return str(value) if written is None else str(written())
