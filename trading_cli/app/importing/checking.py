"""Points of a history, checked: what may be stored is inside [0, 1], in order, and once each.

A refused row never stops the others. Of two rows of one instant with different prices the first in
the file stands and the other is refused by name; the same row twice is dropped and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.importing import values
from trading_cli.app.importing.refused import Refused
from trading_cli.app.importing.values import Floats, Ints

MOST_ROWS = 30_000_000
GAP = 3.0
"""A silence is a gap from three times the series' usual step."""

Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Gathered:
    """Points as read: ``series`` is a number of ``names``, a market and the label of an outcome."""

    names: dict[tuple[str, str], int] = field(default_factory=dict)
    series: list[Ints] = field(default_factory=list)
    at: list[Ints] = field(default_factory=list)
    price: list[Floats] = field(default_factory=list)
    files: list[Ints] = field(default_factory=list)
    lines: list[Ints] = field(default_factory=list)
    rows: int = 0

    def number(self, market: str, label: str) -> int:
        """Return the number of a series, giving it one if new."""
        return self.names.setdefault((market, label), len(self.names))

    def add(self, series: Ints, at: Ints, price: Floats, file: int, lines: Sequence[int]) -> None:
        """Take rows in as they are."""
        self.series.append(series)
        self.at.append(at)
        self.price.append(price)
        self.files.append(np.full(len(series), file, np.int64))
        self.lines.append(np.asarray(lines, np.int64))
        self.rows += len(series)


@dataclass(frozen=True, slots=True)
class Series:
    """One token's points, oldest first, one an instant."""

    market: str
    outcome: int
    at: Ints
    price: Floats


@dataclass(frozen=True, slots=True)
class Gaps:
    """Silences of three usual steps and more: how many, in how many series, the longest (s)."""

    count: int = 0
    series: int = 0
    longest: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """What is left to store, and what was done to it."""

    series: tuple[Series, ...] = ()
    unsorted: int = 0
    duplicates: int = 0
    gaps: Gaps = Gaps()


def check(
    found: Gathered,
    placed: Sequence[tuple[str, int] | None],
    files: Sequence[str],
    *,
    now: int,
    refused: Refused,
) -> Checked:
    """Return what of *found* may be stored.

    *placed*: for the number of each series its market and outcome, ``None`` where it has no place
    (those were counted by whoever placed them).
    """
    if not found.rows:
        return Checked()
    rows = _Rows(found, placed, files, refused)
    rows.refuse("no readable time", rows.at == values.NO_TIME)
    rows.refuse("time before 2000", rows.at < values.FIRST)
    rows.refuse("time in the future", rows.at > now)
    rows.refuse("price is no number", ~np.isfinite(rows.price))
    rows.refuse("price outside 0 to 1", (rows.price < 0) | (rows.price > 1))
    return rows.sorted()


class _Rows:
    """All rows as arrays, thinned reason by reason."""

    def __init__(
        self,
        found: Gathered,
        placed: Sequence[tuple[str, int] | None],
        files: Sequence[str],
        refused: Refused,
    ) -> None:
        homes = sorted({one for one in placed if one is not None})
        number = {one: place for place, one in enumerate(homes)}
        target = np.array([-1 if one is None else number[one] for one in placed], np.int64)
        self.homes, self.names, self.refused = homes, files, refused
        self.series = target[np.concatenate(found.series)]
        self.at, self.price = np.concatenate(found.at), np.concatenate(found.price)
        self.files, self.lines = np.concatenate(found.files), np.concatenate(found.lines)
        self._keep(self.series >= 0)

    def _keep(self, mask: Bools) -> None:
        self.series, self.at, self.price = self.series[mask], self.at[mask], self.price[mask]
        self.files, self.lines = self.files[mask], self.lines[mask]

    def refuse(self, reason: str, wrong: Bools, *, against: Floats | None = None) -> None:
        """Refuse the rows *wrong* marks, and go on without them."""
        if not wrong.any():
            return
        places = np.flatnonzero(wrong)
        for file in np.unique(self.files[places]):
            mine = places[self.files[places] == file]
            mine = mine[np.argsort(self.lines[mine], kind="stable")]
            told = [self._detail(int(one), against) for one in mine[:1000]]
            self.refused.many(reason, self.names[int(file)], self.lines[mine].tolist(), told)
        self._keep(~wrong)

    def _detail(self, place: int, against: Floats | None) -> str:
        market, outcome = self.homes[int(self.series[place])]
        at, price = int(self.at[place]), float(self.price[place])
        when = "no time" if at == values.NO_TIME else f"t {at}"
        kept = "" if against is None else f", {float(against[place]):g} stands"
        return f"{market}{' NO' if outcome else ''}: {when}, price {price:g}{kept}"

    def sorted(self) -> Checked:
        """Sort by series and time, drop what is there twice, and cut into series."""
        same = self.series[1:] == self.series[:-1]
        order = np.lexsort((np.arange(len(self.at)), self.at, self.series))
        late = int((same & (self.at[1:] < self.at[:-1])).sum())
        for name in ("series", "at", "price", "files", "lines"):
            setattr(self, name, getattr(self, name)[order])
        again = np.zeros(len(self.at), bool)
        again[1:] = (self.series[1:] == self.series[:-1]) & (self.at[1:] == self.at[:-1])
        heads = np.maximum.accumulate(np.where(again, 0, np.arange(len(self.at))))
        stands = self.price[heads] if len(self.at) else self.price
        differs = again & (stands != self.price)
        duplicates = int(again.sum() - differs.sum())
        kept = np.flatnonzero(~(again & ~differs))
        differs, stands = differs[kept], stands[kept]
        mask = np.zeros(len(self.at), bool)
        mask[kept] = True
        self._keep(mask)
        self.refuse("another price for the same instant", differs, against=stands)
        return Checked(self._series(), late, duplicates, self._gaps())

    def _series(self) -> tuple[Series, ...]:
        cuts = np.flatnonzero(np.diff(self.series)) + 1
        starts = [0, *cuts.tolist()] if len(self.series) else []
        ends = [*cuts.tolist(), len(self.series)]
        return tuple(
            Series(*self.homes[int(self.series[a])], self.at[a:b], self.price[a:b])
            for a, b in zip(starts, ends, strict=False)
        )

    def _gaps(self) -> Gaps:
        count = series = longest = 0
        for one in self._series():
            steps = np.diff(one.at)
            if not len(steps):
                continue
            wide = steps[steps >= GAP * np.median(steps)]
            count += len(wide)
            series += bool(len(wide))
            longest = max(longest, int(wide.max(initial=0)))
        return Gaps(count, series, longest)
