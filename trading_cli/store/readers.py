"""Connections that look on, kept for a moment by a server: opening one reads the whole schema.

Only who enters ``at_hand`` has them; every other command opens its own and closes it. One that is
kept is in nobody's hands, in no transaction and at no statement: it never holds back the log. All
are closed ``LIVES_S`` after the first was opened, and then none is kept for ``RESTS_S``, so who
must be alone with the file waits a second, however many ask. One is taken again only while the very
file it was opened on stands there untouched: none survives a file that was swapped, restored or
written back into.
"""

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

LIVES_S, RESTS_S = 0.8, 0.2
TIDY_S = 0.1  # so often who has some calls `tidy`
MOST = 4
_MARK = "trading_at_rest"
Stand = tuple[int, int, int, int]
"""Device, inode, size and time of change of a file."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a connection was opened for: the file as it stood, how long it waits; till when."""

    path: Path
    stand: Stand | None
    busy_timeout_ms: int
    process: int
    until: float

    def hold(self, now: float) -> bool:
        """Return whether a connection of these terms is still one to this file, and ours."""
        return (
            now < self.until
            and self.process == os.getpid()
            and self.stand is not None
            and self.stand == _stand(self.path)
        )


def _stand(path: Path) -> Stand | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class Readers:
    """A few connections between two uses; for any thread. Closed, it keeps none any more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: list[tuple[Terms, sqlite3.Connection]] = []
        self._clock = clock
        self._lock = threading.Lock()
        self._born = -math.inf
        self._closed = False

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def terms(self, path: Path, busy_timeout_ms: int) -> Terms:
        """Return the terms of what is about to be opened at *path*."""
        now = self._clock()
        with self._lock:
            if now >= self._born + LIVES_S + RESTS_S:
                self._born = now
            until = self._born + LIVES_S
        return Terms(path, _stand(path), busy_timeout_ms, os.getpid(), until)

    def take(self, path: Path, busy_timeout_ms: int) -> tuple[Terms, sqlite3.Connection] | None:
        """Return one to *path* for the caller alone, the one used last; ``None`` where none is."""
        while True:
            with self._lock:
                found = next(
                    (
                        one
                        for one in reversed(self._kept)
                        if (one[0].path, one[0].busy_timeout_ms) == (path, busy_timeout_ms)
                    ),
                    None,
                )
                if found is None:
                    return None
                self._kept.remove(found)
            terms, connection = found
            if terms.hold(self._clock()):
                return terms, connection
            _let_go(terms, connection)

    def give_back(self, terms: Terms, connection: sqlite3.Connection) -> None:
        """Keep *connection* for the next one, or close it where it is not as it was opened."""
        if terms.hold(self._clock()) and _at_rest(connection):
            with self._lock:
                if not self._closed and len(self._kept) < MOST:
                    self._kept.append((terms, connection))
                    return
        _let_go(terms, connection)

    def tidy(self) -> None:
        """Close those whose time is over."""
        now = self._clock()
        with self._lock:
            gone = [one for one in self._kept if self._closed or not one[0].hold(now)]
            self._kept = [one for one in self._kept if one not in gone]
        for terms, connection in gone:
            _let_go(terms, connection)

    def close(self) -> None:
        """Close all there are; what is given back later is closed then."""
        self._closed = True
        self.tidy()


AT_HAND: ContextVar[Readers | None] = ContextVar("readers_at_hand", default=None)


@contextmanager
def at_hand(readers: Readers) -> Iterator[None]:
    """Let whoever opens a database for looking in this context take it from *readers*."""
    token = AT_HAND.set(readers)
    try:
        yield
    finally:
        AT_HAND.reset(token)


def prepared(connection: sqlite3.Connection) -> None:
    """Put the mark on a new connection by which ``_at_rest`` sees that nothing is under way."""
    connection.create_function(_MARK, 0, bool)


def _at_rest(connection: sqlite3.Connection) -> bool:
    """Return whether *connection* is as it was opened: nothing under way, nothing beside the file.

    sqlite lets a function be replaced only where no statement is at work, also none that somebody
    forgot half read: such a one would hold back the log for ever.
    """
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            return False
        prepared(connection)
        beside = connection.execute("PRAGMA database_list").fetchall()
        (shut,) = connection.execute("PRAGMA query_only").fetchone()
        return len(beside) == 1 and shut == 1
    return False


def _let_go(terms: Terms, connection: sqlite3.Connection) -> None:
    """Close *connection*, but for one that another process opened: its locks are not ours."""
    if terms.process == os.getpid():
        connection.close()
