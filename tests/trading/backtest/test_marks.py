"""The few marks a run looks at lead to the same limits as all of them."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from planted import D, at

from trading_cli.domain import from_epoch, slot_of
from trading_cli.trading import RiskSection
from trading_cli.trading.backtest.marks import REACH, Marks, SlotMark
from trading_cli.trading.losses import loss_limits

LIMITS = RiskSection()


def mark(number: int, equity: Decimal, *, fresh: bool = True, seconds: int = 60) -> SlotMark:
    """Return a mark of the *number*-th slot."""
    when = at(number, seconds)
    return SlotMark(slot_of(when), when, equity, D(0), D(0), D(0), equity, fresh)


def all_of(taken: list[SlotMark], now) -> list[SlotMark]:
    """Return what live judges: a month of marks, and the one of the peak."""
    recent = [one for one in taken if from_epoch(one.slot) >= now - REACH]
    fresh = [one for one in taken if one.fresh]
    peak = max(fresh, key=lambda one: (one.equity, one.slot), default=None)
    return recent if peak is None or peak in recent else [peak, *recent]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 300), st.integers(6_000, 11_000), st.booleans(), st.booleans()),
        min_size=2,
        max_size=60,
    )
)
def test_the_chosen_few_say_what_all_say(steps) -> None:
    """Whatever the equity did, with gaps, stale slots and marks taken twice."""
    marks, begun, number = Marks(), {}, 0
    for gap, equity, fresh, twice in steps:
        number += 1 if gap < 200 else gap
        for seconds in (30, 60) if twice else (60,):
            one = mark(number, D(equity) + seconds, fresh=fresh, seconds=seconds)
            marks.take(one)
            now = one.at + timedelta(seconds=1)
            theirs = loss_limits(all_of(marks.taken, now), now, LIMITS, D(10_000), begun=begun)
            ours = marks.losses(now, LIMITS, D(10_000), begun)
            assert [(loss.kind, loss.fraction, loss.until) for loss in ours] == [
                (loss.kind, loss.fraction, loss.until) for loss in theirs
            ]
            begun |= {loss.kind: now for loss in ours if loss.kill_level is None}
