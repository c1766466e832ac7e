"""Thirty days of cycles against the pretend exchange: is every slot accounted for, does it grow?

Real HTTP on loopback, the exchange in a process of its own, both clocks set to each slot in turn;
the whole collection cycle in this one process, so that what it leaks adds up (cron, systemd and
`trading run` start each cycle as a process of its own: there nothing can add up, and what lives for
months is the scheduler, which runs no cycle itself). Each day ends with the daily cycle. The slope
is of what this process holds after a day's last cycle; the most it held meanwhile, and what the
exchange's process (`trading simulate`) holds, are told and bound, too.

The file is held against what `db stats` foretold: the first forecast it gives (after three whole
days), against all that came. How many markets the exchange lists, and how many of them pass the
bars, no forecast knows; so the same forecast is also held, more narrowly, against what came of the
markets that there were: that shows whether the rows and their bytes are as foretold, which is what
the program can know. And each day's forecast is told beside the week that followed it.

Prints one line a day and at the end the bounds of the plan; exit 1 where one is missed.

    python benchmarks/thirty_days.py [--days 30] [--markets 50] [--seed 1]
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import psutil

from trading_cli.app.cycles import run_cycle
from trading_cli.app.demo_day import AFTER_SLOT_S, DAY_S, FIRST_SLOT, write_home
from trading_cli.app.settings import load
from trading_cli.app.steps import ANALYSIS, COLLECTION
from trading_cli.app.toolkit import Toolkit
from trading_cli.app.upkeep.stats import stats
from trading_cli.core import log
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.store import Store, ledger, pace, runs

SLOTS = DAY_S // SLOT_SECONDS
ACCOUNTED, SLOPE_MB, P95_S, WAL_MB, RSS_MB = 0.999, 1.0, 30.0, 64.0, 500.0
GROWTH = 1.5  # the file may grow by so much more than db stats foretold
GROWTH_EACH = 1.25  # and by so much more or less for the markets that there were
WEEK = 7
STAGES = {pace.MARKETS: "markets", pace.CANDIDATES: "candidates"}
HISTORY_DAYS = 30
WARM_DAYS = 3  # by then every bounded memory is full
SERVER = """
import sys, threading
from trading_cli.simulator.running import start
from trading_cli.simulator.world import World
seed, markets, begin, end, now = (int(word) for word in sys.argv[1:])
world = World(seed, markets, start=begin, end=end, liquid_share=0.9)
with start(world, limits=False, now=now) as exchange:
    print(exchange.url, flush=True)
    sys.stdin.read()
"""


class Day(NamedTuple):
    """What one day came to."""

    rss_mb: float
    peak_mb: float
    exchange_mb: float
    file_mb: float
    wal_mb: float
    p95_s: float
    growth: Mapping[str, Any]  # as db stats tells it


class Clock(FrozenClock):
    """The toolkit's clock; a wait is a second of the exchange's time, too."""

    url = ""
    exchange = 0

    def move(self, at: float) -> None:
        """Set both clocks, epoch seconds."""
        self.set(from_epoch(at))
        body = json.dumps({"now": at}).encode()
        with urlopen(Request(f"{self.url}/_control/clock", body), timeout=30):  # noqa: S310  # ours
            pass

    def sleep(self, seconds: float) -> None:
        """Let real time pass, and a second of the world's."""
        self.move(self.now().timestamp() + 1)
        super().sleep(seconds)


@contextlib.contextmanager
def exchange(asked: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """Yield the address of a pretend exchange in a process of its own, and that process."""
    end = FIRST_SLOT + (asked.days + 2) * DAY_S
    words = (asked.seed, asked.markets, FIRST_SLOT - HISTORY_DAYS * DAY_S, end, FIRST_SLOT)
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, *map(str, words)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None  # noqa: S101  # it was asked for
        yield server.stdout.readline().strip(), server.pid
        server.terminate()


def quiet(_text: str) -> None:
    """Hear nothing."""


def size_of(path: Path) -> float:
    """Return the bytes of *path* in MB, 0 where it is not there."""
    try:
        return path.stat().st_size / 1e6
    except FileNotFoundError:
        return 0.0


def held(process: psutil.Process) -> float:
    """Return the MB of memory a process holds."""
    return float(process.memory_info().rss) / 1e6


@contextlib.contextmanager
def watched(*numbers: Callable[[], float]) -> Iterator[list[float]]:
    """Yield a list of the most that each of *numbers* ever was meanwhile."""
    most, over = [0.0] * len(numbers), threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            most[:] = map(max, most, (number() for number in numbers))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()


def day(kit: Toolkit, clock: Clock, number: int, took: list[float]) -> Day:
    """Live one day of slots; return what it came to."""
    times: list[float] = []
    ours, theirs = psutil.Process(), psutil.Process(clock.exchange)
    wal = kit.loaded.database.with_name(kit.loaded.database.name + "-wal")
    with watched(partial(size_of, wal), partial(held, ours)) as most:
        for turn in range(number * SLOTS, (number + 1) * SLOTS):
            clock.move(FIRST_SLOT + turn * SLOT_SECONDS + AFTER_SLOT_S)
            began = time.monotonic()
            run_cycle(kit, COLLECTION, progress=quiet, started_by="thirty days")
            times.append(time.monotonic() - began)
        run_cycle(kit, ANALYSIS, progress=quiet, started_by="thirty days")
    took += times
    now_held = held(ours)  # before `db stats`, a command of its own, has read the file
    growth = stats(kit.loaded.config, clock=clock)["growth"]
    return Day(
        now_held,
        most[1],
        held(theirs),
        kit.loaded.database.stat().st_size / 1e6,
        most[0],
        statistics.quantiles(times, n=20)[-1],
        growth,
    )


def accounted(database: Path, days: int) -> tuple[int, int]:
    """Return of how many slots it is known what came of them, and how many there were."""
    slots = {FIRST_SLOT + turn * SLOT_SECONDS for turn in range(days * SLOTS)}
    with Store.reader(database) as store, store.reading() as look:
        ran = {one.slot for one in runs.last(look, cycles=["collection"], limit=10 * len(slots))}
        until = from_epoch(max(slots)) + timedelta(seconds=SLOT_SECONDS)
        told = ledger.slots_told(look, since=from_epoch(FIRST_SLOT), until=until)
    return len(slots & ran & told), len(slots)


def markets(database: Path, days: int) -> list[dict[str, float]]:
    """Return how many markets were followed, and how many were candidates, day by day."""
    with Store.reader(database) as store, store.reading() as look:
        found = pace.loads(look, FIRST_SLOT, FIRST_SLOT + days * DAY_S)
    first = FIRST_SLOT // DAY_S
    return [
        {name: found.get(stage, {}).get(first + day, 0.0) for stage, name in STAGES.items()}
        for day in range(days)
    ]


def foretold(growth: Mapping[str, Any], load: Mapping[str, float] | None = None) -> float:
    """Return the MB a day that `db stats` tells, with *load*: were there so many markets."""
    total = 0.0
    for one in growth["a_day"].values():
        was = growth["load"].get(one["grows_with"])
        times = load[one["grows_with"]] / was if load and was else 1.0
        total += (one["bytes"] or 0.0) * times
    return total / 1e6


def slope(kept: list[float]) -> float | None:
    """Return MB of memory gained a day, over the days after the first ones; of too few ``None``."""
    late = kept[min(WARM_DAYS, len(kept) // 2) :]
    if len(late) < 2:
        return None
    return statistics.linear_regression(range(len(late)), late).slope


def verdicts(
    days: list[Day],
    took: list[float],
    known: tuple[int, int],
    lived: Sequence[Mapping[str, float]],
) -> Iterator[tuple[bool, str]]:
    """Yield each bound: whether it is kept, and in words."""
    share = known[0] / known[1]
    yield share >= ACCOUNTED, f"slots accounted for: {known[0]} of {known[1]} ({share:.2%})"
    for whose, kept in (
        ("cycles", [one.rss_mb for one in days]),
        ("exchange", [one.exchange_mb for one in days]),
    ):
        gained = slope(kept)
        words = "needs three days" if gained is None else f"{gained:+.2f} MB a day once warm"
        yield gained is None or gained < SLOPE_MB, f"memory, {whose}: {words}, {SLOPE_MB:g} allowed"
    most = max(one.peak_mb for one in days)
    yield most < RSS_MB, f"memory at most, within a cycle: {most:.0f} MB, {RSS_MB:g} allowed"
    p95 = statistics.quantiles(took, n=20)[-1]
    yield p95 < P95_S, f"p95 of a cycle: {p95:.2f} s, {P95_S:g} allowed"
    log_mb = max(one.wal_mb for one in days)
    yield log_mb <= WAL_MB, f"write-ahead log at most: {log_mb:.1f} MB, {WAL_MB:g} allowed"
    yield from growth_verdicts(days, lived)


def growth_verdicts(
    days: list[Day], lived: Sequence[Mapping[str, float]]
) -> Iterator[tuple[bool, str]]:
    """Yield how the file grew beside what was foretold; see the top of this file."""
    told = [n for n, one in enumerate(days) if one.growth["bytes_a_day"]]
    if not told or told[0] + 1 >= len(days):
        yield True, "growth against the forecast: needs five days"
        return
    first = told[0]
    growth = days[first].growth
    grew = (days[-1].file_mb - days[1].file_mb) / (len(days) - 2)
    yield (
        grew <= GROWTH * foretold(growth),
        f"file: {grew:.2f} MB a day, db stats foretold {foretold(growth):.2f} on day {first + 1}",
    )
    grew = (days[-1].file_mb - days[first].file_mb) / (len(days) - 1 - first)
    each = statistics.fmean(foretold(growth, load) for load in lived[first + 1 :])
    words = f"{grew:.2f} MB a day, foretold {each:.2f} ({grew / each:.2f} times)"
    kept = 1 / GROWTH_EACH <= grew / each <= GROWTH_EACH
    yield kept, f"file, by the markets there were: {words}"
    weeks = [
        (days[n + WEEK].file_mb - days[n].file_mb) / WEEK / foretold(days[n].growth)
        for n in told
        if n + WEEK < len(days)
    ]
    if weeks:
        words = f"{min(weeks):.2f} to {max(weeks):.2f} times, median {statistics.median(weeks):.2f}"
        yield True, f"file, each week against the forecast before it (not bound): {words}"


def main() -> None:
    """Live the days and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--markets", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    days: list[Day] = []
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder, exchange(asked) as (url, server):
        loaded = load(write_home(Path(folder) / "home", url), env={})
        log.configure(loaded.logs, secrets=loaded.secrets.values())
        clock = Clock(from_epoch(FIRST_SLOT))
        clock.url, clock.exchange = url, server
        with Toolkit(loaded, clock=clock, env={}) as kit:
            for number in range(asked.days):
                days.append(day(kit, clock, number, took))
                one = days[-1]
                print(
                    f"day {number + 1:2d}: memory {one.rss_mb:6.1f} MB (most {one.peak_mb:6.1f}),"
                    f" exchange {one.exchange_mb:6.1f} MB, file {one.file_mb:7.2f} MB,"
                    f" log at most {one.wal_mb:5.2f} MB, p95 {one.p95_s:5.2f} s",
                    flush=True,
                )
        known = accounted(loaded.database, asked.days)
        told = list(verdicts(days, took, known, markets(loaded.database, asked.days)))
    for kept, words in told:
        print(f"{'ok  ' if kept else 'FAIL'} {words}")
    if not all(kept for kept, _ in told):
        sys.exit(1)


if __name__ == "__main__":
    main()
