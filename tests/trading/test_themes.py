"""What a market counts towards besides itself."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from candidate_views import MARKET  # beside this file

from trading_cli.domain import Market
from trading_cli.trading.themes import SECTORS, names_in, sector_of, series_of, themes_of


@pytest.mark.parametrize(
    ("tags", "sector"),
    [
        (("Politics", "Trump"), "politics"),
        (("Hide From New", "US Election"), "politics"),
        (("Crypto Prices", "Bitcoin"), "crypto"),
        (("NBA", "Basketball"), "sports"),
        (("Finance", "Tesla"), "other"),
        (("All",), "other"),
        ((), "other"),
        (("Sports", "Politics"), "sports"),
    ],
)
def test_the_sector_is_of_the_first_tag_that_has_one(tags: tuple[str, ...], sector: str) -> None:
    """One of four, other where nothing is known."""
    assert sector_of(tags) == sector
    assert sector in SECTORS


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Will Donald Trump visit Beijing by June?", {"trump", "china"}),
        ("Will Trump pardon anyone in March 2026?", {"trump"}),
        ("Bitcoin above $120k on March 14?", {"bitcoin"}),
        ("Will BTC hit 150k by end of 2026?", {"bitcoin"}),
        ("Will the Federal Reserve cut rates?", {"fed"}),
        ("Kings vs. Lakers", {"kings", "lakers"}),
        ("Will the Democratic Party win the Nevada Governor race?", {"nevada"}),
        ("will it rain?", set()),
    ],
)
def test_names_are_in_the_form_that_stands_for_them(question: str, names: set[str]) -> None:
    """Two spellings of one thing are one theme."""
    assert names_in(question) == names


@pytest.mark.parametrize(
    ("slug", "series"),
    [
        ("bitcoin-above-on-march-14", "bitcoin-above"),
        ("bitcoin-above-on-march-15", "bitcoin-above"),
        ("nba-finals-2026", "nba-finals"),
        ("rain-in-london", "rain-london"),
        ("rain-london", None),
        ("2026-03-14", None),
        ("", None),
        (None, None),
    ],
)
def test_a_series_is_a_slug_without_its_dates(slug: str | None, series: str | None) -> None:
    """Tomorrow's market of the same question is the same bet."""
    assert series_of(slug) == series


def market(**changes: object) -> Market:
    """Return a market with this changed."""
    return replace(MARKET, **changes)


def test_a_market_has_all_its_themes() -> None:
    """Event, series, names, narrow tags and the owner's; broad tags are no theme."""
    one = market(
        question="Will Elon Musk tweet 300 times, March 7?",
        event_slug="elon-musk-of-tweets-march-7",
        tags=("Culture", "Elon Musk", "Hide From New", "Rewards 20, 4.5, 50", "2025 Predictions"),
    )
    own = {"billionaires": ("musk", "bezos"), "weather": ("rain",), "empty": ("",)}
    assert themes_of(one, own) == (
        "event:e1",
        "name:musk",
        "own:billionaires",
        "series:elon-musk-tweets",
        "tag:elon-musk",
    )


def test_a_market_without_an_event_is_its_own() -> None:
    """Its id stands for the event it does not belong to."""
    assert themes_of(market(event_id=None, event_slug=None, question="rain?")) == ("event:m1",)


def test_no_tag_or_name_swallows_the_recorded_panel(shared_data: Path) -> None:
    """Of 1,000 recorded markets no tag or name holds more than one in ten."""
    page = shared_data / "wire_samples_2026-02" / "clob_sampling-markets_page.json.gz"
    if not page.exists():
        pytest.skip("recorded data not here; set TRADING_SHARED_DATA")
    items = json.loads(gzip.decompress(page.read_bytes()))["data"]
    counts = Counter(
        theme
        for item in items
        for theme in themes_of(
            market(question=item["question"], tags=tuple(item["tags"] or ())), {}
        )
        if theme.startswith(("tag:", "name:"))
    )
    assert len(items) == 1000
    assert counts.most_common(1)[0][1] <= 100
    sectors = Counter(sector_of(tuple(item["tags"] or ())) for item in items)
    assert sectors["politics"] > sectors["sports"] > sectors["crypto"] > 0
