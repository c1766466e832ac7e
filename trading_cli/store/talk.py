"""Posts, their engagement as it grew, the events and markets they are about, and who was asked.

A post's text is kept once; what may change (likes and the rest) is a row by the time of the look.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from trading_cli.domain import Coverage, Post, from_epoch
from trading_cli.store.rows import (
    LAGS_S,
    ORIGIN_OF,
    ORIGINS,
    Row,
    Shape,
    Written,
    available_at,
    epoch,
    keep,
)

POSTS = Shape(
    "posts",
    "INSERT INTO posts (source, post_id, text, author, url, language, event_time, observed_at,"
    " available_at, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT text, author, url, language, event_time FROM posts WHERE source = ? AND post_id = ?",
    itemgetter(0, 1),
    itemgetter(slice(2, 7)),
    7,
)
POST_EVENTS = Shape(
    "post_events",
    "INSERT INTO post_events (event_id, event_time, post, observed_at, available_at, origin)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT event_id FROM post_events WHERE event_id = ? AND event_time = ? AND post = ?",
    itemgetter(slice(0, 3)),
    itemgetter(slice(0, 1)),
    3,
)
POST_SEEN = Shape(
    "post_seen",
    "INSERT INTO post_seen (post, observed_at, likes, reposts, replies, followers, event_time,"
    " available_at, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT likes, reposts, replies, followers FROM post_seen WHERE post = ? AND observed_at = ?",
    itemgetter(0, 1),
    itemgetter(slice(2, 6)),
    1,
)
# whose copy a post is depends on what came with it in one look: not a contradiction
LINKS = Shape(
    "post_links",
    "INSERT INTO post_links (post, event_id, market, scorer, score, about_price, sentiment,"
    " lexicon, duplicate_of, observed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING",
    "SELECT score, about_price, sentiment, lexicon FROM post_links"
    " WHERE post = ? AND event_id = ? AND market = ? AND scorer = ?",
    itemgetter(slice(0, 4)),
    itemgetter(slice(4, 8)),
    9,
)
COVERAGE = Shape(
    "coverage",
    "INSERT INTO coverage (source, subject, since, until, observed_at, complete, items)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT complete, items FROM coverage WHERE source = ? AND subject = ? AND since = ?"
    " AND until = ? AND observed_at = ?",
    itemgetter(slice(0, 5)),
    itemgetter(slice(5, 7)),
    4,
)


@dataclass(frozen=True, slots=True)
class PostLink:
    """What one scorer made of a post for one event, or one of its markets.

    ``score`` is how surely the post is about it, ``sentiment`` in [-1, 1] or ``None`` where not
    judged, ``duplicate_of`` the post id it repeats.
    """

    source: str
    post_id: str
    event_id: str
    market_id: str | None
    score: float
    scorer: str
    about_price: bool
    sentiment: float | None
    lexicon: str
    duplicate_of: str | None
    observed_at: datetime


def record_posts(
    tx: sqlite3.Connection, posts: Iterable[Post], *, lag_s: int = LAGS_S["talk"]
) -> Written:
    """Keep each post's text once, and its engagement as it stood at this look.

    The answer counts texts; a post seen for another event or with other engagement is the same.
    """
    total = Written()
    for post in posts:
        event, observed = epoch(post.event_time), epoch(post.observed_at)
        known = available_at(post.origin, event, observed, lag_s=lag_s)
        origin = ORIGINS[post.origin]
        text: Row = (post.source, post.id, post.text, post.author, post.url, post.language)
        total += keep(tx, POSTS, [(*text, event, observed, known, origin)])
        number = _post_number(tx, post.source, post.id)
        keep(tx, POST_EVENTS, [(post.event_id, event, number, observed, known, origin)])
        engagement = (post.likes, post.reposts, post.replies, post.followers)
        if any(count is not None for count in engagement):
            # counts are as of the look, so nobody knew them before, however old the post
            keep(tx, POST_SEEN, [(number, observed, *engagement, event, observed, origin)])
    return total


def _post_number(tx: sqlite3.Connection, source: str, post_id: str) -> int:
    row = tx.execute(
        "SELECT id FROM posts WHERE source = ? AND post_id = ?", (source, post_id)
    ).fetchone()
    if row is None:
        raise KeyError(f"{source} {post_id}")
    return int(row[0])


def record_links(tx: sqlite3.Connection, links: Iterable[PostLink]) -> Written:
    """Keep what a scorer made of each post. Raises KeyError naming a post we do not know."""
    return keep(
        tx,
        LINKS,
        (
            (
                _post_number(tx, link.source, link.post_id),
                link.event_id,
                link.market_id or "",
                link.scorer,
                link.score,
                int(link.about_price),
                link.sentiment,
                link.lexicon,
                link.duplicate_of,
                epoch(link.observed_at),
            )
            for link in links
        ),
    )


def record_coverage(tx: sqlite3.Connection, covered: Iterable[Coverage]) -> Written:
    """Keep which span each source was asked about, and whether the answer was complete."""
    return keep(
        tx,
        COVERAGE,
        (
            (
                item.source,
                item.subject,
                epoch(item.since),
                epoch(item.until),
                epoch(item.observed_at),
                int(item.complete),
                item.items,
            )
            for item in covered
        ),
    )


def posts_for(
    connection: sqlite3.Connection,
    event_id: str,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> list[Post]:
    """Return the event's posts of [since, until) known at *as_of*, oldest first.

    Engagement is as it stood at the last look before *as_of*; ``observed_at`` is that look's.
    """
    known = epoch(as_of)
    rows = connection.execute(
        "SELECT p.source, p.post_id, p.text, p.author, p.url, p.event_time,"
        " coalesce(s.observed_at, e.observed_at), p.language, s.likes, s.reposts, s.replies,"
        " s.followers, p.origin FROM post_events e JOIN posts p ON p.id = e.post"
        " LEFT JOIN post_seen s ON s.post = p.id AND s.observed_at ="
        " (SELECT max(observed_at) FROM post_seen WHERE post = p.id AND available_at <= ?4)"
        " WHERE e.event_id = ?1 AND e.event_time >= ?2 AND e.event_time < ?3"
        " AND e.available_at <= ?4 AND p.available_at <= ?4 ORDER BY e.event_time, p.id",
        (event_id, epoch(since), epoch(until), known),
    )
    return [_post(row, event_id) for row in rows]


def _post(row: tuple[Any, ...], event_id: str) -> Post:
    source, post_id, text, author, url, at, seen, *rest = row
    language, likes, reposts, replies, followers, origin = rest
    return Post(
        source,
        post_id,
        text,
        author,
        url,
        from_epoch(at),
        from_epoch(seen),
        event_id,
        language,
        likes,
        reposts,
        replies,
        followers,
        ORIGIN_OF[origin],
    )
