"""Histories that hide or spoil what nobody could know yet, around one that holds everything.

Window      only some of the slots are run; what is known stays
Cut         nothing later than the run has come to exists
Poisoned    everything later is garbage
Blinded     an outcome that was not observed yet is hidden in the listing, and wrong where asked for
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b

import numpy as np

from trading_cli.domain import Book, Feature, Level, Market, Order, Tier
from trading_cli.trading.backtest.history import Execution, History, Moment, Operated
from trading_cli.trading.groups import Correlation
from trading_cli.trading.view import View

ONE = Decimal(1)
CENT = Decimal("0.01")
FINAL = (Decimal(0), ONE)


@dataclass(frozen=True, slots=True)
class Through:
    """Gives what *inner* gives."""

    inner: History

    def moments(self) -> Sequence[Moment]:
        """Return the slots of *inner*."""
        return self.inner.moments()

    def views(self, slot: int) -> Sequence[View]:
        """Return the views of *inner*."""
        return self.inner.views(slot)

    def operated(self, slot: int) -> Operated:
        """Return what others did by then."""
        return self.inner.operated(slot)

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market of *inner*."""
        return self.inner.market(market_id, at)

    def payout(self, market_id: str, at: datetime) -> Decimal | None:
        """Return the payout of *inner*."""
        return self.inner.payout(market_id, at)

    def exit_books(self, slot: int, market_ids: Sequence[str]) -> Mapping[str, Book]:
        """Return the books of *inner*."""
        return self.inner.exit_books(slot, market_ids)

    def execution(self, order: Order, yes: Market) -> Execution | None:
        """Return what *inner* gives the order."""
        return self.inner.execution(order, yes)

    def traded_usd(
        self, market_id: str, since: datetime, until: datetime, as_of: datetime
    ) -> float | None:
        """Return the volume of *inner*."""
        return self.inner.traded_usd(market_id, since, until, as_of)

    def correlations(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return what *inner* measured."""
        return self.inner.correlations(market_id, held, slot, at)


@dataclass(frozen=True, slots=True)
class Window(Through):
    """The slots of *inner* from ``first`` to ``last``; each is announced before it is run."""

    first: int
    last: int
    announce: Callable[[int], None]

    def moments(self) -> Sequence[Moment]:
        """Return the slots of the window."""
        return [one for one in self.inner.moments() if self.first <= one.slot <= self.last]

    def operated(self, slot: int) -> Operated:
        """Announce the slot, and return what others did by then."""
        self.announce(slot)
        return self.inner.operated(slot)


@dataclass(slots=True)
class Now:
    """How far the run has come: what is hidden begins after it, decision by decision."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Cut(Through):
    """*inner* as it was at ``now``: no later slot, listing, payout, book or trade."""

    now: Now

    @property
    def end(self) -> datetime:
        """Return the instant after which nothing exists."""
        return self.now.at

    def moments(self) -> Sequence[Moment]:
        """Return the slots decided by the end."""
        return [one for one in self.inner.moments() if one.decided_at <= self.end]

    def views(self, slot: int) -> Sequence[View]:
        """Return the views of *slot*, none of a later one."""
        return self.inner.views(slot) if slot <= self.end.timestamp() else ()

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market as listed at *at*, at the latest at the end."""
        return self.inner.market(market_id, min(at, self.end))

    def payout(self, market_id: str, at: datetime) -> Decimal | None:
        """Return the payout observed by then and by the end."""
        return self.inner.payout(market_id, min(at, self.end))

    def exit_books(self, slot: int, market_ids: Sequence[str]) -> Mapping[str, Book]:
        """Return the books of *slot*, none of a later one."""
        return self.inner.exit_books(slot, market_ids) if slot <= self.end.timestamp() else {}

    def execution(self, order: Order, yes: Market) -> Execution | None:
        """Return what the order meets, if it was seen by the end."""
        found = self.inner.execution(order, yes)
        return found if found is not None and found.book.observed_at <= self.end else None

    def traded_usd(
        self, market_id: str, since: datetime, until: datetime, as_of: datetime
    ) -> float | None:
        """Return the volume as known at the end."""
        return self.inner.traded_usd(market_id, since, until, min(as_of, self.end))

    def correlations(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return what was measured by then and by the end."""
        return self.inner.correlations(market_id, held, slot, min(at, self.end))


@dataclass(frozen=True, slots=True)
class Poisoned(Through):
    """*inner* with everything after ``now`` replaced by garbage that ``seed`` makes."""

    now: Now
    seed: int = 0

    @property
    def end(self) -> datetime:
        """Return the instant after which all is garbage."""
        return self.now.at

    def _chance(self, *parts: object) -> np.random.Generator:
        words = [self.seed, *(number_of(str(part)) for part in parts)]
        return np.random.default_rng(words)

    def views(self, slot: int) -> Sequence[View]:
        """Return the views of *slot*; of a later one, with prices and features that never were."""
        found = self.inner.views(slot)
        if slot <= self.end.timestamp():
            return found
        return [self._spoilt(view) for view in found]

    def _spoilt(self, view: View) -> View:
        chance = self._chance(view.slot, view.market.id)
        mid = Decimal(repr(round(float(chance.uniform(0.05, 0.95)), 2)))
        quote = view.quote
        if quote is not None:
            quote = replace(quote, bid=mid - CENT, ask=mid + CENT)
        features = {
            name: Feature(name, float(chance.normal()), "", Tier(int(chance.integers(0, 4))))
            for name in view.features
        }
        past = tuple((at, mid) for at, mid in view.mids if at <= self.end)
        later = tuple((at, float(chance.uniform())) for at, _ in view.mids if at > self.end)
        return replace(
            view, market=self._listing(view.market), quote=quote, book=_book_at(view.book, mid),
            features=features, best_tiers={name: one.tier for name, one in features.items()},
            best_roc=float(chance.normal()), mids=past + later,
        )  # fmt: skip

    def _listing(self, market: Market) -> Market:
        chance = self._chance("listing", market.id)
        yes = Decimal(int(chance.integers(0, 2)))
        return replace(
            market, outcome_prices=(yes, ONE - yes), closed=bool(chance.integers(0, 2)),
            last_price=float(chance.uniform()), volume_24h=float(chance.uniform(0, 1e6)),
        )  # fmt: skip

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market as listed at *at*; after the end, with an outcome made up."""
        found = self.inner.market(market_id, at)
        return found if at <= self.end else self._listing(found)

    def payout(self, market_id: str, at: datetime) -> Decimal | None:
        """Return the payout observed by the end; asked for later, one made up."""
        known = self.inner.payout(market_id, min(at, self.end))
        if known is not None or at <= self.end:
            return known
        return Decimal(int(self._chance("payout", market_id).integers(0, 2)))

    def exit_books(self, slot: int, market_ids: Sequence[str]) -> Mapping[str, Book]:
        """Return the books of *slot*; of a later one, at prices made up."""
        found = self.inner.exit_books(slot, market_ids)
        if slot <= self.end.timestamp():
            return found
        spoilt = {}
        for name, book in found.items():
            mid = Decimal(repr(round(float(self._chance(slot, name).uniform(0.05, 0.95)), 2)))
            spoilt[name] = _book_at(book, mid) or book
        return spoilt

    def execution(self, order: Order, yes: Market) -> Execution | None:
        """Return what the order meets; seen after the end, at a price made up."""
        found = self.inner.execution(order, yes)
        if found is None or found.book.observed_at <= self.end:
            return found
        mid = Decimal(repr(round(float(self._chance(order.id).uniform(0.05, 0.95)), 2)))
        return replace(found, book=_book_at(found.book, mid) or found.book)

    def traded_usd(
        self, market_id: str, since: datetime, until: datetime, as_of: datetime
    ) -> float | None:
        """Return the volume as known by the end; asked for later, one made up."""
        if as_of <= self.end:
            return self.inner.traded_usd(market_id, since, until, as_of)
        return float(self._chance("volume", market_id, as_of).uniform(0, 1e6))

    def correlations(
        self, market_id: str, held: Collection[str], slot: int, at: datetime
    ) -> Sequence[Correlation]:
        """Return what was measured by then and by the end."""
        return self.inner.correlations(market_id, held, slot, min(at, self.end))


@dataclass(frozen=True, slots=True)
class Blinded(Through):
    """*inner* whose outcomes are hidden until they were observed, by the time the run has come to.

    ``honest``: what the engine asks, of its own time. A strategy that asks for later gets the
    contrary of what came.
    """

    now: Now
    honest: bool = field(default=False)

    def views(self, slot: int) -> Sequence[View]:
        """Return the views with every outcome hidden that was not observed yet."""
        return [replace(view, market=self._hidden(view.market)) for view in self.inner.views(slot)]

    def _hidden(self, market: Market) -> Market:
        if self.inner.payout(market.id, self.now.at) is not None:
            return market
        prices = market.outcome_prices
        told = prices is not None and set(prices) <= set(FINAL)
        return replace(
            market, closed=False, closed_at=None, outcome_prices=None if told else prices
        )

    def market(self, market_id: str, at: datetime) -> Market:
        """Return the market with its outcome hidden unless observed by now."""
        return self._hidden(self.inner.market(market_id, at))

    def payout(self, market_id: str, at: datetime) -> Decimal | None:
        """Return the payout observed by now; the contrary of one that was not."""
        if self.honest:
            return self.inner.payout(market_id, at)
        known = self.inner.payout(market_id, min(at, self.now.at))
        later = self.inner.payout(market_id, at) if known is None else None
        if later is None:
            return known
        return ONE - later if later in FINAL else ONE


def number_of(text: str) -> int:
    """Return a number that stands for *text*, the same on every machine."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _book_at(book: Book | None, mid: Decimal) -> Book | None:
    """Return *book* at another price, ``None`` where there is none."""
    if book is None:
        return None
    bids, asks = (Level(mid - CENT, Decimal(100)),), (Level(mid + CENT, Decimal(100)),)
    return replace(book, bids=bids, asks=asks, hash="made up")
