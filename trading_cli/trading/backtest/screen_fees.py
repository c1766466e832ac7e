"""What a taker is charged, slot by slot: as arrays for what is held, by the market for an entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from trading_cli.domain import FeeSchedule, Market
from trading_cli.trading.backtest.columns import Floats
from trading_cli.trading.fees import FeeUnknown, schedule_of
from trading_cli.trading.fills import DEAREST_FEE


@dataclass(frozen=True, slots=True)
class Fees:
    """What a taker is charged for a share at p, slot by slot [S]: rate x (p(1-p))^exponent."""

    rate: Floats
    exponent: Floats

    def at(self, part: slice, price: Floats) -> Floats:
        """Return the fee of one share at *price* in the slots of *part*, before any rounding."""
        rate, exponent = self.rate[part], self.exponent[part]
        if not rate.any():
            return np.zeros(price.shape)
        spread = price * (1 - price)
        fee: Floats = rate * (spread if (exponent == 1).all() else spread**exponent)
        return fee


def fees_over(market: Market, override: FeeSchedule | None, times: Sequence[datetime]) -> Fees:
    """Return what selling costs at each of *times*; the dearest known where nobody says.

    A market's fee changes at most once over a run; where both ends agree it is asked no further.
    """

    def fee(at: datetime) -> FeeSchedule:
        return override or charge(market, at)[0] or DEAREST_FEE

    first, last = fee(times[0]), fee(times[-1])
    each = [first] if first == last else [fee(at) for at in times]
    rate = np.array([float(one.rate) for one in each])
    exponent = np.array([float(one.exponent) for one in each])
    return Fees(np.broadcast_to(rate, len(times)), np.broadcast_to(exponent, len(times)))


def charge(market: Market, at: datetime) -> tuple[FeeSchedule | None, str]:
    """Return the schedule of *market* at *at*, or ``None`` and why nobody knows it."""
    try:
        return schedule_of(market, at), ""
    except FeeUnknown as unknown:
        return None, unknown.message
