"""Which rows may teach and which may judge: purged, embargoed, walked forward.

A row at i carries a label that is known only at i + horizon; teaching with a row whose label
overlaps what is judged is a look ahead. López de Prado 2018 (Advances in Financial Machine
Learning, chapter 7). Rows are 0 .. n-1 in time; every answer is ascending.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


class Split(NamedTuple):
    """Rows that teach and rows that judge."""

    train: Rows
    test: Rows


def _blocks(n: int, folds: int) -> list[Rows]:
    if not 1 < folds <= n:
        raise ValueError(f"{n} rows in {folds} folds: at least 2 folds of one row each.")
    return [np.asarray(one, np.intp) for one in np.array_split(np.arange(n), folds)]


def _kept(n: int, tested: Sequence[Rows], before: int, after: int) -> Rows:
    """Return the rows not within *before* of a tested block's start or *after* of its end."""
    keep = np.ones(n, bool)
    for block in tested:
        keep[max(0, block[0] - before) : block[-1] + after + 1] = False
    return np.flatnonzero(keep)


def purged_folds(n: int, folds: int, *, horizon: int = 0, embargo: int = 0) -> list[Split]:
    """Return each of *folds* blocks as the test and what may teach it.

    Row i teaches for the block [a, b] iff i + horizon < a or i > b + horizon + embargo.
    """
    if horizon < 0 or embargo < 0:
        raise ValueError("horizon and embargo are not below 0.")
    return [
        Split(_kept(n, [block], horizon, horizon + embargo), block) for block in _blocks(n, folds)
    ]


def combinatorial_folds(
    n: int, folds: int, tested: int, *, purge: int = 0, embargo: int = 0
) -> list[Split]:
    """Return every choice of *tested* of *folds* blocks, in lexicographic order.

    *purge* rows before and after each run of tested blocks, and *embargo* more after it, do not
    teach. Neighbouring tested blocks are one run.
    """
    blocks = _blocks(n, folds)
    if not 0 < tested < folds or purge < 0 or embargo < 0:
        raise ValueError(f"{tested} of {folds} folds cannot be tested.")
    return [
        Split(
            _kept(n, [blocks[one] for one in chosen], purge, purge + embargo),
            np.concatenate([blocks[one] for one in chosen]),
        )
        for chosen in combinations(range(folds), tested)
    ]


def paths(folds: int, tested: int) -> int:
    """Return how many whole paths the combinatorial folds make: tested · C(folds, tested)/folds."""
    return tested * comb(folds, tested) // folds


def walk_forward(
    n: int, *, train: int, test: int, step: int | None = None, purge: int = 0, whole: bool = False
) -> Iterator[Split]:
    """Yield the windows of *train* rows and, *purge* rows later, the *test* rows they judge.

    The next begins *step* (default: *test*) rows later; with *whole* the first row always
    teaches (an expanding window). A last window that is not full is left out.
    """
    step = test if step is None else step
    if min(train, test, step) < 1 or purge < 0:
        raise ValueError("train, test and step are at least one row, purge not below 0.")
    for begin in range(0, n - train - purge - test + 1, step):
        first = begin + train + purge
        yield Split(
            np.arange(0 if whole else begin, begin + train, dtype=np.intp),
            np.arange(first, first + test, dtype=np.intp),
        )


def without_shared(split: Split, groups: Sequence[Hashable]) -> Split:
    """Return *split* without the teaching rows whose group (event) is also judged."""
    judged = {groups[row] for row in split.test.tolist()}
    kept = [row for row in split.train.tolist() if groups[row] not in judged]
    return Split(np.asarray(kept, np.intp), split.test)
