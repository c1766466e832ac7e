"""Ablation: the price part of rvr_roc_hype alone, to see what the other two add."""

from dataclasses import dataclass
from decimal import Decimal

from trading_cli.domain import Action
from trading_cli.trading.strategies.advice import Advice, hold, risen
from trading_cli.trading.strategies.judging import readings, roc_tier, roc_wrong
from trading_cli.trading.view import View


@dataclass(frozen=True, slots=True)
class RocOnly:
    """ROC MODERATE within the last hour, still WEAK, same sign."""

    name: str = "roc_only"
    ceiling: Decimal = Decimal("0.01")

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Buy the token that rose."""
        numbers = readings(data, "roc")
        reason = roc_wrong(data)
        if reason is not None:
            return hold(reason, numbers)
        change, tier = data.feature("roc").value or 0.0, roc_tier(data)
        return Advice(
            Action.BUY,
            risen(change),
            strength=min(abs(change), 1.0),
            indicators=numbers,
            label=f"benchmark: roc {tier.name}",
        )
