"""Worlds that are random in everything, and rules so tight that every limit binds somewhere."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import numpy as np

from trading_cli.domain import FeeSchedule, from_epoch
from trading_cli.trading import ExitsSection, RiskSection, SignalsSection
from trading_cli.trading.backtest.columns import FIRST_SLOT
from trading_cli.trading.backtest.rules import ZERO_FEE, Rules
from trading_cli.trading.backtest.worlds import MemoryHistory, plain_market
from trading_cli.trading.sections import RocThresholds
from trading_cli.trading.strategies.price_only import PriceOnly
from trading_cli.trading.strategies.roc_only import RocOnly

LOOSE = {
    "position": 1, "event_group": 1, "category": 1, "exposure": 1, "cash": 0, "sector_crypto": 1,
    "sector_politics": 1, "sector_sports": 1, "sector_other": 1, "trades_per_day": 99,
    "cool_down_minutes": 0, "open_positions": 99, "per_category": 99,
}  # fmt: skip
TIGHT = (
    ("cash", 0.8), ("exposure", 0.2), ("category", 0.1), ("position", 0.05), ("event_group", 0.05),
    ("sector_crypto", 0.1), ("open_positions", 2), ("per_category", 1), ("trades_per_day", 1),
    ("cool_down_minutes", 600),
)  # fmt: skip
TAGS = ("Crypto", "Politics", "Sports", "Culture", "Weather")
FEES = (
    {"fees_enabled": False},
    {"fees_enabled": None, "fee_type": "crypto_fees_v2"},
    {"fees_enabled": None, "fee_schedule": FeeSchedule(Decimal("0.05"), Decimal(1), "market")},
    {"fees_enabled": None, "fee_type": "crypto_fees"},
    {"fees_enabled": None},
)


@dataclass(frozen=True)
class Bent(MemoryHistory):
    """A history whose views carry a recalibration: prices below a half are too low."""

    def views(self, slot):
        """Return the candidates, recalibrated."""
        return [replace(view, recalibrate=bend) for view in super().views(slot)]


def bend(mid):
    """Return a probability above every price below a half, below every other."""
    return min(0.99, max(0.01, mid + 0.25 * (0.5 - mid)))


def prices(rng, markets, slots):
    """Return YES mids [M, S]: jumps, frozen stretches, gaps, and now and then 0 or 1."""
    calm = rng.choice([0.01, 0.03, 0.06], size=(markets, 1))
    steps = rng.normal(0, 1, (markets, slots)) * calm
    steps += (rng.random((markets, slots)) < 0.01) * rng.normal(0, 0.7, (markets, slots))
    frozen = rng.random((markets, slots)) < 0.004
    for row, start in np.argwhere(frozen):
        steps[row, start : start + rng.integers(4, 60)] = 0
    logits = rng.normal(0, 1, (markets, 1)) + np.cumsum(steps, axis=1)
    mids = np.round(1 / (1 + np.exp(-logits)), int(rng.choice([2, 3, 4, 6, 8])))
    for row, start in np.argwhere(rng.random((markets, slots)) < 0.003):
        mids[row, start : start + rng.integers(1, 12)] = np.nan
    if rng.random() < 0.3:
        odd = rng.random((markets, slots)) < 0.001
        mids[odd] = rng.choice([0.0, 1.0, 0.002, 0.998], size=int(odd.sum()))
    return mids


def listing(rng, markets, days):
    """Return the markets: events of up to three, five categories, every kind of fee."""
    found = []
    for number in range(markets):
        end = float(rng.choice([days * 0.6, days + 1, days + 8, 300]))
        fee = FEES[int(rng.choice(5, p=[0.35, 0.25, 0.2, 0.15, 0.05]))]
        event = f"e{int(rng.integers(0, max(2, markets * 2 // 3)))}"
        neg = bool(rng.random() < 0.3)
        found.append(
            plain_market(
                number, event=event, days=end, tags=(TAGS[int(rng.integers(0, 5))],),
                tick=[Decimal("0.01"), Decimal("0.001"), None][int(rng.integers(0, 3))],
                min_size=[Decimal(5), Decimal(1), None, Decimal(40)][int(rng.integers(0, 4))],
                neg_risk=neg, neg_risk_market_id=event if neg else None, **fee,
            )
        )  # fmt: skip
    return found


def history(seed, *, bent=False):
    """Return one random mid-only history."""
    rng = np.random.default_rng(seed)
    markets, days = int(rng.integers(4, 9)), float(rng.choice([1.5, 2.5, 4]))
    if seed % 5 == 0:  # long enough for a week before an entry
        markets, days = 3, 9.5
    slots = int(96 * days)
    volumes = None
    if rng.random() < 0.7 or days > 7:
        volumes = rng.lognormal(6, 1, (markets, slots))
        fade = rng.integers(0, slots, markets)
        volumes *= np.where(np.arange(slots) > fade[:, None], rng.choice([1, 0.3], (markets, 1)), 1)
        volumes[rng.random(volumes.shape) < 0.02] = np.nan
    known = listing(rng, markets, days)
    payouts, settling = {}, {}
    for market in known:
        if rng.random() < 0.35:
            at = from_epoch(FIRST_SLOT + int(rng.integers(0, slots * 900)))
            payouts[market.id] = (at, Decimal(str(rng.choice(["0", "0.5", "1"]))))
            if rng.random() < 0.7:
                settling[market.id] = at - timedelta(hours=float(rng.uniform(0.2, 20)))
    listed = np.where(rng.random(markets) < 0.2, FIRST_SLOT + 900 * (slots // 3), FIRST_SLOT)
    return (Bent if bent else MemoryHistory)(
        known, prices(rng, markets, slots), volumes=volumes, payouts=payouts, settling=settling,
        listed=listed, slippage=Decimal(str(rng.choice(["0", "0.005", "0.015", "0.03"]))),
        signals=rules(seed).signals, fees=rules(seed).fees,
        candidates=int(rng.choice([3, 6, 50])),
    )  # fmt: skip


def some(rng, *choices):
    """Return one of *choices* as a Decimal."""
    return Decimal(str(rng.choice([str(one) for one in choices])))


def rules(seed):
    """Return random rules, most of them tight."""
    rng = np.random.default_rng(seed + 10_000)
    low = float(rng.choice([0.02, 0.05]))
    risk = RiskSection(
        position=some(rng, 0.03, 0.1, 0.3), event_group=some(rng, 0.03, 0.1, 0.3),
        category=some(rng, 0.06, 0.15, 0.5), exposure=some(rng, 0.15, 0.4, 1),
        cash=some(rng, 0, 0.5, 0.8), sector_crypto=some(rng, 0.2, 1),
        sector_politics=some(rng, 0.2, 1), sector_sports=some(rng, 0.2, 1),
        sector_other=some(rng, 0.2, 1), trades_per_day=int(rng.choice([1, 3, 10, 50])),
        cool_down_minutes=int(rng.choice([0, 60, 600])),
        open_positions=int(rng.choice([1, 2, 4, 8])), per_category=int(rng.choice([1, 2, 8])),
        day_loss=some(rng, 0.002, 0.01, 0.05), week_loss=some(rng, 0.004, 0.02, 0.1),
        month_loss=some(rng, 0.006, 0.03, 0.2), peak_loss=some(rng, 0.01, 0.03, 0.3, 0.5),
        limit_ticks=int(rng.choice([0, 2])),
        themes={"all": ("thing",)} if rng.random() < 0.2 else {},
    )  # fmt: skip
    exits = ExitsSection(
        stop=some(rng, 0.04, 0.12, 0.3), stop_ticks=int(rng.choice([0, 3])),
        trailing=some(rng, 0.95, 0.99),
        slow_days=[(3, 7), (0.5, 1.5), (0.1, 0.8)][int(rng.integers(0, 3))],
        deadline_days=[(7, 3), (2, 1)][int(rng.integers(0, 2))],
        volume_fade=float(rng.choice([0.5, 0.95, 0])),
        targets=[(Decimal("0.08"), Decimal("0.15"), Decimal("0.25")),
                 (Decimal("0.03"), Decimal("0.05"), Decimal("0.3"))][int(rng.integers(0, 2))],
    )  # fmt: skip
    signals = SignalsSection(
        roc=RocThresholds(weak=low, moderate=low * 2, strong=low * 3),
        roc_form=["logit", "relative"][int(rng.integers(0, 2))],
        min_days_to_deadline=float(rng.choice([0, 2, 10])),
        min_ask=some(rng, 0.05, 0.15), max_ask=some(rng, 0.85, 0.95),
        already_in_hours=float(rng.choice([0, 3, 12])),
    )  # fmt: skip
    if seed % 3 == 1:  # one limit alone
        name, value = TIGHT[seed // 3 % len(TIGHT)]
        given = {**LOOSE, name: value}
        kinds = {key: type(getattr(risk, key)) for key in given}
        risk = risk.model_copy(update={key: kinds[key](str(one)) for key, one in given.items()})
    fees = [None, None, ZERO_FEE, FeeSchedule(Decimal("0.07"), Decimal(1), "flat:0.07")]
    return Rules(
        signals, risk, exits, some(rng, 200, 1000, 10_000), "h", fees[int(rng.integers(0, 4))]
    )


def strategies(seed):
    """Return one strategy or two, with ceilings from small to larger than any limit."""
    rng = np.random.default_rng(seed + 20_000)
    one = RocOnly(ceiling=some(rng, 0.01, 0.05, 0.4))
    return (one, PriceOnly(ceiling=Decimal("0.1"))) if seed % 4 == 3 else (one,)
