"""Recorded mids under the product's own rules: each candidate entry followed to its end.

Rules, fees, walked books and the ledger are trading.vetoes, terms, exits, fills, fees and account.
What is assumed, because only mids were recorded (every fill is of grade C):

book       the narrowest book on the price grid that is at least the asked spread wide and has the
           recorded mid in its middle (1 or 2 cents for 0.01), any size at its two prices
grid       0.01; 0.001 from a market's first mid outside [.04, .96], or that no two cents can make
entries    every market, both tokens, at 00, 06, 12, 18 UTC; one position per market and token
time       decided on a slot's first point, dealt on the next point, entries and exits alike
waived     by name, as never recorded: liquidity, rules, quality, age of the listing, volume fade,
           dispute lock;
           and, unless ``deadlines``, the deadline rules (half of the set lives less than 4 days)
end        what is still held is settled at the recorded outcome

Returns are net of fees over the all-in cost.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np
from mid_series import CENT, DEEP, LEAST, Series  # beside this

from trading_cli.domain import (
    SLOT_SECONDS,
    Book,
    FeeSchedule,
    Fill,
    Level,
    Order,
    OrderState,
    Position,
    Purpose,
    Quote,
    Reason,
    Side,
    Token,
    slot_of,
)
from trading_cli.research.deadline import Deadline
from trading_cli.trading import account, exits, vetoes
from trading_cli.trading.fees import round_trip
from trading_cli.trading.fills import walk
from trading_cli.trading.terms import terms
from trading_cli.trading.view import TradingState, View

LOT = Decimal(100)
LIMIT_TICKS = 2
SETTLED = "SETTLED"
NEVER_RECORDED = frozenset(
    {
        Reason.QUALITY,
        Reason.STALE_BOOK,
        Reason.LIQUIDITY_LOW,
        Reason.NO_RULES,
        Reason.DEADLINE_UNKNOWN,
    }
)
ARMED = TradingState("ARMED", 0, gate_open=True)
NO_DEADLINE = Deadline(None, None, hazard=False, refused=None, candidates=())


@dataclass
class Trade:
    """One entry followed to its end.

    ``end`` is the reason of the last sale, or SETTLED. ``net`` and ``held`` (to the settlement
    instead) are shares of the all-in cost. Where the stop fired: its price ``stop``, the bid
    ``seen`` that fired it, the return ``meant`` had a bid stood at the stop; ``sold`` is the bid
    of the last sale.
    """

    event: str
    token: Token
    entry: Decimal
    end: str
    net: float
    held: float
    until: int
    targets: int
    missed: int
    stop: Decimal | None = None
    seen: Decimal | None = None
    meant: float | None = None
    sold: Decimal | None = None

    @property
    def below(self) -> Decimal:
        """Return how far below the stop price the bid already was when the stop fired."""
        return Decimal(0) if self.stop is None or self.seen is None else self.stop - self.seen

    @property
    def gapped(self) -> bool:
        """Return whether that is a cent or more: what is less is the price grid."""
        return self.below >= CENT

    @property
    def back(self) -> bool:
        """Return whether the bid stood above the stop again when the last share was sold."""
        return self.stop is not None and self.sold is not None and self.sold > self.stop


@dataclass
class Quoted:
    """One candidate quote of one token, its ask in the band; ``vetoes`` are of the other rules.

    ``cents`` is the round trip of a share, ``share`` the same of the ask.
    """

    event: str
    at: int
    spread: float
    cents: float
    share: float
    still: bool
    vetoes: tuple[Reason, ...]


@dataclass(frozen=True)
class Setup:
    """One run: the fee, the waived rules, and whether the deadline rules hold."""

    fee: FeeSchedule
    every: int = 6
    deadlines: bool = False
    sections: vetoes.Sections = field(default_factory=vetoes.Sections)

    @property
    def waived(self) -> frozenset[Reason]:
        """Return the rules whose input was never recorded, by name."""
        if self.deadlines:
            return NEVER_RECORDED - {Reason.DEADLINE_UNKNOWN}
        return NEVER_RECORDED | {Reason.DEADLINE_NEAR}


def view_at(series: Series, book: Book, setup: Setup) -> View:
    """Return what a decision at *book* knows."""
    quote = Quote(
        series.market.id, slot_of(book.observed_at), book.best_bid, book.best_ask, None, None,
        book.event_time, book.observed_at,
    )  # fmt: skip
    until = series.deadline if setup.deadlines else NO_DEADLINE
    return View(
        series.market, book.observed_at, quote.slot, quote, until, book,
        fee=setup.fee, state=ARMED, waived=setup.waived,
    )  # fmt: skip


def order_of(book: Book, token: Token, side: Side, shares: Decimal, limit: Decimal,
             reason: Reason, series: Series) -> Order:  # fmt: skip
    """Return the order decided on *book*."""
    purpose = Purpose.ENTRY if side is Side.BUY else Purpose.EXIT
    at = book.observed_at
    name = account.digest(series.market.id, token, side, reason, at)
    return Order(
        name, name, series.market.id, series.event, "sobering", purpose, side, token, shares,
        limit, reason, OrderState.PENDING, at,
    )  # fmt: skip


def deal(position: Position | None, order: Order, book: Book, fee: FeeSchedule) -> Position | None:
    """Return the position after *order* met *book*; the same where nothing was within its limit."""
    got = walk(book, order.side, order.shares, order.limit_price, fee)
    if got.price is None:
        return position
    fill = Fill(
        account.digest("fill", order.id), order.id, order.market_id, order.token, order.side,
        got.shares, got.price, got.fee, book.observed_at, got.levels, "C",
    )  # fmt: skip
    bid, ask = book.best_bid, book.best_ask
    spread = None if bid is None or ask is None else ask - bid
    return account.apply(position, order, fill, entry_bid=bid, entry_spread=spread)[0]


def follow(
    series: Series, books: Sequence[Book], start: int, view: View, token: Token, setup: Setup
) -> Trade | None:
    """Buy a lot after the decision at point *start* and hold it by the exits; ``None``: no fill.

    *books* are of *token*.
    """
    asked = terms(view, token, limit_ticks=LIMIT_TICKS)
    if asked is None or start + 1 >= len(books):
        return None
    bought = books[start + 1]
    order = order_of(books[start], token, Side.BUY, LOT, asked.max_price, Reason.SIGNAL, series)
    position = deal(None, order, bought, setup.fee)
    if position is None:
        return None
    payout = series.payout if token is Token.YES else 1 - series.payout
    cost, entry = position.cost, position.entry_price
    trade = Trade(
        series.event, token, entry, SETTLED, 0.0, float(position.shares * payout / cost - 1),
        len(books), 0, 0,
    )  # fmt: skip
    position = _hold(series, books, start + 1, position, view.deadline, setup, trade)
    if position.shares:
        position = account.settle(position, payout, books[-1].observed_at)[0]
    trade.net, trade.targets = float(position.realized / cost), position.targets_hit
    return trade


def _hold(  # a holding is this many things
    series: Series, books: Sequence[Book], start: int, position: Position, until: Deadline,
    setup: Setup, trade: Trade,
) -> Position:  # fmt: skip
    """Let every later cycle look at *position*, and deal what it says on the point after."""
    for i in series.firsts[bisect_right(series.firsts, start) :]:
        if i + 1 >= len(books):
            break
        book, tick = books[i], books[i].tick or CENT
        holding = exits.Holding(position, book, setup.fee, tick, LEAST, deadline=until.at)
        said = exits.review(holding, setup.sections.exits, book.observed_at)
        position = said.position
        if isinstance(said, exits.Stay):
            continue
        if said.reason is Reason.STOP and trade.stop is None:
            trade.stop = exits.stop_price(position, tick, setup.sections.exits)
            trade.seen = book.best_bid
            at_stop = replace(book, bids=(Level(trade.stop, DEEP),))
            trade.meant = float(exits.net_return(position, at_stop, setup.fee))
        order = order_of(
            book, position.token, Side.SELL, said.shares, said.limit_price, said.reason, series
        )
        after = deal(position, order, books[i + 1], setup.fee) or position
        trade.missed += after is position
        position = after
        if not position.shares:
            trade.end, trade.until, trade.sold = said.reason.value, i + 1, books[i + 1].best_bid
            break
    return position


@dataclass
class Lane:
    """One market under one setup: what may be entered, and what became of what was."""

    series: Series
    setup: Setup
    spread: Decimal
    quoted: list[Quoted] = field(default_factory=list)
    admitted: dict[tuple[int, Token], View] = field(default_factory=dict)
    known: dict[tuple[int, Token], Trade | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Judge the candidate quotes of every regular hour."""
        self.books = self.series.books(self.spread)
        for i in self.series.firsts:
            if self.series.times[i] // SLOT_SECONDS * SLOT_SECONDS % (self.setup.every * 3600):
                continue
            view = view_at(self.series, self.books[Token.YES][i], self.setup)
            for token in Token:
                self._judge(i, view, token)

    def _judge(self, i: int, view: View, token: Token) -> None:
        sections = self.setup.sections
        bid, ask = view.bid(token), view.ask(token)
        if bid is None or ask is None or vetoes.ask_band(view, token, sections) is not None:
            return
        found = tuple(veto.reason for veto in vetoes.review(view, token, sections))
        cost = round_trip(bid, ask, self.setup.fee)
        cents, still = float(cost.total), self.series.stood_still(i)
        self.quoted.append(
            Quoted(self.series.event, i, float(ask - bid), cents, float(cost.share), still, found)
        )
        if not found:
            self.admitted[i, token] = view

    def trade(self, i: int, token: Token) -> Trade | None:
        """Return the entry decided at point *i*, followed once; ``None``: it found no fill."""
        if (i, token) not in self.known:
            view = self.admitted[i, token]
            self.known[i, token] = follow(
                self.series, self.books[token], i, view, token, self.setup
            )
        return self.known[i, token]

    def entries(self, coin: np.random.Generator | None = None) -> Iterator[Trade]:
        """Yield trades that do not overlap: of both tokens, each by itself; or a side by coin."""
        for tokens in ((Token.YES,), (Token.NO,)) if coin is None else (tuple(Token),):
            free = 0
            for i in sorted({i for i, token in self.admitted if token in tokens}):
                token = tokens[0] if coin is None else tokens[int(coin.integers(2))]
                if i < free or (i, token) not in self.admitted:
                    continue
                trade = self.trade(i, token)
                if trade is not None:
                    free = trade.until
                    yield trade
