"""Which expected slots are missing, and why: the gap ledger. Gaps are written down, never filled.

The grid is UTC: 96 slots on every day, also where local clocks change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import SLOT_SECONDS


class GapCause(StrEnum):
    """Why an expected slot holds nothing, or not all."""

    NOT_RUN = "NOT_RUN"
    LATE = "LATE"
    SOURCE_DOWN = "SOURCE_DOWN"
    REFUSED = "REFUSED"
    NO_BOOK = "NO_BOOK"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Gap:
    """One expected slot without its quote; ``market_id`` "" means the whole slot was not run."""

    slot: int
    market_id: str
    cause: GapCause


@dataclass(frozen=True, slots=True)
class Run:
    """What one slot's collection came to, as far as it explains what is missing.

    ``down``: markets (or "" for all of them) whose source could not be reached; ``refused``:
    whose answer we would not take; ``no_book``: for which the venue had none; ``late``: it ended
    after its slot, or was stopped by its deadline.
    """

    slot: int
    late: bool = False
    down: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    no_book: frozenset[str] = frozenset()


def slots_between(since: datetime, until: datetime) -> NDArray[np.int64]:
    """Return the slots that begin in [*since*, *until*), ascending, in epoch seconds."""
    first = -(-int(since.timestamp()) // SLOT_SECONDS) * SLOT_SECONDS
    stop = until.timestamp()
    return np.arange(first, stop, SLOT_SECONDS, dtype=np.int64)


def gap_rows(
    expected: Mapping[str, Sequence[int]],
    received: Mapping[str, Sequence[int]],
    runs: Sequence[Run],
) -> list[Gap]:
    """Return a row for each expected slot without a quote, by slot, then market.

    *expected* and *received*: market id to slots. A slot in which nothing ran is one row, not one
    per market. Of several runs in one slot everything they saw counts; it is late if all were.
    """
    by_slot: dict[int, list[Run]] = {}
    for run in runs:
        by_slot.setdefault(run.slot, []).append(run)
    gaps: set[Gap] = set()
    for market_id, slots in expected.items():
        for slot in set(slots) - set(received.get(market_id, ())):
            if slot not in by_slot:
                gaps.add(Gap(slot, "", GapCause.NOT_RUN))
            else:
                gaps.add(Gap(slot, market_id, _cause(market_id, by_slot[slot])))
    return sorted(gaps, key=lambda gap: (gap.slot, gap.market_id))


def _cause(market_id: str, runs: Sequence[Run]) -> GapCause:
    if any(market_id in run.refused for run in runs):
        return GapCause.REFUSED
    if any(market_id in run.no_book for run in runs):
        return GapCause.NO_BOOK
    if any(market_id in run.down or "" in run.down for run in runs):
        return GapCause.SOURCE_DOWN
    if all(run.late for run in runs):
        return GapCause.LATE
    return GapCause.UNKNOWN
