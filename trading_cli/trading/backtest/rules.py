"""What a run obeys: settings, the money it starts with, and what a taker is charged."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from trading_cli.core.errors import UsageError
from trading_cli.domain import FeeSchedule, Market
from trading_cli.trading import ExitsSection, RiskSection, SignalsSection
from trading_cli.trading.fees import schedule_of

ZERO_FEE = FeeSchedule(Decimal(0), Decimal(1), "zero")
SCHEDULE, ZERO, FLAT = "schedule", "zero", "flat:"


def _signals() -> SignalsSection:
    return SignalsSection()


def _risk() -> RiskSection:
    return RiskSection()


def _exits() -> ExitsSection:
    return ExitsSection()


@dataclass(frozen=True, slots=True)
class Rules:
    """The sections a run reads. ``fees``: one schedule for all, ``None``: each market's own then.

    ``bankroll`` is the opening deposit, USD; ``settings_hash`` stands in every decision.
    """

    signals: SignalsSection = field(default_factory=_signals)
    risk: RiskSection = field(default_factory=_risk)
    exits: ExitsSection = field(default_factory=_exits)
    bankroll: Decimal = Decimal(10_000)
    settings_hash: str = ""
    fees: FeeSchedule | None = None

    @property
    def expiry(self) -> timedelta:
        """Return how long a signal is worth anything."""
        return timedelta(minutes=self.signals.expiry_minutes)

    def fee(self, market: Market, at: datetime) -> FeeSchedule:
        """Return what a taker pays on *market* at *at*. Raises ``FeeUnknown``."""
        return schedule_of(market, at) if self.fees is None else self.fees


def fees_of(said: str) -> FeeSchedule | None:
    """Return the schedule that *said* names: schedule (``None``), zero or flat:RATE.

    Raises ``UsageError`` for another word, or a rate outside [0, 1].
    """
    if said == SCHEDULE:
        return None
    if said == ZERO:
        return ZERO_FEE
    rate = said.removeprefix(FLAT)
    if said.startswith(FLAT) and rate.replace(".", "", 1).isdigit() and Decimal(rate) <= 1:
        return FeeSchedule(Decimal(rate), Decimal(1), said)
    raise UsageError(f"fees {said!r} are not known", hint="schedule, zero or flat:0.05")
