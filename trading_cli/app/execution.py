"""One order from intent to outcome: two transactions with the send between them.

transaction 1   fence, kill switch, account, the gateway's verdict; then decision, order (PENDING,
                its worst cost reserved), journal and what the owner is to hear, or none of it
the send        through the guard, which asks the kill switch once more
transaction 2   what became of it: order, fill, position, ledger, journal, alert, or none of it

An order found PENDING or UNKNOWN at the start was sent by a run that died, or was not: the broker
is asked, and it is never sent again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import cast

from trading_cli.app import comovement
from trading_cli.app.desk import LAST_LOSS, Desk
from trading_cli.app.runs import only_run
from trading_cli.app.telling import (
    told_of_fill,
    told_of_unbought,
    told_of_unknown,
    told_of_unsold,
)
from trading_cli.core.faults import fault
from trading_cli.domain import (
    Book,
    Decision,
    FeeSchedule,
    Fill,
    Intent,
    Market,
    Notice,
    Order,
    OrderState,
    Position,
    Purpose,
    Token,
    Verdict,
)
from trading_cli.store import (
    Transaction,
    backfill,
    balances,
    deals,
    decided,
    holdings,
    journal,
    listings,
    outbox,
    pauses,
    series,
)
from trading_cli.trading import deciding, risk
from trading_cli.trading.account import apply, is_loss
from trading_cli.trading.brokers import Broker, GuardedBroker, Outcome, PaperBroker
from trading_cli.trading.fees import schedule_of
from trading_cli.trading.groups import Correlation, Groups
from trading_cli.trading.looking_after import held_for, opening_of

SIGNAL_LIFE = timedelta(minutes=30)
UNSOLD = frozenset({OrderState.PARTIAL, OrderState.REJECTED, OrderState.CANCELLED})
LATENCY_S = 0.001  # an order takes time: the book it meets is newer than the decision
PATIENCE_S = 60.0  # an order takes one fetch of a book, with its retries


@dataclass(frozen=True, slots=True)
class Asked:
    """An intent with the decision it comes from, its market, and what the owner is to hear.

    ``position`` is the holding an exit reduces, with its state and high bid brought up to date;
    ``number`` tells the intents of one strategy, market and slot apart; ``sized`` gives the facts
    that follow from how many shares the gateway leaves.
    """

    intent: Intent
    decision: Decision
    market: Market
    notice: Callable[[Decision], Notice] | None = None
    position: Position | None = None
    number: int = 0
    sized: Callable[[Decimal], Mapping[str, object]] | None = None


def broker_of(desk: Desk) -> Broker:
    """Return the home's broker (paper, where it has no other), guarded: there is no other way."""

    def fetch(order: Order) -> Book | None:
        with desk.store.reading() as look:
            market = desk.market(look, order.market_id)
        book = desk.fetch_books([market]).get(market.id)
        return None if book is None else desk.books[market.id, order.token]

    def fills_of(order: Order) -> list[Fill]:
        with desk.store.reading() as look:
            return deals.fills(look, market=order.market_id, since=desk.now() - timedelta(days=1))

    def fee_of(order: Order) -> FeeSchedule:
        with desk.store.reading() as look:
            return schedule_of(desk.market(look, order.market_id), desk.now())

    paper = PaperBroker(fetch, fills_of, fee_of, desk.now)
    inner = paper if desk.toolkit.broker is None else cast("Broker", desk.toolkit.broker)
    return GuardedBroker(inner, lambda order: desk.permitted(order.purpose, order.reason))


def carry_out(desk: Desk, broker: Broker, asked: Asked) -> Outcome | None:
    """Decide, send and settle one order. ``None`` where the gateway allowed nothing."""
    with dealing(desk):
        order = commit_intent(desk, broker, asked)
        fault("trade.intent.committed")
        if order is None:
            return None
        desk.toolkit.clock.sleep(LATENCY_S)
        outcome = broker.submit(order)
        fault("trade.sent")
        keep_outcome(desk, order, outcome, asked)
        fault("trade.outcome.committed")
        return outcome


@contextmanager
def dealing(desk: Desk) -> Iterator[None]:
    """Be the only one between the two transactions of an order, across processes.

    So whoever asks what became of an open order asks about one whose sender is gone.
    """
    folder = desk.toolkit.loaded.database.parent
    with only_run(folder, "dealing", desk.now(), patience=PATIENCE_S):
        yield


def commit_intent(desk: Desk, broker: Broker, asked: Asked) -> Order | None:
    """Take transaction 1. Return the order to send, ``None`` where none may be.

    It is on the disk before anything is sent: a power cut leaves no order that we forgot.
    """
    with desk.store.transaction(durable=True) as tx:
        desk.hold(tx)
        decision, verdict = decide(tx, desk, asked)
        if not decided.record_decisions(tx, [decision]).new:
            return None  # a run that died here has decided it already
        order = deciding.order_of(
            asked.intent, decision, verdict, broker.name, desk.now(), asked.number
        )
        if order is not None:
            deals.place_order(tx, order)
        _write_down(tx, asked, decision, order)
        fault("trade.intent.inside")
    return order


def advise(desk: Desk, asked: Asked) -> Decision | None:
    """Take the decision as ``commit_intent`` does, for a person to carry out: nothing is sent.

    The gateway judges it all the same; it is told where it allows anything. ``None`` where it was
    decided before.
    """
    with desk.store.transaction() as tx:
        desk.hold(tx)
        decision, verdict = decide(tx, desk, asked)
        if not decided.record_decisions(tx, [decision]).new:
            return None
        _write_down(tx, asked, decision, None)
        if verdict.allowed and asked.notice is not None:
            outbox.put(tx, asked.notice(decision))
    return decision


def decide(tx: Transaction, desk: Desk, asked: Asked) -> tuple[Decision, Verdict]:
    """Return the decision as the gateway leaves it on what *tx* sees, and the gateway's verdict."""
    intent = asked.intent
    verdict = barred(tx, desk, asked)
    if verdict is None:
        groups = groups_of(tx, desk, asked, moves_of(tx, desk, asked))
        verdict = risk.review(intent, desk.account(tx), desk.settings.risk, groups, desk.now())
    decision = deciding.judged(asked.decision, verdict)
    if verdict.allowed and asked.sized is not None:
        decision = deciding.with_facts(decision, asked.sized(verdict.shares))
    return decision, verdict


def barred(tx: Transaction, desk: Desk, asked: Asked) -> Verdict | None:
    """Return what forbids the order at this instant, whatever held when it was decided."""
    now = desk.now()
    standings = deciding.Standings(
        desk.standing(tx),
        lambda: [one.kind for one in pauses.active(tx, now)],
        lambda: desk.entered(tx, now),
    )
    return deciding.barred(asked.intent, asked.decision.expires_at, standings, now)


def moves_of(tx: Transaction, desk: Desk, asked: Asked) -> tuple[Correlation, ...]:
    """Return how what we have a stake in moved with the market to be entered; () for an exit."""
    if asked.intent.purpose is Purpose.EXIT:
        return ()
    ids = {p.market_id for p in holdings.positions(tx)}
    ids |= {o.market_id for o in deals.open_orders(tx)}
    ids |= {o.market_id for o in holdings.outside_positions(tx)}
    return comovement.measured(
        tx, asked.market.id, ids, slot=desk.slot, as_of=desk.now(), levels=desk.levels
    )


def groups_of(
    tx: Transaction, desk: Desk, asked: Asked, moves: Sequence[Correlation] = ()
) -> Groups:
    """Return the shapes of the events we have a stake in, and of the one to be entered."""
    ids = {p.market_id for p in holdings.positions(tx)}
    ids |= {o.market_id for o in deals.open_orders(tx)}
    ours = [desk.market(tx, one) for one in sorted(ids)]
    theirs = {o.market_id for o in holdings.outside_positions(tx)} - ids
    known = listings.listing_at(tx, as_of=desk.now(), venue_ids=sorted(theirs))
    return deciding.groups_of(asked.market, ours, known, moves)


def _write_down(tx: Transaction, asked: Asked, decision: Decision, order: Order | None) -> None:
    """Journal the decision and the order, and queue what the owner is to hear."""
    journal.append(tx, "decision", decision.id, decision_facts(decision), at=decision.decided_at)
    if order is None:
        return
    body = {
        "decision": decision.id,
        "market": order.market_id,
        "side": order.side.value,
        "token": order.token.value,
        "shares": str(order.shares),
        "limit_price": str(order.limit_price),
        "reserved": str(order.reserved),
        "reason": order.reason.value,
    }
    journal.append(tx, "order", order.id, body, at=order.placed_at)
    if asked.notice is not None:
        outbox.put(tx, asked.notice(decision))


def decision_facts(decision: Decision) -> dict[str, object]:
    """Return what the journal keeps of a decision: what was decided, and why."""
    return {
        "slot": decision.slot,
        "market": decision.market_id,
        "event": decision.event_id,
        "strategy": decision.strategy,
        "purpose": decision.purpose.value,
        "action": decision.action.value,
        "reason": decision.reason.value,
        "token": decision.token and decision.token.value,
        "shares": str(decision.shares),
        "limit_price": None if decision.limit_price is None else str(decision.limit_price),
        "binding": decision.binding,
        "formula": decision.formula,
        "settings": decision.settings_hash,
        "facts": decision.facts,
    }


def keep_outcome(desk: Desk, order: Order, outcome: Outcome, asked: Asked | None = None) -> None:
    """Take transaction 2: what became of *order*, and all that follows from it."""
    now = desk.now()
    with desk.store.transaction() as tx:
        if not deals.end_order(tx, order.id, outcome.state, outcome.detail, now):
            return
        market = desk.market(tx, order.market_id)
        if outcome.book is not None:
            yes = desk.books.get((order.market_id, Token.YES))
            kept = [(order.market_id, yes)] if yes is not None else []
            series.record_books(tx, desk.slot, kept, purpose=f"execution:{order.id}")
        broke = outcome.state in {OrderState.REJECTED, OrderState.UNKNOWN}
        failed = asked is not None and broke and outcome.reason is None  # the guards count these
        body = {"state": outcome.state.value, "detail": outcome.detail, "failed": failed}
        journal.append(tx, "outcome", order.id, body, at=now)
        if outcome.fill is not None:
            _keep_fill(tx, desk, order, outcome, asked, market)
        elif outcome.state is OrderState.UNKNOWN:
            outbox.put(tx, told_of_unknown(order, outcome.detail, now))
        if outcome.state in UNSOLD:
            if order.purpose is Purpose.EXIT:
                sold = Decimal(0) if outcome.fill is None else outcome.fill.shares
                outbox.put(tx, told_of_unsold(market, order, outcome.detail, sold, now))
            elif outcome.fill is None:
                outbox.put(tx, told_of_unbought(market, order, outcome.detail, now))
        fault("trade.outcome.inside")


def _keep_fill(  # what a fill touches
    tx: Transaction, desk: Desk, order: Order, outcome: Outcome, asked: Asked | None, market: Market
) -> None:
    fill = outcome.fill
    if fill is None or not deals.record_fill(tx, fill):
        return
    before = _held(tx, order, asked)
    bid, spread = opening_of(outcome.book)
    after, entries = apply(
        before,
        order,
        fill,
        entry_bid=bid,
        entry_spread=spread,
        labels=desk.labels(market),
    )
    holdings.save_position(tx, after)
    balances.record_entries(tx, entries)
    if before is not None and is_loss(before, after):
        backfill.set_meta(tx, LAST_LOSS, str(int(fill.at.timestamp())))
    body = {
        "market": order.market_id,
        "reason": order.reason.value,
        "order": order.id,
        "position": after.id,
        "side": fill.side.value,
        "token": fill.token.value,
        "shares": str(fill.shares),
        "price": str(fill.price),
        "fee": str(fill.fee),
        "cash": str(sum((e.amount for e in entries if e.account == "cash"), Decimal(0))),
        "left": str(after.shares),
        "realized": str(after.realized),
    }
    journal.append(tx, "fill", fill.id, body, at=fill.at)
    outbox.put(tx, told_of_fill(market, order, fill, after))


def _held(tx: Transaction, order: Order, asked: Asked | None) -> Position | None:
    """Return the position that *order* adds to or reduces, as it stands in the store."""
    return held_for(order, holdings.positions(tx), asked.position if asked is not None else None)


def recover(desk: Desk, broker: Broker) -> list[Outcome]:
    """Ask the broker about every order whose outcome is not known. Nothing is sent again."""
    outcomes = []
    with dealing(desk):
        with desk.store.reading() as look:
            unsure = deals.open_orders(look)
        for order in unsure:
            outcome = broker.find(order)
            if outcome.state is not OrderState.PENDING:  # UNKNOWN, too, is said and told
                keep_outcome(desk, order, outcome)
            outcomes.append(outcome)
    return outcomes


__all__ = [
    "Asked",
    "Broker",
    "advise",
    "broker_of",
    "carry_out",
    "commit_intent",
    "keep_outcome",
    "recover",
]
