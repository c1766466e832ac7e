"""Data API: public trades, and the newer history route."""

import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trading_cli.simulator.backend import Backend
from trading_cli.simulator.clob_routes import MAX_POINTS, MAX_WINDOW_S, SPANS
from trading_cli.simulator.shelf import Item, Shelves
from trading_cli.simulator.wallet_route import Wallets
from trading_cli.simulator.wire import now_of, number, problem, reply, whole

MAX_ROWS = 10_000
MAX_OFFSET = 10_000
MAX_V2_ROWS = 1_000
BUCKETS = (60, 86_400)
LEAST_BUCKET = {"max": 600, "all": 600, "1m": 600, "1w": 300}


def routes(backend: Backend, shelves: Shelves) -> list[Route]:
    """Return the Data API's routes, without the host's prefix."""
    data = Data(backend, shelves)
    return [
        Route("/trades", data.trades),
        Route("/positions", Wallets(backend, shelves).positions),
        Route("/v2/trades", data.trades_v2),
        Route("/v2/prices-history", data.history_v2),
        Route("/", data.fine),
    ]


class Data:
    """Trades newest first, paged by offset (v1) or cursor (v2)."""

    def __init__(self, backend: Backend, shelves: Shelves) -> None:
        self._backend = backend
        self._shelves = shelves

    async def trades(self, request: Request) -> Response:
        """Answer a bare array; the limit is clamped silently, the offset is not."""
        offset = whole(request, "offset", 0)
        if offset > MAX_OFFSET:
            raise problem(400, "max historical activity offset of 10000 exceeded")
        limit = min(whole(request, "limit", 100), MAX_ROWS)
        return reply(self._rows(request, "market")[offset : offset + limit])

    async def trades_v2(self, request: Request) -> Response:
        """Answer one page with its pagination."""
        limit = min(whole(request, "limit", 100), MAX_V2_ROWS)
        offset = whole(request, "cursor", 0)
        rows = self._rows(request, "condition_id")
        page = [_snake(row) for row in rows[offset : offset + limit]]
        return reply({"data": page, "pagination": _pagination(limit, offset, len(rows))})

    async def history_v2(self, request: Request) -> Response:
        """Answer midpoints for an interval, a window or one instant."""
        token = request.query_params.get("token_id", "")
        if not token.isdigit():
            raise problem(400, "token_id is required")
        now = now_of(request)
        start, end, bucket = _asked(request, now)
        points = self._backend.history(token, start, end, bucket, now)
        if points is None:
            raise problem(404, "token not found")
        limit = min(whole(request, "limit", MAX_ROWS), MAX_ROWS)
        offset = whole(request, "cursor", 0)
        page = [
            {"timestamp": int(t), "price": p, "resolution_seconds": bucket}
            for t, p in points[offset : offset + limit]
        ]
        return reply({"data": page, "pagination": _pagination(limit, offset, len(points))})

    async def fine(self, _request: Request) -> Response:
        """Say that all is well."""
        return reply({"data": "OK"})

    def _rows(self, request: Request, name: str) -> list[Item]:
        """Return every row that was asked for, newest first; ``end`` is inclusive, in seconds.

        Every row here is a taker's, so ``takerOnly`` true and false answer alike.
        """
        now = now_of(request)
        given = request.query_params.getlist(name)
        conditions = [one for text in given for one in text.split(",") if one]
        if not given:
            conditions = list(self._shelves.at(now).by_condition)
        start, end = number(request, "start"), number(request, "end")
        last = now if end is None else min(end, now)
        rows = self._backend.trades(conditions, start or 0.0, math.floor(last) + 1, now)
        side, user = request.query_params.get("side"), request.query_params.get("user")
        if side is not None and side not in {"BUY", "SELL"}:
            raise problem(400, "Invalid side")
        if request.query_params.get("takerOnly", "true").lower() not in {"true", "false", "1", "0"}:
            raise problem(400, "Invalid takerOnly")
        return [
            row
            for row in rows
            if side in {None, row["side"]} and user in {None, row["proxyWallet"]}
        ]


def _asked(request: Request, now: float) -> tuple[float, float, int]:
    """Return start, end and bucket of a v2 history question; exactly one form is allowed."""
    interval = request.query_params.get("interval")
    start, end, as_of = (number(request, name) for name in ("start", "end", "as_of"))
    if sum(one is not None for one in (interval, start, as_of)) != 1:
        raise problem(400, "exactly one of interval, start, as_of is required")
    bucket = whole(request, "bucket_seconds", LEAST_BUCKET.get(interval or "", BUCKETS[0]))
    if not LEAST_BUCKET.get(interval or "", BUCKETS[0]) <= bucket <= BUCKETS[1]:
        raise problem(400, "bucket_seconds out of range")
    if as_of is not None:
        return as_of - bucket, min(as_of, now), bucket
    if start is not None:
        until = now if end is None else min(end, now)
        if end is not None and end - start > MAX_WINDOW_S:
            raise problem(400, "window is longer than 15 days")
        return start, until, bucket
    if interval in {"max", "all"}:
        return now - MAX_POINTS * bucket, now, bucket
    if interval not in SPANS:
        raise problem(400, "unknown interval")
    return now - SPANS[interval], now, bucket


def _pagination(limit: int, offset: int, total: int) -> dict[str, Any]:
    """Return the v2 pagination object."""
    more = offset + limit < total
    return {
        "limit": limit,
        "offset": offset,
        "has_more": more,
        "next_cursor": str(offset + limit) if more else None,
    }


def _snake(row: Item) -> Item:
    """Return a v1 row with v2's names."""
    return {
        "".join(f"_{char.lower()}" if char.isupper() else char for char in key): value
        for key, value in row.items()
    }
