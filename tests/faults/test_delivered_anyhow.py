"""Item 19: pages, trades and books delivered one to five times in any order: the same bytes.

Slots come one after the other, since what arrives is stamped when it does; within a slot, and for
what comes once more in a later one, there is no order.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from trading_cli.app.quotes import quotes_of
from trading_cli.domain import SLOT_SECONDS, Book, Market, Trade, from_epoch
from trading_cli.simulator.world import World
from trading_cli.sources.polymarket.books import parse_book
from trading_cli.sources.polymarket.gamma import parse_market
from trading_cli.sources.polymarket.trades import parse_trades
from trading_cli.store import Store, Transaction, listings, series

NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
SLOTS = 3
A_PAGE = 4
Delivery = Callable[[Transaction], object]
TABLES = ("listing_versions", "listing_seen", "quotes", "books", "trades")


def deliveries() -> list[tuple[list[Delivery], list[Delivery]]]:
    """Return, for each of three slots, the pages of its listing, and its trades and books."""
    world = World(3, 12, start=NOON - 10 * 86_400, end=NOON + 86_400, liquid_share=0.9)
    slots = []
    for turn in range(SLOTS):
        at = NOON + turn * SLOT_SECONDS + 7
        seen = [parse_market(raw, from_epoch(at)) for raw in world.listing(at)]
        found = [one for one in seen if isinstance(one, Market) and not one.closed]
        pages = [listed(found[i : i + A_PAGE]) for i in range(0, len(found), A_PAGE)]
        rows = list(booked(world, found, at))
        for market in found:
            raw = world.trades([market.condition_id], at - 1200, at, at)  # they overlap
            rows.append(traded(raw, market, from_epoch(at)))
        slots.append((pages, rows))
    return slots


def listed(page: list[Market]) -> Delivery:
    """Return what keeps a page of the listing."""
    return lambda tx: listings.record_markets(tx, page)


def traded(raw: list[dict[str, Any]], market: Market, at: datetime) -> Delivery:
    """Return what keeps a page of trades, parsed anew at each delivery."""

    def keep(tx: Transaction) -> None:
        got = parse_trades(raw, at, {market.condition_id: market})
        series.record_trades(tx, [one for one in got if isinstance(one, Trade)])

    return keep


def booked(world: World, markets: list[Market], at: int) -> Iterator[Delivery]:
    """Yield what keeps a slot's books and quotes, by fours."""
    slot = at // SLOT_SECONDS * SLOT_SECONDS
    for start in range(0, len(markets), A_PAGE):
        some = markets[start : start + A_PAGE]
        books: dict[str, Book] = {}
        for token in (name for m in some for name in (m.yes_token, m.no_token)):
            raw = world.book(token, at)
            got = None if raw is None else parse_book(raw, from_epoch(at))
            if isinstance(got, Book):
                books[token] = got
        found = quotes_of(tuple(some), books, slot)

        def keep(tx: Transaction, found: Any = found, slot: int = slot) -> None:
            series.record_quotes(tx, (quote for _, _, quote in found))
            series.record_books(tx, slot, ((market.id, book) for market, book, _ in found))

        yield keep


def stored(path: Path, given: list[Delivery]) -> str:
    """Deliver into a new file, in that order; return the hash of every row it then holds."""
    with Store.open(path, now=from_epoch(NOON)) as store:
        for one in given:
            with store.transaction() as tx:
                one(tx)
        with store.reading() as look:
            assert look.execute("SELECT count(*) FROM conflicts").fetchone() == (0,)
            content = list(rows_of(look))
    return blake2b("\n".join(content).encode()).hexdigest()


def rows_of(look: Transaction) -> Iterator[str]:
    """Yield every row in an order of its own, markets by the venue's name for them."""
    names = dict(look.execute("SELECT id, venue_id FROM markets"))
    words = dict(look.execute("SELECT id, hash FROM listing_versions"))
    yield from sorted(map(repr, look.execute("SELECT venue_id, condition_id FROM markets")))
    for table in TABLES:
        columns = [row[1] for row in look.execute(f"PRAGMA table_info({table})")]
        rows = look.execute(f"SELECT * FROM {table}")  # noqa: S608  # our own names
        held = [
            tuple(
                names[value] if name == "market" else words[value] if name == "version" else value
                for name, value in zip(columns, row, strict=True)
                if name != "id"
            )
            for row in rows
        ]
        assert held, table
        yield from sorted(f"{table} {row!r}" for row in held)
    for slot, count, pack in look.execute("SELECT slot, quotes, pack FROM quote_packs"):
        unpacked = [(names[row[0]], *row[1:]) for row in series.PACK.iter_unpack(pack)]
        yield f"{slot} {count} {sorted(unpacked)!r}"


def anyhow(dice: random.Random, some: list[Delivery]) -> list[Delivery]:
    """Return each of *some* one to five times, in any order."""
    many = [one for one in some for _ in range(dice.randint(1, 5))]
    dice.shuffle(many)
    return many


def campaign(folder: Path, permutations: int, seed: int) -> None:
    """Deliver in so many orders, and compare with the plain one."""
    slots = deliveries()
    plain = stored(folder / "plain.db", [one for both in slots for some in both for one in some])
    for number in range(permutations):
        dice = random.Random(f"{seed}/{number}")  # noqa: S311  # repeatable, not secret
        path = folder / f"{number}.db"
        given: list[Delivery] = []
        before: list[Delivery] = []
        for pages, rows in slots:
            given += anyhow(dice, pages)
            late = dice.sample(before, len(before) // 3)
            given += anyhow(dice, [*rows, *late])
            before += rows
        assert stored(path, given) == plain, f"seed {seed}/{number}"
        for name in folder.glob(f"{number}.db*"):
            name.unlink()


def test_thirty_orders_leave_the_same_bytes(tmp_path):
    """Pages, trades and books of three slots, up to five times each: one content."""
    campaign(tmp_path, 30, seed=19)


@pytest.mark.nightly
def test_a_thousand_orders_leave_the_same_bytes(tmp_path):
    """The same in a thousand orders."""
    campaign(tmp_path, 1000, seed=20)
