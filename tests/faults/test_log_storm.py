"""Item 31: a storm of events: bounded on the disk, one line each, and nothing forged."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trading_cli.core import log

HOSTILE = (
    "one\r\ntwo", '{"event":"forged"}\n{"level":"error"}', "\x1b[2J\x1b[31mred", "\u202egnp.exe",
    "\u2028\u2029", "\x00\x07\x08", "a" * 100_000, "\x9b31m", "\ud800",
)  # fmt: skip
KEEP = 3


def _nothing(_record: logging.LogRecord) -> bool:
    """Keep no record: pytest's own would be sent between processes, and a lone surrogate cannot."""
    return False


@pytest.fixture(autouse=True)
def _own_handlers(tmp_path: Path) -> Iterator[None]:
    theirs = [
        one for one in logging.getLogger().handlers if type(one).__module__.startswith("_pytest")
    ]
    for one in theirs:
        one.addFilter(_nothing)
    yield
    for one in theirs:
        one.removeFilter(_nothing)
    log.configure(tmp_path / "after")


def storm(folder: Path, events: int, max_mb: float) -> tuple[int, float]:
    """Log so many hostile events; return the most bytes there ever were, and the slowest call."""
    log.configure(folder, max_mb=max_mb, keep=KEEP)
    logger = log.get_logger("storm")
    most, slowest = 0, 0.0
    for number in range(events):
        began = time.perf_counter()
        logger.info(HOSTILE[number % len(HOSTILE)], number=number, more=HOSTILE[-number % 9])
        slowest = max(slowest, time.perf_counter() - began)
        if number % 50 == 0 or number == events - 1:
            most = max(most, sum(one.stat().st_size for one in folder.glob(f"{log.FILE}*")))
    return most, slowest


def check_lines(folder: Path, events: int) -> None:
    """Each line is one event of ours, in order, without a character that a terminal obeys."""
    numbers = []
    for path in folder.glob(f"{log.FILE}*"):
        for line in path.read_bytes().splitlines():
            assert all(32 <= byte < 127 for byte in line), line
            told = json.loads(line)
            numbers.append(told["number"])
            text = told["event"] + told["more"]
            assert not set(text) & set("\r\x1b\x00\x07\x08\x9b\u202e\u2028\u2029")
    assert sorted(numbers) == list(range(min(numbers), events)), "a line was lost or forged"


def test_a_storm_of_two_thousand_events(tmp_path):
    """Bounded by the size and number of files, one JSON line an event, newest kept."""
    bound = 0.5
    most, _ = storm(tmp_path / "logs", 2000, bound)
    longest = 60_000  # one event may pass the mark that makes the next file
    assert 1_000_000 < most <= (KEEP + 1) * (bound * 1e6 + longest)
    check_lines(tmp_path / "logs", 2000)


@pytest.mark.nightly
def test_a_storm_of_a_hundred_thousand_events(tmp_path, capsys):
    """The same, 100,000 long; how slow the slowest call was is said."""
    most, slowest = storm(tmp_path / "logs", 100_000, 5)
    with capsys.disabled():
        print(f"\n100,000 events: at most {most / 1e6:.1f} MB, slowest {slowest * 1e3:.1f} ms")  # noqa: T201  # the figure
    assert most <= (KEEP + 1) * (5e6 + 60_000)
    check_lines(tmp_path / "logs", 100_000)
