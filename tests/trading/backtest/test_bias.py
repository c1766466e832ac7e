"""A decision that uses what nobody could know yet is named; one that does not passes."""

from datetime import timedelta

import numpy as np
import pytest
from planted import Asking, D, at, buy, walks

from trading_cli.domain import Token
from trading_cli.trading.backtest import bias
from trading_cli.trading.backtest.history import History
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.worlds import MemoryHistory, plain_market
from trading_cli.trading.strategies import Advice
from trading_cli.trading.strategies.roc_only import RocOnly
from trading_cli.trading.view import View

WORLD = walks(5, markets=8, slots=80, step=0.12)


def risen_or_fallen(now: float, than: float) -> Advice | None:
    """Return to buy what is above, or the other token where it is far below."""
    if abs(now - than) < 0.02:
        return None
    return buy(Token.YES if now > than else Token.NO)


def honest(_history: History):
    """Return the built-in that looks at the last 12 hours, as the view has them."""
    return [RocOnly()]


def full_sample(history: History):
    """Return who measures every market against its mean over the whole history."""
    seen: dict[str, list[float]] = {}
    for moment in history.moments():
        for view in history.views(moment.slot):
            seen.setdefault(view.market.id, []).append(float(view.mid or 0))
    means = {name: float(np.mean(values)) for name, values in seen.items()}
    return [Asking(lambda view: risen_or_fallen(float(view.mid), means.get(view.market.id, 0.5)))]


def next_mid(history: History):
    """Return who buys what will have risen in the next slot."""

    def ahead(view: View) -> Advice | None:
        later = {one.market.id: one.mid for one in history.views(view.slot + 900)}
        mid = later.get(view.market.id)
        return None if mid is None else risen_or_fallen(float(mid), float(view.mid))

    return [Asking(ahead)]


def outcome(history: History):
    """Return who buys the token that will win."""

    def knows(view: View) -> Advice | None:
        paid = history.payout(view.market.id, view.at + timedelta(days=99))
        return None if paid is None else buy(Token.YES if paid == 1 else Token.NO)

    return [Asking(knows)]


def listing(_history: History):
    """Return who reads the final prices in the listing."""

    def knows(view: View) -> Advice | None:
        prices = view.market.outcome_prices
        return None if prices is None else buy(Token.YES if prices[0] == 1 else Token.NO)

    return [Asking(knows)]


def settled() -> MemoryHistory:
    """Return a world whose markets are paid out at its end."""
    paid = {f"m{one}": (at(70), D(one % 2)) for one in range(8)}
    return MemoryHistory(WORLD.markets, WORLD.mids, payouts=paid)


def careless() -> MemoryHistory:
    """Return a world whose listing carries the outcome all along, as a file of today does."""
    told = [
        plain_market(one, outcome_prices=(D(one % 2), D(1 - one % 2)), closed=True)
        for one in range(8)
    ]
    return MemoryHistory(told, WORLD.mids)


def failed(found) -> set[str]:
    """Return the checks that something did not pass."""
    return {one.check for one in found if not one.passed}


def test_an_honest_strategy_passes_every_check() -> None:
    """What looks back only is the same whatever comes after."""
    found = bias.check(settled(), Rules(), honest)
    assert failed(found) == set()
    assert {one.check for one in found} == set(bias.CHECKS)
    assert all(one.compared > 0 for one in found)


@pytest.mark.parametrize(
    ("planted", "history", "caught"),
    [
        (full_sample, WORLD, {"truncate", "poison"}),
        (next_mid, WORLD, {"truncate", "poison"}),
        (outcome, settled(), {"truncate", "poison", "blind"}),
        (listing, careless(), {"blind"}),
    ],
)
def test_a_planted_look_ahead_is_exposed(planted, history, caught) -> None:
    """The mean of the whole sample, the next mid, the outcome asked for, the outcome listed."""
    found = bias.check(history, Rules(), planted, cuts=1, slots=24)
    assert caught <= failed(found)
    worst = next(one for one in found if one.check in caught and not one.passed)
    assert (worst.strategy, worst.slot is not None) == ("asking", True)
    assert f"market {worst.market}" in worst.sentence
    assert "it used" in worst.sentence


def test_an_honest_reader_of_past_outcomes_passes() -> None:
    """To learn from markets that were paid out by then is no look-ahead."""

    def learns(history: History):
        def said(view: View) -> Advice | None:
            known = [history.payout(f"m{one}", view.at) for one in range(8)]
            wins = sum(1 for paid in known if paid == 1)
            return buy(Token.YES if wins else Token.NO) if view.market.id == "m7" else None

        return [Asking(said)]

    paid = {f"m{one}": (at(10 + 3 * one), D(1)) for one in range(7)}
    history = MemoryHistory(WORLD.markets, WORLD.mids, payouts=paid)
    assert failed(bias.check(history, Rules(), learns)) == set()


def test_what_is_left_to_chance_is_said_to_be() -> None:
    """A strategy that answers differently when asked again fails the first check."""
    rng = np.random.default_rng(1)

    def moody(_history: History):
        return [Asking(lambda _view: buy() if rng.random() < 0.5 else None)]

    found = bias.check(WORLD, Rules(), moody, cuts=1, slots=20)
    assert "repeat" in failed(found)
    assert "chance" in next(one.sentence for one in found if one.check == "repeat")


def test_a_late_book_is_no_look_ahead() -> None:
    """Orders that wait for the next slot's mid change nothing that is decided before it."""
    world = MemoryHistory(WORLD.markets, WORLD.mids, lag=1)
    assert failed(bias.check(world, Rules(), honest)) == set()


def test_a_history_really_cut_is_held_against_the_whole() -> None:
    """The arrays cut after slot 50 decide the same up to half an hour before."""
    cut = MemoryHistory(WORLD.markets, WORLD.mids[:, :51], lag=1)
    whole = MemoryHistory(WORLD.markets, WORLD.mids, lag=1)
    found = bias.compare(whole, cut, Rules(), honest, until=at(50, 60))
    assert (found.passed, found.until) == (True, int(at(48).timestamp()))
    spoilt = MemoryHistory(WORLD.markets, WORLD.mids[:, :51] * 0.9, lag=1)
    assert not bias.compare(whole, spoilt, Rules(), honest, until=at(50, 60)).passed


def test_nothing_is_compared_where_there_is_nothing() -> None:
    """An empty history, and one of three slots, have no findings."""
    for slots in (0, 3):
        world = MemoryHistory([plain_market(0)], np.full((1, slots), 0.5))
        assert bias.check(world, Rules(), honest) == ()
