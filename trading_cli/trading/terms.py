"""The terms of one entry as a person must see them: price, way out, what can be lost."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal

from trading_cli.domain import Market, Token
from trading_cli.trading.fees import fee, round_trip
from trading_cli.trading.view import View

A_STOP = "a stop is an attempt, not a bound; you can lose the whole stake"
LABEL = 60
_LOT = Decimal(100)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Terms:
    """What buying one share of ``token`` means.

    max_price     the highest price to pay: the ask and ``limit_ticks`` ticks
    all_in        what a share costs at most, with the fee: also all that it can lose
    spread, fees  of buying at the ask and selling at the bid, USD per share
    round_trip    both, as a share of the ask
    break_even    held to the end, it must pay in more than this share of cases
    deadline      when it is settled at the latest; ``hazard``: possibly any day before
    """

    token: Token
    bid: Decimal
    ask: Decimal
    max_price: Decimal
    all_in: Decimal
    spread: Decimal
    fees: Decimal
    round_trip: Decimal
    break_even: Decimal
    deadline: datetime | None
    hazard: bool
    rules_url: str

    def worst_case(self, shares: Decimal) -> Decimal:
        """Return USD that *shares* can lose: the whole stake, fee included, up to the cent."""
        return (shares * self.all_in).quantize(_CENT, ROUND_UP)

    def facts(self, shares: Decimal) -> dict[str, object]:
        """Return the terms of *shares* as JSON can hold them; money and prices as text."""
        return {
            "token": self.token.value,
            "bid": str(self.bid),
            "ask": str(self.ask),
            "max_price": str(self.max_price),
            "shares": str(shares),
            "usd": str((shares * self.max_price).quantize(_CENT, ROUND_UP)),
            "worst_case": str(self.worst_case(shares)),
            "round_trip_cents": round(float((self.spread + self.fees) * 100), 4),
            "round_trip_percent": round(float(self.round_trip * 100), 2),
            "break_even": round(float(self.break_even), 4),
            "deadline": None if self.deadline is None else self.deadline.isoformat(),
            "hazard": self.hazard,
            "rules": self.rules_url,
        }

    def sentences(self, shares: Decimal) -> tuple[str, ...]:
        """Return the terms of *shares* as a person reads them."""
        cents = (self.spread + self.fees) * 100
        usd = (shares * self.max_price).quantize(_CENT, ROUND_UP)
        until = "unknown" if self.deadline is None else f"{self.deadline:%Y-%m-%d %H:%M} UTC"
        any_day = ", may resolve any day before" if self.hazard else ""
        return (
            f"Buy at most {shares} {self.token.value} at {self.max_price} or better: {usd} USD.",
            f"Round trip: {cents:.2f} cents a share, {self.round_trip:.2%} of the stake.",
            f"Break-even: held to the end it must win in more than {self.break_even:.1%} of cases.",
            f"Worst case: -{self.worst_case(shares)} USD; {A_STOP}.",
            f"Deadline: {until}{any_day}.",
            f"Rules: {self.rules_url}",
        )


def named(market: Market, token: Token) -> str:
    """Return what a person reads of *token*: with the venue's own name for it, unless that is it.

    YES is the first outcome the venue lists, be it "No", "Up" or a team.
    """
    label = market.yes_label if token is Token.YES else market.no_label
    plain = label.strip().casefold() == token.value.casefold()
    return token.value if plain else f'{token.value} (the outcome "{label[:LABEL]}")'


def terms(view: View, token: Token, *, limit_ticks: int) -> Terms | None:
    """Return the terms of buying *token*; ``None`` without bid, ask or a known fee."""
    bid, ask = view.bid(token), view.ask(token)
    if bid is None or ask is None or view.fee is None or not 0 <= bid <= ask < 1 or ask == 0:
        return None
    cost = round_trip(bid, ask, view.fee, _LOT)
    dearest = max(ask, min(ask + limit_ticks * view.tick, 1 - view.tick))
    most = max(_with_fee(view, price) for price in (ask, dearest))
    return Terms(
        token,
        bid,
        ask,
        dearest,
        most,
        cost.spread / _LOT,
        cost.fees / _LOT,
        cost.share,
        _with_fee(view, ask),
        view.deadline.at,
        view.hazard,
        rules_url(view),
    )


def rules_url(view: View) -> str:
    """Return where the venue shows the market and its rules."""
    return f"https://polymarket.com/event/{view.market.event_slug or view.market.slug}"


def _with_fee(view: View, price: Decimal) -> Decimal:
    return price if view.fee is None else price + fee(_LOT, price, view.fee) / _LOT
