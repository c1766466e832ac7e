"""The fault menu: what goes wrong with which request, reproducibly.

A rule is {"fault": name, "match": regex on the path, "times": n | null, "every": k,
"probability": p, "args": {}}. By hand: the header ``X-Fault: name?key=value`` or the query
parameter ``_fault``.
"""

import asyncio
import gzip
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_cli.simulator.garble import CHANGES, garbled
from trading_cli.simulator.wire import ABORT, NOW, SKEW, http_date, reply

CONTROL = "/_control"
CACHE_AGE_S = 300
SKEW_S = 3600
BOMB_BYTES = 200_000_000
OVERSIZED_BYTES = 30_000_000
CHUNK = 1_000_000
HTML = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>"
    "<h1>Checking your browser before accessing the site.</h1><p>Cloudflare Ray ID: "
    "8f0c0ffee</p></body></html>"
)


@dataclass(slots=True)
class Rule:
    """One entry of the menu and how often it was taken."""

    fault: str
    match: str = ""
    times: int | None = None
    every: int = 1
    probability: float = 1.0
    args: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0
    applied: int = 0

    def __post_init__(self) -> None:
        """Refuse what is not on the menu with ``ValueError``."""
        if self.fault not in MENU:
            raise ValueError(f"no fault {self.fault!r}; there are {', '.join(sorted(MENU))}")
        if self.every < 1 or not 0 <= self.probability <= 1:
            raise ValueError("every must be at least 1 and probability within [0, 1]")
        re.compile(self.match)

    def takes(self, path: str, dice: Random) -> bool:
        """Tell whether this request is hit, and count it."""
        if not re.match(self.match, path) or self.applied == self.times:
            return False
        self.seen += 1
        if self.seen % self.every or dice.random() >= self.probability:
            return False
        self.applied += 1
        return True


class Menu:
    """The rules in force; the first that takes a request wins."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.replace([])

    def replace(self, rules: list[dict[str, Any]]) -> None:
        """Put *rules* in force and start the dice anew; ``ValueError``/``TypeError`` if bad."""
        self._rules = [Rule(**rule) for rule in rules]
        self.dice = Random(self.seed)  # noqa: S311  # reproducible faults, no secrets

    def pick(self, scope: Scope) -> tuple[str, Mapping[str, Any]] | None:
        """Return the fault and its arguments for this request, if any."""
        by_hand = Headers(scope=scope).get("x-fault") or QueryParams(
            scope.get("query_string", b"")
        ).get("_fault")
        if by_hand:
            name, _, args = by_hand.partition("?")
            return (name, dict(parse_qsl(args))) if name in MENU else None
        path = scope["path"]
        rule = next((rule for rule in self._rules if rule.takes(path, self.dice)), None)
        return None if rule is None else (rule.fault, rule.args)

    def report(self) -> list[dict[str, Any]]:
        """Return the rules in force with their counts."""
        return [
            {
                "fault": rule.fault,
                "match": rule.match,
                "times": rule.times,
                "every": rule.every,
                "probability": rule.probability,
                "args": dict(rule.args),
                "seen": rule.seen,
                "applied": rule.applied,
            }
            for rule in self._rules
        ]


@dataclass(slots=True)
class Call:
    """One request that a fault has in its hands."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    name: str
    args: Mapping[str, Any]
    dice: Random

    async def answer(self) -> tuple[Message, bytes]:
        """Return what would have been answered: the start message and the whole body."""
        starts: list[Message] = []
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                starts.append(message)
            else:
                body.extend(message.get("body", b""))

        await self.app(self.scope, self.receive, keep)
        return starts[0], bytes(body)

    async def respond(self, response: Response) -> None:
        """Answer with *response* instead."""
        await response(self.scope, self.receive, self.send)

    async def deliver(self, start: Message, body: bytes, length: int | None = None) -> None:
        """Send *body* under *start*, claiming *length* bytes."""
        claimed = len(body) if length is None else length
        headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
        headers.append((b"content-length", str(claimed).encode()))
        await self.send({**start, "headers": headers})
        await self.send(
            {"type": "http.response.body", "body": body, "more_body": claimed != len(body)}
        )

    async def gone(self) -> None:
        """Wait until the client has left."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


class Faults:
    """Lets the menu have its way with a request, or passes it on."""

    def __init__(self, app: ASGIApp, *, menu: Menu) -> None:
        self._app = app
        self._menu = menu

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        picked = None
        if scope["type"] == "http" and not scope["path"].startswith(CONTROL):
            picked = self._menu.pick(scope)
        if picked is None:
            await self._app(scope, receive, send)
            return
        name, args = picked
        await MENU[name](Call(self._app, scope, receive, send, name, args, self._menu.dice))


async def _storm(call: Call) -> None:
    """429; ``retry_after``: seconds, "date" (with ``seconds``) or absent."""
    after = call.args.get("retry_after")
    headers = {}
    if after == "date":
        headers["retry-after"] = http_date(call.scope[NOW] + float(call.args.get("seconds", 2)))
    elif after is not None:
        headers["retry-after"] = str(after)
    await call.respond(reply({"error": "Too Many Requests"}, 429, headers))


async def _error_200(call: Call) -> None:
    """Status 200, and the body says no."""
    await call.respond(reply({"error": "Too Many Requests"}))


async def _server_error(call: Call) -> None:
    """500, or the ``status`` asked for."""
    status = int(call.args.get("status", 500))
    await call.respond(reply({"error": "internal error"}, status))


async def _html_page(call: Call) -> None:
    """Send a page for people where JSON was due."""
    status = int(call.args.get("status", 200))
    await call.respond(Response(HTML, status, media_type="text/html"))


async def _truncated(call: Call) -> None:
    """Half a body: the connection closes early, or (``honest``) the length is the half's."""
    start, body = await call.answer()
    half = body[: len(body) // 2]
    await call.deliver(start, half, None if call.args.get("honest") else len(body))


async def _garble(call: Call) -> None:
    """Any of the pure changes to the body."""
    start, body = await call.answer()
    args = dict(call.args)
    if call.name == "cursor_loop":
        sent = QueryParams(call.scope.get("query_string", b""))
        args["cursor"] = sent.get("after_cursor") or sent.get("cursor")
    await call.deliver(start, garbled(call.name, body, call.dice, args))


async def _reset(call: Call) -> None:
    """Hang up with a TCP reset, after the headers where ``partial``."""
    if call.args.get("partial"):
        start, body = await call.answer()
        await call.deliver(start, body[:10], len(body) + 10)
    call.scope[ABORT]()
    await call.gone()


async def _hang(call: Call) -> None:
    """Never answer."""
    await call.gone()


async def _drip(call: Call) -> None:
    """Send one byte every ``interval`` seconds (1) until the client leaves."""
    start, body = await call.answer()
    await call.send(start)
    left = asyncio.ensure_future(call.gone())
    try:
        for at in range(len(body)):
            more = at + 1 < len(body)
            await call.send(
                {"type": "http.response.body", "body": body[at : at + 1], "more_body": more}
            )
            if more:
                done, _ = await asyncio.wait({left}, timeout=float(call.args.get("interval", 1)))
                if done:
                    return
    finally:
        left.cancel()


async def _cached(call: Call) -> None:
    """Answer as the world was ``age`` seconds (300) ago, and say so in Age."""
    age = int(call.args.get("age", CACHE_AGE_S))
    call.scope[NOW] -= age
    start, body = await call.answer()
    start["headers"] = [pair for pair in start["headers"] if pair[0] != b"age"]
    start["headers"] += [(b"age", str(age).encode()), (b"cf-cache-status", b"HIT")]
    await call.deliver(start, body)


async def _skewed(call: Call) -> None:
    """Date and /time are off by ``seconds`` (3600)."""
    call.scope[SKEW] = float(call.args.get("seconds", SKEW_S))
    await call.app(call.scope, call.receive, call.send)


async def _bomb(call: Call) -> None:
    """Send a small gzip body that unpacks to ``bytes`` of blanks."""
    size = int(call.args.get("bytes", BOMB_BYTES))
    member = gzip.compress(b" " * CHUNK, 9)
    body = member * max(1, size // CHUNK)
    headers = {"content-encoding": "gzip"}
    await call.respond(Response(body, 200, headers, "application/json"))


async def _oversized(call: Call) -> None:
    """Send a body of ``bytes`` blanks, no length up front where ``chunked``."""
    size = int(call.args.get("bytes", OVERSIZED_BYTES))
    headers = [(b"content-type", b"application/json")]
    if not call.args.get("chunked"):
        headers.append((b"content-length", str(size).encode()))
    await call.send({"type": "http.response.start", "status": 200, "headers": headers})
    for at in range(0, size, CHUNK):
        part = b" " * min(CHUNK, size - at)
        await call.send({"type": "http.response.body", "body": part, "more_body": True})
    await call.send({"type": "http.response.body", "body": b""})


MENU: Mapping[str, Callable[[Call], Awaitable[None]]] = {
    "storm_429": _storm,
    "error_200": _error_200,
    "server_error": _server_error,
    "html_page": _html_page,
    "truncated_json": _truncated,
    "reset": _reset,
    "hang": _hang,
    "slow_drip": _drip,
    "cached_reply": _cached,
    "clock_skew": _skewed,
    "gzip_bomb": _bomb,
    "oversized": _oversized,
    **dict.fromkeys(CHANGES, _garble),
}
