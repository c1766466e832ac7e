"""Item 37: all of it at random. Stories of kills, bad venues, stops, locks, full disks and sleep.

Each slot of a story draws its fate; the venue's own ledger, outside our database, is the judge.
What must hold at the end of each, whatever came: the money agrees to a millionth, no order twice
and none unknown, no slot done twice or left without its row, no order while it was forbidden, every
chain and seal true.
"""

import multiprocessing
import os
import random
import select
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stopping
import test_room_and_locks as rooms  # beside this
from dealing import NOON, SLOT, Stage, quiet  # see conftest
from test_fault_points import HERE
from venue import BEHAVIOURS

from trading_cli.app import stop
from trading_cli.app.upkeep import backup, verify
from trading_cli.domain import Order
from trading_cli.store import Store, deals, kill, runs
from trading_cli.trading.killswitch import Standing, State, forbids

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
MARKETS, TURNS, CALM_AT_LAST = 6, 24, 3
NAMED = ("StoreFull", "StoreLocked", "RunLocked", "RunLost")  # how a run may end by an error
FATES = (
    "calm", "killed", "killed", "shot", "shot", "told to end", "bad venue", "bad venue", "no room",
    "lock held", "twice at once", "again", "clock back", "asleep", "stopped", "stopped meanwhile",
    "reader", "backup",
)  # fmt: skip


def script(dice: random.Random) -> list[list[str]]:
    """Return the YES bids of each market by turn; some are resolved on the way and stay so."""
    told = []
    for _ in range(MARKETS):
        line, ended = [], ""
        for _ in range(TURNS + CALM_AT_LAST):
            ended = ended or (dice.choice(("yes", "no", "half")) if dice.random() < 0.02 else "")
            line.append(ended or dice.choice(("0.50", "0.50", "0.50", "0.45", "0.60", "0.30")))
        told.append(line)
    return told


def read_on(path: Path, held: Any, over: Any) -> None:
    """In a child: hold one look at *path* until told."""
    with Store.reader(path) as store, store.reading() as look:
        look.execute("SELECT count(*) FROM runs").fetchone()
        held.set()
        over.wait(600)
    os._exit(0)


@contextmanager
def somebody_reads(path: Path) -> Iterator[None]:
    """Let another process read *path*, and not let go of what it sees."""
    fork = multiprocessing.get_context("fork")
    held, over = fork.Event(), fork.Event()
    child = fork.Process(target=read_on, args=(path, held, over))
    child.start()
    assert held.wait(60)
    try:
        yield
    finally:
        over.set()
        child.join()


class Doomed(Stage):
    """A home whose next cycle dies of a signal after so many seconds, wherever it is then."""

    after_s = 0.0

    def at(self, turn: int, seconds: int = 0) -> None:
        """Let it be *turn* slots after noon; in the child, which asks once, death is on its way."""
        super().at(turn, seconds)
        if self.after_s:
            signal.setitimer(signal.ITIMER_REAL, self.after_s)


class Story:
    """One home and what befalls it; ``met`` counts the fates."""

    def __init__(self, folder: Path, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self.patch = patch
        lines = script(self.dice)
        self.stage = Doomed(folder, lambda number, turn: lines[number][turn], MARKETS)
        self.place = stop.Place(self.stage.home, self.stage.loaded.database)
        self.met: Counter[str] = Counter()
        self.reading = ExitStack()

    def live(self) -> None:
        """Let every slot have its fate, then some calm ones in which all is settled."""
        turn = 0
        self.run(turn)
        with self.reading:
            while (turn := turn + 1) < TURNS:
                fate = self.dice.choice(FATES)
                self.met[fate] += 1
                if fate == "asleep":
                    turn = min(turn + self.dice.randrange(4), TURNS - 1)
                self.look_at_the_switch(turn)
                FATE.get(fate, Story.run)(self, turn)
        for calm in range(TURNS, TURNS + CALM_AT_LAST):
            self.look_at_the_switch(calm, always=True)
            self.run(calm)

    def run(self, turn: int, fault: str = "", behave: Callable[[Order], str] | None = None) -> int:
        """Run the cycle of *turn*; return the signal that ended it, -1 for an error with a name."""
        self.stage.exchange.behave = behave or (lambda _order: "fills")
        try:
            ended = self.stage.cycle(turn, fault)
        except AssertionError as error:
            if not any(name in str(error) for name in NAMED):
                raise
            ended = -1
        self.met[f"ended by {ended}"] += ended != 0
        return ended

    def look_at_the_switch(self, turn: int, *, always: bool = False) -> None:
        """Release what is stopped since an hour, now and then; a person does, and looks first."""
        self.stage.at(turn, -4)
        now = self.stage.clock.now()
        standing = stop.standing_at(self.place)
        if standing.state is State.TRIGGERED and standing.since is not None:
            waited = now - standing.since > stopping.COOL_DOWN
            if waited and (always or self.dice.random() < 0.3):
                stop.verify(self.place, now)
                stopping.release_whole(self.place, now)
                self.met["released"] += 1

    def killed(self, turn: int) -> None:
        """Kill it at a point of its own choice; perhaps begin the slot again."""
        if self.run(turn, f"{self.point()}:{self.dice.choice((1, 1, 2, 3))}"):
            self.perhaps_again(turn)

    def point(self) -> str:
        """Return one of the points, half of them one that every cycle passes."""
        often = [point for point in HERE if point.startswith("cycle.")]
        return self.dice.choice(often if self.dice.random() < 0.5 else HERE)

    def shot(self, turn: int) -> None:
        """Kill it at any instant."""
        self.stage.after_s = self.dice.uniform(0.001, 0.3)
        ended = self.run(turn)
        self.stage.after_s = 0.0
        if ended:
            self.perhaps_again(turn)

    def told_to_end(self, turn: int) -> None:
        """Tell it to end, by SIGTERM, at a point."""
        if self.run(turn, f"{self.point()}@TERM"):
            self.perhaps_again(turn)

    def perhaps_again(self, turn: int) -> None:
        """Begin a slot again, mostly."""
        if self.dice.random() < 0.6:
            self.run(turn)

    def bad_venue(self, turn: int) -> None:
        """Let the venue treat each order as it pleases."""
        dice = random.Random(self.dice.random())  # noqa: S311  # repeatable, not secret
        self.run(turn, behave=lambda _order: dice.choice((*BEHAVIOURS, "killed")))

    def no_room(self, turn: int) -> None:
        """Let the file grow by a few pages only."""
        with self.patch.context() as narrow:
            narrow.setattr(rooms.Narrow, "room", self.dice.randrange(16))
            narrow.setattr("trading_cli.app.toolkit.Store", rooms.Narrow)
            ended = self.run(turn)
        if ended:
            self.perhaps_again(turn)

    def lock_held(self, turn: int) -> None:
        """Let somebody hold the write lock while it begins."""
        with rooms.held_by_another(self.place.database, self.dice.uniform(0.05, 0.4)):
            self.run(turn)

    def twice_at_once(self, turn: int) -> None:
        """Begin the slot in two processes."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                self.run(turn)
                code = 0
            finally:
                os._exit(code)
        self.run(turn)
        assert os.waitpid(child, 0)[1] == 0

    def again(self, turn: int) -> None:
        """Begin a slot that is done."""
        self.run(turn)
        self.run(turn)

    def clock_back(self, turn: int) -> None:
        """Let the clock go back a slot or two after it, and begin."""
        self.run(turn)
        self.run(max(0, turn - self.dice.randint(1, 2)))

    def stopped(self, turn: int) -> None:
        """Let a person pull the switch just before the cycle."""
        level = self.dice.randint(1, 4)
        self.stage.at(turn, -4)
        stop.trip(self.place, level=level, reason="a person had a doubt", actor="person",
                  now=self.stage.clock.now())  # fmt: skip
        self.run(turn)

    def stopped_meanwhile(self, turn: int) -> None:
        """Let a person pull the switch while it runs."""
        self.stage.at(turn)
        child = os.fork()
        if child == 0:
            try:
                select.select([], [], [], self.dice.uniform(0, 0.2))  # the moment is what is tried
                stop.trip(self.place, level=2, reason="a doubt meanwhile", actor="person",
                          now=self.stage.clock.now())  # fmt: skip
            finally:
                os._exit(0)
        self.run(turn)
        os.waitpid(child, 0)
        assert stop.standing_at(self.place).level >= 2

    def reader(self, turn: int) -> None:
        """Let somebody begin to read, or let go."""
        self.reading.close()
        if self.dice.random() < 0.7:
            self.reading.enter_context(somebody_reads(self.place.database))
        self.run(turn)

    def backup(self, turn: int) -> None:
        """Make a backup between two cycles: it verifies itself."""
        self.run(turn)
        backup.make(self.stage.loaded, None, 0.0, quiet, self.stage.clock)


FATE: dict[str, Callable[[Story, int], object]] = {
    "killed": Story.killed,
    "told to end": Story.told_to_end,
    "bad venue": Story.bad_venue,
    "no room": Story.no_room,
    "lock held": Story.lock_held,
    "twice at once": Story.twice_at_once,
    "again": Story.again,
    "clock back": Story.clock_back,
    "stopped": Story.stopped,
    "stopped meanwhile": Story.stopped_meanwhile,
    "shot": Story.shot,
    "reader": Story.reader,
    "backup": Story.backup,
}


def forbidden(look: Any) -> list[str]:
    """Return the orders that were placed while the switch forbade them."""
    rows = list(reversed(kill.history(look, 10_000)))
    wrong = []
    for one in deals.orders(look, limit=100_000):
        before = [row for row in rows if row.at < one.placed_at]
        if not before:
            continue
        last = before[-1]
        then = Standing(State(last.state), last.level, last.reason, last.at, last.actor, last.seq)
        if reason := forbids(then, one.purpose, one.reason):
            wrong.append(f"{one.id} at {one.placed_at}: {reason}")
    return wrong


def unexplained(look: Any) -> list[int]:
    """Return the slots between the first run and the last that have no row."""
    held = {run.slot for run in runs.last(look, cycles=["collection"], limit=10_000)}
    return [slot for slot in range(min(held), max(held) + 1, SLOT) if slot not in held]


def told(folder: Path, seed: int, patch: pytest.MonkeyPatch) -> Counter[str]:
    """Live one story and judge it; return what it met."""
    story = Story(folder, seed, patch)
    story.live()
    found = story.stage.judge(range(TURNS + CALM_AT_LAST))
    assert replace(found, kill="ARMED").clean, (seed, found)
    sound = verify.examined(story.stage.loaded, quiet)
    assert sound["sound"], (seed, sound)
    with Store.reader(story.place.database) as store:
        assert store.quick_check() == [], seed
        with store.reading() as look:
            assert forbidden(look) == [], seed
            assert unexplained(look) == [], seed
            assert kill.verify(look) == "", seed
            story.met["orders"] += len(deals.orders(look, limit=100_000))
            story.met["fills"] += len(deals.fills(look, limit=100_000))
            story.met["runs"] += len(runs.last(look, limit=10_000))
    return story.met


def told_all(folder: Path, seeds: range, patch: pytest.MonkeyPatch) -> Counter[str]:
    """Live the stories of *seeds*, one after another."""
    met: Counter[str] = Counter()
    for seed in seeds:
        met += told(folder / str(seed), seed, patch)
    return met


def test_a_story_of_everything(tmp_path, monkeypatch):
    """Six hours: orders were sent, fates were met, and all holds."""
    met = told_all(tmp_path, range(1, 2), monkeypatch)
    assert met["orders"]
    assert sum(met[fate] for fate in FATES) > 1  # whether one ends a run is a matter of moments


@pytest.mark.nightly
def test_a_hundred_stories_of_everything(tmp_path, monkeypatch, capsys):
    """A hundred, with every fate in them; ``TRADING_MIX_SEEDS=1000:3000`` lives others."""
    first, _, last = os.environ.get("TRADING_MIX_SEEDS", "2:102").partition(":")
    met = told_all(tmp_path, range(int(first), int(last)), monkeypatch)
    with capsys.disabled():
        sys.stdout.write(f"\n{dict(sorted(met.items()))}\n")
    assert set(FATES) <= set(met)
    assert met["released"]
    assert met["ended by -1"]


def test_the_judge_sees_what_is_wrong(tmp_path, monkeypatch):
    """A deal nobody here knows of, and a slot without its row: the story is not clean."""
    story = Story(tmp_path, 1, monkeypatch)
    for turn in (0, 2):
        story.run(turn)
    story.stage.exchange.submit(stopping.order("nobody's", placed_at=story.stage.clock.now()))
    found = story.stage.judge(range(4))
    assert found.differences
    assert found.missing == [3]
    with story.stage.open_store() as store:
        with store.transaction() as tx:
            tx.execute("DELETE FROM runs WHERE slot = ?", (NOON + SLOT,))
        with store.reading() as look:
            assert unexplained(look) == [NOON + SLOT]
            assert forbidden(look) == []
        with store.transaction() as tx:
            first = min(one.placed_at for one in deals.orders(look, limit=9))
            early = first - timedelta(seconds=2)
            kill.record(tx, State.TRIGGERED, 4, at=early, actor="person", reason="a doubt")
        with store.reading() as look:
            assert forbidden(look)
