"""What is queued is told: in a cycle, by the runner's courier, or when a person asks."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from trading_cli.alerts import AlertsSection, policy
from trading_cli.app.channels import Channels, channels_of
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.runs import only_run
from trading_cli.app.settings import Loaded
from trading_cli.app.teller import Report, Teller
from trading_cli.app.toolkit import Toolkit
from trading_cli.core import log
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import RunLocked, StoreError
from trading_cli.core.redact import Redactor
from trading_cli.domain import Notice, Severity
from trading_cli.store import Store, Transaction, deliveries, outbox
from trading_cli.store.born import is_there

WORK = "notify"
PATIENCE_S = 15.0
tell = outbox.put


def section_of(loaded: Loaded) -> AlertsSection:
    """Return what the settings say about alerts."""
    return loaded.settings.alerts


def deliver(
    toolkit: Toolkit,
    store: Store,
    *,
    channels: Channels | None = None,
    patience_s: float = PATIENCE_S,
) -> Report:
    """Tell what is due, critical first; wait up to *patience_s* for limits and failing channels.

    What is not told now stays queued. Another process that tells is left to it (``busy``). Raises
    only ``StoreError``.
    """
    return go(toolkit.loaded, toolkit.clock, store, channels=channels, patience_s=patience_s)


def go(
    loaded: Loaded,
    clock: Clock,
    store: Store,
    *,
    channels: Channels | None = None,
    patience_s: float = PATIENCE_S,
) -> Report:
    """Do what ``deliver`` does, without a toolkit."""
    section, secrets = section_of(loaded), loaded.secrets
    try:
        with (
            only_run(loaded.database.parent, WORK, clock.now()),
            channels or channels_of(section, secrets, clock) as made,
        ):
            masks = Redactor(secrets.values())
            page = loaded.settings.dashboard.public_url
            teller = Teller(store, made.on, section, clock, masks, page=page)
            report = teller.tell_all(patience_s)
            report.off = dict(made.off)
            return report
    except RunLocked as locked:
        return Report(busy=locked.message)


def courier(loaded: Loaded, clock: Clock | None = None) -> Callable[[], Report | None]:
    """Return what `trading run` calls every few seconds: it tells what is due, if anything is.

    It never raises one of ours: a database that cannot be used now is asked again the next time.
    """
    now = clock or SystemClock()

    def call() -> Report | None:
        busy = loaded.settings.database.busy_timeout_ms
        try:
            if not is_there(loaded.database):
                return None
            with Store.reader(loaded.database, busy_timeout_ms=busy) as store:
                with store.reading() as look:
                    waiting = outbox.anything(look)
                if not waiting:
                    return None
            with Store.open(loaded.database, now=now.now(), busy_timeout_ms=busy) as store:
                return go(loaded, now, store)
        except StoreError as error:
            log.get_logger(WORK).warning("the queue cannot be read", why=error.message)
            return Report(busy=error.message)

    return call


def notify_step(cycle: Cycle) -> Done:
    """Tell what is due, as a step of a cycle."""
    report = deliver(cycle.toolkit, cycle.store)
    why = report.busy or "; ".join(report.problems)[:300]
    if not report.on and not report.busy:
        return Done("OK", "no channel is on", report.numbers())
    return Done("PARTIAL" if report.problems else "OK", why, report.numbers())


def watch(
    tx: Transaction, name: str, *, bad: bool, text: str, now: datetime, critical: bool = False
) -> bool:
    """Look at a condition once more; tell it when it begins and when it is over.

    *text* says what is bad, or that it is well again. It begins after two bad looks in a row and
    ends after four good ones, so that what flickers is told once. Return whether it is raised.
    """
    held = deliveries.condition(tx, name)
    before = policy.Edge(held.raised, held.streak)
    after = policy.watch(before, bad=bad)
    deliveries.keep_condition(tx, name, deliveries.Condition(after.raised, after.streak), now)
    if after.raised != before.raised:
        severity = Severity.WARN if after.raised else Severity.INFO
        key = f"{name}:{'begins' if after.raised else 'ends'}:{int(now.timestamp())}"
        head = "" if after.raised else "Over: "
        sharp = critical and after.raised
        outbox.put(tx, Notice(key, "health", severity, head + text, now, critical=sharp))
    return after.raised


def shown(one: outbox.Queued, found: Sequence[deliveries.Delivery]) -> dict[str, Any]:
    """Return a notice as programs see it."""
    notice = one.notice
    return {
        "id": one.id,
        "key": notice.key,
        "kind": notice.kind,
        "severity": notice.severity.value,
        "critical": notice.critical,
        "text": notice.text,
        "state": one.state,
        "created_at": notice.created_at.isoformat(),
        "expires_at": None if notice.expires_at is None else notice.expires_at.isoformat(),
        "acked_at": None if one.acked_at is None else one.acked_at.isoformat(),
        "acked_by": one.acked_by,
        "deliveries": [
            {
                "channel": each.channel,
                "state": each.state,
                "tries": each.tries,
                "tried_at": each.tried_at.isoformat(),
                "sent_at": None if each.sent_at is None else each.sent_at.isoformat(),
                "error": each.error,
            }
            for each in found
        ],
    }
