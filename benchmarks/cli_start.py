"""How long a person waits for the shell, beside the smallest apps that do the same.

usage: python benchmarks/cli_start.py [rounds=20]

Every case is a fresh child of this interpreter, bytecode compiled, run interleaved; medians of wall
time. `trading --help` stands beside an empty Typer app's `--help`, `trading status` (in an empty
home, in one with settings and a database, into a pipe and on a terminal) beside running an empty
Typer app that prints a Rich table the same way. All must stay within LIMIT; exit 1 if not. The
first `status` after an edit of the settings checks them all; it is told, without a limit.
"""

import compileall
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from trading_cli.store import Store

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
HELP = ("trading --help", "empty Typer app --help")
PIPED = "empty app with a Rich table"
DRAWN = "empty app with a Rich table, terminal"
PAIRS = (
    HELP,
    ("trading status", PIPED),
    ("trading status, database", PIPED),
    ("trading status, database, terminal", DRAWN),
)
SHELL = "import sys; from trading_cli.cli.main import run; sys.exit(run())"


@dataclass(frozen=True)
class Case:
    """A command, where it writes, and what its environment adds; "" takes a variable away."""

    words: list[str]
    terminal: bool = False
    env: dict[str, str] = field(default_factory=dict)


def cases(folder: Path) -> dict[str, Case]:
    """Return each case; the small apps are modules in *folder*, compiled too."""
    for name, text in (("empty_app", EMPTY), ("table_app", TABLE)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    used = folder / "used"
    used.mkdir()
    (used / "config.yaml").write_text("health: {min_markets: 5}\n", encoding="utf-8")
    Store.open(used / "data" / "trading.db", now=datetime.now(UTC))
    python = sys.executable
    table = [python, "-c", "from table_app import app; app()", "a"]
    status = [python, "-c", SHELL, "status"]
    home = {"TRADING_HOME": str(used)}
    return {
        "python -c pass": Case([python, "-c", "pass"]),
        HELP[1]: Case([python, "-c", "from empty_app import app; app()", "--help"]),
        HELP[0]: Case([python, "-c", SHELL, "--help"]),
        PIPED: Case(table),
        "trading status": Case(status),
        "trading status --json": Case([*status, "--json"]),
        "trading status, database": Case(status, env=home),
        "trading status, settings just edited": Case(
            status, env=home | {"XDG_STATE_HOME": "", "HOME": ""}
        ),
        DRAWN: Case(table, terminal=True),
        "trading status, database, terminal": Case(status, terminal=True, env=home),
    }


def measure(known: dict[str, Case], folder: Path, rounds: int) -> dict[str, float]:
    """Return the median wall milliseconds of each case over *rounds* interleaved runs."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRADING_")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env |= {"PYTHONPATH": str(folder), "TRADING_HOME": str(folder), "COLUMNS": "100"}
    env |= {"XDG_STATE_HOME": str(folder / "state"), "TERM": "xterm-256color"}
    times: dict[str, list[float]] = {name: [] for name in known}
    for turn in range(rounds + 1):
        for name, case in known.items():
            given = {key: value for key, value in (env | case.env).items() if value}
            began = time.perf_counter()
            code, told = _run(case, given, folder)
            took = time.perf_counter() - began
            if code:
                sys.exit(f"{name} left with {code}:\n{told.decode()[-800:]}")
            if turn:  # the first turn warms the caches
                times[name].append(took * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def _run(case: Case, env: dict[str, str], folder: Path) -> tuple[int, bytes]:
    """Run *case* to its end; return its exit code and what it wrote."""
    if not case.terminal:
        ran = subprocess.run(
            case.words, env=env, cwd=folder, stdout=-1, stderr=subprocess.STDOUT, check=False
        )
        return ran.returncode, ran.stdout
    ours, theirs = pty.openpty()
    child = subprocess.Popen(case.words, env=env, cwd=folder, stdout=theirs, stderr=theirs)
    os.close(theirs)
    told = b""
    with suppress(OSError):  # how Linux says that the other end has left
        while piece := os.read(ours, 65_536):
            told += piece
    os.close(ours)
    return child.wait(), told


def main() -> int:
    """Print the medians and the ratios; return 1 if one is above the limit."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    compileall.compile_dir(PACKAGE, quiet=1)
    with tempfile.TemporaryDirectory() as name:
        medians = measure(cases(Path(name)), Path(name), rounds)
    for case, milliseconds in medians.items():
        print(f"{case:38} {milliseconds:7.1f} ms")
    bad = 0
    for ours, theirs in PAIRS:
        ratio = medians[ours] / medians[theirs]
        bad += ratio > LIMIT
        print(f"{ours} / {theirs} = {ratio:.2f} (limit {LIMIT})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
