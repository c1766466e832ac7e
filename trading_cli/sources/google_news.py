"""Google News search as RSS: keyless and unofficial, so asked rarely. No engagement is known here.

Links are Google's redirects, so the id is the feed's guid. The paper's name is cut from the title's
end, where Google puts it, and becomes the author.
"""

import calendar
import io
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from xml.sax import SAXException

import feedparser

from trading_cli.core.asking import Unanswered, ask_each
from trading_cli.core.clock import Clock
from trading_cli.core.errors import SourceGarbled
from trading_cli.core.foreign import MAX_LINE, clean_text, clean_url, epoch_of
from trading_cli.core.http_client import HttpClient
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Coverage, Failure, Post, Record, Refusal, Topic, Wanted

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


class GoogleNews:
    """News articles from Google News, in one edition (language and country)."""

    name = NAME

    def __init__(
        self,
        http: HttpClient,
        *,
        clock: Clock,
        language: str = "en",
        country: str = "US",
        max_items: int = MAX_ITEMS,
    ) -> None:
        self._http = http
        self._clock = clock
        self._language = language
        self._country = country
        self._max = min(max_items, MAX_ITEMS)

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield articles, refusals and one coverage or failure per topic, in the topics' order."""
        for outcome in ask_each(wanted.topics, lambda topic: self._ask(topic, wanted)):
            if isinstance(outcome, Unanswered):
                topic = outcome.subject
                now = self._clock.now()
                yield Failure(NAME, topic.event_id, outcome.reason, outcome.detail, now)
            else:
                yield from outcome.answer

    def _ask(self, topic: Topic, wanted: Wanted) -> list[Record]:
        """Return everything one question brought, its coverage last."""
        if not topic.query.replace('"', " ").strip():
            raise SourceGarbled(NAME, "the topic has no word to ask with")
        params = {
            "q": query_of(topic.query, wanted.since, wanted.until, self._clock.now()),
            "hl": f"{self._language}-{self._country}",
            "gl": self._country,
            "ceid": f"{self._country}:{self._language}",
        }
        reply = self._http.get(PATH, params, endpoint=ENDPOINT, deadline=wanted.deadline)
        entries = _entries(reply)
        records: dict[str, Record] = {}
        for entry in entries:
            record = self._read(entry, topic, reply.observed_at)
            if isinstance(record, Refusal):
                records.setdefault(f"refused {len(records)}", record)
            elif wanted.since <= record.event_time < wanted.until:
                records.setdefault(record.id, record)
        return [
            *records.values(),
            Coverage(
                NAME,
                topic.event_id,
                wanted.since,
                wanted.until,
                reply.observed_at,
                len(entries) < self._max,
                len(entries),
            ),
        ]

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
            raw = repr(dict(entry))[:2000]
            return Refusal(
                NAME, "item", topic.event_id, "incomplete", f"no usable {lacks}", observed_at, raw
            )
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
