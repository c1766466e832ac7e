"""How settlements stand: final only when the venue says so twice.

A market is labelled when it is closed *and* its prices are exactly 1/0, 0/1 or one half each, and
no dispute is under way. Anything else stays ``open``, with the reason.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from trading_cli.core.http_client import HttpClient
from trading_cli.domain import Failure, Market, Outcome, Record, Refusal, Resolution, Wanted
from trading_cli.sources.polymarket.look_up import look_up

SOURCE = "polymarket.resolutions"
HALF = Decimal("0.5")
UNDER_WAY = frozenset({"requested", "proposed", "disputed", "challenged"})
_FINAL = {
    (Decimal(1), Decimal(0)): (Outcome.YES, Decimal(1)),
    (Decimal(0), Decimal(1)): (Outcome.NO, Decimal(0)),
    (HALF, HALF): (Outcome.HALF, HALF),
}


class Resolutions:
    """The settlement of each of ``wanted.markets``, as the listing tells it."""

    name = SOURCE

    def __init__(self, http: HttpClient, workers: int = 16) -> None:
        self._http = http
        self._workers = workers

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield a ``Resolution`` per market; raise ``SourceError`` when nothing can be reached."""
        ids = [market.condition_id for market in wanted.markets]
        found = look_up(
            self._http, ids, wanted.until, workers=self._workers, deadline=wanted.deadline
        )
        for record in found:
            if isinstance(record, Market):
                yield resolution_of(record, record.observed_at)
            elif isinstance(record, Failure | Refusal):
                yield replace(record, source=SOURCE)


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
