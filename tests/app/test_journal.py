"""The record as a person reads it, adds to it, checks it and takes it out."""

import csv
import io
import json
import re
import stat
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dealt import DAY, NOON, SLOT, Dealt  # beside this
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.app import export, geoblock, journal, proving, reconcile, track_record
from trading_cli.core.errors import StoreError, UsageError
from trading_cli.domain import Reason
from trading_cli.store import Store
from trading_cli.store import journal as rows


@pytest.fixture
def home(home: Path) -> Dealt:
    """Return a home with nothing in it."""
    return Dealt(home)


def test_a_home_without_a_database_has_an_empty_record(home):
    """Looking says how to begin; adding says that there is nothing to be about."""
    assert journal.entries(home.config)["warnings"] == [journal.EMPTY]
    with pytest.raises(StoreError, match="no database"):
        journal.note(home.config, "d1", "hm", clock=home.clock)


def test_notes_and_tags_are_rows_of_their_own(home):
    """What a person adds is appended with their name, found by any beginning, and verifies."""
    made = home.decide()
    written = journal.note(home.config, "d1", "looked odd", clock=home.clock)
    assert written["subject"] == made.id
    assert (written["actor"], written["body"]["text"]) == ("person", "looked odd")
    tagged = journal.tag(home.config, made.id, ("Late", "late", "odd"), clock=home.clock)
    assert tagged["body"]["tags"] == ["late", "odd"]
    told = journal.about(home.config, "d1")
    assert [row["kind"] for row in told["entries"]] == ["decision", "note", "tag"]
    assert journal.about(home.config, "2")["entries"][0]["kind"] == "note"
    newest = journal.entries(home.config, kind="note")
    assert [row["seq"] for row in newest["entries"]] == [2]
    assert newest["total"] == 3
    assert journal.verify(home.config)["whole"]


@pytest.mark.parametrize("words", ["", "   "])
def test_an_empty_note_is_refused(home, words):
    """A row that says nothing is not written."""
    home.decide()
    with pytest.raises(UsageError, match="says something"):
        journal.note(home.config, "d1", words, clock=home.clock)
    with pytest.raises(UsageError, match="no tag"):
        journal.tag(home.config, "d1", (words,), clock=home.clock)
    with pytest.raises(UsageError, match="no decision, order, position or fill"):
        journal.note(home.config, "zz", "hm", clock=home.clock)


def test_a_review_holds_the_plan_against_the_outcome(home):
    """A closed position shows both, to the cent; with words it is written, once said."""
    home.open_account()
    home.see(1)
    made = home.decide()
    held = home.trade(made, "0.42", at=NOON + timedelta(seconds=1))
    with pytest.raises(UsageError, match="still held"):
        journal.review(home.config, held.id, "hm", clock=home.clock)
    closed = home.trade(made, "0.36", at=NOON + DAY, sell=Reason.STOP)
    told = journal.review(home.config, made.id, None, clock=home.clock)
    assert told["position"] == closed.id
    assert not told["written"]
    assert told["plan"]["worst_case"] == 5.38
    came = told["outcome"]
    # 12.5 x .42 = 5.25, fee 12.5 x .04 x .2436 = .1218; 12.5 x .36 = 4.5, fee .1152
    assert (came["bought"], came["sold"], came["fees"]) == (5.25, 4.5, 0.237)
    assert came["net"] == pytest.approx(4.5 - 5.25 - 0.237)
    assert came["returned"] == pytest.approx(-0.987 / 5.3718)
    assert [one["reason"] for one in came["exits"]] == ["STOP"]
    assert journal.review(home.config, closed.id, "too late", clock=home.clock)["written"]
    (row,) = journal.entries(home.config, kind="review")["entries"]
    assert row["body"]["text"] == "too late"


def test_a_broken_row_is_named(home):
    """Whoever changes a row in the file is found out, at that row."""
    for number in range(1, 5):
        home.decide(number)
    with home.store() as store, store.transaction() as tx:
        tx.execute("DROP TRIGGER journal_keeps_its_words")
        tx.execute("UPDATE journal SET body = '{}' WHERE seq = 3")
    told = journal.verify(home.config)
    assert not told["whole"]
    assert told["broken"]["seq"] == 3


def test_ledger_fills_and_positions_agree(home):
    """After any round trips all three say the same, and the accounts sum to 0."""
    home.round_trips([("0.42", "0.40"), ("0.5", "0.61"), ("0.333", "0.334")])
    made = home.decide(9)
    home.trade(made, "0.55", at=NOON + DAY)
    told = reconcile.reconcile(home.config)
    assert told["agrees"], told["mismatches"]
    assert (told["fills"], told["positions"], told["transfers"]) == (7, 4, 8)


def test_the_balances_are_read_as_a_person_reads_them(home):
    """A loss has a minus, what was paid in has none, and what there is adds up to both."""
    trades = home.round_trips([("0.42", "0.40")])
    raw = reconcile.reconcile(home.config)["balances"]
    told = dict(reconcile.as_read(raw))
    lost = float(trades[0].realized)
    assert lost < 0
    assert told["net result"] == pytest.approx(lost)
    assert told["paid in"] == 10_000
    assert told["cash"] + told["positions at cost"] == pytest.approx(10_000 + lost)
    assert raw["capital"] == -10_000


def test_an_empty_list_says_what_hid_the_rows(home):
    """Rows that a filter hides are counted, and an unknown kind is refused with the kinds."""
    home.decide()
    told = journal.entries(home.config, since=NOON + DAY)
    assert (told["entries"], told["total"]) == ([], 1)
    assert "--since" in told["warnings"][0]
    told = journal.entries(home.config, kind="note", since=NOON - DAY)
    assert "--kind note" in told["warnings"][0]
    assert "--since" not in told["warnings"][0]
    told = journal.entries(home.config, subject="zz")
    assert "--subject zz" in told["warnings"][0]
    assert "warnings" not in journal.entries(home.config, since=NOON - DAY)
    with pytest.raises(UsageError, match="'bogus'") as refused:
        journal.entries(home.config, kind="bogus")
    assert "settlement" in refused.value.hint


def test_every_kind_that_is_written_can_be_asked_for():
    """What any part of the program appends is a kind that `journal list --kind` knows."""
    package = Path(journal.__file__).parent.parent
    written = {
        kind
        for file in package.rglob("*.py")
        for kind in re.findall(r'journal\.append\(\s*\w+,\s*"(\w+)"', file.read_text())
    }
    assert len(written) > 8
    named = {"exit", "fill", "note", "tag", proving.KIND, geoblock.KIND}  # by a name of their own
    assert written | named == set(journal.KINDS)


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE fills SET fee = fee + 1 WHERE seq = 1", "fee of the fill"),
        ("UPDATE fills SET shares = shares + 1 WHERE seq = 1", "shares of the fill"),
        ("UPDATE entries SET amount = amount + 1 WHERE seq = 4", "do not sum to 0"),
        ("DELETE FROM fills WHERE seq = 2", "that is not there"),
        ("DELETE FROM positions", "shares held"),
        ("UPDATE positions SET realized = realized + 1", "the net result"),
        ("UPDATE positions SET cost = cost + 1", "what the positions cost"),
        ("DELETE FROM entries WHERE transfer LIKE 'fill:%'", "USD paid or received"),
        ("UPDATE fills SET gross = gross + 1 WHERE seq = 3", "USD of the fill against its levels"),
    ],
)
def test_a_millionth_of_a_dollar_is_a_mismatch(home, sql, what):
    """Whichever of the three is off by however little, the difference is named."""
    home.round_trips([("0.42", "0.40")])
    home.trade(home.decide(5), "0.42", at=NOON + DAY)
    with home.store() as store, store.transaction() as tx:
        tx.execute(sql)
    told = reconcile.reconcile(home.config)
    assert not told["agrees"]
    assert any(what in one["what"] for one in told["mismatches"]), told["mismatches"]


def test_below_thirty_events_nothing_is_said(home):
    """The money is a fact; the rates are not shown, and what is missing is."""
    home.round_trips([("0.42", "0.40"), ("0.42", "0.60")])
    home.clock.set(NOON + 10 * DAY)
    told = track_record.stats(home.config, clock=home.clock)
    assert (told["trades"], told["events"]) == (2, 2)
    cells = {(one["by"], one["name"]): one for one in told["groups"]}
    assert cells["all", "all"]["verdict"] == "INSUFFICIENT"
    assert cells["all", "all"]["win_rate"] is None
    assert cells["all", "all"]["missing"].startswith("2 of 30 events; enough about 2026-07-")
    assert {name for by, name in cells if by == "tier"} == {"agreement 3 of 3"}
    assert {name for by, name in cells if by == "hour"} == {"12 UTC"}
    assert {by for by, _ in cells} == set(track_record.DIMENSIONS)


def test_from_thirty_events_on_there_are_intervals(home):
    """The share of wins has Wilson's interval, the mean return Student's, by event."""
    home.round_trips([("0.42", "0.40" if n % 3 else "0.60") for n in range(30)])
    told = track_record.stats(home.config, by="strategy", clock=home.clock)
    (cell,) = told["groups"]
    assert (cell["events"], cell["verdict"]) == (30, "UNPROVEN")
    won, mean = cell["win_rate"], cell["mean_return"]
    assert won["point"] == pytest.approx(1 / 3)
    assert won["low"] < 1 / 3 < won["high"]
    assert mean["low"] < mean["point"] < mean["high"]
    net = sum(float(one.realized) for one in _positions(home))
    assert cell["net"] == pytest.approx(net)


def _positions(home):
    from trading_cli.store import holdings

    with Store.reader(home.database) as store, store.reading() as look:
        return holdings.positions(look, every=True)


@pytest.mark.parametrize("what", sorted(export.RECORDS))
@pytest.mark.parametrize("ending", [".csv", ".json"])
def test_every_record_can_be_taken_out(home, tmp_path, what, ending):
    """Each record is a file for its owner alone, with as many rows as there are."""
    home.round_trips([("0.42", "0.40")])
    file = tmp_path / f"out{ending}"
    told = export.export(home.config, file, what=what)
    text = file.read_text()
    got = list(csv.DictReader(io.StringIO(text))) if ending == ".csv" else json.loads(text)
    assert len(got) == told["rows"] > 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.glob(".*part")) == []


def test_a_file_that_cannot_be_written_is_left_as_it_was(home, tmp_path):
    """A wrong ending, an unknown record and a missing folder are named; nothing is begun."""
    home.decide()
    for file, what in (("a.xls", "journal"), ("a.csv", "posts"), ("no/a.csv", "journal")):
        with pytest.raises(UsageError):
            export.export(home.config, tmp_path / file, what=what)
    assert list(tmp_path.glob("*.csv")) == []


@given(st.text())
def test_no_text_is_a_formula(text):
    """Whatever a title says, no cell of text begins like a formula, unless it is a plain number."""
    cell = export.cell(text)
    number = cell.removeprefix("-").replace(".", "", 1).isdecimal()
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) or number
    read = next(
        csv.reader(io.StringIO(export.to_csv(["a", "b"], [{"a": text, "b": 1}]), newline=""))
    )
    assert read == ["a", "b"]


def test_amounts_stay_numbers_in_a_spreadsheet():
    """A negative amount is a number, a word with a minus is text."""
    assert export.cell("-5.31821") == "-5.31821"
    assert export.cell("-1+1") == "'-1+1"
    assert export.cell("=1") == "'=1"
    assert export.cell(None) is None


def test_many_rows_verify_quickly_enough_to_be_asked(home):
    """A thousand rows in one commit are one chain."""
    with home.store() as store, store.transaction() as tx:
        for number in range(1000):
            rows.append(tx, "note", "x", {"n": number}, at=NOON + number * SLOT)
    assert journal.verify(home.config)["rows"] == 1000


def test_amounts_of_a_report_are_exact():
    """What a stored amount shows is what was stored."""
    assert export._value(Decimal("1E+2")) == "100"
