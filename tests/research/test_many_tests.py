"""Many tests at once: R's p.adjust, the paper's example, Simes and the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.research import many_tests

PAPER = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
    0.6528, 0.7590, 1.000,
]  # fmt: skip
FOUR = [0.01, 0.02, 0.03, 0.20]


def test_the_example_of_1995():
    """M1, R p.adjust: values and how many each rejects at 5 %."""
    bh, by = many_tests.benjamini_hochberg(PAPER), many_tests.benjamini_yekutieli(PAPER)
    assert bh == pytest.approx(
        [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.0638571, 0.0638571, 0.0645, 0.0765, 0.486,
         0.581182, 0.714875, 0.753231, 0.813214, 1], abs=1e-6,
    )  # fmt: skip
    assert by[:5] == pytest.approx(
        [0.00497734, 0.00995469, 0.0315232, 0.118212, 0.200089], rel=1e-5
    )
    assert many_tests.holm(PAPER)[:10] == pytest.approx(
        [0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213, 1]
    )
    adjusted = (bh, many_tests.bonferroni(PAPER), by)
    assert [int((one <= 0.05).sum()) for one in adjusted] == [4, 3, 3]


def test_one_p_of_four():
    """M2: Simes, Bonferroni, Cauchy, the harmonic mean."""
    assert float(many_tests.simes(FOUR)) == pytest.approx(0.04)
    assert float(many_tests.bonferroni(FOUR).min()) == pytest.approx(0.04)
    assert many_tests.cauchy(FOUR) == pytest.approx(0.0213060214, abs=1e-10)
    assert many_tests.harmonic_mean(FOUR) == pytest.approx(0.0212389381, abs=1e-10)


def test_what_is_no_test_is_not_of_the_family():
    """NaN counts nowhere and stays NaN; nothing at all is nothing."""
    holed = [np.nan, *FOUR, np.nan]
    found = many_tests.benjamini_hochberg(holed)
    assert np.isnan(found[[0, -1]]).all()
    assert found[1:-1] == pytest.approx(many_tests.benjamini_hochberg(FOUR))
    assert float(many_tests.simes(holed)) == pytest.approx(0.04)
    assert np.isnan(many_tests.simes([np.nan, np.nan]))
    assert np.isnan(many_tests.cauchy([]))
    assert np.isnan(many_tests.harmonic_mean([np.nan]))
    assert many_tests.harmonic_mean([0.0, 1.0]) == 0
    assert many_tests.benjamini_hochberg([]).size == 0


def test_what_is_no_probability_is_refused():
    """A p of 2, or a table of them, is a mistake of the caller."""
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        many_tests.holm([0.5, 2])
    with pytest.raises(ValueError, match="one row"):
        many_tests.holm([[0.5]])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_order_of_strictness(p):
    """Whatever the p-values: p <= BH <= BY, BH <= Holm <= Bonferroni; Simes is the least BH."""
    bh = many_tests.benjamini_hochberg(p)
    assert (bh >= np.array(p) - 1e-12).all()
    assert (many_tests.benjamini_yekutieli(p) >= bh - 1e-12).all()
    assert (many_tests.holm(p) >= bh - 1e-12).all()
    assert (many_tests.bonferroni(p) >= many_tests.holm(p) - 1e-12).all()
    assert float(many_tests.simes(p)) == pytest.approx(float(bh.min()))
