"""A recorded span comes out decision for decision; what was changed since is named as the cause."""

import json
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dealing import EAGER, LOOSE, NOON, SLOT, Stage, market, quiet  # beside this
from jsonschema import Draft202012Validator

from trading_cli.app import by_hand, desk, stop, trade
from trading_cli.app.backtests.parity import parity
from trading_cli.app.backtests.standing import stand
from trading_cli.app.backtests.taken import taken
from trading_cli.app.cycles import run_cycle
from trading_cli.app.replays import replay
from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit
from trading_cli.cli.main import run
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import StoreError, UsageError
from trading_cli.core.schemas import data_schema
from trading_cli.domain import Action, from_epoch
from trading_cli.store import balances, decided, holdings, listings, pauses
from trading_cli.trading.backtest.engine import Engine
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.tally import Tally
from trading_cli.trading.backtest.worlds import MemoryHistory

HOUR = timedelta(hours=1)


def day(number: int, turn: int) -> str:
    """Return the script: 0 is stopped out, 1 rises and falls back, 2 pays nothing, 3 stays."""
    if number == 0:
        return "0.50" if turn < 4 else "0.30"
    if number == 1:
        return ("0.50", "0.50", "0.54", "0.58", "0.62", "0.63", "0.63", "0.59")[min(turn, 7)]
    if number == 2:  # the third
        return "0.50" if turn < 6 else "no"  # its end
    return "0.60" if turn < 5 else "0.50"  # bought late


class Clock(FrozenClock):
    """A wait takes *step*: an order meets a book that is newer than its decision."""

    step = timedelta(seconds=1)

    def sleep(self, seconds: float) -> None:
        """Let so much go by."""
        del seconds
        self.set(self.now() + self.step)


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


def relist(stage: Stage) -> None:
    """Let the venue list every market again: an old listing forbids an entry."""
    now = stage.clock.now()
    with stage.open_store() as store, store.transaction() as tx:
        listings.record_markets(tx, [replace(market(n), observed_at=now) for n in range(4)])


def recorded(
    folder: Path,
    turns: int = 10,
    prices: Callable[[int, int], str] = day,
    meanwhile: Mapping[int, Callable[[Stage], None]] | None = None,
    settings: Mapping[str, Any] | None = None,
    step: timedelta = Clock.step,
) -> Recorded:
    """Return a home after *turns* slots; *meanwhile*: what a person does after a slot."""
    with Stage(folder, prices, 4, settings) as stage:
        clock = Clock(from_epoch(NOON))
        clock.step = step
        stage.clock = clock
        stage.broker = None
        for turn in range(turns):
            stage.at(turn)
            clock.set(clock.now() + step % timedelta(seconds=1))
            relist(stage)
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


@pytest.mark.parametrize("micros", [1, 410_000, 999_999, 1_500_000])
def test_the_file_knows_whole_seconds_only(tmp_path: Path, micros: int) -> None:
    """Whatever the fraction of the second at which things happen, they happen in their order."""
    step = timedelta(microseconds=micros)
    home = recorded(tmp_path / "home", 8, step=step)
    for turn in (0, 4):
        found = home.parity(since=from_epoch(NOON + turn * SLOT))
        assert found["identical"], found["sentence"]
        assert found["warnings"] == []


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


def _execution(home: Recorded) -> object:
    return home.sql("DELETE FROM books WHERE purpose LIKE 'execution:%' AND slot = ?", NOON)


def _exit_book(home: Recorded) -> object:
    return home.sql(
        "UPDATE books SET levels = (SELECT b.levels FROM books b WHERE b.market = books.market"
        " AND b.purpose = 'exit' AND b.slot = ?1 - 900) WHERE purpose = 'exit' AND slot = ?1"
        " AND market = (SELECT id FROM markets WHERE venue_id = 'M0')", NOON + 4 * SLOT,
    )  # fmt: skip


def _panel(home: Recorded) -> object:
    return home.sql("UPDATE panel SET left_at = ? WHERE market = (SELECT id FROM markets WHERE"
                    " venue_id = 'M3')", NOON + 2 * SLOT)  # fmt: skip


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
    "a fill": Injected(_fill, "FILL", "fee", 7),
    "a book of an order": Injected(_execution, "FILL", "fills", 0),
    "a book of an exit": Injected(_exit_book, "INPUT", "bid", 4),
    "the panel": Injected(_panel, "INPUT", "candidate", 2),
    "a setting": Injected(_settings, "SETTINGS", "exits.stop", 4),
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
    """The proof is of decisions: another hash alone is a warning, which says what was changed."""
    text = home.config.read_text()
    home.config.write_text(text + "alerts:\n  quiet_hours: '22:00-06:00'\n")
    found = home.parity()
    assert found["identical"], found["sentence"]
    assert "are not those of now" in found["warnings"][0]
    assert found["warnings"][0].endswith("only whom alerts go to, and when")
    home.config.write_text(text + "exits:\n  volume_fade: 0.4\n")
    found = home.parity()
    assert found["identical"], found["sentence"]
    assert found["warnings"][0].endswith("changed since: exits.volume_fade 0.5 -> 0.4")


def test_a_changed_setting_is_named_with_its_values(home: Recorded) -> None:
    """Of several, the one that decides such an answer comes first; all are in the answer."""
    (before,) = home.sql("SELECT hash, json_extract(body, '$.exits.stop') FROM settings_kept")
    home.config.write_text(
        home.config.read_text() + "exits:\n  stop: 0.6\nhype:\n  full_days: 13\n"
    )
    found = home.parity()
    cause = found["cause"]
    assert (cause["field"], cause["stored"], cause["recomputed"]) == (
        "exits.stop",
        before[1],
        "0.6",
    )
    assert f"exits.stop {before[1]} -> 0.6; hype.full_days 14 -> 13" in cause["sentence"]
    changed = [(one["hash"], one["key"], one["stored"], one["now"])
               for one in found["settings"]["changed"]]  # fmt: skip
    assert changed == [
        (before[0], "hype.full_days", "14", "13"), (before[0], "exits.stop", before[1], "0.6"),
    ]  # fmt: skip


def test_a_setting_that_decides_nothing_is_not_blamed_for_the_code(home: Recorded) -> None:
    """Quieter alerts and another strategy: the strategy is the cause."""
    home.config.write_text(home.config.read_text() + "alerts:\n  quiet_hours: '22:00-06:00'\n")
    _strategy(home)
    cause = home.parity()["cause"]
    assert (cause["cause"], cause["field"]) == ("CODE", "token")


def test_settings_of_an_older_home_are_told_by_their_hash(home: Recorded) -> None:
    """They were not kept then: which one was changed is not known, and is not made up."""
    home.sql("DELETE FROM settings_kept")
    _settings(home)
    found = home.parity()
    assert (found["cause"]["cause"], found["cause"]["field"]) == ("SETTINGS", "settings")
    assert found["settings"]["changed"] is None


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


@dataclass(frozen=True)
class Lived:
    """A day with something in it: who did what after which slot, and what shows that it was so."""

    shows: str
    meanwhile: Mapping[int, Callable[[Stage], None]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    prices: Callable[[int, int], str] = day


_REASON = "SELECT 1 FROM decisions WHERE reason = "
_KILLED = "SELECT 1 FROM kill_state WHERE actor = 'risk'"
LIVED = {
    "a trailing stop": Lived(f"{_REASON} 'TRAILING'"),
    "a stop of entries": Lived(f"{_REASON} 'NOT_ARMED'", {1: _kill(1)}),
    "the winners sold": Lived(f"{_REASON} 'KILL_WINNERS'", {3: _kill(2)}),
    "everything sold": Lived(f"{_REASON} 'KILL_ALL'", {2: _kill(3)}),
    "no order at all": Lived(f"{_REASON} 'NOT_ARMED'", {2: _kill(4)}, prices=ups_and_downs),
    "a pause": Lived(f"{_REASON} 'PAUSED'", {0: _pause}),
    "a close by hand": Lived(f"{_REASON} 'CLOSED_BY_OWNER'", {2: _close}),
    "a fill by hand": Lived("SELECT 1 FROM orders WHERE broker = 'person'", {1: _buy}),
    "a loss of the day": Lived(
        "SELECT 1 FROM pauses WHERE kind = 'day'",
        settings={"risk": LOOSE | {"day_loss": "0.001"}}, prices=ups_and_downs,
    ),
    "a loss from the peak": Lived(
        _KILLED, settings={"risk": LOOSE | {"peak_loss": "0.002"}}, prices=ups_and_downs
    ),
    "a cool-down": Lived(
        f"{_REASON} 'RISK'", settings={"risk": LOOSE | {"cool_down_minutes": 240}}
    ),
    "few trades a day": Lived(
        f"{_REASON} 'RISK'", settings={"risk": LOOSE | {"trades_per_day": 2}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LIVED)
def test_what_a_person_or_a_limit_did_meanwhile_is_part_of_it(tmp_path: Path, what: str) -> None:
    """Stops, pauses, trades by hand and loss limits are met as they were, from any slot on."""
    one = LIVED[what]
    home = recorded(tmp_path / "home", 10, one.prices, one.meanwhile, one.settings)
    assert home.sql(one.shows)
    for turn in (0, 3, 7):
        found = home.parity(since=from_epoch(NOON + turn * SLOT))
        assert found["identical"], found["sentence"]
        assert found["decisions"]["same"] == found["decisions"]["stored"]
    assert_account(home)


def assert_account(home: Recorded) -> None:
    """Check that the account put together from what only grows is the one that is stored."""
    engine = Engine(MemoryHistory([], np.zeros((0, 1))), Rules(), (), Tally(keep=False))
    with home.stage.open_store() as store, store.reading() as look:
        record = taken(look, NOON, NOON + home.turns * SLOT)
        stand(look, engine, record, from_epoch(NOON) + 9 * HOUR)
        held = engine.dealer.holdings
        assert held.positions == {one.id: one for one in holdings.positions(look)}
        assert held.totals | {"fees": held.totals["fees"]} == balances.balances(look)
        assert held.last_loss == desk.last_loss(look)
        assert len(engine.guard.marks.taken) == len(balances.marks(look))


@pytest.mark.parametrize(
    "point", ["trade.intent.committed", "trade.sent", "trade.outcome.committed", "settle.committed"]
)
@pytest.mark.parametrize("again", [False, True])
def test_a_run_that_died_is_no_difference(tmp_path: Path, point: str, *, again: bool) -> None:
    """What it did stands, what it left undone is not missed; whether or not it was run again."""
    turn = 6 if point == "settle.committed" else 0
    home = recorded(tmp_path / "home", turn)
    stage = home.stage
    assert stage.cycle(turn, point) == signal.SIGKILL
    if again:
        assert stage.cycle(turn) == 0
    for later in range(turn + 1, turn + 4):
        assert stage.cycle(later) == 0
    found = home.parity()
    assert found["identical"], found["sentence"]
    assert home.sql("SELECT count(*) FROM runs WHERE state = 'FAILED'") == [(1,)]


def test_a_slot_that_was_only_collected_is_none(tmp_path: Path) -> None:
    """Nothing was decided in it, and its indicators were never seen by a later one."""
    home = recorded(tmp_path / "home", 3)
    stage, whole = home.stage, home.stage.plan()
    stage.at(3)
    run_cycle(stage, replace(whole, steps=whole.steps[:1]), progress=quiet)
    for turn in (4, 5):
        stage.at(turn)
        run_cycle(stage, whole, progress=quiet)
    found = home.parity()
    assert found["identical"], found["sentence"]
    assert found["slots"] == 5  # of six


def test_a_slot_without_prices_is_left_out_and_said(tmp_path: Path) -> None:
    """What was decided without a quote cannot be found again; what comes after it can."""

    def silent(number: int, turn: int) -> str:
        return day(number, turn) if turn != 2 else "no" if number == 9 else "0.50"  # see below

    home = recorded(tmp_path / "home", 6, silent)
    home.sql("DELETE FROM quotes WHERE slot = ?", NOON + 2 * SLOT)
    home.sql("DELETE FROM quote_packs WHERE slot = ?", NOON + 2 * SLOT)
    found = home.parity()
    assert (found["slots"], found["slots_left_out"]) == (5, 1)
    assert "not compared" in found["warnings"][0]


# --- what cannot be asked


def test_where_nothing_was_decided_there_is_nothing_to_compare(tmp_path: Path) -> None:
    """A home without a database, without a decision, a span without a slot: each says so."""
    home = recorded(tmp_path / "home", 0)
    with pytest.raises(UsageError, match="nothing has been decided"):
        home.parity()
    with pytest.raises(UsageError, match="no run has decided"):
        home.replayed("@last")
    with pytest.raises(UsageError, match="there is no run 7"):
        home.replayed("7")
    shutil.rmtree(tmp_path / "home" / "data")
    with pytest.raises(StoreError):
        home.parity()


def test_a_span_in_which_nothing_was_decided_is_refused(home: Recorded) -> None:
    """So is an empty one, a run that decides nothing, and a word that is no run."""
    with pytest.raises(UsageError, match="nothing was decided from"):
        home.parity(since=from_epoch(NOON) - 5 * HOUR, until=from_epoch(NOON) - HOUR)
    with pytest.raises(UsageError, match="is empty"):
        home.parity(since=from_epoch(NOON) + 5 * HOUR, until=from_epoch(NOON))
    home.sql("INSERT INTO runs (cycle, slot, state, started, finished, pid) VALUES"
             " ('analysis', ?, 'OK', ?, ?, 1)", NOON, NOON, NOON)  # fmt: skip
    (run,) = home.sql("SELECT id FROM runs WHERE cycle = 'analysis'")[0]
    with pytest.raises(UsageError, match="which decides nothing"):
        home.replayed(str(run))
    for word in ("", "-1", "1.5", "@first", "9" * 40):
        with pytest.raises(UsageError, match="is no run"):
            home.replayed(word)


def test_entries_left_to_a_person_are_not_repeated(tmp_path: Path) -> None:
    """What a person was told to buy is theirs: it is said, and nothing is compared."""
    home = recorded(tmp_path / "home", 2, settings={"execution": "manual"})
    with pytest.raises(UsageError, match="was left to a person"):
        home.parity()


# --- at the terminal


@pytest.mark.parametrize(("what", "code"), [(None, 0), ("a quote", 3), ("a strategy", 3)])
def test_the_commands_answer_by_their_schemas(
    home: Recorded, capsys: pytest.CaptureFixture[str], what: str | None, code: int
) -> None:
    """Exit 0 for identical, 3 for a difference; what is printed is what the schemas say."""
    if what is not None:
        INJECTED[what].change(home)
    slot = NOON + (0 if what is None else INJECTED[what].slot) * SLOT
    (number,) = home.sql("SELECT id FROM runs WHERE cycle = 'collection' AND slot = ?", slot)[0]
    for words in (["parity"], ["replay", str(number)]):
        line = [*words, "--config", str(home.config)]
        assert run([*line, "--json"]) == code
        told = json.loads(capsys.readouterr().out)
        Draft202012Validator(data_schema(words[0])).validate(told["data"])
        assert told["data"]["identical"] is (code == 0)
        assert run(line) == code
        page = capsys.readouterr().out
        assert ("IDENTICAL" in page) is (code == 0)
        assert ("the first difference" in page) is (code == 3)  # a gate said no
        assert all(len(one) <= 80 for one in page.splitlines())  # columns
