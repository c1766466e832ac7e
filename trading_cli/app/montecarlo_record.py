"""The account's closed trades as Monte Carlo needs them: returns on equity, stakes, costs, odds."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median

import numpy as np

from trading_cli.domain import Position, PositionState, Purpose, Token, Trip
from trading_cli.research.montecarlo import Bets
from trading_cli.research.paths import Floats
from trading_cli.research.stresses import Record
from trading_cli.store import Transaction, backtests, balances, deals, decided, holdings, listings
from trading_cli.trading import groups

FLOWS = frozenset({"deposit", "withdrawal"})
ALL = 1.0
BY_MID = "C"


@dataclass(frozen=True, slots=True)
class Traded:
    """One closed trade, USD: what it brought, cost, and what spread and walking the book took.

    ``equity`` is the deposits and results before it closed. ``chance`` is the probability of YES
    on entry, ``stated`` by its decision or else the mid's; ``None`` where neither is known.
    """

    position: Position | Trip
    closed_at: datetime
    net: float
    paid: float
    shares: float
    slippage: float
    impact: float
    equity: float
    chance: float | None
    stated: bool


def trades(look: Transaction, bankroll: Decimal) -> list[Traded]:
    """Return the closed trades in the order they closed.

    *bankroll* stands in where no deposit is in the ledger. A trade that closed when nothing was
    left of the equity is left out of no count: its equity is then what it paid.
    """
    closed = sorted(
        (
            (one.closed_at, one.id, one)
            for one in holdings.positions(look, every=True)
            if one.state is PositionState.CLOSED and one.closed_at is not None
        ),
        key=lambda found: found[:2],
    )
    flows = [
        (line.at, line.amount)
        for line in balances.entries(look)
        if line.account == "cash" and line.kind in FLOWS
    ]
    earned, found = Decimal(0), []
    for at, _, position in closed:
        deposits = sum((amount for when, amount in flows if when <= at), Decimal(0))
        found.append(_traded(look, position, at, float((deposits or bankroll) + earned)))
        earned += position.realized
    return found


def _traded(look: Transaction, position: Position, at: datetime, equity: float) -> Traded:
    paid = bought = impact = slippage = 0.0
    half = float(position.entry_spread) / 2
    for order, fill in deals.dealings(look, position):
        shares = float(fill.shares)
        slippage += half * shares
        if fill.levels:
            impact += abs(float(fill.price - fill.levels[0].price)) * shares
        if order.purpose is Purpose.ENTRY:
            paid += deals.gross_of(fill) / 1e6 + float(fill.fee)
            bought += shares
    decision = decided.decision(look, position.decision_id) if position.decision_id else None
    said = None if decision is None else decision.facts.get("probability")
    mid = float(position.entry_bid) + half
    own = float(said) if isinstance(said, int | float) else mid
    yes = own if position.token is Token.YES else 1 - own
    return Traded(
        position,
        at,
        float(position.realized),
        paid,
        bought or float(position.original_shares),
        slippage,
        impact,
        equity if equity > 0 else max(paid, 1e-6),
        yes if 0 < yes < 1 else None,
        isinstance(said, int | float),
    )


def trades_of_run(look: Transaction, run: backtests.Row, slippage: float) -> list[Traded]:
    """Return the closed trades of a kept backtest in the order they closed.

    What spread and walking the book took is not kept with a run: it stands as 0 and may not be
    stressed. Where no probability was stated the chance is the price itself, of grade C without the
    *slippage* that was put on its mid.
    """
    closed = sorted(
        ((one.closed_at, one.id, one) for one in backtests.trips(look, run.id)
         if one.closed_at is not None),
        key=lambda one: one[:2],
    )  # fmt: skip
    equity, found = float(run.opening), []
    for at, _, one in closed:
        net, paid = float(one.net), float(one.cost)
        found.append(
            Traded(
                one, at, net, paid, float(one.shares), 0.0, 0.0,
                equity if equity > 0 else max(paid, 1e-6), _chance(one, slippage),
                one.probability is not None,
            )
        )  # fmt: skip
        equity += net
    return found


def _chance(one: Trip, slippage: float) -> float | None:
    """Return the chance of YES; what was stated is of the token that was bought."""
    own = one.probability
    if own is None:
        own = float(one.entry_price) / (1 + slippage if one.grade == BY_MID else 1)
    yes = own if one.token is Token.YES else 1 - own
    return yes if 0 < yes < 1 else None


def record_of(found: Sequence[Traded]) -> Record:
    """Return *found* as fractions of the equity before each; a loss of more than all is all."""

    def column(of: Callable[[Traded], float]) -> Floats:
        return np.array([of(one) / one.equity for one in found], dtype=np.float64)

    returns = np.maximum(column(lambda one: one.net), -ALL)
    stakes = np.minimum(column(lambda one: one.paid), ALL)
    slippage, impact = column(lambda one: one.slippage), column(lambda one: one.impact)
    return Record(returns, stakes, slippage, impact, together(found))


def together(found: Sequence[Traded]) -> int:
    """Return how many of the trades were open when one was opened: the median, at least 1."""
    opened = [one.position.opened_at for one in found]
    counts = [sum(one.position.opened_at <= at < one.closed_at for one in found) for at in opened]
    return max(1, round(median(counts))) if counts else 1


def daily(found: Sequence[Traded], returns: Floats) -> Floats:
    """Return the compounded return of each UTC day from the first close to the last, 0 included."""
    if not found:
        return np.empty(0)
    first = found[0].closed_at.date()
    days = np.ones((found[-1].closed_at.date() - first).days + 1)
    for one, returned in zip(found, returns, strict=True):
        days[(one.closed_at.date() - first).days] *= 1 + returned
    return days - 1


def bets_of(look: Transaction, found: Sequence[Traded], now: datetime) -> Bets | None:
    """Return the trades as bets held to resolution; ``None`` where one's chance is unknown.

    A market traded more than once has one chance, the mean. Markets of an event that exclude one
    another lie side by side (scaled down where their chances sum to more than 1); those of another
    event are taken to come true together, which is the worse case.
    """
    if not found or any(one.chance is None for one in found):
        return None
    chances: dict[str, list[float]] = defaultdict(list)
    members: dict[str, list[str]] = defaultdict(list)
    for one in found:
        market, event = one.position.market_id, _event(one.position)
        chances[market].append(one.chance or 0.0)
        if market not in members[event]:
            members[event].append(market)
    known = listings.listing_at(look, as_of=now, venue_ids=sorted(chances))
    shapes = groups.of_markets(known).events
    spans: dict[str, tuple[float, float]] = {}
    for event, markets in members.items():
        exclusive = event in shapes and shapes[event].exclusive
        mean = {name: sum(chances[name]) / len(chances[name]) for name in markets}
        spans |= side_by_side(mean) if exclusive else {name: (0.0, q) for name, q in mean.items()}
    number = {event: i for i, event in enumerate(members)}
    stake = np.array([min(one.paid / one.equity, ALL) for one in found])
    pays = np.array([one.shares / one.equity for one in found])
    return Bets(
        win=pays - stake,
        lose=-stake,
        yes=np.array([one.position.token is Token.YES for one in found]),
        event=np.array([number[_event(one.position)] for one in found]),
        low=np.array([spans[one.position.market_id][0] for one in found]),
        high=np.array([spans[one.position.market_id][1] for one in found]),
    )


def _event(position: Position | Trip) -> str:
    return position.event_id or position.market_id


def side_by_side(chances: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Return where each of outcomes that exclude one another comes true, of [0, 1)."""
    scale = max(1.0, sum(chances.values()))
    begin, spans = 0.0, {}
    for name, chance in chances.items():
        spans[name] = (begin, begin + chance / scale)
        begin += chance / scale
    return spans
