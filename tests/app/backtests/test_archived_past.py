"""What reads the past says the same before and after it went into the archive, or says why not."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talk_and_prices
from dealt import Dealt
from dealt import market as settled_market
from past_world import START, at, book, fill, history, look, point, quote, second, trade
from study_home import StudyHome
from test_screening import mids_by_chance

from trading_cli.app import calibrate, correlate, microstructure, news, quality
from trading_cli.app.backtests.stored import Stored
from trading_cli.app.calibration_question import HORIZONS, Question
from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit
from trading_cli.app.upkeep.archive import into_archive
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import StoreCorrupt, UsageError
from trading_cli.domain import Outcome, Resolution, slot_of
from trading_cli.store import Store, archived, backtests, listings, series, thawed, trials

pytest.importorskip("pyarrow", reason="the extra `analytics` is not installed")
DAY = timedelta(days=1)
LATE = START + 300 * DAY
"""When the archiving is done: long after all of it."""
APART = frozenset({"run", "trial", "trials", "seconds", "at", "finished_at", "began", "as_of"})


def archive(config: Path, before: datetime, now: datetime = LATE) -> dict[str, Any]:
    """Move what is older than *before* into the archive of a home."""
    return into_archive(config, before=before, progress=lambda _: None, clock=FrozenClock(now))


def plain(value: Any) -> Any:
    """Return an answer without what differs from run to run."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in APART}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def home_of(folder: Path, write: Any, text: str = "bankroll: 10000\n") -> StudyHome:
    """Return a home whose file *write* fills."""
    folder.mkdir()
    made = StudyHome(folder, text)
    made.kit.loaded.database.parent.mkdir(mode=0o700)
    write(made.kit.loaded.database)
    return made


def copied(made: StudyHome, folder: Path) -> StudyHome:
    """Return a home with a copy of the same file."""
    return home_of(folder, lambda path: shutil.copy(made.kit.loaded.database, path), made.settings)


EAGER = (
    "bankroll: 10000\nsignals: {min_days_to_deadline: 0.1, min_ask: '0.02', max_ask: '0.98'}\n"
    "risk: {trades_per_day: 1000, open_positions: 20, per_category: 20, cool_down_minutes: 0}\n"
)
BUYER = """
from decimal import Decimal
from trading_cli.trading.strategies import Action, Advice
class Buyer:
    name, ceiling = "buyer", Decimal("0.01")
    def decide(self, data, symbol, current_price):
        return Advice(Action.BUY, strength=0.5)
"""


@pytest.mark.parametrize("days", [0, 1])
def test_a_full_backtest_is_the_same(tmp_path, days):
    """Recorded slots, half of their past in the archive or all: every number and the data hash."""
    live = home_of(tmp_path / "live", lambda path: fill(path, 5, slots=24), EAGER)
    old = copied(live, tmp_path / "old")
    gone = archive(old.config, START + days * DAY)["deleted"]
    assert set(gone) == set(archived.KINDS)
    found = []
    for one in (live, old):
        (one.folder / "buyer.py").write_text(BUYER)
        wish = {"since": at(0), "until": at(24), "strategies": ("buyer.py:Buyer",)}
        data = one.run(Stored(one.kit.loaded.database), **wish)
        with one.looking() as tx:
            (hashed,) = {row[0] for row in tx.execute("SELECT data_hash FROM trials")}
        found.append((plain(data), hashed))
    assert found[0][1] == found[1][1]
    assert json.dumps(found[0][0], default=str) == json.dumps(found[1][0], default=str)
    assert sum(found[0][0]["fills"].values()) > 3, found[0][0]["reasons"]


@pytest.mark.parametrize("days", [0, 1])
def test_every_answer_of_a_history_is_the_same(tmp_path, days):
    """Views with their books and indicators, exits, volumes, candidates, in their order."""
    path = tmp_path / "live" / "data" / "trading.db"
    live = home_of(tmp_path / "live", lambda path: fill(path, 11, slots=20))
    old = copied(live, tmp_path / "old")
    archive(old.config, START + days * DAY)

    def answers(path: Path) -> list[str]:
        names = [f"50{n}" for n in range(1, 5)]
        with history(path, 0, 20) as past:
            return [
                repr((
                    one, past.evidence(one.slot), past.candidates(one.slot),
                    past.features(one.slot), past.operated(one.slot),
                    [[getattr(view, name) for name in view.__match_args__ if name != "recalibrate"]
                     for view in past.views(one.slot)],
                    sorted(past.exit_books(one.slot, names).items()),
                    [past.traded_usd(n, one.decided_at - DAY, one.decided_at, one.decided_at)
                     for n in names],
                ))
                for one in past.moments()
            ] + [repr(past.coverage())]  # fmt: skip

    assert answers(path) == answers(old.kit.loaded.database)


@pytest.mark.parametrize("days", [1, 9])
def test_a_screen_is_the_same(tmp_path, days):
    """Mids alone, of which the first day or all lie in the archive; the usual span is the same."""
    text = "bankroll: 10000\nsignals: {min_days_to_deadline: 0.1}\n"
    live = home_of(tmp_path / "live", lambda path: mids_by_chance(path, 3), text)
    old = copied(live, tmp_path / "old")
    gone = archive(old.config, START + days * DAY, START + 500 * DAY)["deleted"]
    assert set(gone) == {"points"}
    found = []
    for one in (live, old):
        source = Stored(one.kit.loaded.database)
        wish = {"engine": "screen", "since": at(0), "until": at(200)}
        found.append((plain(one.run(source, **wish)), source.extent(),
                      source.fingerprint(at(0), at(200))))  # fmt: skip
    assert found[0] == found[1]


def test_a_recalibration_is_the_same(tmp_path):
    """Fitted on mids before the close of markets that settled long before the run."""
    live = settled_home(tmp_path / "live")
    with Store.reader(live.database) as store, store.reading() as tx:
        known = calibrate.recalibration(tx, CLOSE + 3 * DAY)
    archive(live.config, CLOSE + 5 * DAY)
    with Store.reader(live.database) as store, store.reading() as tx:
        assert calibrate.recalibration(tx, CLOSE + 3 * DAY) is None
        calibrate.thaw_settled(tx, CLOSE + 20 * DAY)
        assert calibrate.recalibration(tx, CLOSE + 3 * DAY) == known
    assert known is not None


# --- the other commands


CLOSE = START + 35 * DAY


def settled_home(folder: Path) -> Dealt:
    """Return a home of 40 settled markets with quotes and mids before their close."""
    made = Dealt(folder)
    rng = np.random.default_rng(8)
    with made.store() as store, store.transaction() as tx:
        for n in range(1, 41):
            one = settled_market(n, START)
            listings.record_markets(tx, [one])
            rows, points = [], []
            for ahead in HORIZONS.values():
                when = CLOSE - ahead - timedelta(minutes=10)
                half, mid = Decimal("0.01"), Decimal(int(rng.integers(20, 80))) / 100
                rows.append(
                    series.Quote(
                        one.id, slot_of(when), mid - half, mid + half, 9.0, 9.0, when, when
                    )
                )
                points.append(series.Point(one.yes_token, float(mid), when - DAY / 96, when))
            series.record_quotes(tx, rows[: 4 + n % 4])
            series.record_points(tx, points)
            outcome = Outcome.YES if rng.random() < 0.5 else Outcome.NO
            paid = Decimal(outcome is Outcome.YES)
            listings.record_resolutions(
                tx, [Resolution(one.condition_id, outcome, paid, None, CLOSE, CLOSE + DAY / 24)]
            )
    made.clock.set(CLOSE + 60 * DAY)
    return made


QUESTIONS = (
    Question(HORIZONS),
    Question(HORIZONS, before="last"),
    Question(HORIZONS, before="end", take="nearest", within=40 * DAY),
    Question(HORIZONS, take="after", within=DAY),
)


@pytest.mark.parametrize("days", [20, 60])
def test_calibrate_is_the_same(tmp_path, days):
    """By every question: half of the past in the archive, and all of it."""
    made = settled_home(tmp_path / "home")

    def told() -> list[Any]:
        return [calibrate.calibrate(made.config, clock=made.clock, question=q) for q in QUESTIONS]

    before = told()
    archive(made.config, START + days * DAY)
    assert told() == before
    assert before[0]["groups"][0]["n"] == 40


def test_correlate_news_and_quality_are_the_same(tmp_path):
    """A month of two markets, of which the beginning lies in the archive."""
    config = tmp_path / "config.yaml"
    config.write_text("mode: paper\n")
    config.chmod(0o600)
    (tmp_path / "data").mkdir(mode=0o700)
    begun = talk_and_prices.START
    talk_and_prices.fill(tmp_path / "data" / "trading.db", days=60, markets=2)
    clock = FrozenClock(begun + 60 * DAY)

    def told() -> list[Any]:
        with Toolkit(load(config, env={}), clock=clock, env={}) as kit, kit.open_store() as store:
            found = correlate.run(kit, store, correlate.COMMAND)
        found.pop("looks")
        span = clock.now() - 30 * DAY
        moved = news.news(config, since=span, until=clock.now(), clock=clock)
        return [plain(found), moved, quality.check(config, since=span, clock=clock)]

    before = told()
    archive(config, begun + 40 * DAY)
    assert told() == before
    assert before[0]["markets"]
    assert before[1]["markets"]


def test_microstructure_is_the_same(tmp_path):
    """A market whose last book went long ago, with trades."""
    made = home_of(tmp_path / "live", lambda path: fill(path, 7, slots=20))

    def told() -> Any:
        clock = FrozenClock(LATE)
        return microstructure.microstructure(made.config, "501", since=DAY, clock=clock)

    before = told()
    archive(made.config, START + 5 * DAY)
    assert told() == before


# --- what goes wrong is said


@contextmanager
def small(folder: Path) -> Iterator[StudyHome]:
    """Yield a home of one recorded day, all of it in the archive."""

    def write(path: Path) -> None:
        with Store.open(path, now=START) as store, store.transaction() as tx:
            listings.record_markets(tx, [])
            for step in range(3):
                look(tx, step, 1)
            series.record_trades(tx, [trade("t", 1, at(1))])
            series.record_points(tx, [point(1, at(1), 0.5, seen=at(1))])

    made = home_of(folder, write)
    archive(made.config, START + DAY)
    yield made


def read(made: StudyHome, since: datetime, until: datetime) -> list[Any]:
    """Return the slots with quotes, and how many rows of each kind are seen."""
    with (
        Store.reader(made.kit.loaded.database) as store,
        thawed.reading(store, since, until) as tx,
    ):
        kinds = [tx.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in archived.KINDS]  # noqa: S608  # ours
        return [kinds, tx.execute("SELECT count(*) FROM quote_packs").fetchone()[0]]


def test_a_span_is_read_and_no_more(tmp_path):
    """What no part touches is not opened: not even a file that is gone matters."""
    with small(tmp_path / "one") as made:
        assert read(made, START, START + DAY) == [[3, 3, 1, 1], 3]
        assert read(made, START + DAY, START + 9 * DAY) == [[0, 0, 0, 0], 0]
        shutil.rmtree(made.kit.loaded.database.parent / archived.FOLDER)
        assert read(made, START + DAY, START + 9 * DAY) == [[0, 0, 0, 0], 0]
        with pytest.raises(StoreCorrupt, match=r"quotes-2026-03\.parquet cannot be read") as told:
            read(made, START, START + DAY)
        assert told.value.exit_code == 6
        assert "data/archive" in told.value.hint


def test_a_changed_file_is_named(tmp_path):
    """One bit more than was written: nothing of it is believed."""
    with small(tmp_path / "one") as made:
        (file,) = (made.kit.loaded.database.parent / archived.FOLDER).glob("points-*")
        file.write_bytes(file.read_bytes() + b"?")
        with pytest.raises(StoreCorrupt, match=r"points-2026-03\.parquet is not what was written"):
            read(made, START, START + DAY)


def test_without_the_library_the_span_is_named(tmp_path, monkeypatch):
    """Which rows of when, and the way out; what lies outside needs no library."""
    with small(tmp_path / "one") as made:
        monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
        assert read(made, START + DAY, START + 9 * DAY) == [[0, 0, 0, 0], 0]
        with pytest.raises(UsageError, match="quotes of 2026-03-02 to 2026-03-02") as told:
            read(made, START, START + DAY)
        assert "analytics" in told.value.hint
        with pytest.raises(UsageError, match="pyarrow"):
            made.run(Stored(made.kit.loaded.database), since=at(0), until=at(3))


def test_a_live_row_wins_and_is_there_once(tmp_path):
    """A row that came again after it was archived: the live one, in its slot's pack too."""
    with small(tmp_path / "one") as made:
        path = made.kit.loaded.database
        with Store.open(path, now=LATE) as store, store.transaction() as tx:
            series.record_quotes(tx, [quote(1, at(1, 5), "0.10", "0.12")])
            series.record_books(tx, second(1), [("501", book(1, at(1, 5), "0.10"))])
            series.record_trades(tx, [trade("t", 1, at(1), price="0.99")])
            series.record_points(tx, [point(1, at(1), 0.9, seen=at(1))])
        assert read(made, START, START + DAY) == [[3, 3, 1, 1], 3]
        with Store.reader(path) as store, thawed.reading(store, START, START + DAY) as tx:
            bids = [bid for (bid,) in tx.execute("SELECT bid FROM quotes ORDER BY slot")]
            assert bids == [400_000, 100_000, 400_000]
            assert tx.execute("SELECT price FROM points").fetchone() == (0.9,)
            packs = [pack for (pack,) in tx.execute("SELECT pack FROM quote_packs ORDER BY slot")]
        assert [np.frombuffer(one, "<i4")[1] for one in packs] == bids


def test_what_was_thawed_goes_with_the_snapshot(tmp_path):
    """The next one sees the live file alone, and the file itself is never written."""
    with small(tmp_path / "one") as made, Store.reader(made.kit.loaded.database) as store:
        with thawed.reading(store, START, START + DAY) as tx:
            assert tx.execute("SELECT count(*) FROM quotes").fetchone() == (3,)
            thawed.forget(tx, thawed.BOOKS, second(2))
            assert tx.execute("SELECT count(*) FROM books").fetchone() == (1,)
            thawed.thaw(tx, START, START + DAY, (thawed.BOOKS,))
            assert tx.execute("SELECT count(*) FROM books").fetchone() == (3,)
            assert tx.execute("PRAGMA query_only").fetchone() == (1,)
        with store.reading() as tx:
            assert tx.execute("SELECT count(*) FROM quotes").fetchone() == (0,)
            assert backtests.extent(tx) is not None
            assert trials.fingerprint(tx, START, START + DAY)
