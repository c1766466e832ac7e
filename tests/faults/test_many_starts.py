"""Item 14: of two hundred that start at once, one works; and the lock of a dead one is free."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import store_world as world  # see conftest

from trading_cli.app.runs import held_by, only_run
from trading_cli.core.errors import RunLocked

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
REFUSED, DONE = 3, 0


def contend(folder: Path, gate: Any, told: int, over: Any) -> None:
    """In a child: wait for the start, try to work; whoever may, says so and stays till the end."""
    gate.wait()
    try:
        with only_run(folder, "collection", world.NOON):
            os.write(told, b"!")
            over.wait()
    except RunLocked:
        os.write(told, b"-")
        os._exit(REFUSED)
    os._exit(DONE)


def start(folder: Path, count: int) -> tuple[int, list[int]]:
    """Start so many at once; return how many worked, and how all of them ended."""
    fork = multiprocessing.get_context("fork")
    gate, over = fork.Event(), fork.Event()
    heard, told = os.pipe()
    children = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            os.close(heard)
            contend(folder, gate, told, over)
        children.append(child)
    os.close(told)
    gate.set()
    said = b""
    while len(said) < count:  # each says at once whether it works or was refused
        said += os.read(heard, count) or pytest.fail("one ended without a word")
    over.set()
    ended = [os.waitpid(child, 0)[1] for child in children]
    os.close(heard)
    return said.count(b"!"), sorted(os.waitstatus_to_exitcode(status) for status in ended)


def test_two_hundred_start_at_once(tmp_path):
    """One works, 199 are told who does, none hangs, nothing stays locked."""
    worked, codes = start(tmp_path, 200)
    assert worked == 1
    assert codes == [DONE] + [REFUSED] * 199
    assert held_by(tmp_path, "collection") == ""


@pytest.mark.nightly
def test_two_hundred_start_at_once_fifty_times(tmp_path):
    """The same, fifty times in one home: ten thousand starts."""
    for _ in range(50):
        worked, codes = start(tmp_path, 200)
        assert worked == 1
        assert codes == [DONE] + [REFUSED] * 199


def test_the_lock_of_a_killed_one_is_free(tmp_path):
    """Killed while it works: the next is not held up by what it left."""
    for _ in range(20):
        heard, told = os.pipe()
        if (child := os.fork()) == 0:
            with only_run(tmp_path, "collection", world.NOON):
                os.write(told, b"!")
                signal.pause()
        os.close(told)
        assert os.read(heard, 1) == b"!"
        os.close(heard)
        assert held_by(tmp_path, "collection").startswith(f"process {child},")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert held_by(tmp_path, "collection") == ""
        with only_run(tmp_path, "collection", world.NOON):
            assert held_by(tmp_path, "collection").startswith(f"process {os.getpid()},")
