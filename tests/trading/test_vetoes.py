"""Each Never rule is tripped by its own cause alone, and SPEC's price bands come out of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from candidate_views import ARMED, AT, CLEAN, MARKET, deadline, quote  # beside this file

from trading_cli.domain import FeeSchedule, Reason, Token
from trading_cli.research.deadline import Deadline, DeadlineOrigin, DeadlineRefusal
from trading_cli.trading import ExitsSection, SignalsSection
from trading_cli.trading.vetoes import RULES, Sections, review, standing
from trading_cli.trading.view import View

D = Decimal
SECTIONS = Sections()
APART = Deadline(
    AT + timedelta(days=20),
    DeadlineOrigin.TITLE,
    hazard=False,
    refused=DeadlineRefusal.CONFLICT,
    candidates=(
        (DeadlineOrigin.TITLE, AT + timedelta(days=20)),
        (DeadlineOrigin.END_DATE, AT + timedelta(days=25)),
    ),
)
NO_DATE = Deadline(None, None, hazard=False, refused=DeadlineRefusal.UNPARSABLE, candidates=())


def market(**changes: object) -> View:
    """Return the clean candidate with its market changed."""
    return replace(CLEAN, market=replace(MARKET, **changes))


def state(**changes: object) -> View:
    """Return the clean candidate with our own state changed."""
    return replace(CLEAN, state=replace(ARMED, **changes))


def with_(**changes: object) -> View:
    """Return the clean candidate with this changed."""
    return replace(CLEAN, **changes)


def test_nothing_stands_against_a_clean_candidate() -> None:
    """The candidate every other test spoils is one that may be entered, on either side."""
    assert review(CLEAN, Token.YES, SECTIONS) == ()
    assert review(CLEAN, Token.NO, SECTIONS) == ()


@pytest.mark.parametrize(
    ("view", "reason", "said"),
    [
        (state(kill_state="TRIGGERED", kill_level=3), "NOT_ARMED", "TRIGGERED at level 3"),
        (state(kill_state="DISARMED"), "NOT_ARMED", "is DISARMED"),
        (state(kill_state="armed?"), "NOT_ARMED", "armed?"),
        (state(pauses=("owner", "day")), "PAUSED", "paused: owner, day"),
        (state(pauses=("stale",)), "PAUSED_STALE", "stale"),
        (state(gate_open=False, gate_reasons=("clock off",)), "GATE_CLOSED", "clock off"),
        (state(held_back="2 slots missed"), "GATE_CLOSED", "after a gap: 2 slots missed"),
        (with_(quality=0.949), "QUALITY", "0.949 is below 0.95"),
        (with_(quality=None), "QUALITY", "no quality score"),
        (with_(entered=frozenset({"e1"})), "ALREADY_IN", "event e1"),
        (market(uma_status="proposed"), "UMA_STATUS", "is proposed"),
        (market(uma_statuses=("proposed", "disputed")), "UMA_STATUS", "disputed and proposed"),
        (market(neg_risk_placeholder=True), "PLACEHOLDER", "placeholder"),
        (market(neg_risk_other=True), "PLACEHOLDER", "Other"),
        (
            with_(quote=replace(CLEAN.quote, observed_at=AT - timedelta(seconds=121))),
            "STALE_BOOK",
            "121 s",
        ),
        (market(observed_at=AT - timedelta(minutes=61)), "STALE_BOOK", "61 minutes old"),
        (market(description=None), "NO_RULES", "no rules text"),
        (market(description=" \n"), "NO_RULES", "no rules text"),
        (with_(rules_changed_at=AT - timedelta(days=6)), "RULES_CHANGED", "6.0 days ago"),
        (with_(deadline=NO_DATE), "DEADLINE_UNKNOWN", "unparsable"),
        (with_(deadline=APART), "DEADLINE_UNKNOWN", "conflict (5.0 days apart)"),
        (with_(deadline=deadline(9.9)), "DEADLINE_NEAR", "9.9 days to the deadline; 10"),
        (market(liquidity=9_999.0), "LIQUIDITY_LOW", "9,999 USD is below 10,000"),
        (market(liquidity=None), "LIQUIDITY_LOW", "unknown"),
        (with_(quote=quote("0.85", "0.86")), "ASK_BAND", "YES ask 0.86 is outside"),
        (with_(quote=quote("0.48", None)), "ASK_BAND", "nobody offers YES"),
        (with_(fee=None, fee_reason="NO_FEE_TYPE"), "FEE_UNKNOWN", "NO_FEE_TYPE"),
        (with_(quote=quote("0.46", "0.50")), "ROUND_TRIP", "8.00% of the stake; at most 6.00%"),
        (with_(quote=quote(None, "0.50")), "ROUND_TRIP", "nobody bids for YES"),
        (with_(quote=quote("0.52", "0.50")), "ROUND_TRIP", "make no round trip"),
    ],
)
def test_each_rule_is_tripped_by_its_own_cause_alone(view: View, reason: str, said: str) -> None:
    """One thing wrong, one veto, and its sentence carries the numbers."""
    found = review(view, Token.YES, SECTIONS)
    assert [veto.reason for veto in found] == [Reason(reason)]
    assert said in found[0].sentence


def test_the_limits_themselves_pass() -> None:
    """At the threshold a candidate may be entered: the rules say fewer than, outside, above."""
    edge = replace(
        market(liquidity=10_000.0),
        deadline=deadline(10),
        quality=0.95,
        rules_changed_at=AT - timedelta(days=7),
        quote=quote("0.84", "0.85"),
    )
    assert review(edge, Token.YES, SECTIONS) == ()


def test_an_exit_that_would_fire_at_once_is_a_veto() -> None:
    """With entries allowed 5 days before the deadline, the exit of 7 days would sell at once."""
    sections = Sections(SignalsSection(min_days_to_deadline=5), ExitsSection())
    (veto,) = review(with_(deadline=deadline(6)), Token.YES, sections)
    assert veto.reason is Reason.EXIT_WOULD_FIRE
    assert "6.0 days to the deadline" in veto.sentence


def test_an_exit_that_would_fire_one_slot_later_is_a_veto() -> None:
    """Ten minutes over seven days now is five minutes under them in the next slot."""
    sections = Sections(SignalsSection(min_days_to_deadline=5), ExitsSection())
    minutes = timedelta(minutes=10) / timedelta(days=1)
    (veto,) = review(with_(deadline=deadline(7 + minutes)), Token.YES, sections)
    assert veto.reason is Reason.EXIT_WOULD_FIRE
    assert review(with_(deadline=deadline(7 + 2 * minutes)), Token.YES, sections) == ()


def test_every_veto_is_recorded_in_the_order_of_the_rules() -> None:
    """All that is wrong is said; ourselves first, then the market, then the price."""
    ruined = replace(
        market(
            description=None,
            liquidity=1.0,
            neg_risk_other=True,
            uma_status="disputed",
            observed_at=AT - timedelta(hours=2),
        ),
        state=replace(ARMED, kill_state="DISARMED", pauses=("owner", "stale"), gate_open=False),
        quality=0.1,
        entered=frozenset({"e1"}),
        rules_changed_at=AT,
        deadline=deadline(1),
        quote=quote("0.01", "0.05"),
        fee=None,
    )
    found = [veto.reason for veto in review(ruined, Token.YES, SECTIONS)]
    order = [reason for reason, _ in RULES]
    assert found == [
        reason
        for reason in order
        if reason not in {Reason.DEADLINE_UNKNOWN, Reason.ROUND_TRIP, Reason.EXIT_WOULD_FIRE}
    ]


def test_a_waived_rule_is_not_asked() -> None:
    """Imported history waives by name the rules whose inputs were never recorded."""
    blind = replace(market(description=None), waived=frozenset({Reason.NO_RULES}))
    assert review(blind, Token.YES, SECTIONS) == ()


def test_the_vetoes_of_nobodys_side_are_those_of_both() -> None:
    """For the funnel a band counts only where neither token is inside it."""
    cheap_yes = with_(quote=quote("0.04", "0.05"))
    assert [veto.reason for veto in review(cheap_yes, Token.YES, SECTIONS)] == [
        Reason.ASK_BAND,
        Reason.ROUND_TRIP,
    ]
    assert [veto.reason for veto in standing(cheap_yes, SECTIONS)] == [Reason.ASK_BAND]
    wide = with_(quote=quote("0.40", "0.60"))
    assert [veto.reason for veto in standing(wide, SECTIONS)] == [Reason.ROUND_TRIP]


@pytest.mark.parametrize(
    ("rate", "lowest"),
    [("0", "0.17"), ("0.03", "0.42"), ("0.04", "0.51"), ("0.05", "0.59"), ("0.07", "0.69")],
)
def test_the_round_trip_leaves_the_asks_of_the_specification(rate: str, lowest: str) -> None:
    """At a spread of one cent all asks from here to .85 pass, and none below, on either side."""
    fee = FeeSchedule(D(rate), D(1), "market")
    expected = list(range(int(D(lowest) * 100), 86))
    for token in Token:
        assert list(_open_asks(fee, token)) == expected


def _open_asks(fee: FeeSchedule, token: Token) -> Iterator[int]:
    for cents in range(2, 100):
        view = with_(quote=quote(str(D(cents - 1) / 100), str(D(cents) / 100)), fee=fee)
        asked = view if token is Token.YES else view.mirrored()
        if not review(asked, token, SECTIONS):
            yield cents


def test_the_round_trip_is_held_against_half_of_the_stop_too() -> None:
    """Ask .58, bid .57, rate .05: 3.4435 cents are 5.94 %; half the stop, 3.42 cents, is 5.90 %."""
    dear = with_(quote=quote("0.57", "0.58"), fee=FeeSchedule(D("0.05"), D(1), "market"))
    (veto,) = review(dear, Token.YES, SECTIONS)
    assert veto.reason is Reason.ROUND_TRIP
    assert "costs 5.94% of the stake; at most 5.90% (the stop is 0.0684 away)" in veto.sentence
