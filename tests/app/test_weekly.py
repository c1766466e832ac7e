"""The reports of the day and the week: the ledger's own numbers, each told once."""

import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dealt import DAY, NOON, Dealt  # beside this

from trading_cli.app import daily, stop, weekly
from trading_cli.app.settings import Settings
from trading_cli.domain import Reason, slot_of
from trading_cli.store import balances, journal, outbox, runs

SLOT = timedelta(minutes=15)


@pytest.fixture
def dealt(home: Path) -> Dealt:
    """Return a home that bought at .42 and sold all at .50 a day later; ten slots collected."""
    made = Dealt(home)
    made.see(1)
    made.open_account()
    decision = made.decide()
    made.trade(decision, "0.42", at=NOON)
    made.trade(decision, "0.50", at=NOON + DAY, sell=Reason.TARGET_1)
    with made.store() as store:
        for number in range(10):
            at = NOON + DAY + number * SLOT
            state = "FAILED" if number == 3 else "OK"
            with store.transaction() as tx:
                start = runs.Start("collection", slot_of(at), at, os.getpid())
                ticket = runs.begin(tx, start, lease=SLOT)
                runs.finish(tx, ticket, state, "no listing" * (number == 3), {}, at)
        with store.transaction() as tx:
            for days, equity, stake in ((0, "10000", "0"), (1, "10001", "250")):
                at = NOON + days * DAY
                worth, none = Decimal(equity), Decimal(0)
                mark = balances.Mark(
                    slot_of(at), at, worth, none, none, Decimal(stake), worth, none, 1, fresh=True
                )
                balances.record_mark(tx, mark)
    made.clock.set(NOON + DAY + timedelta(hours=4))
    return made


def of(dealt: Dealt, text) -> str:
    """Return what *text* (of a transaction and a place) says in the home now."""
    place = stop.Place(dealt.folder, dealt.database)
    with dealt.store() as store, store.transaction() as tx:
        return text(tx, place).text


def test_the_day_says_what_ran_what_did_not_and_the_chain_head(dealt):
    """Equity, risk in use, runs by state with why, and the head that the journal has."""
    now = dealt.clock.now()
    text = of(dealt, lambda tx, place: daily.summary(tx, place, now))
    assert "at stake 2.5% of 25%, positions 1 of 8" in text
    assert "Runs of collection: FAILED 1, OK 9 (last: no listing)." in text
    assert "Collected 9 of 96 slots; 1 missed or failed." in text
    with dealt.store() as store, store.reading() as look:
        seq, seal = journal.head(look)
    assert f"Journal: {seq} rows, head {seal.hex()[:16]}." in text


def test_the_week_adds_up_what_was_closed_and_what_was_found(dealt):
    """One position closed with its net; coverage of 672 slots; nothing tried, no lead."""
    now = dealt.clock.now()
    text = of(dealt, lambda tx, place: weekly.report(tx, place, Settings(), 1, now))
    gain = Decimal("12.5") * (Decimal("0.50") - Decimal("0.42"))
    fees = Decimal("12.5") * Decimal("0.04") * (Decimal("0.42") * Decimal("0.58") + Decimal("0.25"))
    assert f"Closed 1 positions, 1 with a gain: {gain - fees:+.2f} USD." in text
    assert "Collected 9 of 672 slots" in text
    assert "Talk leads price, confirmed: in 0 of 0 markets judged." in text
    assert "Tried so far: 0 distinct trials" in text
    assert "UNPROVEN" in text


def test_the_weeks_report_is_queued_once_a_week(dealt):
    """The same ISO week has one key; the next week another."""
    place = stop.Place(dealt.folder, dealt.database)
    now = dealt.clock.now()
    with dealt.store() as store, store.transaction() as tx:
        put = [
            outbox.put(tx, weekly.report(tx, place, Settings(), 1, now + days * DAY))
            for days in (0, 1, 7)
        ]
    assert put == [True, False, True]
