"""Hacker News stories through Algolia's search: keyless; points are likes, comments are replies."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from trading_cli.core.asking import Unanswered, ask_each
from trading_cli.core.clock import Clock
from trading_cli.core.errors import SourceGarbled
from trading_cli.core.foreign import (
    MAX_LINE,
    clean_text,
    clean_url,
    count_of,
    epoch_of,
    mapping_of,
)
from trading_cli.core.http_client import HttpClient
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Coverage, Failure, Post, Record, Refusal, Topic, Wanted

NAME = "hacker_news"
PATH = ENDPOINT = "/api/v1/search_by_date"
MAX_HITS = 1000
MOST_WORDS = 6


def query_of(words: str) -> str:
    """Return *words* as Algolia takes them: all must occur; quotes would mean a phrase."""
    return " ".join(words.replace('"', " ").split()[:MOST_WORDS])


class HackerNews:
    """Stories from Hacker News, newest first."""

    name = NAME

    def __init__(self, http: HttpClient, *, clock: Clock, hits_per_page: int = 100) -> None:
        self._http = http
        self._clock = clock
        self._hits = min(hits_per_page, MAX_HITS)

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield stories, refusals and one coverage or failure per topic, in the topics' order."""
        for outcome in ask_each(wanted.topics, lambda topic: self._ask(topic, wanted)):
            if isinstance(outcome, Unanswered):
                topic = outcome.subject
                now = self._clock.now()
                yield Failure(NAME, topic.event_id, outcome.reason, outcome.detail, now)
            else:
                yield from outcome.answer

    def _ask(self, topic: Topic, wanted: Wanted) -> list[Record]:
        """Return everything one question brought, its coverage last."""
        query = query_of(topic.query)
        if not query:
            raise SourceGarbled(NAME, "the topic has no word to ask with")
        since, until = int(wanted.since.timestamp()), int(wanted.until.timestamp())
        params = {
            "query": query,
            "tags": "story",
            "numericFilters": f"created_at_i>={since},created_at_i<{until}",
            "hitsPerPage": str(self._hits),
        }
        reply = self._http.get(PATH, params, endpoint=ENDPOINT, deadline=wanted.deadline)
        hits, total = _hits(reply)
        records: dict[str, Record] = {}
        for hit in hits:
            record = _read(hit, topic, reply.observed_at)
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
                len(hits) < self._hits and total <= len(hits),
                len(hits),
            ),
        ]


def _hits(reply: Reply) -> tuple[list[Any], int]:
    """Return the reply's hits and how many there are in all (0 where not stated)."""
    found = reply.json()
    hits = found.get("hits") if isinstance(found, dict) else None
    if not isinstance(hits, list):
        raise SourceGarbled(NAME, "the reply has no list of hits")
    return hits, count_of(found.get("nbHits")) or 0


def _read(hit: Any, topic: Topic, observed_at: datetime) -> Post | Refusal:
    """Return one hit as a post, or why it is none."""
    fields = mapping_of(hit)
    key = clean_text(fields.get("objectID"), 40)
    title = clean_text(fields.get("title"), markup=True)
    body = clean_text(fields.get("story_text"), markup=True)
    at = epoch_of(fields.get("created_at_i"))
    if not key or not title or at is None:
        lacks = "objectID" if not key else "title" if not title else "created_at_i"
        raw = repr(hit)[:2000]
        return Refusal(
            NAME, "hit", topic.event_id, "incomplete", f"no usable {lacks}", observed_at, raw
        )
    return Post(
        NAME,
        key,
        f"{title}. {body}" if body else title,
        clean_text(fields.get("author"), MAX_LINE),
        clean_url(fields.get("url")) or f"https://news.ycombinator.com/item?id={key}",
        at,
        observed_at,
        topic.event_id,
        "en",
        count_of(fields.get("points")),
        None,
        count_of(fields.get("num_comments")),
    )
