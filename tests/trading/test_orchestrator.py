"""Strategies that hang, raise and lie next to good ones; vetoes; and one entry per event."""

import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from candidate_views import ARMED, CLEAN, candidate, quote  # beside this file
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.domain import Action, Reason, Token
from trading_cli.trading import ExitsSection, SignalsSection
from trading_cli.trading.orchestrator import decide
from trading_cli.trading.strategies import Advice, ours
from trading_cli.trading.strategies.foreign import Failed, attempt
from trading_cli.trading.strategies.rvr_roc_hype import RvrRocHype
from trading_cli.trading.vetoes import Sections
from trading_cli.trading.view import View

D = Decimal
ONE, TWO = D("0.01"), D("0.02")
SECTIONS = Sections()
HASTY = Sections(SignalsSection(strategy_timeout_s=1.5), ExitsSection())


@dataclass(frozen=True)
class Says:
    """A strategy with one answer for every market, or one per market."""

    advice: Advice = field(default_factory=lambda: Advice(Action.BUY, strength=0.5))
    name: str = "says"
    ceiling: Decimal = TWO
    per_market: dict[str, Advice] = field(default_factory=dict)

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:
        """Return it."""
        assert current_price == float(data.mid)
        return self.per_market.get(symbol, self.advice)


@dataclass(frozen=True)
class Raises:
    """A strategy that fails, in the way given, on the market given (or on all)."""

    error: BaseException
    on: str = ""
    name: str = "raises"
    ceiling: Decimal = ONE

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:
        """Raise it."""
        assert data.market.id == symbol
        assert current_price > 0
        if self.on in {"", symbol}:
            raise self.error
        return Advice(Action.BUY)


@dataclass(frozen=True)
class Hangs:
    """A strategy that waits until it is let go."""

    go: threading.Event
    asked: list[str]
    name: str = "hangs"
    ceiling: Decimal = ONE

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:
        """Wait on the second market."""
        assert data.market.id == symbol
        assert current_price > 0
        self.asked.append(symbol)
        if symbol == "m2":
            self.go.wait(30)
        return Advice(Action.HOLD)


M1, M2, M3 = (candidate(f"m{n}", f"e{n}") for n in (1, 2, 3))


def outcomes(proposals, strategy: str) -> dict[str, str]:
    """Return market -> reason of one strategy's proposals."""
    return {
        one.signal.market_id: one.reason.value
        for one in proposals
        if one.signal.strategy == strategy
    }


def test_there_is_one_proposal_for_every_candidate_and_strategy() -> None:
    """Trade or no trade, each evaluation is there with its reason."""
    proposals = decide([M1, M2, M3], [RvrRocHype(), Says(Advice(Action.HOLD))], SECTIONS)
    pairs = {(one.signal.strategy, one.signal.market_id) for one in proposals}
    assert len(proposals) == len(pairs) == 6
    assert set(outcomes(proposals, "rvr_roc_hype").values()) == {"SIGNAL"}
    assert set(outcomes(proposals, "says").values()) == {"NO_EDGE"}


@pytest.mark.parametrize(
    "error", [ValueError("no such number"), SystemExit(3), RecursionError(), KeyboardInterrupt()]
)
def test_a_strategy_that_raises_stops_nobody(error: BaseException) -> None:
    """Its own market says STRATEGY_FAILED with what it raised; all else goes on."""
    proposals = decide([M1, M2], [Raises(error, on="m1"), RvrRocHype()], SECTIONS)
    assert outcomes(proposals, "raises") == {"m1": "STRATEGY_FAILED", "m2": "SIGNAL"}
    assert outcomes(proposals, "rvr_roc_hype") == {"m1": "SIGNAL", "m2": "ALREADY_IN"}
    (failed,) = [one for one in proposals if one.reason is Reason.STRATEGY_FAILED]
    assert type(error).__name__ in str(failed.signal.indicators["error"])


def test_a_strategy_that_hangs_stops_nobody() -> None:
    """From the market it hangs on it is not asked again; the others have all their answers."""
    go, asked = threading.Event(), []
    try:
        proposals = decide([M1, M2, M3], [Hangs(go, asked), RvrRocHype()], HASTY)
    finally:
        go.set()
    assert outcomes(proposals, "hangs") == {
        "m1": "NO_EDGE",
        "m2": "STRATEGY_TIMEOUT",
        "m3": "STRATEGY_TIMEOUT",
    }
    assert set(outcomes(proposals, "rvr_roc_hype").values()) == {"SIGNAL"}
    assert asked == ["m1", "m2"]


def test_only_our_own_strategies_are_asked_in_line() -> None:
    """Where ours are asked without a thread, a user's keeps its own, and its time."""
    asked, here = [], threading.current_thread()

    class Theirs(RvrRocHype):
        def decide(self, data: View, symbol: str, current_price: float) -> Advice:
            asked.append(threading.current_thread() is here)
            return super().decide(data, symbol, current_price)

    decide([M1], [Theirs()], SECTIONS, in_line=True)
    assert asked == [False]
    assert ours(RvrRocHype())
    assert not ours(Theirs())


def test_an_interruption_in_line_is_the_persons() -> None:
    """In the main thread Ctrl-C ends the run; what a strategy raises is still its own failure."""

    def raises(error: BaseException) -> None:
        raise error

    assert attempt(lambda: raises(ValueError("no")), in_line=True) == Failed("ValueError: no")
    assert attempt(lambda: raises(KeyboardInterrupt())) == Failed("KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        attempt(lambda: raises(KeyboardInterrupt()), in_line=True)


def test_a_strategy_that_still_hangs_is_not_started_again() -> None:
    """The next slot leaves no second thread behind; once the first came back it is asked again."""
    go, asked = threading.Event(), []
    hangs = Hangs(go, asked, name="stuck")
    try:
        decide([M1, M2], [hangs], HASTY)
        again = decide([M1, M2], [hangs], HASTY)
        (thread,) = [one for one in threading.enumerate() if one.name == "hung strategy stuck"]
    finally:
        go.set()
    assert outcomes(again, "stuck") == {"m1": "STRATEGY_TIMEOUT", "m2": "STRATEGY_TIMEOUT"}
    assert asked == ["m1", "m2"]
    thread.join(30)
    assert outcomes(decide([M1], [hangs], HASTY), "stuck") == {"m1": "NO_EDGE"}


def test_a_hung_strategy_does_not_keep_the_process() -> None:
    """A process with a strategy that never comes back ends by itself."""
    code = (
        "import sys, threading; sys.path.insert(0, sys.argv[1])\n"
        "from test_orchestrator import HASTY, Hangs, M1, M2, decide\n"
        "class Forever(threading.Event):\n"
        "    def wait(self, timeout=None): return super().wait()\n"
        "print(len(decide([M1, M2], [Hangs(Forever(), [])], HASTY)))\n"
    )
    folder = str(__import__("pathlib").Path(__file__).parent)
    ran = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.strip() == "2"


@pytest.mark.parametrize(
    "advice",
    [
        None,
        {"action": "BUY"},
        Advice("BUY NOW"),
        Advice(Action.BUY, strength=1.5),
        Advice(Action.BUY, strength=float("nan")),
        Advice(Action.BUY, "MAYBE"),
        Advice(Action.BUY, ceiling=D(0)),
        Advice(Action.BUY, ceiling=D("NaN")),
        Advice(Action.BUY, ceiling=0.01),
        Advice(Action.BUY, probability=1.0),
        Advice(Action.BUY, indicators={"z": float("inf")}),
        Advice(Action.HOLD, reason="because"),
    ],
)
def test_advice_that_makes_no_sense_is_a_failure_of_its_strategy(advice: object) -> None:
    """What cannot be journaled or sized is refused at the door, with what is wrong."""
    (proposal,) = decide([M1], [Says(advice)], SECTIONS)
    assert proposal.reason is Reason.STRATEGY_FAILED
    assert proposal.action is Action.HOLD
    assert proposal.signal.indicators["error"]


def test_to_sell_is_to_buy_the_other_token() -> None:
    """There is no short; a named token is turned too, and no ceiling is above the strategy's."""
    for advice, token in (
        (Advice(Action.BUY), Token.YES),
        (Advice(Action.BUY, Token.NO), Token.NO),
        (Advice(Action.SELL), Token.NO),
        (Advice(Action.SELL, Token.NO), Token.YES),
    ):
        (proposal,) = decide([M1], [Says(replace(advice, ceiling=D("0.5")))], SECTIONS)
        assert (proposal.action, proposal.signal.token) == (Action.BUY, token)
        assert proposal.signal.ceiling == D("0.02")


def test_a_candidate_that_is_not_ready_is_asked_of_nobody() -> None:
    """Without a two-sided quote, or while warming up, the strategies are not run."""
    cold = candidate("m1", "e1", warming="hype baseline 3 of 7 days")
    blind = candidate("m2", "e2", quote=quote("0.49", None))
    gone = candidate("m3", "e3", quote=None)
    proposals = decide([cold, blind, gone], [Raises(ValueError("asked"))], SECTIONS)
    assert outcomes(proposals, "raises") == {
        "m1": "WARMING_UP",
        "m2": "NO_QUOTE",
        "m3": "NO_QUOTE",
    }
    assert proposals[0].signal.indicators == {"missing": "hype baseline 3 of 7 days"}


def test_a_veto_names_the_reason_and_the_signal_stays_as_it_was() -> None:
    """The first veto is the reason, all are kept; a HOLD keeps its own reason beside them."""
    stopped = candidate("m1", "e1", quality=0.5, state=replace(ARMED, kill_state="DISARMED"))
    bought, held = decide([stopped], [Says(), Says(Advice(Action.HOLD), "no")], SECTIONS)
    assert (bought.action, bought.reason) == (Action.HOLD, Reason.NOT_ARMED)
    assert bought.signal.action is Action.BUY
    assert [veto.reason for veto in bought.vetoes] == [Reason.NOT_ARMED, Reason.QUALITY]
    assert held.reason is Reason.NO_EDGE
    assert [veto.reason for veto in held.vetoes] == [Reason.NOT_ARMED, Reason.QUALITY]


def test_the_first_by_settings_order_has_the_event() -> None:
    """However weak it is; the other gets ALREADY_IN and the sentence names who was first."""
    weak = Says(Advice(Action.BUY, strength=0.1), "weak")
    strong = Says(Advice(Action.BUY, Token.NO, strength=0.9), "strong")
    first, second = decide([M1], [weak, strong], SECTIONS)
    assert (first.signal.strategy, first.action) == ("weak", Action.BUY)
    assert (second.signal.strategy, second.reason) == ("strong", Reason.ALREADY_IN)
    assert "weak enters event e1 in this slot, in market m1" in second.vetoes[0].sentence


def test_a_vetoed_first_leaves_the_event_to_the_next() -> None:
    """The cheap token's buyer is refused by the band, so the other one may enter."""
    cheap = candidate("m1", "e1", quote=quote("0.13", "0.14"))
    yes, no = Says(name="yes"), Says(Advice(Action.SELL), "no")
    proposals = decide([cheap], [yes, no], Sections(SignalsSection(max_ask=D("0.9"))))
    assert outcomes(proposals, "yes") == {"m1": "ASK_BAND"}
    assert outcomes(proposals, "no") == {"m1": "SIGNAL"}


def test_two_markets_of_one_event_are_one_entry_the_strongest() -> None:
    """Within a strategy strength decides, then the market's id."""
    twins = [candidate(name, "e1") for name in ("a", "b", "c")]
    says = Says(per_market={"b": Advice(Action.BUY, strength=0.9)})
    assert outcomes(decide(twins, [says], SECTIONS), "says") == {
        "a": "ALREADY_IN",
        "b": "SIGNAL",
        "c": "ALREADY_IN",
    }


def test_entries_come_strongest_first() -> None:
    """The review order is strength, then settings order, then the market's id; holds come last."""
    says = Says(
        per_market={
            "m1": Advice(Action.HOLD),
            "m2": Advice(Action.BUY, strength=0.3),
            "m3": Advice(Action.BUY, strength=0.8),
        }
    )
    proposals = decide([M1, M2, M3], [says], SECTIONS)
    assert [(one.signal.market_id, one.rank) for one in proposals] == [
        ("m3", 1),
        ("m2", 2),
        ("m1", 0),
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 1), st.sampled_from(Action)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 3),
)
def test_whatever_is_wanted_no_event_is_entered_twice(wants, count: int) -> None:
    """Any strengths, events and strategies: at most one entry per event, all pairs answered."""
    found = [candidate(f"m{n}", event) for n, (event, _, _) in enumerate(wants)]
    answers = {f"m{n}": Advice(act, strength=s) for n, (_, s, act) in enumerate(wants)}
    strategies = [Says(name=f"s{n}", per_market=answers) for n in range(count)]
    proposals = decide(found, strategies, SECTIONS)
    entered = [one.view.event_id for one in proposals if one.action is Action.BUY]
    assert len(entered) == len(set(entered))
    assert len(proposals) == len(found) * count
    wanted = {event for event, _, action in wants if action is not Action.HOLD}
    assert set(entered) == wanted


def test_a_view_cannot_be_written_into() -> None:
    """A strategy that changes its features would change another's decision."""
    with pytest.raises(TypeError):
        CLEAN.features["rvr"] = None  # type: ignore[index]
