"""What pulls the kill switch by itself, and what does not."""

import os
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
import stopping  # beside this
from stopping import NOW, make, rows

from trading_cli.app import guards
from trading_cli.app.desk import Desk
from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import Entry, OrderState
from trading_cli.store import Store, balances, deals, journal


@pytest.fixture
def desk(home, monkeypatch):
    """Return the desk of an armed home."""
    place = make(home / "armed")
    monkeypatch.setenv("TRADING_HOME", str(place.home))
    with (
        Toolkit(load(None), clock=FrozenClock(NOW)) as kit,
        Store.open(place.database, now=NOW) as store,
    ):
        yield Desk(kit, store, int(NOW.timestamp()) // 900 * 900)


@contextmanager
def _writing(desk):
    with desk.store.transaction() as tx:
        yield tx


def _place(desk):
    return SimpleNamespace(database=desk.toolkit.loaded.database)


def _tripped(desk):
    return rows(_place(desk))[-1] == ("TRIGGERED", 4)


def test_a_sound_home_trips_nothing(desk):
    """Neither the quick look of each slot nor the whole one of each day."""
    for _ in range(3):
        with _writing(desk) as tx:
            journal.append(tx, "note", "x", {"text": "y"}, at=NOW)
        assert guards.check(desk) == ()
    assert guards.examine(desk) == ()
    assert rows(_place(desk)) == [("ARMED", 0)]


@pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.PENDING])
def test_an_order_nobody_knows_of_trips_after_a_minute(desk, state):
    """Not before; and it trips once, however often it is asked."""
    with _writing(desk) as tx:
        deals.place_order(tx, stopping.order(state=state))
    desk.toolkit.clock.set(NOW + timedelta(seconds=60))
    assert guards.check(desk) == ()
    desk.toolkit.clock.set(NOW + timedelta(seconds=62))
    assert "o1" in guards.check(desk)[0]
    assert guards.check(desk)
    assert _tripped(desk)
    assert len(rows(_place(desk))) == 2


@pytest.mark.parametrize(
    ("failed", "minutes", "trips"), [(4, 0, False), (5, 0, True), (5, 61, False)]
)
def test_orders_that_fail_repeatedly_trip(desk, failed, minutes, trips):
    """Five within an hour; those that were refused for a reason do not count."""
    with _writing(desk) as tx:
        for number in range(20):
            body = {"state": "REJECTED", "detail": "x", "failed": number < failed}
            journal.append(tx, "outcome", f"o{number}", body, at=NOW)
    desk.toolkit.clock.set(NOW + timedelta(minutes=minutes))
    assert bool(guards.check(desk)) is trips
    assert _tripped(desk) is trips


def test_a_ledger_that_does_not_agree_trips(desk):
    """Money that the ledger moved for a fill nobody knows of."""
    lines = [
        Entry("fill:x", account, Decimal(amount), NOW, "fill", "x")
        for account, amount in (("cash", -1), ("fees", 1))
    ]
    with _writing(desk) as tx:
        balances.record_entries(tx, lines)
    assert "mismatch" in guards.check(desk)[0]
    assert _tripped(desk)


def test_a_journal_that_was_changed_trips(desk):
    """Found by the quick look where it is new, by the whole one wherever it is."""
    with _writing(desk) as tx:
        for number in range(3):
            journal.append(tx, "note", str(number), {}, at=NOW)
    assert guards.check(desk) == ()
    with _writing(desk) as tx:
        tx.execute("DROP TRIGGER journal_keeps_its_words")
        tx.execute("UPDATE journal SET body = '{\"a\":1}' WHERE seq = 2")
    assert guards.check(desk) == ()
    assert "row 2" in guards.examine(desk)[0]
    assert _tripped(desk)


def test_new_rows_of_the_journal_are_checked_in_every_slot(desk):
    """A row that was added without its seal."""
    assert guards.check(desk) == ()
    with _writing(desk) as tx:
        journal.append(tx, "note", "x", {}, at=NOW)
        tx.execute("DROP TRIGGER journal_keeps_its_words")
        tx.execute("UPDATE journal SET actor = 'somebody'")
    assert "journal" in guards.check(desk)[0]
    assert _tripped(desk)


def test_rows_of_the_kill_switch_that_were_changed_trip(desk):
    """They forbid everything already; the file and a new row say so, too."""
    with _writing(desk) as tx:
        tx.execute("UPDATE kill_state SET actor = 'somebody'")
    assert "seal" in guards.check(desk)[0]
    assert _tripped(desk)


def test_a_full_disk_trips(desk, monkeypatch):
    """Before there is no room to write down a stop."""
    info = SimpleNamespace(f_bavail=499, f_frsize=1_000_000)
    monkeypatch.setattr(os, "statvfs", lambda _path: info)
    assert "499 MB" in guards.check(desk)[0]
    assert _tripped(desk)
