"""The whole way tried on the pretend exchange, in a process and a home of its own.

What runs here for months may break with a new library, a full disk or a changed machine: once a
week a small world is collected, judged, decided on and told, and nothing of it touches this home.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trading_cli.app.cycles import Cycle, Done

SIZE = ("--days", "1", "--cycles", "3", "--markets", "14", "--seed", "7")
SECONDS = 300.0
_OWN = ("TRADING_", "XDG_STATE_HOME")


def selftest_step(cycle: Cycle) -> Done:
    """Try the whole way on the simulator, as a step of the weekly validation."""
    del cycle  # nothing of this home is used
    return tried(SIZE)


def tried(size: tuple[str, ...], seconds: float = SECONDS) -> Done:
    """Run `trading demo` of *size* aside; OK where it ended well, collected and decided."""
    with tempfile.TemporaryDirectory(prefix="trading-selftest-") as folder:
        home = Path(folder) / "home"
        env = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        env["XDG_STATE_HOME"] = folder
        command = [sys.executable, "-m", "trading_cli", "demo", "--json", "-q", *size]
        try:
            done = subprocess.run(  # noqa: S603  # our own interpreter and program
                [*command, "--keep", str(home)], stdin=subprocess.DEVNULL, capture_output=True,
                timeout=seconds, check=False, env=env, cwd=folder,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Done("FAILED", f"the simulator's day did not end within {seconds:.0f} s")
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["without a word"]
        return Done("FAILED", f"exit {done.returncode}: {said[0][:300]}")
    return judged(json.loads(done.stdout)["data"])


def judged(told: Mapping[str, Any]) -> Done:
    """Return what the demo's own *told* says of the way it went.

    FAILED where nothing was collected or decided, or what the exchange sent is not what is stored.
    """
    rows = told["rows"]
    numbers = {
        "quotes": rows["quotes"], "decisions": told["day"]["decisions"], "seconds": told["seconds"],
    }  # fmt: skip
    wrong = [f"no {name}" for name in ("quotes", "decisions") if not numbers[name]]
    wrong += [
        f"{one['what']}: {one['exchange']} sent, {one['store']} stored"
        for one in told["sums"]
        if one["exchange"] != one["store"]
    ]
    troubles = [f"{step} ({count} times)" for step, count in told["troubles"].items()]
    state = "FAILED" if wrong else "PARTIAL" if troubles else "OK"
    return Done(state, "; ".join([*wrong, *troubles]), numbers)
