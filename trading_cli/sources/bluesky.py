"""Bluesky's public post search: keyless where the host lets us in.

A post's ``createdAt`` is what its author's device claims, so the earlier of it and ``indexedAt``
counts, as Bluesky itself sorts. Followers of authors are not in the reply, so they stay absent.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from trading_cli.core.asking import Unanswered, ask_each
from trading_cli.core.clock import Clock
from trading_cli.core.errors import SourceGarbled
from trading_cli.core.foreign import MAX_LINE, clean_text, count_of, instant_of, mapping_of
from trading_cli.core.http_client import HttpClient
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Coverage, Failure, Post, Record, Refusal, Topic, Wanted

NAME = "bluesky"
PATH = ENDPOINT = "/xrpc/app.bsky.feed.searchPosts"
MAX_LIMIT = 100
MOST_WORDS = 6


def query_of(words: str) -> str:
    """Return *words* as Bluesky takes them: all must occur."""
    return " ".join(words.replace('"', " ").replace(":", " ").split()[:MOST_WORDS])


class Bluesky:
    """Posts from Bluesky with their likes, reposts and replies, newest first."""

    name = NAME

    def __init__(
        self, http: HttpClient, *, clock: Clock, limit: int = MAX_LIMIT, max_pages: int = 3
    ) -> None:
        self._http = http
        self._clock = clock
        self._limit = min(limit, MAX_LIMIT)
        self._pages = max_pages

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield posts, refusals and one coverage or failure per topic, in the topics' order."""
        for outcome in ask_each(wanted.topics, lambda topic: self._ask(topic, wanted)):
            if isinstance(outcome, Unanswered):
                topic = outcome.subject
                now = self._clock.now()
                yield Failure(NAME, topic.event_id, outcome.reason, outcome.detail, now)
            else:
                yield from outcome.answer

    def _ask(self, topic: Topic, wanted: Wanted) -> list[Record]:
        """Return what all pages brought, the coverage last; incomplete where pages were left."""
        query = query_of(topic.query)
        if not query:
            raise SourceGarbled(NAME, "the topic has no word to ask with")
        records: dict[str, Record] = {}
        cursor, items, observed_at = "", 0, self._clock.now()
        for _ in range(self._pages):
            reply = self._page(query, wanted, cursor)
            observed_at = reply.observed_at
            posts, following = _posts(reply)
            items += len(posts)
            _keep(records, posts, topic, wanted, observed_at)
            if following == cursor or not posts:
                following = ""
            cursor = following
            if not cursor:
                break
        return [
            *records.values(),
            Coverage(
                NAME, topic.event_id, wanted.since, wanted.until, observed_at, not cursor, items
            ),
        ]

    def _page(self, query: str, wanted: Wanted, cursor: str) -> Reply:
        """Return one page of the search."""
        params = {
            "q": query,
            "limit": str(self._limit),
            "sort": "latest",
            "since": f"{wanted.since:%Y-%m-%dT%H:%M:%SZ}",
            "until": f"{wanted.until:%Y-%m-%dT%H:%M:%SZ}",
        }
        if cursor:
            params["cursor"] = cursor
        return self._http.get(PATH, params, endpoint=ENDPOINT, deadline=wanted.deadline)


def _keep(
    records: dict[str, Record],
    posts: list[Any],
    topic: Topic,
    wanted: Wanted,
    observed_at: datetime,
) -> None:
    """Add one page's posts inside the span to *records*; the first of a kind stays."""
    for item in posts:
        record = _read(item, topic, observed_at)
        if isinstance(record, Refusal):
            records.setdefault(f"refused {len(records)}", record)
        elif wanted.since <= record.event_time < wanted.until:
            records.setdefault(record.id, record)


def _posts(reply: Reply) -> tuple[list[Any], str]:
    """Return a page's posts and the next cursor ("": the last page)."""
    found = reply.json()
    posts = found.get("posts") if isinstance(found, dict) else None
    if not isinstance(posts, list):
        raise SourceGarbled(NAME, "the reply has no list of posts")
    cursor = found.get("cursor")
    return posts, cursor if isinstance(cursor, str) else ""


def _read(item: Any, topic: Topic, observed_at: datetime) -> Post | Refusal:
    """Return one search result as a post, or why it is none."""
    fields = mapping_of(item)
    record = mapping_of(fields.get("record"))
    author = mapping_of(fields.get("author"))
    uri = clean_text(fields.get("uri"), 500)
    text = clean_text(record.get("text"))
    claimed = instant_of(record.get("createdAt"))
    indexed = instant_of(fields.get("indexedAt"))
    at = min((t for t in (claimed, indexed) if t is not None), default=None)
    if not uri.startswith("at://") or not text or at is None:
        lacks = "text" if uri and not text else "uri" if at is not None else "createdAt"
        raw = repr(item)[:2000]
        return Refusal(
            NAME, "post", topic.event_id, "incomplete", f"no usable {lacks}", observed_at, raw
        )
    handle = clean_text(author.get("handle"), MAX_LINE)
    languages = record.get("langs")
    first = languages[0] if isinstance(languages, list) and languages else None
    return Post(
        NAME,
        uri,
        text,
        handle or clean_text(author.get("did"), MAX_LINE),
        f"https://bsky.app/profile/{handle}/post/{uri.rsplit('/', 1)[-1]}" if handle else "",
        at,
        observed_at,
        topic.event_id,
        clean_text(first, 20).split("-")[0].lower() or None,
        count_of(fields.get("likeCount")),
        count_of(fields.get("repostCount")),
        count_of(fields.get("replyCount")),
    )
