"""Trades: rows, pages, halves of time, and what is never believed."""

import json

import pytest
from polymarket_cases import NOW, client, load, market, raw_trade, wanted
from werkzeug import Response

from trading_cli.domain import Coverage, Failure, Refusal, Trade, from_epoch
from trading_cli.sources.polymarket.trades import Trades, parse_trades
from trading_cli.sources.polymarket.wire import RefusalReason

START = 1_000_000_000


def one(raw: object, *owners) -> object:
    """Return what a single row becomes."""
    return next(parse_trades([raw], NOW, {m.condition_id: m for m in owners}))


def test_a_row_becomes_a_trade():
    """Prices and sizes are exact millionths, the token names the outcome."""
    owner = market()
    trade = one(raw_trade(owner, START, asset=owner.no_token, outcomeIndex=999), owner)
    assert isinstance(trade, Trade)
    assert (str(trade.price), str(trade.size)) == ("0.220000", "13.636362")
    assert trade.outcome_index == 1


def test_ids_are_stable_and_tell_twins_apart():
    """The same reply gives the same ids; two rows alike in everything get two."""
    owner = market()
    rows = [raw_trade(owner, START), raw_trade(owner, START), raw_trade(owner, START + 1)]
    known = {owner.condition_id: owner}
    ids = [trade.id for trade in parse_trades(rows, NOW, known)]
    assert len(set(ids)) == 3
    assert ids == [trade.id for trade in parse_trades(rows, NOW, known)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"side": "HOLD"}, RefusalReason.BAD_SIDE),
        ({"price": 0}, RefusalReason.BAD_PRICE),
        ({"price": 1.5}, RefusalReason.BAD_PRICE),
        ({"size": -1}, RefusalReason.BAD_SIZE),
        ({"size": "many"}, RefusalReason.BAD_NUMBER),
        ({"timestamp": "x"}, RefusalReason.BAD_NUMBER),
        ({"timestamp": 10**14}, RefusalReason.BAD_TIME),
        ({"proxyWallet": "me"}, RefusalReason.BAD_WALLET),
        ({"outcomeIndex": 7}, RefusalReason.BAD_OUTCOME),
        ({"outcomeIndex": 1}, RefusalReason.CONFLICT),
        ({"asset": "5"}, RefusalReason.CONFLICT),
        ({"conditionId": "0x" + "9" * 64}, RefusalReason.NOT_ASKED),
    ],
)
def test_a_row_that_cannot_be_is_refused(changes, reason):
    """No impossible trade becomes a row."""
    owner = market()
    got = one(raw_trade(owner, START, **changes), owner)
    assert isinstance(got, Refusal)
    assert got.reason == reason


def test_recorded_trades(shared_data):
    """The hundred recorded trades are a hundred trades, each with an id of its own."""
    rows = load(shared_data / "wire_samples_2026-02" / "data-api_trades_100.json.gz")
    trades = list(parse_trades(rows, NOW, {}))
    assert all(isinstance(trade, Trade) for trade in trades)
    assert len({trade.id for trade in trades}) == 100
    assert [int(t.event_time.timestamp()) for t in trades] == [row["timestamp"] for row in rows]
    usd = sum(row["price"] * row["size"] for row in rows)
    assert sum(trade.usd for trade in trades) == pytest.approx(usd, rel=1e-4)


def serve(httpserver, rows, *, clamp=10_000) -> list:
    """Answer as the Data API does, at most *clamp* rows; return the questions it was asked."""
    asked = []

    def answer(request):
        args = request.args
        asked.append((int(args["start"]), int(args["end"]), int(args["offset"])))
        ids = set(args["market"].split(","))
        assert args["takerOnly"] == "true"
        assert int(args["offset"]) <= 10_000
        found = [
            row
            for row in sorted(rows, key=lambda row: -row["timestamp"])
            if row["conditionId"] in ids
            and int(args["start"]) <= row["timestamp"] <= int(args["end"])
        ]
        first = int(args["offset"])
        return Response(json.dumps(found[first : first + min(clamp, int(args["limit"]))]))

    httpserver.expect_request("/trades").respond_with_handler(answer)
    return asked


def test_a_quiet_span_is_covered(httpserver, tmp_path):
    """Markets without trades are covered, and say so."""
    markets = tuple(market(n) for n in range(1, 61))
    rows = [raw_trade(markets[3], START + 5), raw_trade(markets[3], START + 3600)]
    asked = serve(httpserver, rows)
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(Trades(http).collect(wanted(markets)))
    assert len(asked) == 2
    seen = {record.subject: record for record in got if isinstance(record, Coverage)}
    assert set(seen) == {m.condition_id for m in markets}
    assert all(record.complete for record in seen.values())
    assert seen[markets[3].condition_id].items == 1
    assert sum(isinstance(record, Trade) for record in got) == 1


def test_a_clamped_page_is_paged_on(httpserver, tmp_path):
    """A venue that silently gives 100 rows for 10,000 still gives them all."""
    owner = market()
    rows = [raw_trade(owner, START + n, size=n + 1) for n in range(250)]
    serve(httpserver, rows, clamp=100)
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(Trades(http).collect(wanted((owner,))))
    assert sum(isinstance(record, Trade) for record in got) == 250
    assert got[-1].complete


def test_too_many_for_the_offset_are_asked_in_halves(httpserver, tmp_path):
    """More rows than offsets reach are fetched in halves of the time, none lost, none twice."""
    owner = market()
    rows = [raw_trade(owner, START + n % 3600, size=n + 1) for n in range(25_000)]
    asked = serve(httpserver, rows)
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(Trades(http).collect(wanted((owner,))))
    assert len({record.id for record in got if isinstance(record, Trade)}) == 25_000
    assert got[-1].complete
    assert len(asked) > 3


def test_one_second_that_is_too_full_is_not_covered(httpserver, tmp_path):
    """What does not fit into any question leaves the span not covered, never silently short."""
    owner = market()
    rows = [raw_trade(owner, START + 7, size=n + 1) for n in range(21_000)]
    serve(httpserver, rows)
    with client(httpserver.url_for(""), tmp_path) as http:
        span = wanted((owner,), since=from_epoch(START + 6), until=from_epoch(START + 9))
        got = list(Trades(http).collect(span))
    assert not got[-1].complete


def test_a_garbled_list_is_a_failure_of_each(httpserver, tmp_path):
    """An object where the list should be fails each market by name."""
    httpserver.expect_request("/trades").respond_with_json({"data": []})
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(Trades(http).collect(wanted((market(1), market(2)))))
    assert {(type(record), record.subject) for record in got} == {
        (Failure, market(1).condition_id),
        (Failure, market(2).condition_id),
    }
