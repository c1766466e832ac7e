"""The records as files for other programs: CSV that no spreadsheet runs, or JSON.

A text that a spreadsheet would take for a formula (it begins with = + - @, also full-width or after
blanks and unseen characters, with a tab or a line break) gets an apostrophe before it; numbers are
left alone. A file is written whole or not at all, 0600.
"""

import csv
import io
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from unicodedata import category

from trading_cli.app import brief
from trading_cli.core.errors import UsageError
from trading_cli.domain import Decision, Entry, Fill, Level, Order, Position
from trading_cli.store import Store, Transaction, balances, deals, decided, holdings, journal

EVERY = 2**62
SIGNS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u2212")
BREAKS = frozenset("\t\r\n")
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
ENDINGS = (".csv", ".json")
_AMOUNT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def export(config: Path | None, file: Path, *, what: str) -> dict[str, Any]:
    """Write all rows of *what* to *file*, by its ending; return {file, what, rows}.

    Raises UsageError for another ending, an unknown *what*, or a file that cannot be written.
    """
    if file.suffix.lower() not in ENDINGS:
        raise UsageError(f"{file} is neither .csv nor .json.", hint="name it journal.csv")
    if what not in RECORDS:
        raise UsageError(f"there is no record {what!r}.", hint=f"one of {', '.join(RECORDS)}")
    known = brief.read(config, os.environ)
    read, columns = RECORDS[what]
    with Store.reader(known.database) as store, store.reading() as look:
        rows = [{name: _value(getattr(row, name)) for name in columns} for row in read(look)]
    as_csv = file.suffix.lower() == ".csv"
    write_whole(file, to_csv(columns, rows) if as_csv else json.dumps(rows, indent=1))
    return {"file": str(file), "what": what, "rows": len(rows)}


def to_csv(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    """Return *rows* under *columns* as CSV; what is absent is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(row[name]) for name in columns] for row in rows)
    return text.getvalue()


def cell(value: object) -> object:
    """Return *value* as a cell: JSON for what has parts, no formula, line ends alone as breaks."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    # Bare, a carriage return would end the row: the writer quotes the line end it writes alone.
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    harmless = not _begins_one(text) or _AMOUNT.fullmatch(text)
    return text if harmless else f"'{text}"


def _begins_one(text: str) -> bool:
    """Say whether *text* begins a formula once what a reader may trim is gone."""
    kept = next((at for at, c in enumerate(text) if not _trimmed(c)), len(text))
    return text[:1] in BREAKS or text[kept : kept + 1] in SIGNS


def _trimmed(char: str) -> bool:
    return char.isspace() or category(char) in UNSEEN


def _value(value: Any) -> Any:
    """Return *value* as JSON types; money as exact text."""
    if isinstance(value, Mapping):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, Level):
        return [str(value.price), str(value.size)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, datetime) else value


def write_whole(file: Path, text: str) -> None:
    """Write *text* to *file* as a whole or not at all, for its owner alone."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(partial, flags, 0o600)
        with os.fdopen(
            descriptor, "w", encoding="utf-8", errors="backslashreplace", newline=""
        ) as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UsageError(
            f"cannot write {file}: {error.strerror}.", hint="name a file in a writable folder"
        ) from error


def _columns(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


Read = Callable[[Transaction], Sequence[object]]

RECORDS: Mapping[str, tuple[Read, tuple[str, ...]]] = {
    "journal": (lambda look: journal.rows(look, limit=EVERY), _columns(journal.Row)),
    "decisions": (
        lambda look: decided.decisions(look, limit=EVERY)[::-1],
        _columns(Decision),
    ),
    "orders": (lambda look: deals.orders(look, limit=EVERY)[::-1], _columns(Order)),
    "fills": (lambda look: deals.fills(look, limit=EVERY), _columns(Fill)),
    "positions": (lambda look: holdings.positions(look, every=True), _columns(Position)),
    "ledger": (balances.entries, _columns(Entry)),
}
