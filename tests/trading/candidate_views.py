"""A candidate nothing stands against, to be spoiled one thing at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading_cli.domain import Feature, FeeSchedule, Market, Quote, Tier, slot_of
from trading_cli.research.deadline import Deadline, DeadlineOrigin
from trading_cli.trading.view import Talk, TradingState, View

AT = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
FREE = FeeSchedule(Decimal(0), Decimal(1), "market")
ARMED = TradingState("ARMED", 0, gate_open=True)
MARKET = Market(
    "m1",
    "0xc1",
    "Will it rain in London?",
    "rain",
    "1",
    "2",
    "Yes",
    "No",
    AT,
    event_id="e1",
    event_slug="rain-in-london",
    tags=("Weather",),
    description="Resolves YES if it rains.",
    liquidity=50_000.0,
    tick=Decimal("0.01"),
)


def deadline(days: float = 60, *, hazard: bool = False) -> Deadline:
    """Return a deadline so many days from now."""
    return Deadline(AT + timedelta(days=days), DeadlineOrigin.END_DATE, hazard, None, ())


def quote(bid: str | None, ask: str | None) -> Quote:
    """Return a quote of the YES side."""
    sides = (None if side is None else Decimal(side) for side in (bid, ask))
    return Quote("m1", slot_of(AT), *sides, 1000.0, 1000.0, AT, AT)


def feature(name: str, value: float | None, tier: Tier, **inputs: object) -> Feature:
    """Return a feature of this tier."""
    return Feature(name, value, "" if value is not None else "no trades", tier, inputs)


def agreeing(roc: float = 0.12, tiers: str = "MMM") -> dict[str, Feature]:
    """Return the three features, tiers spelled W, M or S in the order rvr, roc, hype."""
    rvr, change, hype = (
        {"N": Tier.NONE, "W": Tier.WEAK, "M": Tier.MODERATE, "S": Tier.STRONG}[t] for t in tiers
    )
    return {
        "rvr": feature("rvr", 2.5, rvr),
        "roc": feature("roc", roc, change),
        "hype": feature("hype", 75.0, hype),
    }


CLEAN = View(
    MARKET,
    AT,
    slot_of(AT),
    quote("0.49", "0.50"),
    deadline(),
    features=agreeing(),
    talk=Talk(0.7, 8),
    quality=1.0,
    fee=FREE,
    state=ARMED,
)


def candidate(market_id: str, event_id: str, **changes: object) -> View:
    """Return the clean candidate as another market of another event."""
    market = replace(MARKET, id=market_id, event_id=event_id)
    return replace(CLEAN, market=market, **changes)
