"""A recorded span comes out decision for decision; what was changed since is named as the cause."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dealing import EAGER, LOOSE, NOON, SLOT, Stage, quiet  # beside this

from trading_cli.app import by_hand, stop, trade
from trading_cli.app.backtests.parity import parity
from trading_cli.app.cycles import run_cycle
from trading_cli.app.replays import replay
from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import Action, from_epoch
from trading_cli.store import decided, holdings, pauses

HOUR = timedelta(hours=1)


def day(number: int, turn: int) -> str:
    """Return the script: 0 is stopped out, 1 reaches every target, 2 pays nothing, 3 stays."""
    if number == 0:
        return "0.50" if turn < 4 else "0.30"
    if number == 1:
        return ("0.50", "0.50", "0.52", "0.58", "0.66", "0.75", "0.86", "0.93")[min(turn, 7)]
    if number == 2:  # the third
        return "0.50" if turn < 6 else "no"  # its end
    return "0.60" if turn < 5 else "0.50"  # bought late


class Clock(FrozenClock):
    """A wait is a second: an order meets a book that is newer than its decision."""

    def sleep(self, seconds: float) -> None:
        """Let a second go by."""
        del seconds
        self.set(self.now() + timedelta(seconds=1))


@dataclass
class Recorded:
    """A home that dealt on paper for so many slots, from noon on."""

    stage: Stage
    turns: int
    config: Path = field(init=False)

    def __post_init__(self) -> None:
        self.config = self.stage.home / "config.yaml"

    def parity(self, **asked: Any) -> dict[str, Any]:
        """Return what parity says of the span."""
        return parity(self.config, clock=FrozenClock(from_epoch(NOON) + 9 * HOUR), **asked)

    def sql(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement on the file, as somebody who tampers with it does."""
        with self.stage.open_store() as store, store.transaction() as tx:
            return list(tx.execute(question, values))

    def copied(self, folder: Path) -> "Recorded":
        """Return a copy of this home in *folder*."""
        shutil.copytree(self.stage.home, folder)
        stage = object.__new__(Stage)
        Toolkit.__init__(
            stage, load(folder / "config.yaml", env={}), clock=self.stage.clock, env={}
        )
        return Recorded(stage, self.turns)

    def replayed(self, name: str) -> dict[str, Any]:
        """Return what replay says of a run."""
        return replay(self.config, name)


def recorded(
    folder: Path,
    turns: int = 10,
    prices: Callable[[int, int], str] = day,
    meanwhile: Mapping[int, Callable[[Stage], None]] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Recorded:
    """Return a home after *turns* slots; *meanwhile*: what a person does after a slot."""
    with Stage(folder, prices, 4, settings) as stage:
        clock = Clock(from_epoch(NOON))
        stage.clock = clock
        stage.broker = None
        for turn in range(turns):
            stage.at(turn)
            report = run_cycle(stage, stage.plan(), progress=quiet)
            assert report.state in {"OK", "PARTIAL"}, report
            if meanwhile and turn in meanwhile:
                clock.set(clock.now() + timedelta(minutes=5))
                meanwhile[turn](stage)
        return Recorded(stage, turns)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Return a home recorded once; nobody changes it."""
    return recorded(tmp_path_factory.mktemp("recorded") / "home")


@pytest.fixture
def home(once: Recorded, tmp_path: Path) -> Recorded:
    """Return a copy of that home, to be changed."""
    return once.copied(tmp_path / "home")


def test_a_recorded_span_comes_out_identical(home: Recorded) -> None:
    """Every decision, fill and settlement is the same, and the journal has the proof."""
    found = home.parity()
    assert (found["identical"], found["cause"]) == (True, None), found["sentence"]
    assert found["decisions"]["same"] == found["decisions"]["stored"] > 40  # 4 markets, 10 slots
    assert found["fills"]["same"] == found["fills"]["compared"] > 5  # 4 bought
    assert found["settlements"] == {"compared": 1, "same": 1}
    assert found["digest"]["stored"] == found["digest"]["recomputed"]
    assert found["warnings"] == []
    ((row, said),) = home.sql("SELECT seq, json_extract(body, '$.identical') FROM journal"
                              " WHERE kind = 'parity'")  # fmt: skip
    assert (row, said) == (found["journal"], 1)


def test_it_may_begin_anywhere(home: Recorded) -> None:
    """From every slot on, from the account as it stood then, the rest is the same."""
    for turn in range(1, home.turns):
        found = home.parity(since=from_epoch(NOON + turn * SLOT))
        assert found["identical"], found["sentence"]
        assert found["slots"] == home.turns - turn


def test_every_run_can_be_replayed(home: Recorded) -> None:
    """Each run alone, from the account before it, has the digest it had; nothing is written."""
    before = home.sql("SELECT max(seq) FROM journal")
    runs = home.sql("SELECT id, slot FROM runs WHERE cycle = 'collection'")
    for number, slot in runs:
        found = home.replayed(str(number))
        assert found["identical"], found["sentence"]
        assert found["slot"] == from_epoch(slot).isoformat()
        assert found["digest"]["stored"] == found["digest"]["recomputed"]
    assert home.replayed("@last")["run"] == runs[-1][0]
    assert home.sql("SELECT max(seq) FROM journal") == before


@dataclass(frozen=True)
class Injected:
    """One thing changed since, and the cause that is to be named, with its field."""

    change: Callable[[Recorded], object]
    cause: str
    field: str
    slot: int


def _quote(home: Recorded) -> object:
    return home.sql(
        "UPDATE quotes SET bid = 400000, ask = 410000 WHERE slot = ? AND market ="
        " (SELECT id FROM markets WHERE venue_id = 'M3')", NOON + 5 * SLOT,
    )  # fmt: skip


def _resolution(home: Recorded) -> object:
    return home.sql("UPDATE resolutions SET payout = 500000")


def _fill(home: Recorded) -> object:
    return home.sql("UPDATE fills SET fee = fee + 10000 WHERE seq = (SELECT max(seq) FROM fills)")


def _settings(home: Recorded) -> object:
    text = home.config.read_text()
    return home.config.write_text(text + "exits:\n  stop: 0.6\n")


def _strategy(home: Recorded) -> object:
    path = home.stage.home / "eager.py"
    return path.write_text(EAGER.replace("strength=0.5", "strength=0.5, label='bold'").replace(
        "0.49 <", "0.505 <"))  # fmt: skip


INJECTED = {
    "a quote": Injected(_quote, "INPUT", "seen.ask", 5),
    "a resolution": Injected(_resolution, "INPUT", "resolution", 6),
    "a fill": Injected(_fill, "FILL", "fee", 4),
    "a setting": Injected(_settings, "SETTINGS", "settings", 4),
    "a strategy": Injected(_strategy, "CODE", "token", 0),
}


@pytest.mark.parametrize("what", INJECTED)
def test_what_was_changed_since_is_named_as_the_cause(home: Recorded, what: str) -> None:
    """The first difference has its cause, its field and both values; the rest is counted."""
    one = INJECTED[what]
    one.change(home)
    found = home.parity()
    cause = found["cause"]
    assert not found["identical"]
    assert (cause["cause"], cause["field"]) == (one.cause, one.field)
    assert cause["slot"] == from_epoch(NOON + one.slot * SLOT).isoformat()
    assert cause["stored"] != cause["recomputed"]
    assert found["follows"] == sum(found["by_cause"].values()) - 1
    (told,) = home.sql("SELECT json_extract(body, '$.identical') FROM journal WHERE kind ="
                       " 'parity'")  # fmt: skip
    assert told == (0,)
    replayed = [home.replayed(str(run)) for (run,) in home.sql(
        "SELECT id FROM runs WHERE cycle = 'collection' AND slot = ?", NOON + one.slot * SLOT
    )]  # fmt: skip
    assert [each["cause"] for each in replayed] == [cause]


def test_a_setting_that_changes_no_decision_is_said_and_is_no_difference(home: Recorded) -> None:
    """The proof is of decisions: another hash alone is a warning."""
    home.config.write_text(home.config.read_text() + "alerts:\n  quiet_hours: '23:00-08:00'\n")
    found = home.parity()
    assert found["identical"], found["sentence"]
    assert "are not those of now" in found["warnings"][0]


# --- what a person does meanwhile


def _kill(level: int) -> Callable[[Stage], None]:
    def kill(stage: Stage) -> None:
        place = stop.Place(stage.home, stage.loaded.database)
        stop.trip(place, level=level, reason="enough", actor="owner", now=stage.clock.now())

    return kill


def _pause(stage: Stage) -> None:
    now = stage.clock.now()
    with stage.open_store() as store, store.transaction() as tx:
        pauses.pause(tx, "owner", since=now, until=now + timedelta(minutes=30), reason="lunch",
                     actor="owner")  # fmt: skip


def _close(stage: Stage) -> None:
    with stage.open_store() as store, store.reading() as look:
        held = [one.id for one in holdings.positions(look)]
    trade.close(stage, held[:2], "the owner wants it", quiet)


def _buy(stage: Stage) -> None:
    with stage.open_store() as store, store.reading() as look:
        signal = next(one for one in decided.decisions(look) if one.action is Action.BUY)
    wish = by_hand.Trade(Decimal("0.52"), Decimal(100))
    by_hand.fill(stage.home / "config.yaml", signal.id, wish, clock=stage.clock)


def ups_and_downs(number: int, turn: int) -> str:
    """Return a script in which everything is bought at once, and most of it falls."""
    return f"0.{50 - min(turn, 6) * (2 + number):02d}" if number < 3 else "0.50"  # the last


MEANWHILE: Mapping[str, tuple[Mapping[int, Callable[[Stage], None]], Mapping[str, Any]]] = {
    "a stop of entries": ({1: _kill(1)}, {}),
    "the winners sold": ({2: _kill(2)}, {}),
    "everything sold": ({2: _kill(3)}, {}),
    "no order at all": ({2: _kill(4)}, {}),
    "a pause": ({0: _pause}, {}),
    "a close by hand": ({2: _close}, {}),
    "a fill by hand": ({1: _buy}, {}),
    "a loss of the day": ({}, {"risk": LOOSE | {"day_loss": "0.001"}}),
    "a loss from the peak": ({}, {"risk": LOOSE | {"peak_loss": "0.002"}}),
}


@pytest.mark.parametrize("what", MEANWHILE)
@pytest.mark.parametrize("prices", [day, ups_and_downs])
def test_what_a_person_or_a_limit_did_meanwhile_is_part_of_it(
    tmp_path: Path, what: str, prices: Callable[[int, int], str]
) -> None:
    """Stops, pauses, trades by hand and loss limits are met as they were, from any slot on."""
    meanwhile, settings = MEANWHILE[what]
    home = recorded(tmp_path / "home", prices=prices, meanwhile=meanwhile, settings=settings)
    for turn in (0, 2, 3, 5):
        found = home.parity(since=from_epoch(NOON + turn * SLOT))
        assert found["identical"], found["sentence"]
        assert found["decisions"]["same"] == found["decisions"]["stored"]
