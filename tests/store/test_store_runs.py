"""The ledger of runs: one row a start, and only the newest run may write."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trading_cli.core.errors import RunLost
from trading_cli.store import Store, runs, sealing

NOW = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)
SLOT = int(NOW.timestamp()) // 900 * 900
LEASE = timedelta(minutes=10)


@pytest.fixture
def store(tmp_path: Path):
    """Return an empty store."""
    with Store.open(tmp_path / "t.db", now=NOW) as opened:
        yield opened


def start(now: datetime = NOW, slot: int = SLOT) -> runs.Start:
    """Return a start of the collection."""
    return runs.Start("collection", slot, now, os.getpid())


def begin(store: Store, now: datetime = NOW, slot: int = SLOT) -> runs.Ticket:
    """Begin a run and return its ticket."""
    with store.transaction() as tx:
        return runs.begin(tx, start(now, slot), lease=LEASE)


def test_a_run_that_was_taken_over_may_not_write(store):
    """The fence of a later run shuts out the earlier one, however late it wakes."""
    first = begin(store)
    second = begin(store, NOW + timedelta(minutes=1))
    with pytest.raises(RunLost, match="taken over"), store.transaction() as tx:
        runs.hold(tx, first, NOW)
    with store.transaction() as tx:
        runs.hold(tx, second, NOW)
    assert second.fence > first.fence


def test_a_run_may_not_outlive_its_lease(store):
    """After the lease nothing more is stored, also when nobody took over."""
    ticket = begin(store)
    with store.transaction() as tx:
        runs.hold(tx, ticket, NOW + LEASE)
    with pytest.raises(RunLost, match="outlived"), store.transaction() as tx:
        runs.hold(tx, ticket, NOW + LEASE + timedelta(seconds=1))


def test_a_run_found_open_ended_without_a_word(store):
    """Whoever begins holds the lock, so an open run is a dead one: FAILED, its steps kept."""
    dead = begin(store)
    with store.transaction() as tx:
        runs.record_step(tx, dead.run, runs.Step("collect", "OK", 1.5, "", {"quotes": 3}))
        runs.record_step(tx, dead.run, runs.Step("quality", "FAILED", 0.1, "no", {}))
    begin(store, NOW + timedelta(minutes=2))
    with store.reading() as look:
        kept = runs.checkpoints(look, "collection", SLOT)
        newest, oldest = runs.last(look)
    assert kept == {"collect": runs.Step("collect", "OK", 1.5, "", {"quotes": 3})}
    assert (oldest.state, oldest.why) == ("FAILED", runs.ENDED_SILENTLY)
    assert newest.state == "RUNNING"


def test_an_open_run_of_before_there_were_fences_is_ended_too(store):
    """A run without a fence, as older files hold, and one with skipped starts after it: FAILED."""
    with store.transaction() as tx:
        tx.execute(
            "INSERT INTO runs (cycle, slot, state, started, pid)"
            " VALUES ('collection', ?, 'RUNNING', ?, 1)",
            (SLOT - 900, SLOT - 893),
        )
    begin(store)
    with store.transaction() as tx:
        runs.skip(tx, start(), "under way")
    begin(store, NOW + timedelta(minutes=2))
    with store.reading() as look:
        states = [run.state for run in reversed(runs.last(look))]
    assert states == ["FAILED", "FAILED", "SKIPPED", "RUNNING"]


def test_the_runs_of_the_past_are_not_looked_through(store):
    """What a slot writes and asks of runs takes sqlite as many steps after 300 runs as after 1,500.

    The newest 200 are read. The past is sealed, as each run seals itself.
    """
    add_runs(store, SLOT, 300)
    few = steps_of_a_slot(store, SLOT + 600 * 900)
    add_runs(store, SLOT + 1_000 * 900, 1_200)
    many = steps_of_a_slot(store, SLOT + 5_000 * 900)
    assert many == few


def add_runs(store: Store, slot: int, count: int) -> None:
    """Write so many runs, a slot each, which ended well."""
    for number in range(count):
        at = slot + number * 900
        ticket = begin(store, NOW, at)
        with store.transaction() as tx:
            runs.finish(tx, ticket, "OK", "", {}, NOW)
        if number % 100 == 0:
            sealing.seal_all(store, run=ticket.run, now=NOW)
    sealing.seal_all(store, run=0, now=NOW)


def steps_of_a_slot(store: Store, slot: int) -> int:
    """Return how many steps of its machine sqlite takes for what a slot asks of the runs."""
    taken = []
    store._connection.set_progress_handler(lambda: taken.append(1), 1)
    ticket = begin(store, NOW, slot)
    with store.transaction() as tx:
        runs.hold(tx, ticket, NOW)
        runs.whole(tx, "collection", slot)
        runs.checkpoints(tx, "collection", slot)
        runs.newest_slot(tx, "collection", before=slot)
        runs.collected(tx)
        runs.finish(tx, ticket, "OK", "", {}, NOW)
    store._connection.set_progress_handler(None, 1)
    sealing.seal_all(store, run=ticket.run, now=NOW)
    return len(taken)


def test_a_run_that_ended_with_a_word_leaves_no_checkpoints(store):
    """A run that failed and said so is begun anew from the first step."""
    ticket = begin(store)
    with store.transaction() as tx:
        runs.record_step(tx, ticket.run, runs.Step("collect", "OK", 1.5, "", {}))
        runs.finish(tx, ticket, "FAILED", "no disk", {}, NOW)
    with store.reading() as look:
        assert runs.checkpoints(look, "collection", SLOT) == {}


def test_missed_slots_are_rows_once(store):
    """A slot in which nothing ran is written down once, and never over a run that was there."""
    ticket = begin(store)
    with store.transaction() as tx:
        runs.finish(tx, ticket, "OK", "", {}, NOW)
        slots = range(SLOT, SLOT + 4 * 900, 900)
        assert runs.missed(tx, "collection", slots, NOW) == 3
        assert runs.missed(tx, "collection", slots, NOW) == 0
    with store.reading() as look:
        held = runs.last(look, cycles=["collection"])
        assert runs.whole(look, "collection", SLOT) is not None
        assert runs.whole(look, "collection", SLOT + 900) is None
        assert runs.newest_slot(look, "collection", before=SLOT + 9000) == SLOT + 2700
    assert [run.timing for run in held] == ["missed", "missed", "missed", "on_time"]


def test_steps_come_in_the_order_they_were_taken(store):
    """The order of the steps is that of their recording, not of their names."""
    ticket = begin(store)
    names = ("collect", "quality", "exits", "a")
    with store.transaction() as tx:
        for name in names:
            runs.record_step(tx, ticket.run, runs.Step(name, "OK", 0.0, "", {}))
    with store.reading() as look:
        assert tuple(step.name for step in runs.steps(look, ticket.run)) == names


def test_a_start_that_did_nothing_is_a_row(store):
    """A second start in a slot is SKIPPED, with why, and does not count as the slot's run."""
    with store.transaction() as tx:
        runs.skip(tx, start(), "run 1 did this slot")
    with store.reading() as look:
        (row,) = runs.last(look)
        assert runs.whole(look, "collection", SLOT) is None
    assert (row.state, row.why) == ("SKIPPED", "run 1 did this slot")
