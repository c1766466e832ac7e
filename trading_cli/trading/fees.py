"""What a taker pays: shares x rate x (p(1-p))^exponent, rounded to 5 decimals.

Where the schedule is found, in this order, the first that answers wins:

market      the market's own ``feeSchedule``
table       its ``feeType`` in ``FEE_TABLE``, the row in force at the asked instant
disabled    ``feesEnabled`` is false: nothing is paid
(refused)   anything else: an unknown fee is not zero, so the market is not traded

Makers pay nothing; only taker fees are computed here. A recorded ``feeSchedule`` is the value at
the time the market was observed, not at some earlier trade.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from trading_cli.core.errors import TradingError
from trading_cli.domain import FeeSchedule, Market

FEE_STEP = Decimal("0.00001")
_ZERO = Decimal(0)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class FeeRow:
    """One fee type's taker rate from ``since`` on."""

    fee_type: str
    since: datetime
    rate: Decimal
    exponent: Decimal = _ONE


class FeeUnknown(TradingError):
    """Nothing says what a taker pays on this market; ``reason`` is a short code."""

    code = "fee_unknown"

    def __init__(self, market_id: str, reason: str, detail: str) -> None:
        super().__init__(
            f"fee of market {market_id} is unknown: {detail}",
            hint="leave this market alone, or add its feeType to trading/fees.py with a source",
        )
        self.market_id = market_id
        self.reason = reason


_FIRST = datetime(2026, 1, 5, tzinfo=UTC)
_SPORTS = datetime(2026, 2, 18, tzinfo=UTC)


def _row(fee_type: str, rate: str, exponent: str = "1", since: datetime = _FIRST) -> FeeRow:
    return FeeRow(fee_type, since, Decimal(rate), Decimal(exponent))


# The unversioned crypto_fees and sports_fees are what markets of March 2026 carry; their numbers
# are those of the venue's fee page of February 2026 (crypto of 5 and 15 minutes; college
# basketball, Serie A). Before its first row a type costs nothing: there were no fees before 2026.
FEE_TABLE: tuple[FeeRow, ...] = (
    _row("crypto_15_min", "0.25", "2"),
    _row("crypto_fees", "0.25", "2"),
    _row("crypto_fees_v2", "0.07"),
    _row("sports_fees", "0.0175", "1", _SPORTS),
    _row("sports_fees_v2", "0.03"),
    _row("sports_fees_v3", "0.05"),
    _row("politics_fees", "0.04"),
    _row("finance_prices_fees", "0.04"),
    _row("tech_fees", "0.04"),
    _row("mentions_fees", "0.04"),
    _row("economics_fees", "0.05"),
    _row("culture_fees", "0.05"),
    _row("weather_fees", "0.05"),
    _row("general_fees", "0.05"),
    _row("zero_fees", "0"),
)


def schedule_of(market: Market, at: datetime) -> FeeSchedule:
    """Return what a taker pays on *market* at *at*; ``origin`` is market, table or disabled.

    Raises FeeUnknown with ``reason`` NO_FEE_TYPE, UNKNOWN_FEE_TYPE or BAD_SCHEDULE.
    """
    if market.fee_schedule is not None:
        return _own(market, market.fee_schedule)
    rows = [row for row in FEE_TABLE if row.fee_type == market.fee_type]
    if rows:
        row = max((r for r in rows if r.since <= at), key=lambda r: r.since, default=None)
        return FeeSchedule(row.rate if row else _ZERO, row.exponent if row else _ONE, "table")
    if market.fees_enabled is False:
        return FeeSchedule(_ZERO, _ONE, "disabled")
    if market.fee_type is None:
        raise FeeUnknown(market.id, "NO_FEE_TYPE", "no feeSchedule, no feeType, not disabled")
    raise FeeUnknown(market.id, "UNKNOWN_FEE_TYPE", f"feeType {market.fee_type!r} is not known")


def _own(market: Market, schedule: FeeSchedule) -> FeeSchedule:
    numbers = (schedule.rate, schedule.exponent)
    if not all(n.is_finite() and n >= 0 for n in numbers) or schedule.rate > 1:
        raise FeeUnknown(market.id, "BAD_SCHEDULE", f"feeSchedule makes no sense: {schedule}")
    return FeeSchedule(schedule.rate, schedule.exponent, "market")


def fee(shares: Decimal, price: Decimal, schedule: FeeSchedule) -> Decimal:
    """Return the taker fee in USD of one fill, to 5 decimals; a fee above 0 is at least 0.00001.

    *shares* >= 0, *price* in [0, 1]. Raises ValueError outside.
    """
    if not (shares.is_finite() and shares >= 0):
        raise ValueError(f"shares must be 0 or more, not {shares}")
    if not (price.is_finite() and 0 <= price <= 1):
        raise ValueError(f"a price lies in [0, 1], not {price}")
    spread = price * (_ONE - price)
    if spread == 0 or shares == 0 or schedule.rate == 0:
        return Decimal(0)
    exact = shares * schedule.rate * spread**schedule.exponent
    return max(exact.quantize(FEE_STEP, ROUND_HALF_UP), FEE_STEP)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What buying and selling again at once costs, in USD; ``share`` is of the stake."""

    spread: Decimal
    fees: Decimal
    total: Decimal
    share: Decimal


def round_trip(
    bid: Decimal, ask: Decimal, schedule: FeeSchedule, shares: Decimal = Decimal(100)
) -> RoundTrip:
    """Return the cost of buying *shares* at *ask* and selling them at *bid*, both as taker.

    ``share`` is total / (shares x ask). Raises ValueError unless 0 <= bid <= ask <= 1, ask > 0
    and shares > 0.
    """
    if not (0 <= bid <= ask <= 1 and ask > 0 and shares > 0):
        raise ValueError(f"no round trip from ask {ask} to bid {bid} with {shares} shares")
    spread = (ask - bid) * shares
    fees = fee(shares, ask, schedule) + fee(shares, bid, schedule)
    total = spread + fees
    return RoundTrip(spread, fees, total, total / (shares * ask))
