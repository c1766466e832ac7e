"""Runs of a cycle: every start is a row, a slot is done once, a killed run is gone on with."""

import multiprocessing
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trading_cli.app import cycles, stop
from trading_cli.app.cycles import Cycle, Done, Plan, run_cycle
from trading_cli.app.runs import only_run
from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import RunLocked, SourceDown, StoreCorrupt, StoreFull
from trading_cli.store import Store, runs

NOW = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def quiet(_text: str) -> None:
    """Hear nothing."""


@pytest.fixture
def kit(tmp_path: Path):
    """Return the toolkit of an empty home whose clock stands still."""
    (tmp_path / "config.yaml").write_text("data_collection: {limits_path: limits.db}\n")
    toolkit = Toolkit(load(tmp_path / "config.yaml", env={}), clock=FrozenClock(NOW), env={})
    with toolkit:
        yield toolkit


def plan(*steps, longest: float = 600.0) -> Plan:
    """Return a quarter-hourly cycle of *steps*."""
    named = tuple((step.__name__, step) for step in steps)
    return Plan("collection", QUARTER, named, timedelta(seconds=longest))


def one(_cycle: Cycle) -> Done:
    """Do well."""
    return Done(numbers={"one": 1})


def two(_cycle: Cycle) -> Done:
    """Do well, too."""
    return Done(numbers={"two": 2})


def down(_cycle: Cycle) -> Done:
    """Find nobody."""
    raise SourceDown("gamma", "nobody answers")


def full(_cycle: Cycle) -> Done:
    """Find the disk full."""
    raise StoreFull("the disk is full")


def rows(toolkit: Toolkit) -> list[runs.Run]:
    """Return every run, newest first."""
    with Store.reader(toolkit.loaded.database) as store, store.reading() as look:
        return runs.last(look, limit=1000)


def test_a_run_takes_every_step_and_leaves_a_row(kit):
    """The report and the ledger say the same: states, numbers, order."""
    report = run_cycle(kit, plan(one, two), progress=quiet)
    (row,) = rows(kit)
    assert (report.state, [step.name for step in report.steps]) == ("OK", ["one", "two"])
    assert (row.state, row.numbers, row.timing) == ("OK", {"one": 1, "two": 2}, "on_time")


def test_a_step_that_fails_does_not_stop_the_others(kit):
    """A failing step makes the run PARTIAL, and names itself."""
    report = run_cycle(kit, plan(one, down, two), progress=quiet)
    assert [step.state for step in report.steps] == ["OK", "FAILED", "OK"]
    assert report.state == "PARTIAL"
    assert "down: gamma: nobody answers" in report.reason
    assert report.error is None


def test_a_cycle_without_its_first_step_has_failed(kit):
    """When collecting brought nothing the run FAILED and hands on the error."""
    report = run_cycle(kit, plan(down, two), progress=quiet)
    assert report.state == "FAILED"
    assert isinstance(report.error, SourceDown)
    assert rows(kit)[0].state == "FAILED"


def test_the_store_failing_ends_the_run_at_once(kit):
    """After a failed store nothing is tried, and the row says why."""
    with pytest.raises(StoreFull):
        run_cycle(kit, plan(one, full, two), progress=quiet)
    (row,) = rows(kit)
    assert (row.state, row.why) == ("FAILED", "the disk is full")


def test_a_second_start_in_a_slot_does_nothing_and_says_so(kit):
    """The second start is SKIPPED, a row of its own, and names the run that did the slot."""
    first = run_cycle(kit, plan(one), progress=quiet)
    again = run_cycle(kit, plan(one), progress=quiet, started_by="cron")
    assert again.state == "SKIPPED"
    assert f"run {first.run} did this slot" in again.reason
    assert [(row.state, row.timing) for row in rows(kit)] == [
        ("SKIPPED", "duplicate"),
        ("OK", "on_time"),
    ]


def test_a_laptop_that_slept_wakes_to_one_run(kit):
    """After 26 hours there is one catch-up run, and a row for each slot nobody ran."""
    run_cycle(kit, plan(one), progress=quiet)
    kit.clock.set(NOW + timedelta(hours=26))
    report = run_cycle(kit, plan(one), progress=quiet)
    timings = [row.timing for row in rows(kit)]
    assert report.timing == "catch_up"
    assert timings.count("missed") == 26 * 4 - 1
    assert timings.count("catch_up") == 1


def test_a_late_run_says_that_it_is_late(kit):
    """More than five minutes into its slot a run is late."""
    kit.clock.set(NOW + timedelta(minutes=6))
    assert run_cycle(kit, plan(one), progress=quiet).timing == "late"


def test_after_the_deadline_no_step_is_begun(kit):
    """A cycle that took too long ends, and its last steps say that it was the deadline."""
    report = run_cycle(kit, plan(one, two, longest=0.0), progress=quiet)
    assert [step.state for step in report.steps] == ["FAILED", "FAILED"]
    assert "deadline" in report.reason


def test_a_killed_run_is_gone_on_with_from_its_last_step(kit, tmp_path):
    """What the dead run had done is not done again; the rest is."""
    tally = tmp_path / "tally"

    def counted(_cycle: Cycle) -> Done:
        tally.write_text(tally.read_text() + "x" if tally.exists() else "x")
        return Done(numbers={"counted": 7})

    def deadly(_cycle: Cycle) -> Done:
        os.kill(os.getpid(), signal.SIGKILL)
        return Done()

    child = multiprocessing.get_context("fork").Process(
        target=run_cycle, args=(kit, plan(counted, deadly)), kwargs={"progress": quiet}
    )
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL

    report = run_cycle(kit, plan(counted, two), progress=quiet)

    assert tally.read_text() == "x"
    assert [(step.name, step.state) for step in report.steps] == [("counted", "OK"), ("two", "OK")]
    assert rows(kit)[0].numbers == {"counted": 7, "two": 2}
    assert [row.state for row in rows(kit)] == ["OK", "FAILED"]


def test_twenty_processes_started_on_one_slot_are_one_run(tmp_path, monkeypatch):
    """Whoever comes first does the slot; the others say that it is being done, or was.

    With patience enough for any machine: what is asked is who works, not how soon.
    """
    monkeypatch.setattr(cycles, "PATIENCE_S", 300.0)
    config = tmp_path / "config.yaml"
    config.write_text(
        "data_collection: {limits_path: limits.db}\ndatabase: {busy_timeout_ms: 60000}\n"
    )
    work = tmp_path / "work"
    work.mkdir()
    fork = multiprocessing.get_context("fork")
    gate = fork.Barrier(20)
    ends = fork.Queue()

    def marked(cycle: Cycle) -> Done:
        (work / str(cycle.ticket.run)).write_text(str(os.getpid()))
        return Done()

    with Toolkit(load(config, env={}), clock=FrozenClock(NOW), env={}) as kit:

        def child() -> None:
            gate.wait()
            ends.put(run_cycle(kit, plan(marked), progress=quiet).state)

        children = [fork.Process(target=child) for _ in range(20)]
        for process in children:
            process.start()
        states = [ends.get(timeout=300) for _ in children]
        for process in children:
            process.join()
        assert sorted(states) == ["OK"] + ["SKIPPED"] * 19
        assert len(list(work.iterdir())) == 1
        assert len([row for row in rows(kit) if row.state == "OK"]) == 1


def test_every_start_beside_a_run_of_its_slot_does_nothing(kit, monkeypatch):
    """Not the second only: a third finds the second's row, and behind it the run at work."""
    monkeypatch.setattr(cycles, "PATIENCE_S", 0.0)
    others: list[str] = []

    def meanwhile(_cycle: Cycle) -> Done:
        others.extend(run_cycle(kit, plan(one), progress=quiet).state for _ in range(3))
        return Done()

    assert run_cycle(kit, plan(meanwhile), progress=quiet).state == "OK"
    assert others == ["SKIPPED"] * 3


def test_a_start_beside_one_that_only_looks_does_nothing(kit, monkeypatch):
    """The slot is done, and whoever holds the lock is finding that out: no refusal."""
    monkeypatch.setattr(cycles, "PATIENCE_S", 0.0)
    done = run_cycle(kit, plan(one), progress=quiet)
    with only_run(kit.loaded.database.parent, "collection", NOW):
        second = run_cycle(kit, plan(one), progress=quiet)
    assert second.state == "SKIPPED"
    assert second.reason.startswith(f"run {done.run} did this slot")


def test_a_run_of_an_older_slot_that_is_still_at_work_is_named(kit):
    """Another slot's run holding the lock is no duplicate: the second start is refused."""
    refused: list[str] = []

    def meanwhile(_cycle: Cycle) -> Done:
        kit.clock.set(NOW + QUARTER)
        with pytest.raises(RunLocked) as caught:
            run_cycle(kit, plan(one), progress=quiet)
        refused.append(caught.value.message)
        kit.clock.set(NOW)
        return Done()

    run_cycle(kit, plan(meanwhile), progress=quiet)
    assert "holds the lock" in refused[0]


def test_a_damaged_database_pulls_the_kill_switch(kit):
    """What cannot be read cannot be traded on: the file KILL stands before the error is told."""
    run_cycle(kit, plan(one), progress=quiet)
    path = kit.loaded.database
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    held = bytearray(path.read_bytes())
    held[4096:] = b"\x5a" * (len(held) - 4096)
    path.write_bytes(bytes(held))
    kit.clock.set(NOW + QUARTER)
    with pytest.raises(StoreCorrupt):
        run_cycle(kit, plan(one), progress=quiet)
    assert (path.parent / "KILL").exists()
    assert stop.standing_at(stop.Place(kit.home, path)).level == 4
