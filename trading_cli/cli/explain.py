"""`trading explain ID`: why, and why not, on one screen."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts
from trading_cli.cli.options import Command, commands, shared

app = commands()
_CHECKS = 4
_GATES = ("quality", "gate", "kill", "pauses", "warming", "fee", "proof")
_SETTINGS = 6


@app.command(cls=Command)
def explain(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ID", help="Of a decision, order, position or fill.")
    ],
) -> Answer:
    """Say why, and why not: inputs, formulas, gates, limits, settings, order, fills, outcome."""
    from trading_cli.app import explain as explaining

    data = explaining.explain(shared(ctx).config, name)
    return Answer(data, _blocks(data))


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import fitted, folded

    pairs = [*_what(data), *_inputs(data), *_against(data), *_settings(data), *_deals(data)]
    why = "\n".join(folded(data["why"], 80))
    return [why, Facts(fitted(pairs))]


def _what(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    from trading_cli.cli.eighty import minute

    market, one = data["market"] or {}, data["decision"]
    pairs: list[tuple[str, object]] = [
        (data["kind"], data["id"]),
        ("market", f"{market.get('question')} ({market.get('id')})"),
        ("rules", market.get("rules")),
    ]
    if one is None:
        return pairs
    size = f" {_number(one['shares'])}" if one["shares"] else ""
    limit = f" at {_number(one['limit_price'])}" if one["limit_price"] is not None else ""
    told = f"{one['action']} {one['token'] or ''}{size}{limit}".strip()
    by = f"{one['strategy']}, {one['purpose']}, {one['formula'] or 'no formula'}"
    return [
        *pairs,
        ("decided", f"{minute(one['decided_at'])} UTC, slot {minute(one['slot'])}: {told}"),
        ("by", f"{by}, settings {one['settings_hash'] or '-'}"),
    ]


def _inputs(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = [
        (one["what"], f"{one['value']} (seen {one['observed_at'][11:19]} UTC)")
        for one in data["inputs"]
    ]
    pairs += [(one["name"], _feature(one)) for one in data["features"]]
    if signal := _said(data["signal"] or {}):
        pairs.append(("signal", _flat(signal)))
    pairs += _opinions(data["opinions"])
    facts = dict(data["facts"])
    if gates := _gates({name: facts.pop(name) for name in _GATES if name in facts}):
        pairs.append(("gates", gates))
    groups = (("terms", facts.pop("terms", None)), ("facts", facts))
    return pairs + [(name, _flat(_said(part))) for name, part in groups if part and _said(part)]


def _opinions(part: Mapping[str, Any] | None) -> list[tuple[str, object]]:
    """Return who said what, what the source has shown, and what it changed."""
    if part is None:
        return []
    pairs: list[tuple[str, object]] = []
    for one in part["said"]:
        price = "no price" if one["price"] is None else f"the price {_number(one['price'])}"
        shown = f"{one['events']} settled events"
        if one["added"] is not None:
            shown += f", adds {_number(one['added'])} (at least {_number(one['added_low'])})"
            spread = f"{_number(one['skill_low'])} to {_number(one['skill_high'])}"
            shown += f", skill {_number(one['skill'])} nats ({spread})"
        told = f"{one['source']} says {_number(one['probability'])} against {price}"
        pairs.append(("opinion", f"{told}; weight {_number(one['weight'])} of {shown}"))
    return [*pairs, ("opinions", part["sentence"])]


def _gates(facts: Mapping[str, Any]) -> str:
    """Return what had to be open, in words."""
    told: list[str] = []
    if "quality" in facts:
        told.append(f"quality {_number(facts['quality'])}")
    if isinstance(gate := facts.get("gate"), Mapping):
        why = "; ".join(str(one) for one in gate.get("reasons", ()))
        told.append("data gate open" if gate.get("open") else f"data gate CLOSED: {why}")
    if isinstance(kill := facts.get("kill"), Mapping):
        level = f" level {kill['level']}" if kill.get("level") else ""
        told.append(f"kill switch {kill.get('state')}{level}")
    if "pauses" in facts:
        told.append(f"paused: {_flat(facts['pauses'])}" if facts["pauses"] else "no pause")
    if facts.get("warming"):
        told.append(f"warming up: {facts['warming']}")
    if fee := facts.get("fee"):
        told.append(f"fee {_flat(fee)}")
    if isinstance(proof := facts.get("proof"), Mapping):
        told.append(f"strategy {proof.get('said')}")
    return "; ".join(told)


def _said(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return what *part* says, without what is empty or is told elsewhere."""
    empty: tuple[object, ...] = (None, "", [], {})
    return {name: one for name, one in part.items() if one not in empty and name != "rules"}


def _feature(one: Mapping[str, Any]) -> str:
    """Return the indicator with the numbers it was made of."""
    known = one["value"] is not None
    value = f"{_number(one['value'])} {one['tier'] or ''}" if known else one["undefined"]
    best = f", best of the hour {one['best_tier']}" if one["best_tier"] else ""
    half = ", provisional: half size" if one["provisional"] else ""
    return f"{value}{best}{half}" + (f" <- {one['worked']}" if one["worked"] else "")


def _against(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = [
        ("veto", f"{one['reason']}: {one['sentence']}") for one in data["vetoes"]
    ]
    ordered = sorted(data["checks"], key=_by_allowed)
    for one in ordered[:_CHECKS]:
        mark = "  <- binding" if one["binding"] else ""
        allowed = f"{one['rule']} allows {_number(one['allowed'])}"
        pairs.append(("limit", f"{allowed}: {one['sentence']}{mark}"))
    if len(ordered) > _CHECKS:
        pairs.append(("", f"{len(ordered) - _CHECKS} wider limits: --json"))
    return pairs


def _by_allowed(check: Mapping[str, Any]) -> tuple[bool, float]:
    allowed = check["allowed"]
    return not check["binding"], float("inf") if allowed is None else allowed


def _settings(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    rows = data["settings"]
    if not rows:
        return []
    told = [_setting(row) for row in rows[:_SETTINGS]]
    more = f"; {len(rows) - _SETTINGS} more: --json" if len(rows) > _SETTINGS else ""
    changed = data["settings_changed"]
    if changed is None:
        since = "; some setting changed since the decision, which one was not kept yet"
        return [("settings now", "; ".join(told) + more + since)]
    pairs: list[tuple[str, object]] = [("settings", "; ".join(told) + more)]
    if changed:
        named = [f"{one['key']} {one['stored']} -> {one['now']}" for one in changed]
        rest = f"; {len(named) - _SETTINGS} more: --json" if len(named) > _SETTINGS else ""
        pairs.append(("changed", f"since the decision: {'; '.join(named[:_SETTINGS])}{rest}"))
    return pairs


def _setting(row: Mapping[str, Any]) -> str:
    known = row["then"] is not None and not row["decided"]
    then = f", was {row['then']}" if known else ""
    return f"{row['key']} {_flat(row['value'])} ({row['origin']}{then})"


def _deals(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    from trading_cli.cli.eighty import change, minute, money, percent

    pairs: list[tuple[str, object]] = []
    for one in data["orders"]:
        deal = f"{one['side']} {one['token']} {_number(one['shares'])}"
        detail = f", {one['detail']}" if one["detail"] else ""
        told = f"{deal} at {_number(one['limit_price'])}, {one['reason']}: {one['state']}{detail}"
        pairs.append(("order", f"{minute(one['placed_at'])} {told}"))
        pairs += [("fill", _fill(fill)) for fill in one["fills"]]
    if (held := data["position"]) is not None:
        value = f", worth {money(held['liquidation'])}" if held["state"] != "CLOSED" else ""
        told = f"{held['state']}, {_number(held['shares'])} {held['token']}, by {held['by']}"
        pairs.append(("position", f"{held['id']}: {told}{value}"))
    if (came := data["outcome"]) is not None:
        fees = f"fees {came['fees']:.2f}"
        share = percent(came["returned"])
        told = f"net {change(came['net'])} USD{f' ({share})' if share else ' so far'}, {fees}"
        pairs.append(("outcome", told))
    if (end := data["settlement"]) is not None:
        pairs.append(("settlement", f"{end['outcome']} {end['reason']}".strip()))
    pairs += [(one["kind"], f"{minute(one['at'])} {one['text']}") for one in data["notes"]]
    return pairs


def _fill(one: Mapping[str, Any]) -> str:
    got = f"{_number(one['shares'])} at {_number(one['price'])}, fee {_number(one['fee'])}"
    return f"{one['at'][:10]} {one['at'][11:16]} {got}, grade {one['grade']}"


def _flat(value: object) -> object:
    """Return *value* in one line: lists of lists and mappings as a person reads them."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(str(_flat(item)) for item in value) + "]"
    return _number(value)


def _number(value: object) -> object:
    """Return a number in at most six digits; anything else as it is."""
    return f"{value:.6g}" if isinstance(value, float) else value
