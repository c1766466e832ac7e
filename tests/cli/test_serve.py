"""`trading serve` and `trading run --serve`: where, for whom, and how they end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from jsonschema import Draft202012Validator
from telling import settings_for, tell  # beside this

from trading_cli.app import serving
from trading_cli.app.beside import Beside
from trading_cli.core.config import Secrets
from trading_cli.core.errors import ConfigError
from trading_cli.core.schemas import schema_of
from trading_cli.store import Store, runs

PATIENCE_S = 60.0
GOOD = "Zk3vQ9xWm1Lr8TbYc5Nd7Hf2Pj6Gs4Ra"
NOBODY = "http://127.0.0.1:9"  # nothing listens there


def until(ready: Callable[[], Any]) -> Any:
    """Return what *ready* returns once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := ready()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found


@pytest.fixture
def config(home: Path) -> Path:
    """Return the settings of a home whose providers do not answer."""
    return written(home)


def written(home: Path, **dashboard: Any) -> Path:
    """Write settings into *home*, the page's among them."""
    path = home / "config.yaml"
    path.write_text(yaml.safe_dump(settings_for(NOBODY) | {"dashboard": dashboard}))
    path.chmod(0o600)
    return path


@contextmanager
def trading(*words: str, **more: Any) -> "Iterator[subprocess.Popen[str]]":
    """Run `trading WORDS` as a process of its own; it is gone at the end."""
    child = subprocess.Popen(
        [sys.executable, "-m", "trading_cli", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip
    with child:
        try:
            yield child
        finally:
            child.kill()


def refused(config: Path, *words: str) -> tuple[int, str]:
    """Return exit code and complaint of a server that does not begin."""
    told = tell("serve", "--config", str(config), *words)
    assert told.out == ""
    return told.exit_code, told.err


def asked(port: int, path: str = "/api/v1/status") -> int:
    """Return the status of a request, 0 where nobody answers."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as wire:
        try:
            wire.request("GET", path)
            return wire.getresponse().status
        except OSError:
            return 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_server_says_where_it_is_and_ends_when_told(config, number, code):
    """The address once, on stderr; no line for a request; the exit code of other long commands."""
    with trading("serve", "--port", "0", "--config", str(config)) as child:
        line = child.stderr.readline()
        port = int(line.partition("127.0.0.1:")[2].partition(";")[0])
        assert asked(port) == 200
        child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == code
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_two_servers_of_one_home_announce_themselves_by_their_schema(config):
    """--json is one envelope on stdout and nothing else; a second one beside it works as well."""
    words = ("serve", "--port", "0", "--json", "--config", str(config))
    with trading(*words) as first, trading(*words) as second:
        ports = set()
        for child in (first, second):
            told = json.loads(child.stdout.readline())
            Draft202012Validator(schema_of("serve")).validate(told)
            assert told["data"]["token_needed"] is False
            ports.add(int(told["data"]["url"].rpartition(":")[2]))
        assert [asked(port) for port in ports] == [200, 200]
        for child in (first, second):
            child.terminate()
            assert child.communicate(timeout=PATIENCE_S)[0] == ""
            assert child.returncode == 143


def test_a_look_back_needs_something_to_look_back_at(config):
    """An empty home, a time before its last collection and one to come are refused in words."""
    code, said = refused(config, "--port", "0", "--at", "last")
    assert (code, "nothing was collected" in said) == (2, True)
    then = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)
    start = runs.Start("collection", 0, then, 1)
    database = config.parent / "data" / "trading.db"
    with Store.open(database, now=then) as store, store.transaction() as tx:
        ticket = runs.begin(tx, start, lease=timedelta(minutes=5))
        runs.finish(tx, ticket, "OK", "", {}, then)
    for at, why in (("2026-03-01", "before"), ("2999-01-01", "to come"), ("soon", "not a time")):
        code, said = refused(config, "--port", "0", "--at", at)
        assert (code, why in said) == (2, True), said
    with trading(
        "serve", "--port", "0", "--at", "last", "--json", "--config", str(config)
    ) as child:
        told = json.loads(child.stdout.readline())
        Draft202012Validator(schema_of("serve")).validate(told)
        assert told["data"]["as_of"] == then.isoformat()
        port = int(told["data"]["url"].rpartition(":")[2])
        assert asked(port) == 200


def test_whom_nobody_keeps_out_is_not_let_in(home):
    """Another address, or a page that is told of outside, needs the token: exit 2, with the way."""
    for words, dashboard in (
        (("--host", "0.0.0.0"), {}),  # noqa: S104  # refused
        (("--host", "::"), {}),
        ((), {"host": "192.0.2.1"}),
        ((), {"public_url": "https://trading.example.org"}),
    ):
        code, said = refused(written(home, **dashboard), "--port", "0", *words)
        assert code == 2
        assert "TRADING_SERVE_TOKEN" in said
        assert "caddy reverse-proxy" in said
        assert "proxy_pass" in said


@pytest.mark.parametrize(
    "token",
    ["short", "a" * 64, "0123456789abcdef0123456789abcde", "é" * 40, "Zk3vQ9xWm1Lr8TbYc5Nd7"],
)
def test_a_token_that_can_be_guessed_is_refused(token):
    """Less than 128 bits, or hardly a character that differs: nobody may rely on it."""
    with pytest.raises(ConfigError, match="guessed"):
        serving.check_token(Secrets(serve_token=token))


@pytest.mark.parametrize("token", [GOOD, "0123456789abcdef" * 2, "Zk3vQ9xWm1Lr8TbYc5Nd7H"])
def test_a_good_token_is_taken(token):
    """32 of hexadecimal, or 22 of more letters."""
    serving.check_token(Secrets(serve_token=token))


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True),
        ("localhost", True), ("0.0.0.0", False), ("::", False), ("192.168.1.5", False),  # noqa: S104
        ("localhost.evil.test", False), ("127.0.0.1.evil.test", False), ("", False),
        ("::ffff:192.0.2.1", False), ("2130706433", False),
    ],
)  # fmt: skip
def test_this_machine_is_told_from_others(host, own):
    """What is not plainly this machine counts as reachable by others."""
    assert serving.is_loopback(host) is own


def test_with_a_token_it_serves_elsewhere_and_reading_needs_it(home):
    """The token of the environment lets it listen everywhere; without it nothing is read."""
    config = written(home)
    words = ("serve", "--host", "0.0.0.0", "--port", "0", "--json", "--config", str(config))  # noqa: S104
    with trading(*words, env={**os.environ, "TRADING_SERVE_TOKEN": GOOD}) as child:
        told = json.loads(child.stdout.readline())["data"]
        assert told["token_needed"] is True
        assert asked(int(told["url"].rpartition(":")[2])) == 401


def test_a_weak_token_is_a_wrong_setting(config, monkeypatch):
    """Exit 4, and how to make a better one."""
    monkeypatch.setenv("TRADING_SERVE_TOKEN", "short")
    code, said = refused(config)
    assert code == 4
    assert "secrets.token_urlsafe" in said


def test_a_port_that_is_taken_is_named(config, monkeypatch):
    """Exit 2, which port, and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, said = refused(config, "--port", str(port))
    assert code == 2
    assert f"port {port} of 127.0.0.1 is taken" in said
    assert "--port" in said
    monkeypatch.setenv("TRADING_SERVE_TOKEN", GOOD)
    code, said = refused(config, "--host", "192.0.2.1", "--port", "0")
    assert code == 2
    assert "no address of this machine" in said


@pytest.mark.nightly
def test_a_server_ends_with_who_began_it(config):
    """Its parent is killed; nobody is left to listen on."""
    code = (
        "import subprocess, sys, os\n"
        "words = [sys.executable, '-m', 'trading_cli', 'serve', '--port', '0', '--json',"
        f" f'--child-of={{os.getpid()}}', '--config', {str(config)!r}]\n"
        "child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)\n"
        "print(child.pid, child.stdout.readline(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        pid, _, told = parent.stdout.readline().partition(" ")
        port = int(json.loads(told)["data"]["url"].rpartition(":")[2])
        assert asked(port) == 200
        parent.kill()
    until(lambda: asked(port) == 0)
    until(lambda: not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == "zombie")


def free_port() -> int:
    """Return a port nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def pages(runner: int) -> list[psutil.Process]:
    """Return the processes that serve a page for *runner*."""
    found = []
    for one in psutil.Process(runner).children():
        with suppress(psutil.Error):  # it is over by now
            found += [one] if "serve" in one.cmdline() else []
    return found


def test_a_page_beside_the_clockwork_comes_back_and_goes_with_it(home):
    """Killed, it is begun again; it stays up where the stop ends the cycles, and then goes."""
    port = free_port()
    config = written(home, port=port)
    with trading("run", "--serve", "-q", "--config", str(config)) as runner:
        until(lambda: asked(port) == 200)
        (page,) = pages(runner.pid)
        assert os.getpgid(page.pid) == os.getpgid(runner.pid)
        page.kill()
        until(lambda: [one for one in pages(runner.pid) if one.pid != page.pid])
        until(lambda: asked(port) == 200)
        assert tell("kill", "--reason", "so", "--config", str(config)).exit_code == 0
        until(lambda: psutil.Process(runner.pid).children() == pages(runner.pid))
        assert asked(port) == 200
        assert runner.poll() is None
        runner.send_signal(signal.SIGTERM)
        runner.communicate(timeout=PATIENCE_S)
        assert runner.returncode in {8, 143}  # 143: it came between two clockworks
    assert asked(port) == 0


def test_a_stopped_home_is_shown_and_nothing_is_begun(home):
    """`run --serve` of a home that is stopped serves its page and runs no cycle."""
    port = free_port()
    config = written(home, port=port)
    assert tell("kill", "--reason", "so", "--config", str(config)).exit_code == 0
    with trading("run", "--serve", "--config", str(config)) as runner:
        until(lambda: asked(port) == 200)
        assert runner.poll() is None
        runner.send_signal(signal.SIGTERM)
        _, err = runner.communicate(timeout=PATIENCE_S)
        assert runner.returncode == 8
    assert "no cycle runs until that is undone" in err
    told = tell("logs", "--json", "--config", str(config))
    assert "collection begun" not in told.out


def test_a_page_that_dies_at_once_is_begun_ever_more_slowly():
    """It is said once why it ended, and it is not begun a hundred times a second."""
    said: list[str] = []
    beside = Beside(
        [sys.executable, "-c", "raise SystemExit(2)"], say=said.append, env=os.environ, first_s=0.05
    )
    beside.start()
    until(lambda: beside.begun >= 4)
    beside.end()
    count = beside.begun
    assert said == ["serve: ended with exit code 2; it is begun again"]
    assert count < 12
