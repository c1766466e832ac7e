"""How each command's data look to a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.cli import collect, logs, quality_check, status
from trading_cli.cli.answer import Facts, Table
from trading_cli.core import log

CLOSED = {"open": False, "reasons": ["no whole slot since 12:00"]}
REPORT = {
    "gate": CLOSED,
    "since": "2026-03-01T00:00:00+00:00",
    "until": "2026-03-02T00:00:00+00:00",
    "scores": [{"market": "1", "question": "Will a|b <b>\x1b[31m happen?", "overall": 0.5}],
    "findings": [
        {"check": "gap", "severity": "error", "market": str(n), "message": "m"} for n in range(30)
    ],
    "gaps": [],
}


def test_a_closed_gate_names_its_reason_and_its_span():
    """The first line says open or CLOSED, why, and over which half-open span."""
    first = quality_check._blocks(REPORT)[0]
    assert first.startswith("gate: CLOSED: no whole slot since 12:00")
    assert "2026-03-01T00:00:00+00:00 <= t < 2026-03-02T00:00:00+00:00" in first


def test_a_long_list_says_how_much_is_not_shown():
    """A screen shows twenty findings and says where the others are; none are dropped unsaid."""
    blocks = quality_check._blocks(REPORT)
    findings = next(b for b in blocks if isinstance(b, Table) and b.title.startswith("findings"))
    assert findings.title == "findings (30)"
    assert len(findings.rows) == 20
    assert "10 more: --json, or --report FILE" in blocks
    assert "gaps: none" in blocks


def test_the_markdown_report_is_whole_and_harmless():
    """All findings are in it, and no question can break the table or add markup."""
    text = quality_check.markdown(REPORT)
    assert text.count("| error | gap |") == 30
    assert "Will a\\|b &lt;b>\\\\x1b[31m happen?" in text
    assert "\x1b" not in text


@given(st.text())
def test_whatever_the_question_a_report_row_is_one_line(question):
    """No question adds a line or a column to the report."""
    plain = quality_check.markdown(REPORT | {"scores": [{"market": "1", "question": "q"}]})
    told = quality_check.markdown(REPORT | {"scores": [{"market": "1", "question": question}]})
    assert len(told.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "none yet"), (0, "0 s ago"), (59, "59 s ago"), (600, "10 min ago"), (7200, "2 h ago")],
)
def test_an_age_is_told_in_the_unit_a_person_would_use(seconds, shown):
    """No quote is "none yet", never 0."""
    assert status._age(seconds) == shown


def test_an_empty_home_is_told_as_such():
    """Before the first collection nothing pretends to be known."""
    facts = dict(status._facts({"mode": "paper", "home": "/h", "data_gate": CLOSED}))
    assert facts["last run"] == "none yet"
    assert facts["newest quote"] == "none yet"
    assert facts["data gate"] == "closed: no whole slot since 12:00"


def test_a_collection_shows_every_source_with_its_state():
    """One line per source: what it brought, and what it says when it failed."""
    off = {"fetched": 0, "state": "failed", "message": "gdelt: not reached"}
    blocks = collect._blocks(
        {"slot": 900, "already": True, "markets": 2, "posts": None, "sources": {"gdelt": off}}
    )
    assert "already collected" in blocks[0]
    assert next(b for b in blocks if isinstance(b, Facts)).pairs == [("slot", 900), ("markets", 2)]
    row = next(b for b in blocks if isinstance(b, Table)).rows[0]
    assert row[0] == "gdelt"
    assert row[-2:] == ["failed", "gdelt: not reached"]


def test_a_log_line_is_one_line():
    """A traceback in a log record does not spread over the screen."""
    line = {"at": "t", "level": "error", "event": "e", "exception": "a\nb"}
    assert logs._sentence(line) == "t error - e exception=a b"
    assert {one.value for one in logs.Level} == set(log._LEVELS) - {"critical"}
    assert log._rank("WARNING") == log._LEVELS["warning"]
    assert log._rank("odd") == max(log._LEVELS.values())
