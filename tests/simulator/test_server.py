# ruff: noqa: S105, S106  # "token" is the name of an outcome here
"""The wire is as strict, and as sloppy, as the real one."""

from email.utils import parsedate_to_datetime

import pytest

NOW = 1_780_000_000.0  # where the tiny world stands
COUNT = 130  # its markets


def test_keyset_pages_are_complete_and_end_without_a_cursor(client):
    """Following after_cursor gives every open market once; the last page has no next_cursor."""
    seen, cursor = [], {}
    while True:
        page = client.get("/gamma/markets/keyset", limit=50, **cursor).json()
        seen += [market["id"] for market in page["markets"]]
        if "next_cursor" not in page:
            break
        cursor = {"after_cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == COUNT - COUNT // 10


def test_listing_is_strict(client):
    """Caps, ignored cursor names, refused offsets and order fields are the venue's."""
    first = client.get("/gamma/markets/keyset", limit=1000).json()
    assert len(first["markets"]) == 100
    assert len(client.get("/gamma/markets/keyset").json()["markets"]) == 20
    again = client.get("/gamma/markets/keyset", limit=1000, cursor=first["next_cursor"]).json()
    assert again["markets"][0]["id"] == first["markets"][0]["id"]
    assert client.get("/gamma/markets/keyset", offset=5).status == 422
    refused = client.get("/gamma/markets/keyset", order="volume_num")
    assert (refused.status, refused.json()["error"]) == (422, "order fields are not valid")
    many = ["x" + str(i) for i in range(101)]
    refused = client.get("/gamma/markets/keyset", condition_ids=many)
    assert (refused.status, refused.json()["error"]) == (422, "condition_ids: at most 100 values")
    assert client.get("/gamma/markets/keyset", condition_ids=many[:100]).json() == {"markets": []}
    assert len(client.get("/gamma/events/keyset", limit=500).json()["events"]) == 65


def test_closed_is_false_unless_asked(client):
    """A resolved market is not in a list, not even by its id; alone it is found."""
    assert client.get("/gamma/markets/keyset", id="1000").json() == {"markets": []}
    closed = client.get("/gamma/markets/keyset", id="1000", closed="true").json()
    assert [market["id"] for market in closed["markets"]] == ["1000"]
    assert client.get("/gamma/markets/1000").json()["closed"] is True
    assert client.get("/gamma/markets/slug/question-1").json()["id"] == "1001"
    assert client.get("/gamma/markets/9").status == 404


def test_filters_and_tags(client):
    """Volume bounds, order, tag_id and include_tag do what they say; _tags never shows."""
    page = client.get(
        "/gamma/markets/keyset", volume_num_min=1200, order="volumeNum", ascending="false"
    ).json()["markets"]
    volumes = [market["volumeNum"] for market in page]
    assert volumes == sorted(volumes, reverse=True)
    assert min(volumes) >= 1200
    tagged = client.get("/gamma/markets/keyset", tag_id="7", include_tag="true").json()["markets"]
    assert all(market["tags"][0]["id"] == "7" and "_tags" not in market for market in tagged)
    assert "tags" not in page[0]
    assert client.get("/gamma/tags").json()[0]["slug"] == "politics"


def test_legacy_listing_says_it_is_deprecated(client):
    """The bare array clamps to 100, refuses deep offsets and warns in its headers."""
    got = client.get("/gamma/markets", limit=500)
    assert len(got.json()) == 100
    assert got.headers["deprecation"] == "true"
    deep = client.get("/gamma/markets", offset=2001)
    assert deep.status == 422
    assert "offset too large" in deep.json()["error"]


def test_books_are_listed_where_they_exist(client):
    """POST /books leaves unknown tokens out; GET and too long lists are refused."""
    got = client.post("/clob/books", [{"token_id": "12"}, {"token_id": "9"}]).json()
    assert [book["asset_id"] for book in got] == ["12"]
    refused = client.get("/clob/books")
    assert (refused.status, refused.json()) == (400, {"error": "Invalid payload"})
    long = client.post("/clob/books", [{"token_id": "12"}] * 501)
    assert (long.status, long.json()) == (400, {"error": "Payload exceeds the limit"})
    assert client.post("/clob/books", {"token_id": "12"}).status == 400


def test_one_token_routes(client):
    """Each CLOB read answers in its own shape; an unknown token has no orderbook."""
    none = client.get("/clob/book", token_id="9")
    assert none.json() == {"error": "No orderbook exists for the requested token id"}
    assert none.status == 404
    assert client.get("/clob/book", token_id="xx").status == 400
    assert client.get("/clob/price", token_id="12", side="BUY").json() == {"price": "0.39"}
    assert client.get("/clob/price", token_id="12", side="buy").status == 400
    assert client.get("/clob/midpoint", token_id="12").json() == {"mid": "0.40"}
    assert client.get("/clob/spread", token_id="12").json() == {"spread": "0.02"}
    assert client.get("/clob/tick-size", token_id="12").json() == {"minimum_tick_size": 0.01}
    assert client.get("/clob/neg-risk", token_id="12").json() == {"neg_risk": False}
    assert client.get("/clob/last-trade-price", token_id="12").json()["side"] == "SELL"
    resolved = client.get(f"/clob/markets/0x{0:064x}").json()
    assert [token["winner"] for token in resolved["tokens"]] == [True, False]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "the 'market' (asset id) is mandatory"),
        ({"market": "12", "startTs": 1, "endTs": 1_296_002}, "interval is too long"),
        ({"market": "12", "startTs": NOW * 1000}, "startTs"),
        ({"market": "12", "endTs": NOW}, "endTs"),
        ({"market": "12", "interval": "1m"}, "minimum 'fidelity' for '1m' range is 10"),
        ({"market": "12", "interval": "1w", "fidelity": 4}, "for '1w' range is 5"),
        ({"market": "12", "interval": "2d"}, "the 'interval' value is unknown"),
    ],
)
def test_history_refuses_in_the_venues_words(client, params, text):
    """Each bad question about the past is a 400 that names its fault."""
    got = client.get("/clob/prices-history", **params)
    assert got.status == 400
    assert text in got.json()["error"]


def test_history_has_the_extra_point_of_now(client):
    """A window of the past ends with one point stamped now."""
    start = int(NOW) - 86_400
    points = client.get(
        "/clob/prices-history", market="12", startTs=start, endTs=start + 3600, fidelity=1
    ).json()["history"]
    assert points[-1] == {"t": int(NOW), "p": 0.4}
    assert points[-2]["t"] <= start + 3600


def test_history_of_the_resolved_needs_coarse_steps(client):
    """interval=max of a resolved market is empty below 12 hours; a batch answers by token."""
    asked = {"market": "10", "interval": "max"}
    assert client.get("/clob/prices-history", **asked, fidelity=60).json() == {"history": []}
    assert client.get("/clob/prices-history", **asked, fidelity=720).json()["history"]
    batch = {"markets": ["12"], "interval": "1h", "fidelity": 1}
    assert list(client.post("/clob/batch-prices-history", batch).json()["history"]) == ["12"]


def test_trades_are_paged_newest_first(client):
    """The default is 100, offsets past 10,000 are refused, markets come comma-separated."""
    one = f"0x{1:064x}"
    rows = client.get("/data/trades", market=one).json()
    assert len(rows) == 100
    assert rows[0]["timestamp"] == int(NOW)
    assert client.get("/data/trades", market=one, offset=10_001).status == 400
    assert len(client.get("/data/trades", market=one, offset=100).json()) == 20
    both = client.get("/data/trades", market=f"{one},0x{2:064x}", limit=99_999).json()
    assert len(both) == 240
    assert all(
        r["side"] == "BUY" for r in client.get("/data/trades", market=one, side="BUY").json()
    )
    v2 = client.get("/data/v2/prices-history", token_id="12", interval="1h").json()
    assert v2["data"][0]["resolution_seconds"] == 60


def test_trades_ends_are_inclusive_and_never_in_the_future(client):
    """Start and end are whole seconds that both count; an end past now is now."""
    one, now = f"0x{1:064x}", int(NOW)
    got = client.get("/data/trades", market=one, start=now - 120, end=now - 60).json()
    assert [row["timestamp"] for row in got] == [now - 60, now - 120]
    late = client.get("/data/trades", market=one, start=now - 60, end=now + 999).json()
    assert [row["timestamp"] for row in late] == [now, now - 60]
    for flag in ("true", "false"):
        assert client.get("/data/trades", market=one, start=now, takerOnly=flag).json() == late[:1]
    assert client.get("/data/trades", market=one, takerOnly="perhaps").status == 400


def test_gdelt_errors_are_text_with_status_200(client):
    """A short word is refused in plain text; ArtList and TimelineVolRaw are JSON."""
    path = "/gdelt/api/v2/doc/doc"
    short = client.get(path, query="an election", format="json")
    assert (short.status, b"too short" in short.body) == (200, True)
    asked = {"query": "election", "format": "json", "timespan": "1d"}
    assert len(client.get(path, **asked, maxrecords=999).json()["articles"]) == 250
    timeline = client.get(path, **asked, mode="TimelineVolRaw").json()["timeline"]
    assert sum(bar["value"] for bar in timeline[0]["data"]) == 300


def test_other_talk_keeps_its_shapes(client):
    """RSS escapes and caps, Bluesky and HN page, X wants a token and leaves data out."""
    rss = client.get("/google_news/rss/search", q="cats when:1d").body.decode()
    assert rss.count("<item>") == 100
    assert "cats &amp; more - ann</title>" in rss
    bluesky = "/bluesky/xrpc/app.bsky.feed.searchPosts"
    page = client.get(bluesky, q="cats", limit=100).json()
    assert (len(page["posts"]), page["cursor"]) == (100, "100")
    assert "cursor" not in client.get(bluesky, q="cats", limit=100, cursor="200").json()
    assert client.get(bluesky, q="cats", limit=101).status == 400
    since = f"created_at_i>{int(NOW) - 120}"
    hits = client.get("/hacker_news/api/v1/search_by_date", query="c", numericFilters=since).json()
    assert hits["nbHits"] == 2
    assert client.get("/x/2/tweets/search/recent", query="cats").status == 401
    url = "/x/2/tweets/search/recent?query="
    assert client.ask(url + "cats", Authorization="Bearer t").json()["meta"]["next_token"] == "10"
    assert "data" not in client.ask(url + "nothing%20here", Authorization="Bearer t").json()


def test_the_clock_moves_date_time_and_books(client):
    """Setting the clock moves every answer; nothing else does."""
    assert client.post("/_control/clock", {"now": NOW + 5000}).json() == {"now": NOW + 5000}
    assert client.post("/_control/clock", {"advance": 60}).json() == {"now": NOW + 5060}
    time = client.get("/clob/time")
    assert time.json() == int(NOW + 5060)
    assert parsedate_to_datetime(time.headers["Date"]).timestamp() == NOW + 5060
    book = client.get("/clob/book", token_id="12").json()
    assert book["timestamp"] == str(int((NOW + 5060) * 1000))
    assert client.post("/_control/clock", {"now": "soon"}).status == 422


def test_control_adds_up(client):
    """Stats count the world, truth is served, unknown paths are 404."""
    stats = client.get("/_control/stats").json()
    assert (stats["markets"], stats["closed"], stats["events"]) == (130, 13, 65)
    assert client.get("/_control/truth").json() == {"planted": []}
    assert client.get("/nowhere").status == 404
