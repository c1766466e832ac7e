"""Price alone, with a probability recalibrated on the past: for imported history.

Off in paper and live. Until a recalibration was fitted (walk-forward, on earlier data only) the
answer is INSUFFICIENT. Outside opinions that weigh move the probability.
"""

import math
from dataclasses import dataclass
from decimal import Decimal

from trading_cli.domain import Action, Reason, Token
from trading_cli.trading.fees import fee
from trading_cli.trading.strategies.advice import Advice, hold, risen
from trading_cli.trading.strategies.judging import readings, roc_wrong
from trading_cli.trading.view import View

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class PriceOnly:
    """ROC MODERATE, and a recalibrated probability above what one share costs all-in."""

    name: str = "price_only"
    ceiling: Decimal = Decimal("0.01")

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Buy the token that rose where its recalibrated probability pays for it."""
        numbers = readings(data, "roc")
        if data.recalibrate is None:
            return hold(Reason.INSUFFICIENT, numbers)
        reason = roc_wrong(data)
        if reason is not None:
            return hold(reason, numbers)
        token = risen(data.feature("roc").value or 0.0)
        price = all_in_ask(data, token)
        if price is None:
            return hold(Reason.NO_QUOTE, numbers)
        yes = data.recalibrate(current_price)
        probability = yes if token is Token.YES else 1 - yes
        numbers |= {"probability": probability, "all_in_ask": float(price)}
        if not (math.isfinite(probability) and 0 < probability < 1):
            return hold(Reason.NO_EDGE, numbers)
        believed = data.believed(probability, token)
        if believed <= float(price):
            return hold(Reason.NO_EDGE, numbers)
        return Advice(
            Action.BUY,
            token,
            strength=min(believed - float(price), 1.0),
            indicators=numbers,
            probability=probability,
            label=f"recalibrated {probability:.3f} against {price:.4f} all-in",
        )


def all_in_ask(data: View, token: Token) -> Decimal | None:
    """Return the ask plus the taker fee of one share, ``None`` without an ask."""
    ask = data.ask(token)
    if ask is None or data.fee is None:
        return ask
    return ask + fee(_HUNDRED, ask, data.fee) / _HUNDRED
