"""Hacker News stories through Algolia's search: keyless; points are likes, comments are replies."""

from datetime import datetime
from typing import Any

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
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Post, Refusal, Topic, Wanted
from trading_cli.sources import Heard, Http, Listener

NAME = "hacker_news"
PATH = ENDPOINT = "/api/v1/search_by_date"
MAX_HITS = 1000
MOST_WORDS = 6


def query_of(words: str) -> str:
    """Return *words* as Algolia takes them: all must occur; quotes would mean a phrase."""
    return " ".join(words.replace('"', " ").split()[:MOST_WORDS])


class HackerNews(Listener):
    """Stories from Hacker News, newest first."""

    name = NAME

    def __init__(self, http: Http, *, clock: Clock, hits_per_page: int = 100) -> None:
        super().__init__(http, clock=clock)
        self._hits = min(hits_per_page, MAX_HITS)

    def _ask(self, topic: Topic, wanted: Wanted) -> Heard:
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
        items = [self._read(hit, topic, reply.observed_at) for hit in hits]
        complete = len(hits) < self._hits and total <= len(hits)
        return Heard(items, reply.observed_at, complete)

    def _read(self, hit: Any, topic: Topic, observed_at: datetime) -> Post | Refusal:
        """Return one hit as a post, or why it is none."""
        fields = mapping_of(hit)
        key = clean_text(fields.get("objectID"), 40)
        title = clean_text(fields.get("title"), markup=True)
        body = clean_text(fields.get("story_text"), markup=True)
        at = epoch_of(fields.get("created_at_i"))
        if not key or not title or at is None:
            lacks = "objectID" if not key else "title" if not title else "created_at_i"
            return self._incomplete("hit", topic, lacks, hit, observed_at)
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


def _hits(reply: Reply) -> tuple[list[Any], int]:
    """Return the reply's hits and how many there are in all (0 where not stated)."""
    found = reply.json()
    hits = found.get("hits") if isinstance(found, dict) else None
    if not isinstance(hits, list):
        raise SourceGarbled(NAME, "the reply has no list of hits")
    return hits, count_of(found.get("nbHits")) or 0
