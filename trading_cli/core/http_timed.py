"""Connections whose answers are bounded in time as a whole, however slowly the bytes drip.

A socket's timeout starts anew with every byte, and the standard library reads the status line and
the headers in one go; so the time left is set on the socket before each read.
"""

import http.client
import io
import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

TIME_LEFT: ContextVar[Callable[[], float] | None] = ContextVar("time_left", default=None)


class _TimedBytes(io.RawIOBase):
    """The bytes of a socket until the time is up, then TimeoutError."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, left: Callable[[], float]) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._left = left

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Read what has come; raises TimeoutError when nothing comes in the time left."""
        left = self._left()
        if left <= 0:
            raise TimeoutError("timed out")
        own = self._sock.gettimeout()
        self._sock.settimeout(left if own is None else min(own, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class _TimedAnswer(http.client.HTTPResponse):
    """An answer whose status, headers and body all come in the time left, or fail."""

    def __init__(self, sock: socket.socket, *rest: Any, **options: Any) -> None:
        super().__init__(sock, *rest, **options)
        left = TIME_LEFT.get()
        if left is not None:
            self.fp = io.BufferedReader(_TimedBytes(self.fp.detach(), sock, left))


class _Connection(HTTPConnection):
    response_class = _TimedAnswer


class _TlsConnection(HTTPSConnection):
    response_class = _TimedAnswer


class TimedPool(HTTPConnectionPool):
    """Plain connections to one host."""

    ConnectionCls = _Connection


class TimedTlsPool(HTTPSConnectionPool):
    """TLS connections to one host."""

    ConnectionCls = _TlsConnection
