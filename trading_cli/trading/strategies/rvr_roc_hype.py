"""Volume, price and talk together: all three at least MODERATE within the last hour.

3 STRONG buys up to 4 % of equity, 2 STRONG 3 %, 1 STRONG 2 %, none 1 %: an agreement of three
indicators, never a probability.
"""

from dataclasses import dataclass
from decimal import Decimal

from trading_cli.domain import Action, Tier
from trading_cli.trading.strategies.advice import Advice, hold, risen
from trading_cli.trading.strategies.judging import (
    provisional,
    readings,
    roc_tier,
    roc_wrong,
    too_low,
)
from trading_cli.trading.view import View

_FAR = 0.30
_TIERS = (Decimal("0.01"), Decimal("0.02"), Decimal("0.03"), Decimal("0.04"))


@dataclass(frozen=True, slots=True)
class RvrRocHype:
    """The plan's signal. ``ceilings`` are fractions of equity for 0, 1, 2 and 3 STRONG."""

    ceilings: tuple[Decimal, ...] = _TIERS
    name: str = "rvr_roc_hype"

    @property
    def ceiling(self) -> Decimal:
        """Return the highest of the ceilings."""
        return max(self.ceilings)

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Buy the token that rose where all three agree; else name the first that does not."""
        numbers = readings(data, "rvr", "roc", "hype")
        reason = too_low(data, "rvr") or roc_wrong(data) or too_low(data, "hype")
        if reason is not None:
            return hold(reason, numbers)
        change = data.feature("roc").value or 0.0
        tiers = {"rvr": data.best("rvr"), "roc": roc_tier(data), "hype": data.best("hype")}
        strong = sum(tier is Tier.STRONG for tier in tiers.values())
        told = ", ".join(f"{name} {tier.name}" for name, tier in tiers.items())
        return Advice(
            Action.BUY,
            risen(change),
            strength=(strong + min(abs(change) / _FAR, 1.0)) / 4,
            indicators=numbers,
            ceiling=self.ceilings[strong],
            label=f"agreement 3 of 3: {told}",
            halved=provisional(data),
        )
