"""`trading import` and what `calibrate` says of it, as a person types them."""

import json

import pytest
from telling import tell  # beside this

T0 = 1_700_000_000
TEXT = f"market,t,p,mood\na,{T0},0.25,x\na,{T0 + 60},1.5,x\na,{T0 + 60},0.5,x\n"


@pytest.fixture
def folder(home, monkeypatch):
    """Return a home with a file of prices and one of markets."""
    monkeypatch.chdir(home)
    (home / "mine").mkdir()
    (home / "mine" / "prices.csv").write_text(TEXT)
    (home / "mine" / "markets.csv").write_text(f"market,outcome_yes,closed_at\na,1,{T0 + 7200}\n")
    return home


@pytest.mark.usefixtures("folder")
def test_the_page_says_what_came_in_and_what_did_not():
    """Files and layouts, span, counts, the first refused row of each reason, the odd column."""
    told = tell("import", "mine")
    assert told.exit_code == 0
    assert "prices.csv 3 1 prices: market, t, p" in " ".join(told.out.split())
    assert "points       2 new, 0 there already" in told.out
    assert "markets      1 (1 new), 1 settled, 1 under a name of ours" in told.out
    assert "price outside 0 to 1     1  prices.csv:3  a: t 1700000060, price 1.5" in told.out
    assert "warning: prices.csv: column 'mood' is not used" in told.err
    again = tell("import", "mine", "-q")
    assert "points       0 new, 2 there already" in again.out


def test_a_dry_run_is_the_same_page_and_says_so(folder):
    """Nothing is stored: there is not even a database."""
    told = tell("import", "mine", "--dry-run", "--source", "try")
    assert "try (dry run: nothing stored)" in told.out
    assert "points       2 new" in told.out
    assert not (folder / "data").exists()


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (("import",), "Missing argument", "import --help"),
        (("import", "absent.csv"), "there is no file absent.csv", "correct the path"),
        (("import", "bad.csv"), "lacks p", "--map p=prise"),
        (("import", "mine", "--map", "p"), "is not OURS=THEIRS", "--map p=mid_price"),
        (("import", "mine", "--lag", "-1"), "--lag -1", "--lag 90"),
        (("calibrate", "--source", "nobody"), "nothing was imported as 'nobody'", "there is mine"),
        (("calibrate", "--horizon", "soon"), "not a length of time", "90m, 24h"),
        (("calibrate", "--before", "dawn"), "--before 'dawn'", "close, end, last"),
        (("calibrate", "--take", "best"), "--take 'best'", "known, nearest, after"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_a_way_out(folder, words, said, hint):
    """Exit 2, nothing on stdout."""
    tell("import", "mine")
    (folder / "bad.csv").write_text(f"market,t,prise\na,{T0},0.5\n")
    told = tell(*words)
    assert (told.exit_code, told.out) == (2, "")
    assert said in told.err
    assert hint in told.err


@pytest.mark.usefixtures("folder")
def test_calibrate_by_horizon_before_the_last_price():
    """The question is said again in the answer; hindsight is called so."""
    tell("import", "mine")
    words = ("--horizon", "1h,30m", "--before", "last", "--take", "nearest", "--source", "mine")
    told = tell("calibrate", *words, "--within", "2h", "--json")
    envelope = json.loads(told.out)
    assert envelope["data"]["question"] == {
        "horizons": ["30 min", "1 h"],
        "before": "last",
        "take": "nearest",
        "within_s": 7200,
        "source": "mine",
        "label": "",
    }
    assert "hindsight" in envelope["warnings"][0]
    assert [one["n"] for one in envelope["data"]["groups"] if one["by"] == "horizon"] == [1, 1]
