"""From fit data to entries: views, strategies, vetoes, size, gateway, order.

Every candidate has a decision row for every strategy in every slot, also the one to do nothing,
with the numbers that decided it. Those of a slot are sealed together in one row of the journal.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from trading_cli.app import facts, views
from trading_cli.app.desk import Desk
from trading_cli.app.execution import Asked, Broker, advise, broker_of, carry_out
from trading_cli.app.sealing import keep_sealed
from trading_cli.domain import (
    Action,
    Decision,
    Notice,
    OrderState,
    Purpose,
    Severity,
)
from trading_cli.store import decided, ledger
from trading_cli.trading import deciding, orchestrator, strategies
from trading_cli.trading.account import Account
from trading_cli.trading.orchestrator import Proposal
from trading_cli.trading.sizing import Sizing
from trading_cli.trading.strategies import Strategy
from trading_cli.trading.terms import Terms, named
from trading_cli.trading.vetoes import Sections
from trading_cli.trading.view import View

VETOES_FROM = 100  # the funnel's stages come first
Features = views.Features


@dataclass(slots=True)
class Entered:
    """What the signals step did."""

    decisions: int = 0
    signals: int = 0
    orders: int = 0
    fills: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def numbers(self) -> dict[str, object]:
        """Return the counts as the run keeps them."""
        return {
            "decisions": self.decisions,
            "signals": self.signals,
            "orders": self.orders,
            "fills": self.fills,
            "reasons": dict(self.reasons.most_common()),
        }


def asked_strategies(desk: Desk) -> tuple[Strategy, ...]:
    """Return the strategies of the settings, in their order; what does not load says so itself."""
    return strategies.load(
        desk.settings.signals.strategies,
        desk.settings.risk.tier_ceilings,
        folder=desk.toolkit.home,
    )


def propose(
    desk: Desk,
    chosen: views.Ready,
    features: Features,
    asked: Sequence[Strategy],
    at: datetime,
) -> list[Proposal]:
    """Return what every strategy wants of every candidate, and what stands against it."""
    section = desk.settings.signals
    with desk.store.reading() as look:
        seen = views.views(look, desk, chosen, features, at)
    return orchestrator.decide(seen, asked, Sections(section, desk.settings.exits))


def enter(desk: Desk, proposals: Sequence[Proposal], at: datetime) -> Entered:
    """Carry out the entries in their order, and keep every decision of the slot."""
    done = Entered()
    broker = broker_of(desk)
    quiet: list[Decision] = []
    for one in proposals:
        if one.view.book is not None:
            desk.remember(one.view.market, one.view.book)
        if one.action is Action.HOLD:
            quiet.append(decision_of(desk, one, at))
        else:
            _one_entry(desk, broker, one, at, quiet, done)
    keep_quiet(desk, quiet, at)
    _count(desk, done)
    return done


def _count(desk: Desk, done: Entered) -> None:
    """Count the slot's decisions by reason, and put the counts below the funnel."""
    with desk.store.transaction() as tx:
        desk.hold(tx)
        taken = decided.decisions(tx, slot=desk.slot, limit=100_000)
        entries = [one for one in taken if one.purpose is Purpose.ENTRY]
        done.decisions = len(entries)
        done.reasons.update(one.reason.value for one in entries)
        ledger.record_funnel(tx, desk.slot, dict(done.reasons.most_common()), first=VETOES_FROM)


def _one_entry(  # what one entry touches
    desk: Desk,
    broker: Broker,
    one: Proposal,
    at: datetime,
    quiet: list[Decision],
    done: Entered,
) -> None:
    """Size one proposal and carry it out, or keep why it comes to nothing."""
    done.signals += 1
    stamp = facts.stamp_of(desk.slot, desk.settings)
    sized = size_of(desk, one)
    decision = deciding.entry_decision(one, stamp, at, sized)
    if sized is None or not sized.shares or sized.limit_price is None:
        quiet.append(deciding.too_small(decision, sized))
        return
    asked = Asked(
        deciding.entry_intent(one, decision, sized, desk.labels(one.view.market)),
        decision,
        one.view.market,
        lambda final: told_of_signal(one, final, deciding.terms_of(one, stamp)),
        sized=lambda shares: deciding.sized_facts(one, shares, stamp),
    )
    if desk.settings.execution == "manual":
        advise(desk, asked)
        return
    outcome = carry_out(desk, broker, asked)
    if outcome is None:
        return
    done.orders += 1
    done.fills += outcome.state in {OrderState.FILLED, OrderState.PARTIAL}


def size_of(desk: Desk, one: Proposal) -> Sizing | None:
    """Return what to ask for, before the limits; ``None`` where there is no book or fee."""

    def account() -> Account:
        with desk.store.reading() as look:
            return desk.account(look)

    return deciding.size_of(one, account, desk.settings.risk)


def decision_of(desk: Desk, one: Proposal, at: datetime, sized: Sizing | None = None) -> Decision:
    """Return the decision row of *one*, with everything that decided it."""
    return deciding.entry_decision(one, facts.stamp_of(desk.slot, desk.settings), at, sized)


def told_of_signal(one: Proposal, decision: Decision, told: Terms | None) -> Notice:
    """Return what the owner hears of a signal: its terms, its worst case, its expiry."""
    view: View = one.view
    side = named(view.market, decision.token) if decision.token else ""
    head = f"{decision.action.value} {side}".strip()
    head += f": {one.signal.label}" if one.signal.label.strip() else ""
    lines = [head, view.market.question]
    lines += [] if told is None else list(told.sentences(decision.shares))
    if decision.expires_at is not None:
        proof = view.state.proofs.get(decision.strategy, {})
        lines.append(f"Expires {decision.expires_at:%H:%M} UTC. {proof.get('said', 'UNPROVEN')}.")
    lines.append(f"trading explain {decision.id}")
    return Notice(
        f"signal:{decision.id}", "signal", Severity.INFO, "\n".join(lines), decision.decided_at,
        decision.expires_at, facts={"decision": decision.id, "market": view.market.id},
    )  # fmt: skip


def keep_quiet(desk: Desk, quiet: Sequence[Decision], at: datetime) -> None:
    """Keep the decisions to do nothing."""
    with desk.store.transaction() as tx:
        desk.hold(tx)
        keep_sealed(tx, desk, quiet, at)
