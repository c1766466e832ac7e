"""The ledger against the fills against the positions, to the millionth of a USD.

Each question is asked of two of the three that should say the same; a difference is a sentence
with both numbers. Nothing is mended: who finds one stops trading and looks.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading_cli.app import brief
from trading_cli.domain import Entry, Fill, Position, PositionState, Side, Token
from trading_cli.store import Store, Transaction, balances, deals, holdings

EVERY = 2**62
ZERO = Decimal(0)
MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Two records that should say the same of *subject*, and what each says."""

    subject: str
    what: str
    ledger: Decimal
    other: Decimal


def reconcile(config: Path | None) -> dict[str, Any]:
    """Return {agrees, fills, positions, transfers, balances, mismatches}."""
    known = brief.read(config, os.environ)
    with Store.reader(known.database) as store, store.reading() as look:
        return of(look)


def of(look: Transaction) -> dict[str, Any]:
    """Return the same from an open look."""
    lines = balances.entries(look)
    fills = deals.fills(look, limit=EVERY)
    held = holdings.positions(look, every=True)
    accounts = balances.balances(look)
    transfers: dict[str, list[Entry]] = defaultdict(list)
    for line in lines:
        transfers[line.transfer].append(line)
    found = [
        *_transfers(transfers),
        *_fills(transfers, fills),
        *_strays(transfers, fills, held),
        *_holdings(lines, held),
        *_sums(accounts, held),
    ]
    return {
        "agrees": not found,
        "fills": len(fills),
        "positions": len(held),
        "transfers": len(transfers),
        "balances": {name: float(amount) for name, amount in accounts.items()},
        "mismatches": [
            {
                "subject": one.subject,
                "what": one.what,
                "ledger": float(one.ledger),
                "other": float(one.other),
            }
            for one in found
        ],
    }


def _transfers(transfers: Mapping[str, Sequence[Entry]]) -> Iterator[Mismatch]:
    for name, lines in transfers.items():
        off = sum((line.amount for line in lines), ZERO)
        if off:
            yield Mismatch(name, "the lines of the transfer do not sum to 0", off, ZERO)


def _fills(transfers: Mapping[str, Sequence[Entry]], fills: Sequence[Fill]) -> Iterator[Mismatch]:
    """Ask of each fill whether the ledger moved the cash, the fee and the shares it says."""
    for fill in fills:
        lines = transfers.get(f"fill:{fill.id}", ())
        gross, buys = Decimal(deals.gross_of(fill)) / MILLION, fill.side is Side.BUY
        expected = (
            ("cash", "USD paid or received", -gross - fill.fee if buys else gross - fill.fee),
            ("fees", "fee", fill.fee),
        )
        for account, what, amount in expected:
            booked = sum((line.amount for line in lines if line.account == account), ZERO)
            if booked != amount:
                yield Mismatch(fill.id, f"{what} of the fill", booked, amount)
        moved = sum((line.shares for line in lines), ZERO)
        shares = fill.shares if buys else -fill.shares
        if moved != shares:
            yield Mismatch(fill.id, "shares of the fill", moved, shares)


def _strays(
    transfers: Mapping[str, Sequence[Entry]], fills: Sequence[Fill], held: Sequence[Position]
) -> Iterator[Mismatch]:
    """Find what the ledger booked for a fill or a settlement that nothing else knows of."""
    known = {f"fill:{fill.id}" for fill in fills}
    closed = {one.id for one in held if one.state is PositionState.CLOSED}
    for name, lines in transfers.items():
        kind, about = lines[0].kind, lines[0].reference
        stray = (kind == "fill" and name not in known) or (
            kind == "settlement" and about not in closed
        )
        if stray:
            cash = sum((line.amount for line in lines if line.account == "cash"), ZERO)
            yield Mismatch(name, f"the ledger books a {kind} that is not there", cash, ZERO)


def _holdings(lines: Sequence[Entry], held: Sequence[Position]) -> Iterator[Mismatch]:
    """Ask of each token of each market whether as many shares are held as were booked."""
    booked: dict[tuple[str, Token | None], Decimal] = defaultdict(Decimal)
    shares: dict[tuple[str, Token | None], Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.shares:
            booked[line.market_id, line.token] += line.shares
    for position in held:
        shares[position.market_id, position.token] += position.shares
    for key in sorted(booked.keys() | shares.keys(), key=str):
        if booked[key] != shares[key]:
            yield Mismatch(f"{key[0]} {key[1]}", "shares held", booked[key], shares[key])


def _sums(accounts: Mapping[str, Decimal], held: Sequence[Position]) -> Iterator[Mismatch]:
    """Ask whether the accounts sum to 0, and to what the positions cost and brought."""
    total = sum(accounts.values(), ZERO)
    if total:
        yield Mismatch("ledger", "the sum of all accounts", total, ZERO)
    cost = sum((one.cost for one in held), ZERO)
    if accounts["positions"] != cost:
        yield Mismatch("positions", "what the positions cost", accounts["positions"], cost)
    net = -accounts["realized"] - accounts["fees"]
    realized = sum((one.realized for one in held), ZERO)
    if net != realized:
        yield Mismatch("realized", "the net result", net, realized)
