"""Outside opinions move a stated probability, and nothing else of a signal."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from candidate_views import AT, CLEAN, agreeing, quote  # beside this file
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import Action, Reason, Token
from trading_cli.research.opinions import Opinion, Record
from trading_cli.trading.deciding import opinion_facts
from trading_cli.trading.orchestrator import ALONE, signal_of
from trading_cli.trading.strategies import BUILT_IN, Advice
from trading_cli.trading.strategies.opinions import Opinions
from trading_cli.trading.view import View

D = Decimal
TIERS = (D("0.01"), D("0.02"), D("0.03"), D("0.04"))
EVEN = replace(CLEAN, quote=quote("0.49", "0.51"))
Inside = st.floats(0.02, 0.98)


def said(probability: float, weight: float = 1.0, *, used: bool = True) -> Opinion:
    """Return what a source of this weight says, at an even price."""
    return Opinion("desk", probability, 0.5, AT, AT, Record(60, weight), used)


def asked(*heard: Opinion, view: View = EVEN) -> Advice:
    """Return what the strategy answers of an even market of which this was said."""
    mid = float(view.mid or 0)
    return Opinions().decide(replace(view, opinions=heard), view.market.id, mid)


@pytest.mark.parametrize(("probability", "token"), [(0.8, Token.YES), (0.2, Token.NO)])
def test_the_token_that_opinions_lift_is_bought(probability: float, token: Token) -> None:
    """Half the weight of .8 at .5 is two thirds: stated is the price, moved when it is a signal."""
    advice = asked(said(probability, 0.5))
    assert (advice.action, advice.token, advice.probability) == (Action.BUY, token, 0.5)
    assert advice.indicators["probability"] == pytest.approx(2 / 3)
    view = replace(EVEN, opinions=(said(probability, 0.5),))
    signal = signal_of(Opinions(), view, advice)
    assert signal.probability == pytest.approx(2 / 3)
    assert signal.indicators[ALONE] == 0.5
    assert signal.ceiling == D("0.01")


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        ((), Reason.INSUFFICIENT),
        ((said(0.9, 0.0),), Reason.INSUFFICIENT),
        ((said(0.9, used=False),), Reason.INSUFFICIENT),
        ((replace(said(0.9), price=None),), Reason.INSUFFICIENT),
        ((said(0.5),), Reason.NO_EDGE),
        ((said(0.505),), Reason.NO_EDGE),
        ((said(0.9), said(0.1)), Reason.NO_EDGE),
    ],
)
def test_without_weight_or_edge_nothing_is_bought(
    heard: tuple[Opinion, ...], reason: Reason
) -> None:
    """Who has shown nothing is not believed; what does not pay for its costs is left."""
    advice = asked(*heard)
    assert (advice.action, advice.reason) == (Action.HOLD, reason)


@given(st.lists(st.tuples(Inside, st.floats(0, 1)), max_size=4), st.integers(5, 95))
def test_the_other_token_is_the_same_market(heard: list[tuple[float, float]], cent: int) -> None:
    """Whatever was said: swapped tokens give the swapped answer."""
    bid, ask = D(cent - 1) / 100, D(cent + 1) / 100
    view = replace(
        CLEAN, quote=quote(str(bid), str(ask)), opinions=tuple(said(*one) for one in heard)
    )
    one = Opinions().decide(view, "m1", float(view.mid or 0))
    mirrored = view.mirrored()
    other = Opinions().decide(mirrored, "m1", float(mirrored.mid or 0))
    assert other.action == one.action
    assert other.token == (None if one.token is None else one.token.other)
    assert other.strength == pytest.approx(one.strength, abs=1e-9)


@pytest.mark.parametrize("name", ["rvr_roc_hype", "early", "momentum_sentiment", "roc_only"])
def test_who_states_no_probability_is_not_touched(name: str) -> None:
    """Size, strength, ceiling, reason: the signal is the very same with the loudest opinion."""
    strategy = BUILT_IN[name].make(TIERS)
    view = replace(CLEAN, features=agreeing(tiers="SSS"))
    heard = replace(view, opinions=(said(0.98),))
    mid = float(view.mid or 0)
    plain = signal_of(strategy, view, strategy.decide(view, "m1", mid))
    loud = signal_of(strategy, heard, strategy.decide(heard, "m1", mid))
    assert loud == plain
    assert loud.probability is None


def test_a_recalibrated_price_is_moved_as_far_as_the_opinion_says_more() -> None:
    """Said .6 where the price means .7 already: nothing. Said .8: some of the way."""
    strategy = BUILT_IN["price_only"].make(TIERS)
    view = replace(EVEN, features=agreeing(), recalibrate=lambda _mid: 0.7)
    found = []
    for heard in ((), (said(0.6),), (said(0.8, 0.5),)):
        seen = replace(view, opinions=heard)
        found.append(signal_of(strategy, seen, strategy.decide(seen, "m1", 0.5)).probability)
    assert found[:2] == [0.7, 0.7]
    odds = (0.7 / 0.3 * 0.8 / 0.2) ** 0.5
    assert found[2] == pytest.approx(odds / (1 + odds))


def test_an_opinion_can_turn_a_purchase_down() -> None:
    """What no longer pays is not bought, whoever stated it."""
    strategy = BUILT_IN["price_only"].make(TIERS)
    view = replace(EVEN, features=agreeing(), recalibrate=lambda _mid: 0.56, opinions=(said(0.3),))
    advice = strategy.decide(view, "m1", 0.5)
    assert (advice.action, advice.reason) == (Action.HOLD, Reason.NO_EDGE)


def test_the_row_of_a_decision_says_what_was_heard() -> None:
    """As JSON can hold it, with what the source had shown."""
    shown = Record(60, 0.4, 0.6, 0.12, 0.4, (0.1, 0.05, 0.15), 0.2, 0.21)
    one = Opinion("desk", 0.8, None, AT, AT + timedelta(seconds=2), shown)
    assert opinion_facts(one) == {
        "source": "desk", "probability": 0.8, "price": None, "said_at": AT.isoformat(),
        "observed_at": (AT + timedelta(seconds=2)).isoformat(), "events": 60, "added": 0.6,
        "low": 0.4, "skill": [0.1, 0.05, 0.15], "weight": 0.4, "used": False,
    }  # fmt: skip
