"""The summary of the day: what was collected, decided, done and held, and what stops it."""

from datetime import datetime, timedelta
from decimal import Decimal

from trading_cli.app import stop
from trading_cli.app.cycles import Cycle, Done
from trading_cli.domain import SLOT_SECONDS, Notice, Severity, Side
from trading_cli.store import Transaction, balances, deals, holdings, outbox, pauses, progress, runs

DAY = timedelta(days=1)
A_DAY = 86_400 // SLOT_SECONDS
COLLECTED = frozenset({"OK", "PARTIAL"})


def summary(look: Transaction, place: stop.Place, now: datetime) -> Notice:
    """Return the summary of the 24 hours before *now*; one key a UTC day."""
    lines = [
        f"Day to {now:%Y-%m-%d %H:%M} UTC, paper. UNPROVEN.",
        _account(look, now),
        *_done(look, now),
        _collected(look, now),
        *_stops(look, place, now),
    ]
    key = f"summary:{now:%Y-%m-%d}"
    return Notice(key, "summary", Severity.INFO, "\n".join(lines), now, facts={"hours": 24})


def _account(look: Transaction, now: datetime) -> str:
    marks = balances.marks(look, now - DAY)
    if not marks:
        return "Account: no mark in 24 hours."
    first, last = marks[0], marks[-1]
    change = (last.equity - last.flows) - (first.equity - first.flows)
    return (
        f"Equity {last.equity:.2f} USD ({change:+.2f} since {first.at:%H:%M}), cash"
        f" {last.cash:.2f}, at stake {last.exposure:.2f} in {last.open} positions."
    )


def _done(look: Transaction, now: datetime) -> list[str]:
    reasons = progress.reasons_since(look, now - DAY)
    decided = sum(reasons.values())
    common = ", ".join(f"{name} {count}" for name, count in list(reasons.items())[:4])
    fills = deals.fills(look, since=now - DAY)
    bought = sum(one.side is Side.BUY for one in fills)
    fees = sum((one.fee for one in fills), Decimal(0))
    closed = [
        one
        for one in holdings.positions(look, every=True)
        if one.closed_at is not None and one.closed_at > now - DAY
    ]
    result = sum((one.realized for one in closed), Decimal(0))
    lines = [
        f"Decisions {decided}" + (f": {common}." if common else "."),
        f"Bought {bought} times, sold {len(fills) - bought}; fees {fees:.2f} USD.",
    ]
    if closed:
        lines.append(f"Closed {len(closed)} positions: {result:+.2f} USD.")
    return lines


def _collected(look: Transaction, now: datetime) -> str:
    since = (now - DAY).timestamp()
    found = [one for one in runs.last(look, cycles=runs.COLLECTING, limit=400) if one.slot >= since]
    good = {one.slot for one in found if one.state in COLLECTED}
    failed = {one.slot for one in found} - good
    missing = f"; {len(failed)} missed or failed" if failed else ""
    return f"Collected {len(good)} of {A_DAY} slots{missing}."


def _stops(look: Transaction, place: stop.Place, now: datetime) -> list[str]:
    stands = stop.standing_of(look, place.folder)
    held = pauses.active(look, now)
    level = f", level {stands.level}: {stands.reason}" if stands.level else ""
    lines = [f"Kill switch {stands.state.value}{level}."]
    return lines + [f"Paused ({one.kind}): {one.reason}" for one in held]


def summary_step(cycle: Cycle) -> Done:
    """Queue the summary of the day, as a step of the analysis; told once, when it is not night."""
    now = cycle.toolkit.clock.now()
    place = stop.Place(cycle.toolkit.home, cycle.toolkit.loaded.database)
    with cycle.store.transaction() as tx:
        new = outbox.put(tx, summary(tx, place, now))
    return Done("OK", "" if new else "the day's summary was queued before")
