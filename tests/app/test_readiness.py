"""What cannot be said yet is said so, with n, the minimum and the date at the present pace."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dealt import DAY, NOON, SLOT, Dealt  # beside this

from trading_cli.app.overview import status
from trading_cli.app.readiness import NO_TRADES, readiness
from trading_cli.domain import Coverage, Feature, Outcome, Point, Reason, Resolution, Tier
from trading_cli.store import features, listings, series, talk

HOUR = timedelta(hours=1)


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
    ready = (dealt.clock.now() + timedelta(hours=10)).replace(second=0, microsecond=0).isoformat()
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


def hear(dealt: Dealt, since, until, *, at=None) -> None:
    """Let bluesky have answered all about the first event in a span, asked *at* (its end)."""
    asked = Coverage("bluesky", "e1", since, until, at or until)
    with dealt.store() as store, store.transaction() as tx:
        talk.record_coverage(tx, [asked])


def test_a_baseline_of_talk_is_provisional_first(dealt):
    """After 8 days heard the provisional baseline is there, and the full one comes in 6 more."""
    dealt.see(1)
    hear(dealt, NOON - 3 * HOUR, NOON + 8 * DAY)
    dealt.clock.set(NOON + 8 * DAY)
    found = parts(dealt)
    assert found["hype, provisional"]["state"] == "READY"
    assert (found["hype, full"]["state"], found["hype, full"]["missing"]) == ("PROVISIONAL", 6)
    assert (
        found["hype, full"]["ready_at"]
        == (NOON + 14 * DAY).replace(second=0, microsecond=0).isoformat()
    )
    assert status(dealt.config, {}, clock=dealt.clock)["waiting"] == "nothing"


def test_days_on_which_nobody_answered_are_no_evidence(dealt):
    """Four days heard, months ago, are none of the last seven, and nothing promises a date."""
    dealt.see(1)
    hear(dealt, NOON - 3 * HOUR, NOON + 4 * DAY)
    dealt.clock.set(NOON + 4 * DAY)
    assert parts(dealt)["hype, provisional"]["n"] == 4
    waiting = status(dealt.config, {}, clock=dealt.clock)["waiting"]
    assert waiting.startswith("hype baseline: 4.0 of 7 days heard; enough on 2026-03-09")
    dealt.clock.set(NOON + 264 * DAY)
    found = parts(dealt)
    assert {found[name]["n"] for name in ("hype, provisional", "hype, full", "correlation")} == {0}
    assert found["hype, full"]["ready_at"] is None
    waiting = status(dealt.config, {}, clock=dealt.clock)["waiting"]
    assert waiting.startswith("hype baseline: 0.0 of 7 days heard; no talk")


def test_a_past_that_was_asked_for_counts_in_status_too(dealt):
    """A home of today with fifteen backfilled days of talk has its baseline, and both say so."""
    dealt.see(1)
    hear(dealt, NOON - 15 * DAY, NOON)
    assert parts(dealt)["hype, full"]["state"] == "READY"
    assert status(dealt.config, {}, clock=dealt.clock)["waiting"] == "nothing"


def test_an_old_post_alone_is_no_talk_heard(dealt):
    """Only spans that a source answered whole count; a truncated answer is none."""
    dealt.see(1)
    cut = Coverage("bluesky", "e1", NOON - 20 * DAY, NOON, NOON, complete=False)
    with dealt.store() as store, store.transaction() as tx:
        talk.record_coverage(tx, [cut])
    assert parts(dealt)["hype, full"]["n"] == 0


def test_correlation_counts_hours_with_talk_and_a_price(dealt):
    """Ten days of talk, warm after seven, 30 hours of past prices and a quote: 31."""
    dealt.see(1)
    hear(dealt, NOON - 10 * DAY, NOON)
    points = [Point("711", 0.4, NOON - number * HOUR, NOON) for number in range(1, 31)]
    with dealt.store() as store, store.transaction() as tx:
        series.record_points(tx, points)
    assert parts(dealt)["correlation"]["n"] == 31


def test_the_record_and_the_gate_count_events_and_days(dealt):
    """Three closed trades in ten days: thirty events are ninety days away."""
    dealt.see(1)
    dealt.round_trips([("0.42", "0.5"), ("0.42", "0.3"), ("0.42", "0.45")])
    dealt.clock.set(NOON + 2 * SLOT + 10 * DAY)
    found = parts(dealt)
    record = found["track record"]
    assert (record["n"], record["missing"]) == (3, 27)
    assert (
        record["ready_at"]
        == (dealt.clock.now() + 90 * DAY).replace(second=0, microsecond=0).isoformat()
    )
    assert (found["gate: trades"]["n"], found["gate: days"]["n"]) == (3, 0.02)


def test_the_gate_counts_days_between_trades_not_idle_ones(dealt):
    """From the first closed trade to the last are five days, however long nothing is done since."""
    dealt.see(1)
    dealt.round_trips([("0.42", "0.5")])
    made = dealt.decide(2, at=NOON + 5 * DAY)
    dealt.trade(made, "0.42", at=NOON + 5 * DAY)
    dealt.trade(made, "0.5", at=NOON + 5 * DAY + 2 * SLOT, sell=Reason.STOP)
    dealt.clock.set(NOON + 264 * DAY)
    assert parts(dealt)["gate: days"]["n"] == 5


def test_settled_markets_and_reasons_are_counted(dealt):
    """Calibration counts settled events with a price a day before; the reasons are told."""
    dealt.see(1)
    dealt.see(1, at=NOON - DAY - HOUR)
    dealt.decide(1, reason=Reason.SIGNAL)
    done = Resolution(f"0x{1:064x}", Outcome.YES, Decimal(1), None, None, NOON, "")
    with dealt.store() as store, store.transaction() as tx:
        listings.record_resolutions(tx, [done])
    told = readiness(dealt.config, clock=dealt.clock)
    assert next(row["n"] for row in told["parts"] if row["part"] == "calibration") == 1
    assert told["reasons"] == {"SIGNAL": 1}


def test_the_gate_of_each_strategy_is_shown(dealt):
    """Never judged: judged now, and nothing is written; every lack is named."""
    dealt.round_trips([("0.40", "0.60")])
    dealt.clock.set(NOON + DAY)
    (one,) = readiness(dealt.config, clock=dealt.clock)["gate"]
    assert (one["strategy"], one["state"], one["trades"]) == ("rvr_roc_hype", "UNPROVEN", 1)
    assert "1 of 100 closed trades" in one["sentence"]
    assert "parity is not proved" in one["missing"]
