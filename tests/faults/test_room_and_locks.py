"""Items 5, 6 and 7: no room at any write, a lock held by somebody, a reader that stays."""

import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import store_world as world  # see conftest
from homes import Home

from trading_cli.app.cycles import run_cycle
from trading_cli.app.steps import COLLECTION
from trading_cli.core.errors import StoreError, StoreFull, StoreLocked
from trading_cli.store import Store, ledger, listings, runs, sealed_rows, series

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
VENUE = ("quotes", "quote_packs", "books", "trades", "listing_seen", "gaps")
WAL_MOST = 64_000_000
QUIET = {name: {"enabled": False} for name in ("gdelt", "google_news", "bluesky", "hacker_news")}


def rows_of(home: Home) -> dict[str, set[tuple[Any, ...]]]:
    """Return every row of what a collection keeps of the venue."""
    return {name: set(home.rows(f"SELECT * FROM {name}")) for name in VENUE}  # noqa: S608  # ours


def whole_or_none(home: Home, slot: int) -> bool:
    """Check that *slot* has all its quotes with their books, or none; return whether it has."""
    packed = home.rows("SELECT quotes FROM quote_packs WHERE slot = ?", (slot,))
    singly = home.rows("SELECT count(*) FROM quotes WHERE slot = ?", (slot,))[0][0]
    books = home.rows("SELECT count(*) FROM books WHERE slot = ?", (slot,))[0][0]
    told = home.rows("SELECT count(*) FROM gaps WHERE slot = ? AND received", (slot,))[0][0]
    assert (packed[0][0] if packed else 0) == singly == told <= books
    return bool(packed)


class Narrow(Store):
    """A store that may grow by so many pages, as on a disk that is nearly full."""

    room = 0

    @classmethod
    def open(cls, path: Path, **options: Any) -> "Store":
        """Open *path* and forbid it to grow further than its room."""
        opened = super().open(path, **options)
        pages = opened._connection.execute("PRAGMA page_count").fetchone()[0]
        opened._connection.execute(f"PRAGMA max_page_count={pages + cls.room}")
        return opened


def refused(work: Callable[[], object]) -> StoreError | None:
    """Do *work*; return the failure of the store it ended in, ``None`` where it was done."""
    try:
        work()
    except StoreError as error:
        return error
    return None


def step_through(home: Home, monkeypatch: pytest.MonkeyPatch, pages: Sequence[int]) -> int:
    """Run slot after slot, each with so many *pages*; return in how many there was too little."""
    for turn, room in enumerate(pages, 1):
        slot = home.at(turn)
        before = rows_of(home)
        monkeypatch.setattr(Narrow, "room", room)
        with monkeypatch.context() as narrow:
            narrow.setattr("trading_cli.app.toolkit.Store", Narrow)
            told = refused(lambda: run_cycle(home.toolkit, COLLECTION, progress=home.said.append))
        if told is None:
            return turn - 1
        assert isinstance(told, StoreFull)
        assert "full" in told.message
        assert told.hint
        for name, held in before.items():
            assert held <= rows_of(home)[name], name
        whole_or_none(home, slot)
        assert home.rows("PRAGMA quick_check") == [("ok",)]
        assert home.rows("PRAGMA foreign_key_check") == []
    pytest.fail("there was never room enough")


def after_it(home: Home, slots: int) -> None:
    """Run once more with room: each slot has its row, and the rows are sealed whole."""
    home.at(slots)
    report = run_cycle(home.toolkit, COLLECTION, progress=home.said.append)
    assert report.state == "OK", report.reason
    with home.looking() as look:
        held = {run.slot for run in runs.last(look, cycles=["collection"], limit=500)}
        gaps = ledger.gaps(look, since=world.NOON, until=home.clock.now())
    first = min(held)
    asked = set(range(first, report.slot + 1, 900))
    assert held == asked
    with home.looking() as look:
        quoted = {row[0] for row in look.execute("SELECT slot FROM quote_packs")}
    nothing = {gap.slot for gap in gaps if not gap.market_id and not gap.received}
    assert asked - quoted <= nothing, "a slot without prices and without the row that says so"


def test_no_room_at_any_write(make_home, monkeypatch):
    """Page by page of what a cycle wants: old or new, a sentence, and later the gap's row."""
    home = make_home(panel={"max_markets": 6}, **QUIET)
    home.collect()
    full = step_through(home, monkeypatch, range(90))
    assert full >= 5
    after_it(home, full + 4)


@pytest.mark.nightly
def test_no_room_at_any_write_of_a_large_cycle(make_home, monkeypatch):
    """The same of all markets and all talk: it wants more pages the longer nothing was kept.

    Page by page at first, then by eight: a slot each, and this world has two days of them.
    """
    home = make_home()
    home.collect(talk=True)
    full = step_through(home, monkeypatch, [*range(60), *range(60, 1000, 8)])
    assert full >= 15
    after_it(home, full + 4)


def hold(path: Path, seconds: float, held: Any) -> None:
    """In a child: hold the write lock for so long."""
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    held.set()
    threading.Event().wait(seconds)
    os._exit(0)


@contextmanager
def held_by_another(path: Path, seconds: float) -> Iterator[None]:
    """Let another process hold the write lock of *path* for so long, from now on."""
    fork = multiprocessing.get_context("fork")
    held = fork.Event()
    child = fork.Process(target=hold, args=(path, seconds, held))
    child.start()
    assert held.wait(60)
    yield
    child.join()


def quote_five(store: Store) -> None:
    """Write the quotes of five markets."""
    with store.transaction() as tx:
        series.record_quotes(tx, [world.quote(n) for n in range(5)])


@pytest.mark.parametrize(("seconds", "waits"), [(0.1, True), (1.0, True), pytest.param(6.0, False)])
def test_another_process_holds_the_lock(tmp_path, seconds, waits):
    """Shorter than the patience (here 2 s): waited out. Longer: a named failure, nothing half."""
    path = tmp_path / "t.db"
    with Store.open(path, now=world.NOON, busy_timeout_ms=2000) as store:
        with store.transaction() as tx:
            listings.record_markets(tx, [world.market(n) for n in range(5)])
        with held_by_another(path, seconds):
            told = refused(lambda: quote_five(store))
        assert (told is None) == waits
        if told is not None:
            assert isinstance(told, StoreLocked)
            assert str(path) in told.message
        with store.reading() as look:
            kept = look.execute("SELECT count(*) FROM quotes").fetchone()[0]
        assert kept == (5 if waits else 0)
        quote_five(store)
        assert store.quick_check() == []


def test_a_cycle_that_cannot_write_sends_no_order_and_says_so(make_home):
    """Held all through the start: exit 6's error, no row of the run; afterwards it goes on."""
    home = make_home(panel={"max_markets": 4}, sections={"database": {"busy_timeout_ms": 300}},
                     **QUIET)  # fmt: skip
    home.collect()
    home.at(1)
    before = home.counts()
    with held_by_another(home.database, 6.0), pytest.raises(StoreError, match="another process"):
        run_cycle(home.toolkit, COLLECTION, progress=home.said.append)
    assert home.counts() == before
    assert run_cycle(home.toolkit, COLLECTION, progress=home.said.append).state == "OK"


def write_beside_a_reader(path: Path, slots: int, markets: int) -> int:
    """Write so many slots while somebody reads; return the most the log ever was, in bytes."""
    wal, most = path.with_name(path.name + "-wal"), 0
    with Store.open(path, now=world.NOON) as store:
        with store.transaction() as tx:
            listings.record_markets(tx, [world.market(n) for n in range(markets)])
        with Store.reader(path) as other, other.reading() as look:
            look.execute("SELECT count(*) FROM markets").fetchone()
            for turn in range(slots):
                at = world.NOON + turn * timedelta(minutes=15)
                with store.transaction() as tx:
                    series.record_quotes(tx, [world.quote(n, at=at) for n in range(markets)])
                    sealed_rows.seal(tx, run=turn + 1, now=at)
                store.checkpoint()
                most = max(most, wal.stat().st_size)
        assert store.checkpoint(), "the reader is gone, the log is still held"
        assert wal.stat().st_size == 0
    return most


def test_the_log_beside_a_reader_that_stays(tmp_path):
    """Eight slots of 50 markets while one reads on: a few MB, and empty once the reader goes."""
    most = write_beside_a_reader(tmp_path / "t.db", 8, 50)
    assert 0 < most < WAL_MOST * 8 / 96


@pytest.mark.nightly
def test_the_log_beside_a_reader_that_stays_a_day(tmp_path, capsys):
    """A day of 50 markets, 96 slots, beside one reader: at most 64 MB of log."""
    most = write_beside_a_reader(tmp_path / "t.db", 96, 50)
    with capsys.disabled():
        print(f"\nlog beside a reader of a day: {most / 1e6:.1f} MB")  # noqa: T201  # the figure
    assert most <= WAL_MOST
