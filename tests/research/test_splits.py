"""Splits: purged, embargoed, walked forward; goldens C1 to C3 of statistics.md §7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.research import splits


def _trains(found):
    return [one.train.tolist() for one in found]


def test_three_purged_folds_of_twelve_rows():
    """Golden C1: labels of 2 rows, an embargo of 1."""
    found = splits.purged_folds(12, 3, horizon=2, embargo=1)
    assert _trains(found) == [[7, 8, 9, 10, 11], [0, 1, 11], [0, 1, 2, 3, 4, 5]]
    assert [one.test.tolist() for one in found] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_two_of_four_folds_of_sixteen_rows():
    """Golden C2: skfolio's CombinatorialPurgedCV, purge 1, embargo 1."""
    found = splits.combinatorial_folds(16, 4, 2, purge=1, embargo=1)
    assert _trains(found) == [
        [10, 11, 12, 13, 14, 15], [6, 14, 15], [6, 7, 8, 9, 10], [0, 1, 2, 14, 15], [0, 1, 2, 10],
        [0, 1, 2, 3, 4, 5, 6],
    ]  # fmt: skip
    assert len(found) == 6
    assert splits.paths(4, 2) == 3
    assert splits.paths(10, 2) == 9
    assert len(splits.combinatorial_folds(20, 10, 2)) == 45


def test_walking_forward_over_twelve_rows():
    """Golden C3: train 6, test 2, purge 1; rolling and expanding."""
    found = list(splits.walk_forward(12, train=6, test=2, purge=1))
    assert _trains(found) == [list(range(6)), list(range(2, 8))]
    assert [one.test.tolist() for one in found] == [[7, 8], [9, 10]]
    wide = list(splits.walk_forward(12, train=6, test=2, purge=1, whole=True))
    assert _trains(wide) == [list(range(6)), list(range(8))]
    assert [one.test.tolist() for one in wide] == [[7, 8], [9, 10]]


@given(
    n=st.integers(4, 60), folds=st.integers(2, 4), horizon=st.integers(0, 5),
    embargo=st.integers(0, 5),
)  # fmt: skip
def test_no_label_that_teaches_touches_what_is_judged(n, folds, horizon, embargo):
    """Whatever the sizes: a teaching label ends before the test, or begins well after it."""
    for train, test in splits.purged_folds(n, folds, horizon=horizon, embargo=embargo):
        for row in train.tolist():
            assert row + horizon < test[0] or row > test[-1] + horizon + embargo


def test_an_event_is_on_one_side():
    """Rows of a judged event do not teach."""
    (split,) = splits.walk_forward(6, train=4, test=2)
    found = splits.without_shared(split, ["a", "b", "c", "d", "b", "e"])
    assert found.train.tolist() == [0, 2, 3]


def test_what_cannot_be_split_is_refused():
    """One fold, more folds than rows, all folds tested, no rows to teach."""
    for call in (
        lambda: splits.purged_folds(4, 1),
        lambda: splits.purged_folds(2, 3),
        lambda: splits.purged_folds(9, 3, horizon=-1),
        lambda: splits.combinatorial_folds(9, 3, 3),
        lambda: list(splits.walk_forward(9, train=0, test=2)),
    ):
        with pytest.raises(ValueError, match=r"fold|below 0|at least"):
            call()
    assert list(splits.walk_forward(5, train=4, test=2)) == []
