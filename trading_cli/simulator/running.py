"""Starts the pretend exchange on loopback and stops it again."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from trading_cli.simulator.backend import Backend
from trading_cli.simulator.control import WorldClock
from trading_cli.simulator.server import create_app
from trading_cli.simulator.wire import ABORT

PATIENCE_S = 30.0
KEEP_ALIVE_S = 75
LINGER_NOT = b"\x01\x00\x00\x00\x00\x00\x00\x00"


class Server(uvicorn.Server):
    """Says when it accepts, and drops who is still connected when it stops."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop at once: whoever hangs is let go."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


class Door:
    """Lets the application hang up on a client the hard way (TCP RST)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request, with the means to abort it."""
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:

            def abort() -> None:
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                transport.abort()

            scope[ABORT] = abort
        await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Running:
    """A server at work in a thread of its own."""

    url: str
    port: int
    clock: WorldClock
    _server: Server
    _thread: threading.Thread

    def stop(self) -> None:
        """Stop it and wait until its thread has ended."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(PATIENCE_S)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop it."""
        self.stop()


def start(  # all but the backend are keywords with defaults
    backend: Backend,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    latency_s: float = 0.0,
    limits: bool = True,
    now: float | None = None,
    fault_seed: int = 0,
) -> Running:
    """Serve *backend* in a daemon thread; it accepts when this returns.

    *port* 0 takes a free one; *now* sets the world's clock, which then stands still. Raises
    ``OSError`` when the port is taken.
    """
    listener = _listener(host, port)
    bound = int(listener.getsockname()[1])
    clock, ready = WorldClock(now), threading.Event()
    app = create_app(
        backend, clock=clock, latency_s=latency_s, limits=limits, fault_seed=fault_seed
    )
    server = Server(_config(app), ready.set)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True
    )
    thread.start()
    if not ready.wait(PATIENCE_S):
        raise OSError(f"the simulator did not start on port {bound}")
    return Running(f"http://{host}:{bound}", bound, clock, server, thread)


def serve_forever(  # as start, and when it is ready
    backend: Backend,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    latency_s: float = 0.0,
    limits: bool = True,
    now: float | None = None,
    fault_seed: int = 0,
    on_ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve *backend* in this thread until interrupted; *on_ready* is told the URL."""
    listener = _listener(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    app = create_app(
        backend,
        clock=WorldClock(now),
        latency_s=latency_s,
        limits=limits,
        fault_seed=fault_seed,
    )
    Server(_config(app), lambda: on_ready(url)).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    """Return a bound socket whose connections send at once.

    asyncio sees to that only for sockets that name their protocol, which these do not; without it
    a reply's body waits 40 ms for the client to acknowledge the headers.
    """
    listener = socket.create_server((host, port), backlog=2048)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _config(app: ASGIApp) -> uvicorn.Config:
    """Return how uvicorn is to serve: quietly, and with our own Date header."""
    return uvicorn.Config(
        Door(app),
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
