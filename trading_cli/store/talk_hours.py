"""Hours of talk as they were first counted, and the posts to count those never counted.

An hour is counted when it is first looked at and kept as it was known then: the hours it will be
compared with were known as late as this one. Nothing shows what came after ``as_of``.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from trading_cli.domain import Post, from_epoch
from trading_cli.store.rows import ORIGIN_OF, epoch

Counts = tuple[int, int, int | None, int | None, int | None]
"""Posts, authors, engagement, the judged part of it, and the influential part of that."""
DEAF_FOR_S = 86_400
"""An hour that was not heard is looked for again after a day: somebody may have asked since."""


def key_of(sources: Iterable[str]) -> str:
    """Return the name under which hours answered by exactly *sources* are kept."""
    return ",".join(sorted(set(sources)))


def record_hours(
    tx: sqlite3.Connection,
    hours: Mapping[tuple[str, str], Mapping[int, Counts | None]],
    at: datetime,
) -> int:
    """Keep hours, by (event, key of sources) and end; returns how many are new or changed.

    What was counted stays; ``None`` says that the hour was looked for and had not been heard.
    """
    nothing = (None,) * 5
    rows = [
        (event, key, end, *(counts or nothing), epoch(at))
        for (event, key), held in hours.items()
        for end, counts in held.items()
    ]
    new = tx.executemany(
        "INSERT INTO talk_hours (event_id, sources, end_at, posts, authors, engagement, judged,"
        " influential, computed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (event_id, sources, end_at) DO UPDATE SET posts = excluded.posts,"
        " authors = excluded.authors, engagement = excluded.engagement, judged = excluded.judged,"
        " influential = excluded.influential, computed_at = excluded.computed_at"
        " WHERE posts IS NULL AND excluded.computed_at > computed_at",
        rows,
    ).rowcount
    return max(new, 0)


def kept_hours(
    connection: sqlite3.Connection,
    event_id: str,
    key: str,
    ends: Sequence[int],
    *,
    as_of: datetime,
) -> dict[int, Counts | None]:
    """Return those of the event's hours *ends* that were counted, for exactly these sources.

    ``None`` for one looked for within the last day that had not been heard.
    """
    rows = connection.execute(
        "SELECT t.end_at, t.posts, t.authors, t.engagement, t.judged, t.influential"
        " FROM json_each(?1) w CROSS JOIN talk_hours t"
        " ON t.event_id = ?2 AND t.sources = ?3 AND t.end_at = w.value"
        " WHERE t.computed_at <= ?4 AND (t.posts NOTNULL OR t.computed_at > ?4 - ?5)",
        (json.dumps(list(ends)), event_id, key, epoch(as_of), DEAF_FOR_S),
    )
    return {row[0]: None if row[1] is None else row[1:] for row in rows}


def posts_of_spans(
    connection: sqlite3.Connection,
    spans: Iterable[tuple[str, int, int]],
    *,
    as_of: datetime,
    least_score: float,
    age_s: int,
    seen_by: datetime | None = None,
) -> dict[str, list[Post]]:
    """Return the posts about each event in its *spans* (event, since, until), oldest first.

    Left out: posts scored below *least_score* or not at all, posts about the price itself, and
    those known to be copies. Engagement is as at the last look when the post was at most *age_s*
    old, ``None`` where nobody looked by then. *seen_by*: until when we may have seen the posts,
    where that is not *as_of* itself: history that was fetched later.
    """
    rows = connection.execute(
        "SELECT e.event_id, p.source, p.post_id, p.text, p.author, p.url, e.event_time,"
        " e.observed_at, p.language, s.likes, s.reposts, s.replies, s.followers, e.origin"
        " FROM json_each(?1) w CROSS JOIN post_events e"
        " ON e.event_id = json_extract(w.value, '$[0]')"
        " AND e.event_time >= json_extract(w.value, '$[1]')"
        " AND e.event_time < json_extract(w.value, '$[2]')"
        " CROSS JOIN posts p ON p.id = e.post"
        " LEFT JOIN post_seen s ON s.post = e.post AND s.observed_at ="
        " (SELECT max(b.observed_at) FROM post_seen b WHERE b.post = e.post"
        " AND b.observed_at <= min(e.event_time + ?4, ?2) AND b.available_at <= ?2)"
        " WHERE e.available_at <= ?2 AND e.observed_at <= ?5"
        " AND EXISTS (SELECT 1 FROM post_links l WHERE l.event_id = e.event_id AND l.post = e.post"
        " AND l.score >= ?3 AND l.observed_at <= ?5)"
        " AND NOT EXISTS (SELECT 1 FROM post_links l WHERE l.event_id = e.event_id"
        " AND l.post = e.post AND l.observed_at <= ?5"
        " AND (l.about_price = 1 OR l.duplicate_of NOTNULL))"
        " ORDER BY e.event_id, e.event_time, p.id",
        (json.dumps(list(spans)), epoch(as_of), least_score, age_s, epoch(seen_by or as_of)),
    )
    found: dict[str, list[Post]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(_post(row))
    return dict(found)


def _post(row: tuple[Any, ...]) -> Post:
    event, source, name, text, author, url, at, seen, language, *rest = row
    likes, reposts, replies, followers, origin = rest
    return Post(
        source,
        name,
        text,
        author,
        url,
        from_epoch(at),
        from_epoch(seen),
        event,
        language,
        likes,
        reposts,
        replies,
        followers,
        ORIGIN_OF[origin],
    )
