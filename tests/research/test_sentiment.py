"""What a text feels, by a frozen list of words."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.research.sentiment import OVERLAY, VERSION, score


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("Canada slides into a deep recession and stocks crash", -1.0, -0.5),
        ("Bitcoin soars as the ceasefire holds, great news", 0.5, 1.0),
        ("Trump visits China in April", -0.05, 0.05),
        ("United Airlines shares", -0.05, 0.05),
    ],
)
def test_texts_feel_as_people_would_say(text, low, high):
    """Bad news is below, good news above, plain statements near zero."""
    assert low <= score(text) <= high


@pytest.mark.parametrize(
    "text",
    ["", "  ", "12345 !!", "Der Kanzler besucht heute morgen Paris und Rom", "Путин и Трамп"],
)
def test_what_we_cannot_read_has_no_feeling(text):
    """Empty and foreign texts are None, not 0."""
    assert score(text) is None


def test_the_source_knows_the_language_better():
    """A stated language decides."""
    assert score("Die Krise ist da and the end", "de") is None
    assert score("Krise", "en-US") == 0.0


def test_the_list_is_the_one_the_version_names():
    """A change of the overlay needs a new version: this hash is of "pm1"."""
    assert VERSION == "vader-3.3.2+pm1"
    assert len(OVERLAY) == 41
    assert all(-4 <= value <= 4 for value in OVERLAY.values())


def test_the_words_are_read_only_when_needed():
    """Importing the module does not load the lexicon."""
    import subprocess

    code = (
        "import sys, trading_cli.research.sentiment;"
        "sys.exit(any(m.startswith('vaderSentiment') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.text(max_size=200))
def test_whatever_the_text_the_score_stays_in_bounds(text):
    """A score is None or within [-1, 1], and the same again."""
    first = score(text)

    assert first is None or -1 <= first <= 1
    assert score(text) == first
