"""The summary of the day: what was collected, decided, done and held, and what stops it."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

from trading_cli.app import stop
from trading_cli.app.cycles import Cycle, Done
from trading_cli.domain import SLOT_SECONDS, Notice, Severity, Side
from trading_cli.store import (
    Transaction,
    balances,
    deals,
    holdings,
    journal,
    outbox,
    pauses,
    progress,
    runs,
)
from trading_cli.trading import RiskSection

DAY = timedelta(days=1)
COLLECTED = frozenset({"OK", "PARTIAL"})


def summary(
    look: Transaction, place: stop.Place, now: datetime, risk: RiskSection | None = None
) -> Notice:
    """Return the summary of the 24 hours before *now*; one key a UTC day."""
    lines = [
        f"Day to {now:%Y-%m-%d %H:%M} UTC, paper. UNPROVEN.",
        account(look, now, DAY),
        *in_use(look, now, risk or RiskSection()),
        *_done(look, now),
        collected(look, now, DAY),
        *ran(look, now, DAY),
        *stops(look, place, now),
        chained(look),
    ]
    key = f"summary:{now:%Y-%m-%d}"
    return Notice(key, "summary", Severity.INFO, "\n".join(lines), now, facts={"hours": 24})


def account(look: Transaction, now: datetime, span: timedelta) -> str:
    """Say what the account is worth, and what became of it in *span*, flows apart."""
    marks = balances.marks(look, now - span)
    if not marks:
        return f"Account: no mark in {span // timedelta(hours=1)} hours."
    first, last = marks[0], marks[-1]
    change = (last.equity - last.flows) - (first.equity - first.flows)
    return (
        f"Equity {last.equity:.2f} USD ({change:+.2f} since {first.at:%Y-%m-%d %H:%M}), cash"
        f" {last.cash:.2f}, at stake {last.exposure:.2f} in {last.open} positions."
    )


def in_use(look: Transaction, now: datetime, risk: RiskSection) -> list[str]:
    """Say how much of the limits is used; nothing where there is no mark yet."""
    marks = balances.marks(look, now - DAY)
    if not marks or marks[-1].equity <= 0:
        return []
    last = marks[-1]
    share = last.exposure / last.equity
    positions = f"positions {last.open} of {risk.open_positions}"
    return [f"Risk in use: at stake {share:.1%} of {risk.exposure:.0%}, {positions}."]


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


def collected(look: Transaction, now: datetime, span: timedelta) -> str:
    """Say how many of the slots of *span* were collected."""
    since, expected = (now - span).timestamp(), span // timedelta(seconds=SLOT_SECONDS)
    limit = 4 * expected
    found = [
        one for one in runs.last(look, cycles=runs.COLLECTING, limit=limit) if one.slot >= since
    ]
    good = {one.slot for one in found if one.state in COLLECTED}
    failed = {one.slot for one in found} - good
    missing = f"; {len(failed)} missed or failed" if failed else ""
    return f"Collected {len(good)} of {expected} slots{missing}."


def ran(look: Transaction, now: datetime, span: timedelta) -> list[str]:
    """Say which cycles of *span* did not end well, and of the long ones that they ran."""
    since = (now - span).timestamp()
    lines = []
    for cycle in ("collection", "analysis", "validation"):
        found = [one for one in runs.last(look, cycles=(cycle,), limit=1000) if one.slot >= since]
        states = Counter(one.state for one in found if one.timing != "missed")
        if states:
            told = ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
            worst = next((one for one in found if one.state == "FAILED"), None)
            why = f" (last: {worst.why[:100]})" if worst else ""
            lines.append(f"Runs of {cycle}: {told}{why}.")
    return lines


def chained(look: Transaction) -> str:
    """Say how long the journal is and what seals its newest row: to be held against a later one."""
    seq, seal = journal.head(look)
    return f"Journal: {seq} rows, head {seal.hex()[:16]}."


def stops(look: Transaction, place: stop.Place, now: datetime) -> list[str]:
    """Say how the kill switch stands and what pauses entries."""
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
        new = outbox.put(tx, summary(tx, place, now, cycle.toolkit.settings.risk))
    return Done("OK", "" if new else "the day's summary was queued before")
