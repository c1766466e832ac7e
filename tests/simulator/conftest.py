# ruff: noqa: S105, ARG002  # "token" is the name of an outcome here
"""A world small enough to know by heart, and ways to ask the server about it."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from trading_cli.simulator import running

NOW = 1_780_000_000.0
COUNT = 130
TAG = {"id": "7", "label": "Politics", "slug": "politics"}


def market(number: int) -> dict[str, Any]:
    """Return the market of that number: every tenth is resolved, two markets share an event."""
    closed = number % 10 == 0
    return {
        "id": str(1000 + number),
        "question": f"Question {number}?",
        "conditionId": f"0x{number:064x}",
        "slug": f"question-{number}",
        "outcomes": '["Yes","No"]',
        "outcomePrices": '["1","0"]' if closed else '["0.4","0.6"]',
        "clobTokenIds": json.dumps([str(number * 2 + 10), str(number * 2 + 11)]),
        "closed": closed,
        "active": True,
        "volumeNum": number * 10,
        "volume": str(number * 10),
        "endDate": "2026-07-01T00:00:00Z",
        "events": [{"id": str(number // 2), "slug": f"event-{number // 2}", "title": "E"}],
        "_tags": [TAG] if number % 2 else [],
    }


class TinyWorld:
    """130 markets, a book whose best bid follows the clock, one post a minute."""

    seed = 1

    def listing(self, now):
        """Return all markets at any time."""
        return [market(number) for number in range(COUNT)]

    def event(self, event_id):
        """Return nothing: not served by itself."""

    def book(self, token, now):
        """Return a book for tokens 12 to 269 stamped *now*; none for others."""
        if not token.isdigit() or not 12 <= int(token) < COUNT * 2 + 10:
            return None
        level = {"price": "0.39", "size": "10"}
        return {
            "market": f"0x{(int(token) - 10) // 2:064x}",
            "asset_id": token,
            "timestamp": str(int(now * 1000)),
            "hash": "ab" * 20,
            "bids": [{"price": "0.10", "size": "5"}, level],
            "asks": [{"price": "0.90", "size": "5"}, {"price": "0.41", "size": "7"}],
        }

    def history(self, token, start, end, step_s, now):
        """Return a constant mid at every step up to now."""
        if self.book(token, now) is None and token != "10":
            return None
        first = int(-(-start // step_s) * step_s)
        return [(at, 0.4) for at in range(first, int(min(end, now)) + 1, step_s)]

    def trades(self, condition_ids, start, end, now):
        """Return 120 trades of each market, one a minute, newest first."""
        rows = []
        for condition in condition_ids[:2]:
            for back in range(120):
                at = int(now) - back * 60
                if start <= at < end:
                    side = "BUY" if back % 2 else "SELL"
                    rows.append(
                        {
                            "conditionId": condition,
                            "asset": "12",
                            "side": side,
                            "price": 0.4,
                            "size": 3,
                            "timestamp": at,
                            "proxyWallet": "0xa",
                            "transactionHash": f"0x{back}",
                        }
                    )
        return rows

    def posts(self, source, query, start, end, now):
        """Return one post a minute back from now, at most 300."""
        stamps = [int(now) - 60 * back for back in range(300)]
        return [
            {
                "id": f"{at}",
                "text": f"{query} & more",
                "author": "ann",
                "url": "https://a.b/c",
                "domain": "a.b",
                "created": at,
                "likes": 3,
                "reposts": 2,
                "replies": 1,
                "followers": 9,
                "language": "en",
            }
            for at in stamps
            if start <= at <= end and query != "nothing here"
        ]

    def truth(self):
        """Return what was planted: nothing."""
        return {"planted": []}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Any

    def json(self):
        """Return the body as JSON."""
        return json.loads(self.body)


def ask(url, method="GET", payload=None, timeout=5.0, **headers):
    """Return the answer to one request, whatever its status."""
    data = None if payload is None else json.dumps(payload).encode()
    fixed = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, fixed, method=method)  # noqa: S310  # loopback
    try:
        with urllib.request.urlopen(request, timeout=timeout) as got:  # noqa: S310  # loopback
            return Answer(got.status, got.read(), got.headers)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), error.headers)


class Client:
    """Asks one running server."""

    def __init__(self, url):
        self.url = url

    def ask(self, path, method="GET", payload=None, **headers):
        """Ask *path* by any method, with headers (``X_Fault`` for X-Fault)."""
        return ask(self.url + path, method, payload, **headers)

    def get(self, path, timeout=5.0, **params):
        """GET *path*."""
        query = "?" + urlencode(params, doseq=True) if params else ""
        return ask(self.url + path + query, timeout=timeout)

    def post(self, path, payload):
        """POST *payload* to *path*."""
        return ask(self.url + path, "POST", payload)

    def faults(self, *rules):
        """Put *rules* in force."""
        assert self.post("/_control/faults", list(rules)).status == 200


@pytest.fixture
def serving():
    """Return a way to serve a backend (the tiny world by default) and to ask it: a Client."""
    servers = []

    def serve(backend=None, **options):
        servers.append(running.start(backend or TinyWorld(), **{"now": NOW, **options}))
        return Client(servers[-1].url)

    yield serve
    for server in servers:
        server.stop()


@pytest.fixture
def client(serving):
    """Return a client of the tiny world, which stands at NOW, without rate limits."""
    return serving(limits=False, fault_seed=3)
