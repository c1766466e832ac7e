"""The ledger by hand: every worksheet balances to the millionth, and nothing sells what is not."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from deals import FREE, NOW, D, book, fill_of, flat, order, position

from trading_cli.domain import Entry, Fill, OrderState, Position, PositionState, Reason, Side, Token
from trading_cli.trading.account import (
    Account,
    Labels,
    LedgerRefused,
    Stake,
    apply,
    balances,
    deposit,
    digest,
    is_loss,
    order_id,
    settle,
    snapshot,
)
from trading_cli.trading.fills import MICRO, walk


def lines(entries: tuple[Entry, ...]) -> dict[str, Decimal]:
    """Return account -> amount of one transfer, which must sum to zero."""
    assert sum((e.amount for e in entries), D(0)) == 0
    assert len({e.transfer for e in entries}) == 1
    assert all(e.amount == e.amount.quantize(MICRO) for e in entries)
    return {e.account: e.amount for e in entries}


@pytest.mark.parametrize(
    ("category", "rate", "fee_in", "fee_out"),
    [
        # 100 shares bought at .40, sold at .50: p(1-p) = .24 and .25
        ("crypto", "0.07", "1.68", "1.75"),
        ("sports", "0.05", "1.2", "1.25"),
        ("politics, finance, tech, mentions", "0.04", "0.96", "1"),
        ("economics, culture, weather, general", "0.05", "1.2", "1.25"),
        ("sports of before", "0.03", "0.72", "0.75"),
        ("geopolitics", "0", "0", "0"),
    ],
)
def test_a_round_trip_in_each_fee_category(
    category: str, rate: str, fee_in: str, fee_out: str
) -> None:
    """Buy 100 at .40, sell them at .50: 10 USD, less both fees of the category."""
    assert category
    fee = flat(rate)
    paid = walk(book(asks=[("0.40", "100")]), Side.BUY, D(100), D("0.42"), fee)
    got = walk(book(bids=[("0.50", "100")]), Side.SELL, D(100), D("0.48"), fee)
    assert (paid.fee, got.fee) == (D(fee_in), D(fee_out))
    entry, leave = order("100", "0.42"), order("100", "0.48", side=Side.SELL)
    bought = fill_of(entry, [("0.40", "100")], fee_in)
    held, first = apply(None, entry, bought)
    assert held.cost == 40 + D(fee_in)
    closed, last = apply(held, leave, fill_of(leave, [("0.50", "100")], fee_out))
    net = 10 - D(fee_in) - D(fee_out)
    assert (closed.state, closed.shares, closed.cost) == (PositionState.CLOSED, 0, 0)
    assert closed.realized == net
    total = balances((*deposit(D(1000), NOW, "opening"), *first, *last))
    assert total["cash"] == 1000 + net
    assert total.get("fees", 0) == D(fee_in) + D(fee_out)
    assert -(total["realized"] + total.get("fees", 0)) == net
    assert (total["positions"], total["capital"]) == (0, -1000)


def test_the_lines_of_a_buy_and_of_a_sale() -> None:
    """100 at .40 with a fee of .96; 25 of them at .50 with a fee of .25 take 10.24 of the cost."""
    entry = order("100", "0.42")
    held, first = apply(
        None, entry, fill_of(entry, [("0.40", "100")], "0.96"),
        entry_bid=D("0.39"), entry_spread=D("0.01"), labels=Labels("Politics", "politics", ("x",)),
    )  # fmt: skip
    assert lines(first) == {
        "cash": D("-40.96"), "positions": D("40.96"), "fees": D("0.96"), "realized": D("-0.96"),
    }  # fmt: skip
    assert [e.shares for e in first] == [0, 100, 0, 0]
    assert (held.entry_price, held.entry_bid, held.entry_spread) == (
        D("0.40"), D("0.39"), D("0.01"),
    )  # fmt: skip
    assert (held.category, held.sector, held.themes) == ("Politics", "politics", ("x",))
    assert held.id == digest("position", entry.id)
    leave = order("25", "0.48", side=Side.SELL, reason=Reason.TARGET_1)
    left, second = apply(held, leave, fill_of(leave, [("0.50", "25")], "0.25"))
    assert lines(second) == {
        "cash": D("12.25"), "positions": D("-10.24"), "fees": D("0.25"), "realized": D("-2.26"),
    }  # fmt: skip
    assert [e.shares for e in second] == [0, -25, 0, 0]
    assert (left.shares, left.cost, left.realized) == (D(75), D("30.72"), D("2.01"))
    assert (left.targets_hit, left.original_shares, left.state) == (
        1, D(100), PositionState.OPEN,
    )  # fmt: skip


def test_the_last_sale_clears_the_cost_to_exactly_nothing() -> None:
    """Three times a third of 100.00 USD: 33.333333, 33.333333, and the rest, 33.333334."""
    held = position("3", "0.50", cost="100")
    taken = []
    for _ in range(3):
        leave = order("1", "0.01", side=Side.SELL, name=f"o{len(taken)}")
        held, entries = apply(held, leave, fill_of(leave, [("0.50", "1")]))
        taken.append(-lines(entries)["positions"])
    assert taken == [D("33.333333"), D("33.333333"), D("33.333334")]
    assert (held.cost, held.state, held.closed_at) == (0, PositionState.CLOSED, NOW)
    assert held.realized == D("1.5") - 100


@pytest.mark.parametrize(
    ("payout", "cash", "gain"), [("1", "100", "58.80"), ("0.5", "50", "8.80"), ("0", None, "-41.2")]
)
def test_settlement_pays_one_a_half_or_nothing(payout: str, cash: str | None, gain: str) -> None:
    """100 shares that cost 41.20: paid 100, 50 or 0 USD, without a fee."""
    held = position("100", "0.40", cost="41.20")
    closed, entries = settle(held, D(payout), NOW)
    said = lines(entries)
    assert said.get("cash") == (None if cash is None else D(cash))
    assert (said["positions"], said["realized"]) == (D("-41.20"), -D(gain))
    assert (closed.realized, closed.cost, closed.shares) == (D(gain), 0, 0)
    assert (closed.state, closed.closed_at) == (PositionState.CLOSED, NOW)
    assert is_loss(held, closed) == (D(gain) < 0)
    assert {e.kind for e in entries} == {"settlement"}
    assert [e.shares for e in entries if e.account == "positions"] == [-100]


def test_a_further_buy_averages_the_entry_price() -> None:
    """100 at .40 and 50 at .46: 150 at .42, entry bid as it was."""
    first, second = order("100", "0.42", name="a"), order("50", "0.46", name="b")
    held, _ = apply(None, first, fill_of(first, [("0.40", "100")]), entry_bid=D("0.39"))
    more, _ = apply(held, second, fill_of(second, [("0.46", "50")]), entry_bid=D("0.45"))
    assert (more.entry_price, more.original_shares, more.shares) == (D("0.42"), 150, 150)
    assert (more.id, more.entry_bid, more.cost) == (held.id, D("0.39"), D(63))


@pytest.mark.parametrize(
    ("reason", "field"),
    [(Reason.SLOW_3_DAYS, "halved_slow"), (Reason.DEADLINE_7_DAYS, "halved_deadline")],
)
def test_a_half_is_remembered(reason: Reason, field: str) -> None:
    """What is sold once is marked once."""
    leave = order("50", "0.40", side=Side.SELL, reason=reason)
    held, _ = apply(position(), leave, fill_of(leave, [("0.45", "50")]))
    assert getattr(held, field)
    assert not getattr(position(), field)


def wrong_fills() -> list[tuple[str, Position | None, Fill]]:
    """Return what must not reach the ledger: a word, the position, the fill."""
    leave, entry = order("10", "0.4", side=Side.SELL), order("10", "0.5")
    sale, buy = fill_of(leave, [("0.45", "10")]), fill_of(entry, [("0.5", "10")])
    closed, _ = settle(position(), D(1), NOW)
    return [
        ("none are held", None, sale),
        ("sells 10 shares, and 9.99 are held", position("9.99"), sale),
        ("closed already", closed, sale),
        ("is not of position", replace(position(), market_id="m2"), sale),
        ("does not belong to order", position(), buy),
    ]  # fmt: skip


@pytest.mark.parametrize(("word", "held", "fill"), wrong_fills())
def test_what_would_break_the_ledger_is_refused(
    word: str, held: Position | None, fill: Fill
) -> None:
    """More than is held, another market's, another order's, a closed position's."""
    leave = order("10", "0.4", side=Side.SELL)
    with pytest.raises(LedgerRefused, match=word):
        apply(held, leave, fill)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"order_id": "another"}, "does not belong to order"),
        ({"token": Token.NO}, "does not belong to order"),
        ({"shares": D(0)}, "has 0 shares"),
        ({"shares": D(-1)}, "has -1 shares"),
        ({"fee": D("-0.01")}, "a fee of -0.01"),
    ],
)
def test_a_fill_that_cannot_be_is_refused(changes: dict[str, object], word: str) -> None:
    """Each by itself: another order's, another token's, of nothing, paid for by the venue."""
    entry = order("10", "0.5")
    wrong = replace(fill_of(entry, [("0.5", "10")]), **changes)  # type: ignore[arg-type]
    with pytest.raises(LedgerRefused, match=word):
        apply(None, entry, wrong)


def test_the_least_there_is_can_be_bought() -> None:
    """A hundredth of a share, free."""
    entry = order("0.01", "0.5")
    held, _ = apply(None, entry, fill_of(entry, [("0.5", "0.01")]))
    assert (held.shares, held.cost) == (D("0.01"), D("0.005"))


def test_what_brought_neither_gain_nor_loss_is_no_loss() -> None:
    """A cool-down begins below 0, not at it."""
    held = position("100", "0.40", cost="50")
    even, _ = settle(held, D("0.5"), NOW)
    assert not is_loss(held, even)


def _sell(held: Position, wanted: str, got: str, reason: Reason) -> Position:
    leave = order(wanted, "0.40", side=Side.SELL, reason=reason)
    return apply(held, leave, fill_of(leave, [("0.45", got)]))[0]


@pytest.mark.parametrize(
    "reason",
    [Reason.TARGET_1, Reason.TARGET_2, Reason.SLOW_3_DAYS, Reason.DEADLINE_7_DAYS],
)
def test_what_a_part_still_lacks_is_owed(reason: Reason) -> None:
    """20 of 50 were sold: 30 are owed for the same reason, never more than is left of 100."""
    begun = _sell(position("100"), "50", "20", reason)
    assert (begun.owed, begun.owed_for) == (30, reason)
    stopped = _sell(begun, "40", "40", Reason.STOP)
    assert (stopped.owed, stopped.owed_for) == (30, reason)
    more = _sell(stopped, "20", "20", Reason.STOP)
    assert (more.shares, more.owed, more.owed_for) == (20, 20, reason)
    gone = _sell(more, "20", "20", Reason.STOP)
    assert (gone.owed, gone.owed_for, gone.state) == (0, None, PositionState.CLOSED)
    whole = _sell(position("100"), "50", "50", reason)
    assert (whole.owed, whole.owed_for) == (0, None)


@pytest.mark.parametrize(
    ("reason", "hit"),
    [(Reason.STOP, 0), (Reason.TARGET_1, 1), (Reason.TARGET_2, 2), (Reason.TARGET_3, 3)],
)
def test_which_target_was_hit_is_remembered(reason: Reason, hit: int) -> None:
    """The highest so far; a stop hits none, and owes nothing."""
    sold = _sell(position("100"), "50", "20", reason)
    assert sold.targets_hit == hit
    assert _sell(sold, "10", "10", Reason.TARGET_1).targets_hit == max(hit, 1)
    if reason in {Reason.STOP, Reason.TARGET_3}:
        assert (sold.owed, sold.owed_for) == (0, None)


def test_a_payout_that_does_not_exist_is_refused() -> None:
    """Only 1, 0.5 or 0; and only once."""
    with pytest.raises(LedgerRefused, match=r"only 1, 0\.5 or 0"):
        settle(position(), D("0.7"), NOW)
    closed, _ = settle(position(), D(1), NOW)
    with pytest.raises(LedgerRefused, match="closed already"):
        settle(closed, D(1), NOW)


def test_deposits_and_withdrawals_are_two_lines() -> None:
    """Cash against capital; nothing, or less than a millionth, cannot be moved."""
    assert lines(deposit(D(10000), NOW, "opening")) == {"cash": D(10000), "capital": D(-10000)}
    out = deposit(D("-250.5"), NOW, "w1")
    assert lines(out) == {"cash": D("-250.5"), "capital": D("250.5")}
    assert {e.kind for e in out} == {"withdrawal"}
    for amount in ("0.000001", "0.5", "1"):
        assert {e.kind for e in deposit(D(amount), NOW, "d1")} == {"deposit"}
    for amount in (D(0), D("0.0000001")):
        with pytest.raises(LedgerRefused, match="cannot be moved"):
            deposit(amount, NOW, "x")


def test_the_account_is_worth_what_it_could_be_sold_for() -> None:
    """Cash 9,900 and a position bought for 100 that would bring 80: equity 9,980, base the same."""
    entry = order("20", "0.50", market="m2")
    pending = replace(entry, reserved=D("10.3"))
    leave = order("30", "0.40", side=Side.SELL)
    outside = Stake("m9", "e9", Token.NO, D(10), D(7), Labels("Sports", "sports"), "outside")
    closed, _ = settle(position(), D(1), NOW)
    known = snapshot(
        at=NOW, cash=D(9900), capital=D(10000), positions=[position("200", "0.50"), closed],
        values={"p1": D(80)}, orders=[pending, leave], outside=[outside],
        labels={"m2": Labels("Crypto", "crypto")},
    )  # fmt: skip
    assert (known.equity, known.base) == (9980, 9980)
    assert known.exposure == 100 + D("10.3") + 7
    assert known.reserved == D("10.3")
    assert [s.labels.category for s in known.stakes] == ["", "Crypto", "Sports"]
    assert known.held("s", "m1", Token.YES) == 170
    assert known.held("other", "m1", Token.YES) == 0


def test_what_is_not_said_is_absent_or_nothing() -> None:
    """No label, a position of nobody, an account without a past."""
    assert Labels() == Labels("", "other", ())
    plain = Stake("m1", "e1", Token.YES, D(1), D(1))
    assert (plain.labels, plain.kind, plain.strategy) == (Labels(), "position", "")
    bare = Account(NOW, D(1), D(1), D(0))
    assert (bare.stakes, bare.entries_today, bare.last_loss_at) == ((), 0, None)
    assert (bare.losses, bare.selling) == ((), {})
    assert snapshot(at=NOW, cash=D(1), capital=D(1), positions=[], values={}) == bare
    assert {(e.market_id, e.token) for e in deposit(D(1), NOW, "d1")} == {("", None)}


def test_a_position_opened_on_a_book_nobody_kept() -> None:
    """Its bid is what was paid, its spread 0, and it is of the paper broker."""
    entry = order("10", "0.5")
    held, _ = apply(None, entry, fill_of(entry, [("0.45", "10")]))
    assert (held.entry_bid, held.entry_spread, held.by) == (D("0.45"), 0, "paper")
    assert (held.category, held.sector, held.themes) == ("", "other", ())


def test_an_order_has_the_same_id_on_any_machine() -> None:
    """The hash of what makes it one; the first intent of a slot is number 0."""
    words = ("s", "m1", Token.YES, Side.BUY, 1_772_452_800)
    assert order_id(*words) == order_id(*words, 0) == "cfe50a79ac10a26f"
    assert order_id(*words, 1) != order_id(*words)
    assert order_id(*words) == digest("order", *words, 0)


def test_percentages_are_never_of_paper_gains() -> None:
    """With 12,000 of equity on 10,000 put in, the base is 10,000; below zero it is 0."""
    rich = snapshot(at=NOW, cash=D(12000), capital=D(10000), positions=[], values={})
    poor = snapshot(at=NOW, cash=D(-1), capital=D(10000), positions=[], values={})
    assert (rich.base, poor.base) == (10000, 0)


def test_an_ended_order_holds_nothing_back() -> None:
    """Only pending and unknown orders count."""
    entry = order()
    for state, count in ((OrderState.UNKNOWN, 1), (OrderState.FILLED, 0), (OrderState.REJECTED, 0)):
        one = replace(entry, state=state)
        known = snapshot(
            at=NOW, cash=D(1), capital=D(1), positions=[], values={}, orders=[one]
        )  # fmt: skip
        assert len(known.stakes) == count


def test_a_gap_through_the_stop_loses_more_than_the_stop() -> None:
    """Stop at .43, the next book bids .20: 100 shares of 50 USD bring 20, and 30 are gone."""
    held = position("100", "0.50", bid="0.49")
    got = walk(book(bids=[("0.20", "500")]), Side.SELL, D(100), D("0.18"), FREE)
    leave = order("100", "0.18", side=Side.SELL, reason=Reason.STOP, at=NOW + timedelta(hours=1))
    closed, entries = apply(held, leave, fill_of(leave, [("0.20", "100")]))
    assert got.gross == 20
    assert closed.realized == -30
    assert lines(entries) == {"cash": D(20), "positions": D(-50), "realized": D(30)}
