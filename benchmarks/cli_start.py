"""How long a person waits for the shell, beside the smallest apps that do the same.

usage: python benchmarks/cli_start.py [rounds=20]

Every case is a fresh child of this interpreter, bytecode compiled, run interleaved; medians of wall
time. `trading --help` stands beside an empty Typer app's `--help`, `trading status` beside running
an empty Typer app that prints a Rich table. Both must stay within LIMIT; exit 1 if not.
"""

import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 1.5
PACKAGE = Path(__file__).resolve().parent.parent / "trading_cli"
EMPTY = """import typer
app = typer.Typer()
@app.command()
def a(x: int = 1):
    'a'
@app.command()
def b():
    'b'
"""
TABLE = """import typer
from rich.console import Console
from rich.table import Table
app = typer.Typer()
@app.command()
def a():
    table = Table('name', 'value')
    table.add_row('mode', 'paper')
    Console().print(table)
@app.command()
def b():
    'b'
"""
SHELL = "import sys; from trading_cli.cli.main import run; sys.exit(run())"


def cases(folder: Path) -> dict[str, list[str]]:
    """Return the command of each case; the small apps are modules in *folder*, compiled too."""
    for name, text in (("empty_app", EMPTY), ("table_app", TABLE)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    python = sys.executable
    return {
        "python -c pass": [python, "-c", "pass"],
        "empty Typer app --help": [python, "-c", "from empty_app import app; app()", "--help"],
        "trading --help": [python, "-c", SHELL, "--help"],
        "empty app with a Rich table": [python, "-c", "from table_app import app; app()", "a"],
        "trading status": [python, "-c", SHELL, "status"],
        "trading status --json": [python, "-c", SHELL, "status", "--json"],
    }


def measure(commands: dict[str, list[str]], folder: Path, rounds: int) -> dict[str, float]:
    """Return the median wall milliseconds of each case over *rounds* interleaved runs."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRADING_")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env |= {"PYTHONPATH": str(folder), "TRADING_HOME": str(folder), "COLUMNS": "100"}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            ran = subprocess.run(command, env=env, cwd=folder, capture_output=True, check=False)
            if ran.returncode:
                sys.exit(f"{name} left with {ran.returncode}:\n{ran.stderr.decode()[-800:]}")
            if turn:  # the first turn warms the caches
                times[name].append((time.perf_counter() - began) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    """Print the medians and the two ratios; return 1 if one is above the limit."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    compileall.compile_dir(PACKAGE, quiet=1)
    with tempfile.TemporaryDirectory() as name:
        medians = measure(cases(Path(name)), Path(name), rounds)
    for case, milliseconds in medians.items():
        print(f"{case:32} {milliseconds:7.1f} ms")
    bad = 0
    for ours, theirs in (
        ("trading --help", "empty Typer app --help"),
        ("trading status", "empty app with a Rich table"),
    ):
        ratio = medians[ours] / medians[theirs]
        bad += ratio > LIMIT
        print(f"{ours} / {theirs} = {ratio:.2f} (limit {LIMIT})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
