"""Which part of the past a market is owed."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trading_cli.app.past import MARGIN, lifetime
from trading_cli.domain import Market

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
DEPTH = timedelta(days=28)
DAYS = st.none() | st.integers(-400, 40)


def market(made: int | None, closed: int | None) -> Market:
    """Return a market made and closed so many days from now."""
    made_at, closed_at = (None if d is None else NOW + timedelta(days=d) for d in (made, closed))
    return Market(
        id="1",
        condition_id="0x" + "1" * 64,
        question="Will it?",
        slug="will-it",
        yes_token="1",  # noqa: S106  # an outcome's
        no_token="2",  # noqa: S106  # an outcome's
        yes_label="Yes",
        no_label="No",
        observed_at=NOW,
        created_at=made_at,
        closed=closed is not None,
        closed_at=closed_at,
    )


def test_a_market_that_says_nothing_is_owed_everything():
    """Without a beginning or an end the whole span is asked, from its first midnight."""
    since, until = lifetime(market(None, None), NOW - DEPTH, NOW)
    assert (since, until) == (datetime(2026, 2, 2, tzinfo=UTC), NOW)


def test_a_young_market_is_owed_its_life():
    """Days before the market was made are not asked, but for one to spare."""
    since, until = lifetime(market(-3, None), NOW - DEPTH, NOW)
    assert (since, until) == (datetime(2026, 2, 26, tzinfo=UTC), NOW)


def test_a_closed_market_is_owed_nothing_after_its_end():
    """A day after the close the past ends; one that closed before the span is owed nothing."""
    since, until = lifetime(market(-300, -10), NOW - DEPTH, NOW)
    assert until == NOW - timedelta(days=9)
    since, until = lifetime(market(-300, -100), NOW - DEPTH, NOW)
    assert since >= until


@given(made=DAYS, closed=DAYS)
def test_nothing_of_a_life_within_the_span_is_cut(made, closed):
    """Whatever a market says: every instant of its life that was asked for stays in."""
    since, until = lifetime(market(made, closed), NOW - DEPTH, NOW)
    for hours in range(-28 * 24, 0, 12):
        at = NOW + timedelta(hours=hours)
        alive = (made is None or at >= NOW + timedelta(days=made)) and (
            closed is None or at <= NOW + timedelta(days=closed)
        )
        assert not alive or since <= at < until
    assert until <= NOW
    assert since >= (NOW - DEPTH - MARGIN)
