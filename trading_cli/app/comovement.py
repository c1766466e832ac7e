"""Store -> which of what we hold moved with a market: a limit's input, which can only tighten."""

from collections.abc import Callable, Iterable, MutableMapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from trading_cli.research.comovement import between
from trading_cli.research.hourly import HOUR, Floats, log_odds
from trading_cli.store import Transaction
from trading_cli.store.hourly_mids import hourly_mids
from trading_cli.trading.groups import Correlation

SPAN = timedelta(days=30)

Levels = MutableMapping[str, Floats]
"""Hourly log odds by market, as read for one slot."""

Read = Callable[[str, NDArray[np.int64], datetime], Floats]
"""A market's mids at consecutive full hours, as known at an instant."""


def measured(
    look: Transaction,
    market_id: str,
    held: Iterable[str],
    *,
    slot: int,
    as_of: datetime,
    levels: Levels,
    read: Read | None = None,
) -> tuple[Correlation, ...]:
    """Return how *market_id* moved with each of *held* over the 30 days before *slot*.

    Hours as known at *as_of*; a market is read once into *levels*, which belongs to the slot, and
    with *read* where many slots are asked of one past.
    Pairs without a number (nothing moved, nothing known) are left out.
    """
    others = sorted(set(held) - {market_id})
    if not others:
        return ()
    last = slot // HOUR * HOUR
    ends = np.arange(last - int(SPAN.total_seconds()), last + 1, HOUR, dtype=np.int64)
    for name in (market_id, *others):
        if name not in levels:
            mids = read(name, ends, as_of) if read else hourly_mids(look, name, ends, as_of=as_of)
            levels[name] = log_odds(mids)
    found, moves = between(levels[market_id], np.stack([levels[name] for name in others]))
    return tuple(
        Correlation(market_id, name, float(rho), int(count))
        for name, rho, count in zip(others, found, moves, strict=True)
        if np.isfinite(rho)
    )
