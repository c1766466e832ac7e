"""One market as a whole: what it is, what it cost, what was said, what we made of it."""

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from trading_cli.app.asked.opening import Look, looking, no_market
from trading_cli.app.asked.pictures import NAMES, indicator
from trading_cli.app.asked.rows import told
from trading_cli.app.rules import settled, worded
from trading_cli.core.clock import Clock
from trading_cli.domain import SLOT_SECONDS, Book, Market, Post, Quote, from_epoch, slot_of
from trading_cli.store import Transaction, glance, history, holdings, listings, pages

LEVELS = 25
DECISIONS = 20
POSTS = 20
_Facts = dict[str, Any]


def market(
    config: Path | None, name: str, *, hours: int = 48, clock: Clock | None = None
) -> dict[str, Any]:
    """Return everything about the market *name* (its id, or its condition's) and its last *hours*.

    Prices are USD a share of YES. ``moved`` is what `trading news` says of it, ``rules`` what
    `trading markets --rules` does. Raises UsageError where there is no such market.
    """
    with looking(config, clock) as look:
        if look is None:
            raise no_market(name)
        known = pages.market_named(look.rows, name)
        found = listings.listing_at(look.rows, as_of=look.now, venue_ids=[known or ""])
        if not found:
            raise no_market(name)
        (one,) = found
        since = from_epoch(slot_of(look.now) - (hours * 3600 // SLOT_SECONDS - 1) * SLOT_SECONDS)
        return {
            **_listing(look, one),
            **_series(look, one, since),
            **_talk(look, one, since),
            "positions": _held(config, look, one),
            "rules": worded(look.rows, one, look.now),
        }


def _listing(look: Look, one: Market) -> _Facts:
    """Return what the market is, and how it stands."""
    from trading_cli.research.deadline import deadline_of  # noqa: PLC0415  # paid when used

    at = deadline_of(one).at
    slug = one.event_slug or one.slug
    members = listings.panel_members(look.rows, as_of=look.now)
    return {
        "id": one.id,
        "question": one.question,
        "event": one.event_id,
        "event_title": one.event_title,
        "category": one.category or None,
        "tags": list(one.tags),
        "outcomes": [one.yes_label, one.no_label],
        "place": f"https://polymarket.com/event/{slug}" if slug else None,
        "closed": one.closed,
        "accepting_orders": one.accepting_orders,
        "panel": one.id in members,
        "score": glance.scores(look.rows, as_of=look.now).get(one.id),
        "deadline": None if at is None else at.isoformat(),
        "volume_24h": one.volume_24h,
        "liquidity": one.liquidity,
        "tick": None if one.tick is None else float(one.tick),
        "min_size": None if one.min_size is None else float(one.min_size),
        "settlement": settled(look.rows, one, look.now),
        "book": _book(history.newest_book(look.rows, one.id, as_of=look.now), look.now),
    }


def _book(one: Book | None, now: datetime) -> _Facts | None:
    """Return the best levels of each side of the YES book; ``more`` levels are not shown."""
    if one is None:
        return None
    sides = {"bids": one.bids, "asks": one.asks}
    return {
        "observed_at": one.observed_at.isoformat(),
        "age_s": max(0, int((now - one.observed_at).total_seconds())),
        "more": sum(max(0, len(levels) - LEVELS) for levels in sides.values()),
    } | {
        name: [{"price": float(lv.price), "shares": float(lv.size)} for lv in levels[:LEVELS]]
        for name, levels in sides.items()
    }


def _series(look: Look, one: Market, since: datetime) -> _Facts:
    """Return quotes, indicators and decisions from *since* on, oldest first."""
    until = from_epoch(slot_of(look.now) + SLOT_SECONDS)
    quotes = history.quotes(look.rows, one.id, since=since, until=until, as_of=look.now)
    newest = quotes[-1] if quotes else None
    indicators = _indicators(look.rows, one.id, since, look.now)
    latest = pages.decisions_before(look.rows, None, market=one.id, limit=DECISIONS)
    acted = pages.acted_on(look.rows, one.id, since)
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "bid": newest and newest.bid,
        "ask": newest and newest.ask,
        "mid": newest and newest.mid,
        "age_s": newest and max(0, int((look.now - newest.observed_at).total_seconds())),
        "quotes": [_quote(quote) for quote in quotes],
        "indicators": indicators,
        "now": {name: points[-1] if points else None for name, points in indicators.items()},
        "signals": [told(decision) for decision in acted],
        "decisions": [told(decision) for _, decision in latest],
    }


def _quote(one: Quote) -> _Facts:
    return {
        "slot": from_epoch(one.slot).isoformat(),
        "bid": one.bid,
        "ask": one.ask,
        "mid": one.mid,
        "bid_depth": one.bid_depth,
        "ask_depth": one.ask_depth,
    }


def _indicators(
    look: Transaction, name: str, since: datetime, now: datetime
) -> dict[str, list[_Facts]]:
    found: dict[str, list[_Facts]] = defaultdict(list)
    for one in pages.indicators_since(look, name, since, as_of=now):
        found[one.name].append(indicator(one))
    return {one: found.get(one, []) for one in NAMES}


def _talk(look: Look, one: Market, since: datetime) -> _Facts:
    """Return what `news` says of the market (``None``: it did not move), and the newest posts."""
    from trading_cli.app import news  # noqa: PLC0415  # it loads numpy

    posts = news.said_of(look.rows, one, since, look.now)
    newest = sorted(posts, key=lambda post: (post.event_time, post.id), reverse=True)[:POSTS]
    return {
        "moved": news.moved_alone(look.rows, one, since, look.now, now=look.now),
        "posts": [_post(post) for post in newest],
    }


def _post(one: Post) -> _Facts:
    """Return a post; an address that is none of the web is left out: it is foreign text."""
    web = one.url is not None and one.url.startswith(("https://", "http://"))
    return {
        "at": one.event_time.isoformat(),
        "source": one.source,
        "author": one.author,
        "text": one.text,
        "url": one.url if web else None,
        "likes": one.likes,
        "reposts": one.reposts,
        "replies": one.replies,
    }


def _held(config: Path | None, look: Look, one: Market) -> list[_Facts]:
    """Return what we hold of the market, as `positions` has it."""
    from trading_cli.app.positions import worth  # noqa: PLC0415  # paid when used
    from trading_cli.app.settings import load  # noqa: PLC0415  # paid when used

    held = [position for position in holdings.positions(look.rows) if position.market_id == one.id]
    if not held:
        return []
    book = history.newest_book(look.rows, one.id, as_of=look.now)
    settings = load(config).settings
    return [worth(position, one, book, settings, look.now) for position in held]
