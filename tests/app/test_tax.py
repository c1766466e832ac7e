"""Tax lots: the ledger's own sums, another currency at each day's rate, and bad rates refused."""

import csv
import json
from datetime import timedelta
from pathlib import Path

import pytest
from dealt import DAY, NOON, Dealt  # beside this

from trading_cli.app import tax
from trading_cli.core.errors import UsageError
from trading_cli.domain import Reason
from trading_cli.store import balances

RATES = "day,EUR\n2026-03-02,0.90\n2026-03-06,0.95\n"


@pytest.fixture
def dealt(home: Path) -> Dealt:
    """Return a home that bought 12.5 at .42, and sold 5 at .50 five days later."""
    made = Dealt(home)
    made.see(1)
    made.open_account()
    decision = made.decide()
    made.trade(decision, "0.42", at=NOON)
    made.trade(decision, "0.50", at=NOON + 5 * DAY, sell=Reason.TARGET_1, shares="5")
    return made


def test_a_part_sold_has_its_part_of_the_cost_and_the_fees(dealt, tmp_path):
    """5 of 12.5: cost 5.3718 x .4 = 2.14872; 2.50 less the fee .05 are 2.45: gain .30128."""
    told = tax.export(dealt.config, tmp_path / "lots.csv")
    (row,) = csv.DictReader((tmp_path / "lots.csv").read_text().splitlines())
    assert (row["shares"], row["cost"], row["proceeds"]) == ("5", "2.148720", "2.45")
    assert (row["gain"], row["days"], row["how"]) == ("0.301280", "5", "sale")
    assert row["question"] == "Will thing 1 happen?"
    assert (told["rows"], told["still_held"], told["currency"]) == (1, 1, None)
    with dealt.store() as store, store.reading() as look:
        held = balances.balances(look)
    assert told["gain"] == pytest.approx(float(-held["realized"] - held["fees"]))


def test_each_side_is_converted_at_the_rate_of_its_own_day(dealt, tmp_path):
    """Bought at .90, sold at .95 (the newest within a week): 1.93 and 2.33, so .40 EUR."""
    (tmp_path / "eur.csv").write_text(RATES)
    told = tax.export(
        dealt.config, tmp_path / "lots.json", rates=tmp_path / "eur.csv", currency="EUR"
    )
    (row,) = json.loads((tmp_path / "lots.json").read_text())
    assert (row["cost_local"], row["proceeds_local"], row["gain_local"]) == ("1.93", "2.33", "0.40")
    assert told["gain_local"] == 0.4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-03-02,x\n", "line 1: '2026-03-02,x' is no date and rate"),
        ("day,rate\n2026-03-02\n", "line 2: '2026-03-02' is no date and rate"),
        ("2026-03-02,0\n", "0 is no rate"),
        ("2026-03-02,NaN\n", "NaN is no rate"),
        ("2026-03-02,1E+40\n", "is no rate"),
        ("2026-03-02,1E-40\n", "is no rate"),
        (f"2026-03-02,0.{'9' * 5000}\n", "is no date and rate"),
        ("2026-03-02,1\n2026-03-02,2\n", "line 2: 2026-03-02 is there twice"),
        ("", "holds no rate"),
        ("2025-12-01,0.9\n", "none for 2026-03-02 or the week before it"),
    ],
)
def test_bad_rates_are_refused_and_nothing_is_written(dealt, tmp_path, text, said):
    """Each says the line or the day, and leaves no file."""
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(UsageError, match=said):
        tax.export(dealt.config, tmp_path / "l.csv", rates=tmp_path / "r.csv", currency="EUR")
    assert not (tmp_path / "l.csv").exists()


def test_a_week_without_a_rate_is_bridged_and_no_more(tmp_path):
    """Seven days old is good, eight is not."""
    (tmp_path / "r.csv").write_text("2026-03-02,0.9\n")
    rates = tax.read_rates(tmp_path / "r.csv", "EUR")
    day = NOON.date()
    assert str(rates.on(day + timedelta(days=7))) == "0.9"
    with pytest.raises(UsageError):
        rates.on(day + timedelta(days=8))
