"""One file for all processes: no line lost or torn, none forged, no secret, no endless growth."""

import gzip
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.core import log

WRITER = """
import sys
from pathlib import Path
from trading_cli.core import log
log.configure(Path(sys.argv[1]), max_mb=0.05, keep=100)
logger = log.get_logger("writer")
for number in range(500):
    logger.info("line", who=int(sys.argv[2]), number=number, filler="x" * 60)
"""


@pytest.fixture(autouse=True)
def _own_handlers(tmp_path):
    yield
    log.configure(tmp_path / "after")


def files(folder):
    """Return the log's files."""
    return [path for path in folder.iterdir() if path.name.startswith(log.FILE)]


def test_no_line_is_lost_or_torn(tmp_path):
    """Four processes write 2,000 lines through many rotations; each is there once and whole."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(who)])
        for who in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    raw = [line for path in files(tmp_path) for line in path.read_text().splitlines()]
    got = sorted((line["who"], line["number"]) for line in map(json.loads, raw))
    assert got == [(who, number) for who in range(4) for number in range(500)]
    assert len(files(tmp_path)) > 3
    assert len(list(log.read_lines(tmp_path))) == 2000


def test_keep_is_honoured(tmp_path):
    """Only so many rotated files stay."""
    log.configure(tmp_path, max_mb=0.001, keep=3)
    for number in range(100):
        log.get_logger("test").info("line", number=number, filler="x" * 100)
    assert len(files(tmp_path)) == 4
    assert list(log.read_lines(tmp_path))[-1]["number"] == 99


def test_a_new_day_begins_a_new_file(tmp_path):
    """The first line after midnight UTC goes into a new file; the next ones follow it."""
    log.configure(tmp_path)
    log.get_logger("test").info("yesterday")
    os.utime(tmp_path / log.FILE, (86_400 * 20_000, 86_400 * 20_000))
    log.get_logger("test").info("today")
    log.get_logger("test").info("today too")
    assert len(files(tmp_path)) == 2
    assert next(line["event"] for line in log.read_lines(tmp_path)) == "yesterday"
    assert (tmp_path / log.FILE).read_text().count("\n") == 2


@pytest.mark.parametrize("bad", ["\r\n", "\n{}", "\x1b[31m", "\u202e", "\u2028", "\x85", "\x00"])
def test_no_text_forges_a_line(tmp_path, bad):
    """Line ends, terminal codes and bidi marks of others never reach the file as such."""
    log.configure(tmp_path)
    log.get_logger("test").info(f"a{bad}b", field=bad, metrics={bad: bad})
    raw = (tmp_path / log.FILE).read_bytes()
    assert raw.count(b"\n") == 1
    assert all(32 <= byte < 127 for byte in raw[:-1])
    shown = str(list(log.read_lines(tmp_path)))
    assert not any(char in shown for char in bad if not char.isprintable() and char != "\n")


def test_exceptions_hold_no_secret(tmp_path):
    """Nor does the text of an exception, its cause, or a number that JSON has not."""
    log.configure(tmp_path, secrets=["canary-secret"])
    try:
        try:
            raise ValueError("canary-secret in the cause")  # noqa: TRY301  # the cause is the point
        except ValueError as error:
            raise OSError("https://host/?token=canary-secret") from error
    except OSError:
        log.get_logger("test").exception("failed with canary-secret", number=float("nan"))
    (line,) = log.read_lines(tmp_path)
    assert "canary" not in (tmp_path / log.FILE).read_text()
    assert "OSError" in line["exception"]
    assert line["number"] == "nan"


@given(
    files=st.lists(st.lists(st.sampled_from(["debug", "info", "error", "odd"])), max_size=4),
    packed=st.booleans(),
    limit=st.none() | st.integers(1, 9),
    level=st.sampled_from(["debug", "info", "error"]),
    block=st.sampled_from([1, 7, 65_536]),
)
def test_the_last_lines_are_those_of_all_files_in_order(files, packed, limit, level, block):
    """However they are split into files, packed, and read: as if all were read and then chosen."""
    known = {"debug": 0, "info": 1, "error": 2, "odd": 3}
    number = itertools.count()
    written = [[(next(number), word) for word in words] for words in files]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "_BLOCK", block)
        for age, rows in enumerate(reversed(written)):
            lines = [
                json.dumps(
                    {"at": "now", "level": w, "component": "x", "n": n}, separators=(",", ":")
                )
                for n, w in rows
            ]
            raw = "\n".join([*lines, "no JSON", "[1]", ""]).encode()
            name = log.FILE if age == 0 else f"{log.FILE}.{age}" + ".gz" * packed
            Path(folder, name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        chosen = [n for rows in written for n, word in rows if known[word] >= known[level]]
        expected = chosen if limit is None else chosen[-limit:]
        found = log.read_lines(Path(folder), level=level, component="", limit=limit)
        assert [line["n"] for line in found] == expected


def test_no_older_file_is_opened_than_is_needed(tmp_path, monkeypatch):
    """Fifty lines of a gigabyte of log are read as fifty lines."""
    line = '{"at":"now","level":"info","component":"x","event":"e"}\n'
    for name in ("", ".1", ".2.gz"):
        (tmp_path / f"{log.FILE}{name}").write_text(line * 1000)
    opened = []
    whole = Path.open

    def watched(path, *given, **more):
        opened.append(path.name)
        return whole(path, *given, **more)

    monkeypatch.setattr(Path, "open", watched)
    assert len(log.read_lines(tmp_path, limit=50)) == 50
    assert opened == [log.FILE]
