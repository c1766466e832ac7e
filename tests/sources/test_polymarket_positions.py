"""What a wallet holds: rows, pages, and what is never believed."""

import json
from decimal import Decimal

import pytest
from polymarket_cases import NOW, client, condition
from werkzeug import Response

from trading_cli.core.errors import SourceError, SourceGarbled
from trading_cli.domain import Refusal
from trading_cli.sources.polymarket.positions import Held, _parsed, positions_of
from trading_cli.sources.polymarket.wire import RefusalReason

WALLET = "0x" + "ab" * 20


def row(number: int = 1, **changes: object) -> dict:
    """Return a position as the venue writes it; ``None`` in *changes* removes a field."""
    raw = {
        "proxyWallet": WALLET, "asset": str(10**20 + number), "conditionId": condition(number),
        "size": 13.636362, "avgPrice": 0.22, "initialValue": 3.0, "currentValue": 2.7,
        "cashPnl": -0.3, "curPrice": 0.2, "redeemable": False, "mergeable": False,
        "title": "Will it happen?", "slug": "it", "eventSlug": "it-event", "outcome": "No",
        "outcomeIndex": 1, "endDate": "2026-06-04", "negativeRisk": False,
    } | changes  # fmt: skip
    return {name: value for name, value in raw.items() if value is not None}


def one(raw: object) -> Held | Refusal:
    """Return what a single row becomes."""
    return next(_parsed([raw], WALLET, NOW))


def test_a_row_becomes_a_holding():
    """Shares are exact millionths down, the stake is shares at the average price, rounded up."""
    held = one(row())
    assert isinstance(held, Held)
    assert (held.shares, held.cost) == (Decimal("13.636362"), Decimal("3.000000"))
    assert (held.outcome_index, held.settled, held.event_slug) == (1, False, "it-event")
    assert one(row(redeemable=True)).settled


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 0}, RefusalReason.BAD_SIZE),
        ({"size": "many"}, RefusalReason.BAD_NUMBER),
        ({"avgPrice": 1.5}, RefusalReason.BAD_PRICE),
        ({"avgPrice": -0.1}, RefusalReason.BAD_PRICE),
        ({"avgPrice": None}, RefusalReason.BAD_NUMBER),
        ({"proxyWallet": "0x" + "cd" * 20}, RefusalReason.NOT_ASKED),
        ({"proxyWallet": "me"}, RefusalReason.BAD_WALLET),
        ({"conditionId": "0x1"}, RefusalReason.BAD_CONDITION_ID),
        ({"asset": "x"}, RefusalReason.BAD_TOKENS),
        ({"outcomeIndex": 2}, RefusalReason.BAD_OUTCOME),
        ({"outcomeIndex": True}, RefusalReason.BAD_OUTCOME),
        ({"redeemable": "no"}, RefusalReason.BAD_FLAG),
    ],
)
def test_a_row_that_cannot_be_is_refused(changes, reason):
    """What cannot be a holding is a refusal with its reason, never a holding of 0."""
    refused = one(row(**changes))
    assert isinstance(refused, Refusal)
    assert refused.reason == reason


def test_all_pages_are_read_and_each_token_once(httpserver, tmp_path):
    """A full page is followed by the next; a token that moved between pages is there once."""
    rows = [row(number) for number in range(1, 621)]

    def answer(request):
        assert request.args["user"] == WALLET
        assert request.args["sizeThreshold"] == "0"
        first = int(request.args["offset"])
        part = rows[:500] if first == 0 else rows[499:]
        return Response(json.dumps(part), content_type="application/json")

    httpserver.expect_request("/positions").respond_with_handler(answer)
    with client(httpserver.url_for(""), tmp_path) as http:
        held = list(positions_of(http, WALLET.upper().replace("0X", "0x")))
    assert [one.token for one in held] == [str(10**20 + number) for number in range(1, 621)]


@pytest.mark.parametrize("body", ['{"error": "Too Many Requests"}', '{"data": []}', "<html>"])
def test_what_is_no_list_is_an_error_and_never_an_empty_wallet(httpserver, body, tmp_path):
    """A reply that cannot be read must not look like a wallet that holds nothing."""
    reply = Response(body, content_type="application/json")
    httpserver.expect_request("/positions").respond_with_response(reply)
    with client(httpserver.url_for(""), tmp_path) as http, pytest.raises(SourceError):
        list(positions_of(http, WALLET))


def test_a_list_without_end_is_an_error(httpserver, tmp_path):
    """More pages than anybody holds is garbled, not cut short in silence."""

    def answer(request):
        first = int(request.args["offset"])
        rows = [row(first + number + 1) for number in range(500)]
        return Response(json.dumps(rows), content_type="application/json")

    httpserver.expect_request("/positions").respond_with_handler(answer)
    with (
        client(httpserver.url_for(""), tmp_path) as http,
        pytest.raises(SourceGarbled, match="more than"),
    ):
        list(positions_of(http, WALLET))


def test_what_is_no_address_is_refused_before_anybody_is_asked(httpserver, tmp_path):
    """A typing error is not sent to the venue."""
    with (
        client(httpserver.url_for(""), tmp_path) as http,
        pytest.raises(ValueError, match="wallet is"),
    ):
        list(positions_of(http, "0x12"))
    assert httpserver.log == []
