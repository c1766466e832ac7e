"""A span of stored mids as arrays: what `StoreHistory` shows of it, for the screen engine.

A span of which anything else is stored (recorded slots, books, trades, what was heard of them,
imported quotes, a pause) is refused by name: the arrays know nothing of it. So is a market whose
words changed while it was open. What is left is the same, price by price and market by market.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

import numpy as np

from trading_cli.app.backtests.conditions import BY_DATA
from trading_cli.app.backtests.history import DECIDES_AFTER_S
from trading_cli.app.backtests.listed import Listed
from trading_cli.app.backtests.pricing import STALE_S
from trading_cli.app.backtests.seeing import MID_WAIVED
from trading_cli.app.backtests.tape import SOURCE, Answers
from trading_cli.app.backtests.universe import DAY, Universe, universe
from trading_cli.app.comovement import SPAN, Levels, measured
from trading_cli.app.panel import rules_of
from trading_cli.app.settings import Settings
from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, Market, Order, Token, from_epoch
from trading_cli.research.roc import LOOK_BACK
from trading_cli.store import Transaction, listings, past, past_deals, pauses
from trading_cli.store.hourly_mids import HourlyMids
from trading_cli.trading.backtest.columns import Floats, Ints
from trading_cli.trading.backtest.history import Coverage, Execution
from trading_cli.trading.backtest.mids import book_of_mid
from trading_cli.trading.backtest.rules import fees_of
from trading_cli.trading.backtest.screen_world import WHOLE, Mask, World
from trading_cli.trading.backtest.worlds import SECOND, MemoryHistory
from trading_cli.trading.groups import Correlation

FULL = "--engine full"
MOST_CELLS = 20_000_000
BACK = int(LOOK_BACK.total_seconds())
DECIDES_AFTER = timedelta(seconds=DECIDES_AFTER_S)
_KEPT_LEVELS = 10_000
_MOVES = (
    "observed_at", "updated_at", "closed", "closed_at", "active", "accepting_orders", "best_bid",
    "best_ask", "last_price", "outcome_prices", "volume", "volume_24h", "liquidity",
)  # fmt: skip
"""What a listing may change of a market without any decision on mids being another."""


class Together:
    """How markets moved together, as `StoreHistory` measures it; what was read is kept for all."""

    def __init__(self, look: Transaction) -> None:
        self._look = look
        self._read = HourlyMids(look).read
        self._levels: dict[int, Levels] = {}

    def measured(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return how the market moved with each of *held*, as known at *at*."""
        if sum(map(len, self._levels.values())) > _KEPT_LEVELS:
            self._levels.clear()
        levels = self._levels.setdefault(slot, {})
        return measured(
            self._look, market_id, held, slot=slot, as_of=at, levels=levels, read=self._read
        )


@dataclass(frozen=True, eq=False)
class StoredMids(MemoryHistory):
    """Stored mids in memory. ``together`` is ``None`` where nothing could have been measured."""

    together: Together | None = None

    def correlations(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return how the market moved with each of *held*, as known at *at*."""
        return () if self.together is None else self.together.measured(market_id, held, slot, at)

    def _of_mid(self, order: Order, row: int, column: int, yes: Market) -> Execution | None:
        """Return the token's own mid and the slippage, named as the stored price is written."""
        price = float(self.mids[row, column])
        if not 0 < price < 1:
            return None
        mid = Decimal(str(price))
        own = mid if order.token is Token.YES else 1 - mid
        name = yes.yes_token if order.token is Token.YES else yes.no_token
        return Execution(book_of_mid(own, self.slippage, name, yes, order.placed_at + SECOND), "C")


@dataclass(eq=False)
class StoredWorld(World):
    """The same for the screen engine.

    ``offered`` [M, S]: which markets were candidates. ``then`` [M, S]: the mids 12 hours before
    each slot as they were known in it, in whole millionths; NaN where there was none inside (0, 1).
    """

    offered: Mask = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    then: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @cached_property
    def candidate(self) -> Mask:
        """Return which markets were offered in each slot [M, S]."""
        return self.offered

    @cached_property
    def before(self) -> Floats:
        """Return the mids of 12 hours before where the market was a candidate: no other has ROC."""
        return np.where(self.offered, self.then, np.nan)


@dataclass(frozen=True, slots=True)
class Span:
    """What is shown of a span of mids: the arrays by row (``rows`` of the universe) and slot."""

    rows: list[int]
    slots: Ints
    mids: Floats
    then: Floats
    seen: bool

    @property
    def decided(self) -> Ints:
        """Return when each slot was decided, epoch seconds."""
        found: Ints = self.slots + DECIDES_AFTER_S
        return found


def stored_world(
    look: Transaction, settings: Settings, since: datetime, until: datetime, fees: str
) -> tuple[StoredWorld, Coverage]:
    """Return the slots that begin in [since, until) as arrays, and how the mids came.

    Raises ``UsageError``, with what stands against it, where more than mids is stored of them.
    """
    found = universe(look, int(since.timestamp()), int(until.timestamp()))
    slots = np.array(found.mids, dtype=np.int64)
    _mids_alone(look, found, slots)
    span = _span(look, found, slots)
    listed = Listed(look, found)
    shown = _Shown(look, found, listed, span)
    span, markets = shown.span, shown.markets
    offered = _offered(listed, span, shown.open, rules_of(settings).max_candidates)
    past_ = StoredMids(
        markets=markets,
        mids=np.where(shown.closed, np.nan, span.mids),
        slots=slots,
        payouts=shown.payouts(),
        slippage=settings.backtest.slippage,
        signals=settings.signals,
        waived=MID_WAIVED,
        fees=fees_of(fees),
        candidates=len(markets),
        exits_after=DECIDES_AFTER,
        decide_after=DECIDES_AFTER,
        together=Together(look) if span.seen else None,
    )
    return StoredWorld(past_, offered=offered, then=_inside(span.then)), _coverage(look, found)


# --- what stands against it


def _mids_alone(look: Transaction, found: Universe, slots: Ints) -> None:
    """Raise ``UsageError`` where more than mids is stored of the span, or too much of it."""
    if found.slots:
        ends = [from_epoch(one) for one in (found.slots[0], found.slots[-1])]
        raise _refused(
            f"{len(found.slots):,} slots from {ends[0]:%Y-%m-%d %H:%M} to"
            f" {ends[1]:%Y-%m-%d %H:%M} were recorded with quotes and books"
        )
    if not slots.size:
        raise UsageError(
            "no mids are stored in this span",
            hint="trading collect --backfill, trading import, or another span",
        )
    if np.any(np.diff(slots) != SLOT_SECONDS):
        raise _refused("the span has slots that are missing")
    cells = len(found.spans) * slots.size
    if cells > MOST_CELLS:
        raise UsageError(
            f"{len(found.spans):,} markets in {slots.size:,} slots are {cells:,} cells; at most"
            f" {MOST_CELLS:,} are held at once",
            hint=f"a shorter span: --since and --until, or {FULL}",
        )
    first, last = int(slots[0]), int(slots[-1]) + SLOT_SECONDS
    near = found.others["slot"]
    if ((near >= first - BACK) & (near < last)).any():
        raise _refused("quotes were imported for some of its slots")
    names = [found.names[row] for row in found.spans]
    numbers = [one.number for one in names]
    stored = past_deals.stored_of(look, numbers, first, last + SLOT_SECONDS)
    if stored:
        raise _refused(f"{stored} are stored of it, and orders may meet them")
    answers = Answers(look, SOURCE, first - 8 * DAY)
    if not answers.silent and any(
        answers.spans(one.condition, first - 8 * DAY, last, live=False) for one in names
    ):
        raise _refused("it is known what was traded in it, and exits go by that volume")
    if pauses.stood(look, BY_DATA, from_epoch(first), from_epoch(last)):
        raise _refused("entries were paused in it while prices were stale")


def _refused(why: str) -> UsageError:
    return UsageError(f"the screen engine runs over mids alone: {why}.", hint=FULL)


# --- the mids


def _span(look: Transaction, found: Universe, slots: Ints) -> Span:
    """Return the mids of every market as they were known in each slot."""
    rows = sorted(found.spans)
    decided = slots + DECIDES_AFTER_S
    mids, then = (np.full((len(rows), slots.size), np.nan) for _ in "mt")
    reach = int(SPAN.total_seconds()) + DAY
    seen = bool(past.slots_quoted(look, int(slots[0]) - reach, int(slots[-1]) + SLOT_SECONDS))
    for place, row in enumerate(rows):
        held = past.points(
            look, found.names[row].number, 0, int(slots[0]) - reach, int(decided[-1]) + 1
        )
        mids[place] = last_mid(held, decided, decided)
        then[place] = last_mid(held, decided - BACK, decided)
        seen = seen or bool((held["observed_at"] <= decided[-1]).any())
    return Span(rows, slots, mids, then, seen)


def last_mid(held: past.Rows, instants: Ints, at: Ints) -> Floats:
    """Return the last mid of the quarter-hour up to each instant as known *at*, NaN for none."""
    times, prices, available = held["time"], held["price"], held["available_at"]
    found = np.full(instants.size, np.nan)
    if not times.size:
        return found
    place = np.searchsorted(times, instants, side="right") - 1
    while True:
        fresh = (place >= 0) & (times[np.maximum(place, 0)] >= instants - STALE_S)
        unknown = fresh & (available[np.maximum(place, 0)] > at)
        if not unknown.any():
            break
        place[unknown] -= 1
    found[fresh] = prices[place[fresh]]
    if np.any(np.abs(found * WHOLE - np.rint(found * WHOLE)) > 1e-4):  # noqa: PLR2004  # of a millionth
        raise _refused("some of its prices have more than six decimals")
    return found


def _inside(prices: Floats) -> Floats:
    """Return the prices in whole millionths where they lie inside (0, 1)."""
    micro = np.rint(prices * WHOLE)
    found: Floats = np.where((micro > 0) & (micro < WHOLE), micro, np.nan)
    return found


# --- the markets


class _Shown:
    """Each market of a span as it was listed, from slot to slot.

    ``span``: without those that were never listed in it. ``open`` and ``closed`` [M, S].
    """

    def __init__(self, look: Transaction, found: Universe, listed: Listed, span: Span) -> None:
        self._look, self._of, self._listed, self.span = look, found, listed, span
        self._words: list[list[tuple[int, Market | None]]] = [[] for _ in span.rows]
        for column, places in sorted(self._turns().items()):
            self._ask(column, sorted(places))
        there = [place for place, told in enumerate(self._words) if any(one for _, one in told)]
        self.span = replace(
            span, rows=[span.rows[place] for place in there], mids=span.mids[there],
            then=span.then[there],
        )  # fmt: skip
        self._words = [self._words[place] for place in there]
        self.closed = np.zeros(self.span.mids.shape, dtype=bool)
        self.open = np.zeros(self.span.mids.shape, dtype=bool)
        self.markets = [self._market(place) for place in range(len(there))]

    def _turns(self) -> Mapping[int, set[int]]:
        """Return the slots in which a market may be listed otherwise than before, by slot."""
        span, decided, count = self.span, self.span.decided, self.span.slots.size
        turns: dict[int, set[int]] = {0: set(range(len(span.rows)))}

        def turn(place: int, when: int) -> None:
            for one in (when, when // DAY * DAY + DAY):  # what is listed is read by days
                column = int(np.searchsorted(decided, one))
                if column < count:
                    turns.setdefault(column, set()).add(place)

        place_of = {self._of.names[row].number: place for place, row in enumerate(span.rows)}
        looks = past.looks(self._look, list(place_of), int(decided[0]), int(decided[-1]) + 1)
        for number, seen, known in zip(
            *(looks[name].tolist() for name in ("market", "event_time", "available_at")),
            strict=True,
        ):
            turn(place_of[number], max(seen, known))
        for place, row in enumerate(span.rows):
            first = self._listed.blind(row, int(decided[-1]))
            born = None if first is None else first.created_at or first.start_at
            turn(place, self._of.spans[row][0])
            if born is not None:
                turn(place, int(born.timestamp()))
        return turns

    def _ask(self, column: int, places: Sequence[int]) -> None:
        now = int(self.span.decided[column])
        rows = [self.span.rows[place] for place in places]
        held = self._listed.markets(rows, now)
        for place, row in zip(places, rows, strict=True):
            self._words[place].append((column, held.get(row) or self._listed.blind(row, now)))

    def _market(self, place: int) -> Market:
        """Return the market, and mark where it was open and where it was closed."""
        told = self._words[place]
        ends = [column for column, _ in told[1:]] + [self.span.slots.size]
        known = [market for _, market in told if market is not None]
        base = next((one for one in known if not one.closed), known[0])
        for (column, market), end in zip(told, ends, strict=True):
            part = slice(column, end)
            if market is None:
                continue
            self.closed[place, part] = market.closed
            if market.closed:
                continue
            _same(base, market)
            open_ = np.full(end - column, market.active is not False)
            if market.end_at is not None:
                open_ &= self.span.decided[part] < market.end_at.timestamp()
            self.open[place, part] = open_
        return replace(base, closed=False, closed_at=None, outcome_prices=None)

    def payouts(self) -> Mapping[str, tuple[datetime, Decimal]]:
        """Return what YES paid, and the slot's own time when that was first known in a slot."""
        found: dict[str, tuple[datetime, Decimal]] = {}
        decided = self.span.decided
        for row in self.span.rows:
            name = self._of.names[row].venue
            paid = self._paid(name, int(decided[-1]))
            if paid is None:
                continue
            low, high = 0, decided.size - 1
            while low < high:
                middle = (low + high) // 2
                if self._paid(name, int(decided[middle])) is None:
                    low = middle + 1
                else:
                    high = middle
            if self._paid(name, int(decided[low])) != paid:
                raise _refused(f"market {name} was settled twice in it")
            found[name] = from_epoch(int(decided[low])), paid
        return found

    def _paid(self, name: str, at: int) -> Decimal | None:
        found = listings.resolution_at(self._look, name, as_of=from_epoch(at))
        return None if found is None else found.payout


def _same(base: Market, market: Market) -> None:
    """Raise ``UsageError`` where *market* is not described as *base* is."""
    moved = {name: getattr(base, name) for name in _MOVES}
    other = replace(market, **moved)
    if other == base:
        return
    every = [one.name for one in fields(Market)]
    names = [one for one in every if getattr(other, one) != getattr(base, one)]
    raise _refused(f"market {base.id} was described anew in it ({', '.join(names)})")


def _offered(listed: Listed, span: Span, open_: Mask, most: int) -> Mask:
    """Return which markets were candidates in each slot: no more than *most*, the busiest."""
    priced = np.isfinite(span.mids)
    offered: Mask = priced & open_
    place_of = {row: place for place, row in enumerate(span.rows)}
    for column in np.flatnonzero(offered.sum(axis=0) > most).tolist():
        rows = [span.rows[place] for place in np.flatnonzero(priced[:, column]).tolist()]
        order = [place_of[row] for row in listed.by_volume(rows, int(span.decided[column]))]
        kept = [place for place in order if open_[place, column]][:most]
        offered[:, column] = False
        offered[kept, column] = True
    return offered


def _coverage(look: Transaction, found: Universe) -> Coverage:
    """Return how many mids came how, as `StoreHistory.coverage` counts them."""
    numbers: Iterable[int] = (found.names[row].number for row in found.spans)
    ends = found.mids[0], found.mids[-1] + SLOT_SECONDS
    counts = past.point_origins(look, list(numbers), *ends)
    waived = frozenset(one.value for one in MID_WAIVED)
    return Coverage(0, counts.get(1, 0), counts.get(2, 0), len(found.missing), waived)
