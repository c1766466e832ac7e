"""What the closed trades were like, by strategy, category, tier, hour and who made them.

Trades of one event are one bet. Below 30 events there is no point and no interval, only n, what is
missing and when it comes at the present pace.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app import brief
from trading_cli.app.journal import now_of, outcome
from trading_cli.core.clock import Clock
from trading_cli.domain import Decision, Position, PositionState
from trading_cli.research.track_record import LEAST_EVENTS, mean_interval, wilson
from trading_cli.store import Store, Transaction, decided, holdings
from trading_cli.store.born import is_there

DIMENSIONS = ("all", "strategy", "category", "tier", "hour", "by")
NOTHING = "no trade is closed yet"


@dataclass(frozen=True, slots=True)
class Closed:
    """One closed trade: what it is counted under, and how it went (USD net, and over its cost)."""

    event: str
    closed_at: datetime
    labels: Mapping[str, str]
    net: float
    paid: float


def stats(
    config: Path | None, *, by: str | None = None, clock: Clock | None = None
) -> dict[str, Any]:
    """Return {trades, events, groups: […], minimum}: the record, cell by cell.

    *by* asks for one of ``DIMENSIONS`` alone.
    """
    known = brief.read(config, os.environ)
    now = now_of(clock)
    if not is_there(known.database):
        return _told([], now, by)
    with Store.reader(known.database) as store, store.reading() as look:
        return _told(closed_trades(look), now, by)


def closed_trades(look: Transaction) -> list[Closed]:
    """Return every closed trade, in the order of its opening."""
    return [
        _closed(look, one)
        for one in holdings.positions(look, every=True)
        if one.state is PositionState.CLOSED and one.closed_at is not None
    ]


def _closed(look: Transaction, position: Position) -> Closed:
    decision = decided.decision(look, position.decision_id) if position.decision_id else None
    came = outcome(look, position)
    labels = {
        "all": "all",
        "strategy": position.strategy,
        "category": position.category or "none",
        "tier": tier_of(decision),
        "hour": f"{position.opened_at:%H} UTC",
        "by": position.by,
    }
    returned = came["returned"]
    paid = came["net"] / returned if returned else came["bought"] + came["fees"]
    return Closed(
        position.event_id, position.closed_at or position.opened_at, labels, came["net"], paid
    )


def tier_of(decision: Decision | None) -> str:
    """Return the tiers the entry was decided on, as its signal labels them."""
    label = None if decision is None else decision.facts.get("label")
    return str(label) if label else "not stated"


def _told(trades: Sequence[Closed], now: datetime, by: str | None) -> dict[str, Any]:
    groups: dict[tuple[str, str], list[Closed]] = defaultdict(list)
    for trade in trades:
        for dimension in DIMENSIONS if by is None else (by,):
            groups[dimension, trade.labels[dimension]].append(trade)
    order = sorted(groups, key=lambda key: (DIMENSIONS.index(key[0]), key[1]))
    return {
        "trades": len(trades),
        "events": len({trade.event for trade in trades}),
        "minimum": LEAST_EVENTS,
        "groups": [_cell(*key, groups[key], now) for key in order],
        "warnings": [] if trades else [NOTHING],
    }


def _cell(dimension: str, name: str, trades: Sequence[Closed], now: datetime) -> dict[str, Any]:
    """Return one cell: n, the money (a fact), and the intervals where there are events enough."""
    returns = returns_by_event(trades)
    enough = len(returns) >= LEAST_EVENTS
    cell: dict[str, Any] = {
        "by": dimension,
        "name": name,
        "trades": len(trades),
        "events": len(returns),
        "net": round(sum(trade.net for trade in trades), 6),
        "win_rate": None,
        "mean_return": None,
    }
    if enough:
        won = wilson(sum(value > 0 for value in returns), len(returns))
        mean = mean_interval(returns)
        cell["win_rate"] = dict(won._asdict())
        cell["mean_return"] = dict(mean._asdict())
        verdict = "UNPROVEN" if mean.low <= 0 <= mean.high else "DIFFERS_FROM_0"
        return cell | {"verdict": verdict, "missing": ""}
    return cell | {
        "verdict": "INSUFFICIENT",
        "missing": missing(len(returns), LEAST_EVENTS, "events", trades, now),
    }


def returns_by_event(trades: Iterable[Closed]) -> list[float]:
    """Return each event's net result over what its trades cost; one that cost nothing is 0."""
    net: dict[str, float] = defaultdict(float)
    paid: dict[str, float] = defaultdict(float)
    for trade in trades:
        net[trade.event] += trade.net
        paid[trade.event] += trade.paid
    return [net[event] / paid[event] if paid[event] > 0 else 0.0 for event in net]


def missing(n: int, least: int, what: str, trades: Sequence[Closed], now: datetime) -> str:
    """Return how much is missing, and when it comes at the pace since the first trade closed."""
    short = f"{n} of {least} {what}"
    if not trades:
        return short
    began = min(trade.closed_at for trade in trades)
    days = (now - began) / timedelta(days=1)
    if days < 1:
        return short
    ready = now + timedelta(days=days * (least - n) / max(n, 1))
    return f"{short}; enough about {ready:%Y-%m-%d} at the present pace"
