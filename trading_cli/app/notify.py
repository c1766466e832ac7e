"""What is queued is told: by rules, through the channels, so that a crash loses nothing critical.

That a notice is about to be sent is kept before it is, the outcome after. What a crash cut off in
between may have arrived: a critical one is told again, under the same key; any other is left to
the digest, which says so.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from trading_cli.alerts import AlertsSection, Channel, Delivered, Message, MessageRefused, policy
from trading_cli.app.channels import Channels, channels_of
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.runs import only_run
from trading_cli.app.settings import Loaded
from trading_cli.app.toolkit import Toolkit
from trading_cli.core import log
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import (
    RunLocked,
    SourceError,
    SourceRefused,
    SourceThrottled,
    StoreError,
)
from trading_cli.core.faults import fault
from trading_cli.core.redact import Redactor
from trading_cli.domain import Notice, Severity
from trading_cli.store import Store, Transaction, deliveries, outbox

WORK = "notify"
PATIENCE_S = 15.0
LONGEST_S = 60.0
PER_MINUTE = 20
DIGEST_KEEPS = timedelta(days=7)
tell = outbox.put


@dataclass(slots=True)
class Report:
    """What was done with the queue: messages sent (a part is one), what became of the notices.

    ``told`` are the notices in those messages; ``failed`` counts attempts; ``held`` wait for the
    end of the quiet hours; ``busy`` says who else is telling.
    """

    sent: int = 0
    told: int = 0
    failed: int = 0
    expired: int = 0
    digest: int = 0
    muted: int = 0
    dead: int = 0
    held: int = 0
    waiting: int = 0
    busy: str = ""
    problems: list[str] = field(default_factory=list)
    on: tuple[str, ...] = ()
    off: dict[str, str] = field(default_factory=dict)

    def numbers(self) -> dict[str, int]:
        """Return the counts."""
        names = ("sent", "told", "failed", "expired", "digest", "muted", "dead", "held", "waiting")
        return {name: getattr(self, name) for name in names}


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
            teller = Teller(store, made.on, section, clock, Redactor(secrets.values()))
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
        if not loaded.database.exists():
            return None
        busy = loaded.settings.database.busy_timeout_ms
        try:
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


class Teller:
    """One go at the queue. Holds no transaction while it sends."""

    def __init__(
        self,
        store: Store,
        on: Sequence[Channel],
        section: AlertsSection,
        clock: Clock,
        redactor: Redactor,
    ) -> None:
        self._store = store
        self._on = {one.name: one for one in on}
        self._section = section
        self._clock = clock
        self._redactor = redactor
        self._began, self._real = clock.now(), clock.monotonic()
        self._paced: dict[str, list[tuple[float, int]]] = {}
        self._report = Report(on=tuple(self._on))

    def tell_all(self, patience_s: float) -> Report:
        """Send until nothing is due, or what is left must wait longer than there is patience."""
        patience = patience_s
        while self._on and self._elapsed() < LONGEST_S + patience_s:
            batch, name, wait = self._first(self._planned().batches)
            if batch is not None and name is not None:
                self._send(batch, name)
            elif wait > patience:
                break
            else:
                self._clock.sleep(wait)
                patience -= wait
        else:
            self._planned()
        with self._store.reading() as look:
            self._report.waiting, _ = outbox.waiting(look)
        return self._report

    def _first(
        self, batches: Sequence[policy.Batch]
    ) -> tuple[policy.Batch | None, str | None, float]:
        """Return the first batch that may go now and its channel, else how long all must wait.

        What waits for one channel holds up only what would go the same way.
        """
        shortest = math.inf
        for batch in batches:
            name, wait = self._choice(batch)
            if name is not None and wait <= 0:
                return batch, name, 0.0
            shortest = min(shortest, wait)
        return None, None, shortest

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._real

    def _at(self) -> datetime:
        """Return the world's time, which goes on here even where a test holds it."""
        return self._began + timedelta(seconds=self._elapsed())

    def _planned(self) -> policy.Plan:
        """Put every notice that is not told now where it belongs; return what is."""
        now, section, report = self._at(), self._section, self._report
        with self._store.transaction() as tx:
            self._queue_digest(tx, now)
            today = deliveries.sent(tx, policy.day_start(now, section), capped=True)
            waiting = [
                policy.Waiting(one.queued.id, one.queued.notice, one.unsure, one.refused)
                for one in deliveries.pending(tx)
            ]
            planned = policy.plan(waiting, section, told_today=len(today), now=now)
            for state, notices in planned.states.items():
                outbox.settle(tx, notices, state)
            lost = self._without_channel(tx, planned)
        report.expired += len(planned.states.get("EXPIRED", ()))
        report.digest += len(planned.states.get("DIGEST", ()))
        report.muted += len(planned.states.get("MUTED", ()))
        report.held = planned.held
        left = tuple(one for one in planned.batches if one not in lost)
        return policy.Plan(planned.states, left, planned.held)

    def _without_channel(self, tx: Transaction, planned: policy.Plan) -> list[policy.Batch]:
        """Give up on what every channel has refused for good."""
        lost = [
            batch for batch in planned.batches if self._on and set(self._on) <= set(batch.refused)
        ]
        for batch in lost:
            outbox.settle(tx, [one.id for one in batch.members], "DEAD")
            self._report.dead += len(batch.members)
            key = batch.members[0].notice.key
            self._problem(f"no channel takes {key}")
        return lost

    def _queue_digest(self, tx: Transaction, now: datetime) -> None:
        """Queue the day's digest where something waits for it and no summary will take it along."""
        due = policy.digest_at(now, self._section)
        waiting = outbox.in_digest(tx)
        late = [
            one.id
            for one in waiting
            if policy.expired(one.notice, now) or now - one.notice.created_at > DIGEST_KEEPS
        ]
        outbox.settle(tx, late, "EXPIRED")
        self._report.expired += len(late)
        old = any(one.notice.created_at < due for one in waiting if one.id not in late)
        if not old or outbox.pending_of(tx, "summary"):
            return
        key = f"digest:{due:%Y-%m-%d}"
        until = now + timedelta(days=1)
        outbox.put(tx, Notice(key, "summary", Severity.INFO, "Digest", now, until))

    def _choice(self, batch: policy.Batch) -> tuple[str | None, float]:
        """Return the channel for *batch*, and the seconds until it may be used."""
        now = self._at()
        names = [name for name in self._on if name not in batch.refused]
        with self._store.reading() as look:
            known = deliveries.health(look)
        standing = {
            name: policy.Standing(
                one.failures,
                0.0 if one.blocked_until is None else (one.blocked_until - now).total_seconds(),
            )
            for name, one in known.items()
        }
        name, wait = policy.choose(
            names,
            standing,
            critical=batch.critical,
            limit=self._section.failures_before_next,
        )
        if name is None:
            return None, wait
        return name, policy.pace(self._sent_by(name), now.timestamp(), self._per_minute(name))

    def _per_minute(self, name: str) -> int | None:
        return self._section.telegram.per_minute if name == "telegram" else PER_MINUTE

    def _sent_by(self, name: str) -> list[tuple[float, int]]:
        """Return what went through *name* in the last minute, also from other processes."""
        if name not in self._paced:
            since = self._at() - timedelta(seconds=policy.MINUTE_S + 1)
            with self._store.reading() as look:
                known = deliveries.sent(look, since, channel=name)
            # the file keeps whole seconds: it may have been at the end of that second
            self._paced[name] = [(one.at.timestamp() + 1, one.parts) for one in known]
        return self._paced[name]

    def _send(self, batch: policy.Batch, name: str) -> None:
        """Keep that it is sent, send it, keep how it went."""
        ids = [one.id for one in batch.members]
        now = self._at()
        with self._store.transaction() as tx:
            digest = self._digest(tx) if batch.kind == "summary" else []
            ids += [one.id for one in digest]
            deliveries.claim(tx, ids, name, now)
        fault("notify.claimed")
        try:
            taken = self._on[name].send(self._masked(policy.message(batch, now, digest=digest)))
        except SourceError as error:
            self._failed(ids, name, error)
        else:
            fault("notify.sent")
            self._taken(ids, name, taken)

    def _digest(self, tx: Transaction) -> list[policy.Waiting]:
        unsure = deliveries.cut_off(tx)
        return [
            policy.Waiting(one.id, one.notice, one.id in unsure) for one in outbox.in_digest(tx)
        ]

    def _masked(self, message: Message) -> Message:
        """Return *message* without any secret of ours, should one have got into it."""
        notices = tuple(
            replace(
                one,
                text=self._redactor.text(one.text),
                facts=self._redactor.value(one.facts),
            )
            for one in message.notices
        )
        return replace(message, text=self._redactor.text(message.text), notices=notices)

    def _taken(self, ids: Sequence[int], name: str, taken: Delivered) -> None:
        at = self._at()
        with self._store.transaction() as tx:
            deliveries.took(
                tx, ids, name, at=at, reference=taken.reference, parts=max(1, taken.parts)
            )
        self._sent_by(name).append((at.timestamp(), max(1, taken.parts)))
        self._report.sent += max(1, taken.parts)
        self._report.told += len(ids)

    def _failed(self, ids: Sequence[int], name: str, error: SourceError) -> None:
        """Keep that *name* did not take these, and leave it alone for a while."""
        now, limit = self._at(), self._section.failures_before_next
        said = self._redactor.text(error.detail)
        for_good = isinstance(error, MessageRefused)
        self._report.failed += 1
        self._problem(f"{name}: {said}")
        with self._store.transaction() as tx:
            deliveries.turned_down(tx, ids, name, said, for_good=for_good)
            if for_good:
                return
            before = deliveries.health(tx).get(name, deliveries.Health())
            failures = before.failures + 1
            if isinstance(error, SourceRefused):  # the channel is wrong: it stays so
                failures = max(failures, limit)
            asked = error.retry_after if isinstance(error, SourceThrottled) else None
            until = now + timedelta(seconds=math.ceil(policy.backoff(failures, asked)))
            deliveries.failing(
                tx, name, failures=failures, at=now, until=until + timedelta(seconds=1), error=said
            )
            if before.failures < limit <= failures:
                outbox.put(tx, _channel_fails(name, said, error.hint, now))

    def _problem(self, said: str) -> None:
        if said not in self._report.problems:
            self._report.problems.append(said)
            log.get_logger(WORK).warning("not told", why=said)


def _channel_fails(name: str, said: str, hint: str, now: datetime) -> Notice:
    """Return what the owner hears, through another channel or later, of one that fails."""
    way_out = f"\n{hint}" if hint else ""
    text = f"{name} does not take messages since {now:%H:%M} UTC: {said}{way_out}"
    key = f"channel:{name}:{int(now.timestamp())}"
    return Notice(key, "health", Severity.WARN, text, now)


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
