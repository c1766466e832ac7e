"""What is decided, ordered, filled and held comes back as it was given, once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import trading_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trading_rows import MINUTE, NOON, trial

from trading_cli.core.errors import StoreError, UsageError
from trading_cli.domain import Action, OrderState, PositionState, Purpose, Reason, Token, slot_of
from trading_cli.store import Store, deals, decided, holdings
from trading_cli.trading.fills import gross_of

MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        yield opened


@MANY
@given(made=trading_rows.DECISIONS)
def test_a_decision_comes_back_as_it_was(store, made):
    """Whatever was decided, it is read as it was written, and a second time is the same."""
    with trial(store) as tx:
        assert decided.record_decisions(tx, [made]).new == 1
        assert decided.decision(tx, made.id) == made
        assert decided.record_decisions(tx, [made]).same == 1
        assert decided.decisions(tx) == [made]


@MANY
@given(made=trading_rows.ORDERS)
def test_an_order_comes_back_as_it_was(store, made):
    """Whatever was ordered, it is read as it was written, and a second time is the same."""
    with trial(store) as tx:
        assert deals.place_order(tx, made)
        assert deals.order(tx, made.id) == made
        assert not deals.place_order(tx, made)
        assert deals.open_orders(tx) == ([made] if made.state.open else [])


@MANY
@given(made=trading_rows.FILLS)
def test_a_fill_comes_back_with_its_average_to_the_last_digit(store, made):
    """Whatever was filled, price and levels are read digit by digit, so the money is the same."""
    with trial(store) as tx:
        deals.place_order(tx, trading_rows.order())
        assert deals.record_fill(tx, made)
        assert deals.fills(tx) == [made]
        assert deals.gross_of(deals.fills(tx)[0]) == deals.gross_of(made)
        assert str(deals.fills(tx)[0].price) == str(made.price)
        assert not deals.record_fill(tx, made)


@MANY
@given(made=trading_rows.HELD, seconds=st.integers(0, 10**6))
def test_a_position_comes_back_as_it_was_open_and_closed(store, made, seconds):
    """Whatever is held, all of it is read as it was written, and so when it is closed."""
    closed = replace(
        made,
        state=PositionState.CLOSED,
        shares=Decimal(0),
        cost=Decimal(0),
        closed_at=made.opened_at + timedelta(seconds=seconds),
    )
    with trial(store) as tx:
        assert holdings.save_position(tx, made)
        assert not holdings.save_position(tx, made)
        assert holdings.positions(tx) == [made]
        assert holdings.save_position(tx, closed)
        assert holdings.position(tx, made.id) == closed
        assert holdings.positions(tx) == []
        assert holdings.positions(tx, every=True) == [closed]
        with pytest.raises(StoreError, match="closed"):
            holdings.save_position(tx, made)


def test_a_decision_that_says_otherwise_is_noted_and_the_first_stands(store):
    """The same evaluation with another outcome is a conflict; what was decided first is read."""
    with store.transaction() as tx:
        decided.record_decisions(tx, [trading_rows.decision()])
        other = trading_rows.decision(action=Action.HOLD, reason=Reason.ROC_LOW)
        assert decided.record_decisions(tx, [other]).conflict == 1
        assert decided.decision(tx, "d1") == trading_rows.decision()
        assert tx.execute("SELECT kept_in FROM conflicts").fetchall() == [("decisions",)]


def test_decisions_are_found_by_what_is_asked(store):
    """Time is half open, market, strategy, reason and slot narrow it, the newest come first."""
    made = [
        trading_rows.decision("d1"),
        trading_rows.decision("d2", at=NOON + 15 * MINUTE, reason=Reason.RISK),
        trading_rows.decision("d3", at=NOON + 30 * MINUTE, market_id="500002"),
        trading_rows.decision("d4", at=NOON + 45 * MINUTE, strategy="early"),
    ]
    with store.transaction() as tx:
        decided.record_decisions(tx, made)

    def found(**asked):
        with store.reading() as look:
            return [each.id for each in decided.decisions(look, **asked)]

    assert found() == ["d4", "d3", "d2", "d1"]
    assert found(limit=2) == ["d4", "d3"]
    assert found(since=NOON + 15 * MINUTE, until=NOON + 45 * MINUTE) == ["d3", "d2"]
    assert found(market="500001") == ["d4", "d2", "d1"]
    assert found(strategy="early") == ["d4"]
    assert found(reason=Reason.RISK) == ["d2"]
    assert found(slot=slot_of(NOON)) == ["d1"]
    assert found(slot=slot_of(NOON), market="500002") == []


def test_a_beginning_that_only_one_has_is_enough(store):
    """An id may be shortened while one begins so; an exact one wins; several are refused."""
    with store.transaction() as tx:
        decided.record_decisions(tx, [trading_rows.decision(name) for name in ("ab", "abc", "b_%")])
        assert decided.decision(tx, "abc").id == "abc"
        assert decided.decision(tx, "ab").id == "ab"
        assert decided.decision(tx, "b").id == "b_%"
        assert decided.decision(tx, "%") is None
        assert decided.decision(tx, "") is None
        with pytest.raises(UsageError, match="ab, abc"):
            decided.decision(tx, "a")


def test_an_event_was_entered_if_its_order_lives_or_got_something(store):
    """An open order or a fill counts; a rejected order, an exit and an old entry do not."""
    rejected = trading_rows.order("o2", event_id="e2", state=OrderState.REJECTED)
    left = trading_rows.order("o3", event_id="e3", purpose=Purpose.EXIT)
    old = trading_rows.order("o4", event_id="e4", at=NOON - 60 * MINUTE)
    filled = trading_rows.order("o5", event_id="e5", at=NOON + MINUTE)
    with store.transaction() as tx:
        for each in (trading_rows.order("o1"), rejected, left, old, filled):
            deals.place_order(tx, each)
        deals.record_fill(tx, trading_rows.fill("f5", order_id="o5"))
        deals.end_order(tx, "o5", OrderState.PARTIAL, "", NOON + MINUTE)
        assert decided.entered_since(tx, NOON - MINUTE) == {"e1": NOON, "e5": NOON + MINUTE}
        assert "e4" in decided.entered_since(tx, NOON - 60 * MINUTE)


@pytest.mark.parametrize("state", [state for state in OrderState if not state.open])
def test_an_ended_order_holds_nothing_back(store, state):
    """Whatever way an order ends, its reserve is let go, its end is dated and it stays ended."""
    with store.transaction() as tx:
        deals.place_order(tx, trading_rows.order())
        assert deals.end_order(tx, "o1", state, "why", NOON + MINUTE)
        ended = deals.order(tx, "o1")
        assert (ended.state, ended.reserved, ended.detail) == (state, 0, "why")
        assert deals.ended_at(tx, "o1") == NOON + MINUTE
        assert not deals.end_order(tx, "o1", state, "again", NOON + 2 * MINUTE)
        assert deals.open_orders(tx) == []
        other = next(each for each in OrderState if each is not state)
        with pytest.raises(StoreError, match=f"ended {state}"):
            deals.end_order(tx, "o1", other, "", NOON)


def test_an_unknown_order_keeps_its_reserve(store):
    """What may still be filled goes on holding its money back, until it is known."""
    with store.transaction() as tx:
        deals.place_order(tx, trading_rows.order())
        assert deals.end_order(tx, "o1", OrderState.UNKNOWN, "no answer", NOON)
        (kept,) = deals.open_orders(tx)
        assert kept.reserved == Decimal("5.375")
        assert deals.ended_at(tx, "o1") is None
        assert deals.end_order(tx, "o1", OrderState.FILLED, "", NOON)
        assert deals.open_orders(tx) == []
        with pytest.raises(StoreError, match="no order o9"):
            deals.end_order(tx, "o9", OrderState.FILLED, "", NOON)


def test_a_fill_that_says_otherwise_is_noted_and_the_first_stands(store):
    """The same fill with other shares is a conflict, and a fill needs its order."""
    with store.transaction() as tx:
        deals.place_order(tx, trading_rows.order())
        assert deals.record_fill(tx, trading_rows.fill())
        assert not deals.record_fill(tx, trading_rows.fill(shares=Decimal(1)))
        assert deals.fill(tx, "f") == trading_rows.fill()
        assert tx.execute("SELECT kept_in FROM conflicts").fetchall() == [("fills",)]
    with pytest.raises(StoreError), store.transaction() as tx:
        deals.record_fill(tx, trading_rows.fill("f2", order_id="none"))


def test_orders_and_fills_are_found_by_what_is_asked(store):
    """By time, decision and market of orders; by time, order and market of fills."""
    with store.transaction() as tx:
        deals.place_order(tx, trading_rows.order("o1"))
        deals.place_order(tx, trading_rows.order("o2", at=NOON + MINUTE, decision_id="d2"))
        deals.record_fill(tx, trading_rows.fill("f1"))
        deals.record_fill(
            tx, trading_rows.fill("f2", order_id="o2", at=NOON + MINUTE, market_id="m2")
        )
        assert [each.id for each in deals.orders(tx)] == ["o2", "o1"]
        assert [each.id for each in deals.orders(tx, since=NOON + MINUTE)] == ["o2"]
        assert [each.id for each in deals.orders(tx, decision="d1")] == ["o1"]
        assert [each.id for each in deals.fills(tx)] == ["f1", "f2"]
        assert [each.id for each in deals.fills(tx, order="o2")] == ["f2"]
        assert [each.id for each in deals.fills(tx, market="500001")] == ["f1"]
        assert [each.id for each in deals.fills(tx, since=NOON + MINUTE)] == ["f2"]


@pytest.mark.parametrize(
    "write",
    [
        lambda tx, odd: decided.record_decisions(tx, [trading_rows.decision(shares=odd)]),
        lambda tx, odd: deals.place_order(tx, trading_rows.order(limit_price=odd)),
        lambda tx, odd: deals.place_order(tx, trading_rows.order(reserved=odd)),
        lambda tx, odd: deals.record_fill(tx, trading_rows.fill(fee=odd)),
        lambda tx, odd: holdings.save_position(tx, trading_rows.position(cost=odd)),
    ],
)
@pytest.mark.parametrize("odd", [Decimal(1) / 3, Decimal("0.0000001"), Decimal("NaN")])
def test_what_is_finer_than_a_millionth_is_refused(store, write, odd):
    """Nothing is rounded behind the caller's back: the ledger would not add up."""
    with pytest.raises(ValueError, match="finer than a millionth"), store.transaction() as tx:
        write(tx, odd)


def test_a_position_cannot_become_another(store):
    """What a position is of never changes under its id."""
    with store.transaction() as tx:
        holdings.save_position(tx, trading_rows.position())
        with pytest.raises(StoreError, match="another market"):
            holdings.save_position(tx, trading_rows.position(token=Token.NO))


def test_what_a_wallet_holds_is_replaced_as_a_whole(store):
    """A second look keeps what is there still, changes what changed and forgets what was sold."""

    def held(market, shares):
        return holdings.Outside(
            "0xw", market, "e1", Token.YES, Decimal(shares), Decimal(3), NOON, {"title": "T"}
        )

    other = replace(held("m9", 1), wallet="0xv")
    with store.transaction() as tx:
        holdings.replace_outside(tx, "0xv", [other], NOON)
        first = holdings.replace_outside(tx, "0xw", [held("m1", 10), held("m2", 20)], NOON)
        assert first.new == 2
        again = holdings.replace_outside(tx, "0xw", [held("m1", 10), held("m2", 20)], NOON)
        assert (again.new, again.same) == (0, 2)
        last = holdings.replace_outside(tx, "0xw", [held("m2", 21)], NOON)
        assert (last.new, last.same) == (2, 0)
        assert holdings.outside_positions(tx) == [other, held("m2", 21)]
        with pytest.raises(ValueError, match="0xv"):
            holdings.replace_outside(tx, "0xw", [other], NOON)


@MANY
@given(made=trading_rows.FILLS)
def test_the_file_and_the_ledger_know_the_same_money(made):
    """Whatever was filled, the stored USD are those that the ledger books."""
    assert Decimal(deals.gross_of(made)) / 10**6 == gross_of(made)


def test_what_made_a_position_is_found(store):
    """Its own orders and fills from opening to end; a person's, and another strategy's, are not."""
    closed = trading_rows.position(
        state=PositionState.CLOSED, shares=Decimal(0), cost=Decimal(0), closed_at=NOON + 9 * MINUTE
    )
    others = {"o3": {"broker": "person"}, "o4": {"strategy": "early"}, "o5": {"token": Token.NO}}
    with store.transaction() as tx:
        for name in ("o1", "o2", *others, "o6"):
            deals.place_order(tx, trading_rows.order(name, **others.get(name, {})))
            token = others.get(name, {}).get("token", Token.YES)
            at = NOON + (20 if name == "o6" else 1) * MINUTE
            deals.record_fill(tx, trading_rows.fill(f"f-{name}", order_id=name, token=token, at=at))
        assert [got.id for _, got in deals.dealings(tx, closed)] == ["f-o1", "f-o2"]
        held = trading_rows.position(by="person")
        assert [made.id for made, _ in deals.dealings(tx, held)] == ["o3"]
