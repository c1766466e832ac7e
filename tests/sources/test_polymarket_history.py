"""The venue's series of mids: windows, the point stamped "now", repeats, and both routes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polymarket_cases import NOW, client, load, market, wanted
from werkzeug import Response

from trading_cli.domain import Coverage, Failure, Point, Refusal, from_epoch
from trading_cli.sources.polymarket.history import History, Window, parse_points, plan_windows

START, END = 1_000_000_000, 1_000_003_600
WINDOW = Window("7", from_epoch(START), from_epoch(END))


@given(st.integers(0, 10**9), st.integers(0, 10**7), st.integers(1, 15))
def test_windows_cover_a_span_exactly(start, length, days):
    """Whatever the span, its windows join without gap or overlap and none is too long."""
    since, until = from_epoch(start), from_epoch(start + length)
    windows = plan_windows(since, until, days)
    edges = [since, *(end for _, end in windows)]
    assert [first for first, _ in windows] == edges[:-1]
    assert edges[-1] == until
    assert all(0 < (b - a).total_seconds() <= days * 86_400 for a, b in windows)


def test_a_window_the_venue_would_refuse():
    """More than 15 days at once cannot be planned."""
    with pytest.raises(ValueError, match="15 days"):
        plan_windows(from_epoch(0), from_epoch(1), 16)


def test_now_repeats_and_disorder():
    """Points come sorted and once; the one stamped "now" and others outside are dropped."""
    raws = [
        {"t": START + 60, "p": 0.5},
        {"t": START, "p": 0.4},
        {"t": START + 60, "p": 0.5},
        {"t": START + 60, "p": 0.6},
        {"t": END, "p": 0.7},
        {"t": END + 10**6, "p": 0.9},
        {"t": START - 1, "p": 0.9},
        {"t": START + 70, "p": 1.5},
        {"t": "soon", "p": 0.5},
        7,
    ]
    got = list(parse_points(raws, WINDOW, NOW))
    points = [(p.event_time.timestamp(), p.price) for p in got if isinstance(p, Point)]
    assert points == [(START, 0.4), (START + 60, 0.5)]
    reasons = [record.reason for record in got if isinstance(record, Refusal)]
    assert reasons == ["conflict", "bad_price", "bad_number", "not_an_object"]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("clob_prices-history_interval=1h", 62),
        ("clob_prices-history_interval=1d", 1440),
        ("clob_prices-history_interval=1w_fidelity=5", 2013),
        ("clob_prices-history_interval=1m_fidelity=10", 4456),
    ],
)
def test_recorded_replies(shared_data, name, rows):
    """Recorded series load whole: each instant once, in order, within 0.175 and 0.35."""
    raws = load(shared_data / "wire_samples_2026-02" / f"{name}.json.gz")["history"]
    assert len(raws) == rows
    last = max(raw["t"] for raw in raws)
    window = Window("7", from_epoch(raws[0]["t"]), from_epoch(last))
    got = list(parse_points(raws, window, NOW))
    points = [record for record in got if isinstance(record, Point)]
    assert len(points) == len({raw["t"] for raw in raws if raw["t"] < last})
    times = [point.event_time for point in points]
    assert times == sorted(set(times))
    assert all(0.175 <= point.price <= 0.35 for point in points)
    assert all(record.reason == "conflict" for record in got if isinstance(record, Refusal))


def test_the_clob_route(httpserver, tmp_path):
    """Each window is asked for by its edges and ends with its coverage."""
    one = market()
    rows = [{"t": START, "p": 0.4}, {"t": START + 600, "p": 0.41}, {"t": END + 10**6, "p": 0.9}]
    query = {
        "market": one.yes_token,
        "startTs": str(START),
        "endTs": str(END),
        "fidelity": "10",
    }
    httpserver.expect_request("/prices-history", query_string=query).respond_with_json(
        {"history": rows}
    )
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(History(http).collect(wanted((one,))))
    assert [p.price for p in got[:-1]] == [0.4, 0.41]
    assert isinstance(got[-1], Coverage)
    assert (got[-1].subject, got[-1].items, got[-1].complete) == (one.yes_token, 2, True)


def test_the_successor_route_says_the_same(httpserver, tmp_path):
    """The Data API's pages give the same points; its settlement point is no mid."""
    one = market()
    page1 = {
        "data": [{"timestamp": START, "price": 0.4, "resolution_seconds": 60}],
        "pagination": {"has_more": True, "next_cursor": "n2"},
    }
    page2 = {
        "data": [
            {"timestamp": START + 600, "price": "0.41", "resolution_seconds": 60},
            {"timestamp": START + 700, "price": 1, "resolution_seconds": 0},
        ],
        "pagination": {"has_more": False, "next_cursor": None},
    }
    httpserver.expect_ordered_request("/v2/prices-history").respond_with_json(page1)
    httpserver.expect_ordered_request("/v2/prices-history").respond_with_json(page2)
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(History(http, route="data_v2").collect(wanted((one,))))
    assert [p.price for p in got[:-1]] == [0.4, 0.41]


def test_a_failed_window_is_not_covered(httpserver, tmp_path):
    """A window that could not be had has a failure and no coverage; the other market goes on."""
    good, bad = market(1), market(2)
    httpserver.expect_request("/prices-history").respond_with_handler(
        lambda request: _series() if request.args["market"] == good.yes_token else _refusal()
    )
    with client(httpserver.url_for(""), tmp_path) as http:
        got = list(History(http).collect(wanted((good, bad))))
    assert [r.subject for r in got if isinstance(r, Failure)] == [bad.yes_token]
    assert [r.subject for r in got if isinstance(r, Coverage)] == [good.yes_token]


def _series():
    """Answer with an empty series."""
    return Response('{"history":[]}')


def _refusal():
    """Answer as the venue does to what it will not have."""
    return Response('{"error":"invalid filters"}', status=400)
