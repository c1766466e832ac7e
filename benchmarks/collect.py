"""How long one collection takes: 200 and 1,000 markets with books and trades, 80 ms away.

usage: collect.py [rounds=3]. The exchange runs in a process of its own, its documented limits on.
Prints seconds per run, requests, and the most the exchange saw in any 10 s of each endpoint, as a
share of the documented limit. Then four homes collect at once with one shared budget.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

SERVER = (
    "import sys; from trading_cli.simulator.world import World;"
    "from trading_cli.simulator.running import serve_forever;"
    "w=World(1,int(sys.argv[1]),liquid_share=1.0);"
    "serve_forever(w,latency_s=0.08,on_ready=lambda u: print(u,flush=True))"
)


def main() -> None:
    """Measure both sizes, then four homes at once."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for markets, bound in ((200, 8.0), (1000, 20.0)):
        with subprocess.Popen(  # our own interpreter and code
            [sys.executable, "-c", SERVER, str(markets * 3 // 2)], stdout=subprocess.PIPE, text=True
        ) as server:
            url = (server.stdout.readline() if server.stdout else "").strip()
            try:
                _measure(url, markets, bound, rounds)
                if markets == 200:
                    _four_homes(url)
            finally:
                server.terminate()


def _measure(url: str, markets: int, bound: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = _home(Path(folder), url, markets)
        _run(home)  # warm: the world makes itself as it is asked
        _call(url, "ledger", b"{}")
        seconds, data = [], {}
        for _ in range(rounds):
            began = time.perf_counter()
            data = _run(home)
            seconds.append(time.perf_counter() - began)
        requests = {name: tally["requests"] for name, tally in data["sources"].items()}
        middle = statistics.median(seconds)
        print(
            f"{markets} markets: median {middle:.2f} s of {rounds} (bound {bound:.0f} s,"
            f" ratio {middle / bound:.2f}); {data['markets']} followed, {data['quotes']} quotes,"
            f" requests {requests}"
        )
        _shares(url)


def _four_homes(url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        homes = [_home(Path(folder) / str(n), url, 200) for n in range(4)]
        shared = Path(folder) / "limits.db"
        _call(url, "ledger", b"{}")
        running = [
            subprocess.Popen(
                _command(home),
                stdout=subprocess.DEVNULL,
                env=_env() | {"TRADING__DATA_COLLECTION__LIMITS_PATH": str(shared)},
            )
            for home in homes
        ]
        codes = [process.wait() for process in running]
        print(f"four homes at once: exit codes {codes}")
        _shares(url)


def _shares(url: str) -> None:
    found = json.loads(_call(url, "ledger"))
    for name, row in sorted(found.items()):
        if row.get("limit_10s"):
            share = row["max_in_10s"] / row["limit_10s"]
            print(
                f"  {name:24} at most {row['max_in_10s']:4} in 10 s of {row['limit_10s']}"
                f" ({share:.0%}), throttled {row['throttled']}"
            )


def _call(url: str, route: str, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(f"{url}/_control/{route}", data=body)  # noqa: S310  # loopback
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        found: bytes = reply.read()
        return found


def _home(folder: Path, url: str, markets: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    section: dict[str, Any] = {
        "limits_path": "limits.db",
        "backfill_seconds": 0,
        "panel": {"max_markets": markets, "per_event": 100, "min_days_to_deadline": 0,
                  "min_volume_24h": 0, "min_liquidity": 0},
        "polymarket": {
            "gamma_url": f"{url}/gamma", "clob_url": f"{url}/clob", "data_url": f"{url}/data",
        },
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump({"data_collection": section}))
    return folder


def _command(home: Path) -> list[str]:
    options = ["--force", "--json", "--source", "polymarket", "--config", f"{home}/config.yaml"]
    return [sys.executable, "-m", "trading_cli", "collect", *options]


def _env() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def _run(home: Path) -> dict[str, Any]:
    done = subprocess.run(_command(home), capture_output=True, text=True, check=True, env=_env())
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return data


if __name__ == "__main__":
    main()
