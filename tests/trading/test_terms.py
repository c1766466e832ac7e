"""The terms of an entry, worked by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest
from candidate_views import CLEAN, deadline, quote  # beside this file

from trading_cli.domain import FeeSchedule, Token
from trading_cli.trading.terms import A_STOP, terms

D = Decimal
TAXED = replace(CLEAN, fee=FeeSchedule(D("0.05"), D(1), "market"))


def test_the_terms_by_hand() -> None:
    """Ask .50, bid .49, rate .05: fees 1.25 + 1.2495 cents, 3.4995 in all, 7 % of the stake."""
    found = terms(TAXED, Token.YES, limit_ticks=2)
    assert found is not None
    assert (found.bid, found.ask, found.max_price) == (D("0.49"), D("0.50"), D("0.52"))
    assert found.spread + found.fees == D("0.034995")
    assert found.round_trip == D("0.06999")
    assert found.break_even == D("0.5125")
    assert found.all_in == D("0.53248")
    assert found.worst_case(D(100)) == D("53.25")


def test_the_no_token_has_the_mirrors_terms() -> None:
    """NO at bid .50 and ask .51: what YES costs in the mirrored market."""
    here = terms(TAXED, Token.NO, limit_ticks=2)
    there = terms(TAXED.mirrored(), Token.YES, limit_ticks=2)
    assert here is not None
    assert there is not None
    assert replace(here, token=Token.YES) == there
    assert here.ask == D("0.51")


def test_every_fact_a_signal_must_state_is_there() -> None:
    """Price, shares, USD, worst case, deadline, rules, round trip and break-even."""
    hazard = replace(TAXED, deadline=deadline(30, hazard=True))
    found = terms(hazard, Token.YES, limit_ticks=2)
    assert found is not None
    assert found.facts(D(100)) == {
        "token": "YES",
        "bid": "0.49",
        "ask": "0.50",
        "max_price": "0.52",
        "shares": "100",
        "usd": "52.00",
        "worst_case": "53.25",
        "round_trip_cents": 3.4995,
        "round_trip_percent": 7.0,
        "break_even": 0.5125,
        "deadline": "2026-04-10T12:00:00+00:00",
        "hazard": True,
        "rules": "https://polymarket.com/event/rain-in-london",
    }
    told = "\n".join(found.sentences(D(100)))
    for part in (
        "Buy at most 100 YES at 0.52 or better: 52.00 USD.",
        "3.50 cents a share, 7.00% of the stake",
        "more than 51.2% of cases",
        "-53.25 USD",
        A_STOP,
        "2026-04-10 12:00 UTC, may resolve any day before",
        "https://polymarket.com/event/rain-in-london",
    ):
        assert part in told


def test_the_dearest_price_stays_below_one() -> None:
    """An ask of .99 has no two ticks above it."""
    found = terms(replace(CLEAN, quote=quote("0.98", "0.99")), Token.YES, limit_ticks=2)
    assert found is not None
    assert found.max_price == D("0.99")


@pytest.mark.parametrize(
    "view",
    [
        replace(CLEAN, fee=None),
        replace(CLEAN, quote=None),
        replace(CLEAN, quote=quote(None, "0.5")),
        replace(CLEAN, quote=quote("0.6", "0.5")),
    ],
)
def test_without_prices_or_fee_there_are_no_terms(view) -> None:
    """Nothing is made up."""
    assert terms(view, Token.YES, limit_ticks=2) is None
