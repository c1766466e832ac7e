"""Whatever the world and the strategy: no cent appears, none is lost, and cash is never owed."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planted import D, at, walks

from trading_cli.domain import FeeSchedule, Purpose, Token
from trading_cli.trading import RiskSection, SignalsSection
from trading_cli.trading.account import balances
from trading_cli.trading.backtest.engine import Engine, result_of, run
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.tally import Tally
from trading_cli.trading.backtest.worlds import MemoryHistory
from trading_cli.trading.strategies.random_entries import RandomEntries

WIDE = RiskSection(
    position=D("0.5"), event_group=D("0.5"), category=D("0.9"), exposure=D(1), cash=D(0),
    sector_other=D(1), trades_per_day=99, cool_down_minutes=0, open_positions=50, per_category=50,
    day_loss=D(1), week_loss=D(1), month_loss=D(1), peak_loss=D(1),
    tier_ceilings=(D("0.3"),) * 4,
)  # fmt: skip
QUIETLY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
worlds = st.fixed_dictionaries({
    "seed": st.integers(0, 10_000),
    "gaps": st.sampled_from([0.0, 0.1, 0.5]),
    "step": st.sampled_from([0.01, 0.1, 0.4]),
    "lag": st.sampled_from([0, 1]),
    "slots": st.integers(1, 40),
})  # fmt: skip


def world_of(drawn, *, payouts: bool = True) -> MemoryHistory:
    """Return the world drawn, some of its markets paid out on the way."""
    paid = {f"m{one}": (at(12 + one), D(one) / 2) for one in range(3)} if payouts else {}
    return walks(
        drawn["seed"], slots=drawn["slots"], step=drawn["step"], gaps=drawn["gaps"],
        lag=drawn["lag"], payouts=paid,
    )  # fmt: skip


@QUIETLY
@given(worlds, st.sampled_from(["0", "0.05", "0.25"]), st.sampled_from([0.05, 0.6]))
def test_the_books_balance_after_every_slot(drawn, rate: str, chance: float) -> None:
    """Cash, what positions cost, fees and result always make the capital; cash is never below 0."""
    check_the_books(drawn, rate, chance)


@pytest.mark.nightly
@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds, st.sampled_from(["0", "0.02", "0.07", "0.25"]), st.sampled_from([0.01, 0.2, 0.9]))
def test_the_books_balance_in_a_thousand_worlds(drawn, rate: str, chance: float) -> None:
    """The same, at night, a thousand times."""
    check_the_books(drawn, rate, chance)


def check_the_books(drawn, rate: str, chance: float) -> None:
    """Step through the world drawn and hold every account against the others in every slot."""
    fee = FeeSchedule(D(rate), D(1), "test")
    rules = Rules(risk=WIDE, fees=fee)
    coin = RandomEntries(chance, drawn["seed"], ceiling=D("0.3"))
    history = world_of(drawn)
    engine = Engine(history, rules, [coin], Tally(keep=False))
    for moment in history.moments():
        engine.step(moment)
        held = balances(engine.dealer.holdings.entries)
        cost = sum((one.cost for one in engine.dealer.holdings.positions.values()), D(0))
        assert held["cash"] >= 0
        assert held.get("positions", D(0)) == cost
        assert sum(held.values()) == 0
        assert -held["capital"] == D(10_000)
    done = result_of(engine)
    gained = sum((trip.net for trip in done.closed), D(0))
    open_cash = sum((fill_cash(done, trip.id) for trip in done.still_open), D(0))
    assert balances(done.entries)["cash"] == D(10_000) + gained + open_cash


def fill_cash(done, name: str) -> Decimal:
    """Return what the fills of the open position moved in cash."""
    trip = next(one for one in done.still_open if one.id == name)
    orders = {
        order.id
        for order in done.orders
        if (order.market_id, order.token, order.strategy)
        == (trip.market_id, trip.token, trip.strategy)
    }
    fills = {f"fill:{fill.id}" for fill in done.fills if fill.order_id in orders}
    since = [one for one in done.entries if one.at >= trip.opened_at]
    return sum(
        (one.amount for one in since if one.account == "cash" and one.transfer in fills), D(0)
    )


@QUIETLY
@given(worlds, st.sampled_from([0.0, 3.0, 12.0]))
def test_an_event_is_never_entered_twice_within_its_hours(drawn, hours: float) -> None:
    """Two markets an event, a strategy that always wants in: entries keep their distance."""
    rules = Rules(risk=WIDE, signals=SignalsSection(already_in_hours=hours))
    done = run(world_of(drawn), rules, [RandomEntries(0.9, drawn["seed"])])
    filled = {fill.order_id for fill in done.fills}
    entries: dict[str, list] = {}
    for order in done.orders:
        if order.purpose is Purpose.ENTRY and order.id in filled:
            entries.setdefault(order.event_id, []).append(order.placed_at)
    for times in entries.values():
        for first, second in pairwise(times):
            assert second - first > timedelta(hours=hours)


@QUIETLY
@given(worlds)
def test_the_same_input_is_the_same_run(drawn) -> None:
    """Twice the same world and coin: the same digest, with decisions kept or not."""
    coin = [RandomEntries(0.3, drawn["seed"])]
    one = run(world_of(drawn), Rules(), coin)
    other = run(world_of(drawn), Rules(), coin, keep_decisions=True)
    assert one.digest == other.digest
    assert not one.decisions
    assert len(other.decisions) == len({decision.id for decision in other.decisions})


@QUIETLY
@given(worlds)
def test_a_mirrored_world_is_the_same_run_with_the_tokens_swapped(drawn) -> None:
    """Who is called YES does not matter: the mirror trades the other token, cent for cent."""
    plain = world_of(drawn, payouts=False)
    listing = [
        type(market)(**{
            **{name: getattr(market, name) for name in market.__slots__},
            "yes_token": market.no_token,
            "no_token": market.yes_token,
        })
        for market in plain.markets
    ]  # fmt: skip
    mirror = MemoryHistory(listing, 1 - plain.columns.mids, lag=plain.lag)
    coin = [RandomEntries(0.3, drawn["seed"])]
    one, other = run(plain, Rules(), coin), run(mirror, Rules(), coin)

    def told(done, *, swap: bool) -> list:
        return [
            (trip.market_id, trip.token.other if swap else trip.token, trip.net, trip.reasons)
            for trip in done.closed + done.still_open
        ]

    assert told(one, swap=False) == told(other, swap=True)
    assert Token.YES.other is Token.NO
