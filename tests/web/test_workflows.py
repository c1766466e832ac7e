"""Jobs and the stop by the API: what the commands do, asked for from a page."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from listening import PATIENCE_S, Listener, Up, new_home, until, up  # beside this

from trading_cli.app import halting, stop
from trading_cli.app.foreman import Foreman
from trading_cli.app.montecarlo import Asked, monte_carlo
from trading_cli.core.envelope import plain
from trading_cli.core.schemas import schema_of

ENVELOPE = '{"schema": "trading.x/1", "generated_at": "t", "data": {"a": "%s"}, "warnings": []}'
SECRET = "canary-secret-0123456789-abcdef"  # noqa: S105  # nobody's


class Page:
    """A browser's session with a server: its cookie and its CSRF token."""

    def __init__(self, one: Up) -> None:
        self._port = one.port
        _, headers, told = self.ask("GET", "/session")
        self._cookie = headers["set-cookie"].partition(";")[0]
        self._csrf = told["data"]["csrf"]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return (status, headers, what was told)."""
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)) as wire:
            text = None if body is None else json.dumps(body)
            wire.request(method, f"/api/v1{path}", text, headers)
            reply = wire.getresponse()
            text = reply.read()
            told = {name.lower(): value for name, value in reply.getheaders()}
            return reply.status, told, json.loads(text)

    def get(self, path: str) -> Any:
        """Ask for what is there."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """Write, as the page does."""
        own = {"X-CSRF-Token": self._csrf, "Cookie": self._cookie}
        return self.ask("POST", path, body, **own, **{"Content-Type": "application/json"})

    def delete(self, path: str) -> Any:
        """Cancel, as the page does."""
        return self.ask("DELETE", path, **{"X-CSRF-Token": self._csrf, "Cookie": self._cookie})

    def ended(self, where: str) -> Any:
        """Return the data of a job once it has ended."""
        path = where.removeprefix("/api/v1")
        return until(lambda: (found := self.get(path)[2]["data"])["ended_at"] and found)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an empty home."""
    made = new_home(tmp_path / "home")
    secrets = made.with_name("secrets.env")
    secrets.write_text(f"TRADING_TELEGRAM_TOKEN={SECRET}\n")
    secrets.chmod(0o600)
    return made


@pytest.fixture
def server(config: Path) -> Iterator[Up]:
    """Yield a server of that home."""
    with up(config) as one:
        yield one


def let_run(server: Up, code: str) -> None:
    """Let every job of *server* run a line of Python instead."""
    state = server.api.state
    before: Foreman = state.foreman
    before.close()
    state.foreman = Foreman(
        state.here.loaded, {}, command=lambda *_: [sys.executable, "-c", code]
    ).start()


def valid(name: str, told: Any) -> Any:
    """Return the data of an envelope that is as the schema *name* says."""
    Draft202012Validator(schema_of(name)).validate(told)
    return told["data"]


def test_a_job_is_a_command_whose_answer_comes_back(server, config):
    """202 and where to look; the stream tells of it; the result is what the command says."""
    page = Page(server)
    with Listener(server) as listener:
        events = listener.events()
        next(events)
        body = {"workflow": "monte-carlo", "parameters": {"runs": 50, "engine": "iid"}}
        status, headers, told = page.post("/workflows", body)
        job = valid("api.workflow", told)
        assert (status, headers["location"]) == (202, f"/api/v1/workflows/{job['id']}")
        assert next(events)[2]["subject"] == str(job["id"])
        assert page.ended(headers["location"])["state"] == "DONE"
        while next(events)[2]["kind"] != "job":
            continue
    status, headers, told = page.get(f"/workflows/{job['id']}/result")
    assert status == 200
    data = valid("monte-carlo", told)
    asked = Asked(50, "iid", None, 1, 1, None)
    assert data == plain(monte_carlo(config, asked, say=lambda _: None))
    listed = valid("api.workflows", page.get("/workflows")[2])
    assert [one["id"] for one in listed["jobs"]] == [job["id"]]


def test_one_of_a_kind_and_answers_only_where_there_are(server):
    """A second one is 409 with the first one's address; a result too early 409, none at all 404."""
    let_run(server, "import time; time.sleep(120)")
    page = Page(server)
    status, headers, told = page.post("/workflows", {"workflow": "backtest"})
    assert status == 202
    where = headers["location"]
    status, headers, told = page.post("/workflows", {"workflow": "backtest", "parameters": {}})
    assert (status, headers["location"], told["code"]) == (409, where, "job_under_way")
    assert page.get("/workflows/1/result")[0] == 409
    child = server.api.state.foreman._children[1]  # to be ended
    child.kill()
    assert page.ended(where)["state"] == "FAILED"
    status, _, told = page.get("/workflows/1/result")
    assert (status, told["code"]) == (404, "no_result")
    assert "signal 9" in told["detail"]
    for path in ("/workflows/2", "/workflows/2/result"):
        status, _, told = page.get(path)
        assert (status, told["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"workflow": "demo"}, 400),
        ({"workflow": "backtest", "parameters": {"html": "x.html"}}, 400),
        ({"workflow": "collection", "parameters": {"force": True}}, 400),
        ({"workflow": "backtest", "parameters": [], "more": 1}, 422),
        ({"workflow": ["backtest"]}, 422),
        ({"parameters": {}}, 422),
        ([], 422),
    ],
)
def test_what_may_not_be_asked_for_is_refused_in_words(server, body, status):
    """Nothing is begun, and the answer says what is wrong."""
    page = Page(server)
    found, _, told = page.post("/workflows", body)
    assert (found, told["status"]) == (status, status)
    assert told["detail"]
    assert page.get("/workflows")[2]["data"]["jobs"] == []


def test_a_job_that_is_cancelled_ends_and_says_who_wanted_it(server):
    """202 while it ends, 200 once it has, as often as one asks; the next one of the kind begins."""
    let_run(server, "import time; print('', flush=True); time.sleep(120)")
    page = Page(server)
    where = page.post("/workflows", {"workflow": "backtest"})[1]["location"]
    path = where.removeprefix("/api/v1")
    child = server.api.state.foreman._children[1]
    status, _, told = page.delete(path)
    assert status == 202
    assert valid("api.workflow", told)["error"]["code"] == "cancelled"
    assert page.delete(path)[0] in {200, 202}
    ended = page.ended(where)
    assert (ended["state"], ended["result"]) == ("CANCELLED", None)
    assert ended["error"]["message"] == "cancelled by the page."
    assert child.wait(1) == -15
    status, _, told = page.delete(path)
    assert (status, valid("api.workflow", told)["state"]) == (200, "CANCELLED")
    status, _, told = page.get(f"{path}/result")
    assert (status, told["code"]) == (404, "no_result")
    assert page.post("/workflows", {"workflow": "backtest"})[0] == 202
    page.delete("/workflows/2")
    page.ended("/workflows/2")


def test_only_what_is_at_work_can_be_cancelled_and_only_by_our_page(server):
    """404 for none, 409 for one that ended, 403 for a stranger; a bad number is 422."""
    let_run(server, f"print({ENVELOPE % 1!r})")
    page = Page(server)
    where = page.post("/workflows", {"workflow": "validation"})[1]["location"]
    assert page.ended(where)["state"] == "DONE"
    assert page.ask("DELETE", "/workflows/1")[0] == 403
    own = {"Origin": "http://evil.test"}
    assert page.ask("DELETE", "/workflows/1", **own)[0] == 403
    for path, code in (("1", (409, "over")), ("7", (404, "not_found")), ("x", (422, "parameters"))):
        status, _, told = page.delete(f"/workflows/{path}")
        assert (status, told["code"]) == code
    assert page.get("/workflows/1")[2]["data"]["state"] == "DONE"


@pytest.mark.parametrize("path", ["/workflows", "/kill"])
def test_a_stranger_begins_and_stops_nothing(server, config, path):
    """Without the page's session a write is refused before it is read."""
    page = Page(server)
    body = {"workflow": "analysis"} if path == "/workflows" else {"reason": "so"}
    status, _, _ = page.ask("POST", path, body, **{"Content-Type": "application/json"})
    assert status == 403
    assert page.get("/workflows")[2]["data"]["jobs"] == []
    assert not (config.parent / "data" / "KILL").exists()


def test_no_secret_comes_back_with_a_result(server):
    """What a command printed is masked as every reply is."""
    let_run(server, f"print({ENVELOPE % SECRET!r})")
    page = Page(server)
    _, headers, _ = page.post("/workflows", {"workflow": "validation"})
    assert page.ended(headers["location"])["state"] == "DONE"
    assert page.get("/workflows/1/result")[2]["data"] == {"a": "***"}


def test_the_list_comes_in_pages(server):
    """The header Link leads from page to page to the oldest job."""
    let_run(server, f"print({ENVELOPE % 1!r})")
    page = Page(server)
    for _ in range(3):
        page.ended(page.post("/workflows", {"workflow": "validation"})[1]["location"])
    seen, path = [], "/workflows?limit=1"
    while path:
        _, headers, told = page.get(path)
        seen += [one["id"] for one in valid("api.workflows", told)["jobs"]]
        link = headers.get("link", "")
        path = link.partition(">")[0].removeprefix("</api/v1") if link else ""
    assert seen == [3, 2, 1]


def test_the_stop_is_the_commands_stop(server, config, tmp_path):
    """The same data, the highest level, verified; the file and the row stand."""
    page = Page(server)
    status, headers, told = page.post("/kill", {"reason": "it looks wrong"})
    assert (status, headers["cache-control"]) == (200, "no-store")
    data = valid("kill", told)
    place = stop.find_place(config, {})
    standing = stop.standing_at(place)
    assert (standing.level, standing.actor, standing.reason) == (4, "page", "it looks wrong")
    assert (data["level"], data["state"], data["proof"]["state"]) == (4, "TRIGGERED", "VERIFIED")
    assert (config.parent / "data" / "KILL").exists()
    other = new_home(tmp_path / "other")
    same, troubles = halting.halt(
        other, {}, level=4, reason="it looks wrong", actor="person", now=datetime.now(UTC)
    )
    apart = {"home", "file", "seconds", "latched_at", "proof"}
    assert set(same) == set(data)
    assert {k: v for k, v in same.items() if k not in apart} == {
        k: v for k, v in data.items() if k not in apart
    }
    assert list(troubles) == told["warnings"]


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x", "level": 1}]
)
def test_a_stop_needs_a_reason_and_takes_nothing_else(server, config, body):
    """Its level is not for the page to choose."""
    assert Page(server).post("/kill", body)[0] == 422
    assert not (config.parent / "data" / "KILL").exists()


def test_there_is_no_way_back_from_here(server):
    """No address resets or arms."""
    page = Page(server)
    page.post("/kill", {"reason": "so"})
    for path in ("/kill/reset", "/kill/arm", "/reset", "/arm"):
        assert page.post(path, {"reason": "because it is safe"})[0] in {404, 405}
    assert page.get("/kill")[2]["data"]["state"] == "TRIGGERED"
