"""The page's API under load: 200 mixed reads a second beside running cycles, 200 streams open.

usage: serve_load.py [--rate 200] [--seconds 60] [--streams 200] [--markets 200]. The exchange, the
server, the cycles and the load are processes of their own. Requests leave by the clock, whether or
not the ones before were answered, and their time runs from when they were due. The load is one run
without a break, cycles back to back beside it; as many undisturbed ones, some before and the rest
after it, are what those are compared with, by their medians. Prints percentiles by route and of the
first second, when nothing is made yet; replies by status, the cycles' ratio, what the streams
heard; pass or FAIL against the bounds, which are those of the whole run, its first second included.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

from cycle import FIRST, SLOT, WARM_UP, _clock, _cycle, _exchange, _make_home  # beside this

P95_MS, RATIO = 100.0, 1.2
SENT = 0.99  # of the requests asked for must leave: else the load itself was too slow
LANES = 48  # connections that are kept
HOURS_AHEAD = 10  # the server's clock, after the first measured slot: later than the last
COLD_S = 1.0
PATHS: dict[str, int] = {
    "/api/v1/status": 8,
    "/api/v1/markets?limit=50": 5,
    "/api/v1/sparklines": 2,
    "/api/v1/signals": 3,
    "/api/v1/markets/{market}": 3,
    "/api/v1/signals/{market}": 2,
    "/api/v1/decisions?limit=50": 4,
    "/api/v1/decisions/{decision}": 2,
    "/api/v1/positions": 4,
    "/api/v1/risk": 2,
    "/api/v1/journal": 3,
    "/api/v1/ledger": 1,
    "/api/v1/runs": 4,
    "/api/v1/alerts": 2,
    "/api/v1/equity": 2,
    "/api/v1/performance": 1,
    "/api/v1/kill": 2,
}


def main() -> None:
    """Warm up a home, serve it; quiet cycles, loaded ones, quiet ones; print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--markets", type=int, default=200)
    parser.add_argument("--server", nargs=2, metavar=("CONFIG", "EPOCH"), help=argparse.SUPPRESS)
    parser.add_argument("--load", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.server:
        _serve(Path(options.server[0]), int(options.server[1]))
    elif options.load:
        asyncio.run(_load(options.load, options.rate, options.streams))
    else:
        _measure(options)


def _measure(options: argparse.Namespace) -> None:
    before: list[float] = []
    loaded: list[float] = []
    after: list[float] = []
    with _exchange(options.markets) as url, tempfile.TemporaryDirectory() as top:
        home = Path(top) / "young"
        _make_home(home, url, options.markets)
        slots = count()
        for turn in islice(slots, WARM_UP):
            _cycle(url, home, turn, days=2.0 if turn == 0 else 0.0)

        def cycle() -> float:
            return float(_cycle(url, home, next(slots))["cycle"])

        with _served(home) as page:
            likely = options.seconds / cycle()
            before += [cycle() for _ in range(max(1, round(likely / 2)))]
            with _loading(page, options) as told:
                began = time.perf_counter()
                while time.perf_counter() - began < options.seconds:
                    loaded.append(cycle())
            after += [cycle() for _ in range(max(1, len(loaded) - len(before)))]
    _table(options, (before, loaded, after), told)


@contextmanager
def _served(home: Path) -> Iterator[str]:
    at = FIRST + WARM_UP * SLOT + HOURS_AHEAD * 3600
    words = [sys.executable, __file__, "--server", str(home / "config.yaml"), str(at)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield (server.stdout.readline() if server.stdout else "").strip()
        finally:
            server.terminate()


@contextmanager
def _loading(page: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Load *page* during the block; what was seen is in the mapping once it has ended."""
    words = [sys.executable, __file__, "--load", page]
    words += ["--rate", str(options.rate), "--streams", str(options.streams)]
    told: dict[str, Any] = {}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        if child.stdout is None or child.stdout.readline().strip() != "ready":
            raise SystemExit("the load did not begin")
        yield told
        out, _ = child.communicate("\n")
        told |= json.loads(out)


def _serve(config: Path, at: int) -> None:
    """Serve the home of *config* on a clock that says *at* now; print the address."""
    from functools import partial  # noqa: PLC0415  # what the server pays, it pays

    from trading_cli.app import serving  # noqa: PLC0415
    from trading_cli.web import standing  # noqa: PLC0415
    from trading_cli.web.api import create_app  # noqa: PLC0415

    app = create_app(config, os.environ, clock=_clock(at))
    serving.serve(
        app, serving.seat("127.0.0.1", 0), on_ready=lambda url: print(url, flush=True),
        begin=partial(standing.begin, app), end=partial(standing.end, app),
    )  # fmt: skip


class Lane:
    """One connection that is kept: sends a GET, reads the whole reply."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._pipe: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._tags: dict[str, str] = {}

    async def get(self, path: str, *, tagged: bool = True) -> tuple[int, bytes]:
        """Return the status and the body; the tag of the last reply is sent along."""
        if self._pipe is None or self._pipe[0].at_eof():  # idle for long: the server hung up
            self._pipe = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._pipe
        tag = self._tags.get(path) if tagged else None
        known = f"If-None-Match: {tag}\r\n" if tag else ""
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{known}\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, headers = int(head[9:12]), _headers(head)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if status == 200 and "etag" in headers:
            self._tags[path] = headers["etag"]
        return status, body


def _headers(head: str) -> dict[str, str]:
    pairs = (line.partition(": ") for line in head.split("\r\n")[1:] if line)
    return {name.lower(): value for name, _, value in pairs}


async def _load(url: str, rate: float, streams: int) -> None:
    """Send by the clock until stdin says to end; print what was seen as one line of JSON."""
    host, port = url.removeprefix("http://").split(":")
    first = Lane(host, int(port))
    names = {"market": await _one(first, "markets", "markets", "id"),
             "decision": await _one(first, "decisions", "decisions", "id")}  # fmt: skip
    paths = [p.format(**names) for p, many in PATHS.items() for _ in range(many)]
    order = [paths[(i * 37) % len(paths)] for i in range(len(paths))]
    ears = [Ear(host, int(port)) for _ in range(streams)]
    listening = [asyncio.create_task(ear.listen()) for ear in ears]
    await asyncio.gather(*(ear.open.wait() for ear in ears))
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print("ready", flush=True)
    took, statuses, seconds = await _by_the_clock(host, int(port), rate, order, over)
    for task in listening:
        task.cancel()
    print(json.dumps({
        "seconds": seconds, "took": took, "statuses": statuses,
        "streams": len(ears), "alive": sum(not ear.ended for ear in ears),
        "events": sorted({ear.events for ear in ears}), "last": sorted({ear.last for ear in ears}),
    }))  # fmt: skip


async def _one(lane: Lane, path: str, rows: str, name: str) -> str:
    _, body = await lane.get(f"/api/v1/{path}?limit=1", tagged=False)
    return str(json.loads(body)["data"][rows][0][name])


async def _by_the_clock(
    host: str, port: int, rate: float, order: list[str], over: "asyncio.Future[str]"
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, int], float]:
    """Return by path when a request was due and what it took; replies by status; the seconds."""
    lanes: asyncio.LifoQueue[Lane] = asyncio.LifoQueue()
    for _ in range(LANES):
        lanes.put_nowait(Lane(host, port))
    took: dict[str, list[tuple[float, float]]] = defaultdict(list)
    statuses: Counter[str] = Counter()
    began = time.perf_counter()

    async def ask(path: str, due: float) -> None:
        lane = await lanes.get()
        try:
            status, _ = await lane.get(path)
            statuses[str(status)] += 1
        except (OSError, asyncio.IncompleteReadError) as error:
            statuses[type(error).__name__] += 1
            lane = Lane(host, port)
        finally:
            lanes.put_nowait(lane)
        took[path].append((due - began, time.perf_counter() - due))

    asked: set[asyncio.Task[None]] = set()
    sent = 0
    while not over.done():
        due = began + sent / rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(ask(order[sent % len(order)], due))
        asked.add(task)
        task.add_done_callback(asked.discard)
        sent += 1
    seconds = time.perf_counter() - began
    await asyncio.gather(*asked)
    return took, statuses, seconds


class Ear:
    """One client of the stream: counts what it hears."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.open = asyncio.Event()
        self.events, self.last, self.ended = 0, "", False

    async def listen(self) -> None:
        """Read to the end, or until cancelled."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(
            f"GET /api/v1/stream HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        self.open.set()
        while line := await reader.readline():
            if line.startswith(b"id:"):
                self.events += 1
                self.last = line[3:].strip().decode()
        self.ended = True


def _table(
    options: argparse.Namespace,
    cycles: tuple[list[float], list[float], list[float]],
    heard: dict[str, Any],
) -> None:
    before, loaded, after = cycles
    by_path: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path, asked in heard["took"].items():
        by_path[path.split("?")[0]] += asked
    print(f"\n{'milliseconds':44}{'n':>7}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    whole = [one for asked in by_path.values() for one in asked]
    first = [one for one in whole if one[0] < COLD_S]
    rest = [one for one in whole if one[0] >= COLD_S]
    for name, asked in (
        *sorted(by_path.items()), ("the first second", first), ("the rest", rest), ("all", whole)
    ):  # fmt: skip
        took = [seconds for _, seconds in asked]
        at = [1000 * v for v in (*(_cut(took, n) for n in (50, 95, 99)), max(took, default=0.0))]
        print(f"  {name[:42]:42}{len(took):7}" + "".join(f"{v:8.1f}" for v in at))
    p95 = 1000 * _cut([seconds for _, seconds in whole], 95)
    ratio = statistics.median(loaded) / statistics.median(before + after)
    bad = sum(many for code, many in heard["statuses"].items() if code not in {"200", "304"})
    rate = len(whole) / heard["seconds"]
    print(f"  {rate:.0f} requests/s for {heard['seconds']:.0f} s; replies {heard['statuses']}")
    print(f"  cycles, s: before {_text(before)}; under load {_text(loaded)}; after {_text(after)}")
    print(f"  streams: events heard {heard['events']}")
    for text, value, holds in (
        ("p95, ms", p95, p95 < P95_MS),
        ("requests a second", rate, rate >= SENT * options.rate),
        ("seconds of load", heard["seconds"], heard["seconds"] >= options.seconds),
        ("replies that are neither 200 nor 304", bad, bad == 0),
        ("a cycle under load against a quiet one", ratio, ratio <= RATIO),
        ("streams still open at the end", heard["alive"], heard["alive"] == options.streams),
        ("streams that heard something else", len(heard["last"]) - 1, len(heard["last"]) == 1),
    ):
        print(f"{'pass' if holds else 'FAIL'}  {text}: {value:.4g}")


def _cut(values: list[float], percent: int) -> float:
    """Return the percentile of *values*; 0 of none."""
    if len(values) < 2:
        return sum(values)
    return statistics.quantiles(values, n=100)[percent - 1]


def _text(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
