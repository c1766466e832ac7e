"""When a holding is sold, and how much of it: each rule a small function, the hardest answer wins.

Whole sales come before parts, in this order:

    kill level 3      everything, not below max(bid - 2 ticks, 0.8 x mid)
    kill level 2      what is worth more than it cost: locks gains, keeps losers
    stop              bid <= entry bid - max(12 % of it, 3 ticks, 2 x the entry's spread)
    deadline          3 days to go: all (7 days: half, once)
    slow              held > 7 days with less than +8 %: all (> 3 days, +5 %: half, once)
    volume fade       after the first day, 24 h volume below half of the week before entry: all
    targets           bid >= min(entry x (1 + x), entry + way x (1 - entry)): 25, 50, 25 %
    trailing          after the second target, bid <= 95 % of the highest since: all

Return = net bid proceeds after fee / all-in cost - 1. Prices are only believed on a fresh book with
two sides; time needs a fresh book with a bid to sell to. A market the venue is settling is LOCKED:
targets and trailing are frozen. A part below the venue's minimum grows to it, and a remainder below
it goes along. A part that found too few bids is sold on, slot by slot, while its reason holds. A
stop is an attempt, not a bound: the whole stake can be lost.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from trading_cli.domain import (
    Book,
    FeeSchedule,
    Position,
    PositionState,
    Reason,
    Side,
)
from trading_cli.trading import ExitsSection
from trading_cli.trading.fills import ONE, ZERO, Walk, walk, whole_shares

FRESH = timedelta(minutes=15)
SELL_TICKS = 2
KILL_FLOOR = Decimal("0.8")
WINNERS, EVERYTHING, NOTHING = 2, 3, 4
_TARGET_REASONS = (Reason.TARGET_1, Reason.TARGET_2, Reason.TARGET_3)


@dataclass(frozen=True, slots=True)
class Holding:
    """A position and what its exits look at. ``book`` is of the token held, ``None``: none seen.

    ``volume_before`` is the daily mean of the 7 days before entry, USD. ``settling``: the venue
    says proposed or disputed. ``kill_level`` is 0 while the switch is not triggered.
    """

    position: Position
    book: Book | None
    fee: FeeSchedule
    tick: Decimal
    min_size: Decimal
    deadline: datetime | None = None
    volume_24h: float | None = None
    volume_before: float | None = None
    settling: bool = False
    kill_level: int = 0


@dataclass(frozen=True, slots=True)
class Exit:
    """Sell so many shares now, not below ``limit_price``; ``whole``: nothing is to remain.

    ``position`` is as it stands, its state and high bid brought up to date: fills apply to it.
    """

    reason: Reason
    shares: Decimal
    limit_price: Decimal
    sentence: str
    position: Position
    whole: bool


@dataclass(frozen=True, slots=True)
class Stay:
    """Sell nothing: NO_EXIT, LOCKED, or STALE_BOOK where nothing could be judged."""

    reason: Reason
    sentence: str
    position: Position


@dataclass(frozen=True, slots=True)
class Seen:
    """A holding as the rules see it at ``now``: with a usable book, or without."""

    holding: Holding
    section: ExitsSection
    now: datetime
    position: Position
    bid: Decimal | None
    two_sided: bool
    gain: Decimal | None

    @property
    def held_for(self) -> timedelta:
        """Return how long the position has been held."""
        return self.now - self.position.opened_at


@dataclass(frozen=True, slots=True)
class Sale:
    """What one rule wants sold: a share of what is held (``None``: all), and why."""

    reason: Reason
    sentence: str
    part: Decimal | None = None


ExitRule = Callable[[Seen], Sale | None]


def review(holding: Holding, section: ExitsSection, now: datetime) -> Exit | Stay:
    """Return what to do with *holding* at *now*: one sale, or why none.

    The returned ``position`` carries the state (LOCKED or OPEN) and the highest bid since the
    second target; keep it also where nothing is sold.
    """
    seen = _see(holding, section, now)
    position = seen.position
    if holding.kill_level >= NOTHING:
        return Stay(Reason.NO_EXIT, "kill switch level 4: no order at all", position)
    locked = position.state is PositionState.LOCKED
    if seen.bid is None:
        said = "no fresh book with a bid: nothing can be sold"
        return Stay(Reason.LOCKED if locked else Reason.STALE_BOOK, said, position)
    if whole_shares(position.shares) == 0:
        said = f"{position.shares} shares are too few to sell: they wait for the settlement"
        return Stay(Reason.NO_EXIT, said, position)
    rules = EVERYTHING_RULES if holding.kill_level >= EVERYTHING else RULES
    sales = [sale for rule in rules if (sale := rule(seen)) is not None]
    if sales:
        whole = next((sale for sale in sales if sale.part is None), None)
        return _exit(seen, whole or max(sales, key=lambda sale: sale.part or ZERO))
    return _stay(seen)


def _stay(seen: Seen) -> Stay:
    """Return why no rule fired on a book that was judged."""
    position = seen.position
    if position.state is PositionState.LOCKED:
        return Stay(Reason.LOCKED, "the venue is settling it: targets are frozen", position)
    if not seen.two_sided:
        return Stay(Reason.STALE_BOOK, "the book has no ask: its prices are not judged", position)
    return Stay(Reason.NO_EXIT, f"no exit: bid {seen.bid}, return {seen.gain:+.1%}", position)


def net_return(position: Position, book: Book, fee: FeeSchedule) -> Decimal:
    """Return what selling all into the bids now brings after fees, over the all-in cost, less 1.

    What finds no bid brings nothing: -1 where nobody bids. A position that cost nothing: 0.
    """
    if position.cost <= 0:
        return ZERO
    return walk(book, Side.SELL, position.shares, ZERO, fee).net / position.cost - ONE


def stop_price(position: Position, tick: Decimal, section: ExitsSection) -> Decimal:
    """Return the bid at or below which everything is sold; below 0 it cannot be reached."""
    distance = max(
        section.stop * position.entry_bid,
        section.stop_ticks * tick,
        section.stop_spreads * position.entry_spread,
    )
    return position.entry_bid - distance


def target_prices(position: Position, section: ExitsSection) -> tuple[Decimal, ...]:
    """Return the bids at which the three targets are reached, in rising order."""
    entry = position.entry_price
    return tuple(
        min(entry * (ONE + rise), entry + way * (ONE - entry))
        for rise, way in zip(section.targets, section.target_headroom, strict=True)
    )


def _see(holding: Holding, section: ExitsSection, now: datetime) -> Seen:
    """Return *holding* with its state and high bid brought up to date, and its book judged."""
    position, book = holding.position, holding.book
    state = PositionState.LOCKED if holding.settling else PositionState.OPEN
    fresh = book is not None and timedelta(0) <= now - book.observed_at <= FRESH
    bid = book.best_bid if book is not None and fresh else None
    two_sided = bid is not None and book is not None and book.best_ask is not None
    high = position.high_bid
    if two_sided and bid is not None and position.targets_hit >= 2:  # noqa: PLR2004  # the second
        high = bid if high is None else max(high, bid)
    gain = None if bid is None or book is None else net_return(position, book, holding.fee)
    position = replace(position, state=state, high_bid=high)
    return Seen(holding, section, now, position, bid, two_sided, gain)


def kill_all(seen: Seen) -> Sale | None:
    """Return everything, at kill level 3."""
    if seen.holding.kill_level < EVERYTHING:
        return None
    return Sale(Reason.KILL_ALL, "kill switch level 3: everything is sold")


def kill_winners(seen: Seen) -> Sale | None:
    """Return what is worth more than it cost, at kill level 2: locks gains, keeps losers."""
    if seen.holding.kill_level < WINNERS or not seen.two_sided or not seen.gain or seen.gain <= 0:
        return None
    return Sale(Reason.KILL_WINNERS, f"kill switch level 2: a winner, {seen.gain:+.1%}, is sold")


def stop(seen: Seen) -> Sale | None:
    """Return everything where the bid is at or below the stop, on a fresh two-sided book."""
    price = stop_price(seen.position, seen.holding.tick, seen.section)
    if not seen.two_sided or seen.bid is None or seen.bid > price:
        return None
    return Sale(Reason.STOP, f"bid {seen.bid} is at or below the stop of {price:.4f}")


def deadline(seen: Seen) -> Sale | None:
    """Return half once at 7 days before the deadline, and all at 3."""
    if seen.holding.deadline is None:
        return None
    left = seen.holding.deadline - seen.now
    half, whole = (timedelta(days=days) for days in seen.section.deadline_days)
    said = f"{left / timedelta(days=1):.1f} days to the deadline"
    if left <= whole:
        return Sale(Reason.DEADLINE_3_DAYS, said)
    if left <= half and not seen.position.halved_deadline:
        return Sale(Reason.DEADLINE_7_DAYS, said, part=seen.position.shares / 2)
    return None


def slow(seen: Seen) -> Sale | None:
    """Return half once after 3 slow days, and all after 7."""
    if not seen.two_sided or seen.gain is None:
        return None
    half, whole = (timedelta(days=days) for days in seen.section.slow_days)
    least_half, least_whole = seen.section.slow_returns
    days = seen.held_for / timedelta(days=1)
    said = f"held {days:.1f} days with a return of {seen.gain:+.1%}"
    if seen.held_for > whole and seen.gain < least_whole:
        return Sale(Reason.SLOW_7_DAYS, said)
    if seen.held_for > half and seen.gain < least_half and not seen.position.halved_slow:
        return Sale(Reason.SLOW_3_DAYS, said, part=seen.position.shares / 2)
    return None


def volume_faded(seen: Seen) -> Sale | None:
    """Return everything where, after the first day, a day's volume is under half of what it was.

    Nothing where either volume is unknown.
    """
    now, before = seen.holding.volume_24h, seen.holding.volume_before
    if now is None or before is None or seen.held_for <= timedelta(days=1):
        return None
    if now >= seen.section.volume_fade * before:
        return None
    return Sale(Reason.VOLUME_FADED, f"{now:.0f} USD in 24 h against {before:.0f} a day before")


def targets(seen: Seen) -> Sale | None:
    """Return the parts of the original size due at every target newly reached; the last is all."""
    if not _prices_count(seen) or seen.bid is None:
        return None
    position = seen.position
    prices = target_prices(position, seen.section)
    reached = sum(seen.bid >= price for price in prices)
    last = len(prices)
    if reached == 0 or (reached <= position.targets_hit and reached < last):
        return None
    said = f"bid {seen.bid} reached target {reached} at {prices[reached - 1]:.4f}"
    if reached == last:
        return Sale(_TARGET_REASONS[-1], said)
    due = sum(seen.section.target_shares[position.targets_hit : reached], ZERO)
    before = position.owed if position.owed_for in _TARGET_REASONS else ZERO
    part = due * position.original_shares + before
    return Sale(_TARGET_REASONS[reached - 1], said, part=part)


def rest(seen: Seen) -> Sale | None:
    """Return what a part that was begun still lacks, while its reason holds.

    Nothing where that is below the venue's minimum: the part is done.
    """
    position = seen.position
    if position.owed_for is None or position.owed < seen.holding.min_size:
        return None
    if not _still(seen, position.owed_for):
        return None
    return Sale(position.owed_for, "the rest of a part", part=position.owed)


def _still(seen: Seen, reason: Reason) -> bool:
    """Return whether the reason for which a part was begun still holds."""
    if reason is Reason.DEADLINE_7_DAYS:
        return True
    if reason is Reason.SLOW_3_DAYS:
        return seen.two_sided and seen.gain is not None and seen.gain < seen.section.slow_returns[0]
    place = _TARGET_REASONS.index(reason)
    price = target_prices(seen.position, seen.section)[place]
    return _prices_count(seen) and seen.bid is not None and seen.bid >= price


def trailing(seen: Seen) -> Sale | None:
    """Return everything where the bid fell to 95 % of its highest since the second target."""
    high = seen.position.high_bid
    if not _prices_count(seen) or seen.bid is None or high is None:
        return None
    if seen.bid > seen.section.trailing * high:
        return None
    return Sale(Reason.TRAILING, f"bid {seen.bid} fell from {high} since the second target")


def _prices_count(seen: Seen) -> bool:
    """Return whether targets and trailing may be judged: two sides, and not frozen."""
    return seen.two_sided and seen.position.state is not PositionState.LOCKED


RULES: tuple[ExitRule, ...] = (
    kill_winners, stop, deadline, slow, volume_faded, targets, trailing, rest,
)  # fmt: skip
EVERYTHING_RULES: tuple[ExitRule, ...] = (kill_all,)


def _exit(seen: Seen, sale: Sale) -> Exit:
    held, least = whole_shares(seen.position.shares), seen.holding.min_size
    shares = held if sale.part is None else max(whole_shares(sale.part), least)
    if held - shares < least:
        shares = held
    limit = sell_limit(seen, floor=sale.reason is Reason.KILL_ALL)
    sentence = f"{sale.sentence}: {'all' if shares == held else shares} of {held} shares"
    return Exit(sale.reason, shares, limit, sentence, seen.position, shares == held)


def sell_limit(seen: Seen, *, floor: bool) -> Decimal:
    """Return the least we take for a share: 2 ticks below the bid, at least one tick.

    With *floor* not below 0.8 of the mid either, up to the next tick; a missing ask counts as 1,
    the careful reading.
    """
    tick, bid = seen.holding.tick, seen.bid or ZERO
    limit = max(tick, bid - SELL_TICKS * tick)
    if not floor:
        return limit
    ask = seen.holding.book.best_ask if seen.holding.book is not None else None
    lowest = KILL_FLOOR * (bid + (ONE if ask is None else ask)) / 2
    return max(limit, (lowest / tick).to_integral_value(ROUND_CEILING) * tick)


def would_fire(  # a fill that has not happened needs all of these
    bought: Walk,
    holding: Holding,
    section: ExitsSection,
    now: datetime,
    later: timedelta = FRESH,
) -> Exit | None:
    """Return the exit that would fire on the hypothetical fill *bought*, at once or a slot later.

    *holding* carries the decision's book (of the token to buy) and a position whose prices do not
    matter: they are taken from *bought* and that book. ``None``: none would, or nothing is bought.
    """
    book = holding.book
    if book is None or bought.price is None or book.best_bid is None:
        return None
    ask = book.best_ask if book.best_ask is not None else bought.price
    position = replace(
        holding.position,
        shares=bought.shares,
        original_shares=bought.shares,
        cost=bought.net,
        entry_price=bought.price,
        entry_bid=book.best_bid,
        entry_spread=ask - book.best_bid,
        opened_at=now,
        targets_hit=0,
        high_bid=None,
        halved_slow=False,
        halved_deadline=False,
    )
    for at in (now, now + later):
        seen_again = replace(book, observed_at=at)
        found = review(replace(holding, position=position, book=seen_again), section, at)
        if isinstance(found, Exit):
            return found
    return None
