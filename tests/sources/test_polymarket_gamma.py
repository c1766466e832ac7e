"""Gamma objects: hand-made, handled field by field; and every recorded one."""

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from polymarket_cases import NOW, condition, load, market, raw_market, recorded_markets

from trading_cli.core.errors import SourceGarbled
from trading_cli.domain import FeeSchedule, Market, Outcome, Refusal
from trading_cli.sources.polymarket.gamma import is_placeholder, parse_market, parse_page
from trading_cli.sources.polymarket.resolutions import resolution_of
from trading_cli.sources.polymarket.wire import RefusalReason


def test_every_field_arrives():
    """A full object becomes a market with every field of its type."""
    got = market()
    assert (got.id, got.condition_id, got.yes_label, got.no_label) == (
        "500001",
        condition(1),
        "Yes",
        "No",
    )
    assert got.outcome_prices == (Decimal("0.4"), Decimal("0.6"))
    assert (got.volume, got.volume_24h, got.liquidity) == (12345.678, 999.0, 20_000.0)
    assert got.tick == Decimal("0.01")
    assert got.min_size == 5
    assert got.fee_schedule == FeeSchedule(Decimal("0.04"), Decimal(1), "market")
    assert got.tags == ("Politics", "Elections")
    assert (got.event_id, got.event_title) == ("77", "Will it happen?")
    assert got.uma_statuses == ("proposed",)


def test_all_forms_of_time():
    """The three ways to write a time give the same kind of instant."""
    got = market()
    assert got.created_at == datetime(2025, 3, 26, 14, 44, 34, 145447, tzinfo=UTC)
    assert got.closed_at == datetime(2026, 6, 4, 0, 34, 19, tzinfo=UTC)
    assert got.game_start_at == datetime(2025, 8, 18, tzinfo=UTC)
    assert market(endDate="2026-06-04T02:00:00+02:00").end_at == datetime(2026, 6, 4, tzinfo=UTC)
    assert market(endDate="0001-01-01T00:00:00Z").end_at is None


REQUIRED = ("id", "conditionId", "question", "outcomes", "clobTokenIds", "closed")


@pytest.mark.parametrize("name", [name for name in raw_market() if name not in REQUIRED])
def test_every_other_field_may_be_absent(name):
    """A market without an optional field is still a market."""
    assert isinstance(parse_market(raw_market(**{name: None}), NOW), Market)


def test_absent_is_not_zero():
    """What the venue leaves out is None."""
    got = market(volumeNum=None, volume=None, volume24hr=None, bestBid=None, outcomePrices=None)
    assert (got.volume, got.volume_24h, got.best_bid, got.outcome_prices) == (None,) * 4


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"id": None}, RefusalReason.NO_ID, "id"),
        ({"question": "  "}, RefusalReason.NO_QUESTION, "question"),
        ({"question": "x" * 2001}, RefusalReason.TOO_LONG, "question"),
        ({"description": "x" * 50_001}, RefusalReason.TOO_LONG, "description"),
        ({"conditionId": "0x12"}, RefusalReason.BAD_CONDITION_ID, "conditionId"),
        ({"conditionId": 12}, RefusalReason.BAD_CONDITION_ID, "conditionId"),
        ({"outcomes": '["A", "B", "C"]'}, RefusalReason.NOT_BINARY, "outcomes"),
        ({"outcomes": "[oops"}, RefusalReason.BAD_LIST, "outcomes"),
        ({"clobTokenIds": '["1", "1"]'}, RefusalReason.BAD_TOKENS, "clobTokenIds"),
        ({"clobTokenIds": '["1"]'}, RefusalReason.BAD_TOKENS, "clobTokenIds"),
        ({"clobTokenIds": '["1", "0x2"]'}, RefusalReason.BAD_TOKENS, "clobTokenIds"),
        ({"volumeNum": -1}, RefusalReason.BAD_NUMBER, "volumeNum"),
        ({"volumeNum": float("nan")}, RefusalReason.BAD_NUMBER, "volumeNum"),
        ({"liquidityNum": "Infinity"}, RefusalReason.BAD_NUMBER, "liquidityNum"),
        ({"liquidityNum": True}, RefusalReason.BAD_NUMBER, "liquidityNum"),
        ({"volume24hr": 10**400}, RefusalReason.BAD_NUMBER, "volume24hr"),
        ({"bestAsk": 1.2}, RefusalReason.BAD_PRICE, "bestAsk"),
        ({"outcomePrices": '["0.5", "1.5"]'}, RefusalReason.BAD_PRICE, "outcomePrices"),
        ({"endDate": "tomorrow"}, RefusalReason.BAD_TIME, "endDate"),
        ({"endDate": 1_700_000_000}, RefusalReason.BAD_TIME, "endDate"),
        ({"endDate": "2026-13-01"}, RefusalReason.BAD_TIME, "endDate"),
        ({"closed": "true"}, RefusalReason.BAD_FLAG, "closed"),
        ({"slug": ["x"]}, RefusalReason.BAD_TEXT, "slug"),
        ({"orderPriceMinTickSize": 0}, RefusalReason.BAD_NUMBER, "orderPriceMinTickSize"),
        ({"feeSchedule": {"rate": "x", "exponent": 1}}, RefusalReason.BAD_NUMBER, "rate"),
        ({"tags": [3]}, RefusalReason.NOT_AN_OBJECT, "int"),
    ],
)
def test_a_wrong_field_is_named(changes, reason, field):
    """A market with a field that cannot be is refused, by reason and by name."""
    got = parse_market(raw_market(**changes), NOW)
    assert isinstance(got, Refusal)
    assert (got.reason, got.kind) == (reason, "market")
    assert field in got.detail
    assert got.raw


@pytest.mark.parametrize("raw", [None, 3, "x", [], {}])
def test_what_is_no_market_is_refused(raw):
    """Anything at all may stand where a market should."""
    assert isinstance(parse_market(raw, NOW), Refusal)


def test_hostile_text_can_be_stored():
    """NUL and half surrogates never get further than here."""
    got = market(question="a\x00b\ud800c")
    assert got.question == "ab?c"
    got.question.encode()


@pytest.mark.parametrize(
    ("title", "question", "placeholder"),
    [
        ("Person A", "", True),
        ("Party BC", "", True),
        ("Other", "", True),
        ("J. D. Vance", "", False),
        ("Team Liquid", "", False),
        (None, "Will Person B win?", True),
        (None, "Will Movie A be the best?", True),
        (None, "Will Donald Trump win?", False),
    ],
)
def test_placeholders_are_seen(title, question, placeholder):
    """Outcomes of a group that stand for nobody yet are marked."""
    assert is_placeholder(title, question) is placeholder
    if title is not None:
        assert market(negRisk=True, groupItemTitle=title).neg_risk_placeholder is placeholder
        assert not market(negRisk=False, groupItemTitle=title).neg_risk_placeholder


@pytest.mark.parametrize("raw", [[], {}, {"markets": {}}, {"markets": [], "next_cursor": 3}])
def test_a_page_that_is_none(raw):
    """A reply that is no page is garbled, not empty."""
    with pytest.raises(SourceGarbled):
        parse_page(raw)


def test_every_recorded_object_is_a_market_or_a_named_refusal(shared_data):
    """All 1,783 recorded objects parse; the tally by reason is what it was when we looked."""
    raws = recorded_markets(shared_data)
    assert len(raws) == 1783
    tally = Counter()
    for raw in raws:
        got = parse_market(raw, NOW)
        tally["market" if isinstance(got, Market) else f"{got.reason}: {got.detail}"] += 1
        if isinstance(got, Market):
            assert [got.yes_token, got.no_token] == json.loads(raw["clobTokenIds"])
            assert got.volume == raw.get("volumeNum", got.volume)
            assert (got.end_at is None) == (not raw.get("endDate"))
    assert tally == {"market": 1783}


def test_recorded_resolutions_are_as_the_data_says(shared_data):
    """Each recorded market is labelled as its own raw prices say, worked out here by hand."""
    labels = Counter()
    for raw in recorded_markets(shared_data):
        got = resolution_of(parse_market(raw, NOW), NOW)
        prices = json.loads(raw.get("outcomePrices") or "[]")
        final = raw["closed"] and raw.get("umaResolutionStatus") in (None, "resolved", "settled")
        words = {("1", "0"): "yes", ("0", "1"): "no", ("0.5", "0.5"): "half"}
        expected = words.get(tuple(prices), "open") if final else "open"
        assert got.outcome == expected, raw["slug"]
        assert (got.payout is None) == (got.outcome is Outcome.OPEN)
        labels[got.outcome if got.outcome is not Outcome.OPEN else got.reason] += 1
    assert sum(labels[name] for name in ("yes", "no")) == 140
    assert labels["not_closed"] == 1783 - 142
    assert sum(labels.values()) == 1783


def test_a_tiny_price_is_kept_exactly_and_settles_nothing():
    """Prices near 0 and 1, written with 41 digits or as a power of ten, are not 0 and 1."""
    tiny = "0.00000004364303498046286702037228176483457"
    for yes, no in ((tiny, "0.9999999563569650195371329796277182"), (4e-11, "0.99999999996")):
        got = market(closed=True, outcomePrices=json.dumps([yes, no]))
        assert got.outcome_prices == (Decimal(str(yes)), Decimal(no))
        standing = resolution_of(got, NOW)
        assert (standing.outcome, standing.reason) == (Outcome.OPEN, "not_final")


def test_recorded_samples_of_single_replies_are_markets(shared_data):
    """All 20 old markets of the sample parse, automated market maker prices and all."""
    raws = load(shared_data / "wire_samples_2026-02" / "gamma_markets_by_condition_20.json.gz")
    assert len(raws) == 20
    assert all(isinstance(parse_market(raw, NOW), Market) for raw in raws)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("rs_gamma_market", "market"),
        ("rs_gamma_market_closed_binary_accepting_false", "market"),
        ("rs_gamma_market_closed_binary_accepting_true", "market"),
        ("rs_gamma_market_closed_nonbinary_legacy", "market"),
        ("rs_gamma_market_closed_zero_zero_legacy", "market"),
        ("rs_gamma_market_sports_market_map_handicap", "market"),
        ("rs_gamma_market_sports_market_money_line", "market"),
        ("py_market", RefusalReason.BAD_TOKENS),
    ],
)
def test_foreign_fixtures(shared_data, name, verdict):
    """Another project's samples of single markets parse, or are refused for the reason given."""
    raw = load(shared_data / "wire_fixtures_nautilus" / f"{name}.json")
    raw = raw[0] if isinstance(raw, list) else raw
    got = parse_market(raw, NOW)
    assert ("market" if isinstance(got, Market) else got.reason) == verdict, got


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"closed": False, "outcomePrices": '["1", "0"]'}, Outcome.OPEN, "not_closed"),
        ({"closed": True, "outcomePrices": '["1", "0"]'}, Outcome.YES, ""),
        ({"closed": True, "outcomePrices": '["0", "1.0"]'}, Outcome.NO, ""),
        ({"closed": True, "outcomePrices": '["0.5", "0.50"]'}, Outcome.HALF, ""),
        ({"closed": True, "outcomePrices": '["0.9995", "0.0005"]'}, Outcome.OPEN, "not_final"),
        ({"closed": True, "outcomePrices": '["0", "0"]'}, Outcome.OPEN, "zero_zero"),
        ({"closed": True, "outcomePrices": None}, Outcome.OPEN, "no_prices"),
        (
            {"closed": True, "outcomePrices": '["1","0"]', "umaResolutionStatus": "disputed"},
            Outcome.OPEN,
            "disputed",
        ),
    ],
)
def test_only_the_final_is_final(changes, outcome, reason):
    """A settlement is labelled only when closed, exact and undisputed."""
    got = resolution_of(market(**changes), NOW)
    assert (got.outcome, got.reason) == (outcome, reason)
    payouts = {Outcome.YES: Decimal(1), Outcome.NO: Decimal(0), Outcome.HALF: Decimal("0.5")}
    assert got.payout == payouts.get(outcome)
