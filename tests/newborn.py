"""A new database as the migrations make it: made by them once for each instant, then copied.

Making one is 1,400 statements, and thousands of tests begin with one. What the migrations write
depends on nothing but the instant, so a second one of the same instant is a copy of the first.
`tests/store/test_newborn.py` compares the two; tests about making one ask for ``own_migrations``.
"""

import os
import sqlite3
from datetime import datetime
from pathlib import Path
from threading import Lock

from trading_cli.store import migrations
from trading_cli.store.born import mark_of

KEPT = 32  # instants, the newest asked for; 0.7 MB each


class Newborn:
    """Stands where ``migrations.migrate`` stands, and asks it whenever a copy will not do."""

    def __init__(self) -> None:
        self.real = migrations.migrate
        self._known = _steps()
        self._kept: dict[tuple[int, int], sqlite3.Connection] = {}
        self._lock = Lock()
        self._pid = os.getpid()

    def migrate(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        now: datetime,
        backups: int,
        application_id: int,
    ) -> None:
        """Bring the file up to date, an empty one by a copy where one of that instant was made.

        A file that is not empty, a home that lost one, a schema that a test changed, a process
        that is to die on the way and one that was forked have the migrations themselves.
        """
        words = {"now": now, "backups": backups, "application_id": application_id}
        if not self._may_copy(connection, path):
            self.real(connection, path, **words)
            return
        key = (int(now.timestamp()), application_id)
        with self._lock:
            if _holds_something(connection):  # another thread was quicker
                self.real(connection, path, **words)
                return
            kept = self._kept.pop(key, None)
            if kept is None:
                self.real(connection, path, **words)
                kept = sqlite3.connect(":memory:", check_same_thread=False)
                connection.backup(kept)
            else:
                kept.backup(connection)
            self._kept[key] = kept
            if len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept))).close()

    def _may_copy(self, connection: sqlite3.Connection, path: Path) -> bool:
        return (
            self._known == _steps()
            and os.getpid() == self._pid
            and "TRADING_FAULT" not in os.environ
            and not os.path.lexists(mark_of(path))
            and not _holds_something(connection)
        )


def _steps() -> tuple[object, ...]:
    return migrations.STEPS, migrations.NEWEST, migrations._apply, migrations.watch


def _holds_something(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
