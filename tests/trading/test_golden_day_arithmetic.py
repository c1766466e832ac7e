"""A day worked by hand: what a share cost, what it brought, and where the difference went.

The worksheet, in USD, for a politics market (fee rate .04) and an account of 10,000:

    decision   ask .50, bid .49: limit .52; a share costs .52 + .04 x .52 x .48 = .529984 at worst
               two STRONG and one MODERATE: 3 %, 300.00, are 566.05 shares
    execution  200.00 at .50              100.00      fee 200 x .04 x .25             2.00000
               366.05 at .51              186.6855    fee 366.05 x .04 x .2499        3.65904
               paid                       286.6855    +                               5.65904
    stop       entry bid .49 - max(.0588, 3 ticks, 2 x .01) = .4312
    12:15      bid .50: nothing
    12:30      the bid is .36, far below the stop: all is sold, not below .34
               300.00 at .36              108.00      fee 300 x .04 x .2304           2.76480
               266.05 at .35               93.1175    fee 266.05 x .04 x .2275        2.42106
               got                        201.1175    -                               5.18586
    result     195.93164 - 292.34454 = -96.4129: not the 33 that a stop at .4312 looks like
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from deals import CENT, D, book, flat, intent

from trading_cli.domain import (
    Action,
    Book,
    Intent,
    Order,
    OrderState,
    PositionState,
    Purpose,
    Reason,
    Side,
    Signal,
    Token,
)
from trading_cli.domain import from_epoch as at_epoch
from trading_cli.trading import ExitsSection, RiskSection
from trading_cli.trading.account import (
    Account,
    apply,
    balances,
    deposit,
    is_loss,
    order_id,
    snapshot,
)
from trading_cli.trading.brokers import GuardedBroker, Outcome, PaperBroker
from trading_cli.trading.exits import Exit, Holding, Stay, review, stop_price, target_prices
from trading_cli.trading.groups import Groups
from trading_cli.trading.risk import reserve
from trading_cli.trading.risk import review as allow
from trading_cli.trading.sizing import size

FEE = flat("0.04")
LIMITS, EXITS = RiskSection(), ExitsSection()
NOON = at_epoch(1_780_315_207)
SLOT = timedelta(minutes=15)
SECOND = timedelta(seconds=1)
SIGNAL = Signal(
    "rvr_roc_hype", "m1", Action.BUY, Reason.SIGNAL, Token.YES, ceiling=D("0.03"),
    label="agreement 3 of 3",
)  # fmt: skip


def send(wanted: Intent, shares: Decimal, there: Book) -> tuple[Order, Outcome]:
    """Return the order and what it got on *there*, fetched a second after it was written down."""
    decided = there.observed_at - SECOND
    sent = Order(
        order_id("rvr_roc_hype", "m1", Token.YES, wanted.side, int(decided.timestamp())), "d1",
        "m1", "e1", "rvr_roc_hype", wanted.purpose, wanted.side, Token.YES, shares,
        wanted.limit_price, wanted.reason, OrderState.PENDING, decided, reserve(wanted, shares),
    )  # fmt: skip
    paper = PaperBroker(lambda _: there, lambda _: (), lambda _: FEE, lambda: there.observed_at)
    return sent, GuardedBroker(paper, lambda _: "").submit(sent)


def exit_intent(said: Exit) -> Intent:
    """Return the intent of an exit."""
    return intent(
        str(said.shares), str(said.limit_price), purpose=Purpose.EXIT, side=Side.SELL,
        reason=said.reason, fee=FEE, strategy="rvr_roc_hype",
    )  # fmt: skip


def test_a_day_with_a_gap_through_the_stop() -> None:
    """The worksheet above, line by line, through sizing, risk, broker, ledger and exits."""
    entries = list(deposit(D(10_000), NOON, "opening"))
    account = Account(NOON, D(10_000), D(10_000), D(0))

    # decision
    seen = book([("0.49", "4000")], [("0.50", "300"), ("0.51", "20000")], at=NOON)
    asked = size(SIGNAL, seen, FEE, account, LIMITS)
    assert (asked.shares, asked.limit_price, asked.binding) == (D("566.05"), D("0.52"), "tier")
    assert {c.rule: c.allowed for c in asked.checks} == {
        "tier": D("566.05"), "ask_depth": D(1015), "bid_depth": D(800),
    }  # fmt: skip
    wanted = intent("566.05", "0.52", fee=FEE, strategy="rvr_roc_hype")
    verdict = allow(wanted, account, LIMITS, Groups(), NOON)
    assert (verdict.shares, verdict.binding) == (D("566.05"), "")
    assert reserve(wanted, verdict.shares) == D("299.998443")

    # execution
    there = book([("0.49", "4000")], [("0.50", "200"), ("0.51", "20000")], at=NOON + 2 * SECOND)
    sent, outcome = send(wanted, verdict.shares, there)
    assert (outcome.state, outcome.fill is None) == (OrderState.FILLED, False)
    assert outcome.fill is not None
    assert [(lv.price, lv.size) for lv in outcome.fill.levels] == [
        (D("0.50"), D(200)), (D("0.51"), D("366.05")),
    ]  # fmt: skip
    assert outcome.fill.fee == D("2.00000") + D("3.65904")
    held, lines = apply(None, sent, outcome.fill, entry_bid=D("0.49"), entry_spread=CENT)
    entries += lines
    assert held.cost == D("286.6855") + D("5.65904")
    assert balances(entries)["cash"] == D("9707.65546")
    assert held.entry_price.quantize(D("0.0001")) == D("0.5065")
    assert stop_price(held, CENT, EXITS) == D("0.4312")

    # 12:15, a quiet slot
    quiet = book([("0.50", "4000")], [("0.51", "4000")], at=NOON + SLOT)
    holding = Holding(held, quiet, FEE, CENT, D(5), NOON + timedelta(days=60))
    stays = review(holding, EXITS, NOON + SLOT)
    assert isinstance(stays, Stay)
    assert stays.reason is Reason.NO_EXIT

    # 12:30, the gap
    gap = book([("0.36", "300"), ("0.35", "1000")], [("0.38", "500")], at=NOON + 2 * SLOT)
    said = review(replace(holding, position=stays.position, book=gap), EXITS, NOON + 2 * SLOT)
    assert isinstance(said, Exit)
    assert (said.reason, said.shares, said.limit_price) == (
        Reason.STOP, D("566.05"), D("0.34"),
    )  # fmt: skip
    leaving = exit_intent(said)
    known = snapshot(
        at=NOON, cash=D("9707.65546"), capital=D(10_000), positions=[said.position], values={}
    )
    allowed = allow(leaving, replace(known, entries_today=99), LIMITS, Groups(), NOON + 2 * SLOT)
    assert allowed.shares == D("566.05")
    after = replace(gap, observed_at=NOON + 2 * SLOT + 2 * SECOND)
    sent, outcome = send(leaving, allowed.shares, after)
    assert outcome.fill is not None
    assert outcome.fill.fee == D("2.76480") + D("2.42106")
    closed, lines = apply(said.position, sent, outcome.fill)
    entries += lines

    # result
    assert (closed.state, closed.shares, closed.cost) == (PositionState.CLOSED, 0, 0)
    assert closed.realized == D("-96.4129")
    assert closed.realized.quantize(CENT) == D("-96.41")
    total = balances(entries)
    assert total == {
        "cash": D("9903.5871"), "capital": D(-10_000), "positions": 0,
        "fees": D("10.8449"), "realized": D("85.568"),
    }  # fmt: skip
    assert sum(total.values()) == 0
    assert is_loss(said.position, closed)


def test_the_hour_after_that_day() -> None:
    """The loss was at 12:30: at 13:29 nothing is bought, at 13:30 it may be; no pause for .96 %."""
    wanted = intent("566.05", "0.52", fee=FEE)
    poorer = Account(
        NOON, D("9903.5871"), D(10_000), D(0), entries_today=1, last_loss_at=NOON + 2 * SLOT
    )
    for minutes, binding in ((89, "cool_down"), (90, "")):
        now = NOON + timedelta(minutes=minutes)
        assert allow(wanted, poorer, LIMITS, Groups(), now).binding == binding


LADDER = (
    # bid, reason, shares sold, gross, fee, share of the cost, realized so far
    ("0.43", Reason.NO_EXIT, "0", "0", "0", "0", "0"),
    ("0.44", Reason.TARGET_1, "100", "44", "0.9856", "40.96", "2.0544"),
    ("0.46", Reason.TARGET_2, "200", "92", "1.9872", "81.92", "10.1472"),
    ("0.48", Reason.NO_EXIT, "0", "0", "0", "0", "10.1472"),
    ("0.46", Reason.NO_EXIT, "0", "0", "0", "0", "10.1472"),
    ("0.45", Reason.TRAILING, "100", "45", "0.99", "40.96", "13.1972"),
)


def test_a_ladder_of_targets_and_what_trails_behind() -> None:
    """400 at .40 cost 163.84; targets .432, .46, .50; 25 %, 50 %, and the rest 5 % below .48."""
    entry = book([("0.39", "4000")], [("0.40", "4000")], at=NOON)
    wanted = intent("400", "0.42", fee=FEE, strategy="rvr_roc_hype")
    sent, outcome = send(wanted, D(400), entry)
    assert outcome.fill is not None
    held, _ = apply(None, sent, outcome.fill, entry_bid=D("0.39"), entry_spread=CENT)
    assert held.cost == D("163.84")
    assert target_prices(held, EXITS) == (D("0.432"), D("0.46"), D("0.5"))
    for number, (bid, reason, shares, gross, fee, cost, realized) in enumerate(LADDER, 1):
        now = NOON + number * SLOT
        there = book([(bid, "4000")], [(str(D(bid) + CENT), "4000")], at=now)
        said = review(Holding(held, there, FEE, CENT, D(5)), EXITS, now)
        assert said.reason is reason, number
        held = said.position
        if isinstance(said, Exit):
            assert said.shares == D(shares)
            before = held
            sent, outcome = send(
                exit_intent(said), said.shares, replace(there, observed_at=now + 2 * SECOND)
            )
            assert outcome.fill is not None
            assert (outcome.fill.gross, outcome.fill.fee) == (D(gross), D(fee))
            held, _ = apply(held, sent, outcome.fill)
            assert before.cost - held.cost == D(cost)
        assert held.realized == D(realized), number
    assert held.state is PositionState.CLOSED
