"""The commands about decisions and trades: what they print fits 80 columns and its schema."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from telling import tell  # beside this

from trading_cli.core.schemas import schema_of

DAY = timedelta(days=1)


@pytest.fixture
def traded(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return ids by what they are, of a home where things were bought, sold and refused."""
    app_tests = Path(__file__).resolve().parent.parent / "app"
    monkeypatch.syspath_prepend(str(app_tests))
    from dealt import Dealt

    from trading_cli.domain import Action, Reason

    made = Dealt(home)
    at = datetime.now(UTC).replace(microsecond=0) - 3 * DAY
    made.see(1, at=at)
    made.open_account()
    veto = {
        "question": "Will thing 1 happen?",
        "vetoes": [{"reason": "ASK_BAND", "sentence": "ask 0.91 is above 0.85 " * 5}],
    }
    refused = made.decide(1, at=at, action=Action.HOLD, reason=Reason.ASK_BAND, facts=veto)
    bought = made.decide(1, at=at + DAY)
    made.trade(bought, "0.42", at=at + DAY)
    made.trade(bought, "0.44", at=at + DAY, shares="5", sell=Reason.TARGET_1)
    ended = made.decide(2, at=at)
    made.see(2, at=at)
    made.trade(ended, "0.42", at=at)
    closed = made.trade(ended, "0.36", at=at + DAY, sell=Reason.STOP)
    return {"refused": refused.id, "bought": bought.id, "closed": closed.id}


def told(*words: str, exit_code: int = 0) -> dict:
    """Return the data of a command, held against its schema; the screen must fit too."""
    screen = tell(*words)
    assert screen.exit_code == exit_code, screen.err
    answer = tell(*words, "--json")
    envelope = json.loads(answer.out)
    name = envelope["schema"].removeprefix("trading.").removesuffix("/1")
    Draft202012Validator(schema_of(name)).validate(envelope)
    return envelope["data"] | {"screen": screen.out}


@pytest.mark.parametrize("what", ["refused", "bought", "closed"])
def test_explain_is_one_screen_of_eighty_columns(traded, what):
    """Every line fits, there are at most forty, and the first one answers."""
    data = told("explain", traded[what])
    lines = data["screen"].splitlines()
    assert max(len(line) for line in lines) <= 80, data["screen"]
    assert len(lines) <= 40
    assert lines[0].startswith(("No trade. ASK_BAND", "Bought. SIGNAL"))


def test_positions_say_what_a_stop_is_worth(traded):
    """The holding, its value and its stop are shown with the sentence."""
    assert traded
    data = told("positions")
    assert "A stop is an attempt, not a bound; you can lose the whole stake." in data["screen"]
    (row,) = data["positions"]
    assert row["shares"] == 7.5


def test_a_person_books_notes_reviews_and_takes_out(traded, tmp_path):
    """The whole of `journal` by its command lines, each answer by its schema."""
    bought, closed = traded["bought"], traded["closed"]
    assert told("journal", "note", bought, "=SUM(A1)")["kind"] == "note"
    assert told("journal", "tag", bought, "late", "odd")["body"]["tags"] == ["late", "odd"]
    bid = ("journal", "fill", bought, "--price", "0.43", "--shares", "10", "--again")
    late = tell(*bid)
    assert (late.exit_code, "more than a day ago" in late.err) == (2, True)
    fill = told(*bid, "--at", "1d")
    assert fill["side"] == "BUY"
    sold = ("journal", "exit", fill["position"], "--price", "0.5", "--shares", "4", "--again")
    assert told(*sold)["realized"] > 0
    assert told("journal", "review", closed)["written"] is False
    assert told("journal", "review", closed, "--text", "stopped")["written"] is True
    assert told("journal", "list", "--limit", "5")["total"] > 8
    assert told("journal", "show", bought)["entries"]
    assert told("journal", "stats")["trades"] == 1
    assert told("journal", "verify")["whole"]
    books = told("journal", "reconcile")
    assert books["agrees"]
    assert books["balances"]["capital"] == -10_000
    assert "paid in" in books["screen"]
    assert "10,000.000000" in books["screen"]
    assert "-10,000" not in books["screen"]
    assert "dealer" in told("journal", "stats", "--by", "by")["screen"]
    assert told("readiness")["parts"]
    file = tmp_path / "journal.csv"
    assert told("journal", "export", str(file))["rows"] > 8
    assert "'=SUM(A1)" not in file.read_text(), "the note stands inside a JSON cell"
    assert "=SUM(A1)" in file.read_text()


def test_a_broken_chain_and_a_wrong_ledger_end_with_three(traded, home):
    """A changed row and a changed fill are named, exit 3, with an envelope."""
    import sqlite3

    assert traded
    raw = sqlite3.connect(home / "data" / "trading.db")
    with raw:
        raw.execute("DROP TRIGGER journal_keeps_its_words")
        raw.execute("UPDATE journal SET actor = 'me' WHERE seq = 2")
        raw.execute("UPDATE fills SET fee = fee + 1 WHERE seq = 1")
    raw.close()
    assert told("journal", "verify", exit_code=3)["broken"]["seq"] == 2
    assert told("journal", "reconcile", exit_code=3)["mismatches"]


@pytest.mark.parametrize(
    "words",
    [
        "journal fill {bought} --price forty --shares 5",
        "journal fill {bought} --price NaN --shares 5",
        "journal exit {refused} --price 0.4",
        "journal stats --by moon",
        "close --reason test",
        "close {closed} --reason test",
        "close --all --reason  ",
        "explain ''",
    ],
)
def test_what_cannot_be_is_a_usage_error(traded, words):
    """Wrong numbers, closed positions and empty names are exit 2, with a way out."""
    answer = tell(*words.format(**traded).split())
    assert answer.exit_code == 2, answer.out
    assert answer.err


@pytest.mark.usefixtures("traded")
def test_cash_that_must_stay_reads_as_no_breach():
    """Of cash a floor is shown, "at least", since more of it is better; of the rest a ceiling."""
    shown = tell("portfolio", "exposure", "--all")
    assert shown.exit_code == 0, shown.err
    (cash,) = [line.split() for line in shown.out.splitlines() if line.startswith("cash  ")][1:]
    assert cash[3:5] == ["at", "least"]
    assert "BROKEN" not in shown.out
    assert shown.out.count("at least") == 1


@pytest.mark.usefixtures("home")
def test_correlate_begins_at_a_date_too():
    """A day is read as an instant, one too long ago is refused by it; nonsense is no time."""
    for typed, said in (("2020-01-01", "between a day and a year"), ("soon", "is not a time")):
        refused = tell("correlate", "--since", typed)
        assert (refused.exit_code, refused.out) == (2, "")
        assert said in refused.err
