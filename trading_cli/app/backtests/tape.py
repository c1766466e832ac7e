"""What takers dealt and what was heard of it, by days: the hours of RVR without a question each."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.backtests.universe import DAY, Universe
from trading_cli.research import rvr
from trading_cli.research.rvr import HOUR, HOURS, Hours
from trading_cli.store import Transaction, past

SHIFT = 2**33
SOURCE = "polymarket.trades"
KEPT_DAYS = 31
REACH = 26 * HOUR
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Spans:
    """A subject's spans by their beginning, joined as far as each reaches.

    ``reach``: the latest end so far; ``seen``: the latest observation so far; ``chain``: where the
    run of touching spans began that holds this one.
    """

    since: Ints
    until: Ints
    observed: Ints
    reach: Ints
    seen: Ints
    chain: Ints


class Answers:
    """The spans one source answered, by subject, as known at an instant; read once a subject."""

    def __init__(self, look: Transaction, source: str, since: int) -> None:
        self._look = look
        self._source = source
        self._since = since
        self._held: dict[str, _Spans | None] = {}
        self.silent = not past.answers(look, source)

    def _of(self, subject: str) -> _Spans | None:
        """Return the subject's spans, ``None`` where it has none."""
        if subject not in self._held:
            rows = past.answered(self._look, self._source, subject, self._since)
            self._held[subject] = _joined(rows) if rows.size else None
        return self._held[subject]

    def spans(
        self, subject: str, since: int, at: int, *, live: bool, until: int | None = None
    ) -> list[Span]:
        """Return the spans that end after *since*, joined, sorted, as `features.spans` does.

        *live*: only those observed by *at*; else also what was asked about the past later. What
        begins after *until* (*at* where it is not given) is left out.
        """
        held = self._of(subject)
        if held is None:
            return []
        first = int(held.reach.searchsorted(since, side="right"))
        last = int(held.since.searchsorted(at if until is None else until, side="right"))
        if live:
            while last > first and held.observed[last - 1] > at:
                last -= 1
            if last > first and held.seen[last - 1] > at:
                return self._patched(held, first, last, since, at)
        found: list[Span] = []
        while last > first:
            begin = max(int(held.chain[last - 1]), first)
            found.append((int(held.since[begin]), int(held.reach[last - 1])))
            last = begin
        return found[::-1]

    def begins(self, subject: str) -> int:
        """Return when the first of the subject's spans begins; NEVER where it has none."""
        held = self._of(subject)
        return past.NEVER if held is None else int(held.since[0])

    @staticmethod
    def _patched(held: _Spans, first: int, last: int, since: int, at: int) -> list[Span]:
        """Return the joined spans where some in the middle came later than *at*."""
        known = np.flatnonzero(held.observed[first:last] <= at) + first
        begins, ends = held.since[known], held.until[known]
        begins, ends = begins[ends > since], ends[ends > since]
        if not begins.size:
            return []
        reach = np.maximum.accumulate(ends)
        apart = np.flatnonzero(begins[1:] > reach[:-1]) + 1
        starts = begins[np.concatenate(([0], apart))].tolist()
        stops = reach[np.concatenate((apart - 1, [begins.size - 1]))].tolist()
        return list(zip(starts, stops, strict=True))

    def settled(self, subject: str, start: int, stop: int, at: int, *, live: bool) -> bool:
        """Return whether nothing that touches [start, stop) was observed after *at*."""
        held = self._of(subject)
        if not live or held is None:
            return True
        first = int(held.reach.searchsorted(start, side="right"))
        last = int(held.since.searchsorted(stop, side="left"))
        touching = held.until[first:last] > start
        return bool((held.observed[first:last][touching] <= at).all())


def _joined(rows: past.Rows) -> _Spans:
    since, until, observed = (rows[name].copy() for name in ("since", "until", "observed_at"))
    reach = np.maximum.accumulate(until)
    places = np.arange(since.size)
    fresh = np.concatenate(([True], since[1:] > reach[:-1]))
    chain = np.maximum.accumulate(np.where(fresh, places, 0))
    return _Spans(since, until, observed, reach, np.maximum.accumulate(observed), chain)


class Tape:
    """The trades of every market, three days at a time, and what was heard of them.

    *live*: a trade counts when it was both available and observed; else when it was available.
    """

    def __init__(self, look: Transaction, universe: Universe, since: int) -> None:
        self._look = look
        self._of = universe
        self.answers = Answers(look, SOURCE, since - (KEPT_DAYS + 2) * DAY)
        self._wallets = past.wallets()
        self._days: dict[int, past.Rows] = {}
        self._first = -1
        self._times = self._wallet = self._seen = self._available = np.empty(0, dtype=np.int64)
        self._keys = np.empty(0, dtype=np.int64)
        self._usd = np.empty(0)
        self._bounds: list[int] = []
        self._sums: dict[int, dict[int, list[float]]] = {}

    def hours(self, rows: Sequence[int], at: int, *, live: bool) -> list[Hours]:
        """Return the 25 windows before *at* of the markets in *rows*, as known then."""
        self._move(at // DAY * DAY - 2 * DAY)
        asked = rvr.windows(at)
        starts = [start for start, _ in asked]
        places, whole = self._placed(rows, asked, at, live=live)
        found = []
        for row, edges, known in zip(rows, places, whole, strict=True):
            spans = self.answers.spans(self._of.names[row].condition, at - REACH, at, live=live)
            heard = _heard(spans, asked)
            if not heard[0]:
                found.append(Hours([0.0] * (HOURS + 1), heard))
            elif known:
                found.append(self._summed(row, starts, edges, heard))
            else:
                found.append(self._patchy(row, at, asked, heard, live=live))
        return found

    def _placed(
        self, rows: Sequence[int], asked: Sequence[Span], at: int, *, live: bool
    ) -> tuple[list[list[int]], list[bool]]:
        """Return where each row's windows begin and end, the oldest first; whether all is known."""
        edges = np.array([at - REACH, *(start for start, _ in asked[::-1]), asked[0][1], at])
        keys = np.asarray(rows, dtype=np.int64)[:, None] * SHIFT + edges
        places = self._keys.searchsorted(keys)
        when = np.append(self._seen if live else self._available, 0)
        latest = np.maximum.reduceat(when, places[:, [0, -1]].ravel())[::2]
        whole = (latest <= at) | (places[:, 0] == places[:, -1])
        return places[:, 1:-1].tolist(), whole.tolist()

    def _summed(
        self, row: int, starts: Sequence[int], edges: Sequence[int], heard: Sequence[bool]
    ) -> Hours:
        """Return the windows of a row whose trades are all known: a sum stays as it is.

        Hours after they were summed all but the newest are the same windows.
        """
        held = self._sums.setdefault(row, {})
        fresh = next((back for back, start in enumerate(starts) if start in held), len(starts))
        sums = [self._dealt(edges, back) for back in range(fresh)]
        if fresh < len(starts):
            sums += held[starts[fresh]][: len(starts) - fresh]
        held[starts[0]] = sums
        low, high = edges[HOURS], edges[HOURS + 1]
        told = rvr.who(self._wallet[low:high].tolist(), self._usd[low:high].tolist())
        return Hours(sums, heard, *told)

    def _dealt(self, edges: Sequence[int], back: int) -> float:
        """Return the USD of one window, so many *back*."""
        low, high = edges[HOURS - back], edges[HOURS - back + 1]
        return float(self._usd[low:high].sum()) if low < high else 0.0

    def _patchy(
        self, row: int, at: int, asked: Sequence[Span], heard: Sequence[bool], *, live: bool
    ) -> Hours:
        """Return the windows of a row of which some trades came later than *at*."""
        low, high = self._bounds[row], self._bounds[row + 1]
        known = (self._seen if live else self._available)[low:high] <= at
        times, usd = self._times[low:high][known], self._usd[low:high][known]
        wallets = self._wallet[low:high][known]
        places = [times.searchsorted(window).tolist() for window in asked]
        begin, end = places[0]
        told = rvr.who(wallets[begin:end].tolist(), usd[begin:end].tolist())
        return Hours([float(usd[one:two].sum()) for one, two in places], heard, *told)

    def _move(self, first: int) -> None:
        if self._first == first:
            return
        held = [self.day(first + back * DAY) for back in range(3)]
        rows = np.concatenate(held)
        number = self._of.row_by_number[rows["market"]]
        order = np.argsort(number, kind="stable")  # the days follow one another already
        rows = rows[order]
        self._times, self._usd = rows["time"].copy(), rows["usd"].copy()
        self._wallet, self._available = rows["wallet"].copy(), rows["available_at"].copy()
        self._seen = np.maximum(self._available, rows["observed_at"])
        edges = np.arange(len(self._of.names) + 1)
        self._bounds = np.searchsorted(number[order], edges).tolist()
        self._keys = number[order] * SHIFT + self._times
        self._first = first
        self._sums = {
            row: {start: sums for start, sums in held.items() if start >= first + DAY}
            for row, held in self._sums.items()
        }
        for day in [
            one for one in self._days if not first - KEPT_DAYS * DAY <= one <= first + 2 * DAY
        ]:
            del self._days[day]

    def day(self, day: int) -> past.Rows:
        """Return all trades of the UTC day, by market and time."""
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = past.trades(
                self._look, self._of.numbers, day, day + DAY, self._wallets
            )
        return found

    def hourly(self, row: int, day: int, at: int, *, live: bool) -> tuple[Floats, bool]:
        """Return USD of the 24 hours of *day* known at *at*, and whether all was known by then."""
        rows = self.day(day)
        number = self._of.names[row].number
        low, high = np.searchsorted(rows["market"], [number, number + 1]).tolist()
        some = rows[low:high]
        when = some["available_at"]
        if live:
            when = np.maximum(when, some["observed_at"])
        known = when <= at
        some = some[known]
        hour = (some["time"] - day) // HOUR
        usd = np.bincount(hour, weights=some["usd"], minlength=24)
        return usd.astype(np.float64), bool(known.all())


def _heard(spans: Sequence[Span], asked: Sequence[Span]) -> list[bool]:
    """Return which of the windows *asked* (newest first) the joined *spans* cover."""
    first, last = asked[-1][0], asked[0][1]
    if len(spans) == 1 and spans[0][0] <= first and spans[0][1] >= last:
        return [True] * len(asked)
    starts = [start for start, _ in spans]
    found = []
    for begin, end in asked:
        place = bisect_left(starts, begin + 1) - 1
        found.append(place >= 0 and spans[place][1] >= end)
    return found
