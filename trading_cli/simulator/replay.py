"""A recorded world: real replies from files, served again as they were received.

What was not recorded does not exist. A book, a series or a trade without a listing gets one
synthetic listing, marked in its question and by the tag "synthetic".
"""

import csv
import gzip
import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trading_cli.core.errors import UsageError
from trading_cli.simulator.shelf import Item, names_of

SYNTHETIC_ID = 900_000_000
TAG = {"id": "0", "label": "synthetic", "slug": "synthetic"}
Series = list[tuple[int, float]]


class Replay:
    """Every recording under *directory*, as a backend.

    Raises ``UsageError`` where the directory holds nothing that can be served.
    """

    seed = 0

    def __init__(self, directory: Path) -> None:
        self._markets: dict[str, Item] = {}
        self._tokens: set[str] = set()
        self._books: dict[str, list[tuple[int, Item]]] = {}
        self._series: dict[str, Series] = {}
        self._trades: list[Item] = []
        self._instants: list[float] = []
        self._synthetic = 0
        for kind, read in self._readers():
            for path in sorted(directory.rglob(kind)):
                read(path)
        if not self._markets and not self._books:
            raise UsageError(f"{directory}: no recorded replies", hint="see --replay in the help")
        for snapshots in self._books.values():
            snapshots.sort(key=lambda pair: pair[0])
        self._trades.sort(key=lambda row: -row["timestamp"])
        self._listing = list(self._markets.values())

    def _readers(self) -> list[tuple[str, Callable[[Path], None]]]:
        """Return which files are read, listings first, and how."""
        return [
            ("markets_page_*.json.gz", self._read_page),
            ("gamma_markets*.json.gz", self._read_array),
            ("data-api_trades*.json.gz", self._read_trades),
            ("*_books.jsonl.gz", self._read_books),
            ("markets.csv.gz", self._read_series),
            ("clob_prices-history*.json.gz", self._read_history),
        ]

    def recording_time(self) -> float:
        """Return when the listing was recorded, else the last instant recorded at all."""
        last = [snapshots[-1][0] / 1000 for snapshots in self._books.values()]
        last += [points[-1][0] for points in self._series.values()]
        return max(self._instants or last or [0.0])

    def book_times(self) -> list[float]:
        """Return every instant at which a recorded book changes, in epoch seconds."""
        return sorted({ms / 1000 for books in self._books.values() for ms, _ in books})

    def counts(self) -> dict[str, int]:
        """Return what was recorded, for adding up."""
        return {
            "recorded_markets": len(self._markets) - self._synthetic,
            "synthetic_markets": self._synthetic,
            "book_snapshots": sum(map(len, self._books.values())),
            "book_tokens": len(self._books),
            "series": len(self._series),
            "points": sum(map(len, self._series.values())),
            "recorded_trades": len(self._trades),
        }

    def listing(self, now: float) -> Sequence[Item]:  # noqa: ARG002  # recorded once
        """Return all listings, whatever the clock says."""
        return self._listing

    def event(self, event_id: str) -> Item | None:
        """Return the recorded event."""
        events = (one for market in self._listing for one in market.get("events") or [])
        return next((one for one in events if str(one["id"]) == event_id), None)

    def book(self, token: str, now: float) -> Item | None:
        """Return the last snapshot at or before *now*, with its own timestamp."""
        snapshots = self._books.get(token, [])
        place = bisect_right(snapshots, round(now * 1000), key=lambda pair: pair[0])
        return snapshots[place - 1][1] if place else None

    def history(
        self,
        token: str,
        start: float,
        end: float,
        step_s: int,  # noqa: ARG002  # the recorded steps are served
        now: float,
    ) -> Series | None:
        """Return the recorded points as they are: jitter, duplicates and all."""
        points = self._series.get(token)
        if points is None:
            return [] if token in self._tokens else None
        first = bisect_left(points, start, key=lambda point: point[0])
        return points[first : bisect_right(points, min(end, now), key=lambda point: point[0])]

    def trades(
        self, condition_ids: Sequence[str], start: float, end: float, now: float
    ) -> list[Item]:
        """Return the recorded trades of these markets."""
        wanted, last = set(condition_ids), min(end, now)
        return [
            row
            for row in self._trades
            if row["conditionId"] in wanted and start <= row["timestamp"] <= last
        ]

    def posts(self, *_asked: object) -> list[Item]:
        """Return nothing: no talk was recorded in a form that can be served."""
        return []

    def truth(self) -> dict[str, Any]:
        """Return nothing planted: this happened."""
        return {"replay": True, **self.counts()}

    def _add(self, market: Item) -> None:
        """Keep a listing; the first recording of an id wins."""
        if "clobTokenIds" in market and str(market["id"]) not in self._markets:
            self._markets[str(market["id"])] = market
            self._tokens.update(names_of(market, "clobTokenIds"))

    def _read_page(self, path: Path) -> None:
        page = _load(path)
        self._instants.append(_epoch(str(page["run_ts"])))
        for market in page["markets"]:
            self._add(market)

    def _read_array(self, path: Path) -> None:
        for market in _load(path):
            self._add(market)

    def _read_trades(self, path: Path) -> None:
        self._trades += _load(path)
        for row in self._trades:
            if row["asset"] not in self._tokens:
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
            if self._tokens.isdisjoint(tokens):
                self._invent(slug, [*tokens, _token_for(tokens[0])][:2])
        for row in rows:
            book = {
                "market": _condition_for(row["market_slug"]),
                "asset_id": row["asset_id"],
                "timestamp": str(row["timestamp"]),
                "hash": row["hash"],
                "bids": row["bids"],
                "asks": row["asks"],
            }
            self._books.setdefault(row["asset_id"], []).append((int(row["timestamp"]), book))

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
            if token not in self._tokens:
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
                self._series.setdefault(found["token"], []).append(pair)

    def _read_history(self, path: Path) -> None:
        slug = path.name.removesuffix(".json.gz").replace("=", "-")
        token = _token_for(slug)
        self._series[token] = [(point["t"], point["p"]) for point in _load(path)["history"]]
        self._invent(slug, [token, _token_for(token)])

    def _invent(self, slug: str, tokens: list[str], *, condition: str = "", **facts: Any) -> None:
        """List what was recorded without a listing, and say so."""
        self._synthetic += 1
        listing = _synthetic(SYNTHETIC_ID + self._synthetic, slug, tokens)
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
