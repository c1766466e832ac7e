"""The raw price against how recorded markets ended: the Brier numbers their collector states."""

import csv
import gzip
from bisect import bisect_left
from collections import defaultdict
from datetime import timedelta

import numpy as np
import pytest

from trading_cli.research import calibration as cal
from trading_cli.research import recalibration as rec

HOUR, DAY = 3600, 86_400
WITHIN = timedelta(hours=1).total_seconds()


def _rows(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _series(path, key, keep=lambda _row: True):
    found = defaultdict(lambda: ([], []))
    for row in _rows(path):
        if keep(row):
            times, prices = found[row[key]]
            times.append(int(row["t"]))
            prices.append(float(row["p"]))
    return found


def _first_from(series, at, within=WITHIN):
    """Return the first price at or after *at*, ``None`` if none within an hour."""
    times, prices = series
    place = bisect_left(times, at)
    return prices[place] if place < len(times) and times[place] - at <= within else None


def _nearest(series, at, within=DAY / 2):
    """Return the price nearest to *at*, ``None`` if none within half a day."""
    times, prices = series
    place = min(range(len(times)), key=lambda one: abs(times[one] - at))
    return prices[place] if abs(times[place] - at) <= within else None


def _brier(pairs):
    f, o = zip(*[pair for pair in pairs if pair[0] is not None], strict=True)
    found = cal.calibration(f, o)
    return found.brier.point, found


@pytest.fixture(scope="module")
def bitcoin(shared_data):
    """Return the 396 daily bands of bitcoin with their minutes."""
    folder = shared_data / "btc_daily_range_1min"
    return _rows(folder / "markets.csv.gz"), _series(folder / "prices.csv.gz", "market_id")


def _bitcoin(bitcoin, ahead):
    markets, prices = bitcoin
    return [
        (_first_from(prices[one["market_id"]], int(one["t_last"]) - ahead), int(one["outcome_yes"]))
        for one in markets
    ]


@pytest.mark.parametrize(("ahead", "brier"), [(23 * HOUR, 0.0639), (6 * HOUR, 0.0548)])
def test_bitcoin_by_the_hour(bitcoin, ahead, brier):
    """Brier .0639 at 23 h and .0548 at 6 h before the last point."""
    assert _brier(_bitcoin(bitcoin, ahead))[0] == pytest.approx(brier, abs=5.1e-5)


def test_bitcoin_at_the_end(bitcoin):
    """Brier .0109 ten minutes before the last point; one band in eleven wins (8.8 %)."""
    score, found = _brier(_bitcoin(bitcoin, 600))
    assert score == pytest.approx(0.0109, abs=5.1e-5)
    assert found.base_rate == pytest.approx(0.088, abs=5e-4)
    assert found.n == 396


@pytest.mark.parametrize(("ahead", "brier", "half"), [(24, 0.121, 5e-4), (6, 0.0757, 5e-5)])
def test_the_mixed_markets(shared_data, ahead, brier, half):
    """Brier .121 at 24 h and .0757 at 6 h before the last point."""
    folder = shared_data / "mixed_resolved_10min_2026-01"
    prices = _series(folder / "prices.csv.gz", "market_slug")
    pairs = [
        (_first_from(prices[one["market_slug"]], int(one["t_last"]) - ahead * HOUR),
         int(one["outcome_yes"]))
        for one in _rows(folder / "markets.csv.gz")
    ]  # fmt: skip
    assert _brier(pairs)[0] == pytest.approx(brier, abs=half)


@pytest.fixture(scope="module")
def daily(shared_data):
    """Return (end, mids by day, YES won) of the 2,741 resolved YES/NO markets."""
    folder = shared_data / "daily_mid_resolved_pancake"
    prices = _series(folder / "prices.csv.gz", "k", lambda row: row["outcome_label"] == "Yes")
    return [
        (int(one["resolved_at"]), prices[one["k"]], int(one["winning_outcome_label"] == "Yes"))
        for one in _rows(folder / "markets.csv.gz")
        if one["winning_outcome_label"] in {"Yes", "No"} and one["k"] in prices
    ]


@pytest.mark.parametrize(("days", "brier"), [(7, 0.0786), (1, 0.0470)])
def test_thousands_of_daily_markets(daily, days, brier):
    """Brier .0786 at 7 days and .047 at one day before the settlement."""
    pairs = [(_nearest(series, end - days * DAY), won) for end, series, won in daily]
    assert _brier(pairs)[0] == pytest.approx(brier, abs=5.1e-5)


def test_the_known_quirk_is_found(daily):
    """Longshots below .2 won more often than priced: the first bins' bands lie above them."""
    pairs = [(_nearest(series, end - 7 * DAY), won) for end, series, won in daily]
    _, found = _brier(pairs)
    second = found.bins[1]
    assert second.shown
    assert second.frequency > second.forecast
    assert found.line.slope < 1
    assert found.parts.brier == pytest.approx(found.brier.point)


def test_a_recalibration_of_the_past_is_fitted_forward_on_real_prices(daily):
    """Walked forward over three years it gives a probability for most rows, and no miracle."""
    rows = [
        (price, won, end)
        for end, series, won in daily
        if (price := _nearest(series, end - 7 * DAY)) is not None
    ]
    p, o, ends = (np.array(one, float) for one in zip(*rows, strict=True))
    own = rec.walk_forward(p, o, list(range(p.size)), ends - 7 * DAY, ends, every_s=30 * DAY)
    there = np.isfinite(own)
    assert there.mean() > 0.8
    gain = cal.skill(
        own[there], p[there], o[there], np.flatnonzero(there).tolist(), np.random.default_rng(0)
    )
    assert abs(gain.skill) < 0.05
