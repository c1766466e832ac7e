"""Where the time goes: quantiles by step, the trend, and one command sampled."""

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

from trading_cli.app import profiling
from trading_cli.core.errors import UsageError
from trading_cli.core.sampling import Sampler
from trading_cli.store import Store, runs

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SLOT = timedelta(minutes=15)


def ran(store: Store, number: int, seconds: float, sources: dict | None = None) -> None:
    """Write down a collection of the *number*-th slot whose `collect` step took *seconds*."""
    at = NOON + number * SLOT
    with store.transaction() as tx:
        start = runs.Start("collection", int(at.timestamp()), at, os.getpid())
        ticket = runs.begin(tx, start, lease=SLOT)
        numbers = {} if sources is None else {"sources": sources}
        runs.record_step(tx, ticket.run, runs.Step("collect", "OK", seconds, "", numbers))
        runs.record_step(tx, ticket.run, runs.Step("notify", "SKIPPED", 9.0, "nothing", {}))
        runs.finish(tx, ticket, "OK", "", {}, at)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Return the settings of an own home with a database of 80 runs: 0.1 s, then twice as slow."""
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    path = tmp_path / "config.yaml"
    path.write_text("mode: paper\n")
    with Store.open(tmp_path / "data" / "trading.db", now=NOON) as store:
        for number in range(80):
            slow = 0.1 if number < 60 else 0.2
            tally = {"gdelt": {"seconds": 2 * slow, "requests": 3, "state": "ok"}}
            ran(store, number, 7.5 if number == 70 else slow, tally)
    return path


def test_the_quantiles_the_trend_and_the_slowest_are_those_of_the_ledger(config):
    """80 runs: median .1, one of 7.5 s, the newest quarter twice as slow as the oldest."""
    told = profiling.timings(config, NOON, NOON + 80 * SLOT)
    (step,) = told["steps"]
    assert (step["n"], step["p50_s"], step["max_s"]) == (80, 0.1, 7.5)
    assert step["p95_s"] == 0.2
    assert step["trend"] == 2.0
    assert told["slowest"][0] == {
        "run": 71,
        "cycle": "collection",
        "slot": (NOON + 70 * SLOT).isoformat(),
        "step": "collect",
        "seconds": 7.5,
        "state": "OK",
        "why": "",
    }
    (source,) = told["sources"]
    assert (source["source"], source["requests"], source["trend"]) == ("gdelt", 240, 2.0)


def test_a_step_that_was_skipped_took_no_time(config):
    """What did not run is in no quantile and is no slowest call."""
    told = profiling.timings(config, NOON, NOON + 80 * SLOT)
    assert [one["step"] for one in told["steps"]] == ["collect"]
    assert {one["step"] for one in told["slowest"]} == {"collect"}


def test_few_runs_have_no_trend(config):
    """Below 40 runs nothing is said of getting slower."""
    (step,) = profiling.timings(config, NOON, NOON + 39 * SLOT)["steps"]
    assert step["trend"] is None
    (step,) = profiling.timings(config, NOON, NOON + 40 * SLOT)["steps"]
    assert step["trend"] == 1.0


def test_a_cycle_that_never_ran_is_named(config):
    """An unknown cycle is a usage error that names those that ran."""
    with pytest.raises(UsageError, match="no cycle 'analysis'") as no:
        profiling.timings(config, NOON, NOON + 80 * SLOT, "analysis")
    assert "collection" in no.value.hint


def test_a_command_is_run_and_seen_at_work(config):
    """The command's own exit code comes back, and its functions with shares in [0, 1]."""
    heard: list[str] = []
    told = profiling.sample(["--config", str(config), "db", "stats"], heard.append)
    assert told["code"] == 0
    assert told["looks"] > 0
    assert any(one["function"] == "trading_cli.cli.main.run" for one in told["ours"])
    assert all(0 <= one["own"] <= one["under"] <= 1 for one in told["ours"] + told["heaviest"])


def test_a_command_that_fails_says_why_and_keeps_its_code(config):
    """What the command said on stderr is heard, its exit code is the command's."""
    heard: list[str] = []
    told = profiling.sample(
        ["--config", str(config), "markets", "--sort", "nonsense"], heard.append
    )
    assert told["code"] == 2
    assert any("nonsense" in line for line in heard)


def test_the_sampler_sees_who_works_and_who_waits():
    """A thread inside `spin`, called by `outer`: spin works, outer waits for it."""
    enough = threading.Event()
    there = threading.Event()
    found: list[int] = []

    def spin() -> None:
        there.set()
        while not enough.is_set():
            sum(range(50))

    def outer() -> None:
        found.append(threading.get_ident())
        spin()

    worker = threading.Thread(target=outer)
    worker.start()
    there.wait()
    sampler = Sampler(found[0], 0.0005)
    sampler.start()
    while sampler.looks < 50:
        there.wait(0)
    sampler.stop()
    enough.set()
    worker.join()
    spun = next(name for name in sampler.under if name.endswith("<locals>.spin"))
    around = next(name for name in sampler.under if name.endswith("<locals>.outer"))
    assert sampler.under[around] == sampler.under[spun] == sampler.looks
    assert sampler.own[around] == 0
