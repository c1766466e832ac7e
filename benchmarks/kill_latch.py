"""How long `trading kill` takes as a whole process, until the file stands and until it has ended.

usage: python benchmarks/kill_latch.py [rounds=20]

Every round is a fresh child of this interpreter, bytecode compiled, on a home of its own, the
cases interleaved: an armed home, one with broken settings, one whose database another process
holds, one without. All medians until the latch must stay within LIMIT_S; exit 1 if not.
"""

import compileall
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from trading_cli.store import Store

LIMIT_S = 0.5
WORDS = ("-m", "trading_cli", "kill", "--reason", "benchmark", "--json")
PACKAGE = Path(__file__).resolve().parent.parent / "trading_cli"
CASES = ("armed", "broken settings", "locked database", "no database")


def home_of(folder: Path, case: str) -> Path:
    """Make and return a home in the state *case*."""
    home = folder / case.replace(" ", "-")
    home.mkdir()
    if case == "broken settings":
        (home / "config.yaml").write_text("nonsense: [\n", encoding="utf-8")
    if case != "no database":
        Store.open(home / "data" / "trading.db", now=datetime.now(UTC)).close()
    return home


def run(home: Path) -> tuple[float, float]:
    """Run one stop of *home*; return seconds until the latch and until the end."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("TRADING_")}
    began, clock = time.time(), time.perf_counter()
    ran = subprocess.run(
        [sys.executable, *WORDS], env=env | {"TRADING_HOME": str(home)}, capture_output=True,
        check=True,
    )  # fmt: skip
    ended = time.perf_counter() - clock
    at = datetime.fromisoformat(json.loads(ran.stdout)["data"]["latched_at"])
    return at.timestamp() - began, ended


def main() -> int:
    """Measure, print a table, and say whether all is within the limit."""
    compileall.compile_dir(PACKAGE, quiet=2)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    took: dict[str, list[tuple[float, float]]] = {case: [] for case in CASES}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for case in CASES:
                home = home_of(Path(folder), case)
                if case != "locked database":
                    took[case].append(run(home))
                    continue
                path = home / "data" / "trading.db"
                with closing(sqlite3.connect(path, isolation_level=None)) as other:
                    other.execute("BEGIN EXCLUSIVE")
                    took[case].append(run(home))
    print(f"{'case':<18}{'latched, median':>18}{'worst':>9}{'ended, median':>16}{'worst':>9}  s")
    slow = False
    for case, times in took.items():
        latched, ended = zip(*times, strict=True)
        median = statistics.median(latched)
        slow |= median > LIMIT_S
        print(
            f"{case:<18}{median:>18.3f}{max(latched):>9.3f}"
            f"{statistics.median(ended):>16.3f}{max(ended):>9.3f}"
        )
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
