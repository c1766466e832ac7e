"""CLOB: books, prices and the price history, with their refusals word for word."""

import json
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trading_cli.simulator.backend import Backend
from trading_cli.simulator.shelf import Item, Shelves, names_of
from trading_cli.simulator.wire import (
    LATE_MILLISECONDS,
    SKEW,
    dumps,
    now_of,
    number,
    problem,
    raw,
    reply,
)

NO_BOOK = "No orderbook exists for the requested token id"
MAX_TOKENS = 500
MAX_BATCH = 20
MAX_WINDOW_S = 1_296_000
MAX_POINTS = 4_456
RESOLVED_FIDELITY = 720
SPANS = {"1m": 2_592_000, "1w": 604_800, "1d": 86_400, "6h": 21_600, "1h": 3_600}
LEAST_FIDELITY = {"1m": 10, "1w": 5}
GET_PLURALS = ("/books", "/prices", "/midpoints", "/spreads", "/last-trades-prices")


def routes(backend: Backend, shelves: Shelves) -> list[Route]:
    """Return the CLOB's routes, without the host's prefix."""
    clob = Clob(backend, shelves)
    history = History(backend, shelves)
    return [
        Route("/book", clob.book),
        Route("/books", clob.books, methods=["POST"]),
        *(Route(path, _refuse_plural) for path in GET_PLURALS),
        Route("/price", clob.price),
        Route("/midpoint", clob.midpoint),
        Route("/spread", clob.spread),
        Route("/last-trade-price", clob.last_trade_price),
        Route("/tick-size", clob.tick_size),
        Route("/neg-risk", clob.neg_risk),
        Route("/fee-rate", clob.fee_rate),
        Route("/markets/{condition_id}", clob.market),
        Route("/prices-history", history.one),
        Route("/batch-prices-history", history.batch, methods=["POST"]),
        Route("/time", clob.time),
        Route("/ok", clob.fine),
        Route("/", clob.fine),
    ]


async def _refuse_plural(_request: Request) -> Response:
    raise problem(400, "Invalid payload")


async def payload_of(request: Request) -> Any:
    """Return the request's JSON body; 400 when it is none."""
    try:
        return json.loads(await request.body())
    except ValueError:
        raise problem(400, "Invalid payload") from None


class Clob:
    """What is known of one token or one condition right now."""

    def __init__(self, backend: Backend, shelves: Shelves) -> None:
        self._backend = backend
        self._shelves = shelves

    async def book(self, request: Request) -> Response:
        """Answer one book, worst level first."""
        return reply(self._book(request))

    async def books(self, request: Request) -> Response:
        """Answer the books that exist; the others are simply not in the list."""
        wanted = await payload_of(request)
        if not isinstance(wanted, list) or not all(
            isinstance(one, dict) and isinstance(one.get("token_id"), str) for one in wanted
        ):
            raise problem(400, "Invalid payload")
        if len(wanted) > MAX_TOKENS:
            raise problem(400, "Payload exceeds the limit")
        now = now_of(request)
        found = (self._backend.book(one["token_id"], now) for one in wanted)
        return raw("[" + ",".join(dumps(book) for book in found if book is not None) + "]")

    async def price(self, request: Request) -> Response:
        """Answer the best bid for BUY, the best ask for SELL."""
        side = request.query_params.get("side", "")
        if side not in {"BUY", "SELL"}:
            raise problem(400, "Invalid side")
        levels = self._book(request)["bids" if side == "BUY" else "asks"]
        if not levels:
            raise problem(404, NO_BOOK)
        return reply({"price": levels[-1]["price"]})

    async def midpoint(self, request: Request) -> Response:
        """Answer the middle of the book."""
        bid, ask = self._best(request)
        return reply({"mid": format((bid + ask) / 2, "f")})

    async def spread(self, request: Request) -> Response:
        """Answer the width of the book."""
        bid, ask = self._best(request)
        return reply({"spread": format(ask - bid, "f")})

    async def last_trade_price(self, request: Request) -> Response:
        """Answer the last trade; an empty side means that there was none."""
        token, now = _token(request), now_of(request)
        market = self._market(token, now)
        rows = self._backend.trades([market["conditionId"]], 0, int(now) + 1, now)
        row = next((row for row in rows if row["asset"] == token), None)
        if row is None:
            return reply({"price": "0.5", "side": ""})
        return reply({"price": str(row["price"]), "side": row["side"]})

    async def tick_size(self, request: Request) -> Response:
        """Answer the smallest price step, as a number."""
        market = self._market(_token(request), now_of(request))
        return reply({"minimum_tick_size": market.get("orderPriceMinTickSize", 0.01)})

    async def neg_risk(self, request: Request) -> Response:
        """Tell whether the market belongs to a negRisk event."""
        market = self._market(_token(request), now_of(request))
        return reply({"neg_risk": bool(market.get("negRisk"))})

    async def fee_rate(self, request: Request) -> Response:
        """Answer the legacy number, which is not the fee charged."""
        market = self._market(_token(request), now_of(request))
        return reply({"base_fee": market.get("takerBaseFee", 0)})

    async def market(self, request: Request) -> Response:
        """Answer the CLOB's own view of a market, with the winner once there is one."""
        shelf = self._shelves.at(now_of(request))
        market = shelf.by_condition.get(request.path_params["condition_id"])
        if market is None:
            raise problem(404, "market not found")
        return reply(_clob_market(market))

    async def time(self, request: Request) -> Response:
        """Answer the world's time as a bare integer."""
        return raw(str(int(now_of(request) + request.scope.get(SKEW, 0))))

    async def fine(self, _request: Request) -> Response:
        """Say that all is well."""
        return reply("OK")

    def _book(self, request: Request) -> Item:
        book = self._backend.book(_token(request), now_of(request))
        if book is None:
            raise problem(404, NO_BOOK)
        return book

    def _best(self, request: Request) -> tuple[Decimal, Decimal]:
        book = self._book(request)
        if not book["bids"] or not book["asks"]:
            raise problem(404, NO_BOOK)
        return Decimal(book["bids"][-1]["price"]), Decimal(book["asks"][-1]["price"])

    def _market(self, token: str, now: float) -> Item:
        market = self._shelves.at(now).by_token.get(token)
        if market is None:
            raise problem(404, "market not found")
        return market


def _token(request: Request) -> str:
    """Return the token id; 400 where there is none that looks like one."""
    token = request.query_params.get("token_id", "")
    if not token.isdigit():
        raise problem(400, "Invalid token id")
    return token


def _clob_market(market: Item) -> Item:
    """Return the CLOB's shape of a Gamma market."""
    tokens, labels = names_of(market, "clobTokenIds"), names_of(market, "outcomes")
    prices = names_of(market, "outcomePrices") or ["0.5"] * len(tokens)
    closed = bool(market.get("closed"))
    final = closed and {float(price) for price in prices} <= {0.0, 1.0}
    half = closed and [float(price) for price in prices] == [0.5, 0.5]
    return {
        "condition_id": market["conditionId"],
        "question_id": market.get("questionID", ""),
        "question": market.get("question", ""),
        "market_slug": market.get("slug", ""),
        "description": market.get("description", ""),
        "end_date_iso": market.get("endDate"),
        "active": bool(market.get("active", True)),
        "closed": closed,
        "archived": bool(market.get("archived", False)),
        "accepting_orders": bool(market.get("acceptingOrders", not closed)),
        "enable_order_book": bool(market.get("enableOrderBook", True)),
        "minimum_order_size": market.get("orderMinSize", 5),
        "minimum_tick_size": market.get("orderPriceMinTickSize", 0.01),
        "neg_risk": bool(market.get("negRisk", False)),
        "neg_risk_market_id": market.get("negRiskMarketID", ""),
        "is_50_50_outcome": half,
        "maker_base_fee": 0,
        "taker_base_fee": 0,
        "rewards": {"rates": None, "min_size": 0, "max_spread": 0},
        "tags": [tag["label"] for tag in market.get("_tags", [])],
        "tokens": [
            {
                "token_id": token,
                "outcome": label,
                "price": float(price),
                "winner": final and float(price) == 1.0,
            }
            for token, label, price in zip(tokens, labels, prices, strict=True)
        ],
    }


class History:
    """Midpoints of the past: windows, intervals and their caps."""

    def __init__(self, backend: Backend, shelves: Shelves) -> None:
        self._backend = backend
        self._shelves = shelves

    async def one(self, request: Request) -> Response:
        """Answer ``/prices-history``."""
        token = request.query_params.get("market", "")
        if not token:
            raise problem(400, "invalid filters: the 'market' (asset id) is mandatory")
        points = self._points(
            token,
            number(request, "startTs"),
            number(request, "endTs"),
            request.query_params.get("interval"),
            number(request, "fidelity"),
            now_of(request),
        )
        if points is None:
            raise problem(404, "market not found")
        return reply({"history": points})

    async def batch(self, request: Request) -> Response:
        """Answer ``POST /batch-prices-history`` for up to 20 tokens."""
        asked = await payload_of(request)
        tokens = asked.get("markets") if isinstance(asked, dict) else None
        if not isinstance(tokens, list) or not tokens:
            raise problem(400, "Invalid payload")
        if len(tokens) > MAX_BATCH:
            raise problem(400, "Payload exceeds the limit")
        found: dict[str, Any] = {}
        for token in tokens:
            points = self._points(
                str(token),
                asked.get("start_ts"),
                asked.get("end_ts"),
                asked.get("interval"),
                asked.get("fidelity"),
                now_of(request),
            )
            if points is not None:
                found[str(token)] = points
        return reply({"history": found})

    def _points(
        self,
        token: str,
        start: float | None,
        end: float | None,
        interval: str | None,
        fidelity: float | None,
        now: float,
    ) -> list[dict[str, Any]] | None:
        """Return the wire points, ``None`` for an unknown token."""
        step_s = 60 * max(int(fidelity or 1), 1)
        if start is not None or end is not None:
            span = _window(start, end, now)
        else:
            span = _span(interval, fidelity, step_s, now)
            if interval in {"max", "all"} and self._too_fine(token, step_s, now):
                return []
        found = self._backend.history(token, span[0], span[1], step_s, now)
        if found is None:
            return None
        points = list(found)
        if points:
            # The venue appends one point stamped "now", in windows of the past too.
            last = self._backend.history(token, now - 2 * step_s, now, step_s, now) or points
            points.append((int(now), last[-1][1]))
        return [{"t": int(t), "p": p} for t, p in points]

    def _too_fine(self, token: str, step_s: int, now: float) -> bool:
        """Tell whether a resolved market is asked for more finely than its "max" can answer."""
        market = self._shelves.at(now).by_token.get(token)
        return bool(market and market.get("closed")) and step_s < RESOLVED_FIDELITY * 60


def _window(start: float | None, end: float | None, now: float) -> tuple[float, float]:
    """Return an explicit window's ends, refusing what the venue refuses."""
    for name, value in (("startTs", start), ("endTs", end)):
        if value is not None and value >= LATE_MILLISECONDS:
            raise problem(400, f"invalid filters: '{name}' is not a unix timestamp in seconds")
    if start is None:
        raise problem(400, "invalid filters: 'endTs' needs 'startTs'")
    if end is not None and end < start:
        raise problem(400, "invalid filters: 'startTs' is later than 'endTs'")
    if end is not None and end - start > MAX_WINDOW_S:
        raise problem(400, "invalid filters: 'startTs' and 'endTs' interval is too long")
    return start, min(now, end) if end is not None else now


def _span(
    interval: str | None, fidelity: float | None, step_s: int, now: float
) -> tuple[float, float]:
    """Return the ends of a named interval, refusing too fine a fidelity."""
    if interval in {"max", "all"}:
        return now - MAX_POINTS * step_s, now
    if interval is None:
        raise problem(400, "invalid filters: 'interval' or 'startTs' is mandatory")
    if interval not in SPANS:
        raise problem(
            400,
            "invalid filters: the 'interval' value is unknown. "
            "Known values: '1m', '1w', '1d', '6h', '1h'",
        )
    least = LEAST_FIDELITY.get(interval, 1)
    if (fidelity or 1) < least:
        raise problem(400, f"invalid filters: minimum 'fidelity' for '{interval}' range is {least}")
    return now - SPANS[interval], now
