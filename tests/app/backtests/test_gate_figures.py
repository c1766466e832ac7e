"""The gate of a backtest is that of live: the same trades are the same bets and the same bound."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.app import proving
from trading_cli.app.backtests import figures
from trading_cli.app.settings import Settings
from trading_cli.domain import Token, Trip
from trading_cli.store.proofs import Traded
from trading_cli.trading.backtest.result import Equity, Run

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
NOTHING = np.empty(0)
EQUITY = Equity(NOTHING.astype(np.int64), NOTHING, NOTHING, NOTHING, NOTHING)
ONE, LARGE = Decimal(1), Decimal(10)


def trip(
    number: int, net: Decimal, opened: float, days: float | None, *themes: str, event: str = ""
) -> Trip:
    """Return a round trip of 10 USD; open where *days* is ``None``."""
    at = START + opened * DAY
    end = None if days is None else at + days * DAY
    return Trip(
        f"P{number}", str(number), event or f"E{number}", "Politics", "politics", "s", Token.YES,
        "", at, end, Decimal(20), LARGE, LARGE + net, Decimal(0), net, "A", late=False,
        reasons=("STOP",), themes=themes,
    )  # fmt: skip


def gate(trips: list[Trip]) -> dict[str, object]:
    """Return the gate of a run that made these."""
    closed = tuple(one for one in trips if one.closed_at is not None)
    still = tuple(one for one in trips if one.closed_at is None)
    return figures.gate(Run(closed, still, EQUITY, {}, {}, "d"), Settings().gates)


def live(trips: list[Trip]) -> dict[str, object]:
    """Return what the live gate makes of the same positions."""
    held = [
        Traded(
            one.strategy, one.event_id, one.themes, one.opened_at, one.closed_at, float(one.net),
            float(one.cost),
        )
        for one in trips
    ]  # fmt: skip
    found, waiting = proving.judge(held, Settings(), {})
    return {
        "bound": figures.number(found.bound),
        "bound_by_week": figures.number(found.bound_by_week),
        "mean": figures.number(found.mean),
        "trades": found.trades,
        "bets": found.events,
        "waiting": waiting,
        "days": figures.number(found.days),
        "missing": list(found.missing),
    }


TRIPS = st.lists(
    st.builds(
        trip,
        st.integers(0, 40),
        st.decimals(-10, 12, places=2),
        st.floats(0, 200),
        st.none() | st.floats(0.01, 30),
        *(st.sampled_from(["", "a", "b", "c"]) for _ in range(2)),
        event=st.sampled_from(["", "", "x", "y"]),
    ),
    max_size=40,
)


@given(TRIPS)
def test_whatever_was_traded_both_gates_say_the_same(trips):
    """Bets, what waits, mean, both bounds, days and what is missing."""
    assert gate(trips) == live(trips)


def test_what_moves_together_is_one_bet():
    """120 markets of one theme, bought while the first is held, prove as much as one."""
    alike = [trip(n, ONE, n * 0.05, 7, "name:x") for n in range(120)]
    apart = [trip(n, ONE, n * 0.05, 7, f"name:{n}") for n in range(120)]
    together, alone = gate(alike), gate(apart)
    assert (together["bets"], alone["bets"]) == (1, 120)
    assert together["trades"] == alone["trades"] == 120
    assert together["bound"] < 0 < alone["bound"]
    assert any("1 of 50 events" in one for one in together["missing"])


def test_a_bet_of_which_something_is_open_waits():
    """One market of the theme still held: the others count when it is over."""
    trips = [trip(n, ONE, n * 0.05, 7, "name:x") for n in range(20)]
    found = gate([*trips, trip(99, ONE, 1, None, "name:x")])
    assert (found["bets"], found["trades"], found["waiting"]) == (0, 0, 20)


def correlated(rng: np.random.Generator, days: int) -> list[Trip]:
    """Return a zero-edge record: a bet a day, held for seven, sharing a factor (correlation .6)."""
    factor = np.repeat(rng.normal(size=days // 7 + 1), 7)[:days]
    moves = np.sqrt(0.6) * factor + np.sqrt(0.4) * rng.normal(size=days)
    nets = np.where(moves > 0, 9, -9)
    return [trip(n, Decimal(int(net)), n, 7.0, "name:x") for n, net in enumerate(nets.tolist())]


def test_correlated_bets_without_edge_do_not_pass():
    """Of 40 such years no more than 4 show a bound above 0; counted one by one, many more do."""
    rng = np.random.default_rng(7)
    worlds = [correlated(rng, 364) for _ in range(40)]
    single = [
        [trip(n, one.net, n, 7.0, f"name:{n}") for n, one in enumerate(world)] for world in worlds
    ]
    passed = sum(gate(world)["bound"] > 0 for world in worlds)
    naive = sum(gate(world)["bound"] > 0 for world in single)
    assert passed <= 4
    assert naive > passed
