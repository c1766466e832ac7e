"""Benchmark: the likelier token of every candidate, whatever else is known of it."""

from dataclasses import dataclass
from decimal import Decimal

from trading_cli.domain import Action, Reason, Token
from trading_cli.trading.strategies.advice import Advice, hold
from trading_cli.trading.view import View

HALF = 0.5


@dataclass(frozen=True, slots=True)
class Favourite:
    """The token above .50; at .50 there is none."""

    name: str = "favourite"
    ceiling: Decimal = Decimal("0.01")

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Buy the token that the price calls likelier."""
        numbers = {"mid": current_price}
        if current_price == HALF:
            return hold(Reason.NO_EDGE, numbers)
        return Advice(
            Action.BUY,
            Token.YES if current_price > HALF else Token.NO,
            strength=min(abs(current_price - HALF) * 2, 1.0),
            indicators=numbers,
            label="benchmark: the favourite",
        )
