"""The report of the week: what it brought, what was found out, and whether all is looked after."""

from datetime import datetime, timedelta
from decimal import Decimal

from trading_cli.app import daily, stop
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.settings import Settings
from trading_cli.domain import Notice, Severity
from trading_cli.store import Transaction, holdings, outbox, runs, trials
from trading_cli.store.correlations import labels

WEEK = timedelta(days=7)


def report(
    look: Transaction, place: stop.Place, settings: Settings, run: int, now: datetime
) -> Notice:
    """Return the report of the 7 days before *now*; one key an ISO week.

    *run* is the validation under way: its steps so far are part of the report.
    """
    year, week, _ = now.isocalendar()
    lines = [
        f"Week {week} to {now:%Y-%m-%d %H:%M} UTC, paper. UNPROVEN.",
        daily.account(look, now, WEEK),
        *daily.in_use(look, now, settings.risk),
        _closed(look, now),
        daily.collected(look, now, WEEK),
        *daily.ran(look, now, WEEK),
        _leads(look, now),
        _tried(look),
        *_steps(look, run),
        *daily.stops(look, place, now),
        daily.chained(look),
    ]
    key = f"week:{year}-{week:02d}"
    return Notice(key, "summary", Severity.INFO, "\n".join(lines), now, facts={"hours": 168})


def _closed(look: Transaction, now: datetime) -> str:
    ended = [
        one
        for one in holdings.positions(look, every=True)
        if one.closed_at is not None and one.closed_at > now - WEEK
    ]
    if not ended:
        return "Closed no position."
    won = sum(one.realized > 0 for one in ended)
    result = sum((one.realized for one in ended), Decimal(0))
    return f"Closed {len(ended)} positions, {won} with a gain: {result:+.2f} USD."


def _leads(look: Transaction, now: datetime) -> str:
    """Say in how many markets talk leads, by what is confirmed; few are no reason to trade."""
    held = labels(look, as_of=now)
    markets = [one for name, one in held.items() if not name.startswith("pooled:")]
    leads = sum(one.leads for one in markets)
    return f"Talk leads price, confirmed: in {leads} of {len(markets)} markets judged."


def _tried(look: Transaction) -> str:
    tried = trials.counted(look)
    return f"Tried so far: {tried.distinct} distinct trials; a good result is held against them."


def _steps(look: Transaction, run: int) -> list[str]:
    return [
        f"{step.name}: {step.state}" + (f" ({step.why[:120]})" if step.why else "")
        for step in runs.steps(look, run)
    ]


def report_step(cycle: Cycle) -> Done:
    """Queue the report of the week, as the validation's last finding."""
    now = cycle.toolkit.clock.now()
    place = stop.Place(cycle.toolkit.home, cycle.toolkit.loaded.database)
    with cycle.store.transaction() as tx:
        told = report(tx, place, cycle.toolkit.settings, cycle.ticket.run, now)
        new = outbox.put(tx, told)
    return Done("OK", "" if new else "the week's report was queued before")
