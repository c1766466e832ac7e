"""Resting orders of both tokens of each market, in batches.

On the wire a book is worst-first and all numbers are strings; here it is best-first. A book that
cannot be (crossed, off its tick, a size of zero, a price outside (0, 1)) is refused whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from trading_cli.core.errors import SourceError, SourceGarbled
from trading_cli.core.http_client import HttpClient
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Book, Failure, Level, Market, Record, Refusal, Wanted
from trading_cli.sources.polymarket import BOOK, BOOKS, wire
from trading_cli.sources.polymarket.fanout import Allowance, Part, failure, isolate, spread
from trading_cli.sources.polymarket.wire import Bad, RefusalReason, Row

SOURCE = "polymarket.books"
PER_REQUEST = 100
MAX_LEVELS = 10_000
SHOWN = 8  # digits of a token's 77 in a sentence


class Books:
    """The order books of ``wanted.markets``: YES and NO of each.

    No book for a YES token is a ``Failure`` with the market's condition id as its subject and
    ``no_book`` as its reason; for a NO token the reason is ``no_book_of_no``.
    """

    name = SOURCE

    def __init__(self, http: HttpClient, workers: int = 16) -> None:
        self._http = http
        self._workers = workers

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield books as they arrive; raise ``SourceError`` when nothing can be reached."""
        owners = {m.yes_token: m for m in wanted.markets}
        owners |= {m.no_token: m for m in wanted.markets}
        tokens = [token for m in wanted.markets for token in (m.yes_token, m.no_token)]
        batches = [tokens[at : at + PER_REQUEST] for at in range(0, len(tokens), PER_REQUEST)]

        def failed(token: str, error: SourceError) -> Failure:
            return _missing(owners[token], token, error, wanted.until)

        def ask(some: Sequence[str]) -> Part:
            return wire.twice(lambda: self._ask(some, owners, wanted))

        def work(some: Sequence[str]) -> Part:
            return isolate(some, ask, failed, Allowance(60))

        yield from spread(self._workers, work, batches)

    def _ask(self, tokens: Sequence[str], owners: Mapping[str, Market], wanted: Wanted) -> Part:
        if len(tokens) == 1:
            reply = self._http.get(
                "/book", [("token_id", tokens[0])], endpoint=BOOK, deadline=wanted.deadline
            )
            rows = [reply.json()]
        else:
            payload = [{"token_id": token} for token in tokens]
            reply = self._http.post("/books", payload, endpoint=BOOKS, deadline=wanted.deadline)
            rows = reply.json()
        if not isinstance(rows, list):
            raise SourceGarbled(SOURCE, "a reply that is no list of books")
        return _sorted_out(rows, tokens, owners, reply)


def _sorted_out(
    rows: list[Any], tokens: Sequence[str], owners: Mapping[str, Market], reply: Reply
) -> Part:
    """Return one record for each token asked for, and a ``Refusal`` for what was not asked."""
    part = Part(answered=True)
    open_ = dict.fromkeys(tokens)
    for raw in rows:
        token = raw.get("asset_id") if isinstance(raw, dict) else None
        if not isinstance(token, str) or token not in owners:
            bad = Bad(RefusalReason.NOT_ASKED, "a book of a token that was not asked for")
            part.records.append(_refused(raw, bad, reply.observed_at))
        elif token not in open_:
            bad = Bad(RefusalReason.DUPLICATE, "a second book of the same token")
            part.records.append(_refused(raw, bad, reply.observed_at))
        else:
            del open_[token]
            owner = owners[token].condition_id
            part.records.append(parse_book(raw, reply.observed_at, condition_id=owner))
    gone = SourceError(SOURCE, "no order book")
    part.records += [_missing(owners[t], t, gone, reply.observed_at) for t in open_]
    return part


def _missing(market: Market, token: str, error: SourceError, at: datetime) -> Failure:
    """Return the record of a token whose book could not be had."""
    answered_no = type(error) is SourceError or error.status == 404  # noqa: PLR2004  # HTTP
    if not answered_no:
        return failure(SOURCE, market.condition_id, error, at)
    yes = token == market.yes_token
    reason = "no_book" if yes else "no_book_of_no"
    side = f"the {'YES' if yes else 'NO'} token {token[:SHOWN]}…"
    return Failure(SOURCE, market.condition_id, reason, f"{error.detail[:300]}: {side}", at)


def parse_book(
    raw: object, observed_at: datetime, *, condition_id: str | None = None
) -> Book | Refusal:
    """Return the book that *raw* describes, best first, or why it describes none.

    *condition_id* is the market it must belong to; ``None`` takes the one that *raw* names.
    """
    try:
        return _book(wire.row(raw), observed_at, condition_id)
    except Bad as bad:
        return _refused(raw, bad, observed_at)


def _refused(raw: object, bad: Bad, observed_at: datetime) -> Refusal:
    subject = raw.get("market") or raw.get("asset_id") if isinstance(raw, dict) else ""
    return wire.refusal(SOURCE, "book", subject, bad, observed_at, raw)


def _book(raw: Row, observed_at: datetime, expected: str | None) -> Book:
    tick = wire.decimal(raw, "tick_size")
    if tick is not None and not wire.MILLIONTH <= tick < 1:
        raise Bad(RefusalReason.BAD_NUMBER, f"tick_size is {tick}")
    bids = _side(raw, "bids", tick)
    asks = _side(raw, "asks", tick)
    bids.reverse()
    if bids and asks and bids[0].price >= asks[0].price:
        raise Bad(RefusalReason.CROSSED, f"bid {bids[0].price} is not below ask {asks[0].price}")
    least = wire.decimal(raw, "min_order_size")
    if least is not None and least > wire.MAX_QUANTITY:
        raise Bad(RefusalReason.BAD_NUMBER, f"min_order_size is {least}")
    return Book(
        token=wire.token(raw.get("asset_id"), "asset_id"),
        condition_id=_owner(raw, expected),
        bids=tuple(bids),
        asks=tuple(asks),
        event_time=wire.instant(raw.get("timestamp"), "timestamp", 1000),
        observed_at=observed_at,
        hash=wire.text(raw, "hash", 100) or "",
        tick=tick,
        min_size=None if least is None else least.quantize(wire.MILLIONTH),
        neg_risk=wire.flag(raw, "neg_risk"),
    )


def _owner(raw: Row, expected: str | None) -> str:
    """Return the market the book belongs to; refuse one that belongs to another."""
    if expected is not None and not raw.get("market"):
        return expected
    owner = wire.condition_id(raw.get("market"), "market")
    if expected is not None and owner != expected:
        raise Bad(RefusalReason.CONFLICT, f"the token belongs to {expected}, not to {owner}")
    return owner


def _side(raw: Row, name: str, tick: Decimal | None) -> list[Level]:
    """Return the levels of one side, lowest price first."""
    values = raw.get(name)
    if values is None:
        return []
    if not isinstance(values, list) or len(values) > MAX_LEVELS:
        raise Bad(RefusalReason.BAD_LIST, f"{name} is no list of at most {MAX_LEVELS:,} levels")
    levels = [_level(wire.row(value), name) for value in values]
    levels.sort(key=lambda level: level.price)
    for low, high in pairwise(levels):
        if low.price == high.price:
            raise Bad(RefusalReason.DUPLICATE, f"{name} holds {low.price} twice")
    if tick is not None:
        off = next((level.price for level in levels if level.price % tick), None)
        if off is not None:
            raise Bad(RefusalReason.NOT_ON_TICK, f"{name} holds {off}, the tick is {tick}")
    return levels


def _level(raw: Row, name: str) -> Level:
    return Level(
        wire.price(raw.get("price"), f"{name}.price"), wire.size(raw.get("size"), f"{name}.size")
    )
