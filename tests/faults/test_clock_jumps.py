"""Item 11: whatever the clock does, no slot is done twice and none goes without its row."""

import contextlib
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from trading_cli.app import cycles
from trading_cli.app.steps import ANALYSIS, COLLECTION, VALIDATION
from trading_cli.core.errors import RunLost
from trading_cli.domain import SLOT_SECONDS, from_epoch, slot_of
from trading_cli.store import Store, Transaction, runs

# the second hour of each of these nights is there twice, or not at all, somewhere
NIGHTS = tuple(
    datetime(*day, tzinfo=UTC)
    for day in ((2026, 3, 8), (2026, 3, 29), (2026, 10, 25), (2026, 11, 1), (2016, 12, 31))
)
ZONES = ("UTC", "America/New_York", "Europe/Helsinki", "Australia/Lord_Howe", "Asia/Kathmandu")
JUMPS = (1, 30, 3600, 86_400)
STARTS = 20
PLANS = (COLLECTION, ANALYSIS, VALIDATION)


class Over(Exception):
    """Undo the sequence: the next one begins with an empty ledger."""


@pytest.fixture
def zone() -> Iterator[None]:
    """Give the process's time zone back as it was."""
    before = os.environ.get("TZ")
    yield
    os.environ.pop("TZ", None) if before is None else os.environ.update(TZ=before)
    time.tzset()


def instants(dice: random.Random) -> Iterator[datetime]:
    """Yield when a clock with a mind of its own is asked: it ticks, jumps, smears, sleeps."""
    at = dice.choice(NIGHTS).timestamp() + dice.uniform(-7200, 14_400)
    for _ in range(STARTS):
        yield from_epoch(at)
        how = dice.random()
        if how < 0.55:
            at += SLOT_SECONDS + dice.uniform(-20, 20)
        elif how < 0.8:
            at += dice.choice((-1, 1)) * dice.choice(JUMPS)
        elif how < 0.9:
            at += SLOT_SECONDS * (1 + 1e-5 * dice.random())  # a smeared second
        else:
            at += dice.choice((0, 0, 26 * 3600))


def start(tx: Transaction, plan: cycles.Plan, now: datetime) -> None:
    """Begin and end a run as `run_cycle` keeps it."""
    slot = plan.slot_of(now)
    if runs.whole(tx, plan.name, slot) is not None:
        runs.skip(tx, runs.Start(plan.name, slot, now, 1, "test", "duplicate"), "done")
        return
    lost = cycles._missed(plan, runs.newest_slot(tx, plan.name, before=slot), slot)
    timing = cycles._timing(plan, runs.Start(plan.name, slot, now, 1), lost)
    runs.missed(tx, plan.name, lost, now)
    begun = runs.Start(plan.name, slot, now, 1, "test", timing)
    runs.finish(tx, runs.begin(tx, begun, lease=plan.longest), "OK", "", {}, now)


def judge(tx: Transaction, plan: cycles.Plan, asked: list[int]) -> None:
    """Check the ledger: each slot done once at most, and since the first start a row for each.

    A clock that goes back behind the first start of a home finds days in which there was no home.
    """
    rows = tx.execute("SELECT slot, state, timing FROM runs WHERE cycle = ?", (plan.name,))
    held = rows.fetchall()
    done = [slot for slot, state, _ in held if state == "OK"]
    slots = {slot for slot, _, _ in held}
    period = int(plan.period.total_seconds())
    offset = int(plan.offset.total_seconds())
    assert len(done) == len(set(done)), "a slot was done twice"
    assert set(done) == set(asked), "a slot that was asked for was not done"
    assert all((slot - offset) % period == 0 for slot in slots), "a slot off the grid"
    farthest = max(asked) - int(cycles.FARTHEST.total_seconds())
    assert not set(range(max(asked[0], farthest), max(slots), period)) - slots, "one has no row"
    missed = [slot for slot, _, timing in held if timing == "missed"]
    assert len(missed) == len(set(missed))


def campaign(store: Store, sequences: int, seed: int) -> int:
    """Run so many sequences of starts, each in an empty ledger; return how many starts."""
    starts = 0
    for number in range(sequences):
        dice = random.Random(f"{seed}/{number}")  # noqa: S311  # repeatable, not secret
        os.environ["TZ"] = dice.choice(ZONES)
        time.tzset()
        plan = dice.choice((COLLECTION, COLLECTION, *PLANS))
        with contextlib.suppress(Over), store.transaction() as tx:
            starts += one(tx, plan, dice)
            raise Over
    return starts


def one(tx: Transaction, plan: cycles.Plan, dice: random.Random) -> int:
    """Run one sequence of starts and judge what it left."""
    asked = []
    for now in instants(dice):
        local = now.astimezone()  # what a host in that zone would have told us
        assert slot_of(local) == slot_of(now)
        assert plan.slot_of(local) == plan.slot_of(now) <= now.timestamp()
        assert now.timestamp() < plan.slot_of(now) + plan.period.total_seconds()
        asked.append(plan.slot_of(now))
        start(tx, plan, local)
    judge(tx, plan, asked)
    return len(asked)


@pytest.mark.usefixtures("zone")
def test_five_hundred_clocks_with_a_mind_of_their_own(tmp_path):
    """Jumps of a second to a day, both ways, changes of the hour, smears, sleeps of 26 hours."""
    with Store.open(tmp_path / "t.db", now=NIGHTS[0]) as store:
        assert campaign(store, 500, seed=11) == 500 * STARTS


@pytest.mark.nightly
@pytest.mark.usefixtures("zone")
def test_ten_thousand_clocks_with_a_mind_of_their_own(tmp_path):
    """The same, ten thousand sequences long."""
    with Store.open(tmp_path / "t.db", now=NIGHTS[0]) as store:
        assert campaign(store, 10_000, seed=12) == 10_000 * STARTS


def test_a_step_of_the_clock_within_a_run_stops_its_writing(tmp_path):
    """A day forward while a run is at work: its lease is over, and nothing of it is stored."""
    noon = NIGHTS[0]
    with Store.open(tmp_path / "t.db", now=noon) as store:
        with store.transaction() as tx:
            begun = runs.Start("collection", slot_of(noon), noon, 1)
            ticket = runs.begin(tx, begun, lease=COLLECTION.longest)
        tomorrow = noon + timedelta(days=1)
        with pytest.raises(RunLost, match="outlived"), store.transaction() as tx:  # noqa: PT012  # the write is what must be undone
            assert tx.execute("UPDATE runs SET why = 'late'").rowcount == 1
            runs.hold(tx, ticket, tomorrow)
        with store.reading() as look:
            assert runs.last(look)[0].why == ""
