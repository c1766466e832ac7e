"""What a stranger may send: other hosts, forged writes, bytes that are no request, hostile words.

Everything is asked of a real server on a home of its own, whose rows are compared before and after.
"""

import hashlib
import json
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from listening import Listener, new_home, up, write  # beside this
from raw_wire import Reply, exchange, request  # beside this
from reading import Api, asking  # beside this

from trading_cli.app import patience
from trading_cli.core.clock import FrozenClock
from trading_cli.store import Store, jobs
from trading_cli.web import guard
from trading_cli.web.api import create_app
from trading_cli.web.guard import HEADERS

SESSION = "/api/v1/session"
WRITES = ("kill", "workflows", "session", "session/end", "webhook/signal")


@dataclass
class Home:
    """A home that is served, and a client of it."""

    config: Path
    api: Api
    moment: datetime

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self.api.url.rpartition(":")[2])

    @property
    def host(self) -> str:
        """Return what it is called."""
        return f"127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        """Return its file."""
        return self.config.parent / "data" / "trading.db"

    def get(self, target: str, *headers: bytes) -> Reply:
        """Ask for exactly *target*."""
        return exchange(self.port, request(target.encode(), *headers, host=self.host))

    def content(self) -> str:
        """Return what stands for every row of every table."""
        held = hashlib.sha256()
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as file:
            names = [
                one for (one,) in file.execute("SELECT name FROM sqlite_schema WHERE type='table'")
            ]
            for name in sorted(names):
                for row in file.execute(f'SELECT * FROM "{name}"'):  # noqa: S608  # of the schema
                    held.update(repr(row).encode())
        return held.hexdigest()

    def files(self) -> dict[str, bytes]:
        """Return every file of the home but what a reader may make: an index, an empty log."""
        found = {}
        for path in sorted(self.config.parent.rglob("*")):
            if path.is_file() and not path.name.endswith("-shm") and path.stat().st_size:
                found[str(path.relative_to(self.config.parent))] = path.read_bytes()
        return found

    def one(self, statement: str) -> str:
        """Return the first value that *statement* gives, as text."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as file:
            return str(file.execute(statement).fetchone()[0])


def _settled(config: Path) -> None:
    """Put the log into the file, so that its bytes are all there is."""
    for path in (config.parent / "data" / "trading.db", config.parent / "limits.db"):
        with closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Path]:
    """Return a folder that holds what a person's own would; no variable names a home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def known(demo_home, moment, place) -> Iterator[Home]:
    """Return a home with one job and one thing of each kind, that is served and never changes."""
    config = place / "known" / "config.yaml"
    shutil.copytree(demo_home.parent, config.parent)
    database = config.parent / "data" / "trading.db"
    with Store.open(database, now=moment) as store, store.transaction() as tx:
        jobs.ask(tx, "backtest", {}, by="test", watcher=jobs.Process(1, 0.0), now=moment)
    _settled(config)
    with asking(create_app(config, {}, clock=FrozenClock(moment))) as api:
        yield Home(config, api, moment)


def addresses(home: Home) -> list[str]:
    """Return an address for each of everything that can be asked for, with what is really there."""
    decision = home.one("SELECT id FROM decisions WHERE purpose = 'entry'")
    market = home.one("SELECT market FROM decisions WHERE purpose = 'entry'")
    names = {
        "/api/v1/markets/{name}": market, "/api/v1/signals/{symbol}": market,
        "/api/v1/decisions/{name}": decision, "/api/v1/journal/{name}": decision,
    }  # fmt: skip
    found = ["/", "/static/app.js", "/static/none.js", "/nowhere", "/api/v1/none"]
    for path, methods in home.api.get("openapi.json").json()["paths"].items():
        if "get" in methods and not path.endswith("/stream"):
            where = path.partition("{")[0]
            tail = path.partition("}")[2]
            name = names.get(path, "1")
            found.append(f"{where}{name}{tail}" if "{" in path else path)
    return found


# --- where it was sent


def test_no_route_answers_to_another_host(known):
    """Every address there is, by every method: a name that is not ours is refused before all."""
    spellings = (
        "evil.test", f"{known.host}.", "127.0.0.1.", "localhost", "localhost:65536", "localhost:0",
        f"{known.host},evil.test", f"evil.test#{known.host}", f"{known.host}/",
        f"user@{known.host}",
    )  # fmt: skip
    others = ("POST", "HEAD", "OPTIONS", "TRACE", "PUT", "QUERY")
    paths = [*addresses(known), "/api/v1/stream", *(f"/api/v1/{one}" for one in WRITES)]
    assert len(paths) > 35
    for place, path in enumerate(paths):
        for method in ("GET", others[place % len(others)]):
            host = spellings[place % len(spellings)]
            reply = exchange(known.port, request(path.encode(), method=method.encode(), host=host))
            assert reply.status == 403, (method, path, host)
            assert HEADERS.items() <= reply.headers.items()


def test_only_the_header_host_says_where_it_was_sent(known):
    """A proxy's headers change nothing: not who may come in, not what is linked to."""
    lies = [b"X-Forwarded-Host: evil.test", b"X-Forwarded-Proto: https", b"X-Host: evil.test",
            b"Forwarded: host=evil.test;proto=https", b"X-Original-URL: /api/v1/logs",
            b"X-Rewrite-URL: /api/v1/logs", b"X-Forwarded-Prefix: //evil.test"]  # fmt: skip
    plain = known.get("/api/v1/decisions?limit=1")
    told = known.get("/api/v1/decisions?limit=1", *lies)
    assert (told.status, told.body, told.headers["link"]) == (
        200, plain.body, plain.headers["link"],
    )  # fmt: skip
    assert b"evil.test" not in told.whole
    evil = request(b"/api/v1/status", b"X-Forwarded-Host: " + known.host.encode(), host="evil.test")
    assert exchange(known.port, evil).status == 403


def test_a_target_that_names_a_host_is_no_address(known):
    """An absolute target (as to a proxy), an authority, an asterisk: none leads to an answer."""
    for target in (f"http://{known.host}/api/v1/status", "http://evil.test/api/v1/status", "*",
                   known.host, "//evil.test/api/v1/status", "//api/v1/status",
                   "/api/v1//status", "/api/v1/status/", "/API/v1/status", "/api/v1/./status",
                   "/api/v1/x/../status", "/api;x/v1/status"):  # fmt: skip
        reply = known.get(target)
        assert reply.status in {400, 404}, target
        assert b"trading.status" not in reply.whole
    absolute = request(f"http://{known.host}/".encode(), host="evil.test")
    assert exchange(known.port, absolute).status in {400, 403}


def test_without_a_host_nothing_is_answered(known):
    """None, an empty one, one too many, one that is folded: not by HTTP/1.0 either."""
    ours = b"Host: " + known.host.encode()
    for lines in (b"", b"Host:\r\n", b"Host: \r\n", ours + b"\r\n" + ours + b"\r\n",
                  ours + b"\r\nHost: evil.test\r\n", b"Host:\r\n " + known.host.encode() + b"\r\n",
                  b"Host : " + known.host.encode() + b"\r\n"):  # fmt: skip
        for version in (b"1.0", b"1.1"):
            text = b"GET /api/v1/kill HTTP/%s\r\n%sConnection: close\r\n\r\n" % (version, lines)
            reply = exchange(known.port, text)
            folded = lines.startswith(b"Host:\r\n ") and reply.status == 200
            assert reply.status in {400, 403} or folded, (lines, version)


# --- who sent it

BODY = json.dumps({"reason": "forged", "workflow": "analysis", "token": "x"})
JSON = {"content-type": "application/json"}


def forgeries(home: Home) -> Iterator[tuple[str, dict[str, str], str | bytes, str]]:
    """Yield (name, headers, body, query) of writes that another site could make a browser send.

    Each with all that the owner's browser would add by itself, or what a stranger can guess.
    """
    told = home.api.enter()
    csrf = told["X-CSRF-Token"]
    cookie = {"cookie": f"trading_session={home.api.client.cookies['trading_session']}"}
    own = f"http://{home.host}"
    whole = cookie | told | JSON
    origins = (
        "http://evil.test", "null", "", "https://" + home.host, "http://127.0.0.1",
        f"http://localhost:{home.port}", f"http://127.0.0.1:{home.port + 1}", own + "/",
        own + ".evil.test", own.upper(), f"http://user@{home.host}", f"{own}, http://evil.test",
        f"http://[::1]:{home.port}", "file://", "chrome-extension://abc", own + "\t x",
    )  # fmt: skip
    for one in origins:
        yield f"origin {one!r}", whole | {"origin": one}, BODY, ""
    for one in ("cross-site", "same-site", "SAME-ORIGIN", "none, cross-site", "x"):
        yield f"site {one!r}", whole | {"sec-fetch-site": one, "origin": own}, BODY, ""
    form = "application/x-www-form-urlencoded"
    kinds = ("text/plain", form, "multipart/form-data; boundary=x")
    for kind in kinds:
        yield f"a form of {kind}", cookie | {"content-type": kind}, "reason=forged", ""
        yield f"JSON said to be {kind}", cookie | told | {"content-type": kind} | {
            "origin": "http://evil.test"}, BODY, ""  # fmt: skip
    yield "the cookie alone", cookie | JSON, BODY, ""
    yield "the CSRF token alone", told | JSON, BODY, ""
    yield "the token in the query", cookie | JSON, BODY, f"?csrf={csrf}&X-CSRF-Token={csrf}"
    yield "the token in the body", cookie | JSON, json.dumps({"csrf": csrf, "reason": "x"}), ""
    yield (
        "the token in the cookie",
        {"cookie": f"{cookie['cookie']}; x-csrf-token={csrf}"} | JSON,
        BODY,
        "",
    )
    yield "half the token", cookie | JSON | {"X-CSRF-Token": csrf[:32]}, BODY, ""
    yield "the token and more", cookie | JSON | {"X-CSRF-Token": csrf + "0"}, BODY, ""
    yield "a cookie of one's own", JSON | told | {"cookie": "trading_session=a.b.c"}, BODY, ""
    value = home.api.client.cookies["trading_session"]
    yield "a cookie changed", JSON | told | {"cookie": f"trading_session=x{value}"}, BODY, ""
    yield "no token to show", cookie | JSON | {"authorization": "Bearer "}, BODY, ""
    yield "a token where none is set", JSON | {"authorization": "Bearer x"}, BODY, ""
    yield "the CSRF token as the token", JSON | {"authorization": f"Bearer {csrf}"}, BODY, ""


def test_a_forged_write_changes_nothing(known):
    """Each way to each address: refused as what it is, and not a row nor a file is another."""
    before, files = known.content(), known.files()
    tried = 0
    for name, headers, body, query in list(forgeries(known)):
        for path in WRITES[:4]:
            reply = exchange(
                known.port,
                request(
                    f"/api/v1/{path}{query}".encode(),
                    *(f"{key}: {value}".encode() for key, value in headers.items()),
                    method=b"POST", host=known.host, body=body.encode(),
                ),
            )  # fmt: skip
            token = "authorization" in headers
            wanted = {401, 403, 429} if token else {403, 400} if "\t" in name else {403}
            assert reply.status in wanted, (name, path, reply.body)
            assert "set-cookie" not in reply.headers, name
            tried += 1
    assert tried >= 4 * 30
    assert known.content() == before
    assert known.files() == files


def test_no_other_method_writes_in_the_place_of_a_post(known):
    """Not by a header, a query or a field that names another; not GET with a body; not HEAD."""
    before = known.content()
    told = known.api.enter()
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"):
        for path in WRITES:
            reply = known.api.client.request(
                method, f"/api/v1/{path}?_method=POST", content=BODY,
                headers=told | JSON | {
                    "X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST",
                    "X-Method-Override": "POST",
                },
            )  # fmt: skip
            wanted = {200, 405} if method in {"GET", "HEAD"} else {405}
            assert reply.status_code in wanted, (method, path, reply.text)
            assert b"X-HTTP-Method" not in reply.content  # TRACE would repeat what was sent
    assert known.content() == before


# --- reading


def test_whatever_is_read_nothing_is_written(known):
    """Every address with what is really there, in every way: rows, bytes and log stay the same."""
    rows, files = known.content(), known.files()
    others = (("HEAD", {}), ("GET", {"if-none-match": "*"}), ("OPTIONS", {}), ("TRACE", {}),
              ("GET", {"accept-encoding": "identity"}))  # fmt: skip
    found = []
    for place, path in enumerate(addresses(known)):
        for method, headers in (("GET", {}), others[place % len(others)]):
            reply = known.api.client.request(method, path, headers=headers)
            assert reply.status_code < 500, (method, path, reply.text)
            found += [path] if (method, reply.status_code) == ("GET", 200) else []
    assert len(set(found)) > 25, sorted(found)
    assert known.content() == rows
    after = known.files()
    assert {name for name in after if after[name] != files.get(name)} == set()
    assert files.keys() == after.keys()


def test_the_stream_writes_nothing(known):
    """Who listens, from now on or from the beginning, changes nothing."""
    rows, files = known.content(), known.files()
    for query in ("", "?after=0"):
        with known.api.client.stream("GET", f"/api/v1/stream{query}") as reply:
            assert reply.status_code == 200
            assert reply.headers["content-type"].startswith("text/event-stream")
            assert HEADERS.items() <= dict(reply.headers).items()
            assert next(reply.iter_lines())
    assert known.content() == rows
    assert known.files() == files


# --- what is no request


def test_what_is_no_request_is_refused(known):
    """Two lengths, a length and pieces, a negative one, no line, a NUL: 400 and no answer."""
    host = b"Host: " + known.host.encode() + b"\r\n"
    kill = b"POST /api/v1/kill HTTP/1.1\r\n" + host
    for text in (
        kill + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        kill + b"Content-Length: -1\r\n\r\n{}",
        kill + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET /api/v1/status HTTP/1.1\r\n" + host + b"X: a\0b\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /a b HTTP/1.1\r\n" + host + b"\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n" * 9,
        b"GET  / HTTP/1.1\r\n" + host + b"\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ):  # fmt: skip
        reply = exchange(known.port, text, finish=True)
        assert reply.status in {0, 400, 403, 404, 405}, text
        assert b"trading." not in reply.whole
    both = (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET"
    )
    reply = exchange(known.port, b"POST /api/v1/kill HTTP/1.1\r\n" + host + both)
    assert reply.status in {400, 403}
    assert reply.whole.count(b"HTTP/1.1") == 1


def test_a_head_is_bounded(known):
    """A line, or very many headers, of more than 64 KB in all: refused, and the next one served."""
    many = [b"X-%d: %s" % (number, b"a" * 100) for number in range(2_000)]
    for lines in (many, [b"X: " + b"a" * 200_000], [b"Cookie: " + b"trading_session=a; " * 20_000]):
        assert exchange(known.port, request(b"/api/v1/kill", *lines, host=known.host)).status in {
            0, 400,
        }  # fmt: skip
    assert exchange(known.port, request(b"/" + b"a" * 100_000, host=known.host)).status in {0, 400}
    few = [b"X-%d: a" % number for number in range(2_000)]
    assert known.get("/api/v1/kill", *few).status == 200
    cookies = b"Cookie: " + b"; ".join(b"trading_session=%d.a.b" % one for one in range(1_000))
    assert known.get("/api/v1/session", cookies).status == 200


def test_a_body_that_never_ends_is_let_go_of(known, monkeypatch):
    """Half a body, or one byte at a time: 408 after the time that one has, and nothing is read."""
    monkeypatch.setattr(guard, "BODY_S", 0.2)
    told = known.api.enter()
    lines = [f"{key}: {value}".encode() for key, value in (told | JSON).items()]
    cookie = f"Cookie: trading_session={known.api.client.cookies['trading_session']}".encode()
    start = request(b"/api/v1/kill", *lines, cookie, b"Content-Length: 100", method=b"POST",
                    host=known.host)  # fmt: skip
    reply = exchange(known.port, start, b'{"reason": ', b'"')
    assert (reply.status, reply.json()["code"]) == (408, "slow")
    assert HEADERS.items() <= reply.headers.items()
    for _ in range(10):  # hung up in the middle: what came would be a whole answer by itself
        cut = exchange(known.port, start + b'{"reason": "x"}', finish=True)
        assert cut.status in {0, 400}
    assert not (known.config.parent / "data" / "KILL").exists()


def test_json_that_is_deep_long_or_odd_is_refused(known):
    """Nesting, numbers without end, halves of characters, doubled keys: 4xx, never a bug."""
    told = known.api.enter() | JSON
    deep = 20_000
    for body in (
        b"[" * deep, b'{"a":' * 9_000, b'{"reason": ' + b"[" * deep + b"]" * deep + b"}",
        b'{"reason": ' + b"9" * 60_000 + b"}", b'{"reason": 1e999}', b'{"reason": NaN}',
        b'{"reason": "x", "a\\ud800": 1}', b'\xef\xbb\xbf{"reason": 1}', b'{"reason": null}',
        b'"' + b"\\u0000" * 5_000 + b'"', b'{"workflow": "backtest", "parameters": {"since": 1}}',
        b'{"workflow": "\\ud800"}', b'{"workflow": "backtest", "parameters": {"\\ud800": 1}}',
        b'{"workflow": "backtest", "parameters": {"seed": ' + b"9" * 5_000 + b"}}",
        b'{"workflow": "backtest", "parameters": {"fees": "flat:0.1\\n"}}',
        b'{"workflow": "backtest", "parameters": {"strategies": ["a\\u0000"]}}',
    ):  # fmt: skip
        for path in ("kill", "workflows"):
            reply = known.api.client.post(f"/api/v1/{path}", content=body, headers=told)
            assert 400 <= reply.status_code < 500, (path, body[:60], reply.text)
            assert reply.headers["content-type"] == "application/problem+json"
            assert len(reply.content) < 10_000


def _trickled(port: int, text: bytes) -> None:
    """Send *text*, then a byte now and then, for half a minute or until nobody takes it."""
    with socket.create_connection(("127.0.0.1", port), 30) as wire:
        wire.sendall(text)
        for _ in range(600):
            wire.sendall(b"x")
            time.sleep(0.05)


def test_who_connects_and_does_not_ask_is_let_go_of(tmp_path, monkeypatch):
    """Nothing, half a head, one byte after an answer, the rest of a refused body: hung up on."""
    monkeypatch.setattr(patience, "HEAD_S", 0.3)
    with up(new_home(tmp_path / "quiet")) as one:
        host = f"127.0.0.1:{one.port}"
        asked = f"GET /static/app.js HTTP/1.1\r\nHost: {host}\r\n"
        refused = f"POST /api/v1/kill HTTP/1.1\r\nHost: {host}\r\nContent-Length: 60000\r\n\r\n{{"
        one.server.config.timeout_keep_alive = 1
        with Listener(one).begun() as listener:  # who listens long is not who says nothing
            for text in ("", "G", asked, f"{asked}\r\nGET", refused):
                reply = exchange(one.port, text.encode())
                assert reply.whole.count(b"HTTP/1.1 ") == ("\r\n\r\n" in text), text
            with pytest.raises(ConnectionError):
                _trickled(one.port, refused.encode())
            write(one.config)
            assert next(listener.events())[0] == "ready"


# --- the page's files


def test_no_path_climbs_out_of_the_page(known):
    """Sent as bytes, since a client would mend them: 404 (or 400), and no byte of another file."""
    for name in (
        "../api.py", "..%2fapi.py", "%2e%2e/api.py", "%2e%2e%2fapi.py", "..%5capi.py", "..\\api.py",
        "%252e%252e/api.py", "....//api.py", "./../api.py", "vendor/../../api.py", "/etc/passwd",
        "//etc/passwd", "%2fetc%2fpasswd", "%00", "app.js%00.py", "app.js%00",
        "%c0%ae%c0%ae/api.py",
        "app.js/", "app.js/x.js", "app.js::$DATA", "APP.JS/../app.py", "a" * 300 + ".js", ".",
        "a/" * 2_000 + "a.js", "", "%", "%zz", "vendor", "vendor/", "views", "app.js%20", "app.js.",
        "~root/.profile.js", "con.js", "%ff.js", "%ed%a0%80.js", "app.js;.css", "..;/api.py",
    ):  # fmt: skip
        reply = known.get(f"/static/{name}")
        assert reply.status in {400, 404}, (name[:50], reply.body[:200])
        assert reply.headers["content-type"] == "application/problem+json", name[:50]
        assert b"root:" not in reply.body
        assert b"create_app" not in reply.body
    assert known.get("/static/app.js").status == 200
