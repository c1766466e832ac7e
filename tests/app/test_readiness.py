"""What cannot be said yet is said so, with n, the minimum and the date at the present pace."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dealt import DAY, NOON, SLOT, Dealt  # beside this

from trading_cli.app.readiness import NO_TRADES, readiness
from trading_cli.domain import Feature, Outcome, Post, Reason, Resolution, Tier
from trading_cli.store import features, listings, talk


@pytest.fixture
def dealt(home: Path) -> Dealt:
    """Return a home with nothing in it."""
    return Dealt(home)


def parts(dealt: Dealt) -> dict[str, dict]:
    """Return the parts by name."""
    return {row["part"]: row for row in readiness(dealt.config, clock=dealt.clock)["parts"]}


def test_an_empty_home_can_say_nothing_and_promises_no_date(dealt):
    """Nothing has begun: n is 0, no pace, no date, and no trades are to be expected."""
    told = readiness(dealt.config, clock=dealt.clock)
    assert {row["state"] for row in told["parts"]} == {"INSUFFICIENT"}
    assert {row["ready_at"] for row in told["parts"]} == {None}
    assert told["expect"] == NO_TRADES


def test_slots_come_at_their_own_pace(dealt):
    """With 9 of the 49 slots of twelve hours, the fortieth more is ten hours away."""
    for number in range(9):
        dealt.see(1, at=NOON + number * SLOT)
    dealt.clock.set(NOON + 8 * SLOT)
    roc = parts(dealt)["roc"]
    assert (roc["n"], roc["minimum"], roc["missing"]) == (9, 49, 40)
    ready = (dealt.clock.now() + timedelta(hours=10)).isoformat(timespec="minutes")
    assert roc["ready_at"] == ready


def test_an_indicator_that_has_values_is_ready(dealt):
    """What was backfilled needs no waiting; the others say why not, the commonest first."""
    for number in (1, 2, 3):
        dealt.see(number)
    made = {
        "500001": [(Feature("rvr", 2.5, "", Tier.MODERATE), "rvr/1")],
        "500002": [(Feature("rvr", None, "12 of 20 hours", Tier.NONE), "rvr/1")],
        "500003": [(Feature("rvr", None, "12 of 20 hours", Tier.NONE), "rvr/1")],
    }
    with dealt.store() as store, store.transaction() as tx:
        slot = int(NOON.timestamp()) // 900 * 900
        features.record_features(tx, slot, made, NOON)
    told = readiness(dealt.config, clock=dealt.clock)
    assert {row["part"] for row in told["parts"] if row["state"] == "READY"} == {"rvr"}
    (rvr,) = told["indicators"]
    assert (rvr["defined"], rvr["markets"]) == (1, 3)
    assert rvr["undefined"] == [{"reason": "12 of 20 hours", "markets": 2}]


def test_a_baseline_of_talk_is_provisional_first(dealt):
    """After 8 days the provisional baseline is there, and the full one comes in 6 more."""
    dealt.see(1)
    post = Post("bluesky", "p1", "words", "who", "https://x.test", NOON, NOON, "e1", likes=1)
    with dealt.store() as store, store.transaction() as tx:
        talk.record_posts(tx, [post])
    dealt.clock.set(NOON + 8 * DAY)
    found = parts(dealt)
    assert found["hype, provisional"]["state"] == "READY"
    assert (found["hype, full"]["state"], found["hype, full"]["missing"]) == ("PROVISIONAL", 6)
    assert found["hype, full"]["ready_at"] == (NOON + 14 * DAY).isoformat(timespec="minutes")
    assert found["correlation"]["n"] == 24


def test_the_record_and_the_gate_count_events_and_days(dealt):
    """Three closed trades in ten days: thirty events are ninety days away."""
    dealt.see(1)
    dealt.round_trips([("0.42", "0.5"), ("0.42", "0.3"), ("0.42", "0.45")])
    dealt.clock.set(NOON + 2 * SLOT + 10 * DAY)
    found = parts(dealt)
    record = found["track record"]
    assert (record["n"], record["missing"]) == (3, 27)
    assert record["ready_at"] == (dealt.clock.now() + 90 * DAY).isoformat(timespec="minutes")
    assert (found["gate: trades"]["n"], found["gate: days"]["n"]) == (3, 10)


def test_settled_markets_and_reasons_are_counted(dealt):
    """Calibration counts settled events of quoted markets; the week's reasons are told."""
    dealt.see(1)
    dealt.decide(1, reason=Reason.SIGNAL)
    done = Resolution(f"0x{1:064x}", Outcome.YES, Decimal(1), None, None, NOON, "")
    with dealt.store() as store, store.transaction() as tx:
        listings.record_resolutions(tx, [done])
    told = readiness(dealt.config, clock=dealt.clock)
    assert next(row["n"] for row in told["parts"] if row["part"] == "calibration") == 1
    assert told["reasons"] == {"SIGNAL": 1}
