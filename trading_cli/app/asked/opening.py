"""One look at the file of a home, for who only reads; ``None`` where there is no file yet."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trading_cli.app import brief
from trading_cli.app.latch import KILL_FILE
from trading_cli.app.overview import HINT
from trading_cli.app.settings import Loaded
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import UsageError
from trading_cli.store import Store, Transaction
from trading_cli.store.born import is_there
from trading_cli.store.readers import TIDY_S, Readers, at_hand

__all__ = [
    "NOTHING",
    "TIDY_S",
    "Look",
    "Readers",
    "Stamp",
    "at_hand",
    "looking",
    "no_market",
    "stamp",
]
NOTHING = [HINT]


@dataclass(frozen=True, slots=True)
class Look:
    """One unchanging state of everything, and when it is looked at."""

    rows: Transaction
    now: datetime


@contextmanager
def looking(config: Path | None, clock: Clock | None = None) -> Iterator[Look | None]:
    """Yield a look at the home's file, ``None`` where nothing was collected yet.

    Raises ConfigError for wrong settings, StoreError for a file that cannot be read.
    """
    known = brief.read(config, os.environ)
    now = (clock or SystemClock()).now()
    with ExitStack() as stack:
        if not is_there(known.database):
            yield None
            return
        store = stack.enter_context(Store.reader(known.database))
        yield Look(stack.enter_context(store.reading()), now)


def no_market(name: str) -> UsageError:
    """Return the error of a market that nobody knows."""
    return UsageError(f"there is no market {name!r}.", hint="trading markets --search WORD")


Stamp = tuple[tuple[int, int, int] | None, ...]


def stamp(loaded: Loaded) -> Stamp:
    """Return what changes whenever anybody wrote to the home's database, or stopped it by hand."""
    database = loaded.database
    wal = database.with_name(f"{database.name}-wal")
    return tuple(_stat(path) for path in (database, wal, loaded.home / "data" / KILL_FILE))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
