"""What each built-in strategy answers, worked by hand, and the mirror every one of them keeps."""

from dataclasses import replace
from decimal import Decimal

import pytest
from candidate_views import AT, CLEAN, agreeing, deadline, feature, quote  # beside this file
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.domain import Action, Feature, FeeSchedule, Reason, Tier, Token
from trading_cli.trading.orchestrator import decide, signal_of
from trading_cli.trading.strategies import BUILT_IN, Advice, Strategy
from trading_cli.trading.vetoes import Sections
from trading_cli.trading.view import Pooled, Talk, View

D = Decimal
TIERS = (D("0.01"), D("0.02"), D("0.03"), D("0.04"))


def ours(name: str) -> Strategy:
    """Return one of the built-in strategies."""
    return BUILT_IN[name].make(TIERS)


def ask(name: str, view: View) -> Advice:
    """Return what a built-in strategy answers."""
    return ours(name).decide(view, view.market.id, float(view.mid or 0))


@pytest.mark.parametrize(
    ("tiers", "ceiling"),
    [("SSS", "0.04"), ("SSM", "0.03"), ("SMS", "0.03"), ("MMS", "0.02"), ("MMM", "0.01")],
)
def test_the_ceiling_is_by_how_many_are_strong(tiers: str, ceiling: str) -> None:
    """3 STRONG 4 %, 2 STRONG 3 %, 1 STRONG 2 %, 3 MODERATE 1 %."""
    advice = ask("rvr_roc_hype", replace(CLEAN, features=agreeing(tiers=tiers)))
    assert advice.action is Action.BUY
    assert advice.token is Token.YES
    assert advice.ceiling == D(ceiling)
    assert advice.label.startswith("agreement 3 of 3: rvr ")
    assert "%" not in advice.label


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rvr": feature("rvr", 1.6, Tier.WEAK)}, "RVR_LOW"),
        ({"rvr": feature("rvr", None, Tier.NONE)}, "RVR_UNDEFINED"),
        ({"rvr": feature("rvr", 4.0, Tier.WEAK, limited="ONE_WALLET")}, "ONE_WALLET"),
        ({"roc": feature("roc", 0.06, Tier.WEAK)}, "ROC_LOW"),
        ({"roc": feature("roc", None, Tier.NONE)}, "ROC_UNDEFINED"),
        ({"hype": feature("hype", 60.0, Tier.WEAK)}, "HYPE_LOW"),
        ({"hype": feature("hype", None, Tier.NONE)}, "HYPE_UNDEFINED"),
    ],
)
def test_the_first_that_does_not_agree_names_the_reason(
    changes: dict[str, Feature], reason: str
) -> None:
    """Undefined is not low, one wallet's volume is neither, and the numbers are shown."""
    advice = ask("rvr_roc_hype", replace(CLEAN, features=agreeing() | changes))
    assert advice.action is Action.HOLD
    assert advice.reason is Reason(reason)
    assert {"rvr", "roc", "hype", "roc_tier", "hype_best"} <= set(advice.indicators)


def test_what_was_never_computed_is_undefined() -> None:
    """A view without features holds."""
    assert ask("rvr_roc_hype", replace(CLEAN, features={})).reason is Reason.RVR_UNDEFINED


def test_a_tier_of_the_last_hour_counts() -> None:
    """RVR and hype that were STRONG 30 min ago are STRONG, ROC only with its sign of then."""
    now = agreeing(roc=0.06, tiers="WWW")
    best = dict.fromkeys(("rvr", "roc", "hype"), Tier.STRONG)
    earlier = replace(CLEAN, features=now, best_tiers=best, best_roc=0.2)
    assert ask("rvr_roc_hype", earlier).ceiling == D("0.04")
    turned = replace(earlier, best_roc=-0.2)
    assert ask("rvr_roc_hype", turned).reason is Reason.ROC_FADED
    unknown = replace(earlier, best_roc=None)
    assert ask("rvr_roc_hype", unknown).reason is Reason.ROC_FADED


def test_a_move_that_faded_below_weak_is_no_entry() -> None:
    """ROC at t must still be WEAK."""
    faded = agreeing() | {"roc": feature("roc", 0.04, Tier.NONE)}
    view = replace(CLEAN, features=faded, best_tiers={"roc": Tier.STRONG}, best_roc=0.2)
    assert ask("rvr_roc_hype", view).reason is Reason.ROC_FADED


def test_an_earlier_tier_of_the_other_sign_does_not_help() -> None:
    """STRONG down 30 min ago and MODERATE up now is MODERATE up."""
    view = replace(CLEAN, best_tiers={"roc": Tier.STRONG}, best_roc=-0.2)
    assert ask("rvr_roc_hype", view).ceiling == D("0.01")


def test_provisional_hype_halves() -> None:
    """A baseline of 7 days, or a hype known only from earlier slots, buys half."""
    short = agreeing() | {"hype": replace(agreeing()["hype"], provisional=True)}
    assert ask("rvr_roc_hype", replace(CLEAN, features=short)).halved
    gone = agreeing() | {"hype": feature("hype", None, Tier.NONE)}
    view = replace(CLEAN, features=gone, best_tiers={"hype": Tier.MODERATE})
    assert ask("rvr_roc_hype", view).halved
    assert not ask("rvr_roc_hype", CLEAN).halved


def test_a_hazard_halves_and_both_halve_the_ceiling_too() -> None:
    """A market that may resolve any day is bought half, on a short baseline a quarter."""
    strategy = ours("rvr_roc_hype")
    hazard = replace(CLEAN, deadline=deadline(hazard=True))
    once = signal_of(strategy, hazard, ask("rvr_roc_hype", hazard))
    assert (once.halved, once.ceiling) == (True, D("0.01"))
    short = agreeing() | {"hype": replace(agreeing()["hype"], provisional=True)}
    both = replace(hazard, features=short)
    twice = signal_of(strategy, both, ask("rvr_roc_hype", both))
    assert (twice.halved, twice.ceiling) == (True, D("0.005"))


def test_early_waits_for_the_pooled_test() -> None:
    """INSUFFICIENT without it; then the coefficient's sign is the side, while price is quiet."""
    quiet = replace(CLEAN, features=agreeing(roc=0.01, tiers="MNM"))
    assert ask("early", quiet).reason is Reason.INSUFFICIENT
    up, down = (replace(quiet, pooled=Pooled(sign * 0.02, 3, 900)) for sign in (1, -1))
    assert ask("early", up).token is Token.YES
    assert ask("early", down).token is Token.NO
    assert "leads by 3 h" in ask("early", up).label
    assert ask("early", replace(up, features=agreeing(tiers="MWM"))).reason is Reason.PRICE_MOVED
    assert ask("early", replace(up, features=agreeing(tiers="MNW"))).reason is Reason.HYPE_LOW
    assert ask("early", replace(up, pooled=Pooled(0.0, 3, 900))).reason is Reason.NO_EDGE
    assert signal_of(ours("early"), up, ask("early", up)).ceiling == D("0.01")


@pytest.mark.parametrize(
    ("roc", "talk", "expected"),
    [
        (0.03, Talk(0.51, 5), "YES"),
        (-0.04, Talk(-0.8, 9), "NO"),
        (0.029, Talk(0.9, 9), "ROC_LOW"),
        (0.05, Talk(0.5, 9), "SENTIMENT_LOW"),
        (0.05, Talk(-0.9, 9), "SENTIMENT_LOW"),
        (0.05, Talk(0.9, 4), "SENTIMENT_LOW"),
        (0.05, Talk(None, 9), "SENTIMENT_LOW"),
        (None, Talk(0.9, 9), "ROC_UNDEFINED"),
    ],
)
def test_momentum_needs_the_mood_to_agree(roc: float | None, talk: Talk, expected: str) -> None:
    """3 % over 12 h, sentiment beyond 0.5 the same way, 5 posts."""
    view = replace(CLEAN, features={"roc": feature("roc", roc, Tier.NONE)}, talk=talk)
    advice = ask("momentum_sentiment", view)
    assert (advice.token or advice.reason).value == expected


def test_price_only_needs_a_probability_that_pays() -> None:
    """Without a fit INSUFFICIENT; at or below the all-in ask no edge; above it, Kelly may size."""
    assert ask("price_only", CLEAN).reason is Reason.INSUFFICIENT
    dear = replace(CLEAN, fee=FeeSchedule(D("0.04"), D(1), "market"), recalibrate=lambda _: 0.51)
    assert ask("price_only", dear).reason is Reason.NO_EDGE
    advice = ask("price_only", replace(dear, recalibrate=lambda _: 0.55))
    assert (advice.token, advice.probability) == (Token.YES, 0.55)
    falling = replace(dear, features=agreeing(roc=-0.12), recalibrate=lambda _: 0.40)
    assert ask("price_only", falling).token is Token.NO
    assert ask("price_only", falling).probability == pytest.approx(0.60)
    still = replace(dear, features=agreeing(roc=0.05, tiers="MWM"))
    assert ask("price_only", still).reason is Reason.ROC_LOW


def test_the_ablations_ask_one_part_each() -> None:
    """ROC-only does not read hype, hype-only reads the price for its side alone."""
    view = replace(CLEAN, features=agreeing(roc=-0.12, tiers="NMN"))
    assert ask("roc_only", view).token is Token.NO
    assert ask("hype_only", view).reason is Reason.HYPE_LOW
    talked = replace(CLEAN, features=agreeing(roc=-0.001, tiers="NNM"))
    assert ask("hype_only", talked).token is Token.NO
    assert ask("roc_only", talked).reason is Reason.ROC_LOW
    still = replace(CLEAN, features=agreeing(roc=0.0, tiers="NNM"))
    assert ask("hype_only", still).reason is Reason.ROC_LOW


# --- the mirror

tiers = st.sampled_from(Tier)
cents = st.integers(1, 99)


@st.composite
def views(draw: st.DrawFn) -> View:
    """Return any candidate: any features, any quote, any talk."""
    bid = draw(cents)
    ask_ = draw(st.integers(bid, 99))
    value = st.none() | st.floats(-0.5, 0.5).filter(lambda x: x == 0 or abs(x) > 1e-6)
    features = {name: feature(name, draw(value), draw(tiers)) for name in ("rvr", "roc", "hype")}
    if features["roc"].value == 0:
        features["roc"] = feature("roc", 0.0, Tier.NONE)  # no change has no tier: `roc` says so
    pooled = draw(st.none() | st.sampled_from((-0.5, 0.25)))
    slope = draw(st.none() | st.sampled_from((0.3137, 0.6137, 0.9371)))
    return replace(
        CLEAN,
        quote=quote(f"0.{bid:02}", f"0.{ask_:02}"),
        features=features,
        best_tiers={name: draw(tiers) for name in features},
        best_roc=draw(value),
        mids=((AT, draw(st.sampled_from((0.25, 0.5, 0.75)))),),
        talk=Talk(draw(st.none() | st.floats(-1, 1)), draw(st.integers(0, 9))),
        fee=FeeSchedule(D(draw(st.sampled_from(("0", "0.05")))), D(1), "market"),
        pooled=None if pooled is None else Pooled(pooled, 2, 500),
        recalibrate=None if slope is None else lambda mid: 0.5 + slope * (mid - 0.5),
    )


@settings(deadline=None, max_examples=60)
@given(views())
def test_the_decision_from_the_no_book_mirrors_the_one_from_yes(view: View) -> None:
    """Whatever the market looks like, swapping its tokens swaps the token bought, nothing else."""
    strategies = [one.make(TIERS) for one in BUILT_IN.values()]
    for here, there in zip(
        _by_strategy([view], strategies), _by_strategy([view.mirrored()], strategies), strict=True
    ):
        assert here.signal.strategy == there.signal.strategy
        assert here.action is there.action
        assert here.reason is there.reason
        assert here.signal.token is (there.signal.token and there.signal.token.other)
        assert here.signal.ceiling == there.signal.ceiling
        assert here.signal.strength == pytest.approx(there.signal.strength, abs=1e-9)
        assert [veto.reason for veto in here.vetoes] == [veto.reason for veto in there.vetoes]


@settings(deadline=None, max_examples=60)
@given(views())
def test_in_line_the_answers_are_those_of_the_threads(view: View) -> None:
    """Whatever the market looks like, a backtest, which keeps no vetoes, decides the same."""
    strategies = [one.make(TIERS) for one in BUILT_IN.values()]
    views = [view, view.mirrored()]
    live = decide(views, strategies, Sections())
    past = decide(views, strategies, Sections(), explain=False, bare=True, in_line=True)
    for here, there in zip(live, past, strict=True):
        assert (here.signal, here.action, here.reason) == (there.signal, there.action, there.reason)
        assert here.rank == there.rank
        assert there.vetoes == (here.vetoes[:1] if here.signal.token else ())


def _by_strategy(candidates, strategies):
    return sorted(decide(candidates, strategies, Sections()), key=lambda one: one.signal.strategy)


@settings(deadline=None, max_examples=60)
@given(views())
def test_the_mirror_of_the_mirror_is_the_view(view: View) -> None:
    """Swapping twice changes nothing."""
    back = replace(view.mirrored().mirrored(), recalibrate=view.recalibrate)
    assert back == view
