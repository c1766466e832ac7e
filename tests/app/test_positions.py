"""What is held is valued at what selling it brings; a person's trades are booked like any other."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dealt import DAY, NOON, SLOT, Dealt  # beside this

from trading_cli.app import by_hand, journal, positions, reconcile
from trading_cli.app.by_hand import Trade
from trading_cli.app.desk import last_loss
from trading_cli.core.errors import UsageError
from trading_cli.domain import Action, PositionState, Reason
from trading_cli.store import Store, balances, deals, holdings
from trading_cli.trading.account import LedgerRefused


@pytest.fixture
def dealt(home: Path) -> Dealt:
    """Return a home with a market that is seen, and one signal in it."""
    made = Dealt(home)
    made.see(1)
    made.decide()
    made.clock.set(NOON + SLOT)
    return made


def test_nothing_is_held_in_an_empty_home(home):
    """Absent is null, never 0."""
    told = positions.positions(Dealt(home).config)
    assert told["positions"] == []
    assert told["totals"]["liquidation"] is None
    assert told["warnings"] == [positions.EMPTY]


def test_a_holding_is_worth_what_the_bids_pay(dealt):
    """The worksheet: 12.5 at .41 less the fee; leaving costs half the spread and the fee."""
    dealt.open_account()
    dealt.trade(dealt.decide(), "0.42", at=NOON + timedelta(seconds=5))
    told = positions.positions(dealt.config, clock=dealt.clock)
    (row,) = told["positions"]
    assert row["cost"] == 5.3718  # 12.5 x .42 + 12.5 x .04 x .42 x .58
    assert row["liquidation"] == pytest.approx(12.5 * 0.41 - 12.5 * 0.04 * 0.41 * 0.59)
    assert row["unrealized"] == pytest.approx(row["liquidation"] - 5.3718)
    assert row["cost_to_leave"] == pytest.approx(12.5 * 0.415 - row["liquidation"])
    assert (row["bid"], row["ask"], row["unsold"]) == (0.41, 0.42, 0)
    assert row["book_age_s"] == 902  # seen 2 s before noon + 7 s, looked at a slot later
    assert row["stop"] == pytest.approx(0.41 - 0.12 * 0.41)
    assert told["totals"]["cash"] == pytest.approx(10_000 - 5.3718)
    assert told["stop_note"] == ("a stop is an attempt, not a bound; you can lose the whole stake")


def test_a_locked_holding_says_what_is_frozen_and_what_is_not(dealt):
    """While the venue settles it the targets are frozen and the stop is not: the row says both."""
    dealt.open_account()
    held = dealt.trade(dealt.decide(), "0.42", at=NOON + timedelta(seconds=5))
    (row,) = positions.positions(dealt.config, clock=dealt.clock)["positions"]
    assert row["note"] == ""
    with dealt.store() as store, store.transaction() as tx:
        holdings.save_position(tx, replace(held, state=PositionState.LOCKED))
    (row,) = positions.positions(dealt.config, clock=dealt.clock)["positions"]
    assert (row["state"], row["stop"]) == ("LOCKED", pytest.approx(0.41 - 0.12 * 0.41))
    assert "targets are frozen, the stop still sells" in row["note"]


def test_a_holding_without_a_book_has_no_price(dealt):
    """Nothing seen of its market is null and counted as unpriced; it is never worth 0."""
    dealt.open_account()
    dealt.trade(dealt.decide(7), "0.42", at=NOON + timedelta(seconds=5))
    told = positions.positions(dealt.config, clock=dealt.clock)
    (row,) = told["positions"]
    assert (row["liquidation"], row["bid"], row["book_age_s"]) == (None, None, None)
    assert told["totals"]["unpriced"] == 1
    assert told["totals"]["liquidation"] is None


def test_a_large_holding_says_what_finds_no_bid(dealt):
    """700 shares into 600 bids: the rest is unsold and brings nothing."""
    dealt.open_account()
    dealt.trade(dealt.decide(), "0.42", at=NOON + timedelta(seconds=5), shares="700")
    (row,) = positions.positions(dealt.config, clock=dealt.clock)["positions"]
    assert row["unsold"] == 100
    assert row["liquidation"] < 600 * 0.41


def test_a_trade_by_hand_is_booked_like_any_other(dealt):
    """Order, fill, position, ledger and journal hold it; the fee is the market's; all agrees."""
    told = by_hand.fill(dealt.config, "d1", Trade(Decimal("0.42"), Decimal(10)), clock=dealt.clock)
    assert told["fee"] == pytest.approx(10 * 0.04 * 0.42 * 0.58)
    assert told["cash"] == pytest.approx(10_000 - 4.2 - told["fee"])
    (row,) = positions.positions(dealt.config, clock=dealt.clock)["positions"]
    assert (row["by"], row["shares"], row["id"]) == ("person", 10, told["position"])
    more = by_hand.fill(dealt.config, "d1", Trade(Decimal("0.44"), Decimal(10)), clock=dealt.clock)
    assert (more["position"], more["held"]) == (told["position"], 20)
    part = by_hand.sold(
        dealt.config, told["position"], Trade(Decimal("0.5"), Decimal(5), Decimal("0.1")),
        clock=dealt.clock,
    )  # fmt: skip
    assert (part["held"], part["fee"]) == (15, 0.1)
    dealt.clock.set(NOON + DAY)
    last = by_hand.sold(
        dealt.config, told["position"], Trade(Decimal("0.6"), None), clock=dealt.clock
    )
    assert last["held"] == 0
    assert reconcile.reconcile(dealt.config)["agrees"]
    kinds = [row["kind"] for row in journal.entries(dealt.config)["entries"]]
    assert kinds == ["exit", "exit", "fill", "fill", "deposit", "decision"]
    came = journal.review(dealt.config, told["position"], None, clock=dealt.clock)["outcome"]
    assert came["net"] == pytest.approx(last["realized"])


def test_a_persons_position_is_apart_from_the_brokers(dealt):
    """Both may hold the same signal: each has its own position, and its own fills."""
    dealt.open_account()
    held = dealt.trade(dealt.decide(), "0.42", at=NOON + timedelta(seconds=5))
    told = by_hand.fill(dealt.config, "d1", Trade(Decimal("0.43"), Decimal(7)), clock=dealt.clock)
    assert told["position"] != held.id
    with pytest.raises(UsageError, match="no position of yours"):
        by_hand.sold(dealt.config, held.id, Trade(Decimal("0.5"), None), clock=dealt.clock)
    with Store.reader(dealt.database) as store, store.reading() as look:
        assert [fill.shares for _, fill in deals.dealings(look, held)] == [Decimal("12.5")]


def test_the_same_trade_typed_twice_is_asked_about(dealt):
    """A repeated line is refused until it is said to be another trade."""
    trade = Trade(Decimal("0.42"), Decimal(10))
    by_hand.fill(dealt.config, "d1", trade, clock=dealt.clock)
    dealt.clock.set(NOON + 2 * SLOT)
    with pytest.raises(UsageError, match="booked already"):
        by_hand.fill(dealt.config, "d1", trade, clock=dealt.clock)
    again = Trade(Decimal("0.42"), Decimal(10), again=True)
    assert by_hand.fill(dealt.config, "d1", again, clock=dealt.clock)["held"] == 20


@pytest.mark.parametrize(
    ("trade", "says"),
    [
        (Trade(Decimal(42), Decimal(10)), "a price lies between"),
        (Trade(Decimal("0.42"), Decimal(0)), "shares must be above 0"),
        (Trade(Decimal("0.42"), Decimal(-5)), "shares must be above 0"),
        (Trade(Decimal("0.5"), Decimal(10**9)), "the account has 10,000.00 USD"),
        (Trade(Decimal("0.42"), None), "how many shares"),
        (Trade(Decimal("0.42"), Decimal("1.1234567")), "six decimals"),
        (Trade(Decimal("0.42"), Decimal(1), Decimal(-1)), "fee of -1"),
        (Trade(Decimal("0.42"), Decimal(1), at=NOON + DAY), "cannot be"),
        (Trade(Decimal("0.42"), Decimal(1), at=NOON - DAY), "its cause is of"),
    ],
)
def test_a_trade_that_cannot_be_is_refused(dealt, trade, says):
    """Numbers and times that no trade has are named, and nothing is booked."""
    with pytest.raises(UsageError, match=says):
        by_hand.fill(dealt.config, "d1", trade, clock=dealt.clock)
    with Store.reader(dealt.database) as store, store.reading() as look:
        assert balances.entries(look) == []
        assert deals.fills(look) == []


def test_more_than_is_held_cannot_be_sold(dealt):
    """A person's ledger obeys the same rules; a refusal leaves it as it was."""
    told = by_hand.fill(dealt.config, "d1", Trade(Decimal("0.42"), Decimal(5)), clock=dealt.clock)
    with pytest.raises(LedgerRefused, match="sells 6"):
        by_hand.sold(
            dealt.config, told["position"], Trade(Decimal("0.5"), Decimal(6)), clock=dealt.clock
        )
    assert reconcile.reconcile(dealt.config)["agrees"]


def test_a_loss_by_hand_starts_the_cool_down(dealt):
    """The gateway waits after a person's loss as after its own; a gain starts nothing."""
    told = by_hand.fill(dealt.config, "d1", Trade(Decimal("0.42"), Decimal(10)), clock=dealt.clock)
    gain = Trade(Decimal("0.6"), Decimal(4))
    by_hand.sold(dealt.config, told["position"], gain, clock=dealt.clock)
    with Store.reader(dealt.database) as store, store.reading() as look:
        assert last_loss(look) is None
    dealt.clock.set(NOON + DAY)
    loss = Trade(Decimal("0.2"), Decimal(4))
    by_hand.sold(dealt.config, told["position"], loss, clock=dealt.clock)
    with Store.reader(dealt.database) as store, store.reading() as look:
        assert last_loss(look) == NOON + DAY
    late = Trade(Decimal("0.1"), Decimal(2), at=NOON + 2 * SLOT)
    by_hand.sold(dealt.config, told["position"], late, clock=dealt.clock)
    with Store.reader(dealt.database) as store, store.reading() as look:
        assert last_loss(look) == NOON + DAY


def test_a_decision_without_a_token_cannot_be_filled(dealt):
    """What said no trade names nothing to buy."""
    dealt.decide(3, action=Action.HOLD, reason=Reason.RVR_LOW, token=None, shares=Decimal(0))
    with pytest.raises(UsageError, match="names no token"):
        by_hand.fill(dealt.config, "d3", Trade(Decimal("0.4"), Decimal(5)), clock=dealt.clock)


@pytest.mark.parametrize(
    ("change", "later", "says"),
    [
        ({"action": Action.HOLD, "reason": Reason.RVR_LOW}, SLOT, "was no trade"),
        ({}, 2 * DAY, "more than a day ago"),
        ({"expires_at": None}, DAY + SLOT, "more than a day ago"),
    ],
)
def test_what_is_no_signal_any_more_asks_for_the_time(dealt, change, later, says):
    """A buy on a refusal, or long after the signal, is booked only with the time it was."""
    dealt.decide(2, **change)
    dealt.see(2)
    dealt.clock.set(NOON + later)
    with pytest.raises(UsageError, match=says):
        by_hand.fill(dealt.config, "d2", Trade(Decimal("0.4"), Decimal(5)), clock=dealt.clock)
    when = Trade(Decimal("0.4"), Decimal(5), at=NOON + SLOT)
    assert by_hand.fill(dealt.config, "d2", when, clock=dealt.clock)["held"] == 5
