"""Who we listen to. One module per provider; each fetches and parses, and stores nothing.

polymarket   the venue: listing, books, trades, history, resolutions
gdelt        news of the world, every quarter of an hour
google_news  news by RSS
bluesky      posts, without a key
hacker_news  stories and comments, without a key
x            posts, with a key and a spend cap

To add a provider: write ``sources/<name>.py`` with a class that satisfies ``Source`` and takes the
HTTP clients it needs (a source of talk is a ``Listener``, which leaves it only the wire to know);
add its section below; name it in ``app/toolkit.py``. Yield records as they
arrive: a failed subject is a ``Failure``, an item we will not take a ``Refusal``, a truncated
answer a ``Coverage`` with ``complete=False``. Raise ``SourceError`` only when nothing at all can be
reached.

Rates in the settings are requests per window over *every* process and home of the person; their
ceilings are half of what the provider documents. ``null`` (unlimited) is for a service on loopback.
"""

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from trading_cli.core.asking import Unanswered, ask_each
from trading_cli.core.clock import Clock
from trading_cli.core.config import Section
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Coverage, Failure, Post, Record, Refusal, Topic, Wanted


class Source(Protocol):
    """Something that can be asked for records."""

    @property
    def name(self) -> str:
        """Return what it is called in tables, logs and ``--source``."""
        ...

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield what it has, as it arrives; raise ``SourceError`` when it cannot be reached."""
        ...


class Http(Protocol):
    """What a listener asks with: ``core.http_client.HttpClient``, which it need not import."""

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        endpoint: str,
        deadline: float | None = None,
    ) -> Reply:
        """Return the answer, or raise a ``SourceError``."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What one question brought: each item as a post or why it is none, and how far it reaches.

    ``complete``: nothing was left behind. ``span``: what was really searched, where that is not
    all that was wanted.
    """

    items: Sequence[Post | Refusal]
    observed_at: datetime
    complete: bool
    span: tuple[datetime, datetime] | None = None


class Listener(ABC):
    """A source of talk, asked about one topic after the other; a subclass knows only its wire."""

    name: ClassVar[str]

    def __init__(self, http: Http, *, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    @abstractmethod
    def _ask(self, topic: Topic, wanted: Wanted) -> Heard:
        """Ask about *topic*; raises ``SourceError`` where there is no answer."""

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield posts, refusals and one coverage or failure per topic, in the topics' order."""
        for outcome in ask_each(wanted.topics, lambda topic: self._records(topic, wanted)):
            if isinstance(outcome, Unanswered):
                topic, now = outcome.subject, self._clock.now()
                yield Failure(self.name, topic.event_id, outcome.reason, outcome.detail, now)
            else:
                yield from outcome.answer

    def _records(self, topic: Topic, wanted: Wanted) -> list[Record]:
        """Return every refusal, each post inside the span once, and the coverage last."""
        heard = self._ask(topic, wanted)
        since, until = heard.span or (wanted.since, wanted.until)
        records: dict[str | int, Record] = {}
        for number, item in enumerate(heard.items):
            if isinstance(item, Refusal):
                records[number] = item
            elif since <= item.event_time < until:
                records.setdefault(item.id, item)
        coverage = Coverage(
            self.name,
            topic.event_id,
            since,
            until,
            heard.observed_at,
            heard.complete,
            len(heard.items),
        )
        return [*records.values(), coverage]

    def _incomplete(
        self, kind: str, topic: Topic, lacks: str, item: Any, observed_at: datetime
    ) -> Refusal:
        """Return the refusal of an *item* without what makes it a post."""
        detail, raw = f"no usable {lacks}", repr(item)[:2000]
        return Refusal(self.name, kind, topic.event_id, "incomplete", detail, observed_at, raw)


def is_loopback(url: str) -> bool:
    """Return whether *url* names this very machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _service(url: str) -> str:
    """Return *url* without a trailing slash; refuse what is not scheme://host[:port][/prefix]."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https", "ws", "wss"} or not parts.hostname:
        raise ValueError("must look like https://host[:port][/prefix]")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must have no user, query or fragment; the path is appended to it")
    _ = parts.port  # raises ValueError for a port that is none
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_service)]


class PolymarketRates(Section):
    """Requests per 10 s for each endpoint; null only where the address is loopback."""

    markets: int | None = Field(150, ge=2, le=150, description="Gamma /markets (documented 300).")
    events: int | None = Field(250, ge=2, le=250, description="Gamma /events (documented 500).")
    books: int | None = Field(250, ge=2, le=250, description="CLOB /books (documented 500).")
    book: int | None = Field(750, ge=2, le=750, description="CLOB /book (documented 1,500).")
    prices_history: int | None = Field(
        500, ge=2, le=500, description="CLOB /prices-history (documented 1,000)."
    )
    clob_market: int | None = Field(
        900, ge=2, le=4500, description="CLOB /markets/{id} (documented 9,000 for the host)."
    )
    time: int | None = Field(50, ge=2, le=4500, description="CLOB /time (documented 9,000).")
    data: int | None = Field(
        20, ge=2, le=20, description="The whole Data API: it throttles from 5 a second; at most 2."
    )


GAMMA_RATES = ("markets", "events")
CLOB_RATES = ("books", "book", "prices_history", "clob_market", "time")


class PolymarketSection(Section):
    """The venue: where its public services are and how often they are asked."""

    gamma_url: Url = Field("https://gamma-api.polymarket.com", description="Listings (Gamma).")
    clob_url: Url = Field("https://clob.polymarket.com", description="Books and history (CLOB).")
    data_url: Url = Field("https://data-api.polymarket.com", description="Trades (Data API).")
    site_url: Url = Field("https://polymarket.com", description="Says whether we may trade here.")
    stream_url: Url = Field(
        "wss://ws-subscriptions-clob.polymarket.com", description="The market stream."
    )
    requests_per_10s: PolymarketRates = Field(
        default_factory=PolymarketRates,
        description="Requests per 10 s for each endpoint; at most half of the documented limit.",
    )

    @model_validator(mode="after")
    def _unlimited_only_here(self) -> Self:
        """Refuse an unlimited budget for a service on another machine."""
        rates = self.requests_per_10s
        groups = ((self.gamma_url, GAMMA_RATES), (self.clob_url, CLOB_RATES))
        for url, names in (*groups, (self.data_url, ("data",))):
            for name in names:
                _check_unlimited(f"requests_per_10s.{name}", getattr(rates, name), url)
        return self


class TalkSection(Section):
    """What every source of talk can be told. Each provider's own section sets the numbers."""

    enabled: bool = Field(default=True, description="Whether it is asked at all.")
    url: Url = Field("http://127.0.0.1", description="Where it is.")
    requests_per_minute: float | None = Field(
        6.0, gt=0, description="At most so many requests a minute; null only on loopback."
    )
    per_slot: int = Field(60, ge=0, le=1000, description="At most so many events asked per slot.")

    @model_validator(mode="after")
    def _unlimited_only_here(self) -> Self:
        """Refuse an unlimited budget for a service on another machine."""
        _check_unlimited("requests_per_minute", self.requests_per_minute, self.url)
        return self


class GdeltSection(TalkSection):
    """GDELT DOC 2.0: news of the world, free and keyless."""

    url: Url = Field("https://api.gdeltproject.org", description="Where GDELT is.")
    requests_per_minute: float | None = Field(
        6.0, gt=0, le=6, description="GDELT allows one per 5 s; null only on loopback."
    )


class GoogleNewsSection(TalkSection):
    """Google News by RSS: free, keyless, and without a documented limit: ask seldom."""

    url: Url = Field("https://news.google.com", description="Where Google News is.")
    requests_per_minute: float | None = Field(
        6.0, gt=0, le=30, description="Requests a minute; null only on loopback."
    )
    per_slot: int = Field(15, ge=0, le=1000, description="At most so many events asked per slot.")
    first_events: int = Field(
        60, ge=0, le=1000, description="Only the first so many events of the rotation are asked."
    )


class BlueskySection(TalkSection):
    """Bluesky search: free and keyless."""

    url: Url = Field("https://api.bsky.app", description="Where Bluesky is.")
    requests_per_minute: float | None = Field(
        60.0, gt=0, le=300, description="Bluesky allows 3,000 per 5 min; null only on loopback."
    )


class HackerNewsSection(TalkSection):
    """Hacker News search by Algolia: free and keyless."""

    url: Url = Field("https://hn.algolia.com", description="Where the search is.")
    requests_per_minute: float | None = Field(
        30.0, gt=0, le=83, description="Algolia allows 10,000 an hour; null only on loopback."
    )


class XSection(TalkSection):
    """X API v2: needs TRADING_X_TOKEN and costs money per post read; off by default."""

    enabled: bool = Field(default=False, description="Whether X is asked at all; it costs money.")
    url: Url = Field("https://api.x.com", description="Where the X API is.")
    requests_per_minute: float | None = Field(
        2.0, gt=0, le=2, description="X allows 60 per 15 min; null only on loopback."
    )
    per_slot: int = Field(10, ge=0, le=1000, description="At most so many events asked per slot.")
    spend_cap_usd: float = Field(
        1.0, ge=0, le=10_000, description="At most so many USD a UTC day; then X is not asked."
    )
    post_price_usd: float = Field(0.005, ge=0, le=10, description="What reading one post costs.")
    user_price_usd: float = Field(0.010, ge=0, le=10, description="What reading one user costs.")


class PanelSection(Section):
    """Which markets are recorded every slot."""

    max_markets: int = Field(200, ge=1, le=5000, description="At most so many markets.")
    per_event: int = Field(3, ge=1, le=1000, description="At most so many markets of one event.")
    min_volume_24h: float = Field(5000, ge=0, description="At least so many USD traded in 24 h.")
    min_liquidity: float = Field(10_000, ge=0, description="At least so many USD resting.")
    min_days_to_deadline: float = Field(10, ge=0, description="At least so many days to go.")


class CandidatesSection(Section):
    """Which members of the panel are evaluated every slot."""

    max_markets: int = Field(50, ge=1, le=5000, description="At most so many markets.")
    min_volume_24h: float = Field(50_000, ge=0, description="At least so many USD traded in 24 h.")
    min_liquidity: float = Field(10_000, ge=0, description="At least so many USD resting.")


class DataCollectionSection(Section):
    """What is collected, from whom and how fast."""

    slot_minutes: int = Field(15, ge=15, le=15, description="The grid of quotes; always 15.")
    categories: tuple[str, ...] = Field(
        (), description="Only events whose first tag is one of these; empty means all."
    )
    workers: int = Field(16, ge=1, le=64, description="Requests under way at once, per service.")
    backfill_seconds: float = Field(
        10.0, ge=0, le=600, description="How long one ordinary run may spend on the past."
    )
    connect_timeout_s: float = Field(
        5.0, ge=0.1, le=60, description="How long connecting to a service may take, in seconds."
    )
    read_timeout_s: float = Field(
        10.0, ge=0.1, le=120, description="How long a service may be silent, in seconds."
    )
    limits_path: Path | None = Field(
        None, description="The file of shared request budgets; null means the person's own place."
    )
    panel: PanelSection = Field(
        default_factory=PanelSection,
        description="Which markets are recorded every slot.",
    )
    candidates: CandidatesSection = Field(
        default_factory=CandidatesSection,
        description="Which members of the panel are evaluated every slot.",
    )
    polymarket: PolymarketSection = Field(
        default_factory=PolymarketSection,
        description="The venue: where it is and how often it is asked.",
    )
    gdelt: GdeltSection = Field(
        default_factory=GdeltSection,
        description="News of the world by GDELT; free, keyless.",
    )
    google_news: GoogleNewsSection = Field(
        default_factory=GoogleNewsSection,
        description="News by Google's RSS; free, keyless.",
    )
    bluesky: BlueskySection = Field(
        default_factory=BlueskySection,
        description="Posts on Bluesky; free, keyless.",
    )
    hacker_news: HackerNewsSection = Field(
        default_factory=HackerNewsSection,
        description="Stories and comments on Hacker News; free, keyless.",
    )
    x: XSection = Field(
        default_factory=XSection,
        description="Posts on X; needs TRADING_X_TOKEN and costs money.",
    )


def _check_unlimited(key: str, value: float | None, url: str) -> None:
    """Raise ``ValueError`` when *value* means "no limit" and *url* is not this machine."""
    if value is None and not is_loopback(url):
        raise ValueError(
            f"{key}: null (unlimited) is only for a service on loopback, not {url}; give a number"
        )
