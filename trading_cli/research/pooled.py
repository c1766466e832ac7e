"""Does talk lead prices at all: one regression of all markets of a category, per horizon.

    (L_{t+H} - L_t) / s = a_m + b · hype_t / sd + c · (L_t - L_{t-1}) / s + e

with a_m taken out by centring each market, s its standard deviation of hourly changes, errors
clustered by event (CR1, Student's t with events - 1). Hours of one event count as one opinion, so
the overlap of the horizons costs nothing. The same with the roles exchanged is the reverse. Beside
it: less the mean of the category in that hour (what all of it did is no lead of one), and common
circular shifts of all hype at once, which keep every other dependence as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trading_cli.research import hourly, lead, tails
from trading_cli.research import least_squares as ls
from trading_cli.research.lead import Market
from trading_cli.research.many_tests import benjamini_hochberg, benjamini_yekutieli

Floats = NDArray[np.float64]

HORIZONS = (1, 3, 6, 12, 24)
LEAST_EVENTS = 20
SHIFTS = 200
ALPHA = 0.05
EVERYTHING = "all"
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Pooled:
    """One category and horizon: b (sds of an hour's change per sd of hype), its error and p.

    ``reverse`` is the p of the price's change on the talk of the hours to come, ``conditional``
    that of b beside the category's own mean, ``shift`` that of the circular shifts.
    """

    category: str
    horizon: int
    events: int
    markets: int
    rows: int
    insufficient: str = ""
    b: float = NAN
    error: float = NAN
    p: float = NAN
    q: float = NAN
    q_any: float = NAN
    reverse: float = NAN
    conditional: float = NAN
    shift: float = NAN

    @property
    def leads(self) -> bool:
        """Return whether talk leads here: q, and nothing else that explains it."""
        other = self.reverse <= ALPHA or self.conditional > ALPHA or self.shift > ALPHA
        return self.q <= ALPHA and not other


@dataclass(frozen=True, slots=True)
class _Panel:
    """Markets [M, T] on one grid: hype and changes in their own sds, levels in sds of a change."""

    hype: Floats
    step: Floats
    level: Floats
    event: NDArray[np.intp]


def pooled(
    markets: Sequence[Market],
    *,
    horizons: Sequence[int] = HORIZONS,
    shifts: int = SHIFTS,
    seed: int = 0,
) -> list[Pooled]:
    """Return the test of all markets and of each category at each of *horizons* (hours).

    Only markets with enough data take part; the family of the q-values is every row that has a p.
    """
    fit = [market for market in markets if not lead.missing(market)[0]]
    categories = sorted({market.category for market in markets})
    groups = [(EVERYTHING, fit)]
    if len(categories) > 1:
        groups += [(name, [one for one in fit if one.category == name]) for name in categories]
    found = [
        one
        for place, (name, members) in enumerate(groups)
        for one in _group(name, members, horizons, shifts, np.random.default_rng([seed, place]))
    ]
    p = np.array([one.p for one in found], dtype=float)
    adjusted = zip(found, benjamini_hochberg(p).tolist(), benjamini_yekutieli(p).tolist(),
                   strict=True)  # fmt: skip
    return [replace(one, q=q, q_any=q_any) for one, q, q_any in adjusted]


def _group(
    name: str,
    members: Sequence[Market],
    horizons: Sequence[int],
    shifts: int,
    rng: np.random.Generator,
) -> list[Pooled]:
    events = sorted({market.event for market in members})
    if len(events) < LEAST_EVENTS:
        why = f"{len(events)} of {LEAST_EVENTS} events with enough hours"
        return [Pooled(name, h, len(events), len(members), 0, why) for h in horizons]
    panel = _panel(members, events)
    length = panel.hype.shape[1]
    moves = rng.permutation(np.arange(lead.LEAST_SHIFT, length - lead.LEAST_SHIFT + 1))[:shifts]
    return [_horizon(name, panel, h, moves) for h in horizons]


def _panel(members: Sequence[Market], events: Sequence[str]) -> _Panel:
    hype = np.stack([market.hype for market in members])
    level = np.stack([market.level for market in members])
    step = hourly.changes(level)
    hype = hype / np.nanstd(hype, axis=1, keepdims=True)
    spread = np.nanstd(step, axis=1, keepdims=True)
    number = {event: place for place, event in enumerate(events)}
    event = np.array([number[market.event] for market in members], dtype=np.intp)
    return _Panel(hype, step / spread, level / spread, event)


def _ahead(level: Floats, hours: int) -> Floats:
    """Return what *level* [M, T] does over the next *hours*, NaN at the end."""
    found = np.full(level.shape, np.nan)
    if hours < level.shape[1]:
        found[:, :-hours] = level[:, hours:] - level[:, :-hours]
    return found


def _later(series: Floats, hours: int) -> Floats:
    """Return the mean of *series* [M, T] over the next *hours*, NaN where one is not known."""
    found = np.full(series.shape, np.nan)
    if hours < series.shape[1]:
        sums = np.cumsum(np.nan_to_num(series), axis=1)
        known = np.cumsum(np.isfinite(series), axis=1)
        whole = (known[:, hours:] - known[:, :-hours]) == hours
        found[:, :-hours] = np.where(whole, (sums[:, hours:] - sums[:, :-hours]) / hours, np.nan)
    return found


def _horizon(name: str, panel: _Panel, hours: int, moves: NDArray[np.intp]) -> Pooled:
    target = _ahead(panel.level, hours)
    b, error, p, rows = _test(panel.hype, target, panel.step, panel.event)
    *_, reverse, _ = _test(panel.step, _later(panel.hype, hours), panel.hype, panel.event)
    *_, conditional, _ = _test(
        panel.hype, target, panel.step, panel.event, common=panel.hype.shape[0] > lead.LEAST_OTHERS
    )
    shift = NAN
    if p <= ALPHA and moves.size:
        trials = [
            _test(np.roll(panel.hype, one, axis=1), target, panel.step, panel.event)[2]
            for one in moves
        ]
        shift = float((1 + (np.array(trials) <= p).sum()) / (1 + np.isfinite(trials).sum()))
    events = int(panel.event.max()) + 1
    return Pooled(
        name, hours, events, panel.hype.shape[0], rows, b=b, error=error, p=p, reverse=reverse,
        conditional=conditional, shift=shift,
    )  # fmt: skip


def _test(
    x: Floats, y: Floats, beside: Floats, event: NDArray[np.intp], *, common: bool = False
) -> tuple[float, float, float, int]:
    """Return b, its error, p and the rows of y on x and *beside*, all [M, T], by event.

    *common*: also less the mean of all markets in that hour.
    """
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(beside)
    count = known.sum(axis=1, keepdims=True)
    parts = []
    for one in (x, beside, y):
        held = np.where(known, one, 0.0)
        if common:
            held -= held.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
            held = np.where(known, held, 0.0)
        mean = held.sum(axis=1, keepdims=True) / np.maximum(count, 1)
        parts.append((held - mean)[known])
    rows = int(known.sum())
    if rows < lead.LEAST_HOURS:
        return NAN, NAN, NAN, rows
    found = ls.fit(np.column_stack(parts[:2]), parts[2])
    groups = np.broadcast_to(event[:, None], known.shape)[known]
    _, groups = np.unique(groups, return_inverse=True)
    events = int(groups.max()) + 1
    error = float(np.sqrt(ls.clustered(found, groups)[0, 0])) if events > 1 else NAN
    if not error > 0:
        return float(found.beta[0]), error, NAN, rows
    t = float(found.beta[0]) / error
    return float(found.beta[0]), error, float(tails.student(t, events - 1)), rows
