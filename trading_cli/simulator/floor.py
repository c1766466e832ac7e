"""The trading floor: every market's listing, book, price history and trades at any instant."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

from trading_cli.simulator import books, trading_day
from trading_cli.simulator.cast import DAY, STEP, EventPlan, MarketPlan
from trading_cli.simulator.dice import number
from trading_cli.simulator.listing import Quote, fixed, object_at
from trading_cli.simulator.memory import Days, Memory
from trading_cli.simulator.prices import Path, path, payouts

_TAIL_S = DAY
_FINAL_S = 2 * DAY


@dataclasses.dataclass(frozen=True, slots=True)
class Seat:
    """A market with its event and the unchanging part of its listing."""

    event: EventPlan
    market: MarketPlan
    base: dict[str, Any]


class Floor:
    """All markets of *events*. Everything is derived from *seed*; only caches are kept."""

    def __init__(self, seed: int, events: Iterable[EventPlan]) -> None:
        self._seed = seed
        self._seats = [
            Seat(event, market, fixed(seed, event, market))
            for event in events
            for market in event.markets
        ]
        self._by_token = {t: (s, i) for s in self._seats for i, t in enumerate(s.market.tokens)}
        self._by_condition = {s.market.condition: s for s in self._seats}
        self._paths: Memory[Path] = Memory(2_500)
        self._days: Days[trading_day.TradingDay] = Days(8_000)
        self._books: Memory[dict[str, Any]] = Memory(1_000)
        self._final: dict[str, dict[str, Any]] = {}

    def listing(self, now: float) -> Sequence[dict[str, Any]]:
        """Return every market opened by *now*, open and closed, as Gamma writes it."""
        return [self._object(seat, now) for seat in self._seats if seat.event.opens <= now]

    def _object(self, seat: Seat, now: float) -> dict[str, Any]:
        """Return one market's object; one that closed two days ago never changes again."""
        event, market = seat.event, seat.market
        if now <= event.closes + _FINAL_S:
            quote = self._quote(seat, now)
            return object_at(seat.base, event, market, quote, self._volume(seat, now), now)
        if market.id not in self._final:
            quote = Quote(payout=payouts(self._seed, event)[market.member])
            self._final[market.id] = object_at(seat.base, event, market, quote, 0.0, now)
        return self._final[market.id]

    def _quote(self, seat: Seat, now: float) -> Quote:
        """Return the best prices of *now*, or what was paid."""
        row = seat.market.member
        if now >= seat.event.closes:
            return Quote(payout=payouts(self._seed, seat.event)[row])
        quotes = self._path(seat.event)
        column = quotes.index(now)
        return Quote(int(quotes.bid[row, column]), int(quotes.ask[row, column]))

    def _path(self, event: EventPlan) -> Path:
        """Return the event's quotes."""
        return self._paths.get(event.id, lambda: path(self._seed, event))

    def _day(self, seat: Seat, day: int) -> trading_day.TradingDay:
        """Return the market's trades of one UTC day."""
        return self._days.get(
            seat.market.id,
            day,
            lambda: trading_day.trading_day(
                self._seed, seat.event, seat.market, self._path(seat.event), day
            ),
        )

    def _volume(self, seat: Seat, now: float) -> float:
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

    def book(self, token: str, now: float) -> dict[str, Any] | None:
        """Return the book of *token*; ``None`` before opening, after closing, or unknown."""
        seat, outcome = self._by_token.get(token, (None, 0))
        if seat is None or not seat.event.opens <= now < seat.event.closes:
            return None
        if seat.event.zombie and now > seat.event.deadline:
            return None
        hushed = seat.market.hushed
        if hushed is not None and hushed[0] <= now < hushed[1]:
            return None
        quotes = self._path(seat.event)
        column = quotes.index(now)
        early = now < (quotes.first + column) * STEP + 1
        return self._books.get(
            (token, column, early),
            lambda: books.wire_book(
                self._seed, seat.event, seat.market, quotes, outcome, math.floor(now)
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
        salt = number(self._seed, "jitter", token)
        out: list[tuple[int, float]] = []
        for tick in range(math.ceil(first / step_s), math.floor(last / step_s) + 1):
            mixed = (tick * 2_654_435_761 + salt) % 2**32
            at = tick * step_s + mixed % 5 - 2
            if not first <= at <= last:
                continue
            point = (at, _mid(seat, quotes, outcome, at))
            out.append(point)
            if mixed % 997 == 0:
                out.append(point)
        return out

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
                    out += trading_day.rows(self._seed, seat.event, seat.market, trades, span)
        out.sort(key=lambda r: r["timestamp"], reverse=True)
        return out


def _mid(seat: Seat, quotes: Path, outcome: int, at: int) -> float:
    """Return the mid at *at*, or the settled tail."""
    if at >= seat.event.closes:
        paid = quotes.payouts[seat.market.member]
        paid = 1 - paid if outcome else paid
        return min(max(paid, 0.0005), 0.9995)
    return books.mid(seat.market, quotes, quotes.index(at), outcome)
