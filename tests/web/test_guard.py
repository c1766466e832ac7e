"""Who may come in: hosts, forged writes, tokens, sizes; and the headers of every reply."""

import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from reading import Api, asking  # beside this

from trading_cli.web import page_files
from trading_cli.web.api import create_app
from trading_cli.web.guard import HEADERS

TOKEN = "a-token-of-the-owner-0123456789"  # noqa: S105  # of this test alone
EVERYWHERE = ("/", "/static/nothing.js", "/api/v1/status", "/api/v1/openapi.json", "/nowhere",
              "/api/v1/session", "/api/v1/nothing")  # fmt: skip
FORGED = tuple(
    {**origin, **site, "content-type": kind}
    for origin in (
        {"origin": "http://evil.test"}, {"origin": "null"}, {"origin": "http://127.0.0.1:1"},
        {"origin": "https://localhost"}, {"origin": "http://localhost.evil.test:5000"},
    )
    for site in ({}, {"sec-fetch-site": "cross-site"})
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded")
)  # fmt: skip


@pytest.fixture(scope="module")
def locked(demo_home, standing_still) -> Iterator[Api]:
    """Return a client of the demo's API where the owner set a token."""
    del standing_still
    with asking(create_app(demo_home, {"TRADING_SERVE_TOKEN": TOKEN})) as client:
        yield client


def _code(reply: httpx.Response) -> tuple[int, str]:
    assert reply.headers["content-type"] == "application/problem+json"
    told = reply.json()
    assert set(told) == {"type", "title", "status", "detail", "code", "hint"}
    assert told["status"] == reply.status_code
    return reply.status_code, told["code"]


def _raw(api: Api, text: str) -> str:
    """Send *text* as it is and return the first line of the answer."""
    port = int(api.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 10) as wire:
        wire.sendall(text.encode())
        return wire.recv(65_536).decode("latin-1").partition("\r\n")[0]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_only_our_own_hosts_are_served(api, path):
    """Rebinding, a trailing dot, another port, upper case, nothing: 403 wherever it is asked."""
    port = api.url.rpartition(":")[2]
    for host in ("evil.test", f"evil.test:{port}", f"localhost.:{port}", f"LOCALHOST:{port}",
                 "localhost", "127.0.0.1", f"127.0.0.1:{port}0", f"127.1:{port}", f"0.0.0.0:{port}",
                 f"[::]:{port}", f"localhost:{port}.evil.test", f"localhost@evil.test:{port}",
                 f"2130706433:{port}", ""):  # fmt: skip
        reply = api.client.get(path, headers={"host": host})
        assert _code(reply) == (403, "host"), host
        assert HEADERS.items() <= dict(reply.headers).items()
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert api.client.get(path, headers={"host": host}).status_code != 403, host


def test_a_request_needs_exactly_one_host(api):
    """HTTP/1.0 needs none, and two would let each of us read another."""
    port = api.url.rpartition(":")[2]
    assert " 403 " in _raw(api, "GET /api/v1/status HTTP/1.0\r\n\r\n")
    twice = f"Host: localhost:{port}\r\nHost: evil.test\r\n"
    assert _raw(api, f"GET / HTTP/1.1\r\n{twice}\r\n").split()[1] in {"400", "403"}


def test_the_public_address_is_served_too(demo_home, standing_still, monkeypatch):
    """Behind a proxy the page goes by the name its owner gave it; writes may come from there."""
    del standing_still
    monkeypatch.setenv("TRADING__DASHBOARD__PUBLIC_URL", "https://page.example/trading")
    env = {"TRADING__DASHBOARD__PUBLIC_URL": "https://page.example/trading"}
    with asking(create_app(demo_home, env)) as api:
        host = {"host": "page.example"}
        reply = api.get("session", headers=host)
        assert reply.status_code == 200
        assert "; Secure" in reply.headers["set-cookie"]
        assert api.get("status", headers={"host": "page.example:443"}).status_code == 200
        assert _code(api.get("status", headers={"host": "other.example"})) == (403, "host")
        token = {"X-CSRF-Token": reply.json()["data"]["csrf"], **host}
        cookie = {"cookie": reply.headers["set-cookie"].partition(";")[0]}
        ours = {"origin": "https://page.example"}
        ended = api.post("session/end", {}, headers=token | ours | cookie)
        assert ended.status_code == 200, ended.text
        again = api.post(
            "session/end", {}, headers=token | cookie | {"origin": "http://page.example"}
        )
        assert _code(again) == (403, "origin")


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_a_forged_write_is_refused(api, headers):
    """Thirty ways in which another site could write through the owner's browser."""
    token = api.enter()
    for path in ("kill", "workflows", "session", "session/end"):
        body = json.dumps({"reason": "forged", "token": "x"})
        reply = api.client.post(f"/api/v1/{path}", content=body, headers=token | headers)
        assert _code(reply) == (403, "origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense", ""])
def test_only_the_same_origin_may_write(api, site):
    """A neighbour on the same domain is another origin as well."""
    told = api.post("kill", {"reason": "x"}, headers=api.enter() | {"sec-fetch-site": site})
    assert _code(told) == (403, "origin")


def test_a_write_needs_the_session_and_its_csrf_token(api):
    """A cookie alone, a token alone, another session's token: none will do."""
    with httpx.Client(base_url=api.url, trust_env=False) as stranger:
        theirs = Api(api.url, stranger).enter()
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}, theirs):
        api.enter()
        assert _code(api.post("kill", {"reason": "x"}, headers=headers)) == (403, "csrf")
    with httpx.Client(base_url=api.url, trust_env=False) as nobody:
        assert _code(Api(api.url, nobody).post("kill", {}, headers=api.enter())) == (403, "csrf")


def test_a_session_that_ended_is_worth_nothing(api):
    """Whoever copied the cookie before has nothing any more."""
    token = api.enter()
    kept = dict(api.client.cookies)
    assert api.post("session/end", {}, headers=token).status_code == 200
    with httpx.Client(base_url=api.url, trust_env=False, cookies=kept) as thief:
        assert _code(Api(api.url, thief).post("session/end", {}, headers=token)) == (403, "csrf")


def test_the_cookie_stays_with_the_browser_and_the_site(api):
    """No script reads it, no other site sends it; and one of another process is none."""
    reply = api.get("session", headers={"cookie": "trading_session=WyJhIix0cnVlXQ.abc.def"})
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("trading_session=")
    assert "; HttpOnly" in cookie
    assert "; SameSite=Strict" in cookie
    assert "; Path=/" in cookie
    assert not cookie.startswith("trading_session=WyJhIix0cnVlXQ.abc")


def test_a_body_is_json_as_it_is(api):
    """A form, text, two types at once, another charset, gzip: 415 without looking inside."""
    token = api.enter()
    for headers in ({"content-type": "text/plain"}, {"content-type": "application/json, text/html"},
                    {"content-type": "application/json; charset=utf-7"}, {"content-type": ""},
                    {"content-type": "application/x-www-form-urlencoded"},
                    {"content-type": "application/json", "content-encoding": "gzip"}):  # fmt: skip
        reply = api.client.post("/api/v1/session/end", content=b"{}", headers=token | headers)
        assert _code(reply) == (415, "media"), headers
    reply = api.client.post("/api/v1/session/end", content=b"{}", headers=token)
    assert _code(reply) == (415, "media")


def test_a_body_is_small(api):
    """64 KB, said or not said beforehand."""
    token = api.enter() | {"content-type": "application/json"}
    big = b'{"reason": "' + b"x" * 70_000 + b'"}'
    assert _code(api.client.post("/api/v1/kill", content=big, headers=token)) == (413, "size")
    pieces = iter([big[:40_000], big[40_000:]])
    assert _code(api.client.post("/api/v1/kill", content=pieces, headers=token)) == (413, "size")


def test_a_body_of_another_shape_is_refused_without_repeating_it(api):
    """No JSON: 400; not what is wanted: 422; and what was sent is not in the answer."""
    token = api.enter() | {"content-type": "application/json"}
    for body, code in (
        (b"", 422), (b"{", 400), (b"[]", 422), (b"{}", 422), (b'{"reason": 5}', 422),
        (b'{"reason": ""}', 422), (b'{"reason": "x", "level": 1}', 422),
        (b'{"reason": "' + b"secret" * 200 + b'"}', 422), (b"\xff\xfe", 400), (b"nul\0", 400),
    ):  # fmt: skip
        reply = api.client.post("/api/v1/kill", content=body, headers=token)
        assert reply.status_code == code, (body, reply.text)
        assert "secret" not in reply.text
        _code(reply)


def test_an_address_is_text_and_not_too_long(api):
    """NUL characters and very long ones are turned away before anything reads them."""
    for path in ("markets?q=a%00b", "decisions/%00", "markets?q=" + "a" * 9_000, "journal/\u00e9"):
        reply = api.get(path)
        assert 400 <= reply.status_code < 500, path
        _code(reply)


def test_with_a_token_reading_needs_it(locked):
    """The page and who-am-I are open; everything else is 401 without, and with a wrong one."""
    for path in ("status", "openapi.json", "markets/1", "nothing", "stream", "logs"):
        assert _code(locked.get(path)) == (401, "token")
    assert locked.get("status").headers["www-authenticate"].startswith("Bearer")
    assert locked.client.get("/").status_code in {200, 404}
    assert locked.data("session") | {"csrf": ""} == {
        "csrf": "", "authenticated": False, "token_needed": True, "telegram": None,
    }  # fmt: skip
    right = {"authorization": f"Bearer {TOKEN}"}
    assert locked.get("status", headers=right).status_code == 200
    assert _code(locked.get("status", headers={"authorization": TOKEN})) == (401, "token")
    assert _code(locked.get("status", headers={"authorization": "Basic eDp5"})) == (401, "token")


def test_logging_in_opens_everything_and_logging_out_closes_it(demo_home, standing_still):
    """The session before is worth nothing afterwards, nor is the one that was logged in."""
    del standing_still
    with asking(create_app(demo_home, {"TRADING_SERVE_TOKEN": TOKEN})) as api:
        before = api.enter()
        assert _code(api.post("kill", {"reason": "x"}, headers=before)) == (401, "token")
        reply = api.post("session", {"token": TOKEN}, headers=before)
        assert reply.json()["data"]["authenticated"] is True
        after = {"X-CSRF-Token": reply.json()["data"]["csrf"]}
        assert after != before
        assert api.get("status").status_code == 200
        assert _code(api.post("session/end", {}, headers=before)) == (403, "csrf")
        kept = dict(api.client.cookies)
        assert api.post("session/end", {}, headers=after).status_code == 200
        assert _code(api.get("status")) == (401, "token")
        with httpx.Client(base_url=api.url, trust_env=False, cookies=kept) as thief:
            assert _code(Api(api.url, thief).get("status")) == (401, "token")


def test_five_wrong_tokens_a_minute_and_no_more(demo_home, standing_still):
    """Then not even the right one is looked at; a session that is open goes on."""
    del standing_still
    with asking(create_app(demo_home, {"TRADING_SERVE_TOKEN": TOKEN})) as api:
        session = api.post("session", {"token": TOKEN}, headers=api.enter())
        assert session.status_code == 200
        with httpx.Client(base_url=api.url, trust_env=False) as other:
            guess = Api(api.url, other)
            codes = [
                guess.get("status", headers={"authorization": f"Bearer {n}"}).status_code
                for n in range(4)
            ]
            login = guess.post("session", {"token": "wrong"}, headers=guess.enter())
            assert [*codes, login.status_code] == [401] * 5
            right = {"authorization": f"Bearer {TOKEN}"}
            reply = guess.get("status", headers=right)
            assert _code(reply) == (429, "too_many")
            assert 0 < int(reply.headers["retry-after"]) <= 61
            again = guess.post("session", {"token": TOKEN}, headers=guess.enter())
            assert again.status_code == 429
        assert api.get("status").status_code == 200


PUBLIC = "trading.example.org"


def _through(api, last: str, shown: str, **headers: str) -> int:
    """Return the status of a request that a proxy passed on for *last*."""
    told = {"host": PUBLIC, "x-forwarded-for": f"10.9.9.9, {last}", **headers}
    return api.get("status", headers=told | {"authorization": f"Bearer {shown}"}).status_code


def _behind_a_proxy(own_home: Path):
    with own_home.open("a") as file:
        file.write(f"dashboard: {{public_url: 'https://{PUBLIC}'}}\n")
    return asking(create_app(own_home, {"TRADING_SERVE_TOKEN": TOKEN}))


def test_behind_a_proxy_one_who_guesses_locks_out_nobody_else(own_home):
    """Who guesses is who the proxy says, an IPv6 network as one; the owner still comes in."""
    with _behind_a_proxy(own_home) as api:
        for network in ("203.0.113.7", "2001:db8:1:2::{}"):
            guesses = [_through(api, network.format(n), f"wrong {n}") for n in range(7)]
            assert guesses == [401] * 5 + [429] * 2
            assert _through(api, network.format(9), TOKEN) == 429
        assert _through(api, "198.51.100.1", TOKEN) == 200
        assert _through(api, "2001:db8:1:3::1", TOKEN) == 200


def test_nobody_becomes_another_by_a_header_alone(own_home):
    """Under another name than the public one the header says nothing: five guesses, and no more."""
    with _behind_a_proxy(own_home) as api:
        own = api.url.removeprefix("http://")
        codes = [_through(api, f"203.0.113.{n}", "wrong", host=own) for n in range(7)]
        assert codes == [401] * 5 + [429] * 2


def test_all_that_a_proxy_passes_on_is_limited_together(own_home):
    """Where the proxy passes on what the client wrote, guessing has a bound all the same."""
    with _behind_a_proxy(own_home) as api:
        codes = [_through(api, f"203.0.113.{n}", "wrong") for n in range(65)]
        assert codes == [401] * 60 + [429] * 5


def test_every_reply_keeps_a_browser_safe(api, locked):
    """Answers, refusals, the page and what is not there: the same headers; no door for others."""
    replies = [api.client.get(path) for path in EVERYWHERE]
    replies += [
        locked.get("status"), api.post("kill", {}), api.client.put("/api/v1/kill"),
        api.client.options("/api/v1/status", headers={"origin": "http://evil.test"}),
        api.get("markets?limit=0"),
    ]  # fmt: skip
    for reply in replies:
        assert HEADERS.items() <= dict(reply.headers).items()
        assert reply.headers["cache-control"]
        assert not [name for name in reply.headers if name.startswith("access-control")]
        assert "unsafe" not in reply.headers["content-security-policy"]
        assert "server" not in reply.headers or "trading" not in reply.headers["server"]


def test_other_methods_are_not_taken(api):
    """405 with what is, on every address that is described; the methods take turns."""
    described = api.get("openapi.json").json()["paths"]
    methods = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
    for place, (path, known) in enumerate(described.items()):
        taken = {one.upper() for one in known}
        for method in {methods[place % 5], methods[place // 5 % 5]} - taken:
            reply = api.client.request(method, path.replace("{", "").replace("}", ""))
            assert reply.status_code == 405, (method, path)
            allowed = set(reply.headers["allow"].replace(" ", "").split(","))
            assert allowed == taken | ({"HEAD"} if "GET" in taken else set())


def test_a_head_is_a_get_without_its_body(api):
    """On every address that is described, the stream too: status and headers are GET's."""
    described = api.get("openapi.json").json()["paths"]
    reads = [path for path, known in described.items() if "get" in known]
    assert len(reads) > 20
    for path in reads:
        asked = path.replace("{", "").replace("}", "")
        head = api.client.head(asked)
        assert head.content == b""
        if path.endswith("/stream"):
            assert head.headers["content-type"].startswith("text/event-stream")
            continue
        got = api.client.get(asked)
        assert head.status_code == got.status_code, path
        for name in ("content-type", "etag", "cache-control", "link"):
            assert head.headers.get(name) == got.headers.get(name), (path, name)
    etag = api.client.get("/api/v1/positions").headers["etag"]
    known = {"if-none-match": etag}
    assert api.client.head("/api/v1/positions", headers=known).status_code == 304
    assert api.client.head("/api/v1/webhook/signal").status_code == 405


def test_a_look_back_says_so_and_changes_nothing(own_home, moment):
    """Each reply names its moment; every write is refused with the way out, but for a session."""
    with asking(create_app(own_home, {}, look_back=moment)) as api:
        before = _files(own_home.parent)
        for path in ("status", "markets", "nothing"):
            assert api.get(path).headers["trading-as-of"] == moment.isoformat()
        age = api.get("status").json()["data"]["newest_quote_age_s"]
        assert 0 <= age < 60
        for path, body in (
            ("kill", {"reason": "now"}), ("workflows", {"workflow": "analysis"}),
            ("webhook/signal", {}),
        ):  # fmt: skip
            reply = api.post(path, body, headers=api.enter())
            assert _code(reply) == (409, "look_back"), path
            assert "trading kill" in reply.json()["hint"]
        ended = api.client.delete("/api/v1/workflows/1", headers=api.enter())
        assert _code(ended) == (409, "look_back")
        assert api.post("session/end", {}, headers=api.enter()).status_code == 200
        assert _files(own_home.parent) == before
        assert not (own_home.parent / "data" / "KILL").exists()


def test_nobody_reads_outside_the_page(api, tmp_path: Path):
    """Paths that climb, hide or name what is no asset lead nowhere."""
    for name in ("../api.py", "..%2fapi.py", "%2e%2e/api.py", "../../core/config.py", ".hide.js",
                 "/etc/passwd", "..\\api.py", "", "index.html/", "vendor/../../a.py"):  # fmt: skip
        assert api.client.get(f"/static/{name}").status_code == 404, name
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "a.js").write_text("1")
    (folder / "link.js").symlink_to("/etc/passwd")
    (folder / "a.py").write_text("1")
    shelf = page_files.Shelf(folder)
    assert shelf.take("a.js") is not None
    assert shelf.take("link.js") is None
    assert shelf.take("a.py") is None


def test_the_page_is_sent_once_and_then_asked_for(api, tmp_path):
    """With an ETag, packed where that is taken, and new as soon as the file is."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html>" + "x" * 2_000)
    shelf = page_files.Shelf(folder)
    first = shelf.take("index.html")
    assert first is not None
    assert first is shelf.take("index.html")
    assert len(first.packed) < len(first.body)
    (folder / "index.html").write_text("<!doctype html>" + "y" * 2_001)
    again = shelf.take("index.html")
    assert again is not None
    assert again.etag != first.etag
    if api.client.get("/").status_code == 200:
        reply = api.client.get("/")
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        same = api.client.get("/", headers={"if-none-match": reply.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        assert api.client.head("/").content == b""


def _files(folder: Path) -> dict[str, str]:
    """Return what stands for the bytes of every file of a home; an empty log is none.

    The index into the log is left out: who looks puts marks there, which are no data.
    """
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.name.endswith("-shm")
        and (path.stat().st_size or not path.name.endswith("-wal"))
    }


def test_reading_writes_nothing(own_home):
    """Every address that is described, asked with and without a session: not a byte changes."""
    before = _files(own_home.parent)
    with asking(create_app(own_home, {})) as api:
        described = api.get("openapi.json").json()["paths"]
        asked = 0
        for path, methods in described.items():
            if "get" not in methods or path.endswith("/stream"):
                continue
            for name in ("1", "nothing"):
                reply = api.client.get(path.partition("{")[0] + name if "{" in path else path)
                assert reply.status_code < 500, path
                asked += 1
    assert asked > 40
    assert _files(own_home.parent) == before
