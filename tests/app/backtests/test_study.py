"""One backtest: what is asked, what is refused, what is in the ledger, what the answer says."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from made_source import START, Made  # beside this
from study_home import StudyHome  # beside this

from trading_cli.app.backtests import figures, report, study
from trading_cli.app.cycles import Cycle
from trading_cli.core.errors import StoreReadOnly, UsageError
from trading_cli.store import Store, backtests
from trading_cli.store.runs import Ticket
from trading_cli.trading.strategies import BUILT_IN

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DICE = """
import random
from decimal import Decimal
from trading_cli.trading.strategies import Action, Advice

class Dice:
    name, ceiling = "dice", Decimal("0.01")

    def decide(self, data, symbol, current_price):
        return Advice(Action.BUY if random.random() < 0.5 else Action.HOLD)
"""


@dataclass(frozen=True)
class BroughtBefore(Made):
    """The same, of which the first day was imported and the rest recorded."""

    def extent(self) -> backtests.Extent | None:
        """Return what is usual, which is what was recorded, and all of it."""
        recorded, imported = (START + DAY, self.until), (START, START + DAY)
        return backtests.Extent(recorded, (START, self.until), imported)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return a home in which one backtest ran, and its answer."""
    home = StudyHome(tmp_path_factory.mktemp("study"))
    return home, home.run(Made(1, 7, step=0.12))


def test_the_answer_adds_up(done):
    """Equity, trips and counts are of one run: the last value is the bankroll and every net."""
    _, data = done
    trips = [*data["trips"], *data["unresolved"]["trips"]]
    assert data["counts"]["closed"] == len(data["trips"]) > 0
    assert data["counts"]["open"] == len(data["unresolved"]["trips"])
    whole = 10_000 + sum(one["net"] for one in trips)
    assert data["equity"][-1]["liquidation"] == pytest.approx(whole, abs=0.01)
    assert data["equity"][0]["liquidation"] == 10_000
    assert sum(one["trades"] for one in data["by_category"]) == len(data["trips"])
    assert sum(one["trades"] for one in data["by_grade"]) == len(data["trips"])
    assert set(data["fills"]) == {"A", "B", "C"}
    assert data["fills"]["C"] >= len(trips)


def test_too_few_events_show_no_point(done):
    """Below 30 events and 30 days every rate is INSUFFICIENT, never a number; facts stand."""
    _, data = done
    assert data["state"] == "INSUFFICIENT"
    assert "of 30 events" in data["missing"]
    by_name = {one["name"]: one for one in data["metrics"]}
    for name in ("Sharpe", "win rate", "profit factor", "net per event", "Calmar"):
        assert by_name[name]["value"] is None, name
        assert by_name[name]["missing"], name
    assert by_name["total return"]["value"] is not None
    assert {one["stands"] for one in data["targets"]} == {"open"}
    assert data["luck"]["psr"] is None
    assert data["luck"]["dsr"] is None
    assert "of 30 days" in data["luck"]["missing"]
    assert data["luck"]["pbo"]["missing"].startswith("INSUFFICIENT")


def test_the_words_hold(done):
    """UNPROVEN is always said, and nothing is ever called validated."""
    _, data = done
    assert data["sentence"].endswith("UNPROVEN.")
    assert "validat" not in json.dumps(data).lower()


def test_it_stands_beside_the_benchmarks(done):
    """No trade, the favourite, random entries, hype only; ROC only is the run itself."""
    _, data = done
    names = [one["name"] for one in data["beside"]]
    assert names == ["no trade", "the favourite", "random entries, same exits", "hype only"]
    assert data["beside"][0]["total_return"] == 0
    assert [one["times"] for one in data["capacity"]] == [1, 3, 10, 30]
    assert data["capacity"][0]["total_return"] == pytest.approx(
        data["equity"][-1]["liquidation"] / 10_000 - 1, abs=1e-6
    )


def test_more_money_is_unknown_where_no_book_was_met(done):
    """Fills at the mid plus slippage know no size: null with the reason, never a number."""
    _, data = done
    assert data["fills"]["A"] == data["fills"]["B"] == 0
    assert data["capacity"][0]["missing"] == ""
    names = ("total_return", "net", "trades", "staked", "net_per_staked")
    for one in data["capacity"][1:]:
        assert [one[name] for name in names] == [None] * 5
        assert one["missing"].startswith("UNKNOWN: ")
        assert "grade C" in one["missing"]


def test_imported_history_that_is_left_out_is_said(tmp_path):
    """The usual span is what was recorded; what was imported before it is named, unless typed."""
    home = StudyHome(tmp_path)
    source = BroughtBefore(3, 4)
    data = home.run(source)
    assert data["asked"]["since"] == (START + DAY).isoformat()
    before = {"since": START.isoformat(), "until": (START + DAY).isoformat()}
    assert data["coverage"]["left_out"] == [before]
    for typed in (START, START + 2 * DAY):
        assert home.run(source, since=typed)["coverage"]["left_out"] == []


def test_every_run_is_a_trial_and_kept(done):
    """The run and each benchmark are rows that ended, with what came of them beside."""
    home, data = done
    rows = home.trials()
    assert [one[3] for one in rows] == ["roc_only", "favourite", "random_entries", "hype_only"]
    assert {one[4] for one in rows} == {"DONE"}
    assert data["luck"]["trials"] == len(rows)
    with home.looking() as look:
        kept = backtests.last(look)
        assert kept is not None
        assert (kept.id, kept.trial, kept.digest) == (data["run"], data["trial"], data["digest"])
        assert json.loads(json.dumps(data)) == backtests.report_of(look, kept.id)
        trips = backtests.trips(look, kept.id)
        assert [one.id for one in trips] == [
            one["id"] for one in (*data["trips"], *data["unresolved"]["trips"])
        ]
        curve = backtests.curve(look, kept.id)
        assert curve is not None
        assert float(curve.at_liquidation[-1]) == pytest.approx(float(kept.closing))
        assert int(curve.opened.sum()) == len(trips)


def test_the_same_again_is_the_same(tmp_path):
    """Same settings, same data, same seed: the same digest, and no further distinct trial."""
    home = StudyHome(tmp_path)
    first, second = home.run(Made(1, 2)), home.run(Made(1, 2))
    assert first["digest"] == second["digest"]
    assert first["luck"]["trials"] == second["luck"]["trials"]
    assert len(home.trials()) == 8
    changed = [key for key in first if first[key] != second[key]]
    assert changed == ["run", "trial", "beside"], "but for the numbers of the rows"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"strategies": ("nonsense",)}, "nonsense"),
        ({"fees": "flat:7"}, "flat:7"),
        ({"fees": "free"}, "free"),
        ({"engine": "magic"}, "magic"),
        ({"engine": "screen"}, "screen"),
        ({"since": START + HOUR, "until": START + HOUR}, "empty"),
        ({"since": START + HOUR, "until": START}, "empty"),
        ({"since": START + timedelta(days=99)}, "empty"),
        ({"until": START - HOUR, "since": START - 2 * HOUR}, "no price"),
        ({"grid": ("risk.position=",)}, "0 cells"),
        ({"grid": ("exits.stop",)}, "KEY=VALUE"),
        ({"grid": ("exits.stop=.1", "exits.stop=.2")}, "twice"),
        ({"grid": ("exits.stop=.1,.1",)}, "twice"),
        ({"grid": ("exits.sotp=.1",)}, "no such setting"),
        ({"grid": ("exits.stop=two",)}, "exits.stop"),
        ({"grid": ("exits.stop=7",)}, "exits.stop"),
        ({"grid": ("alerts.ack=true",)}, "alerts.ack"),
        ({"grid": ("health.min_markets=1",)}, "no backtest changes"),
        ({"grid": ("signals.strategies=early",)}, "no backtest changes"),
        ({"grid": ("early.ceiling=.1",)}, "not in this run"),
        ({"grid": ("roc_only.nothing=.1",)}, "has no 'nothing'"),
        ({"grid": ("roc_only.ceiling=much",)}, "is no Decimal"),
        ({"grid": tuple(f"risk.{n}={','.join(str(v) for v in range(1, 101))}"
                        for n in ("trades_per_day", "open_positions", "per_category"))},
         "1,000,000 cells"),
        ({"walk_forward": True}, "needs 90 days"),
        ({"seed": -1}, "--seed"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_tried(tmp_path, asked, said):
    """A clear sentence that names the thing, and the ledger stays as it was."""
    home = StudyHome(tmp_path)
    with pytest.raises(UsageError) as told:
        home.run(**asked)
    assert said in told.value.message, told.value.message
    assert home.trials() == []


def test_an_empty_history_is_refused(tmp_path):
    """Nothing stored: the way out is named."""
    with pytest.raises(UsageError, match="no price") as told:
        StudyHome(tmp_path).run(Made(0, 4))
    assert "trading collect" in told.value.hint


@pytest.mark.parametrize("source", [Made(1, 1), Made(1, 2, still=True)])
def test_a_history_that_carries_nothing_is_insufficient(tmp_path, source):
    """One market, or prices that never move, is an answer: INSUFFICIENT, and why."""
    data = StudyHome(tmp_path).run(source, strategies=("rvr_roc_hype",))
    assert data["state"] == "INSUFFICIENT"
    assert "decisions were" in data["missing"]
    assert data["counts"]["closed"] == 0
    assert data["sentence"] == "No trade was closed: nothing can be said. UNPROVEN."
    assert data["equity"][-1]["liquidation"] == 10_000


def test_nothing_runs_that_cannot_be_written_down(tmp_path):
    """A database that may only be read is refused with a sentence: no trial, no run."""
    home = StudyHome(tmp_path)
    with home.kit.open_store():
        pass
    database = home.kit.loaded.database
    asked = study.Asked(strategies=("roc_only",))
    base = replace(study.base_cell(home.kit, asked), source=Made(1, 2))
    with Store.reader(database) as store, pytest.raises(StoreReadOnly) as told:
        study.studied(home.kit, store, base, asked, ())
    assert "may not write" in told.value.message
    assert home.trials() == []


def test_a_strategy_that_cannot_be_repeated_is_exposed(tmp_path):
    """One that throws dice is named by the checks; the command then exits with 3."""
    home = StudyHome(tmp_path)
    (tmp_path / "dice.py").write_text(DICE)
    data = home.run(Made(1, 2), strategies=("dice.py:Dice",))
    assert data["bias"]["state"] == "EXPOSED"
    wrong = [one for one in data["bias"]["checks"] if not one["clean"]]
    assert wrong[0]["name"] == "repeat"
    assert "dice" in wrong[0]["sentence"]
    assert report.verdict(data) == 3


@dataclass(frozen=True)
class Torn(Made):
    """A source that cannot be copied."""

    def cut(self, since, at):  # noqa: ARG002  # of the protocol
        """Fail as a full disk does."""
        raise StoreReadOnly("the disk is full")


def test_a_run_that_ended_stays_done_where_what_stands_beside_it_fails(tmp_path):
    """The failure is said as it is, and the ledger does not call the run itself a failure."""
    home = StudyHome(tmp_path)
    with pytest.raises(StoreReadOnly, match="the disk is full"):
        home.run(Torn(1, 2))
    assert [row[-1] for row in home.trials()] == ["DONE"]


def test_the_checks_are_on_and_say_what_they_compared(done):
    """CLEAN only where decisions were compared; the command then exits with 0."""
    _, data = done
    assert data["bias"]["state"] == "CLEAN"
    assert {one["name"] for one in data["bias"]["checks"]} == {
        "repeat", "truncate", "poison", "blind", "cut",
    }  # fmt: skip
    assert sum(one["compared"] for one in data["bias"]["checks"]) > 0
    assert report.verdict(data) == 0


def test_the_weekly_step_says_how_much_is_missing(tmp_path):
    """An empty home, or one of few days, is SKIPPED with why, and plans no trial."""
    home = StudyHome(tmp_path)
    ticket = Ticket(1, "validation", 0, 1, START)
    with home.kit.open_store() as store:
        cycle = Cycle(home.kit, store, ticket, START, home.said.append, 0.0)
        done = study.backtest_step(cycle)
        assert (done.state, done.why.partition(":")[0]) == (
            "SKIPPED", "there is no price in the database",
        )  # fmt: skip
        with store.transaction() as tx:
            rows = [(slot, b"") for slot in range(0, 9 * 900, 900)]
            tx.executemany("INSERT INTO quote_packs (slot, quotes, pack) VALUES (?, 0, ?)", rows)
        done = study.backtest_step(cycle)
    assert done.state == "SKIPPED"
    assert "needs 90 days" in done.why
    assert home.trials() == []


def test_a_day_ends_with_its_last_slot():
    """The daily curve takes the last slot of each UTC day, and the bankroll before the first."""
    slots = np.array([0, 900, 85_500, 86_400, 172_800 + 900], np.int64)
    np.testing.assert_array_equal(figures.days_of(slots), [2, 3, 4])
    assert figures.days_of(np.empty(0, np.int64)).size == 0


def test_the_benchmarks_are_not_for_live():
    """The favourite and the coin are off in paper and live."""
    assert BUILT_IN["favourite"].history_only
    assert BUILT_IN["random_entries"].history_only
