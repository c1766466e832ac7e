"""A server on loopback as a test holds it, and a command told in the same process."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

SESSION = "/api/v1/session"
PATIENCE_S = 60.0


class Server(uvicorn.Server):
    """Says when it accepts."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepts = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.accepts.set()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Yield the address at which *app* is really served, on a free port of loopback."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, proxy_headers=False, lifespan="off", timeout_graceful_shutdown=1
    )
    server = Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    assert server.accepts.wait(PATIENCE_S)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@dataclass
class Api:
    """A client of one server; a new one has no cookie."""

    url: str
    client: httpx.Client

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Ask for an address below /api/v1."""
        return self.client.get(f"/api/v1/{path}", **more)

    def data(self, path: str) -> Any:
        """Return the data of an answer that must be one."""
        reply = self.get(path)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    def enter(self) -> dict[str, str]:
        """Begin a session as the page does; return the header its writes need."""
        told = self.client.get(SESSION).json()["data"]
        return {"X-CSRF-Token": told["csrf"]}

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """Write, as the page would with *more* headers."""
        return self.client.post(f"/api/v1/{path}", json=body, **more)


@contextmanager
def asking(app: FastAPI) -> Iterator[Api]:
    """Yield a client of *app*, which is served meanwhile."""
    with serving(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield Api(url, client)


def told(*words: str) -> dict[str, Any]:
    """Return the envelope that `trading WORDS --json` prints, run in this process."""
    from trading_cli.cli.main import run

    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        run([*words, "--json"])
    assert out.getvalue(), err.getvalue()
    envelope: dict[str, Any] = json.loads(out.getvalue())
    return envelope
