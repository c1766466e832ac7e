"""`calibrate` on what a home holds: what it counts, what it leaves out, what it never sees."""

import json
import xml.etree.ElementTree as ET  # we read what we wrote ourselves
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from dealt import NOON, Dealt, market  # beside this

from trading_cli.app import calibrate as judging
from trading_cli.app import calibration_picture as picture
from trading_cli.app.readiness import readiness
from trading_cli.cli.main import run
from trading_cli.domain import (
    Action,
    Decision,
    Outcome,
    Point,
    Purpose,
    Quote,
    Reason,
    Resolution,
    Token,
    slot_of,
)
from trading_cli.store import decided, listings, series

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CLOSE = NOON + 10 * DAY
KNOWN = CLOSE + HOUR


def _quote(number, at, mid):
    half = Decimal("0.01")
    price = Decimal(str(round(mid, 2)))
    return Quote(
        str(500_000 + number), slot_of(at), price - half, price + half, 100.0, 100.0, at, at
    )


def _decision(number, at, token, probability, *, buys=True):
    facts = {} if probability is None else {"probability": probability}
    return Decision(
        f"d{number}-{at:%d%H%M}", slot_of(at), at, str(500_000 + number), f"e{number}",
        "price_only", Purpose.ENTRY, Action.BUY if buys else Action.HOLD,
        Reason.SIGNAL if buys else Reason.NO_EDGE, token, facts=facts,
    )  # fmt: skip


def _settle(number, outcome, at=KNOWN):
    payout = {Outcome.YES: Decimal(1), Outcome.NO: Decimal(0), Outcome.HALF: Decimal("0.5")}
    return Resolution(f"0x{number:064x}", outcome, payout[outcome], None, CLOSE, at)


def _mids(count):
    return np.random.default_rng(4).integers(20, 81, count) / 100


@pytest.fixture
def home(tmp_path):
    """Return a home with 40 settled markets, quoted a day and an hour before the close."""
    made = Dealt(tmp_path / "home")
    rng = np.random.default_rng(8)
    mids = _mids(40)
    with made.store() as store, store.transaction() as tx:
        for number, mid in enumerate(mids, start=1):
            won = rng.random() < mid
            listings.record_markets(tx, [market(number, NOON)])
            early = CLOSE - DAY - 10 * timedelta(minutes=1)
            late = CLOSE - HOUR - timedelta(minutes=5)
            entry = NOON + DAY
            series.record_quotes(
                tx,
                [_quote(number, entry, mid), _quote(number, early, mid), _quote(number, late, mid)],
            )
            token = Token.YES if number % 2 else Token.NO
            own = min(mid + 0.05, 0.99)
            said = own if token is Token.YES else 1 - own
            decided.record_decisions(
                tx,
                [
                    _decision(number, entry, token, round(said, 6)),
                    _decision(number, entry + HOUR, token, None, buys=False),
                ],
            )
            outcome = Outcome.YES if won else Outcome.NO
            listings.record_resolutions(tx, [_settle(number, outcome)])
    made.clock.set(KNOWN + DAY)
    return made


def _cell(data, of, by, name):
    (found,) = [
        one for one in data["groups"] if (one["of"], one["by"], one["name"]) == (of, by, name)
    ]
    return found


def _ready(home):
    """Return how many events `readiness` counts for the same."""
    told = readiness(home.config, clock=home.clock)["parts"]
    return next(one["n"] for one in told if one["part"] == "calibration")


def test_both_forms_of_the_test_are_named(tmp_path):
    """Four markets an event that went one way together: z of rows is larger than z of events."""
    home = Dealt(tmp_path / "home")
    with home.store() as store, store.transaction() as tx:
        for number in range(1, 121):
            one = replace(market(number, NOON), event_id=f"e{number // 4}")
            listings.record_markets(tx, [one])
            series.record_quotes(tx, [_quote(number, CLOSE - DAY - HOUR, 0.3)])
            outcome = Outcome.YES if number % 20 < 8 else Outcome.NO
            listings.record_resolutions(tx, [_settle(number, outcome)])
    home.clock.set(KNOWN + DAY)
    whole = _cell(judging.calibrate(home.config, clock=home.clock), "price", "all",
                  "1 d before the close")  # fmt: skip
    assert whole["events"] == 31
    assert 0 < whole["spiegelhalter_z_clustered"] < whole["spiegelhalter_z"]
    assert whole["spiegelhalter_p"] < whole["spiegelhalter_p_clustered"] < 1


def test_the_price_a_day_before_is_what_was_quoted_then(home):
    """40 markets, 40 events: Brier is the mean squared error of those very mids."""
    data = judging.calibrate(home.config, clock=home.clock)
    whole = _cell(data, "price", "all", "1 d before the close")
    mids = _mids(40)
    rng = np.random.default_rng(8)
    won = np.array([rng.random() < mid for mid in mids], float)
    assert whole["n"] == whole["events"] == 40
    assert whole["brier"]["point"] == pytest.approx(((mids - won) ** 2).mean(), abs=1e-6)
    assert whole["verdict"] == "ENOUGH"
    assert data["events"] == _ready(home) == 40
    assert data["markets"] == 40
    assert data["not_recorded_share"] == 0
    assert _cell(data, "price", "category", "Politics")["brier"] == whole["brier"]
    assert {
        one["name"] for one in data["groups"] if one["by"] == "horizon" and one["of"] == "price"
    } == {"1 h", "1 d"}  # two horizons had a quote


def test_own_probability_is_of_yes_whatever_was_bought(home):
    """Five points above the mid for YES and NO alike; skill against the price is stated."""
    data = judging.calibrate(home.config, clock=home.clock)
    own = _cell(data, "own", "strategy", "price_only")
    assert own["n"] == 40
    assert own["skill"]["low"] <= own["skill"]["point"] <= own["skill"]["high"]
    stated = sum(one["forecast"] * one["n"] for one in own["bins"]) / 40
    assert stated == pytest.approx(_mids(40).mean() + 0.05, abs=1e-6)
    decided_at = _cell(data, "decided", "strategy", "price_only")
    assert decided_at["n"] == 40
    assert decided_at["closing_line"]["points"]["point"] == pytest.approx(0, abs=1e-9)


def test_nothing_is_known_before_it_is(home):
    """A second before the settlements are observed there is nothing to judge, and no slope."""
    home.clock.set(KNOWN - timedelta(seconds=1))
    data = judging.calibrate(home.config, clock=home.clock)
    assert (data["markets"], data["groups"]) == (0, [])
    assert data["recalibration"]["missing"] == "0 of 30 events"
    with home.store() as store, store.reading() as look:
        assert judging.recalibration(look, KNOWN - timedelta(seconds=1)) is None
        fitted = judging.recalibration(look, KNOWN)
        assert fitted.events == 40
        assert fitted.as_of == KNOWN.timestamp()
        assert fitted(0.3) == pytest.approx(1 - fitted(0.7))


def test_a_split_settlement_is_no_outcome(home):
    """50-50 is counted apart, a market without a price too."""
    with home.store() as store, store.transaction() as tx:
        listings.record_markets(tx, [market(90, NOON), market(91, NOON)])
        listings.record_resolutions(tx, [_settle(90, Outcome.HALF), _settle(91, Outcome.YES)])
    data = judging.calibrate(home.config, clock=home.clock)
    assert data["left_out"] == {"half": 1, "no_price": 1}
    assert data["events"] == data["recalibration"]["events"] == _ready(home) == 40
    assert data["markets"] == 41
    assert "50-50" in data["warnings"][0]


def test_few_events_show_no_number(tmp_path):
    """Five markets: INSUFFICIENT, what is missing, and no point anywhere."""
    home = Dealt(tmp_path / "home")
    with home.store() as store, store.transaction() as tx:
        for number in range(1, 6):
            listings.record_markets(tx, [market(number, NOON)])
            series.record_quotes(tx, [_quote(number, CLOSE - DAY - HOUR, 0.4)])
            listings.record_resolutions(tx, [_settle(number, Outcome.NO)])
    home.clock.set(KNOWN + DAY)
    data = judging.calibrate(home.config, clock=home.clock)
    whole = _cell(data, "price", "all", "1 d before the close")
    assert (whole["verdict"], whole["missing"]) == ("INSUFFICIENT", "5 of 30 events")
    assert whole["brier"] is None
    assert whole["bins"] == []
    assert data["recalibration"]["slope"] is None
    assert picture.chosen(data["groups"]) == []
    assert "INSUFFICIENT" in picture.svg([], data["as_of"])


def test_history_mids_stand_in_where_nothing_was_quoted(tmp_path):
    """Backfilled daily points count, are used only once available, and are owned up to."""
    home = Dealt(tmp_path / "home")
    at = CLOSE - 7 * DAY - 6 * HOUR
    with home.store() as store, store.transaction() as tx:
        for number in range(1, 31):
            listings.record_markets(tx, [market(number, NOON)])
            series.record_points(tx, [Point(f"7{number}1", 0.3, at, KNOWN)], lag_s=90)
            listings.record_resolutions(tx, [_settle(number, Outcome.NO)])
    home.clock.set(KNOWN + DAY)
    data = judging.calibrate(home.config, clock=home.clock)
    week = _cell(data, "price", "horizon", "7 d")
    assert week["brier"]["point"] == pytest.approx(0.09)
    assert week["brier"]["low"] == week["brier"]["high"] == pytest.approx(0.09)
    assert week["slope"] is None
    assert data["events"] == _ready(home) == 0  # a price a week before is none a day before
    assert data["not_recorded_share"] == 1.0


def test_a_home_without_a_file_has_nothing_to_say(tmp_path):
    """And says so."""
    home = Dealt(tmp_path / "home")
    home.database.unlink(missing_ok=True)
    data = judging.calibrate(home.config, clock=home.clock)
    assert data["warnings"] == [judging.NOTHING]
    json.dumps(data, allow_nan=False)


def test_the_picture_is_whole_and_self_contained(home):
    """It parses, holds a panel for each group, no address but the name of SVG, no script."""
    data = judging.calibrate(home.config, clock=home.clock)
    groups = picture.chosen(data["groups"])
    drawn = picture.svg(groups, data["as_of"])
    root = ET.fromstring(drawn)  # noqa: S314  # ours
    assert len(root.findall("{http://www.w3.org/2000/svg}g")) == len(groups) == 3
    assert drawn.count("http") == 1
    assert "script" not in drawn
    page = picture.html(groups, data["as_of"], [["of", "n"], ["<b>", "1 & 2"]])
    assert drawn in page
    assert "&lt;b&gt;" in page
    assert "1 &amp; 2" in page
    assert picture.svg(groups, data["as_of"]) == drawn


def test_a_person_sees_table_and_plot_and_gets_the_files(home, tmp_path, capsys):
    """The command shows the groups, draws with characters, and writes what is asked for."""
    drawn, page = tmp_path / "c.svg", tmp_path / "c.html"
    words = ["calibrate", "--config", str(home.config), "--svg", str(drawn), "--html", str(page)]
    assert run(words) == 0
    told = capsys.readouterr()
    assert any(
        line.split()[:3] == ["own", "strategy", "price_only"] for line in told.out.split("\n")
    )
    assert "= 95 % band" in told.out
    assert str(drawn) in told.err
    assert drawn.read_text(encoding="utf-8") in page.read_text(encoding="utf-8")
    assert (
        run(["calibrate", "--config", str(home.config), "--svg", str(tmp_path / "no/c.svg")]) == 2
    )
