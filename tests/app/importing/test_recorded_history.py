"""The recorded data as it lies there: what comes in, and the Brier numbers its authors' rows give.

Each published number has its convention: minute mids of Bitcoin bands and ten-minute mids count
back from the last point (the first point not before that instant, at most an hour after it); daily
mids from the close (the nearest, at most 12 h away). These look ahead: hindsight.
"""

from datetime import timedelta

import pytest
from brought import Person, person  # beside this

from trading_cli.app.calibrate import HINDSIGHT, calibrate
from trading_cli.app.calibration_question import Question, asked

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETS = {
    "btc_daily_range_1min": (396, 568_440),
    "mixed_resolved_10min_2026-01": (106, 217_083),
    "daily_mid_resolved_pancake": (4_135, 540_812),
}


@pytest.fixture(scope="module")
def home(shared_data, tmp_path_factory) -> Person:
    """Return a home that holds all three sets, its reports in ``me.reports``."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("recorded")
    patch.setenv("XDG_STATE_HOME", str(folder / "state"))
    patch.delenv("TRADING_HOME", raising=False)
    me = person(folder / "home")
    for name, (markets, points) in SETS.items():
        report = me.bring(shared_data / name)
        assert report["markets"]["total"] == report["markets"]["settled"] == markets
        assert report["points"] == {"new": points, "same": 0, "conflict": 0}
        assert report["resolutions"]["new"] == markets
        assert report["refused"] == []
        assert report["duplicates"] == report["unsorted"] == 0
    patch.undo()
    return me


def _briers(me: Person, question: Question) -> dict[str, float]:
    data = calibrate(me.config, clock=me.clock, question=question)
    found = [one for one in data["groups"] if (one["of"], one["by"]) == ("price", "horizon")]
    assert (HINDSIGHT in data["warnings"]) == question.hindsight
    return {one["name"]: one["brier"]["point"] for one in found}


def test_the_published_brier_numbers_come_out(home, monkeypatch, tmp_path):
    """Seven numbers, to the digits they were given in."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    bands = asked(
        {"23 h": 23 * HOUR, "6 h": 6 * HOUR, "10 min": HOUR / 6},
        before="last", take="after", within=HOUR, source="btc_daily_range_1min",
    )  # fmt: skip
    assert _briers(home, bands) == {
        "23 h": pytest.approx(0.0639, abs=5e-5),
        "6 h": pytest.approx(0.0548, abs=5e-5),
        "10 min": pytest.approx(0.0109, abs=5.1e-5),
    }
    mixed = asked(
        {"24 h": DAY, "6 h": 6 * HOUR},
        before="last", take="after", within=HOUR, source="mixed_resolved_10min_2026-01",
    )  # fmt: skip
    assert _briers(home, mixed) == {
        "24 h": pytest.approx(0.121, abs=5e-4),
        "6 h": pytest.approx(0.0757, abs=5e-5),
    }
    daily = asked(
        {"7 d": 7 * DAY, "1 d": DAY},
        take="nearest", within=12 * HOUR, source="daily_mid_resolved_pancake", label="Yes",
    )  # fmt: skip
    assert _briers(home, daily) == {
        "7 d": pytest.approx(0.0786, abs=5e-5),
        "1 d": pytest.approx(0.047, abs=5e-4),
    }


def test_what_was_known_then_is_a_little_worse_informed(home, monkeypatch, tmp_path):
    """The same horizons by what was known: other numbers, and no word of hindsight."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    known = asked(
        {"6 h": 6 * HOUR, "10 min": HOUR / 6}, before="end", source="btc_daily_range_1min"
    )
    found = _briers(home, known)
    assert found["6 h"] == pytest.approx(0.0550, abs=5e-5)
    assert found["10 min"] == pytest.approx(0.0120, abs=5e-5)


def test_all_real_names_are_kept_and_the_others_marked(home):
    """One set has all four names of the venue, the other two have not."""
    kinds = home.rows("SELECT source, identity, count(*) FROM imported_markets GROUP BY 1, 2")
    assert kinds == [
        ("btc_daily_range_1min", "synthetic", 396),
        ("daily_mid_resolved_pancake", "venue", 4_135),
        ("mixed_resolved_10min_2026-01", "synthetic", 106),
    ]
    assert home.rows("SELECT count(*) FROM markets WHERE venue_id LIKE 'import:%'") == [(502,)]
    assert home.rows("SELECT count(*) FROM points WHERE available_at <> event_time + 90") == [(0,)]
    ((event, closed),) = home.rows(
        "SELECT r.event_time - v.end_at, r.closed_at - r.event_time FROM resolutions r"
        " JOIN markets m ON m.id = r.market JOIN listing_versions v ON v.market = m.id"
        " AND v.closed = 1 WHERE m.venue_id = 'import:btc_daily_range_1min:649614'"
    )
    assert (event, closed) == (3 * 3600 + 29 * 60 + 6, 0)


def test_all_of_it_again_is_nothing_new(home, shared_data, monkeypatch, tmp_path):
    """A whole set once more: every row is there already, and nothing contradicts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    again = home.bring(shared_data / "mixed_resolved_10min_2026-01", dry_run=True)
    assert again["points"] == {"new": 0, "same": 217_083, "conflict": 0}
    assert again["resolutions"] == {"new": 0, "same": 106, "conflict": 0}
    assert again["markets"]["new"] == 0
