"""One request to an address that a person gave: looked up, checked, and connected to as checked.

``http_client`` asks services we know, again and again, within shared budgets. This sends once to an
address that may be anything: only https to a public host (http and the owner's own network only
where allowed), the name resolved once and that very number connected to, so that a name that
changes its mind (DNS rebinding) gains nothing. No redirect, no proxy, no cookie, 64 KB of answer
to what was sent, and of what is fetched as much as was asked for.
The address is a secret: no message holds it.
"""

import http.client
import ipaddress
import math
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from trading_cli import __version__
from trading_cli.core.errors import SourceDown, SourceRefused
from trading_cli.core.http_words import retry_after

MAX_ANSWER = 65_536
CONNECT_S = 5.0
MOST_NUMBERS = 4
_NOT_PUBLIC = tuple(  # beyond what the library knows to be special
    map(
        ipaddress.ip_network,
        (
            "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "192.31.196.0/24", "192.52.193.0/24",
            "192.175.48.0/24", "3fff::/20",
            "168.63.129.16/32",  # a cloud's own, though it looks public
        ),
    )
)  # fmt: skip
_GIVEN_OUT = ipaddress.ip_network("2000::/3")  # all IPv6 that is routed on the open Internet
_ISATAP = (0x5EFE, 0x0200_5EFE)  # before the last 32 bits: an IPv4 host behind a tunnel
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, of any status; ``retry_after`` in seconds where the server said so."""

    status: int
    body: bytes
    retry_after: float | None


class Address:
    """One address of *source*, checked when it is made, its host each time it is used."""

    def __init__(
        self, source: str, url: str, *, allow_private: bool, timeout: float = 10.0, hint: str = ""
    ) -> None:
        self._source = source
        self._private = allow_private
        self._timeout = timeout
        self._hint = hint or f"correct TRADING_{source.upper()}_URL, or set alerts.allow_private"
        self._parts, self._port = self._read(url)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send *body* once.

        Raises ``SourceDown`` where there is no whole answer within the timeout, ``SourceRefused``
        where the address is none we may connect to.
        """
        return self._asked("POST", body, headers, MAX_ANSWER)

    def get(self, headers: Mapping[str, str], most: int) -> Answer:
        """Fetch at most *most* bytes once, for *most* + 1 to say that there was more.

        Raises as ``post`` does.
        """
        return self._asked("GET", None, headers, most + 1)

    def _asked(
        self, method: str, body: bytes | None, headers: Mapping[str, str], most: int
    ) -> Answer:
        until = time.monotonic() + self._timeout
        try:
            sock = self._connected(until)
        except ssl.SSLError:
            raise SourceDown(self._source, "TLS failed") from None
        except TimeoutError:
            raise SourceDown(self._source, "no connection in time") from None
        except OSError:
            raise SourceDown(self._source, "could not connect") from None
        try:
            return self._exchanged(sock, (method, body, headers), most, until)
        except TimeoutError:
            raise SourceDown(self._source, "no answer in time") from None
        except (OSError, http.client.HTTPException) as error:
            said = f"the connection broke ({type(error).__name__})"
            raise SourceDown(self._source, said) from None
        finally:
            sock.close()

    def _read(self, url: str) -> tuple[SplitResult, int]:
        """Return the parts of *url* and its port. Raises ``SourceRefused``, without the address."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            parts, port = urlsplit(""), 0
        plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
        if not port or not plain or not parts.hostname or parts.username or parts.password:
            raise self._refused("is not an address such as https://host/path")
        if parts.scheme != "https" and not self._private:
            raise self._refused("must begin with https://")
        return parts, port

    def _refused(self, why: str) -> SourceRefused:
        return SourceRefused(
            self._source,
            f"the address {why}",
            hint=self._hint,
        )

    def _connected(self, until: float) -> socket.socket:
        """Return a connection to the first number of the host that answers, all of them allowed."""
        host = self._parts.hostname or ""
        try:
            found = socket.getaddrinfo(host, self._port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise self._refused("is not an address such as https://host/path") from None
        numbers = {str(one[4][0]).partition("%")[0] for one in found}
        if not self._private and not all(public(ipaddress.ip_address(one)) for one in numbers):
            raise self._refused("leads into a private network")
        sock = _first(found, until)
        if self._parts.scheme == "http":
            return sock
        try:
            return ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        except (OSError, ValueError):
            sock.close()
            raise

    def _exchanged(
        self,
        sock: socket.socket,
        request: tuple[str, bytes | None, Mapping[str, str]],
        most: int,
        until: float,
    ) -> Answer:
        """Send the request and read the answer; what trickles is given up at *until*."""
        parts, (method, body, headers) = self._parts, request
        connection = http.client.HTTPConnection(parts.hostname or "", self._port)
        connection.sock = sock
        sock.settimeout(_left(until))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        named = {"User-Agent": f"trading-cli/{__version__}", "Connection": "close"}
        connection.request(method, target, body, {**named, **headers})
        sock.settimeout(_left(until))
        response = connection.getresponse()
        kept = bytearray()
        while len(kept) < most:
            sock.settimeout(_left(until))
            chunk = response.read1(most - len(kept))
            if not chunk:
                break
            kept += chunk
        response.close()
        told = dict(response.getheaders())
        wait = retry_after(told, datetime.now(UTC))
        return Answer(response.status, bytes(kept), None if wait is None else math.ceil(wait))


def _first(found: Sequence[tuple[Any, ...]], until: float) -> socket.socket:
    """Return a connection to the first of *found* that takes one; names are not looked up again."""
    failed: OSError = OSError("the name has no number")
    for family, kind, protocol, _, place in found[:MOST_NUMBERS]:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(CONNECT_S, _left(until)))
            sock.connect(place)
        except OSError as error:
            sock.close()
            failed = error
        else:
            return sock
    raise failed


def _left(until: float) -> float:
    """Return the seconds left. Raises ``TimeoutError`` where there are none."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def public(ip: Ip) -> bool:
    """Return whether *ip* is a host on the open Internet: no private, local or special one."""
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is None and (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return public(inner)
        if ip not in _GIVEN_OUT:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in one for one in _NOT_PUBLIC)
