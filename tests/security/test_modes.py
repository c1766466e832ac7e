"""What the program makes is for its owner alone, and what others may open is refused or mended."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from telling import make_home, tell  # of the commands' tests

from trading_cli.core.config import read_secrets
from trading_cli.core.errors import ConfigError, StoreError
from trading_cli.core.home import given_secrets
from trading_cli.store import Store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
COMMANDS = (
    "db backup", "db bundle --to {out}/run.db", "db optimize", "db archive --before 60d",
    "journal export {out}/j.csv", "journal export {out}/j.json",
    "journal export {out}/t.csv --tax fifo",
    "quality-check --report {out}/q.md", "calibrate --svg {out}/c.svg --html {out}/c.html",
    "calendar --days 400 --ics {out}/c.ics", "collect", "signal",
    "cycle analysis", "config init {out}/new.yaml", "kill --reason because", "status",
)  # fmt: skip


@pytest.fixture
def loose_umask() -> Iterator[None]:
    """Let every file be as open as its maker asks for."""
    before = os.umask(0)
    yield
    os.umask(before)


def too_open(folder: Path) -> list[str]:
    """Return every file that is not 0600 and every folder that is not 0700, below *folder*."""
    wrong = []
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & 0o077 or (path.is_file() and mode & 0o111):
            wrong.append(f"{path.relative_to(folder)} {mode:04o}")
    return wrong


@pytest.mark.usefixtures("loose_umask")
def test_whatever_is_made_is_for_its_owner_alone(home, tmp_path, monkeypatch):
    """Demo, backup, bundle, archive, exports, reports, calendar, log, locks, limits: 0600, 0700."""
    del home
    monkeypatch.delenv("TRADING_HOME", raising=False)
    state = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    demo, out = tmp_path / "demo", tmp_path / "out"
    out.mkdir(mode=0o700)
    size = ("--days", "1", "--cycles", "1", "--markets", "8")
    told = tell("demo", *size, "--keep", str(demo))
    assert told.exit_code == 0, told.err
    codes = {}
    for words in COMMANDS:
        line = words.format(out=out).split()
        codes[words] = tell(*line, "--config", str(demo / "config.yaml")).exit_code
    assert {words: code for words, code in codes.items() if code in {1, 2}} == {}
    made = {path.suffix for path in out.iterdir()}
    assert {".csv", ".json", ".md", ".svg", ".html", ".ics", ".db", ".yaml"} <= made
    assert [*too_open(demo), *too_open(out), *(too_open(state) if state.exists() else [])] == []


@pytest.mark.parametrize(
    "mode", [0o601, 0o604, 0o610, 0o620, 0o640, 0o644, 0o660, 0o666, 0o700, 0o777]
)
def test_a_secrets_file_that_others_may_touch_is_refused(tmp_path, mode):
    """Any bit too many: nothing of it is used."""
    path = tmp_path / "secrets.env"
    path.write_text("TRADING_X_TOKEN=canary-token\n")
    path.chmod(mode)
    with pytest.raises(ConfigError, match="may be read by others") as told:
        read_secrets(tmp_path, {})
    assert "canary" not in f"{told.value} {told.value.hint}"
    assert told.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secrets_file_of_ours_is_read(tmp_path, mode):
    """0600 and 0400 are as they should be."""
    (tmp_path / "secrets.env").write_text("TRADING_X_TOKEN=canary-token\n")
    (tmp_path / "secrets.env").chmod(mode)
    assert given_secrets(tmp_path, {}) == {"x_token": "canary-token"}


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe", "large"])
def test_a_secrets_file_that_is_no_plain_file_is_refused(tmp_path, kind):
    """A link, even to a good file, a folder, a pipe (which is not waited for), a megabyte."""
    path, other = tmp_path / "secrets.env", tmp_path / "other"
    other.write_text("TRADING_X_TOKEN=canary-token\n")
    other.chmod(0o600)
    make = {
        "link": lambda: path.symlink_to(other),
        "dangling": lambda: path.symlink_to(tmp_path / "absent"),
        "folder": lambda: path.mkdir(mode=0o700),
        "pipe": lambda: os.mkfifo(path, 0o600),
        "large": lambda: path.write_text("#" * 1_000_001),
    }
    make[kind]()
    if kind == "large":
        path.chmod(0o600)
    with pytest.raises(ConfigError):
        given_secrets(tmp_path, {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_secrets_file_of_somebody_else_is_refused(tmp_path):
    """Even root does not take secrets from a file that another may change."""
    path = tmp_path / "secrets.env"
    path.write_text("TRADING_X_TOKEN=canary-token\n")
    path.chmod(0o600)
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError, match="not a plain file of yours"):
        given_secrets(tmp_path, {})


@pytest.mark.parametrize("mode", [0o622, 0o662, 0o666, 0o620])
def test_settings_that_others_may_write_are_refused(tmp_path, home, mode):
    """Who may write the settings may send the alerts elsewhere."""
    del home
    config = make_home(tmp_path / "h", "http://127.0.0.1:9")
    config.chmod(mode)
    told = tell("config", "validate", "--config", str(config))
    assert (told.exit_code, "may be changed by others" in told.err) == (4, True)


@pytest.mark.parametrize("mode", [0o644, 0o664, 0o666, 0o640, 0o777])
def test_a_database_that_others_may_open_is_mended_with_a_note(tmp_path, caplog, mode):
    """So are its write-ahead log and its shared memory."""
    path = tmp_path / "trading.db"
    with Store.open(path, now=NOW):
        for name in ("", "-wal", "-shm"):
            path.with_name(path.name + name).chmod(mode)
        with Store.open(path, now=NOW):
            assert too_open(tmp_path)[1:] == []
    assert "mode mended" in caplog.text


def test_a_reader_cannot_write_and_runs_no_code_of_the_file(tmp_path):
    """Read only twice over; no schema of a file can call a function that does something."""
    path = tmp_path / "trading.db"
    Store.open(path, now=NOW).close()
    with Store.reader(path) as store, store.reading() as look:
        assert look.execute("PRAGMA trusted_schema").fetchone() == (0,)
        assert look.execute("PRAGMA query_only").fetchone() == (1,)
        look.execute("PRAGMA query_only=OFF")
        for words in ("DELETE FROM meta", "CREATE TABLE t (x)", "PRAGMA user_version=1"):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                look.execute(words)
        with pytest.raises(sqlite3.OperationalError, match="not authorized"):
            look.execute("SELECT load_extension('x')")
    with Store.open(path, now=NOW) as store, store.transaction() as tx:
        assert tx.execute("PRAGMA trusted_schema").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="not authorized"):
            tx.execute("SELECT load_extension('x')")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_database_that_is_no_file_is_refused(tmp_path, kind):
    """Neither a folder nor a pipe is opened, and nothing waits."""
    path = tmp_path / "trading.db"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(StoreError):
        Store.open(path, now=NOW)
    shutil.rmtree(path) if kind == "folder" else path.unlink()
