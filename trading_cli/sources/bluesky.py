"""Bluesky's public post search: keyless where the host lets us in.

A post's ``createdAt`` is what its author's device claims, so the earlier of it and ``indexedAt``
counts, as Bluesky itself sorts. Followers of authors are not in the reply, so they stay absent.
"""

from datetime import datetime
from typing import Any

from trading_cli.core.clock import Clock
from trading_cli.core.errors import SourceGarbled
from trading_cli.core.foreign import MAX_LINE, clean_text, count_of, instant_of, mapping_of
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Post, Refusal, Topic, Wanted
from trading_cli.sources import Heard, Http, Listener

NAME = "bluesky"
PATH = ENDPOINT = "/xrpc/app.bsky.feed.searchPosts"
MAX_LIMIT = 100
MOST_WORDS = 6


def query_of(words: str) -> str:
    """Return *words* as Bluesky takes them: all must occur."""
    return " ".join(words.replace('"', " ").replace(":", " ").split()[:MOST_WORDS])


class Bluesky(Listener):
    """Posts from Bluesky with their likes, reposts and replies, newest first."""

    name = NAME

    def __init__(
        self, http: Http, *, clock: Clock, limit: int = MAX_LIMIT, max_pages: int = 3
    ) -> None:
        super().__init__(http, clock=clock)
        self._limit = min(limit, MAX_LIMIT)
        self._pages = max_pages

    def _ask(self, topic: Topic, wanted: Wanted) -> Heard:
        """Return what all pages brought; not complete where pages were left."""
        query = query_of(topic.query)
        if not query:
            raise SourceGarbled(NAME, "the topic has no word to ask with")
        items: list[Post | Refusal] = []
        cursor, observed_at = "", self._clock.now()
        for _ in range(self._pages):
            reply = self._page(query, wanted, cursor)
            observed_at = reply.observed_at
            posts, following = _posts(reply)
            items += [self._read(post, topic, observed_at) for post in posts]
            if following == cursor or not posts:
                following = ""
            cursor = following
            if not cursor:
                break
        return Heard(items, observed_at, not cursor)

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

    def _read(self, item: Any, topic: Topic, observed_at: datetime) -> Post | Refusal:
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
            return self._incomplete("post", topic, lacks, item, observed_at)
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


def _posts(reply: Reply) -> tuple[list[Any], str]:
    """Return a page's posts and the next cursor ("": the last page)."""
    found = reply.json()
    posts = found.get("posts") if isinstance(found, dict) else None
    if not isinstance(posts, list):
        raise SourceGarbled(NAME, "the reply has no list of posts")
    cursor = found.get("cursor")
    return posts, cursor if isinstance(cursor, str) else ""
