"""Markets as they were listed at an instant, read by days; what nobody could know is left out.

History that was imported or backfilled has no listing of its own time where its markets were first
described later: such a market is taken as it was described first, without anything that moves and
without a word about its end.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.backtests.universe import DAY, Universe
from trading_cli.domain import Market, from_epoch
from trading_cli.research.deadline import Deadline, deadline_of
from trading_cli.research.panel import PanelRules
from trading_cli.store import Transaction, listings, past

SHIFT = 2**33
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Day:
    """A day's looks by row and time: ``keys`` = row x 2^33 + when it was known, sorted."""

    first: int
    keys: NDArray[np.int64]
    rows: past.Rows


class Listed:
    """The listing as it was known at an instant."""

    def __init__(self, look: Transaction, universe: Universe) -> None:
        self._look = look
        self._of = universe
        self._day: _Day | None = None
        self._members: tuple[int, int, Mapping[int, int]] = (0, 0, {})
        self._words: dict[int, dict[str, object]] = {}
        self._deadlines: dict[tuple[object, ...], Deadline] = {}
        self._versions = past.versions(look, universe.numbers)
        self._texts = self._rules_texts()
        self._blind: dict[int, Market | None] = {}
        order = sorted(range(len(universe.names)), key=lambda row: universe.names[row].venue)
        self._rank = np.empty(len(order), dtype=np.int64)
        self._rank[order] = np.arange(len(order))

    def members(self, at: int) -> Mapping[int, int]:
        """Return who was on the panel at *at* and since when, in the order they came, by row."""
        since, until, held = self._members
        if not since <= at < until:
            stays = self._of.stays
            turns = np.concatenate((stays["entered"], stays["left"]))
            since = int(turns[turns <= at].max(initial=0))
            until = int(turns[turns > at].min(initial=past.NEVER))
            there = stays[(stays["entered"] <= at) & (stays["left"] > at)]
            rows = self._of.row_by_number[there["market"]].tolist()
            held = dict(zip(rows, there["entered"].tolist(), strict=True))
            self._members = since, until, held
        return held

    def busiest(self, rows: Sequence[int], at: int, rules: PanelRules) -> list[int]:
        """Return the *rows* that pass the candidates' bars at *at*, busiest first."""
        asked = np.asarray(rows, dtype=np.int64)
        day, places, known = self._places(asked, at)
        looks = day.rows[places]
        passed = known & (looks["volume_24h"] >= rules.candidate_volume_24h)
        passed &= looks["liquidity"] >= rules.candidate_liquidity
        order = np.lexsort((self._rank[asked[passed]], -looks["volume_24h"][passed]))
        found: list[int] = asked[passed][order].tolist()
        return found

    def by_volume(self, rows: Sequence[int], at: int) -> list[int]:
        """Return the *rows*, the busiest first as far as their volume is known at *at*, by id."""
        if not rows:
            return []
        asked = np.asarray(rows, dtype=np.int64)
        day, places, known = self._places(asked, at)
        volume = np.where(known, day.rows["volume_24h"][places], -1.0) if day.rows.size else 0
        order = np.lexsort((self._rank[asked], -np.broadcast_to(volume, asked.shape)))
        found: list[int] = asked[order].tolist()
        return found

    def markets(self, rows: Sequence[int], at: int) -> dict[int, Market]:
        """Return the markets as listed at *at*, by row; one not known by then is not there."""
        if not rows:
            return {}
        asked = np.asarray(rows, dtype=np.int64)
        day, places, known = self._places(asked, at)
        looks = day.rows[places[known]]
        pairs = list(zip(looks["market"].tolist(), looks["event_time"].tolist(), strict=True))
        seen = past.looked_at(self._look, pairs)
        return {
            row: listings.market_of(self._of_version(version), observed, updated, *moving)
            for row, (version, observed, updated, *moving) in zip(
                asked[known].tolist(), seen, strict=True
            )
        }

    def market(self, venue: str, at: datetime) -> Market:
        """Return one market as listed at *at*. Raises KeyError for one not listed by then."""
        row = self._of.row_of.get(venue)
        if row is None:
            held = listings.listing_at(self._look, as_of=at, venue_ids=[venue])
            found = held[0] if held else None
        else:
            when = int(at.timestamp())
            found = self.markets([row], when).get(row) or self.blind(row, when)
        if found is None:
            raise KeyError(venue)
        return found

    def blind(self, row: int, at: int) -> Market | None:
        """Return a market described only later, as it was described first, its end unknown.

        ``None`` where it did not exist at *at*, as far as its words and prices tell, or where it
        has no history but what was recorded.
        """
        if row not in self._of.spans:
            return None
        if row not in self._blind:
            self._blind[row] = self._first_words(row)
        found = self._blind[row]
        born = None if found is None else found.created_at or found.start_at
        first = self._of.spans[row][0]
        begins = first if born is None else min(first, int(born.timestamp()))
        if found is None or at < begins:
            return None
        return replace(found, observed_at=from_epoch(at))

    def _first_words(self, row: int) -> Market | None:
        number = self._of.names[row].number
        first = next((one for one in self._versions if one.market == number), None)
        if first is None:
            return None
        unknown = ("closed_at", "uma_status", "uma_statuses")
        words = {k: v for k, v in self._of_version(first.id).items() if k not in unknown}
        words |= {"closed": False, "active": True, "accepting_orders": True}
        return listings.market_of(words, first.observed_at, None, *[None] * 8)

    def deadline(self, market: Market) -> Deadline:
        """Return the market's deadline, read once for each way it was described."""
        key = (
            market.question, market.slug, market.created_at, market.end_at, market.game_start_at,
            market.event_start_at,
        )  # fmt: skip
        found = self._deadlines.get(key)
        if found is None:
            found = self._deadlines[key] = deadline_of(market)
        return found

    def rules_changed(self, row: int, at: int) -> datetime | None:
        """Return when the rules text last became another one by *at*, ``None``: it never did."""
        times = self._texts.get(row, [])
        known = bisect_right(times, at)
        return from_epoch(times[known - 1]) if known > 1 else None

    def _rules_texts(self) -> dict[int, list[int]]:
        """Return when each text of a row's rules was first seen, sorted."""
        found: dict[int, dict[bytes | None, int]] = {}
        for one in self._versions:
            row = int(self._of.row_by_number[one.market])
            found.setdefault(row, {}).setdefault(one.rules, one.observed_at)
        return {row: sorted(held.values()) for row, held in found.items()}

    def _of_version(self, version: int) -> dict[str, object]:
        found = self._words.get(version)
        if found is None:
            found = self._words[version] = past.words(self._look, version)
        return found

    def _places(
        self, rows: NDArray[np.int64], at: int
    ) -> tuple[_Day, NDArray[np.intp], NDArray[np.bool_]]:
        """Return where the last look at each row by *at* is, and whether there is one."""
        day = self._of_day(at)
        places = np.searchsorted(day.keys, rows * SHIFT + at, side="right") - 1
        known = places >= 0
        if known.any():
            known &= day.keys[np.maximum(places, 0)] // SHIFT == rows
        return day, np.maximum(places, 0), known

    def _of_day(self, at: int) -> _Day:
        first = at // DAY * DAY
        if self._day is None or self._day.first != first:
            rows = past.looks(self._look, self._of.numbers, first, first + DAY)
            number = self._of.row_by_number[rows["market"]]
            # what was seen before the day is known at its beginning, unless it came late
            known = np.maximum(rows["event_time"], rows["available_at"])
            order = np.lexsort((known, number))
            self._day = _Day(first, (number * SHIFT + known)[order], rows[order])
        return self._day
