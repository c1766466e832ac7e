"""Where on the page a message leads: to the decision it is about, what is held, or the whole."""

from collections.abc import Sequence
from urllib.parse import quote

from trading_cli.domain import Notice


def link_of(page: str, notices: Sequence[Notice]) -> str:
    """Return the address on the *page* (its own address, "" for none) that *notices* are about.

    Several notices lead to the whole. An id is quoted: it may be anything.
    """
    if not page:
        return ""
    return f"{page.rstrip('/')}/#/{_view(notices)}"


def _view(notices: Sequence[Notice]) -> str:
    if len(notices) != 1:
        return "overview"
    facts = notices[0].facts
    decision = facts.get("decision")
    if isinstance(decision, str) and decision:
        return f"decision/{quote(decision, safe='')}"
    return "positions" if facts.get("position") else "overview"
