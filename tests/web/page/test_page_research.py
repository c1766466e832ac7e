"""The research view where there is something to see: each number is the command's own."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from page_world import Served, serving, trading  # one room up
from studied import study  # beside this

pytest.importorskip("playwright", reason="no playwright: pip install 'trading-cli[web-test]'")
from playwright.sync_api import Locator, Page, expect

SLOW_MS = 60_000


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a served home in which much was settled, traded and tried."""
    home = tmp_path_factory.mktemp("studied") / "home"
    home.mkdir(mode=0o700)
    study(home)
    with serving(home) as one:
        yield one


def opened(studied: Served, visit, **how: Any) -> Page:
    """Return the research view, loaded."""
    page = visit(f"{studied.url}/#/research", **how)
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    return page


def begun(studied: Served, page: Page) -> Locator:
    """Press Start, and return the row of the job that this began."""
    jobs = page.request.get(f"{studied.url}/api/v1/workflows").json()["data"]["jobs"]
    page.get_by_role("button", name="Start").click()
    row = page.locator("[x-table=jobs] tbody tr").first
    expect(row).to_contain_text(f"#{len(jobs) + 1}")
    return row


def shown(value: float, digits: int) -> str:
    """Return a share of one as the page writes it."""
    return f"{value * 100:.{digits}f} %".replace("-", "\N{MINUS SIGN}")


def test_the_calibration_is_the_commands(studied: Served, visit) -> None:
    """A band for each bin, a dot where enough happened; the sentence and the bins are its own."""
    (whole,) = (
        one for one in trading(studied.home, "calibrate")["groups"]
        if (one["of"], one["by"]) == ("price", "all")
    )  # fmt: skip
    page = opened(studied, visit)
    said = [one for one in whole["bins"] if one["frequency"] is not None]
    assert len(said) >= 5
    picture = page.get_by_role("img", name=re.compile("^Calibration"))
    expect(picture.locator("circle")).to_have_count(len(said))
    expect(picture.locator(".bin line")).to_have_count(len(whole["bins"]))
    brier = whole["brier"]
    expect(page.locator("main")).to_contain_text(
        f"Brier {brier['point']:.3f} ({brier['low']:.3f} to {brier['high']:.3f})"
    )
    page.get_by_text("The bins").click()
    bins = page.get_by_role("table", name="Bins of stated probability")
    for one in said:
        expect(bins).to_contain_text(shown(one["frequency"], 1))


def test_a_backtest_is_shown_with_what_else_would_have_done(studied: Served, visit) -> None:
    """Opened from the list: its sentence, equity, measures and the others beside it."""
    kept = trading(studied.home, "trials")["trials"]
    page = opened(studied, visit)
    told = page.request.get(f"{studied.url}/api/v1/backtests/1").json()["data"]
    assert len(kept) == len(told["beside"])  # one of those beside it trades nothing: no trial
    page.get_by_role("button", name="#1 open the report").click()
    report = page.locator("#report")
    expect(report).to_contain_text(told["sentence"])
    expect(report.get_by_role("img", name=re.compile("^Equity of the backtest"))).to_be_visible()
    (whole,) = (one for one in told["metrics"] if one["name"] == "total return")
    assert whole["value"] != 0
    measures = report.get_by_role("table", name="Measures with their intervals")
    expect(measures.get_by_role("row", name=re.compile("^total return"))).to_contain_text(
        shown(whole["value"], 2)
    )
    beside = report.get_by_role("table", name="Other ways over the same span")
    for one in told["beside"]:
        row = beside.get_by_role("row", name=re.compile(f"^{re.escape(one['name'])}"))
        expect(row).to_contain_text(shown(one["total_return"], 2))


@pytest.mark.parametrize("width", [390, 1280])
def test_a_monte_carlo_begun_here_is_the_commands(studied: Served, visit, width: int) -> None:
    """Its percentiles, chances and worse worlds are those of `trading monte-carlo`."""
    page = opened(studied, visit, width=width)
    page.get_by_label("What").select_option("monte-carlo")
    page.get_by_label("Paths").fill("300")
    page.get_by_label("Seed").fill(str(width))
    row = begun(studied, page)
    expect(row).to_contain_text("DONE", timeout=SLOW_MS)
    row.get_by_role("button", name=re.compile("open the result")).click()
    report = page.locator("#report")
    expect(report.get_by_role("heading", name="Monte Carlo, 300 paths")).to_be_visible()
    told = trading(studied.home, "monte-carlo", "--runs", "300", "--seed", str(width))
    assert told["state"] == "DONE"
    expect(report).to_contain_text(told["ruin"]["told"])
    percentiles = report.get_by_role("table", name="Percentiles of the paths")
    for kind, name in (("drawdown", "maximum drawdown"), ("final", "total return")):
        for place, one in enumerate(told[kind]):
            cells = percentiles.get_by_role("row", name=re.compile(f"^{name}")).nth(place)
            expect(cells).to_contain_text(shown(one["point"], 1))
    worse = report.get_by_role("table", name=re.compile("worse worlds"))
    for one in told["stress"]:
        row = worse.get_by_role("row", name=re.compile(f"^{re.escape(one['name'])}"))
        expect(row).to_contain_text(shown(one["final"][2]["point"], 1))
    over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(over) <= 0


def test_a_job_is_cancelled_on_the_page(studied: Served, visit) -> None:
    """One press: its processes end, and the row says who wanted it."""
    page = opened(studied, visit)
    page.get_by_label("What").select_option("monte-carlo")
    page.get_by_label("Paths").fill("1000000")
    row = begun(studied, page)
    row.get_by_role("button", name=re.compile("^Cancel")).click()
    expect(row).to_contain_text("CANCELLED", timeout=SLOW_MS)
    expect(row).to_contain_text("cancelled by the page.")
    expect(row.get_by_role("button")).to_have_count(0)
