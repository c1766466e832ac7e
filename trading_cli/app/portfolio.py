"""What could be lost, by event and altogether; what must go for the limits to hold; what drifted.

Advice only: nothing here sends an order. Growth (larger or new positions) is never advised before
a strategy has passed its gate.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading_cli.app import portfolio_limits as limits_in_use
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.desk import Desk
from trading_cli.app.montecarlo_record import side_by_side
from trading_cli.app.positions import worth
from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Market, Position, Side, Token
from trading_cli.research import portfolio_risk as risk
from trading_cli.store import Store, Transaction, history, holdings, listings
from trading_cli.store.born import is_there
from trading_cli.trading import fills
from trading_cli.trading.account import PERSON, Account, Stake, stake_of
from trading_cli.trading.groups import Groups, Line, of_markets, worst_loss

LEVELS = (0.95, 0.99)
BAND = Decimal("0.05")
EMPTY = "nothing is held"
GROWTH = "growth advice is shut: no strategy has passed its gate; only sales are advised"
ADVICE = "advice only: --apply is not built; sell with `trading close`"
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that is held, with its markets, books and limits, at one instant."""

    desk: Desk
    account: Account
    groups: Groups
    positions: Sequence[Position]
    markets: Mapping[str, Market]
    rows: Mapping[str, Mapping[str, Any]]
    now: datetime


@contextmanager
def _seen(config: Path | None, clock: Clock | None) -> Iterator[Sight | None]:
    """Open the home and look; ``None`` where there is no database."""
    with ExitStack() as stack:
        toolkit = stack.enter_context(Toolkit(load(config), clock=clock))  # no log: it only looks
        if not is_there(toolkit.loaded.database):
            yield None
            return
        store = stack.enter_context(Store.reader(toolkit.loaded.database))
        look = stack.enter_context(store.reading())
        yield see(look, Desk(toolkit, store, 0))


def see(look: Transaction, desk: Desk) -> Sight:
    """Return what is held as *look* has it, priced with the newest stored books."""
    now = desk.now()
    found = holdings.positions(look)
    outside = holdings.outside_positions(look)
    wanted = sorted({one.market_id for one in found} | {one.market_id for one in outside})
    known = {one.id: one for one in listings.listing_at(look, as_of=now, venue_ids=wanted)}
    desk.know(known.values())
    rows = {}
    for one in found:
        book = history.newest_book(look, one.market_id, as_of=now)
        if book is not None and one.market_id in known:
            desk.remember(known[one.market_id], book)
        rows[one.id] = worth(one, known.get(one.market_id), book, desk.settings, now)
    groups = of_markets(known.values())
    return Sight(desk, desk.account(look), groups, found, known, rows, now)


def exposure(config: Path | None, *, clock: Clock | None = None) -> dict[str, Any]:
    """Return {groups, totals, limits, risk}: the worst of each event, cost to leave, limits."""
    with _seen(config, clock) as sight:
        if sight is None:
            return {"groups": [], "totals": None, "limits": [], "risk": None, "warnings": [EMPTY]}
        account = sight.account
        groups = _groups(sight)
        totals = {
            "equity": float(account.equity),
            "base": float(account.base),
            "cash": float(account.cash),
            "exposure": float(account.exposure),
            "worst": round(sum(one["worst"] for one in groups), 6),
            "cost_to_leave": _total(one["cost_to_leave"] for one in groups),
        }
        used = limits_in_use.uses(account, sight.desk.settings.risk, sight.groups)
        return {
            "groups": groups,
            "totals": totals,
            "limits": [_use(one) for one in used],
            "risk": _risk(sight),
            "warnings": [] if account.stakes else [EMPTY],
        }


def _groups(sight: Sight) -> list[dict[str, Any]]:
    """Return each event with a stake, the worst first."""
    members: dict[str, list[Stake]] = defaultdict(list)
    for stake in sight.account.stakes:
        members[stake.event_id].append(stake)
    limit = sight.desk.settings.risk.event_group * sight.account.base
    found = []
    for event, stakes in members.items():
        shape = limits_in_use.group_of(sight.groups, event, stakes)
        lines = [Line(s.market_id, s.token, s.shares, s.cost, s.kind != "order") for s in stakes]
        worst = worst_loss(shape, lines)
        ours = [one for one in sight.positions if one.event_id == event]
        row = {
            "event": event,
            "markets": sorted({s.market_id for s in stakes}),
            "question": next(
                (
                    sight.markets[s.market_id].question
                    for s in stakes
                    if s.market_id in sight.markets
                ),
                None,
            ),
            "exclusive": shape.exclusive,
            "stakes": len(stakes),
            "cost": float(sum((s.cost for s in stakes), ZERO)),
            "worst": float(worst),
            "limit": float(limit),
            "liquidation": _total(sight.rows[one.id]["liquidation"] for one in ours),
            "cost_to_leave": _total(sight.rows[one.id]["cost_to_leave"] for one in ours),
        }
        found.append(row)
    return sorted(found, key=lambda row: (-row["worst"], row["event"]))


def _total(values: Iterator[float | None]) -> float | None:
    """Return the sum, ``None`` where one of them is unknown or there is none."""
    found = list(values)
    if not found or any(one is None for one in found):
        return None
    return round(sum(one for one in found if one is not None), 6)


def _use(one: limits_in_use.Use) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "of": one.of,
        "used": float(one.used),
        "limit": float(one.limit),
        "unit": one.unit,
        "share": None if one.share is None else round(float(one.share), 6),
        "broken": one.broken,
    }


def _risk(sight: Sight) -> dict[str, Any] | None:
    """Return the tails of what is held until it resolves, chances being the mids; or ``None``.

    Events are independent; outcomes that exclude one another are side by side, the other markets
    of an event come true together. ``None`` where nothing is held or a price is unknown.
    """
    mids = {one: _mid(sight, one) for one in {s.market_id for s in sight.account.stakes}}
    stakes = [s for s in sight.account.stakes if s.kind != "order"]
    chances = {name: mid for name, mid in mids.items() if mid is not None}
    if not any(s.cost for s in stakes) or any(s.market_id not in chances for s in stakes):
        return None
    members: dict[str, list[Stake]] = defaultdict(list)
    for stake in stakes:
        members[stake.event_id].append(stake)
    atoms = [_atoms(sight, event, some, chances) for event, some in members.items()]
    joint = risk.joint(atoms)
    tails = [risk.tail(joint.results, level, joint.chances) for level in LEVELS]
    costs = [float(sum((s.cost for s in some), ZERO)) for some in members.values()]
    hhi = risk.concentration(costs)
    return {
        "exact": joint.exact,
        "outcomes": len(joint.results),
        "mean": joint.mean,
        "deviation": joint.deviation,
        "tails": [dict(one._asdict()) for one in tails],
        "worst": -float(joint.results[0]),
        "hhi": hhi,
        "effective_events": 1 / hhi,
    }


def _atoms(
    sight: Sight, event: str, stakes: Sequence[Stake], chances: Mapping[str, float]
) -> risk.Atoms:
    own = {s.market_id: chances[s.market_id] for s in stakes}
    exclusive = event in sight.groups.events and sight.groups.events[event].exclusive
    spans = side_by_side(own) if exclusive else {name: (0.0, q) for name, q in own.items()}
    return risk.event_atoms(
        [
            risk.Holding(
                *spans[s.market_id],
                yes=s.token is Token.YES,
                shares=float(s.shares),
                cost=float(s.cost),
            )
            for s in stakes
        ]
    )


def _mid(sight: Sight, market_id: str) -> float | None:
    book = sight.desk.books.get((market_id, Token.YES))
    if book is None or book.best_bid is None or book.best_ask is None:
        return None
    return float(book.best_bid + book.best_ask) / 2


def optimize(
    config: Path | None, *, apply: bool = False, clock: Clock | None = None
) -> dict[str, Any]:
    """Return {trims, broken, growth}: the sales after which every limit of stakes holds.

    Raises UsageError for *apply*.
    """
    _advice_only(apply=apply)
    with _seen(config, clock) as sight:
        if sight is None:
            return {"trims": [], "broken": [], "growth": GROWTH, "warnings": [EMPTY]}
        used = limits_in_use.uses(sight.account, sight.desk.settings.risk, sight.groups)
        may_stay = limits_in_use.kept(used, sight.groups)
        trims = []
        for one in sight.positions:
            said = None if one.by == PERSON else may_stay.get(limits_in_use.key_of(stake_of(one)))
            if said is not None:
                sold = _sold(sight, one, one.shares * said.share)
                trims.append(_sale(sight, one, sold, f"{said.rule} {said.of}"))
        return {
            "trims": trims,
            "broken": [_use(one) for one in used if one.broken],
            "growth": GROWTH,
            "warnings": [] if sight.account.stakes else [EMPTY],
        }


def rebalance(
    config: Path | None, *, apply: bool = False, clock: Clock | None = None
) -> dict[str, Any]:
    """Return {sales, buys, weights, …}: what outgrew the position limit by more than the band.

    Weights are of the value at liquidation; a sale is left out where it would cost more than the
    band of what it brings, or where no price is known. Raises UsageError for *apply*.
    """
    _advice_only(apply=apply)
    told: dict[str, Any] = {"band": float(BAND), "growth": GROWTH, "buys": []}
    with _seen(config, clock) as sight:
        if sight is None:
            return told | {"weights": [], "sales": [], "left": [], "warnings": [EMPTY]}
        ceiling = sight.desk.settings.risk.position * sight.account.base
        weights, sales, left = [], [], []
        for one in sight.positions:
            value = sight.rows[one.id]["liquidation"]
            over = None if value is None else Decimal(str(value)) / ceiling if ceiling else None
            weights.append(_weight(sight, one, value))
            if over is None:
                left.append({"position": one.id, "why": "no price is known"})
                continue
            if one.by == PERSON or over <= 1 + BAND:
                continue
            sale = _sale(sight, one, _sold(sight, one, one.shares / over), "position limit")
            if sale["cost"] is None or sale["cost"] > float(BAND) * (sale["brings"] or 0):
                left.append({"position": one.id, "why": "leaving costs more than the band"})
            else:
                sales.append(sale)
        warnings = [] if sight.positions else [EMPTY]
        return told | {"weights": weights, "sales": sales, "left": left, "warnings": warnings}


def _advice_only(*, apply: bool) -> None:
    if apply:
        raise UsageError("--apply is not built: this gives advice only.", hint="trading close ID")


def _weight(sight: Sight, one: Position, value: float | None) -> dict[str, Any]:
    equity = float(sight.account.equity)
    weight = None if value is None or equity <= 0 else value / equity
    return {"position": one.id, "market": one.market_id, "value": value, "weight": weight}


def _sold(sight: Sight, one: Position, stays: Decimal) -> Decimal:
    """Return the shares to sell so that at most *stays* are kept; all, if a rest were too small."""
    market = sight.markets.get(one.market_id)
    least = (market.min_size if market is not None else None) or ZERO
    rest = fills.whole_shares(stays)
    return one.shares if rest < least or rest <= 0 else one.shares - rest


def _sale(sight: Sight, one: Position, shares: Decimal, why: str) -> dict[str, Any]:
    """Return a sale as JSON has it; what it brings and costs ``None`` where no book prices it."""
    book = sight.desk.books.get((one.market_id, one.token))
    market = sight.markets.get(one.market_id)
    brings = cost = None
    fee = None if market is None else sight.desk.fee(market)
    if book is not None and fee is not None:
        walk = fills.walk(book, Side.SELL, shares, ZERO, fee)
        if walk.shares == fills.whole_shares(shares):
            brings = float(walk.net)
            if book.best_bid is not None and book.best_ask is not None:
                cost = float((book.best_bid + book.best_ask) / 2 * shares - walk.net)
    return {
        "position": one.id,
        "market": one.market_id,
        "question": None if market is None else market.question,
        "token": one.token.value,
        "side": Side.SELL.value,
        "held": float(one.shares),
        "shares": float(shares),
        "brings": brings,
        "cost": cost,
        "why": why,
    }


def portfolio_step(cycle: Cycle) -> Done:
    """Say in the daily analysis what could be lost, and which limits no longer hold."""
    desk = Desk(cycle.toolkit, cycle.store, cycle.slot, cycle.ticket)
    with cycle.store.reading() as look:
        sight = see(look, desk)
    used = limits_in_use.uses(sight.account, desk.settings.risk, sight.groups)
    broken = [f"{one.rule} {one.of}" for one in used if one.broken]
    groups = _groups(sight)
    numbers = {
        "events": len(groups),
        "worst": round(sum(one["worst"] for one in groups), 6),
        "exposure": float(sight.account.exposure),
        "broken": broken,
        "risk": _risk(sight),
    }
    return Done("OK", f"over its limit: {', '.join(broken)}" if broken else "", numbers)
