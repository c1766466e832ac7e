"""Monte Carlo paths a second and peak memory: ours beside quantstats and arch, in turn, in one run.

usage: montecarlo.py [rounds]            each measurement is a process of its own
       montecarlo.py --one METHOD PATHS

The same 250 trade returns for all. Ours draws 250 steps a path and makes drawdown percentiles with
errors, ruin and recovery; "arch" computes final equity, drawdown and lowest equity for each path;
"quantstats" only shuffles (its end is the same on every path), "quantstats full" adds its drawdown
and bust figures. The peers run in $PEERS_HOME/main (made by `uv venv`, `uv pip install quantstats
arch`); absent ones are skipped and said so. Ratios are of medians of rounds; the lines in CPU time
are the ones to quote on a machine that is shared.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

TRADES = 250
RUIN = 0.25
HOME = Path(os.environ.get("PEERS_HOME") or Path(tempfile.gettempdir()) / "peers")
PEERS = HOME / "main" / "bin" / "python"
OURS = (("ours iid", 100_000), ("ours block", 100_000), ("ours shuffle", 100_000))
LARGE = (("ours iid", 1_000_000), ("ours block", 1_000_000))
THEIRS = (
    ("quantstats", 5_000), ("quantstats full", 1_000), ("arch iid", 4_000),
    ("arch stationary", 4_000),
)  # fmt: skip
FLOORS = (
    ("ours iid", "quantstats", 7.0), ("ours shuffle", "quantstats full", 7.0),
    ("ours iid", "arch iid", 15.0), ("ours block", "arch stationary", 15.0),
)  # fmt: skip
MOST_MB = 150


def returns() -> np.ndarray:
    """Return the trades: 250 fractions of equity."""
    return np.clip(np.random.default_rng(11).normal(0.004, 0.05, TRADES), -0.3, 0.5)


def ours(method: str, paths: int) -> Callable[[], object]:
    """Return what makes our paths and says all that is said of them."""
    import trading_cli.app.montecarlo  # noqa: F401, PLC0415  # its memory counts too
    from trading_cli.research import montecarlo as mc  # noqa: PLC0415
    from trading_cli.research.paths import log_growth, summary  # noqa: PLC0415

    logs = log_growth(returns())
    made = {
        "ours iid": mc.Iid(logs, TRADES),
        "ours block": mc.Block(logs, 10.0, TRADES),
        "ours shuffle": mc.Shuffle(logs),
    }
    return lambda: summary(mc.simulate(made[method], paths, 1))


def quantstats(method: str, paths: int) -> Callable[[], object]:
    """Return what makes the peer's paths."""
    import pandas as pd  # noqa: PLC0415
    import quantstats as qs  # noqa: PLC0415

    series = pd.Series(returns(), index=pd.date_range("2020-01-01", periods=TRADES))

    def go() -> object:
        found = qs.stats.montecarlo(series, sims=paths, bust=-RUIN, goal=1.0, seed=1)
        return (found.maxdd, found.bust_probability) if method.endswith("full") else found.stats

    return go


def arch(method: str, paths: int) -> Callable[[], object]:
    """Return what makes the peer's paths, with final equity, drawdown and lowest equity."""
    from arch.bootstrap import IIDBootstrap, StationaryBootstrap  # noqa: PLC0415

    def of(path: np.ndarray) -> np.ndarray:
        equity = np.cumprod(1 + path)
        peak = np.maximum(np.maximum.accumulate(equity), 1)
        return np.array([equity[-1], (1 - equity / peak).max(), equity.min()])

    def go() -> object:
        values = returns()
        made = (
            IIDBootstrap(values, seed=1)
            if method.endswith("iid")
            else StationaryBootstrap(10, values, seed=1)
        )
        return made.apply(of, paths)

    return go


def one(method: str, paths: int) -> None:
    """Run one method in this process, three times after a warm-up, and print its figures."""
    maker = {"ours": ours, "quantstats": quantstats, "arch": arch}[method.split(maxsplit=1)[0]]
    go = maker(method, paths)
    if paths < 1_000_000:
        go()
    walls, cpus = [], []
    for _ in range(3 if paths < 1_000_000 else 1):
        wall, cpu = time.perf_counter(), time.process_time()
        go()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": paths / min(walls), "cpu": paths / min(cpus), "mb": memory}))


def measure(method: str, paths: int) -> dict[str, float]:
    """Return what a process of its own says of *method*; raises where it fails."""
    python = sys.executable if method.startswith("ours") else str(PEERS)
    command = [python, __file__, "--one", method, str(paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(rounds: int) -> int:
    """Measure everything *rounds* times in turn; return 1 where a floor is missed."""
    there = PEERS.exists()
    if not there:
        print(f"SKIPPED: no peers at {PEERS}: uv venv, uv pip install quantstats arch")
    work = (*OURS, *(THEIRS if there else ()))
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for _ in range(rounds):
        for method, paths in work:
            found.setdefault((method, paths), []).append(measure(method, paths))
    for method, paths in LARGE:
        found[method, paths] = [measure(method, paths)]
    speed: dict[str, dict[str, float]] = {}
    for (method, paths), rows in found.items():
        middle = {key: statistics.median(row[key] for row in rows) for key in ("wall", "cpu")}
        speed.setdefault(method, middle)
        most = max(row["mb"] for row in rows)
        print(
            f"{method:16s} {paths:9,} paths: {middle['wall']:11,.0f} /s by the clock,"
            f" {middle['cpu']:11,.0f} /s of CPU, {most:4.0f} MB"
        )
    missed = [rows[0]["mb"] for (m, n), rows in found.items() if n == LARGE[0][1]
              and m.startswith("ours") and rows[0]["mb"] > MOST_MB]  # fmt: skip
    print(f"memory at a million paths: {'over' if missed else 'within'} {MOST_MB} MB")
    for mine, theirs, floor in FLOORS if there else ():
        by = {key: speed[mine][key] / speed[theirs][key] for key in ("wall", "cpu")}
        word = "ok" if by["cpu"] >= floor else "MISSED"
        print(
            f"{mine} / {theirs}: {by['wall']:.1f} by the clock, {by['cpu']:.1f} of CPU"
            f" (at least {floor:g}) {word}"
        )
        missed += [by["cpu"]] if word != "ok" else []
    return 1 if missed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
