"""A history in which trading costs a little more or less and orders come later: for perturbation.

fee      every taker rate, times
spread   how far the prices of a recorded book or quote lie from its mid, times; where a mid is all
         there is, the slippage, times
latency  an order that meets a mid meets the one so many minutes after it was decided, times one
         minute; a recorded book stays the one that was fetched, for nothing was seen in between
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from trading_cli.domain import Book, FeeSchedule, Level, Market, Order, Quote
from trading_cli.trading.backtest.history import Execution, History
from trading_cli.trading.backtest.mids import MID_ONLY
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.view import View

DELAY = timedelta(minutes=1)
STEP = Decimal("0.000001")
ONE = Decimal(1)
BY_MID = "C"


@dataclass(frozen=True, slots=True)
class Noise:
    """Factors, each 1 where nothing is changed. ``latency`` alone changes something at 1."""

    fee: Decimal = ONE
    spread: Decimal = ONE
    latency: Decimal = Decimal(0)

    def fees(self, one: FeeSchedule) -> FeeSchedule:
        """Return the schedule with its rate so many times."""
        return replace(one, rate=min(one.rate * self.fee, ONE))


@dataclass(frozen=True)
class NoisyRules(Rules):
    """Rules under which a taker is charged so many times as much."""

    noise: Noise = Noise()

    def fee(self, market: Market, at: Any) -> FeeSchedule:
        """Return what a taker pays on *market* at *at*. Raises ``FeeUnknown``."""
        return self.noise.fees(super().fee(market, at))


def under(rules: Rules, noise: Noise) -> Rules:
    """Return *rules* with a taker's fee so many times what it is."""
    return NoisyRules(
        rules.signals, rules.risk, rules.exits, rules.bankroll, rules.settings_hash, rules.fees,
        noise,
    )  # fmt: skip


@dataclass(frozen=True)
class Noisy:
    """*inner* with *noise*: everything else of it is as it was."""

    inner: History
    noise: Noise

    def views(self, slot: int) -> Sequence[View]:
        """Return the candidates of *slot*, their costs changed."""
        return [self._view(one) for one in self.inner.views(slot)]

    def _view(self, one: View) -> View:
        fee = None if one.fee is None else self.noise.fees(one.fee)
        if one.book is not None and of_mid(one.book):
            return replace(one, fee=fee)  # its slippage is set where the history is opened
        book = None if one.book is None else widened(one.book, self.noise.spread)
        quote = None if one.quote is None else _quote(one.quote, self.noise.spread)
        return replace(one, fee=fee, book=book, quote=quote)

    def exit_books(self, slot: int, market_ids: Sequence[str]) -> Mapping[str, Book]:
        """Return the books what is held is judged on, as wide as the noise has it."""
        found = self.inner.exit_books(slot, market_ids)
        return {name: widened(book, self.noise.spread) for name, book in found.items()}

    def execution(self, order: Order, yes: Market) -> Execution | None:
        """Return what *order* meets: a mid of later, or the recorded book as wide as it is here."""
        found = self.inner.execution(order, yes)
        if found is None or found.grade == "B":
            return found
        if found.grade == BY_MID:
            wait = DELAY * float(self.noise.latency)
            later = replace(order, placed_at=order.placed_at + wait)
            return self.inner.execution(later, yes) if wait else found
        return replace(found, book=widened(found.book, self.noise.spread))

    def __getattr__(self, name: str) -> Any:
        """Return everything else of the history as it is."""
        return getattr(self.inner, name)


def of_mid(book: Book) -> bool:
    """Return whether *book* was made of a mid."""
    return book.hash.split(" ")[0] == MID_ONLY


def widened(book: Book, times: Decimal) -> Book:
    """Return *book* with every price so many times as far from the mid; none beyond 0 and 1.

    One that is made of a mid, or has one side alone, is as it was.
    """
    bid, ask = book.best_bid, book.best_ask
    if bid is None or ask is None or times == ONE or of_mid(book):
        return book
    mid = (bid + ask) / 2
    return replace(book, bids=_levels(book.bids, mid, times), asks=_levels(book.asks, mid, times))


def _levels(side: Sequence[Level], mid: Decimal, times: Decimal) -> tuple[Level, ...]:
    moved = (Level(_moved(one.price, mid, times), one.size) for one in side)
    return tuple(one for one in moved if 0 < one.price < 1)


def _moved(price: Decimal, mid: Decimal, times: Decimal) -> Decimal:
    return (mid + (price - mid) * times).quantize(STEP)


def _quote(one: Quote, times: Decimal) -> Quote:
    mid = one.mid
    if mid is None or one.bid is None or one.ask is None:
        return one
    bid, ask = _moved(one.bid, mid, times), _moved(one.ask, mid, times)
    return replace(one, bid=bid if bid > 0 else None, ask=ask if ask < 1 else None)
