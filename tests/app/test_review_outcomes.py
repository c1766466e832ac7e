"""What a stranger asked of how it ends: NO to the settlement, and what the owner hears."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from dealing import Stage, book, quiet  # beside this
from reviewing import STAY, D, held, run, staged, told
from venue import FEE

from trading_cli.app import reconcile
from trading_cli.app.cycles import run_cycle
from trading_cli.domain import (
    Fill,
    Order,
    OrderState,
    Position,
    PositionState,
    Purpose,
    Reason,
    Side,
    Token,
    from_epoch,
)
from trading_cli.store import (
    deals,
    journal,
    pauses,
)
from trading_cli.trading import ExitsSection, account, exits


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Stage]:
    """Return what makes a home on paper; each market follows a line of prices."""
    return partial(staged, tmp_path)


# --- NO, to the end

BEAR = """
from decimal import Decimal
from trading_cli.trading.strategies import Action, Advice
class Bear:
    name, ceiling = "bear", Decimal("0.01")
    def decide(self, data, symbol, current_price):
        wanted = 0.49 < current_price < 0.52
        return Advice(Action.SELL if wanted else Action.HOLD, strength=0.5)
"""


@pytest.mark.parametrize(("end", "payout"), [("yes", D(0)), ("no", D(1)), ("half", D("0.5"))])
def test_a_no_is_bought_at_one_less_the_bid_and_paid_the_other_way(made, end, payout):
    """From the signal against YES to the settlement: what NO costs and what it pays."""
    stage = made(("0.49", "0.49", end, end), signals={"strategies": ["bear.py:Bear"]})
    (stage.home / "bear.py").write_text(BEAR)
    run(stage, 0)
    (position,) = held(stage)
    with stage.open_store() as store, store.reading() as look:
        (bought,) = deals.fills(look)
        (order,) = deals.orders(look)
    assert (position.token, bought.price, order.limit_price) == (Token.NO, D("0.51"), D("0.53"))
    assert position.entry_bid == D("0.50")  # one less the ask of YES
    run(stage, 1, 2)
    (closed,) = held(stage, every=True)
    assert closed.state is PositionState.CLOSED
    assert closed.realized == bought.shares * payout - position.cost
    with stage.open_store() as store, store.reading() as look:
        assert reconcile.of(look)["agrees"]
        (row,) = journal.rows(look, kind="settlement")
    assert D(str(row.body["payout"])) == payout


def test_an_announced_entry_that_bought_nothing_is_told(made):
    """The owner heard BUY: they hear, too, that there is no such holding."""
    stage = made(("0.50",))
    stage.exchange.behave = lambda _order: "nothing"
    stage.broker = stage.exchange
    run(stage, 0)
    assert [one.notice.key.partition(":")[0] for one in told(stage)] == ["signal", "unbought"]
    assert held(stage) == []


def test_a_holding_without_a_stop_for_two_slots_is_told(made):
    """No book, no stop: once a day, not for a single book that did not come."""
    stage = made(STAY)
    run(stage, 0)
    books = stage.venue
    empty = books()
    empty.books.collect = lambda _wanted: iter(())
    stage.venue = lambda: empty
    for turn in (1, 2, 3):
        stage.at(turn)
        assert run_cycle(stage, stage.plan(), progress=quiet).state == "PARTIAL"
        said = [one.notice for one in told(stage) if one.notice.key.startswith("unjudged:")]
        assert len(said) == (turn > 1)
    assert "NO STOP" in said[0].text


def test_a_collapse_to_no_bid_counts_as_a_loss(made):
    """Half of the account in a token nobody bids for any more: entries are paused."""
    risk = {"position": "1", "event_group": "1", "category": "1", "exposure": "1", "cash": "0",
            "sector_politics": "1", "kelly": "1", "ask_depth": "1", "bid_depth": "1"}  # fmt: skip
    stage = made(STAY, bankroll=600, risk=risk)
    (stage.home / "eager.py").write_text(
        (stage.home / "eager.py").read_text().replace('Decimal("0.01")', 'Decimal("0.5")')
    )
    run(stage, 0)
    shown = stage.book

    def one_sided(number: int):
        return replace(shown(number), bids=())

    stage.book = one_sided
    for turn in range(1, 5):
        stage.at(turn)
        run_cycle(stage, stage.plan(), progress=quiet)
    with stage.open_store() as store, store.reading() as look:
        assert [one.kind for one in pauses.active(look, stage.clock.now())]


def test_nothing_is_entered_on_a_listing_a_day_old(made):
    """A market may be disputed by now: its words must be of today."""
    stage = made(("0.45",) * 96 + ("0.50",))
    run(stage, 95, 96)
    with stage.open_store() as store, store.reading() as look:
        assert deals.orders(look) == []


def test_a_cycle_gone_on_ten_minutes_late_enters_nothing(made):
    """The quote it decides on is of ten minutes ago."""
    stage = made(STAY)
    stage.at(0)
    plan = stage.plan()
    first = replace(plan, steps=plan.steps[:1], name="collect")
    assert run_cycle(stage, first, progress=quiet).state == "OK"
    stage.at(0, seconds=600)
    rest = replace(plan, steps=plan.steps[1:])
    assert run_cycle(stage, rest, progress=quiet).state == "OK"
    with stage.open_store() as store, store.reading() as look:
        assert deals.orders(look) == []


def test_half_that_was_hardly_sold_is_sold_further():
    """One share of fifty is not half: the other 49 are sold next, and then it is done."""
    at = from_epoch(0)
    position = Position(
        "p", "M0", "E0", "s", Token.YES, PositionState.OPEN, D(100), D(50), D(100), D("0.5"),
        D("0.5"), D("0.01"), at,
    )  # fmt: skip

    def sold(before: Position, wanted: int, got: int) -> Position:
        order = Order(
            f"o{wanted}", "d", "M0", "E0", "s", Purpose.EXIT, Side.SELL, Token.YES, D(wanted),
            D("0.4"), Reason.DEADLINE_7_DAYS, OrderState.PENDING, at,
        )  # fmt: skip
        fill = Fill(f"f{wanted}", order.id, "M0", Token.YES, Side.SELL, D(got), D("0.5"), D(0), at)
        return account.apply(before, order, fill)[0]

    def due(position: Position) -> exits.Exit | exits.Stay:
        yes, ahead = book(0, D("0.50"), at), at + timedelta(days=6)
        holding = exits.Holding(position, yes, FEE, D("0.01"), D(5), deadline=ahead)
        return exits.review(holding, ExitsSection(), at)

    assert (due(position).reason, due(position).shares) == (Reason.DEADLINE_7_DAYS, 50)
    hardly = sold(position, 50, 1)
    assert (due(hardly).reason, due(hardly).shares) == (Reason.DEADLINE_7_DAYS, 49)
    mostly = sold(hardly, 49, 46)
    assert due(mostly).reason is Reason.NO_EXIT  # three shares are fewer than the venue takes
    done = sold(hardly, 49, 49)
    assert (done.shares, done.owed, done.owed_for) == (50, 0, None)
    assert due(done).reason is Reason.NO_EXIT
