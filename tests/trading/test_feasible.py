"""Settings under which nothing can fire are refused; the others show what they leave."""

from decimal import Decimal

import pytest

from trading_cli.trading import ExitsSection, RiskSection, SignalsSection
from trading_cli.trading.feasible import feasible

D = Decimal


def judged(
    signals: SignalsSection | None = None,
    risk: RiskSection | None = None,
    exits: ExitsSection | None = None,
    **more: object,
):
    """Return what is said of these sections, defaults elsewhere."""
    return feasible(
        signals or SignalsSection(), risk or RiskSection(), exits or ExitsSection(), **more
    )


def test_the_defaults_can_trade_and_say_what_cannot_bind() -> None:
    """No refusal, the bands of the specification, and four limits without effect."""
    found = judged()
    assert found.refusals == ()
    assert [one.sentence() for one in found.bands] == [
        "fee 0: asks from 0.17 to 0.85",
        "fee 0.03: asks from 0.42 to 0.85",
        "fee 0.04: asks from 0.51 to 0.85",
        "fee 0.05: asks from 0.59 to 0.85",
        "fee 0.07: asks from 0.69 to 0.85",
    ]
    assert [note.split(" cannot bind")[0] for note in found.notes] == [
        "risk.cash 0.50",
        "risk.category 0.10",
        "risk.month_loss 0.20",
        "signals.min_ask 0.15",
    ]


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"signals": SignalsSection(strategies=())}, "strategies is empty"),
        ({"signals": SignalsSection(rvr={"weak": 3})}, "signals.rvr: weak 3, moderate 2"),
        ({"signals": SignalsSection(hype={"moderate": 90})}, "signals.hype"),
        (
            {"signals": SignalsSection(min_ask=D("0.6"), max_ask=D("0.5"))},
            "min_ask 0.6 is above signals.max_ask 0.5",
        ),
        ({"signals": SignalsSection(max_round_trip=D("0.01"))}, "at 0.500 ROUND_TRIP"),
        ({"exits": ExitsSection(slow_days=(0, 7))}, "EXIT_WOULD_FIRE, SLOW_3_DAYS"),
        ({"risk": RiskSection(trades_per_day=0)}, "trades_per_day is 0"),
        ({"risk": RiskSection(open_positions=0)}, "open_positions is 0"),
        ({"risk": RiskSection(per_category=0)}, "per_category is 0"),
        ({"risk": RiskSection(cash=D(1))}, "risk.cash is 1"),
        ({"risk": RiskSection(tier_ceilings=(D(0),) * 4)}, "tier_ceilings are all 0"),
        ({"bankroll": D(10)}, "0.40 USD; the venue's smallest order, 5 shares, costs 0.75"),
        ({"broken": ("strategy x does not load",)}, "strategy x does not load"),
    ],
)
def test_what_can_never_trade_is_refused_with_its_numbers(sections, said: str) -> None:
    """One cause, one refusal."""
    (refusal,) = judged(**sections).refusals
    assert said in refusal


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"signals": SignalsSection(min_days_to_deadline=5)},
            "min_days_to_deadline 5 cannot bind: 7 days before",
        ),
        ({"risk": RiskSection(position=D("0.06"))}, "risk.position 0.06 cannot bind"),
        ({"risk": RiskSection(open_positions=4, per_category=4)}, "per_category 4 cannot bind"),
        ({"risk": RiskSection(open_positions=4)}, "risk.exposure 0.25 cannot bind: 4 positions"),
    ],
)
def test_a_limit_without_effect_is_noted(sections, said: str) -> None:
    """It is allowed, and said."""
    found = judged(**sections)
    assert found.refusals == ()
    assert any(said in note for note in found.notes)


def test_a_rate_that_leaves_nothing_says_so() -> None:
    """With asks up to .60 only, rate .07 trades nothing, the lower rates do."""
    found = judged(SignalsSection(max_ask=D("0.60")))
    assert found.refusals == ()
    assert found.bands[-1].sentence() == "fee 0.07: no ask can be traded"
