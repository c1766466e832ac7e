"""The panel and the deadlines on the 1,500 + 283 recorded market objects."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trading_cli.domain import Market
from trading_cli.research.deadline import DeadlineOrigin, DeadlineRefusal, deadline_of
from trading_cli.research.panel import PanelRefusal, PanelRules, select_panel

NOW = datetime(2026, 3, 11, 20, 30, tzinfo=UTC)


def recorded(folder: str) -> list[dict[str, Any]]:
    """Return the raw market objects below one folder of the recorded data."""
    root = os.environ.get("TRADING_SHARED_DATA")
    home = Path(root) if root else Path(__file__).parents[2] / "../shared/data"
    if not (home / folder).is_dir():
        pytest.skip("recorded data not here; set TRADING_SHARED_DATA")
    rows: list[dict[str, Any]] = []
    for path in sorted((home / folder).glob("*.json.gz")):
        page = json.loads(gzip.decompress(path.read_bytes()))
        rows += page["markets"] if isinstance(page, dict) else page
    return rows


def moment(text: str | None) -> datetime | None:
    """Return one of the venue's three time forms as UTC."""
    if not text:
        return None
    text = text.replace("Z", "+00:00")
    return datetime.fromisoformat(text + ":00" if text[-3] in "+-" else text).astimezone(UTC)


def market_of(raw: Mapping[str, Any]) -> Market:
    """Return the fields of *raw* that the panel reads (the parser is tested elsewhere)."""
    event = (raw.get("events") or [{}])[0]
    volume, liquidity = raw.get("volume24hr"), raw.get("liquidityNum", raw.get("liquidity"))
    return Market(
        id=raw["id"],
        condition_id=raw["conditionId"],
        question=raw["question"],
        slug=raw["slug"],
        yes_token="1",  # noqa: S106  # a token of the venue
        no_token="2",  # noqa: S106  # a token of the venue
        yes_label="Yes",
        no_label="No",
        observed_at=NOW,
        event_id=event.get("id"),
        active=raw.get("active"),
        closed=raw["closed"],
        accepting_orders=raw.get("acceptingOrders"),
        enable_order_book=raw.get("enableOrderBook"),
        created_at=moment(raw.get("createdAt")),
        end_at=moment(raw.get("endDate")),
        game_start_at=moment(raw.get("gameStartTime")),
        event_start_at=moment(raw.get("eventStartTime")),
        best_bid=raw.get("bestBid"),
        best_ask=raw.get("bestAsk"),
        volume_24h=None if volume is None else float(volume),
        liquidity=None if liquidity is None else float(liquidity),
    )


@pytest.fixture(scope="module")
def march() -> list[Market]:
    """Return the 1,500 markets listed as open on 11 March 2026."""
    return [market_of(raw) for raw in recorded("gamma_markets_raw_2026-03-11")]


def test_the_funnel_of_march_counts_as_recorded(march: list[Market]) -> None:
    """A 1-in-24 sample of the venue leaves the counts stated here at each stage."""
    result = select_panel(march, members={}, rules=PanelRules(), now=NOW)
    print(dict(result.funnel))  # noqa: T201  # shown by `pytest -s`
    assert list(result.funnel.items()) == [
        ("listed", 1500),
        ("open", 1313),
        ("accepting", 1313),
        ("two_sided", 1237),
        ("volume", 76),
        ("liquidity", 59),
        ("deadline", 36),
        ("per_event", 23),
        ("panel", 23),
        ("candidates", 5),
    ]
    assert len(result.refusals) + len(result.members) == 1500
    tally = Counter(result.refusals.values())
    assert tally[PanelRefusal.DEADLINE_CONFLICT] == 3
    assert tally[PanelRefusal.DEADLINE_NEAR] == 20


def test_the_funnel_agrees_with_a_count_by_hand(march: list[Market]) -> None:
    """The stages up to liquidity are the plain filters of the rules, one after the other."""
    left = [m for m in march if m.active and not m.closed and not (m.end_at and m.end_at <= NOW)]
    assert len(left) == 1313
    left = [m for m in left if m.best_bid and m.best_ask and m.best_bid < m.best_ask < 1]
    assert len(left) == 1237
    left = [m for m in left if (m.volume_24h or 0) >= 5000]
    assert len(left) == 76
    assert len([m for m in left if (m.liquidity or 0) >= 10_000]) == 59


def test_a_closed_market_never_enters() -> None:
    """Of the 283 objects of February, no closed one becomes a member."""
    markets = [market_of(raw) for raw in recorded("gamma_markets_raw_2026-02_wom")]
    closed = {m.id for m in markets if m.closed}
    assert len(closed) == 142
    result = select_panel(markets, members={}, rules=PanelRules(), now=NOW)
    assert not closed & set(result.members)
    assert Counter(result.refusals.values())[PanelRefusal.CLOSED] == 142


def test_deadlines_of_march(march: list[Market]) -> None:
    """Where the deadlines of March were found, and how many are in conflict."""
    found = [deadline_of(m) for m in march]
    refused = Counter(d.refused for d in found)
    games = [d for d in found if any(o is DeadlineOrigin.GAME_START for o, _ in d.candidates)]
    late = [d for d in games if d.refused is DeadlineRefusal.CONFLICT]
    print(refused, Counter(d.origin for d in found), len(games), len(late))  # noqa: T201  # -s
    assert refused == {None: 1315, DeadlineRefusal.CONFLICT: 185}
    assert sum(d.hazard for d in found) == 86
    assert (len(games), len(late)) == (769, 164)


def test_nearly_every_conflict_of_a_game_is_a_late_end_date(march: list[Market]) -> None:
    """In the games refused, ``endDate`` is the date that lies days after the start."""
    for market in march:
        found = deadline_of(market)
        if market.game_start_at and found.refused and market.end_at:
            assert market.end_at - market.game_start_at > timedelta(days=1)
