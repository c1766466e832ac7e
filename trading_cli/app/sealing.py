"""Decisions that come to no order: kept together, and sealed together in one row of the journal."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

from trading_cli.app.desk import Desk
from trading_cli.app.execution import decision_facts
from trading_cli.domain import Decision
from trading_cli.store import Transaction, decided, journal
from trading_cli.store.rows import as_json


def keep_sealed(tx: Transaction, desk: Desk, decisions: Iterable[Decision], at: datetime) -> None:
    """Keep those of *decisions* that no earlier run of the slot has kept, under one seal."""
    given = {one.id: one for one in decisions}
    new = decided.unknown(tx, given)
    kept = [one for name, one in given.items() if name in new]
    if not kept:
        return
    decided.record_decisions(tx, kept)
    seals = {one.id: seal_of(one) for one in kept}
    journal.append(tx, "decisions", str(desk.slot), {"slot": desk.slot, "seals": seals}, at=at)


def seal_of(decision: Decision) -> str:
    """Return 16 hex digits that stand for everything *decision* says."""
    return blake2b(as_json(decision_facts(decision)).encode(), digest_size=8).hexdigest()
