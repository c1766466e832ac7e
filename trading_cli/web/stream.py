"""The stream: what happened, told to every page as it is written (server-sent events).

One task looks at the file for all clients and hands each what is new through a queue of its own. A
client that does not read is let go of, with a word, before its queue grows; one that comes back
says what it saw last (``Last-Event-ID``) and is told the rest, or that some of it is forgotten.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.types import Receive, Scope, Send

from trading_cli.app import happenings
from trading_cli.app.happenings import Happening, Since
from trading_cli.app.serving import ABORT
from trading_cli.core import log
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import StoreError, TradingError
from trading_cli.web.guard import STILL
from trading_cli.web.here import here_of
from trading_cli.web.openapi import streamed
from trading_cli.web.problems import Problem

LOOK_S = 0.5
BEAT_S = 15.0
SEND_S = 10.0
QUEUE = 1024  # more than two readings of the file
CLIENTS = 256
PORTION = 20
AT_ONCE = 100
ROOM_S = 0.05
ROOM_LOOKS = 20
RETRY_MS = 2000
SLOW = "it did not read what was sent"
ENDING = "the server ends"
OUT = "log in again"
router = APIRouter()


class Full(TradingError):
    """So many listen that no more may."""

    code: ClassVar[str] = "too_many_streams"


class Unseen(Full):
    """What happened last is not known now, so nobody could be told what comes after it."""

    code: ClassVar[str] = "stream_not_now"


@dataclass(slots=True, eq=False)
class Client:
    """One who listens: what waits for it, all after number ``begin``.

    ``why`` it is let go, "" while it is not.
    """

    waiting: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    begin: int = 0
    why: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def give(self, text: bytes) -> None:
        """Put *text* into the queue; where it is full, the client is let go."""
        try:
            self.waiting.put_nowait(text)
            self.news.set()
        except asyncio.QueueFull:
            self.drop(SLOW)

    def drop(self, why: str) -> None:
        """Let the client go for *why*; the first reason stands."""
        self.why = self.why or why
        self.over.set()
        self.news.set()


class Hub:
    """Looks at the file for all who listen. Made and used in one event loop."""

    def __init__(
        self,
        database: Path,
        *,
        busy_ms: int = 5000,
        clock: Clock | None = None,
        clients: int = CLIENTS,
    ) -> None:
        self._database = database
        self._busy_ms = busy_ms
        self._clock = clock or SystemClock()
        self._most = clients
        self._clients: set[Client] = set()
        self._task: asyncio.Task[None] | None = None
        self._watch = happenings.Watch(database)
        self._gate = asyncio.Lock()
        self._ending = False
        self.last = 0

    @property
    def listening(self) -> int:
        """Return how many listen."""
        return len(self._clients)

    def now(self) -> datetime:
        """Return the world's time."""
        return self._clock.now()

    async def join(self) -> Client:
        """Let somebody listen to what comes after ``last``. Raises ``Full``."""
        async with self._gate:
            self._refuse()
            if self._task is None or self._task.done():
                self.last = await self._newest()
                self._refuse()  # somebody may have closed it meanwhile
                self._task = asyncio.create_task(self._look(), name="stream")
                self._task.add_done_callback(_ended)
            client = Client(begin=self.last)
            self._clients.add(client)
        return client

    def _refuse(self) -> None:
        """Raise ``Full`` where nobody more may listen."""
        if self._ending or len(self._clients) >= self._most:
            said = ENDING if self._ending else f"{self._most} listen already"
            raise Full(f"{said}.", hint="try again in a minute")

    async def _newest(self) -> int:
        """Return the newest number, 0 where there is no database yet. Raises ``Unseen``."""
        found = await self.since(1 << 62)
        if found is not None:
            return found.newest
        if self._database.exists():
            raise Unseen("the database cannot be read now.", hint="try again in a minute")
        return 0

    def leave(self, client: Client) -> None:
        """Forget one who listened."""
        self._clients.discard(client)

    async def close(self) -> None:
        """Let everybody go; nobody may listen any more."""
        self._ending = True
        for client in tuple(self._clients):
            client.drop(ENDING)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def since(self, last: int) -> Since | None:
        """Return what is kept after number *last*, ``None`` where nobody can look now."""
        try:
            return await asyncio.to_thread(
                happenings.since, self._database, last, busy_ms=self._busy_ms
            )
        except StoreError as error:
            log.get_logger("stream").debug("nothing to be seen", why=error.message)
            return None

    async def _look(self) -> None:
        """Look while anybody listens."""
        try:
            while self._clients:
                await asyncio.sleep(LOOK_S)
                if self._watch.moved():
                    await self._tell()
        finally:
            for client in tuple(self._clients):  # nobody is left waiting for what never comes
                client.drop(ENDING)

    async def _tell(self) -> None:
        """Hand everybody what is new."""
        while (found := await self.since(self.last)) is not None:
            if found.newest and happenings.is_gap(self.last, found):
                last, self.last = self.last, found.newest
                await self._all([gap(last, found, self.now())])
                return
            if found.rows:
                self.last = found.rows[-1].id  # first: who joins meanwhile begins after them
                await self._all([event(each) for each in found.rows])
            if len(found.rows) < happenings.PAGE:
                return
            await self._room()

    async def _room(self) -> None:
        """Let those who read keep up with a great deal at once; nobody is waited for longer."""
        for _ in range(ROOM_LOOKS):
            if all(one.waiting.qsize() + happenings.PAGE <= QUEUE for one in self._clients):
                return
            await asyncio.sleep(ROOM_S)

    async def _all(self, texts: Sequence[bytes]) -> None:
        """Give everybody *texts*, some at a time: who asks for something else waits less."""
        everybody = tuple(self._clients)
        for begin in range(0, len(everybody), PORTION):
            for client in everybody[begin : begin + PORTION]:
                for text in texts:
                    client.give(text)
                if client.over.is_set():
                    self.leave(client)
            await asyncio.sleep(0)


def _ended(task: asyncio.Task[None]) -> None:
    """Write down why nobody looks any more, where that was not asked for."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.get_logger("stream").error("nobody looks any more", exc_info=error)


# --- what is written


def wire(kind: str, data: Mapping[str, Any], number: int | None = None) -> bytes:
    """Return one event as it is sent; its data is one line of ASCII."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n".encode("ascii")


def event(one: Happening) -> bytes:
    """Return one thing that happened as it is sent."""
    return wire(one.kind, happenings.told(one), one.id)


def gap(last: int, found: Since, at: datetime) -> bytes:
    """Say that some of what came after *last* is forgotten: all must be looked at anew."""
    data = {"at": at.isoformat(), "after": last, "oldest": found.oldest, "newest": found.newest}
    return wire("gap", data, found.newest)


def dropped(why: str, at: datetime) -> bytes:
    """Say why nothing more is sent."""
    return wire("dropped", {"at": at.isoformat(), "reason": why})


# --- one client


async def told_to(hub: Hub, client: Client, after: int | None) -> AsyncIterator[bytes]:
    """Yield what *client* is sent: the past after *after*, then what comes, until it is let go."""
    yield f"retry: {RETRY_MS}\n\n".encode("ascii")
    if after is None:
        data = {"id": client.begin, "at": hub.now().isoformat(), "kind": "ready", "subject": ""}
        yield wire("ready", data, client.begin)
    else:
        async for text in _past(hub, client, after):
            yield text
    while not client.over.is_set():
        told = await _next(client)
        if told is not None:
            yield told
    while client.why == SLOW and (rest := _at_once(client)):
        yield rest
    yield dropped(client.why, hub.now())


async def _past(hub: Hub, client: Client, after: int) -> AsyncIterator[bytes]:
    """Yield what is kept after number *after* and before what the queue has."""
    last = after
    while not client.over.is_set():
        found = await hub.since(last)
        if found is None or happenings.is_gap(last, found):
            oldest = 0 if found is None else found.oldest
            yield gap(after, Since((), oldest, client.begin), hub.now())
            return
        rows = [one for one in found.rows if one.id <= client.begin]
        for at in range(0, len(rows), AT_ONCE):
            yield b"".join(map(event, rows[at : at + AT_ONCE]))
        if len(rows) < happenings.PAGE:
            return
        last = rows[-1].id


def _at_once(client: Client) -> bytes:
    """Return what waits, at most ``AT_ONCE`` events of it in one piece, b"" for none."""
    found: list[bytes] = []
    with suppress(asyncio.QueueEmpty):
        while len(found) < AT_ONCE:
            found.append(client.waiting.get_nowait())
    return b"".join(found)


async def _next(client: Client) -> bytes | None:
    """Return what is next, a heartbeat where nothing came for long, ``None`` when it is over."""
    if (text := _at_once(client)) or client.over.is_set():
        return text or None
    client.news.clear()  # nothing waits: what comes from here on sets it
    try:
        async with asyncio.timeout(BEAT_S):
            await client.news.wait()
    except TimeoutError:
        return b": beat\n\n"
    return _at_once(client) or None


class Stream(Response):
    """Sends a client what it is told, and hangs up on one that takes nothing for ``SEND_S``.

    Whether it may *still* read is asked before each piece, at least with each heartbeat.
    """

    media_type = "text/event-stream"

    def __init__(
        self, hub: Hub, client: Client, after: int | None, still: Callable[[], bool]
    ) -> None:
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]
        self._hub, self._client, self._after, self._still = hub, client, after, still

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client leaves or is let go."""
        gone = asyncio.create_task(self._until_gone(receive))
        try:
            start = {"status": self.status_code, "headers": self.raw_headers}
            await self._sent(scope, send, {"type": "http.response.start", **start})
            async for text in told_to(self._hub, self._client, self._after):
                if not self._still():
                    last = dropped(OUT, self._hub.now())
                    await self._sent(scope, send, {"type": "http.response.body", "body": last})
                    return
                body = {"type": "http.response.body", "body": text, "more_body": True}
                if gone.done() or not await self._sent(scope, send, body):
                    return
            await self._sent(scope, send, {"type": "http.response.body", "body": b""})
        except OSError:
            log.get_logger("stream").debug("it has left")
        finally:
            self._hub.leave(self._client)
            gone.cancel()

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self._client.drop("it has left")

    async def _sent(self, scope: Scope, send: Send, message: dict[str, Any]) -> bool:
        """Send *message*; False where the client took nothing for long: then it is hung up on."""
        try:
            async with asyncio.timeout(SEND_S):
                await send(message)
        except TimeoutError:
            abort: Callable[[], None] | None = scope.get(ABORT)
            if abort is not None:
                abort()
            log.get_logger("stream").info("let go", why=SLOW)
            return False
        return True


def hub_of(request: Request) -> Hub:
    """Return the one hub of this server: it is made when somebody first listens."""
    state, here = request.app.state, here_of(request)
    found = getattr(state, "hub", None)
    if found is None:
        loaded = here.loaded
        busy = loaded.settings.database.busy_timeout_ms
        found = state.hub = Hub(loaded.database, busy_ms=busy, clock=here.clock)
    assert isinstance(found, Hub)  # noqa: S101  # what stands there is ours
    return found


After = Annotated[
    int | None, Query(ge=0, le=2**53, description="Tell what came after this number, first.")
]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,15}$", description="As `after`; it wins."),
]


@router.get(
    "/stream",
    status_code=200,
    response_class=Stream,
    **streamed("What happens, as it happens.", "Server-sent events, until somebody leaves."),
)
async def stream(
    request: Request, after: After = None, last_event_id: LastEventId = None
) -> Response:
    """Tell what happens, as it happens, as server-sent events."""
    hub = hub_of(request)
    last = after if last_event_id is None else int(last_event_id)
    try:
        client = await hub.join()
    except Full as error:
        again = {"retry-after": "60"}
        raise Problem(503, error.code, error.message, hint=error.hint, headers=again) from None
    return Stream(hub, client, last, request.scope[STILL])
