"""Titles that want to be more than read stay what they are: text."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, product
from pathlib import Path

import pytest
from page_world import Served, copy_of, serving  # one room up

from trading_cli.store import Store, listings

sys.path.append(str(Path(__file__).parents[2] / "security"))
from payloads import MARKUP

pytest.importorskip("playwright", reason="no playwright: pip install 'trading-cli[web-test]'")
from playwright.sync_api import Page, expect

DAILY = 6
LOOKED_AT = 3
NIGHTLY = 200
STARTS = (
    "", '"', "'", ">", '">', "'>", "</th>", "</td></tr></table>", "</template>", "</title>", "{{",
    "${",
    "\x3c!--", "--\x3e", '</p><p x-data="', '" x-init="',
)  # fmt: skip
ENDS = (
    "<script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>", "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    '<div x-data x-init="pwned=1"></div>', "<a href=javascript:pwned=1>x</a>",
    "<style>*{display:none}</style>", "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<base href=//evil.example/>", "<form action=//evil.example><button>x</button></form>",
    "<details open ontoggle=window.pwned=1>", "<input autofocus onfocus=window.pwned=1>",
    "<object data=javascript:1></object>", "constructor.constructor('window.pwned=1')()}}",
)  # fmt: skip


def corpus(many: int) -> list[str]:
    """Return so many titles, each another one; the first few are of every kind."""
    made = (f"{start}{end} {at}" for at, (end, start) in enumerate(product(ENDS, STARTS)))
    return list(dict.fromkeys([*(f"{one} ?" for one in MARKUP), *islice(made, 400)]))[:many]


def rename(home: Path, titles: list[str]) -> dict[str, str]:
    """Give known markets these titles, as the venue would; return what each market was given."""
    now = datetime.now(UTC)
    database = home / "data" / "trading.db"
    with Store.open(database, now=now, busy_timeout_ms=5_000) as store, store.transaction() as tx:
        known = [one for one in listings.listing_at(tx, as_of=now) if not one.closed]
        given = dict(zip([one.id for one in known], titles, strict=False))
        changed = [
            replace(one, question=given[one.id], event_title=given[one.id], observed_at=now)
            for one in known
            if one.id in given
        ]
        listings.record_markets(tx, changed)
    return given


def inert(page: Page) -> None:
    """Nothing of a title became an element or ran."""
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    assert page.evaluate("window.pwned") is None
    strange = "main :is(script, img, iframe, object, embed, style, base, meta, [onerror], [x-init])"
    assert page.locator(strange).count() == 0
    assert page.locator("a[href^='javascript:' i]").count() == 0


def shown(served: Served, visit, given: dict[str, str]) -> None:
    """Every title is read as it was written, in the list and on its own view."""
    page = visit(f"{served.url}/#/markets")
    inert(page)
    while page.get_by_role("button", name="Load more").is_visible():
        page.get_by_role("button", name="Load more").click()
        inert(page)
    body = page.locator("main").inner_text()
    seen = [title for title in given.values() if " ".join(title.split()) in " ".join(body.split())]
    assert len(seen) >= len(given) // 2
    for market in list(given)[:LOOKED_AT]:
        page.goto(f"{served.url}/#/market/{market}")
        expect(page.locator("h1")).not_to_have_text("Loading…")
        inert(page)
    page.goto(f"{served.url}/#/overview")
    inert(page)
    page.context.close()


def test_a_few_hostile_titles_are_inert(built, tmp_path, visit) -> None:
    """A title with markup, script or our own words in it is shown, and does nothing."""
    home = copy_of(built[0], tmp_path / "home")
    given = rename(home, corpus(NIGHTLY)[:: NIGHTLY // DAILY])
    with serving(home) as served:
        shown(served, visit, given)


@pytest.mark.nightly
def test_two_hundred_hostile_titles_are_inert(built, tmp_path, visit) -> None:
    """All of the corpus, a home full at a time."""
    titles = corpus(NIGHTLY)
    assert len(titles) == NIGHTLY
    turn = 0
    while titles:
        home = copy_of(built[0], tmp_path / f"home{turn}")
        given = rename(home, titles)
        assert given
        titles, turn = titles[len(given) :], turn + 1
        with serving(home) as served:
            shown(served, visit, given)
