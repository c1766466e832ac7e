"""A bundle replays elsewhere as at home: a new home with the same settings and it as database."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from analyse_world import heard_talk, said  # beside this
from dealing import NOON, SLOT, Stage, quiet  # beside this
from test_heard import spoken  # beside this
from test_parity import LIVED, recorded  # beside this

from trading_cli.app.replays import replay
from trading_cli.app.stop import standing_of
from trading_cli.app.upkeep import bundle as bundles
from trading_cli.app.upkeep.verify import verify
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import from_epoch
from trading_cli.store import Store, cut_copies, proofs
from trading_cli.store import bundles as parts

HOUR = timedelta(hours=1)
TURNS = 10
KILLED = LIVED["everything sold"]


def talk(stage: Stage, *, count: int = 12) -> None:
    """Let everybody speak of every event, for 29 days before now and in the last hour."""
    now = stage.clock.now()
    with stage.open_store() as store, store.transaction() as tx:
        for number in range(stage.count):
            event = f"E{number}"
            heard_talk(tx, "gdelt", now - timedelta(days=29), now, event=event)
            for back in (*range(1, 29), 0):
                end = now - timedelta(days=back, minutes=2)
                said(tx, "gdelt", end, count if back == 0 else 3 + back % 4, event=event)


def hear(stage: Stage) -> None:
    """Let somebody speak on; and the gate be judged anew."""
    now = stage.clock.now()
    with stage.open_store() as store, store.transaction() as tx:
        for number in range(stage.count):
            heard_talk(tx, "gdelt", now - HOUR, now, event=f"E{number}")
            said(tx, "gdelt", now - timedelta(minutes=1), 12, event=f"E{number}")
        proofs.record_verdict(tx, proofs.Verdict("eager", now, f"{now}", passed=False, body=JUDGED))


JUDGED = {"state": "UNPROVEN", "sentence": "too few", "bound": None, "trades": 0, "bets": 0,
          "days": 0.0, "conditions": {}, "missing": []}  # fmt: skip


def talked(folder: Path) -> Any:
    """Return a home with talk: what was said, and counted, hours before each slot matters."""
    first = {0: talk} | dict.fromkeys(range(1, TURNS - 1), hear)
    return recorded(folder, TURNS, meanwhile=first)


HOMES = {
    "talk, positions, a stop": talked,
    "a kill": lambda folder: recorded(folder, 7, KILLED.prices, KILLED.meanwhile, KILLED.settings),
    "opinions": lambda folder: spoken(folder, weigh=True),
}


@pytest.fixture(scope="module", params=HOMES)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a home that dealt."""
    return HOMES[request.param](tmp_path_factory.mktemp("bundled") / "home")


def elsewhere(home: Any, run: int, folder: Path) -> Path:
    """Return the settings of a new home: the same settings and strategies, the bundle its file."""
    (folder / "data").mkdir(mode=0o700, parents=True)
    for name in ("config.yaml", "eager.py"):
        shutil.copy(home.config.parent / name, folder / name)
    clock = FrozenClock(from_epoch(NOON) + 9 * HOUR)
    bundles.bundle(home.config, str(run), folder / "data" / "trading.db", quiet, clock=clock)
    return folder / "config.yaml"


def deciding(home: Any) -> list[int]:
    """Return the runs that decided anything."""
    rows = home.sql("SELECT id FROM runs WHERE cycle = 'collection' AND state <> 'SKIPPED'"
                    " AND slot IN (SELECT slot FROM decisions) ORDER BY id")  # fmt: skip
    return [run for (run,) in rows]


def test_every_run_replays_elsewhere_as_at_home(home: Any, tmp_path: Path) -> None:
    """The same answer to the last word: digests, counts, warnings, the account before it."""
    runs = deciding(home)
    assert len(runs) >= 6
    for run in runs:
        there = elsewhere(home, run, tmp_path / str(run))
        at_home = home.replayed(str(run))
        assert replay(there, str(run)) == at_home
        assert at_home["identical"], at_home["sentence"]


def test_nobody_deals_on_a_bundle_and_it_is_sound(home: Any, tmp_path: Path) -> None:
    """Its switch stands TRIGGERED with the reason, whatever it was; every row is as sealed."""
    run = deciding(home)[-1]
    there = elsewhere(home, run, tmp_path / "there")
    told = verify(there, quiet)
    assert told["sound"], told
    with Store.reader(there.parent / "data" / "trading.db") as store, store.reading() as look:
        standing = standing_of(look, there.parent / "data")
        assert (standing.state.value, standing.level) == ("TRIGGERED", 4)
        assert f"run {run}" in standing.reason


def test_what_a_decision_rests_on_is_listed_once() -> None:
    """A bundle takes of each table on that list a part, or all; its own are others."""
    assert set(parts.PARTS) <= set(cut_copies.KNOWN)
    assert set(parts.ACCOUNT) <= cut_copies.LEFT
    assert set(cut_copies.KNOWN) >= parts.NOT_TAKEN


def test_an_entry_of_a_slot_is_not_asked_of_a_later_one(home: Any, tmp_path: Path) -> None:
    """What came after the next slot began is not in the file."""
    first = deciding(home)[1]
    there = elsewhere(home, first, tmp_path / "there")
    ((slot,),) = home.sql("SELECT slot FROM runs WHERE id = ?", first)
    with Store.reader(there.parent / "data" / "trading.db") as store, store.reading() as look:
        for question in (
            "SELECT max(decided_at) FROM decisions", "SELECT max(at) FROM entries",
            "SELECT max(at) FROM fills", "SELECT max(started) FROM runs",
            "SELECT max(available_at) FROM quotes", "SELECT max(observed_at) FROM post_events",
        ):  # fmt: skip
            (last,) = look.execute(question).fetchone()
            assert last is None or last < slot + 2 * SLOT, question
