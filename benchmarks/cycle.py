"""How long a whole cycle takes: collect, judge, compute, exit, enter; the talk step left out.

usage: cycle.py [--rounds 5] [--markets 200] [--year-of 200]. The exchange runs in a process of its
own, 80 ms away, its documented limits on; every cycle is a process of its own, as under cron, and
buys what a strategy that always wants to buy may buy. Two homes take turns in the same slots: one
just warmed up, one holding a year of quotes besides. Prints medians, bounds and pass or fail.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from trading_cli.store import Store
from trading_cli.store.arrays import ENTRY

SLOT = 900
DAY = 86_400
FIRST = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
YEAR = 365 * DAY
WARM_UP = 3  # slots before the first measured one
WHOLE_S, DEALING_S, RATIO = 12.0, 0.5, 1.2
SERVER = (
    "import sys; from trading_cli.simulator.world import World;"
    "from trading_cli.simulator.running import serve_forever;"
    f"w=World(1,int(sys.argv[1]),start={FIRST}-40*86400,end={FIRST}+20*86400,liquid_share=1.0);"
    "serve_forever(w,latency_s=0.08,on_ready=lambda u: print(u,flush=True))"
)
EAGER = """
from decimal import Decimal
from trading_cli.trading.strategies import Action, Advice
class Eager:
    name, ceiling = "eager", Decimal("0.002")
    def decide(self, data, symbol, current_price):
        turn = int(data.slot) // 900 + sum(symbol.encode())
        return Advice(Action.HOLD if turn % 12 else Action.BUY, strength=0.5)
"""
SYNTHETIC = {
    "quotes": "INSERT INTO quotes SELECT m.id, s.slot, 10000 + (m.id * 7 + s.slot / 900) % 900000,"
    " 20000 + (m.id * 7 + s.slot / 900) % 900000, 100.5, 200.25, 0, x'0123456789abcdef',"
    " s.slot + 5, s.slot + 9, s.slot + 9, 0 FROM m, s",
    "gaps": "INSERT INTO gaps SELECT s.slot, m.venue_id, 1, '', s.slot + 9 FROM m, s",
    "scores": "INSERT INTO scores SELECT m.venue_id, s.slot, 0.99, '{}', s.slot + 9 FROM m, s",
    "runs": "INSERT INTO runs (cycle, slot, state, started, finished, pid)"
    " SELECT 'collection', slot, 'OK', slot + 7, slot + 12, 1 FROM s",
}
OF_A_QUARTER = ("gaps", "scores")  # as many rows as the quotes of a quarter of the markets


def main() -> None:
    """Warm up, make the old home, take turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markets", type=int, default=200)
    parser.add_argument("--year-of", type=int, default=200, help="markets with a year of quotes")
    parser.add_argument("--folder", type=Path, default=None, help="where to make the homes")
    parser.add_argument("--child", nargs=3, metavar=("CONFIG", "EPOCH", "DAYS"), default=None)
    parser.add_argument("--profile", action="store_true", help="print where a cycle's time goes")
    options = parser.parse_args()
    if options.child:
        config, at, days = options.child
        _child(Path(config), int(at), float(days), profile=options.profile)
        return
    with _exchange(options.markets) as url, tempfile.TemporaryDirectory(dir=options.folder) as top:
        young, old = Path(top) / "young", Path(top) / "old"
        _make_home(young, url, options.markets)
        for turn in range(WARM_UP):
            _cycle(url, young, turn, days=2.0 if turn == 0 else 0.0)
        shutil.copytree(young, old)
        _age(old, options.year_of)
        for home in (young, old):
            _cycle(url, home, WARM_UP)  # the first features after a fill are slow once
        if options.profile:
            for home in (young, old):
                _cycle(url, home, WARM_UP + 1, profile=True)
            return
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for turn in range(WARM_UP + 1, WARM_UP + 1 + options.rounds):
            for home in (young, old) if turn % 2 else (old, young):
                found[home.name].append(_cycle(url, home, turn))
        _table(found)


def _table(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print the medians of both homes, and whether the bounds hold."""
    parts = list(found["young"][0]["steps"])
    print(f"{'median seconds of ' + str(len(found['young'])):32}{'young':>9}{'a year':>9}")
    for part in parts:
        print(f"  {part:30}" + "".join(f"{_median(found[h], part):9.2f}" for h in ("young", "old")))
    whole, work, dealing = (
        {home: statistics.median(one[name] for one in rows) for home, rows in found.items()}
        for name in ("process", "cycle", "dealing")
    )
    spent = {home: statistics.median(one["cpu"] for one in rows) for home, rows in found.items()}
    for name, held in (
        ("whole process", whole), ("its CPU", spent), ("the cycle", work), ("dealing", dealing),
    ):  # fmt: skip
        print(f"  {name:30}{held['young']:9.2f}{held['old']:9.2f}")
    print("  dealing: decide, risk, broker and commit, less what the venue's books took")
    orders = {home: sum(one["orders"] for one in rows) for home, rows in found.items()}
    last = found["young"][-1]
    print(f"  {last['candidates']} candidates, {last['decisions']} decisions; orders {orders}")
    ratio = work["old"] / work["young"]
    for text, value, bound in (
        ("whole process, young", whole["young"], WHOLE_S),
        ("whole process, a year", whole["old"], WHOLE_S),
        ("dealing, young", dealing["young"], DEALING_S),
        ("dealing, a year", dealing["old"], DEALING_S),
        ("a year against young", ratio, RATIO),
    ):
        print(f"{'pass' if value <= bound else 'FAIL'}  {text}: {value:.2f} (bound {bound:g})")


def _median(rows: list[dict[str, Any]], part: str) -> float:
    return statistics.median(one["steps"][part] for one in rows)


@contextmanager
def _exchange(markets: int) -> Iterator[str]:
    with subprocess.Popen(  # our own interpreter and code
        [sys.executable, "-c", SERVER, str(markets * 3 // 2)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield (server.stdout.readline() if server.stdout else "").strip()
        finally:
            server.terminate()


def _cycle(
    url: str, home: Path, turn: int, *, days: float = 0.0, profile: bool = False
) -> dict[str, Any]:
    """Run one cycle in slot number *turn* as a process; return what it says and its seconds."""
    at = FIRST + turn * SLOT + 7
    body = json.dumps({"now": at}).encode()
    with urllib.request.urlopen(f"{url}/_control/clock", body) as reply:  # noqa: S310  # loopback
        reply.read()
    began = time.perf_counter()
    words = [__file__, "--child", f"{home}/config.yaml", str(at), str(days)]
    done = subprocess.run(
        [sys.executable, *words, *(["--profile"] if profile else [])],
        capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stderr)
    if profile:
        print(f"--- {home.name}\n{done.stderr}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{home.name:6} slot {turn}: {seconds:5.2f} s, {said['state']}, {said['orders']} orders,"
        f" dealing {said['dealing']:.2f} s (CPU {said['dealing_cpu']:.2f})"
        f" {said['why']} {said['reasons']}", flush=True,
    )  # fmt: skip
    return said | {"process": seconds}


class Watch:
    """The seconds that each step computes, and those in which the venue's books are waited for."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.waited = 0.0

    def step(self, name: str, step: Any) -> Any:
        """Return *step*, its processor time noted under *name*."""

        def watched(cycle: Any) -> Any:
            began = time.process_time()
            try:
                return step(cycle)
            finally:
                self.spent[name] = time.process_time() - began

        return watched

    def wait(self, fetch: Any) -> Any:
        """Return *fetch*, the seconds it takes added up."""

        def fetched(*given: Any) -> Any:
            began = time.perf_counter()
            try:
                return fetch(*given)
            finally:
                self.waited += time.perf_counter() - began

        return fetched


def _clock(at: int) -> Any:
    """Return the machine's clock, moved to the exchange's time: *at* is now."""
    from trading_cli.core.clock import SystemClock  # noqa: PLC0415

    ahead = datetime.fromtimestamp(at, UTC) - datetime.now(UTC)

    class Moved(SystemClock):
        """The machine's clock, in the exchange's time."""

        def now(self) -> datetime:
            return super().now() + ahead

    return Moved()


def _child(config: Path, at: int, days: float, *, profile: bool) -> None:
    """In a process of its own: run the cycle, and say how long each step took."""
    clock = _clock(at)
    from trading_cli.app.collect import collect  # noqa: PLC0415  # what the command pays, it pays
    from trading_cli.app.cycles import Plan, run_cycle  # noqa: PLC0415
    from trading_cli.app.desk import Desk  # noqa: PLC0415
    from trading_cli.app.steps import COLLECTION  # noqa: PLC0415
    from trading_cli.app.toolkit import build  # noqa: PLC0415

    watch = Watch()
    Desk.fetch_books = watch.wait(Desk.fetch_books)  # type: ignore[method-assign]  # a clock around the network
    kept = tuple(
        (name, watch.step(name, step))
        for name, step in COLLECTION.steps
        if name not in {"talk", "notify"}
    )
    plan = Plan(COLLECTION.name, COLLECTION.period, kept, COLLECTION.longest)
    began = time.perf_counter()
    with build(config, clock=clock) as toolkit:
        if days:
            collect(toolkit, progress=_quiet, backfill=timedelta(days=days), talk=False)
        report = (_profiled if profile else _plainly)(
            lambda: run_cycle(toolkit, plan, progress=_quiet)
        )
    _say(report, watch, time.perf_counter() - began)


def _plainly(work: Any) -> Any:
    return work()


def _profiled(work: Any) -> Any:
    """Return what *work* does, and write its profile to stderr."""
    import cProfile  # noqa: PLC0415
    import pstats  # noqa: PLC0415

    with cProfile.Profile() as watched:
        done = work()
    pstats.Stats(watched, stream=sys.stderr).sort_stats("cumulative").print_stats(
        "trading_cli|sqlite", 90
    )
    return done


def _say(report: Any, watch: Watch, took: float) -> None:
    """Print what a cycle did and took, as one line of JSON."""
    spent = watch.spent
    steps = {one.name: one.seconds for one in report.steps}
    numbers = {name: value for one in report.steps for name, value in one.numbers.items()}
    print(json.dumps({
        "state": report.state, "why": report.reason, "steps": steps, "cycle": took,
        "cpu": time.process_time(), "dealing_cpu": spent["exits"] + spent["signals"],
        "dealing": steps["exits"] + steps["signals"] - watch.waited,
        "orders": numbers.get("orders", 0), "decisions": numbers.get("decisions", 0),
        "candidates": numbers.get("candidates", 0), "reasons": numbers.get("reasons"),
    }))  # fmt: skip


def _quiet(_text: str) -> None:
    """Say nothing."""


def _make_home(folder: Path, url: str, markets: int) -> None:
    folder.mkdir(parents=True)
    section: dict[str, Any] = {
        "limits_path": "limits.db",
        "backfill_seconds": 0,
        "panel": {"max_markets": markets, "per_event": 100, "min_days_to_deadline": 0,
                  "min_volume_24h": 0, "min_liquidity": 0},
        "polymarket": {
            "gamma_url": f"{url}/gamma", "clob_url": f"{url}/clob", "data_url": f"{url}/data",
        },
    }  # fmt: skip
    (folder / "eager.py").write_text(EAGER)
    signals = {
        "strategies": ["rvr_roc_hype", "eager.py:Eager"], "min_quality": 0, "max_round_trip": 0.5,
    }  # fmt: skip
    risk = {"trades_per_day": 1000, "open_positions": 200, "per_category": 200, "category": 1}
    body = {"data_collection": section, "signals": signals, "risk": risk}
    (folder / "config.yaml").write_text(yaml.safe_dump(body))


def _age(home: Path, markets: int) -> None:
    """Give *home* a year of slots before its own: quotes, packs, gaps, scores and runs."""
    began = time.perf_counter()
    path = home / "data" / "trading.db"
    with Store.open(path, now=datetime.now(UTC)) as store:
        with store.reading() as look:
            first = look.execute("SELECT min(slot) FROM quotes").fetchone()[0]
            ids = [r[0] for r in look.execute("SELECT id FROM markets ORDER BY id LIMIT ?",
                                              (markets,))]  # fmt: skip
        start = (first - YEAR) // SLOT * SLOT
        for table, insert in SYNTHETIC.items():
            last = ids[len(ids) // 4 if table in OF_A_QUARTER else -1]
            with store.transaction() as tx:
                tx.execute(
                    "WITH RECURSIVE s(slot) AS (SELECT ?1 UNION ALL SELECT slot + 900 FROM s"
                    " WHERE slot + 900 < ?2), m AS (SELECT id, venue_id FROM markets"
                    f" WHERE id <= ?3) {insert}",  # our own words
                    (start, first, last),
                )
        with store.transaction() as tx:
            tx.executemany("INSERT INTO quote_packs VALUES (?, ?, ?)", _packs(ids, start, first))
        store.checkpoint()
    size = path.stat().st_size / 1e6
    print(f"a year of {len(ids)} markets: {size:.0f} MB in {time.perf_counter() - began:.0f} s")


def _packs(ids: list[int], start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    entries = np.zeros(len(ids), ENTRY)
    entries["market"] = ids
    entries["bid_depth"], entries["ask_depth"] = 100.5, 200.25
    for slot in range(start, end, SLOT):
        entries["bid"] = 10_000 + (entries["market"] * 7 + slot // SLOT) % 900_000
        entries["ask"] = entries["bid"] + 10_000
        entries["available_at"] = slot + 9
        yield slot, len(ids), entries.tobytes()


if __name__ == "__main__":
    main()
