"""What moved, and what was said about it then: market by market, the largest moves first.

A move and a post at the same hour are shown side by side; that one caused the other is not said.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_cli.app import brief
from trading_cli.app.journal import must_exist, now_of
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, Market, Post, from_epoch
from trading_cli.research.hype import EQUAL_AGE_S
from trading_cli.research.matching import ACCEPT
from trading_cli.store import Store, Transaction, holdings, listings, thawed
from trading_cli.store.arrays import quote_matrix
from trading_cli.store.talk_hours import posts_of_spans

A_DAY = timedelta(days=1)
BEFORE = timedelta(hours=3)
AFTER = timedelta(hours=1)
"""Talk is looked for from three hours before the largest hourly move to an hour after it."""
SLOTS_AN_HOUR = 3600 // SLOT_SECONDS
MOST = timedelta(days=90)
POSTS = 3


@dataclass(frozen=True, slots=True)
class Move:
    """How a market's mid went in a span, and its largest change within an hour (ending when)."""

    first: float
    last: float
    leap: float
    leap_at: int


def news(  # a span, and what of it
    config: Path | None,
    since: datetime,
    until: datetime,
    *,
    market: str | None = None,
    limit: int = 10,
    posts: int = POSTS,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Return {since, until, markets, still}: what moved in [since, until), largest change first.

    Each {market, question, held, from, to, change, leap, leap_at, volume_24h, said, posts}: prices
    of YES at mid, ``leap`` the largest change within an hour. ``said`` counts what was said around
    the leap; ``posts`` holds the loudest of it. ``still``: how many did not move. Raises UsageError
    for a market nobody follows, or a span of more than 90 days.
    """
    if until - since > MOST:
        raise UsageError("that is a span of more than 90 days.", hint="--since 7d")
    known = brief.read(config, os.environ)
    must_exist(known.database)
    with Store.reader(known.database) as store, store.reading() as look:
        return moved(look, since, until, market=market, limit=limit, posts=posts, now=now_of(clock))


def moved(  # a span, and what of it
    look: Transaction,
    since: datetime,
    until: datetime,
    *,
    now: datetime,
    market: str | None = None,
    limit: int = 10,
    posts: int = POSTS,
) -> dict[str, Any]:
    """Return the same from an open look."""
    held = {one.market_id for one in holdings.positions(look)}
    names = sorted(held | set(listings.panel_members(look, as_of=now)))
    followed = listings.listing_at(look, as_of=now, venue_ids=names)
    chosen = [one for one in followed if market is None or _means(one, market)]
    if market is not None and not chosen:
        raise UsageError(
            f"{market!r} is no market we follow.", hint="trading markets --search WORD"
        )
    thawed.thaw(look, since, until, (thawed.PACKS,))
    moves = _moves(look, [one.id for one in chosen], since, until, now)
    order = sorted(moves, key=lambda name: (-abs(moves[name].last - moves[name].first), name))
    by_id = {one.id: one for one in chosen}
    shown = [by_id[name] for name in order[:limit]]
    said = _said(look, shown, moves, now)
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "markets": [_row(one, moves[one.id], said, held, posts) for one in shown],
        "still": len(chosen) - len(moves),
    }


def moved_alone(
    look: Transaction, market: Market, since: datetime, until: datetime, *, now: datetime
) -> dict[str, Any] | None:
    """Return the row that ``moved`` has of *market*, ``None`` where it did not move.

    Also where nobody follows it any more: then how it moves is not looked at.
    """
    held = {one.market_id for one in holdings.positions(look)}
    if market.id not in held and market.id not in listings.panel_members(look, as_of=now):
        return None
    thawed.thaw(look, since, until, (thawed.PACKS,))
    moves = _moves(look, [market.id], since, until, now)
    if not moves:
        return None
    return _row(market, moves[market.id], _said(look, [market], moves, now), held, POSTS)


def _means(market: Market, word: str) -> bool:
    return word in {market.id, market.slug} or word.lower() in market.question.lower()


def _moves(
    look: Transaction, names: Sequence[str], since: datetime, until: datetime, now: datetime
) -> dict[str, Move]:
    """Return the moves of the markets that have two quotes or more of different mids."""
    held = quote_matrix(look, names, since=since, until=min(until, now), as_of=now)
    found = {}
    for name, mids in zip(names, held.mid, strict=True):
        move = _move(mids, held.slots)
        if move is not None:
            found[name] = move
    return found


def _move(mids: NDArray[np.float64], slots: NDArray[np.int64]) -> Move | None:
    there = np.flatnonzero(np.isfinite(mids))
    if there.size < 2 or np.ptp(mids[there]) == 0:  # noqa: PLR2004  # a change needs two
        return None
    carried = mids[there[np.searchsorted(there, np.arange(mids.size), side="right") - 1]]
    carried[: there[0]] = mids[there[0]]
    before = np.concatenate([np.full(SLOTS_AN_HOUR, carried[0]), carried])[: carried.size]
    change = carried - before
    at = int(np.argmax(np.abs(change)))
    return Move(float(mids[there[0]]), float(mids[there[-1]]), float(change[at]), int(slots[at]))


def _said(
    look: Transaction, shown: Sequence[Market], moves: Mapping[str, Move], now: datetime
) -> dict[str, list[Post]]:
    """Return by market what was said of its event around the leap."""
    found: dict[str, list[Post]] = {}
    for one in shown:
        at = from_epoch(moves[one.id].leap_at)
        event = one.event_id or one.id
        span = (event, int((at - BEFORE).timestamp()), int((at + AFTER).timestamp()))
        came = posts_of_spans(look, [span], as_of=now, least_score=ACCEPT, age_s=EQUAL_AGE_S)
        found[one.id] = came.get(event, [])
    return found


def said_of(look: Transaction, market: Market, since: datetime, until: datetime) -> list[Post]:
    """Return what was surely said about the market's event in [since, until), oldest first."""
    event = market.event_id or market.id
    span = (event, int(since.timestamp()), int(until.timestamp()))
    found = posts_of_spans(look, [span], as_of=until, least_score=ACCEPT, age_s=EQUAL_AGE_S)
    return found.get(event, [])


def _loudness(post: Post) -> int:
    return (post.likes or 0) + 2 * (post.reposts or 0) + (post.replies or 0)


def _row(
    market: Market, move: Move, said: Mapping[str, list[Post]], held: set[str], most: int
) -> dict[str, Any]:
    came = said[market.id]
    loudest = sorted(came, key=lambda post: (-_loudness(post), post.event_time, post.id))[:most]
    return {
        "market": market.id,
        "question": market.question,
        "held": market.id in held,
        "from": round(move.first, 6),
        "to": round(move.last, 6),
        "change": round(move.last - move.first, 6),
        "leap": round(move.leap, 6),
        "leap_at": from_epoch(move.leap_at).isoformat(),
        "volume_24h": market.volume_24h,
        "said": len(came),
        "posts": [
            {
                "at": post.event_time.isoformat(),
                "source": post.source,
                "author": post.author,
                "text": post.text,
                "url": post.url,
                "engagement": _loudness(post),
            }
            for post in loudest
        ],
    }
