"""What a cell came to, in six numbers: the same formulas as the report's, without intervals."""

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from trading_cli.research import measures
from trading_cli.trading.backtest.result import Run

_DAY = 86_400
_LEAST = 1e-6  # an equity of nothing has no return: the smallest there is stands for it


@dataclass(frozen=True, slots=True)
class Summary:
    """Of closed trades and of daily equity at liquidation value, the bankroll before the first.

    ``win_rate`` is the share of events with a net result above 0; ``profit_factor`` what winning
    trades won over what losing ones lost; NaN is a number that does not exist.
    """

    trades: int
    total_return: float
    sharpe: float
    max_drawdown: float
    win_rate: float
    profit_factor: float


def summary(run: Run, bankroll: float) -> Summary:
    """Return the figures of *run*, which began with *bankroll*."""
    days = run.equity.slots // _DAY
    ends = np.flatnonzero(np.append(days[1:] != days[:-1], True)[: days.size])  # the last slot
    curve = np.maximum(np.concatenate([[bankroll], run.equity.at_liquidation[ends]]), _LEAST)
    returns = curve[1:] / curve[:-1] - 1
    events: dict[str, float] = defaultdict(float)
    for trip in run.closed:
        events[trip.event_id] += float(trip.net)
    won = sum(float(trip.net) for trip in run.closed if trip.net > 0)
    lost = -sum(float(trip.net) for trip in run.closed if trip.net < 0)
    return Summary(
        len(run.closed),
        float(curve[-1] / curve[0]) - 1,
        float(measures.sharpe_ratio(returns)) if returns.size > 1 else math.nan,
        float(measures.max_drawdown(curve)),
        sum(net > 0 for net in events.values()) / len(events) if events else math.nan,
        won / lost if lost else math.nan,
    )
