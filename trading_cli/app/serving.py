"""How a page is served: where, to whom, and how it ends. What is served is handed in.

Loopback needs nothing. Whatever can be reached from elsewhere needs the owner's token, and TLS in
front of it, since neither the token nor the account is to be read on the way.
"""

import asyncio
import errno
import ipaddress
import os
import socket
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from trading_cli.app.patience import Patience
from trading_cli.app.settings import Loaded, load
from trading_cli.core import log
from trading_cli.core.config import Secrets
from trading_cli.core.errors import ConfigError, StoreError, UsageError
from trading_cli.store import Store
from trading_cli.store.born import is_there

TOKEN = "TRADING_SERVE_TOKEN"  # noqa: S105  # its name
MADE = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
PROXY = "caddy reverse-proxy --from trading.example.org --to 127.0.0.1:{port}"
LEAST_BITS = 128
LEAST_DIFFERENT = 8
ABORT = "trading.abort"  # of a request's scope: the means to hang up
GRACE_S = 3
BACKLOG = 1024
CONNECTIONS = 1024

Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Seat:
    """Where somebody will serve: a bound socket and its address for a browser."""

    listener: socket.socket
    url: str


def is_loopback(host: str) -> bool:
    """Return whether *host* is this very machine, seen by nobody else."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def ready(config: Path | None, host: str | None, port: int | None) -> tuple[Loaded, str, int]:
    """Return the home to serve with host and port, its log begun and its database up to date.

    Raises ``UsageError`` where others could read it without a token, ``ConfigError`` for a token
    that can be guessed, or wrong settings. A database that cannot be used is no reason: the page
    says so.
    """
    loaded = load(config)
    section = loaded.settings.dashboard
    host, port = host or section.host, section.port if port is None else port
    check_token(loaded.secrets)
    check_reach(loaded, host, port)
    told = loaded.settings.logging
    log.configure(
        loaded.logs, level=told.level, max_mb=told.max_mb, keep=told.keep,
        secrets=loaded.secrets.values(),
    )  # fmt: skip
    return loaded, host, port


def check_token(secrets: Secrets) -> None:
    """Raise ``ConfigError`` for a token of less than 128 bits; none at all is no matter here."""
    if secrets.serve_token is None:
        return
    token = secrets.serve_token.get_secret_value()
    hexadecimal = set(token) <= set(string.hexdigits)
    bits = len(token) * (4 if hexadecimal else 6)
    if bits < LEAST_BITS or len(set(token)) < LEAST_DIFFERENT or not token.isascii():
        raise ConfigError(
            f"{TOKEN} can be guessed: it has less than {LEAST_BITS} bits.",
            hint=f"make one with {MADE}",
        )


def check_reach(loaded: Loaded, host: str, port: int) -> None:
    """Raise ``UsageError`` where others could read the page and no token keeps them out."""
    if loaded.secrets.serve_token is not None:
        return
    public = urlsplit(loaded.settings.dashboard.public_url).hostname or "localhost"
    for name, what in ((host, host), (public, f"dashboard.public_url ({public})")):
        if not is_loopback(name):
            proxy = PROXY.format(port=port or 5000)
            raise UsageError(
                f"{what} can be reached by others, and {TOKEN} is not set.",
                hint=f"put the output of {MADE} into secrets.env as {TOKEN}; and serve on 127.0.0.1"
                f" with TLS in front, e.g. {proxy} (or nginx: proxy_pass http://127.0.0.1:"
                f"{port or 5000}; proxy_set_header Host $host; proxy_set_header X-Forwarded-For"
                " $remote_addr; proxy_buffering off;), with"
                " dashboard.public_url: https://trading.example.org",
            )


def migrated(loaded: Loaded, now: datetime) -> str:
    """Bring the database that is there up to date. Return what is wrong with it, "" for nothing."""
    if not is_there(loaded.database):
        return ""
    busy = loaded.settings.database.busy_timeout_ms
    try:
        Store.open(loaded.database, now=now, busy_timeout_ms=busy).close()
    except StoreError as error:
        log.get_logger("serve").warning("the database cannot be used", why=error.message)
        return error.message
    return ""


def seat(host: str, port: int) -> Seat:
    """Take *port* (0: any free one) of *host*. Raises ``UsageError`` where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _unseated(host, port, error) from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken = int(listener.getsockname()[1])
    shown = f"[{host.strip('[]')}]" if family is socket.AF_INET6 else host
    return Seat(listener, f"http://{shown}:{taken}")


def _unseated(host: str, port: int, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"port {port} of {host} is taken: something listens there already.",
            hint="end it, or name another: --port 5001 (0: any free one)",
        )
    if error.errno == errno.EACCES:
        return UsageError(f"port {port} is not for you.", hint="--port 5000, or another above 1023")
    return UsageError(
        f"{host} is no address of this machine: {error.strerror or error}.", hint="--host 127.0.0.1"
    )


class Server(uvicorn.Server):
    """Says when it accepts; ends the streams before it waits for who is connected."""

    def __init__(  # what to do when, and whose child it is
        self,
        config: uvicorn.Config,
        *,
        begin: Step,
        on_ready: Callable[[], None],
        end: Step,
        parent: int | None,
    ) -> None:
        super().__init__(config)
        self._begin, self._on_ready, self._end = begin, on_ready, end
        self._parent = parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        await self._begin()
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Return whether to end: told to, or left alone by who started it."""
        over = await super().on_tick(counter)
        return over or (self._parent is not None and os.getppid() != self._parent)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what never ends by itself, then wait for the rest."""
        await self._end()
        await super().shutdown(sockets)


class Door:
    """Lets what is served hang up on a client that takes nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request, with the means to hang up."""
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope[ABORT] = transport.abort
        await self._app(scope, receive, send)


async def _nothing() -> None:
    await asyncio.sleep(0)


def server_of(  # what is served, where, and what is done when
    app: ASGIApp,
    at: Seat,
    *,
    on_ready: Callable[[str], None] = lambda _url: None,
    begin: Step = _nothing,
    end: Step = _nothing,
    parent: int | None = None,
) -> Server:
    """Return what serves *app*; see ``serve``. ``run(sockets=[seat.listener])`` blocks."""
    config = uvicorn.Config(
        Door(app),
        http=Patience,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
    )
    return Server(config, begin=begin, on_ready=lambda: on_ready(at.url), end=end, parent=parent)


def serve(  # what is served, where, and what is done when
    app: ASGIApp,
    at: Seat,
    *,
    on_ready: Callable[[str], None],
    begin: Step,
    end: Step,
    parent: int | None = None,
) -> None:
    """Serve *app* until SIGINT or SIGTERM, or until *parent* is not our parent any more; blocks.

    *on_ready* is told the address once it answers. *begin* is awaited before, *end* when it is to
    end, before anybody who is connected is waited for.
    """
    server = server_of(app, at, on_ready=on_ready, begin=begin, end=end, parent=parent)
    server.run(sockets=[at.listener])
