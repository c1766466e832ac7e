"""When a loss pauses us, for how long, and when it pulls the switch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from deals import D

from trading_cli.domain import slot_of
from trading_cli.trading import RiskSection
from trading_cli.trading.losses import loss_limits, pause_until

LIMITS = RiskSection()
BANKROLL = D(10_000)
NOON = datetime(2026, 6, 10, 12, 0, 7, tzinfo=UTC)
SLOT = timedelta(minutes=15)


@dataclass(frozen=True)
class Marked:
    """What the store keeps of a slot, as far as losses look at it."""

    at: datetime
    equity: Decimal
    flows: Decimal = Decimal(0)
    fresh: bool = True
    seen: bool = False

    @property
    def slot(self) -> int:
        """Return its slot."""
        return slot_of(self.at)


def marks(*pairs: tuple[timedelta, int]) -> list[Marked]:
    """Return marks so long before noon, of so much equity."""
    return [Marked(NOON - before, D(equity)) for before, equity in pairs]


def reached(rows: Sequence[Marked], now: datetime = NOON, limits: RiskSection = LIMITS) -> set[str]:
    """Return the kinds newly reached."""
    return {loss.kind for loss in loss_limits(rows, now, limits, BANKROLL)}


def only(kind: str) -> RiskSection:
    """Return limits of which one can be reached."""
    every = dict.fromkeys(("day_loss", "week_loss", "month_loss", "peak_loss"), D(1))
    name = f"{kind}_loss"
    return LIMITS.model_copy(update=every | {name: getattr(LIMITS, name)})


H = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "before", "edge", "until"),
    [
        ("day", 12 * H + SLOT, 9500, datetime(2026, 6, 11, tzinfo=UTC)),
        ("week", 7 * DAY, 9000, NOON + 3 * DAY),
        ("month", 30 * DAY, 8000, NOON + 30 * DAY),
    ],
)
def test_each_pause_begins_at_its_limit_and_says_until_when(
    kind: str, before: timedelta, edge: int, until: datetime
) -> None:
    """5, 10, 20 % in two fresh slots; a dollar less is nothing; it ends by itself."""
    limits = only(kind)
    rows = marks((before, 10_000), (SLOT, edge), (0 * H, edge))
    (loss,) = loss_limits(rows, NOON, limits, BANKROLL)
    assert (loss.kind, loss.until, loss.kill_level) == (kind, until, None)
    assert loss.fraction == loss.limit == getattr(limits, f"{kind}_loss")
    assert "no entries until" in loss.sentence
    one_slot = marks((before, 10_000), (SLOT, edge + 1), (0 * H, edge))
    assert reached(one_slot, limits=limits) == set()


def test_15_percent_below_the_peak_pulls_the_switch() -> None:
    """From 12,000 to 10,200, still above what was put in: level 3, no end, no dollar sooner."""
    rows = marks((60 * DAY, 10_000), (40 * DAY, 12_000), (SLOT, 10_200), (0 * H, 10_200))
    (loss,) = loss_limits(rows, NOON, only("peak"), BANKROLL)
    assert (loss.kind, loss.kill_level, loss.until) == ("peak", 3, None)
    assert loss.fraction == D("0.15")
    assert (
        reached([*rows[:2], *marks((SLOT, 10_201), (0 * H, 10_200))], limits=only("peak")) == set()
    )


def test_a_withdrawal_moves_the_peak_by_as_much() -> None:
    """12,000, of which 5,000 are taken out: 7,000 is the peak, 5,950 trips it, 5,951 does not."""
    top = Marked(NOON - DAY, D(12_000))
    for equity, kinds in ((7_000, set()), (5_951, set()), (5_950, {"peak"})):
        after = [replace(m, flows=D(-5000)) for m in marks((SLOT, equity), (0 * H, equity))]
        assert reached([top, *after], limits=only("peak")) == kinds


def test_a_reset_re_bases_the_peak() -> None:
    """What was lost before the reset does not trip it again."""
    rows = marks((40 * DAY, 12_000), (2 * H, 10_000), (SLOT, 9_900), (0 * H, 9_900))
    assert "peak" in reached(rows)
    again = loss_limits(rows, NOON, only("peak"), BANKROLL, peak_since=NOON - 3 * H)
    assert again == ()


def test_a_deposit_is_no_gain_and_a_withdrawal_no_loss() -> None:
    """4,000 taken out at 11:00: nothing was lost; 4,000 put in hide no loss of 600."""
    rows = marks((13 * H, 10_000), (SLOT, 6_000), (0 * H, 6_000))
    out = [rows[0], *(replace(m, flows=D(-4000)) for m in rows[1:])]
    assert reached(out) == set()
    rows = marks((13 * H, 10_000), (SLOT, 13_400), (0 * H, 13_400))
    hidden = [rows[0], *(replace(m, flows=D(4000)) for m in rows[1:])]
    assert reached(hidden) == {"day"}


LOST = ((13 * H, 10_000), (SLOT, 7_000), (0 * H, 7_000))


def test_what_nobody_bids_for_pauses_and_pulls_no_switch() -> None:
    """Seen with one side in two slots: worth nothing to the pauses; the switch wants two sides."""
    rows = marks(*LOST)
    collapsed = [replace(m, fresh=n == 0, seen=True) for n, m in enumerate(rows)]
    assert reached(rows) == {"day", "week", "month", "peak"}
    assert reached(collapsed) == {"day", "week", "month"}
    once = [replace(m, fresh=n == 0, seen=n != 1) for n, m in enumerate(rows)]
    assert reached(once) == set()
    assert reached([replace(m, fresh=False, seen=True) for m in rows]) == set()


def test_a_stale_book_is_no_loss() -> None:
    """Both of the last two slots must be fresh, of now, and neighbours."""
    rows = marks(*LOST)
    assert reached(rows) == {"day", "week", "month", "peak"}
    for unfresh in (1, 2):
        assert reached([replace(m, fresh=n != unfresh) for n, m in enumerate(rows)]) == set()
    newest = Marked(NOON + SLOT, D(7_000), fresh=False)
    assert reached([*rows, newest], NOON + SLOT) == set()
    assert reached([*rows, replace(newest, fresh=True)], NOON + SLOT) == reached(rows)
    assert reached(rows, NOON + timedelta(minutes=31)) == set()
    apart = marks((13 * H, 10_000), (8 * H, 7_000), (0 * H, 7_000))
    assert reached(apart) == set()
    assert reached(rows[:1]) == set()
    assert reached([]) == set()


def test_half_an_hour_is_still_now_and_still_beside() -> None:
    """The newest mark may be 30 minutes old, and so far from the one before; not a slot more."""
    rows = marks(*LOST)
    assert reached(rows, NOON + 2 * SLOT) == reached(rows) == {"day", "week", "month", "peak"}
    far = marks((13 * H, 10_000), (timedelta(minutes=40), 7_000), (SLOT, 7_000))
    assert reached(far) == reached(rows)


def test_the_day_begins_at_midnight_to_the_microsecond() -> None:
    """What was lost between the last mark of yesterday and the first of today is today's loss."""
    midnight = NOON.replace(hour=0, minute=0, second=0)
    first = Marked(midnight + timedelta(microseconds=1), D(9_400))
    rows = [Marked(midnight - SLOT, D(10_000)), first, *marks((SLOT, 9_400), (0 * H, 9_400))]
    assert reached(rows, limits=only("day")) == {"day"}
    at_once = [rows[0], replace(first, at=midnight), *rows[2:]]
    assert reached(at_once, limits=only("day")) == set()


@pytest.mark.parametrize(("kind", "days", "lost"), [("week", 7, 9_000), ("month", 30, 8_000)])
def test_what_is_exactly_so_old_is_where_it_counts_from(kind: str, days: int, lost: int) -> None:
    """Not the mark of a day before, which was lower."""
    rows = marks(((days + 1) * DAY, lost), (days * DAY, 10_000), (SLOT, lost), (0 * H, lost))
    assert reached(rows, limits=only(kind)) == {kind}


def test_a_pause_that_ends_now_may_begin_again() -> None:
    """Three days after its start, for what was lost since then."""
    rows = marks((3 * DAY, 10_000), (SLOT, 8_900), (0 * H, 8_900))
    for begun, kinds in ((NOON - 3 * DAY, ["week"]), (NOON - 3 * DAY + SLOT, [])):
        found = loss_limits(rows, NOON, only("week"), BANKROLL, begun={"week": begun})
        assert [loss.kind for loss in found] == kinds


def test_the_peak_counts_from_the_very_mark_of_the_reset() -> None:
    """The mark of that moment is the first that counts."""
    rows = marks((2 * H, 10_000), (SLOT, 8_000), (0 * H, 8_000))
    found = loss_limits(rows, NOON, only("peak"), BANKROLL, peak_since=NOON - 2 * H)
    assert [loss.fraction for loss in found] == [D("0.2")]


def test_an_account_of_a_dollar_can_lose_half_of_it() -> None:
    """However little it is."""
    rows = [Marked(NOON - 13 * H, D(1)), *(Marked(NOON - t, D("0.5")) for t in (SLOT, 0 * H))]
    assert reached(rows) == {"day", "week", "month", "peak"}


def test_what_a_loss_is_a_fraction_of() -> None:
    """Of 12,000: 10,000 where 2,000 were won, 12,000 where they were paid in; 500 and 600 are 5 %.

    What was lost since is what counts, not what was paid in before.
    """
    for flows, equity in ((0, 11_500), (2_000, 11_400)):
        rows = marks((13 * H, 12_000), (SLOT, equity), (0 * H, equity))
        rows = [replace(m, flows=D(flows)) for m in rows]
        (loss,) = loss_limits(rows, NOON, only("day"), BANKROLL)
        assert loss.fraction == D("0.05")


def test_the_peak_is_the_highest_without_what_was_paid_in() -> None:
    """10,000, then 1,000 with 5,000 more: 15,000 is the peak, of which 11,000 lack 4,000."""
    rows = marks((9 * DAY, 10_000), (8 * DAY, 11_000), (SLOT, 11_000), (0 * H, 11_000))
    paid = [rows[0], *(replace(m, flows=D(5_000)) for m in rows[1:])]
    (loss,) = loss_limits(paid, NOON, only("peak"), BANKROLL)
    assert loss.fraction == D(4_000) / D(15_000)


def test_only_the_last_two_marks_are_held_against_the_peak() -> None:
    """Three at the peak, of which 2,000 were paid in before, and two at 85 % of it."""
    rows = marks(*((n * DAY, 12_000) for n in (9, 8, 7)), (SLOT, 10_200), (0 * H, 10_200))
    rows = [replace(m, flows=D(2_000)) for m in rows]
    (loss,) = loss_limits(rows, NOON, only("peak"), BANKROLL)
    assert loss.fraction == D("0.15")


def test_what_was_all_taken_out_has_no_peak() -> None:
    """12,000 withdrawn between the last two marks: nothing is left that could be lost."""
    top, last = marks((SLOT, 12_000), (0 * H, 0))
    rows = [*marks((DAY, 12_000)), top, replace(last, flows=D(-12_000))]
    assert reached(rows, limits=only("peak")) == set()


def test_marks_in_any_order_and_from_the_future_change_nothing() -> None:
    """Order does not matter; what is not yet, is not."""
    rows = marks(*LOST)
    future = Marked(NOON + H, D(10_000))
    assert reached([future, *reversed(rows)]) == reached(rows)


def test_a_running_pause_is_not_begun_again_and_the_next_counts_from_its_start() -> None:
    """The loss that a pause was for is paid."""
    rows = marks((6 * DAY, 10_000), (4 * DAY, 8_900), (SLOT, 8_800), (0 * H, 8_800))
    week = only("week")
    assert reached(rows, limits=week) == {"week"}
    for begun in (NOON - 2 * DAY, NOON - 4 * DAY):  # running still; over, little lost since
        assert loss_limits(rows, NOON, week, BANKROLL, begun={"week": begun}) == ()
    further = [*rows[:2], *marks((SLOT, 7_900), (0 * H, 7_900))]
    found = loss_limits(further, NOON, week, BANKROLL, begun={"week": NOON - 4 * DAY})
    assert [loss.kind for loss in found] == ["week"]


def test_yesterdays_loss_is_not_todays() -> None:
    """The day begins at midnight UTC."""
    rows = marks((20 * H, 10_000), (12 * H + SLOT, 9_400), (SLOT, 9_400), (0 * H, 9_400))
    assert reached(rows, limits=only("day")) == set()


def test_nothing_is_no_account() -> None:
    """Where nothing was there, nothing can be lost."""
    rows = marks((13 * H, 0), (SLOT, -5), (0 * H, -5))
    assert reached(rows) == set()


def test_when_pauses_end() -> None:
    """A day's at the next midnight, a week's after 3 days, a month's after 30."""
    assert pause_until("day", NOON) == datetime(2026, 6, 11, tzinfo=UTC)
    midnight = datetime(2026, 6, 11, tzinfo=UTC)
    assert pause_until("day", midnight) == midnight + DAY
    assert pause_until("week", NOON) == NOON + 3 * DAY
    assert pause_until("month", NOON) == NOON + 30 * DAY
