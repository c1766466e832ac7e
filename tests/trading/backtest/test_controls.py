"""Negative controls: what must not win does not; who knows the future wins only while he does."""

import math
from datetime import timedelta

import numpy as np
from planted import SLOT, Asking, D, at, buy, martingale

from trading_cli.domain import FeeSchedule, Reason, Token
from trading_cli.trading import ExitsSection, RiskSection, SignalsSection
from trading_cli.trading.backtest.columns import FIRST_SLOT
from trading_cli.trading.backtest.engine import run
from trading_cli.trading.backtest.rules import ZERO_FEE, Rules
from trading_cli.trading.backtest.worlds import MemoryHistory, plain_market
from trading_cli.trading.strategies.random_entries import RandomEntries
from trading_cli.trading.view import View

FREELY = RiskSection(
    position=D(1), event_group=D(1), category=D(1), exposure=D(1), cash=D(0),
    sector_other=D(1), trades_per_day=1000, cool_down_minutes=0, open_positions=500,
    per_category=500, day_loss=D(1), week_loss=D(1), month_loss=D(1), peak_loss=D(1),
)  # fmt: skip
AT_ONCE = SignalsSection(already_in_hours=0)
FEE = FeeSchedule(D("0.02"), D(1), "flat:0.02")
ANY_PRICE = frozenset({Reason.ASK_BAND, Reason.EXIT_WOULD_FIRE, Reason.ROUND_TRIP})


def t_of(values: list[float]) -> float:
    """Return the mean of *values* in standard errors."""
    found = np.array(values)
    return float(found.mean() / (found.std(ddof=1) / math.sqrt(found.size)))


def test_random_signals_lose_spread_and_fee() -> None:
    """On fair prices a coin loses what trading costs, no more and no less, within 3 errors."""
    world = martingale(11, markets=24, slots=160, sd=0.02, slippage=D("0.01"), fees=FEE)
    coin = RandomEntries(0.1, 7, ceiling=D("0.002"))
    done = run(world, Rules(AT_ONCE, FREELY, fees=FEE), [coin])
    assert len(done.closed) > 100
    slipped = {trip.id: 0.0 for trip in done.closed}
    by_order = {order.id: order for order in done.orders}
    for trip in done.closed:
        for fill in done.fills:
            order = by_order[fill.order_id]
            same = (order.market_id, order.token) == (trip.market_id, trip.token)
            if same and trip.opened_at <= fill.at <= trip.closed_at:
                share = D("0.01") / (D("1.01") if fill.side.value == "BUY" else D("0.99"))
                slipped[trip.id] += float(fill.gross * share)
    costs = [slipped[trip.id] + float(trip.fees) for trip in done.closed]
    nets = [float(trip.net) for trip in done.closed]
    assert abs(t_of([net + cost for net, cost in zip(nets, costs, strict=True)])) < 3
    assert t_of(nets) < -3


def paid_world(seed: int, *, shuffled: bool) -> tuple[MemoryHistory, dict[str, float]]:
    """Return 120 markets that come out as a forecast says they tend to, and the forecasts.

    *shuffled*: the outcomes belong to other markets.
    """
    rng = np.random.default_rng(seed)
    count = 120
    forecast = rng.choice([0.15, 0.85], count)
    came = (rng.random(count) < forecast).astype(int)
    if shuffled:
        came = (rng.random(count) < 0.5).astype(int)
    mids = np.full((count, 8), 0.5)
    payouts = {f"m{one}": (at(6), D(int(came[one]))) for one in range(count)}
    world = MemoryHistory(
        [plain_market(one) for one in range(count)], mids, payouts=payouts, slippage=D(0),
        candidates=count, fees=ZERO_FEE,
    )  # fmt: skip
    return world, {f"m{one}": float(forecast[one]) for one in range(count)}


def trusting(forecast: dict[str, float]) -> Asking:
    """Return who buys what the forecast favours."""

    def said(view: View):
        if view.slot != FIRST_SLOT:
            return None
        return buy(Token.YES if forecast[view.market.id] > 0.5 else Token.NO)

    return Asking(said, ceiling=D("0.001"))


def test_shuffled_outcomes_leave_no_edge() -> None:
    """A forecast that is worth something wins; with outcomes that are not its own it does not."""
    world, forecast = paid_world(3, shuffled=False)
    rules = Rules(risk=FREELY, fees=ZERO_FEE)
    edge = [trip.net_return for trip in run(world, rules, [trusting(forecast)]).closed]
    assert len(edge) == 120
    assert t_of(edge) > 3
    world, forecast = paid_world(3, shuffled=True)
    none = [trip.net_return for trip in run(world, rules, [trusting(forecast)]).closed]
    assert abs(t_of(none)) < 3


def test_a_look_ahead_a_bar_late_loses_most_of_its_edge() -> None:
    """Who knows the next move wins; one bar later the same knowledge is worth little."""
    world = martingale(5, markets=10, slots=50, sd=0.04, slippage=D("0.001"), waived=ANY_PRICE)
    quick = ExitsSection(
        targets=(D("0.01"), D("0.02"), D("0.03")), stop=D("0.02"), stop_ticks=1, stop_spreads=D(0)
    )
    rules = Rules(AT_ONCE, FREELY, quick, fees=ZERO_FEE)

    def knowing(late: int) -> Asking:
        def said(view: View):
            column = (view.slot - FIRST_SLOT) // SLOT - late
            row = int(view.market.id[1:])
            if column < 0 or column + 1 >= world.mids.shape[1]:
                return None
            move = world.mids[row, column + 1] - world.mids[row, column]
            return buy(Token.YES if move > 0 else Token.NO) if move else None

        return Asking(said, ceiling=D("0.001"))

    ahead = [trip.net_return for trip in run(world, rules, [knowing(0)]).closed]
    behind = [trip.net_return for trip in run(world, rules, [knowing(1)]).closed]
    assert min(len(ahead), len(behind)) > 60
    assert t_of(ahead) > 10
    assert np.mean(behind) < 0.25 * np.mean(ahead)


def test_twice_the_costs_cost_twice() -> None:
    """The same trades at twice the slippage and fee lose about twice as much."""
    found = []
    for factor in (1, 2):
        fee = FeeSchedule(D("0.01") * factor, D(1), "flat")
        half = {f"m{one}": (at(29), D(1) / 2) for one in range(20)}
        world = MemoryHistory(
            [plain_market(one) for one in range(20)],
            np.full((20, 30), 0.5),
            slippage=D("0.005") * factor,
            payouts=half,
        )
        coin = RandomEntries(0.05, 3, ceiling=D("0.002"))
        done = run(world, Rules(risk=FREELY, fees=fee), [coin])
        assert all(trip.closed_at - trip.opened_at < timedelta(days=1) for trip in done.closed)
        found.append(sum(trip.net_return for trip in done.closed))
    assert 1.8 < found[1] / found[0] < 2.2
