"""A home in which things were decided, bought and sold, without a venue: a real file, real rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from trading_cli.core.clock import FrozenClock
from trading_cli.domain import (
    Action,
    Book,
    Decision,
    FeeSchedule,
    Fill,
    Level,
    Market,
    Order,
    OrderState,
    Position,
    Purpose,
    Quote,
    Reason,
    Side,
    Token,
    slot_of,
)
from trading_cli.store import (
    Store,
    balances,
    deals,
    decided,
    holdings,
    journal,
    listings,
    series,
)
from trading_cli.trading import account, fees

NOON = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)
SLOT = timedelta(minutes=15)
DAY = timedelta(days=1)
FACTS: dict[str, Any] = {
    "question": "Will thing 1 happen?",
    "features": {
        "rvr": {"value": 3.2, "tier": "STRONG", "undefined": "",
                "inputs": {"usd": 8960, "factor": 1, "mean_usd": 2800, "hours": 24,
                           "wallets": 7, "top_share": 0.3}},
        "hype": {"value": None, "tier": "NONE", "undefined": "no talk", "inputs": {}},
    },
    "best_tiers": {"rvr": "STRONG"},
    "label": "agreement 3 of 3", "strength": 0.8, "probability": None, "indicators": {},
    "quality": 0.99, "gate": {"open": True, "reasons": []}, "pauses": [],
    "kill": {"state": "ARMED", "level": 0},
    "risk": {
        "sentence": "position: 5 % of 10000 USD",
        "checks": [
            {"rule": "position", "allowed": "12.5", "sentence": "5 % of 10000 USD"},
            {"rule": "exposure", "allowed": "900", "sentence": "25 % of 10000 USD"},
        ],
    },
    "terms": {"worst_case": "5.38", "break_even": 0.4299, "deadline": "2026-04-11T12:00:00+00:00"},
}  # fmt: skip


def market(number: int, at: datetime) -> Market:
    """Return a market of its own event, which charges 4 %."""
    return Market(
        id=str(500_000 + number), condition_id=f"0x{number:064x}",
        question=f"Will thing {number} happen?", slug=f"thing-{number}", yes_token=f"7{number}1",
        no_token=f"7{number}2", yes_label="Yes", no_label="No", observed_at=at,
        event_id=f"e{number}", event_slug=f"event-{number}", tags=("Politics",),
        description="If it happens.", tick=Decimal("0.01"), min_size=Decimal(5),
        fee_schedule=FeeSchedule(Decimal("0.04"), Decimal(1), "market"),
        end_at=NOON + 40 * DAY, volume_24h=60_000.0, liquidity=20_000.0,
    )  # fmt: skip


def book(number: int, at: datetime, bid: str = "0.41") -> Book:
    """Return a YES book one cent wide with 100 and 500 shares a side."""
    best = Decimal(bid)
    ask = best + Decimal("0.01")
    step = Decimal("0.01")
    return Book(
        f"7{number}1", f"0x{number:064x}",
        (Level(best, Decimal(100)), Level(best - step, Decimal(500))),
        (Level(ask, Decimal(100)), Level(ask + step, Decimal(500))), at, at, f"h{number}", step,
    )  # fmt: skip


@dataclass
class Dealt:
    """The home: its settings file, its clock, and how to deal in it."""

    folder: Path
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOON))
    config: Path = Path()

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.config = self.folder / "config.yaml"
        self.config.write_text(yaml.safe_dump({"data_collection": {"limits_path": "limits.db"}}))
        self.config.chmod(0o600)

    @property
    def database(self) -> Path:
        """Return where the database is."""
        return self.folder / "data" / "trading.db"

    def store(self) -> Store:
        """Open the database for writing."""
        return Store.open(self.database, now=NOON)

    def see(self, number: int, *, at: datetime = NOON, bid: str = "0.41") -> None:
        """Store the market, a quote and a book of it, seen at *at*."""
        seen = at - timedelta(seconds=2)
        best = Decimal(bid)
        quote = Quote(
            str(500_000 + number), slot_of(at), best, best + Decimal("0.01"), 100.0, 100.0, seen,
            seen, Decimal(0), "0123456789abcdef",
        )  # fmt: skip
        with self.store() as store, store.transaction() as tx:
            listings.record_markets(tx, [market(number, seen)])
            series.record_quotes(tx, [quote])
            yes = book(number, seen, bid)
            series.record_books(tx, slot_of(at), [(quote.market_id, yes)])

    def open_account(self) -> None:
        """Deposit the bankroll."""
        with self.store() as store, store.transaction() as tx:
            lines = account.deposit(Decimal(10_000), NOON, balances.OPENING)
            balances.record_entries(tx, lines)

    def decide(self, number: int = 1, *, at: datetime = NOON, **changes: Any) -> Decision:
        """Decide to buy 12.5 YES of a market."""
        made = Decision(
            f"d{number}-{slot_of(at)}", slot_of(at), at, str(500_000 + number), f"e{number}",
            "rvr_roc_hype", Purpose.ENTRY, Action.BUY, Reason.SIGNAL, Token.YES, Decimal("12.5"),
            Decimal("0.44"), "position", "rvr/1", "abc123", at + 2 * SLOT, FACTS,
        )  # fmt: skip
        made = replace(made, **changes)
        with self.store() as store, store.transaction() as tx:
            decided.record_decisions(tx, [made])
            body = {"market": made.market_id, "reason": made.reason.value}
            journal.append(tx, "decision", made.id, body, at=at)
        return made

    def trade(self, decision: Decision, price: str, *, at: datetime, sell: Reason | None = None,
              shares: str = "12.5") -> Position:  # fmt: skip
        """Buy on *decision*, or sell what is held for the reason *sell*, as the broker books it."""
        side = Side.SELL if sell else Side.BUY
        name = account.digest(decision.id, side, at, shares)
        size = Decimal(shares)
        order = Order(
            f"o{name}", decision.id, decision.market_id, decision.event_id, decision.strategy,
            Purpose.EXIT if sell else Purpose.ENTRY, side, Token.YES, size, Decimal(price),
            sell or Reason.SIGNAL, OrderState.FILLED, at,
        )  # fmt: skip
        paid = fees.fee(size, Decimal(price), FeeSchedule(Decimal("0.04"), Decimal(1), "market"))
        fill = Fill(
            f"f{name}", order.id, order.market_id, Token.YES, side, size, Decimal(price), paid, at,
            (Level(Decimal(price), size),), "A", "h", at,
        )  # fmt: skip
        with self.store() as store, store.transaction() as tx:
            held = [one for one in holdings.positions(tx) if one.decision_id == decision.id]
            labels = account.Labels("Politics", "politics")
            after, lines = account.apply(
                held[0] if held else None, order, fill, entry_bid=Decimal("0.41"),
                entry_spread=Decimal("0.01"), labels=labels,
            )  # fmt: skip
            deals.place_order(tx, order)
            deals.record_fill(tx, fill)
            holdings.save_position(tx, after)
            balances.record_entries(tx, lines)
            journal.append(tx, "fill", fill.id, {"market": order.market_id}, at=at)
        return after

    def round_trips(self, prices: Sequence[tuple[str, str]]) -> list[Position]:
        """Buy and sell again a market for each pair of prices, each of an event of its own."""
        self.open_account()
        found = []
        for number, (bought, sold) in enumerate(prices, start=1):
            at = NOON + number * SLOT
            made = self.decide(number, at=at)
            self.trade(made, bought, at=at)
            found.append(self.trade(made, sold, at=at + SLOT, sell=Reason.STOP))
        return found
