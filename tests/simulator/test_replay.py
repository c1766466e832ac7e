"""Recorded replies come back over the wire as they were recorded."""

import pytest

from trading_cli.core.errors import UsageError
from trading_cli.simulator.replay import Replay
from trading_cli.simulator.shelf import names_of


def test_every_recording_is_served(shared_data, serving):
    """All 1,783 objects of listings and 1,641 books are there; a book is the last at its time."""
    world = Replay(shared_data)
    counts = world.counts()
    assert (counts["gamma_objects"], counts["gamma_repeated"]) == (1783, 2)
    assert counts["recorded_markets"] == 1783 - 2 + counts["wire_objects"]
    assert counts["book_snapshots"] == counts["books_distinct"] == 1641
    seen = set()
    times = world.book_times()
    for at in times:
        for token in world._books:
            book = world.book(token, at)
            if book is not None and book["timestamp"] == str(round(at * 1000)):
                seen.add((token, book["timestamp"]))
    assert len(seen) == len({(t, ms) for t, bs in world._books.items() for ms, _ in bs})
    client = serving(world, now=world.recording_time(), limits=False)
    stats = client.get("/_control/stats", timeout=30).json()
    assert stats["markets"] == counts["recorded_markets"] + counts["synthetic"]
    assert stats["books"] == counts["book_tokens"]
    assert len(client.get("/_control/book_times").json()) == len(times)
    assert client.get("/clob/prices-history", market="1", interval="1h").status == 404


def test_each_listing_comes_once_open_or_closed(shared_data, serving):
    """The pages of open and of closed markets hold every id once; books name their listing."""
    world = Replay(shared_data)
    client = serving(world, now=world.recording_time(), limits=False)
    seen = {}
    for closed in ("false", "true"):
        page = {"next_cursor": ""}
        while "next_cursor" in page:
            asked = {"limit": 100, "closed": closed, "after_cursor": page["next_cursor"]}
            page = client.get("/gamma/markets/keyset", timeout=30, **asked).json()
            for market in page["markets"]:
                assert market["id"] not in seen
                assert bool(market.get("closed")) == (closed == "true")
                seen[market["id"]] = market
    assert len(seen) == len(world.listing(0))
    assert sum(bool(market.get("closed")) for market in seen.values()) >= 142
    owner = {t: m["conditionId"] for m in seen.values() for t in names_of(m, "clobTokenIds")}
    for token, books in world._books.items():
        assert all(book["market"] == owner[token] for _, book in books)


def test_an_empty_folder_is_refused(tmp_path):
    """A folder without recordings says so."""
    with pytest.raises(UsageError, match="no recorded replies"):
        Replay(tmp_path)
