"""Item 18: each field of each reply gone, renamed, of another type: the same, absent, or named.

Nothing may come out as another value than before: what is missing is missing or refused.
"""

import copy
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from trading_cli.core.errors import SourceGarbled
from trading_cli.domain import Book, Market, Outcome, Point, Refusal, Trade, from_epoch
from trading_cli.simulator.world import World
from trading_cli.sources.polymarket.books import parse_book
from trading_cli.sources.polymarket.gamma import parse_market
from trading_cli.sources.polymarket.history import Window, parse_points
from trading_cli.sources.polymarket.resolutions import resolution_of
from trading_cli.sources.polymarket.trades import parse_trades

NOW = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
AT = from_epoch(NOW)
ABSENT: tuple[object, ...] = (None, (), "")
Parse = Callable[[Any], Any]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every field and every member of a list inside *value*."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    for key, inner in inside:
        yield from places(inner, (*path, key))


def other_types(value: Any) -> Iterator[Any]:
    """Yield what is of another type than *value*."""
    yield {"value": value}
    yield [value]
    if isinstance(value, bool):
        yield "yes"
        yield int(value)
    elif isinstance(value, int | float):
        yield "many"
        yield True
    elif isinstance(value, str):
        yield -1
        yield False
    else:
        yield 7


def drifted(raw: Any, path: tuple[Any, ...]) -> Iterator[Any]:
    """Yield *raw* with the field at *path* gone, under another name, and of other types."""
    *up, last = path

    def at(whole: Any) -> Any:
        for key in up:
            whole = whole[key]
        return whole

    value = at(raw)[last]
    for new in other_types(value):
        changed = copy.deepcopy(raw)
        at(changed)[last] = new
        yield changed
    if isinstance(last, str):
        gone = copy.deepcopy(raw)
        del at(gone)[last]
        yield gone
        renamed = copy.deepcopy(gone)
        at(renamed)[f"{last}V2"] = copy.deepcopy(value)
        yield renamed
        added = copy.deepcopy(raw)
        at(added)["brandNew"] = {"nested": [value]}
        yield added


def listed() -> Iterator[dict[str, Any]]:
    """Yield one market of each form that the simulator writes, as the wire has it."""
    world = World(7, 60, start=NOW - 35 * 86_400, end=NOW + 86_400, liquid_share=0.8)
    forms: dict[Any, dict[str, Any]] = {}
    for raw in world.listing(NOW):
        shown = {key: value for key, value in raw.items() if not key.startswith("_")}
        titled = (raw["closed"], raw["negRisk"], raw["negRiskOther"])
        forms.setdefault((titled, frozenset(shown)), shown)
    yield from forms.values()


def tradable(market: Market) -> bool:
    """Return whether the listing's own words let it be traded."""
    open_ = not market.closed and market.active is not False
    return open_ and not market.neg_risk_placeholder and not market.neg_risk_other


def same_or_less(before: Any, after: Any) -> list[str]:
    """Return each field of *after* that says something else than *before* did."""
    return [
        field.name
        for field in dataclasses.fields(before)
        if getattr(after, field.name) != getattr(before, field.name)
        and getattr(after, field.name) not in ABSENT
    ]


def campaign(raw: Any, parse: Parse, judge: Callable[[Any, Any], None]) -> Counter[str]:
    """Let every field of *raw* drift; return how often it was the same, less, or named."""
    before = parse(raw)
    told: Counter[str] = Counter()
    for path in places(raw):
        for changed in drifted(raw, path):
            try:
                after = parse(changed)
            except SourceGarbled:
                told["garbled"] += 1
                continue
            if isinstance(after, Refusal):
                assert after.reason, path
                assert after.detail, path
                told["refused"] += 1
                continue
            told["same" if after == before else "less"] += 1
            judge(before, after)
    return told


def judge_market(before: Market, after: Market) -> None:
    """Nothing but what is said of a group may differ, and that never makes it tradable."""
    differs = set(same_or_less(before, after))
    assert differs <= {"neg_risk", "neg_risk_placeholder"}, differs
    assert tradable(before) or not tradable(after)
    was, now = resolution_of(before, AT), resolution_of(after, AT)
    assert now.outcome in {was.outcome, Outcome.OPEN}
    assert now.payout in {was.payout, None}


def test_no_field_of_a_listing_drifts_in_silence():
    """Every form of a market there is: 0 other values, and no placeholder becomes tradable."""
    told: Counter[str] = Counter()
    for raw in listed():
        told += campaign(raw, lambda one: parse_market(one, AT), judge_market)
    assert told["refused"] > 1000
    assert told["same"] > 1000
    assert told.total() > 10_000


def world_and_market() -> tuple[World, Market]:
    """Return a world and one of its open markets."""
    world = World(7, 30, start=NOW - 35 * 86_400, end=NOW + 86_400, liquid_share=0.8)
    found = [parse_market(raw, AT) for raw in world.listing(NOW)]
    return world, next(
        one
        for one in found
        if isinstance(one, Market)
        and not one.closed
        and world.book(one.yes_token, NOW)
        and len(world.trades([one.condition_id], NOW - 7200, NOW, NOW)) > 3
    )


def test_no_field_of_a_book_drifts_in_silence():
    """Levels, tick, hash, owner: the same book, one that knows less, or a named refusal."""
    world, market = world_and_market()
    raw = world.book(market.yes_token, NOW)
    assert raw is not None
    raw = {**raw, "bids": raw["bids"][:3], "asks": raw["asks"][-3:]}

    def judge(before: Book, after: Book) -> None:
        assert set(same_or_less(before, after)) <= {"event_time"}, (before, after)

    told = campaign(raw, lambda one: parse_book(one, AT, condition_id=market.condition_id), judge)
    assert told["refused"] > 20
    assert told["same"] > 5


def test_no_field_of_a_trade_drifts_in_silence():
    """Price, size, side, wallet, token, time: the same trade or a named refusal."""
    world, market = world_and_market()
    raw = world.trades([market.condition_id], NOW - 7200, NOW, NOW)[0]

    def parse(one: Any) -> Any:
        (got,) = parse_trades([one], AT, {market.condition_id: market})
        return got

    def judge(before: Trade, after: Trade) -> None:
        assert not set(same_or_less(before, after)) - {"id"}, (before, after)

    told = campaign(raw, parse, judge)
    assert told["refused"] > 20
    assert told["same"] > 5


def test_no_field_of_a_series_drifts_in_silence():
    """Time and price of each point: the same point, none, or a named refusal."""
    world, market = world_and_market()
    series = world.history(market.yes_token, NOW - 7200, NOW, 600, NOW)
    assert series
    raw = [{"t": at, "p": price} for at, price in series]
    window = Window(market.yes_token, from_epoch(NOW - 7200), AT)
    before = list(parse_points(raw, window, AT))
    for path in places(raw):
        for changed in drifted(raw, path):
            after = list(parse_points(changed, window, AT))
            points = [one for one in after if isinstance(one, Point)]
            assert set(points) <= set(before)
            assert len(points) == len(before) or any(isinstance(one, Refusal) for one in after)


@pytest.mark.parametrize("scale", [100, 1_000_000])
def test_prices_on_another_scale_are_refused(scale):
    """Cents, or millionths, where fractions were: no market, book or trade of that scale."""
    world, market = world_and_market()
    raw = world.book(market.yes_token, NOW)
    assert raw is not None
    for side in ("bids", "asks"):
        raw[side] = [{**one, "price": str(float(one["price"]) * scale)} for one in raw[side]]
    raw.pop("tick_size", None)
    assert isinstance(parse_book(raw, AT, condition_id=market.condition_id), Refusal)
    trade = world.trades([market.condition_id], NOW - 7200, NOW, NOW)[0]
    trade = {**trade, "price": float(trade["price"]) * scale}
    (got,) = parse_trades([trade], AT, {market.condition_id: market})
    assert isinstance(got, Refusal)
    for shown in listed():
        if shown.get("bestBid"):
            scaled = {**shown, "bestBid": shown["bestBid"] * scale}
            assert isinstance(parse_market(scaled, AT), Refusal)
