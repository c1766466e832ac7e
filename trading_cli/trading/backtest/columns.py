"""The arrays behind a history in memory, read up to a column and never beyond it."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, Book, Feature, Tier, from_epoch
from trading_cli.research import roc, rvr
from trading_cli.research.roc import Mid
from trading_cli.trading import SignalsSection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Place = tuple[int, int]  # market, slot: as the arrays count them
MICRO = Decimal("0.000001")
DAY_SLOTS = 96
HALF_DAY = 48
HOUR_SLOTS = 4
LEAST_HEARD = 20 / 24
FIRST_SLOT = 1_780_272_000  # 2026-06-01 00:00 UTC


class Columns:
    """Mids [M, S] (NaN: no quote), volumes [M, S] in USD or none, and the books that were seen.

    Raises ``UsageError`` naming what does not fit.
    """

    def __init__(
        self,
        mids: Floats,
        slots: Ints | None,
        volumes: Floats | None,
        books: Mapping[Place, Book],
        signals: SignalsSection,
    ) -> None:
        self.mids = np.asarray(mids, dtype=np.float64)
        if self.mids.ndim != 2:  # noqa: PLR2004  # a matrix
            raise UsageError(f"mids of shape {self.mids.shape}", hint="[markets, slots]")
        count = self.mids.shape[1]
        made = FIRST_SLOT + SLOT_SECONDS * np.arange(count)
        self.slots = np.asarray(made if slots is None else slots, dtype=np.int64)
        if self.slots.shape != (count,):
            raise UsageError(f"{self.slots.size} slots for {count} columns", hint="one a column")
        if np.any(self.slots % SLOT_SECONDS) or np.any(np.diff(self.slots) <= 0):
            raise UsageError("slots are UTC quarter-hours in epoch seconds, each after the last")
        if volumes is not None and volumes.shape != self.mids.shape:
            raise UsageError(f"volumes of shape {volumes.shape}, mids of {self.mids.shape}")
        self.volumes, self.books = volumes, books
        self.rows_with_books = frozenset(row for row, _ in books)
        self.times = [from_epoch(int(slot)) for slot in self.slots]
        self.place = {int(slot): column for column, slot in enumerate(self.slots)}
        self._roc = roc.RocRules(
            (signals.roc.weak, signals.roc.moderate, signals.roc.strong),
            relative=signals.roc_form == "relative",
        )
        bars = signals.rvr
        self._rvr = rvr.RvrRules((bars.weak, bars.moderate, bars.strong), seasonal=False)
        self._kept: OrderedDict[int, dict[int, dict[str, Feature]]] = OrderedDict()

    def mid(self, row: int, column: int) -> Decimal | None:
        """Return the YES mid of a market in a slot, its book's before the array's."""
        book = self.books.get((row, column))
        if book is not None and book.best_bid is not None and book.best_ask is not None:
            return (book.best_bid + book.best_ask) / 2
        value = float(self.mids[row, column])
        return None if value != value else Decimal(repr(value)).quantize(MICRO)  # noqa: PLR0124  # NaN is not itself

    def busiest(self, rows: list[int], column: int) -> list[int]:
        """Return *rows* by the volume of the day before the slot, the largest first."""
        if self.volumes is None:
            return rows
        busy = np.nansum(self.volumes[:, max(0, column - DAY_SLOTS) : column], axis=1)
        return sorted(rows, key=lambda row: -busy[row])

    def past(self, row: int, column: int) -> tuple[tuple[datetime, float], ...]:
        """Return the mids of the 24 h up to the slot, oldest first."""
        first = max(0, column - DAY_SLOTS + 1)
        values = self.mids[row, first : column + 1].tolist()
        times = self.times[first : column + 1]
        return tuple((at, mid) for at, mid in zip(times, values, strict=True) if mid == mid)  # noqa: PLR0124  # NaN is not itself

    def indicators(
        self, row: int, column: int, tick: Decimal | None
    ) -> tuple[Mapping[str, Feature], Mapping[str, Tier], float | None]:
        """Return the features of the slot, and the best tiers and ROC of the hour up to it."""
        best: dict[str, Feature] = {}
        for one in range(max(0, column - HOUR_SLOTS + 1), column + 1):
            for name, feature in self.features(row, one, tick).items():
                if name not in best or feature.tier >= best[name].tier:
                    best[name] = feature
        tiers = {name: feature.tier for name, feature in best.items()}
        return self.features(row, column, tick), tiers, best[roc.NAME].value

    def features(self, row: int, column: int, tick: Decimal | None) -> Mapping[str, Feature]:
        """Return "roc", and "rvr" where volumes are known; those of the last slots are kept."""
        kept = self._kept.setdefault(column, {})
        if row not in kept:
            now, then = self._mid_at(row, column), self._mid_at(row, column - HALF_DAY)
            kept[row] = {roc.NAME: roc.roc(now, then, tick=tick, rules=self._roc)}
            if self.volumes is not None:
                kept[row][rvr.NAME] = self._volume_ratio(row, column, self.volumes)
            while len(self._kept) > 2 * HOUR_SLOTS:
                self._kept.popitem(last=False)
        return kept[row]

    def _mid_at(self, row: int, column: int) -> Mid | None:
        value = None if column < 0 else self.mid(row, column)
        return None if value is None else Mid(value, self.times[column])

    def _volume_ratio(self, row: int, column: int, volumes: Floats) -> Feature:
        """Return RVR: each slot's volume as two trades in its middle, by wallets of their own."""
        first = max(0, column - DAY_SLOTS - 3 * HOUR_SLOTS)
        usd = np.nan_to_num(volumes[row, first:column])
        times = np.repeat(self.slots[first:column] + SLOT_SECONDS // 2, 2)
        wallets = [f"w{one % (2 * HOUR_SLOTS + 2)}" for one in range(2 * first, 2 * column)]
        at = int(self.slots[column])
        traded = rvr.Traded(times, np.repeat(usd / 2, 2), wallets, [(int(self.slots[0]), at + 1)])
        return rvr.rvr(traded, at=at, rules=self._rvr)

    def traded_usd(
        self, row: int, since: datetime, until: datetime, as_of: datetime
    ) -> float | None:
        """Return the daily mean of the slots that ended by *as_of*; ``None`` below 20 of 24 h."""
        if self.volumes is None or since >= until:
            return None
        last = min(until, as_of).timestamp() - SLOT_SECONDS
        begin, end = np.searchsorted(self.slots, [since.timestamp(), last + 1])
        usd = self.volumes[row, begin:end]
        heard = int(np.count_nonzero(~np.isnan(usd))) * SLOT_SECONDS
        if heard < LEAST_HEARD * (until - since) / timedelta(seconds=1):
            return None
        return float(np.nansum(usd)) * DAY_SLOTS * SLOT_SECONDS / heard
