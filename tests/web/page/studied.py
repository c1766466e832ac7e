"""A home with something to study: settled markets with odds, closed trades, a kept backtest."""

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

sys.path += [str(Path(__file__).parents[2] / room) for room in ("app", "app/backtests")]

from dealt import NOON, SLOT, Dealt, market  # stands there
from made_source import Made
from study_home import StudyHome

from trading_cli.domain import (
    Action,
    Decision,
    Level,
    Outcome,
    Position,
    Purpose,
    Quote,
    Reason,
    Resolution,
    Token,
    slot_of,
)
from trading_cli.store import (
    Transaction,
    deals,
    decided,
    holdings,
    listings,
    series,
)
from trading_cli.trading import account

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CLOSE = NOON + 10 * DAY
EVENTS = 480
TRADES = 120
SHARES = "600"
PRICES = (("0.42", "0.47"), ("0.42", "0.36"), ("0.42", "0.44"), ("0.42", "0.40"))


def study(folder: Path) -> Path:
    """Fill *folder*: 480 settled markets, 120 closed trades, one backtest. Return its settings."""
    home = Dealt(folder)
    home.open_account()
    first = home.decide(1)
    home.trade(first, "0.42", at=NOON, shares=SHARES)
    closed = home.trade(first, "0.40", at=NOON + SLOT, sell=Reason.STOP, shares=SHARES)
    with home.store() as store, store.transaction() as tx:
        _settled(tx)
        for number in range(2, TRADES + 1):
            _again(tx, closed, number)
    StudyHome(folder).run(source=Made(3, 16, step=0.12), strategies=("roc_only",))
    return home.config


def _settled(tx: Transaction) -> None:
    """Markets that close on one day, each quoted and decided before; a strategy states odds."""
    rng = np.random.default_rng(8)
    for number in range(1000, 1000 + EVENTS):
        chance = float(rng.uniform(0.04, 0.96))
        mid = min(max(chance + float(rng.normal(0, 0.06)), 0.03), 0.97)
        one = market(number, NOON)
        listings.record_markets(tx, [one])
        for at in (NOON + DAY, CLOSE - DAY - SLOT, CLOSE - HOUR - SLOT):
            series.record_quotes(tx, [_quote(one.id, at, mid)])
        said = {"probability": round(min(max(chance, 0.02), 0.98), 6)}
        at = NOON + DAY
        decided.record_decisions(
            tx,
            [
                Decision(
                    f"d{number}-{at:%d%H%M}", slot_of(at), at, one.id, f"e{number}", "price_only",
                    Purpose.ENTRY, Action.BUY, Reason.SIGNAL, Token.YES, facts=said,
                )
            ],
        )  # fmt: skip
        won = bool(rng.random() < chance)
        known = Resolution(
            one.condition_id, Outcome.YES if won else Outcome.NO, Decimal(int(won)), None, CLOSE,
            CLOSE + HOUR,
        )  # fmt: skip
        listings.record_resolutions(tx, [known])


def _quote(name: str, at: datetime, mid: float) -> Quote:
    price, half = Decimal(str(round(mid, 2))), Decimal("0.01")
    return Quote(name, slot_of(at), price - half, price + half, 100.0, 100.0, at, at)


def _again(tx: Transaction, closed: Position, number: int) -> None:
    """Book a closed trade again in a market of its own, with another result."""
    bought, sold = deals.dealings(tx, closed)
    at = NOON + number * DAY / 2
    names = {"market_id": str(500_000 + number), "event_id": f"e{number // 2}"}
    pair = [Decimal(one) for one in PRICES[number % len(PRICES)]]
    for place, (order, fill) in enumerate((bought, sold)):
        name, when = account.digest(order.id, number), at + place * SLOT
        deals.place_order(tx, replace(order, id=f"o{name}", placed_at=when, **names))
        deals.record_fill(
            tx,
            replace(
                fill, id=f"f{name}", order_id=f"o{name}", market_id=names["market_id"],
                price=pair[place], at=when, levels=(Level(pair[place], fill.shares),),
            ),
        )  # fmt: skip
    brought = ((pair[1] - pair[0]) * fill.shares).quantize(Decimal("0.000001"))
    holdings.save_position(
        tx,
        replace(
            closed, id=f"p{number}", opened_at=at, closed_at=at + SLOT, decision_id="",
            realized=brought, **names,
        ),
    )  # fmt: skip
