"""Can any signal fire under these settings? What can be traded, and which limits cannot bind.

Arithmetic over the settings alone, no market: it refuses what can never trade, prints the band of
asks each fee rate leaves, and notes what is set but without effect.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from trading_cli.domain import FeeSchedule, Market, Quote, Token, from_epoch, slot_of
from trading_cli.research.deadline import Deadline, DeadlineOrigin
from trading_cli.trading import ExitsSection, RiskSection, SignalsSection, Thresholds
from trading_cli.trading.vetoes import Sections, review
from trading_cli.trading.view import TradingState, View

FEE_RATES = tuple(Decimal(rate) for rate in ("0", "0.03", "0.04", "0.05", "0.07"))
SPREAD = Decimal("0.01")
TICK = Decimal("0.01")
LEAST_SHARES = Decimal(5)
_AT = from_epoch(0)
_FAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class Band:
    """The asks one fee rate leaves at a spread of one cent; both ``None`` where it leaves none."""

    rate: Decimal
    low: Decimal | None
    high: Decimal | None

    def sentence(self) -> str:
        """Return the band as a person reads it."""
        if self.low is None:
            return f"fee {self.rate}: no ask can be traded"
        return f"fee {self.rate}: asks from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What the settings allow. ``refusals``: no signal can fire; ``notes``: cannot bind."""

    refusals: tuple[str, ...]
    bands: tuple[Band, ...]
    notes: tuple[str, ...]


def feasible(
    signals: SignalsSection,
    risk: RiskSection,
    exits: ExitsSection,
    *,
    bankroll: Decimal = Decimal(10_000),
    broken: Sequence[str] = (),
) -> Feasibility:
    """Return refusals, bands and notes; *broken* are strategies that do not load, as sentences."""
    bands = tuple(band(rate, signals, exits) for rate in FEE_RATES)
    refusals = (
        *broken,
        *_wrong_signals(signals),
        *_wrong_band(bands, signals, exits),
        *_wrong_risk(risk, signals, bankroll),
    )
    return Feasibility(refusals, bands, (*_notes(risk), *_notes_signals(signals, exits, bands)))


def band(rate: Decimal, signals: SignalsSection, exits: ExitsSection) -> Band:
    """Return the lowest and highest ask, in cents, that every veto lets pass at *rate*."""
    fee = FeeSchedule(rate, Decimal(1), "table")
    sections = Sections(signals, exits)
    asks = [
        cents * TICK
        for cents in range(2, 100)
        if not review(_best_case(cents * TICK, fee, signals), Token.YES, sections)
    ]
    return Band(rate, min(asks, default=None), max(asks, default=None))


def _best_case(ask: Decimal, fee: FeeSchedule, signals: SignalsSection) -> View:
    """Return a candidate no rule but those of its price and our own settings can refuse."""
    market = Market(
        "any", "any", "any", "any", "1", "2", "Yes", "No", _AT,
        description="rules", liquidity=signals.min_liquidity, tick=TICK,
    )  # fmt: skip
    late = _AT + timedelta(days=max(signals.min_days_to_deadline, _FAR_DAYS))
    return View(
        market,
        _AT,
        slot_of(_AT),
        Quote("any", slot_of(_AT), ask - SPREAD, ask, None, None, _AT, _AT),
        Deadline(late, DeadlineOrigin.END_DATE, hazard=False, refused=None, candidates=()),
        quality=1.0,
        fee=fee,
        state=TradingState("ARMED", 0, gate_open=True),
    )


def _wrong_signals(signals: SignalsSection) -> Iterator[str]:
    if not signals.strategies:
        yield "signals.strategies is empty: nobody is asked"
    tiers: tuple[tuple[str, Thresholds], ...] = (
        ("rvr", signals.rvr),
        ("roc", signals.roc),
        ("hype", signals.hype),
    )
    for name, bars in tiers:
        if not bars.weak <= bars.moderate <= bars.strong:
            yield (
                f"signals.{name}: weak {bars.weak:g}, moderate {bars.moderate:g} and strong "
                f"{bars.strong:g} must not fall"
            )


def _wrong_band(
    bands: Sequence[Band], signals: SignalsSection, exits: ExitsSection
) -> Iterator[str]:
    if any(one.low is not None for one in bands):
        return
    if signals.min_ask > signals.max_ask:
        yield f"signals.min_ask {signals.min_ask} is above signals.max_ask {signals.max_ask}"
        return
    middle = (signals.min_ask + signals.max_ask) / 2
    free = FeeSchedule(Decimal(0), Decimal(1), "table")
    vetoes = review(_best_case(middle, free, signals), Token.YES, Sections(signals, exits))
    said = "; ".join(f"{veto.reason.value}, {veto.sentence}" for veto in vetoes)
    yield f"no ask can be traded, not even without a fee: at {middle:.3f} {said or 'ok'}"


def _wrong_risk(risk: RiskSection, signals: SignalsSection, bankroll: Decimal) -> Iterator[str]:
    for name in ("trades_per_day", "open_positions", "per_category"):
        if getattr(risk, name) == 0:
            yield f"risk.{name} is 0: no entry passes"
    if risk.cash >= 1:
        yield "risk.cash is 1: nothing may be spent"
    if max(risk.tier_ceilings) <= 0:
        yield "risk.tier_ceilings are all 0: no entry has a size"
        return
    stake = bankroll * largest_stake(risk)
    least = LEAST_SHARES * signals.min_ask
    if 0 < stake < least:
        yield (
            f"the largest stake of one entry is {stake:.2f} USD; the venue's smallest order, "
            f"{LEAST_SHARES} shares, costs {least:.2f} at an ask of {signals.min_ask}"
        )


def largest_stake(risk: RiskSection) -> Decimal:
    """Return the most one entry may be, a fraction of equity: the smallest of the limits on it."""
    return min(
        max(risk.tier_ceilings),
        risk.position,
        risk.event_group,
        risk.category,
        risk.exposure,
        1 - risk.cash,
        widest_sector(risk),
    )


def widest_sector(risk: RiskSection) -> Decimal:
    """Return what the widest sector may hold, a fraction of equity."""
    shares = (risk.sector_crypto, risk.sector_politics, risk.sector_sports, risk.sector_other)
    return max(shares) * risk.exposure


def _notes(risk: RiskSection) -> Iterator[str]:
    if risk.cash + risk.exposure <= 1:
        yield f"risk.cash {risk.cash} cannot bind: exposure leaves {1 - risk.exposure}"
    if risk.category > widest_sector(risk):
        yield (
            f"risk.category {risk.category} cannot bind: the widest sector holds "
            f"{widest_sector(risk).normalize():f}"
        )
    if risk.position > risk.event_group:
        yield f"risk.position {risk.position} cannot bind: event_group is {risk.event_group}"
    if risk.month_loss > risk.peak_loss:
        yield (
            f"risk.month_loss {risk.month_loss} cannot bind: {risk.peak_loss} below the peak "
            "triggers the kill switch before"
        )
    if risk.open_positions * largest_stake(risk) < risk.exposure:
        yield (
            f"risk.exposure {risk.exposure} cannot bind: {risk.open_positions} positions of at "
            f"most {largest_stake(risk).normalize():f} are less"
        )
    if risk.per_category >= risk.open_positions:
        yield f"risk.per_category {risk.per_category} cannot bind: open_positions comes first"


def _notes_signals(
    signals: SignalsSection, exits: ExitsSection, bands: Sequence[Band]
) -> Iterator[str]:
    lows = [one.low for one in bands if one.low is not None]
    if lows and min(lows) > signals.min_ask:
        yield (
            f"signals.min_ask {signals.min_ask} cannot bind at a spread of one cent: the round "
            f"trip refuses asks below {min(lows)}"
        )
    if signals.min_days_to_deadline <= max(exits.deadline_days):
        yield (
            f"signals.min_days_to_deadline {signals.min_days_to_deadline:g} cannot bind: "
            f"{max(exits.deadline_days):g} days before the deadline an exit would sell at once"
        )
