"""Which markets a run can meet, and which slots were recorded: a row number for each market."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import SLOT_SECONDS
from trading_cli.store import Transaction, past

DAY = 86_400
REACH = 2 * DAY
GAP = DAY
"""A slot without quotes is a gap where something was recorded within a day before it."""


@dataclass(frozen=True, slots=True)
class Universe:
    """The markets by row (in the order of our numbers), and what was recorded when.

    ``quoted``: how many quotes each slot has that were recorded; ``slots`` those with any, sorted,
    and ``missing`` those within a day after one that brought nothing. ``mids``: the others, in
    which history mids (or imported quotes) are all there is; ``spans`` says from when to when each
    row has any. ``others``: the quotes that were not recorded live.
    """

    names: tuple[past.Name, ...]
    row_of: Mapping[str, int]
    row_by_number: NDArray[np.intp]
    stays: past.Rows
    quoted: Mapping[int, int]
    slots: tuple[int, ...]
    missing: tuple[int, ...]
    mids: tuple[int, ...]
    spans: Mapping[int, tuple[int, int]]
    others: past.Rows

    @property
    def numbers(self) -> list[int]:
        """Return our numbers, by row."""
        return [one.number for one in self.names]

    def rows(self, venues: Iterable[str]) -> list[int]:
        """Return the rows of those of *venues* that are here."""
        return [self.row_of[one] for one in venues if one in self.row_of]


def universe(look: Transaction, since: int, until: int) -> Universe:
    """Return what a run over the slots that begin in [since, until) can meet."""
    stays = past.stays(look, since - REACH, until)
    near = past.slots_quoted(look, since - GAP, until + GAP)
    others = past.not_recorded(look, since - REACH, until + GAP)
    recorded = _recorded(near, others)
    slots = range(-(-since // SLOT_SECONDS) * SLOT_SECONDS, until, SLOT_SECONDS)
    quoted = {slot: recorded[slot] for slot in slots if slot in recorded}
    places = sorted(recorded)
    missing = tuple(one for one in slots if one not in quoted and _inside(places, one))
    bare = [one for one in slots if one not in quoted and not _inside(places, one)]
    spans = {}
    if bare:
        found = past.pointed(look, bare[0] - SLOT_SECONDS, bare[-1] + 2 * SLOT_SECONDS)
        spans = {number: (first, last) for number, first, last in found}
        for number, slot, *_ in others[np.isin(others["slot"], bare)].tolist():
            first, last = spans.get(number, (slot, slot))
            spans[number] = min(first, slot), max(last, slot)
    first = min((one for one, _ in spans.values()), default=until)
    last = max((one for _, one in spans.values()), default=since)
    mids = tuple(one for one in bare if first - SLOT_SECONDS < one <= last)
    names = past.names(look, sorted({*stays["market"].tolist(), *spans}))
    by_number = np.full(max((one.number for one in names), default=0) + 1, -1, dtype=np.intp)
    for row, one in enumerate(names):
        by_number[one.number] = row
    return Universe(
        tuple(names),
        {one.venue: row for row, one in enumerate(names)},
        by_number,
        stays,
        quoted,
        tuple(sorted(quoted)),
        missing,
        mids,
        {int(by_number[number]): span for number, span in spans.items()},
        others,
    )


def _recorded(counts: Mapping[int, int], others: past.Rows) -> dict[int, int]:
    """Return how many quotes of each slot were recorded live, where any were."""
    slots, rest = np.unique(others["slot"], return_counts=True)
    less = dict(zip(slots.tolist(), rest.tolist(), strict=True))
    left = {slot: count - less.get(slot, 0) for slot, count in counts.items()}
    return {slot: count for slot, count in left.items() if count > 0}


def _inside(recorded: list[int], slot: int) -> bool:
    """Return whether something was recorded within a day before *slot*."""
    before = bisect_left(recorded, slot)
    return before > 0 and slot - recorded[before - 1] <= GAP
