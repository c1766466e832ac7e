"""What a wallet holds, from the Data API's public list: read for the limits, never traded.

Rows of the list are one token each. Size and average price are what we take; values in USD that the
venue computes from its own mids are not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal

from trading_cli.core.errors import SourceGarbled
from trading_cli.core.http_client import HttpClient
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Refusal
from trading_cli.sources.polymarket import DATA, wire
from trading_cli.sources.polymarket.wire import Bad, RefusalReason, Row

SOURCE = "polymarket.positions"
PER_PAGE = 500
MAX_PAGES = 20


@dataclass(frozen=True, slots=True)
class Held:
    """Shares of one token in one wallet. ``cost`` is USD: shares at the average price, rounded up.

    ``settled``: the market has paid out and the shares wait to be redeemed; nothing is at risk.
    """

    wallet: str
    condition_id: str
    token: str
    outcome_index: int
    shares: Decimal
    cost: Decimal
    settled: bool
    title: str
    event_slug: str
    observed_at: datetime


def positions_of(
    http: HttpClient, wallet: str, *, deadline: float | None = None
) -> Iterator[Held | Refusal]:
    """Yield every position of *wallet* (0x and 40 hexadecimal digits), each token once.

    Raises ``SourceError`` where the list cannot be had whole: a part of it would understate what is
    at risk. Raises ValueError for what is no address.
    """
    try:
        address = wire.wallet(wallet, "wallet")
    except Bad as bad:
        raise ValueError(bad.detail) from bad
    seen: set[str] = set()
    for page in range(MAX_PAGES):
        offset = page * PER_PAGE
        rows, reply = wire.twice(lambda: _page(http, address, offset, deadline))  # noqa: B023  # called at once
        for record in _parsed(rows, address, reply.observed_at):
            if isinstance(record, Held):
                if record.token in seen:
                    continue
                seen.add(record.token)
            yield record
        if len(rows) < PER_PAGE:
            return
    raise SourceGarbled(SOURCE, f"more than {MAX_PAGES * PER_PAGE} positions of one wallet")


def _page(
    http: HttpClient, wallet: str, offset: int, deadline: float | None
) -> tuple[list[object], Reply]:
    params = [
        ("user", wallet),
        ("limit", str(PER_PAGE)),
        ("offset", str(offset)),
        ("sizeThreshold", "0"),
    ]
    reply = http.get("/positions", params, endpoint=DATA, deadline=deadline)
    rows = reply.json()
    if not isinstance(rows, list):
        raise SourceGarbled(SOURCE, "a reply that is no list of positions")
    return rows, reply


def _parsed(rows: list[object], wallet: str, at: datetime) -> Iterator[Held | Refusal]:
    for raw in rows:
        try:
            yield _held(wire.row(raw), wallet, at)
        except Bad as bad:
            subject = raw.get("conditionId") if isinstance(raw, dict) else ""
            yield wire.refusal(SOURCE, "position", subject, bad, at, raw)


def _held(raw: Row, wallet: str, at: datetime) -> Held:
    if wire.wallet(raw.get("proxyWallet"), "proxyWallet") != wallet:
        raise Bad(RefusalReason.NOT_ASKED, "a position of a wallet that was not asked for")
    index = raw.get("outcomeIndex")
    if isinstance(index, bool) or index not in (0, 1):
        raise Bad(RefusalReason.BAD_OUTCOME, f"outcomeIndex is {index!r:.40}")
    shares = wire.size(raw.get("size"), "size")
    average = wire.as_decimal(raw.get("avgPrice"), "avgPrice")
    if not 0 <= average <= 1:
        raise Bad(RefusalReason.BAD_PRICE, f"avgPrice is {average}, not in [0, 1]")
    return Held(
        wallet,
        wire.condition_id(raw.get("conditionId"), "conditionId"),
        wire.token(raw.get("asset"), "asset"),
        int(index),
        shares,
        (shares * average).quantize(wire.MILLIONTH, ROUND_UP),
        wire.flag(raw, "redeemable") or False,
        wire.text(raw, "title", 500) or "",
        wire.text(raw, "eventSlug") or "",
        at,
    )
