"""A disk without room: how it is told from a broken one, and what is said about it."""

import errno
import os
import sqlite3
from pathlib import Path

from trading_cli.core.errors import StoreFull

LEAST_ROOM = 65_536


def full(path: Path, error: Exception) -> bool:
    """Return whether *error* came because the disk under *path* is full.

    sqlite calls it a failing disk where its own shared-memory file finds no room; so a failure on a
    disk with less room than that file may take is one for lack of room.
    """
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code != sqlite3.SQLITE_IOERR:
        return code == sqlite3.SQLITE_FULL
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < LEAST_ROOM


def no_room(path: Path, error: Exception) -> StoreFull:
    """Return the failure to raise where what belongs at *path* found no room."""
    return StoreFull(
        f"the disk under {path} is full; nothing of this step was stored ({error})",
        hint="free some space, then run the same command again",
    )
