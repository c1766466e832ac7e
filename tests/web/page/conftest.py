"""The browser, the served home, and a page that must not complain; for the tests of the page."""

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock
from page_world import Served, build, copy_of, serving, slot_now, world_until  # one room up
from traded import trade  # one room up

from trading_cli.simulator.running import Running, start

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip
WAIT_MS = 30_000


@pytest.fixture(scope="package")
def browser() -> Iterator[object]:
    """Return a real browser; skip with a word where there is none.

    Not the session's: while it is there, its event loop is this thread's, and no other can run.
    """
    if not CHROMIUM.exists():
        pytest.skip("no chromium at /usr/bin/chromium: apt install chromium")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("no playwright: pip install 'trading-cli[web-test]'")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as started:
        found = started.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> tuple[Path, int]:
    """Return a home built once for all workers, and the slot that is to come in it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "page-home"
    folder.mkdir(mode=0o700, exist_ok=True)
    with FileLock(folder / "lock"):
        said = folder / "slot.json"
        if not said.exists():
            slot = slot_now()
            (folder / "home").mkdir(mode=0o700)
            build(folder / "home", slot)
            trade(folder / "home" / "config.yaml", datetime.now(UTC))
            said.write_text(json.dumps(slot))
    return folder / "home", int(json.loads(said.read_text()))


@pytest.fixture(scope="session")
def exchange(built: tuple[Path, int]) -> Iterator[Running]:
    """Return the pretend exchange, its clock the real one."""
    with start(world_until(built[1]), limits=False, now=time.time()) as running:
        yield running


@pytest.fixture(scope="session")
def served(
    built: tuple[Path, int], exchange: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Return a served home that nobody may write to."""
    home = copy_of(built[0], tmp_path_factory.mktemp("page") / "home", exchange.url)
    with serving(home) as one:
        yield one


@pytest.fixture(scope="module")
def own(
    built: tuple[Path, int], exchange: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Return a served home of this module's own, in which things may happen."""
    home = copy_of(built[0], tmp_path_factory.mktemp("own") / "home", exchange.url)
    with serving(home) as one:
        yield one


Open = Callable[..., "object"]


@pytest.fixture
def visit(browser) -> Iterator[Open]:
    """Return what opens an address in a context of its own; at the end nothing may have complained.

    ``heard`` on the page lists complaints; a test that expects some takes them out.
    """
    contexts, heard = [], []

    def open_page(url: str, *, width: int = 1280, theme: str = "dark"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce"
        )
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda said: heard.append(said.text) if said.type in {"error", "warning"} else None,
        )
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
        page.heard = heard
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert heard == []
