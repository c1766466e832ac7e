"""JSON as the venue says it: histories, descriptions, books and trades, into their own tables."""

import json
from datetime import timedelta

import pytest
from brought import NOW, T0, refused  # beside this

from trading_cli.core.errors import UsageError
from trading_cli.domain import Origin, from_epoch
from trading_cli.store import Store, history, listings
from trading_cli.store.listings import open_markets_unresolved

TOKENS = "1" * 30, "2" * 30
CONDITION = "0x" + "c" * 64
GAMMA = {
    "id": "77",
    "conditionId": CONDITION,
    "question": "Will it?",
    "slug": "will-it",
    "outcomes": '["Yes", "No"]',
    "clobTokenIds": json.dumps(TOKENS),
    "outcomePrices": '["1", "0"]',
    "closed": True,
    "closedTime": "2026-01-01T10:00:00Z",
    "updatedAt": "2026-01-01T11:00:00Z",
    "volumeNum": 12.5,
}
TRADE = {
    "conditionId": CONDITION, "asset": TOKENS[0], "side": "BUY", "price": 0.4, "size": 10,
    "timestamp": T0, "outcomeIndex": 0, "transactionHash": "0xaa", "title": "Will it?",
    "proxyWallet": "0x" + "1" * 40,
}  # fmt: skip


def _book(token, at, bid="0.4", ask="0.5", **more):
    return {
        "event_type": "book", "market_slug": "game", "asset_id": token, "timestamp": str(at * 1000),
        "bids": [{"price": "0.1", "size": "5"}, {"price": bid, "size": "100"}],
        "asks": [{"price": "0.9", "size": "5"}, {"price": ask, "size": "50"}], "hash": "ab", **more,
    }  # fmt: skip


def _lines(me, name, *objects):
    return me.file(name, "".join(json.dumps(one) + "\n" for one in objects))


def test_a_price_history_belongs_to_its_market(me):
    """The first token of a market is YES, the second NO; a third is refused; nothing is hidden."""
    path = _lines(
        me,
        "h.jsonl.gz",
        {"market_id": "9", "token_id": "t1", "history": [{"t": T0, "p": 0.3}, {"t": 1, "p": 0.3}]},
        {"market_id": "9", "token_id": "t2", "history": [{"t": T0, "p": 0.7}]},
        {"market_id": "9", "token_id": "t3", "history": [{"t": T0, "p": 0.1}]},
    )
    report = me.bring(path)
    assert me.points() == [("import:h:9", 0, T0, 0.3), ("import:h:9", 1, T0, 0.7)]
    assert refused(report) == {
        "a third outcome": (1, "h.jsonl.gz:3"),
        "time before 2000": (1, "h.jsonl.gz:1"),
    }
    assert "first token" in report["notes"][0]
    alone = me.file("reply.json", json.dumps({"history": [{"t": T0 * 1000, "p": 0.25}]}))
    assert me.bring(alone)["points"]["new"] == 1


def test_a_described_market_is_listed_and_settled(me):
    """A page of the venue's listing: under its own names, at the page's time, its outcome final."""
    page = {"run_ts": "2026-01-02T00:00:00Z", "markets": [GAMMA, {"id": "1", "conditionId": "x"}]}
    other = {**GAMMA, "id": "78", "conditionId": "bad"}
    path = me.file("page.json", json.dumps({**page, "markets": [GAMMA, other]}))
    report = me.bring(path)
    assert report["listings"] == {"new": 1, "same": 0, "conflict": 0}
    assert report["resolutions"]["new"] == 1
    assert report["markets"] == {"total": 1, "new": 1, "synthetic": 0, "settled": 1}
    assert next(iter(refused(report))).startswith("market: ")
    at = from_epoch(T0 + 86_400 + 90)
    with Store.reader(me.database) as store, store.reading() as look:
        (listed,) = listings.listing_at(look, as_of=at)
        ended = listings.resolution_at(look, "77", as_of=at)
    assert (listed.id, listed.volume, listed.observed_at) == ("77", 12.5, from_epoch(T0 + 86_400))
    assert ended is not None
    assert ended.closed_at == from_epoch(T0 + 36_000)
    again = me.bring(path)
    assert again["listings"] == again["resolutions"] == {"new": 0, "same": 1, "conflict": 0}


def test_books_give_the_quote_of_their_slot(me):
    """Best first, the first of a slot is the slot's; a crossed one is refused; NO says the same."""
    path = _lines(
        me,
        "b.jsonl",
        _book(TOKENS[0], T0 + 10),
        _book(TOKENS[0], T0 + 20, bid="0.45"),
        _book(TOKENS[1], T0 + 20),
        _book(TOKENS[0], T0 + 30, bid="0.6"),
        _book(TOKENS[0], int(NOW.timestamp()) + 60),
    )
    report = me.bring(path, source="s")
    assert report["books"] == {"new": 2, "same": 0, "conflict": 0}
    assert report["quotes"] == {"new": 1, "same": 0, "conflict": 0}
    assert {"book: crossed", "time in the future"} == set(refused(report))
    later = from_epoch(T0 + 900)
    with Store.reader(me.database) as store, store.reading() as look:
        (quote,) = history.quotes(
            look, "import:s:game", since=from_epoch(T0), until=later, as_of=later
        )
        book = history.book(look, "import:s:game", T0, as_of=later)
        unasked = open_markets_unresolved(look, as_of=NOW)
    assert (str(quote.bid), str(quote.ask), quote.origin) == ("0.4", "0.5", Origin.IMPORTED)
    assert book is not None
    assert [str(one.price) for one in book.bids] == ["0.4", "0.1"]
    assert unasked == []  # nobody asks the venue about a market of a file
    dry = me.bring(path, source="s", dry_run=True)
    again = me.bring(path, source="s")
    for one in (dry, again):
        assert one["books"] == {"new": 0, "same": 2, "conflict": 0}
        assert one["quotes"] == {"new": 0, "same": 1, "conflict": 0}


def test_trades_are_kept_once_and_later_known(me):
    """Two alike are two; the lag of trades is its own; a known market keeps its trades together."""
    me.bring(me.file("m.json", json.dumps([GAMMA])), source="m")
    path = me.file("t.json", json.dumps([TRADE, TRADE, {**TRADE, "side": "HOLD"}]))
    report = me.bring(path, source="t")
    assert report["trades"] == {"new": 2, "same": 0, "conflict": 0}
    assert next(iter(refused(report))).startswith("trade: ")
    assert report["markets"] == {"total": 1, "new": 0, "synthetic": 0, "settled": 0}
    rows = me.rows(
        "SELECT m.venue_id, t.price, t.size, t.available_at - t.event_time, t.origin"
        " FROM trades t JOIN markets m ON m.id = t.market"
    )
    assert rows == [("77", 400_000, 10_000_000, 300, 2)] * 2
    assert me.rows("SELECT identity FROM imported_markets WHERE source = 't'") == [("attached",)]
    assert me.rows("SELECT count(*) FROM listing_seen") == [(1,)]
    assert me.bring(path, source="t")["trades"] == {"new": 0, "same": 2, "conflict": 0}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.json", "{", "is not JSON"),
        ("x.json", "[" * 100_000, "is not JSON"),
        ("x.json", "[1, 2]", "nothing we read"),
        ("x.jsonl", '{"a": 1}\n', "nothing we read"),
        ("x.jsonl", "{\n{\n", "nothing we read"),
    ],
)
def test_json_of_no_kind_is_one_clear_error(me, name, text, told):
    """Exit 2, and nothing stored."""
    with pytest.raises(UsageError, match=told):
        me.bring(me.file(name, text))
    assert not me.database.exists()


def test_a_torn_line_stops_no_other(me):
    """As a recorder leaves it that was killed."""
    good = json.dumps({"market_id": "9", "history": [{"t": T0, "p": 0.3}]})
    report = me.bring(me.file("x.jsonl", good + "\n" + good[:20] + "\n\n"))
    assert refused(report) == {"unreadable row": (1, "x.jsonl:2")}
    assert report["points"]["new"] == 1
    assert report["rows"] == 2


def test_events_of_an_order_book_are_no_prices(me):
    """A level of a book has a price and a time, too; it is no mid."""
    path = me.file("x.csv", f"market_slug,price,side,timestamp\na,0.5,ask,{T0}\n")
    with pytest.raises(UsageError, match="orders or trades"):
        me.bring(path)


def test_one_table_may_say_prices_and_markets(me):
    """Question and outcome beside every price; what is first absent may come later."""
    head = "market,t,p,question,outcome_yes,closed_at\n"
    rows = f"a,{T0},0.5,Q?,,\na,{T0 + 60},0.6,Q?,1,{T0 + 100}\na,{T0 + 90},0.7,Other?,1,\n"
    report = me.bring(me.file("x.csv", head + rows))
    assert report["points"]["new"] == 3
    assert report["files"][0]["layout"].endswith(
        "markets: market, question, outcome_yes, closed=closed_at"
    )
    assert refused(report) == {"market described twice, differently": (1, "x.csv:4")}
    assert me.rows("SELECT outcome, event_time FROM resolutions") == [("yes", T0 + 100)]


@pytest.mark.parametrize(
    ("path", "what", "count"),
    [
        ("clob_history_12h_elections", "points", 63_026),
        ("gamma_markets_raw_2026-02_wom", "listings", 283),
        ("gamma_markets_raw_2026-03-11", "listings", 1_500),
        ("wire_samples_2026-02/data-api_trades_100.json.gz", "trades", 100),
        ("wire_samples_2026-02/clob_prices-history_interval=1d.json.gz", "points", 1_439),
    ],
)
def test_what_was_recorded_of_the_venue_comes_in_whole(me, shared_data, path, what, count):
    """Real replies: nothing refused, nothing twice."""
    me.clock.set(NOW + timedelta(days=30))
    report = me.bring(shared_data / path)
    assert report[what] == {"new": count, "same": 0, "conflict": 0}
    assert report["refused"] == []


def test_recorded_books_of_twelve_games_come_in_whole(me, shared_data):
    """1,641 snapshots: half are of the NO tokens, 820 are kept, 54 are the first of their slot."""
    folder = shared_data / "ws_market_channel_mlb_2025-06"
    report = me.bring(*sorted(folder.glob("*_books.jsonl.gz")))
    assert report["rows"] == 1_641
    assert report["books"]["new"] == 820
    assert report["quotes"]["new"] == 54
    assert report["refused"] == []
    with pytest.raises(UsageError, match="orders or trades"):
        me.bring(folder)
