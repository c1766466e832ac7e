"""The pretend exchange as a test holds it, and a home with its clock standing still."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from trading_cli.app.collect import collect
from trading_cli.app.collection import CollectReport
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import Market, Quote, from_epoch, slot_of
from trading_cli.simulator import running
from trading_cli.simulator.world import World
from trading_cli.store import Store, history, listings

NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
AFTER_SLOT_S = 7
DAY = 86_400
SLOT = 900
VOICES = ("gdelt", "google_news", "bluesky", "hacker_news")
ENDPOINTS = ("markets", "events", "books", "book", "prices_history", "clob_market", "time", "data")


def quiet(_text: str) -> None:
    """Hear nothing."""


@dataclass
class Exchange:
    """The running exchange, its world, and its control routes."""

    world: World
    server: running.Running
    url: str = ""

    def __post_init__(self) -> None:
        self.url = self.server.url

    def control(self, route: str, payload: Any = None, method: str | None = None) -> Any:
        """Ask a control route; with a *payload*, tell it."""
        data = None if payload is None else json.dumps(payload).encode()
        request = Request(f"{self.url}/_control/{route}", data, method=method)  # noqa: S310  # ours
        with urlopen(request, timeout=30) as reply:  # noqa: S310  # ours
            return json.load(reply)

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Put *rules* in force; none takes all away."""
        self.control("faults", list(rules))

    def applied(self) -> int:
        """Return how many requests were hit so far."""
        return sum(rule["applied"] for rule in self.control("faults"))

    def sent(self) -> Any:
        """Return what the exchange counted."""
        return self.control("ledger")


@dataclass
class Home:
    """One home: its toolkit, its clock and ways to look at what it kept."""

    toolkit: Toolkit
    clock: FrozenClock
    exchange: Exchange
    config: Path
    said: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path:
        """Return where the database is."""
        return self.toolkit.loaded.database

    def at(self, turn: int) -> int:
        """Set both clocks to just after the beginning of slot number *turn*, and return it."""
        at = NOON + turn * SLOT + AFTER_SLOT_S
        self.exchange.server.clock.set(float(at))
        self.clock.set(from_epoch(at))
        return slot_of(self.clock.now())

    def at_here(self, turn: int) -> None:
        """Set our own clock alone to slot number *turn*; the exchange's is set by its route."""
        at = NOON + turn * SLOT + AFTER_SLOT_S
        self.exchange.control("clock", {"now": at})
        self.clock.set(from_epoch(at))

    def collect(self, **options: Any) -> CollectReport:
        """Collect as the command does, without talk unless asked for."""
        options = {"progress": self.said.append, "talk": False} | options
        return collect(self.toolkit, **options)

    @contextmanager
    def looking(self) -> Iterator[Any]:
        """Yield a connection that sees one state of the database."""
        with Store.reader(self.database) as store, store.reading() as look:
            yield look

    def rows(self, question: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a question to the file itself."""
        with self.looking() as look:
            return list(look.execute(question, values))

    def quotes(self, slot: int) -> dict[str, Quote]:
        """Return the stored quotes of *slot* by market."""
        with self.looking() as look:
            kept = history.latest_quotes(look, slot, as_of=self.clock.now())
        return {quote.market_id: quote for quote in kept}

    def followed(self) -> list[Market]:
        """Return the markets on the panel."""
        now = self.clock.now()
        with self.looking() as look:
            members = listings.panel_members(look, as_of=now)
            return listings.listing_at(look, as_of=now, venue_ids=list(members))

    def counts(self) -> Mapping[str, int]:
        """Return how many rows each table holds."""
        with self.looking() as look:
            return dict(history.counts(look))


def settings_for(url: str, **collection: Any) -> dict[str, Any]:
    """Return settings that name *url* for everything, on loopback with budgets lifted."""
    section: dict[str, Any] = {
        "limits_path": "limits.db",
        "backfill_seconds": 0,
        "connect_timeout_s": 0.3,
        "read_timeout_s": 0.8,
        "polymarket": {
            "gamma_url": f"{url}/gamma",
            "clob_url": f"{url}/clob",
            "data_url": f"{url}/data",
            "site_url": f"{url}/site",
            "requests_per_10s": dict.fromkeys(ENDPOINTS),
        },
    }
    for name in VOICES:
        section[name] = {"url": f"{url}/{name}", "requests_per_minute": None}
    return section | collection


MakeHome = Callable[..., Home]
