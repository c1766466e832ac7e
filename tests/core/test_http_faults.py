"""However a server misbehaves, the answer is one of five errors, in time, without a secret."""

import gzip
import socket
import struct
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime

import pytest
import requests
import urllib3
from werkzeug import Response

from trading_cli.core import http_client
from trading_cli.core.clock import SystemClock
from trading_cli.core.errors import (
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
)
from trading_cli.core.http_client import HttpClient, translated
from trading_cli.core.ratelimit import Limiter, Rate

CANARY = "canary-token-4711"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def client(folder, url, **options):
    """Yield a client with short patience and a generous budget."""
    clock = SystemClock()
    limiter = Limiter(folder / "limits.db", clock=clock)
    settings = {
        "connect_timeout": 0.3,
        "read_timeout": 0.3,
        "attempts": 1,
        "max_bytes": 100_000,
        "headers": {"Authorization": f"Bearer {CANARY}"},
        "secrets": [CANARY],
        **options,
    }
    rates = {"/a": Rate(1000, 1, 10)}
    with HttpClient("test", url, limiter=limiter, rates=rates, clock=clock, **settings) as http:
        yield http
    limiter.close()


@contextmanager
def rude_server(talk):
    """Yield the address of a server that treats every connection with *talk*."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                if over.is_set():
                    return
                connection.recv(65_536)
                try:
                    talk(connection, over)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        with socket.create_connection(listener.getsockname()):
            thread.join()
        listener.close()


def hang(_connection, over):
    """Say nothing."""
    over.wait(5)


def drip(start):
    """Return a server that sends *start*, then one byte again and again."""

    def talk(connection, over):
        connection.sendall(start)
        while not over.wait(0.05):
            connection.sendall(b"x")

    return talk


def reset(connection, _over):
    """Break the connection in the middle of the body."""
    connection.sendall(OK + b"Content-Length: 100\r\n\r\n[1")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def say(answer):
    """Return a server that sends *answer* and closes."""
    return lambda connection, _over: connection.sendall(answer)


def asked(http, path="/a", **options):
    """Return the error of one request that carries the canary wherever it can."""
    with pytest.raises(SourceError) as caught:
        http.get(path, {"token": CANARY}, endpoint="/a", **options)
    assert CANARY not in f"{caught.value!r} {caught.value} {caught.value.hint}"
    return caught.value


@pytest.mark.parametrize(
    ("talk", "kind", "words"),
    [
        (hang, SourceDown, "no answer in time"),
        (drip(b"HTTP/1.1 200 OK\r\nX-Long: "), SourceDown, "no answer in time"),
        (drip(OK + b"Content-Length: 9999\r\n\r\n"), SourceDown, "time|slowly"),
        (reset, SourceDown, "broke|cut off"),
        (say(OK + b"Content-Length: 100\r\n\r\n[1"), SourceDown, "cut off|broke"),
        (say(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), SourceDown, "cut off|broke"),
        (say(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), SourceDown, "cut off|broke"),
        (say(b""), SourceDown, "broke"),
        (say(b"garbage\r\n\r\n"), SourceDown, "broke"),
        (say(OK + b"Content-Encoding: gzip\r\n\r\nno gzip"), SourceGarbled, "compression"),
        (say(OK + b"Content-Length: 9\r\n\r\n" + b"x" * 9), None, ""),
    ],
)
def test_rude_servers(tmp_path, talk, kind, words):
    """Hanging, dripping, breaking and lying servers are down or garbled, and never hold us."""
    with rude_server(talk) as url, client(tmp_path, url) as http:
        if kind is None:
            assert http.get("/a", endpoint="/a").body == b"x" * 9
            return
        error = asked(http)
        assert type(error) is kind
        assert any(word in error.detail for word in words.split("|"))


def test_nothing_listens(tmp_path):
    """A closed port is down."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with client(tmp_path, f"http://127.0.0.1:{port}") as http:
        assert "could not connect" in asked(http).detail


def test_a_name_nobody_looks_up_in_time(tmp_path, monkeypatch):
    """The system may take forever over a name: we wait as long as for a connection, no longer."""
    answered = threading.Event()

    def never(name, *_rest, **_options):
        answered.wait()
        raise socket.gaierror(socket.EAI_AGAIN, f"no answer about {name}")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    try:
        with client(tmp_path, "http://slow.invalid:1") as http:
            assert "no connection in time" in asked(http).detail
        with client(tmp_path, "http://slow.invalid:1", connect_timeout=60.0) as http:
            assert type(asked(http, deadline=time.monotonic() + 0.2)) is SourceDown
    finally:
        answered.set()


def test_a_name_that_does_not_exist(tmp_path):
    """It is down, as what cannot be reached is."""
    with client(tmp_path, "http://nobody.invalid:1", connect_timeout=20.0) as http:
        assert "could not connect" in asked(http).detail


def test_each_address_of_a_name_is_tried(tmp_path, httpserver, monkeypatch):
    """The first of two addresses does not listen: the second answers, and the name is told it."""
    rows = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 0)) for ip in ("127.9.9.9", "127.0.0.1")
    ]
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda name, *r, **o: rows if name == "two.invalid" else real(name, *r, **o),
    )
    httpserver.expect_request("/a").respond_with_json([1])
    with client(tmp_path, f"http://two.invalid:{httpserver.port}") as http:
        assert http.get("/a", endpoint="/a").json() == [1]
    assert httpserver.log[0][0].headers["Host"] == f"two.invalid:{httpserver.port}"


@pytest.mark.parametrize(
    "body", [b"x" * 100_001, gzip.compress(bytes(50_000_000), 9)], ids=["large", "bomb"]
)
def test_too_large(tmp_path, httpserver, body):
    """More than max_bytes, also after unpacking, is garbled."""
    headers = {"Content-Encoding": "gzip"} if body[:1] == b"\x1f" else {}
    httpserver.expect_request("/a").respond_with_data(body, headers=headers)
    with client(tmp_path, httpserver.url_for(""), read_timeout=5) as http:
        error = asked(http)
    assert type(error) is SourceGarbled
    assert "larger than 100,000" in error.detail


@pytest.mark.parametrize("body", ["<html>no</html>", "[1", "[NaN]", "[1e999]", "[" * 5000, ""])
def test_what_is_no_json(tmp_path, httpserver, body):
    """A page, half a text, NaN or endless nesting is garbled when read as JSON."""
    httpserver.expect_request("/a").respond_with_data(body, content_type="text/html")
    with client(tmp_path, httpserver.url_for("")) as http:
        reply = http.get("/a", endpoint="/a")
        with pytest.raises(SourceGarbled):
            reply.json()


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [("7", 7, 7), ("date", 95, 101), ("", None, None), ("soon", None, None), ("words", None, None)],
)
def test_told_to_wait(tmp_path, httpserver, said, least, most):
    """429 with seconds, a date, nonsense or nothing, and 200 with the words of one."""
    clock = SystemClock()
    date = format_datetime(clock.now() + timedelta(seconds=100), usegmt=True)
    headers = {"Retry-After": date if said == "date" else said} if said else {}
    answer = httpserver.expect_request("/a")
    if said == "words":
        answer.respond_with_json({"error": "Too Many Requests"})
    else:
        answer.respond_with_data("x", status=429, headers=headers)
    with client(tmp_path, httpserver.url_for("")) as http:
        error = asked(http)
        assert type(error) is SourceThrottled
        told = error.retry_after
        assert told is None if least is None else least <= told <= most
        again = asked(http, deadline=clock.monotonic() + 0.1)
        assert (type(again), http.requests) == (SourceThrottled, 1)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 425])
def test_passing_faults_are_repeated_so_often_only(tmp_path, httpserver, status):
    """A fault that may pass is asked again, up to the attempts; then the source is down."""
    httpserver.expect_request("/a").respond_with_data("x", status=status)
    with client(tmp_path, httpserver.url_for(""), attempts=2) as http:
        error = asked(http)
        assert (type(error), error.status, http.requests) == (SourceDown, status, 2)


def test_a_fault_that_passed_is_forgotten(tmp_path, httpserver):
    """The second answer is taken."""
    answers = [Response("x", 503), Response("[1]", 200)]
    httpserver.expect_request("/a").respond_with_handler(lambda _request: answers.pop(0))
    with client(tmp_path, httpserver.url_for(""), attempts=3) as http:
        assert http.get("/a", endpoint="/a").json() == [1]
        assert http.requests == 2


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 418])
def test_a_no_is_a_no(tmp_path, httpserver, status):
    """Redirects are not followed and refusals not repeated."""
    headers = {"Location": httpserver.url_for("/elsewhere")}
    httpserver.expect_request("/a").respond_with_data(CANARY, status=status, headers=headers)
    with client(tmp_path, httpserver.url_for(""), attempts=3) as http:
        error = asked(http)
        assert (type(error), error.status, http.requests) == (SourceRefused, status, 1)
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("deadline", [0.0, -1.0])
def test_after_the_deadline_nothing_is_sent(tmp_path, httpserver, deadline):
    """Zero is an instant like any other, and it has passed."""
    httpserver.expect_request("/a").respond_with_json([])
    with client(tmp_path, httpserver.url_for(""), attempts=3) as http:
        assert "deadline" in asked(http, deadline=deadline).detail
        assert http.requests == 0


def test_the_deadline_ends_a_dripping_answer(tmp_path):
    """However patient the timeouts, nothing is waited for past the deadline, nor repeated."""
    slow = {"read_timeout": 60.0, "connect_timeout": 60.0, "attempts": 5}
    with rude_server(drip(OK + b"\r\n")) as url, client(tmp_path, url, **slow) as http:
        assert type(asked(http, deadline=time.monotonic() + 0.3)) is SourceDown
        assert http.requests == 1


def kinds_below(kind):
    """Return *kind* and everything derived from it."""
    return {kind}.union(*(kinds_below(below) for below in kind.__subclasses__()))


@pytest.mark.parametrize(
    "kind",
    sorted(
        (k for k in kinds_below(requests.RequestException) if k.__module__.startswith("requests")),
        key=lambda kind: kind.__name__,
    ),
)
def test_every_error_of_the_library_is_ours(kind):
    """Each kind the library can raise becomes one of ours, and its words stay out."""
    error = kind.__new__(kind)
    error.args = (f"https://host/?token={CANARY}",)
    ours = translated("test", "GET /a", error)
    assert isinstance(ours, SourceDown | SourceRefused | SourceGarbled)
    assert CANARY not in str(ours)


def test_all_that_the_socket_raises_is_caught():
    """The kinds below the library are caught as well."""
    for kind in (urllib3.exceptions.HTTPError, TimeoutError, ConnectionResetError):
        assert issubclass(kind, http_client._BROKEN)
