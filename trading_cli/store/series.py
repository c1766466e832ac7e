"""Quotes, books, trades and history points: what the venue's prices were, and when we knew.

A quote is kept twice in one step: as a row, which is the truth, and in its slot's pack, 24 bytes a
market, from which `arrays` reads a day of a thousand markets at once.
"""

import json
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from hashlib import blake2b
from itertools import islice
from operator import itemgetter

from trading_cli.domain import Book, Level, Point, Quote, Side, Trade
from trading_cli.store.rows import (
    BATCH,
    LAGS_S,
    ORIGINS,
    Row,
    Shape,
    Written,
    available_at,
    digest,
    epoch,
    keep,
    millionths,
)

PACK = struct.Struct("<iiiffi")  # market, bid, ask (millionths, -1 absent), depths, available_at

QUOTES = Shape(
    "quotes",
    "INSERT INTO quotes (market, slot, bid, ask, bid_depth, ask_depth, pair_gap, book_hash,"
    " event_time, observed_at, available_at, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING",
    "SELECT bid, ask, bid_depth, ask_depth, pair_gap, book_hash, event_time FROM quotes"
    " WHERE market = ? AND slot = ?",
    itemgetter(0, 1),
    itemgetter(slice(2, 9)),
    9,
)
BOOKS = Shape(
    "books",
    "INSERT INTO books (market, slot, purpose, event_time, observed_at, available_at, origin,"
    " hash, levels_hash, levels) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT event_time, hash, levels_hash FROM books WHERE market = ? AND slot = ? AND purpose = ?",
    itemgetter(0, 1, 2),
    itemgetter(3, 7, 8),
    4,
)
TRADES = Shape(
    "trades",
    "INSERT INTO trades (id, market, outcome, buy, price, size, wallet, event_time, observed_at,"
    " available_at, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT market, outcome, buy, price, size, wallet, event_time FROM trades WHERE id = ?",
    itemgetter(slice(0, 1)),
    itemgetter(slice(1, 8)),
    8,
)
POINTS = Shape(
    "points",
    "INSERT INTO points (market, outcome, event_time, price, observed_at, available_at, origin)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "SELECT price FROM points WHERE market = ? AND outcome = ? AND event_time = ?",
    itemgetter(0, 1, 2),
    itemgetter(slice(3, 4)),
    4,
)


def record_quotes(tx: sqlite3.Connection, quotes: Iterable[Quote], *, lag_s: int = 0) -> Written:
    """Keep each market's first quote of its slot. *lag_s* is for quotes that were not recorded.

    Give many markets of a slot at once. Raises KeyError naming a market the store does not know.
    """
    known = _Numbers(tx, "SELECT id FROM markets WHERE venue_id = ?")
    total = Written()
    feed = iter(quotes)
    while batch := [_quote_row(known, quote, lag_s) for quote in islice(feed, BATCH)]:
        before = tx.total_changes
        done = keep(tx, QUOTES, batch)
        if tx.total_changes != before and done.new:
            _pack(tx, batch, everything=done.new == len(batch))
        total += done
    return total


def _quote_row(known: "_Numbers", quote: Quote, lag_s: int) -> Row:
    event, observed = epoch(quote.event_time), epoch(quote.observed_at)
    return (
        known[quote.market_id],
        quote.slot,
        millionths(quote.bid),
        millionths(quote.ask),
        quote.bid_depth,
        quote.ask_depth,
        millionths(quote.pair_gap),
        short_hash(quote.book_hash),
        event,
        observed,
        available_at(quote.origin, event, observed, lag_s=lag_s),
        ORIGINS[quote.origin],
    )


def short_hash(name: str) -> bytes | None:
    """Return 8 bytes that stand for the venue's book hash: its first ones where it is hex."""
    if not name:
        return None
    try:
        return bytes.fromhex(name[2:18] if name.startswith("0x") else name[:16])
    except ValueError:
        return blake2b(name.encode(), digest_size=8).digest()


def _pack(tx: sqlite3.Connection, rows: Sequence[Row], *, everything: bool) -> None:
    """Append the quotes just kept to their slots' packs, each market once."""
    slots: dict[object, list[Row]] = {}
    for row in rows:
        slots.setdefault(row[1], []).append(row)
    for slot, members in slots.items():
        fresh = members if everything else list(_unpacked(tx, slot, members))
        if fresh:
            pack = b"".join(_packed(row) for row in fresh)
            tx.execute(
                "INSERT INTO quote_packs (slot, quotes, pack) VALUES (?1, ?2, ?3)"
                " ON CONFLICT (slot) DO UPDATE SET quotes = quotes + ?2,"
                " pack = CAST(pack || ?3 AS BLOB)",
                (slot, len(fresh), pack),
            )


def _unpacked(tx: sqlite3.Connection, slot: object, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows whose market the slot's pack does not hold yet, the first of each."""
    kept = tx.execute("SELECT pack FROM quote_packs WHERE slot = ?", (slot,)).fetchone()
    seen: set[object] = {entry[0] for entry in PACK.iter_unpack(kept[0])} if kept else set()
    for row in rows:
        if row[0] not in seen:
            seen.add(row[0])
            yield row


def _packed(row: Row) -> bytes:
    market, _, bid, ask, bid_depth, ask_depth = row[:6]
    nan = float("nan")
    return PACK.pack(
        market,
        -1 if bid is None else bid,
        -1 if ask is None else ask,
        nan if bid_depth is None else bid_depth,
        nan if ask_depth is None else ask_depth,
        row[10],
    )


class _Numbers(dict[str, int]):
    """Our numbers of the venue's names, looked up as they are first needed."""

    def __init__(self, tx: sqlite3.Connection, question: str) -> None:
        super().__init__()
        self._ask = tx
        self._question = question

    def __missing__(self, name: str) -> int:
        """Look *name* up. Raises KeyError where the store does not know it."""
        row = self._ask.execute(self._question, (name,)).fetchone()
        if row is None:
            raise KeyError(name)
        self[name] = int(row[0])
        return self[name]


def record_books(
    tx: sqlite3.Connection, slot: int, books: Iterable[tuple[str, Book]], purpose: str = "slot"
) -> Written:
    """Keep the YES books of *slot*, each with its venue market id, packed.

    *purpose* "slot" is the collection's own; one fetched for an order says so and has its own row.
    """
    known = _Numbers(tx, "SELECT id FROM markets WHERE venue_id = ?")
    return keep(tx, BOOKS, (_book_row(known, slot, venue, book, purpose) for venue, book in books))


def _book_row(known: _Numbers, slot: int, venue_id: str, book: Book, purpose: str) -> Row:
    levels = pack_levels(book)
    observed = epoch(book.observed_at)
    return (
        known[venue_id],
        slot,
        purpose,
        epoch(book.event_time),
        observed,
        observed,
        0,
        book.hash,
        digest(levels),
        zlib.compress(levels, 1),
    )


def pack_levels(book: Book) -> bytes:
    """Return the book's canonical JSON: best first, prices and sizes as plain text."""
    return json.dumps(
        {
            "token": book.token,
            "bids": [[_text(lv.price), _text(lv.size)] for lv in book.bids],
            "asks": [[_text(lv.price), _text(lv.size)] for lv in book.asks],
            "tick": None if book.tick is None else _text(book.tick),
            "min_size": None if book.min_size is None else _text(book.min_size),
            "neg_risk": book.neg_risk,
        },
        separators=(",", ":"),
    ).encode()


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f")


def decimal_or_none(text: str | None) -> Decimal | None:
    """Return stored plain text as a Decimal, ``None`` where absent."""
    return None if text is None else Decimal(text)


def levels_of(pairs: Iterable[Sequence[str]]) -> tuple[Level, ...]:
    """Return stored price and size pairs as levels."""
    return tuple(Level(Decimal(price), Decimal(size)) for price, size in pairs)


def record_trades(
    tx: sqlite3.Connection, trades: Iterable[Trade], *, lag_s: int = LAGS_S["trades"]
) -> Written:
    """Keep each trade once by its id. Raises KeyError naming a condition id we do not know."""
    known = _Numbers(tx, "SELECT id FROM markets WHERE condition_id = ?")
    return keep(tx, TRADES, (_trade_row(known, trade, lag_s) for trade in trades))


def _trade_row(known: _Numbers, trade: Trade, lag_s: int) -> Row:
    event, observed = epoch(trade.event_time), epoch(trade.observed_at)
    return (
        trade.id,
        known[trade.condition_id],
        trade.outcome_index,
        int(trade.side is Side.BUY),
        millionths(trade.price),
        millionths(trade.size),
        trade.wallet,
        event,
        observed,
        available_at(trade.origin, event, observed, lag_s=lag_s),
        ORIGINS[trade.origin],
    )


def record_points(
    tx: sqlite3.Connection, points: Iterable[Point], lag_s: int = LAGS_S["mids"]
) -> Written:
    """Keep each history midpoint once by token and time. Raises KeyError for an unknown token."""
    yes = _Numbers(tx, "SELECT id FROM markets WHERE yes_token = ?")
    no = _Numbers(tx, "SELECT id FROM markets WHERE no_token = ?")
    return keep(tx, POINTS, (_point_row(yes, no, point, lag_s) for point in points))


def _point_row(yes: _Numbers, no: _Numbers, point: Point, lag_s: int) -> Row:
    try:
        market, outcome = yes[point.token], 0
    except KeyError:
        market, outcome = no[point.token], 1
    event, observed = epoch(point.event_time), epoch(point.observed_at)
    return (
        market,
        outcome,
        event,
        float(point.price),
        observed,
        available_at(point.origin, event, observed, lag_s=lag_s),
        ORIGINS[point.origin],
    )
