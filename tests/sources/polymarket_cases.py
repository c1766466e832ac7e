"""Hand-made wire objects, recorded ones, and a client that really asks over loopback."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from trading_cli.core.clock import SystemClock
from trading_cli.core.http_client import HttpClient
from trading_cli.core.ratelimit import Limiter, Rate
from trading_cli.domain import Market, Wanted, from_epoch
from trading_cli.sources.polymarket import BOOK, BOOKS, DATA, MARKETS, PRICES_HISTORY, TIME
from trading_cli.sources.polymarket.gamma import parse_market

NOW = datetime(2026, 3, 11, 20, 30, tzinfo=UTC)
FAST = Rate(1e9, 10.0, burst=1_000_000)


def condition(number: int) -> str:
    """Return the condition id of hand-made market *number*."""
    return f"0x{number:064x}"


def raw_market(number: int = 1, **changes: object) -> dict:
    """Return a Gamma object as the venue writes it; ``None`` in *changes* removes a field."""
    raw = {
        "id": str(500_000 + number),
        "conditionId": condition(number),
        "question": f"Will it happen, no. {number}?",
        "slug": f"will-it-happen-{number}",
        "outcomes": '["Yes", "No"]',
        "outcomePrices": '["0.4", "0.6"]',
        "clobTokenIds": json.dumps([str(number * 10 + 10**20), str(number * 10 + 1 + 10**20)]),
        "active": True,
        "closed": False,
        "volume": "12345.678",
        "volumeNum": 12345.678,
        "volume24hr": 999,
        "liquidityNum": 20_000,
        "endDate": "2026-06-04T00:00:00Z",
        "closedTime": "2026-06-04 00:34:19+00",
        "createdAt": "2025-03-26T14:44:34.1454471Z",
        "gameStartTime": "2025-08-18",
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
        "bestBid": 0.39,
        "bestAsk": 0.41,
        "negRisk": False,
        "negRiskOther": False,
        "feesEnabled": True,
        "feeType": "politics_fees",
        "feeSchedule": {"exponent": 1, "rate": 0.04, "takerOnly": True, "rebateRate": 0.25},
        "umaResolutionStatuses": '["proposed"]',
        "events": [{"id": "77", "slug": "it", "title": "Will it happen?"}],
        "tags": [{"id": "2", "label": "Politics"}, {"id": "3", "label": "Elections"}],
    }
    raw.update(changes)
    return {name: value for name, value in raw.items() if value is not None}


def market(number: int = 1, **changes: object) -> Market:
    """Return hand-made market *number*."""
    parsed = parse_market(raw_market(number, **changes), NOW)
    assert isinstance(parsed, Market)
    return parsed


def raw_book(token: str, **changes: object) -> dict:
    """Return a book as the venue writes it, worst first."""
    raw = {
        "asset_id": token,
        "timestamp": "1786483975529",
        "hash": "ab" * 20,
        "bids": [{"price": "0.10", "size": "50"}, {"price": "0.39", "size": "100.5"}],
        "asks": [{"price": "0.90", "size": "70"}, {"price": "0.41", "size": "20"}],
        "min_order_size": "5",
        "tick_size": "0.01",
        "neg_risk": False,
        "last_trade_price": "",
    }
    raw.update(changes)
    return raw


def raw_trade(owner: Market, at: int, **changes: object) -> dict:
    """Return a row of the Data API."""
    raw = {
        "proxyWallet": "0x" + "1f" * 20,
        "side": "BUY",
        "asset": owner.yes_token,
        "conditionId": owner.condition_id,
        "size": 13.636362,
        "price": 0.21999995306666104,
        "timestamp": at,
        "outcome": "Yes",
        "outcomeIndex": 0,
        "transactionHash": "0x" + "2e" * 32,
    }
    raw.update(changes)
    return raw


def wanted(markets: tuple[Market, ...] = (), **changes: object) -> Wanted:
    """Return a wish for the hour 1,000,000,000 .. 1,000,003,600."""
    return Wanted(
        **{
            "since": from_epoch(1_000_000_000),
            "until": from_epoch(1_000_003_600),
            "markets": markets,
            **changes,
        }
    )


@contextmanager
def client(url: str, folder: Path) -> Iterator[HttpClient]:
    """Give a real client of *url* whose budgets never bind."""
    rates = dict.fromkeys((MARKETS, BOOKS, BOOK, DATA, PRICES_HISTORY, TIME), FAST)
    clock = SystemClock()
    limiter = Limiter(folder / "limits.db", clock=clock)
    with HttpClient("venue", url, limiter=limiter, rates=rates, clock=clock, attempts=1) as http:
        yield http
    limiter.close()


def load(path: Path) -> object:
    """Return the JSON of a recorded reply, compressed or not."""
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


def recorded_markets(folder: Path) -> list[dict]:
    """Return the recorded Gamma objects, the 1,500 open ones first."""
    pages = sorted((folder / "gamma_markets_raw_2026-03-11").glob("*.json.gz"))
    raws = [raw for page in pages for raw in load(page)["markets"]]
    return raws + load(folder / "gamma_markets_raw_2026-02_wom" / "gamma_markets.json.gz")


def recorded_books(folder: Path) -> Iterator[dict]:
    """Yield the recorded full books, in wire order."""
    for path in sorted((folder / "ws_market_channel_mlb_2025-06").glob("*_books.jsonl.gz")):
        with gzip.open(path, "rt") as lines:
            yield from map(json.loads, lines)
