"""What recordings hold: listings, books, series and trades, read from gzipped files.

What was not recorded does not exist. A book, a series or a trade without a listing gets one
synthetic listing, marked in its question and by the tag "synthetic". The CLOB's own pages of
markets are not read: they hold nothing that a listing lacks.
"""

import csv
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trading_cli.simulator.shelf import Item, names_of

SYNTHETIC_ID = 900_000_000
TAG = {"id": "0", "label": "synthetic", "slug": "synthetic"}
Series = list[tuple[int, float]]


class Recordings:
    """All recordings under *directory*; ``owners`` gives each token's listing."""

    def __init__(self, directory: Path) -> None:
        self.markets: dict[str, Item] = {}
        self.owners: dict[str, Item] = {}
        self.books: dict[str, list[tuple[int, Item]]] = {}
        self.series: dict[str, Series] = {}
        self.trades: list[Item] = []
        self.instants: list[float] = []
        self.gamma_objects = self.wire_objects = self.synthetic = 0
        for kind, read in self._readers():
            for path in sorted(directory.rglob(kind)):
                read(path)
        for snapshots in self.books.values():
            snapshots.sort(key=lambda pair: pair[0])
        self.trades.sort(key=lambda row: -row["timestamp"])

    def _readers(self) -> list[tuple[str, Callable[[Path], None]]]:
        """Return which files are read, listings first, and how."""
        return [
            ("markets_page_*.json.gz", self._read_page),
            ("gamma_markets.json.gz", self._read_array),
            ("gamma_markets_by_*.json.gz", self._read_samples),
            ("data-api_trades*.json.gz", self._read_trades),
            ("*_books.jsonl.gz", self._read_books),
            ("markets.csv.gz", self._read_series),
            ("clob_prices-history*.json.gz", self._read_history),
        ]

    def _add(self, market: Item) -> None:
        """Keep a listing; the first recording of an id wins."""
        if str(market["id"]) not in self.markets:
            self.markets[str(market["id"])] = market
            for token in names_of(market, "clobTokenIds"):
                self.owners.setdefault(token, market)

    def _read_page(self, path: Path) -> None:
        page = _load(path)
        self.instants.append(_epoch(str(page["run_ts"])))
        for market in page["markets"]:
            self.gamma_objects += 1
            self._add(market)

    def _read_array(self, path: Path) -> None:
        for market in _load(path):
            self.gamma_objects += 1
            self._add(market)

    def _read_samples(self, path: Path) -> None:
        for market in _load(path):
            self.wire_objects += 1
            self._add(market)

    def _read_trades(self, path: Path) -> None:
        self.trades += _load(path)
        for row in self.trades:
            if row["asset"] not in self.owners:
                pair = [row["asset"], _token_for(row["asset"])]
                tokens = pair[::-1] if row.get("outcomeIndex") == 1 else pair
                self._invent(row["slug"], tokens, condition=row["conditionId"])

    def _read_books(self, path: Path) -> None:
        sides: dict[str, list[str]] = {}
        rows = list(_lines(path))
        for row in rows:
            tokens = sides.setdefault(row["market_slug"], [])
            if row["asset_id"] not in tokens:
                tokens.append(row["asset_id"])
        for slug, tokens in sides.items():
            if self.owners.keys().isdisjoint(tokens):
                self._invent(slug, [*tokens, _token_for(tokens[0])][:2])
        for row in rows:
            book = {
                "market": self.owners.get(row["asset_id"], {}).get("conditionId")
                or _condition_for(row["market_slug"]),
                "asset_id": row["asset_id"],
                "timestamp": str(row["timestamp"]),
                "hash": row["hash"],
                "bids": row["bids"],
                "asks": row["asks"],
            }
            self.books.setdefault(row["asset_id"], []).append((int(row["timestamp"]), book))

    def _read_series(self, path: Path) -> None:
        prices = path.with_name("prices.csv.gz")
        rows = (
            {row.get("market_id") or row["market_slug"]: row for row in _table(path)}
            if prices.exists() and "outcome_yes" in _header(path)
            else {}
        )
        for key, row in rows.items():
            slug = row.get("slug") or row["market_slug"]
            token = row.get("yes_token_id") or _token_for(slug)
            if token not in self.owners:
                final = '["1","0"]' if row["outcome_yes"] in {"1", "True", "true"} else '["0","1"]'
                facts = {"closed": True, "outcomePrices": final, "acceptingOrders": False}
                facts |= {"umaResolutionStatus": "resolved"}
                facts |= {"closedTime": row.get("closed_time") or _iso(float(row["t_last"]))}
                condition = row.get("condition_id") or _condition_for(slug)
                self._invent(slug, [token, _token_for(token)], condition=condition, **facts)
            rows[key]["token"] = token
        for point in _table(prices) if rows else ():
            found = rows.get(point.get("market_id") or point["market_slug"])
            if found:
                pair = (int(float(point["t"])), float(point["p"]))
                self.series.setdefault(found["token"], []).append(pair)

    def _read_history(self, path: Path) -> None:
        slug = path.name.removesuffix(".json.gz").replace("=", "-")
        token = _token_for(slug)
        self.series[token] = [(point["t"], point["p"]) for point in _load(path)["history"]]
        self._invent(slug, [token, _token_for(token)])

    def _invent(self, slug: str, tokens: list[str], *, condition: str = "", **facts: Any) -> None:
        """List what was recorded without a listing, and say so."""
        self.synthetic += 1
        listing = _synthetic(SYNTHETIC_ID + self.synthetic, slug, tokens)
        condition = condition or _condition_for(slug)
        self._add({**listing, "conditionId": condition, **facts})


def _synthetic(number: int, slug: str, tokens: list[str]) -> Item:
    """Return the listing of something recorded without one."""
    return {
        "id": str(number),
        "question": f"[synthetic listing] {slug}",
        "slug": slug,
        "outcomes": '["Yes","No"]',
        "clobTokenIds": json.dumps(tokens),
        "active": True,
        "closed": False,
        "acceptingOrders": True,
        "enableOrderBook": True,
        "_tags": [TAG],
    }


def _load(path: Path) -> Any:
    """Return a gzipped JSON file's value."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return json.load(file)


def _lines(path: Path) -> Iterator[Any]:
    """Yield the values of a gzipped JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _table(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a gzipped CSV file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _header(path: Path) -> str:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.readline()


def _token_for(text: str) -> str:
    """Return a made-up token id, always the same for *text*."""
    return str(int(hashlib.sha256(text.encode()).hexdigest(), 16))


def _condition_for(slug: str) -> str:
    return "0x" + hashlib.sha256(slug.encode()).hexdigest()


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")


def _epoch(text: str) -> float:
    """Return a run's stamp as epoch seconds; compact and ISO forms occur."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
