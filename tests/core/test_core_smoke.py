"""The core answers over real files and real HTTP."""

from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from trading_cli.core import log
from trading_cli.core.clock import SystemClock
from trading_cli.core.config import Section, read_secrets, read_settings
from trading_cli.core.errors import CircuitOpen, ConfigError, SourceDown, SourceRefused
from trading_cli.core.http_client import HttpClient
from trading_cli.core.ratelimit import Limiter, Rate


class Risk(Section):
    """A section for the tests."""

    position: float = 0.5


class Whole(Section):
    """Settings for the tests."""

    risk: Risk = Risk()
    mode: str = "paper"


def client(tmp_path: Path, server: HTTPServer) -> HttpClient:
    """Return a client of *server* with a generous budget."""
    limiter = Limiter(tmp_path / "limits.db", clock=SystemClock())
    return HttpClient(
        "test",
        server.url_for(""),
        limiter=limiter,
        rates={"/a": Rate(1000, 1)},
        clock=SystemClock(),
        attempts=1,
    )


def test_answer(tmp_path: Path, httpserver: HTTPServer) -> None:
    """A JSON answer comes back as values."""
    httpserver.expect_request("/a").respond_with_json({"x": 1})
    with client(tmp_path, httpserver) as http:
        assert http.get("/a", {"q": "1"}, endpoint="/a").json() == {"x": 1}
        assert http.requests == 1


def test_refusal(tmp_path: Path, httpserver: HTTPServer) -> None:
    """A 404 is a refusal with its status."""
    httpserver.expect_request("/a").respond_with_json({"error": "none"}, status=404)
    with client(tmp_path, httpserver) as http, pytest.raises(SourceRefused) as caught:
        http.get("/a", endpoint="/a")
    assert caught.value.status == 404


def test_circuit(tmp_path: Path, httpserver: HTTPServer) -> None:
    """Five failures in a row open the circuit, and the sixth request is not sent."""
    httpserver.expect_request("/a").respond_with_data("x", status=503)
    with client(tmp_path, httpserver) as http:
        for _ in range(5):
            with pytest.raises(SourceDown):
                http.get("/a", endpoint="/a")
        with pytest.raises(CircuitOpen):
            http.get("/a", endpoint="/a")
        assert http.requests == 5


def test_wrong_keys(tmp_path: Path) -> None:
    """Every wrong key is named in one message, with its line."""
    path = tmp_path / "config.yaml"
    path.write_text("risk:\n  positon: 1\nmode: paper\nmode: live\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        read_settings(path, Whole, env={})
    assert "config.yaml:2:3: risk.positon: no such setting; did you mean position?" in str(
        caught.value
    )
    assert "config.yaml:4:1: mode: given twice" in str(caught.value)


def test_environment_wins(tmp_path: Path) -> None:
    """A variable wins over the file."""
    path = tmp_path / "config.yaml"
    path.write_text("risk:\n  position: 0.25\n")
    path.chmod(0o600)
    settings = read_settings(path, Whole, env={"TRADING__RISK__POSITION": "0.75"})
    assert settings.risk.position == 0.75


def test_open_secrets_are_refused(tmp_path: Path) -> None:
    """A secrets file others may read is refused with the command that mends it."""
    path = tmp_path / "secrets.env"
    path.write_text("TRADING_X_TOKEN=abcdef\n")
    path.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        read_secrets(tmp_path, {})
    assert caught.value.hint.startswith("chmod 600")


def test_log_line_is_redacted(tmp_path: Path) -> None:
    """An event is one line that holds no secret."""
    log.configure(tmp_path / "logs", secrets=["canary-secret"])
    with log.bind(run=7):
        log.get_logger("test").info("a\x1b[31m\r\nb canary-secret", metrics={"n": 1})
    lines = list(log.read_lines(tmp_path / "logs"))
    assert len(lines) == 1
    assert "canary" not in str(lines)
    assert (lines[0]["run"], lines[0]["metrics"]) == (7, {"n": 1})
