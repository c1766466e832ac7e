"""Quotes of many markets as matrices, read from the packs: 24 bytes a quote, one blob a slot."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import SLOT_SECONDS
from trading_cli.store.listings import market_ids
from trading_cli.store.rows import epoch

ENTRY = np.dtype(
    {
        "names": ["market", "bid", "ask", "bid_depth", "ask_depth", "available_at"],
        "formats": ["<i4", "<i4", "<i4", "<f4", "<f4", "<i4"],
    }
)

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class QuoteArrays:
    """Quotes by market (rows, in the order asked) and slot (columns), NaN where there is none.

    ``slots`` are all quarter-hours of the span, epoch seconds [S]; prices are fractions, depths
    USD, all float64 [M, S]. ``mid`` is NaN unless both sides are there.
    """

    market_ids: tuple[str, ...]
    slots: NDArray[np.int64]
    bid: Matrix
    ask: Matrix
    mid: Matrix
    bid_depth: Matrix
    ask_depth: Matrix


def quote_matrix(
    connection: sqlite3.Connection,
    venue_ids: Sequence[str],
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> QuoteArrays:
    """Return the quotes of the slots that begin in [since, until) and were known at *as_of*.

    A market the store does not know is a row of NaN.
    """
    first = -(-epoch(since) // SLOT_SECONDS) * SLOT_SECONDS
    slots = np.arange(first, epoch(until), SLOT_SECONDS, dtype=np.int64)
    known = market_ids(connection, venue_ids)
    numbers = [known.get(venue, 0) for venue in venue_ids]
    # one row more than asked: what belongs to no market asked for lands there and is cut off
    row_of = np.full(max(known.values(), default=0) + 1, len(numbers), dtype=np.intp)
    row_of[[n for n in numbers if n]] = [row for row, n in enumerate(numbers) if n]
    cells = np.full((5, slots.size, len(numbers) + 1), np.nan)
    packs = connection.execute(
        "SELECT slot, pack FROM quote_packs WHERE slot >= ? AND slot < ?", (first, epoch(until))
    )
    for slot, pack in packs:
        entries = np.frombuffer(pack, ENTRY)
        entries = entries[(entries["available_at"] <= epoch(as_of))]
        entries = entries[entries["market"] < row_of.size]
        _fill(cells[:, (slot - first) // SLOT_SECONDS], row_of[entries["market"]], entries)
    bid, ask, mid, bid_depth, ask_depth = (np.ascontiguousarray(c[:, :-1].T) for c in cells)
    return QuoteArrays(tuple(venue_ids), slots, bid, ask, mid, bid_depth, ask_depth)


def _fill(column: Matrix, rows: NDArray[np.intp], entries: NDArray[np.void]) -> None:
    """Put one slot's entries into their rows of *column* [5, M+1]."""
    bid = np.where(entries["bid"] < 0, np.nan, entries["bid"] / 1e6)
    ask = np.where(entries["ask"] < 0, np.nan, entries["ask"] / 1e6)
    column[0, rows], column[1, rows], column[2, rows] = bid, ask, (bid + ask) / 2
    column[3, rows], column[4, rows] = entries["bid_depth"], entries["ask_depth"]
