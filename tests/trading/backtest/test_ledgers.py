"""Worked by hand, to the cent: what a run buys, pays, sells and is paid."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from planted import Told, at, book, buy, deep, quoted

from trading_cli.core.errors import UsageError
from trading_cli.domain import FeeSchedule, OrderState, Reason, Token
from trading_cli.trading import SignalsSection
from trading_cli.trading.account import balances
from trading_cli.trading.backtest.columns import FIRST_SLOT
from trading_cli.trading.backtest.engine import run
from trading_cli.trading.backtest.history import Operated
from trading_cli.trading.backtest.rules import Rules, fees_of
from trading_cli.trading.backtest.worlds import MemoryHistory, Print, plain_market
from trading_cli.trading.fees import FEE_TABLE

D = Decimal
DEAR = frozenset({Reason.ROUND_TRIP})
ENTER = Told({(0, "m0"): buy()})
BEFORE, AFTER = ("0.49", "0.50"), ("0.80", "0.81")

# Bought at 0.50 for 100 USD at most at the limit of 0.52 with its fee, sold whole at 0.80.
# rate, exponent: shares, cost, proceeds, worked on paper from shares x rate x (p(1-p))^exponent
BY_HAND = {
    ("0", "1"): ("192.30", "96.150000", "153.840000"),
    ("0.0175", "1"): ("190.70", "96.184310", "152.026040"),
    ("0.03", "1"): ("189.57", "96.206780", "150.746060"),
    ("0.04", "1"): ("188.68", "96.226800", "149.736450"),
    ("0.05", "1"): ("187.80", "96.247500", "148.737600"),
    ("0.07", "1"): ("186.05", "96.280880", "146.756240"),
    ("0.25", "2"): ("186.71", "96.272340", "148.173060"),
}


@pytest.mark.parametrize("row", FEE_TABLE, ids=lambda row: row.fee_type)
def test_every_kind_of_fee_to_the_cent(row) -> None:
    """Each type of the venue's table costs what its formula says, both ways."""
    shares, cost, proceeds = BY_HAND[str(row.rate), str(row.exponent)]
    market = plain_market(0, fees_enabled=True, fee_type=row.fee_type)
    world = quoted([BEFORE, AFTER], market, waived=DEAR)
    (trip,) = run(world, Rules(), [ENTER]).closed
    assert (trip.shares, trip.cost, trip.proceeds) == (D(shares), D(cost), D(proceeds))
    assert trip.net == D(proceeds) - D(cost)
    assert trip.reasons == ("TARGET_3",)
    assert (trip.grade, trip.late) == ("A", False)


def test_the_table_of_hands_is_made_by_hand() -> None:
    """One row of it, step by step: 0.05 of p(1-p) is 1.25 cents a share at 0.50, 0.8 at 0.80."""
    shares = D("187.80")
    assert shares * (D("0.52") + D("0.05") * D("0.52") * D("0.48")) <= 100
    assert shares * D("0.50") + D("2.3475") == D("96.2475")
    assert shares * D("0.80") - D("1.5024") == D("148.7376")


def test_fees_are_charged_as_of_the_fill() -> None:
    """Before a type's first row nothing is paid."""
    market = plain_market(0, fees_enabled=True, fee_type="general_fees")
    early = int(datetime(2025, 12, 1, tzinfo=UTC).timestamp())
    world = quoted([BEFORE, AFTER], replace(market, end_at=datetime(2026, 9, 1, tzinfo=UTC)))
    slots = world.columns.slots - FIRST_SLOT + early
    shift = timedelta(seconds=early - FIRST_SLOT)

    def moved(one):
        return replace(one, observed_at=one.observed_at + shift, event_time=one.event_time + shift)

    world = MemoryHistory(
        [world.markets[0]],
        world.mids,
        slots,
        books={place: moved(one) for place, one in world.books.items()},
        fresh={place: moved(one) for place, one in world.fresh.items()},
        waived=frozenset(),
    )
    told = Told({((early - FIRST_SLOT) // 900, "m0"): buy()})
    (trip,) = run(world, Rules(), [told]).closed
    assert trip.fees == 0


def test_an_override_of_the_fees_is_charged_instead() -> None:
    """flat:0.05 costs what a market of rate 0.05 does, also on a market that is free."""
    world = quoted([BEFORE, AFTER], fees=fees_of("flat:0.05"), waived=DEAR)
    (trip,) = run(world, Rules(fees=fees_of("flat:0.05")), [ENTER]).closed
    assert (trip.cost, trip.proceeds) == (D("96.2475"), D("148.7376"))


def test_a_partial_fill_is_all_that_was_there() -> None:
    """40 shares were offered within the limit: 40 are held, the rest is gone."""
    thin = book((("0.49", "10000"),), (("0.50", "25"), ("0.52", "15"), ("0.53", "900")), at(0, 61))
    world = quoted([BEFORE, BEFORE], fresh={0: thin})
    done = run(world, Rules(), [ENTER])
    assert done.orders[0].state is OrderState.PARTIAL
    (trip,) = done.still_open
    assert (trip.shares, trip.cost) == (D(40), D("20.30"))
    assert trip.net == 40 * D("0.49") - D("20.30")


def test_what_moved_beyond_the_limit_is_not_bought() -> None:
    """The fresh book asks more than the limit: nothing is held, nothing is reserved."""
    world = quoted([BEFORE, BEFORE], fresh={0: deep("0.55", "0.56", at(0, 61))})
    done = run(world, Rules(), [ENTER])
    assert done.orders[0].state is OrderState.CANCELLED
    assert not done.closed + done.still_open
    assert done.equity.cash.tolist() == [10_000.0, 10_000.0]


@pytest.mark.parametrize(("yes", "paid"), [("1", "192.30"), ("0.5", "96.15"), ("0", "0")])
def test_capital_is_locked_until_the_payout_was_seen(yes: str, paid: str) -> None:
    """What the venue pays comes in the slot it was observed in, not before; 50-50 pays half."""
    quotes = [BEFORE] * 6
    world = quoted(quotes, payouts={"m0": (at(4), D(yes))})
    done = run(world, Rules(), [ENTER])
    (trip,) = done.closed
    assert done.equity.cash.tolist() == [9_903.85] * 4 + [9_903.85 + float(paid)] * 2
    assert (trip.payout, trip.proceeds, trip.reasons) == (D(yes), D(paid), ("SETTLED",))
    assert trip.net == D(paid) - D("96.15")


def test_no_pays_what_yes_does_not() -> None:
    """A NO share of a market that came out NO pays one."""
    world = quoted([BEFORE] * 3, payouts={"m0": (at(2), D(0))})
    (trip,) = run(world, Rules(), [Told({(0, "m0"): buy(Token.NO)})]).closed
    # NO is offered at 1 - 0.49: at most 0.53, so 188.67 shares at 0.51
    assert (trip.token, trip.shares, trip.cost) == (Token.NO, D("188.67"), D("96.2217"))
    assert trip.proceeds == D("188.67")


def test_what_was_never_paid_stays_on_its_own_line() -> None:
    """A position at the end of the history is open, and no profit of it is counted as closed."""
    done = run(quoted([BEFORE] * 3), Rules(), [ENTER])
    assert not done.closed
    (trip,) = done.still_open
    assert trip.closed_at is None
    assert trip.net == D("192.30") * D("0.49") - D("96.15")


def test_a_stop_is_an_attempt_not_a_bound() -> None:
    """The bid gaps from 0.49 to 0.20: the stop sells there, far below its price."""
    done = run(quoted([BEFORE, BEFORE, ("0.20", "0.21")]), Rules(), [ENTER])
    (trip,) = done.closed
    assert trip.reasons == ("STOP",)
    assert trip.proceeds == D("192.30") * D("0.20")
    assert trip.net == D("-57.69")


def test_targets_are_a_ladder() -> None:
    """A quarter at 0.54, half of the original at 0.575, the rest at 0.625."""
    quotes = [BEFORE, ("0.54", "0.55"), ("0.58", "0.59"), ("0.63", "0.64")]
    done = run(quoted(quotes), Rules(), [ENTER])
    (trip,) = done.closed
    assert trip.reasons == ("TARGET_1", "TARGET_2", "TARGET_3")
    assert [fill.shares for fill in done.fills] == [D("192.30"), D("48.07"), D("96.15"), D("48.08")]
    assert trip.proceeds == D("48.07") * D("0.54") + D("96.15") * D("0.58") + D("48.08") * D("0.63")


def test_after_the_second_target_it_trails() -> None:
    """Five percent below the highest bid since the second target sells the rest."""
    quotes = [BEFORE, ("0.58", "0.59"), ("0.60", "0.61"), ("0.57", "0.58")]
    (trip,) = run(quoted(quotes), Rules(), [ENTER]).closed
    assert trip.reasons == ("TARGET_2", "TRAILING")


def test_half_goes_a_week_before_the_deadline_and_all_three_days_before() -> None:
    """Days pass between the slots: deadline exits fire by the clock."""
    days = [0, 1, 5, 9]
    market = plain_market(0, end_at=at(0) + timedelta(days=11, hours=12))
    quotes = {number * 96: ("0.49", "0.50") for number in days}
    world = quoted(quotes, market)
    done = run(world, Rules(), [ENTER])
    (trip,) = done.closed
    assert trip.reasons == ("DEADLINE_7_DAYS", "DEADLINE_3_DAYS")
    assert [fill.shares for fill in done.fills] == [D("192.30"), D("96.15"), D("96.15")]


def test_own_fills_eat_the_depth_until_a_newer_book_shows_it_back() -> None:
    """The same book twice: what we sold into is gone; a newer one has it again."""
    ten = (("0.40", "10"), ("0.30", "900"))
    same = book(ten, (("0.41", "900"),), at(1, 31), name="same")
    again = replace(same, observed_at=at(2, 31))
    newer = book(ten, (("0.41", "900"),), at(3, 31), name="newer")
    quotes = [BEFORE, *[("0.40", "0.41")] * 3]
    world = quoted(quotes, fresh={1: same, 2: again, 3: newer})
    done = run(world, Rules(), [ENTER])
    sold = [(order.state.value, order.detail) for order in done.orders[1:]]
    assert [state for state, _ in sold] == ["PARTIAL", "CANCELLED", "PARTIAL"]
    assert sum(fill.shares for fill in done.fills[1:]) == 20


def test_a_late_book_fills_when_it_was_seen() -> None:
    """Without a fetched book the next slot's executes, and the stake is reserved until then."""
    world = quoted([BEFORE, ("0.50", "0.51"), BEFORE])
    world = replace_fresh(world, {})
    done = run(world, Rules(), [ENTER])
    (trip,) = done.still_open
    assert (trip.late, trip.cost) == (True, D("192.30") * D("0.51"))
    assert trip.opened_at == at(1, 2)
    assert done.equity.cash[0] == 10_000
    assert done.equity.staked[0] == float(done.orders[0].reserved)


def replace_fresh(world: MemoryHistory, fresh) -> MemoryHistory:
    """Return *world* with other execution books."""
    return MemoryHistory(
        world.markets, world.mids, world.slots, books=world.books, fresh=fresh,
        prints=world.prints, waived=world.waived,
    )  # fmt: skip


def test_a_book_that_comes_after_the_signal_expired_fills_nothing() -> None:
    """The next book is an hour later: the order gets none."""
    world = quoted([BEFORE, BEFORE], slots=[0, 4])
    done = run(replace_fresh(world, {}), Rules(), [ENTER])
    assert done.orders[0].state is OrderState.REJECTED
    assert not done.fills


def test_a_print_through_the_limit_fills_at_the_limit() -> None:
    """Grade B: no book came; somebody sold 30 shares below our limit of 0.52."""
    world = quoted({0: BEFORE, 2: ("0.49", "0.50")})
    prints = {
        0: [
            Print(Token.YES, D("0.52"), D(500), at(0, 90)),
            Print(Token.YES, D("0.51"), D(30), at(0, 95)),
        ]
    }
    world = MemoryHistory(
        world.markets, world.mids, world.slots, books=world.books, prints=prints, waived=frozenset()
    )
    done = run(world, Rules(), [ENTER])
    assert done.grades == {"B": 1}
    assert (done.fills[0].shares, done.fills[0].price) == (D(30), D("0.52"))
    assert done.fills[0].at == at(0, 95)


@pytest.mark.parametrize("token", list(Token))
def test_a_mid_costs_slippage_of_its_own_price(token: Token) -> None:
    """Grade C: 1.5 % above the token's own mid to buy, below it to sell, rounded against us."""
    yes = np.array([[0.30, 0.30, 0.30]]) if token is Token.YES else np.array([[0.70, 0.70, 0.70]])
    world = MemoryHistory([plain_market(0)], yes, payouts={})
    done = run(world, Rules(), [Told({(0, "m0"): buy(token)})])
    (fill,) = done.fills
    assert (fill.grade, fill.price.quantize(D("0.000001"))) == ("C", D("0.304500"))
    (trip,) = done.still_open
    assert trip.proceeds == (fill.shares * D("0.2955")).quantize(D("0.000001"), "ROUND_DOWN")
    assert "ROUND_TRIP" in done.waived


def test_a_waiting_mid_is_the_next_slots() -> None:
    """With a lag of one slot grade C is late: it fills at the mid of the slot after."""
    world = MemoryHistory([plain_market(0)], np.array([[0.30, 0.31, 0.31]]), lag=1)
    done = run(world, Rules(), [Told({(0, "m0"): buy()})])
    assert done.fills[0].price.quantize(D("0.0001")) == D("0.3147")
    assert done.fills[0].at == at(1, 1)


def test_every_line_of_the_ledger_has_its_counterpart() -> None:
    """After all, the accounts of a run sum to zero, and cash is what equity says."""
    quotes = [BEFORE, ("0.54", "0.55"), ("0.20", "0.21")]
    done = run(
        quoted(quotes, plain_market(0, fees_enabled=True, fee_type="zero_fees")), Rules(), [ENTER]
    )
    held = balances(done.entries)
    assert sum(held.values()) == 0
    assert held["cash"] == D(10_000) + sum(trip.net for trip in done.closed)
    assert float(held["cash"]) == done.equity.cash[-1]
    assert held["positions"] == 0


def test_who_is_stopped_enters_nothing_and_at_level_three_sells_all() -> None:
    """What the operator did then holds in the run, too."""
    stopped = {FIRST_SLOT + 900: Operated("TRIGGERED", 3)}
    told = Told({(0, "m0"): buy(), (1, "m0"): buy()})
    done = run(quoted([BEFORE] * 3, operating=stopped), Rules(), [told])
    (trip,) = done.closed
    assert trip.reasons == ("KILL_ALL",)
    assert done.reasons["NOT_ARMED"] == 1
    assert done.killed_at is None


def test_a_pause_of_the_owner_holds_entries_back() -> None:
    """A pause is a veto in the run as it was live."""
    paused = {FIRST_SLOT: Operated(pauses=("owner",))}
    done = run(quoted([BEFORE] * 2, operating=paused), Rules(), [ENTER])
    assert done.reasons == {"PAUSED": 1, "NO_EDGE": 1}


def test_an_unknown_fee_forbids_the_entry() -> None:
    """Nobody knows what the market charges: it is not entered."""
    done = run(quoted([BEFORE], plain_market(0, fees_enabled=None)), Rules(), [ENTER])
    assert done.reasons == {"FEE_UNKNOWN": 1}


def test_a_signal_that_expires_at_once_is_never_sent() -> None:
    """The shortest life of a signal still reaches the order taken with it."""
    done = run(quoted([BEFORE]), Rules(signals=SignalsSection(expiry_minutes=1)), [ENTER])
    assert done.orders[0].state is OrderState.FILLED


def test_another_schedule_is_a_schedule() -> None:
    """The words for fees, and what is no word."""
    assert fees_of("schedule") is None
    assert fees_of("zero") == FeeSchedule(D(0), D(1), "zero")
    with pytest.raises(UsageError, match="'flat:much' are not known"):
        fees_of("flat:much")


def test_an_override_of_the_fees_decides_too() -> None:
    """A market that is free is sized, and refused, by the fee that will be charged."""
    dear = Rules(fees=fees_of("flat:0.2"))
    assert run(quoted([BEFORE]), dear, [ENTER]).reasons == {"ROUND_TRIP": 1}
    (order,) = run(quoted([BEFORE]), Rules(fees=fees_of("flat:0.01")), [ENTER]).orders
    assert order.shares == D("191.38")  # 100 / (0.52 + 0.01 x 0.52 x 0.48)
