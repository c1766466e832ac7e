"""A real server on a small home, and those who listen to its stream."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from fastapi import FastAPI

from trading_cli.app import serving
from trading_cli.store import Store, happenings, journal
from trading_cli.web import standing
from trading_cli.web.api import create_app
from trading_cli.web.stream import Hub

PATIENCE_S = 60.0
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def until(ready: Callable[[], Any]) -> Any:
    """Return what *ready* returns once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := ready()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return found


def new_home(folder: Path, *, database: bool = True) -> Path:
    """Make a home without a market, and return its settings file."""
    folder.mkdir(mode=0o700)
    config = folder / "config.yaml"
    config.write_text("mode: paper\n")
    config.chmod(0o600)
    if database:
        Store.open(folder / "data" / "trading.db", now=NOW).close()
    return config


def write(config: Path, rows: int = 1, subject: str = "x") -> None:
    """Let *rows* things happen in one transaction."""
    database = config.parent / "data" / "trading.db"
    with Store.open(database, now=NOW) as store, store.transaction() as tx:
        for _ in range(rows):
            journal.append(tx, "note", subject, {}, at=NOW)


def table(config: Path, after: int = 0) -> list[dict[str, Any]]:
    """Return what happened after a number, as the stream tells it."""
    with Store.reader(config.parent / "data" / "trading.db") as store, store.reading() as look:
        rows = happenings.after(look, after, limit=10**6)
    return [
        {"id": one.id, "at": one.at.isoformat(), "kind": one.kind, "subject": one.subject}
        for one in rows
    ]


@dataclass
class Up:
    """A server that is up in a thread."""

    config: Path
    api: FastAPI
    url: str
    port: int
    server: serving.Server
    thread: threading.Thread

    @property
    def listening(self) -> int:
        """Return how many listen; what tells them is made when the first one does."""
        hub: Hub | None = getattr(self.api.state, "hub", None)
        return 0 if hub is None else hub.listening

    def end(self) -> None:
        """End it as a signal would, and wait until it has."""
        self.server.should_exit = True
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


@contextmanager
def up(config: Path, *, narrow: bool = False) -> Iterator[Up]:
    """Serve the home of *config*; with *narrow* little fits into its sockets."""
    api = create_app(config, {})
    seat = serving.seat("127.0.0.1", 0)
    if narrow:
        seat.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ready = threading.Event()
    server = serving.server_of(
        api, seat, on_ready=lambda _: ready.set(), begin=partial(standing.begin, api),
        end=partial(standing.end, api),
    )  # fmt: skip
    thread = threading.Thread(target=server.run, kwargs={"sockets": [seat.listener]}, daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_S)
    one = Up(config, api, seat.url, int(seat.listener.getsockname()[1]), server, thread)
    try:
        yield one
    finally:
        one.end()


class Listener:
    """One who listens: a plain socket, and what was told so far."""

    def __init__(
        self, one: Up, *, after: int | None = None, last: int | None = None, narrow: bool = False
    ) -> None:
        self.socket = socket.socket()
        if narrow:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", one.port))
        query = "" if after is None else f"?after={after}"
        more = "" if last is None else f"Last-Event-ID: {last}\r\n"
        asked = f"GET /api/v1/stream{query} HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\n{more}\r\n"
        self.socket.sendall(asked.encode())
        self.file = self.socket.makefile("rb")
        self.status = 0
        self.headers: dict[str, str] = {}

    def begun(self) -> "Listener":
        """Read the head of the answer."""
        self.status = int(self.file.readline().split()[1])
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        return self

    def chunks(self) -> Iterator[str]:
        """Yield the pieces of text between blank lines, until it ends."""
        while size := int(self.file.readline().strip() or b"0", 16):
            text = self.file.read(size).decode()
            self.file.readline()
            yield from (one for one in text.split("\n\n") if one)

    def events(self) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
        """Yield (kind, id, data) of each event."""
        if not self.status:
            self.begun()
        for chunk in self.chunks():
            fields = dict(line.split(": ", 1) for line in chunk.split("\n") if ": " in line)
            if "event" in fields:
                yield fields["event"], fields.get("id"), json.loads(fields["data"])

    def close(self) -> None:
        """Hang up."""
        self.file.close()
        self.socket.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()
