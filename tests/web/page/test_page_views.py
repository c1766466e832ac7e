"""The page in a real browser: every view, by mouse and by keys, wide and narrow, dark and light."""

import re
from pathlib import Path

import pytest
from page_world import Served, serving  # one room up

pytest.importorskip("playwright", reason="no playwright: pip install 'trading-cli[web-test]'")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

VIEWS = ("overview", "markets", "positions", "journal", "research", "operations")
FIRST_VIEW_BYTES = 300_000
SERIOUS = {"serious", "critical"}


def ready(page: Page) -> None:
    """Wait until a view has loaded."""
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    expect(page.locator("main h1")).to_be_visible()


def wrong(page: Page, rules: list[str] | None) -> list[str]:
    """Return what axe finds serious or worse, by some *rules* or by all it has."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(Axe().axe_script)
    only = {} if rules is None else {"runOnly": {"type": "rule", "values": rules}}
    asked = {"resultTypes": ["violations"], **only}
    found = page.evaluate("asked => axe.run(document, asked)", asked)
    return [
        f"{one['id']}: {node['target']}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def market_of(served: Served, page: Page) -> str:
    """Return a market that was decided on."""
    told = page.request.get(f"{served.url}/api/v1/decisions?limit=1").json()["data"]
    return told["decisions"][0]["market"]


def test_every_view_has_no_serious_finding(served: Served, visit) -> None:
    """Axe finds nothing serious on any view, nor in its other colours; the console is silent."""
    page = visit(served.url)
    ready(page)
    market = market_of(served, page)
    decision = page.request.get(f"{served.url}/api/v1/decisions?limit=1").json()["data"]
    places = [*VIEWS, f"market/{market}", f"decision/{decision['decisions'][0]['id']}"]
    for place in places:
        page.goto(f"{served.url}/#/{place}")
        expect(page).to_have_title(re.compile(r" · trading$"))
        ready(page)
        assert wrong(page, None) == [], place
        page.keyboard.press("t")
        assert wrong(page, ["color-contrast"]) == [], f"{place}, the other colours"


@pytest.mark.parametrize("width", [390, 768])
def test_no_view_is_wider_than_its_window(served: Served, visit, width: int) -> None:
    """On a phone and on a tablet nothing has to be scrolled sideways but tables of their own."""
    page = visit(served.url, width=width)
    ready(page)
    for place in [*VIEWS, f"market/{market_of(served, page)}"]:
        page.goto(f"{served.url}/#/{place}")
        ready(page)
        over = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, place


def test_it_tells_at_once_whether_all_is_well(served: Served, visit) -> None:
    """The overview's heading is the state, beside it the switch, the next slot, the strip."""
    page = visit(served.url)
    ready(page)
    expect(page.locator("h1")).to_have_text(re.compile("All is well|Working|Attention"))
    expect(page.locator("header")).to_contain_text("ARMED")
    expect(page.locator("header")).to_contain_text("live")
    expect(page.get_by_role("listbox")).to_be_visible()
    assert page.get_by_role("option").count() == 96
    expect(page.get_by_label("In short")).to_contain_text("10,000.00")


def test_from_the_markets_down_to_a_decision(served: Served, visit) -> None:
    """A click on a market shows its price and book, a click on a decision why and why not."""
    page = visit(f"{served.url}/#/markets")
    ready(page)
    market = market_of(served, page)
    page.locator(f"a[href='#/market/{market}']").click()
    expect(page.get_by_role("img", name=re.compile("Price of YES"))).to_be_visible()
    expect(page.get_by_role("table", name=re.compile("Best levels"))).to_contain_text("bid")
    page.locator("a[href^='#/decision/']").first.click()
    expect(page.get_by_role("heading", name="Why not")).to_be_visible()
    expect(page.get_by_role("table", name="Indicators")).to_contain_text("RVR")
    expect(page.locator("main")).to_contain_text("Decision")
    page.go_back()
    expect(page.get_by_role("heading", name="Book depth")).to_be_visible()


def test_the_markets_are_searched_and_sorted(served: Served, visit) -> None:
    """Typing narrows the list, a heading sorts it and says so, again the other way round."""
    page = visit(f"{served.url}/#/markets")
    ready(page)
    rows = page.locator("main tbody tr")
    first = rows.first.locator("th").inner_text()
    page.get_by_label("Search").fill(first[:18])
    expect(rows.first.locator("th")).to_have_text(first)
    page.get_by_label("Search").fill("no market is called this")
    expect(page.get_by_text("No market is like that.")).to_be_visible()
    page.get_by_label("Search").fill("")
    expect(page.get_by_text("No market is like that.")).to_be_hidden()
    page.get_by_role("button", name="Market", exact=True).click()
    expect(page.get_by_role("columnheader", name="Market")).to_have_attribute(
        "aria-sort", "ascending"
    )
    names = page.locator("main tbody th").all_inner_texts()
    page.get_by_role("button", name="Market", exact=True).click()
    expect(page.get_by_role("columnheader", name="Market")).to_have_attribute(
        "aria-sort", "descending"
    )
    assert page.locator("main tbody th").all_inner_texts() == names[::-1]


def test_keys_alone_are_enough(served: Served, visit) -> None:
    """Skip link, letters, help and the strip of slots work without a mouse, the focus is seen."""
    page = visit(served.url)
    ready(page)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("j")
    expect(page.get_by_role("heading", level=1, name="Journal")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("o")
    last = page.get_by_role("option").last
    last.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("option").nth(94)).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_the_first_view_is_small_and_quick(served: Served, visit) -> None:
    """Under 300 KB come over the wire until the first view is read."""
    page = visit("about:blank")
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda one: sizes.append(one["encodedDataLength"]))
    page.goto(served.url)
    ready(page)
    expect(page.locator("main")).to_contain_text("From listed to bought")
    assert 0 < sum(sizes) < FIRST_VIEW_BYTES


def test_an_empty_home_is_shown_as_empty(tmp_path: Path, visit) -> None:
    """Before anything was collected every view says so, and none breaks."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.yaml").touch(mode=0o600)
    with serving(home) as empty:
        page = visit(empty.url)
        for place in (*VIEWS, "market/1", "decision/1"):
            page.goto(f"{empty.url}/#/{place}")
            expect(page.locator("main")).to_have_attribute("aria-busy", "false")
        page.goto(f"{empty.url}/#/overview")
        expect(page.locator("main")).to_contain_text("Nothing collected yet")
        assert "0.00" not in page.get_by_label("In short").inner_text()
        page.context.close()
        page.heard[:] = [text for text in page.heard if "Failed to load resource" not in text]


def test_a_picture_has_its_numbers(served: Served, visit) -> None:
    """Behind each chart is a table with the same numbers."""
    page = visit(f"{served.url}/#/positions")
    ready(page)
    chart = page.locator("[x-chart]").first
    chart.get_by_text("The numbers").click()
    expect(chart.get_by_role("table")).to_contain_text("10,000")
