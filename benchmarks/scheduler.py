"""A month of starts by `trading run`: does the scheduler, which lives that long, grow?

The real clockwork with its chores, its log and its children, each start a process that ends at
once; only the time between two starts is left out. Prints a line a simulated day and the slope;
exit 1 where it gains 1 MB a day or more, or leaves a descriptor or a thread behind.

    python benchmarks/scheduler.py [--days 30]
"""

import argparse
import os
import statistics
import sys
import tempfile
import threading
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import psutil
from apscheduler.triggers.interval import IntervalTrigger

from trading_cli.app.runner import Chore, Job, Runner
from trading_cli.core import log
from trading_cli.domain import SLOT_SECONDS

STARTS_A_DAY = 86_400 // SLOT_SECONDS
SLOPE_MB, WARM_DAYS = 1.0, 2


class Held(NamedTuple):
    """What the process holds."""

    rss_mb: float
    descriptors: int
    threads: int


def held() -> Held:
    """Return what this process holds now."""
    process = psutil.Process()
    return Held(process.memory_info().rss / 1e6, process.num_fds(), threading.active_count())


class Month:
    """Counts the starts by their lines in the log; says when it is over."""

    def __init__(self, log_file: Path, days: int) -> None:
        self._file, self._days = log_file, days
        self.kept: list[Held] = []

    def over(self) -> str:
        """Note each day that is over; return why to end, "" for not yet."""
        ended = self._file.read_text().count("collection begun") if self._file.exists() else 0
        while len(self.kept) < ended // STARTS_A_DAY and len(self.kept) < self._days:
            self.kept.append(held())
            one = self.kept[-1]
            print(
                f"day {len(self.kept):2d}: memory {one.rss_mb:6.1f} MB, {one.descriptors}"
                f" descriptors, {one.threads} threads",
                flush=True,
            )
        return "the month is over" if len(self.kept) >= self._days else ""


def main() -> None:
    """Start them and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log.configure(Path(folder) / "logs", max_mb=100)
        month = Month(Path(folder) / "logs" / "trading.log", asked.days)
        every = timedelta(milliseconds=20)
        job = Job("collection", IntervalTrigger(seconds=0.02), ("/bin/true",), timedelta(minutes=1))
        runner = Runner(
            [job], stopped=month.over, say=lambda _text: None, env=dict(os.environ),
            chores=[Chore("chore", 5 * every, lambda: None)],
        )  # fmt: skip
        runner.serve()
    late = month.kept[WARM_DAYS:]
    slope = statistics.linear_regression(range(len(late)), [one.rss_mb for one in late]).slope
    more = late[-1].descriptors - late[0].descriptors, late[-1].threads - late[0].threads
    print(f"{slope:+.3f} MB a day, {SLOPE_MB:g} allowed; {more[0]:+d} descriptors, {more[1]:+d}")
    if slope >= SLOPE_MB or max(more) > 2:
        sys.exit(1)


if __name__ == "__main__":
    main()
