"""Which Typer release starts fastest: the smallest apps, and our own shell, under each of them.

usage: python benchmarks/typer_sweep.py [rounds=20] [release …]

Every release gets a fresh environment in a temporary folder, made by `uv` with what the index
resolves beside it (and Rich); "newest" is whatever that is today. Each case is a fresh child,
bytecode compiled, all releases interleaved; medians of wall time in milliseconds, in brackets the
least, which other work on the machine disturbs less. Our `status` runs from a copy of the package,
on notes of settings that this interpreter left: the environments need none of our libraries.
Needs `uv` and an index to install from; says so and leaves with 0 where either is missing.
"""

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cli_start import EMPTY, PACKAGE, SHELL, TABLE  # beside this

RELEASES = ("0.12.5", "0.15.4", "0.16.1", "0.19.2", "0.20.1", "0.21.2", "newest")
CASES = {
    "empty --help": ["from empty_app import app; app()", "--help"],
    "Rich table": ["from table_app import app; app()", "a"],
    "trading --help": [SHELL, "--help"],
    "trading status": [SHELL, "status"],
}
VERSIONS = (
    "from importlib.metadata import version, requires\n"
    "print(version('typer'))\n"
    "print('click', version('click') if any(r.startswith('click') for r in requires('typer'))"
    " else 'inside')\n"
)


class NotHereError(Exception):
    """What the sweep needs is not on this machine."""


def environment(folder: Path, release: str) -> tuple[str, str, Path]:
    """Return the release, its click and its python; raises NotHereError when it cannot be had."""
    uv = shutil.which("uv")
    if uv is None:
        raise NotHereError("`uv` is not installed")
    home = folder / f"typer-{release}"
    wanted = "typer" if release == "newest" else f"typer=={release}"
    python = home / "bin" / "python"
    install = [uv, "pip", "install", "-q", "--compile-bytecode", "--python", str(python)]
    for words in (
        [uv, "venv", "-q", "--python", sys.executable, str(home)],
        [*install, wanted, "rich"],
    ):
        ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise NotHereError(f"{wanted}: {ran.stderr.strip().splitlines()[-1]}")
    told = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=True)
    version, click = told.stdout.splitlines()
    return version, click, python


def measure(pythons: dict[str, Path], folder: Path, rounds: int) -> dict[tuple[str, str], str]:
    """Return median and least of each (release, case); one that fails there is missing."""
    for name, text in (("empty_app", EMPTY), ("table_app", TABLE)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder / PACKAGE.name, quiet=1)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRADING_")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env |= {"PYTHONPATH": str(folder), "COLUMNS": "100"}
    env |= {"TRADING_HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    subprocess.run(
        [sys.executable, "-c", SHELL, "status"], env=env, check=True, stdout=subprocess.DEVNULL
    )
    times: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds + 1):
        for version, python in pythons.items():
            for case, words in CASES.items():
                if turn and (version, case) not in times:
                    continue  # it failed when tried
                began = time.perf_counter()
                ran = subprocess.run(
                    [python, "-c", *words], env=env, cwd=folder, capture_output=True, check=False
                )
                took = (time.perf_counter() - began) * 1e3
                if ran.returncode == 0:
                    held = times.setdefault((version, case), [])
                    held += [took] if turn else []
    return {
        key: f"{statistics.median(values):.0f} ({min(values):.0f}) ms"
        for key, values in times.items()
        if values
    }


def main() -> int:
    """Print one line a release; leave with 0 also where nothing could be installed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    pythons: dict[str, Path] = {}
    clicks: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="typer-sweep-") as name:
        for release in sys.argv[2:] or RELEASES:
            try:
                version, clicks[version], pythons[version] = environment(Path(name), release)
            except NotHereError as missing:
                print(f"skipped {release}: {missing}")
        medians = measure(pythons, Path(name), rounds) if pythons else {}
    print(f"{'typer':8} {'with':14}" + "".join(f"{case:>16}" for case in CASES))
    for version in pythons:
        shown = "".join(f"{medians.get((version, case), 'fails'):>16}" for case in CASES)
        print(f"{version:8} {clicks[version]:14}{shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
