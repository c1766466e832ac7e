"""The page of a market's book as a person gets it: whole at 80 columns, and refused in words."""

import json
import re

import pytest
from telling import tell  # beside this

MARKET = "3382818878"


def told(homes, *words, state="filled", screen=False):
    """Run the command in a home of that state."""
    return tell("microstructure", *words, "--config", str(homes[state]), screen=screen)


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize("words", [(), ("--size", "2,500"), ("--live",), ("--since", "2d")])
def test_the_page_is_no_wider_than_eighty_columns(homes, words):
    """In a pipe, where nothing is folded or cut: picture, curve of both tokens, score."""
    found = told(homes, MARKET, *words)
    assert found.exit_code == 0, found.err
    assert max(map(len, found.out.splitlines())) <= 80
    for part in ("spread", "ask ", "bid ", "YES: a size's", "NO: a size's", "tightness", "kyle"):
        assert part in found.out
    assert ("2,500 USD" in found.out) == ("--size" in words)
    assert ("live, seen" in found.out) == ("--live" in words)


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_line_is_wider_than_the_screen(homes, monkeypatch, columns):
    """Nothing overflows a terminal, nothing ends in an ellipsis."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    found = told(homes, MARKET, "--size", "500", screen=True)
    assert found.exit_code == 0, found.err
    lines = re.sub(r"\x1b\[[0-9;]*m", "", found.out).splitlines()
    assert max(map(len, lines)) <= max(columns, 66)
    assert "…" not in found.out


@pytest.mark.usefixtures("no_home")
def test_the_envelope_and_the_page_say_the_same(homes):
    """Best prices, the curve and the score are those of the JSON; without trades it is said."""
    data = json.loads(told(homes, MARKET, "--json").out)["data"]
    page = told(homes, MARKET).out
    yes, no = data["tokens"]
    assert f"{yes['bid']:g} / {yes['ask']:g}" in page
    assert f"{no['bid']:g} / {no['ask']:g}" in page
    for one in (*yes["costs"], *no["costs"]):
        assert not one["filled"] or f"{one['average']:.4f}" in page
    assert f"{yes['score']['value']:.2f}" in page
    assert page.count("INSUFFICIENT") >= 2  # one slot carries neither impact nor resilience


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize(
    ("words", "state", "code", "why"),
    [
        (("nonsense",), "filled", 2, "no market is 'nonsense'"),
        (("will",), "filled", 2, "markets: "),
        ((MARKET, "--size", "0"), "filled", 2, "a size is above 0"),
        ((MARKET, "--size=-5"), "filled", 2, "a size is above 0"),
        ((MARKET, "--size", "much"), "filled", 2, "is no number of USD"),
        ((MARKET, "--size", "1e30"), "filled", 2, "a size is above 0"),
        ((MARKET, "--since", "yesterday"), "filled", 2, "is not a length of time"),
        ((MARKET, "--since", "1m"), "filled", 2, "between 15 minutes and a year"),
        ((), "filled", 2, "Missing argument"),
        ((MARKET,), "empty", 6, "database"),
        ((MARKET,), "wrong", 4, "nonsense"),
        ((MARKET,), "damaged", 6, "database"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(homes, words, state, code, why):
    """A sentence and a code, nothing on stdout."""
    found = told(homes, *words, state=state)
    assert (found.exit_code, found.out) == (code, "")
    assert why in found.err
    assert found.err.count("\n") <= 3
