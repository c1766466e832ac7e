"""Store -> hourly hype and log-odds of every market followed in a span, as known at an instant.

The grid is of full hours t; hype at t is of (t - 1 h, t], the price at t is the first observed
from t on (within half an hour), so that what follows hype begins when its hour has ended.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.listening import ENGAGING, FOLLOWING
from trading_cli.app.selection import VOICES
from trading_cli.domain import SLOT_SECONDS, Market, Post, from_epoch
from trading_cli.research import hourly, hype, lead
from trading_cli.research.hype import HypeRules
from trading_cli.research.matching import ACCEPT
from trading_cli.store import Transaction, arrays, history, listings
from trading_cli.store.features import Span, spans
from trading_cli.store.talk_hours import Counts, kept_hours, key_of, posts_of_spans
from trading_cli.trading.fees import FeeUnknown, round_trip, schedule_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOUR = 3600
PRICE_WITHIN_S = 1800
SHARED = 0.95
"""A further source is heard along where the hours lost by it are fewer than one in twenty."""
RECENT_SLOTS = 96
TICK = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Gathered:
    """The markets on one grid, that grid's hour ends, and hours of talk nobody had counted."""

    markets: tuple[lead.Market, ...]
    ends: Ints
    counted: Mapping[tuple[str, str], Mapping[int, Counts | None]]

    @property
    def first_end(self) -> float:
        """Return the epoch second of the grid's first end, 0 where it has none."""
        return float(self.ends[0]) if self.ends.size else 0.0


def gather(
    look: Transaction, *, since: datetime, until: datetime, as_of: datetime, rules: HypeRules
) -> Gathered:
    """Return the series of every market that was on the panel within [since, until).

    Also of those that left it or ended since: who stayed is no sample of who was there.
    """
    first = -(-int(since.timestamp()) // HOUR) * HOUR
    ends = np.arange(first, int(until.timestamp()) + 1, HOUR, dtype=np.int64)
    ids = sorted(
        {
            venue
            for venue, entered, left in listings.panel_stays(look)
            if entered < until and entered <= as_of and (left is None or left >= since)
        }
    )
    listed = listings.listing_at(look, as_of=as_of, venue_ids=ids)
    if not listed or not ends.size:
        return Gathered((), ends, {})
    counted: dict[tuple[str, str], Mapping[int, Counts | None]] = {}
    events = sorted({_event_of(market) for market in listed})
    heard = {one: _hype(look, one, ends, as_of, rules, counted) for one in events}
    prices, costs = _prices(look, listed, ends, as_of)
    found = [
        lead.Market(
            market.id, _event_of(market), market.category or "none", heard[_event_of(market)],
            hourly.log_odds(prices[row]), _newest(prices[row]), costs[row],
        )
        for row, market in enumerate(listed)
    ]  # fmt: skip
    return Gathered(tuple(found), ends, counted)


def _event_of(market: Market) -> str:
    return market.event_id or market.id


def _newest(price: Floats) -> float:
    known = price[np.isfinite(price)]
    return float(known[-1]) if known.size else float("nan")


# --- the price


def _prices(
    look: Transaction, listed: Sequence[Market], ends: Ints, as_of: datetime
) -> tuple[Floats, list[float]]:
    """Return each market's price at each hour end [M, T], and its cost to go in and out, cents."""
    begin, stop = int(ends[0]), int(ends[-1]) + HOUR
    quotes = arrays.quote_matrix(
        look, [market.id for market in listed], since=from_epoch(begin), until=from_epoch(stop),
        as_of=as_of,
    )  # fmt: skip
    a_step = HOUR // SLOT_SECONDS
    on_time, late = quotes.mid[:, ::a_step], quotes.mid[:, 1::a_step]
    prices = np.where(np.isfinite(on_time), on_time, late)[:, : ends.size]
    for row, market in enumerate(listed):
        gaps = np.flatnonzero(~np.isfinite(prices[row]))
        if gaps.size:
            prices[row, gaps] = _history(look, market.id, ends[gaps], as_of)
    costs = [
        _cost(market, quotes.bid[row, -RECENT_SLOTS:], quotes.ask[row, -RECENT_SLOTS:], as_of)
        for row, market in enumerate(listed)
    ]
    return prices, costs


def _history(look: Transaction, market: str, ends: Ints, as_of: datetime) -> Floats:
    """Return the first history mid within half an hour from each of *ends* on, NaN: none."""
    points = history.points(
        look,
        market,
        since=from_epoch(int(ends[0])),
        until=from_epoch(int(ends[-1]) + PRICE_WITHIN_S),
        as_of=as_of,
    )
    found = np.full(ends.size, np.nan)
    if not points:
        return found
    when = np.array([int(point.event_time.timestamp()) for point in points], dtype=np.int64)
    price = np.array([point.price for point in points], dtype=np.float64)
    place = np.searchsorted(when, ends)
    there = place < when.size
    near = when[np.minimum(place, when.size - 1)] < ends + PRICE_WITHIN_S
    found[there & near] = price[place[there & near]]
    return found


def _cost(market: Market, bid: Floats, ask: Floats, at: datetime) -> float:
    """Return the cents a share costs to buy and sell at once, at the median book of a day."""
    both = np.isfinite(bid) & np.isfinite(ask)
    if not both.any():
        return float("nan")
    low, high = (Decimal(str(float(np.median(one[both])))).quantize(TICK) for one in (bid, ask))
    try:
        trip = round_trip(low, max(low, high), schedule_of(market, at), Decimal(1))
    except (FeeUnknown, ValueError):
        return float("nan")
    return float(trip.total) * 100


# --- the talk


def _hype(
    look: Transaction,
    event: str,
    ends: Ints,
    as_of: datetime,
    rules: HypeRules,
    counted: dict[tuple[str, str], Mapping[int, Counts | None]],
) -> Floats:
    """Return the event's hype at *ends* [T], and remember the hours counted for it."""
    warm = rules.baseline_days * 24 + 2
    grid = np.arange(int(ends[0]) - warm * HOUR, int(ends[-1]) + 1, HOUR, dtype=np.int64)
    sources, covered = _sources(look, event, grid, as_of)
    posts, engagement = np.full(grid.size, np.nan), np.full(grid.size, np.nan)
    if not sources:
        return posts[-ends.size :]
    key = key_of(sources)
    wanted = [int(end) for end in grid[covered]]
    kept = kept_hours(look, event, key, wanted, as_of=as_of)
    held: dict[int, Counts | None] = {end: one for end, one in kept.items() if one}
    fresh = _count(look, event, [end for end in wanted if end not in held], sources, as_of)
    counted[event, key] = fresh
    for end, one in (held | fresh).items():
        if one is not None:
            place = (end - int(grid[0])) // HOUR
            posts[place] = one[0]
            engagement[place] = np.nan if one[2] is None else one[2]
    return hourly.hype_z(posts, engagement, rules)[-ends.size :]


def _sources(
    look: Transaction, event: str, grid: Ints, as_of: datetime
) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Return whose talk it is, and which hours of *grid* all of them answered.

    First the source that answered most; then each that costs less than a twentieth of its hours.
    """
    since = from_epoch(int(grid[0]) - HOUR)
    found: dict[str, NDArray[np.bool_]] = {}
    for name in VOICES:
        answered = spans(look, name, {event: since}, as_of=as_of).get(event)
        if answered:
            found[name] = _covered(answered, grid)
    best = sorted(found, key=lambda name: (-int(found[name].sum()), name))
    if not best or not found[best[0]].any():
        return (), np.zeros(grid.size, dtype=np.bool_)
    chosen, shared = [best[0]], found[best[0]]
    for name in best[1:]:
        both = shared & found[name]
        if both.sum() >= SHARED * found[best[0]].sum():
            chosen.append(name)
            shared = both
    return tuple(sorted(chosen)), shared


def _covered(answered: Sequence[Span], grid: Ints) -> NDArray[np.bool_]:
    """Return which hours (end - 1 h, end] lie whole in one of the joined, sorted spans."""
    starts = np.array([start for start, _ in answered], dtype=np.int64)
    stops = np.array([stop for _, stop in answered], dtype=np.int64)
    place = np.searchsorted(starts, grid - HOUR + 1, side="right") - 1
    found: NDArray[np.bool_] = (place >= 0) & (stops[np.maximum(place, 0)] >= grid + 1)
    return found


def _count(
    look: Transaction, event: str, ends: Sequence[int], sources: Sequence[str], as_of: datetime
) -> dict[int, Counts | None]:
    """Return what was said in each of the hours *ends*, from the posts themselves."""
    if not ends:
        return {}
    asked = [(event, start - HOUR + 1, stop + 1) for start, stop in _runs(ends)]
    posts = posts_of_spans(
        look, asked, as_of=as_of, least_score=ACCEPT, age_s=hype.EQUAL_AGE_S
    ).get(event, ())
    by_hour: dict[int, list[Post]] = defaultdict(list)
    for post in posts:
        if post.source in sources:
            by_hour[-(-int(post.event_time.timestamp()) // HOUR) * HOUR].append(post)
    those = set(sources)
    found: dict[int, Counts | None] = {}
    for end in ends:
        one = hype.hour_of(by_hour.get(end, ()), ENGAGING & those, FOLLOWING & those)
        found[end] = (one.posts, one.authors, one.engagement, one.judged, one.influential)
    return found


def _runs(ends: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of hours that follow one another."""
    found: list[tuple[int, int]] = []
    for end in sorted(ends):
        if found and end == found[-1][1] + HOUR:
            found[-1] = found[-1][0], end
        else:
            found.append((end, end))
    return found


def span_of(now: datetime, since: timedelta | datetime) -> tuple[datetime, datetime]:
    """Return (since, until): to the last full hour before *now*, from so much before it.

    An instant is where it begins, at its full hour.
    """
    until = _full_hour(now)
    return (until - since if isinstance(since, timedelta) else _full_hour(since)), until


def _full_hour(at: datetime) -> datetime:
    return from_epoch(int(at.timestamp()) // HOUR * HOUR)
