"""The simplest rule set of the screen: fixed units, a stop, a target and a time to leave.

No account couples the instruments, so the exit of every possible entry is found at once by array
search, and which entries are taken is one walk along them: the next is the first after the exit.
Bought at price x (1 + slippage), sold at price x (1 - slippage); a bar without a price (NaN) trades
nothing and is worth the last price seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trading_cli.trading.backtest.screen_surges import Floats, Ints, Surges, surges

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bracket:
    """When to enter, and when to leave: fractions of the price bought at, bars, units.

    Sold where the price is at or below bought x (1 - stop), at or above bought x (1 + target), or
    ``hold`` bars after the entry.
    """

    least_change: float = 0.08
    least_ratio: float = 2.5
    stop: float = 0.12
    target: float = 0.20
    hold: int = 72
    units: float = 100.0
    slippage: float = 0.01
    bars: int = 12
    volume_bars: int = 24


@dataclass(frozen=True, slots=True)
class Trips:
    """Round trips in time order within each row, rows in order; all [K].

    ``entry`` and ``exit`` are places in the flattened [M, S] array; an exit at the end of its row
    is none: still open, ``sold`` is then what a unit is worth at the last price seen.
    """

    shape: tuple[int, int]
    units: float
    entry: Ints
    exit: Ints
    bought: Floats
    sold: Floats

    @property
    def row(self) -> Ints:
        """Return the instrument of each."""
        rows: Ints = self.entry // self.shape[1]
        return rows

    @property
    def closed(self) -> Mask:
        """Return which were sold."""
        sold: Mask = self.exit < (self.row + 1) * self.shape[1]
        return sold

    @property
    def net(self) -> Floats:
        """Return what each won, in money; an open one at the last price seen."""
        won: Floats = self.units * (self.sold - self.bought)
        return won


@dataclass(slots=True)
class Paths:
    """Where each possible entry would be left. Searched once per stop, target and hold.

    ``at`` [K]: all places any cell of a sweep may enter.
    """

    prices: Floats
    at: Ints
    _hits: dict[tuple[str, float, float, int], Ints] = field(default_factory=dict)

    def exits(self, rules: Bracket) -> Ints:
        """Return the place of the exit of an entry at each of ``at``, the row's end for none."""
        stop = self._hit("stop", 1 - rules.stop, rules)
        target = self._hit("target", 1 + rules.target, rules)
        key = ("exit", rules.stop, rules.target, rules.hold)
        if key not in self._hits:
            first = np.minimum(np.minimum(stop, target), rules.hold)
            self._hits[key] = self._placed(first)
        return self._hits[key]

    def _hit(self, kind: str, factor: float, rules: Bracket) -> Ints:
        """Return how many bars after each entry the bought price x *factor* is met, else hold."""
        key = (kind, factor, rules.slippage, rules.hold)
        if key in self._hits:
            return self._hits[key]
        flat = self.prices.ravel()
        level = flat[self.at] * (1 + rules.slippage) * factor
        found = np.full(self.at.size, rules.hold, np.int64)
        waiting = np.arange(self.at.size)
        for after in range(1, rules.hold):
            price = flat.take(self.at[waiting] + after, mode="clip")
            met: Mask = price <= level[waiting] if kind == "stop" else price >= level[waiting]
            found[waiting[met]] = after
            waiting = waiting[~met]
        self._hits[key] = found
        return found

    def _placed(self, after: Ints) -> Ints:
        """Return the places *after* bars later: the first with a price, at most the row's end."""
        steps = self.prices.shape[1]
        end = (self.at // steps + 1) * steps
        place = np.minimum(self.at + after, end)
        flat = self.prices.ravel()
        for one in np.flatnonzero(np.isnan(flat.take(place, mode="clip")) & (place < end)).tolist():
            seen = np.flatnonzero(np.isfinite(flat[place[one] : end[one]]))
            place[one] = place[one] + seen[0] if seen.size else end[one]
        placed: Ints = place
        return placed


def bracket(prices: Floats, volumes: Floats, rules: Bracket) -> Trips:
    """Return the round trips of *rules* on every instrument, prices and volumes [M, S]."""
    return next(sweep(prices, volumes, [rules]))


def sweep(prices: Floats, volumes: Floats, grid: Sequence[Bracket]) -> Iterator[Trips]:
    """Yield the round trips of each cell of *grid*, in its order.

    The indicators are computed once and the exits once per stop, target and hold; the cells must
    share ``bars`` and ``volume_bars``. Raises ValueError where they do not.
    """
    if len({(one.bars, one.volume_bars) for one in grid}) > 1:
        raise ValueError("the cells of one sweep share bars and volume_bars: sweep each apart")
    if not grid:
        return
    prices = np.ascontiguousarray(prices, float)
    found = surges(
        prices,
        np.ascontiguousarray(volumes, float),
        bars=grid[0].bars,
        volume_bars=grid[0].volume_bars,
        least_change=min(one.least_change for one in grid),
        least_ratio=min(one.least_ratio for one in grid),
    )
    paths = Paths(prices, found.at)
    for rules in grid:
        yield _taken(paths, found, rules)


def _taken(paths: Paths, found: Surges, rules: Bracket) -> Trips:
    """Return the entries that are taken, one at a time in each row, and their exits."""
    wanted = np.flatnonzero((found.change > rules.least_change) & (found.ratio > rules.least_ratio))
    entries, exits = found.at[wanted], paths.exits(rules)[wanted]
    chosen = walk(entries, exits, paths.prices.shape[1])
    entry, left = entries[chosen], exits[chosen]
    flat = paths.prices.ravel()
    row_end = (entry // paths.prices.shape[1] + 1) * paths.prices.shape[1]
    sold = flat.take(left, mode="clip") * (1 - rules.slippage)
    for one in np.flatnonzero(left == row_end).tolist():
        seen = flat[entry[one] : row_end[one]]
        sold[one] = seen[np.isfinite(seen)][-1]
    bought = flat[entry] * (1 + rules.slippage)
    return Trips(
        (paths.prices.shape[0], paths.prices.shape[1]), rules.units, entry, left, bought, sold
    )


def walk(entries: Ints, exits: Ints, steps: int) -> list[int]:
    """Return which of the ascending *entries* are taken: each the first after the last's exit.

    An exit at the end of a row (a multiple of *steps*) does not hold back the next row's entries.
    """
    ends = np.where(exits % steps == 0, exits - 1, exits)
    after = np.searchsorted(entries, ends, side="right").tolist()
    chosen, one = [], 0
    while one < len(after):
        chosen.append(one)
        one = after[one]
    return chosen
