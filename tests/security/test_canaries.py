"""With a secret in every slot, no command of the second half writes or says any of them."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from telling import make_home, tell  # of the commands' tests

from trading_cli.core.home import SECRETS

MARK = "Kanarie"
NIGHTLY = pytest.mark.nightly
COMMANDS = (
    "status", "health", "health --prometheus", "doctor --offline", "db backup", "db verify",
    "db bundle --to {out}/run.db", "db optimize", "db archive --before 60d", "db stats", "parity",
    "backtest", "backtest --strategy nonsense", "import {out}/history.csv",
    "import {out}/absent.csv",
    "profile --since 7d", "profile --command trials", "calendar --days 400 --ics {out}/c.ics",
    "calendar import {out}/dates.csv", "calendar import https://127.0.0.1/x.ics", "news --since 7d",
    "config show", "config validate", "replay @last", "collect", "cycle collection", "signal",
    "alerts test", "alerts list", "logs -n 200", "kill status", "schedule show --systemd",
)  # fmt: skip


def canary(name: str) -> str:
    """Return the secret of one slot."""
    secret = f"{MARK}/{name}+geheim&{len(name)}=zwölf?"
    return f"https://127.0.0.1:9/{secret}" if name.endswith("_url") else secret


def shapes(secret: str) -> Iterator[bytes]:
    """Yield the ways in which *secret* could be written down."""
    raw = secret.encode()
    for text in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield text.encode()
    yield secret.encode("unicode_escape")
    yield base64.b64encode(raw).rstrip(b"=")
    yield base64.urlsafe_b64encode(raw).rstrip(b"=")
    yield raw.hex().encode()


def hits(where: bytes) -> list[str]:
    """Return the slots whose secret is in *where*, in any shape."""
    return [name for name in SECRETS if any(one in where for one in shapes(canary(name)))]


def command_lines() -> bytes:
    """Return the command lines of all that runs here now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(found)


@pytest.mark.parametrize("place", ["environment", pytest.param("file", marks=NIGHTLY)])
def test_no_secret_is_in_any_file_output_or_command_line(
    tmp_path, home, monkeypatch, place, small_demo
):
    """Plain, encoded, escaped or base64: not in the home, not in a copy, not on the screen.

    By day each command for people or for programs, by turns; at night both.
    """
    del home
    monkeypatch.delenv("TRADING_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    out, folder = tmp_path / "out", tmp_path / "demo"
    out.mkdir()
    shutil.copytree(small_demo, folder)
    make_home(tmp_path / "other", "http://127.0.0.1:9")
    config = folder / "config.yaml"
    shutil.copy(tmp_path / "other" / "config.yaml", config)
    (folder / "secrets.env").unlink()
    if place == "environment":
        for name in SECRETS:
            monkeypatch.setenv(f"TRADING_{name.upper()}", canary(name))
    else:
        lines = (f"TRADING_{name.upper()}={canary(name)}\n" for name in SECRETS)
        (folder / "secrets.env").write_text("".join(lines), encoding="utf-8")
        (folder / "secrets.env").chmod(0o600)
    for name in ("WEBHOOK", "DISCORD", "SLACK"):
        monkeypatch.setenv(f"TRADING__ALERTS__{name}__ENABLED", "true")
    (out / "history.csv").write_text("market,t,p\na,1700000000,0.5\n")
    (out / "dates.csv").write_text("at,title\n2026-03-18T18:00Z,Rates\n")
    for turn, words in enumerate(COMMANDS):
        line = [*words.format(out=out).split(), "--config", str(config)]
        for more in ([], ["--json"]) if place == "file" else ([["--json"], []][turn % 2],):
            told = tell(*line, *more)
            assert hits((told.out + told.err).encode("utf-8", "replace")) == [], words
        assert hits(command_lines()) == []
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "secrets.env"]
    assert any(path.name.startswith("trading.log") for path in files)
    assert any(path.parent.name == "backups" for path in files)
    assert [path.name for path in files if hits(path.read_bytes())] == []


def test_the_search_finds_what_is_there():
    """Each shape of each secret, planted, is found."""
    for name in SECRETS:
        assert all(name in hits(b"before " + one + b" after") for one in shapes(canary(name)))
