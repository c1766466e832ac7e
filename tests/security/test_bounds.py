"""What is read has an end: deep nesting, long lines, packed bombs and huge files are refused."""

import gzip
import os
import subprocess
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from trading_cli.app import agenda_files
from trading_cli.app.settings import load
from trading_cli.app.tax import read_rates
from trading_cli.core.errors import ConfigError, UsageError
from trading_cli.core.outbound import Address

DEEP = ("[" * 100_000, "[" * 60 + "]" * 60, "{a: " * 10_000, "- " * 50_000, "? " * 50_000)
CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"


@pytest.mark.parametrize("text", DEEP)
def test_settings_nested_without_end_are_refused_at_once(tmp_path: Path, text):
    """By the fifty-first level: neither the reader's time nor its stack is used up."""
    path = tmp_path / "config.yaml"
    path.write_text(f"risk: {text}\n" if text[0] in "[{" else text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="more than 50 levels deep"):
        load(path, env={})
    with pytest.raises(ConfigError, match="more than 50 levels deep"):
        load(None, env={"TRADING__RISK": text, "TRADING_HOME": str(tmp_path / "none")})


def test_settings_of_two_hundred_megabytes_or_from_a_pipe_are_not_read(tmp_path: Path):
    """The first bytes are enough to say no; a pipe that nobody writes to is not waited for."""
    path = tmp_path / "config.yaml"
    path.touch(mode=0o600)
    os.truncate(path, 200_000_000)
    with pytest.raises(ConfigError, match="larger than"):
        load(path, env={})


@pytest.mark.parametrize(
    "body",
    [
        CALENDAR + "BEGIN:VEVENT\r\n" * 20_000 + "END:VEVENT\r\n" * 20_000 + "END:VCALENDAR\r\n",
        CALENDAR + "BEGIN:VEVENT\r\n" * 3_000,
        CALENDAR + "\0" * 1000,
        "at,title\n2026-03-18T18:00Z," + "x" * 200_000,
        'at,title\n2026-03-18T18:00Z,"' + "x\n" * 100_000,
        "x" * 3_000_000,
    ],
    ids=["deep", "open", "nul", "cell", "quotes", "large"],
)  # fmt: skip
def test_a_calendar_without_end_is_refused_with_a_sentence(tmp_path: Path, body):
    """Deep, torn, of one huge cell, too large: an error of ours, never one of Python's."""
    path = tmp_path / "dates"
    path.write_text(body)
    with pytest.raises(UsageError) as told:
        agenda_files.read(str(path), "s")
    assert len(str(told.value)) < 500


@pytest.mark.parametrize("body", ["2026-03-02," + "9" * 200_000, "x" * 6_000_000, "2026-03-02,-1"])
def test_rates_without_end_are_refused_with_a_sentence(tmp_path: Path, body):
    """One huge cell, a huge file, a rate below nothing."""
    path = tmp_path / "rates.csv"
    path.write_text(body)
    with pytest.raises(UsageError) as told:
        read_rates(path, "EUR")
    assert len(str(told.value)) < 500


def test_an_answer_is_read_so_far_and_no_further(httpserver: HTTPServer):
    """Of 20 MB no more than was asked for and one; what is packed is not unpacked."""
    httpserver.expect_request("/x").respond_with_data(b"x" * 20_000_000)
    bomb = gzip.compress(b"\0" * 50_000_000)
    httpserver.expect_request("/z").respond_with_data(bomb, headers={"Content-Encoding": "gzip"})
    got = Address("calendar", httpserver.url_for("/x"), allow_private=True).get({}, 2_000_000)
    assert len(got.body) == 2_000_001
    got = Address("calendar", httpserver.url_for("/z"), allow_private=True).get({}, 2_000_000)
    assert got.body == bomb


AUDIT = {
    "clean": ('{"dependencies":[{"name":"a","version":"1","vulns":[]}]}', 0, 0, "1 packages, none"),
    "none": ('{"dependencies":[]}', 0, 0, "SKIPPED: 0 packages"),
    "skipped": ('{"dependencies":[{"name":"a","skip_reason":"x"}]}', 0, 0, "SKIPPED: 0 packages"),
    "offline": ("", 1, 0, "SKIPPED: the vulnerability service"),
    "bad": ('{"dependencies":[{"name":"a","version":"1","vulns":[{"id":"CVE-1"}]}]}', 1, 1, "VULN"),
    "torn": ('{"dependencies":[{"na', 1, 1, ""),
    "silent": ("", 0, 1, ""),
}


@pytest.mark.parametrize("name", AUDIT)
def test_an_audit_of_nothing_is_never_called_passed(tmp_path: Path, name):
    """The very lines of .ci/run: without network or packages SKIPPED, torn or bad fails."""
    report, code, expected, said = AUDIT[name]
    script = Path(__file__).parents[2] / ".ci" / "run"
    lines = script.read_text().splitlines()
    begin = lines.index("audit() {")
    audit = lines[begin : lines.index("audit", begin) + 1]
    uv = tmp_path / "uv"
    uv.write_text(
        f"#!/bin/sh\n[ \"$1\" = export ] && exit 0\nprintf '%s' '{report}'\n"
        f"echo 'no network' >&2\nexit {code}\n"
    )
    uv.chmod(0o700)
    done = subprocess.run(
        ["/bin/bash", "-c", "\n".join(["set -euo pipefail", *audit])],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert (done.returncode, said in told) == (expected, True), told
    if not expected and name != "clean":
        assert "none with" not in told
