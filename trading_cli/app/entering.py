"""From fit data to entries: views, strategies, vetoes, size, gateway, order.

Every candidate has a decision row for every strategy in every slot, also the one to do nothing,
with the numbers that decided it. Those of a slot are sealed together in one row of the journal.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading_cli.app import facts, views
from trading_cli.app.desk import Desk
from trading_cli.app.execution import Asked, Broker, advise, broker_of, carry_out
from trading_cli.app.sealing import keep_sealed
from trading_cli.domain import (
    Action,
    Decision,
    Intent,
    Notice,
    OrderState,
    Purpose,
    Reason,
    Severity,
    Side,
)
from trading_cli.store import decided, ledger
from trading_cli.trading import orchestrator, sizing, strategies
from trading_cli.trading.account import Account
from trading_cli.trading.orchestrator import Proposal
from trading_cli.trading.sizing import Sizing
from trading_cli.trading.strategies import Strategy
from trading_cli.trading.terms import Terms, terms
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
    sized = size_of(desk, one)
    if sized is None or not sized.shares or sized.limit_price is None:
        quiet.append(_too_small(decision_of(desk, one, at, sized), sized))
        return
    decision = decision_of(desk, one, at, sized)
    asked = Asked(
        intent_of(desk, one, decision, sized),
        decision,
        one.view.market,
        lambda final: told_of_signal(one, final, terms_of(desk, one)),
        sized=lambda shares: sized_facts(desk, one, shares),
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
    view, token = one.view, one.signal.token
    book = None if token is None else view.token_book(token)
    if book is None or view.fee is None:
        return None
    with desk.store.reading() as look:
        account: Account = desk.account(look)
    return sizing.size(
        one.signal, book, view.fee, account, desk.settings.risk,
        tick=view.tick, min_size=view.market.min_size,
    )  # fmt: skip


def decision_of(desk: Desk, one: Proposal, at: datetime, sized: Sizing | None = None) -> Decision:
    """Return the decision row of *one*, with everything that decided it."""
    view, signal = one.view, one.signal
    shares = Decimal(0) if sized is None else sized.shares
    body: dict[str, object] = {
        "question": view.market.question,
        "features": {name: facts.feature_facts(f) for name, f in view.features.items()},
        "best_tiers": {name: tier.name for name, tier in view.best_tiers.items()},
        "indicators": dict(signal.indicators),
        "label": signal.label,
        "strength": signal.strength,
        "probability": signal.probability,
        "vetoes": [{"reason": v.reason.value, "sentence": v.sentence} for v in one.vetoes],
        "quality": view.quality,
        "gate": {"open": view.state.gate_open, "reasons": list(view.state.gate_reasons)},
        "kill": {"state": view.state.kill_state, "level": view.state.kill_level},
        "pauses": list(view.state.pauses),
        "warming": view.warming,
        "fee": None if view.fee is None else [str(view.fee.rate), view.fee.origin],
    }
    body |= sized_facts(desk, one, shares)
    if sized is not None:
        body["sizing"] = {
            "sentence": sized.sentence,
            "binding": sized.binding,
            "checks": [
                {"rule": c.rule, "allowed": str(c.allowed), "sentence": c.sentence}
                for c in sized.checks
            ],
        }
    expiry = timedelta(minutes=desk.settings.signals.expiry_minutes)
    return Decision(
        facts.decision_id(desk.slot, view.market.id, signal.strategy, Purpose.ENTRY),
        desk.slot, at, view.market.id, view.event_id, signal.strategy, Purpose.ENTRY,
        one.action, one.reason, signal.token, shares,
        None if sized is None else sized.limit_price, "", facts.FORMULA,
        facts.settings_hash(desk.settings),
        at + expiry if one.action is Action.BUY else None, body,
    )  # fmt: skip


def sized_facts(desk: Desk, one: Proposal, shares: Decimal) -> dict[str, object]:
    """Return the facts of *one* that follow from its size."""
    told = terms_of(desk, one)
    return {} if told is None else {"terms": told.facts(shares)}


def terms_of(desk: Desk, one: Proposal) -> Terms | None:
    """Return the terms of the token *one* would buy, ``None`` where it names none."""
    if one.signal.token is None:
        return None
    return terms(one.view, one.signal.token, limit_ticks=desk.settings.risk.limit_ticks)


def _too_small(decision: Decision, sized: Sizing | None) -> Decision:
    """Return *decision* turned to HOLD: nothing can be bought."""
    reason = Reason.NO_BOOK if sized is None else Reason.BELOW_MINIMUM
    binding = "" if sized is None else sized.binding
    return replace(
        decision, action=Action.HOLD, reason=reason, shares=Decimal(0), binding=binding,
        expires_at=None,
    )  # fmt: skip


def intent_of(desk: Desk, one: Proposal, decision: Decision, sized: Sizing) -> Intent:
    """Return the order we would like to send."""
    view, token, fee = one.view, one.signal.token, one.view.fee
    if token is None or fee is None or sized.limit_price is None:
        raise ValueError("an intent needs a token, a fee and a limit price")
    labels = desk.labels(view.market)
    book_min = view.book.min_size if view.book is not None else None
    smallest = view.market.min_size or book_min or sizing.DEFAULT_MIN_SIZE
    return Intent(
        decision.id, view.market.id, view.event_id, one.signal.strategy, Purpose.ENTRY, Side.BUY,
        token, sized.shares, sized.limit_price, Reason.SIGNAL, fee, view.tick, smallest,
        labels.category, labels.sector, labels.themes,
    )  # fmt: skip


def told_of_signal(one: Proposal, decision: Decision, told: Terms | None) -> Notice:
    """Return what the owner hears of a signal: its terms, its worst case, its expiry."""
    view: View = one.view
    head = f"{decision.action.value} {decision.token.value if decision.token else ''}".strip()
    head += f": {one.signal.label}" if one.signal.label.strip() else ""
    lines = [head, view.market.question]
    lines += [] if told is None else list(told.sentences(decision.shares))
    if decision.expires_at is not None:
        lines.append(f"Expires {decision.expires_at:%H:%M} UTC. UNPROVEN.")
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
