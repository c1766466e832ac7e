"""Where the time goes: the steps of past runs, the sources they waited for, one command sampled."""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from trading_cli.app import brief
from trading_cli.app.journal import must_exist
from trading_cli.core.errors import UsageError
from trading_cli.domain import from_epoch
from trading_cli.store import Store
from trading_cli.store.timings import Timed, source_times, step_times

QUARTERS = 4
LEAST = 40  # so many runs before a trend is said
SLOWEST = 10
SHOWN = 25
_OURS = "trading_cli."
_MACHINERY = ("trading_cli.core.sampling", "runpy", "importlib", "_frozen_importlib", "__main__")
_CHILD = (
    "import runpy, sys\n"
    "from pathlib import Path\n"
    "from trading_cli.core.sampling import sampled\n"
    "out, sys.argv = Path(sys.argv[1]), ['trading', *sys.argv[2:]]\n"
    "sys.exit(sampled(out, lambda: runpy.run_module('trading_cli', run_name='__main__')))\n"
)


def timings(
    config: Path | None, since: datetime, until: datetime, cycle: str | None = None
) -> dict[str, Any]:
    """Return {since, until, steps, slowest, sources} over the slots in [since, until).

    Seconds are real ones. ``trend`` is the median of the newest quarter of a step's runs over that
    of the oldest quarter, ``None`` below 40 runs. Raises UsageError for a cycle that never ran.
    """
    known = brief.read(config, os.environ)
    must_exist(known.database)
    with Store.reader(known.database) as store, store.reading() as look:
        rows = step_times(look, since, until)
        sources = list(source_times(look, since, until))
    cycles = sorted({row.cycle for row in rows})
    if cycle is not None and cycle not in cycles:
        ran = f"those that did: {', '.join(cycles)}" if cycles else "nothing did; try --since 30d"
        raise UsageError(f"no cycle {cycle!r} ran in this span.", hint=ran)
    kept = [row for row in rows if cycle in {None, row.cycle} and row.state != "SKIPPED"]
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "steps": _steps(kept),
        "slowest": [_told(row) for row in sorted(kept, key=lambda r: -r.seconds)[:SLOWEST]],
        "sources": _sources(sources),
    }


def _steps(rows: Iterable[Timed]) -> list[dict[str, Any]]:
    """Return the quantiles of each step, the longest in sum first."""
    grouped: dict[tuple[str, str], list[Timed]] = defaultdict(list)
    for row in rows:
        grouped[row.cycle, row.step].append(row)
    found = [
        {
            "cycle": cycle,
            "step": step,
            "failed": sum(row.state == "FAILED" for row in held),
            **_quantiles([row.seconds for row in held]),
        }
        for (cycle, step), held in grouped.items()
    ]
    return sorted(found, key=lambda one: -one["sum_s"])


def _quantiles(seconds: Sequence[float]) -> dict[str, Any]:
    x = np.asarray(seconds, dtype=np.float64)
    p50, p95, p99 = np.quantile(x, [0.5, 0.95, 0.99])
    quarter = len(x) // QUARTERS
    trend = None
    if len(x) >= LEAST and (before := float(np.median(x[:quarter]))) > 0:
        trend = round(float(np.median(x[-quarter:])) / before, 3)
    return {
        "n": len(x),
        "p50_s": round(float(p50), 4),
        "p95_s": round(float(p95), 4),
        "p99_s": round(float(p99), 4),
        "max_s": round(float(x.max()), 4),
        "sum_s": round(float(x.sum()), 3),
        "trend": trend,
    }


def _sources(tallies: Iterable[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the quantiles of each source, the slowest first."""
    grouped: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for name, tally in tallies:
        grouped[name].append(tally)
    found = [
        {
            "source": name,
            "requests": sum(one.get("requests", 0) for one in held),
            "poor": sum(one.get("state") not in {"ok", "off"} for one in held),
            **_quantiles([one["seconds"] for one in held]),
        }
        for name, held in grouped.items()
    ]
    return sorted(found, key=lambda one: -one["p95_s"])


def _told(row: Timed) -> dict[str, Any]:
    return {
        "run": row.run,
        "cycle": row.cycle,
        "slot": from_epoch(row.slot).isoformat(),
        "step": row.step,
        "seconds": round(row.seconds, 3),
        "state": row.state,
        "why": row.why,
    }


def sample(command: Sequence[str], hear: Callable[[str], None]) -> dict[str, Any]:
    """Run the `trading` command *command* in a process of its own and say where its time went.

    Return {command, code, wall_s, cpu_s, looks, functions}: functions of ours and of others with
    the share of looks in which each was at work itself (``own``) or waited for what it had called
    (``under``, itself included). Its output goes nowhere; what it says on stderr is heard.
    """
    with tempfile.TemporaryDirectory(prefix="trading-profile-") as folder:
        out = Path(folder) / "seen.json"
        done = subprocess.run(  # noqa: S603  # our own interpreter and our own command
            [sys.executable, "-c", _CHILD, str(out), *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            check=False,
        )  # fmt: skip
        for line in done.stderr.decode(errors="replace").splitlines():
            hear(line)
        if not out.exists():
            raise UsageError(
                f"`trading {' '.join(command)}` was ended from outside (exit {done.returncode}).",
                hint="run it alone, without profile",
            )
        seen = json.loads(out.read_text())
    looks = max(seen["looks"], 1)
    names = [
        name
        for name, _ in sorted(seen["under"].items(), key=lambda one: (-one[1], one[0]))
        if not name.startswith(_MACHINERY)
    ]
    rows = [
        {
            "function": name,
            "own": round(seen["own"].get(name, 0) / looks, 4),
            "under": round(seen["under"][name] / looks, 4),
        }
        for name in names
    ]
    heavy = sorted(rows, key=lambda one: -one["own"])[:SHOWN]
    ours = [one for one in rows if one["function"].startswith(_OURS)][:SHOWN]
    return {
        "command": " ".join(command),
        "code": seen["code"],
        "wall_s": round(seen["wall_s"], 3),
        "cpu_s": round(seen["cpu_s"], 3),
        "looks": seen["looks"],
        "ours": ours,
        "heaviest": [one for one in heavy if one["own"] > 0],
    }
