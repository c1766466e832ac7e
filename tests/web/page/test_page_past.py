"""A look back at a home that is at rest, and a home in which nothing was collected yet."""

import re
from datetime import datetime
from pathlib import Path

import pytest
from page_world import copy_of, serving, trading  # one room up

pytest.importorskip("playwright", reason="no playwright: pip install 'trading-cli[web-test]'")
from playwright.sync_api import expect


def test_a_look_back_shows_the_day_as_it_was_and_stops_nothing(built, tmp_path, visit) -> None:
    """The moment is named on every view, ages stand still, nothing can be begun or stopped."""
    home = copy_of(built[0], tmp_path / "home")
    with serving(home, "", "--at", "last") as back:
        page = visit(back.url)
        said = page.get_by_role("note")
        moment = page.request.get(f"{back.url}/api/v1/status").headers["trading-as-of"]
        then = datetime.fromisoformat(moment)
        for view in ("overview", "markets", "operations", "research"):
            page.goto(f"{back.url}/#/{view}")
            expect(page.locator("main")).to_have_attribute("aria-busy", "false")
            expect(said).to_contain_text(f"as of {then:%Y-%m-%d %H:%M} UTC. Nothing here is live")
        expect(page.get_by_role("button", name="Start")).to_be_hidden()
        page.goto(f"{back.url}/#/overview")
        expect(page.locator("h1")).to_have_text(re.compile("All is well|Working|Attention"))
        expect(page.locator("header")).to_contain_text("look back")
        expect(page.locator("footer")).to_contain_text(f"As of {then:%Y-%m-%d %H:%M} UTC.")
        page.get_by_role("button", name="STOP", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Type").fill("STOP")
        expect(dialog.get_by_role("button", name="STOP now")).to_be_disabled()
        expect(dialog.get_by_role("alert")).to_contain_text("trading kill")
    assert trading(home, "kill", "status")["state"] == "ARMED"
    page.context.close()
    page.heard[:] = [text for text in page.heard if "ERR_" not in text]


def test_a_new_home_is_told_calmly(tmp_path: Path, visit) -> None:
    """No database: no alarm, no stop that nobody made, and the command that begins."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.yaml").touch(mode=0o600)
    with serving(home) as new:
        page = visit(new.url)
        expect(page.locator("h1")).to_have_text("Nothing collected yet")
        expect(page.locator("main")).to_contain_text("trading collect")
        expect(page.locator("header")).to_contain_text("NEW")
        for word in ("STOPPED", "TRIGGERED"):
            expect(page.locator("body")).not_to_contain_text(word)
        (home / "data").mkdir(mode=0o700)
        (home / "data" / "KILL").write_text("by hand")  # a stop is a stop, also of a new home
        page.reload()
        expect(page.locator("h1")).to_have_text("STOPPED")
        page.context.close()
        page.heard[:] = [text for text in page.heard if "ERR_" not in text]
