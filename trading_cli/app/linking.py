"""What was said and what it is to the events we follow: the one way posts come into the store.

Each post is kept once with its engagement as seen, and linked to its event: how surely about it,
how it feels, whose copy it is. Talk of the present and of the past go the same way.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import Market, Post, Topic
from trading_cli.research import sentiment
from trading_cli.research.matching import SCORER, MarketWords, Scorer, Subject, topic_query
from trading_cli.research.talk import about_price, duplicates
from trading_cli.store import Store, Transaction, listings
from trading_cli.store.rows import Written
from trading_cli.store.talk import PostLink, posts_for, record_links, record_posts


@dataclass(frozen=True, slots=True)
class Near:
    """Among which posts a new one may be a copy: those of [since, until) known at ``as_of``."""

    since: datetime
    until: datetime
    as_of: datetime


def subjects_at(store: Store, as_of: datetime) -> dict[str, Subject]:
    """Return the events of the panel, by id, with the markets of theirs that we follow."""
    with store.reading() as look:
        members = listings.panel_members(look, as_of=as_of)
        markets = listings.listing_at(look, as_of=as_of, venue_ids=list(members))
    grouped: dict[str, list[Market]] = defaultdict(list)
    for market in markets:
        grouped[market.event_id or market.id].append(market)
    return {
        event: Subject(
            event,
            held[0].event_title or held[0].question,
            tuple(MarketWords(market.id, market.question) for market in held),
        )
        for event, held in grouped.items()
    }


def topics_of(subjects: Mapping[str, Subject], events: Iterable[str]) -> tuple[Topic, ...]:
    """Return what to ask the talk about each of *events*, in their order."""
    return tuple(
        Topic(event, subjects[event].title, topic_query(subjects[event].title)) for event in events
    )


def keep_posts(
    tx: Transaction,
    source: str,
    posts: Sequence[Post],
    subjects: Mapping[str, Subject],
    scorer: Scorer,
    near: Near,
) -> Written:
    """Keep what *source* said and what each post is to its event. The answer counts new posts."""
    grouped: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        grouped[post.event_id].append(post)
    earlier = {event: _earlier(tx, source, event, near) for event in grouped}
    written = record_posts(tx, posts)
    record_links(tx, _links(grouped, earlier, subjects, scorer))
    return written


def _earlier(tx: Transaction, source: str, event: str, near: Near) -> list[Post]:
    """Return what *source* said about *event* near by and we heard before this look."""
    stored = posts_for(tx, event, since=near.since, until=near.until, as_of=near.as_of)
    return [post for post in stored if post.source == source]


def _links(
    grouped: Mapping[str, Sequence[Post]],
    earlier: Mapping[str, Sequence[Post]],
    subjects: Mapping[str, Subject],
    scorer: Scorer,
) -> Iterator[PostLink]:
    """Yield what each post is to its event: how surely about it, how it feels, whose copy it is."""
    for event, held in grouped.items():
        before = earlier[event]
        everyone = [*before, *held]
        copies = duplicates(everyone, known=len(before))
        for place, post in enumerate(held, len(before)):
            match = scorer.score(post.text, subjects[event], post.event_time.year)
            first = everyone[copies.get(place, place)].id
            yield PostLink(
                post.source,
                post.id,
                event,
                match.market_id,
                match.score,
                SCORER,
                about_price(post.text),
                sentiment.score(post.text, post.language),
                sentiment.VERSION,
                None if first == post.id else first,
                post.observed_at,
            )
