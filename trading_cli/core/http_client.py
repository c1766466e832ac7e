"""The one place that speaks HTTP.

Every request waits for its budget, is bounded in time and size, and fails as one of the five
SourceErrors. Only requests that read are sent, so every one of them may be repeated.
"""

import http.client
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from random import SystemRandom
from typing import Any, Self

import requests
import stamina
import stamina.instrumentation
import urllib3
from requests import Response
from requests.adapters import HTTPAdapter

from trading_cli import __version__
from trading_cli.core.clock import Clock
from trading_cli.core.errors import (
    CircuitOpen,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
)
from trading_cli.core.http_reply import Reply
from trading_cli.core.http_timed import TIME_LEFT, TimedPool, TimedTlsPool
from trading_cli.core.http_words import budget_host, error_words, plain, retry_after
from trading_cli.core.ratelimit import Limiter, Rate
from trading_cli.core.redact import Redactor

_CHUNK = 65_536
_ERROR_BYTES = 65_536
_TOTAL_FACTOR = 3.0  # a whole answer may take so many read timeouts
_RETRY_FIRST_S = 0.25
_RETRY_MAX_S = 5.0
_THROTTLED = 429
_RETRYABLE_4XX = frozenset({408, 425})

Params = Sequence[tuple[str, str]] | Mapping[str, str] | None

# Left alone, stamina reports each retry through structlog, which prints to stdout until set up.
stamina.instrumentation.set_on_retry_hooks([])


@dataclass(frozen=True)
class _Question:
    """One request as it is asked, and as messages show it."""

    method: str
    path: str
    params: Sequence[tuple[str, str]]
    body: bytes | None
    endpoint: str
    deadline: float | None
    shown: str


class HttpClient:
    """Requests to one server, within its budgets. Safe for *workers* threads.

    *base_url* is scheme://host[:port][/prefix]; *rates* has a Rate for every endpoint asked.
    """

    def __init__(  # noqa: PLR0913  # the settings of one server, all by name
        self,
        source: str,
        base_url: str,
        *,
        limiter: Limiter,
        rates: Mapping[str, Rate],
        clock: Clock,
        workers: int = 16,
        connect_timeout: float = 5.0,
        read_timeout: float = 10.0,
        max_bytes: int = 20_000_000,
        attempts: int = 3,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._source = source
        self._base = base_url.rstrip("/")
        self._host = budget_host(base_url)
        self._limiter = limiter
        self._rates = rates
        self._clock = clock
        self._timeouts = (connect_timeout, read_timeout)
        self._max_bytes = max_bytes
        self._attempts = attempts
        self._redactor = Redactor(secrets)
        self._random = SystemRandom()
        self._sent = 0
        self._count_lock = threading.Lock()
        self._session = _session(workers, headers or {})

    @property
    def requests(self) -> int:
        """Return how many requests were sent so far, repeated ones included."""
        return self._sent

    def get(
        self, path: str, params: Params = None, *, endpoint: str, deadline: float | None = None
    ) -> Reply:
        """Return the answer to GET *path*; *deadline* is an instant of clock.monotonic().

        Raises SourceDown, SourceThrottled, CircuitOpen, SourceRefused (with its status) or
        SourceGarbled.
        """
        pairs = list(params.items()) if isinstance(params, Mapping) else params or ()
        shown = self._shown("GET", path)
        return self._asked(_Question("GET", path, pairs, None, endpoint, deadline, shown))

    def post(
        self, path: str, payload: Any, *, endpoint: str, deadline: float | None = None
    ) -> Reply:
        """Return the answer to POST *path* with *payload* as JSON; only for posts that read.

        Raises as ``get`` does.
        """
        body = json.dumps(payload, allow_nan=False, separators=(",", ":")).encode()
        shown = self._shown("POST", path)
        return self._asked(_Question("POST", path, (), body, endpoint, deadline, shown))

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _shown(self, method: str, path: str) -> str:
        return plain(self._redactor.text(f"{method} {path.split('?', maxsplit=1)[0]}"))

    def _asked(self, asked: _Question) -> Reply:
        """Ask until answered, refused, out of attempts or out of time."""
        rate = self._rates[asked.endpoint]
        tried = 0

        def again(error: Exception) -> bool | float:
            """Say after how many seconds to repeat, or that there is no sense in it."""
            if not isinstance(error, SourceDown):
                return False
            if isinstance(error, SourceThrottled):
                return 1e-9  # the shared budget itself waits as long as we were told to
            pause = min(_RETRY_FIRST_S * 2.0**tried, _RETRY_MAX_S) * self._random.uniform(0.5, 1)
            late = asked.deadline is not None and (
                self._clock.monotonic() + pause >= asked.deadline
            )
            return False if late else pause

        for attempt in stamina.retry_context(on=again, attempts=self._attempts, timeout=None):
            self._wait_for_budget(asked.endpoint, rate, asked.deadline)
            with attempt:
                tried += 1
                return self._once(asked)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _wait_for_budget(self, endpoint: str, rate: Rate, deadline: float | None) -> None:
        try:
            self._limiter.acquire(self._host, endpoint, rate, deadline)
        except SourceDown as error:
            raise _under_our_name(self._source, error) from error

    def _once(self, asked: _Question) -> Reply:
        """Send one request and tell the limiter how it went."""
        began = self._clock.monotonic()
        if asked.deadline is not None and began >= asked.deadline:
            raise SourceDown(self._source, f"{asked.shown}: not sent, the deadline has passed")
        try:
            reply = self._sent_and_read(asked, began)
        except SourceThrottled as error:
            self._limiter.throttled(self._host, asked.endpoint, error.retry_after)
            raise
        except SourceDown as error:
            self._limiter.failed(self._host, error.detail)
            raise
        except SourceError:
            self._limiter.succeeded(self._host, asked.endpoint)
            raise
        self._limiter.succeeded(self._host, asked.endpoint)
        return reply

    def _sent_and_read(self, asked: _Question, began: float) -> Reply:
        connect, read = self._timeouts
        until = began + _TOTAL_FACTOR * read + connect
        if asked.deadline is not None:
            until = min(until, asked.deadline)
        left = until - began
        with self._count_lock:
            self._sent += 1
        timed = TIME_LEFT.set(lambda: until - self._clock.monotonic())
        try:
            with self._session.request(
                asked.method,
                self._base + asked.path,
                params=asked.params,
                data=asked.body,
                headers={"Content-Type": "application/json"} if asked.body is not None else None,
                timeout=(min(connect, left), min(read, left)),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = self._read(response, until, asked.shown)
        except _BROKEN as error:
            raise translated(self._source, asked.shown, error) from error
        finally:
            TIME_LEFT.reset(timed)
        return self._judged(response, content, asked.shown, began)

    def _read(self, response: Response, until: float, shown: str) -> bytes:
        """Return the decoded body, of an error only its beginning."""
        limit = self._max_bytes if response.ok else _ERROR_BYTES
        parts: list[bytes] = []
        size = 0
        while True:
            chunk = response.raw.read1(_CHUNK, decode_content=True)
            if not chunk:
                return b"".join(parts)
            size += len(chunk)
            parts.append(chunk)
            if size > limit:
                if not response.ok:
                    return b"".join(parts)
                raise SourceGarbled(
                    self._source, f"{shown}: the answer is larger than {limit:,} bytes"
                )
            if self._clock.monotonic() > until:
                raise SourceDown(
                    self._source, f"{shown}: the answer came too slowly ({size:,} bytes so far)"
                )

    def _judged(self, response: Response, content: bytes, shown: str, began: float) -> Reply:
        """Return the reply, or raise what its status or its body says."""
        status = response.status_code
        said = plain(self._redactor.text(error_words(content, ok=response.ok)))
        if status == _THROTTLED or (response.ok and "too many requests" in said.lower()):
            raise SourceThrottled(
                self._source,
                f"{shown}: too many requests",
                retry_after=retry_after(response.headers, self._clock.now()),
            )
        detail = f"{shown}: HTTP {status}" + (f" ({said})" if said else "")
        if status >= 500 or status in _RETRYABLE_4XX:  # noqa: PLR2004  # HTTP's own classes
            raise SourceDown(self._source, detail, status=status)
        if not 200 <= status < 300 or said:  # noqa: PLR2004  # HTTP's own classes
            raise SourceRefused(self._source, detail, status=status)
        return Reply(
            status=status,
            body=content,
            headers=response.headers,
            path=shown,
            observed_at=self._clock.now(),
            elapsed_s=self._clock.monotonic() - began,
            source=self._source,
        )


def _under_our_name(source: str, error: SourceDown) -> SourceDown:
    """Return the limiter's error, which names a host, as one that names *source*."""
    if isinstance(error, CircuitOpen):
        return CircuitOpen(source, error.seconds, error.cause)
    if isinstance(error, SourceThrottled):
        return SourceThrottled(source, error.detail, retry_after=error.retry_after)
    return SourceDown(source, error.detail)


_BROKEN = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
)


def translated(source: str, shown: str, error: Exception) -> SourceError:
    """Return our error for one of the network library's; its text (which holds URLs) stays out."""
    if isinstance(error, requests.exceptions.ContentDecodingError | urllib3.exceptions.DecodeError):
        return SourceGarbled(source, f"{shown}: the answer's compression is broken")
    if isinstance(error, _OUR_FAULT):
        return SourceRefused(
            source,
            f"{shown}: the request cannot be sent ({type(error).__name__})",
            hint="check the source's url in config.yaml",
        )
    return SourceDown(source, f"{shown}: {_cause(error)}")


_OUR_FAULT = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidJSONError,
    requests.exceptions.UnrewindableBodyError,
    requests.exceptions.URLRequired,
    urllib3.exceptions.LocationValueError,
)

_CAUSES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (requests.exceptions.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError),
        "no connection in time",
    ),
    (
        (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError),
        "no answer in time",
    ),
    ((requests.exceptions.SSLError, urllib3.exceptions.SSLError), "TLS failed"),
    ((requests.exceptions.ProxyError,), "the proxy failed"),
    (
        (
            requests.exceptions.ChunkedEncodingError,
            urllib3.exceptions.IncompleteRead,
            http.client.IncompleteRead,
        ),
        "the answer was cut off",
    ),
    ((urllib3.exceptions.ProtocolError, ConnectionResetError), "the connection broke"),
    ((requests.exceptions.ConnectionError, OSError), "could not connect"),
)


def _cause(error: Exception) -> str:
    """Return what went wrong in a few words."""
    if isinstance(error, requests.exceptions.ConnectionError) and error.args:
        inner = error.args[0]
        if isinstance(inner, urllib3.exceptions.ProtocolError):
            return "the connection broke"
    for kinds, words in _CAUSES:
        if isinstance(error, kinds):
            return words
    return f"failed ({type(error).__name__})"


def _session(workers: int, headers: Mapping[str, str]) -> requests.Session:
    """Return a session that follows nothing, remembers nothing and reads no environment."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=workers, max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {"http": TimedPool, "https": TimedTlsPool}
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    session.headers.update({"User-Agent": f"trading-cli/{__version__}", "Accept": "*/*"})
    session.headers.update({"Accept-Encoding": "gzip, deflate", **headers})
    return session
