"""Who may come in. The outermost of everything: whatever is served, passes here first.

The host must be one of ours, against rebinding. A write must come from our own page with its
session and CSRF token, or show the owner's token; the one inbound address proves itself. Where a
token is set, reading needs it too. A look back changes nothing, and says so of every reply. Every
reply leaves with the headers that keep a browser safe.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_cli.core import log
from trading_cli.web.clients import client_of
from trading_cli.web.here import Here
from trading_cli.web.problems import Problem, taken
from trading_cli.web.sessions import CSRF, Door, Session, same

API = "/api/"
SESSION = "/api/v1/session"
WEBHOOK = "/api/v1/webhook/signal"
BODY = 65_536
ADDRESS = 8_192
BODY_S = 10.0
WHO = "trading.session"
STILL = "trading.still"  # of a request's scope: says whether its sender may still read
AS_OF = "trading-as-of"
_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PORTS = {"http": 80, "https": 443}
_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " object-src 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Pure ASGI, around everything: raises nothing, answers every refusal itself."""

    def __init__(
        self, app: ASGIApp, here: Here, door: Door, look_back: datetime | None = None
    ) -> None:
        self.app = app
        self.here = here
        self.door = door
        self.look_back = look_back
        as_of = {} if look_back is None else {AS_OF: look_back.isoformat()}
        self.headers = {**HEADERS, **as_of}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there is no websocket here
            await send({"type": "websocket.close", "code": 1008})
            return
        guarded = _with_headers(self.headers, scope, send)
        try:
            self._admit(scope)
            if _writes(scope):
                receive = await _whole(Headers(scope=scope), receive)
        except Problem as problem:
            await problem.reply()(scope, receive, guarded)
            return
        await self.app(scope, receive, guarded)

    def _admit(self, scope: Scope) -> None:
        """Raise Problem unless the request may come in."""
        headers = Headers(scope=scope)
        self._known_host(scope, headers)
        _readable(scope)
        session = self.door.session_of(headers)
        scope[WHO] = session
        scope[STILL] = partial(self._is_in, headers)
        if _writes(scope):
            self._own_origin(scope, headers)
            self._may_write(scope, headers, session)
            if scope["method"] in taken(scope):  # else it is not taken here, whatever its body is
                self._is_the_present(scope)
                _is_json(headers, wanted=scope["method"] == "POST")
        else:
            self._may_read(scope, headers, session)

    # --- where it was sent, and from where

    def _known_host(self, scope: Scope, headers: Headers) -> None:
        given = headers.getlist("host")
        if len(given) != 1 or given[0] not in self._hosts(scope):
            raise Problem(
                403, "host", "this host is not served here",
                hint="open the page by the address that `trading serve` printed",
            )  # fmt: skip

    def _hosts(self, scope: Scope) -> set[str]:
        """Return how the request may name us: this machine, the very address, the public one."""
        address, port = scope.get("server") or ("", None)
        ours = {*_NAMES, f"[{address}]" if ":" in address else address}
        found = {f"{name}:{port}" for name in ours}
        if port == _PORTS["http"]:
            found |= ours
        public = urlsplit(self.here.loaded.settings.dashboard.public_url)
        if public.hostname:
            found |= {public.netloc, f"{public.hostname}:{public.port or _PORTS[public.scheme]}"}
        return found

    def _own_origin(self, scope: Scope, headers: Headers) -> None:
        host = headers["host"]
        public = urlsplit(self.here.loaded.settings.dashboard.public_url)
        outside = bool(public.hostname) and host.partition(":")[0] == public.hostname
        address = f"{public.scheme}://{public.netloc}"
        own = {address if outside else f"{scope.get('scheme', 'http')}://{host}"}
        origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        if any(one not in own for one in origins) or len(origins) > 1:
            raise Problem(403, "origin", "writes are taken from our own page only")
        if any(one not in {"same-origin", "none"} for one in sites):
            raise Problem(403, "origin", "writes are taken from our own page only")

    # --- who it is

    def _may_read(self, scope: Scope, headers: Headers, session: Session | None) -> None:
        path, token = scope["path"], self.here.token()
        if not path.startswith(API) or path == SESSION or not token:
            return
        if not self.door.knows(session, token):
            self._bearer(scope, headers)

    def _is_in(self, headers: Headers) -> bool:
        """Return whether who sent *headers* may still read: asked again of one who stays."""
        token = self.here.token()
        session = self.door.session_of(headers)
        return not token or self.door.knows(session, token) or same(_shown(headers), token)

    def _may_write(self, scope: Scope, headers: Headers, session: Session | None) -> None:
        path = scope["path"]
        if path == WEBHOOK:
            return
        if "authorization" in headers and path != SESSION:
            self._bearer(scope, headers)
            return
        if session is None or not self.door.is_csrf(session, headers.get(CSRF, "")):
            raise Problem(
                403, "csrf", "a write needs the page's session and its CSRF token, or the token",
                hint=f"GET {SESSION}, then send its csrf as X-CSRF-Token; or a Bearer token",
            )  # fmt: skip
        token = self.here.token()
        if token and not self.door.knows(session, token) and path != SESSION:
            raise _unknown("log in first")

    def _is_the_present(self, scope: Scope) -> None:
        """Refuse what would change a home that is only looked back at; a session is no change."""
        if self.look_back is None or scope["path"].startswith(SESSION):
            return
        raise Problem(
            409, "look_back",
            f"this page looks back, as of {self.look_back.isoformat()}: nothing is changed from it",
            hint="on the machine: trading kill stops; trading serve without --at shows the present",
        )  # fmt: skip

    def _bearer(self, scope: Scope, headers: Headers) -> None:
        """Raise Problem unless the owner's token is shown; wrong ones are counted."""
        shown = _shown(headers)
        if not shown:
            raise _unknown("this needs the token")
        check_token(self.door, self.here, scope, shown)


def _shown(headers: Headers) -> str:
    """Return the token in *headers*, "" where there is none."""
    kind, _, shown = headers.get("authorization", "").partition(" ")
    return shown.strip() if kind.lower() == "bearer" else ""


def _writes(scope: Scope) -> bool:
    """Return whether a request is a write: every POST, and DELETE where it is taken."""
    method: str = scope["method"]
    return method == "POST" or (method == "DELETE" and method in taken(scope))


def check_token(door: Door, here: Here, scope: Scope, shown: str) -> None:
    """Raise Problem unless *shown* is the owner's token; after five wrong ones in a minute: 429."""
    client = client_of(here, scope)
    barred = client.barred_s(door)
    if barred:
        raise Problem(
            429, "too_many", "too many wrong tokens from this address",
            hint=f"wait {barred} s", headers={"retry-after": str(barred)},
        )  # fmt: skip
    wanted = here.token()
    if not same(shown, wanted) or not wanted:
        client.failed(door)
        log.get_logger("web").warning("wrong token", client=client.name, path=scope["path"])
        raise _unknown("this token is not the one")


def _unknown(why: str) -> Problem:
    return Problem(
        401, "token", why, hint="Authorization: Bearer TRADING_SERVE_TOKEN, or log in on the page",
        headers={"www-authenticate": 'Bearer realm="trading"'},
    )  # fmt: skip


def _readable(scope: Scope) -> None:
    """Refuse addresses that are no text of ours: too long, or with a NUL in them."""
    query: bytes = scope["query_string"]
    if len(scope["path"]) + len(query) > ADDRESS:
        raise Problem(400, "address", f"an address has at most {ADDRESS:,} characters")
    if "\0" in scope["path"] or b"\0" in unquote_to_bytes(query):
        raise Problem(400, "address", "an address holds no NUL")


def _is_json(headers: Headers, *, wanted: bool) -> None:
    """Raise Problem unless the body is JSON; where none is *wanted*, none is no matter."""
    kinds = headers.getlist("content-type")
    if not wanted and not kinds:
        return
    kind, _, more = (kinds[0] if len(kinds) == 1 else "").partition(";")
    charset = more.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise Problem(415, "media", "a body is application/json, UTF-8")
    if "content-encoding" in headers:
        raise Problem(415, "media", "a body is sent as it is, not compressed")


async def _whole(headers: Headers, receive: Receive) -> Receive:
    """Return what gives the body again, once it was read whole.

    Raises Problem for one that is too big, too slow or cut off.
    """
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > BODY:
        raise _too_large()
    body = bytearray()
    more = True
    try:
        async with asyncio.timeout(BODY_S):
            while more:
                message = await receive()
                if message["type"] != "http.request":  # what was cut off is not what was meant
                    raise Problem(400, "cut", "the body ended before it was whole")
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > BODY:
                    raise _too_large()
    except TimeoutError:
        raise Problem(408, "slow", f"the body did not come within {BODY_S:.0f} s") from None
    first: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


def _too_large() -> Problem:
    return Problem(413, "size", f"a body has at most {BODY:,} bytes")


def _with_headers(every: Mapping[str, str], scope: Scope, send: Send) -> Send:
    """Return *send* that puts *every* header on; nothing of the API is kept unasked."""
    default = "no-store" if scope["path"].startswith(API) else "no-cache"

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in every.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", default)
        await send(message)

    return sending
