"""A person's own wallet, read from the public Data API: what it holds counts in our limits.

Nothing but the address is needed, and nothing is ever sold there. What the wallet holds replaces
what it held at the last look, as a whole.
"""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading_cli.app.toolkit import Toolkit, build
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Market, Refusal, Token
from trading_cli.store import Store, Transaction, holdings, journal, ledger, listings
from trading_cli.store.holdings import Outside

_WALLET = re.compile(r"0x[0-9a-fA-F]{40}")
PERSON = "person"


def sync(config: Path | None, wallet: str, *, clock: Clock | None = None) -> dict[str, Any]:
    """Read what *wallet* holds into the store and return it.

    Shares of a settled market are left out: nothing is at risk. A market unknown to us is looked
    up; one that cannot be had still counts, under its condition id. Raises UsageError for what is
    no address and SourceError where the list cannot be had whole; then nothing changes.
    """
    if not _WALLET.fullmatch(wallet):
        raise UsageError(
            f"{wallet!r} is no wallet.", hint="an address is 0x and 40 hexadecimal digits"
        )
    address = wallet.lower()
    with ExitStack() as stack:
        toolkit = stack.enter_context(build(config, clock=clock))
        held, refused = _read(toolkit, address)
        store = stack.enter_context(toolkit.open_store())
        now = toolkit.clock.now()
        found = _found(toolkit, store, [one.condition_id for one in held], now)
        live = [one for one in held if not one.settled]
        rows = _merged([_outside(one, found.get(one.condition_id), now) for one in live])
        with store.transaction() as tx:
            listings.record_markets(tx, list(found.values()))
            ledger.record_refusals(tx, refused)
            holdings.replace_outside(tx, address, rows, now)
            body = {"action": "portfolio sync", "positions": len(rows), "cost": str(_cost(rows))}
            journal.append(tx, "operator", address, body, at=now, actor=PERSON)
            return _told(tx, address, rows, len(held) - len(live), refused, found)


def _read(toolkit: Toolkit, wallet: str) -> tuple[list[Any], list[Refusal]]:
    from trading_cli.sources.polymarket.positions import positions_of  # noqa: PLC0415  # paid when used

    records = list(positions_of(toolkit.venue().data, wallet))
    refused = [one for one in records if isinstance(one, Refusal)]
    return [one for one in records if not isinstance(one, Refusal)], refused


def _found(
    toolkit: Toolkit, store: Store, conditions: Sequence[str], now: datetime
) -> dict[str, Market]:
    """Return the markets by condition id: those we know, and those that the venue describes."""
    from trading_cli.sources.polymarket.look_up import look_up  # noqa: PLC0415  # paid when used

    with store.reading() as look:
        known = {one.condition_id: one for one in listings.listing_at(look, as_of=now)}
    found = {name: known[name] for name in conditions if name in known}
    missing = [name for name in dict.fromkeys(conditions) if name not in found]
    if missing:
        for record in look_up(toolkit.venue().gamma, missing, now, workers=2):
            if isinstance(record, Market):
                found[record.condition_id] = record
    return found


def _outside(one: Any, market: Market | None, now: datetime) -> Outside:
    """Return the position as the limits count it: the stake is all it cost."""
    token = Token.YES if one.outcome_index == 0 else Token.NO
    if market is not None and one.token in (market.yes_token, market.no_token):
        token = Token.YES if one.token == market.yes_token else Token.NO
    return Outside(
        one.wallet,
        one.condition_id if market is None else market.id,
        (market.event_id or market.id) if market is not None else one.event_slug,
        token,
        one.shares,
        one.cost,
        now.replace(microsecond=0),
        {"title": one.title, "token": one.token, "condition_id": one.condition_id},
    )


def _merged(rows: Sequence[Outside]) -> list[Outside]:
    """Return *rows* with one for each market and token."""
    kept: dict[tuple[str, Token], Outside] = {}
    for row in rows:
        kept.setdefault((row.market_id, row.token), row)
    return list(kept.values())


def _cost(rows: Sequence[Outside]) -> Decimal:
    return sum((row.cost for row in rows), Decimal(0))


def _told(
    look: Transaction,
    wallet: str,
    rows: Sequence[Outside],
    settled: int,
    refused: Sequence[Refusal],
    markets: dict[str, Market],
) -> dict[str, Any]:
    questions = {one.id: one.question for one in markets.values()}
    every = holdings.outside_positions(look)
    warnings = [
        f"{len(refused)} positions could not be read ({refused[0].detail}): they do not count"
    ] if refused else []  # fmt: skip
    return {
        "wallet": wallet,
        "positions": [
            {
                "market": row.market_id,
                "event": row.event_id,
                "question": questions.get(row.market_id, row.facts.get("title")),
                "token": row.token.value,
                "shares": float(row.shares),
                "cost": float(row.cost),
            }
            for row in sorted(rows, key=lambda row: -row.cost)
        ],
        "cost": float(_cost(rows)),
        "settled": settled,
        "refused": len(refused),
        "wallets": len({row.wallet for row in every}),
        "all_wallets_cost": float(_cost(every)),
        "warnings": warnings,
    }
