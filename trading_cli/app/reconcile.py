"""The ledger against the fills against the positions, to the millionth of a USD.

A difference is told with both numbers. Nothing is mended: who finds one stops trading and looks.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trading_cli.app import brief
from trading_cli.store import Store, Transaction, agreement, balances
from trading_cli.store.rows import exact


def reconcile(config: Path | None) -> dict[str, Any]:
    """Return {agrees, fills, positions, transfers, balances, mismatches}, every fill added anew."""
    known = brief.read(config, os.environ)
    with Store.reader(known.database) as store, store.reading() as look:
        return _told(look, list(agreement.fills_that_do_not_add_up(look)))


def of(look: Transaction) -> dict[str, Any]:
    """Return the same from an open look, quickly: what a fill's levels come to is not asked."""
    return _told(look, [])


def as_read(ledger: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the balances as a person reads them: a loss is negative, what was paid in is not.

    The ledger's accounts sum to 0, so in it a gain and what was paid in are negative, and its
    result is before fees. Here cash and positions are together what was paid in and the result.
    """
    held = {name: ledger.get(name, 0.0) for name in
            ("cash", "positions", "fees", "realized", "capital")}  # fmt: skip
    return [
        ("cash", held["cash"]),
        ("positions at cost", held["positions"]),
        ("paid in", 0.0 - held["capital"]),
        ("net result", 0.0 - (held["realized"] + held["fees"])),
        ("fees in that result", held["fees"]),
    ]


def _told(look: Transaction, more: list[agreement.Mismatch]) -> dict[str, Any]:
    found = [*agreement.mismatches(look), *more]
    accounts = balances.balances(look)
    return {
        "agrees": not found,
        **agreement.counts(look),
        "balances": {name: float(amount) for name, amount in accounts.items()},
        "mismatches": [
            {
                "subject": one.subject,
                "what": one.what,
                "ledger": float(exact(one.ledger)),
                "other": float(exact(one.other)),
            }
            for one in found
        ],
    }
