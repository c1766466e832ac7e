"""Connections bounded in time as a whole, however slowly a name is looked up or the bytes drip.

A socket's timeout starts anew with every byte, and the standard library reads the status line and
the headers in one go; so the time left is set on the socket before each read. Looking up a name
knows no timeout at all, so it is done in a thread that is left behind when the time is up.
"""

import http.client
import io
import ipaddress
import queue
import socket
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

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

    def _new_conn(self) -> socket.socket:
        """Look the name up in time, then connect to the first of its addresses that answers."""
        name = self._dns_host
        try:
            addresses = looked_up(name, self.port, self.timeout)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"{name} was not looked up in time") from error
        except socket.gaierror as error:
            raise NameResolutionError(name, self, error) from error
        failed: ConnectTimeoutError | NewConnectionError | None = None
        for address in addresses:
            self._dns_host = address
            try:
                return super()._new_conn()
            except (ConnectTimeoutError, NewConnectionError) as error:
                failed = failed or error
            finally:
                self._dns_host = name
        raise failed or NewConnectionError(self, f"{name} has no address")


class _TlsConnection(_Connection, HTTPSConnection):
    pass


def looked_up(name: str, port: int | None, patience: float | None) -> list[str]:
    """Return the addresses of *name*, in the system's order.

    Raises TimeoutError when the system does not answer within *patience* seconds, or the time left
    of the request; gaierror when there are none.
    """
    if _is_address(name):
        return [name]
    left = TIME_LEFT.get()
    waits = [one for one in (patience, None if left is None else left()) if one is not None]
    answers: queue.SimpleQueue[list[str] | socket.gaierror] = queue.SimpleQueue()

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            answers.put(error)
        except (OSError, UnicodeError) as error:
            answers.put(socket.gaierror(socket.EAI_NONAME, str(error)))
        else:
            answers.put(list(dict.fromkeys(str(row[4][0]) for row in rows)))

    threading.Thread(target=ask, name=f"look up {name}", daemon=True).start()
    try:
        found = answers.get(timeout=max(0.0, min(waits)) if waits else None)
    except queue.Empty:
        raise TimeoutError("timed out") from None
    if isinstance(found, socket.gaierror):
        raise found
    return found


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class TimedPool(HTTPConnectionPool):
    """Plain connections to one host."""

    ConnectionCls = _Connection


class TimedTlsPool(HTTPSConnectionPool):
    """TLS connections to one host."""

    ConnectionCls = _TlsConnection
