"""Which markets are worth recording (the panel), and which of them may be traded now (candidates).

A listed market passes these stages, in this order; the first that stops it names the refusal:

    listed      the venue described it
    open        not closed, not inactive, and its nominal end is not past (no zombies)
    accepting   it takes orders on an order book
    two_sided   somebody bids and somebody asks (a screen: the venue's listing may be 5 minutes old)
    category    one of the wanted categories or sectors (only where some are named)
    volume      enough traded in 24 h
    liquidity   enough rests on the book
    deadline    far enough from a deadline that is known and not in conflict
    per_event   among the first of its event by 24 h volume
    panel       room was left: the busiest first; members stay, whatever happens to their volume,
                for ``sticky_days`` or until they close
    candidates  members that now pass the higher bars

What the venue did not say does not pass: absent is not yes. A member that the listing no longer
shows keeps its place while it is sticky, because absent is not resolved either.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from trading_cli.domain import Market, Quote
from trading_cli.research.deadline import DeadlineRefusal, deadline_of


@dataclass(frozen=True, slots=True)
class PanelRules:
    """The bars of the panel and of the candidates; USD, days and counts."""

    min_volume_24h: float = 5_000.0
    min_liquidity: float = 10_000.0
    min_days_to_deadline: float = 10.0
    max_per_event: int = 3
    max_markets: int = 200
    sticky_days: float = 7.0
    categories: tuple[str, ...] = ()
    candidate_volume_24h: float = 50_000.0
    candidate_liquidity: float = 10_000.0
    max_candidates: int = 50


class PanelRefusal(StrEnum):
    """Why a listed market is not in the panel."""

    CLOSED = "CLOSED"
    INACTIVE = "INACTIVE"
    PAST_END = "PAST_END"
    NOT_ACCEPTING = "NOT_ACCEPTING"
    NOT_TWO_SIDED = "NOT_TWO_SIDED"
    CATEGORY = "CATEGORY"
    VOLUME = "VOLUME"
    LIQUIDITY = "LIQUIDITY"
    DEADLINE_NEAR = "DEADLINE_NEAR"
    DEADLINE_UNPARSABLE = "DEADLINE_UNPARSABLE"
    DEADLINE_CONFLICT = "DEADLINE_CONFLICT"
    PER_EVENT = "PER_EVENT"
    PANEL_FULL = "PANEL_FULL"


class LeftCause(StrEnum):
    """Why a member is one no more."""

    RESOLVED = "RESOLVED"
    NO_LONGER_QUALIFIES = "NO_LONGER_QUALIFIES"
    NOT_LISTED = "NOT_LISTED"
    OVER_CAP = "OVER_CAP"


@dataclass(frozen=True, slots=True)
class PanelResult:
    """The panel after one look at the listing.

    ``members``: ids in order of entry, then volume. ``entered_at``: since when each counts (a
    member that qualified anew after its sticky days counts from now). ``unlisted``: members the
    listing did not show. ``funnel``: how many passed each stage, first to last; "panel" counts
    members, sticky ones too. ``refusals``: market id to the stage that stopped it, members apart.
    """

    members: tuple[str, ...]
    entered: tuple[str, ...]
    left: Mapping[str, LeftCause]
    funnel: Mapping[str, int]
    refusals: Mapping[str, PanelRefusal]
    entered_at: Mapping[str, datetime] = field(default_factory=dict)
    unlisted: tuple[str, ...] = ()


_STAGE = {
    PanelRefusal.CLOSED: "open",
    PanelRefusal.INACTIVE: "open",
    PanelRefusal.PAST_END: "open",
    PanelRefusal.NOT_ACCEPTING: "accepting",
    PanelRefusal.NOT_TWO_SIDED: "two_sided",
    PanelRefusal.CATEGORY: "category",
    PanelRefusal.VOLUME: "volume",
    PanelRefusal.LIQUIDITY: "liquidity",
    PanelRefusal.DEADLINE_NEAR: "deadline",
    PanelRefusal.DEADLINE_UNPARSABLE: "deadline",
    PanelRefusal.DEADLINE_CONFLICT: "deadline",
    PanelRefusal.PER_EVENT: "per_event",
}


def select_panel(
    markets: Sequence[Market],
    *,
    members: Mapping[str, datetime],
    rules: PanelRules,
    now: datetime,
) -> PanelResult:
    """Return the panel at *now*, given the listing and the present *members* (id to entry).

    The order of *markets* does not matter; of one id the latest observation counts. The caps hold
    whatever *members* says: the latest to enter go first.
    """
    listed = {m.id: m for m in sorted(markets, key=lambda m: (m.observed_at, m.volume_24h or 0.0))}
    kept, left = _sticky(listed, members, rules, now)
    stopped = {m.id: refusal for m in listed.values() if (refusal := screen(m, rules, now))}
    passed = [m for m in _busiest_first(listed.values()) if m.id not in stopped]
    refusals = dict(stopped)
    entered_at = dict(kept)
    taken = Counter(_event_of(listed.get(market_id), market_id) for market_id in kept)
    for market in (m for m in passed if m.id not in kept):
        if taken[_event_of(market, market.id)] >= rules.max_per_event:
            refusals[market.id] = PanelRefusal.PER_EVENT
        elif len(entered_at) >= rules.max_markets:
            refusals[market.id] = PanelRefusal.PANEL_FULL
        else:
            taken[_event_of(market, market.id)] += 1
            entered_at[market.id] = now
    for market_id in entered_at:
        refusals.pop(market_id, None)
        left.pop(market_id, None)
    order = sorted(entered_at, key=lambda i: (entered_at[i], -_volume(listed.get(i)), i))
    ready = candidates([listed[i] for i in order if i in listed], {}, rules, now)
    return PanelResult(
        members=tuple(order),
        entered=tuple(i for i in order if i not in members),
        left=left,
        funnel=_funnel(listed, stopped, refusals, rules)
        | {
            "panel": len(order),
            "candidates": len(ready),
        },
        refusals=refusals,
        entered_at={i: entered_at[i] for i in order},
        unlisted=tuple(i for i in order if i not in listed),
    )


def screen(market: Market, rules: PanelRules, now: datetime) -> PanelRefusal | None:
    """Return the first stage that stops *market* taken alone, ``None`` if it passes them all."""
    return (
        _not_open(market, now)
        or _not_dealt_in(market)
        or _not_wanted(market, rules)
        or _too_quiet(market, rules)
        or _too_near(market, rules, now)
    )


def candidates(
    markets: Sequence[Market], quotes: Mapping[str, Quote], rules: PanelRules, now: datetime
) -> tuple[str, ...]:
    """Return the ids of those panel members (*markets*) that may be traded now, busiest first.

    A member qualifies while it is open, has a book with two sides (by its quote of this slot in
    *quotes*, else by the listing), and passes the candidate bars. Nearness of the deadline, price
    and fees are vetoes on the decision, not conditions here.
    """
    ready = [m for m in markets if _ready(m, quotes.get(m.id), rules, now)]
    return tuple(dict.fromkeys(m.id for m in _busiest_first(ready)))[: rules.max_candidates]


def _ready(market: Market, quote: Quote | None, rules: PanelRules, now: datetime) -> bool:
    two_sided = _two_sided(market) if quote is None else quote.mid is not None
    return (
        _not_open(market, now) is None
        and market.accepting_orders is True
        and two_sided
        and _at_least(market.volume_24h, rules.candidate_volume_24h)
        and _at_least(market.liquidity, rules.candidate_liquidity)
    )


def _sticky(
    listed: Mapping[str, Market],
    members: Mapping[str, datetime],
    rules: PanelRules,
    now: datetime,
) -> tuple[dict[str, datetime], dict[str, LeftCause]]:
    """Return the members whose days are not over, and why the others may leave."""
    kept: dict[str, datetime] = {}
    left: dict[str, LeftCause] = {}
    per_event: Counter[str] = Counter()
    for market_id, since in sorted(members.items(), key=lambda item: (item[1], item[0])):
        market = listed.get(market_id)
        event = _event_of(market, market_id)
        if market is not None and market.closed:
            left[market_id] = LeftCause.RESOLVED
        elif now - since >= timedelta(days=rules.sticky_days):
            left[market_id] = (
                LeftCause.NOT_LISTED if market is None else LeftCause.NO_LONGER_QUALIFIES
            )
        elif len(kept) >= rules.max_markets or per_event[event] >= rules.max_per_event:
            left[market_id] = LeftCause.OVER_CAP
        else:
            kept[market_id] = since
            per_event[event] += 1
    return kept, left


def _funnel(
    listed: Mapping[str, Market],
    stopped: Mapping[str, PanelRefusal],
    refusals: Mapping[str, PanelRefusal],
    rules: PanelRules,
) -> dict[str, int]:
    """Return how many listed markets passed each stage up to "per_event"."""
    lost = Counter(_STAGE[refusal] for refusal in stopped.values())
    lost["per_event"] = sum(1 for r in refusals.values() if r is PanelRefusal.PER_EVENT)
    stages = ["open", "accepting", "two_sided", "volume", "liquidity", "deadline", "per_event"]
    if rules.categories:
        stages.insert(3, "category")
    left = len(listed)
    counts = {"listed": left}
    for stage in stages:
        left -= lost[stage]
        counts[stage] = left
    return counts


def _not_open(market: Market, now: datetime) -> PanelRefusal | None:
    if market.closed:
        return PanelRefusal.CLOSED
    if market.active is not True:
        return PanelRefusal.INACTIVE
    if market.end_at is not None and market.end_at <= now:
        return PanelRefusal.PAST_END
    return None


def _not_dealt_in(market: Market) -> PanelRefusal | None:
    if market.accepting_orders is not True or market.enable_order_book is False:
        return PanelRefusal.NOT_ACCEPTING
    return None if _two_sided(market) else PanelRefusal.NOT_TWO_SIDED


def _not_wanted(market: Market, rules: PanelRules) -> PanelRefusal | None:
    wanted = {name.casefold() for name in rules.categories}
    its_own = {market.category.casefold(), sector_of(market.tags).value}
    return PanelRefusal.CATEGORY if wanted and not wanted & its_own else None


def _too_quiet(market: Market, rules: PanelRules) -> PanelRefusal | None:
    if not _at_least(market.volume_24h, rules.min_volume_24h):
        return PanelRefusal.VOLUME
    if not _at_least(market.liquidity, rules.min_liquidity):
        return PanelRefusal.LIQUIDITY
    return None


def _too_near(market: Market, rules: PanelRules, now: datetime) -> PanelRefusal | None:
    deadline = deadline_of(market)
    if deadline.refused is DeadlineRefusal.CONFLICT:
        return PanelRefusal.DEADLINE_CONFLICT
    if deadline.at is None:
        return PanelRefusal.DEADLINE_UNPARSABLE
    near = deadline.at - now < timedelta(days=rules.min_days_to_deadline)
    return PanelRefusal.DEADLINE_NEAR if near else None


def _two_sided(market: Market) -> bool:
    bid, ask = market.best_bid, market.best_ask
    return bid is not None and ask is not None and 0.0 < bid < ask < 1.0


def _at_least(amount: float | None, bar: float) -> bool:
    return amount is not None and amount >= bar


def _event_of(market: Market | None, market_id: str) -> str:
    """Return what the per-event cap counts by; a market without an event is its own."""
    if market is None or market.event_id is None:
        return f"market {market_id}"
    return market.event_id


def _volume(market: Market | None) -> float:
    return market.volume_24h or 0.0 if market is not None else 0.0


def _busiest_first(markets: Iterable[Market]) -> list[Market]:
    return sorted(markets, key=lambda m: (-_volume(m), m.id))


class Sector(StrEnum):
    """The four shares of the exposure limit."""

    CRYPTO = "crypto"
    POLITICS = "politics"
    SPORTS = "sports"
    OTHER = "other"


_CRYPTO = (
    "crypto bitcoin btc ethereum eth solana xrp dogecoin airdrops stablecoins defi nft "
    "crypto-prices memecoins "
)
_POLITICS = (
    "politics elections election us-election us-politics trump congress senate geopolitics "
    "world primaries world-elections global-elections us-presidential-election middle-east "
    "ukraine israel iran foreign-policy courts "
)
_SPORTS = (
    "sports soccer football nba nfl nhl mlb ncaa ncaab cbb cfb ufc mma boxing tennis golf "
    "f1 formula-1 cricket esports games hockey basketball baseball epl la-liga serie-a "
    "bundesliga ligue-1 champions-league olympics chess rugby mls league-of-legends "
)
_SECTOR_WORDS: Mapping[Sector, frozenset[str]] = {
    Sector.CRYPTO: frozenset(_CRYPTO.split()),
    Sector.POLITICS: frozenset(_POLITICS.split()),
    Sector.SPORTS: frozenset(_SPORTS.split()),
}


def sector_of(tags: Sequence[str]) -> Sector:
    """Return the sector of the first tag that names one, OTHER where none does."""
    for tag in tags:
        word = "-".join(tag.casefold().split())
        for sector, words in _SECTOR_WORDS.items():
            if word in words:
                return sector
    return Sector.OTHER
