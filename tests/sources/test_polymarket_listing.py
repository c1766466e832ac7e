"""Listings over real HTTP: pages, cursors, loops and known markets; and the venue's clock."""

import json

import pytest
from polymarket_cases import client, condition, market, raw_market, wanted
from werkzeug import Response

from trading_cli.core.errors import SourceDown, SourceGarbled
from trading_cli.domain import Coverage, Failure, Market, Outcome, Refusal, from_epoch
from trading_cli.sources.polymarket.listing import Listing
from trading_cli.sources.polymarket.resolutions import resolution_of
from trading_cli.sources.polymarket.venue_clock import server_time


def serve(httpserver, pages) -> list:
    """Serve *pages* by cursor ("" first) and return the queries that came."""
    asked = []

    def answer(request):
        asked.append(request.args.to_dict(flat=False))
        found = pages.get(request.args.get("after_cursor", ""))
        if isinstance(found, int):
            return Response("<html>", status=found)
        return Response(json.dumps(found))

    httpserver.expect_request("/markets/keyset").respond_with_handler(answer)
    return asked


def collect(httpserver, tmp_path, wish=None, **options) -> list:
    """Return all records of a listing."""
    with client(httpserver.url_for(""), tmp_path) as http:
        return list(Listing(http, **options).collect(wish or wanted()))


def test_pages_are_followed_to_the_last(httpserver, tmp_path):
    """Every market of every page comes once, also where pages repeat themselves."""
    pages = {
        "": {"markets": [raw_market(1), raw_market(2), 5], "next_cursor": "b", "$schema": "x"},
        "b": {"markets": [raw_market(2), raw_market(3), 5], "next_cursor": "c"},
        "c": {"markets": [raw_market(4, question=None)]},
    }
    asked = serve(httpserver, pages)
    got = collect(httpserver, tmp_path)
    assert [m.id for m in got if isinstance(m, Market)] == ["500001", "500002", "500003"]
    assert [r.reason for r in got if isinstance(r, Refusal)] == ["not_an_object", "no_question"]
    assert isinstance(got[-1], Coverage)
    assert (got[-1].complete, got[-1].items) == (True, 5)
    assert asked[0]["volume_num_min"] == ["5000"]
    assert asked[0]["liquidity_num_min"] == ["10000"]
    assert asked[0]["include_tag"] == ["true"]


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        ({"": {"markets": [raw_market(1)], "next_cursor": "b"}, "b": 500}, "source_down"),
        ({"": {"markets": [raw_market(1)], "next_cursor": "b"}, "b": []}, "source_garbled"),
        (
            {
                "": {"markets": [raw_market(1)], "next_cursor": "b"},
                "b": {"markets": [raw_market(1)], "next_cursor": "b"},
            },
            "source_garbled",
        ),
    ],
)
def test_a_listing_cut_short_says_so(httpserver, tmp_path, pages, reason):
    """A page that fails or leads in a circle keeps what came and is not called complete."""
    serve(httpserver, pages)
    got = collect(httpserver, tmp_path)
    assert [m.id for m in got if isinstance(m, Market)] == ["500001"]
    assert [f.reason for f in got if isinstance(f, Failure)] == [reason]
    assert not got[-1].complete


def test_endless_pages_end(httpserver, tmp_path):
    """A venue that never stops is stopped."""

    def answer(request):
        number = int(request.args.get("after_cursor", "0")) + 1
        return Response(json.dumps({"markets": [raw_market(number)], "next_cursor": str(number)}))

    httpserver.expect_request("/markets/keyset").respond_with_handler(answer)
    got = collect(httpserver, tmp_path, max_pages=5)
    assert sum(isinstance(m, Market) for m in got) == 5
    assert not got[-1].complete


@pytest.mark.parametrize(("page", "error"), [(503, SourceDown), ([], SourceGarbled)])
def test_no_first_page_is_an_error(httpserver, tmp_path, page, error):
    """Without a first page there is no listing."""
    serve(httpserver, {"": page})
    with pytest.raises(error):
        collect(httpserver, tmp_path)


def test_everything_means_the_closed_too(httpserver, tmp_path):
    """Both kinds are asked for, without a floor."""
    asked = serve(httpserver, {"": {"markets": []}})
    got = collect(httpserver, tmp_path, wanted(everything=True))
    assert [query["closed"] for query in asked] == [["false"], ["true"]]
    assert all("volume_num_min" not in query for query in asked)
    assert [record.subject for record in got] == ["open", "closed"]


def serve_known(httpserver) -> list:
    """Serve markets 1..60 by condition id: the even ones closed, 13 unknown."""
    known = {
        condition(n): raw_market(
            n, closed=n % 2 == 0, outcomePrices='["1","0"]' if n % 2 == 0 else '["0.4","0.6"]'
        )
        for n in range(1, 61)
        if n != 13
    }
    asked = []

    def answer(request):
        ids = request.args.getlist("condition_ids")
        asked.append(len(ids))
        closed = request.args["closed"] == "true"
        found = [known[one] for one in ids if one in known and known[one]["closed"] == closed]
        return Response(json.dumps({"markets": found}))

    httpserver.expect_request("/markets/keyset").respond_with_handler(answer)
    return asked


def test_known_markets_are_found_open_or_closed(httpserver, tmp_path):
    """Given markets, those alone come, whatever their state; a lost one is a failure by name."""
    asked = serve_known(httpserver)
    got = collect(httpserver, tmp_path, wanted(tuple(market(n) for n in range(1, 61))))
    assert sum(isinstance(m, Market) for m in got) == 59
    assert [(f.subject, f.reason) for f in got if isinstance(f, Failure)] == [
        (condition(13), "not_listed")
    ]
    assert max(asked) <= 50


def test_resolutions_of_known_markets(httpserver, tmp_path):
    """The closed ones are settled, the open ones stay open."""
    serve_known(httpserver)
    got = collect(httpserver, tmp_path, wanted(tuple(market(n) for n in range(1, 61))))
    found = [record for record in got if isinstance(record, Market)]
    outcomes = [resolution_of(one, one.observed_at).outcome for one in found]
    assert (outcomes.count(Outcome.YES), outcomes.count(Outcome.OPEN)) == (30, 29)


@pytest.mark.parametrize("body", ["now", '"x"', "{}", "-5", "1e400"])
def test_a_clock_that_cannot_be_read(httpserver, tmp_path, body):
    """A reply that is no time is garbled."""
    httpserver.expect_request("/time").respond_with_data(body)
    with client(httpserver.url_for(""), tmp_path) as http, pytest.raises(SourceGarbled):
        server_time(http)


def test_the_venues_clock(httpserver, tmp_path):
    """GET /time is a bare number of seconds."""
    httpserver.expect_request("/time").respond_with_data("1786483975")
    with client(httpserver.url_for(""), tmp_path) as http:
        assert server_time(http) == from_epoch(1_786_483_975)
