"""Ten thousand damaged replies: nothing escapes, and nothing impossible becomes a row."""

import copy
import json
import math
import random

import pytest
from polymarket_cases import NOW, market, raw_book, raw_market, raw_trade

from trading_cli.core.errors import SourceGarbled
from trading_cli.domain import Book, Market, Point, Trade, from_epoch
from trading_cli.sources.polymarket.books import parse_book
from trading_cli.sources.polymarket.gamma import parse_market, parse_page
from trading_cli.sources.polymarket.history import Window, parse_points
from trading_cli.sources.polymarket.resolutions import resolution_of
from trading_cli.sources.polymarket.trades import parse_trades

START = 1_000_000_000
OWNER = market()
POISON = [
    None, True, False, 0, -1, 1, 0.5, 2, 10**30, 10**400, -(10**400), 1e308, -0.0,
    math.nan, math.inf, -math.inf, "", " ", "0", "1", "-1", "0.5", "NaN", "inf", "1e400", "1e-400",
    "\x00", "\ud800", "١٢", "x" * 60_000, "[" * 5000, "[]", "{}", "null", "0x", "9999-99-99",
    "2026-02-30", "0001-01-01T00:00:00Z", "2026-06-04 00:34:19+99",
    [], {}, [[]], [None], [{}], {"a": 1},
]  # fmt: skip


def places(value: object, path: tuple = ()) -> list:
    """Return the path of every place inside *value*."""
    found = [path] if path else []
    inside = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    for key, inner in inside:
        found += places(inner, (*path, key))
    return found


def damaged(raw: object, dice: random.Random) -> object:
    """Return *raw* with one to three of its places removed, replaced, doubled or nested."""
    raw = copy.deepcopy(raw)
    for _ in range(dice.randint(1, 3)):
        where = places(raw)
        if not where:
            return dice.choice(POISON)
        *path, last = dice.choice(where)
        inner = raw
        for key in path:
            inner = inner[key]
        how = dice.randrange(5)
        if how == 0:
            del inner[last]
        elif how == 1 and isinstance(inner[last], str):
            at = dice.randrange(len(inner[last]) + 1)
            inner[last] = inner[last][:at] + dice.choice('\x00"[]-.eé9') + inner[last][at + 1 :]
        elif how == 2:
            inner[last] = [inner[last], inner[last]]
        elif how == 3:
            inner[last] = str(inner[last])
        else:
            inner[last] = copy.deepcopy(dice.choice(POISON))
    return raw if dice.random() > 0.02 else dice.choice(POISON)


def sound_market(got: Market) -> None:
    """Fail unless *got* may be a row."""
    assert got.yes_token != got.no_token
    assert got.yes_token.isascii()
    assert len(got.condition_id) == 66
    assert 0 < len(got.question) <= 2000
    for value in (got.volume, got.volume_24h, got.liquidity):
        assert value is None or (math.isfinite(value) and value >= 0)
    for value in (got.best_bid, got.best_ask, got.last_price, *(got.outcome_prices or ())):
        assert value is None or 0 <= value <= 1
    for at in (got.end_at, got.start_at, got.closed_at, got.game_start_at):
        assert at is None or (at.tzinfo is not None and 1990 <= at.year < 2200)
    text = (got.question, got.slug, got.description or "", got.event_title or "", *got.tags)
    assert "\x00" not in "".join(text)
    "".join(text).encode()
    resolution_of(got, NOW)


def sound_book(got: Book) -> None:
    """Fail unless *got* may be a row."""
    assert got.best_bid is None or got.best_ask is None or got.best_bid < got.best_ask
    assert list(got.bids) == sorted(got.bids, key=lambda lv: -lv.price)
    assert list(got.asks) == sorted(got.asks, key=lambda lv: lv.price)
    for level in (*got.bids, *got.asks):
        assert 0 < level.price < 1
        assert 0 < level.size <= 10**12
        assert level.price * 10**6 % 1 == level.size * 10**6 % 1 == 0


def check_markets(dice: random.Random) -> None:
    """Damage a market."""
    got = parse_market(damaged(raw_market(groupItemTitle="Person A", negRisk=True), dice), NOW)
    if isinstance(got, Market):
        sound_market(got)
    else:
        assert got.reason
        got.raw.encode()


def check_pages(dice: random.Random) -> None:
    """Damage a page of markets."""
    try:
        page = parse_page(damaged({"markets": [raw_market()], "next_cursor": "x"}, dice))
    except SourceGarbled:
        return
    for raw in page.items:
        parse_market(raw, NOW)


def check_books(dice: random.Random) -> None:
    """Damage a book."""
    got = parse_book(damaged(raw_book("7"), dice), NOW, condition_id=OWNER.condition_id)
    if isinstance(got, Book):
        sound_book(got)


def check_trades(dice: random.Random) -> None:
    """Damage a list of trades."""
    rows = damaged([raw_trade(OWNER, START), raw_trade(OWNER, START + 1)], dice)
    rows = rows if isinstance(rows, list) else [rows]
    for got in parse_trades(rows, NOW, {OWNER.condition_id: OWNER}):
        if isinstance(got, Trade):
            assert 0 < got.price < 1
            assert got.size > 0
            assert got.outcome_index == (0 if got.token == OWNER.yes_token else 1)
            assert got.condition_id == OWNER.condition_id


def check_points(dice: random.Random) -> None:
    """Damage a series."""
    rows = damaged([{"t": START + n, "p": 0.5} for n in range(4)], dice)
    rows = rows if isinstance(rows, list) else [rows]
    window = Window("7", from_epoch(START), from_epoch(START + 3))
    points = [p for p in parse_points(rows, window, NOW) if isinstance(p, Point)]
    assert all(0 <= point.price <= 1 for point in points)
    assert all(window.since <= point.event_time < window.until for point in points)
    assert len({point.event_time for point in points}) == len(points)


@pytest.mark.parametrize(
    "check", [check_markets, check_pages, check_books, check_trades, check_points]
)
def test_two_thousand_damaged_replies(check):
    """Whatever the damage: no uncaught error, and no row that could not be."""
    for seed in range(2000):
        check(random.Random(seed))  # noqa: S311  # reproducible, not secret


def test_the_damage_is_real():
    """The damaged replies are mostly refused, and not always: the campaign tests both ways."""
    took = sum(
        isinstance(parse_market(damaged(raw_market(), random.Random(seed)), NOW), Market)  # noqa: S311  # same
        for seed in range(500)
    )
    assert 50 < took < 450
    assert json.dumps(raw_market())
