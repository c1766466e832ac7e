"""What happened since, for whoever looks on: the rows of the stream, read without staying.

No connection is held: a file that a reader had open all day could neither be tidied nor put back
from a copy. Whether there is anything to read is asked of the file itself.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trading_cli.store import Store, happenings

PAGE = 500
SETTLED_S = 1.0  # two commits closer together than a file's clock ticks look like one
Happening = happenings.Happening
Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Since:
    """What was read: rows in order, at most ``PAGE``, and which numbers are kept."""

    rows: Sequence[Happening]
    oldest: int
    newest: int


def stamp(database: Path) -> Stamp:
    """Return what changes with every commit to *database*: of it and its log, inode, time, size."""
    found: list[tuple[int, int, int] | None] = []
    for path in (database, database.with_name(database.name + "-wal")):
        told = None
        with suppress(OSError):
            info = path.stat()
            told = (info.st_ino, info.st_mtime_ns, info.st_size)
        found.append(told)
    return tuple(found)


class Watch:
    """Says whether *database* was written to since it was last asked. Not for sharing."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._seen: Stamp | None = None
        self._sure = False

    def moved(self) -> bool:
        """Return whether there may be something new; True once more after a change just made."""
        now = stamp(self._database)
        same = now == self._seen
        if same and self._sure:
            return False
        newest = max((one[1] for one in now if one is not None), default=0)
        self._seen = now
        self._sure = abs(time.time_ns() - newest) > SETTLED_S * 1e9
        return True


def since(database: Path, last: int, *, busy_ms: int = 5000) -> Since:
    """Return what happened after number *last*. Raises ``StoreError`` where nobody can look."""
    with Store.reader(database, busy_timeout_ms=busy_ms) as store, store.reading() as look:
        kept = happenings.kept(look)
        return Since(happenings.after(look, last, limit=PAGE), kept.oldest, kept.newest)


def is_gap(last: int, found: Since) -> bool:
    """Return whether something after *last* is not kept any more, or *last* is of another file."""
    return last > found.newest or (last + 1 < found.oldest)


def told(one: Happening) -> dict[str, Any]:
    """Return a happening as JSON has it."""
    return {"id": one.id, "at": one.at.isoformat(), "kind": one.kind, "subject": one.subject}
