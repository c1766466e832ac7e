"""The intervals of a record of trades, against printed and hand-checkable numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.research.track_record import mean_interval, t_quantile, wilson


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775328),
        (5, 10, 0.2365930905, 0.7634069095),
        (8, 10, 0.4901625, 0.9433178),
        (55, 100, 0.4524460, 0.6438546),
        (60, 100, 0.5020025868, 0.6905987136),
    ],
)
def test_wilson_is_as_printed(wins, n, low, high):
    """The goldens are those of the reference, to their last digit."""
    got = wilson(wins, n)
    assert (got.low, got.high) == pytest.approx((low, high), abs=5e-8)


@given(st.integers(1, 500), st.data())
def test_wilson_holds_its_share_and_mirrors(n, data):
    """Whatever the count, the share is inside, within [0, 1], and losses mirror wins."""
    wins = data.draw(st.integers(0, n))
    got, other = wilson(wins, n), wilson(n - wins, n)
    assert 0 <= got.low <= got.point + 1e-12
    assert got.point <= got.high + 1e-12 <= 1 + 2e-12
    assert got.low == pytest.approx(1 - other.high, abs=1e-12)


@pytest.mark.parametrize(("wins", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_an_impossible_share_is_refused(wins, n):
    """Nothing is made of no cases."""
    with pytest.raises(ValueError, match="no share"):
        wilson(wins, n)


@pytest.mark.parametrize(
    ("freedom", "quantile", "off"),
    [(6, 2.446912, 2e-4), (10, 2.228139, 2e-5), (29, 2.045230, 1e-6), (99, 1.984217, 1e-6)],
)
def test_students_quantile_is_as_in_the_tables(freedom, quantile, off):
    """97.5 % quantiles of the printed tables."""
    assert t_quantile(0.975, freedom) == pytest.approx(quantile, abs=off)


def test_a_mean_has_its_interval():
    """Ten numbers by hand: mean 5.5, s 3.0277, half width 2.2622 x 3.0277 / sqrt(10)."""
    got = mean_interval([float(n) for n in range(1, 11)])
    assert got.point == 5.5
    assert got.high - got.point == pytest.approx(2.262157 * 3.0276504 / 10**0.5, abs=1e-4)


def test_too_few_values_have_no_interval():
    """Three numbers say nothing."""
    with pytest.raises(ValueError, match="no interval"):
        mean_interval([1.0, 2.0, 3.0])
