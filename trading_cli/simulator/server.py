"""The pretend exchange as one ASGI application: nine hosts under nine prefixes, and control."""

import asyncio
import math
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_cli.simulator import (
    clob_routes,
    data_routes,
    gamma_routes,
    site_routes,
    talk_routes,
)
from trading_cli.simulator.backend import Backend
from trading_cli.simulator.bot_api import BotApi
from trading_cli.simulator.control import Control, WorldClock
from trading_cli.simulator.faults import Faults, Menu
from trading_cli.simulator.ledger import Ledger
from trading_cli.simulator.shelf import Shelves
from trading_cli.simulator.wire import NOW, SKEW, Refused, http_date, reply

CONTROL = "/_control"
LISTING_LAG_S = 60


def create_app(
    backend: Backend,
    *,
    clock: WorldClock | None = None,
    latency_s: float = 0.0,
    limits: bool = True,
    fault_seed: int = 0,
    listing_lag_s: int = LISTING_LAG_S,
) -> FastAPI:
    """Return the application that serves *backend*.

    *latency_s* is real seconds before each answer; *limits* enforces the documented rate limits
    in real time; Gamma's listing is up to *listing_lag_s* seconds of world time old.
    """
    clock = clock or WorldClock()
    shelves = Shelves(backend, lag_s=listing_lag_s)
    ledger, menu = Ledger(limits=limits), Menu(seed=fault_seed)
    bots = BotApi(limits=limits)
    control = Control(backend, clock, ledger, menu).routes()
    hosts: dict[str, list[Route]] = {
        "gamma": gamma_routes.routes(shelves),
        "clob": clob_routes.routes(backend, shelves),
        "data": data_routes.routes(backend, shelves),
        "site": site_routes.routes(),
        **talk_routes.routes(backend),
        "telegram": bots.routes(),
        CONTROL.strip("/"): [*control, *bots.control()],
    }
    mounts: list[BaseRoute] = [Mount(f"/{name}", routes=routes) for name, routes in hosts.items()]
    app = FastAPI(
        openapi_url=None,
        routes=mounts,
        exception_handlers={Refused: _refuse, 404: _unknown},
    )
    app.add_middleware(Faults, menu=menu)
    app.add_middleware(Gate, clock=clock, ledger=ledger, latency_s=latency_s)
    return app


async def _refuse(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refused)  # noqa: S101  # registered for nothing else
    return reply(refusal.body, refusal.status)


async def _unknown(_request: Request, _error: Exception) -> Response:
    return reply({"error": "not found"}, 404)


class Gate:
    """Counts a request, lets its latency pass, and dates every reply by the world's clock."""

    def __init__(
        self, app: ASGIApp, *, clock: WorldClock, ledger: Ledger, latency_s: float
    ) -> None:
        self._app = app
        self._clock = clock
        self._ledger = ledger
        self._latency_s = latency_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                at = self._clock.now() + scope.get(SKEW, 0.0)
                _set_header(message, b"date", http_date(at).encode())
            await send(message)

        if scope["path"].startswith(CONTROL):
            await self._app(scope, receive, dated)
            return
        wait = self._ledger.enter(scope["path"])
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        scope[NOW] = self._clock.now()
        if wait > 0:
            await _throttle(scope["path"], wait)(scope, receive, dated)
            return
        await self._app(scope, receive, dated)


def _throttle(path: str, wait: float) -> Response:
    """Return the 429 of the host in *path*; GDELT's is plain text."""
    headers = {"retry-after": str(math.ceil(wait))}
    if path.startswith("/gdelt"):
        text = "Please limit requests to one every 5 seconds.\n"
        return Response(text, 429, headers, "text/plain")
    if path.startswith("/x/"):
        headers |= {"x-rate-limit-limit": "60", "x-rate-limit-remaining": "0"}
    return reply({"error": "Too Many Requests"}, 429, headers)


def _set_header(message: Message, name: bytes, value: bytes) -> None:
    """Add a header unless the reply has it."""
    headers: list[Any] = list(message.get("headers", []))
    if all(key.lower() != name for key, _ in headers):
        headers.append((name, value))
    message["headers"] = headers
