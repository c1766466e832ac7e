"""Talk before price: volume and talk are up while the price has not moved yet.

Which way the price will go is not in the talk; it is the sign of the pooled coefficient of the
market's category, and until that test has enough data the answer is INSUFFICIENT.
"""

from dataclasses import dataclass
from decimal import Decimal

from trading_cli.domain import Action, Reason, Tier
from trading_cli.trading.strategies.advice import Advice, hold, risen
from trading_cli.trading.strategies.judging import provisional, readings, too_low
from trading_cli.trading.view import View


@dataclass(frozen=True, slots=True)
class Early:
    """Hype and RVR MODERATE while |ROC| is below WEAK."""

    name: str = "early"
    ceiling: Decimal = Decimal("0.01")

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Buy the token the pooled coefficient points to, before the price has moved."""
        numbers = readings(data, "rvr", "roc", "hype")
        if data.pooled is None:
            return hold(Reason.INSUFFICIENT, numbers)
        numbers |= {"pooled": data.pooled.coefficient, "horizon_h": data.pooled.horizon_h}
        reason = too_low(data, "rvr") or too_low(data, "hype") or _moved(data)
        if reason is None and data.pooled.coefficient == 0:
            reason = Reason.NO_EDGE
        if reason is not None:
            return hold(reason, numbers)
        strong = sum(data.best(name) is Tier.STRONG for name in ("rvr", "hype"))
        return Advice(
            Action.BUY,
            risen(data.pooled.coefficient),
            strength=(1 + strong) / 4,
            indicators=numbers,
            label=f"talk first: leads by {data.pooled.horizon_h} h (predictive, not cause)",
            halved=provisional(data),
        )


def _moved(data: View) -> Reason | None:
    now = data.feature("roc")
    if now.value is None:
        return Reason.ROC_UNDEFINED
    return Reason.PRICE_MOVED if now.tier >= Tier.WEAK else None
