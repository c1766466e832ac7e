"""The ledger balances or is not written; marks, pauses and notices are kept once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trading_rows import MINUTE, NOON, SIGNED, transfer

from trading_cli.core.errors import StoreError
from trading_cli.domain import Notice, Severity, slot_of
from trading_cli.store import Store, balances, outbox, pauses
from trading_cli.store.balances import Mark


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        yield opened


OPENED = transfer("opening", "deposit", ("cash", "10000"), ("capital", "-10000"))
BOUGHT = transfer(
    "f1", "fill", ("cash", "-5.31821"), ("positions", "5.275"), ("fees", "0.04321")
)  # fmt: skip


def test_transfers_come_back_and_add_up(store):
    """Lines are read in order as written, a second time is the same, each account has its sum."""
    with store.transaction() as tx:
        assert balances.record_entries(tx, [*OPENED, *BOUGHT]).new == 5
        assert balances.record_entries(tx, BOUGHT).same == 3
        assert balances.entries(tx) == [*OPENED, *BOUGHT]
        assert balances.entries(tx, reference="f1") == BOUGHT
        assert balances.balances(tx) == {
            "cash": Decimal("9994.68179"),
            "positions": Decimal("5.275"),
            "fees": Decimal("0.04321"),
            "realized": Decimal(0),
            "capital": Decimal(-10000),
        }


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(amounts=st.lists(SIGNED, min_size=1, max_size=5), off=SIGNED.filter(bool))
def test_what_does_not_sum_to_zero_is_refused_whole(store, amounts, off):
    """Whatever the lines, one transfer that is off keeps all of the call out of the ledger."""
    lines = [("cash", str(amount)) for amount in amounts]
    off_by = transfer("t2", "fill", *lines, ("positions", str(off - sum(amounts))))
    with pytest.raises(StoreError, match="off by"), store.transaction() as tx:
        balances.record_entries(tx, [*OPENED, *off_by])
    with store.reading() as look:
        assert balances.entries(look) == []
        assert set(balances.balances(look).values()) == {Decimal(0)}


def test_a_transfer_cannot_be_told_otherwise(store):
    """The same transfer with other lines is refused: money does not change its past."""
    with store.transaction() as tx:
        balances.record_entries(tx, BOUGHT)
        with pytest.raises(StoreError, match="other lines"):
            balances.record_entries(tx, transfer("f1", "fill", ("cash", "-1"), ("positions", "1")))
        later = [replace(line, at=NOON + MINUTE) for line in BOUGHT]
        assert balances.record_entries(tx, later).same == 3


def test_flows_are_what_came_and_went_after_the_opening(store):
    """Deposits and withdrawals count, the first deposit and the trades do not."""
    more = transfer("in", "deposit", ("cash", "500"), ("capital", "-500"))
    less = transfer("out", "withdrawal", ("cash", "-120.5"), ("capital", "120.5"))
    with store.transaction() as tx:
        assert balances.flows(tx) == 0
        balances.record_entries(tx, [*OPENED, *BOUGHT, *more, *less])
        assert balances.flows(tx) == Decimal("379.5")


def test_marks_are_one_for_each_slot_and_the_newer_word_stands(store):
    """A mark is read as written; marked again with other numbers, those are read."""
    dollars = [Decimal(n) for n in ("10", "5.25", "5.5", "6", "15.25", "-3")]
    first = Mark(slot_of(NOON), NOON, *dollars, 2, True)  # noqa: FBT003  # `fresh`
    later = replace(first, slot=first.slot + 900, fresh=False)
    with store.transaction() as tx:
        assert balances.record_mark(tx, later)
        assert balances.record_mark(tx, first)
        assert not balances.record_mark(tx, first)
        assert balances.record_mark(tx, replace(first, cash=Decimal(11)))
        assert balances.marks(tx) == [replace(first, cash=Decimal(11)), later]
        assert balances.marks(tx, NOON + timedelta(minutes=10)) == [later]


def test_a_notice_is_queued_once_by_its_key(store):
    """The same key is told once whatever it says; critical first; what expired is not due."""
    said = Notice("k1", "signal", Severity.INFO, "buy", NOON, NOON + MINUTE, facts={"a": 1})
    worse = Notice("k2", "kill", Severity.ERROR, "stop", NOON, critical=True)
    with store.transaction() as tx:
        assert outbox.put(tx, said)
        assert not outbox.put(tx, replace(said, text="other"))
        assert outbox.put(tx, worse)
        assert [each.notice for each in outbox.due(tx, NOON)] == [worse, said]
        assert [each.notice for each in outbox.due(tx, NOON + MINUTE)] == [worse]
        assert [each.notice.key for each in outbox.rows(tx)] == ["k2", "k1"]
        assert outbox.rows(tx, state="SENT") == []


def begin(tx, kind="day", *, since=NOON, minutes: int | None = 60):
    """Begin a pause of so many minutes."""
    until = None if minutes is None else since + minutes * MINUTE
    return pauses.pause(tx, kind, since=since, until=until, reason="why", actor="risk")


def test_a_pause_ends_by_itself(store):
    """It holds from its beginning until just before its end, beside pauses of other kinds."""
    with store.transaction() as tx:
        assert begin(tx)
        assert begin(tx, "owner", since=NOON + MINUTE, minutes=None)

        def kinds(minutes):
            return [each.kind for each in pauses.active(tx, NOON + minutes * MINUTE)]

        assert kinds(-1) == []
        assert kinds(0) == ["day"]
        assert kinds(59) == ["day", "owner"]
        assert kinds(60) == ["owner"]


def test_a_pause_is_begun_once_and_can_be_made_longer(store):
    """A second of the kind is nothing unless it lasts longer, or the first has ended."""
    with store.transaction() as tx:
        assert begin(tx)
        assert not begin(tx, since=NOON + MINUTE, minutes=59)
        assert begin(tx, since=NOON + MINUTE, minutes=90)
        (only,) = pauses.active(tx, NOON + 2 * MINUTE)
        assert only.until == NOON + 91 * MINUTE
        assert begin(tx, since=NOON + 200 * MINUTE)
        assert len(pauses.active(tx, NOON + 201 * MINUTE)) == 1
        assert [each.kind for each in pauses.active(tx, NOON)] == ["day"]
        assert begin(tx, since=NOON + 201 * MINUTE, minutes=None)
        assert not begin(tx, since=NOON + 202 * MINUTE, minutes=None)


def test_a_pause_is_lifted_only_while_it_holds(store):
    """Lifting ends the kind asked for; where none holds there is nothing to lift."""
    with store.transaction() as tx:
        assert not pauses.lift(tx, "day", NOON)
        begin(tx)
        begin(tx, "owner", minutes=None)
        assert pauses.lift(tx, "owner", NOON + MINUTE)
        assert [each.kind for each in pauses.active(tx, NOON + MINUTE)] == ["day"]
        assert not pauses.lift(tx, "owner", NOON + MINUTE)
        assert not pauses.lift(tx, "day", NOON + 60 * MINUTE)
        assert begin(tx, "owner", since=NOON + 2 * MINUTE, minutes=None)
