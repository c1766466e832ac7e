"""Looking after the one file: `trading db`.

backup      a verified, compressed copy of one instant, while everything goes on
restore     such a copy put in the place of the database: trading is stopped by it
verify      whether every row still says what was sealed
optimize    ANALYZE, missing indexes, and a tidier file in the place of the old one
archive     old series into Parquet files, which are read together with the live file
bundle      what one run read and wrote, in a small file of its own
stats       sizes, pace, and how long the usual questions take

``POINTS`` are where a test may kill the process (core/faults): each leaves the old or the new.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from trading_cli.app.runs import only_run

POINTS: tuple[str, ...] = (
    "backup.copied",
    "backup.packed",
    "backup.kept",
    "restore.unpacked",
    "restore.stopped",
    "restore.aside",
    "restore.swapped",
    "restore.told",
    "optimize.sealed",
    "optimize.tidied",
    "optimize.alone",
    "optimize.swapped",
    "archive.written",
    "archive.kept",
    "archive.deleting",
    "archive.pruned",
)
# every kind of work that writes: what takes the whole file takes them all
WORKS: tuple[str, ...] = (
    "collection", "analysis", "validation", "talk", "dealing", "notify", "bot",
)  # fmt: skip
SCHEDULER = "run"
UPKEEP = "upkeep"  # one backup, restore, optimize or archive at a time


@contextmanager
def all_locks(
    folder: Path, now: datetime, *, held: frozenset[str] = frozenset(), scheduler: bool = False
) -> Iterator[None]:
    """Hold the lock of every kind of work but those *held* already; with *scheduler* its own too.

    Raises ``RunLocked`` naming who is at work.
    """
    with ExitStack() as stack:
        for work in (UPKEEP, *([SCHEDULER] if scheduler else []), *WORKS):
            if work not in held:
                stack.enter_context(only_run(folder, work, now))
        yield
