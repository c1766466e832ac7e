"""Recorded replies come back over the wire as they were recorded."""

import sys
from pathlib import Path

import pytest

from trading_cli.core.errors import UsageError
from trading_cli.simulator import running
from trading_cli.simulator.replay import Replay

sys.path.insert(0, str(Path(__file__).parent))

from tiny_world import Client  # beside this file


def test_every_recording_is_served(shared_data):
    """1,783 or more listings and all 1,641 books are there; each book is the last at its time."""
    world = Replay(shared_data)
    counts = world.counts()
    assert counts["recorded_markets"] >= 1500
    assert counts["book_snapshots"] == 1641
    seen = set()
    times = world.book_times()
    for at in times:
        for token in world._books:
            book = world.book(token, at)
            if book is not None and book["timestamp"] == str(round(at * 1000)):
                seen.add((token, book["timestamp"]))
    assert len(seen) == len({(t, ms) for t, bs in world._books.items() for ms, _ in bs})
    with running.start(world, now=world.recording_time(), limits=False) as server:
        stats = Client(server.url).get("/_control/stats", timeout=30).json()
        assert stats["markets"] == counts["recorded_markets"] + counts["synthetic_markets"]
        assert stats["books"] == counts["book_tokens"]
        assert len(Client(server.url).get("/_control/book_times").json()) == len(times)
        unknown = Client(server.url).get("/clob/prices-history", market="1", interval="1h")
        assert unknown.status == 404


def test_an_empty_folder_is_refused(tmp_path):
    """A folder without recordings says so."""
    with pytest.raises(UsageError, match="no recorded replies"):
        Replay(tmp_path)
