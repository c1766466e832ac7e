"""Item 22: 200 markets of every shape of outcome: nobody is told, or paid, the wrong side."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import candidate_views as views  # see conftest
import polymarket_cases as cases

from trading_cli.app import entering
from trading_cli.domain import (
    Action,
    Decision,
    Market,
    Outcome,
    Purpose,
    Reason,
    Refusal,
    Signal,
    Token,
    Trade,
)
from trading_cli.sources.polymarket.gamma import parse_market
from trading_cli.sources.polymarket.resolutions import resolution_of
from trading_cli.sources.polymarket.trades import parse_trades
from trading_cli.trading import ExitsSection, SignalsSection
from trading_cli.trading.orchestrator import Proposal
from trading_cli.trading.vetoes import Sections, placeholder

MARKETS = 200
LABELS = (
    ("Yes", "No"), ("No", "Yes"), ("Up", "Down"), ("Over", "Under"), ("Lakers", "Celtics"),
    ("yes", "no"), ("Ja", "Nein"), ("<b>Yes</b>", "=No"),
)  # fmt: skip
PRICES = (("1", "0"), ("0", "1"), ("0.5", "0.5"), ("0.4", "0.6"), ("0", "0"), ("0.999", "0.001"))
PAID = {("1", "0"): 1, ("0", "1"): 0, ("0.5", "0.5"): Decimal("0.5")}
AT = 1_000_000_000


def fixture() -> Iterator[tuple[dict[str, Any], tuple[str, str], tuple[str, str]]]:
    """Yield 200 wire objects with their labels and prices: all shapes, in every combination."""
    dice = random.Random(22)  # noqa: S311  # repeatable, not secret
    for number in range(MARKETS):
        labels = LABELS[number % len(LABELS)]
        prices = PRICES[number // len(LABELS) % len(PRICES)]
        tokens = [str(10**30 + dice.randrange(10**29)) for _ in range(2)]
        if number % 2:
            tokens.sort(reverse=True)  # the order of numbers says nothing
        changes: dict[str, Any] = {
            "outcomes": json.dumps(labels),
            "outcomePrices": json.dumps(prices),
            "clobTokenIds": json.dumps(tokens),
            "closed": number % 3 > 0,
            "umaResolutionStatuses": "[]",
        }
        if number % 7 == 0:
            changes |= {"negRisk": True, "groupItemTitle": f"Person {chr(65 + number % 26)}"}
        yield cases.raw_market(number, **changes), labels, prices


def test_each_token_keeps_its_label_its_price_and_its_payout():
    """Index by index: token, label, price and payout belong together, in whatever order."""
    outcomes: Counter[Outcome] = Counter()
    for raw, labels, prices in fixture():
        market = parse_market(raw, cases.NOW)
        assert isinstance(market, Market)
        tokens = json.loads(raw["clobTokenIds"])
        assert (market.yes_token, market.no_token) == tuple(tokens)
        assert (market.yes_label, market.no_label) == labels
        assert market.outcome_prices == tuple(map(Decimal, prices))
        told = resolution_of(market, cases.NOW)
        outcomes[told.outcome] += 1
        if raw["closed"] and prices in PAID:
            assert told.payout == PAID[prices]
        else:
            assert (told.outcome, told.payout) == (Outcome.OPEN, None)
    assert set(outcomes) == set(Outcome)


def test_a_trade_is_of_the_token_it_names_whatever_else_it_says():
    """The first token is outcome 0; a row that says otherwise is refused, never turned round."""
    for raw, labels, _ in fixture():
        market = parse_market(raw, cases.NOW)
        assert isinstance(market, Market)
        for index, token in enumerate((market.yes_token, market.no_token)):
            for said in (index, 1 - index, None, 999):
                row = cases.raw_trade(
                    market, AT, asset=token, outcomeIndex=said, outcome=labels[index]
                )
                (got,) = parse_trades([row], cases.NOW, {market.condition_id: market})
                if said == 1 - index:
                    assert isinstance(got, Refusal)
                else:
                    assert isinstance(got, Trade)
                    assert (got.outcome_index, got.token) == (index, token)


def test_no_placeholder_is_entered():
    """Of 200, those that stand for nobody yet are all refused, and no other is."""
    for number, (raw, _, _) in enumerate(fixture()):
        market = parse_market(raw, cases.NOW)
        assert isinstance(market, Market)
        view = replace(views.CLEAN, market=market)
        assert bool(placeholder(view, Token.YES, Sections(SignalsSection(), ExitsSection()))) == (
            number % 7 == 0
        )


def test_the_mirror_of_a_market_is_told_as_its_mirror():
    """Seen from the other token, each label goes with its own token and price."""
    for raw, labels, prices in fixture():
        market = parse_market(raw, cases.NOW)
        assert isinstance(market, Market)
        other = replace(views.CLEAN, market=market).mirrored().market
        assert (other.yes_token, other.no_token) == (market.no_token, market.yes_token)
        assert (other.yes_label, other.no_label) == labels[::-1]
        assert other.outcome_prices == tuple(map(Decimal, prices[::-1]))


def told(market: Market, token: Token) -> str:
    """Return the first line of what the owner hears of a signal to buy *token*."""
    signal = Signal("s", market.id, Action.BUY, Reason.SIGNAL, token)
    view = replace(views.CLEAN, market=market)
    decision = Decision(
        "d", view.slot, view.at, market.id, "e", "s", Purpose.ENTRY, Action.BUY, Reason.SIGNAL,
        token, Decimal(10), Decimal("0.5"), "", "f", "h", None, {},
    )  # fmt: skip
    one = Proposal(view=view, signal=signal, rank=1, vetoes=())
    return entering.told_of_signal(one, decision, None).text.splitlines()[0]


def test_who_is_to_buy_is_told_the_name_of_what():
    """Where "No" is listed first, or a team plays another, YES alone would be either side."""
    for raw, labels, _ in fixture():
        market = parse_market(raw, cases.NOW)
        assert isinstance(market, Market)
        for token, label in zip((Token.YES, Token.NO), labels, strict=True):
            first = told(market, token)
            assert token.value in first
            plain = label.casefold() == token.value.casefold()
            assert plain or label in first, first
