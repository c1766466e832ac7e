"""The file the rate limiter keeps its state in: opened, made, or set aside when damaged."""

import logging
import os
import sqlite3
from pathlib import Path

from trading_cli.core.errors import ConfigError

_LOG = logging.getLogger("ratelimit")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS file (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  seen REAL NOT NULL,
  careful_since REAL
) STRICT;
CREATE TABLE IF NOT EXISTS budget (
  host TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  tat REAL NOT NULL DEFAULT 0,
  interval REAL NOT NULL DEFAULT 0,
  depth INTEGER NOT NULL DEFAULT 1,
  blocked REAL NOT NULL DEFAULT 0,
  strikes INTEGER NOT NULL DEFAULT 0,
  sent INTEGER NOT NULL DEFAULT 0,
  waited REAL NOT NULL DEFAULT 0,
  throttled INTEGER NOT NULL DEFAULT 0,
  seen REAL NOT NULL,
  PRIMARY KEY (host, endpoint)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS circuit (
  host TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  opened INTEGER NOT NULL,
  until REAL NOT NULL,
  probe REAL NOT NULL,
  seen REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""


def connect(path: Path, now: float) -> sqlite3.Connection:
    """Open (or make) the file at *path*; a damaged one is set aside and made anew, carefully.

    Raises ConfigError when the folder cannot be written.
    """
    _prepare(path)
    try:
        return _opened(path, now, careful=False)
    except sqlite3.OperationalError as error:
        raise _unusable(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        set_aside(path, str(error), now)
    _prepare(path)
    return _opened(path, now, careful=True)


def set_aside(path: Path, why: str, now: float) -> None:
    """Move a damaged file out of the way, with its companions, and say so in the log."""
    aside = path.with_name(f"{path.name}.damaged-{int(now)}")
    for suffix in ("", "-wal", "-shm"):
        try:
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unusable(path, str(error)) from error
    _LOG.warning("the limits file %s was damaged (%s): set aside as %s", path, why, aside.name)


def _prepare(path: Path) -> None:
    """Make the folder 0700 and the file 0600 where they are missing."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error


def _opened(path: Path, now: float, *, careful: bool) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
        db.execute(
            "INSERT OR IGNORE INTO file (one, seen, careful_since) VALUES (1, ?, ?)",
            (now, now if careful else None),
        )
    except sqlite3.Error:
        db.close()
        raise
    return db


def _unusable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the shared request budgets cannot be kept in {path.parent}: {why}",
        hint=f"make {path.parent} writable, or set data_collection.limits_path to another file",
    )
