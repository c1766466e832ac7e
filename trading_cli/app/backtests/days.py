"""What holds for a UTC day: the factors of the hours and each market's ladder, as of then.

The live step computes them at the first look of a day and keeps them; factors that were not known
are tried again after an hour. The same is done here, in memory; what a home kept goes before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.analyse import DAY, POOLED_DAYS, TRY_AGAIN, heard_hours
from trading_cli.app.backtests.tape import Floats, Tape
from trading_cli.app.backtests.universe import Universe
from trading_cli.domain import from_epoch
from trading_cli.research import hour_factors
from trading_cli.store import Transaction, past
from trading_cli.store import features as kept

AGAIN_S = int(TRY_AGAIN.total_seconds())


@dataclass(slots=True)
class Ruling:
    """The factors in force and the ladders, which are worked out when they are asked for."""

    day: int
    factors: Floats | None
    at: int
    place: dict[int, int] = field(default_factory=dict)
    usd: Floats | None = None
    seasonal: bool = True
    ladders: dict[int, Floats | None] = field(default_factory=dict)
    kept: dict[int, Floats] = field(default_factory=dict)
    rounded: bool = False

    def ladder(self, row: int) -> Floats | None:
        """Return the quantiles of the row's own hours, ``None`` where they are too few."""
        if row not in self.ladders and row in self.place and self.usd is not None:
            known = self.factors if self.seasonal else None
            self.ladders[row] = hour_factors.ladder(self.usd[self.place[row]], self.day, known)
        found = self.ladders.get(row)
        if found is None or not self.rounded:
            return found
        # kept with six decimals, and read back so by every slot but the first
        if row not in self.kept:
            self.kept[row] = np.array([round(float(one), 6) for one in found])
        return self.kept[row]


class Days:
    """The rulings of the days, as the live step would have come by them."""

    def __init__(
        self, look: Transaction, universe: Universe, tape: Tape, *, seasonal: bool
    ) -> None:
        self._look = look
        self._of = universe
        self._tape = tape
        self._seasonal = seasonal
        self._now: Ruling | None = None
        self._hours: dict[int, Floats] = {}
        self._final: dict[int, NDArray[np.bool_]] = {}
        self._begins: NDArray[np.int64] | None = None
        self._stored: dict[tuple[int, int], int] | None = None

    def ruling(
        self, at: int, members: Sequence[int], asked: Sequence[int], *, live: bool
    ) -> Ruling:
        """Return what holds at *at* for the panel's *members* and the rows *asked*."""
        day = at // DAY * DAY
        if live:
            found = kept.hour_factors(self._look, day, as_of=from_epoch(at))
            if found is not None and self._holds(found[0], int(found[1].timestamp()), at):
                return self._as_kept(day, found[0], at, asked)
        now = self._now
        if (
            now is not None
            and now.day == day
            and now.at <= at
            and self._holds(now.factors, now.at, at)
        ):
            now.rounded = now.rounded or now.at != at
            return now
        followed = list(dict.fromkeys([*members, *asked]))
        fresh = self._refresh(followed, day, at, live=live)
        place = {row: n for n, row in enumerate(followed)}
        if now is not None and now.day == day and now.at <= at and not fresh and now.place == place:
            # the same hours as at the last try: what follows from them is the same, too
            self._now = replace(now, at=at, rounded=False)
        else:
            usd = self._past_hours(followed, day)
            factors = hour_factors.factors(usd, day - POOLED_DAYS * DAY)
            self._now = Ruling(day, factors, at, place, usd, self._seasonal)
        return self._now

    def _holds(self, factors: Floats | None, computed: int, at: int) -> bool:
        return computed <= at and (factors is not None or at - computed < AGAIN_S)

    def _as_kept(self, day: int, factors: Floats | None, at: int, asked: Sequence[int]) -> Ruling:
        venues = [self._of.names[row].venue for row in asked]
        held = kept.ladders(self._look, venues, day, as_of=from_epoch(at))
        ladders = {row: held.get(venue) for row, venue in zip(asked, venues, strict=True)}
        return Ruling(day, factors, at, ladders=ladders)

    def _refresh(self, followed: Sequence[int], day: int, at: int, *, live: bool) -> bool:
        """Read what may have changed of the 28 days before *day*; return whether anything did."""
        rows = np.asarray(followed, dtype=np.intp)
        days = range(day - POOLED_DAYS * DAY, day, DAY)
        for one in [old for old in self._hours if old < days.start]:
            del self._hours[one], self._final[one]
        size, changed = len(self._of.names), False
        if self._begins is None:
            begins = [self._tape.answers.begins(one.condition) for one in self._of.names]
            self._begins = np.array(begins, dtype=np.int64)
        for one in days:
            if one not in self._hours:
                self._hours[one] = np.full((size, 24), np.nan)
                self._final[one] = self._begins >= one + DAY  # never heard, and that stays
            hours, final = self._hours[one], self._final[one]
            for row in rows[~final[rows]].tolist():
                found, final[row] = self._fresh(row, one, at, live=live)
                if not np.array_equal(found, hours[row], equal_nan=True):
                    hours[row], changed = found, True
        return changed

    def _past_hours(self, followed: Sequence[int], day: int) -> Floats:
        """Return USD [M, 672] by row and clock hour of the 28 days before, NaN if not heard."""
        rows = np.asarray(followed, dtype=np.intp)
        days = range(day - POOLED_DAYS * DAY, day, DAY)
        return np.concatenate([self._hours[one][rows] for one in days], axis=1)

    def _fresh(self, row: int, day: int, at: int, *, live: bool) -> tuple[Floats, bool]:
        """Return a row's USD of the hours of *day* as known at *at*, and whether that stays."""
        number, condition = self._of.names[row].number, self._of.names[row].condition
        if live and self._kept_at(number, day) <= at:
            return past.kept_day(self._look, number, day), True
        spans = self._tape.answers.spans(condition, day, at, live=live, until=min(at, day + DAY))
        heard = heard_hours(spans, day)
        if not heard.any():
            return np.full(24, np.nan), self._tape.answers.settled(
                condition, day, day + DAY, at, live=live
            )
        usd, whole = self._tape.hourly(row, day, at, live=live)
        same = whole and self._tape.answers.settled(condition, day, day + DAY, at, live=live)
        return np.where(heard, usd, np.nan), bool(heard.all()) or same

    def _kept_at(self, number: int, day: int) -> int:
        if self._stored is None:
            held = past.kept_days(self._look, 0, past.NEVER)
            self._stored = {(market, one): at for market, one, at in held}
        return self._stored.get((number, day), past.NEVER)
