"""How the talk of a market sounds: the mean sentiment of what is linked to it."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trading_cli.store.rows import epoch


@dataclass(frozen=True, slots=True)
class Mood:
    """Mean sentiment in [-1, 1] of ``posts`` posts; ``None`` where none has a sentiment."""

    sentiment: float | None
    posts: int


def moods(
    look: sqlite3.Connection, venue_ids: Sequence[str], *, since: datetime, as_of: datetime
) -> dict[str, Mood]:
    """Return the mood of each market over the posts of [since, as_of) known at *as_of*.

    Posts about the price itself and near-duplicates do not count. A market nobody spoke of is not
    in the answer.
    """
    rows = look.execute(
        "SELECT m.venue_id, avg(l.sentiment), count(DISTINCT e.post) FROM json_each(?3) j"
        " JOIN markets m ON m.venue_id = j.value"
        " JOIN post_events e ON e.event_id = m.event_id"
        " AND e.event_time >= ?1 AND e.event_time < ?2 AND e.available_at <= ?2"
        " JOIN post_links l ON l.event_id = e.event_id AND l.post = e.post"
        " AND l.market = m.venue_id AND l.observed_at <= ?2"
        " AND l.about_price = 0 AND l.duplicate_of IS NULL GROUP BY m.venue_id",
        (epoch(since), epoch(as_of), json.dumps(list(venue_ids))),
    )
    return {market: Mood(mean, posts) for market, mean, posts in rows}
