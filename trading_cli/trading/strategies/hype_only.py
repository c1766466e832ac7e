"""Ablation: the talk part of rvr_roc_hype alone. Talk has no side: the token that rose is bought.

The move may be of any size; where there is none, there is no side to take.
"""

from dataclasses import dataclass
from decimal import Decimal

from trading_cli.domain import Action, Reason
from trading_cli.trading.strategies.advice import Advice, hold, risen
from trading_cli.trading.strategies.judging import provisional, readings, too_low
from trading_cli.trading.view import View


@dataclass(frozen=True, slots=True)
class HypeOnly:
    """Hype MODERATE within the last hour."""

    name: str = "hype_only"
    ceiling: Decimal = Decimal("0.01")

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Buy the token that rose, however little."""
        numbers = readings(data, "roc", "hype")
        change = data.feature("roc").value
        reason = too_low(data, "hype")
        if reason is None and change is None:
            reason = Reason.ROC_UNDEFINED
        if reason is None and not change:
            reason = Reason.ROC_LOW
        if reason is not None or change is None:
            return hold(reason or Reason.ROC_UNDEFINED, numbers)
        return Advice(
            Action.BUY,
            risen(change),
            strength=(data.feature("hype").value or 0.0) / 100,
            indicators=numbers,
            label=f"benchmark: hype {data.best('hype').name}",
            halved=provisional(data),
        )
