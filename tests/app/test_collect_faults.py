"""Each fault of the menu through a whole collection: what is kept, and what a person reads.

Whatever a service does, a run ends with a report or with a failure of ours; what is stored before
stays as it was, no row is impossible, and what the other services gave is kept.
"""

import gzip
import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from home_fixtures import home_in  # beside this file
from homes import Exchange, Home, MakeHome  # beside this file

from trading_cli.app.collection import CollectReport
from trading_cli.core.errors import (
    SourceError,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreNewer,
    TradingError,
)
from trading_cli.simulator.faults import MENU
from trading_cli.store import Store, migrations

PLACES = {
    "listing": "/gamma/markets",
    "books": "/clob/book",
    "trades": "/data/trades",
}
SOURCES = {name: f"polymarket.{name}" for name in PLACES}
HARMLESS = {"duplicated_page", "reordered_page", "unknown_fields", "clock_skew", "cursor_loop"}
HARMLESS |= {"cached_reply"}
BY_ITEM = {"mistyped_json", "missing_fields"}
BARREN = set(MENU) - HARMLESS - BY_ITEM
ARGS: Mapping[str, Mapping[str, Any]] = {
    "storm_429": {"retry_after": 1},
    "slow_drip": {"interval": 0.15},
    "gzip_bomb": {"bytes": 40_000_000},
    "oversized": {"bytes": 21_000_000},
}
SAID = {
    "storm_429": "too many requests",
    "error_200": "no list|list|no page|Too Many|markets",
    "server_error": "500|not asked: it failed",
    "html_page": "JSON",
    "truncated_json": "broke|closed|incomplete|cut|JSON|ended",
    "reset": "reset|closed|broke|refused|aborted",
    "hang": "answer|time|silent",
    "slow_drip": "time|long|slow|deadline",
    "gzip_bomb": "large|bytes|MB",
    "oversized": "large|bytes|MB",
}


FEW = {"panel": {"max_markets": 4}, "read_timeout_s": 0.2}  # a broken one costs requests

IMPOSSIBLE = (
    "SELECT 1 FROM quotes WHERE bid <= 0 OR ask >= 1000000 OR bid >= ask OR event_time <= 0",
    "SELECT 1 FROM trades WHERE price <= 0 OR price >= 1000000 OR size <= 0",
    "SELECT 1 FROM runs WHERE state = 'RUNNING'",
)


@pytest.fixture
def empty(make_home: MakeHome) -> Home:
    """Return an empty home that follows a few markets."""
    return make_home(**FEW)


@pytest.fixture(scope="module")
def first_slot(tmp_path_factory: pytest.TempPathFactory, exchange: Exchange) -> Path:
    """Return what a home like that holds after its first slot, collected in peace."""
    folder = tmp_path_factory.mktemp("first")
    exchange.faults()
    home = home_in(folder, exchange, {**FEW, "read_timeout_s": 10.0})  # nothing is slow here
    with home.toolkit:
        assert home.collect().state == "OK"
    return folder / "data"


@pytest.fixture
def kit(empty: Home, first_slot: Path) -> Home:
    """Return a home of its own that collected one slot in peace."""
    shutil.copytree(first_slot, empty.database.parent)
    return empty


SLOW = {"error_200", "slow_drip", "hang", "storm_429"}  # real seconds: by day in one place each


def _late(*, when: bool) -> list[pytest.MarkDecorator]:
    return [pytest.mark.nightly] if when else []


CASES = [
    pytest.param(fault, place, marks=_late(when=fault in SLOW and place != "books"))
    for fault in sorted(MENU)
    for place in PLACES
]
ONCE = [pytest.param(f, marks=_late(when=f in SLOW - {"error_200"})) for f in sorted(MENU)]
VOICES = [pytest.param(f, marks=_late(when=f in SLOW - {"hang"})) for f in sorted(MENU)]


def rule(fault: str, place: str, **more: Any) -> dict[str, Any]:
    """Return the entry of the menu that spoils one place."""
    return {"fault": fault, "match": PLACES[place], "args": ARGS.get(fault, {}), **more}


def kept_by(home: Home) -> dict[str, set[tuple[Any, ...]]]:
    """Return every row of what came from the venue."""
    tables = ("quotes", "trades", "books", "resolutions", "listing_seen", "panel")
    with home.looking() as look:
        return {name: set(look.execute(f"SELECT * FROM {name}")) for name in tables}  # noqa: S608  # ours


def check_kept(home: Home, before: Mapping[str, set[tuple[Any, ...]]]) -> None:
    """Check that no row was lost, none is impossible, and the file is sound."""
    after = kept_by(home)
    for name, rows in before.items():
        assert rows <= after[name], name
    with home.looking() as look:
        found = [look.execute(question).fetchall() for question in IMPOSSIBLE]
        assert look.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    assert found == [[]] * len(IMPOSSIBLE)


def gaps_of(home: Home, slot: int) -> dict[str, str]:
    """Return each followed market and why it was not quoted in *slot*; "" where it was."""
    return dict(
        home.rows("SELECT market, cause FROM gaps WHERE slot = ? AND market <> ''", (slot,))
    )


def second_slot(home: Home, *rules: Mapping[str, Any]) -> tuple[CollectReport, Any, int]:
    """Collect the next slot under *rules*; return its report and what was before."""
    before = kept_by(home)
    home.exchange.faults(*rules)
    slot = home.at(1)
    report = home.collect()
    return report, before, slot


@pytest.mark.parametrize(("fault", "place"), CASES)
def test_a_fault_of_every_request(kit, fault, place):
    """One service is spoilt whole: it says so, the others' rows are kept, gaps have a cause."""
    report, before, slot = second_slot(kit, rule(fault, place))
    assert kit.exchange.applied() > 0
    check_kept(kit, before)
    tally = report.sources[SOURCES[place]]
    quotes, followed = kit.quotes(slot), {market.id for market in kit.followed()}
    gaps = gaps_of(kit, slot)
    assert {name for name, cause in gaps.items() if not cause} == quotes.keys()
    assert gaps.keys() >= followed
    if place != "books":
        assert quotes.keys() >= followed
    if place != "trades":
        assert report.sources["polymarket.trades"].state == "ok"
    if fault in BARREN:
        assert tally.state == "failed"
        assert tally.fetched == 0
        assert report.state == "PARTIAL"
        assert any(tally.message in said for said in report.warnings)
        assert_matches(SAID[fault], tally.message)
        if place == "books":
            assert not quotes
            assert set(gaps.values()) <= {"SOURCE_DOWN", "REFUSED"}
    elif fault in HARMLESS:
        assert tally.fetched > 0
        assert quotes.keys() >= followed


def assert_matches(words: str, message: str) -> None:
    """Check that one of *words* is in *message*, which is short enough to read."""
    assert any(word.lower() in message.lower() for word in words.split("|")), message
    assert len(message) < 700
    assert "Traceback" not in message
    assert "object at 0x" not in message


@pytest.mark.parametrize("fault", ONCE)
def test_a_fault_of_the_first_request_only(kit, fault):
    """Each service fails once: it is asked again, or what was refused is named; others are kept."""
    rules = [rule(fault, place, times=1) for place in PLACES]
    report, before, slot = second_slot(kit, *rules)
    assert kit.exchange.applied() == len(PLACES)
    check_kept(kit, before)
    if fault in BY_ITEM:
        refused = sum(tally.refused for tally in report.sources.values())
        assert refused == kit.counts()["refusals"]
        if not report.warnings:
            assert kit.quotes(slot)
        return
    assert kit.quotes(slot).keys() == {market.id for market in kit.followed()}
    assert all(tally.fetched for tally in report.sources.values())


@pytest.mark.parametrize("fault", VOICES)
def test_a_fault_of_every_voice(kit, fault):
    """All talk is spoilt: the venue's slot is whole, and each voice's state is a named one."""
    before = kept_by(kit)
    match = "/(gdelt|google_news|bluesky|hacker_news)/"
    kit.exchange.faults({"fault": fault, "match": match, "args": ARGS.get(fault, {})})
    slot = kit.at(1)
    report = kit.collect(talk=True)
    check_kept(kit, before)
    assert kit.quotes(slot).keys() == {market.id for market in kit.followed()}
    for name in ("gdelt", "google_news", "bluesky", "hacker_news"):
        tally = report.sources[name]
        assert tally.state in {"ok", "degraded", "failed"}
        assert bool(tally.message) == (tally.state != "ok")
        if fault in {"hang", "server_error", "reset", "storm_429", "slow_drip"}:
            assert tally.state == "failed"
    assert not kit.rows("SELECT 1 FROM posts WHERE text = '' OR post_id = '' OR event_time <= 0")


@pytest.mark.parametrize(
    "fault", ["reset", "html_page", pytest.param("hang", marks=pytest.mark.nightly)]
)
def test_nothing_at_all_is_exit_five(kit, fault):
    """Where every service fails the run is a SourceError; the slot's gaps are rows all the same."""
    before = kept_by(kit)
    kit.exchange.faults({"fault": fault, "match": "/(gamma|clob|data)/"})
    slot = kit.at(1)
    with pytest.raises(SourceError) as no:
        kit.collect()
    assert no.value.exit_code == 5
    check_kept(kit, before)
    assert set(gaps_of(kit, slot)) == {market.id for market in kit.followed()}
    (state, why) = kit.rows("SELECT state, why FROM runs ORDER BY id DESC LIMIT 1")[0]
    assert state == "FAILED"
    assert why


def test_a_first_run_without_a_listing_is_exit_five(empty):
    """With no listing and nothing followed before there is nothing to ask for."""
    empty.exchange.faults(rule("server_error", "listing"))
    with pytest.raises(SourceError, match="500") as no:
        empty.collect()
    assert no.value.exit_code == 5


def test_the_slot_after_a_fault_is_whole(kit):
    """A slot that failed does not spoil the next one, and stays the gap it was."""
    _, _, slot = second_slot(kit, rule("html_page", "books"))
    assert not kit.quotes(slot)
    kit.exchange.faults()
    after = kit.at(2)
    assert kit.collect().state == "OK"
    assert kit.quotes(after).keys() == {market.id for market in kit.followed()}
    assert not kit.quotes(slot)
    assert "" not in gaps_of(kit, slot).values()


def test_a_partial_slot_can_be_made_whole(kit):
    """Collecting again in a slot that came in part asks again and fills what was missing."""
    report, _, slot = second_slot(kit, rule("html_page", "books"))
    assert report.state == "PARTIAL"
    kit.exchange.faults()
    assert kit.collect().state == "OK"
    assert kit.quotes(slot).keys() == {market.id for market in kit.followed()}
    assert set(gaps_of(kit, slot).values()) == {""}


def refused(home: Home, kind: type[StoreError], words: str) -> None:
    """Check that a collection ends as *kind*, with exit code 6 and a sentence with *words*."""
    with pytest.raises(TradingError) as no:
        home.collect()
    assert type(no.value) is kind
    assert no.value.exit_code == 6
    assert words in no.value.message
    assert str(home.database) in no.value.message
    assert no.value.hint


def test_a_full_disk(kit, monkeypatch):
    """No page left: a sentence about the disk, what was stored stays, and later it goes on."""
    before = kept_by(kit)
    real = Store.open

    def cramped(*args: Any, **options: Any) -> Store:
        store = real(*args, **options)
        store._connection.execute("VACUUM")  # what sealing gave back is no room, either
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count={pages}")
        return store

    monkeypatch.setattr(Store, "open", cramped)
    kit.at(1)
    refused(kit, StoreFull, "is full")
    monkeypatch.setattr(Store, "open", real)
    assert before["quotes"] <= kept_by(kit)["quotes"]
    assert kit.collect().state == "OK"


def test_a_locked_file(make_home: MakeHome, first_slot: Path):
    """Another program writes for longer than we may wait: that is said, and nothing is lost."""
    kit = make_home(sections={"database": {"busy_timeout_ms": 50}}, **FEW)
    shutil.copytree(first_slot, kit.database.parent)
    before = kept_by(kit)
    kit.at(1)
    other = sqlite3.connect(kit.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused(kit, StoreLocked, "another process holds")
    other.execute("ROLLBACK")
    other.close()
    check_kept(kit, before)
    assert kit.collect().state == "OK"


def test_a_corrupt_file(kit):
    """A file that is no database is refused as damaged and left as it is."""
    junk = os.urandom(64) + gzip.compress(b"junk" * 10_000)
    kit.database.write_bytes(junk)
    refused(kit, StoreCorrupt, "not a database")
    assert kit.database.read_bytes() == junk


def test_a_newer_schema(kit):
    """A file of a later version is refused with both numbers, untouched."""
    raw = sqlite3.connect(kit.database)
    raw.execute(f"PRAGMA user_version={migrations.NEWEST + 1}")
    raw.close()
    before = kit.database.read_bytes()
    refused(kit, StoreNewer, f"schema {migrations.NEWEST + 1}")
    assert kit.database.read_bytes() == before
