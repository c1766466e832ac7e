"""Trades in a demo's home that is too short to have any: signals, bought on by hand."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from trading_cli.app import by_hand
from trading_cli.app.by_hand import Trade
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import Action, Purpose, Reason, Token
from trading_cli.store import Store, decided, history

SHARES = Decimal(20)


def trade(config: Path, now: datetime) -> None:
    """Buy on three signals of the newest slot; sell one of the holdings wholly, one in part."""
    database = config.parent / "data" / "trading.db"
    with Store.open(database, now=now) as store:
        with store.reading() as look:
            known = decided.decisions(look, limit=200)
            slot = max(one.slot for one in known)
            asks = {one.market_id: one.ask for one in history.latest_quotes(look, slot, as_of=now)}
        held = [
            one
            for one in known
            if one.slot == slot and one.purpose is Purpose.ENTRY and asks.get(one.market_id)
        ]
        signals = [
            replace(
                one, id=f"b{place}{one.id[2:]}", action=Action.BUY, reason=Reason.SIGNAL,
                token=Token.YES, shares=SHARES, limit_price=asks[one.market_id],
                expires_at=now + timedelta(minutes=15), strategy="by_hand_in_a_test",
            )
            for place, one in enumerate(held[:3])
        ]  # fmt: skip
        with store.transaction() as tx:
            decided.record_decisions(tx, signals)
    clock = FrozenClock(now)
    bought = [
        by_hand.fill(config, one.id, _trade(asks[one.market_id], SHARES), clock=clock)
        for one in signals
    ]
    for position, shares in zip(bought, (None, Decimal(5)), strict=False):
        by_hand.sold(config, position["position"], _trade(Decimal("0.5"), shares), clock=clock)


def _trade(price: Decimal | None, shares: Decimal | None) -> Trade:
    assert price is not None
    return Trade(price, shares, Decimal("0.01"), None, again=False)
