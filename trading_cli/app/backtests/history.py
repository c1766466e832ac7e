"""`StoreHistory`: a home's file as a History, decision for decision what the live steps saw.

A slot that was recorded is read as the live steps read it: the panel of then, what was both
available and observed by then, the score, the gate and the gaps as they stood, at the times that
were written down. A slot of which only history mids exist (backfilled or imported) has every market
that was listed by then and has a mid of the last quarter-hour; what was never recorded of it is
waived by name. A slot in between that brought nothing is missing, as it was then.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from trading_cli.app.backtests.books import Books, by_venue
from trading_cli.app.backtests.candidates import Candidates
from trading_cli.app.backtests.conditions import Conditions
from trading_cli.app.backtests.indicators import Indicators
from trading_cli.app.backtests.listed import Listed
from trading_cli.app.backtests.pricing import Prices
from trading_cli.app.backtests.seeing import MID_WAIVED, Seeing, Sources, Times
from trading_cli.app.backtests.universe import Universe, universe
from trading_cli.app.comovement import Levels, measured
from trading_cli.app.panel import rules_of
from trading_cli.app.settings import Settings
from trading_cli.core.errors import UsageError
from trading_cli.domain import (
    SLOT_SECONDS,
    Book,
    Feature,
    FeeSchedule,
    Market,
    Order,
    from_epoch,
    slot_of,
)
from trading_cli.store import Store, Transaction, listings, past, thawed
from trading_cli.store.hourly_mids import HourlyMids
from trading_cli.trading.backtest.history import Coverage, Execution, Moment, Operated
from trading_cli.trading.backtest.rules import fees_of
from trading_cli.trading.groups import Correlation
from trading_cli.trading.view import View

DECIDES_AFTER_S = 60
RECORDED, MIDS = "recorded", "mids"
AFTER = timedelta(days=2)
"""So long after its end a span's orders may still meet something."""
AT_ONCE = (thawed.QUOTES, thawed.PACKS, thawed.TRADES, thawed.POINTS)
"""What is brought from the archive when a history is opened; books come by days."""


class StoreHistory:
    """The stored past as the engine asks for it. One snapshot of the file while it is open."""

    def __init__(  # what a history depends on
        self,
        look: Transaction,
        settings: Settings,
        found: Universe,
        *,
        slippage: Decimal,
        fees: FeeSchedule | None,
        as_operated: bool,
    ) -> None:
        self._look = look
        self._of = found
        slots = sorted((*found.slots, *found.mids))
        listed, prices = Listed(look, found), Prices(look, found)
        indicators = Indicators(look, found, prices, settings, slots[0])
        rules = rules_of(settings)
        self._sources = Sources(
            listed,
            prices,
            indicators,
            Books(look, found, prices, indicators.tape, slippage),
            Candidates(found, listed, prices, rules),
            Conditions(look, as_operated=as_operated, settings=settings),
        )
        held = [
            _times(look, slot, live=slot in found.quoted, as_operated=as_operated) for slot in slots
        ]
        self._moments = [moment for moment, _ in held]
        self._by_slot = {one.slot: one for one in self._moments}
        self._seeing = Seeing(
            look, self._sources, {one.slot: one for _, one in held}, fees, settings.inbound
        )
        self._markets: tuple[datetime, dict[str, Market]] = (from_epoch(0), {})
        self._levels: tuple[int, Levels] = (-1, {})
        self._hourly = HourlyMids(look)

    @classmethod
    @contextmanager
    def open(  # what a history depends on
        cls,
        store: Store,
        settings: Settings,
        *,
        since: datetime,
        until: datetime,
        fees: str = "schedule",
        slippage: Decimal | None = None,
        as_operated: bool = False,
    ) -> Iterator[Self]:
        """Open the slots that begin in [since, until) of *store*; ask them in their order.

        It reads through a connection of its own, one snapshot as long as it is open.

        *fees*: schedule, zero or flat:R, as the engine's. *slippage*: where a mid is all there is
        (``None``: as set). *as_operated*: with the kill switch and the owner's pauses as they
        stood; else armed, with pauses for stale data alone. Raises ``UsageError`` where the span is
        empty, nothing is stored for it, or *fees* is no such word.
        """
        if since >= until:
            raise UsageError(
                f"nothing lies between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M}",
                hint="--since before --until",
            )
        charged = fees_of(fees)
        with (
            Store.reader(store.path) as own,
            thawed.reading(own, since - thawed.LOOK_BACK, until + AFTER, AT_ONCE) as look,
        ):
            found = universe(look, int(since.timestamp()), int(until.timestamp()))
            if not found.slots and not found.mids:
                raise UsageError(
                    f"no prices are stored from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}",
                    hint="trading collect --backfill, trading import, or another span",
                )
            yield cls(
                look, settings, found,
                slippage=settings.backtest.slippage if slippage is None else slippage,
                fees=charged, as_operated=as_operated,
            )  # fmt: skip

    def moments(self) -> Sequence[Moment]:
        """Return the slots that were recorded or have mids, in order, when each was decided."""
        return self._moments

    def evidence(self, slot: int) -> str:
        """Return whether *slot* was "recorded" or has "mids" alone. Raises KeyError for no slot."""
        if slot not in self._by_slot:
            raise KeyError(slot)
        return RECORDED if slot in self._of.quoted else MIDS

    def coverage(self) -> Coverage:
        """Return how many quotes and mids of the span came how, and what was waived for it."""
        mine = set(self._by_slot)
        others = [int(one["origin"]) for one in self._of.others if int(one["slot"]) in mine]
        counts = {1: others.count(1), 2: others.count(2)}
        if self._of.mids:
            first, last = self._of.mids[0], self._of.mids[-1] + SLOT_SECONDS
            rows = [self._of.names[row].number for row in self._of.spans]
            for origin, count in past.point_origins(self._look, rows, first, last).items():
                counts[origin] = counts.get(origin, 0) + count
        waived = frozenset(one.value for one in MID_WAIVED) if self._of.mids else frozenset()
        return Coverage(
            sum(self._of.quoted.values()), counts[1], counts[2], len(self._of.missing), waived
        )

    # --- what was seen

    def candidates(self, slot: int) -> tuple[str, ...]:
        """Return the candidates of *slot*, busiest first."""
        return tuple(one.market.id for one in self._seeing.slot(slot).chosen)

    def features(self, slot: int) -> Mapping[str, Mapping[str, Feature]]:
        """Return the candidates' indicators of *slot* as they were at its own time."""
        return self._seeing.slot(slot).features

    def views(self, slot: int) -> Sequence[View]:
        """Return the candidates of *slot* as seen at ``decided_at``, busiest first."""
        return self._seeing.views(slot)

    def operated(self, slot: int) -> Operated:
        """Return what the operator (where asked for) and the data did by ``decided_at``."""
        return self._sources.conditions.operated(self._by_slot[slot].decided_at)

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market as listed at *at*. Raises KeyError for one never listed by then."""
        if self._markets[0] != at:
            self._markets = at, {}
        held = self._markets[1]
        if market_id not in held:
            held[market_id] = self._sources.listed.market(market_id, at)
        return held[market_id]

    def payout(self, market_id: str, at: datetime) -> Decimal | None:
        """Return what YES paid where that was observed by *at*."""
        found = listings.resolution_at(self._look, market_id, as_of=at)
        return None if found is None else found.payout

    def exit_books(self, slot: int, market_ids: Sequence[str]) -> Mapping[str, Book]:
        """Return the YES book of each held market that was fetched to judge it, by market."""
        rows, at = self._of.rows(market_ids), self._by_slot[slot].exits_at
        books = self._sources.books
        found = books.to_judge(slot, rows, int(at.timestamp()))
        if slot not in self._of.quoted:
            for row in rows:
                market = self.market(self._of.names[row].venue, at)
                book = None if market.closed else books.of_mid(row, market, at)
                if row not in found and book is not None:
                    found[row] = book
        return by_venue(self._of, found)

    def execution(self, order: Order, yes: Market) -> Execution | None:
        """Return what *order* meets: A, a stored book; B, a printed trade; C, where mids are all.

        ``None`` where nothing came within the next slot.
        """
        row = self._of.row_of.get(order.market_id)
        if row is None:
            return None
        slot = slot_of(order.placed_at)
        found = self._sources.books.recorded(order, row, yes)
        if found is not None or slot in self._of.quoted:
            return found
        return self._sources.books.at_mid(order, row, yes)

    def traded_usd(
        self, market_id: str, since: datetime, until: datetime, as_of: datetime
    ) -> float | None:
        """Return the daily mean USD that takers traded, ``None`` where it was not covered."""
        row = self._of.row_of.get(market_id)
        if row is None:
            return None
        seconds = (int(one.timestamp()) for one in (since, until, as_of))
        live = slot_of(as_of) in self._of.quoted
        return self._sources.books.traded_usd(row, *seconds, live=live)

    def correlations(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return how the market moved with each of *held* over 30 days, as it was known at *at*.

        Nothing where nothing was recorded before: history mids came later than they are of.
        """
        if slot not in self._of.quoted and not (self._of.slots and self._of.slots[0] < slot):
            return ()
        if self._levels[0] != slot:
            self._levels = slot, {}
        return measured(
            self._look, market_id, held,
            slot=slot, as_of=at, levels=self._levels[1], read=self._hourly.read,
        )  # fmt: skip


def _times(look: Transaction, slot: int, *, live: bool, as_operated: bool) -> tuple[Moment, Times]:
    """Return when *slot* was decided: as written down, else a minute after it began."""
    taken = past.taken_at(look, slot) if live else past.Taken()
    decided = slot + DECIDES_AFTER_S if taken.entries is None else taken.entries
    exits = decided if taken.exits is None else min(taken.exits, decided)
    computed = decided if taken.features is None else min(taken.features, decided)
    moment = Moment(slot, from_epoch(exits), from_epoch(decided))
    judged = not (as_operated and live) or taken.entries is not None
    return moment, Times(slot, from_epoch(computed), moment.decided_at, live, judged)
