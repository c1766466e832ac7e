"""One strategy over price bars: the screen engine beside its peers, in turn.

usage: backtest_screen.py [--rounds 5] [--peers DIR] [--work a,b,c,whole,account]

Buy 100 units when the 12-bar change is above 8 % and the volume above 2.5 times its mean of 24
bars; sell at -12 %, +20 % or after 72 bars; 1 % slippage. Work a: 1 x 100,000 bars; b: 500 x 2,000;
c: 200 parameter sets on b. Trades, equity, return and deepest fall of every instrument included.
"whole": from a SQLite file of the bars of b to the printed report, imports included. "account": the
screen with all limits and exits, beside the full engine, no peer.

Each peer has an environment of its own, $PEERS_HOME/NAME (`uv venv`, `uv pip install`), and a
script in DIR (or $PEERS_SCRIPTS) that prints its figure as JSON in its last line; what is absent is
skipped, and said so. Every measurement is a process of its own; A B A B, medians of the rounds.
"""

import argparse
import itertools
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # ours is imported where it is measured
    from trading_cli.trading.backtest.worlds import MemoryHistory

HOME = Path(os.environ.get("PEERS_HOME") or Path(tempfile.gettempdir()) / "peers")
SHAPES = {"a": (1, 100_000), "b": (500, 2_000), "c": (500, 2_000)}
OPENING = 10_000.0
GRID = tuple(
    itertools.product(
        (0.04, 0.06, 0.08, 0.10, 0.12), (1.5, 2.0, 2.5, 3.0), (0.08, 0.12),
        (0.10, 0.15, 0.2, 0.25, 0.3),
    )
)  # fmt: skip
FLOOR = 5.0
DATABASE = "bars.db"


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer: its environment, its script, the work it can do and its arguments for it."""

    name: str
    environment: str
    script: str
    work: tuple[str, ...]
    more: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """Return the python of its environment."""
        return HOME / self.environment / "bin" / "python"


PEERS = (
    Peer("vectorbt", "bt_vbt", "bt_peer_vectorbt.py", ("a", "b", "c")),
    Peer("backtesting.py", "bt_backtesting", "bt_peer_backtesting.py", ("a",), ("3",)),
    Peer("bt", "bt_bt", "bt_peer_bt.py", ("a",), ("1",)),
    Peer("NautilusTrader", "bt_nautilus", "bt_peer_nautilus.py", ("a",), ("1",)),
)


def bars(work: str, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Return prices and volumes [S, M] of *work*: a logit walk with bursts; kept in a file."""
    instruments, count = SHAPES[work]
    path = HOME / "data" / f"bars_{instruments}_{count}_{seed}.npz"
    if path.exists():
        kept = np.load(path)
        return kept["p"], kept["v"]
    rng = np.random.default_rng(seed)
    shape = (count, instruments)
    burst = rng.random(shape) < 0.01
    jump = np.where(burst, rng.normal(0.25, 0.35, shape), 0.0)
    steps = rng.normal(0, 0.03, shape) + jump
    logits = np.empty(shape)
    now = rng.normal(0, 0.7, instruments)
    for bar in range(count):
        now = now * 0.995 + steps[bar]
        logits[bar] = now
    prices = np.round(np.clip(1 / (1 + np.exp(-logits)), 0.02, 0.98), 4)
    volumes = np.round(rng.lognormal(6, 0.5, shape) * np.where(burst, 5.0, 1.0), 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    np.savez(part, p=prices, v=volumes)
    part.replace(path)
    return prices, volumes


def ours(work: str) -> Callable[[], tuple[int, float]]:
    """Return what runs *work* and answers trades closed and profit, statistics computed."""
    from trading_cli.trading.backtest.screen_bracket import (  # noqa: PLC0415  # ours alone
        Bracket,
        bracket,
        sweep,
    )
    from trading_cli.trading.backtest.screen_figures import figures, totals  # noqa: PLC0415

    prices, volumes = (np.ascontiguousarray(one.T) for one in bars(work))
    grid = [
        Bracket(least_change=change, least_ratio=ratio, stop=stop, target=target)
        for change, ratio, stop, target in GRID
    ]

    def one() -> tuple[int, float]:
        found = figures(prices, bracket(prices, volumes, Bracket()), OPENING)
        return int(found.trades.sum()), float(found.net.sum())

    def many() -> tuple[int, float]:
        cells = [totals(prices, trips, OPENING) for trips in sweep(prices, volumes, grid)]
        return sum(cell.trades for cell in cells), sum(cell.net for cell in cells)

    return many if work == "c" else one


def store(path: Path) -> None:
    """Write the bars of b into a SQLite file, a row per instrument and bar."""
    prices, volumes = bars("b")
    count, instruments = prices.shape
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE bars (instrument INT, bar INT, price REAL, volume REAL,"
                     " PRIMARY KEY (instrument, bar)) WITHOUT ROWID")  # fmt: skip
        rows = zip(
            np.repeat(np.arange(instruments), count).tolist(),
            np.tile(np.arange(count), instruments).tolist(),
            prices.T.ravel().tolist(),
            volumes.T.ravel().tolist(),
            strict=True,
        )
        file.executemany("INSERT INTO bars VALUES (?, ?, ?, ?)", rows)
    file.close()


def read(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return prices and volumes [M, S] of the file."""
    file = sqlite3.connect(path)
    shape = file.execute("SELECT max(instrument) + 1, max(bar) + 1 FROM bars").fetchone()
    rows = file.execute("SELECT price, volume FROM bars ORDER BY instrument, bar")
    values = np.fromiter(itertools.chain.from_iterable(rows), float, 2 * shape[0] * shape[1])
    file.close()
    both = values.reshape(*shape, 2)
    return np.ascontiguousarray(both[..., 0]), np.ascontiguousarray(both[..., 1])


def whole(path: str) -> None:
    """Do the whole way of ours: read the file, run, print the report."""
    from trading_cli.trading.backtest.screen_bracket import Bracket, bracket  # noqa: PLC0415
    from trading_cli.trading.backtest.screen_figures import figures  # noqa: PLC0415

    prices, volumes = read(path)
    found = figures(prices, bracket(prices, volumes, Bracket()), OPENING)
    for place in range(found.trades.size):
        print(
            f"{place:4d} {found.trades[place]:4d} {found.net[place]:10.2f}"
            f" {found.total_return[place]:8.4f} {found.max_drawdown[place]:8.4f}"
        )
    print(json.dumps({"trades": int(found.trades.sum()), "pnl": float(found.net.sum())}))


# vectorbt's whole way, in its own python: the same file read the same way, one run of its script.
THEIR_WHOLE = """
import itertools, os, runpy, sqlite3, sys
import numpy as np
path, script = sys.argv[1:]
sys.path.insert(0, os.path.dirname(script))
import common
file = sqlite3.connect(path)
shape = file.execute("SELECT max(instrument) + 1, max(bar) + 1 FROM bars").fetchone()
rows = file.execute("SELECT price, volume FROM bars ORDER BY instrument, bar")
values = np.fromiter(itertools.chain.from_iterable(rows), float, 2 * shape[0] * shape[1])
both = values.reshape(*shape, 2)
both = np.ascontiguousarray(both[..., 0].T), np.ascontiguousarray(both[..., 1].T)
common.make_data = lambda *_: both
common.timeit = lambda run, *_: (1.0, [], (0, 0.0))  # the run before it was the one
sys.argv = [script, "b", "0"]
runpy.run_path(script)
"""


def one(work: str, file: str) -> None:
    """Measure *work* in this process and print its figure."""
    if work == "whole":
        whole(file)
        return
    go = ours(work)
    go()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        trades, profit = go()
        times.append(time.perf_counter() - start)
    print(json.dumps({"s": statistics.median(times), "trades": trades, "pnl": profit}))


def figure(command: Sequence[str]) -> dict[str, float]:
    """Return the JSON a process of its own prints last, and how long all of it took."""
    start = time.perf_counter()
    settings = os.environ | {"PEERS_HOME": str(HOME), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=settings)
    took = time.perf_counter() - start
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found | {"whole": took}


def command(peer: Peer | None, work: str, scripts: Path, file: Path) -> list[str]:
    """Return what measures *work*, ours where *peer* is ``None``."""
    if peer is None:
        return [sys.executable, __file__, "--one", work, str(file)]
    script = str(scripts / peer.script)
    if work == "whole":
        return [str(peer.python), "-c", THEIR_WHOLE, str(file), script]
    once = ("1",) if work == "c" else peer.more  # c takes vectorbt a minute
    return [str(peer.python), script, work, *once]


def there(scripts: Path | None) -> list[Peer]:
    """Return the peers that can be run, and say which cannot and why."""
    found = []
    for peer in PEERS:
        if scripts is None or not (scripts / peer.script).exists():
            print(f"SKIPPED {peer.name}: no {peer.script}; name its folder with --peers DIR")
        elif not peer.python.exists():
            print(f"SKIPPED {peer.name}: no environment at {peer.python}")
        else:
            found.append(peer)
    return found


def compare(work: str, peers: Sequence[Peer], scripts: Path, file: Path, rounds: int) -> bool:
    """Measure *work* in turn and print the ratios. Return whether vectorbt's floor is held."""
    able = [peer for peer in peers if work in peer.work or (work == "whole" and "c" in peer.work)]
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for peer in (None, *able):
            said = figure(command(peer, work, scripts, file))
            found.setdefault(peer.name if peer else "ours", []).append(said)
    key = "whole" if work == "whole" else "s"
    middle = {name: statistics.median(row[key] for row in rows) for name, rows in found.items()}
    held = True
    for name, rows in found.items():
        ratio = middle[name] / middle["ours"]
        mean = f"{rows[0]['trades']:,.0f} trades" if work != "whole" or name == "ours" else ""
        profit = f"profit {rows[0]['pnl']:,.2f}" if rows[0].get("pnl") and work in "ab" else ""
        print(f"{work:6s} {name:15s} {middle[name]:9.4f} s {ratio:8.1f} x {mean} {profit}")
        held = held and (name != "vectorbt" or ratio >= FLOOR)
    return held


def account(markets: int, days: int, cells: int) -> None:
    """Print what a cell with the whole account costs, and the full engine on a tenth of it."""
    from decimal import Decimal  # noqa: PLC0415  # for this work alone

    from trading_cli.trading.backtest import engine, screen  # noqa: PLC0415
    from trading_cli.trading.backtest.rules import Rules  # noqa: PLC0415
    from trading_cli.trading.backtest.screen_world import World  # noqa: PLC0415
    from trading_cli.trading.strategies.roc_only import RocOnly  # noqa: PLC0415

    rules, asked = Rules(), (RocOnly(),)
    start = time.process_time()
    world = World(history(markets, days))
    first = screen.run(world, rules, asked)
    made = time.process_time() - start
    grid = [
        screen.Cell(f"stop {one}", Rules(exits=rules.exits.model_copy(
            update={"stop": Decimal(one) / 100})), asked)
        for one in range(5, 5 + cells)
    ]  # fmt: skip
    start = time.process_time()
    orders = sum(len(ended.run.orders) for ended in screen.sweep(world, grid))
    each = (time.process_time() - start) / cells
    print(
        f"account: {markets} markets x {days} days: first run {made:.2f} s of CPU with the arrays"
        f" ({len(first.orders)} orders), then {each:.2f} s a cell ({orders / cells:.0f} orders)"
    )
    small = history(markets, max(1, days // 10))
    times = []
    for play in (engine.run, lambda past, *rest: screen.run(World(past), *rest)):
        start = time.process_time()
        done = play(small, rules, asked)
        times.append((time.process_time() - start, done.fills, done.entries))
    same = "the same fills and ledger" if times[0][1:] == times[1][1:] else "NOT THE SAME"
    print(
        f"account: {max(1, days // 10)} days: full {times[0][0]:.2f} s, screen {times[1][0]:.2f} s"
        f" of CPU, {times[0][0] / times[1][0]:.0f} x; {len(times[0][1])} fills, {same}"
    )


def history(markets: int, days: int) -> "MemoryHistory":
    """Return a world of *markets*: logit walks that return, with jumps; volumes."""
    from trading_cli.trading.backtest.worlds import MemoryHistory, plain_market  # noqa: PLC0415

    rng = np.random.default_rng(1)
    shape = (markets, 96 * days)
    steps = rng.normal(0, 0.02, shape) + (rng.random(shape) < 0.003) * rng.normal(0, 0.5, shape)
    logits, now = np.empty(shape), rng.normal(0, 0.8, markets)
    for slot in range(shape[1]):
        now = now * 0.998 + steps[:, slot]
        logits[:, slot] = now
    tags = ("Crypto", "Politics", "Sports", "Culture", "Weather")
    known = [plain_market(number, tags=(tags[number % 5],)) for number in range(markets)]
    mids = np.round(1 / (1 + np.exp(-logits)), 4)
    return MemoryHistory(known, mids, volumes=rng.lognormal(7, 1, shape))


def main() -> int:
    """Measure everything; return 1 where ours is not at least five times as fast as vectorbt."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--peers", type=Path, default=os.environ.get("PEERS_SCRIPTS"))
    asked.add_argument("--work", default="a,b,c,whole,account", help="which of them")
    asked.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    given = asked.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    if given.one:
        one(given.one[0], given.one[-1])
        return 0
    scripts = None if given.peers is None else Path(given.peers).resolve()
    peers = there(scripts)
    held = True
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / DATABASE
        store(file)
        for work in [one for one in given.work.split(",") if one != "account"]:
            bars(work if work in SHAPES else "b")
            held = compare(work, peers, scripts or Path(), file, given.rounds) and held
    if "account" in given.work.split(","):
        account(50, 30, 10)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
