"""Quotes and history mids of two days at a time: what each market's price was known to be."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.backtests.universe import DAY, Universe
from trading_cli.domain import SLOT_SECONDS, Quote, from_epoch
from trading_cli.research.roc import Mid
from trading_cli.store import Transaction, past
from trading_cli.store.rows import ORIGIN_OF, decimal_of

Ints = NDArray[np.int32]
Pairs = tuple[tuple[datetime, float], ...]
TWO_MILLIONS = Decimal(2_000_000)
STALE_S = 900
SLOTS_A_DAY = DAY // SLOT_SECONDS
ABSENT = -1
LATE = 2**31 - 1


@dataclass(slots=True)
class _Window:
    """Two days of quotes by slot and row: millionths (-1 absent), and when each was known.

    ``available`` is LATE where there is no quote; ``seen`` is the later of available and observed;
    ``lag`` by row: how long after its slot the latest of its quotes was seen.
    """

    first: int
    bid: Ints
    ask: Ints
    available: Ints
    seen: Ints
    times: list[datetime]
    lag: list[int]
    pairs: dict[int, tuple[list[int], Pairs]] = field(default_factory=dict)


@dataclass(slots=True)
class _Points:
    """Two days of one token's history mids."""

    times: list[int]
    prices: list[float]
    available: list[int]
    observed: list[int]
    pairs: Pairs = ()


class Prices:
    """Every market's quotes and history mids, as known at an instant.

    *live*: a row counts when it was both available and observed, as the live steps read; else when
    it was available.
    """

    def __init__(self, look: Transaction, universe: Universe) -> None:
        self._look = look
        self._of = universe
        self._window: _Window | None = None
        self._points: dict[tuple[int, int, int], _Points] = {}
        self._others = universe.others
        self._decimals: dict[int | None, Decimal | None] = {}

    def quotes(self, slot: int, rows: Sequence[int], at: int, *, live: bool) -> dict[int, Quote]:
        """Return the quotes of *slot* known at *at*, by row."""
        window, place = self._at(slot)
        when = window.seen if live else window.available
        known = [row for row in rows if when[place, row] <= at]
        found = {}
        for number, bid, ask, deep_bid, deep_ask, gap, name, event, seen, origin in past.quote_rows(
            self._look, [self._of.names[row].number for row in known], slot
        ):
            row = int(self._of.row_by_number[number])
            found[row] = Quote(
                self._of.names[row].venue, slot, self._decimal(bid), self._decimal(ask), deep_bid,
                deep_ask, from_epoch(event), from_epoch(seen if live else event),
                self._decimal(gap),
                "" if name is None else name.hex(), ORIGIN_OF[origin],
            )  # fmt: skip
        return found

    def _decimal(self, value: int | None) -> Decimal | None:
        """Return stored millionths as a Decimal: prices are few, so each is made once."""
        if value not in self._decimals:
            self._decimals[value] = decimal_of(value)
        return self._decimals[value]

    def mid(self, row: int, slot: int, instant: int, at: int, *, live: bool) -> Mid | None:
        """Return the mid of *slot* as known at *at*; without one, the last history mid.

        That one is of the quarter-hour up to *instant*, and flagged.
        """
        window, place = self._at(slot)
        bid, ask = int(window.bid[place, row]), int(window.ask[place, row])
        when = int((window.seen if live else window.available)[place, row])
        if ABSENT not in (bid, ask) and when <= at:
            return Mid(Decimal(bid + ask) / TWO_MILLIONS, from_epoch(self._observed(row, slot)))
        return self.history_mid(row, instant, at, live=live)

    def both(
        self, rows: Sequence[int], slot: int, instant: int, at: int, *, live: bool
    ) -> list[Mid | None]:
        """Return what ``mid`` does of many rows."""
        window, place = self._at(slot)
        when = (window.seen if live else window.available)[place, rows].tolist()
        bids, asks = window.bid[place, rows].tolist(), window.ask[place, rows].tolist()
        plain = not self._others.size
        found: list[Mid | None] = []
        for row, bid, ask, seen in zip(rows, bids, asks, when, strict=True):
            if seen > at or ABSENT in (bid, ask):
                found.append(self.history_mid(row, instant, at, live=live))
            else:
                observed = seen if plain else self._observed(row, slot)
                found.append(Mid(Decimal(bid + ask) / TWO_MILLIONS, from_epoch(observed)))
        return found

    def _observed(self, row: int, slot: int) -> int:
        window, place = self._at(slot)
        if self._others.size:
            number = self._of.names[row].number
            found = self._others[
                (self._others["market"] == number) & (self._others["slot"] == slot)
            ]
            if found.size:
                return int(found["observed_at"][0])
        return int(window.available[place, row])

    def history_mid(
        self, row: int, instant: int, at: int, *, live: bool, outcome: int = 0
    ) -> Mid | None:
        """Return the last history mid of the quarter-hour up to *instant*, as known at *at*."""
        held = self._history(row, instant // DAY * DAY, outcome)
        place = bisect_right(held.times, instant) - 1
        while place >= 0 and held.times[place] >= instant - STALE_S:
            if held.available[place] <= at and not (live and held.observed[place] > at):
                price = Decimal(str(held.prices[place]))
                return Mid(price, from_epoch(held.times[place]), history=True)
            place -= 1
        return None

    def day_of_mids(self, row: int, at: datetime) -> Pairs:
        """Return (time, YES mid) of the quotes of the 24 hours before *at*, oldest first.

        As the live steps had them: both available and observed.
        """
        now = int(at.timestamp())
        # as the live reader: slots from 24 h ago, both ends whole seconds, until before now
        first = -(-(now - DAY) // SLOT_SECONDS) * SLOT_SECONDS
        last = -(-now // SLOT_SECONDS) * SLOT_SECONDS - SLOT_SECONDS
        window, place = self._at(last, whole=True)
        low = place - (last - first) // SLOT_SECONDS
        places, pairs = self._pairs(window, row)
        begin, end = bisect_left(places, low), bisect_right(places, place)
        if window.lag[row] <= now - last:  # none of them came later than that after its slot
            return pairs[begin:end]
        when = window.seen[low : place + 1, row]
        late = set((np.flatnonzero((when > now) & (when != LATE)) + low).tolist())
        return tuple(
            pair
            for one, pair in zip(places[begin:end], pairs[begin:end], strict=True)
            if one not in late
        )

    def day_of_points(self, row: int, at: int) -> Pairs:
        """Return (time, YES mid) of the history mids of the 24 hours before *at*, oldest first."""
        held = self._history(row, at // DAY * DAY, 0)
        if not held.pairs:
            times = (from_epoch(one) for one in held.times)
            held.pairs = tuple(zip(times, held.prices, strict=True))
        begin, end = bisect_left(held.times, at - DAY), bisect_right(held.times, at)
        while end > begin and held.available[end - 1] > at:
            end -= 1
        return held.pairs[begin:end]

    def _pairs(self, window: _Window, row: int) -> tuple[list[int], Pairs]:
        found = window.pairs.get(row)
        if found is None:
            bid, ask = window.bid[:, row] / 1e6, window.ask[:, row] / 1e6
            both = (window.bid[:, row] != ABSENT) & (window.ask[:, row] != ABSENT)
            places = np.flatnonzero(both).tolist()
            mids = ((bid + ask) / 2)[places].tolist()
            times = [window.times[one] for one in places]
            found = places, tuple(zip(times, mids, strict=True))
            window.pairs[row] = found
        return found

    def _at(self, slot: int, *, whole: bool = False) -> tuple[_Window, int]:
        """Return a window that holds *slot*, and its place; *whole*: also the day before it."""
        window, day = self._window, slot // DAY * DAY
        fits = window is not None and window.first in ({day - DAY} if whole else {day - DAY, day})
        if window is None or not fits:
            window = self._window = self._load(day - DAY)
        return window, (slot - window.first) // SLOT_SECONDS

    def _load(self, first: int) -> _Window:
        size = (2 * SLOTS_A_DAY, len(self._of.names))
        bid, ask = (np.full(size, ABSENT, np.int32, order="F") for _ in "ba")
        available = np.full(size, LATE, np.int32, order="F")
        last = first + 2 * DAY
        known = self._of.row_by_number
        for slot, entries in past.packs(self._look, first, last):
            ours = entries[entries["market"] < known.size]
            rows = known[ours["market"]]
            ours, rows = ours[rows >= 0], rows[rows >= 0]
            place = (slot - first) // SLOT_SECONDS
            bid[place, rows], ask[place, rows] = ours["bid"], ours["ask"]
            available[place, rows] = ours["available_at"]
        times = [from_epoch(one) for one in range(first, last, SLOT_SECONDS)]
        seen = self._seen(available, first, last)
        slots = np.arange(first, last, SLOT_SECONDS)[:, None]
        lag = np.where(seen == LATE, 0, seen - slots).max(axis=0).tolist()
        return _Window(first, bid, ask, available, seen, times, lag)

    def _seen(self, available: Ints, first: int, last: int) -> Ints:
        """Return when each quote was known and seen: recorded ones at once."""
        there = (self._others["slot"] >= first) & (self._others["slot"] < last)
        if not there.any():
            return available
        seen = available.copy()
        for number, slot, observed, _ in self._others[there].tolist():
            row = self._of.row_by_number[number] if number < self._of.row_by_number.size else -1
            if row >= 0:
                place = (slot - first) // SLOT_SECONDS
                seen[place, row] = max(int(seen[place, row]), observed)
        return seen

    def _history(self, row: int, day: int, outcome: int) -> _Points:
        """Return the history mids of *day* and the day before, read when first asked for."""
        key = row, day, outcome
        found = self._points.get(key)
        if found is None:
            if len(self._points) > 4 * len(self._of.names) + 64:
                self._points.clear()
            rows = past.points(
                self._look, self._of.names[row].number, outcome, day - DAY - STALE_S, day + DAY
            )
            found = _Points(
                rows["time"].tolist(),
                rows["price"].tolist(),
                rows["available_at"].tolist(),
                rows["observed_at"].tolist(),
            )
            self._points[key] = found
        return found
