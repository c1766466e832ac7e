"""The pretend world: any question about any instant, answered without stepping through time.

Everything is derived from (seed, name, grid cell), so the order of questions cannot matter; what
is remembered is only a bounded cache.
"""

import dataclasses
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from trading_cli.simulator import books, chatter, listing, trading_day
from trading_cli.simulator.cast import DAY, EventPlan, MarketPlan
from trading_cli.simulator.casting import cast
from trading_cli.simulator.dice import number
from trading_cli.simulator.prices import Path, path
from trading_cli.simulator.scenes import SCENES, stage
from trading_cli.simulator.shocks import shocks

_TAIL_S = DAY
T = TypeVar("T")


class Shelf(Generic[T]):
    """The last *room* results of a pure function; a lost one is made again, the same."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what *make* returns for *key*. Two threads may both make it; alike."""
        found = self._kept.get(key)
        if found is None:
            found = make()
            self._kept[key] = found
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class _Seat:
    """A market with its event and the unchanging part of its listing."""

    event: EventPlan
    market: MarketPlan
    base: dict[str, Any]


class World:
    """A seeded world of about *markets* open markets from *start* to *end* (epoch seconds).

    Events reach 30 days back before *start*. ``liquid_share`` is the part that the panel would
    take. With *scenes* (and at least 24 markets) the demo's scripted markets play on the last day
    before *end*. Defaults: 60 days back from today's midnight, 180 days long; give both for the
    same bytes on another day.
    """

    def __init__(
        self,
        seed: int,
        markets: int = 200,
        start: float | None = None,
        end: float | None = None,
        *,
        liquid_share: float = 0.35,
        scenes: bool = True,
    ) -> None:
        self.seed = seed
        self.start = time.time() // DAY * DAY - 60 * DAY if start is None else float(start)
        self.end = self.start + 180 * DAY if end is None else float(end)
        staged = stage(seed, self.start, self.end) if scenes and markets >= 24 else []  # noqa: PLR2004
        rest = cast(seed, markets - len(staged), self.start, self.end, liquid_share)
        self.events = {event.id: event for event in [*staged, *rest]}
        self._seats = [
            _Seat(event, market, listing.fixed(seed, event, market))
            for event in self.events.values()
            for market in event.markets
        ]
        self._by_token = {t: (s, i) for s in self._seats for i, t in enumerate(s.market.tokens)}
        self._by_condition = {s.market.condition: s for s in self._seats}
        self._by_word: dict[str, list[EventPlan]] = {}
        for event in self.events.values():
            for word in chatter.word_set(event.title) | set(event.words):
                self._by_word.setdefault(word, []).append(event)
        self._paths: Shelf[Path] = Shelf(2_500)
        self._days: Shelf[trading_day.TradingDay] = Shelf(8_000)
        self._books: Shelf[dict[str, Any]] = Shelf(4_000)
        self._said: Shelf[tuple[chatter.Said, ...]] = Shelf(20_000)
        self._closed: dict[str, dict[str, Any]] = {}

    def _path(self, event: EventPlan) -> Path:
        """Return the event's quotes."""
        return self._paths.get(event.id, lambda: path(self.seed, event))

    def _day(self, seat: _Seat, day: int) -> trading_day.TradingDay:
        """Return the market's trades of one UTC day."""
        return self._days.get(
            (seat.market.id, day),
            lambda: trading_day.trading_day(
                self.seed, seat.event, seat.market, self._path(seat.event), day
            ),
        )

    def _volume(self, seat: _Seat, now: float) -> float:
        """Return USD traded in (now - 24 h, now]."""
        if seat.market.daily_usd <= 0 or seat.event.zombie:
            return 0.0
        total = 0.0
        start, end = math.floor(now) + 1 - DAY, math.floor(now) + 1
        for day in range(start // DAY, (end - 1) // DAY + 1):
            trades = self._day(seat, day)
            lo, hi = trades.slice(start, end)
            total += float(trades.summed[hi] - trades.summed[lo])
        return total

    def listing(self, now: float) -> Sequence[dict[str, Any]]:
        """Return every market opened by *now*, open and closed, as Gamma writes it."""
        return [self._object(seat, now) for seat in self._seats if seat.event.opens <= now]

    def _object(self, seat: _Seat, now: float) -> dict[str, Any]:
        """Return one market's object; one that closed two days ago never changes again."""
        event, market = seat.event, seat.market
        final = now > event.closes + 2 * DAY
        if final and market.id in self._closed:
            return self._closed[market.id]
        volume = self._volume(seat, now)
        out = listing.object_at(seat.base, event, market, self._path(event), volume, now)
        if final:
            self._closed[market.id] = out
        return out

    def event(self, event_id: str) -> dict[str, Any] | None:
        """Return one event without its markets."""
        found = self.events.get(event_id)
        return None if found is None else listing.event_object(found)

    def book(self, token: str, now: float) -> dict[str, Any] | None:
        """Return the book of *token*; ``None`` before opening, after closing, or unknown."""
        seat, outcome = self._by_token.get(token, (None, 0))
        if seat is None or not seat.event.opens <= now < seat.event.closes:
            return None
        if seat.event.zombie and now > seat.event.deadline:
            return None
        quotes = self._path(seat.event)
        column = quotes.index(now)
        early = now < (quotes.first + column) * 300 + 1
        return self._books.get(
            (token, column, early),
            lambda: books.wire_book(
                self.seed, seat.event, seat.market, quotes, outcome, math.floor(now)
            ),
        )

    def history(
        self, token: str, start: float, end: float, step_s: int, now: float
    ) -> list[tuple[int, float]] | None:
        """Return (epoch, mid) in [start, min(end, now)], about every *step_s*; None if unknown.

        Stamps jitter by up to 2 s and rarely repeat. For a day after the payout the tail reads
        0.9995 or 0.0005.
        """
        seat, outcome = self._by_token.get(token, (None, 0))
        if seat is None:
            return None
        quotes, event = self._path(seat.event), seat.event
        last = min(end, now, event.closes + _TAIL_S)
        first = max(start, event.opens)
        salt = number(self.seed, "jitter", token)
        out: list[tuple[int, float]] = []
        for tick in range(math.ceil(first / step_s), math.floor(last / step_s) + 1):
            mixed = (tick * 2_654_435_761 + salt) % 2**32
            at = tick * step_s + mixed % 5 - 2
            if not first <= at <= last:
                continue
            point = (at, self._mid(seat, quotes, outcome, at))
            out.append(point)
            if mixed % 997 == 0:
                out.append(point)
        return out

    def _mid(self, seat: _Seat, quotes: Path, outcome: int, at: int) -> float:
        """Return the mid at *at*, or the settled tail."""
        if at >= seat.event.closes:
            paid = quotes.payouts[seat.market.member]
            paid = 1 - paid if outcome else paid
            return min(max(paid, 0.0005), 0.9995)
        return books.mid(seat.market, quotes, quotes.index(at), outcome)

    def trades(
        self, condition_ids: Sequence[str], start: float, end: float, now: float
    ) -> list[dict[str, Any]]:
        """Return trades with start <= timestamp < end and not after *now*, newest first."""
        stop = min(end, math.floor(now) + 1)
        out: list[dict[str, Any]] = []
        for condition in dict.fromkeys(condition_ids):
            seat = self._by_condition.get(condition)
            if seat is None:
                continue
            lo_s, hi_s = max(start, seat.event.opens), min(stop, seat.event.closes)
            for day in range(int(lo_s // DAY), int(hi_s // DAY) + 1):
                trades = self._day(seat, day)
                span = trades.slice(lo_s, hi_s)
                if span[1] > span[0]:
                    out += trading_day.rows(self.seed, seat.event, seat.market, trades, span)
        out.sort(key=lambda r: r["timestamp"], reverse=True)
        return out

    def posts(
        self, source: str, query: str, start: float, end: float, now: float
    ) -> list[dict[str, Any]]:
        """Return posts in [start, end), not after *now*, that hold 60 % of the query's words."""
        wanted = chatter.query_words(query)
        if not wanted or source not in chatter.PER_DAY:
            return []
        need, stop = 0.6 * len(wanted), min(end, math.floor(now) + 1)
        found: list[chatter.Said] = []
        for event in self._about(wanted):
            first, last = max(start, event.opens), min(stop, event.closes)
            for day in range(int(first // DAY), int(last // DAY) + 1 if last > first else 0):
                found += [
                    post
                    for post in self._talk(event, source, day)
                    if start <= post.created < stop and len(wanted & post.words) >= need
                ]
        found.sort(key=lambda p: (-p.created, p.id))
        return [chatter.neutral(post, source, now) for post in found]

    def _about(self, wanted: frozenset[str]) -> list[EventPlan]:
        """Return events whose title holds at least two fifths of *wanted*."""
        hits: dict[str, int] = {}
        for word in wanted:
            for event in self._by_word.get(word, ()):
                hits[event.id] = hits.get(event.id, 0) + 1
        return [self.events[k] for k in sorted(hits) if hits[k] >= 0.4 * len(wanted)]

    def _talk(self, event: EventPlan, source: str, day: int) -> tuple[chatter.Said, ...]:
        """Return one day's posts."""
        return self._said.get(
            (event.id, source, day), lambda: chatter.said(self.seed, event, source, day)
        )

    def truth(self) -> dict[str, Any]:
        """Return what was planted: per event its kind and news, and where the scenes are."""
        staged = {f"scene.{s.name}": s.name for s in SCENES}
        events: dict[str, Any] = {}
        scenes: dict[str, Any] = {}
        for event in self.events.values():
            events[event.id] = {
                "kind": event.kind.value,
                "lag_h": event.lag_h,
                "strength": event.strength,
                "markets": [m.id for m in event.markets],
                "news": [dataclasses.asdict(s) for s in shocks(self.seed, event)]
                if event.kind.value != "null" else [],
            }  # fmt: skip
            if event.key in staged:
                scenes[staged[event.key]] = {
                    "event_id": event.id,
                    "market_id": event.markets[0].id,
                    "knots": [list(k) for k in event.knots],
                    "decided": event.decided,
                    "closes": event.closes,
                    "payout": event.payout,
                }
        return {
            "seed": self.seed,
            "start": self.start,
            "end": self.end,
            "events": events,
            "scenes": scenes,
        }
