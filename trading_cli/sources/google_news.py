"""Google News search as RSS: keyless and unofficial, so asked rarely. No engagement is known here.

Links are Google's redirects, so the id is the feed's guid. The paper's name is cut from the title's
end, where Google puts it, and becomes the author.
"""

import calendar
import io
import time
from datetime import datetime, timedelta
from typing import Any
from xml.sax import SAXException

import feedparser

from trading_cli.core.clock import Clock
from trading_cli.core.errors import SourceGarbled
from trading_cli.core.foreign import MAX_LINE, clean_text, clean_url, epoch_of
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Post, Refusal, Topic, Wanted
from trading_cli.sources import Heard, Http, Listener

NAME = "google_news"
PATH = ENDPOINT = "/rss/search"
MAX_ITEMS = 100
MOST_WORDS = 8
DAY = timedelta(days=1)


def query_of(words: str, since: datetime, until: datetime, now: datetime) -> str:
    """Return *words* with the span in Google's own words: days only, so it is cut again later."""
    kept = " ".join(words.replace('"', " ").split()[:MOST_WORDS])
    if now - since <= DAY:
        return f"{kept} when:1d"
    return f"{kept} after:{(since - DAY).date()} before:{(until + DAY).date()}"


class GoogleNews(Listener):
    """News articles from Google News, in one edition (language and country)."""

    name = NAME

    def __init__(
        self,
        http: Http,
        *,
        clock: Clock,
        language: str = "en",
        country: str = "US",
        max_items: int = MAX_ITEMS,
    ) -> None:
        super().__init__(http, clock=clock)
        self._language = language
        self._country = country
        self._max = min(max_items, MAX_ITEMS)

    def _ask(self, topic: Topic, wanted: Wanted) -> Heard:
        if not topic.query.replace('"', " ").strip():
            raise SourceGarbled(NAME, "the topic has no word to ask with")
        params = {
            "q": query_of(topic.query, wanted.since, wanted.until, self._clock.now()),
            "hl": f"{self._language}-{self._country}",
            "gl": self._country,
            "ceid": f"{self._country}:{self._language}",
        }
        reply = self._http.get(PATH, params, endpoint=ENDPOINT, deadline=wanted.deadline)
        items = [self._read(entry, topic, reply.observed_at) for entry in _entries(reply)]
        return Heard(items, reply.observed_at, len(items) < self._max)

    def _read(self, entry: Any, topic: Topic, observed_at: datetime) -> Post | Refusal:
        """Return one item as a post, or why it is none."""
        url = clean_url(entry.get("link"))
        key = clean_text(entry.get("id"), 1000) or url
        source = entry.get("source")
        author = clean_text(source.get("title") if isinstance(source, dict) else None, MAX_LINE)
        text = clean_text(entry.get("title"), markup=True)
        if author:
            text = text.removesuffix(f" - {author}").rstrip()
        at = _published(entry.get("published_parsed"))
        if not key or not text or at is None:
            lacks = "guid or link" if not key else "title" if not text else "pubDate"
            return self._incomplete("item", topic, lacks, dict(entry), observed_at)
        return Post(
            NAME, key, text, author, url, at, observed_at, topic.event_id, self._language or None
        )


def _entries(reply: Reply) -> list[Any]:
    """Return the feed's items. Raises ``SourceGarbled`` unless it is a whole, harmless feed.

    Declarations are refused before parsing: no real feed has them, and entity bombs need them.
    """
    lowered = reply.body.lower()
    if b"\0" in lowered or b"<!entity" in lowered or b"<!doctype" in lowered:
        raise SourceGarbled(NAME, "the reply is a page or declares entities; it is not a feed")
    try:
        feed = feedparser.parse(
            io.BytesIO(reply.body), response_headers={"content-type": "application/xml"}
        )
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise SourceGarbled(NAME, f"the feed cannot be read: {error}"[:300]) from error
    except RecursionError as error:
        raise SourceGarbled(NAME, "the feed is nested too deep") from error
    broken = feed.get("bozo_exception")
    if isinstance(broken, SAXException) or not feed.get("version"):
        said = clean_text(str(broken or "no RSS in it"), 200)
        raise SourceGarbled(NAME, f"the feed is broken: {said}")
    return list(feed.entries)


def _published(value: Any) -> datetime | None:
    """Return the instant a parsed pubDate (already UTC) states."""
    if not isinstance(value, time.struct_time):
        return None
    try:
        return epoch_of(calendar.timegm(value))
    except (ValueError, OverflowError):
        return None
