"""Which loss limit is reached: three pauses that end by themselves, and one that pulls the switch.

    day     lost since midnight UTC           pause until the next midnight
    week    lost in 7 days                    pause of 3 days
    month   lost in 30 days                   pause of 30 days
    peak    equity below its highest          kill switch, level 3

Losses are at liquidation value, without deposits and withdrawals, as a fraction of what the account
was at the start, min(bankroll + flows, equity); the last is a fraction of the peak. A limit must
be broken in two slots in a row. For the pauses, which end by themselves, these are slots in which
every held market had a fresh book: where nobody bids any more it is worth nothing, and no more is
entered. For the switch, and for what a loss counts from, only books with two sides count: a bid
that is pulled for a while sells nothing. What a pause was for is paid: the next of its kind counts
from the beginning of the last.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol

from trading_cli.domain import SLOT_SECONDS
from trading_cli.trading import RiskSection

KILL_LEVEL = 3
_WINDOW = timedelta(seconds=2 * SLOT_SECONDS)
_NEVER: Mapping[str, datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss limit that was reached: ``kind`` is day, week, month or peak.

    ``fraction`` was lost of what there was, ``limit`` may be. A pause lasts until ``until``; peak
    has none: it trips the kill switch at ``kill_level``.
    """

    kind: str
    fraction: Decimal
    limit: Decimal
    sentence: str
    until: datetime | None = None
    kill_level: int | None = None


class Mark(Protocol):
    """What the account was worth in a slot, as the store keeps it (USD)."""

    @property
    def slot(self) -> int:
        """Return the slot it was taken in, epoch seconds."""
        ...

    @property
    def at(self) -> datetime:
        """Return when it was taken."""
        ...

    @property
    def equity(self) -> Decimal:
        """Return cash and positions at liquidation value."""
        ...

    @property
    def flows(self) -> Decimal:
        """Return deposits less withdrawals so far, the opening one apart."""
        ...

    @property
    def fresh(self) -> bool:
        """Return whether every held market had a fresh book with two sides."""
        ...

    @property
    def seen(self) -> bool:
        """Return whether every held market had a fresh book, be it with one side."""
        ...


def pause_until(kind: str, begun: datetime) -> datetime:
    """Return when a pause of *kind* (day, week, month) that began at *begun* ends by itself."""
    if kind == "day":
        midnight = begun.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(days=1)
    return begun + {"week": timedelta(days=3), "month": timedelta(days=30)}[kind]


def loss_limits(
    marks: Sequence[Mark],
    now: datetime,
    limits: RiskSection,
    bankroll: Decimal,
    *,
    begun: Mapping[str, datetime] = _NEVER,
    peak_since: datetime | None = None,
) -> tuple[Loss, ...]:
    """Return the limits that are newly reached at *now*, from *marks* (any order).

    *begun*: when the last pause of each kind began; one still running is not begun again.
    *peak_since*: the peak counts from here (a reset of the kill switch re-bases it).
    """
    every = sorted((m for m in marks if m.at <= now), key=lambda m: m.slot)
    fresh, seen = [m for m in every if m.fresh], [m for m in every if m.fresh or m.seen]
    latest = every[-1].slot if every else None
    found: list[Loss | None] = []
    if fresh and _judgeable(seen, latest, now):
        ends = seen[-2:]
        found += [
            _period(kind, fresh, ends, now, limits, bankroll, begun.get(kind)) for kind in _SPANS
        ]
    if _judgeable(fresh, latest, now):
        found.append(_peak(fresh, limits, peak_since))
    return tuple(loss for loss in found if loss is not None)


def _judgeable(marks: Sequence[Mark], latest: int | None, now: datetime) -> bool:
    """Return whether the two newest slots are among *marks*, of now, and neighbours."""
    if len(marks) < 2 or marks[-1].slot != latest:  # noqa: PLR2004  # two slots, as SPEC says
        return False
    apart = timedelta(seconds=marks[-1].slot - marks[-2].slot)
    return now - marks[-1].at <= _WINDOW and apart <= _WINDOW


def _day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


_SPANS: Mapping[str, Callable[[datetime], datetime]] = {
    "day": _day,
    "week": lambda now: now - timedelta(days=7),
    "month": lambda now: now - timedelta(days=30),
}


def _period(  # one limit, its window, its marks
    kind: str,
    fresh: Sequence[Mark],
    ends: Sequence[Mark],
    now: datetime,
    limits: RiskSection,
    bankroll: Decimal,
    begun: datetime | None,
) -> Loss | None:
    """Return the loss of one period, where both of the last two marks are beyond its limit."""
    if begun is not None and now < pause_until(kind, begun):
        return None
    since = _SPANS[kind](now)
    since = max(since, begun) if begun is not None else since
    start = _start(fresh, since)
    limit: Decimal = getattr(limits, f"{kind}_loss")
    lost = _lost(start, ends, bankroll)
    if lost is None or lost < limit:
        return None
    until = pause_until(kind, now)
    sentence = (
        f"lost {lost:.1%} since {start.at:%Y-%m-%d %H:%M}, {limit:.0%} of a {kind} is the limit:"
        f" no entries until {until:%Y-%m-%d %H:%M} UTC"
    )
    return Loss(kind, lost, limit, sentence, until=until)


def _start(fresh: Sequence[Mark], since: datetime) -> Mark:
    """Return the last mark at or before *since*, else the first there is."""
    before = [m for m in fresh if m.at <= since]
    return before[-1] if before else fresh[0]


def _lost(start: Mark, ends: Sequence[Mark], bankroll: Decimal) -> Decimal | None:
    """Return the smaller of the losses since *start* at *ends*, a fraction of what was there.

    ``None`` where there was nothing, or the marks do not all come after it.
    """
    whole = min(bankroll + start.flows, start.equity)
    if whole <= 0 or any(m.slot < start.slot for m in ends):
        return None
    return min((start.equity - start.flows - m.equity + m.flows) / whole for m in ends)


def _peak(fresh: Sequence[Mark], limits: RiskSection, since: datetime | None) -> Loss | None:
    """Return how far equity is below its highest, where two marks are beyond the limit.

    Deposits and withdrawals since then move the peak by as much.
    """
    counted = [m for m in fresh if since is None or m.at >= since]
    if len(counted) < 2:  # noqa: PLR2004  # two slots, as SPEC says
        return None
    peak = max(counted, key=lambda m: m.equity - m.flows)
    moved = [(peak.equity - peak.flows + m.flows, m.equity) for m in counted[-2:]]
    if any(top <= 0 for top, _ in moved):
        return None
    lost = min((top - equity) / top for top, equity in moved)
    if lost < limits.peak_loss:
        return None
    sentence = (
        f"equity is {lost:.1%} below its peak of {peak.at:%Y-%m-%d %H:%M}, {limits.peak_loss:.0%}"
        f" is the limit: kill switch, level {KILL_LEVEL}"
    )
    return Loss("peak", lost, limits.peak_loss, sentence, kill_level=KILL_LEVEL)
