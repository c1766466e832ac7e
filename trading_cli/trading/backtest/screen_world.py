"""What all cells of a sweep share: the arrays of a mid-only history, and what follows from them.

Everything here is a function of the past and of few settings; nothing depends on an account. Prices
are counted in millionths, so that what must be equal is equal.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, Book, FeeSchedule, Token
from trading_cli.research.deadline import Deadline, deadline_of
from trading_cli.trading.backtest.columns import HALF_DAY, LEAST_HEARD, Columns, Floats, Ints
from trading_cli.trading.backtest.history import Moment
from trading_cli.trading.backtest.mids import book_of_mid, book_to_decide, token_book
from trading_cli.trading.backtest.screen_fees import Fees, fees_over
from trading_cli.trading.backtest.worlds import SECOND, SLOT, MemoryHistory

WHOLE = 1_000_000
DAY_SECONDS = 86_400
_KEPT = 12
Made = TypeVar("Made")
_HAIR = 1e-6  # of a millionth's unit: products of whole millionths with a slippage differ by more
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Side:
    """One token of one market, slot by slot [S]: its own mid, and what is bid for it.

    NaN where there is no book; ``two``: there is an ask beside.
    """

    mid: Floats
    bid: Floats
    two: Mask


@dataclass(eq=False)
class World:
    """A mid-only ``MemoryHistory`` as arrays. ``recalibrate``: what its views shall carry, if any.

    ``refit``: the same, where it is another one as time goes on.

    Raises ``UsageError`` for a history with books, prints or orders that wait: those are not of
    mids alone, and only the full engine knows what to do with them.
    """

    history: MemoryHistory
    recalibrate: Callable[[float], float] | None = None
    refit: Callable[[datetime], Callable[[float], float] | None] | None = None
    _sides: dict[tuple[int, Token], Side] = field(default_factory=dict, repr=False)
    _fees: dict[tuple[int, FeeSchedule | None], Fees] = field(default_factory=dict, repr=False)
    _shared: dict[object, object] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is not made of mids alone."""
        past = self.history
        if past.books or past.fresh or past.prints or past.lag or past.operating:
            raise UsageError(
                "the screen engine reads mids alone; this history has books, prints, orders that"
                " wait, or what an operator did",
                hint="--engine full",
            )
        if not SECOND <= past.exits_after <= past.decide_after <= SLOT:
            raise UsageError(
                f"exits {past.exits_after} and entries {past.decide_after} into a slot",
                hint="the exits first, both within the quarter-hour, from its first second on",
            )
        self.moments: list[Moment] = list(past.moments())
        self.rows = {market.id: row for row, market in enumerate(past.markets)}

    def shared(self, key: object, make: Callable[[], Made]) -> Made:
        """Return what *make* makes, made once for all cells that ask by the same *key*.

        The newest few are kept: each may be as large as the world.
        """
        if key not in self._shared:
            while len(self._shared) >= _KEPT:
                del self._shared[next(iter(self._shared))]
            self._shared[key] = make()
        return cast("Made", self._shared[key])

    @property
    def shape(self) -> tuple[int, int]:
        """Return markets and slots."""
        markets, slots = self.history.columns.mids.shape
        return markets, slots

    @cached_property
    def micro(self) -> Floats:
        """Return the YES mids in whole millionths [M, S], NaN where there was no quote."""
        given = self.history.columns.mids
        found = np.rint(given * WHOLE)
        finer = np.abs(given * WHOLE - found) > 1e-4  # noqa: PLR2004  # more than six decimals
        for row, column in np.argwhere(finer).tolist():
            mid = self.history.columns.mid(row, column)
            found[row, column] = math.nan if mid is None else float(mid * WHOLE)
        return found

    @cached_property
    def priced(self) -> Mask:
        """Return where there is a mid inside (0, 1): there is a book."""
        inside: Mask = (self.micro > 0) & (self.micro < WHOLE)
        return inside

    @cached_property
    def before(self) -> Floats:
        """Return the mids 12 hours before each slot, for ROC, in millionths [M, S].

        NaN where there was no book.
        """
        now, then = np.where(self.priced, self.micro, math.nan), np.full(self.shape, math.nan)
        then[:, HALF_DAY:] = now[:, :-HALF_DAY]
        return then

    def learned(self, at: datetime) -> Callable[[float], float] | None:
        """Return what bends a price at *at*, ``None`` where nothing was fitted."""
        return self.recalibrate if self.refit is None else self.refit(at)

    @cached_property
    def exits_at(self) -> Floats:
        """Return when each slot's holdings are judged, epoch seconds [S]."""
        return np.array([moment.exits_at.timestamp() for moment in self.moments])

    @cached_property
    def decided_at(self) -> Floats:
        """Return when each slot's entries are decided, epoch seconds [S]."""
        return np.array([moment.decided_at.timestamp() for moment in self.moments])

    @cached_property
    def paid_from(self) -> Ints:
        """Return the first slot in which each market's payout is known to the exits [M]."""
        return self._known(self.exits_at)

    def _known(self, times: Floats) -> Ints:
        paid = self.history.payouts
        seen = [
            paid[market.id][0].timestamp() if market.id in paid else math.inf
            for market in self.history.markets
        ]
        found: Ints = np.searchsorted(times, seen)
        return found

    @cached_property
    def locked(self) -> Mask:
        """Return where the venue is settling a market, as the exits see it [M, S]."""
        began = [
            self.history.settling[market.id].timestamp()
            if market.id in self.history.settling
            else math.inf
            for market in self.history.markets
        ]
        locked: Mask = self.exits_at >= np.array(began)[:, None]
        return locked & (np.arange(self.shape[1]) < self.paid_from[:, None])

    @cached_property
    def candidate(self) -> Mask:
        """Return which markets were offered in each slot [M, S]."""
        there = np.isfinite(self.micro)
        there &= np.arange(self.shape[1]) < self._known(self.decided_at)[:, None]
        return _offered(self.history, there)

    @cached_property
    def day_volumes(self) -> Floats:
        """Return the daily mean of the day before each exit check [M, S], NaN where not heard.

        Rounded: right to ``volume_slack``.
        """
        return _day_volumes(self.history.columns, self.exits_at)

    @cached_property
    def volume_slack(self) -> Floats:
        """Return how far ``day_volumes`` may be off, by market [M]."""
        volumes = self.history.columns.volumes
        if volumes is None:
            return np.zeros(self.shape[0])
        slack: Floats = np.nansum(np.abs(volumes), axis=1) * 1e-9
        return slack

    @cached_property
    def deadlines(self) -> list[Deadline]:
        """Return the deadline of each market."""
        return [deadline_of(market) for market in self.history.markets]

    @cached_property
    def events(self) -> tuple[list[str], Ints]:
        """Return the events, and which of them each market is of [M]."""
        names = [market.event_id or market.id for market in self.history.markets]
        known = {name: place for place, name in enumerate(dict.fromkeys(names))}
        return list(known), np.array([known[name] for name in names], dtype=np.int64)

    # --- what a token could be sold for

    def side(self, row: int, token: Token) -> Side:
        """Return what one token of market *row* could be sold for in each slot."""
        key = (row, token)
        if key not in self._sides:
            yes = np.where(self.priced[row], self.micro[row], math.nan)
            self._sides[key] = _side(yes, token, float(self.history.slippage))
        return self._sides[key]

    # --- the same, exactly

    def exact_mid(self, row: int, column: int) -> Decimal | None:
        """Return the YES mid where there is a book of it."""
        if not self.priced[row, column]:
            return None
        return Decimal(int(self.micro[row, column])) / WHOLE

    def book(self, row: int, column: int, token: Token) -> Book | None:
        """Return the book of one token that the exits and the marks see in that slot."""
        mid, past = self.exact_mid(row, column), self.history
        if mid is None:
            return None
        market, at = past.markets[row], past.columns.times[column] + SECOND
        return token_book(
            book_of_mid(mid, past.slippage, market.yes_token, market, at), token, market
        )

    def book_to_decide(self, row: int, column: int) -> Book | None:
        """Return the YES book a decision sees in that slot."""
        mid, past = self.exact_mid(row, column), self.history
        if mid is None:
            return None
        at = past.columns.times[column] + SECOND
        return book_to_decide(mid, past.slippage, past.markets[row], at)

    def fees(self, row: int, override: FeeSchedule | None) -> Fees:
        """Return what a taker is charged in each slot."""
        key = (row, override)
        if key not in self._fees:
            times = [moment.exits_at for moment in self.moments]
            self._fees[key] = fees_over(self.history.markets[row], override, times)
        return self._fees[key]


def _side(yes: Floats, token: Token, slip: float) -> Side:
    own = yes if token is Token.YES else WHOLE - yes
    two = own * (1 + slip) < WHOLE - _HAIR
    return Side(own / WHOLE, own * (1 - slip) / WHOLE, two)


def _offered(past: MemoryHistory, there: Mask) -> Mask:
    """Return *there* [M, S] less what was not listed yet, and what was too many: the least busy."""
    if past.listed is not None:
        there &= past.columns.slots >= np.asarray(past.listed)[:, None]
    if len(there) <= past.candidates:
        return there
    for column in np.flatnonzero(there.sum(axis=0) > past.candidates).tolist():
        rows = past.columns.busiest(np.flatnonzero(there[:, column]).tolist(), column)
        there[rows[past.candidates :], column] = False
    return there


def _day_volumes(columns: Columns, at: Floats) -> Floats:
    """Return ``columns.traded_usd`` of the day before each of *at*, for all markets [M, S]."""
    if columns.volumes is None:
        return np.full(columns.mids.shape, math.nan)
    none = np.zeros((columns.mids.shape[0], 1))
    heard = np.hstack([none, np.cumsum(np.isfinite(columns.volumes), axis=1)])
    usd = np.hstack([none, np.cumsum(np.nan_to_num(columns.volumes), axis=1)])
    begin = np.searchsorted(columns.slots, at - DAY_SECONDS)
    end = np.maximum(begin, np.searchsorted(columns.slots, at - SLOT_SECONDS + 1))
    count = heard[:, end] - heard[:, begin]
    with np.errstate(divide="ignore", invalid="ignore"):
        daily = (usd[:, end] - usd[:, begin]) * DAY_SECONDS / (count * SLOT_SECONDS)
    return np.where(count * SLOT_SECONDS >= LEAST_HEARD * DAY_SECONDS, daily, math.nan)
