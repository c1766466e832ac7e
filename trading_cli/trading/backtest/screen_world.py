"""What all cells of a sweep share: the arrays of a mid-only history, and what follows from them.

Everything here is a function of the past and of few settings; nothing depends on an account. Prices
are counted in millionths, so that what must be equal is equal.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, Book, FeeSchedule, Tier, Token
from trading_cli.research import roc
from trading_cli.research.deadline import Deadline, deadline_of
from trading_cli.trading.backtest.columns import HALF_DAY, LEAST_HEARD, Floats, Ints
from trading_cli.trading.backtest.history import Moment
from trading_cli.trading.backtest.mids import book_of_mid, book_to_decide, token_book
from trading_cli.trading.backtest.worlds import SECOND, MemoryHistory
from trading_cli.trading.fees import FeeUnknown, schedule_of
from trading_cli.trading.fills import DEAREST_FEE

WHOLE = 1_000_000
DAY_SECONDS = 86_400
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


@dataclass(frozen=True, slots=True)
class Fees:
    """What a taker is charged for a share at p, slot by slot [S]: rate x (p(1-p))^exponent."""

    rate: Floats
    exponent: Floats

    def at(self, part: slice, price: Floats) -> Floats:
        """Return the fee of one share at *price* in the slots of *part*, before any rounding."""
        rate, exponent = self.rate[part], self.exponent[part]
        if not rate.any():
            return np.zeros(price.shape)
        spread = price * (1 - price)
        fee: Floats = rate * (spread if (exponent == 1).all() else spread**exponent)
        return fee


@dataclass(eq=False)
class World:
    """A mid-only ``MemoryHistory`` as arrays. ``recalibrate``: what its views shall carry, if any.

    Raises ``UsageError`` for a history with books, prints or orders that wait: those are not of
    mids alone, and only the full engine knows what to do with them.
    """

    history: MemoryHistory
    recalibrate: Callable[[float], float] | None = None
    _sides: dict[tuple[int, Token], Side] = field(default_factory=dict, repr=False)
    _fees: dict[tuple[int, FeeSchedule | None], "Fees"] = field(default_factory=dict, repr=False)
    readings: dict[object, object] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is not made of mids alone."""
        past = self.history
        if past.books or past.fresh or past.prints or past.lag or past.operating:
            raise UsageError(
                "the screen engine reads mids alone; this history has books, prints, orders that"
                " wait, or what an operator did",
                hint="--engine full",
            )
        self.moments: list[Moment] = list(past.moments())
        self.rows = {market.id: row for row, market in enumerate(past.markets)}

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
        past, (markets, slots) = self.history, self.shape
        there = np.isfinite(self.micro)
        there &= np.arange(slots) < self._known(self.decided_at)[:, None]
        if past.listed is not None:
            there &= past.columns.slots >= np.asarray(past.listed)[:, None]
        if markets <= past.candidates:
            return there
        for column in np.flatnonzero(there.sum(axis=0) > past.candidates).tolist():
            rows = past.columns.busiest(np.flatnonzero(there[:, column]).tolist(), column)
            there[rows[past.candidates :], column] = False
        return there

    @cached_property
    def day_volumes(self) -> Floats:
        """Return the daily mean of the day before each exit check [M, S], NaN where not heard.

        Rounded: right to ``volume_slack``.
        """
        volumes, slots = self.history.columns.volumes, self.history.columns.slots
        if volumes is None:
            return np.full(self.shape, math.nan)
        heard = np.cumsum(np.isfinite(volumes), axis=1)
        usd = np.cumsum(np.nan_to_num(volumes), axis=1)
        none = np.zeros((self.shape[0], 1))
        heard, usd = np.hstack([none, heard]), np.hstack([none, usd])
        begin = np.searchsorted(slots, self.exits_at - DAY_SECONDS)
        end = np.maximum(begin, np.searchsorted(slots, self.exits_at - SLOT_SECONDS + 1))
        count = heard[:, end] - heard[:, begin]
        with np.errstate(divide="ignore", invalid="ignore"):
            daily = (usd[:, end] - usd[:, begin]) * DAY_SECONDS / (count * SLOT_SECONDS)
        enough = count * SLOT_SECONDS >= LEAST_HEARD * DAY_SECONDS
        return np.where(enough, daily, math.nan)

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
            self._sides[key] = self._side(row, token)
        return self._sides[key]

    def _side(self, row: int, token: Token) -> Side:
        slip = float(self.history.slippage)
        yes = np.where(self.priced[row], self.micro[row], math.nan)
        own = yes if token is Token.YES else WHOLE - yes
        two = own * (1 + slip) < WHOLE - _HAIR
        return Side(own / WHOLE, own * (1 - slip) / WHOLE, two)

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

    def fees(self, row: int, override: FeeSchedule | None) -> "Fees":
        """Return what a taker is charged in each slot; the dearest known where nobody says."""
        key = (row, override)
        if key not in self._fees:
            first, last = self._fee(row, override, 0), self._fee(row, override, -1)
            slots = self.shape[1]
            each = [first] if first == last else [
                self._fee(row, override, column) for column in range(slots)
            ]  # fmt: skip
            rate = np.array([float(one.rate) for one in each])
            exponent = np.array([float(one.exponent) for one in each])
            self._fees[key] = Fees(np.broadcast_to(rate, slots), np.broadcast_to(exponent, slots))
        return self._fees[key]

    def _fee(self, row: int, override: FeeSchedule | None, column: int) -> FeeSchedule:
        if override is not None:
            return override
        try:
            return schedule_of(self.history.markets[row], self.moments[column].exits_at)
        except FeeUnknown:
            return DEAREST_FEE

    # --- the rate of change

    def changes(self, form: str) -> tuple[Floats, Mask]:
        """Return ROC [M, S], NaN where undefined, and where the move is too small for a tier."""
        now = np.where(self.priced, self.micro, math.nan)
        then = np.full(now.shape, math.nan)
        then[:, HALF_DAY:] = now[:, :-HALF_DAY] if now.shape[1] > HALF_DAY else math.nan
        least = [
            float(max(roc.LEAST_TICKS * (market.tick or roc.USUAL_TICK), roc.LEAST_MOVE))
            for market in self.history.markets
        ]
        small = np.abs(now - then) < np.rint(np.array(least) * WHOLE)[:, None]
        if form == "relative":
            return (now - then) / then, small
        logits = self._logits(now)
        moved = np.full(now.shape, math.nan)
        moved[:, HALF_DAY:] = (logits[:, HALF_DAY:] - logits[:, :-HALF_DAY]) / 2
        return moved, small

    def _logits(self, mids: Floats) -> Floats:
        """Return the logit of each mid, every different one computed once, as ROC computes it."""
        there = np.isfinite(mids)
        counted = np.where(there, mids, 0).astype(np.int64)
        present = np.zeros(WHOLE + 1, dtype=bool)
        present[counted[there]] = True
        table = np.full(WHOLE + 1, math.nan)
        for one in np.flatnonzero(present).tolist():
            table[one] = roc.logit(one / WHOLE)
        found: Floats = np.where(there, table[counted], math.nan)
        return found


TIERS = {tier.value: tier for tier in Tier}
