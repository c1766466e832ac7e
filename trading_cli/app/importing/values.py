"""Cells of text as numbers: prices, and times in seconds, milli-, micro-, nanoseconds or ISO.

A time without a time zone is UTC. A fraction of a second is rounded down. What cannot be read is
NaN for a price and ``NO_TIME`` for a time; the checks say so.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_TIME = -(1 << 62)
FIRST = 946_684_800  # 2000-01-01: there was no prediction market on the web before
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
ABSENT = frozenset({"", "nan", "none", "null", "na", "n/a", "-"})


def prices(cells: Sequence[str]) -> Floats:
    """Return the cells as numbers, NaN where one is none."""
    quick = _numbers(cells)
    return np.array([_price(cell) for cell in cells], np.float64) if quick is None else quick


def _numbers(cells: Sequence[str]) -> Floats | None:
    """Return the cells as numbers in one go, ``None`` where one of them is none."""
    if any("_" in cell for cell in cells):  # 1_0 is a number to Python alone
        return None
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None


def _price(cell: str) -> float:
    try:
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


def number(cell: str) -> float | None:
    """Return the cell as a finite number, ``None`` where it is none."""
    value = _price(cell)
    return value if math.isfinite(value) else None


def times(cells: Sequence[str]) -> tuple[Ints, int]:
    """Return the cells as whole epoch seconds, and how many said no time zone."""
    quick = _numbers(cells)
    if quick is not None:
        return _seconds(quick), 0
    read = [time(cell) for cell in cells]
    values = np.array([NO_TIME if at is None else at for at, _ in read], np.int64)
    return values, sum(naive for _, naive in read)


def _seconds(values: Floats) -> Ints:
    """Return numbers of seconds, or of smaller units where they are that large, as seconds."""
    scaled = values.copy()
    for least, unit in _UNITS:
        np.divide(values, unit, out=scaled, where=(values >= least) & (scaled == values))
    fit = np.isfinite(scaled) & (np.abs(scaled) < 1e11)  # noqa: PLR2004  # beyond: no year we have
    return np.where(fit, np.floor(np.where(fit, scaled, 0)), NO_TIME).astype(np.int64)


def time(cell: str) -> tuple[int | None, bool]:
    """Return the cell as epoch seconds (``None``: no time), and whether it said no time zone."""
    text = cell.strip()
    value = _price(text)
    if math.isfinite(value):
        at = int(_seconds(np.array([value]))[0])
        return (None if at == NO_TIME else at), False
    if text.lower() in ABSENT:
        return None, False
    text = text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else "")
    try:
        read = datetime.fromisoformat(text)
        naive = read.tzinfo is None
        aware = read.replace(tzinfo=UTC) if naive else read
        return int(aware.timestamp() // 1), naive
    except (ValueError, OverflowError, OSError):
        return None, False
