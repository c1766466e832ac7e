"""Every check with a case worked by hand, the score, the gate and the grid of slots."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import SLOT_SECONDS, Finding, Refusal, Severity
from trading_cli.research import quality_checks as checks
from trading_cli.research.gaps import slots_between
from trading_cli.research.quality import (
    CycleEvidence,
    MarketEvidence,
    check_cycle,
    check_market,
    gate,
)
from trading_cli.research.quality_score import Score, score

AT = 1_773_187_200
NAN = float("nan")
GRID = np.arange(AT - 95 * SLOT_SECONDS, AT + 1, SLOT_SECONDS, dtype=np.int64)
INFO, WARN, ERROR = Severity.INFO, Severity.WARN, Severity.ERROR


def floats(*values: float) -> checks.Floats:
    """Return a column."""
    return np.array(values, dtype=np.float64)


def slots(count: int) -> checks.Ints:
    """Return the first slots of the grid."""
    return GRID[:count]


def whole(**changes: Any) -> MarketEvidence:
    """Return a day of faultless evidence."""
    good = MarketEvidence(
        market_id="1",
        at=AT,
        expected=GRID,
        slots=GRID,
        bid=np.full(96, 0.40),
        ask=np.full(96, 0.42),
        mid=np.full(96, 0.41),
        tick=0.01,
        last_quote_age_s=60.0,
        trade_hours=24,
    )
    return replace(good, **changes)


def severities(found: list[Finding]) -> list[Severity]:
    """Return how bad each finding is."""
    return [finding.severity for finding in found]


def test_a_faultless_market_has_no_finding_and_scores_one() -> None:
    """Nothing wrong, nothing said."""
    assert check_market(whole()) == []
    assert score(whole(), []) == Score("1", 1.0, 1.0, 1.0, 1.0, 1.0)


def test_schedule_gaps_one_warns_two_in_a_row_are_an_error() -> None:
    """Of ten slots the 3rd, and the 8th to 10th, are missing; the last gap still lasts."""
    found = checks.schedule_gaps(slots(10), slots(10)[[0, 1, 3, 4, 5, 6]])
    assert severities(found) == [WARN, ERROR]
    assert [f.evidence["newest"] for f in found] == [False, True]
    assert found[0].evidence["slots"] == (int(GRID[2]),)


@pytest.mark.parametrize(
    ("age", "expected"),
    [(1200.0, []), (1200.1, [WARN]), (1800.0, [WARN]), (1800.1, [ERROR]), (None, [ERROR])],
)
def test_freshness_has_two_levels(age: float | None, expected: list[Severity]) -> None:
    """A slot and 5 minutes warn, two slots are an error, nothing at all is an error."""
    assert severities(checks.freshness(age)) == expected


def test_ranges_by_hand() -> None:
    """0, 1.2, infinity and an off-tick price fail; NaN does not; sizes may be 0."""
    bad = floats(0.0, 1.2, 0.415, 0.41, NAN, np.inf)
    found = checks.price_range(slots(6), bad, 0.01, "1")
    assert [f.evidence["slots"] for f in found] == [
        tuple(GRID[[0, 1, 5]].tolist()),
        (int(GRID[2]),),
    ]
    sizes = checks.size_range(slots(3), floats(0.0, -1.0, NAN), "1")
    assert [f.evidence["slots"] for f in sizes] == [(int(GRID[1]),)]
    fell = checks.cumulative_volume(slots(5), floats(5.0, NAN, 4.0, 5.0, 6.0), "1")
    assert [f.evidence["slots"] for f in fell] == [(int(GRID[2]),)]


def test_crossed_and_locked_books_are_errors_and_absent_sides_are_not() -> None:
    """.42 over .41 and .41 at .41 fail."""
    found = checks.crossed(
        slots(4), floats(0.42, 0.41, 0.4, NAN), floats(0.41, 0.41, 0.41, 0.4), "1"
    )
    assert severities(found) == [ERROR]
    assert found[0].evidence["slots"] == tuple(GRID[:2].tolist())


def test_the_pair_tolerates_two_ticks_only_between_books() -> None:
    """A gap of .02 passes between two books, .03 informs, any gap within one is our error."""
    gap = floats(0.0, 0.02, 0.03, NAN)
    assert severities(checks.pair_sum(slots(4), gap, 0.01, "1")) == [INFO]
    same = checks.pair_sum(slots(4), gap, 0.01, "1", same_book=True)
    assert severities(same) == [ERROR]
    assert same[0].evidence["slots"] == tuple(GRID[1:3].tolist())


@pytest.mark.parametrize(
    ("mids", "expected"),
    [
        ((0.5, 0.5), []),
        ((0.6, 0.5), []),
        ((0.6, 0.51), [WARN]),
        ((0.4, 0.49), [WARN]),
        ((0.4, NAN), []),
        ((0.4,), []),
    ],
)
def test_event_sums(mids: tuple[float, ...], expected: list[Severity]) -> None:
    """[.9, 1.1] passes; a group with an absent mid is not judged."""
    assert severities(checks.event_sum("e", floats(*mids))) == expected


def test_a_book_is_frozen_only_while_trades_print() -> None:
    """Eight equal hashes with a trade inside warn; without a trade, or seven, they do not."""
    inside = np.array([GRID[3] + 5], dtype=np.int64)
    never = np.empty(0, dtype=np.int64)
    assert severities(checks.frozen(slots(9), ["a"] * 8 + ["b"], inside, "1")) == [WARN]
    assert checks.frozen(slots(9), ["a"] * 8 + ["b"], never, "1") == []
    assert checks.frozen(slots(9), ["a"] * 7 + ["b"] * 2, inside, "1") == []
    assert checks.frozen(slots(9), [""] * 9, inside, "1") == []
    assert severities(checks.frozen_everywhere(10, 10)) == [ERROR]
    assert checks.frozen_everywhere(9, 10) == checks.frozen_everywhere(9, 9) == []


def test_golden_d1_only_the_sixth_value_is_flagged() -> None:
    """The reference's series: .95 among .50 to .52; the causal filter flags index 5 alone."""
    series = floats(0.50, 0.51, 0.50, 0.52, 0.51, 0.95, 0.51, 0.50, 0.52, 0.51, 0.50)
    assert np.flatnonzero(checks.hampel(series, 0.001)).tolist() == [5]
    found = checks.outliers(slots(11), series, 0.01, "1")
    assert severities(found) == [INFO]


@given(st.lists(st.floats(0.01, 0.99) | st.just(NAN), max_size=40), st.integers(0, 40))
def test_the_filter_never_looks_ahead(values: list[float], cut: int) -> None:
    """Whatever follows, the flags of the past stay as they were."""
    series = floats(*values)
    assert (checks.hampel(series, 0.01)[:cut] == checks.hampel(series[:cut], 0.01)).all()


def test_the_small_checks_by_hand() -> None:
    """Duplicates, stale source, clock, nulls, accuracy, outcome: each side of each bar."""
    assert severities(checks.duplicates(2, 1)) == [WARN, ERROR]
    assert checks.stale_source((0.40, None), (0.42, 0.5), 0.01, "1") == []
    assert severities(checks.stale_source((0.40, 0.5), (0.43, 0.5), 0.01, "1")) == [INFO]
    assert checks.clock_offset(2.0) == checks.clock_offset(None) == []
    assert severities(checks.clock_offset(-2.1)) == [WARN]
    assert severities(checks.clock_offset(30.1)) == [ERROR]
    assert checks.nulls({"bid": (95, 100), "none": (0, 0)}) == []
    assert severities(checks.nulls({"bid": (94, 100)})) == [WARN]
    assert checks.accuracy(90, 100) == checks.accuracy(0, 0) == []
    assert severities(checks.accuracy(89, 100)) == [WARN]
    for payouts in ((1.0, 0.0), (0.5, 0.5), None):
        assert checks.outcome_sanity(payouts, "1") == []
    for wrong in ((0.0, 0.0), (0.7, 0.3), (1.0, 1.0)):
        assert severities(checks.outcome_sanity(wrong, "1")) == [ERROR]


def refusal(subject: str) -> Refusal:
    """Return a refused listing row."""
    now = datetime.fromtimestamp(AT, UTC)
    return Refusal("polymarket.listing", "market", subject, "absent", "id is absent", now)


def test_drift_is_named_per_item_and_closes_the_gate_above_one_in_twenty() -> None:
    """One of 100 is its own affair; six of 100 mean the venue changed its form."""
    assert gate(checks.schema_drift([refusal("7"), refusal("")], 100)).open
    drifted = gate(checks.schema_drift([refusal("7")] * 6, 100))
    assert not drifted.open
    assert "6 of 100" in drifted.reasons[0]


def cycle(**changes: Any) -> CycleEvidence:
    """Return a faultless cycle."""
    good = CycleEvidence(at=AT, expected=GRID, ran=GRID, newest_quote_age_s=30.0)
    return replace(good, **changes)


def test_a_gap_holds_entries_only_while_it_lasts() -> None:
    """Two missing slots in the morning do not close the gate tonight; the newest missing does."""
    assert gate(check_cycle(cycle())).open
    healed = check_cycle(cycle(ran=np.delete(GRID, [3, 4, 5])))
    assert severities(healed) == [ERROR]
    assert gate(healed).open
    assert not gate(check_cycle(cycle(ran=GRID[:-1]))).open


def test_global_errors_close_the_gate_and_market_errors_do_not() -> None:
    """Staleness and clock are global; a market's conflict is its own."""
    shut = gate(check_cycle(cycle(newest_quote_age_s=1801.0, clock_offset_s=31.0)))
    assert [reason.split(":")[0] for reason in shut.reasons] == ["clock", "freshness"]
    assert gate(checks.duplicates(0, 1, "1")).open
    assert gate(check_cycle(cycle(clock_offset_s=3.0, columns={"bid": (1, 2)}))).open


@pytest.mark.parametrize(
    ("changes", "dimension", "value"),
    [
        ({"bid": np.where(np.arange(96) == 5, 0.42, 0.40)}, "validity", 95 / 96),
        ({"payouts": (0.7, 0.3)}, "validity", 0.0),
        ({"refusals": (refusal("1"),)}, "validity", 0.0),
        ({"last_quote_age_s": 1500.0}, "timeliness", 0.95),
        ({"last_quote_age_s": None}, "timeliness", 0.0),
        ({"conflicts": 4}, "uniqueness", 0.96),
        ({"trade_hours": 20}, "completeness", 1.0),
        ({"trade_hours": 19}, "completeness", 19 / 24),
        ({"trade_hours": None}, "completeness", 0.0),
        ({"mid": np.where(np.arange(96) == 95, NAN, 0.41)}, "completeness", 0.0),
        ({"bid": np.where(np.arange(96) == 95, 0.42, 0.40)}, "completeness", 0.0),
        ({"mid": np.where(np.arange(96) == 47, NAN, 0.41)}, "completeness", 0.0),
    ],
)
def test_each_fault_lowers_its_own_dimension(
    changes: dict[str, Any], dimension: str, value: float
) -> None:
    """One fault at a time, against the number worked out by hand (slot 47 is 12 hours ago)."""
    evidence = whole(**changes)
    result = score(evidence, check_market(evidence))
    assert getattr(result, dimension) == pytest.approx(value, abs=1e-12)
    assert result.can_signal is (result.overall >= 0.95)


def test_a_young_history_mid_stands_in_and_is_flagged() -> None:
    """15 minutes old it may, a second more it may not."""
    hole = np.where(np.arange(96) == 47, NAN, 0.41)
    good = score(whole(mid=hole, history_12h_age_s=900.0), [])
    assert (good.completeness, good.flags) == (1.0, ("HISTORY_MID_12H_AGO",))
    assert score(whole(mid=hole, history_12h_age_s=901.0), []).completeness == 0.0


def test_an_empty_market_cannot_signal() -> None:
    """No rows, no crash, no trust."""
    none = np.empty(0, dtype=np.float64)
    empty = whole(slots=slots(0), bid=none, ask=none, mid=none, last_quote_age_s=None)
    result = score(empty, check_market(empty))
    assert result.overall == 0.0
    assert not result.can_signal


column = st.lists(st.floats(-0.5, 1.5) | st.just(NAN), min_size=12, max_size=12)


@given(column, column, st.integers(0, 5), st.integers(0, 5), st.none() | st.floats(0, 4000))
def test_the_score_is_the_minimum_and_checks_change_nothing(
    bid: list[float], ask: list[float], repeated: int, conflicts: int, age: float | None
) -> None:
    """Whatever the rows: five fractions, overall their minimum, and the rows untouched."""
    evidence = whole(
        expected=GRID[-12:],
        slots=GRID[-12:],
        bid=floats(*bid),
        ask=floats(*ask),
        mid=(floats(*bid) + floats(*ask)) / 2,
        duplicates=repeated,
        conflicts=conflicts,
        last_quote_age_s=age,
    )
    result = score(evidence, check_market(evidence))
    five = (
        result.validity,
        result.consistency,
        result.timeliness,
        result.uniqueness,
        result.completeness,
    )
    assert all(0.0 <= value <= 1.0 for value in five)
    assert result.overall == min(five)
    assert np.array_equal(evidence.bid, floats(*bid), equal_nan=True)
    assert np.array_equal(evidence.ask, floats(*ask), equal_nan=True)


@pytest.mark.parametrize("day", [(2026, 3, 8), (2026, 11, 1), (2026, 3, 29), (2026, 10, 25)])
def test_a_utc_day_has_96_slots_also_when_clocks_change(day: tuple[int, int, int]) -> None:
    """New York and Helsinki change their clocks on these days; the grid does not notice."""
    start = datetime(*day, tzinfo=UTC)
    grid = slots_between(start, start + timedelta(days=1))
    assert len(grid) == 96
    assert (np.diff(grid) == SLOT_SECONDS).all()
    later = timedelta(microseconds=1)
    assert list(slots_between(start + later, start + timedelta(days=1))) == list(grid)[1:]
    assert list(slots_between(start, start + timedelta(days=1) + later)) == [
        *grid,
        grid[-1] + SLOT_SECONDS,
    ]
    assert not slots_between(start, start)
