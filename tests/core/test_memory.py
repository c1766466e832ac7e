"""What was freed goes back to the machine, also where something in use lies above it."""

import ctypes

import psutil
import pytest

from trading_cli.core import memory

PIECES, SIZE = 20_000, 4_000


def test_what_was_freed_between_pieces_in_use_is_given_back():
    """80 MB in small pieces, of which the last is kept: at least half of it leaves the process."""
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("this C library gives back what it likes")
    pieces = [bytearray(SIZE) for _ in range(PIECES)]
    kept = pieces[-1]
    pieces.clear()
    before = psutil.Process().memory_info().rss
    memory.give_back()
    assert before - psutil.Process().memory_info().rss > PIECES * SIZE / 2
    assert kept == bytearray(SIZE)
