"""What else could have come of the same trades: four engines that redraw, one that re-runs.

iid        trades drawn with replacement: clusters of losses are torn apart
shuffle    the same trades in another order: the end is the same on every path, only falls vary
block      periods drawn in blocks of random length (Politis & Romano 1994): clusters stay
outcome    every market resolves again with a probability: the one that tests the edge itself
perturb    the backtest is run again with other costs and thresholds (``rerun.perturbed``)

None of them can contain a loss that never happened, but for ``outcome``. Paths are made in blocks
of ``BLOCK``, each from its own seed (SeedSequence with the engine's number and the block's as spawn
key, PCG64), so the same seed gives the same bytes whatever the number of workers.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from trading_cli.research.paths import Floats, Paths, follow, joined, log_growth

LEAST_TRADES = 100
BLOCK = 8192
TIMED = BLOCK  # of so many paths the time under water is counted
_SLAB = 16  # steps whose chances are drawn at once: small enough for the cache
MOST_PATHS = 10_000_000
_ALL_16, _ALL_64 = 1 << 16, (1 << 64) - 1
_SORTED = 512  # paths that are shuffled at once
_OFTEN = 0.25  # from here on a draw for each place is quicker than one for each hit
Each = Callable[[Callable[[int], Paths], Iterable[int]], Iterable[Paths]]


def too_few(trades: int, run: int | None = None) -> str:
    """Return the one sentence there is below 100 trades, "" from there on.

    *run*: the backtest they are of; ``None``: the account's own.
    """
    if trades >= LEAST_TRADES:
        return ""
    if run is not None:
        return (
            f"INSUFFICIENT: backtest run {run} closed {trades} trades ({LEAST_TRADES} are needed);"
            " what is made of them cannot contain a loss that run has not had"
        )
    return (
        f"INSUFFICIENT: Monte Carlo redraws your {trades} trades ({LEAST_TRADES} are needed) and"
        " cannot contain a loss you have not had"
    )


class Engine(Protocol):
    """Something that makes paths: ``number`` is part of its seed."""

    number: ClassVar[int]

    @property
    def steps(self) -> int:
        """Return how many steps a path has."""
        ...

    def rows(self, generator: np.random.Generator, n: int) -> Iterator[Floats]:
        """Yield the log growths of *n* paths, step by step; a row may be reused by the next."""
        ...


@dataclass(frozen=True, slots=True)
class Iid:
    """Each step one of *logs* (log growths), every one as likely."""

    number: ClassVar[int] = 1
    logs: Floats
    steps: int

    def rows(self, generator: np.random.Generator, n: int) -> Iterator[Floats]:
        """Yield ``steps`` rows."""
        row = np.empty(n)
        for slab in _slabs(self.steps):
            for at in _indices(generator, len(self.logs), slab * n).reshape(slab, n):
                np.take(self.logs, at, out=row, mode="clip")
                yield row


def _indices(
    generator: np.random.Generator, count: int, size: int
) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """Return *size* indices below *count*, each as likely, shape (size,).

    Sixteen random bits each, those beyond the last whole multiple of *count* drawn again, and the
    remainder taken: exact, and quicker than ``generator.integers``, which multiplies one by one.
    """
    if count > _ALL_16 // 2:
        return generator.integers(0, count, size, dtype=np.uint32)
    words = generator.integers(0, _ALL_64, -(-size // 4), dtype=np.uint64, endpoint=True)
    drawn = words.view(np.uint16)[:size]
    fair = _ALL_16 // count * count
    if fair < _ALL_16:
        again = np.flatnonzero(drawn >= fair)
        drawn[again] = generator.integers(0, fair, len(again), dtype=np.uint16)
    divisor = np.uint16(count)
    drawn -= drawn // divisor * divisor
    return drawn


def _slabs(steps: int) -> Iterator[int]:
    """Yield how many steps to draw at once, until all *steps* are drawn."""
    for first in range(0, steps, _SLAB):
        yield min(_SLAB, steps - first)


@dataclass(frozen=True, slots=True)
class Shuffle:
    """All of *logs*, in an order of chance."""

    number: ClassVar[int] = 2
    logs: Floats

    @property
    def steps(self) -> int:
        """Return how many steps a path has."""
        return len(self.logs)

    def rows(self, generator: np.random.Generator, n: int) -> Iterator[Floats]:
        """Yield as many rows as there are logs. Raises ValueError above 65,536 logs."""
        count = len(self.logs)
        if count > _ALL_16:
            raise ValueError(f"{count} trades are too many to shuffle: {_ALL_16:,} at most")
        order = np.empty((count, n), np.uint16)
        for first in range(0, n, _SORTED):
            paths = min(_SORTED, n - first)
            order[:, first : first + paths] = _orders(generator, paths, count).T
        row = np.empty(n)
        for at in order:
            np.take(self.logs, at, out=row, mode="clip")
            yield row


def _orders(generator: np.random.Generator, paths: int, count: int) -> NDArray[np.uint16]:
    """Return an order of 0..count-1 for each path, shape (paths, count).

    Each number is put behind 48 random bits and the rows are sorted: that no two of a row are
    alike fails once in 2^48 / count² times, and then two trades keep their order.
    """
    words = generator.integers(0, _ALL_64, (paths, count), dtype=np.uint64, endpoint=True)
    words &= np.uint64(_ALL_64 - 0xFFFF)
    words |= np.arange(count, dtype=np.uint64)
    words.sort(axis=1)
    return words.astype(np.uint16)


@dataclass(frozen=True, slots=True)
class Block:
    """Blocks of *logs* with geometric lengths of mean ``length``, circular: stationary."""

    number: ClassVar[int] = 3
    logs: Floats
    length: float
    steps: int

    def __post_init__(self) -> None:
        if not self.length >= 1:
            raise ValueError(f"a block cannot be {self.length} long")

    def rows(self, generator: np.random.Generator, n: int) -> Iterator[Floats]:
        """Yield ``steps`` rows: each path goes on to the next value, or begins anywhere."""
        count = len(self.logs)
        endless = np.resize(self.logs, count + self.steps)  # so that no index has to be wrapped
        at = generator.integers(0, count, n)
        row = np.empty(n)
        np.take(endless, at, out=row, mode="clip")
        yield row
        for begins, starts in self._begins(generator, n):
            at += 1
            at[begins] = starts
            np.take(endless, at, out=row, mode="clip")
            yield row

    def _begins(
        self, generator: np.random.Generator, n: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield, for each step after the first, which paths begin a new block, and where.

        Each does with probability 1/length, independently: the distances between those that do are
        drawn (geometric), over some steps and all paths as one line.
        """
        for slab in _slabs(self.steps - 1):
            places = _places(generator, n * slab, 1 / self.length)
            starts = generator.integers(0, len(self.logs), len(places))
            ends = np.searchsorted(places, np.arange(0, n * slab + 1, n))
            for step in range(slab):
                these = slice(ends[step], ends[step + 1])
                yield places[these] - step * n, starts[these]


def _places(generator: np.random.Generator, cells: int, probability: float) -> NDArray[np.int64]:
    """Return which of *cells* places are hit, each with *probability* and on its own, sorted."""
    if probability > _OFTEN:
        return np.flatnonzero(generator.random(cells) < probability)
    found: list[NDArray[np.int64]] = []
    last = -1
    while last < cells:
        left = (cells - last) * probability
        gaps = generator.geometric(probability, int(left + 4 * np.sqrt(left) + 16))
        gaps[0] += last
        places = np.cumsum(gaps)
        found.append(places)
        last = int(places[-1])
    every = found[0] if len(found) == 1 else np.concatenate(found)
    return every[: np.searchsorted(every, cells)]


@dataclass(frozen=True, slots=True)
class Bets:
    """Bets that are held to the resolution of their market, in the order they ended; arrays (k,).

    ``win``/``lose``   what a bet brings, fractions of equity
    ``yes``            whether it is on YES
    ``event``          the number of its event, 0..
    ``low``, ``high``  its market's YES comes true when low <= u < high, u uniform in [0, 1) and
                       one for each event: side by side for outcomes that exclude one another, all
                       from 0 for those whose dependence is not known (they come true together)
    """

    win: Floats
    lose: Floats
    yes: NDArray[np.bool_]
    event: NDArray[np.int64]
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every event resolves anew."""

    number: ClassVar[int] = 4
    bets: Bets

    @property
    def steps(self) -> int:
        """Return how many steps a path has."""
        return len(self.bets.win)

    def rows(self, generator: np.random.Generator, n: int) -> Iterator[Floats]:
        """Yield a row for each bet."""
        bets = self.bets
        chance = generator.random((int(bets.event.max()) + 1, n), dtype=np.float32)
        won, lost = log_growth(bets.win), log_growth(bets.lose)
        for i, event in enumerate(bets.event):
            u = chance[event]
            true = (u >= bets.low[i]) & (u < bets.high[i])
            yield np.where(true == bets.yes[i], won[i], lost[i])


def simulate(engine: Engine, paths: int, seed: int, each: Each = map) -> Paths:
    """Return *paths* paths of *engine*: the same for the same *seed*, whatever *each* is.

    *each* maps a picklable function over block numbers, keeping their order (``map``, or workers).
    Raises ValueError unless 1 <= paths <= 10 million and the seed is >= 0.
    """
    if not 1 <= paths <= MOST_PATHS:
        raise ValueError(f"{paths} paths cannot be drawn: 1 to {MOST_PATHS:,}")
    if seed < 0:
        raise ValueError(f"a seed is 0 or more, not {seed}")
    blocks = range(-(-paths // BLOCK))
    return joined(list(each(partial(_block, engine, paths, seed), blocks)))


def _block(engine: Engine, paths: int, seed: int, block: int) -> Paths:
    """Return the paths of one block."""
    first = block * BLOCK
    n = min(BLOCK, paths - first)
    root: Any = np.random.SeedSequence(seed, spawn_key=(engine.number, block))
    generator = np.random.Generator(np.random.PCG64(root))
    return follow(engine.rows(generator, n), n, timed=first < TIMED)
