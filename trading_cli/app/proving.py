"""What a strategy has shown of itself: the gate, judged when its trades change, kept by date.

Governs live only. In paper it is said with every decision and alert (`gates.paper: warn`), and
forbids nothing. A change of the verdict is a row of the journal.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from trading_cli.app.desk import Desk
from trading_cli.app.settings import Settings
from trading_cli.research import bets, gates
from trading_cli.store import Transaction, journal, proofs

UNPROVEN, PROVEN = "UNPROVEN", "PROVEN"
PARITY, DRILL, GEOBLOCK = "parity", "kill drill", "geoblock"
KIND = "gate"
_PROOFS = {
    PARITY: ("parity", "identical"),
    DRILL: ("drill", "passed"),
    GEOBLOCK: ("geoblock", "clear"),
}
"""What must be proved besides: the kind of its journal rows, and what the newest must say."""


def look_again(desk: Desk, strategies: Sequence[str], now: datetime) -> None:
    """Judge each of *strategies* whose trades or proofs changed since; keep and journal it.

    Nothing is read twice and nothing written where nothing changed.
    """
    if desk.settings.gates.paper == "off":
        return
    with desk.store.reading() as look:
        found = due(look, desk.settings, strategies, now)
        before = proofs.verdicts(look, as_of=now)
    if not found:
        return
    with desk.store.transaction() as tx:
        desk.hold(tx)
        for one in found:
            proofs.record_verdict(tx, one)
            last = before.get(one.strategy)
            if last is None or _heard(last) != _heard(one):
                journal.append(tx, KIND, one.strategy, one.body, at=now)


def _heard(verdict: proofs.Verdict) -> tuple[object, ...]:
    """Return what a person would call the verdict: another one is a change, more trades are not."""
    bound, proved = verdict.body.get("bound"), sorted(verdict.body["conditions"].items())
    return verdict.passed, bound is not None and bound > 0, proved


def due(
    look: Transaction, settings: Settings, strategies: Sequence[str], now: datetime
) -> list[proofs.Verdict]:
    """Return the new verdicts on those of *strategies* whose last one rests on something else."""
    conditions = proved(look)
    trades = proofs.rests_on(look, as_of=now)
    standing = proofs.verdicts(look, as_of=now)
    rules = settings.gates
    rest = "; ".join(f"{name} {'yes' if held else 'no'}" for name, held in conditions.items())
    rest += f"; {rules.min_trades}, {rules.min_events}, {rules.min_days}"
    basis = {name: f"{trades.get(name, 'nothing')}; {rest}" for name in strategies}
    stale = [
        name
        for name in strategies
        if name not in standing or standing[name].rests_on != basis[name]
    ]
    if not stale:
        return []
    held = proofs.traded(look, as_of=now)
    return [
        _verdict(name, judge(held.get(name, ()), settings, conditions), basis[name], now)
        for name in stale
    ]


def proved(look: Transaction) -> dict[str, bool]:
    """Return what else must be proved, and whether its newest journal row says so."""
    found = {}
    for name, (kind, word) in _PROOFS.items():
        rows = journal.newest(look, kind=kind, limit=1)
        found[name] = bool(rows and rows[0].body.get(word) is True)
    return found


def judge(
    trades: Sequence[proofs.Traded], settings: Settings, conditions: Mapping[str, bool]
) -> tuple[gates.GateVerdict, int]:
    """Return the verdict on one strategy's *trades*, and how many wait for their bet to end."""
    section = settings.gates
    closed, waiting = bets.grouped([
        bets.Trade(
            one.event, frozenset(one.themes), one.opened_at, one.closed_at, one.net, one.paid
        )
        for one in trades
    ])  # fmt: skip
    rules = gates.GateRules(section.min_trades, section.min_events, section.min_days)
    return gates.judge(closed, rules, conditions), waiting


def _verdict(
    strategy: str, judged: tuple[gates.GateVerdict, int], basis: str, now: datetime
) -> proofs.Verdict:
    found, waiting = judged
    body = {
        "state": PROVEN if found.passed else UNPROVEN,
        "sentence": sentence(found),
        "bound": _number(found.bound),
        "bound_by_week": _number(found.bound_by_week),
        "mean": _number(found.mean),
        "trades": found.trades,
        "bets": found.events,
        "days": round(found.days, 2),
        "waiting": waiting,
        "missing": list(found.missing),
        "conditions": dict(found.conditions),
    }
    return proofs.Verdict(strategy, now, basis, found.passed, body)


def sentence(found: gates.GateVerdict) -> str:
    """Return the verdict in one sentence for an alert."""
    if found.passed:
        return (
            f"PROVEN: the mean net return per bet is above {found.bound:+.2%} (95 %, however often"
            f" one looks), of {found.trades} closed trades in {found.events} bets"
        )
    return f"{UNPROVEN}: {'; '.join(found.missing)}"


def said(body: Mapping[str, Any]) -> str:
    """Return in a line for an alert whether it is proven, and what the bound says."""
    if body["bound"] is None:
        return f"{body['state']}: no bet of it is over yet"
    return (
        f"{body['state']}: {body['trades']} closed trades in {body['bets']} bets; the mean return"
        f" per bet is above {body['bound']:+.1%} (95 %)"
    )


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def standing(look: Transaction, settings: Settings, as_of: datetime) -> dict[str, dict[str, Any]]:
    """Return what each strategy had shown by *as_of*, as a decision's facts keep it.

    Empty where the gate is off, or before it was judged.
    """
    if settings.gates.paper == "off":
        return {}
    names = ("state", "sentence", "bound", "trades", "bets", "days")
    return {
        strategy: {name: one.body[name] for name in names}
        | {"said": said(one.body), "at": one.at.isoformat()}
        for strategy, one in proofs.verdicts(look, as_of=as_of).items()
    }


def report(
    look: Transaction, settings: Settings, strategies: Sequence[str], now: datetime
) -> list[dict[str, Any]]:
    """Return {strategy, state, sentence, …} of *strategies* and all ever judged, as of now."""
    if settings.gates.paper == "off":
        return []
    kept = proofs.verdicts(look, as_of=now)
    names = sorted({*strategies, *kept})
    kept |= {one.strategy: one for one in due(look, settings, names, now)}
    return [{"strategy": name, **kept[name].body} for name in names]


def forbids(mode: str, proof: Mapping[str, Any] | None) -> str:
    """Return why a strategy may not enter: live what is not proven does not. "": it may."""
    if mode != "live" or (proof is not None and proof["state"] == PROVEN):
        return ""
    return UNPROVEN if proof is None else str(proof["sentence"])
