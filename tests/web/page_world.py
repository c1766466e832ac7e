"""A home as fresh as now, the pretend exchange it asks, and a server that shows it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from trading_cli.app.collect import collect
from trading_cli.app.cycles import run_cycle
from trading_cli.app.demo_day import WorldTime, write_home
from trading_cli.app.settings import load
from trading_cli.app.steps import COLLECTION
from trading_cli.app.toolkit import Toolkit
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.simulator.running import start
from trading_cli.simulator.scenes import SCENES
from trading_cli.simulator.world import World

DAY_S = 86_400
DAYS = 1
CYCLES = 3
MARKETS = 4
NOWHERE = "http://127.0.0.1:1"  # stands for the exchange's address until there is one


def quiet(_text: str) -> None:
    """Hear nothing."""


def world_until(slot: int) -> World:
    """Return the world whose live span ends two days after *slot*."""
    first = slot - CYCLES * SLOT_SECONDS
    return World(1, MARKETS + len(SCENES), start=first - DAYS * DAY_S, end=slot + 2 * DAY_S)


def build(home: Path, slot: int) -> None:
    """Fetch a past and run the cycles of the slots before *slot*, so that *slot* is to come."""
    first = slot - CYCLES * SLOT_SECONDS
    before = first - SLOT_SECONDS + 7
    clock = WorldTime(from_epoch(before))
    with start(world_until(slot), limits=False, now=before) as exchange:
        clock.exchange = exchange
        config = write_home(home, exchange.url)
        with Toolkit(load(config, env={}), clock=clock, env={}) as toolkit:
            collect(toolkit, progress=quiet, backfill=timedelta(days=DAYS))
            for turn in range(CYCLES):
                clock.move(first + turn * SLOT_SECONDS + 7)
                run_cycle(toolkit, COLLECTION, progress=quiet, started_by="test")
        config.write_text(config.read_text().replace(exchange.url, NOWHERE))


def clean_env(home: Path) -> dict[str, str]:
    """Return an environment that names *home* and nothing else of ours."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TRADING_")}
    return kept | {"XDG_STATE_HOME": str(home.parent / "state")}


def trading(home: Path, *words: str) -> dict[str, Any]:
    """Run a command on *home* and return its data."""
    command = [sys.executable, "-m", "trading_cli", *words]
    command += ["--json", "--config", str(home / "config.yaml")]
    done = subprocess.run(command, env=clean_env(home), capture_output=True, text=True, check=True)
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return data


@dataclass
class Served:
    """A home with `trading serve` over it, which can be stopped and begun again at its port."""

    home: Path
    port: int = 0
    url: str = ""
    token: str = ""
    more: tuple[str, ...] = ()
    _process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Serve; return once it accepts."""
        command = [sys.executable, "-m", "trading_cli", "serve", "--port", str(self.port)]
        command += ["--json", "--config", str(self.home / "config.yaml"), *self.more]
        env = clean_env(self.home) | ({"TRADING_SERVE_TOKEN": self.token} if self.token else {})
        with (self.home / "serve.err").open("a") as err:
            self._process = subprocess.Popen(
                command, env=env, stdout=subprocess.PIPE, stderr=err, text=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, (self.home / "serve.err").read_text()
        self.url = json.loads(line)["data"]["url"]
        self.port = int(self.url.rsplit(":", 1)[1])

    def end(self) -> None:
        """Stop serving, and wait until the port is free."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", self.port)) != 0


@contextmanager
def serving(home: Path, token: str = "", *more: str) -> Iterator[Served]:
    """Yield a served *home*; *more* are words of the command."""
    served = Served(home, token=token, more=more)
    try:
        served.begin()
        yield served
    finally:
        served.end()


def copy_of(home: Path, to: Path, url: str = NOWHERE) -> Path:
    """Copy *home* to *to*; it asks the exchange at *url*."""
    shutil.copytree(home, to)
    config = to / "config.yaml"
    config.write_text(config.read_text().replace(NOWHERE, url))
    return to


def slot_now() -> int:
    """Return the present slot, epoch seconds."""
    return int(time.time()) // SLOT_SECONDS * SLOT_SECONDS
