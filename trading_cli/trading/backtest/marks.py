"""What the account of a run was worth, slot by slot, and which loss limit that reaches.

The limits are judged by ``trading.losses`` on the marks that can matter, which are the same few it
would pick out of all: the two newest, those its windows begin with, and the peak.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading_cli.domain import from_epoch
from trading_cli.trading import RiskSection
from trading_cli.trading.losses import Loss, loss_limits

REACH = timedelta(days=31)
PERIODS = ("day", "week", "month")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class SlotMark:
    """The account at one slot: cash, and all positions at liquidation value and at mid, USD."""

    slot: int
    at: datetime
    cash: Decimal
    liquidation: Decimal
    mid: Decimal
    exposure: Decimal
    equity: Decimal
    fresh: bool
    flows: Decimal = ZERO
    seen: bool = False


@dataclass(slots=True)
class Marks:
    """All marks of a run, oldest first; the one of a slot taken again stands instead."""

    taken: list[SlotMark] = field(default_factory=list)
    _fresh: list[SlotMark] = field(default_factory=list)
    _times: list[datetime] = field(default_factory=list)
    _peak: SlotMark | None = None
    peak_since: datetime | None = None

    def take(self, mark: SlotMark) -> None:
        """Keep *mark*; raises ValueError for one of an earlier slot than the last."""
        if self.taken and self.taken[-1].slot > mark.slot:
            raise ValueError(f"a mark of {mark.slot} after one of {self.taken[-1].slot}")
        if self.taken and self.taken[-1].slot == mark.slot:
            self.taken.pop()
            if self._fresh and self._fresh[-1].slot == mark.slot:
                self._fresh.pop()
                self._times.pop()
        elif self._fresh and self._higher(self._fresh[-1]):
            self._peak = self._fresh[-1]
        self.taken.append(mark)
        if mark.fresh:
            self._fresh.append(mark)
            self._times.append(mark.at)

    def _higher(self, mark: SlotMark) -> bool:
        if self.peak_since is not None and mark.at < self.peak_since:
            return False
        return self._peak is None or mark.equity >= self._peak.equity

    def losses(
        self, now: datetime, limits: RiskSection, bankroll: Decimal, begun: Mapping[str, datetime]
    ) -> tuple[Loss, ...]:
        """Return the limits newly reached at *now*; *begun*: when each pause last began."""
        return loss_limits(
            self._that_matter(now, begun), now, limits, bankroll, begun=begun,
            peak_since=self.peak_since,
        )  # fmt: skip

    def rebase(self, since: datetime) -> None:
        """Let the peak count from *since*, when the switch was reset."""
        if self.peak_since == since:
            return
        self.peak_since = since
        counted = [mark for mark in self._fresh[:-1] if mark.at >= since]
        self._peak = max(counted, key=lambda mark: (mark.equity, mark.slot), default=None)

    def _that_matter(self, now: datetime, begun: Mapping[str, datetime]) -> list[SlotMark]:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        starts = [midnight, now - timedelta(days=7), now - timedelta(days=30)]
        starts += [begun[kind] for kind in PERIODS if kind in begun]
        first = self._first_since(now - REACH)
        chosen = {mark.slot: mark for mark in (*self._fresh[first : first + 1], *self._fresh[-2:])}
        for start in starts:
            place = bisect_right(self._times, start) - 1
            if place >= first:
                chosen[self._fresh[place].slot] = self._fresh[place]
        if self._peak is not None:
            chosen[self._peak.slot] = self._peak
        chosen |= {mark.slot: mark for mark in self.taken[-2:]}
        return list(chosen.values())

    def _first_since(self, since: datetime) -> int:
        """Return the place of the first fresh mark whose slot begins at or after *since*."""
        place = bisect_right(self._times, since)
        while place < len(self._fresh) and from_epoch(self._fresh[place].slot) < since:
            place += 1
        return place
