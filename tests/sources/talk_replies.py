"""Wire-shaped replies of the five talk providers, and what asks for them on loopback."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trading_cli.core.clock import FrozenClock
from trading_cli.core.http_client import HttpClient
from trading_cli.core.ratelimit import Limiter, Rate
from trading_cli.domain import Topic, Wanted
from trading_cli.sources import bluesky, gdelt, google_news, hacker_news, x

NOW = datetime(2026, 3, 11, 20, 30, tzinfo=UTC)
SINCE = datetime(2026, 3, 11, 19, 0, tzinfo=UTC)
UNTIL = datetime(2026, 3, 11, 20, 0, tzinfo=UTC)
TOPICS = (
    Topic("e1", "Netanyahu arrested by March 31?", "Netanyahu arrested"),
    Topic("e2", "GTA VI released before June 2026?", "GTA VI released"),
    Topic("e3", "Canada recession before 2027?", "Canada recession"),
)
MODULES = {
    "gdelt": gdelt,
    "google_news": google_news,
    "bluesky": bluesky,
    "hacker_news": hacker_news,
    "x": x,
}
HOSTILE = (
    "Net\u202eanyahu <script>alert(1)</script> &lt;b&gt; \ud800\x07 arrested [link](file:///x)"
)


def wanted(*topics: Topic) -> Wanted:
    """Return a question about one hour."""
    return Wanted(SINCE, UNTIL, topics=topics or TOPICS[:1])


def build(name: str, http: object, **limits: object):
    """Return the source called *name* over *http*."""
    kinds = {
        "gdelt": gdelt.Gdelt,
        "google_news": google_news.GoogleNews,
        "bluesky": bluesky.Bluesky,
        "hacker_news": hacker_news.HackerNews,
        "x": x.X,
    }
    if name == "x":
        limits = {"spent": 0.0, "cap": 1000.0, **limits}
    return kinds[name](http, clock=FrozenClock(NOW), **limits)


def client(name: str, url: str, folder: Path, attempts: int = 1) -> HttpClient:
    """Return a real HTTP client for the server at *url*."""
    clock = FrozenClock(NOW)
    rates = {MODULES[name].ENDPOINT: Rate(100_000, 1.0, burst=100)}
    limiter = Limiter(folder / "limits.db", clock=clock)
    return HttpClient(name, url, limiter=limiter, rates=rates, clock=clock, attempts=attempts)


@dataclass(frozen=True)
class Item:
    """One neutral post, to be dressed as each provider would."""

    key: str
    text: str
    minute: int = 30
    likes: object = 7


def reply(name: str, items: list[Item], **extra: object) -> bytes:
    """Return *items* as the provider *name* sends them."""
    if name == "google_news":
        return _rss(items)
    shapes = {"gdelt": _gdelt, "bluesky": _bluesky, "hacker_news": _hacker_news, "x": _x}
    return json.dumps({**shapes[name](items), **extra}).encode()


def _at(item: Item) -> datetime:
    hour, minute = divmod(item.minute, 60)
    return SINCE.replace(hour=19 + hour, minute=minute)


def _gdelt(items):
    rows = [
        {
            "url": f"https://example.com/{i.key}",
            "title": i.text,
            "seendate": f"{_at(i):%Y%m%dT%H%M%SZ}",
            "domain": "example.com",
            "language": "English",
            "sourcecountry": "United States",
            "socialimage": "",
        }
        for i in items
    ]
    return {"articles": rows} if rows else {}


def _bluesky(items):
    rows = [
        {
            "uri": f"at://did:plc:abc/app.bsky.feed.post/{i.key}",
            "cid": "x",
            "author": {"did": "did:plc:abc", "handle": "ann.bsky.social"},
            "record": {
                "text": i.text,
                "createdAt": f"{_at(i):%Y-%m-%dT%H:%M:%S}.123Z",
                "langs": ["en-US"],
            },
            "indexedAt": f"{_at(i):%Y-%m-%dT%H:%M:%S}.923Z",
            "likeCount": i.likes,
            "repostCount": 2,
            "replyCount": 1,
        }
        for i in items
    ]
    return {"posts": rows}


def _hacker_news(items):
    rows = [
        {
            "objectID": i.key,
            "title": i.text,
            "url": f"https://example.com/{i.key}",
            "author": "pg",
            "points": i.likes,
            "num_comments": 3,
            "story_text": None,
            "created_at_i": int(_at(i).timestamp()),
        }
        for i in items
    ]
    return {"hits": rows, "nbHits": len(rows), "page": 0, "hitsPerPage": 100}


def _x(items):
    rows = [
        {
            "id": i.key,
            "text": i.text,
            "author_id": "9",
            "lang": "en",
            "created_at": f"{_at(i):%Y-%m-%dT%H:%M:%S}.000Z",
            "public_metrics": {
                "retweet_count": 2,
                "quote_count": 1,
                "like_count": i.likes,
                "reply_count": 4,
            },
        }
        for i in items
    ]
    users = [{"id": "9", "username": "ann", "public_metrics": {"followers_count": 12000}}]
    if not rows:
        return {"meta": {"result_count": 0}}
    return {"data": rows, "includes": {"users": users}, "meta": {"result_count": len(rows)}}


def _rss(items):
    rows = "".join(
        f"<item><title>{_escape(i.text)} - The Paper</title>"
        f"<link>https://news.google.com/rss/articles/{i.key}</link>"
        f'<guid isPermaLink="false">{i.key}</guid>'
        f"<pubDate>{_at(i):%a, %d %b %Y %H:%M:%S} GMT</pubDate>"
        f'<source url="https://paper.example">The Paper</source></item>'
        for i in items
    )
    head = "<title>search - Google News</title><link>https://news.google.com</link>"
    version = '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0">'
    return f"{version}<channel>{head}{rows}</channel></rss>".encode()


def _escape(text: str) -> str:
    clean = "".join(c for c in text if c >= " " and not "\ud800" <= c <= "\udfff")
    return clean.replace("&", "&amp;").replace("<", "&lt;")
