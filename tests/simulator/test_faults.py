# ruff: noqa: S106  # "token" is the name of an outcome here
"""Each fault of the menu, as a client sees it; the ledger counts what came."""

import gzip
import http.client
import json

import pytest

from trading_cli.simulator.ledger import Ledger

NOW = 1_780_000_000.0  # where the tiny world stands
PAGE = "/gamma/markets/keyset"


def test_refusals(client):
    """429 with and without Retry-After, 200 with an error, 5xx and a page for people."""
    client.faults({"fault": "storm_429", "match": "/gamma", "times": 1, "args": {"retry_after": 2}})
    storm = client.get(PAGE)
    assert (storm.status, storm.headers["Retry-After"]) == (429, "2")
    assert client.get(PAGE).status == 200
    client.faults({"fault": "storm_429", "args": {"retry_after": "date"}})
    assert client.get(PAGE).headers["Retry-After"].endswith("GMT")
    client.faults({"fault": "storm_429"})
    assert client.get(PAGE).headers["Retry-After"] is None
    client.faults({"fault": "error_200"})
    assert client.get(PAGE).json() == {"error": "Too Many Requests"}
    client.faults({"fault": "server_error", "args": {"status": 425}})
    assert client.get(PAGE).status == 425
    client.faults({"fault": "html_page"})
    assert b"<!DOCTYPE html>" in client.get(PAGE).body


def test_broken_bodies(client):
    """Half a body breaks the read or the JSON; a reset breaks the connection."""
    client.faults({"fault": "truncated_json"})
    with pytest.raises(http.client.IncompleteRead):
        client.get(PAGE)
    client.faults({"fault": "truncated_json", "args": {"honest": True}})
    with pytest.raises(json.JSONDecodeError):
        client.get(PAGE).json()
    client.faults({"fault": "reset"})
    with pytest.raises(ConnectionResetError):
        client.get(PAGE)
    client.faults({"fault": "reset", "args": {"partial": True}})
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        client.get(PAGE)


def test_silence(client):
    """A hang and a slow drip outlast the client's patience, and the server lives on."""
    for fault in ("hang", "slow_drip"):
        client.faults({"fault": fault})
        with pytest.raises(TimeoutError):
            client.get(PAGE, timeout=0.2)
    client.faults()
    assert client.get(PAGE).status == 200


def test_pages_changed(client):
    """Duplicated, reordered, enriched, thinned and mistyped pages are still JSON."""
    plain = client.get(PAGE).json()["markets"]
    ids = [market["id"] for market in plain]
    client.faults({"fault": "duplicated_page"})
    assert [m["id"] for m in client.get(PAGE).json()["markets"]] == ids * 2
    client.faults({"fault": "reordered_page"})
    shuffled = [m["id"] for m in client.get(PAGE).json()["markets"]]
    assert shuffled != ids
    assert sorted(shuffled) == ids
    client.faults({"fault": "unknown_fields"})
    assert client.get(PAGE).json()["markets"][0]["xNewFlag"] is True
    client.faults({"fault": "missing_fields", "args": {"fields": ["slug"]}})
    assert all("slug" not in m for m in client.get(PAGE).json()["markets"])
    client.faults({"fault": "mistyped_json"})
    assert client.get(PAGE).json()["markets"] != plain


def test_time_and_cursors(client):
    """A cached reply is old and says so, a skewed clock lies, a looping cursor repeats."""
    client.faults({"fault": "cached_reply"})
    old = client.get("/clob/book", token_id="12")
    assert old.headers["Age"] == "300"
    assert old.json()["timestamp"] == str(int((NOW - 300) * 1000))
    client.faults({"fault": "clock_skew", "args": {"seconds": 90}})
    assert client.get("/clob/time").json() == int(NOW) + 90
    client.faults()
    cursor = client.get(PAGE).json()["next_cursor"]
    client.faults({"fault": "cursor_loop"})
    assert client.get(PAGE, after_cursor=cursor).json()["next_cursor"] == cursor


def test_too_much(client):
    """A gzip bomb is small on the wire and large within; an oversized body is just large."""
    client.faults({"fault": "gzip_bomb", "args": {"bytes": 5_000_000}})
    bomb = client.get(PAGE).body
    assert len(bomb) < 10_000
    assert len(gzip.decompress(bomb)) == 5_000_000
    client.faults({"fault": "oversized", "args": {"bytes": 2_500_000}})
    assert len(client.get(PAGE).body) == 2_500_000


def test_rules_repeat_by_seed_and_by_hand(client):
    """The same seed hits the same requests; X-Fault hits one; an unknown name is refused."""
    runs = []
    for _ in range(2):
        client.faults({"fault": "server_error", "match": "/clob", "probability": 0.5})
        runs.append([client.get("/clob/time").status for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}
    client.faults({"fault": "server_error", "every": 2})
    assert [client.get("/clob/ok").status for _ in range(4)] == [200, 500, 200, 500]
    assert client.ask("/_control/faults", "DELETE").json() == []
    by_hand = client.ask("/clob/ok", X_Fault="server_error?status=503")
    assert by_hand.status == 503
    assert client.post("/_control/faults", [{"fault": "flood"}]).status == 422


def test_ledger_counts_and_limits(serving):
    """Every request is counted; the one over the documented limit is told when to come back."""
    client = serving()
    asked = [client.get("/clob/ok") for _ in range(101)]
    assert [got.status for got in asked] == [200] * 100 + [429]
    assert 1 <= int(asked[-1].headers["Retry-After"]) <= 10
    query = {"query": "election", "format": "json"}
    assert client.get("/gdelt/api/v2/doc/doc", **query).status == 200
    assert client.get("/gdelt/api/v2/doc/doc", **query).body.startswith(b"Please limit")
    report = client.get("/_control/ledger").json()
    account = report["clob /ok"]
    assert (account["total"], account["throttled"], account["limit_10s"]) == (101, 1, 100)
    assert report["gdelt /api"]["limit_10s"] == 2
    assert client.post("/_control/ledger", {}).json() == {
        name: {**one, "total": 0, "max_in_10s": 0, "throttled": 0} for name, one in report.items()
    }


def test_ledger_windows_slide():
    """The most in any ten seconds is exact, and a limit frees as its window slides."""
    now = [0.0]
    ledger = Ledger(monotonic=lambda: now[0])
    for at in (0, 4, 8, 9, 13, 30):
        now[0] = float(at)
        ledger.enter("/data/trades")
    account = ledger.report()["data /trades"]
    assert (account["total"], account["max_in_10s"]) == (6, 4)
    assert ledger.enter("/gdelt/api/v2/doc/doc") == 0.0
    assert ledger.enter("/gdelt/api/v2/doc/doc") == 5.0
    now[0] += 5
    assert ledger.enter("/gdelt/api/v2/doc/doc") == 0.0
