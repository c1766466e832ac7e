"""Where a message leads on the page."""

from datetime import UTC, datetime

import pytest

from trading_cli.app.page_links import link_of
from trading_cli.domain import Notice, Severity

AT = datetime(2026, 3, 2, tzinfo=UTC)
PAGE = "https://trading.example.org/x/"


def notice(**facts: object) -> Notice:
    """Return a notice with these facts."""
    return Notice("k", "position", Severity.INFO, "text", AT, facts=facts)


@pytest.mark.parametrize(
    ("facts", "view"),
    [
        ({"decision": "d-1", "position": "p"}, "decision/d-1"),
        ({"decision": "a/b?c#d e\n\u202e"}, "decision/a%2Fb%3Fc%23d%20e%0A%E2%80%AE"),
        ({"position": "p"}, "positions"),
        ({"decision": ""}, "overview"),
        ({"decision": 5}, "overview"),
        ({"level": 4}, "overview"),
        ({}, "overview"),
    ],
)
def test_a_message_leads_to_what_it_is_about(facts, view):
    """To the decision, to what is held, or to the whole; whatever the id is, it stays an id."""
    assert link_of(PAGE, [notice(**facts)]) == f"https://trading.example.org/x/#/{view}"


def test_several_lead_to_the_whole_and_without_a_page_nowhere():
    """A digest is about many things."""
    both = [notice(decision="d"), notice(position="p")]
    assert link_of(PAGE, both) == "https://trading.example.org/x/#/overview"
    assert link_of("", both) == ""
