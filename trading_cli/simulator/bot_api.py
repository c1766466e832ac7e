"""A pretend Telegram: the Bot API's wire, strict as documented, and what it was told.

Served under ``/telegram``: set a bot's address to ``{url}/telegram``. Control, under
``/_control/telegram``: GET what was received, POST chats, tokens, faults and updates, DELETE all.
"""

import asyncio
import itertools
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trading_cli.simulator.wire import NOW, problem, reply

TOKEN = "4242:SIMULATED-not-a-secret"  # noqa: S105  # of a bot that does not exist
CHAT = 4242
LONGEST = 4096
BURST, GROUP_A_MINUTE = 20, 20
_TOKEN = re.compile(r"\d{3,}:[A-Za-z0-9_-]{3,}")
_BOT = {"id": CHAT, "is_bot": True, "first_name": "Simulated", "username": "simulated_bot"}

Fields = dict[str, Any]


class Denied(Exception):
    """The API says no: an error code, its description, perhaps parameters."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


@dataclass(slots=True)
class Fault:
    """What happens to the next *times* calls of *method* ("" for any), after *skip* of them."""

    method: str = ""
    code: int = 500
    description: str = ""
    retry_after: int | None = None
    times: int = 1
    skip: int = 0
    taken: bool = False  # the message is taken all the same, and the answer is lost

    def applies(self, method: str) -> bool:
        """Return whether this call fails, and count it."""
        if self.times <= 0 or self.method not in {"", method}:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class Flood:
    """Messages to one chat: a burst, then one a second; 20 a minute to a group."""

    left: float = float(BURST)
    at: float = 0.0
    minute: deque[float] = field(default_factory=deque)

    def wait(self, now: float, *, group: bool) -> int:
        """Count one message; return the seconds to wait where it is one too many, else 0."""
        while self.minute and self.minute[0] <= now - 60:
            self.minute.popleft()
        if group and len(self.minute) >= GROUP_A_MINUTE:
            return int(self.minute[0] + 60 - now) + 1
        self.left = min(BURST, self.left + max(0.0, now - self.at))
        self.at = now
        if self.left < 1:
            return 1
        self.left -= 1
        self.minute.append(now)
        return 0


class BotApi:
    """One pretend Telegram. Times of flood control are real; ``date`` is the world's."""

    def __init__(
        self, *, limits: bool = True, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._poll = 0
        self._come = asyncio.Event()
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing received, nothing to fail."""
        self.sent: list[Fields] = []
        self.calls: list[Fields] = []
        self.faults: list[Fault] = []
        self.updates: list[Fields] = []
        self.chats: set[str] = {str(CHAT)}
        self.tokens: set[str] | None = None
        self._floods: dict[str, Flood] = defaultdict(Flood)
        self._ids = itertools.count(1)
        self._update_ids = itertools.count(700_001)

    def routes(self) -> list[Route]:
        """Return the bots' routes, without the prefix."""
        return [Route("/bot{token}/{method}", self.call, methods=["GET", "POST"])]

    def control(self) -> list[Route]:
        """Return the routes for tests and scripts."""
        return [Route("/telegram", self.controlled, methods=["GET", "POST", "DELETE"])]

    async def call(self, request: Request) -> Response:
        """Answer one method of one bot."""
        method = request.path_params["method"]
        try:
            result = await self._answered(method, request)
        except Denied as no:
            self.calls.append({"method": method, "code": no.code})
            body: Fields = {"ok": False, "error_code": no.code, "description": no.description}
            if no.parameters:
                body["parameters"] = no.parameters
            return reply(body, no.code)
        self.calls.append({"method": method, "code": 200})
        return reply({"ok": True, "result": result})

    async def _answered(self, method: str, request: Request) -> Any:
        """Return the result of *method*. Raises ``Denied``."""
        known: Mapping[str, Callable[[Fields, Request], Awaitable[Any]]] = {
            "sendmessage": self._send_message,
            "getme": self._get_me,
            "getupdates": self._get_updates,
        }
        self._admit(request.path_params["token"])
        asked = known.get(method.lower())
        if asked is None:
            raise Denied(404, "Not Found")
        given = await _fields(request)
        fault = next((one for one in self.faults if one.applies(method)), None)
        if fault is not None and not fault.taken:
            raise _denied(fault)
        result = await asked(given, request)
        if fault is not None:
            raise _denied(fault)
        return result

    def _admit(self, token: str) -> None:
        if not _TOKEN.fullmatch(token):
            raise Denied(404, "Not Found")
        if self.tokens is not None and token not in self.tokens:
            raise Denied(401, "Unauthorized")

    async def _get_me(self, _given: Fields, _request: Request) -> Fields:
        return {**_BOT, "can_join_groups": True, "can_read_all_group_messages": False}

    async def _send_message(self, given: Fields, request: Request) -> Fields:
        chat = str(given.get("chat_id", ""))
        text = str(given.get("text", ""))
        if not chat:
            raise Denied(400, "Bad Request: chat_id is empty")
        if chat not in self.chats:
            raise Denied(400, "Bad Request: chat not found")
        if not text.strip():
            raise Denied(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > LONGEST:
            raise Denied(400, "Bad Request: message is too long")
        if given.get("parse_mode") and re.search(r"[<>&_*`\[]", text):
            raise Denied(400, "Bad Request: can't parse entities: unsupported start tag")
        group = chat.startswith("-")
        wait = self._floods[chat].wait(self._monotonic(), group=group) if self._limits else 0
        if wait:
            raise Denied(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        date = int(request.scope[NOW])
        kind = "group" if group else "private"
        message = {
            "message_id": next(self._ids),
            "date": date,
            "chat": {"id": int(chat), "type": kind},
            "from": dict(_BOT),
            "text": text,
        }
        silent = given.get("disable_notification") in {True, "true", "True"}
        self.sent.append({**message, "silent": silent, "real": self._monotonic()})
        return message

    async def _get_updates(self, given: Fields, _request: Request) -> list[Fields]:
        """Wait for updates as long as asked; a second one that polls ends the first."""
        self._poll += 1
        mine = self._poll
        self._come.set()
        offset, limit = given.get("offset"), int(given.get("limit", 100))
        until = self._monotonic() + min(50.0, float(given.get("timeout", 0)))
        if offset is not None:
            self.updates = [one for one in self.updates if one["update_id"] >= int(offset)]
        while not self.updates and self._monotonic() < until:
            self._come.clear()
            try:
                await asyncio.wait_for(self._come.wait(), min(1.0, until - self._monotonic()))
            except TimeoutError:
                continue
            if mine != self._poll:
                raise Denied(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one"
                    " bot instance is running",
                )
        return self.updates[:limit]

    async def controlled(self, request: Request) -> Response:
        """Show what was received; set chats, tokens and faults; write to the bot; forget all."""
        if request.method == "DELETE":
            self.forget()
        elif request.method == "POST":
            try:
                self._set(json.loads(await request.body()))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise problem(422, f"telegram: {error!r}") from None
        return reply({"sent": self.sent, "calls": self.calls, "waiting": len(self.updates)})

    def _set(self, asked: Mapping[str, Any]) -> None:
        if "chats" in asked:
            self.chats = {str(one) for one in asked["chats"]}
        if "tokens" in asked:
            given = asked["tokens"]
            self.tokens = None if given is None else {str(one) for one in given}
        if "faults" in asked:
            self.faults = [Fault(**one) for one in asked["faults"]]
        for one in asked.get("updates", ()):
            self.updates.append(self._update(one))
        self._come.set()

    def _update(self, one: Mapping[str, Any]) -> Fields:
        """Return a message to the bot as the API has it."""
        chat, user = int(one["chat"]), int(one.get("user", one["chat"]))
        return {
            "update_id": int(one.get("update_id", next(self._update_ids))),
            "message": {
                "message_id": next(self._ids),
                "date": int(one.get("date", time.time())),
                "chat": {"id": chat, "type": "group" if chat < 0 else "private"},
                "from": {"id": user, "is_bot": False, "first_name": "Somebody"},
                "text": str(one["text"]),
            },
        }


def _denied(fault: Fault) -> Denied:
    """Return the answer a fault gives."""
    described = {
        400: "Bad Request: can't parse entities",
        401: "Unauthorized",
        403: "Forbidden: bot was blocked by the user",
        404: "Not Found",
        409: "Conflict: terminated by other getUpdates request",
        429: f"Too Many Requests: retry after {fault.retry_after}",
    }
    said = fault.description or described.get(fault.code, "Internal Server Error")
    if fault.retry_after is not None:
        return Denied(fault.code, said, retry_after=fault.retry_after)
    return Denied(fault.code, said)


async def _fields(request: Request) -> Fields:
    """Return the parameters: of the address, then of the body as a form or as JSON."""
    given: Fields = dict(request.query_params)
    body = await request.body()
    if not body:
        return given
    if "json" in request.headers.get("content-type", ""):
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise Denied(400, "Bad Request: can't parse JSON object")
        return given | told
    return given | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
