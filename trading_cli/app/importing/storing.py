"""What was read and checked, put beside what the store holds: planned first, then written.

The plan is the same for a dry run. Writing is in transactions well under a second; a run that was
stopped is simply run again, and finds what it wrote before.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice

from trading_cli.app.importing import markets
from trading_cli.app.importing.checking import Series
from trading_cli.app.importing.markets import Facts
from trading_cli.app.importing.refused import Refused
from trading_cli.domain import Market, from_epoch
from trading_cli.store import Store, Transaction, imports
from trading_cli.store.imports import Came, Ending
from trading_cli.store.rows import Written

NONE = Written()
POINTS_AT_ONCE = 20_000
MARKETS_AT_ONCE = 500
CONTRADICTS = "market contradicts one that is known"
NO_CLOSE = "imported: the file has no close, its last point stands for it"
CLOSE = "imported: the close as the file has it"


@dataclass(slots=True)
class Planned:
    """One market to be kept, as the store will know it."""

    facts: Facts
    identity: str
    market: Market
    closing: Market | None
    ending: Ending | None
    number: int | None = None


@dataclass(slots=True)
class Plan:
    """What an import would write, and what is there already."""

    markets: dict[str, Planned] = field(default_factory=dict)
    points: Written = NONE
    endings: Written = NONE
    others: dict[str, Written] = field(default_factory=dict)
    fresh: list[tuple[str, int, list[int], list[float]]] = field(default_factory=list)
    new_markets: int = 0
    described: int = 0
    settled: int = 0
    worded: int = 0

    def count(self, identity: str) -> int:
        """Return how many markets are named so."""
        return sum(one.identity == identity for one in self.markets.values())


def plan(
    look: Transaction | None,
    facts: Mapping[str, Facts],
    series: Sequence[Series],
    source: str,
    refused: Refused,
) -> Plan:
    """Return what is to be written; *look* is ``None`` where there is no store yet.

    A market that contradicts one we know is refused with its points. Points whose instant is kept
    with another price are noted as conflicts when written.
    """
    known = {} if look is None else imports.known_markets(look, source)
    found = Plan()
    names: dict[str, str] = {}
    for key, one in facts.items():
        if one.first is None and one.start is None and one.closed is None:
            if one.where[0]:  # else it is known from rows alone, and these were refused
                refused.add("market without a point or a date", *one.where, key)
            continue
        made = _planned(one, source)
        if key in known:
            made.number, _, made.identity = known[key]
        elif look is not None and not _place(look, made):
            refused.add(CONTRADICTS, *one.where, made.market.id)
            continue
        market = made.market
        ours = (market.id, market.condition_id, market.yes_token, market.no_token)
        if any(names.setdefault(name, key) != key for name in ours):
            refused.add(CONTRADICTS, *one.where, market.id)
            continue
        found.new_markets += made.number is None
        found.markets[key] = made
        found.endings += _ending_is(look, made)
    for one_series in series:
        if one_series.market in found.markets:
            _plan_points(look, found, one_series)
    return found


def _place(look: Transaction, made: Planned) -> bool:
    """Attach a market to the one that is known by its condition id; False for a contradiction."""
    facts = made.facts
    there = imports.by_condition(look, facts.condition_id)
    if there is None:
        return not imports.contradicted(look, made.market)
    number, venue_id, yes, no = there
    if facts.yes_token not in {"", yes} or facts.no_token not in {"", no}:
        return False
    if made.identity == markets.VENUE and facts.venue_id != venue_id:
        return False
    made.number, made.identity = number, markets.ATTACHED
    return True


def _planned(facts: Facts, source: str) -> Planned:
    how, ids = markets.identity(facts, source)
    dates = [at for at in (facts.start, facts.first, facts.closed) if at is not None]
    market = markets.listed(facts, source, ids, min(dates))
    ending = _ending(facts)
    closing = None
    if ending is not None:
        closing = replace(
            market, observed_at=from_epoch(max(ending.at, min(dates) + 1)), closed=True,
            closed_at=None if ending.closed_at is None else from_epoch(ending.closed_at),
            outcome_prices=(ending.payout, Decimal(1) - ending.payout), volume=facts.volume,
        )  # fmt: skip
    return Planned(facts, how, market, closing, ending)


def _ending(facts: Facts) -> Ending | None:
    if facts.outcome is None:
        return None
    at = facts.closed if facts.closed is not None else facts.last
    if at is None:
        return None
    reason = NO_CLOSE if facts.closed is None else CLOSE
    return Ending(facts.outcome, markets.PAYS[facts.outcome], at, facts.closed, reason)


def _ending_is(look: Transaction | None, made: Planned) -> Written:
    if made.ending is None:
        return Written()
    kept = [] if look is None or made.number is None else imports.endings(look, made.number)
    if made.ending.outcome in kept:
        return Written(same=1)
    return Written(conflict=1) if kept else Written(new=1)


def _plan_points(look: Transaction | None, found: Plan, series: Series) -> None:
    at, price = series.at.tolist(), series.price.tolist()
    number = found.markets[series.market].number
    kept = {} if look is None or number is None else imports.points_of(look, number, series.outcome)
    if not kept:
        found.points += Written(new=len(at))
        found.fresh.append((series.market, series.outcome, at, price))
        return
    left = [(one, other) for one, other in zip(at, price, strict=True) if kept.get(one) != other]
    clashes = sum(one in kept for one, _ in left)
    found.points += Written(len(left) - clashes, len(at) - len(left), clashes)
    if left:
        times, prices = zip(*left, strict=True)
        found.fresh.append((series.market, series.outcome, list(times), list(prices)))


def write(store: Store, found: Plan, came: Came, told: Callable[[str], None]) -> Plan:
    """Write the plan in steps; the counts of the answer are what was really written."""
    written = Plan(found.markets, Written(same=found.points.same))
    written.described, written.settled = found.described, found.settled
    written.new_markets = found.new_markets
    every = list(found.markets.items())
    for start in range(0, len(every), MARKETS_AT_ONCE):
        with store.transaction() as tx:
            for key, one in every[start : start + MARKETS_AT_ONCE]:
                other, ending = _write_market(tx, came, key, one)
                written.worded += other
                written.endings += ending
    feed = _rows(found)
    done = 0
    while batch := list(islice(feed, POINTS_AT_ONCE)):
        with store.transaction() as tx:
            written.points += imports.record_points(tx, came, batch)
        done += len(batch)
        told(f"{done:,} of {found.points.new + found.points.conflict:,} points")
    return written


def _write_market(tx: Transaction, came: Came, key: str, one: Planned) -> tuple[bool, Written]:
    """Write one market; say whether it was described otherwise before, and what of its ending."""
    one.number = imports.record_market(
        tx,
        came,
        key,
        one.market,
        number=one.number,
        identity=one.identity,
        facts=markets.own_names(one.facts),
    )
    listed = [one.market] if one.closing is None else [one.market, one.closing]
    words = NONE
    for market in listed if one.identity != markets.ATTACHED else ():
        words += imports.record_listing(tx, came, one.number, market)
    if one.ending is None:
        return words.conflict > 0, NONE
    return words.conflict > 0, imports.record_ending(tx, came, one.number, one.ending)


def _rows(found: Plan) -> Iterator[tuple[int, int, int, float]]:
    for key, outcome, times, prices in found.fresh:
        number = found.markets[key].number
        if number is None:  # every market was written before its points
            raise KeyError(key)
        yield from ((number, outcome, at, price) for at, price in zip(times, prices, strict=True))
