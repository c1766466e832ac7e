"""What recordings hold: listings, books, series and trades, read from gzipped files.

What was not recorded does not exist. A book, a series or a trade without a listing gets one
synthetic listing, marked in its question and by the tag "synthetic"; all that belongs to one
condition shares it. The venue keeps one book a market: where only one of a market's two tokens
was recorded at an instant, the other one's book is its mirror, its hash marked "mirror of". The
CLOB's own pages of markets are not read: they hold nothing that a listing lacks; nor are daily
candles, which no reply of the venue has.
"""

import csv
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading_cli.simulator.shelf import Item, names_of

SYNTHETIC_ID = 900_000_000
TAG = {"id": "0", "label": "synthetic", "slug": "synthetic"}
NOW_WITHIN_S = 300
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
        self._pairs: dict[str, list[str]] = {}
        self.gamma_objects = self.wire_objects = self.synthetic = 0
        for kind, read in self._readers():
            for path in sorted(directory.rglob(kind)):
                read(path)
        self.mirrored = self._mirror_unpaired()
        for snapshots in self.books.values():
            snapshots.sort(key=lambda pair: pair[0])
        self.trades.sort(key=lambda row: -row["timestamp"])

    def _readers(self) -> list[tuple[str, Callable[[Path], None]]]:
        """Return which files are read, listings first, and how."""
        return [
            ("markets_page_*.json.gz", self._read_page),
            ("gamma_markets.json.gz", self._read_array),
            ("gamma_markets_by_*.json.gz", self._read_samples),
            ("prices_by_tag.jsonl.gz", self._read_pairs),
            ("data-api_trades*.json.gz", self._read_trades),
            ("*_books.jsonl.gz", self._read_books),
            ("markets.csv.gz", self._read_series),
            ("clob_prices-history*.json.gz", self._read_history),
            ("prices_by_tag.jsonl.gz", self._read_replies),
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
        rows = _load(path)
        self.trades += rows
        pairs: dict[str, dict[int, str]] = {}
        for row in rows:
            pairs.setdefault(row["conditionId"], {})[int(row["outcomeIndex"])] = row["asset"]
        slugs = {row["conditionId"]: row["slug"] for row in rows}
        for condition, sides in pairs.items():
            if self.owners.keys().isdisjoint(sides.values()):
                known = next(iter(sides.values()))
                other = next((t for t in self._pair_of(known) if t != known), _token_for(known))
                tokens = [sides.get(side, other) for side in (0, 1)]
                self._invent(slugs[condition], tokens, condition=condition)

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

    def _mirror_unpaired(self) -> int:
        """Give a token the mirror of its partner's book where its own was not recorded."""
        made: list[tuple[str, int, Item]] = []
        for token, snapshots in self.books.items():
            pair = names_of(self.owners[token], "clobTokenIds")
            other = pair[1 - pair.index(token)]
            if other in self.books:
                there = {at for at, _ in self.books[other]}
                made += [(other, at, _mirror(b, other)) for at, b in snapshots if at not in there]
        for token, at, book in made:
            self.books[token].append((at, book))
        return len(made)

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
                facts |= {"createdAt": _iso(float(row["t_first"]))}
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
        """Keep a reply's points but the last: the venue's "now", which the server appends."""
        slug = path.name.removesuffix(".json.gz").replace("=", "-")
        token = _token_for(slug)
        points = [(point["t"], point["p"]) for point in _load(path)["history"]]
        self.series[token] = points[:-1]
        self._invent(slug, [token, _token_for(token)], createdAt=_iso(points[0][0]))

    def _read_pairs(self, path: Path) -> None:
        """Note which two tokens belong to one market; a trade alone tells only one of them."""
        for row in _lines(path):
            self._pairs.setdefault(row["market_id"], []).append(row["token_id"])

    def _pair_of(self, token: str) -> list[str]:
        return next((pair for pair in self._pairs.values() if token in pair), [])

    def _read_replies(self, path: Path) -> None:
        """Keep the series of both tokens of each market, less the "now" point of open ones."""
        for row in _lines(path):
            asked = _epoch(row["fetched_at"]) - NOW_WITHIN_S
            points = [(p["t"], p["p"]) for p in row["history"]]
            self.series[row["token_id"]] = points[:-1] if points[-1][0] > asked else points
        for number, tokens in self._pairs.items():
            if self.owners.keys().isdisjoint(tokens):
                first = min(self.series[token][0][0] for token in tokens)
                both = [*tokens, _token_for(tokens[0])][:2]
                self._invent(f"recorded-market-{number}", both, createdAt=_iso(first))

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


def _mirror(book: Item, token: str) -> Item:
    """Return the other outcome's book, which *book* implies; worst level first, like *book*."""
    sides = {
        side: [{**level, "price": str(1 - Decimal(level["price"]))} for level in book[other]]
        for side, other in (("bids", "asks"), ("asks", "bids"))
    }
    return {**book, **sides, "asset_id": token, "hash": f"mirror of {book['hash']}"}


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
