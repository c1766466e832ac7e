"""Cells of a sweep a second: one process, two, and a dask cluster of two on this machine, in turns.

    python benchmarks/scale_out.py [--cells 24] [--days 2] [--markets 20] [--rounds 3]

The same cells by the same engine over the same history, which every worker makes for itself; every
way must come to the same digests. What starts the processes is timed apart and said. Above as many
workers as there are cores nothing more can be won: this machine's are said in the first line.
"""

import argparse
import hashlib
import os
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from trading_cli.app.backtests.cells import Cell
from trading_cli.app.backtests.grid import axes, cells
from trading_cli.app.backtests.sweep import attempted
from trading_cli.app.settings import Settings
from trading_cli.app.workers import Crew

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "app" / "backtests"))
from made_source import START, Made  # the histories of the tests

WORKERS = 2


def work(count: int, days: int, markets: int) -> list[Cell]:
    """Return *count* cells that differ in their stop."""
    source = Made(days, markets, step=0.12)
    base = Cell(
        source, Settings().model_dump_json(), Path(), ("roc_only",), START, source.until, "zero"
    )
    stops = ",".join(f"{0.05 + 0.005 * one:.3f}" for one in range(count))
    return cells(base, axes([f"exits.stop={stops}"]))


def timed(crew: Crew, cells: Sequence[Cell]) -> tuple[float, str]:
    """Return the wall seconds of *cells* and what stands for all that came of it."""
    begun = time.perf_counter()
    found = dict(crew.as_they_end(attempted, cells))
    seconds = time.perf_counter() - begun
    made = hashlib.blake2b(digest_size=8)
    for place in range(len(cells)):
        made.update(found[place].run.digest.encode())
        made.update(found[place].run.equity.cash.tobytes())
    return seconds, made.hexdigest()


def main() -> int:
    """Measure, print, and return 1 where anybody came to something else."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=24)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--markets", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    cells = work(asked.cells, asked.days, asked.markets)
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; {asked.cells} cells of {asked.days} days x"
          f" {asked.markets} markets, {asked.rounds} rounds in turns")  # fmt: skip
    crews = {"1 process": Crew(), f"{WORKERS} processes": Crew(WORKERS)}
    with ExitStack() as stack:
        begun = time.perf_counter()
        try:
            from distributed import LocalCluster  # noqa: PLC0415  # an extra
        except ImportError:
            print("dask: not installed (the extra `dask`): left out")
        else:
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=WORKERS, threads_per_worker=1, processes=True, host="127.0.0.1",
                    dashboard_address="127.0.0.1:0", silence_logs=50,
                )
            )  # fmt: skip
            crews[f"dask, {WORKERS} workers"] = Crew(cluster=cluster.scheduler_address)
            print(f"the cluster was there after {time.perf_counter() - begun:.1f} s")
        for name, crew in crews.items():
            first, _ = timed(crew, cells[:WORKERS])
            print(f"{name}: the first {WORKERS} cells, imports included, after {first:.1f} s")
        return measured(crews, cells, asked.rounds)


def measured(crews: dict[str, Crew], cells: Sequence[Cell], rounds: int) -> int:
    """Run *cells* by each of *crews* in turns and print the medians."""
    seconds: dict[str, list[float]] = {name: [] for name in crews}
    found = set()
    for _ in range(rounds):
        for name, crew in crews.items():
            took, digest = timed(crew, cells)
            seconds[name].append(took)
            found.add(digest)
    alone = statistics.median(seconds["1 process"])
    for name, took in seconds.items():
        middle = statistics.median(took)
        print(
            f"{name:16} {len(cells) / middle:6.2f} cells/s  {alone / middle:4.2f} x"
            f"  ({min(took):.1f} to {max(took):.1f} s)"
        )
    print("all came to the same" if len(found) == 1 else f"DIFFERENT RESULTS: {sorted(found)}")
    return len(found) > 1


if __name__ == "__main__":
    raise SystemExit(main())
