"""What a taker pays, worked by hand, and where it was found."""

import gzip
import json
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import FeeSchedule, Market
from trading_cli.trading import fees
from trading_cli.trading.fees import FEE_TABLE, FeeRow, FeeUnknown, fee, round_trip, schedule_of

NOW = datetime(2026, 3, 11, 20, 30, tzinfo=UTC)
BARE = Market("1", "0x1", "Will it rain?", "rain", "1", "2", "Yes", "No", NOW)
D = Decimal


def flat(rate: str, exponent: str = "1") -> FeeSchedule:
    """Return a schedule."""
    return FeeSchedule(D(rate), D(exponent), "market")


@pytest.mark.parametrize(
    ("shares", "price", "rate", "exponent", "expected"),
    [
        ("100", "0.5", "0.07", "1", "1.75"),
        ("100", "0.3", "0.04", "1", "0.84"),
        ("100", "0.95", "0.05", "1", "0.2375"),
        ("0.0334", "0.98", "0.072", "1", "0.00005"),
        ("100", "0.5", "0.25", "2", "1.5625"),
        ("100", "0.5", "0.0175", "1", "0.4375"),
        ("0.0001", "0.5", "0.01", "1", "0.00001"),
        ("100", "0.5", "0", "1", "0"),
        ("100", "1", "0.07", "1", "0"),
        ("0", "0.5", "0.07", "1", "0"),
    ],
)
def test_fees_by_hand(shares: str, price: str, rate: str, exponent: str, expected: str) -> None:
    """Shares x rate x (p(1-p))^exponent, to 5 decimals, half up, at least 0.00001."""
    assert fee(D(shares), D(price), flat(rate, exponent)) == D(expected)


def test_the_chain_takes_the_markets_own_schedule_first() -> None:
    """The market's feeSchedule beats the table, and the table beats feesEnabled."""
    market = replace(BARE, fee_schedule=flat("0.03"), fee_type="crypto_fees_v2", fees_enabled=False)
    assert schedule_of(market, NOW) == FeeSchedule(D("0.03"), D(1), "market")
    without = replace(market, fee_schedule=None)
    assert schedule_of(without, NOW) == FeeSchedule(D("0.07"), D(1), "table")
    disabled = replace(BARE, fees_enabled=False)
    assert schedule_of(disabled, NOW) == FeeSchedule(D(0), D(1), "disabled")


def test_the_table_is_dated() -> None:
    """Sports paid nothing before 18 February 2026, crypto nothing before 5 January."""
    sports = replace(BARE, fee_type="sports_fees", fees_enabled=True)
    assert schedule_of(sports, datetime(2026, 2, 17, tzinfo=UTC)).rate == 0
    assert schedule_of(sports, datetime(2026, 2, 18, tzinfo=UTC)).rate == D("0.0175")
    crypto = replace(BARE, fee_type="crypto_fees", fees_enabled=True)
    assert schedule_of(crypto, datetime(2025, 12, 31, tzinfo=UTC)).rate == 0
    assert schedule_of(crypto, NOW) == FeeSchedule(D("0.25"), D(2), "table")


def test_of_several_rows_the_newest_in_force_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate that was changed in March: the old one before that day, the new one from it on."""
    march = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [FeeRow("x", march, D("0.05")), FeeRow("x", march - timedelta(days=30), D("0.03"))]
    monkeypatch.setattr(fees, "FEE_TABLE", (*rows, FeeRow("y", march, D("0.07"))))
    market = replace(BARE, fee_type="x")
    assert schedule_of(market, march).rate == D("0.05")
    assert schedule_of(market, march - timedelta(seconds=1)).rate == D("0.03")


@pytest.mark.parametrize(
    ("market", "reason"),
    [
        (replace(BARE, fees_enabled=True), "NO_FEE_TYPE"),
        (BARE, "NO_FEE_TYPE"),
        (replace(BARE, fee_type="moon_fees", fees_enabled=True), "UNKNOWN_FEE_TYPE"),
        (replace(BARE, fee_schedule=flat("-0.1")), "BAD_SCHEDULE"),
        (replace(BARE, fee_schedule=flat("NaN")), "BAD_SCHEDULE"),
        (replace(BARE, fee_schedule=flat("1.5")), "BAD_SCHEDULE"),
    ],
)
def test_an_unknown_fee_is_refused_never_zero(market: Market, reason: str) -> None:
    """The refusal names the market and why."""
    with pytest.raises(FeeUnknown) as caught:
        schedule_of(market, NOW)
    assert caught.value.reason == reason
    assert "market 1" in caught.value.message


def test_every_documented_type_has_its_rate() -> None:
    """The table is the reference's, name by name."""
    rates = {row.fee_type: row.rate for row in FEE_TABLE}
    assert len(rates) == len(FEE_TABLE) == 15
    assert rates["sports_fees_v3"] == D("0.05")
    for name in ("politics_fees", "finance_prices_fees", "tech_fees", "mentions_fees"):
        assert rates[name] == D("0.04")
    for name in ("economics_fees", "culture_fees", "weather_fees", "general_fees"):
        assert rates[name] == D("0.05")


def test_the_whole_table() -> None:
    """Every type with its rate, its exponent, and the day from which it is paid."""
    first, sports = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 18, tzinfo=UTC)
    assert {row.fee_type: (row.rate, row.exponent, row.since) for row in FEE_TABLE} == {
        "crypto_15_min": (D("0.25"), 2, first), "crypto_fees": (D("0.25"), 2, first),
        "crypto_fees_v2": (D("0.07"), 1, first), "sports_fees": (D("0.0175"), 1, sports),
        "sports_fees_v2": (D("0.03"), 1, first), "sports_fees_v3": (D("0.05"), 1, first),
        "politics_fees": (D("0.04"), 1, first), "finance_prices_fees": (D("0.04"), 1, first),
        "tech_fees": (D("0.04"), 1, first), "mentions_fees": (D("0.04"), 1, first),
        "economics_fees": (D("0.05"), 1, first), "culture_fees": (D("0.05"), 1, first),
        "weather_fees": (D("0.05"), 1, first), "general_fees": (D("0.05"), 1, first),
        "zero_fees": (D(0), 1, first),
    }  # fmt: skip
    assert FeeRow("plain", first, D("0.01")).exponent == 1


@pytest.mark.parametrize(("rate", "exponent"), [("0", "1"), ("1", "1"), ("0.05", "0")])
def test_a_schedule_of_its_own_may_be_at_the_edge(rate: str, exponent: str) -> None:
    """Nothing, all, and a fee that does not depend on the price are schedules."""
    market = replace(BARE, fee_schedule=flat(rate, exponent))
    assert schedule_of(market, NOW) == flat(rate, exponent)


@pytest.mark.parametrize(("rate", "exponent"), [("0.05", "-1"), ("0.05", "NaN"), ("Infinity", "1")])
def test_a_schedule_that_makes_no_sense_is_refused(rate: str, exponent: str) -> None:
    """Each of its two numbers counts."""
    with pytest.raises(FeeUnknown) as caught:
        schedule_of(replace(BARE, fee_schedule=flat(rate, exponent)), NOW)
    assert caught.value.reason == "BAD_SCHEDULE"
    assert caught.value.market_id == "1"


@pytest.mark.parametrize(
    ("bid", "ask", "shares", "share"),
    [("0", "1", "100", "1"), ("0.4", "0.4", "100", "0"), ("0.3", "0.4", "1", "0.25"),
     ("0.3", "0.4", "0.5", "0.25"), ("1", "1", "1", "0")],
)  # fmt: skip
def test_a_round_trip_at_the_edge(bid: str, ask: str, shares: str, share: str) -> None:
    """From nothing to all, in a book without a spread, of a share and of half a one; no fee."""
    assert round_trip(D(bid), D(ask), flat("0"), D(shares)).share == D(share)


@pytest.mark.parametrize("shares", ["0", "-1"])
def test_a_round_trip_of_nothing_is_refused(shares: str) -> None:
    """It would be a share of nothing."""
    with pytest.raises(ValueError, match="no round trip"):
        round_trip(D("0.4"), D("0.5"), flat("0"), D(shares))


def test_what_is_worth_nothing_or_all_is_free() -> None:
    """At 0 and at 1 nobody pays, however many; a fifth of a step is a whole one."""
    assert fee(D(1000), D(0), flat("0.07")) == fee(D(1000), D(1), flat("0.07")) == 0
    # .01 x .0008 x .25 = .000002; 10 x .0000050 x .25 = .0000125: half a step goes up
    assert fee(D("0.01"), D("0.5"), flat("0.0008")) == D("0.00001")
    assert fee(D(10), D("0.5"), flat("0.000005")) == D("0.00001")
    assert fee(D(10), D("0.5"), flat("0.000010")) == D("0.00003")


def test_a_round_trip_by_hand() -> None:
    """Ask .50, bid .48, rate .05: 2 USD of spread, 1.25 + 1.248 of fees, of a stake of 50."""
    cost = round_trip(D("0.48"), D("0.50"), flat("0.05"))
    assert (cost.spread, cost.fees, cost.total) == (D("2.00"), D("2.498"), D("4.498"))
    assert cost.share == D("0.08996")


@pytest.mark.parametrize(
    ("bid", "ask"), [("0.5", "0.4"), ("-0.1", "0.4"), ("0", "0"), ("0.5", "2")]
)
def test_an_impossible_round_trip_is_refused(bid: str, ask: str) -> None:
    """A crossed book, a price outside [0, 1], nothing to buy."""
    with pytest.raises(ValueError, match="no round trip"):
        round_trip(D(bid), D(ask), flat("0.05"))


@pytest.mark.parametrize(
    ("shares", "price"), [("-1", "0.5"), ("NaN", "0.5"), ("1", "1.1"), ("1", "NaN")]
)
def test_an_impossible_fill_is_refused(shares: str, price: str) -> None:
    """Shares below 0 and prices outside [0, 1] have no fee."""
    with pytest.raises(ValueError, match=r"shares must|a price lies"):
        fee(D(shares), D(price), flat("0.05"))


prices = st.decimals("0", "1", places=4)
rates = st.decimals("0", "0.3", places=4)
amounts = st.decimals("0", "100000", places=2)


@given(shares=amounts, price=prices, rate=rates, exponent=st.sampled_from([1, 2]))
def test_a_fee_is_the_same_for_yes_and_no_and_never_negative(
    shares: Decimal, price: Decimal, rate: Decimal, exponent: int
) -> None:
    """Whatever the price: p and 1 - p cost alike, to 5 decimals, and at most a quarter of rate."""
    schedule = FeeSchedule(rate, D(exponent), "market")
    paid = fee(shares, price, schedule)
    assert paid == fee(shares, 1 - price, schedule)
    assert paid >= 0
    assert paid == paid.quantize(D("0.00001"))
    assert paid <= shares * rate / 4 + D("0.00001")


def test_the_recorded_objects_by_where_their_fee_was_found() -> None:
    """1,500 + 283 recorded objects: none carries a feeSchedule, seven have no known fee."""
    root = os.environ.get("TRADING_SHARED_DATA")
    home = Path(root) if root else Path(__file__).parents[2] / "../shared/data"
    paths = sorted(home.glob("gamma_markets_raw_*/*.json.gz"))
    if not paths:
        pytest.skip("recorded data not here; set TRADING_SHARED_DATA")
    tally: Counter[str] = Counter()
    for path in paths:
        page = json.loads(gzip.decompress(path.read_bytes()))
        for raw in page["markets"] if isinstance(page, dict) else page:
            market = replace(BARE, fee_type=raw.get("feeType"), fees_enabled=raw.get("feesEnabled"))
            assert raw.get("feeSchedule") is None
            try:
                tally[schedule_of(market, NOW).origin] += 1
            except FeeUnknown as unknown:
                tally[unknown.reason] += 1
    print(dict(tally))  # noqa: T201  # shown by `pytest -s`
    assert tally == {"disabled": 1712, "table": 64, "NO_FEE_TYPE": 7}
