"""Data API: what a wallet holds, added up from the trades it made in the last days."""

import re
from collections import defaultdict

from starlette.requests import Request
from starlette.responses import Response

from trading_cli.simulator.backend import Backend
from trading_cli.simulator.shelf import Item, Shelves
from trading_cli.simulator.wire import now_of, problem, reply, whole

DAYS = 3
MAX_ROWS = 500
_WALLET = re.compile(r"0x[0-9a-fA-F]{40}")


class Wallets:
    """Positions of a wallet: what it bought and has not sold, at its average price."""

    def __init__(self, backend: Backend, shelves: Shelves) -> None:
        self._backend = backend
        self._shelves = shelves

    async def positions(self, request: Request) -> Response:
        """Answer a bare array, the largest first; the limit is clamped silently."""
        user = request.query_params.get("user", "")
        if not _WALLET.fullmatch(user):
            raise problem(400, "required query param 'user' not provided")
        now = now_of(request)
        conditions = list(self._shelves.at(now).by_condition)
        rows = self._backend.trades(conditions, now - DAYS * 86_400, int(now) + 1, now)
        by_token: dict[str, list[Item]] = defaultdict(list)
        for row in rows:
            if str(row["proxyWallet"]).lower() == user.lower():
                by_token[str(row["asset"])].append(row)
        least = float(request.query_params.get("sizeThreshold", "1"))
        held = [one for mine in by_token.values() if (one := _position(mine))["size"] > least]
        held.sort(key=lambda one: (-one["initialValue"], one["asset"]))
        offset, limit = whole(request, "offset", 0), min(whole(request, "limit", 100), MAX_ROWS)
        return reply(held[offset : offset + limit])


def _position(trades: list[Item]) -> Item:
    """Return the wire's row of one token."""
    bought = [row for row in trades if row["side"] == "BUY"]
    size = sum(row["size"] for row in bought)
    left = size - sum(row["size"] for row in trades if row["side"] == "SELL")
    spent = sum(row["size"] * row["price"] for row in bought)
    average = spent / size if size else 0.0
    row = trades[0]
    copied = ("proxyWallet", "asset", "conditionId", "title", "slug", "eventSlug", "outcome")
    return {name: row[name] for name in (*copied, "outcomeIndex") if name in row} | {
        "size": round(max(0.0, left), 6),
        "avgPrice": round(average, 6),
        "initialValue": round(max(0.0, left) * average, 6),
        "totalBought": round(size, 6),
        "redeemable": False,
        "mergeable": False,
    }
