"""How settlements stand: final only when the venue says so twice.

A market is labelled when it is closed *and* its prices are exactly 1/0, 0/1 or one half each, and
no dispute is under way. Anything else stays ``open``, with the reason.
"""

from datetime import datetime
from decimal import Decimal

from trading_cli.domain import Market, Outcome, Resolution

HALF = Decimal("0.5")
UNDER_WAY = frozenset({"requested", "proposed", "disputed", "challenged"})
_FINAL = {
    (Decimal(1), Decimal(0)): (Outcome.YES, Decimal(1)),
    (Decimal(0), Decimal(1)): (Outcome.NO, Decimal(0)),
    (HALF, HALF): (Outcome.HALF, HALF),
}


def resolution_of(market: Market, observed_at: datetime) -> Resolution:
    """Return how the settlement of *market* stands, as it was described."""
    outcome, payout, reason = _standing(market)
    return Resolution(
        market.condition_id,
        outcome,
        payout,
        market.uma_status,
        market.closed_at,
        observed_at,
        reason,
    )


def _standing(market: Market) -> tuple[Outcome, Decimal | None, str]:
    prices = market.outcome_prices
    if not market.closed:
        return Outcome.OPEN, None, "not_closed"
    if prices is None:
        return Outcome.OPEN, None, "no_prices"
    status = (market.uma_status or "").lower()
    if status in UNDER_WAY:
        return Outcome.OPEN, None, status
    if prices in _FINAL:
        return *_FINAL[prices], ""
    return Outcome.OPEN, None, "zero_zero" if not any(prices) else "not_final"
