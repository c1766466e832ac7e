"""SIGTERM in any step of a cycle, as a process: it leaves what kill -9 leaves, soon, with 143."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import yaml
from homes import DAY, ENDPOINTS, VOICES, Exchange  # beside this

from trading_cli.app import once
from trading_cli.app.steps import COLLECTION
from trading_cli.simulator import running
from trading_cli.simulator.world import World
from trading_cli.store import Store, runs

STEPS = [name for name, _ in COLLECTION.steps]
SOON_S = 10.0
PATIENCE_S = 60.0


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
        "limits_path": "limits.db", "backfill_seconds": 0,
        "polymarket": {**venue, "requests_per_10s": dict.fromkeys(ENDPOINTS)},
        **{name: {"url": f"{url}/{name}", "requests_per_minute": None} for name in VOICES},
    }  # fmt: skip
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"data_collection": section}))
    path.chmod(0o600)
    now_exchange.faults()
    yield path
    now_exchange.faults()


def begin(config, fault: str = "") -> "subprocess.Popen[str]":
    """Start a cycle as cron does."""
    env = {k: v for k, v in os.environ.items() if k != "TRADING_FAULT"}
    return subprocess.Popen(
        [sys.executable, "-m", "trading_cli", "cycle", "collection", "--config", str(config)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**env, **({"TRADING_FAULT": fault} if fault else {})},
    )  # fmt: skip


def ended(child: "subprocess.Popen[str]", patience: float = PATIENCE_S) -> tuple[int, str]:
    """Return how *child* ended within *patience* seconds, and what it complained of."""
    try:
        _, said = child.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        child.kill()
        _, said = child.communicate()
        return 0, f"still there after {patience} s: {said}"
    return child.returncode, said


def rows(config) -> list[runs.Run]:
    """Return the runs of the collection, newest first."""
    with Store.reader(config.parent / "data" / "trading.db") as store, store.reading() as look:
        return runs.last(look, cycles=["collection"])


def finishes(config) -> None:
    """Check that the next run does the slot, and that no row is left as if it were at work."""
    once.run(config, "collection", started_by="test", verbose=0, progress=lambda _text: None)
    states = [row.state for row in rows(config)]
    assert states[0] in {"OK", "PARTIAL"}
    assert set(states[1:]) <= {"FAILED"}


def test_told_to_end_in_any_step_it_ends_and_the_next_run_goes_on(config):
    """The signal comes at the beginning of each step in turn: 143, and the next gets further."""
    for number, step in enumerate(STEPS):
        point = f"cycle.{STEPS[number - 1]}.done" if number else "cycle.begun"
        child = begin(config, f"{point}@TERM")
        code, said = ended(child)
        assert code == 143, (step, said)
        assert said.rstrip().endswith("terminated.")
        assert rows(config)[0].state == "RUNNING"
    assert len(rows(config)) == len(STEPS)
    finishes(config)


@pytest.mark.parametrize("path", ["/clob/books", pytest.param("/gdelt", marks=pytest.mark.nightly)])
def test_it_does_not_wait_for_who_does_not_answer(config, now_exchange, path):
    """A request that hangs does not hold the process: 143 within 10 s of the signal."""
    now_exchange.faults({"fault": "hang", "match": path})
    child = begin(config)
    until = time.monotonic() + PATIENCE_S
    while not now_exchange.applied() and time.monotonic() < until and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    code, said = ended(child, SOON_S)
    assert code == 143, said
    assert said.count("terminated.") == 1
    now_exchange.faults()
    finishes(config)
