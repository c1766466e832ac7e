"""Rows page by page: decisions, lines of the ledger; and the decisions of the newest slot.

A page is asked for by the place of the last row before it; the answer has the place to ask for
next under ``next``, ``None`` at the end. It is not part of the data.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from trading_cli.app.asked.opening import NOTHING, looking, no_market
from trading_cli.app.decision_told import shown
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Action, Decision, Purpose, Reason, from_epoch, slot_of
from trading_cli.store import balances, decided, pages

Page = tuple[dict[str, Any], Any]
"""The data, and the place to begin the next page after (``None``: this was the last)."""


def decisions(
    config: Path | None,
    *,
    market: str | None = None,
    action: Action | None = None,
    reason: Reason | None = None,
    strategy: str | None = None,
    limit: int = 50,
    after: tuple[int, int] | None = None,
    clock: Clock | None = None,
) -> Page:
    """Return {decisions: […]}: the newest first, each as `trading signal` has it and its slot."""
    with looking(config, clock) as look:
        if look is None:
            return {"decisions": [], "warnings": NOTHING}, None
        found = pages.decisions_before(
            look.rows, after, market=market, action=action, reason=reason, strategy=strategy,
            limit=limit + 1,
        )  # fmt: skip
    more = found[limit - 1][0] if len(found) > limit else None
    return {"decisions": [told(one) for _, one in found[:limit]]}, more


def told(one: Decision) -> dict[str, Any]:
    """Return a decision as `signal` shows it, with its slot, event and purpose."""
    return {
        "slot": from_epoch(one.slot).isoformat(),
        "event": one.event_id,
        "purpose": one.purpose.value,
        **shown(one),
    }


def signals(
    config: Path | None, *, market: str | None = None, clock: Clock | None = None
) -> dict[str, Any]:
    """Return what `trading signal` answers of the newest slot that was decided; never decides.

    *market* is its id or its condition's. Raises UsageError where it names no market, or no
    candidate of that slot.
    """
    with looking(config, clock) as look:
        if look is None:
            if market is not None:
                raise no_market(market)
            slot = slot_of((clock or SystemClock()).now())
            return _decided(slot, []) | {"warnings": NOTHING}
        slot = slot_of(look.now)
        known = None if market is None else pages.market_named(look.rows, market)
        if market is not None and known is None:
            raise no_market(market)
        newest = pages.newest_decided_slot(look.rows, until=slot)
        taken = (
            [] if newest is None
            else decided.decisions(look.rows, slot=newest, market=known, limit=100_000)
        )  # fmt: skip
        found = [one for one in taken if one.purpose is Purpose.ENTRY]
        if known is not None and not found:
            raise UsageError(
                f"market {known} is no candidate in this slot.",
                hint="trading markets, and trading status for the funnel",
            )
    if newest == slot:
        return _decided(slot, found)
    at = f"slot {from_epoch(slot):%H:%M} UTC is not decided yet"
    older = "nothing was decided before" if newest is None else "these are of an older one"
    return _decided(newest or slot, found) | {"warnings": [f"{at}: {older}"]}


def _decided(slot: int, found: list[Decision]) -> dict[str, Any]:
    return {
        "slot": from_epoch(slot).isoformat(),
        "dry_run": False,
        "decisions": [shown(one) for one in found],
    }


def ledger(
    config: Path | None,
    *,
    account: str | None = None,
    limit: int = 50,
    after: int | None = None,
    clock: Clock | None = None,
) -> Page:
    """Return {lines, balances, total}: the double-entry ledger, newest first; money in USD.

    Where *account* is named the lines are its own, and so is their *total*; balances are of all.
    """
    if account is not None and account not in balances.ACCOUNTS:
        raise UsageError(
            f"there is no account {account!r}.", hint=f"one of: {', '.join(balances.ACCOUNTS)}"
        )
    with looking(config, clock) as look:
        if look is None:
            nothing = dict.fromkeys(balances.ACCOUNTS, 0.0)
            return {"lines": [], "balances": nothing, "total": 0, "warnings": NOTHING}, None
        found = pages.lines_before(look.rows, after, account=account, limit=limit + 1)
        held = balances.balances(look.rows)
        total = pages.lines_counted(look.rows, account)
    more = found[limit - 1].seq if len(found) > limit else None
    lines = [
        asdict(one) | {"at": one.at.isoformat(), "market": one.market or None}
        for one in found[:limit]
    ]
    in_usd = {name: float(usd) for name, usd in held.items()}
    return {"lines": lines, "balances": in_usd, "total": total}, more
