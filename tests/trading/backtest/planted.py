"""Small worlds whose every cent can be worked by hand, and strategies that do as they are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import numpy as np

from trading_cli.domain import Action, Book, Level, Market, Reason, Token, from_epoch
from trading_cli.trading.backtest.columns import FIRST_SLOT
from trading_cli.trading.backtest.worlds import MemoryHistory, plain_market
from trading_cli.trading.strategies import Advice, hold
from trading_cli.trading.view import View

D = Decimal
SLOT = 900
CENT = D("0.01")
SECOND = timedelta(seconds=1)
Pairs = tuple[tuple[str, str], ...]


def at(slot: int, seconds: float = 0):
    """Return so many seconds after the beginning of the *slot*-th slot."""
    return from_epoch(FIRST_SLOT + SLOT * slot + seconds)


def levels(pairs: Pairs) -> tuple[Level, ...]:
    """Return levels of (price, size)."""
    return tuple(Level(D(price), D(size)) for price, size in pairs)


def book(bids: Pairs, asks: Pairs, when, name: str = "") -> Book:
    """Return a YES book seen at *when*, changed then; its hash is new unless it is named."""
    mark = name or f"{when.timestamp()}"
    return Book("y", "0x", levels(bids), levels(asks), when, when, mark, D("0.01"), D(5))


def deep(bid: str, ask: str, when, size: str = "10000", name: str = "") -> Book:
    """Return a book with one deep level a side."""
    return book(((bid, size),), ((ask, size),), when, name)


@dataclass(frozen=True)
class Told:
    """Says, per (slot number, market id), what it was told; else HOLD."""

    orders: Mapping[tuple[int, str], Advice] = field(default_factory=dict)
    name: str = "told"
    ceiling: Decimal = CENT

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002
        """Look the order up."""
        number = (data.slot - FIRST_SLOT) // SLOT
        return self.orders.get((number, symbol)) or hold(Reason.NO_EDGE, {})


@dataclass(frozen=True)
class Asking:
    """Asks a function of the view."""

    answer: Callable[[View], Advice | None]
    name: str = "asking"
    ceiling: Decimal = CENT

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002
        """Ask it."""
        return self.answer(data) or hold(Reason.NO_EDGE, {})


def buy(token: Token = Token.YES, strength: float = 0.5) -> Advice:
    """Return the advice to buy."""
    return Advice(Action.BUY, token, strength=strength, label="planted")


def quoted(
    quotes: Mapping[int, tuple[str, str]] | list[tuple[str, str]],
    market: Market | None = None,
    *,
    fresh: Mapping[int, Book] | None = None,
    slots: list[int] | None = None,
    **more,
) -> MemoryHistory:
    """Return a world of one market with deep books at these (bid, ask), both collected and fresh.

    *fresh* are execution books that differ; *slots* numbers of slots, from 0 on by default.
    """
    market = market or plain_market(0)
    rows = dict(enumerate(quotes)) if isinstance(quotes, list) else dict(quotes)
    numbers = slots or sorted(rows)
    books, execution = {}, {}
    for column, number in enumerate(numbers):
        if column in rows or number in rows:
            bid, ask = rows.get(column) or rows[number]
            books[0, column] = deep(bid, ask, at(number, 2))
            execution[0, column] = deep(bid, ask, at(number, 31), name=f"fresh {number}")
        if fresh and column in fresh:
            execution[0, column] = fresh[column]
    times = np.array([FIRST_SLOT + SLOT * number for number in numbers])
    mids = np.full((1, len(numbers)), np.nan)
    more.setdefault("waived", frozenset())
    return MemoryHistory([market], mids, times, books=books, fresh=execution, **more)


def walks(
    seed: int,
    markets: int = 6,
    slots: int = 60,
    *,
    step: float = 0.05,
    gaps: float = 0.0,
    **more,
) -> MemoryHistory:
    """Return a world of random walks of the logit, some slots without a quote."""
    rng = np.random.default_rng(seed)
    start = rng.normal(0, 0.5, (markets, 1))
    mids = 1 / (1 + np.exp(-start - np.cumsum(rng.normal(0, step, (markets, slots)), axis=1)))
    mids = np.round(mids, 3).clip(0.001, 0.999)
    mids[rng.random(mids.shape) < gaps] = np.nan
    listing = [plain_market(number, event=f"e{number // 2}") for number in range(markets)]
    return MemoryHistory(listing, mids, **more)


def martingale(seed: int, markets: int, slots: int, sd: float, **more) -> MemoryHistory:
    """Return a world whose mids move by equal steps up or down: no rule can win on it."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([-sd, sd], (markets, slots))
    mids = np.full((markets, slots), 0.5)
    for column in range(1, slots):
        last = mids[:, column - 1]
        room = np.minimum(last - 0.02, 0.98 - last) >= sd
        mids[:, column] = np.where(room, last + steps[:, column], last)
    return MemoryHistory([plain_market(number) for number in range(markets)], mids, **more)
