"""One decision end to end: what was known, what followed from it, and what became of it.

What decided is taken from the decision's own row; what the market is like now is not asked. Only
the value of a holding, where there still is one, is of now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading_cli.app import configure, effective, opinions_told, subjects
from trading_cli.app.facts import settings_hash
from trading_cli.app.journal import must_exist, outcome
from trading_cli.app.meanings import mapping_in, mappings_in, settings_of, why
from trading_cli.app.positions import worth
from trading_cli.app.rules import settled
from trading_cli.app.settings import Loaded, Settings, load
from trading_cli.app.subjects import Subject
from trading_cli.app.worked import worked
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.domain import (
    SLOT_SECONDS,
    Decision,
    Fill,
    Market,
    Order,
    PositionState,
    Purpose,
    Tier,
    from_epoch,
)
from trading_cli.store import Store, Transaction, deals, history, journal, listings, thawed
from trading_cli.store.features import features_of

TOLD = frozenset(
    {
        *("question", "features", "best_tiers", "vetoes", "sizing", "risk", "sentence"),
        *("label", "strength", "probability", "indicators", "opinions"),
    }
)


def explain(config: Path | None, name: str, *, clock: Clock | None = None) -> dict[str, Any]:
    """Return everything that answers why, and why not, of what *name* names.

    Raises UsageError where it names nothing or several things.
    """
    loaded = load(config)
    now = (clock or SystemClock()).now()
    must_exist(loaded.database)
    in_effect = configure.config_show(config)
    with Store.reader(loaded.database) as store, store.reading() as look:
        found = subjects.whole(look, subjects.find(look, name))
        market = _market(look, found, now)
        data: dict[str, Any] = {
            "kind": found.kind,
            "id": found.id,
            "why": why(found),
            "market": _told_market(market, found),
            "decision": None if found.decision is None else _decision(found.decision),
            "inputs": _inputs(look, found.decision),
            **_facts(look, found.decision),
            **_settings(look, found.decision, loaded, in_effect),
            "orders": _orders(look, found),
            **_holding(look, found, market, loaded.settings, now),
            "settlement": settled(look, market, now),
            "notes": _notes(look, found),
        }
    return data


def _market(look: Transaction, found: Subject, now: datetime) -> Market | None:
    """Return the market as it was described when it was decided on."""
    holder = found.decision or found.position or found.order or found.fill
    if holder is None:
        return None
    as_of = now if found.decision is None else found.decision.decided_at
    known = listings.listing_at(look, as_of=as_of, venue_ids=[holder.market_id])
    return known[0] if known else None


def _told_market(market: Market | None, found: Subject) -> dict[str, Any] | None:
    facts: Mapping[str, object] = {} if found.decision is None else found.decision.facts
    holder = found.decision or found.position or found.order or found.fill
    if holder is None:
        return None
    asked = facts.get("question")
    slug = None if market is None else market.event_slug or market.slug
    place = None if slug is None else f"https://polymarket.com/event/{slug}"
    return {
        "id": holder.market_id,
        "question": market.question if market is not None else asked and str(asked),
        "category": (market.category or None) if market is not None else None,
        "rules": mapping_in(facts, "terms").get("rules") or place,
    }


def _decision(one: Decision) -> dict[str, Any]:
    return {
        "id": one.id,
        "slot": from_epoch(one.slot).isoformat(),
        "decided_at": one.decided_at.isoformat(),
        "event": one.event_id,
        "strategy": one.strategy,
        "purpose": one.purpose.value,
        "action": one.action.value,
        "reason": one.reason.value,
        "token": None if one.token is None else one.token.value,
        "shares": float(one.shares),
        "limit_price": None if one.limit_price is None else float(one.limit_price),
        "binding": one.binding or None,
        "formula": one.formula,
        "settings_hash": one.settings_hash,
        "expires_at": None if one.expires_at is None else one.expires_at.isoformat(),
    }


def _inputs(look: Transaction, one: Decision | None) -> list[dict[str, Any]]:
    """Return what could be known at the decision: the slot's quote and book, with their times."""
    if one is None:
        return []
    found: list[dict[str, Any]] = []
    begin, at = from_epoch(one.slot), one.decided_at
    until = from_epoch(one.slot + SLOT_SECONDS)
    span = {"since": begin, "until": until, "as_of": at}
    quotes = history.quotes(look, one.market_id, **span)
    if not quotes:  # with `retention.evidence: deals` it may lie in the archive
        _thaw(look, one)
        quotes = history.quotes(look, one.market_id, **span)
    for quote in quotes:
        if quote.observed_at <= at:
            said = f"YES bid {_text(quote.bid)}, ask {_text(quote.ask)}"
            found.append(_input("quote", quote.observed_at, quote.event_time, said))
    for purpose in ("slot", "exit") if one.purpose is Purpose.EXIT else ("slot",):
        book = history.book(look, one.market_id, one.slot, as_of=at, purpose=purpose)
        if book is not None and book.observed_at <= at:
            said = f"{len(book.bids)} bids, {len(book.asks)} asks"
            found.append(_input("book", book.observed_at, book.event_time, said))
    return found


def _thaw(look: Transaction, one: Decision) -> None:
    ends = one.slot, one.slot + SLOT_SECONDS
    numbers = listings.market_ids(look, [one.market_id])
    thawed.thaw_of(look, dict.fromkeys(numbers.values(), ends), (thawed.QUOTES, thawed.BOOKS))


def _input(what: str, observed: datetime, event: datetime, said: str) -> dict[str, Any]:
    times = {"observed_at": observed.isoformat(), "event_time": event.isoformat()}
    return {"what": what, **times, "value": said}


def _text(value: Decimal | None) -> str:
    return "none" if value is None else format(value, "f")


def _facts(look: Transaction, one: Decision | None) -> dict[str, Any]:
    """Return the parts of the decision's facts by what they are; the rest as it is."""
    facts: Mapping[str, object] = {} if one is None else one.facts
    features = facts.get("features")
    named = features if isinstance(features, Mapping) else _stored(look, one)
    best = mapping_in(facts, "best_tiers")
    sizing, risk = mapping_in(facts, "sizing"), mapping_in(facts, "risk")
    bound = (one.binding if one is not None else "") or str(sizing.get("binding") or "")
    names = ("label", "strength", "probability", "indicators")
    signal = {name: facts[name] for name in names if name in facts}
    return {
        "features": [_feature(name, named[name], best.get(name)) for name in _ordered(named)],
        "signal": signal or None,
        "opinions": None if one is None else opinions_told.told(one),
        "vetoes": [
            {"reason": str(veto.get("reason", "")), "sentence": str(veto.get("sentence", ""))}
            for veto in mappings_in(facts, "vetoes")
        ],
        "checks": [
            _check(check, bound)
            for check in (*mappings_in(sizing, "checks"), *mappings_in(risk, "checks"))
        ],
        "facts": {key: value for key, value in facts.items() if key not in TOLD},
    }


def _stored(look: Transaction, one: Decision | None) -> dict[str, Any]:
    """Return the indicators as they were computed in the decision's slot."""
    if one is None:
        return {}
    kept = features_of(look, [one.market_id], one.slot, as_of=one.decided_at).get(one.market_id, {})
    names = ("value", "undefined", "tier", "provisional", "inputs")
    return {
        name: {part: getattr(feature, part) for part in names} for name, feature in kept.items()
    }


def _ordered(named: Mapping[str, object]) -> list[str]:
    """Return the names, the three of every signal first and in its order."""
    first = [name for name in ("rvr", "roc", "hype") if name in named]
    return first + sorted(name for name in named if name not in first)


def _feature(name: object, told: object, best: object) -> dict[str, Any]:
    one = told if isinstance(told, Mapping) else {}
    inputs = mapping_in(one, "inputs")
    return {
        "name": str(name),
        "value": one.get("value"),
        "tier": _tier(one.get("tier")),
        "best_tier": _tier(best),
        "undefined": one.get("undefined") or None,
        "provisional": bool(one.get("provisional", False)),
        "worked": worked(str(name), one.get("value"), inputs),
        "inputs": dict(inputs),
    }


def _tier(told: object) -> str | None:
    """Return the name of a tier, told by number or by name."""
    if isinstance(told, int) and told in set(Tier):
        return Tier(told).name
    return None if told is None else str(told)


def _check(told: Mapping[str, Any], binding: str) -> dict[str, Any]:
    rule = str(told.get("rule", ""))
    allowed = told.get("allowed")
    return {
        "rule": rule,
        "allowed": None if allowed is None else float(allowed),
        "binding": bool(binding) and rule == binding,
        "sentence": str(told.get("sentence", "")),
    }


def _settings(
    look: Transaction, one: Decision | None, loaded: Loaded, in_effect: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the settings that decide such a reason, then and now, and every one changed since.

    ``decided``: the setting is still as it was at the decision, so this value decided.
    """
    if one is None:
        return {"settings": [], "settings_changed": []}
    now = {row["key"]: row for row in in_effect}
    name, current = one.settings_hash, dict(effective.flat(effective.body(loaded)))
    same = name == settings_hash(loaded.settings)
    then = current if same else effective.then(look, name)
    rows = [
        {
            "key": key,
            "value": now[key]["value"],
            "then": None if then is None else then.get(key),
            "origin": now[key]["origin"],
            "decided": then is not None and then.get(key) == current.get(key),
        }
        for key in settings_of(one.reason, one.binding, frozenset(now))
    ]
    changed = None if then is None else effective.changed(then, current)
    told = None if changed is None else [asdict(each) for each in changed]
    return {"settings": rows, "settings_changed": told}


def _orders(look: Transaction, found: Subject) -> list[dict[str, Any]]:
    """Return the orders of the decision or the position, each with what it got, oldest first."""
    orders: dict[str, Order] = {}
    if found.decision is not None:
        mine = deals.orders(look, decision=found.decision.id)
        orders |= {one.id: one for one in reversed(mine)}
    if found.order is not None:
        orders.setdefault(found.order.id, found.order)
    if found.position is not None:
        orders |= {one.id: one for one, _ in deals.dealings(look, found.position)}
    return [_order(one, deals.fills(look, order=one.id)) for one in orders.values()]


def _order(one: Order, got: Iterable[Fill]) -> dict[str, Any]:
    return {
        "id": one.id,
        "placed_at": one.placed_at.isoformat(),
        "side": one.side.value,
        "token": one.token.value,
        "shares": float(one.shares),
        "limit_price": float(one.limit_price),
        "reason": one.reason.value,
        "state": one.state.value,
        "broker": one.broker,
        "detail": one.detail,
        "fills": [
            {
                "id": fill.id,
                "at": fill.at.isoformat(),
                "shares": float(fill.shares),
                "price": float(fill.price),
                "fee": float(fill.fee),
                "grade": fill.grade,
                "book_at": None if fill.book_at is None else fill.book_at.isoformat(),
            }
            for fill in got
        ],
    }


def _holding(
    look: Transaction, found: Subject, market: Market | None, settings: Settings, now: datetime
) -> dict[str, Any]:
    """Return the position at its value now where it is still held, and what came of it so far."""
    position = found.position
    if position is None:
        return {"position": None, "outcome": None}
    told: dict[str, Any] = {
        "id": position.id,
        "state": position.state.value,
        "by": position.by,
        "token": position.token.value,
        "shares": float(position.shares),
        "cost": float(position.cost),
        "opened_at": position.opened_at.isoformat(),
        "closed_at": None if position.closed_at is None else position.closed_at.isoformat(),
    }
    names = ("bid", "book_age_s", "liquidation", "cost_to_leave", "unrealized", "stop")
    if position.state is PositionState.CLOSED:
        value: Mapping[str, Any] = dict.fromkeys(names)
    else:
        book = history.newest_book(look, position.market_id, as_of=now)
        value = worth(position, market, book, settings, now)
    return {
        "position": told | {name: value[name] for name in names},
        "outcome": outcome(look, position),
    }


def _notes(look: Transaction, found: Subject) -> list[dict[str, Any]]:
    """Return what a person wrote about any part of it, in order."""
    parts = (found.decision, found.order, found.position, found.fill)
    names = {one.id for one in parts if one is not None}
    rows = [
        row
        for name in names
        for row in journal.rows(look, subject=name)
        if row.kind in {"note", "tag", "review"}
    ]
    return [
        {
            "at": row.at.isoformat(),
            "kind": row.kind,
            "about": row.subject,
            "text": _said(row.body),
        }
        for row in sorted(rows, key=lambda row: row.seq)
    ]


def _said(body: Mapping[str, object]) -> str:
    tags = body.get("tags")
    if isinstance(tags, (list, tuple)):
        return ", ".join(str(tag) for tag in tags)
    return str(body.get("text") or "")
