"""What each state and level of the kill switch forbids, and who may go which way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.core.errors import UsageError
from trading_cli.domain import Purpose, Reason
from trading_cli.trading.killswitch import (
    KillRefused,
    Proof,
    Standing,
    State,
    check_arm,
    check_reset,
    check_trigger,
    forbids,
    stricter,
    unreadable,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ARMED = Standing(State.ARMED, 0, "")
DISARMED = Standing(State.DISARMED, 0, "reset")
CLEAN = Proof(0, 0, 0, 3)
ALL = [ARMED, DISARMED, *(Standing(State.TRIGGERED, level, "x", NOW) for level in (1, 2, 3, 4))]
STANDINGS = st.sampled_from(ALL)


@pytest.mark.parametrize(
    ("standing", "entry", "exit_", "by_owner"),
    [
        (ALL[0], True, True, True),
        (ALL[1], False, False, True),
        (ALL[2], False, True, True),
        (ALL[3], False, True, True),
        (ALL[4], False, True, True),
        (ALL[5], False, False, False),
    ],
)
def test_each_state_forbids_what_the_table_says(standing, entry, exit_, by_owner):
    """Levels 1 to 3 open nothing, level 4 orders nothing; disarmed, only the owner closes."""
    assert (not forbids(standing, Purpose.ENTRY, Reason.SIGNAL)) is entry
    assert (not forbids(standing, Purpose.EXIT, Reason.STOP)) is exit_
    assert (not forbids(standing, Purpose.EXIT, Reason.CLOSED_BY_OWNER)) is by_owner


@given(one=STANDINGS, other=STANDINGS, purpose=st.sampled_from(Purpose))
def test_a_stop_wins(one, other, purpose):
    """Of two opinions the stricter counts, whichever is asked first."""
    reason = Reason.SIGNAL if purpose is Purpose.ENTRY else Reason.STOP
    worse = stricter(one, other)
    assert worse == stricter(other, one)
    if forbids(worse, purpose, reason) == "":
        assert forbids(one, purpose, reason) == forbids(other, purpose, reason) == ""


def test_what_cannot_be_read_forbids_everything():
    """Nobody trades on a switch that cannot be read."""
    blind = unreadable("no such table")
    assert all(forbids(blind, p, r) for p in Purpose for r in Reason)


@pytest.mark.parametrize("level", [-1, 0, 5, 44])
def test_a_level_that_is_none_is_refused(level):
    """There are four."""
    with pytest.raises(UsageError):
        check_trigger(level)


@pytest.mark.parametrize(
    ("proof", "level", "verified"),
    [
        (Proof(0, 0, 0, 5), 4, True),
        (Proof(1, 0, 0, 5), 4, False),
        (Proof(1, 0, 0, 5), 3, True),
        (Proof(1, 1, 0, 5), 1, False),
        (Proof(1, 0, 1, 5), 1, False),
    ],
)
def test_a_stop_is_verified_when_nothing_forbidden_can_be_filled(proof, level, verified):
    """At level 4 no open order, below it no opening one; an unknown order never."""
    assert proof.verified(level) is verified


def _reset(standing=ALL[5], proof=CLEAN, **changes):
    words = {
        "now": NOW + timedelta(minutes=15),
        "cool_down": timedelta(minutes=15),
        "reason": "all is well again",
        "phrase": "ab12-cd34",
        "wanted": "ab12-cd34",
    }
    check_reset(standing, proof, **(words | changes))


def test_a_reset_with_everything_is_accepted():
    """A reason, the phrase, the cool-down over, nothing open: nothing is raised."""
    _reset()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"standing": ARMED}, "nothing to reset"),
        ({"standing": DISARMED}, "nothing to reset"),
        ({"reason": "   short   "}, "10 characters"),
        ({"phrase": "ab12-cd35"}, "phrase"),
        ({"phrase": ""}, "phrase"),
        ({"now": NOW + timedelta(minutes=14)}, "cool-down"),
        ({"proof": None}, "UNVERIFIED"),
        ({"proof": replace(CLEAN, unknown_orders=1)}, "unknown"),
        ({"proof": replace(CLEAN, open_orders=1)}, "UNVERIFIED"),
    ],
)
def test_a_reset_says_what_is_missing(changes, word):
    """Each condition refuses alone, with its own sentence."""
    with pytest.raises(KillRefused, match=word):
        _reset(**changes)


@pytest.mark.parametrize("standing", [s for s in ALL if s.state is not State.DISARMED])
def test_only_what_is_disarmed_can_be_armed(standing):
    """There is no way around the reset."""
    check_arm(DISARMED)
    with pytest.raises(KillRefused):
        check_arm(standing)
