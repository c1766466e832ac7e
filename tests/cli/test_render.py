"""What reaches a terminal or a pipe: harmless, complete, plain where nobody looks."""

import json
import math
import os
import pty
import re
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.cli.answer import Answer, Facts, Table
from trading_cli.cli.render import document, neutral, present
from trading_cli.core.envelope import envelope, plain
from trading_cli.core.errors import UsageError

HOSTILE = "\x1b[31mred\x1b[0m \x07 [bold]x[/bold] \u202egnp.exe \u200b\u2066 \r\nfake: line \x9b1m"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.text())
def test_whatever_text_becomes_one_line_that_steers_nothing(text):
    """No control, format or bidi character and no line break survives, whatever came in."""
    kinds = {unicodedata.category(character) for character in neutral(text)}
    assert kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} == set()


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_harmless_text_stays_as_it_is(text):
    """Letters, digits and signs of every script are shown unchanged."""
    assert neutral(text) == text


def test_hostile_text_is_shown_not_obeyed():
    """Escapes and direction marks become visible; Rich's brackets stay brackets."""
    shown = neutral(HOSTILE)
    assert "\\x1b[31mred" in shown
    assert "\\u202egnp.exe" in shown
    assert "[bold]x[/bold]" in shown
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"), (math.nan, "-"), (0, "0"), (0.0, "0"), (True, "yes"), (0.5, "0.5"),
        (1234567, "1234567"), (0.00012, "0.00012"), (Decimal("0.150"), "0.150"), ((), ""),
        ([1, "a"], "1, a"), ({"a": None}, "a -"),
    ],
)  # fmt: skip
def test_absent_is_a_dash_and_zero_is_zero(value, shown):
    """A person can tell nothing known from nothing there."""
    assert neutral(value) == shown


@given(JSON)
def test_whatever_data_fit_into_the_envelope(data):
    """The envelope is one line of ASCII that any JSON parser reads, whatever it holds."""
    line = envelope("status", {"data": data}, ["a\nb"])
    assert line.isascii()
    assert "\n" not in line
    told = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert set(told) == {"schema", "generated_at", "data", "warnings"}
    assert told["schema"] == "trading.status/1"
    assert datetime.fromisoformat(told["generated_at"]).tzinfo is not None


def test_values_keep_their_meaning_in_json():
    """Times are ISO, decimals numbers, paths texts, NaN and absent null."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    data = {"at": at, "price": Decimal("0.515"), "nan": math.nan, "home": Path("/x"), 1: {2}}
    assert plain(data) == {
        "at": "2026-03-01T00:00:00+00:00", "price": 0.515, "nan": None, "home": "/x", "1": [2],
    }  # fmt: skip


def test_a_piped_table_is_complete(capsys, monkeypatch):
    """However narrow the terminal that COLUMNS claims, a pipe gets every character."""
    monkeypatch.setenv("COLUMNS", "20")
    long = "Will the very long question be answered before " + "x" * 300
    table = Table(("id", "question", "mid"), [["1", long, 0.5], ["22", "東京", None]], "t")
    present(Answer({}, (table, Facts([("a", HOSTILE)])), ("mind\x1b[2J",)), "x", as_json=False)
    shown = capsys.readouterr()
    assert long in shown.out
    assert "…" not in shown.out
    assert "\x1b" not in shown.out + shown.err
    assert shown.err == "warning: mind\\x1b[2J\n"


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5))
def test_a_table_has_one_line_for_each_row(rows):
    """Whatever the cells hold, no cell can forge a second line."""
    from trading_cli.cli.render import _text

    assert _text(Table(("a", "b"), rows)).count("\n") == len(rows) + 1


_HOSTILE_BLOCKS = (
    f"rows = [['alpha' * 12, {HOSTILE!r}, 1234567]]\n"
    "blocks = ('[red]line[/red]', Table(('name', 'text', 'n'), rows, 'title'), Facts([('k', 'v')]))"
)
_WIDE_BLOCKS = (
    "rows = [['12345678', 'word ' * 20, 0.123, 'spare'], ['9', 'word', None, 'x']]\n"
    "blocks = (Table(('id', 'text', 'price', 'more'), rows, right=frozenset({'price'}),"
    " folds=frozenset({'text'}), spare=('more',)),)"
)


def _on_a_terminal(
    columns: int, blocks: str = _HOSTILE_BLOCKS, warnings: tuple[str, ...] = (), **env: str
) -> str:
    """Return what *blocks* and *warnings* write to a pseudo-terminal that wide."""
    code = (
        "from trading_cli.cli.render import present\n"
        "from trading_cli.cli.answer import Answer, Table, Facts\n"
        f"{blocks}\npresent(Answer({{}}, blocks, {warnings!r}), 'x', as_json=False)\n"
    )
    control, terminal = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=terminal,
        stderr=terminal,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns), **env},
    )
    os.close(terminal)
    seen = b""
    while True:
        try:
            part = os.read(control, 65_536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(control)
    assert child.wait() == 0
    return seen.decode()


@pytest.mark.parametrize("columns", [30, 80])
def test_a_narrow_terminal_folds_and_loses_nothing(columns):
    """On a terminal every line fits, every character is there, and no markup was obeyed."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", _on_a_terminal(columns)).splitlines()
    assert max(map(len, lines)) <= columns
    squeezed = re.sub(r"\s", "", "".join(lines))
    assert squeezed.count("a") >= 24
    assert "[red]line[/red]" in squeezed
    assert "…" not in squeezed


def test_a_warning_is_folded_on_a_terminal_and_whole_in_a_pipe(capsys):
    """At 40 columns it takes several lines, broken between words; a pipe gets one."""
    text = "the venue did not tell " + "word " * 30 + "https://example.invalid/" + "x" * 9
    seen = _on_a_terminal(40, "blocks = ()", (text,), NO_COLOR="1").splitlines()
    assert len(seen) > 4
    assert max(map(len, seen)) <= 40
    assert {line[:2] for line in seen[1:]} == {"  "}
    assert " ".join(" ".join(seen).split()) == f"warning: {text}"
    present(Answer({}, (), (text,)), "x", as_json=False)
    assert capsys.readouterr().err == f"warning: {text}\n"


def _lines(columns: int) -> list[str]:
    """Return what a wide table writes to a terminal that wide, without colour."""
    seen = _on_a_terminal(columns, _WIDE_BLOCKS, NO_COLOR="1")
    return re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()


def test_a_narrow_terminal_leaves_out_what_can_be_spared_and_says_so():
    """Numbers and ids stay whole, long text takes several lines, what is left out is named."""
    lines = _lines(44)
    assert max(map(len, lines)) <= 44
    assert lines[0].split() == ["id", "text", "price"]
    assert lines[1].split()[0] == "12345678"
    assert "0.123" in lines[1]
    assert lines[-1] == "(too narrow here for: more)"
    assert " ".join(lines).count("word") == 21


def test_a_wide_terminal_leaves_out_nothing():
    """Where there is room for all of it, all of it is there, in one line per row."""
    lines = _lines(140)
    assert len(lines) == 3
    assert lines[0].split() == ["id", "text", "price", "more"]


def test_a_terminal_too_narrow_for_anything_still_loses_no_character():
    """Where not even the whole numbers fit, they are folded, never cut."""
    lines = _lines(16)
    assert max(map(len, lines)) <= 16
    squeezed = re.sub(r"\s", "", "".join(lines))
    assert sum(squeezed.count(digit) for digit in "45678") >= 5
    assert "…" not in squeezed


def test_no_color_is_respected():
    """With NO_COLOR set a terminal gets no colour, and what was hostile stays inert."""
    seen = _on_a_terminal(80, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", seen)
    assert "\x9b" not in seen
    assert "\u202e" not in seen


def test_a_dumb_terminal_gets_plain_text():
    """TERM=dumb gets no escape at all."""
    assert "\x1b" not in _on_a_terminal(80, TERM="dumb")


def test_a_report_is_written_whole_or_not_at_all(tmp_path):
    """What cannot be written is said, and what was there stays."""
    target = tmp_path / "report.md"
    document(target, "one")
    document(target, "two")
    assert target.read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
    with pytest.raises(UsageError, match="cannot write"):
        document(tmp_path / "absent" / "report.md", "x")
