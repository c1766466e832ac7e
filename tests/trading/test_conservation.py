"""Whatever is bought, sold, half filled, left unknown or settled: not a millionth is lost.

A small account trades four markets by dice, through the same risk rules, broker and ledger as
everything else. After each step the double-entry books, a second count of the cash kept by plain
integers, and the caps are compared.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from deals import CENT, NOW, D, flat
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.domain import (
    Book,
    Entry,
    Fill,
    Intent,
    Level,
    Order,
    OrderState,
    Position,
    PositionState,
    Purpose,
    Reason,
    Side,
    Token,
    Verdict,
)
from trading_cli.trading import RiskSection
from trading_cli.trading.account import (
    Account,
    Labels,
    apply,
    balances,
    deposit,
    order_id,
    settle,
    snapshot,
)
from trading_cli.trading.brokers import GuardedBroker, PaperBroker
from trading_cli.trading.fills import MICRO, liquidation
from trading_cli.trading.groups import Group, Groups, Line, worst_loss
from trading_cli.trading.risk import reserve, review

BANKROLL = D(1000)
MARKETS = ("m1", "m2", "m3", "m4")
EVENTS = {"m1": "e1", "m2": "e1", "m3": "e2", "m4": "e2"}
GROUPS = Groups(
    {
        "e1": Group("e1", frozenset({"m1", "m2"}), exclusive=True),
        "e2": Group("e2", frozenset({"m3", "m4"})),
    }
)
LABELS = {
    "m1": Labels("Politics", "politics", ("vote",)),
    "m2": Labels("Politics", "politics"),
    "m3": Labels("Crypto", "crypto", ("vote",)),
    "m4": Labels("Crypto", "crypto"),
}
FEES = {"m1": flat("0.04"), "m2": flat("0"), "m3": flat("0.07"), "m4": flat("0.25", "2")}
LIMITS = RiskSection(
    position=D("0.10"), event_group=D("0.12"), category=D("0.20"), exposure=D("0.40"),
    trades_per_day=1000,
)  # fmt: skip


@dataclass
class World:
    """An account, its positions and orders, and a second count of its cash in millionths."""

    at: datetime = NOW
    entries: list[Entry] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)
    unknown: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    books: dict[str, Book] = field(default_factory=dict)
    cash: int = 0
    bought: int = 0

    def __post_init__(self) -> None:
        """Put the bankroll in."""
        self.entries += deposit(BANKROLL, NOW, "opening")
        self.cash = int(BANKROLL / MICRO)

    def account(self) -> Account:
        """Return the account as the risk rules see it."""
        totals = balances(self.entries)
        live = [p for p in self.positions.values() if p.state is not PositionState.CLOSED]
        values = {
            p.id: liquidation(self.book(p.market_id, p.token), p.shares, FEES[p.market_id])
            for p in live
        }
        return snapshot(
            at=self.at, cash=totals["cash"], capital=BANKROLL, positions=live, values=values,
            orders=self.unknown, labels=LABELS,
        )  # fmt: skip

    def book(self, market: str, token: Token) -> Book | None:
        """Return the latest book of this token."""
        yes = self.books.get(market)
        return yes if yes is None or token is Token.YES else yes.mirrored("n")

    def quote(self, market: str, bid: int, gap: int, sizes: tuple[int, int]) -> None:
        """Put a new book of three levels a side in front of everybody."""
        self.at += timedelta(minutes=1)
        bids = [Level(n * CENT, D(sizes[0]) / 100) for n in range(bid, max(0, bid - 3), -1)]
        asks = [
            Level(n * CENT, D(sizes[1]) / 100) for n in range(bid + gap, min(100, bid + gap + 3))
        ]
        self.books[market] = Book(
            "y", market, tuple(bids), tuple(asks), self.at, self.at, f"{self.at}", CENT, D(5)
        )

    def send(self, wanted: Intent, verdict: Verdict, *, lost: bool) -> None:
        """Send what is allowed; where it is *lost*, its outcome comes later."""
        self.at += timedelta(seconds=1)
        sent = Order(
            order_id("s", wanted.market_id, wanted.token, wanted.side, 0, int(self.at.timestamp())),
            "d", wanted.market_id, wanted.event_id, "s", wanted.purpose, wanted.side, wanted.token,
            verdict.shares, wanted.limit_price, wanted.reason,
            OrderState.UNKNOWN if lost else OrderState.PENDING, self.at,
            reserve(wanted, verdict.shares),
        )  # fmt: skip
        self.unknown.append(sent)
        if not lost:
            self.carry_out(sent)

    def carry_out(self, sent: Order) -> None:
        """Let the paper broker fill it on the book there is, and write down what it got."""
        self.at += timedelta(seconds=2)
        seen = self.book(sent.market_id, sent.token)
        fresh = None if seen is None else replace(seen, observed_at=self.at)
        mine = [f for f in self.fills if f.market_id == sent.market_id]
        broker = GuardedBroker(
            PaperBroker(
                lambda _: fresh, lambda _: mine, lambda o: FEES[o.market_id], lambda: self.at
            ),
            lambda _: "",
        )
        outcome = broker.submit(sent)
        self.unknown.remove(sent)
        assert outcome.state is not OrderState.UNKNOWN, outcome.detail
        fill = outcome.fill
        if fill is None:
            return
        held = next((p for p in self.positions.values() if same(p, sent)), None)
        after, lines = apply(held, sent, fill, labels=LABELS[sent.market_id])
        assert sent.side is Side.SELL or -lines[0].amount <= sent.reserved
        self.positions[after.id] = after
        self.entries += lines
        self.fills.append(fill)
        sign = -1 if fill.side is Side.BUY else 1
        self.cash += sum(
            sign * int(lv.size * 100) * int(lv.price * 10_000) for lv in fill.levels
        ) - int(fill.fee / MICRO)
        self.bought += fill.side is Side.BUY

    def check(self) -> None:
        """Compare the books with themselves and with the second count."""
        totals = balances(self.entries)
        live = [p for p in self.positions.values() if p.state is not PositionState.CLOSED]
        assert sum(totals.values()) == 0
        assert totals["cash"] == self.cash * MICRO >= 0
        assert totals.get("positions", 0) == sum(p.cost for p in live)
        assert totals.get("fees", 0) == sum(f.fee for f in self.fills)
        net = sum(p.realized for p in self.positions.values())
        assert -(totals.get("realized", D(0)) + totals.get("fees", D(0))) == net
        assert all(p.shares > 0 and p.cost >= 0 for p in live)
        assert all(p.shares == p.cost == 0 for p in self.positions.values() if p not in live)
        assert all(e.amount == e.amount.quantize(MICRO) for e in self.entries)


def same(position: Position, sent: Order) -> bool:
    """Return whether *sent* deals in what *position* holds."""
    return position.state is not PositionState.CLOSED and (
        position.market_id, position.token,
    ) == (sent.market_id, sent.token)  # fmt: skip


def intent_of(market: str, token: Token, shares: Decimal, limit: Decimal, side: Side) -> Intent:
    """Return an intent as the strategies would make it."""
    labels = LABELS[market]
    purpose = Purpose.ENTRY if side is Side.BUY else Purpose.EXIT
    return Intent(
        "d", market, EVENTS[market], "s", purpose, side, token, shares, limit, Reason.SIGNAL,
        FEES[market], CENT, D(5), labels.category, labels.sector, labels.themes,
    )  # fmt: skip


def buy(world: World, market: str, token: Token, shares: int, above: int, *, lost: bool) -> None:
    """Ask to buy, and look whether what was allowed keeps every cap at that instant."""
    seen = world.book(market, token)
    if seen is None or seen.best_ask is None:
        return
    limit = min(D("0.99"), seen.best_ask + above * CENT)
    wanted = intent_of(market, token, D(shares) / 100, limit, Side.BUY)
    before = world.account()
    verdict = review(wanted, before, LIMITS, GROUPS, world.at)
    if not verdict.allowed:
        return
    world.send(wanted, verdict, lost=lost)
    after, base = world.account(), before.base
    lines = [
        Line(s.market_id, s.token, s.shares, s.cost, sure=s.kind != "order")
        for s in after.stakes if s.event_id == EVENTS[market]
    ]  # fmt: skip
    assert worst_loss(GROUPS.events[EVENTS[market]], lines) <= LIMITS.event_group * base
    assert after.exposure <= LIMITS.exposure * base
    assert after.cash - after.reserved >= LIMITS.cash * base
    for share, kept in (
        (LIMITS.position, [s for s in after.stakes if s.market_id == market]),
        (LIMITS.category, [s for s in after.stakes if s.labels.category == wanted.category]),
        *((LIMITS.position, [s for s in after.stakes if t in s.labels.themes])
          for t in wanted.themes),
    ):  # fmt: skip
        assert sum(s.cost for s in kept) <= share * base


def sell(world: World, which: int, percent: int, *, lost: bool) -> None:
    """Ask to sell a part of a holding, perhaps more than there is."""
    live = [p for p in world.positions.values() if p.state is not PositionState.CLOSED]
    if not live:
        return
    held = live[which % len(live)]
    shares = (held.shares * percent / 100).quantize(CENT)
    wanted = intent_of(held.market_id, held.token, shares, CENT, Side.SELL)
    known = world.account()
    verdict = review(wanted, known, LIMITS, GROUPS, world.at)
    free = held.shares - known.selling.get(("s", held.market_id, held.token), D(0))
    assert verdict.shares == min(shares, free)
    if verdict.allowed:
        world.send(wanted, verdict, lost=lost)


def resolve(world: World, market: str, payout: Decimal) -> None:
    """Settle every holding of a market; orders still open there end first."""
    for sent in [o for o in world.unknown if o.market_id == market]:
        world.unknown.remove(sent)
    for held in list(world.positions.values()):
        if held.market_id != market or held.state is PositionState.CLOSED:
            continue
        pays = payout if held.token is Token.YES else 1 - payout
        closed, lines = settle(held, pays, world.at)
        world.positions[closed.id] = closed
        world.entries += lines
        world.cash += int(held.shares * pays / MICRO)


market = st.sampled_from(MARKETS)
token = st.sampled_from(list(Token))
hundredths = st.integers(1, 100_000)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), market, st.integers(1, 95), st.integers(1, 4),
                  st.tuples(hundredths, hundredths)),
        st.tuples(st.just("buy"), market, token, st.integers(500, 100_000), st.integers(0, 3),
                  st.booleans()),
        st.tuples(st.just("sell"), st.integers(0, 7), st.integers(1, 150), st.booleans()),
        st.tuples(st.just("find")),
        st.tuples(st.just("settle"), market, st.sampled_from([D(0), D("0.5"), D(1)])),
    ),
    min_size=8,
    max_size=40,
)  # fmt: skip


def play(story: list[tuple[object, ...]]) -> World:
    """Play *story*, check after each step, settle everything at the end, and return the world."""
    world = World()
    for number, name in enumerate(MARKETS):
        world.quote(name, 20 + 20 * number, 1, (50_000, 50_000))
    for kind, *dice in story:
        if kind == "quote":
            world.quote(*dice)
        elif kind == "buy":
            buy(world, *dice[:-1], lost=bool(dice[-1]))
        elif kind == "sell":
            sell(world, *dice[:-1], lost=bool(dice[-1]))
        elif kind == "settle":
            resolve(world, *dice)
        elif world.unknown:
            world.carry_out(world.unknown[0])
        world.check()
    for name in MARKETS:
        resolve(world, name, D("0.5"))
    world.check()
    assert balances(world.entries)["positions" if world.bought else "cash"] in {0, BANKROLL}
    assert world.account().exposure == 0
    return world


@settings(max_examples=200, deadline=None)
@given(story=steps)
def test_whatever_is_dealt_nothing_is_lost(story: list[tuple[object, ...]]) -> None:
    """Cash, cost, fees and result add up after each step; no cap is passed; at last all is cash."""
    play(story)


@pytest.mark.nightly
@settings(max_examples=10_000, deadline=None)
@given(story=steps)
def test_whatever_is_dealt_nothing_is_lost_ten_thousand_times(
    story: list[tuple[object, ...]],
) -> None:
    """The same, 10,000 times."""
    play(story)


def test_the_dice_do_reach_the_ledger() -> None:
    """A story of each kind: bought, part sold, left unknown, found, settled."""
    world = play(
        [
            ("buy", "m1", Token.YES, 20_000, 2, False),
            ("buy", "m3", Token.NO, 20_000, 2, True),
            ("sell", 0, 50, False),
            ("find",),
            ("sell", 0, 30, True),
            ("settle", "m3", D(0)),
        ]
    )
    assert world.bought == 2
    assert len(world.fills) == 3
    assert len(world.positions) == 2
