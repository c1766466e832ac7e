"""Series to draw: the mids of many markets over a day, what the account was worth over time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app.asked.opening import NOTHING, looking
from trading_cli.core.clock import Clock
from trading_cli.domain import SLOT_SECONDS, from_epoch, slot_of
from trading_cli.store import Transaction, listings, pages
from trading_cli.store.balances import Mark

SLOTS = 96
SLOTS_AN_HOUR = 4
NAMES = ("hype", "rvr", "roc")
_DIGITS = 4
_Row = dict[str, Any]


def sparklines(
    config: Path | None, *, ids: Sequence[str] | None = None, clock: Clock | None = None
) -> dict[str, Any]:
    """Return {since, step_s, slots, markets}: the YES mids of the last 24 hours, by slot.

    Of the markets *ids* that are known, or of all that are followed. A slot without a quote of both
    sides is ``None``. ``now`` has what each indicator was last, ``None`` for none within the hour.
    """
    with looking(config, clock) as look:
        if look is None:
            return {"since": None, "step_s": SLOT_SECONDS, "slots": SLOTS, "markets": [],
                    "warnings": NOTHING}  # fmt: skip
        members = listings.panel_members(look.rows, as_of=look.now)
        wanted = sorted(members) if ids is None else pages.known_markets(look.rows, ids)
        first = slot_of(look.now) - (SLOTS - 1) * SLOT_SECONDS
        rows = _mids(look.rows, wanted, from_epoch(first), look.now)
        recent = from_epoch(slot_of(look.now) - SLOTS_AN_HOUR * SLOT_SECONDS)
        newest = pages.newest_indicators(look.rows, wanted, recent, as_of=look.now)
    return {
        "since": from_epoch(first).isoformat(),
        "step_s": SLOT_SECONDS,
        "slots": SLOTS,
        "markets": [row | {"now": _now(newest.get(row["id"], []))} for row in rows],
    }


def _now(found: Sequence[pages.Indicator]) -> _Row:
    held = {one.name: one for one in found}
    return {name: indicator(held[name]) if name in held else None for name in NAMES}


def indicator(one: pages.Indicator) -> _Row:
    """Return an indicator as JSON has it."""
    return {
        "slot": from_epoch(one.slot).isoformat(),
        "value": one.value,
        "undefined": one.undefined or None,
        "tier": one.tier.name,
        "provisional": one.provisional,
    }


def _mids(look: Transaction, names: Sequence[str], since: datetime, now: datetime) -> list[_Row]:
    from trading_cli.store.arrays import quote_matrix  # noqa: PLC0415  # it loads numpy

    until = since + timedelta(seconds=SLOTS * SLOT_SECONDS)
    held = quote_matrix(look, names, since=since, until=until, as_of=now)
    return [
        {"id": name, "mids": [None if mid != mid else round(mid, _DIGITS) for mid in row]}  # noqa: PLR0124  # NaN
        for name, row in zip(names, held.mid.tolist(), strict=True)
    ]


def equity(
    config: Path | None,
    *,
    since: datetime | None = None,
    points: int = 500,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Return {marks, opening, newest}: what everything was worth, oldest first; money in USD.

    At most *points* marks: of each stretch of time its last. ``flows`` are deposits less
    withdrawals so far without the opening one, so the result is equity - opening - flows: that of
    the newest mark there is, also where it is older than *since*.
    """
    with looking(config, clock) as look:
        if look is None:
            return {"marks": [], "opening": None, "result": None, "warnings": NOTHING}
        marks = pages.marks_thinned(look.rows, since, until=look.now, most=points)
        opening = pages.opening_deposit(look.rows)
        last = marks or pages.marks_thinned(look.rows, None, until=look.now, most=1)
    newest = last[-1] if last else None
    earned = None if newest is None else newest.equity - opening - newest.flows
    return {
        "marks": [_mark(one) for one in marks],
        "opening": float(opening),
        "result": None if earned is None else float(earned),
    }


def _mark(one: Mark) -> _Row:
    return {
        "at": one.at.isoformat(),
        "equity": float(one.equity),
        "cash": float(one.cash),
        "mid": float(one.mid),
        "exposure": float(one.exposure),
        "flows": float(one.flows),
        "open": one.open,
        "fresh": one.fresh,
    }
