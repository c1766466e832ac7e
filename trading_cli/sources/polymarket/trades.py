"""What takers did, from the Data API, for lists of markets.

The reply is a bare list, newest first, without a cursor: a list of a suspiciously round length may
have been clamped and is paged on by offset; what still does not fit is asked again in two halves of
its time. The source never trusts a row's outcome number: the token says which outcome it was.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trading_cli.core.errors import SourceError, SourceGarbled
from trading_cli.core.http_client import HttpClient
from trading_cli.core.http_reply import Reply
from trading_cli.domain import (
    Coverage,
    Failure,
    Market,
    Record,
    Refusal,
    Side,
    Trade,
    Wanted,
)
from trading_cli.sources.polymarket import DATA, wire
from trading_cli.sources.polymarket.fanout import Allowance, Part, failure, isolate, spread
from trading_cli.sources.polymarket.wire import Bad, RefusalReason, Row

SOURCE = "polymarket.trades"
PER_REQUEST = 50
LIMIT = 10_000
MAX_OFFSET = 10_000
UNKNOWN_OUTCOME = 999


@dataclass(frozen=True, slots=True)
class _Ask:
    """A question: which markets, from when (s) up to but not including when."""

    ids: tuple[str, ...]
    start: int
    end: int
    deadline: float | None


class Trades:
    """Taker trades of ``wanted.markets`` in [since, until), each once.

    One ``Coverage`` per market (subject: its condition id), not complete where the venue would not
    give everything; one ``Failure`` per market that could not be had.
    """

    name = SOURCE

    def __init__(self, http: HttpClient, workers: int = 4, *, limit: int = LIMIT) -> None:
        self._http = http
        self._workers = workers
        self._limit = limit

    def collect(self, wanted: Wanted) -> Iterator[Record]:
        """Yield trades as they arrive; raise ``SourceError`` when nothing can be reached."""
        markets = {market.condition_id: market for market in wanted.markets}
        ids = list(markets)
        batches = [ids[at : at + PER_REQUEST] for at in range(0, len(ids), PER_REQUEST)]

        def failed(one: str, error: SourceError) -> Failure:
            return failure(SOURCE, one, error, wanted.until)

        def ask(some: Sequence[str]) -> Part:
            return self._span(some, markets, wanted)

        def work(some: Sequence[str]) -> Part:
            return isolate(some, ask, failed, Allowance(20))

        yield from spread(self._workers, work, batches)

    def _span(self, ids: Sequence[str], markets: Mapping[str, Market], wanted: Wanted) -> Part:
        """Return all trades of *ids* in the wanted span, and how complete they are."""
        start, end = int(wanted.since.timestamp()), int(wanted.until.timestamp())
        trades: dict[str, Trade] = {}
        refused: dict[str, Refusal] = {}
        complete, at = True, wanted.until
        todo = [(start, end)]
        while todo:
            low, high = todo.pop()
            pages, full = self._pages(_Ask(tuple(ids), low, high, wanted.deadline))
            if full and high - low > 1:
                middle = (low + high) // 2
                todo += [(low, middle), (middle, high)]
                continue
            complete = complete and not full
            for rows, reply in pages:
                at = reply.observed_at
                for record in parse_trades(rows, at, markets):
                    if isinstance(record, Refusal):
                        refused.setdefault(record.raw, record)
                    elif start <= record.event_time.timestamp() < end:
                        trades.setdefault(record.id, record)
        counts = Counter(trade.condition_id for trade in trades.values())
        seen = [
            Coverage(SOURCE, one, wanted.since, wanted.until, at, complete, counts[one])
            for one in ids
        ]
        return Part([*trades.values(), *refused.values(), *seen], answered=True)

    def _pages(self, ask: _Ask) -> tuple[list[tuple[list[object], Reply]], bool]:
        """Return the pages of one question, and whether there was more than we may page to."""
        pages: list[tuple[list[object], Reply]] = []
        offset = 0
        while offset <= MAX_OFFSET:
            rows, reply = wire.twice(lambda: self._page(ask, offset))  # noqa: B023  # called at once
            if rows:
                pages.append((rows, reply))
            if not rows or len(rows) % 100:
                return pages, False
            offset += len(rows)
        return pages, True

    def _page(self, ask: _Ask, offset: int) -> tuple[list[object], Reply]:
        params = [
            ("market", ",".join(ask.ids)),
            ("start", str(ask.start)),
            ("end", str(ask.end)),
            ("limit", str(self._limit)),
            ("offset", str(offset)),
            ("takerOnly", "true"),
        ]
        reply = self._http.get("/trades", params, endpoint=DATA, deadline=ask.deadline)
        rows = reply.json()
        if not isinstance(rows, list):
            raise SourceGarbled(SOURCE, "a reply that is no list of trades")
        return rows, reply


def parse_trades(
    rows: Sequence[object], observed_at: datetime, markets: Mapping[str, Market]
) -> Iterator[Trade | Refusal]:
    """Yield each row as a ``Trade`` or a ``Refusal``.

    *markets* are the ones asked for, by condition id; empty means any, and then the row's own
    outcome number is taken. Rows alike in everything are told apart by their count in this reply.
    """
    alike: Counter[str] = Counter()
    for raw in rows:
        try:
            trade = _trade(wire.row(raw), observed_at, markets)
        except Bad as bad:
            subject = raw.get("conditionId") if isinstance(raw, dict) else ""
            yield wire.refusal(SOURCE, "trade", subject, bad, observed_at, raw)
            continue
        number = alike[trade.id]
        alike[trade.id] += 1
        yield replace(trade, id=_hashed(trade.id, str(number)))


def _trade(raw: Row, observed_at: datetime, markets: Mapping[str, Market]) -> Trade:
    owner = wire.condition_id(raw.get("conditionId"), "conditionId")
    token = wire.token(raw.get("asset"), "asset")
    side = raw.get("side")
    if side not in ("BUY", "SELL"):
        raise Bad(RefusalReason.BAD_SIDE, f"side is {side!r:.40}")
    cost, shares = raw.get("price"), raw.get("size")
    price, size = wire.price(cost, "price"), wire.size(shares, "size")
    wallet = wire.wallet(raw.get("proxyWallet"), "proxyWallet")
    at = wire.instant(raw.get("timestamp"), "timestamp")
    exact = [str(float(wire.as_decimal(value, "number"))) for value in (shares, cost)]
    key = [wire.text(raw, "transactionHash") or "", token, wallet, str(side), *exact]
    return Trade(
        id="|".join((*key, at.isoformat())),
        condition_id=owner,
        token=token,
        outcome_index=_outcome(raw, owner, token, markets),
        side=Side(side),
        price=price,
        size=size,
        wallet=wallet,
        event_time=at,
        observed_at=observed_at,
    )


def _outcome(raw: Row, owner: str, token: str, markets: Mapping[str, Market]) -> int:
    """Return 0 for YES and 1 for NO, by the token where the market is known."""
    said = raw.get("outcomeIndex")
    if said is not None and (isinstance(said, bool) or said not in (0, 1, UNKNOWN_OUTCOME)):
        raise Bad(RefusalReason.BAD_OUTCOME, f"outcomeIndex is {said!r:.40}")
    if not markets:
        if said in (0, 1):
            return int(said)
        raise Bad(RefusalReason.BAD_OUTCOME, "outcomeIndex is unknown, and so is the market")
    market = markets.get(owner)
    if market is None:
        raise Bad(RefusalReason.NOT_ASKED, "a trade of a market that was not asked for")
    if token not in (market.yes_token, market.no_token):
        raise Bad(RefusalReason.CONFLICT, "the token is not one of its market's")
    index = 0 if token == market.yes_token else 1
    if said in (0, 1) and said != index:
        raise Bad(RefusalReason.CONFLICT, f"outcomeIndex is {said}, the token's is {index}")
    return index


def _hashed(*parts: str) -> str:
    """Return a short, stable name of *parts*."""
    return hashlib.blake2b("|".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
