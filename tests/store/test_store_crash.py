"""Killed at any instruction, the file holds every step that was acknowledged, whole, once."""

import os
import random
import signal
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import pytest
import store_world as world

from trading_cli.store import Store, history, listings, migrations, runs, series

pytestmark = pytest.mark.usefixtures("own_migrations")  # making a file is the point
NOON = world.NOON
MARKETS = 20
SLOT = timedelta(minutes=15)


def collect_until_killed(path: Path, first: int, told: int) -> None:
    """Write slot after slot, one transaction each, and tell the number of each that is kept."""
    with Store.open(path, now=NOON) as store:
        for number in range(first, first + 100_000):
            at = NOON + number * SLOT
            with store.transaction() as tx:
                start = runs.Start("collection", world.quote(at=at).slot, at, os.getpid())
                ticket = runs.begin(tx, start, lease=SLOT)
                series.record_quotes(tx, [world.quote(n, at=at) for n in range(MARKETS)])
                series.record_trades(
                    tx, [world.trade(n, name=f"{number}/{n}", at=at) for n in range(MARKETS)]
                )
                runs.finish(tx, ticket, "OK", "", {"number": number}, at)
            os.write(told, number.to_bytes(4, "big"))


def killed_child(work, *arguments: object) -> bytes:
    """Fork, let the child work a random while, kill it with signal 9; return what it told."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(heard)
        try:
            work(*arguments, told)
        finally:
            os._exit(1)
    os.close(told)
    first = os.read(heard, 4)
    time.sleep(random.uniform(0, 0.03))  # noqa: S311  # the moment of death is what is tried, not a condition
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    rest = b"".join(iter(lambda: os.read(heard, 65536), b""))
    os.close(heard)
    return first + rest


def campaign(path: Path, kills: int) -> tuple[int, int, int, int]:
    """Kill *kills* writers; return slots acknowledged, lost, partial, and rows doubled."""
    with Store.open(path, now=NOON) as store, store.transaction() as tx:
        listings.record_markets(tx, [world.market(n) for n in range(MARKETS)])
    acknowledged: set[int] = set()
    following = 0
    for _ in range(kills):
        told = killed_child(collect_until_killed, path, following)
        numbers = [int.from_bytes(told[i : i + 4], "big") for i in range(0, len(told) // 4 * 4, 4)]
        acknowledged.update(numbers)
        following = max(acknowledged) + 2  # the slot after may be kept though nobody heard so
    with Store.open(path, now=NOON) as store:
        assert store.quick_check() == []
        with store.reading() as look:
            quoted = dict(look.execute("SELECT slot, count(*) FROM quotes GROUP BY slot"))
            packed = dict(look.execute("SELECT slot, quotes FROM quote_packs"))
            traded = dict(
                look.execute(
                    "SELECT (event_time + 30) / 900 * 900, count(*) FROM trades GROUP BY 1"
                )
            )
            ran = dict(look.execute("SELECT slot, count(*) FROM runs GROUP BY slot"))
    slots = {world.quote(at=NOON + number * SLOT).slot for number in acknowledged}
    every = quoted.keys() | packed.keys() | traded.keys() | ran.keys()
    whole = {
        slot
        for slot in every
        if quoted.get(slot) == packed.get(slot) == traded.get(slot) == MARKETS
        and ran.get(slot) == 1
    }
    doubled = sum(count > MARKETS for count in (*quoted.values(), *packed.values()))
    return len(acknowledged), len(slots - every), len(every - whole), doubled


def test_killed_fifty_times_nothing_is_lost_halved_or_doubled(tmp_path):
    """After 50 kills every acknowledged slot is there, whole, and no row twice."""
    acknowledged, *harm = campaign(tmp_path / "t.db", 50)
    assert acknowledged >= 50
    assert harm == [0, 0, 0]


@pytest.mark.nightly
def test_killed_a_thousand_times_nothing_is_lost_halved_or_doubled(tmp_path):
    """The same campaign, a thousand kills long."""
    acknowledged, *harm = campaign(tmp_path / "t.db", 1000)
    assert acknowledged >= 1000
    assert harm == [0, 0, 0]


@pytest.mark.parametrize("kills", [30, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_a_migration_killed_at_any_statement_is_undone_or_done(tmp_path, kills):
    """Whichever statement is the last, the next opening finds a whole schema: 30, at night all."""
    counting = 0

    def count(_: str) -> None:
        nonlocal counting
        counting += 1

    probe = sqlite3.connect(tmp_path / "probe.db", isolation_level=None)
    probe.set_trace_callback(count)
    migrations.migrate(probe, tmp_path / "probe.db", now=NOON, backups=1, application_id=1)
    probe.close()
    for last in range(1, counting + 1, max(1, counting // kills)):
        path = tmp_path / f"{last}.db"
        child = os.fork()
        if child == 0:
            die_at(path, last)
        os.waitpid(child, 0)
        raw = sqlite3.connect(path)
        tables = raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        version = raw.execute("PRAGMA user_version").fetchone()[0]
        raw.close()
        assert (version > 0) == (tables > 0)
        with Store.open(path, now=NOON) as store:
            assert store.schema_version == migrations.NEWEST
            assert store.quick_check() == []


def die_at(path: Path, last: int) -> None:
    """Migrate a new file and be killed as the statement number *last* begins."""
    connection = sqlite3.connect(path, isolation_level=None)
    left = last

    def count_down(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.set_trace_callback(count_down)
    migrations.migrate(connection, path, now=NOON, backups=1, application_id=0x54524144)
    os._exit(0)


def test_four_writers_at_once_wait_for_each_other(tmp_path):
    """Four processes that write the same and their own rows all end well, all rows there."""
    path = tmp_path / "t.db"
    with Store.open(path, now=NOON) as store, store.transaction() as tx:
        listings.record_markets(tx, [world.market(n) for n in range(MARKETS)])
    children = []
    for writer in range(4):
        child = os.fork()
        if child == 0:
            os._exit(contend(path, writer))
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    with Store.reader(path) as store, store.reading() as look:
        counts = history.counts(look)
        assert counts["quotes"] == 25 * MARKETS
        assert counts["trades"] == 4 * 25
        assert counts["conflicts"] == 0


def contend(path: Path, writer: int) -> int:
    """Write 25 slots as one of several; return 0 when all went well."""
    try:
        with Store.open(path, now=NOON, busy_timeout_ms=20_000) as store:
            for number in range(25):
                at = NOON + number * SLOT
                with store.transaction() as tx:
                    series.record_quotes(tx, [world.quote(n, at=at) for n in range(MARKETS)])
                    series.record_trades(tx, [world.trade(1, name=f"{writer}/{number}", at=at)])
    except BaseException:  # noqa: BLE001  # a forked child must not run the parent's tests
        return 1
    return 0
