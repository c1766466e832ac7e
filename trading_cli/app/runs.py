"""One run of each kind of work at a time, across processes; the second says who holds the lock."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from trading_cli.core import disk
from trading_cli.core.errors import RunLocked, StoreReadOnly

_HOLDER_UNKNOWN = "another process"


@contextmanager
def only_run(folder: Path, work: str, now: datetime, *, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock of *work* in *folder* for the block; wait *patience* real seconds for it.

    Raises ``RunLocked`` naming the holder when somebody else has it. The operating system frees the
    lock of a process that died, so none is ever stale.
    """
    lock = FileLock(folder / f"{work}.lock", mode=0o600)
    note = folder / f"{work}.holder"
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        raise RunLocked(
            f"another `{work}` is at work: {_holder(note)} holds the lock.",
            hint="wait for it to end, or look with `trading status`",
        ) from None
    except OSError as error:
        raise StoreReadOnly(
            f"cannot lock in {folder}: {error.strerror}.", hint=f"make {folder} writable"
        ) from error
    try:
        _note(note, now)
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def held_by(folder: Path, work: str) -> str:
    """Return who holds the lock of *work* in *folder* now, "" where nobody does. Takes no lock."""
    path = folder / f"{work}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _holder(folder / f"{work}.holder")
    else:
        return ""
    finally:
        os.close(descriptor)


def _note(note: Path, now: datetime) -> None:
    """Say who holds the lock; raises a ``StoreError`` where that cannot be written."""
    try:
        note.touch(mode=0o600)
        note.write_text(json.dumps({"pid": os.getpid(), "since": now.isoformat()}))
    except OSError as error:
        if disk.full(note, error):
            raise disk.no_room(note, error) from error
        raise StoreReadOnly(
            f"we may not write in {note.parent}: {error.strerror}.",
            hint=f"make {note.parent} writable",
        ) from error


def _holder(note: Path) -> str:
    try:
        held = json.loads(note.read_text())
        return f"process {int(held['pid'])}, since {held['since']},"
    except (OSError, ValueError, KeyError, TypeError):
        return _HOLDER_UNKNOWN
