"""What SPEC's own rules would have done to real prices: round trips, stop-outs, gaps, net result.

    python benchmarks/sobering.py [--data DIR] [--spread 0.01] [--every 6] [--trades FILE]

Reads the recorded set of 106 resolved markets (mids about every 10 minutes, January 2026) from
``--data``, else ``TRADING_SHARED_DATA``, else ``../shared/data`` beside the repository; ends with
exit code 1 and a sentence where it is not there. Rules, fees, books walked and the ledger are the
product's own: trading.vetoes, terms, exits, fills, fees, account. What is assumed, because only
mids were recorded (every fill is of grade C):

book       the narrowest book on the price grid that is at least ``--spread`` wide and has the
           recorded mid in its middle (so 1 or 2 cents for 0.01), any size at its two prices
grid       0.01, from a market's first mid that no pair of whole cents can make, 0.001
entries    every market, both tokens, at 00, 06, 12, 18 UTC; one position per market and token
time       decided on a slot's first point, dealt on the next point, entries and exits alike
waived     what was never recorded: liquidity, rules text, quality, volume fade, the dispute lock;
           and, but for the last lines, the deadline rules (most of these markets live < 4 days)
end        what is still held is settled at the recorded outcome

Returns are net of fees over the all-in cost. Intervals: 95 %, whole events redrawn 2,000 times.
"""

import argparse
import csv
import gzip
import os
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import numpy as np

from trading_cli.domain import (
    Book,
    FeeSchedule,
    Fill,
    Level,
    Market,
    Order,
    OrderState,
    Position,
    Purpose,
    Quote,
    Reason,
    Side,
    Token,
    from_epoch,
    slot_of,
)
from trading_cli.research.deadline import Deadline, deadline_of
from trading_cli.trading import account, exits, vetoes
from trading_cli.trading.fees import round_trip
from trading_cli.trading.fills import walk
from trading_cli.trading.terms import terms
from trading_cli.trading.view import TradingState, View

SET = "mixed_resolved_10min_2026-01"
FEES = ("0", "0.03", "0.04", "0.05")
CENT, TENTH = Decimal("0.01"), Decimal("0.001")
LOT, DEEP, LEAST = Decimal(100), Decimal(1_000_000), Decimal(5)
LIMIT_TICKS = 2
ENOUGH_EVENTS = 30
REDRAWS, SEED = 2_000, 20260121
NOW_POINT_S = 300
NEVER_RECORDED = frozenset(
    {Reason.QUALITY, Reason.LIQUIDITY_LOW, Reason.NO_RULES, Reason.DEADLINE_UNKNOWN}
)
ARMED = TradingState("ARMED", 0, gate_open=True)
NO_DEADLINE = Deadline(None, None, hazard=False, refused=None, candidates=())

# The set carries no event: what a slug shares with its siblings stands in for it.
_EVENTS = (
    r"^(.*-20\d\d-\d\d-\d\d)-",  # one match, all its props
    r"(highest-temperature-in-.*-on-[a-z]+-\d+)",
    r"(elon-musk-of-tweets-[a-z]+-\d+-[a-z]+-\d+)",
    r"(costa-rican-legislative-assembly)",
    r"(the-highest-temperature-in-.*)-be-",
    r"(us-strike)-\d-countries",
    r"(us-next-strike-iran|us-strikes-iran)",
    r"(epstein-related-files)",
)


@dataclass(frozen=True)
class Series:
    """One market's recorded mids of YES, oldest first, without the "now" points of its windows."""

    market: Market
    event: str
    payout: Decimal
    times: tuple[int, ...]
    mids: tuple[Decimal, ...]
    dropped: int = 0

    def books(self, spread: Decimal) -> tuple[Book, ...]:
        """Return the assumed YES book of every point."""
        tick, found = CENT, []
        for at, mid in zip(self.times, self.mids, strict=True):
            tick = TENTH if mid % (CENT / 2) or not 4 * CENT <= mid <= 1 - 4 * CENT else tick
            found.append(book_around(mid, at, tick, spread))
        return tuple(found)

    @cached_property
    def firsts(self) -> tuple[int, ...]:
        """Return the index of every slot's first point: what a cycle sees."""
        slots = [at // 900 for at in self.times]
        return tuple(i for i, slot in enumerate(slots) if i == 0 or slots[i - 1] != slot)


@dataclass
class Trade:
    """One entry followed to its end; ``stop`` and ``seen`` are of the point where the stop fired.

    ``end`` is the reason of the last sale, or SETTLED. ``net`` and ``held`` (to the settlement
    instead) are shares of the all-in cost.
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
    sold: Decimal | None = None
    tick: Decimal = CENT

    @property
    def below(self) -> Decimal:
        """Return how far below the stop price the bid already was when the stop fired."""
        return Decimal(0) if self.stop is None or self.seen is None else self.stop - self.seen

    @property
    def gapped(self) -> bool:
        """Return whether that is a whole tick or more: the rest is the price grid."""
        return self.below >= self.tick


@dataclass
class Tally:
    """What became of the candidate quotes under one fee and one spread."""

    quotes: int = 0
    vetoed: dict[Reason, int] = field(default_factory=dict)
    cents: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    unfilled: int = 0
    trades: list[Trade] = field(default_factory=list)


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


def load(folder: Path) -> list[Series]:
    """Return the recorded series; raises FileNotFoundError where the set is not there."""
    points: dict[str, list[tuple[int, Decimal]]] = {}
    with gzip.open(folder / "prices.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            points.setdefault(row["market_slug"], []).append((int(row["t"]), Decimal(row["p"])))
    with gzip.open(folder / "markets.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [
        series_of(row["market_slug"], row["question"], row["outcome_yes"], points[row["market_slug"]])
        for row in rows
    ]


def series_of(
    slug: str, question: str, outcome: str, points: Iterable[tuple[int, Decimal]]
) -> Series:
    """Return one series: sorted, one point per instant, no point right behind another ("now")."""
    kept: list[tuple[int, Decimal]] = []
    given = sorted(points)
    for at, mid in given:
        if not 0 < mid < 1:
            raise ValueError(f"{slug}: {mid} at {at} is no price")
        if not kept or at - kept[-1][0] >= NOW_POINT_S:
            kept.append((at, mid))
    first = from_epoch(kept[0][0])
    event = next((hit[1] for one in _EVENTS if (hit := re.search(one, slug))), slug)
    market = Market(
        slug, slug, question, slug, "yes", "no", "Yes", "No", first,
        event_id=event, event_slug=event, created_at=first,
    )  # fmt: skip
    times, mids = zip(*kept, strict=True)
    return Series(market, event, Decimal(outcome), times, mids, len(given) - len(kept))


def book_around(mid: Decimal, at: int, tick: Decimal, spread: Decimal) -> Book:
    """Return the narrowest book on the grid of *tick*, at least *spread* wide, around *mid*.

    Near 0 and 1 it is narrower rather than one-sided; at half a tick from them one side is gone.
    """
    half = spread / 2
    half += (mid - half) % tick
    half = min(half, max(mid - tick, tick / 2), max(1 - tick - mid, tick / 2))
    bid, ask = mid - half, mid + half
    seen = from_epoch(at)
    bids = (Level(bid, DEEP),) if bid > 0 else ()
    asks = (Level(ask, DEEP),) if ask < 1 else ()
    return Book("yes", "", bids, asks, seen, seen, tick=tick, min_size=LEAST)


def view_at(series: Series, book: Book, setup: Setup) -> View:
    """Return what a decision at *book* knows."""
    quote = Quote(
        series.market.id, slot_of(book.observed_at), book.best_bid, book.best_ask, None, None,
        book.event_time, book.observed_at,
    )  # fmt: skip
    until = deadline_of(series.market) if setup.deadlines else NO_DEADLINE
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
    order = order_of(
        books[start], token, Side.BUY, LOT, asked.max_price, Reason.SIGNAL, series
    )
    position = deal(None, order, bought, setup.fee)
    if position is None:
        return None
    payout = series.payout if token is Token.YES else 1 - series.payout
    cost, entry = position.cost, position.entry_price
    trade = Trade(
        series.event, token, entry, "SETTLED", 0.0, float(position.shares * payout / cost - 1),
        len(books), 0, 0, tick=bought.tick or CENT,
    )  # fmt: skip
    position = _hold(series, books, start + 1, position, view.deadline, setup, trade)
    if position.shares:
        position = account.settle(position, payout, books[-1].observed_at)[0]
    trade.net, trade.targets = float(position.realized / cost), position.targets_hit
    return trade


def _hold(  # noqa: PLR0913  # a holding is this many things
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
            trade.seen, trade.tick = book.best_bid, tick
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
class Market_:
    pass


def regular(series: Series, every: int) -> list[int]:
    """Return the points at which a new entry is decided: the first of every *every*-th hour."""
    return [i for i in series.firsts if series.times[i] // 900 * 900 % (every * 3600) == 0]


def judge(series: Series, books: Sequence[Book], setup: Setup, tally: Tally) -> dict[tuple[int, Token], View]:
    """Count the candidate quotes of *series* and return those nothing vetoes."""
    admitted = {}
    for i in regular(series, setup.every):
        view = view_at(series, books[i], setup)
        for token in Token:
            found = [veto.reason for veto in vetoes.review(view, token, setup.sections)]
            if Reason.ASK_BAND in found:
                continue
            tally.quotes += 1
            cost = round_trip(view.bid(token), view.ask(token), setup.fee)
            tally.cents.append(float(cost.total))
            tally.shares.append(float(cost.share))
            for reason in found:
                tally.vetoed[reason] = tally.vetoed.get(reason, 0) + 1
            if not found:
                admitted[i, token] = view
    return admitted


def run(all_series, setup, spread):
    tally = Tally()
    coin = []
    rng = np.random.default_rng(SEED)
    for series in all_series:
        yes = series.books(spread)
        books = {Token.YES: yes, Token.NO: tuple(b.mirrored("no") for b in yes)}
        admitted = judge(series, yes, setup, tally)
        known = {}
        def trade_at(i, token):
            if (i, token) not in known:
                known[i, token] = follow(series, books[token], i, admitted[i, token], token, setup)
            return known[i, token]
        for token in Token:
            free = 0
            for (i, t) in admitted:
                if t is not token or i < free: continue
                tr = trade_at(i, token)
                if tr is None: tally.unfilled += 1; continue
                tally.trades.append(tr); free = tr.until
        hours = sorted({i for i, _ in admitted})
        for _ in range(20):
            free = 0
            for i in hours:
                if i < free: continue
                token = Token.YES if rng.integers(2) else Token.NO
                if (i, token) not in admitted: continue
                tr = trade_at(i, token)
                if tr: coin.append(tr); free = tr.until
    return tally, coin


def interval(trades, value=lambda t: t.net):
    ev = {}
    for t in trades: ev.setdefault(t.event, []).append(value(t))
    s = np.array([sum(v) for v in ev.values()]); n = np.array([len(v) for v in ev.values()])
    rng = np.random.default_rng(SEED)
    w = rng.multinomial(len(n), np.full(len(n), 1/len(n)), REDRAWS)
    m = (w @ s) / (w @ n)
    me = (w @ (s / n)) / len(n)
    return len(n), s.sum()/n.sum(), np.percentile(m, [2.5, 97.5]), (s/n).mean(), np.percentile(me, [2.5, 97.5])

if __name__ == "__main__":
    import time, collections
    S = load(Path("/work/shared/data") / SET)
    print(len(S), len({s.event for s in S}), sum(s.dropped for s in S))
    for spread in (CENT, 2*CENT):
      for dl in (False, True):
        for fee in FEES:
            b = time.time()
            tally, coin = run(S, Setup(FeeSchedule(Decimal(fee), Decimal(1), "flat"), deadlines=dl), spread)
            T = tally.trades
            print("\n", spread, dl, fee, "quotes", tally.quotes, {r.value: n for r, n in tally.vetoed.items()}, "cents", np.mean(tally.cents), "share", np.mean(tally.shares), "unf", tally.unfilled, "trades", len(T), f"{time.time()-b:.1f}s")
            if not T: continue
            print(collections.Counter(t.end for t in T), "targets", [sum(t.targets>=k for t in T) for k in (1,2,3)], "missed", sum(t.missed for t in T))
            st = [t for t in T if t.stop is not None]; g=[t for t in st if t.gapped]
            print("stops", len(st), "gapped", len(g), np.mean([float(t.below) for t in g]) if g else None, np.percentile([float(t.below) for t in g],95) if g else None, "never", sum(t.end=="SETTLED" and t.net<-.9 for t in T))
            print("net", interval(T)); print("held", interval(T, lambda t: t.held)); print("coin", len(coin), interval(coin)); 
