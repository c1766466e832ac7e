"""The numbers of deciding and dealing, as settings: each section with its defaults."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from trading_cli.core.config import Section

FEES = r"^(schedule|zero|flat:(0?\.\d{1,6}|0|1))$"


class Thresholds(Section):
    """The three tiers of one indicator."""

    weak: float = Field(gt=0, description="From here WEAK.")
    moderate: float = Field(gt=0, description="From here MODERATE.")
    strong: float = Field(gt=0, description="From here STRONG.")


class RvrThresholds(Thresholds):
    """Relative volume ratio: now against the mean of the day before."""

    weak: float = Field(1.5, gt=0, description="From here WEAK.")
    moderate: float = Field(2.0, gt=0, description="From here MODERATE.")
    strong: float = Field(3.0, gt=0, description="From here STRONG.")


class RocThresholds(Thresholds):
    """Rate of change over 12 h, in half a logit (the percent at a price of .50)."""

    weak: float = Field(0.05, gt=0, description="From here WEAK.")
    moderate: float = Field(0.10, gt=0, description="From here MODERATE.")
    strong: float = Field(0.15, gt=0, description="From here STRONG.")


class HypeThresholds(Thresholds):
    """Hype, 0 to 100."""

    weak: float = Field(55, gt=0, le=100, description="From here WEAK.")
    moderate: float = Field(70, gt=0, le=100, description="From here MODERATE.")
    strong: float = Field(85, gt=0, le=100, description="From here STRONG.")


class SignalsSection(Section):
    """When a decision to enter is taken."""

    strategies: tuple[str, ...] = Field(
        ("rvr_roc_hype",), description="Asked in this order; a name, or path/to/file.py:Class."
    )
    strategy_timeout_s: float = Field(2.0, gt=0, le=60, description="One strategy, one market.")
    rvr: RvrThresholds = Field(default_factory=RvrThresholds, description="Relative volume ratio.")
    roc: RocThresholds = Field(default_factory=RocThresholds, description="Rate of change.")
    hype: HypeThresholds = Field(default_factory=HypeThresholds, description="Hype, 0 to 100.")
    rvr_form: Literal["seasonal", "plain"] = Field(
        "seasonal", description="seasonal divides by the panel's hour-of-week factor."
    )
    roc_form: Literal["logit", "relative"] = Field("logit", description="What the tiers judge.")
    min_days_to_deadline: float = Field(10, ge=0, description="Fewer days to go: no entry.")
    min_liquidity: float = Field(10_000, ge=0, description="Fewer USD resting: no entry.")
    min_ask: Decimal = Field(Decimal("0.15"), gt=0, lt=1, description="A cheaper ask: no entry.")
    max_ask: Decimal = Field(Decimal("0.85"), gt=0, lt=1, description="A dearer ask: no entry.")
    max_round_trip: Decimal = Field(
        Decimal("0.06"), gt=0, lt=1, description="Spread and two fees over ask, at most."
    )
    min_quality: float = Field(0.95, ge=0, le=1, description="A lower score cannot signal.")
    rules_quiet_days: float = Field(7, ge=0, description="Rules changed within: no entry.")
    already_in_hours: float = Field(12, ge=0, description="One entry per event in so many hours.")
    expiry_minutes: int = Field(30, ge=1, description="A signal is worth nothing after.")


class RiskSection(Section):
    """The limits of the one gateway, as fractions of equity. None blocks a reduction."""

    position: Decimal = Field(Decimal("0.05"), gt=0, le=1, description="One position.")
    event_group: Decimal = Field(
        Decimal("0.05"), gt=0, le=1, description="The worst outcome of one event's markets."
    )
    category: Decimal = Field(Decimal("0.10"), gt=0, le=1, description="One category.")
    exposure: Decimal = Field(Decimal("0.25"), gt=0, le=1, description="All stakes together.")
    cash: Decimal = Field(Decimal("0.50"), ge=0, le=1, description="Cash that stays, at least.")
    sector_crypto: Decimal = Field(Decimal("0.30"), gt=0, le=1, description="Of the exposure.")
    sector_politics: Decimal = Field(Decimal("0.30"), gt=0, le=1, description="Of the exposure.")
    sector_sports: Decimal = Field(Decimal("0.20"), gt=0, le=1, description="Of the exposure.")
    sector_other: Decimal = Field(Decimal("0.20"), gt=0, le=1, description="Of the exposure.")
    trades_per_day: int = Field(10, ge=0, description="Entries in a UTC day.")
    cool_down_minutes: int = Field(60, ge=0, description="No entry so long after a loss.")
    open_positions: int = Field(8, ge=0, description="Positions at once.")
    per_category: int = Field(3, ge=0, description="Positions of one category at once.")
    day_loss: Decimal = Field(Decimal("0.05"), gt=0, le=1, description="Then a pause to midnight.")
    week_loss: Decimal = Field(Decimal("0.10"), gt=0, le=1, description="Then a pause of 3 days.")
    month_loss: Decimal = Field(Decimal("0.20"), gt=0, le=1, description="Then one of 30 days.")
    peak_loss: Decimal = Field(
        Decimal("0.15"), gt=0, le=1, description="Below the peak of equity: kill switch, level 3."
    )
    kelly: Decimal = Field(Decimal("0.25"), gt=0, le=1, description="Of Kelly's fraction.")
    tier_ceilings: tuple[Decimal, ...] = Field(
        (Decimal("0.01"), Decimal("0.02"), Decimal("0.03"), Decimal("0.04")),
        min_length=4,
        max_length=4,
        description="Of equity, for 0, 1, 2 and 3 STRONG among three.",
    )
    ask_depth: Decimal = Field(Decimal("0.05"), gt=0, le=1, description="Of asks within 2 ticks.")
    bid_depth: Decimal = Field(
        Decimal("0.20"), gt=0, le=1, description="Of bids within 2 % of the best."
    )
    limit_ticks: int = Field(2, ge=0, description="The limit price is the ask and so many ticks.")
    themes: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Your own themes: name -> words in titles or tags."
    )


class ExitsSection(Section):
    """When a holding is sold. A stop is an attempt, not a bound."""

    stop: Decimal = Field(Decimal("0.12"), gt=0, lt=1, description="Of the entry bid.")
    stop_ticks: int = Field(3, ge=0, description="But at least so many ticks.")
    stop_spreads: Decimal = Field(Decimal(2), ge=0, description="And so many entry spreads.")
    targets: tuple[Decimal, ...] = Field(
        (Decimal("0.08"), Decimal("0.15"), Decimal("0.25")),
        min_length=3, max_length=3, description="Rises over the entry price.",
    )  # fmt: skip
    target_headroom: tuple[Decimal, ...] = Field(
        (Decimal("0.4"), Decimal("0.6"), Decimal("0.8")),
        min_length=3, max_length=3, description="Or of the way from entry to 1, if nearer.",
    )  # fmt: skip
    target_shares: tuple[Decimal, ...] = Field(
        (Decimal("0.25"), Decimal("0.50"), Decimal("0.25")),
        min_length=3, max_length=3, description="Of the original size, sold at each.",
    )  # fmt: skip
    trailing: Decimal = Field(Decimal("0.95"), gt=0, le=1, description="Of the highest bid since.")
    slow_days: tuple[float, float] = Field((3, 7), description="Held longer than so many days …")
    slow_returns: tuple[Decimal, Decimal] = Field(
        (Decimal("0.05"), Decimal("0.08")), description="… with less: half is sold, then all."
    )
    deadline_days: tuple[float, float] = Field(
        (7, 3), description="Before the deadline: half is sold, then all."
    )
    volume_fade: float = Field(
        0.5, ge=0, le=1, description="24 h volume below so much of the week before entry: all."
    )


class KillSwitchSection(Section):
    """The stop."""

    default_level: Literal[1, 2, 3, 4] = Field(4, description="What `trading kill` latches.")
    cool_down_minutes: int = Field(15, ge=0, description="Before a reset is accepted.")
    order_errors: int = Field(5, ge=1, description="So many failed orders in an hour trigger it.")
    unknown_order_s: int = Field(60, ge=1, description="An order unknown for longer triggers it.")
    min_free_mb: int = Field(500, ge=0, description="Less disk than this triggers it.")


class GatesSection(Section):
    """What a strategy must have shown before it may trade live."""

    paper: Literal["warn", "off"] = Field("warn", description="In paper: warn, or off.")
    min_trades: int = Field(100, ge=1, description="Closed trades.")
    min_events: int = Field(50, ge=1, description="In so many events.")
    min_days: int = Field(90, ge=1, description="Over so many days.")


class BacktestSection(Section):
    """How the past is played again."""

    slippage: Decimal = Field(
        Decimal("0.015"), ge=0, lt=1, description="Off the mid, where a mid is all there is."
    )
    fees: str = Field(
        "schedule", pattern=FEES, description="schedule (of that day), zero, or flat:R for rate R."
    )
    train_days: int = Field(60, ge=1, le=3650, description="Walk-forward: days that choose.")
    test_days: int = Field(30, ge=1, le=3650, description="Walk-forward: days that judge.")
    step_days: int = Field(15, ge=1, le=3650, description="Walk-forward: the next begins later.")
