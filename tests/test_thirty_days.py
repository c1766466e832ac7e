"""How the thirty days hold the file against what was foretold of it."""

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
QUIET = {"markets": 6.0, "candidates": 2.0}
BUSY = {"markets": 12.0, "candidates": 6.0}
A_DAY = {
    "quotes": {"rows": 1.0, "bytes": 1e6, "grows_with": "markets"},
    "decisions": {"rows": 1.0, "bytes": 1e6, "grows_with": "candidates"},
    "runs": {"rows": 1.0, "bytes": 0.5e6, "grows_with": "time"},
    "odd": {"rows": 1.0, "bytes": None, "grows_with": "time"},
}


@pytest.fixture(scope="module")
def thirty():
    """Return benchmarks/thirty_days.py; a folder of programs, not a package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("thirty_days")


def lived(thirty, grew: list[float]):
    """Return days that grew by so many MB, with a forecast from the fourth on."""
    size, days = 10.0, []
    for number, more in enumerate(grew):
        size += more
        growth = {"bytes_a_day": None, "a_day": {}, "load": {}}
        if number >= 3:
            growth = {"bytes_a_day": 2_500_000, "a_day": A_DAY, "load": QUIET}
        days.append(thirty.Day(100.0, 100.0, 100.0, size, 1.0, 1.0, growth))
    return days


def test_a_forecast_is_told_for_other_markets(thirty):
    """Twice the markets, three times the candidates: what grows with time stays."""
    growth = {"a_day": A_DAY, "load": QUIET}
    assert thirty.foretold(growth) == pytest.approx(2.5)
    assert thirty.foretold(growth, BUSY) == pytest.approx(2 + 3 + 0.5)
    unknown = {"a_day": A_DAY, "load": {"markets": None, "candidates": 0.0}}
    assert thirty.foretold(unknown, BUSY) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("late", "load", "kept"),
    [
        (2.5, QUIET, [True, True]),
        (5.5, BUSY, [False, True]),  # more markets were listed: that alone is told apart
        (5.5, QUIET, [False, False]),
        (3.2, QUIET, [True, False]),  # within what the markets might explain, but they do not
        (2.5, BUSY, [True, False]),  # and too much foretold is wrong, too
    ],
)
def test_the_file_is_held_against_both(thirty, late, load, kept):
    """The first forecast as it was given, and as it would be for the markets there were."""
    days = lived(thirty, [8.0, 2.5, 2.5, 2.5] + [late] * 10)
    told = list(thirty.growth_verdicts(days, [QUIET] * 4 + [load] * 10))
    assert [one for one, _ in told] == [*kept, True]
    assert "foretold 2.50 on day 4" in told[0][1]
    assert f"{late / 2.5:.2f} times" in told[2][1]


def test_too_few_days_say_nothing(thirty):
    """Four days have a forecast and nothing after it."""
    told = list(thirty.growth_verdicts(lived(thirty, [1.0] * 4), [QUIET] * 4))
    assert told == [(True, "growth against the forecast: needs five days")]
