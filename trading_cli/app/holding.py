"""What is held: settled when the venue has paid, judged on a fresh book each, sold by the rules.

This goes on whatever the data gate says, and whatever pauses entries. Every held market has an
exit decision in every slot, also the one to stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading_cli.app import facts
from trading_cli.app.desk import LAST_LOSS, Desk
from trading_cli.app.execution import Asked, broker_of, carry_out, decision_facts, recover
from trading_cli.app.sealing import keep_sealed
from trading_cli.core.faults import fault
from trading_cli.domain import (
    SLOT_SECONDS,
    Book,
    Decision,
    Market,
    Notice,
    OrderState,
    Position,
    PositionState,
    Purpose,
    Reason,
    Severity,
    Token,
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
    series,
)
from trading_cli.store.traded import daily_usd
from trading_cli.trading import looking_after
from trading_cli.trading.account import PERSON, is_loss, settle
from trading_cli.trading.exits import Exit, Holding, Stay, review
from trading_cli.trading.fills import DEAREST_FEE
from trading_cli.trading.looking_after import DAY, WEEK, exit_intent, holding_of
from trading_cli.trading.terms import named

SLOT = timedelta(seconds=SLOT_SECONDS)
AT_ANY_HOUR = frozenset({Reason.STOP, Reason.KILL_ALL, Reason.KILL_WINNERS})


@dataclass(slots=True)
class Held:
    """What the exits step did."""

    recovered: int = 0
    unknown: int = 0
    settled: int = 0
    checked: int = 0
    sold: int = 0
    no_book: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def numbers(self) -> dict[str, object]:
        """Return the counts as the run keeps them."""
        return {
            "recovered": self.recovered,
            "unknown": self.unknown,
            "settled": self.settled,
            "exit_checks": self.checked,
            "sold": self.sold,
            "no_book": self.no_book,
        }


def look_after(desk: Desk) -> Held:
    """Ask about orders left open, settle what is paid, and check every holding's exits."""
    done = Held()
    broker = broker_of(desk)
    outcomes = recover(desk, broker)
    done.recovered = sum(not outcome.state.open for outcome in outcomes)
    done.unknown = len(outcomes) - done.recovered
    done.settled = settle_all(desk)
    with desk.store.reading() as look:
        held = holdings.positions(look)
        markets = {p.market_id: desk.market(look, p.market_id) for p in held}
    fetched = desk.fetch_books(list(markets.values()))
    done.no_book = len(markets) - len(fetched)
    stays: list[tuple[Decision, Stay]] = []
    unsold: list[Position] = []
    with desk.store.reading() as look:
        level = _level(desk, look)
        found = [(p, _holding(look, desk, p, markets[p.market_id], level)) for p in held]
    for position, holding in found:
        done.checked += 1
        at = desk.now()
        answer = review(holding, desk.settings.exits, at)
        decision = exit_decision(desk, holding, answer, at)
        if isinstance(answer, Stay):
            stays.append((decision, answer))
            continue
        sold = _sell(desk, holding, markets[position.market_id], answer, decision)
        done.sold += sold
        if not sold:
            unsold.append(answer.position)
        done.reasons[answer.reason.value] = done.reasons.get(answer.reason.value, 0) + 1
    _keep_stays(desk, fetched, stays, unsold)
    return done


def _level(desk: Desk, look: Transaction) -> int:
    """Return the level of the kill switch, 0 unless it is triggered."""
    return desk.standing(look).level


def settle_all(desk: Desk) -> int:
    """Settle every position whose market has paid. Return how many.

    One that is being sold waits until it is known what became of the sale.
    """
    with desk.store.reading() as look:
        held = holdings.positions(look)
        paid = {
            p.market_id: found.payout
            for p in held
            if (found := listings.resolution_at(look, p.market_id, as_of=desk.now())) is not None
            and found.payout is not None
        }
    count = 0
    for position in held:
        payout = paid.get(position.market_id)
        if payout is not None:
            count += _settle(desk, position, payout)
    return count


def _settle(desk: Desk, position: Position, yes: Decimal) -> bool:
    payout = yes if position.token is Token.YES else 1 - yes
    now = desk.now()
    with desk.store.transaction() as tx:
        desk.hold(tx)
        stored = holdings.position(tx, position.id)
        if stored is None or stored.state is PositionState.CLOSED or _being_sold(tx, stored):
            return False
        closed, entries = settle(stored, payout, now)
        holdings.save_position(tx, closed)
        balances.record_entries(tx, entries)
        if is_loss(stored, closed):
            backfill.set_meta(tx, LAST_LOSS, str(int(now.timestamp())))
        market = desk.market(tx, position.market_id)
        body = {
            "market": position.market_id,
            "reason": "SETTLED",
            "position": position.id,
            "payout": str(payout),
            "shares": str(stored.shares),
            "cost": str(stored.cost),
            "realized": str(closed.realized),
        }
        journal.append(tx, "settlement", position.id, body, at=now)
        outbox.put(tx, _told_of_settlement(market, stored, closed, payout, now))
        fault("settle.inside")
    fault("settle.committed")
    return True


def _being_sold(look: Transaction, position: Position) -> bool:
    key = (position.strategy, position.market_id, position.token)
    return any(
        order.purpose is Purpose.EXIT and (order.strategy, order.market_id, order.token) == key
        for order in deals.open_orders(look)
    )


def _told_of_settlement(
    market: Market, before: Position, after: Position, payout: Decimal, now: datetime
) -> Notice:
    text = (
        f"Settled at {payout.normalize():f}: {before.shares} {named(market, before.token)} paid"
        f" {before.shares * payout:.2f} USD for a cost of {before.cost:.2f} USD.\n"
        f"{market.question}\nResult of the position {after.realized:+.2f} USD."
    )
    return Notice(
        f"settlement:{before.id}", "position", Severity.INFO, text, now,
        facts={"position": before.id, "payout": str(payout)},
    )  # fmt: skip


def _holding(
    look: Transaction, desk: Desk, position: Position, market: Market, level: int
) -> Holding:
    """Return what the exits of *position* look at; an unknown fee is taken for the dearest."""
    now, opened = desk.now(), position.opened_at
    return holding_of(
        position,
        market,
        desk.books.get((market.id, position.token)),
        desk.fee(market) or DEAREST_FEE,
        volume_24h=daily_usd(look, market.id, since=now - DAY, until=now, as_of=now),
        volume_before=daily_usd(look, market.id, since=opened - WEEK, until=opened, as_of=now),
        kill_level=level,
    )


def exit_decision(
    desk: Desk, holding: Holding, answer: Exit | Stay, at: datetime, *, strategy: str = ""
) -> Decision:
    """Return the decision row of one exit check, trade or none."""
    stamp = facts.stamp_of(desk.slot, desk.settings)
    return looking_after.exit_decision(holding, answer, stamp, at, strategy=strategy)


def _sell(desk: Desk, holding: Holding, market: Market, answer: Exit, decision: Decision) -> bool:
    """Send the sale, or tell the person who holds it. Return whether anything was sold.

    What the broker bought it sells, also where a person makes the entries by now.
    """
    position = answer.position
    if position.by == PERSON:
        _advise(desk, market, answer, decision)
        return False
    intent = exit_intent(holding, answer, decision.id)
    outcome = carry_out(
        desk, broker_of(desk), Asked(intent, decision, market, position=position, number=1)
    )
    return outcome is not None and outcome.state in {OrderState.FILLED, OrderState.PARTIAL}


def _advise(desk: Desk, market: Market, answer: Exit, decision: Decision) -> None:
    position, now = answer.position, desk.now()
    text = (
        f"Sell {answer.shares} {named(market, position.token)} at {answer.limit_price} or better:"
        f" {answer.sentence}\n{market.question}\nYou hold it: record what you did with"
        f" `trading journal exit {position.id}`."
    )
    with desk.store.transaction() as tx:
        desk.hold(tx)
        if decided.record_decisions(tx, [decision]).new:
            body = decision_facts(decision)
            journal.append(tx, "decision", decision.id, body, at=decision.decided_at)
            life = timedelta(minutes=desk.settings.signals.expiry_minutes)
            turn = int(now.timestamp() // life.total_seconds())  # said again when it has expired
            notice = Notice(
                f"exit:{position.id}:{answer.reason.value}:{turn}", "position", Severity.WARN, text,
                now, now + life, critical=answer.reason in AT_ANY_HOUR,
                facts={"position": position.id, "decision": decision.id},
            )  # fmt: skip
            outbox.put(tx, notice)


def _keep_stays(
    desk: Desk,
    fetched: Mapping[str, Book],
    stays: Sequence[tuple[Decision, Stay]],
    unsold: Sequence[Position],
) -> None:
    """Keep the books the exits were judged on, and every decision to stay, in one transaction.

    What should have been sold and was not is brought up to date like what stays.
    """
    now = desk.now()
    with desk.store.transaction() as tx:
        desk.hold(tx)
        series.record_books(tx, desk.slot, fetched.items(), purpose="exit")
        keep_sealed(tx, desk, (decision for decision, _ in stays), now)
        for position in (*(stay.position for _, stay in stays), *unsold):
            _bring_up_to_date(tx, desk, position, now)
        for decision, stay in stays:
            if stay.reason is Reason.STALE_BOOK and _unjudged_before(tx, decision):
                outbox.put(tx, _told_of_unjudged(desk.market(tx, decision.market_id), stay, now))


def _unjudged_before(look: Transaction, decision: Decision) -> bool:
    """Return whether the same holding could not be judged in the slots just before, either."""
    since = decision.decided_at - 3 * SLOT
    earlier = decided.decisions(
        look, since=since, market=decision.market_id, reason=Reason.STALE_BOOK
    )
    position = decision.facts["position"]
    return any(
        one.slot < decision.slot and one.facts.get("position") == position for one in earlier
    )


def _told_of_unjudged(market: Market, stay: Stay, now: datetime) -> Notice:
    """Return what the owner hears, once a day, of a holding whose exits cannot be judged."""
    position = stay.position
    text = (
        f"NO STOP at present: {position.shares} {named(market, position.token)}: {stay.sentence}.\n"
        f"{market.question}\nNeither its stop nor a target can fire until there is such a book."
    )
    key = f"unjudged:{position.id}:{now:%Y%m%d}"
    return Notice(key, "risk", Severity.WARN, text, now, facts={"position": position.id})


def _bring_up_to_date(tx: Transaction, desk: Desk, position: Position, now: datetime) -> None:
    """Keep the state and the highest bid of *position*, if it is still what it was."""
    stored = holdings.position(tx, position.id)
    if stored is None or stored.state is PositionState.CLOSED:
        return
    if stored.state is PositionState.OPEN and position.state is PositionState.LOCKED:
        outbox.put(tx, _told_of_settling(desk.market(tx, stored.market_id), stored, now))
    holdings.save_position(tx, replace(stored, state=position.state, high_bid=position.high_bid))


def _told_of_settling(market: Market, position: Position, now: datetime) -> Notice:
    """Return what the owner hears when the venue begins to settle what is held."""
    text = (
        "LOCKED: the venue is settling a market you hold; its targets are frozen until that is"
        f" done, its stop is not.\n{position.shares} {named(market, position.token)}\n"
        f"{market.question}"
    )
    key = f"locked:{position.id}:{now:%Y%m%d}"
    return Notice(key, "risk", Severity.WARN, text, now, facts={"position": position.id})
