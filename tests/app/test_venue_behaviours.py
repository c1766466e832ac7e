"""A broker that answers late, never or wrongly: no order twice, none wrongly called rejected."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dealing import CENT, NOON, SLOT, Stage, market  # beside this
from venue import BEHAVIOURS, FEE, Died

from trading_cli.app import execution
from trading_cli.app.desk import Desk, open_account
from trading_cli.app.holding import settle_all
from trading_cli.domain import (
    Action,
    Decision,
    Intent,
    Order,
    OrderState,
    Position,
    Purpose,
    Reason,
    Side,
    Token,
    from_epoch,
)
from trading_cli.store import deals, holdings, outbox

MARKETS = 8
PRICE = Decimal("0.52")
ENDS = (*BEHAVIOURS, "dies")


def prices(_number: int, _turn: int) -> str:
    """Return the one bid there is."""
    return "0.50"


def desk_at(stage: Stage, store, turn: int) -> Desk:
    """Return the desk of slot *turn*, with all books."""
    stage.at(turn)
    desk = Desk(stage, store, NOON + turn * SLOT)
    for n in range(stage.count):
        desk.remember(market(n), stage.book(n))
    return desk


def asked(desk: Desk, number: int, held: Position | None) -> execution.Asked:
    """Return the wish to buy market *number*, or to sell what is *held* of it."""
    one, at = market(number), desk.now()
    purpose, side = (Purpose.EXIT, Side.SELL) if held else (Purpose.ENTRY, Side.BUY)
    shares = held.shares if held else Decimal(20)
    limit = PRICE - 4 * CENT if held else PRICE
    why = Reason.STOP if held else Reason.SIGNAL
    decision = Decision(
        f"d{number}.{purpose}.{desk.slot}", desk.slot, at, one.id, one.event_id, "eager", purpose,
        Action.SELL if held else Action.BUY, why, Token.YES, shares, limit, "", "f", "s", None, {},
    )  # fmt: skip
    intent = Intent(
        decision.id, one.id, one.event_id, "eager", purpose, side, Token.YES, shares, limit, why,
        FEE, CENT, Decimal(5), "", f"sector{number}", (),
    )  # fmt: skip
    return execution.Asked(intent, decision, one, position=held, number=1 if held else 0)


def deal_once(stage: Stage, store, turn: int, number: int) -> None:
    """Buy a market, or sell it if it is held, and let the process die with the venue's answer."""
    desk = desk_at(stage, store, turn)
    with store.reading() as look:
        held = [p for p in holdings.positions(look) if p.market_id == f"M{number}"]
    wish = asked(desk, number, held[0] if held else None)
    broker = execution.broker_of(desk)
    try:
        execution.carry_out(desk, broker, wish)
        again = execution.carry_out(desk, broker, wish)  # the same signal, heard twice
        assert again is None
    except Died:
        pass


def campaign(folder: Path, runs: int, seed: int) -> tuple[Stage, Counter[str]]:
    """Deal *runs* times, the venue behaving as it pleases; ask about what is unsure, soon or late.

    After each look nothing that the venue carried out may be called rejected, and nothing is
    resolved otherwise than it was.
    """
    dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
    stage = Stage(folder, prices, MARKETS)
    met: Counter[str] = Counter()

    def behave(_order: Order) -> str:
        how = dice.choice(ENDS)
        met[how] += 1
        return how

    stage.exchange.behave = behave
    with stage.open_store() as store:
        open_account(desk_at(stage, store, 0))
        for turn in range(runs):
            deal_once(stage, store, turn, dice.randrange(MARKETS))
            for wait in sorted(dice.sample(range(1, 58), 2)):  # while it may be on its way
                stage.at(turn, wait)
                look_again(stage, store, turn)
            stage.at(turn, 60)
            look_again(stage, store, turn)
            with store.reading() as look:
                assert deals.open_orders(look) == []
    return stage, met


def look_again(stage: Stage, store, turn: int) -> None:
    """Ask about every open order, as the next run does; no phantom is called rejected."""
    desk = Desk(stage, store, NOON + turn * SLOT)
    execution.recover(desk, execution.broker_of(desk))
    there = {one.order_id for one in stage.exchange.deals()[-3:]}
    with store.reading() as look:
        newest = deals.orders(look, limit=3)
    assert not [one for one in newest if one.id in there and one.state is OrderState.REJECTED]


def judged(stage: Stage, met: Counter[str]) -> None:
    """Check that the venue's ledger and ours are the same, and every behaviour was met."""
    found = stage.judge(())
    assert found.clean, found
    assert set(met) == set(ENDS)


def test_two_hundred_runs_of_a_bad_venue(tmp_path):
    """0 doubled, 0 phantom rejects, all resolved within the minute."""
    judged(*campaign(tmp_path, 200, seed=5))


@pytest.mark.nightly
def test_five_thousand_runs_of_a_bad_venue(tmp_path):
    """The same, five thousand long."""
    for number in range(10):
        judged(*campaign(tmp_path / str(number), 500, seed=number))


@pytest.mark.parametrize("how", ["timeout", "error_500", "late", "drops", "dies"])
def test_what_is_unsure_is_frozen_and_told_until_it_is_known(tmp_path, how):
    """It counts in full, and the owner hears of it, until the broker says what became of it."""
    stage = Stage(tmp_path, prices, 1)
    stage.exchange.behave = lambda _: how
    with stage.open_store() as store:
        open_account(desk_at(stage, store, 0))
        deal_once(stage, store, 0, 0)
        stage.at(0, 5)
        desk = Desk(stage, store, NOON)
        if how in {"late", "drops"}:
            look_again(stage, store, 0)
        with store.reading() as look:
            (order,) = deals.open_orders(look)
            account = desk.account(look)
            told = [row.notice for row in outbox.rows(look) if row.notice.critical]
        assert account.reserved == order.reserved > 0
        assert order.state is (OrderState.PENDING if how == "dies" else OrderState.UNKNOWN)
        assert len(told) == (how != "dies")
        stage.at(1)
        execution.recover(desk, execution.broker_of(desk))
        with store.reading() as look:
            after = deals.order(look, order.id)
        assert after is not None
        assert after.state is (OrderState.REJECTED if how == "drops" else OrderState.FILLED)
    assert stage.judge(()).clean


def test_what_settles_meanwhile_waits_for_the_sale_that_is_unsure(tmp_path):
    """A sale nobody knows of keeps its shares out of the settlement, until it is known."""
    stage = Stage(tmp_path, lambda _n, turn: "0.50" if turn < 2 else "yes", 1)
    with stage.open_store() as store:
        open_account(desk_at(stage, store, 0))
        deal_once(stage, store, 0, 0)
        stage.exchange.behave = lambda _: "timeout"
        deal_once(stage, store, 1, 0)
        stage.at(2)
        desk = Desk(stage, store, NOON + 2 * SLOT)
        with store.transaction() as tx:
            stage.resolve(tx)
        assert settle_all(desk) == 0
        execution.recover(desk, execution.broker_of(desk))
        assert settle_all(desk) == 0
    assert stage.judge(()).clean


def test_the_same_signal_ten_times_is_one_order(tmp_path):
    """Heard ten times within a minute, by ten desks: one order, one fill."""
    stage = Stage(tmp_path, prices, 1)
    with stage.open_store() as store:
        open_account(desk_at(stage, store, 0))
        for second in range(10):
            desk = desk_at(stage, store, 0)
            stage.clock.set(from_epoch(NOON) + timedelta(seconds=second * 6))
            wish = asked(desk, 0, None)
            again = replace(wish, decision=replace(wish.decision, decided_at=desk.now()))
            execution.carry_out(desk, execution.broker_of(desk), again)
    assert len(stage.exchange.deals()) == 1
    assert stage.judge(()).clean
