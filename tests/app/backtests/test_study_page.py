"""The page: its tables are the JSON digit for digit, it needs nothing else, and escapes titles."""

import copy
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from made_source import Made  # beside this
from study_home import StudyHome  # beside this

from trading_cli.app.backtests.page import page, shown
from trading_cli.app.backtests.plots import Bar, Line, bars, lines

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> & \"' \u202e\x1b[31m"
VOID = {"meta", "br", "img", "rect", "path", "link", "input"}


class Read(HTMLParser):
    """The tables of a page by their name, its links to elsewhere, and its open elements."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, list[list[str]]] = {}
        self.outside: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self._row: list[str] | None = None
        self._name = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins."""
        self.tags.add(tag)
        found = dict(attrs)
        self.outside += [one for name in ("src", "href", "xlink:href") if (one := found.get(name))]
        self.outside += [name for name in found if name.startswith("on")]
        if tag == "table":
            self._name = found.get("data-of") or f"#{len(self.tables)}"
            self.tables[self._name] = []
        if tag == "tr":
            self._row = []
            self.tables[self._name].append(self._row)
        if tag in {"td", "th"} and self._row is not None:
            self._row.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is whole."""
        del attrs
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note what ends."""
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        """Put text into its cell."""
        if self.open and self.open[-1] in {"td", "th"} and self._row:
            self._row[-1] += data


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> dict[str, Any]:
    """Return the answer of a sweep, as a program reads it."""
    home = StudyHome(tmp_path_factory.mktemp("page"))
    found = home.run(Made(1, 7, step=0.12), grid=("exits.stop=.08,.2",))
    assert found["trips"]
    return json.loads(json.dumps(found))


@pytest.mark.parametrize(
    ("title", "rows"),
    [
        ("Measures, 95 % intervals", lambda d: d["metrics"]),
        ("Targets", lambda d: d["targets"]),
        ("Beside it", lambda d: d["beside"]),
        ("Capacity", lambda d: d["capacity"]),
        ("By grade of the fills", lambda d: d["by_grade"]),
        ("By category", lambda d: d["by_category"]),
        ("Cells of the sweep", lambda d: d["grid"]["cells"]),
        ("Closed trades", lambda d: d["trips"]),
    ],
)
def test_every_table_is_the_json_digit_for_digit(data, title, rows):
    """Row for row and cell for cell: the text of a cell reads back as the very number."""
    head, *body = Read(page(data)).tables[title]
    names = [name.replace(" ", "_") for name in head]
    assert len(body) == len(rows(data))
    for told, one in zip(body, rows(data), strict=True):
        for name, cell in zip(names, told, strict=True):
            value = one[name]
            assert cell == shown(value), (title, name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                assert json.loads(cell) == value


def test_it_needs_nothing_else(data):
    """No script, no address, nothing to load; balanced; light and dark."""
    text = page(data)
    read = Read(text)
    assert read.outside == []
    assert read.unbalanced == []
    assert read.open == []
    assert not read.tags & {"script", "link", "img", "iframe", "object", "image", "use"}
    assert not re.search(r"https?://|url\(|@import", text)
    assert "prefers-color-scheme:dark" in text
    assert text.count("<svg") == 4
    assert text.count('role="img"') == text.count("<svg")


def test_titles_of_strangers_are_escaped(data):
    """Whatever a question says stays text, in cells and in names alike."""
    hostile = copy.deepcopy(data)
    for one in hostile["trips"]:
        one["question"] = one["category"] = HOSTILE
    hostile["by_category"][0]["name"] = HOSTILE
    hostile["beside"][1]["name"] = HOSTILE
    hostile["asked"]["cell"] = HOSTILE
    read = Read(page(hostile))
    assert "script" not in read.tags
    assert "img" not in read.tags
    assert read.outside == []
    assert read.tables["Closed trades"][1][1] == HOSTILE


def test_what_matters_is_said_at_the_top(data):
    """The verdict, UNPROVEN, IN-SAMPLE and the waived rules come before any number."""
    text = page(data)
    first = text.index("<dl>")
    for word in ("UNPROVEN", "IN-SAMPLE", "INSUFFICIENT", "waived", "cannot enter a gate"):
        assert text.index(word) < first, word
    assert "validat" not in text.lower()


def test_a_plot_of_nothing_says_so():
    """No point, one point, or a line that does not move: words or a flat line, never an error."""
    assert "nothing to draw" in lines("Equity", [Line("own", "a", [])], ("", ""))
    assert "nothing to draw" in lines("Equity", [Line("own", "a", [(0, 1.0)])], ("", ""))
    flat = lines("Equity", [Line("own", "a", [(0, 5.0), (1, None), (2, 5.0)])], ("a", "b"))
    assert flat.count("M") >= 2
    assert "nan" not in flat
    assert "nothing to draw" in bars("Beside", [Bar("a", None)])
    both = bars("Beside", [Bar("up", 0.5), Bar("down", -0.25), Bar("none", None)])
    assert both.count("<rect") == 2
    assert "+50.00%" in both
    assert "-25.00%" in both
