"""Whether a home is new: a mark beside the database outlives it.

A database that is made where one was before is not a new home's. What the lost one said, also that
trading was stopped, is lost with it, so the new one begins stopped.
"""

import os
from datetime import datetime
from pathlib import Path

from trading_cli.core import disk
from trading_cli.core.errors import StoreCorrupt, StoreReadOnly

LOST = "there was a database here before, and it is gone: what it said is not known"


def mark_of(path: Path) -> Path:
    """Return the mark that stands beside the database *path* from its first day on."""
    return path.with_name(f".{path.name}.born")


def is_there(path: Path) -> bool:
    """Return whether a database is at *path*; False only where there never was one.

    Raises ``StoreCorrupt`` where there was one and it is gone: that is no new home.
    """
    if path.exists():
        return True
    mark = mark_of(path)
    if os.path.lexists(mark):
        raise StoreCorrupt(
            f"there was a database at {path} and it is gone",
            hint=f"put back a copy of it, or, to begin anew, delete the mark {mark} too",
        )
    return False


def leave_mark(path: Path, now: datetime) -> None:
    """Leave the mark beside the database *path*, 0600; one that is there stays.

    Raises ``StoreFull`` or ``StoreReadOnly``. A crash between the file and its mark leaves a file
    without one: the next opening leaves it.
    """
    mark = mark_of(path)
    if os.path.lexists(mark):
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(mark, flags, 0o600)
        try:
            os.write(descriptor, f"{now.isoformat()}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if disk.full(path, error):
            raise disk.no_room(path, error) from error
        raise StoreReadOnly(
            f"{mark} cannot be written: {error.strerror or error}",
            hint="look whether the folder is yours to write",
        ) from error
