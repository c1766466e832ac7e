"""Recorded replies come back over the wire as they were recorded."""

import gzip
import json

import pytest

from trading_cli.core.errors import UsageError
from trading_cli.simulator.replay import Replay
from trading_cli.simulator.shelf import names_of


@pytest.fixture(scope="module")
def world(shared_data):
    """Return everything recorded; nothing ever changes it."""
    return Replay(shared_data)


def test_every_recording_is_served(world, serving):
    """All 1,783 objects of listings and 1,641 books are there; a book is the last at its time."""
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


def test_each_listing_comes_once_open_or_closed(world, serving):
    """The pages of open and of closed markets hold every id once; books name their listing."""
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


def test_a_reply_of_prices_comes_back_as_it_was_at_its_time(shared_data, world, serving):
    """At the recording's time: uneven steps, repeated time, "now" with the last price known."""
    listed = {market["slug"]: market for market in world.listing(0)}
    for path in sorted(shared_data.rglob("clob_prices-history*.json.gz")):
        with gzip.open(path, "rt") as file:
            points = json.load(file)["history"]
        slug = path.name.removesuffix(".json.gz").replace("=", "-")
        token = names_of(listed[slug], "clobTokenIds")[0]
        now = points[-1]["t"]
        client = serving(world, now=float(now), limits=False)
        served = []
        for since in range(points[0]["t"], now + 1, 1_000_000):
            until = min(since + 999_999, now)
            asked = {"market": token, "startTs": since, "endTs": until, "fidelity": 1}
            rows = client.get("/clob/prices-history", **asked).json()["history"]
            assert rows.pop()["t"] == now
            served += rows
        assert served == points[:-1]


def test_one_condition_has_one_listing(world):
    """No two listings share a condition or a token, whatever told of them."""
    listed = world.listing(0)
    conditions = {market["conditionId"] for market in listed}
    tokens = [token for market in listed for token in names_of(market, "clobTokenIds")]
    assert len(conditions) == len(listed)
    assert len(set(tokens)) == len(tokens) == 2 * len(listed)


def test_a_market_has_one_book_seen_from_two_sides(world):
    """At each instant both tokens have a book; one that was not recorded is marked as a mirror."""
    assert (len(world.book_changes()), world.recorded()["books"]) == (830, 830)
    made = 0
    for at, tokens in world.book_changes().items():
        for token in tokens:
            book = world.book(token, at)
            assert book["timestamp"] == str(round(at * 1000))
            made += book["hash"].startswith("mirror of ")
            prices = [[float(one["price"]) for one in book[side]] for side in ("bids", "asks")]
            assert prices == [sorted(prices[0]), sorted(prices[1], reverse=True)]
    assert made == world.counts()["books_mirrored"] == 19


def test_an_empty_folder_is_refused(tmp_path):
    """A folder without recordings says so."""
    with pytest.raises(UsageError, match="no recorded replies"):
        Replay(tmp_path)
