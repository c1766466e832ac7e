"""SIGTERM in any step of a cycle, as a process: it leaves what kill -9 leaves, soon, with 143."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import yaml
from homes import DAY, ENDPOINTS, VOICES, Exchange  # beside this

from trading_cli.app.steps import COLLECTION
from trading_cli.simulator import running
from trading_cli.simulator.world import World
from trading_cli.store import Store, runs

STEPS = [name for name, _ in COLLECTION.steps]
SOON_S = 10.0
PATIENCE_S = 60.0
BEFORE = dict(zip(STEPS[1:], STEPS, strict=False))
HANGING = {"collect": "/clob/books", "exits": "", "talk": "/gdelt"}


@pytest.fixture(scope="module")
def now_exchange() -> Iterator[Exchange]:
    """Return an exchange in the present, which answers at once, unless told to hang."""
    start = int(time.time())
    world = World(7, 12, start=start - 9 * DAY, end=start + 2 * DAY, liquid_share=0.8)
    with running.start(world, limits=False) as server:
        yield Exchange(world, server)


@pytest.fixture
def config(tmp_path, now_exchange, monkeypatch):
    """Return the settings of a home with the usual patience, and an exchange without faults."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    url = now_exchange.url
    venue = {f"{name}_url": f"{url}/{name}" for name in ("gamma", "clob", "data")}
    section = {
        "limits_path": "limits.db", "backfill_seconds": 1,
        "polymarket": {**venue, "requests_per_10s": dict.fromkeys(ENDPOINTS)},
        **{name: {"url": f"{url}/{name}", "requests_per_minute": None} for name in VOICES},
    }  # fmt: skip
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"data_collection": section}))
    path.chmod(0o600)
    now_exchange.faults()
    yield path
    now_exchange.faults()


def begin(config, *more: str, fault: str = "") -> "subprocess.Popen[str]":
    """Start a cycle as cron does."""
    env = {k: v for k, v in os.environ.items() if k != "TRADING_FAULT"}
    return subprocess.Popen(
        [sys.executable, "-m", "trading_cli", "cycle", "collection", "--config", str(config), *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**env, **({"TRADING_FAULT": fault} if fault else {})},
    )  # fmt: skip


def ended(child: "subprocess.Popen[str]") -> tuple[int, str, float]:
    """Return how *child* ended, what it complained of, and seconds since now."""
    began = time.monotonic()
    _, said = child.communicate(timeout=PATIENCE_S)
    return child.returncode, said, time.monotonic() - began


def goes_on(config) -> None:
    """Check that the next run does the slot, and that no row is left as if it were at work."""
    child = begin(config, "--json")
    out, said = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0, said
    assert json.loads(out)["data"]["state"] in {"OK", "PARTIAL"}
    with Store.reader(config.parent / "data" / "trading.db") as store, store.reading() as look:
        rows = runs.last(look, cycles=["collection"])
    states = [row.state for row in rows]
    assert states[0] in {"OK", "PARTIAL"}
    assert set(states[1:]) <= {"FAILED"}
    assert len(rows) == 2


@pytest.mark.parametrize("step", STEPS)
def test_told_to_end_in_a_step_it_ends_and_the_next_run_goes_on(config, step):
    """The signal comes at the beginning of the step: exit 143 within 10 s."""
    child = begin(config, fault=f"cycle.{BEFORE[step]}.done@TERM" if step in BEFORE else
                  "cycle.begun@TERM")  # fmt: skip
    code, said, seconds = ended(child)
    assert code == 143, said
    assert said.rstrip().endswith("terminated.")
    assert seconds < PATIENCE_S
    goes_on(config)


@pytest.mark.parametrize(("step", "path"), [("collect", "/clob/books"), ("talk", "/gdelt")])
def test_it_does_not_wait_for_who_does_not_answer(config, now_exchange, step, path):
    """A request that hangs does not hold the process: 143 within 10 s of the signal."""
    del step
    now_exchange.faults({"fault": "hang", "match": path})
    child = begin(config)
    until = time.monotonic() + PATIENCE_S
    while not now_exchange.applied() and time.monotonic() < until and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    code, said, seconds = ended(child)
    assert code == 143, said
    assert seconds < SOON_S
    now_exchange.faults()
    goes_on(config)
