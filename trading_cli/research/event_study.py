"""What prices did around bursts of talk: the mean path before and after hype beyond 2 sd.

A burst is the first hour in 24 whose hype lies more than 2 of the market's own standard deviations
above its mean. The change of the log-odds is counted from the end of that hour, so what comes
after could have been traded. Errors are clustered by event (mean of the paths, CR1-like with
G / (G - 1)); below 30 bursts there is no point, only what is missing. Source: MacKinlay 1997.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_cli.research import hourly, tails
from trading_cli.research.lead import Market, missing

Floats = NDArray[np.float64]

SIGMAS = 2.0
APART = 24
HOURS = (-12, -6, -3, -1, 1, 3, 6, 12, 24)
LEAST_BURSTS = 30
LEAST_EVENTS = 20
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Step:
    """The mean change from the burst to so many hours after (before: how far it had come).

    ``mean`` and ``error`` in sds of the market's hourly change, ``size`` the mean absolute change
    over what hours without a burst have (1: bursts move nothing).
    """

    hours: int
    mean: float = NAN
    error: float = NAN
    p: float = NAN
    size: float = NAN
    bursts: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """Bursts, the events they are of, the path; ``insufficient`` says what is missing."""

    bursts: int
    events: int
    insufficient: str
    path: tuple[Step, ...]


def bursts(hype: Floats) -> NDArray[np.intp]:
    """Return the places of the bursts in hype [T]: beyond 2 sd, the first in 24 hours."""
    known = hype[np.isfinite(hype)]
    if known.size < APART or float(np.ptp(known)) == 0:
        return np.array([], dtype=np.intp)
    bar = float(known.mean()) + SIGMAS * float(known.std())
    found: list[int] = []
    for place in np.flatnonzero(np.nan_to_num(hype, nan=-np.inf) > bar).tolist():
        if not found or place - found[-1] >= APART:
            found.append(place)
    return np.array(found, dtype=np.intp)


def study(markets: Sequence[Market]) -> Study:
    """Return the mean path around the bursts of those of *markets* that have enough data."""
    paths: list[Floats] = []
    usual: list[Floats] = []
    events: list[str] = []
    for market in markets:
        if missing(market)[0]:
            continue
        level = market.level / float(np.nanstd(hourly.changes(market.level)))
        places = bursts(market.hype)
        if places.size:
            paths.append(_changes(level, places))
            usual.append(np.nanmean(np.abs(_changes(level, np.arange(level.size))), axis=0,
                                    keepdims=True).repeat(places.size, axis=0))  # fmt: skip
            events += [market.event] * places.size
    count, groups = len(events), np.unique(events, return_inverse=True)[1]
    distinct = len(set(events))
    why = ""
    if count < LEAST_BURSTS:
        why = f"{count} of {LEAST_BURSTS} bursts of talk"
    elif distinct < LEAST_EVENTS:
        why = f"bursts in {distinct} of {LEAST_EVENTS} events"
    if why:
        return Study(count, distinct, why, ())
    table, normal = np.concatenate(paths), np.concatenate(usual)
    return Study(
        count, distinct, "",
        tuple(_step(h, table[:, c], normal[:, c], groups) for c, h in enumerate(HOURS)),
    )  # fmt: skip


def _changes(level: Floats, places: NDArray[np.intp]) -> Floats:
    """Return level_{t+h} - level_t for h > 0, level_t - level_{t+h} before: [B, len(HOURS)]."""
    found = np.full((places.size, len(HOURS)), np.nan)
    for column, hours in enumerate(HOURS):
        other = places + hours
        inside = (other >= 0) & (other < level.size)
        change = level[other[inside]] - level[places[inside]]
        found[inside, column] = change if hours > 0 else -change
    return found


def _step(hours: int, changes: Floats, usual: Floats, groups: NDArray[np.intp]) -> Step:
    known = np.isfinite(changes) & np.isfinite(usual)
    count = int(known.sum())
    _, own = np.unique(groups[known], return_inverse=True)
    events = int(own.max(initial=-1)) + 1
    if count < LEAST_BURSTS or events <= 1:
        return Step(hours, bursts=count)
    mean = float(changes[known].mean())
    sums = np.bincount(own, weights=changes[known] - mean, minlength=events)
    error = float(np.sqrt(events / (events - 1) * (sums**2).sum())) / count
    p = float(tails.student(mean / error, events - 1)) if error > 0 else NAN
    normal = float(usual[known].mean())
    size = float(np.abs(changes[known]).mean()) / normal if normal > 0 else NAN
    return Step(hours, mean, error, p, size, count)
