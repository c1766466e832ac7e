"""The page while things happen: a new cycle, a server that goes and comes back, STOP, a token."""

import re

import pytest
import yaml
from page_world import Served, copy_of, serving, trading  # one room up

pytest.importorskip("playwright", reason="no playwright: pip install 'trading-cli[web-test]'")
from playwright.sync_api import Page, expect

CHAT = "https://t.me/my_trading_bot"
TOKEN = "correct-horse-battery-staple-0123456789-ABCDEFG"  # noqa: S105  # of this test alone
SLOW_MS = 30_000
POLLED_MS = 75_000  # what the stream does not tell, the next poll brings


def ready(page: Page) -> None:
    """Wait until a view has loaded and the stream is up."""
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    expect(page.locator("header")).to_contain_text("live")


def forgive(page: Page) -> None:
    """Forget the complaints about a server that is away: those are what the test is about."""
    gone = re.compile("ERR_|Failed to load resource")
    page.heard[:] = [text for text in page.heard if not gone.search(text)]  # type: ignore[attr-defined]


def test_a_new_cycle_arrives_without_reload(own: Served, visit) -> None:
    """A cycle of another process fills a slot of the strip and is told to a screen reader."""
    page = visit(own.url)
    ready(page)
    page.evaluate("window.mark = 'not reloaded'")
    done = page.locator(".slot.ok, .slot.partial")
    before = done.count()
    report = trading(own.home, "cycle", "collection")
    assert report["state"] in {"OK", "PARTIAL"}
    expect(done).to_have_count(before + 1, timeout=POLLED_MS)
    expect(page.locator("#said")).to_contain_text("New cycle")
    assert page.evaluate("window.mark") == "not reloaded"


def test_it_loses_the_server_and_finds_it_again(own: Served, visit) -> None:
    """While the server is away the page says since when and how old it is; then it is live."""
    page = visit("about:blank")
    with page.expect_response("**/static/views/operations.js"):
        page.goto(own.url)
    ready(page)
    expect(page.locator("main")).to_contain_text("From listed to bought")
    page.evaluate("window.mark = 'not reloaded'")
    own.end()
    banner = page.locator(".banner")
    expect(banner).to_contain_text(re.compile(r"(stopped|not answered) .*\d\d:\d\d UTC.* old"))
    expect(page.locator("main")).to_contain_text("From listed to bought")
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page.get_by_role("heading", level=1, name="Operations")).to_be_visible()
    own.begin()
    expect(banner).to_be_hidden(timeout=SLOW_MS)
    expect(page.locator("header")).to_contain_text("live", timeout=SLOW_MS)
    assert page.evaluate("window.mark") == "not reloaded"
    forgive(page)


def test_stop_takes_two_steps_and_is_verified(own: Served, visit) -> None:
    """STOP asks for a word; then the switch is verified, shown, and written in the journal."""
    page = visit(f"{own.url}/#/markets")
    ready(page)
    page.get_by_role("button", name="STOP", exact=True).click()
    dialog = page.get_by_role("dialog")
    press = dialog.get_by_role("button", name="STOP now")
    expect(press).to_be_disabled()
    dialog.get_by_label("Why").fill("a test <b>of</b> the page")
    dialog.get_by_label("Type").fill("stop")
    assert trading(own.home, "kill", "status")["state"] == "ARMED"
    press.click()
    expect(dialog).to_contain_text("Stopped and verified")
    expect(dialog).to_contain_text("VERIFIED")
    expect(dialog).to_contain_text("a stop is an attempt, not a bound", ignore_case=True)
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator("header")).to_contain_text("STOPPED")
    page.goto(f"{own.url}/#/overview")
    expect(page.locator("h1")).to_have_text("STOPPED")
    expect(page.locator("main")).to_contain_text("a test <b>of</b> the page")
    told = trading(own.home, "kill", "status")
    assert (told["state"], told["level"]) == ("TRIGGERED", 4)
    assert told["proof"]["state"] == "VERIFIED"


def test_a_workflow_is_started_and_its_result_opened(own: Served, visit) -> None:
    """Monte Carlo, asked for here, runs as a job; its answer is shown once it is done."""
    page = visit(f"{own.url}/#/research")
    ready(page)
    page.get_by_label("What").select_option("monte-carlo")
    page.get_by_label("Paths").fill("200")
    page.get_by_role("button", name="Start").click()
    row = page.locator("[x-table=jobs] tbody tr").first
    expect(row).to_contain_text("DONE", timeout=SLOW_MS)
    row.get_by_role("button", name=re.compile("open the result")).click()
    expect(page.get_by_role("heading", name="Monte Carlo, 200 paths")).to_be_visible()
    expect(page.locator("#report")).to_contain_text("INSUFFICIENT")


def test_a_server_with_a_token_asks_for_it(built, tmp_path, visit) -> None:
    """Nothing is shown before the token; a wrong one is refused; the right one opens."""
    home = copy_of(built[0], tmp_path / "home")
    config = home / "config.yaml"
    told = yaml.safe_load(config.read_text())
    told.setdefault("alerts", {}).setdefault("telegram", {})["chat_url"] = CHAT
    config.write_text(yaml.safe_dump(told))
    with serving(home, TOKEN) as served:
        page = visit(served.url)
        chat = page.get_by_role("link", name="Telegram chat")
        dialog = page.get_by_role("dialog", name="Sign in")
        expect(dialog).to_be_visible()
        assert "10,000" not in page.locator("main").inner_text()
        expect(chat).to_be_hidden()
        dialog.get_by_label("Token").fill("wrong")
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog.get_by_role("alert")).to_be_visible()
        dialog.get_by_label("Token").fill(TOKEN)
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog).to_be_hidden()
        expect(page.locator("main")).to_contain_text("10,000.00")
        expect(chat).to_have_attribute("href", CHAT)
        expect(page.locator("header")).to_contain_text("live", timeout=SLOW_MS)
        page.context.close()
        forgive(page)
