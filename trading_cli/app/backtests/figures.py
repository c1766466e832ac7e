"""What a run measured: every number with its interval, its n, and what is missing.

Daily equity is the last value of each UTC day, the bankroll before the first. Positions still open
at the end are in the equity at liquidation value, and on a line of their own; the measures of
trades are of the closed ones alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import Trip, from_epoch
from trading_cli.research import bets, gates, measures
from trading_cli.research.clustered import clustered_mean
from trading_cli.research.measures import LEAST_DAYS, Measure, TradeResult
from trading_cli.research.track_record import LEAST_EVENTS, wilson
from trading_cli.trading.backtest.result import Equity, Run

Floats = NDArray[np.float64]
DAY_S = 86_400
LEAST = 1e-6  # an equity of nothing has no return: the smallest there is stands for it
DIGITS = 6
TARGETS: tuple[tuple[str, str, float, bool], ...] = (
    ("Sharpe", "Sharpe", 1.0, True),
    ("win rate", "win rate", 0.5, True),
    ("profit factor", "profit factor", 1.5, True),
    ("max drawdown", "drawdown", 0.25, False),
)
DSR_TARGET = 0.95
INSUFFICIENT = "INSUFFICIENT"
FACTS = frozenset({"total return", "max drawdown", "fall by slot"})


def number(value: float | None) -> float | None:
    """Return *value* to 6 decimals, ``None`` where it does not exist."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, DIGITS)


def days_of(slots: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the places of the last of *slots* in each UTC day, in order."""
    if not slots.size:
        return np.empty(0, np.intp)
    day = slots // DAY_S
    ends: NDArray[np.intp] = np.flatnonzero(np.append(day[1:] != day[:-1], True))
    return ends


def daily(equity: Equity, bankroll: float) -> Floats:
    """Return equity at liquidation value by day [n + 1], *bankroll* first."""
    ends = days_of(equity.slots)
    curve: Floats = np.concatenate([[bankroll], equity.at_liquidation[ends]])
    return np.maximum(curve, LEAST)


def returns(equity: Equity, bankroll: float) -> Floats:
    """Return the daily returns [n]."""
    curve = daily(equity, bankroll)
    found: Floats = curve[1:] / curve[:-1] - 1
    return found


def sharpe(found: Floats) -> float | None:
    """Return the Sharpe ratio a year of daily returns [n], ``None`` below 30 days."""
    return number(float(measures.sharpe_ratio(found))) if found.size >= LEAST_DAYS else None


def opened_by_day(trips: Sequence[Trip], equity: Equity) -> NDArray[np.int64]:
    """Return how many of *trips* were opened on each day of *equity* [n]."""
    days = equity.slots[days_of(equity.slots)] // DAY_S
    found = np.zeros(days.size, np.int64)
    if days.size:
        at = np.array([int(one.opened_at.timestamp()) // DAY_S for one in trips], np.int64)
        np.add.at(found, np.clip(np.searchsorted(days, at), 0, days.size - 1), 1)
    return found


def event_of(one: Trip) -> str:
    """Return the event of a trip, or its market where it belongs to none."""
    return one.event_id or one.market_id


def measured(run: Run, bankroll: float, seed: int) -> list[Measure]:
    """Return the measures of the curve, of the closed trades, turnover and exposure."""
    rng = np.random.default_rng(seed)
    curve = daily(run.equity, bankroll)
    found = list(measures.of_equity(curve, rng)) if curve.size > 1 else []
    found += measures.of_trades(_results(run.closed), rng)
    found.append(measures.turnover(float(run.traded), curve))
    if run.equity.slots.size:
        worth = run.equity.at_liquidation
        fall = float(measures.max_drawdown(np.concatenate([[bankroll], worth])))
        found.append(
            Measure("fall by slot", fall, np.nan, np.nan, worth.size, "share", "exact", "")
        )
        found += measures.exposure(run.equity.staked, worth)
    return found


def _results(trips: Sequence[Trip]) -> list[TradeResult]:
    return [
        TradeResult(event_of(one), float(one.net), float(one.cost)) for one in trips if one.cost
    ]


def told(one: Measure) -> dict[str, Any]:
    """Return a measure as the envelope has it: where it is INSUFFICIENT, without a point.

    What simply happened, total return and drawdown, is told however short the record.
    """
    short = one.missing.startswith(INSUFFICIENT) and one.name not in FACTS
    return {
        "name": one.name,
        "value": None if short else number(one.value),
        "low": number(one.low),
        "high": number(one.high),
        "n": one.n,
        "unit": one.unit,
        "method": one.method,
        "missing": one.missing,
    }


def targets(found: Sequence[Mapping[str, Any]], dsr: float | None) -> list[dict[str, Any]]:
    """Return the five targets beside what was measured; alone they prove nothing.

    ``stands`` is "above" or "below" the target only where the whole interval is, else "open".
    """
    by_name = {one["name"]: one for one in found}
    rows = []
    for name, called, target, high_is_good in TARGETS:
        one = by_name.get(name, {})
        row = {"name": called, "target": target, "at_least": high_is_good}
        row |= {key: one.get(key) for key in ("value", "low", "high", "n")}
        row |= {"missing": one.get("missing", "nothing to measure"), "stands": _stands(row)}
        rows.append(row)
    missing = "" if dsr is not None else "a deflated ratio does not exist here"
    last = {"name": "DSR", "target": DSR_TARGET, "at_least": True, "value": dsr, "low": None}
    last |= {"high": None, "n": None, "missing": missing}
    last["stands"] = "open" if dsr is None else "above" if dsr >= DSR_TARGET else "below"
    return [*rows, last]


def _stands(row: Mapping[str, Any]) -> str:
    if row["low"] is None or row["high"] is None:
        return "open"
    if row["low"] > row["target"]:
        return "above"
    return "below" if row["high"] < row["target"] else "open"


def grouped(
    trips: Sequence[Trip], of: Callable[[Trip], str], names: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return count and sums of each group, and its rates from 30 events on: below, no point."""
    groups: dict[str, list[Trip]] = {name: [] for name in names}
    for one in trips:
        groups.setdefault(of(one), []).append(one)
    return [_group(name, rows) for name, rows in sorted(groups.items())]


def _group(name: str, rows: Sequence[Trip]) -> dict[str, Any]:
    events = sorted({event_of(one) for one in rows})
    row: dict[str, Any] = {
        "name": name or "none",
        "trades": len(rows),
        "events": len(events),
        "cost": number(float(sum(one.cost for one in rows))),
        "net": number(float(sum(one.net for one in rows))),
        "win_rate": None,
        "net_per_event": None,
        "missing": "",
    }
    if len(events) < LEAST_EVENTS:
        return row | {"missing": f"INSUFFICIENT: {len(events)} of {LEAST_EVENTS} events"}
    net, cost = dict.fromkeys(events, 0.0), dict.fromkeys(events, 0.0)
    for one in rows:
        net[event_of(one)] += float(one.net)
        cost[event_of(one)] += float(one.cost)
    rate = wilson(sum(value > 0 for value in net.values()), len(events))
    each = clustered_mean([net[one] / cost[one] for one in events if cost[one]])
    row["win_rate"] = {name: number(value) for name, value in rate._asdict().items()}
    row["net_per_event"] = {
        "point": number(each.point), "low": number(each.low), "high": number(each.high),
    }  # fmt: skip
    return row


def unresolved(run: Run) -> dict[str, Any]:
    """Return what was still open at the end, at liquidation value: no closed trade, no outcome."""
    rows = run.still_open
    return {
        "positions": len(rows),
        "cost": number(float(sum(one.cost for one in rows))),
        "value": number(float(sum(one.proceeds for one in rows))),
        "net": number(float(sum(one.net for one in rows))),
        "trips": [trip(one) for one in rows],
    }


def trip(one: Trip) -> dict[str, Any]:
    """Return a round trip as the envelope has it."""
    return {
        "id": one.id,
        "market": one.market_id,
        "question": one.question,
        "category": one.category,
        "strategy": one.strategy,
        "token": one.token.value,
        "opened_at": one.opened_at.isoformat(),
        "closed_at": None if one.closed_at is None else one.closed_at.isoformat(),
        "shares": number(float(one.shares)),
        "entry_price": number(float(one.entry_price)),
        "cost": number(float(one.cost)),
        "proceeds": number(float(one.proceeds)),
        "fees": number(float(one.fees)),
        "net": number(float(one.net)),
        "grade": one.grade,
        "late": one.late,
        "reasons": list(one.reasons),
        "payout": None if one.payout is None else number(float(one.payout)),
    }


def curve(equity: Equity, bankroll: float) -> list[dict[str, Any]]:
    """Return the equity by day, at liquidation value and at mid, and what was at stake."""
    rows = [
        {
            "at": from_epoch(int(equity.slots[place])).isoformat(),
            "liquidation": number(float(equity.at_liquidation[place])),
            "mid": number(float(equity.at_mid[place])),
            "staked": number(float(equity.staked[place])),
        }
        for place in days_of(equity.slots).tolist()
    ]
    if rows:
        start = from_epoch(int(equity.slots[0])).isoformat()
        opening = {"liquidation": number(bankroll), "mid": number(bankroll), "staked": 0.0}
        rows.insert(0, {"at": start, **opening})
    return rows


def gate(run: Run, section: Any) -> dict[str, Any]:
    """Return the time-uniform lower bound of the net return per bet: what the gate asks.

    Events that share a theme while the first of them is open are one bet, as they are live; what
    waits for its bet to end is held back.
    """
    trades, waiting = bets.grouped([
        bets.Trade(
            event_of(one), frozenset(one.themes), one.opened_at, one.closed_at, float(one.net),
            float(one.cost),
        )
        for one in (*run.closed, *run.still_open)
    ])  # fmt: skip
    rules = gates.GateRules(section.min_trades, section.min_events, section.min_days)
    found = gates.judge(trades, rules)
    return {
        "bound": number(found.bound),
        "bound_by_week": number(found.bound_by_week),
        "mean": number(found.mean),
        "trades": found.trades,
        "bets": found.events,
        "waiting": waiting,
        "days": number(found.days),
        "missing": list(found.missing),
    }
