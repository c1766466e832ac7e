"""The `collect` command on a disk or file that is not as it must be: a sentence, a code, no loss.

With the real clock; a full and a read-only disk are the kernel's own, mounted in a namespace that
ends with the test, and what is about mounts and rights runs as a process of its own.
"""

import ctypes
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
import yaml
from homes import DAY, VOICES, Exchange, settings_for  # beside this file

from trading_cli.cli.main import run
from trading_cli.simulator import running
from trading_cli.simulator.world import World
from trading_cli.store import migrations

ROOM = "6m"
PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
KEPT = ("quotes", "books", "trades", "listing_seen", "gaps", "panel")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> dict[str, str]:
        """Return the one complaint."""
        lines = self.err.strip().splitlines()
        assert lines, self
        return json.loads(lines[-1])


class Place:
    """A mount namespace of its own: what is mounted there ends with it, whatever happens."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shell = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def do(self, *words: str) -> Ended:
        """Run one command inside."""
        told = [self._folder / name for name in ("out", "err")]
        out, err = (shlex.quote(str(name)) for name in told)
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f"{shlex.join(words)} >{out} 2>{err} </dev/null; echo $?\n")
        code = int(self._shell.stdout.readline())
        return Ended(code, *(name.read_text() for name in told))

    def close(self) -> None:
        """End it, and every mount with it."""
        self._shell.communicate()


@dataclass
class Box:
    """One home on disk and the command that collects for it."""

    home: Path
    database: Path

    def words(self, *more: str) -> list[str]:
        """Return the command."""
        named = ["--config", str(self.config_file)]
        return [sys.executable, "-m", "trading_cli", "collect", "--json", *named, *more]

    @property
    def config_file(self) -> Path:
        """Return where the settings are."""
        return self.home / "config.yaml"

    def collect(self, *more: str, **options: object) -> Ended:
        """Run the command as a process of its own."""
        done = subprocess.run(
            self.words(*more), capture_output=True, text=True, timeout=120, check=False, **options
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def here(self, *more: str) -> Ended:
        """Run the command in this process."""
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            code = run(self.words(*more)[3:])
        return Ended(code, out.getvalue(), err.getvalue())

    def rows(self) -> dict[str, int]:
        """Return how many rows each table holds; the file must be sound."""
        with sqlite3.connect(self.database) as raw:
            assert raw.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            found = {
                name: raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608  # ours
                for name in KEPT
            }
        raw.close()
        return found


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """Return a running exchange that lives today."""
    today = int(time.time()) // DAY * DAY
    world = World(7, 30, start=today - 35 * DAY, end=today + 2 * DAY, liquid_share=0.8)
    with running.start(world, limits=False) as server:
        yield Exchange(world, server)


@pytest.fixture
def box(tmp_path: Path, exchange: Exchange) -> Box:
    """Return a home without talk, whose database is in a folder that can be mounted upon."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "data").mkdir(mode=0o700)
    section = settings_for(
        exchange.url,
        panel={"max_markets": 4},
        limits_path=str(tmp_path / "limits.db"),
        read_timeout_s=10.0,
    )
    for name in VOICES:
        section[name] = {"enabled": False}
    settings = {"data_collection": section, "database": {"busy_timeout_ms": 200}}
    made = Box(home, home / "data" / "trading.db")
    made.config_file.write_text(yaml.safe_dump(settings))
    made.config_file.chmod(0o600)
    return made


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return a mount namespace; skip where this machine lets us have none."""
    try:
        found = Place(tmp_path)
    except FileNotFoundError:
        pytest.skip("needs `unshare`")
    try:
        try:
            able = found.do("mount", "-t", "tmpfs", "none", "/mnt").code == 0
        except (ValueError, OSError):
            able = False
        if not able:
            pytest.skip("this machine lets us mount nothing")
        yield found
    finally:
        found.close()


def complains(ended: Ended, code: str, words: str) -> None:
    """Check for exit 6 and one complaint: *code*, a sentence with *words*, and a way out."""
    assert ended.code == 6, ended
    assert not ended.out
    said = ended.said
    assert said["code"] == code
    assert words in said["message"]
    assert said["hint"]
    assert "Traceback" not in ended.err


def grown(before: dict[str, int], after: dict[str, int]) -> None:
    """Check that nothing was lost."""
    assert all(after[name] >= before[name] for name in before), (before, after)


def look_into(box: Box, place: Place, folder: Path) -> dict[str, int]:
    """Return how many rows there are in a database that only *place* sees."""
    for ending in ("", "-wal"):
        (folder / f"copied.db{ending}").unlink(missing_ok=True)
        place.do("cp", f"{box.database}{ending}", str(folder / f"copied.db{ending}"))
    return Box(box.home, folder / "copied.db").rows()


@pytest.mark.parametrize("what", ["data", "."])
def test_a_full_disk(box, place, tmp_path, what):
    """The data's disk, or the home's, fills: exit 6 says so, nothing is lost; freed, it works."""
    where, aside = box.home / what, tmp_path / "aside"
    if what == ".":
        settings = box.config_file.read_text().replace(str(box.home.parent / "limits.db"), "own.db")
        box.config_file.write_text(settings)
    assert place.do("cp", "-a", str(where), str(aside)).code == 0
    tmpfs = ("mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=700", "none")
    assert place.do(*tmpfs, str(where)).code == 0
    assert place.do("cp", "-a", f"{aside}/.", str(where)).code == 0
    assert place.do(*box.words()).code == 0
    before = look_into(box, place, tmp_path)
    for spare in ("0", "40", "90"):
        place.do("dd", "if=/dev/zero", f"of={where}/spare", "bs=1024", f"count={spare}")
        place.do("dd", "if=/dev/zero", f"of={where}/filler", "bs=4096")
        place.do("rm", f"{where}/spare")
        complains(place.do(*box.words("--force")), "store_full", "is full")
        grown(before, look_into(box, place, tmp_path))
        place.do("rm", f"{where}/filler")
    after = place.do(*box.words("--force"))
    assert after.code == 0, after
    grown(before, look_into(box, place, tmp_path))


def test_a_read_only_disk(box, place):
    """A disk mounted read-only: exit 6 says that we may not write; mounted anew, it works."""
    assert box.collect().code == 0
    before, data = box.rows(), str(box.home / "data")
    assert place.do("mount", "--bind", data, data).code == 0
    assert place.do("mount", "-o", "remount,bind,ro", data).code == 0

    complains(place.do(*box.words("--force")), "store_read_only", data)

    assert box.rows() == before
    assert place.do("umount", data).code == 0
    assert place.do(*box.words("--force")).code == 0
    grown(before, box.rows())


def as_anybody() -> None:
    """Give up root's right to write everywhere, in a child about to start."""
    if os.geteuid() == 0:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        for right in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            if prctl(PR_CAPBSET_DROP, right, 0, 0, 0):
                os._exit(77)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux capabilities")
def test_a_folder_we_may_not_write_to(box):
    """A folder of mode 0500: exit 6 names it, as new home and as one in use; 0700, it works."""
    data = box.home / "data"
    data.chmod(0o500)
    complains(box.collect(preexec_fn=as_anybody), "store_read_only", str(data))
    data.chmod(0o700)
    assert box.collect(preexec_fn=as_anybody).code == 0
    before = box.rows()
    data.chmod(0o500)
    complains(box.collect("--force", preexec_fn=as_anybody), "store_read_only", str(data))
    data.chmod(0o700)
    assert box.rows() == before
    assert box.collect("--force", preexec_fn=as_anybody).code == 0
    grown(before, box.rows())


def test_a_locked_file(box):
    """Another program writes for longer than we may wait: exit 6 says so, later it works."""
    assert box.here().code == 0
    before = box.rows()
    other = sqlite3.connect(box.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    complains(box.here("--force"), "store_locked", "another process holds")
    other.execute("ROLLBACK")
    other.close()
    assert box.rows() == before
    assert box.here("--force").code == 0


def test_a_corrupt_file(box):
    """A damaged file: exit 6 says so and leaves it as it is; the old one put back, it works."""
    assert box.here().code == 0
    whole = box.database.read_bytes()
    box.database.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    junk = box.database.read_bytes()
    complains(box.here("--force"), "store_corrupt", str(box.database))
    assert box.database.read_bytes() == junk
    box.database.write_bytes(whole)
    assert box.here("--force").code == 0


def test_a_newer_schema(box):
    """A file of a later version: exit 6 says both numbers and touches nothing."""
    assert box.here().code == 0
    raw = sqlite3.connect(box.database)
    raw.execute(f"PRAGMA user_version={migrations.NEWEST + 1}")
    raw.close()
    before = box.database.read_bytes()
    complains(box.here(), "store_newer", f"schema {migrations.NEWEST + 1}")
    assert box.database.read_bytes() == before
