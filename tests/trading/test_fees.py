"""What a taker pays, worked by hand, and where it was found."""

import gzip
import json
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.domain import FeeSchedule, Market
from trading_cli.trading.fees import FEE_TABLE, FeeUnknown, fee, round_trip, schedule_of

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
