"""Bytes as a stranger would send them, past everything a client library mends."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: status 0 where nothing did; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def exchange(port: int, *pieces: bytes, finish: bool = False) -> Reply:
    """Send *pieces* to loopback and read until the other side ends; *finish*: say there is no more.

    Each request needs ``Connection: close`` to be answered at once.
    """
    told = bytearray()
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as wire:
        with suppress(ConnectionError):
            for one in pieces:
                wire.sendall(one)
            if finish:
                wire.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while got := wire.recv(65_536):
                told += got
    return parsed(bytes(told))


def parsed(whole: bytes) -> Reply:
    """Return the first reply in *whole*."""
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    words = first.split()
    return Reply(int(words[1]) if len(words) > 1 else 0, headers, body, whole)


def request(
    target: bytes, *headers: bytes, method: bytes = b"GET", host: str = "", body: bytes = b""
) -> bytes:
    """Return a request for exactly *target*; with a body its length is added."""
    lines = [b"%s %s HTTP/1.1" % (method, target), b"Connection: close", *headers]
    if host:
        lines.insert(1, b"Host: " + host.encode())
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])
