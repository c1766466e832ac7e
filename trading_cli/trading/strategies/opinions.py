"""What outsiders say, as far as they have shown to know more than the price.

The own probability is the price itself, moved by the opinions that weigh. Nobody weighs before 30
of their opinions have settled, nor where `inbound.weigh` is off: then the answer is INSUFFICIENT.
"""

from dataclasses import dataclass
from decimal import Decimal

from trading_cli.domain import Action, Reason, Token
from trading_cli.trading.strategies.advice import Advice, hold
from trading_cli.trading.strategies.price_only import all_in_ask
from trading_cli.trading.view import View


@dataclass(frozen=True, slots=True)
class Opinions:
    """A probability moved by weighed opinions above what one share costs all-in."""

    name: str = "opinions"
    ceiling: Decimal = Decimal("0.01")

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Buy the token that the opinions lift above its price."""
        weighed = [one for one in data.opinions if one.weight]
        numbers: dict[str, object] = {"said": len(data.opinions), "weighed": len(weighed)}
        if not weighed:
            return hold(Reason.INSUFFICIENT, numbers)
        yes = data.believed(current_price)
        if yes == current_price:
            return hold(Reason.NO_EDGE, numbers)
        token = Token.YES if yes > current_price else Token.NO
        stated = current_price if token is Token.YES else 1 - current_price
        probability = data.believed(stated, token)
        price = all_in_ask(data, token)
        if price is None:
            return hold(Reason.NO_QUOTE, numbers)
        numbers |= {"probability": probability, "all_in_ask": float(price)}
        if probability <= float(price):
            return hold(Reason.NO_EDGE, numbers)
        return Advice(
            Action.BUY,
            token,
            strength=min(probability - float(price), 1.0),
            indicators=numbers,
            probability=stated,
            label=f"opinions move {stated:.3f} to {probability:.3f} against {price:.4f} all-in",
        )
