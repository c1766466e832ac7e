"""Closing what the owner wants closed, the way every exit goes: gateway, broker, ledger."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from trading_cli.app import effective, facts
from trading_cli.app.desk import Desk
from trading_cli.app.execution import Asked, broker_of, carry_out
from trading_cli.app.gather import Progress
from trading_cli.app.holding import exit_decision
from trading_cli.app.toolkit import Toolkit
from trading_cli.domain import (
    Decision,
    Intent,
    Market,
    Position,
    PositionState,
    Purpose,
    Reason,
    Side,
    slot_of,
)
from trading_cli.store import holdings
from trading_cli.trading.exits import SELL_TICKS, Exit, Holding
from trading_cli.trading.fills import DEAREST_FEE
from trading_cli.trading.looking_after import MIN_SIZE, TICK


def close(toolkit: Toolkit, ids: Sequence[str], reason: str, progress: Progress) -> None:
    """Sell the positions *ids* whole, each on a book fetched for it, down to two ticks below bid.

    What finds no bid, or what the kill switch forbids, stays held; the order says why. A cycle at
    work meanwhile cannot sell the same shares again: what is being sold is not free to be sold.
    """
    with toolkit.open_store() as store:
        desk = Desk(toolkit, store, slot_of(toolkit.clock.now()))
        with store.reading() as look:
            held = [p for p in holdings.positions(look) if p.id in set(ids)]
            markets = {p.market_id: desk.market(look, p.market_id) for p in held}
        with store.transaction() as tx:
            effective.keep(tx, toolkit.loaded, desk.now())
        books = desk.fetch_books(list(markets.values()))
        for position in held:
            market = markets[position.market_id]
            if market.id not in books:
                progress(f"{position.id}: no book was to be had")
                continue
            _close(desk, position, market, reason, progress)


def _close(desk: Desk, position: Position, market: Market, reason: str, progress: Progress) -> None:
    now = desk.now()
    book, fee = desk.books[market.id, position.token], desk.fee(market) or DEAREST_FEE
    if book.best_bid is None or position.state is PositionState.CLOSED:
        progress(f"{position.id}: nobody bids")
        return
    tick = book.tick or market.tick or TICK
    least = market.min_size or book.min_size or MIN_SIZE
    limit = max(tick, book.best_bid - SELL_TICKS * tick)
    sentence = f"closed by its owner: {reason}"
    answer = Exit(Reason.CLOSED_BY_OWNER, position.shares, limit, sentence, position, whole=True)
    holding = Holding(position, book, fee, tick, least)
    decision = _decision(desk, holding, answer, now)
    intent = Intent(
        decision.id, position.market_id, position.event_id, position.strategy, Purpose.EXIT,
        Side.SELL, position.token, position.shares, limit, Reason.CLOSED_BY_OWNER, fee, tick,
        least, position.category, position.sector, position.themes,
    )  # fmt: skip
    number = int(now.timestamp())
    outcome = carry_out(
        desk, broker_of(desk), Asked(intent, decision, market, position=position, number=number)
    )
    progress(f"{position.id}: {'refused' if outcome is None else outcome.detail}")


def _decision(desk: Desk, holding: Holding, answer: Exit, now: datetime) -> Decision:
    made = exit_decision(desk, holding, answer, now)
    key = f"{holding.position.strategy}:{holding.position.id}:close:{int(now.timestamp())}"
    name = facts.decision_id(desk.slot, holding.position.market_id, key, Purpose.EXIT)
    return replace(made, id=name)
