"""A person sells: through the gateway, on a fresh book, with a word for what stays held."""

from datetime import timedelta
from decimal import Decimal

import pytest

from trading_cli.app import closing, explain, journal, positions, reconcile
from trading_cli.app.cycles import run_cycle
from trading_cli.app.steps import PLANS
from trading_cli.cli.explain import _blocks
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import UsageError
from trading_cli.domain import (
    Fill,
    Level,
    Order,
    OrderState,
    Position,
    Purpose,
    Reason,
    Side,
    Token,
)
from trading_cli.store import Store, balances, deals, decided, holdings
from trading_cli.trading import account

quiet = [].append


class Passing(FrozenClock):
    """A world in which a second passes for whoever sleeps, however short."""

    def sleep(self, seconds: float) -> None:
        """Let a second of the world pass, and none of ours."""
        del seconds
        self.set(self.now() + timedelta(seconds=1))


def buy(kit, number: int, *, by: str = "paper") -> Position:
    """Hold 10 YES of the *number*-th followed market, bought at 50 cents."""
    market = kit.followed()[number]
    at = kit.clock.now()
    order = Order(
        f"o{number}{by}", f"d{number}", market.id, market.event_id or market.id, "rvr_roc_hype",
        Purpose.ENTRY, Side.BUY, Token.YES, Decimal(10), Decimal("0.5"), Reason.SIGNAL,
        OrderState.FILLED, at, broker="paper" if by == "paper" else by,
    )  # fmt: skip
    fill = Fill(
        f"f{number}{by}", order.id, market.id, Token.YES, Side.BUY, Decimal(10), Decimal("0.5"),
        Decimal("0.1"), at, (Level(Decimal("0.5"), Decimal(10)),),
    )  # fmt: skip
    with kit.toolkit.open_store() as store, store.transaction() as tx:
        if not balances.entries(tx):
            lines = account.deposit(Decimal(10_000), at, balances.OPENING)
            balances.record_entries(tx, lines)
        held, lines = account.apply(None, order, fill, by=by)
        deals.place_order(tx, order)
        deals.record_fill(tx, fill)
        holdings.save_position(tx, held)
        balances.record_entries(tx, lines)
    return held


@pytest.fixture
def holding(kit) -> tuple:
    """Return a home that collected once, with two positions of ours and one of a person."""
    kit.collect()
    return kit, buy(kit, 0), buy(kit, 1), buy(kit, 2, by="person")


def test_a_position_is_sold_by_its_id_or_its_order(holding):
    """What was meant is sold at the bid and journaled with the reason; the rest stays."""
    kit, first, second, _ = holding
    kit.at(1)
    clock = Passing(kit.clock.now())
    told = closing.close(
        kit.config, (first.id,), every=False, reason="enough", progress=quiet, clock=clock
    )
    (row,) = told["closed"]
    assert (row["position"], row["state"], row["left"]) == (first.id, "CLOSED", 0), row
    assert row["question"]
    assert not told["refused"]
    held = positions.positions(kit.config, clock=clock)["positions"]
    assert first.id not in {one["id"] for one in held}
    assert second.id in {one["id"] for one in held}
    assert reconcile.reconcile(kit.config)["agrees"]
    assert journal.verify(kit.config)["whole"]
    (said,) = journal.entries(kit.config, kind="operator")["entries"]
    assert said["body"]["reason"] == "enough"
    story = explain.explain(kit.config, first.id, clock=kit.clock)
    assert [one["reason"] for one in story["orders"]][-1] == "CLOSED_BY_OWNER"
    assert story["outcome"]["exits"][0]["reason"] == "CLOSED_BY_OWNER"


def test_all_means_all_that_the_broker_holds(holding):
    """A person's own position is never sold for them."""
    kit, first, second, own = holding
    kit.at(1)
    clock = Passing(kit.clock.now())
    told = closing.close(kit.config, (), every=True, reason="holiday", progress=quiet, clock=clock)
    assert {row["position"] for row in told["closed"]} == {first.id, second.id}
    with Store.reader(kit.database) as store, store.reading() as look:
        assert [one.id for one in holdings.positions(look)] == [own.id]
    with pytest.raises(UsageError, match="your own"):
        closing.close(
            kit.config, (own.id,), every=False, reason="x", progress=quiet, clock=kit.clock
        )


def test_all_of_nothing_writes_nothing(kit):
    """Where the broker holds nothing, nothing was done and no row says that something was."""
    kit.collect()
    before = journal.entries(kit.config)["total"]
    told = closing.close(kit.config, (), every=True, reason="x", progress=quiet, clock=kit.clock)
    assert told["closed"] == []
    assert journal.entries(kit.config)["total"] == before


def test_what_cannot_be_sold_stays_held_and_says_why(holding):
    """With the kill switch at its last level nothing is sold, and a warning names how many."""
    kit, first, *_ = holding
    kit.at(1)
    (kit.toolkit.home / "data" / "KILL").write_text("level 4\n")
    told = closing.close(
        kit.config, (first.id,), every=False, reason="x", progress=quiet, clock=kit.clock
    )
    (row,) = told["closed"]
    assert (row["state"], row["sold"], row["left"]) == ("OPEN", 0, 10)
    assert "level 4" in row["why"]
    assert told["refused"]
    assert told["warnings"] == ["1 of 1 are still held: see why"]


@pytest.mark.parametrize(
    ("names", "every", "reason"),
    [((), False, "x"), (("a",), True, "x"), ((), True, "  "), (("nothing",), False, "x")],
)
def test_what_is_meant_must_be_clear(kit, names, every, reason):
    """Neither nothing nor both, and never without a reason."""
    kit.collect()
    with pytest.raises(UsageError):
        closing.close(
            kit.config, names, every=every, reason=reason, progress=quiet, clock=kit.clock
        )


def test_every_decision_of_a_real_cycle_is_explained(kit):
    """After two whole cycles each decision has its story, on one screen of 80 columns."""
    for turn in range(2):
        kit.at(turn)
        report = run_cycle(kit.toolkit, PLANS["collection"], progress=quiet)
        assert report.error is None
    with Store.reader(kit.database) as store, store.reading() as look:
        taken = decided.decisions(look)
    assert taken
    for one in taken[:20]:
        told = explain.explain(kit.config, one.id, clock=kit.clock)
        assert told["why"].startswith("No trade. ")
        assert {row["what"] for row in told["inputs"]} == {"quote", "book"}
        assert all(row["decided"] for row in told["settings"])
        why, facts = _blocks(told)
        width = max(len(name) for name, _ in facts.pairs)
        lines = [*why.split("\n"), *(f"{name:{width}}  {value}" for name, value in facts.pairs)]
        assert max(len(line) for line in lines if "https://" not in line) <= 80, lines
        assert len(lines) <= 40, lines
    assert reconcile.reconcile(kit.config)["agrees"]
    assert journal.verify(kit.config)["whole"]
