"""What happened in the demo's day, read back from the store: nothing is taken from the script."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trading_cli.app import reconcile, stop
from trading_cli.app.demo_day import FIRST_SLOT, Lived
from trading_cli.app.meanings import MEANING, mapping_in, mappings_in
from trading_cli.domain import (
    Action,
    Decision,
    Market,
    Order,
    Position,
    PositionState,
    Purpose,
    Reason,
    from_epoch,
)
from trading_cli.research.deadline import deadline_of
from trading_cli.store import Transaction, balances, deals, decided, holdings, journal, listings
from trading_cli.trading.exits import stop_price

EVERY = 2**31
ZERO = Decimal(0)
GAP_TICKS = 5
TARGETS = frozenset({Reason.TARGET_1, Reason.TARGET_2, Reason.TARGET_3})
CENT = Decimal("0.01")
TALKED = timedelta(hours=4)
SEEN = {
    "win": "a win, sold in parts as its targets were reached",
    "stop_out": "a loss, sold at the stop",
    "gap": "a loss far beyond the stop: the price fell through it",
    "settled_at_1": "a market decided long before its deadline, paid at 1",
    "settled_at_0": "a market decided against us, paid at 0",
    "settled_at_half": "a market nobody could decide, paid at 0.5",
    "dispute_lock": "a disputed market: locked, its targets frozen",
}
TERMS = ("worst_case", "round_trip_percent", "break_even")
REFUSALS = tuple(
    reason
    for reason in Reason
    if list(Reason).index(Reason.QUALITY)
    <= list(Reason).index(reason)
    <= list(Reason).index(Reason.BELOW_MINIMUM)
)


@dataclass(frozen=True, slots=True)
class Day:
    """Everything of the day, as the store has it."""

    lived: Lived
    decisions: Sequence[Decision]
    orders: Mapping[str, Order]
    positions: Mapping[str, Position]
    rows: Sequence[journal.Row]
    markets: Mapping[str, Market]

    def question(self, market_id: str) -> str:
        """Return what a market asks."""
        found = self.markets.get(market_id)
        return market_id if found is None else found.question

    @property
    def entries(self) -> list[Decision]:
        """Return the decisions on candidates."""
        return [one for one in self.decisions if one.purpose is Purpose.ENTRY]


def read(look: Transaction, lived: Lived) -> Day:
    """Return the day of *lived*, oldest first."""
    now = from_epoch(lived.size.last + 60)
    markets = listings.listing_at(look, as_of=now)
    return Day(
        lived,
        decided.decisions(look, limit=EVERY)[::-1],
        {order.id: order for order in deals.orders(look, limit=EVERY)},
        {position.id: position for position in holdings.positions(look, every=True)},
        journal.rows(look, limit=EVERY),
        {market.id: market for market in markets},
    )


def facts_of(look: Transaction, lived: Lived) -> dict[str, Any]:
    """Return what a demo tells of one world."""
    day = read(look, lived)
    timeline = _timeline(day)
    return {
        "day": _counts(day),
        "account": _account(look, day, lived),
        "timeline": timeline,
        "shown": {name: _shown(name, timeline) for name in SEEN},
        "refusals": _refusals(day),
        "alarms": _alarms(day),
        "example": _example(day),
        "ledger": _ledger(look),
        "journal": _journal(look),
        "kill": stop.standing_of(look, lived.toolkit.home / "data").state.value,
    }


def _counts(day: Day) -> dict[str, Any]:
    entries = day.entries
    exits = Counter(one.reason.value for one in day.decisions if one.purpose is Purpose.EXIT)
    filled = [order for order in day.orders.values() if order.state.value in {"FILLED", "PARTIAL"}]
    return {
        "decisions": len(entries),
        "exit_checks": sum(exits.values()),
        "reasons": dict(Counter(one.reason.value for one in entries).most_common()),
        "exits": dict(exits.most_common()),
        "signals": sum(one.action is Action.BUY for one in entries),
        "orders": len(day.orders),
        "filled": len(filled),
        "bought": sum(order.purpose is Purpose.ENTRY for order in filled),
    }


def _account(look: Transaction, day: Day, lived: Lived) -> dict[str, Any]:
    closed = [p for p in day.positions.values() if p.state is PositionState.CLOSED]
    marks = balances.marks(look)
    opening = lived.toolkit.settings.bankroll
    last = marks[-1].equity if marks else opening
    return {
        "opening": float(opening),
        "equity": float(last),
        "net": float(last - opening),
        "realized": float(sum((p.realized for p in day.positions.values()), ZERO)),
        "fees": float(balances.balances(look).get("fees", ZERO)),
        "won": sum(p.realized > 0 for p in closed),
        "lost": sum(p.realized < 0 for p in closed),
        "open": len(day.positions) - len(closed),
    }


def _ledger(look: Transaction) -> dict[str, Any]:
    told = reconcile.of(look)
    return {
        "agrees": bool(told["agrees"]),
        "fills": int(told["fills"]),
        "transfers": int(told["transfers"]),
        "mismatches": len(told["mismatches"]),
        "balances": {name: float(str(usd)) for name, usd in told["balances"].items()},
    }


def _journal(look: Transaction) -> dict[str, Any]:
    seq, seal = journal.head(look)
    broken = journal.verify(look)
    return {
        "rows": seq,
        "verifies": broken is None,
        "broken": None if broken is None else f"row {broken.seq}: {broken.what}",
        "seal": seal.hex()[:16],
    }


def _timeline(day: Day) -> list[dict[str, Any]]:
    """Return what was bought, sold, locked and settled, in order, with what each brought."""
    events = [*_dealt(day), *_locked(day)]
    return sorted(events, key=lambda event: (event["at"], event["question"]))


def _dealt(day: Day) -> Iterator[dict[str, Any]]:
    so_far: dict[str, Decimal] = {}
    for row in day.rows:
        if row.kind not in {"fill", "settlement"}:
            continue
        body = row.body
        position = day.positions[str(body["position"])]
        realized = Decimal(str(body["realized"]))
        gained = realized - so_far.get(position.id, ZERO)
        so_far[position.id] = realized
        event: dict[str, Any] = {
            "at": row.at.isoformat(),
            "market": position.market_id,
            "question": day.question(position.market_id),
            "token": position.token.value,
            "shares": float(str(body["shares"])),
            "result": float(gained),
        }
        told = _settled if row.kind == "settlement" else _filled
        yield event | told(day, row, position)


def _settled(day: Day, row: journal.Row, position: Position) -> dict[str, Any]:
    return {
        "what": "SETTLED",
        "price": float(str(row.body["payout"])),
        "reason": "",
        "early": _early(day, position, row.at),
        "beyond_stop": None,
    }


def _filled(day: Day, row: journal.Row, position: Position) -> dict[str, Any]:
    order = day.orders[str(row.body["order"])]
    price = Decimal(str(row.body["price"]))
    told = {"price": float(price), "early": None, "reason": "", "beyond_stop": None}
    if order.purpose is Purpose.ENTRY:
        return told | {"what": "BOUGHT", "result": 0.0}
    beyond = _beyond(day, position, order, price)
    return told | {"what": "SOLD", "reason": order.reason.value, "beyond_stop": beyond}


def _early(day: Day, position: Position, at: datetime) -> bool:
    """Return whether *position* was paid more than a day before its market's deadline."""
    market = day.markets.get(position.market_id)
    deadline = None if market is None else deadline_of(market).at
    return deadline is not None and deadline - at > timedelta(days=1)


def _beyond(day: Day, position: Position, order: Order, price: Decimal) -> float | None:
    """Return how far below its stop *position* was sold, USD a share; ``None``: by no stop."""
    if order.reason is not Reason.STOP:
        return None
    market = day.markets.get(position.market_id)
    tick = market.tick if market is not None and market.tick else CENT
    exits = day.lived.toolkit.settings.exits
    return float(max(ZERO, stop_price(position, tick, exits) - price))


def _locked(day: Day) -> Iterator[dict[str, Any]]:
    """Yield the first lock of each position."""
    seen: set[str] = set()
    for one in day.decisions:
        if one.reason is not Reason.LOCKED or one.market_id in seen:
            continue
        seen.add(one.market_id)
        held = next(p for p in day.positions.values() if p.market_id == one.market_id)
        market = day.markets.get(one.market_id)
        disputed = market is not None and (market.uma_status or "").lower() == "disputed"
        bid = one.facts.get("bid")
        yield {
            "at": one.decided_at.isoformat(),
            "market": one.market_id,
            "question": day.question(one.market_id),
            "token": held.token.value,
            "shares": float(str(one.facts.get("shares", "0"))),
            "what": "LOCKED",
            "price": None if bid is None else float(str(bid)),
            "reason": "disputed" if disputed else "proposed",
            "result": 0.0,
            "early": None,
            "beyond_stop": None,
        }


def _shown(name: str, timeline: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the day showed *name*, by what happened, not by what was scripted."""
    return any(_is(name, event) for event in timeline)


def _is(name: str, event: Mapping[str, Any]) -> bool:
    """Return whether *event* is what *name* stands for."""
    what, price, beyond = event["what"], event["price"], event["beyond_stop"]
    far = GAP_TICKS * float(CENT)
    tests = {
        "win": event["reason"] in TARGETS and event["result"] > 0,
        "stop_out": beyond is not None and beyond < far,
        "gap": beyond is not None and beyond >= far,
        "settled_at_1": what == "SETTLED" and price == 1 and event["early"],
        "settled_at_0": what == "SETTLED" and price == 0,
        "settled_at_half": what == "SETTLED" and price == 0.5,  # noqa: PLR2004  # a payout
        "dispute_lock": what == "LOCKED" and event["reason"] == "disputed",
    }
    return bool(tests[name])


def _refusals(day: Day) -> list[dict[str, Any]]:
    """Return for each word of refusal how often it decided, how often it stood, and one case."""
    decided_by: Counter[str] = Counter()
    stood: Counter[str] = Counter()
    case: dict[str, Decision] = {}
    for one in day.entries:
        vetoes = [str(veto["reason"]) for veto in mappings_in(one.facts, "vetoes")]
        stood.update(vetoes)
        decided_by[one.reason.value] += 1
        for name in (one.reason.value, *vetoes):
            case.setdefault(name, one)
    return [
        {
            "reason": reason.value,
            "meaning": MEANING[reason],
            "decided": decided_by[reason.value],
            "stood": max(stood[reason.value], decided_by[reason.value]),
            "decision": case[reason.value].id if reason.value in case else None,
        }
        for reason in REFUSALS
    ]


def _alarms(day: Day) -> list[dict[str, Any]]:
    """Return what became of each event in whose talk a coming move was planted for this day."""
    truth = day.lived.world.truth()["events"]
    found = []
    for event_id, told in truth.items():
        talk = [n["talk_at"] for n in told["news"] if n["talk_at"] is not None and n["sign"]]
        at = next((one for one in talk if FIRST_SLOT <= one < day.lived.size.last), None)
        if told["kind"] != "talk_leads" or at is None:
            continue
        since = from_epoch(int(at))
        mine = [
            one
            for one in day.entries
            if one.market_id in told["markets"] and since <= one.decided_at <= since + TALKED
        ]
        outcome, reason = _outcome(mine)
        question = next((day.question(m) for m in told["markets"]), event_id)
        found.append(
            {"at": since.isoformat(), "question": question, "outcome": outcome, "reason": reason}
        )
    return sorted(found, key=lambda one: one["at"])


def _outcome(decisions: Sequence[Decision]) -> tuple[str, str]:
    """Return bought, refused or missed, and the word that says why."""
    if any(one.action is Action.BUY for one in decisions):
        return "bought", ""
    words = {reason.value for reason in REFUSALS}
    refused = Counter(one.reason.value for one in decisions if one.reason.value in words)
    if refused:
        return "refused", refused.most_common(1)[0][0]
    low = Counter(one.reason.value for one in decisions)
    low.pop("RVR_LOW", None)
    return "missed", low.most_common(1)[0][0] if low else "no candidate"


def _complete(one: Decision) -> bool:
    """Return whether every indicator was known in the slot itself, not only within the hour."""
    return all(told.get("value") is not None for told in mapping_in(one.facts, "features").values())


def _number(found: object) -> float | None:
    return None if found is None else float(str(found))


def _example(day: Day) -> dict[str, Any] | None:
    """Return one entry in short: what was seen, what it came to, and how large."""
    bought = [one for one in day.entries if one.action is Action.BUY]
    if not bought:
        return None
    one = next((one for one in bought if _complete(one)), bought[0])
    features, best = mapping_in(one.facts, "features"), mapping_in(one.facts, "best_tiers")
    return {
        "id": one.id,
        "at": one.decided_at.isoformat(),
        "question": day.question(one.market_id),
        "token": None if one.token is None else one.token.value,
        "shares": float(one.shares),
        "limit_price": None if one.limit_price is None else float(one.limit_price),
        "features": {
            name: {
                "value": told.get("value"),
                "tier": str(told.get("tier")),
                "best": str(best.get(name, told.get("tier"))),
            }
            for name, told in sorted(features.items())
        },
        "label": str(one.facts.get("label", "")),
        "sizing": str(mapping_in(one.facts, "sizing").get("sentence", "")),
        "gateway": str(mapping_in(one.facts, "risk").get("sentence", "")),
        **{name: _number(mapping_in(one.facts, "terms").get(name)) for name in TERMS},
    }
