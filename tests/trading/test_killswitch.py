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
    """Nobody trades on a switch that cannot be read: it stands at level 4, the worst there is."""
    blind = unreadable("no such table")
    assert (blind.state, blind.level, blind.reason) == (State.TRIGGERED, 4, "no such table")
    assert (blind.since, blind.actor, blind.seq) == (None, "unreadable state", 0)
    assert all(forbids(blind, p, r) for p in Purpose for r in Reason)


@pytest.mark.parametrize("level", [-1, 0, 5, 44])
def test_a_level_that_is_none_is_refused(level):
    """There are four."""
    with pytest.raises(UsageError):
        check_trigger(level)


def test_there_are_four_levels():
    """The lowest and the highest are levels, too."""
    for level in (1, 2, 3, 4):
        check_trigger(level)


def test_a_standing_of_which_little_is_said_is_of_no_row():
    """No moment, nobody, no number."""
    assert Standing(State.ARMED, 0, "", None, "", 0) == ARMED


def test_what_may_go_is_told_with_no_word():
    """The answer is a text in every case: "" where the order may go."""
    for standing in ALL:
        for purpose in Purpose:
            assert isinstance(forbids(standing, purpose, Reason.STOP), str)
    assert forbids(ALL[2], Purpose.EXIT, Reason.STOP) == ""


def test_a_refusal_of_the_switch_ends_a_command_with_8():
    """Scripts and systemd units tell it from other errors by its number and word."""
    assert (KillRefused.exit_code, KillRefused.code) == (8, "kill_switch")


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


def test_a_reason_of_ten_characters_is_one():
    """Nine are none, whatever stands around them."""
    _reset(reason="0123456789")
    with pytest.raises(KillRefused, match="10 characters"):
        _reset(reason=" 012345678 ")


def test_what_is_left_of_the_cool_down_is_said_in_minutes():
    """Five of 120 are over: 115 more."""
    with pytest.raises(KillRefused, match="lasts 115 minutes more"):
        _reset(now=NOW + timedelta(minutes=5), cool_down=timedelta(hours=2))


def test_a_stop_nobody_looked_at_has_no_unknown_orders():
    """Without a proof none is counted; with one it is."""
    with pytest.raises(KillRefused, match="an order may still be open"):
        _reset(proof=None)
    with pytest.raises(KillRefused, match="UNVERIFIED: 2 orders are unknown"):
        _reset(proof=replace(CLEAN, unknown_orders=2))


def test_who_may_not_arm_is_told_what_comes_first():
    """A reset, where it is triggered; where it is armed already, nothing."""
    with pytest.raises(KillRefused) as triggered:
        check_arm(ALL[5])
    assert triggered.value.hint == "trading kill reset comes first"
    with pytest.raises(KillRefused) as armed:
        check_arm(ARMED)
    assert armed.value.hint == ""


@pytest.mark.parametrize("standing", [s for s in ALL if s.state is not State.DISARMED])
def test_only_what_is_disarmed_can_be_armed(standing):
    """There is no way around the reset."""
    check_arm(DISARMED)
    with pytest.raises(KillRefused):
        check_arm(standing)
