"""One go at the queue: what is due is sent through the channels, its fate kept before and after.

That a notice is about to be sent is kept before it is, the outcome after. What a crash cut off in
between may have arrived: a critical one is told again, under the same key; any other is left to
the digest, which says so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from trading_cli.alerts import AlertsSection, Channel, Delivered, Message, MessageRefused, policy
from trading_cli.app.page_links import link_of
from trading_cli.core import log
from trading_cli.core.clock import Clock
from trading_cli.core.errors import SourceError, SourceRefused, SourceThrottled
from trading_cli.core.faults import fault
from trading_cli.core.redact import Redactor
from trading_cli.domain import Notice, Severity
from trading_cli.store import Store, Transaction, deliveries, outbox

LONGEST_S = 60.0
PER_MINUTE = 20
DIGEST_KEEPS = timedelta(days=7)


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


class Teller:
    """One go at the queue. Holds no transaction while it sends."""

    def __init__(
        self,
        store: Store,
        on: Sequence[Channel],
        section: AlertsSection,
        clock: Clock,
        redactor: Redactor,
        *,
        page: str = "",
    ) -> None:
        self._store = store
        self._page = page
        self._on = {one.name: one for one in on}
        self._section = section
        self._clock = clock
        self._redactor = redactor
        self._began, self._real = clock.now(), clock.monotonic()
        self._ways = Ways(store, section)
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
            name, wait = self._ways.choice(batch, tuple(self._on), self._at())
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
            report.expired += queue_digest(tx, section, now)
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

    def _send(self, batch: policy.Batch, name: str) -> None:
        """Keep that it is sent, send it, keep how it went."""
        ids = [one.id for one in batch.members]
        now = self._at()
        with self._store.transaction() as tx:
            digest = digest_of(tx) if batch.kind == "summary" else []
            ids += [one.id for one in digest]
            deliveries.claim(tx, ids, name, now)
        fault("notify.claimed")
        try:
            message = policy.message(batch, now, digest=digest)
            message = replace(message, link=link_of(self._page, message.notices))
            taken = self._on[name].send(masked(message, self._redactor))
        except SourceError as error:
            self._failed(ids, name, error)
        else:
            fault("notify.sent")
            self._taken(ids, name, taken)

    def _taken(self, ids: Sequence[int], name: str, taken: Delivered) -> None:
        at = self._at()
        with self._store.transaction() as tx:
            deliveries.took(
                tx, ids, name, at=at, reference=taken.reference, parts=max(1, taken.parts)
            )
        self._ways.sent(name, at, max(1, taken.parts))
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
            log.get_logger("notify").warning("not told", why=said)


class Ways:
    """Which channel a message takes now, by how they do and how much went through them."""

    def __init__(self, store: Store, section: AlertsSection) -> None:
        self._store = store
        self._section = section
        self._paced: dict[str, list[tuple[float, int]]] = {}

    def choice(
        self, batch: policy.Batch, names: Sequence[str], now: datetime
    ) -> tuple[str | None, float]:
        """Return the channel of *names* for *batch*, and the seconds until it may be used."""
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
            [name for name in names if name not in batch.refused],
            standing,
            critical=batch.critical,
            limit=self._section.failures_before_next,
        )
        if name is None:
            return None, wait
        per_minute = self._section.telegram.per_minute if name == "telegram" else PER_MINUTE
        return name, policy.pace(self._lately(name, now), now.timestamp(), per_minute)

    def sent(self, name: str, at: datetime, parts: int) -> None:
        """Count what has just gone through *name*."""
        self._paced.setdefault(name, []).append((at.timestamp(), parts))

    def _lately(self, name: str, now: datetime) -> list[tuple[float, int]]:
        """Return what went through *name* in the last minute, also from other processes."""
        if name not in self._paced:
            since = now - timedelta(seconds=policy.MINUTE_S + 1)
            with self._store.reading() as look:
                known = deliveries.sent(look, since, channel=name)
            # the file keeps whole seconds: it may have been at the end of that second
            self._paced[name] = [(one.at.timestamp() + 1, one.parts) for one in known]
        return self._paced[name]


def queue_digest(tx: Transaction, section: AlertsSection, now: datetime) -> int:
    """Queue the day's digest where something waits for it and no summary will take it along.

    Return how many were too late for any digest.
    """
    due = policy.digest_at(now, section)
    waiting = outbox.in_digest(tx)
    late = [
        one.id
        for one in waiting
        if policy.expired(one.notice, now) or now - one.notice.created_at > DIGEST_KEEPS
    ]
    outbox.settle(tx, late, "EXPIRED")
    old = any(one.notice.created_at < due for one in waiting if one.id not in late)
    if old and not outbox.pending_of(tx, "summary"):
        key = f"digest:{due:%Y-%m-%d}"
        until = now + timedelta(days=1)
        outbox.put(tx, Notice(key, "summary", Severity.INFO, "Digest", now, until))
    return len(late)


def digest_of(look: Transaction) -> list[policy.Waiting]:
    """Return what the next summary takes along."""
    unsure = deliveries.cut_off(look)
    found = outbox.in_digest(look)
    return [policy.Waiting(one.id, one.notice, one.id in unsure) for one in found]


def masked(message: Message, redactor: Redactor) -> Message:
    """Return *message* without any secret of ours, should one have got into it."""
    notices = tuple(
        replace(one, text=redactor.text(one.text), facts=redactor.value(one.facts))
        for one in message.notices
    )
    return replace(message, text=redactor.text(message.text), notices=notices)


def _channel_fails(name: str, said: str, hint: str, now: datetime) -> Notice:
    """Return what the owner hears, through another channel or later, of one that fails."""
    way_out = f"\n{hint}" if hint else ""
    text = f"{name} does not take messages since {now:%H:%M} UTC: {said}{way_out}"
    key = f"channel:{name}:{int(now.timestamp())}"
    return Notice(key, "health", Severity.WARN, text, now)
