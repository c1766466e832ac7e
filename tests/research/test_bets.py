"""Which trades are one bet: by event, by theme while the first is open; and why it matters."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trading_cli.research import gates
from trading_cli.research.bets import Trade, grouped

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def trade(event, opened, closed, *themes, net=1.0, paid=10.0):
    """Return a trade open from one day to another (``None``: still)."""
    until = None if closed is None else START + closed * DAY
    return Trade(event, frozenset(themes), START + opened * DAY, until, net, paid)


def sizes(*trades):
    """Return how many trades each bet has, and how many trades wait."""
    closed, waiting = grouped(trades)
    names = [one.event for one in closed]
    return sorted(names.count(name) for name in set(names)), waiting


def test_one_event_is_one_bet_whenever_it_was_traded():
    """Two of its outcomes, or again months later."""
    assert sizes(trade("a", 0, 1), trade("a", 0, 2), trade("a", 90, 91)) == ([3], 0)


def test_what_shares_a_theme_while_the_first_is_open_is_one_bet():
    """Opened on day 3 of 7: the same bet; on day 7, when the first was closed: the next."""
    first, second = trade("a", 0, 7, "name:x"), trade("b", 3, 10, "name:x", "tag:y")
    assert sizes(first, second) == ([2], 0)
    assert sizes(first, second, trade("c", 7, 14, "name:x")) == ([1, 2], 0)
    assert sizes(first, second, trade("c", 5, 14, "tag:y")) == ([3], 0)
    assert sizes(first, trade("c", 3, 10, "name:z")) == ([1, 1], 0)


def test_an_event_entered_again_begins_its_bet_again():
    """What shares a theme with it while it is open the second time is of it, too."""
    again = (trade("a", 0, 1, "name:x"), trade("a", 50, 60, "name:x"))
    assert sizes(*again, trade("b", 30, 31, "name:x")) == ([1, 2], 0)
    assert sizes(*again, trade("b", 55, 70, "name:x")) == ([3], 0)
    assert sizes(*again, trade("b", 48, 52, "name:x"), trade("c", 58, 59, "name:x")) == ([4], 0)


def test_one_trade_may_join_two_bets():
    """A market of both themes makes one bet of them."""
    both = trade("c", 2, 9, "name:x", "name:y")
    assert sizes(trade("a", 0, 7, "name:x"), trade("b", 1, 8, "name:y"), both) == ([3], 0)


def test_a_bet_counts_when_nothing_of_it_is_open():
    """One market of it still held: the others wait; what cost nothing is no trade."""
    assert sizes(trade("a", 0, 7, "name:x"), trade("b", 3, None, "name:x")) == ([], 1)
    assert sizes(trade("a", 0, 7), trade("b", 3, None)) == ([1], 0)
    assert sizes(trade("a", 0, 7, paid=0.0)) == ([], 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.integers(1, 9),
                          st.sampled_from("xyz"), st.booleans()), max_size=25))  # fmt: skip
@example([(1, 2, 2, "z", False), (0, 2, 2, "x", False), (1, 2, 2, "x", False)])
def test_whatever_was_traded_every_trade_is_in_one_bet_and_events_are_whole(rows):
    """Counted or waiting, each once; the order of the rows does not matter."""
    trades = [
        trade(str(event), at, None if is_open else at + days, theme, net=float(place))
        for place, (event, at, days, theme, is_open) in enumerate(rows)
    ]
    closed, waiting = grouped(trades)
    assert len(closed) + waiting == sum(one.closed_at is not None for one in trades)
    nets = {one.net: one.event for one in closed}
    for event in {one.event for one in trades}:
        assert (
            len({nets.get(one.net) for one in trades if one.event == event and one.closed_at}) <= 1
        )
    again, _ = grouped([replace(one) for one in reversed(trades)])
    assert sorted((one.event, one.net) for one in again) == sorted(
        (one.event, one.net) for one in closed
    )


def test_staggered_bets_on_one_factor_pass_by_luck_unless_they_are_grouped():
    """A bet a day, held for seven, correlation .6, no edge, two years: 25 % against 2 %."""
    rng, days, held, paths = np.random.default_rng(7), 730, 7, 250
    passed = np.zeros(2)
    when = [START + day * DAY for day in range(days + held)]
    for _ in range(paths):
        walk = np.concatenate([[0.0], np.cumsum(rng.standard_normal(days + held))])
        shared = (walk[held : held + days] - walk[:days]) / np.sqrt(held)
        won = np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.standard_normal(days) > 0
        made = np.where(won, 0.98, -0.98)
        passed[0] += gates.refuted(made)[99:].any()
        trades = [
            Trade(str(day), frozenset({"name:x"}), when[day], when[day + held], float(net), 1.0)
            for day, net in enumerate(made)
        ]
        bets = gates.returns_by_event(grouped(trades)[0])
        passed[1] += gates.refuted(bets)[49:].any()
    apart, together = passed / paths
    assert apart > 0.15
    assert together <= 0.05
    assert bets.size == pytest.approx(days / held, abs=1)
