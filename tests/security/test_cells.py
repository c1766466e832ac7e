"""No cell of a file we write is a formula, and every cell still says what it said."""

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payloads import FORMULAS, PAYLOADS  # beside this

from trading_cli.app.export import cell, to_csv

BEGINS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def dangerous(text: str) -> bool:
    """Say whether a spreadsheet could take *text* for a formula, once it trimmed what it trims."""
    seen = text.lstrip()
    while seen and (seen[0].isspace() or unicodedata.category(seen[0]) in UNSEEN):
        seen = seen[1:]
    return not NUMBER.fullmatch(text) and (text[:1] in BEGINS or seen[:1] in BEGINS) and text != ""


def told(text: str) -> str:
    """Return *text* as a cell can hold it: one kind of line end, no NUL."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def read_back(text: str) -> list[list[str]]:
    """Return the cells of a CSV text."""
    return list(csv.reader(io.StringIO(text, newline="")))


def test_fifty_formulas_are_no_formulas_and_come_back_whole():
    """Each is kept to the letter behind an apostrophe, and none is lost."""
    assert len(set(FORMULAS)) >= 50
    rows = [{"title": one, "n": -1.5} for one in FORMULAS]
    _, *back = read_back(to_csv(("title", "n"), rows))
    assert [one for one, _ in back if dangerous(one)] == []
    assert [one.removeprefix("'") for one, _ in back] == [told(one) for one in FORMULAS]
    assert {number for _, number in back} == {"-1.5"}


@pytest.mark.parametrize("text", ["-0.5", "-12", "0.25", "-1000.000001", "x=1", "a@b", "1-2", ""])
def test_a_number_and_an_ordinary_text_stay_as_they_are(text):
    """A negative amount is a number for whoever adds up the column."""
    assert cell(text) == text


@given(st.text() | st.text("=+-@\t\r\n \u200b\uff1dx1", max_size=8))
def test_whatever_the_text_its_cell_is_harmless_and_reads_back(text):
    """Whatever a stranger writes."""
    made = str(cell(text))
    assert not dangerous(made)
    assert made in (told(text), f"'{told(text)}")


@given(st.dictionaries(st.text(), st.text()) | st.lists(st.text()))
def test_whatever_has_parts_is_json_in_a_cell(value):
    """It begins with a bracket, and holds no break that ends a row."""
    made = str(cell(value))
    assert made[0] in "{["
    assert made.isascii()
    assert "\n" not in made


def test_every_payload_stays_in_its_own_cell():
    """Commas, quotes and line breaks of a title make no cell and no row of their own."""
    texts = [*PAYLOADS, "a\r=1+1", "a\r\n=1+1", 'a",=1\r"=1']
    back = read_back(to_csv(("a", "b"), [{"a": one, "b": one} for one in texts]))
    assert len(back) == len(texts) + 1
    assert {len(row) for row in back} == {2}
