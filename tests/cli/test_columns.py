"""What a person sees: all of it in a pipe, and on a screen no line wider than the screen."""

import json
import re

import pytest
from telling import tell  # beside this

ANSWERS = (
    ("filled", ""),
    ("filled", "status"),
    ("filled", "markets"),
    ("filled", "quality-check"),
    ("filled", "doctor --offline"),
    ("filled", "logs -n 20"),
    ("filled", "db stats"),
    ("filled", "collect --force"),
    ("filled", "config show"),
    ("filled", "config explain data_collection.polymarket.requests_per_10s.prices_history"),
    ("old", "markets"),
    ("old", "quality-check --since 400d"),
    ("old", "doctor --offline"),
    ("alone", "markets"),
)


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize(("state", "words"), ANSWERS)
def test_no_line_is_wider_than_the_screen(homes, monkeypatch, state, words, columns):
    """Nothing overflows, nothing is cut short with an ellipsis."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    told = tell(*words.split(), "--config", str(homes[state]), screen=True)
    assert told.exit_code in {0, 3}, told.err
    lines = re.sub(r"\x1b\[[0-9;]*m", "", told.out).splitlines()
    assert max(map(len, lines)) <= columns
    assert "…" not in told.out


def _markets(homes):
    out = tell("markets", "--json", "--config", str(homes["filled"])).out
    found = json.loads(out)["data"]["markets"]
    assert found
    return found


@pytest.mark.usefixtures("no_home")
def test_a_screen_of_eighty_columns_shows_every_market_and_price(homes, monkeypatch):
    """Id, bid, ask and mid stay whole in one line; the footer names what is left out."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    shown = tell("markets", "--config", str(homes["filled"]), screen=True).out
    for market in _markets(homes):
        line = next(line for line in shown.splitlines() if line.startswith(market["id"]))
        assert market["mid"] is None or f"{market['mid']:.3f}".rstrip("0").rstrip(".") in line
    assert "(too narrow here for: liquidity" in shown


@pytest.mark.usefixtures("no_home")
def test_a_pipe_gets_every_column_whole(homes, monkeypatch):
    """However narrow COLUMNS says it is: every question in one line, no column left out."""
    monkeypatch.setenv("COLUMNS", "20")
    shown = tell("markets", "--config", str(homes["filled"])).out
    assert {"liquidity", "category", "age"} <= set(shown.splitlines()[0].split())
    assert all(market["question"] in shown for market in _markets(homes))
    assert "too narrow" not in shown


@pytest.mark.usefixtures("no_home")
def test_a_listing_says_how_many_there_are_beyond_it(homes):
    """What --limit hides is counted, and an empty listing says which kind of empty it is."""
    total = len(_markets(homes))
    config = ("--config", str(homes["filled"]))
    assert f"\n1 of {total} markets\n" in tell("markets", "--limit", "1", *config).out
    assert tell("markets", "--search", "zzzzzz", *config).out == "no market matches\n"
    empty = tell("markets", "--config", str(homes["empty"]))
    assert empty.out == "no markets\n"
    assert "trading collect" in empty.err


@pytest.mark.usefixtures("no_home")
def test_a_setting_is_shown_as_the_file_has_it(homes):
    """No limit is null and an empty list is [], with where each comes from."""
    shown = tell("config", "show", "--config", str(homes["filled"])).out
    assert "data_collection.categories = []  (default)\n" in shown
    budget = r"data_collection\.gdelt\.requests_per_minute = null  \(config\.yaml:\d+:\d+\)\n"
    assert re.search(budget, shown)
