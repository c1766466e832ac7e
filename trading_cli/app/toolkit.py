"""The one composition root: the sources, the store, the limits and the log of one home.

Secrets are unwrapped here and nowhere else. Providers are imported inside functions, so that a
command pays only for what it uses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from trading_cli.app.settings import Loaded, load
from trading_cli.core import log
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.http_client import HttpClient
from trading_cli.core.ratelimit import Limiter, Rate, default_limits_path
from trading_cli.sources import Source, TalkSection
from trading_cli.store import Store

UNLIMITED = Rate(1e9, 1.0, burst=1_000_000)
NO_KEY = "off: it needs TRADING_X_TOKEN in the environment or in secrets.env"


@dataclass(frozen=True, slots=True)
class Venue:
    """The venue's sources, and the clients they share."""

    gamma: HttpClient
    clob: HttpClient
    data: HttpClient
    listing: Source
    books: Source
    trades: Source
    history: Source


class Bill(Protocol):
    """A source that costs money: USD spent this UTC day, and the most one request can cost."""

    spent: float

    @property
    def worst(self) -> float:
        """Return the most that one request can cost, in USD."""
        ...


@dataclass(frozen=True, slots=True)
class Voice:
    """One source of talk: how many events it may be asked about per slot, and which first ones."""

    source: Source
    client: HttpClient
    per_slot: int
    first: int | None = None
    bill: Bill | None = None


class Toolkit:
    """What a use case needs, built from the settings of one home; a context manager.

    *broker* is the ``Broker`` that carries orders out, ``None``: paper. Only the gateway may name
    that type, and it puts the guard around it.
    """

    def __init__(
        self,
        loaded: Loaded,
        *,
        clock: Clock | None = None,
        env: Mapping[str, str] | None = None,
        broker: object = None,
    ) -> None:
        self.loaded = loaded
        self.settings = loaded.settings
        self.home = loaded.home
        self.clock: Clock = clock or SystemClock()
        self.broker = broker
        self._limits = loaded.limits or default_limits_path(env)
        self._clients: dict[str, HttpClient] = {}

    @cached_property
    def limiter(self) -> Limiter:
        """Return the shared budgets; their file is not opened before somebody is to be asked."""
        return Limiter(self._limits, clock=self.clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def open_store(self) -> Store:
        """Open the database for writing, making or migrating it first."""
        section = self.settings.database
        return Store.open(
            self.loaded.database,
            now=self.clock.now(),
            busy_timeout_ms=section.busy_timeout_ms,
            backups=section.backup_keep,
        )

    def client(
        self,
        source: str,
        url: str,
        rates: Mapping[str, Rate],
        headers: Mapping[str, str] | None = None,
        attempts: int = 3,
    ) -> HttpClient:
        """Return the one pooled client of *source*."""
        section = self.settings.data_collection
        if source not in self._clients:
            self._clients[source] = HttpClient(
                source,
                url,
                limiter=self.limiter,
                rates=rates,
                clock=self.clock,
                workers=section.workers,
                connect_timeout=section.connect_timeout_s,
                read_timeout=section.read_timeout_s,
                attempts=attempts,
                headers=headers or {},
                secrets=self.loaded.secrets.values(),
            )
        return self._clients[source]

    def venue(self) -> Venue:
        """Return the venue's sources."""
        from trading_cli.sources import polymarket  # noqa: PLC0415  # paid for when used
        from trading_cli.sources.polymarket.books import Books  # noqa: PLC0415
        from trading_cli.sources.polymarket.history import History  # noqa: PLC0415
        from trading_cli.sources.polymarket.listing import Listing  # noqa: PLC0415
        from trading_cli.sources.polymarket.trades import Trades  # noqa: PLC0415

        section = self.settings.data_collection
        where, recorded, workers = section.polymarket, section.panel, section.workers
        gamma = self.client("gamma", where.gamma_url, polymarket.gamma_rates(where))
        clob = self.client("clob", where.clob_url, polymarket.clob_rates(where))
        data = self.client("data", where.data_url, polymarket.data_rates(where))
        listing = Listing(
            gamma,
            workers,
            min_volume=recorded.min_volume_24h,
            min_liquidity=recorded.min_liquidity,
        )
        return Venue(
            gamma, clob, data, listing, Books(clob, workers), Trades(data), History(clob, workers)
        )

    def voices(self, *, x_spent: float = 0.0) -> tuple[dict[str, Voice], dict[str, str]]:
        """Return the sources of talk that are on, by name, and why each other one is off.

        *x_spent* is what X has cost today, in USD.
        """
        section = self.settings.data_collection
        absent: dict[str, str] = {}
        found: dict[str, Voice] = {}
        for name, make in _VOICES.items():
            part: TalkSection = getattr(section, name)
            if not part.enabled:
                absent[name] = f"off: data_collection.{name}.enabled is false"
            else:
                found[name] = make(self, part)
        token = self.loaded.secrets.x_token
        if not section.x.enabled:
            absent["x"] = "off: data_collection.x.enabled is false"
        elif token is None:
            absent["x"] = NO_KEY
        else:
            found["x"] = _x(self, token.get_secret_value(), x_spent)
        return found, absent


def _gdelt(kit: Toolkit, part: TalkSection) -> Voice:
    from trading_cli.sources.gdelt import ENDPOINT, Gdelt  # noqa: PLC0415  # paid for when used

    client = kit.client("gdelt", part.url, {ENDPOINT: _per_minute(part)})
    return Voice(Gdelt(client, clock=kit.clock), client, part.per_slot)


def _google_news(kit: Toolkit, part: TalkSection) -> Voice:
    from trading_cli.sources.google_news import ENDPOINT, GoogleNews  # noqa: PLC0415

    client = kit.client("google_news", part.url, {ENDPOINT: _per_minute(part)})
    first = kit.settings.data_collection.google_news.first_events
    return Voice(GoogleNews(client, clock=kit.clock), client, part.per_slot, first)


def _bluesky(kit: Toolkit, part: TalkSection) -> Voice:
    from trading_cli.sources.bluesky import ENDPOINT, Bluesky  # noqa: PLC0415

    client = kit.client("bluesky", part.url, {ENDPOINT: _per_minute(part)})
    return Voice(Bluesky(client, clock=kit.clock), client, part.per_slot)


def _hacker_news(kit: Toolkit, part: TalkSection) -> Voice:
    from trading_cli.sources.hacker_news import ENDPOINT, HackerNews  # noqa: PLC0415

    client = kit.client("hacker_news", part.url, {ENDPOINT: _per_minute(part)})
    return Voice(HackerNews(client, clock=kit.clock), client, part.per_slot)


def _x(kit: Toolkit, token: str, spent: float) -> Voice:
    from trading_cli.sources.x import ENDPOINT, X  # noqa: PLC0415

    part = kit.settings.data_collection.x
    bearer = {"Authorization": f"Bearer {token}"}
    client = kit.client("x", part.url, {ENDPOINT: _per_minute(part)}, bearer, attempts=1)
    source = X(
        client,
        clock=kit.clock,
        spent=spent,
        cap=part.spend_cap_usd,
        prices=(part.post_price_usd, part.user_price_usd),
    )
    return Voice(source, client, part.per_slot, bill=source)


_VOICES: Mapping[str, Callable[[Toolkit, TalkSection], Voice]] = {
    "gdelt": _gdelt,
    "google_news": _google_news,
    "bluesky": _bluesky,
    "hacker_news": _hacker_news,
}


def _per_minute(part: TalkSection) -> Rate:
    if part.requests_per_minute is None:
        return UNLIMITED
    return Rate(part.requests_per_minute, 60.0)


def build(config: Path | None = None, *, verbose: int = 0, clock: Clock | None = None) -> Toolkit:
    """Read the settings, open the log and return the toolkit of a home.

    Raises ``ConfigError`` where a file, a variable or a folder is not as it must be.
    """
    loaded = load(config)
    section = loaded.settings.logging
    log.configure(
        loaded.logs,
        level="DEBUG" if verbose > 1 else section.level,
        max_mb=section.max_mb,
        keep=section.keep,
        secrets=loaded.secrets.values(),
    )
    return Toolkit(loaded, clock=clock)
