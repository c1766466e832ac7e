"""A reply is made once for all who ask the same at the same time, and kept for a second.

As long as nobody wrote to the database a reply is good for a second, and one that took long to
make for fifty times that long, ten seconds at most. Once somebody wrote it is made anew, but not
more than four times a second: whoever heard of a change, asks a quarter of a second later and says
``Cache-Control: no-cache``, as the page does, sees it. Who does not say so is told the one before
while it is made, and for fifty times as long as that took, a second at most, none is made for him;
but none that is two seconds old, nor where the kill switch moved. So many who look never starve a
cycle.
"""

import asyncio
import gzip
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_cli.app.asked.opening import TIDY_S, Readers, Stamp, at_hand, stamp
from trading_cli.core import log
from trading_cli.web.here import Here
from trading_cli.web.problems import Problem

API = "/api/v1/"
STANDING = ("/api/v1/kill", "/api/v1/status")  # what the kill switch says may be in the file alone
LIVE = ("/api/v1/session", "/api/v1/stream", "/api/v1/workflows", "/api/v1/webhook")
GOOD_S, LONGEST_S = 1.0, 10.0
FRESH_S, REST_S = 0.25, 1.0
STALE_S = 2.0
AT_ONCE = 2  # replies that are made: more threads of one interpreter only wait for each other
UNCHANGED = 50
MOST = 256
MOST_BYTES = 16_000_000
WORTH_PACKING = 1_000
_OK = 200
Key = tuple[str, bytes]


@dataclass(slots=True)
class Reply:
    """A whole reply: when it was begun and how long it took, on what state of the database."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    begun: float
    took: float
    stamp: Stamp
    packed: bytes = field(default=b"")

    def will_do(self, now: float, stands: Stamp) -> bool:
        """Return whether it may be told while a newer one is being made."""
        return self.stamp[-1] == stands[-1] and now - self.begun < STALE_S

    def rests(self, now: float, stands: Stamp) -> bool:
        """Return whether it may be told without a newer one being made: many ask, it was dear."""
        rest = min(REST_S, max(FRESH_S, UNCHANGED * self.took))
        return self.will_do(now, stands) and now - self.begun < rest

    def is_good(self, now: float, stands: Stamp) -> bool:
        """Return whether it may be told again at *now* (monotonic), whoever asks."""
        if self.stamp != stands:
            return now - self.begun < FRESH_S
        age = now - self.begun - self.took
        return age < min(LONGEST_S, max(GOOD_S, UNCHANGED * self.took))


@dataclass(slots=True)
class Coming:
    """A reply that is being made: since when, on what state of the database; if anybody waits."""

    task: asyncio.Task[Reply]
    begun: float
    stamp: Stamp
    awaited: bool = False

    def is_good(self, now: float, stands: Stamp) -> bool:
        """Return whether one who asks at *now* may wait for it."""
        return self.stamp == stands or now - self.begun < FRESH_S


class Kept:
    """Pure ASGI around the routes; writes through here make it forget everything."""

    def __init__(self, app: ASGIApp, here: Here) -> None:
        self.app = app
        self.here = here
        self._replies: OrderedDict[Key, Reply] = OrderedDict()
        self._coming: dict[Key, Coming] = {}
        self._bytes = 0
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._readers = Readers()
        self._tidying: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is kept, or let the routes answer."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self.app(scope, receive, send)
            return
        if scope["method"] != "GET" or scope["path"].startswith(LIVE):
            await self.app(scope, receive, send)
            if scope["method"] != "GET":
                self._forget()
            return
        reply = await self._reply(scope)
        await _tell(reply, Headers(scope=scope), send)

    async def _reply(self, scope: Scope) -> Reply:
        key = (scope["path"], scope["query_string"])
        stands = stamp(self.here.loaded)
        held = self._replies.get(key)
        now = time.monotonic()
        newest = scope["path"] in STANDING or _wants_the_newest(scope)
        rests = held is not None and not newest and held.rests(now, stands)
        if held is not None and (rests or held.is_good(now, stands)):
            return held
        coming = self._coming.get(key)
        if coming is None or not coming.is_good(now, stands):
            task = asyncio.create_task(self._made(scope, stands))
            coming = self._coming[key] = Coming(task, now, stands)
            task.add_done_callback(partial(self._keep, key, coming))
        if held is not None and held.will_do(now, stands) and not newest:
            return held
        coming.awaited = True
        return await asyncio.shield(coming.task)

    async def _made(self, scope: Scope, stands: Stamp) -> Reply:
        begun = time.monotonic()
        start: Message = {}
        body = bytearray()

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def take(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        async with self._turns:
            working = time.monotonic()
            try:
                with at_hand(self._readers):
                    await self.app(dict(scope), nothing, take)
            finally:
                self._tidy_soon()
        took = time.monotonic() - working
        headers = list(start["headers"])
        return Reply(start["status"], headers, bytes(body), begun, took, stands)

    def _tidy_soon(self) -> None:
        if self._readers and (self._tidying is None or self._tidying.done()):
            self._tidying = asyncio.create_task(self._tidy(), name="readers")

    async def _tidy(self) -> None:
        """Close the connections whose time is over, as long as there are any; all at the end."""
        try:
            while self._readers:
                await asyncio.sleep(TIDY_S)
                await asyncio.to_thread(self._readers.tidy)
        except asyncio.CancelledError:
            self._readers.close()
            raise

    def _keep(self, key: Key, coming: Coming, done: "asyncio.Task[Reply]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None and not coming.awaited:  # the reply before was told: nobody else says
            log.get_logger("web").error("no reply could be made", path=key[0], exc_info=error)
        if self._coming.get(key) is not coming:
            return  # somebody wrote meanwhile: a later one is being made
        del self._coming[key]
        if done.cancelled() or error is not None or done.result().status != _OK:
            return
        reply = done.result()
        self._drop(key)
        self._replies[key] = reply
        self._bytes += len(reply.body)
        while len(self._replies) > MOST or self._bytes > MOST_BYTES:
            self._drop(next(iter(self._replies)))

    def _drop(self, key: Key) -> None:
        old = self._replies.pop(key, None)
        self._bytes -= 0 if old is None else len(old.body)

    def _forget(self) -> None:
        self._replies.clear()
        self._coming.clear()
        self._bytes = 0


def _wants_the_newest(scope: Scope) -> bool:
    told = Headers(scope=scope).get("cache-control", "")
    return "no-cache" in told or "max-age=0" in told


async def _tell(reply: Reply, asked: Headers, send: Send) -> None:
    """Send *reply*: 304 where the client has it, packed where it takes that."""
    headers = MutableHeaders(raw=list(reply.headers))
    body, status, etag = reply.body, reply.status, headers.get("etag", "")
    headers.append("vary", "accept-encoding")
    if len(body) > WORTH_PACKING and "gzip" in asked.get("accept-encoding", ""):
        reply.packed = reply.packed or gzip.compress(body, 4, mtime=0)
        body = reply.packed
        headers["content-encoding"] = "gzip"
        if etag:
            headers["etag"] = f'{etag[:-1]}-gzip"'
    if etag and status == _OK and _has(asked.get("if-none-match", ""), etag):
        body, status = b"", 304
        for name in ("content-length", "content-type", "content-encoding", "link"):
            del headers[name]
    else:
        headers["content-length"] = str(len(body))
    await send({"type": "http.response.start", "status": status, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})


def _has(asked: str, etag: str) -> bool:
    """Return whether the header If-None-Match *asked* names *etag*, packed or not, or any."""
    named = {_bare(one.strip().removeprefix("W/")) for one in asked.split(",")}
    return "*" in named or _bare(etag) in named


def _bare(etag: str) -> str:
    return etag.replace('-gzip"', '"')


class Boundary:
    """Pure ASGI: what nobody foresaw is logged with its trace and answered without it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as error:  # the boundary: a client must get an answer
            log.get_logger("web").error("unexpected", path=scope.get("path"), exc_info=error)
            if scope["type"] != "http" or begun:
                raise
            seen = Problem(
                500, "bug", "this is a bug", hint="the trace is in the log: trading logs"
            )
            await seen.reply()(Request(scope).scope, receive, sending)
