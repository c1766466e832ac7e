"""Replies made once, pages, ETags, the description: what a program builds on."""

import asyncio
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from reading import asking  # beside this

from trading_cli.core.errors import ConfigError
from trading_cli.web import kept
from trading_cli.web.api import create_app
from trading_cli.web.paging import cursor_of, place_of
from trading_cli.web.problems import Problem

LISTS = (
    ("markets?limit=2", "markets", "id"),
    ("markets?limit=2&sort=question&q=will", "markets", "id"),
    ("markets?limit=3&sort=age", "markets", "id"),
    ("markets?limit=1&sort=score", "markets", "id"),
    ("markets?limit=3&sort=deadline", "markets", "id"),
    ("decisions?limit=7", "decisions", "id"),
    ("decisions?limit=3&action=BUY", "decisions", "id"),
    ("ledger?limit=2", "lines", "seq"),
    ("journal?limit=4", "entries", "seq"),
)


@pytest.mark.parametrize(("path", "name", "key"), LISTS)
def test_pages_together_are_the_whole_list(api, path, name, key):
    """Every row once, in the order of the list that is asked for at once."""
    seen: list[object] = []
    address: str | None = f"/api/v1/{path}"
    pages = 0
    while address is not None:
        reply = api.client.get(address)
        assert reply.status_code == 200, reply.text
        seen += [one[key] for one in reply.json()["data"][name]]
        link = reply.links.get("next")
        address = None if link is None else link["url"]
        pages += 1
    first, _, rest = path.partition("limit=")
    whole = api.data(f"{first}limit=500{rest.lstrip('0123456789')}")[name]
    assert seen == [one[key] for one in whole]
    assert len(seen) == len(set(seen))
    assert pages > 1 or len(seen) <= 3


@pytest.mark.parametrize("path", ["markets", "decisions", "ledger", "journal", "backtests"])
@pytest.mark.parametrize(
    "cursor",
    ["x", "", "!!", "e30", "W10", "WyJtYXJrZXRzLnZvbHVtZSJd", "%C3%A9", "A" * 5000, "bnVsbA",
     cursor_of("markets.score", (1, "a")), cursor_of("decisions", (1.5, 2)),
     cursor_of("ledger", (2**80,)), cursor_of("journal", (True,)),
     cursor_of("markets.volume", ("a", "b")), cursor_of("backtests", (None,))],
)  # fmt: skip
def test_what_is_no_cursor_of_the_list_is_refused(api, path, cursor):
    """Whatever somebody made of it: 400, and never a page that begins anywhere."""
    reply = api.get(f"{path}?after={cursor}")
    assert reply.status_code == 400, reply.text
    assert reply.json()["code"] == "cursor"


@given(
    value=st.none() | st.integers(-(2**61), 2**61) | st.floats(-1e15, 1e15) | st.text(max_size=50),
    name=st.text(max_size=50),
)
def test_a_place_comes_back_from_its_cursor(value, name):
    """Whatever the place is."""
    shape = ((int, float, str, type(None)), (str,))
    assert place_of("list", cursor_of("list", (value, name)), shape) == (value, name)


@given(st.text(max_size=200))
def test_whatever_text_is_no_cursor_raises_a_problem(text):
    """It is read as one, or refused; nothing else comes of it."""
    with suppress(Problem):
        assert place_of("list", text, ((int,),)) is not None


def test_the_same_answer_has_the_same_etag_and_is_not_sent_twice(api):
    """304 for who has it, packed or not; another answer has another one."""
    first = api.get("positions", headers={"accept-encoding": "identity"})
    packed = api.get("positions")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == first.content
    for etag in (first.headers["etag"], packed.headers["etag"], f'"x", W/{first.headers["etag"]}',
                 "*"):  # fmt: skip
        again = api.get("positions", headers={"if-none-match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"]
        assert again.headers["cache-control"] == "no-cache, private"
    assert api.get("positions", headers={"if-none-match": '"x"'}).status_code == 200
    assert api.get("ledger").headers["etag"] != packed.headers["etag"]


def test_who_asks_the_same_gets_the_same_bytes(api):
    """Twenty at once: made once, as the moment it was generated shows."""
    with ThreadPoolExecutor(20) as pool:
        bodies = set(pool.map(lambda _: api.get("quality").content, range(20)))
    assert len(bodies) == 1


def test_what_was_written_is_seen_at_once(own_home):
    """A stop through the API is in the next answer, however short a time ago it was asked."""
    with asking(create_app(own_home, {})) as api:
        assert api.data("kill")["state"] == "ARMED"
        token = api.enter()
        for path in ("status", "kill"):
            api.data(path)
        done = api.post("kill", {"reason": "a test"}, headers=token)
        assert done.status_code == 200, done.text
        assert api.data("kill")["state"] == "TRIGGERED"
        assert api.data("status")["kill"]["level"] == 4


def test_what_others_write_is_seen_within_a_second(own_home):
    """A row of another process changes the file, and with it the answer."""
    import time

    with asking(create_app(own_home, {})) as api:
        before = api.data("journal?limit=1")["total"]
        from reading import told

        (row,) = api.data("decisions?limit=1")["decisions"]
        told("journal", "note", row["id"], "seen", "--config", str(own_home))
        until = time.perf_counter() + 5
        while api.data("journal?limit=1")["total"] == before:
            assert time.perf_counter() < until


def test_wrong_parameters_are_refused_and_never_break(api):
    """Wrong types, huge numbers, odd text: 4xx with a problem."""
    for path in (
        "markets?limit=0", "markets?limit=501", "markets?limit=x", "markets?limit=" + "9" * 400,
        "markets?sort=nonsense", "markets/" + "a" * 200, "decisions?action=buy", "runs?slots=-1",
        "journal?kind=nonsense", "journal?since=nonsense", "journal?since=" + "9" * 39,
        "quality?since=400d", "quality?since=now", "quality?since=0001-01-01", "news?since=91d",
        "news?until=0001-01-01", "news?market=nonsense", "alerts?state=nonsense", "backtests/0",
        "backtests/" + "9" * 60, "equity?points=1", "logs?lines=1e3", "logs?level=nonsense",
        "sparklines?ids=%F0%9F%98%80", "journal/" + "9" * 60, "journal/99999999999999999999",
        "decisions/nonsense", "signals/nonsense", "performance?by=nonsense", "trials?kind=x",
    ):  # fmt: skip
        reply = api.get(path)
        assert 400 <= reply.status_code < 500, (path, reply.status_code)
        assert reply.headers["content-type"] == "application/problem+json"


def test_a_bug_is_answered_without_its_trace(demo_home, standing_still, monkeypatch):
    """Nobody outside learns more than that it is one."""
    del standing_still
    from trading_cli.app.asked import strip

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inner secret")

    monkeypatch.setattr(strip, "strip", broken)
    with asking(create_app(demo_home, {})) as api:
        reply = api.get("runs")
        assert reply.status_code == 500
        assert "inner secret" not in reply.text
        assert reply.json()["code"] == "bug"
        assert reply.headers["content-security-policy"]


def test_a_busy_database_is_said_to_be_busy(own_home):
    """503 with when to come again, and not a wait for ever."""
    (own_home.parent / "data" / "trading.db").write_bytes(b"no database" * 1000)
    with asking(create_app(own_home, {})) as api:
        reply = api.get("decisions")
        assert (reply.status_code, reply.json()["code"]) == (503, "store_corrupt")
        assert reply.headers["retry-after"]


def test_no_secret_is_in_any_reply(own_home, ids_of):
    """Not the token, not one that got into the log or the database."""
    secret = "canary-0123456789-secret"  # noqa: S105  # of this test alone
    with sqlite3.connect(own_home.parent / "data" / "trading.db") as file:
        file.execute("UPDATE runs SET why = ?", (f"it said {secret}",))
    file.close()
    log = own_home.parent / "logs" / "trading.log"
    with log.open("a") as lines:
        line = {"at": "2026-03-02T12:00:00Z", "level": "info", "event": secret, "x": [secret]}
        lines.write(json.dumps(line) + "\n")
    with asking(create_app(own_home, {"TRADING_SERVE_TOKEN": secret})) as api:
        right = {"authorization": f"Bearer {secret}"}
        for path in ("runs", "logs", "status", "session", *ids_of):
            assert secret not in api.get(path, headers=right).text
        assert "***" in api.get("logs", headers=right).text
        assert "***" in api.get("runs", headers=right).text


@pytest.fixture
def ids_of() -> tuple[str, ...]:
    """Return addresses that repeat what they were asked for."""
    canary = "canary-0123456789-secret"
    return (f"markets/{canary}", f"decisions/{canary}", f"news?market={canary}", f"?x={canary}")


def test_settings_are_read_again_when_they_change(own_home):
    """A token set while it runs is asked for from then on; wrong settings keep the last good."""
    import time

    with asking(create_app(own_home, {})) as api:
        assert api.get("session").json()["data"]["token_needed"] is False
        secrets = own_home.parent / "secrets.env"
        secrets.write_text("TRADING_SERVE_TOKEN=a-new-token-0123456789\n")
        secrets.chmod(0o600)
        until = time.perf_counter() + 10
        while api.get("logs").status_code != 401:
            assert time.perf_counter() < until
        own_home.write_text("nonsense: 1\n")
        assert api.get("session").json()["data"]["token_needed"] is True


def test_the_owners_chat_is_linked_to_whom_it_is_shown(own_home):
    """Its address is told to who may read, and to no stranger; only one of Telegram is taken."""
    name, chat = "TRADING__ALERTS__TELEGRAM__CHAT_URL", "https://t.me/my_trading_bot"
    with asking(create_app(own_home, {name: chat})) as api:
        assert api.get("session").json()["data"]["telegram"] == chat
    token = {"TRADING_SERVE_TOKEN": "a-new-token-0123456789"}
    with asking(create_app(own_home, {name: chat, **token})) as api:
        assert api.get("session").json()["data"]["telegram"] is None
    with pytest.raises(ConfigError, match="chat_url"):
        create_app(own_home, {name: "javascript:alert(1)"})


def test_the_description_is_complete(api):
    """Every address and method: a name of its own, every reply with schema and example."""
    told = api.get("openapi.json").json()
    assert told["openapi"].startswith("3.1")
    names: list[str] = []
    root = {"components": told["components"]}
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            names.append(one["operationId"])
            assert one["summary"].strip(), path
            wanted = {"401", "403", "429", "500", "503"}
            assert wanted <= set(one["responses"]), (method, path)
            for status, reply in one["responses"].items():
                assert reply["description"], (path, status)
                for kind, media in reply.get("content", {}).items():
                    if kind == "text/event-stream":
                        continue
                    assert "example" in media, (path, status)
                    schema = root | media["schema"]
                    Draft202012Validator(schema).validate(media["example"])
            for parameter in one.get("parameters", ()):
                assert parameter["description"].strip(), (path, parameter["name"])
                assert _bounded(parameter["schema"], told), (path, parameter["name"])
    assert len(names) == len(set(names))
    assert len(names) >= 35


def _bounded(schema: dict, root: dict) -> bool:
    """Return whether numbers have a range and texts a length, a pattern or a list of words."""
    if "$ref" in schema:
        return _bounded(root["components"]["schemas"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return all(_bounded(one, root) for one in schema["anyOf"])
    kind = schema.get("type")
    if kind in {"integer", "number"}:
        return {"minimum", "maximum"} <= set(schema)
    if kind == "string":
        return bool({"maxLength", "pattern", "enum", "const", "format"} & set(schema))
    return True


def test_a_reply_is_good_for_as_long_as_it_says():
    """A second while nothing was written, longer where it was dear; a quarter once it was."""
    from trading_cli.web.kept import Reply

    one, other = ((1, 2, 3),), ((1, 2, 4),)
    cheap = Reply(200, [], b"", begun=100.0, took=0.02, stamp=one)
    dear = Reply(200, [], b"", begun=100.0, took=0.1, stamp=one)
    endless = Reply(200, [], b"", begun=100.0, took=5.0, stamp=one)
    assert [cheap.is_good(at, one) for at in (100.1, 101.0, 101.1)] == [True, True, False]
    assert [dear.is_good(at, one) for at in (105.0, 105.2)] == [True, False]
    assert [endless.is_good(at, one) for at in (114.9, 115.1)] == [True, False]
    assert [cheap.is_good(at, other) for at in (100.2, 100.3)] == [True, False]
    assert not endless.is_good(105.1, other)


def test_a_dear_reply_rests_before_it_is_made_anew():
    """For who does not say no-cache: a quarter of a second, a whole one where it was dear."""
    from trading_cli.web.kept import Reply

    one, other, thrown = ((1, 2, 3), None), ((1, 2, 4), None), ((1, 2, 4), (5, 6, 7))
    cheap = Reply(200, [], b"", begun=100.0, took=0.002, stamp=one)
    dear = Reply(200, [], b"", begun=100.0, took=0.01, stamp=one)
    endless = Reply(200, [], b"", begun=100.0, took=5.0, stamp=one)
    assert [cheap.rests(at, other) for at in (100.2, 100.3)] == [True, False]
    assert [dear.rests(at, other) for at in (100.4, 100.6)] == [True, False]
    assert [endless.rests(at, other) for at in (100.9, 101.1)] == [True, False]
    assert [endless.will_do(at, other) for at in (101.9, 102.1)] == [True, False]
    assert not any(reply.rests(100.0, thrown) for reply in (cheap, dear, endless))


def test_none_is_made_for_who_asks_plainly_while_it_rests(tmp_path):
    """But one at once for who asks for the newest, and where the kill switch was thrown."""
    database = tmp_path / "trading.db"
    (tmp_path / "data").mkdir()
    home = SimpleNamespace(loaded=SimpleNamespace(database=database, home=tmp_path))
    with ThreadPoolExecutor(1) as apart:  # a browser of this worker may hold this thread's loop
        apart.submit(asyncio.run, _rested(home, database, tmp_path / "data" / "KILL")).result()


async def _rested(home, database, kill) -> None:
    made, now = [], 100.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "time", SimpleNamespace(monotonic=lambda: now))

        async def making(_scope, _receive, send):
            nonlocal now
            made.append(now)
            now += 0.01
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x"})

        around = kept.Kept(making, home)

        async def ask(*headers):
            place = {"path": "/api/v1/x", "query_string": b"", "headers": list(headers)}
            await around({"type": "http", "method": "GET", **place}, None, _nobody)
            await asyncio.sleep(0.001)  # what was begun for others is made meanwhile
            return len(made)

        assert await ask() == 1
        database.write_bytes(b"somebody wrote")
        now = 100.3
        assert await ask() == 1
        assert await ask((b"cache-control", b"max-age=0")) == 2
        database.write_bytes(b"somebody wrote more")
        now += 0.45
        assert await ask() == 2
        now += 0.1
        assert await ask() == 3
        now += 0.3
        assert await ask() == 3
        kill.touch()
        assert await ask() == 4


async def _nobody(_message) -> None:
    await asyncio.sleep(0)


def test_the_last_is_told_while_a_newer_one_is_made(tmp_path, monkeypatch):
    """But not to who asks for the newest, and not once the kill switch was thrown."""
    monkeypatch.setattr(kept, "FRESH_S", 0.0)
    database = tmp_path / "trading.db"
    (tmp_path / "data").mkdir()
    home = SimpleNamespace(loaded=SimpleNamespace(database=database, home=tmp_path))
    with ThreadPoolExecutor(1) as apart:  # a browser of this worker may hold this thread's loop
        apart.submit(asyncio.run, _told_on(home, database, tmp_path / "data" / "KILL")).result()


async def _told_on(home, database, kill) -> None:
    made, gate = 0, asyncio.Event()

    async def counting(_scope, _receive, send):
        nonlocal made
        await gate.wait()
        made += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(made).encode()})

    around = kept.Kept(counting, home)

    async def ask(**headers):
        body = b""

        async def send(message):
            nonlocal body
            body += message.get("body", b"")

        named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        place = {"path": "/api/v1/x", "query_string": b"", "headers": named}
        await around({"type": "http", "method": "GET", **place}, None, send)
        return body

    async def waits(asking):
        done, pending = await asyncio.wait({asking}, timeout=0.05)
        assert not done
        gate.set()
        return await pending.pop()

    gate.set()
    assert await ask() == b"1"
    gate.clear()
    database.write_bytes(b"somebody wrote")
    assert await ask() == b"1"
    assert await waits(asyncio.create_task(ask(cache_control="no-cache"))) == b"2"
    assert await ask() == b"2"
    gate.clear()
    kill.touch()
    assert await waits(asyncio.create_task(ask())) == b"3"


def test_a_newer_reply_that_could_not_be_made_is_written_down(tmp_path, caplog):
    """Nobody waits for it, as the one before was told: else nobody would ever hear of it."""
    (tmp_path / "data").mkdir()
    database = tmp_path / "trading.db"
    home = SimpleNamespace(loaded=SimpleNamespace(database=database, home=tmp_path))
    with ThreadPoolExecutor(1) as apart:  # a browser of this worker may hold this thread's loop
        apart.submit(asyncio.run, _failing(home, database)).result()
    assert [one.message for one in caplog.records] == ["no reply could be made"]


async def _failing(home, database) -> None:
    times = 0

    async def once(_scope, _receive, send):
        nonlocal times
        times += 1
        if times > 1:
            raise ZeroDivisionError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "FRESH_S", 0.0)
        patch.setattr(kept, "REST_S", 0.0)
        around = kept.Kept(once, home)
        scope = {"type": "http", "method": "GET", "query_string": b"", "headers": []}
        scope["path"] = "/api/v1/x"
        await around(scope, None, _nobody)
        database.write_bytes(b"somebody wrote")
        await around(scope, None, _nobody)
        for _ in range(9):  # it fails meanwhile
            await asyncio.sleep(0)
        assert not around._coming
        around._forget()
        database.write_bytes(b"somebody wrote more")
        with pytest.raises(ZeroDivisionError):  # who waits is told, and others are not
            await around(scope, None, _nobody)


@pytest.mark.parametrize("path", ["kill", "status"])
def test_how_the_kill_switch_stands_is_never_told_late(tmp_path, path):
    """Also where it was thrown in the database alone, and nobody asks for the newest."""
    (tmp_path / "data").mkdir()
    database = tmp_path / "trading.db"
    home = SimpleNamespace(loaded=SimpleNamespace(database=database, home=tmp_path))
    with ThreadPoolExecutor(1) as apart:  # a browser of this worker may hold this thread's loop
        told = apart.submit(asyncio.run, _asked_again(home, database, path)).result()
    assert told == [b"1", b"2"]


async def _asked_again(home, database, path) -> list[bytes]:
    bodies: list[bytes] = []

    async def counting(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(bodies) + 1).encode()})

    async def send(message):
        await asyncio.sleep(0)
        if message["type"] == "http.response.body":
            bodies.append(message["body"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "FRESH_S", 0.0)
        around = kept.Kept(counting, home)
        place = {"path": f"/api/v1/{path}", "query_string": b"", "headers": []}
        for text in (b"", b"somebody wrote"):
            database.write_bytes(text)
            await around({"type": "http", "method": "GET", **place}, None, send)
    return bodies
