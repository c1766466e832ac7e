"""Order books: the rules one by one, 1,641 recorded ones, and asking for them in batches."""

import json
from decimal import Decimal

import pytest
from polymarket_cases import NOW, client, load, market, raw_book, recorded_books, wanted
from werkzeug import Response

from trading_cli.core.errors import SourceError
from trading_cli.domain import Book, Failure, Refusal
from trading_cli.sources.polymarket.books import Books, parse_book
from trading_cli.sources.polymarket.wire import RefusalReason

OWNER = "0x" + "0" * 64


def test_best_comes_first():
    """A wire book is worst first; ours is best first, whatever order it came in."""
    book = parse_book(raw_book("7"), NOW, condition_id=OWNER)
    assert isinstance(book, Book)
    assert (book.best_bid, book.best_ask) == (Decimal("0.39"), Decimal("0.41"))
    assert [level.price for level in book.asks] == [Decimal("0.41"), Decimal("0.9")]
    assert book.event_time.timestamp() == pytest.approx(1786483975.529)
    raw = raw_book("7")
    raw["bids"].reverse()
    assert parse_book(raw, NOW, condition_id=OWNER) == book


def test_an_empty_side_is_no_zero():
    """A one-sided book has no best price there, and no depth."""
    book = parse_book(raw_book("7", asks=[]), NOW, condition_id=OWNER)
    assert book.best_ask is None
    assert book.depth_usd(Decimal("0.02")) is None


def level(price: object, size: object = "5") -> list:
    """Return one side that holds one level."""
    return [{"price": price, "size": size}]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bids": level("0.41")}, RefusalReason.CROSSED),
        ({"bids": level("0.50")}, RefusalReason.CROSSED),
        ({"bids": level("0.30", "0")}, RefusalReason.BAD_SIZE),
        ({"bids": level("0.30", "-5")}, RefusalReason.BAD_SIZE),
        ({"bids": level("0.30", "0.0000001")}, RefusalReason.BAD_SIZE),
        ({"bids": level("0")}, RefusalReason.BAD_PRICE),
        ({"asks": level("1")}, RefusalReason.BAD_PRICE),
        ({"asks": level("NaN")}, RefusalReason.BAD_NUMBER),
        ({"asks": level(None)}, RefusalReason.BAD_NUMBER),
        ({"asks": level("0.415")}, RefusalReason.NOT_ON_TICK),
        ({"asks": level("0.5") * 2}, RefusalReason.DUPLICATE),
        ({"asks": "none"}, RefusalReason.BAD_LIST),
        ({"asks": [4]}, RefusalReason.NOT_AN_OBJECT),
        ({"timestamp": None}, RefusalReason.BAD_NUMBER),
        ({"timestamp": "0"}, RefusalReason.BAD_TIME),
        ({"market": "0x1"}, RefusalReason.BAD_CONDITION_ID),
        ({"market": "0x" + "1" * 64}, RefusalReason.CONFLICT),
        ({"tick_size": "2"}, RefusalReason.BAD_NUMBER),
    ],
)
def test_a_book_that_cannot_be_is_refused(changes, reason):
    """No impossible book becomes a row."""
    got = parse_book(raw_book("7", **changes), NOW, condition_id=OWNER)
    assert isinstance(got, Refusal)
    assert got.reason == reason


def test_every_recorded_book(shared_data):
    """1,641 recorded books: uncrossed, 108 one-sided, depth as worked out on the raw text."""
    count = one_sided = 0
    for raw in recorded_books(shared_data):
        book = parse_book(raw, NOW, condition_id=OWNER)
        assert isinstance(book, Book), book
        count += 1
        bids = {float(lv["price"]): float(lv["size"]) for lv in raw["bids"]}
        asks = {float(lv["price"]): float(lv["size"]) for lv in raw["asks"]}
        if not bids or not asks:
            one_sided += 1
            assert book.depth_usd(Decimal("0.02")) is None
            continue
        assert book.best_bid < book.best_ask
        assert (float(book.best_bid), float(book.best_ask)) == (max(bids), min(asks))
        mid = (max(bids) + min(asks)) / 2
        near = [
            sum(p * s for p, s in side.items() if abs(p - mid) <= 0.02 + 1e-9)
            for side in (bids, asks)
        ]
        assert [float(usd) for usd in book.depth_usd(Decimal("0.02"))] == pytest.approx(near)
    assert (count, one_sided) == (1641, 108)


@pytest.mark.parametrize("name", ["rs_clob_book_response", "py_book"])
def test_foreign_fixtures(shared_data, name):
    """Another project's samples parse, or are refused for a reason that stands in them."""
    raw = load(shared_data / "wire_fixtures_nautilus" / f"{name}.json")
    raws = raw if isinstance(raw, list) else [raw]
    for one in raws:
        got = parse_book(one, NOW)
        assert isinstance(got, Book) or got.reason in set(RefusalReason)


def serve(httpserver, answer) -> None:
    """Let POST /books and GET /book answer with what *answer* makes of a token."""

    def many(request):
        tokens = [row["token_id"] for row in request.get_json()]
        assert len(tokens) <= 100
        rows = [answer(token) for token in tokens]
        if any(row == "broken" for row in rows):
            return Response("oops", status=500)
        return Response(json.dumps([row for row in rows if row is not None]))

    def one(request):
        row = answer(request.args["token_id"])
        if row == "broken":
            return Response("oops", status=500)
        return Response(
            json.dumps(row or {"error": "No orderbook exists"}), status=200 if row else 404
        )

    httpserver.expect_request("/books", method="POST").respond_with_handler(many)
    httpserver.expect_request("/book").respond_with_handler(one)


def test_batches_bring_every_book(httpserver, tmp_path):
    """120 markets are 240 books in three requests, each once."""
    serve(httpserver, raw_book)
    markets = tuple(market(n) for n in range(1, 121))
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(Books(http).collect(wanted(markets)))
        assert http.requests == 3
    assert {book.token for book in got} == {t for m in markets for t in (m.yes_token, m.no_token)}
    assert {book.condition_id for book in got} == {m.condition_id for m in markets}


def test_one_broken_market_stays_its_own(httpserver, tmp_path):
    """A token that breaks its whole batch costs that token alone."""
    markets = tuple(market(n) for n in range(1, 31))
    bad, gone = markets[7].yes_token, markets[9].no_token
    answers = {bad: "broken", gone: None}
    serve(httpserver, lambda token: answers.get(token, raw_book(token)))
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(Books(http).collect(wanted(markets)))
        assert http.requests < 30
    failures = {(f.subject, f.reason) for f in got if isinstance(f, Failure)}
    assert failures == {
        (markets[7].condition_id, "source_down"),
        (markets[9].condition_id, "no_book_of_no"),
    }
    assert sum(isinstance(book, Book) for book in got) == 58
    details = [f.detail for f in got if isinstance(f, Failure) and f.reason == "no_book_of_no"]
    assert details == [f"no order book: the NO token {gone[:8]}…"]


def test_what_was_not_asked_is_refused(httpserver, tmp_path):
    """A reply with a stranger's book and one book twice gives two refusals, and the books."""
    one = market()
    rows = [raw_book(one.yes_token), raw_book(one.yes_token), raw_book("5"), raw_book(one.no_token)]
    httpserver.expect_request("/books", method="POST").respond_with_json(rows)
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(Books(http).collect(wanted((one,))))
    reasons = [record.reason for record in got if isinstance(record, Refusal)]
    assert reasons == [RefusalReason.DUPLICATE, RefusalReason.NOT_ASKED]
    assert sum(isinstance(record, Book) for record in got) == 2


def test_nothing_reachable_is_said_once_and_loudly(tmp_path):
    """With nobody there, each market fails by name and the source raises."""
    got = []
    with client("http://127.0.0.1:9", tmp_path) as http, pytest.raises(SourceError):
        got.extend(Books(http).collect(wanted((market(),))))
    assert {record.subject for record in got} == {market().condition_id}


def test_a_page_of_html_is_not_a_book(httpserver, tmp_path):
    """Where every answer is a page for people, each token is a failure and nothing is stored."""
    httpserver.expect_request("/books").respond_with_data("<html>busy</html>")
    httpserver.expect_request("/book").respond_with_data("<html>busy</html>")
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(Books(http).collect(wanted((market(1), market(2)))))
    assert {record.reason for record in got} == {"source_garbled"}
    assert len(got) == 4
