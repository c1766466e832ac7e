"""From a proposal to a decision row, an intent and an order: the pure pieces, the same for all.

Paper, live and the backtest call these functions with what they know at that instant, so the same
facts lead to the same decision wherever it is taken. Nothing here reads a store or a clock.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from types import MappingProxyType

from trading_cli.domain import (
    Action,
    Decision,
    Feature,
    Intent,
    Market,
    Order,
    OrderState,
    Purpose,
    Reason,
    Side,
    Verdict,
)
from trading_cli.research import hype, roc, rvr
from trading_cli.research.opinions import Opinion
from trading_cli.trading import RiskSection, orchestrator, risk, sizing, strategies
from trading_cli.trading.account import Account, Labels, order_id
from trading_cli.trading.groups import Correlation, Groups, of_markets
from trading_cli.trading.killswitch import Standing, forbids
from trading_cli.trading.orchestrator import Proposal
from trading_cli.trading.sizing import Sizing
from trading_cli.trading.terms import Terms, terms
from trading_cli.trading.themes import sector_of, themes_of
from trading_cli.trading.view import View

FORMULA = f"{orchestrator.FORMULA} {strategies.FORMULA} {rvr.FORMULA} {roc.FORMULA} {hype.FORMULA}"
_REASONS = MappingProxyType({
    "kill switch": Reason.NOT_ARMED,
    "minimum": Reason.BELOW_MINIMUM,
    "expiry": Reason.EXPIRED,
    "pause": Reason.PAUSED,
    "stale": Reason.PAUSED_STALE,
    "already_in": Reason.ALREADY_IN,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every decision row of one slot carries, and the settings its facts follow from."""

    slot: int
    settings_hash: str
    expiry: timedelta
    limit_ticks: int


def decision_id(slot: int, market_id: str, strategy: str, purpose: Purpose) -> str:
    """Return the id of one evaluation: the same evaluation is the same row."""
    text = f"{slot}\x1f{market_id}\x1f{strategy}\x1f{purpose.value}"
    return blake2b(text.encode(), digest_size=8, person=b"decision").hexdigest()


def feature_facts(one: Feature) -> dict[str, object]:
    """Return a feature as a decision row keeps it."""
    return {
        "value": one.value,
        "undefined": one.undefined,
        "tier": one.tier.name,
        "provisional": one.provisional,
        "inputs": dict(one.inputs),
    }


def opinion_facts(said: Opinion) -> dict[str, object]:
    """Return an outside opinion (of YES) as a decision row keeps it, with its source's record."""
    shown = said.record
    return {
        "source": said.source,
        "probability": said.probability,
        "price": said.price,
        "said_at": said.said_at.isoformat(),
        "observed_at": said.observed_at.isoformat(),
        "events": shown.events,
        "added": shown.added,
        "low": shown.low,
        "skill": None if shown.skill is None else list(shown.skill),
        "weight": shown.weight,
        "used": said.used,
    }


def labels_of(market: Market, own: Mapping[str, Sequence[str]]) -> Labels:
    """Return what *market* counts towards besides itself; *own* are the owner's themes."""
    return Labels(market.category, sector_of(market.tags), themes_of(market, own))


def size_of(one: Proposal, account: Callable[[], Account], section: RiskSection) -> Sizing | None:
    """Return what to ask for, before the limits; ``None`` where there is no book or fee.

    *account* is only asked where there is something to size.
    """
    view, token = one.view, one.signal.token
    book = None if token is None else view.token_book(token)
    if book is None or view.fee is None:
        return None
    return sizing.size(
        one.signal, book, view.fee, account(), section,
        tick=view.tick, min_size=view.market.min_size,
    )  # fmt: skip


def entry_decision(
    one: Proposal,
    stamp: Stamp,
    at: datetime,
    sized: Sizing | None = None,
    *,
    bare: bool = False,
) -> Decision:
    """Return the decision row of *one*, with everything that decided it; *bare*: without facts."""
    view, signal = one.view, one.signal
    shares = Decimal(0) if sized is None else sized.shares
    return Decision(
        decision_id(stamp.slot, view.market.id, signal.strategy, Purpose.ENTRY),
        stamp.slot, at, view.market.id, view.event_id, signal.strategy, Purpose.ENTRY,
        one.action, one.reason, signal.token, shares,
        None if sized is None else sized.limit_price, "", FORMULA, stamp.settings_hash,
        at + stamp.expiry if one.action is Action.BUY else None,
        {} if bare else entry_facts(one, stamp, sized),
    )  # fmt: skip


def entry_facts(one: Proposal, stamp: Stamp, sized: Sizing | None) -> dict[str, object]:
    """Return what a decision row keeps of *one*, as JSON can hold it."""
    view, signal = one.view, one.signal
    body: dict[str, object] = {
        "question": view.market.question,
        "seen": seen_facts(view),
        "features": {name: feature_facts(f) for name, f in view.features.items()},
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
    if proof := view.state.proofs.get(signal.strategy):
        body["proof"] = dict(proof)
    if view.opinions:
        body["opinions"] = [opinion_facts(said) for said in view.opinions]
    body |= sized_facts(one, Decimal(0) if sized is None else sized.shares, stamp)
    if sized is not None:
        body["sizing"] = {
            "sentence": sized.sentence,
            "binding": sized.binding,
            "checks": [
                {"rule": c.rule, "allowed": str(c.allowed), "sentence": c.sentence}
                for c in sized.checks
            ],
        }
    return body


def seen_facts(view: View) -> dict[str, object]:
    """Return the prices *view* was decided on, and which book: parity names one that changed."""
    quote, book = view.quote, view.book
    return {
        "bid": None if quote is None or quote.bid is None else str(quote.bid),
        "ask": None if quote is None or quote.ask is None else str(quote.ask),
        "book": None if book is None else book.hash,
        "book_at": None if book is None else book.observed_at.isoformat(),
    }


def sized_facts(one: Proposal, shares: Decimal, stamp: Stamp) -> dict[str, object]:
    """Return the facts of *one* that follow from its size."""
    told = terms_of(one, stamp)
    return {} if told is None else {"terms": told.facts(shares)}


def terms_of(one: Proposal, stamp: Stamp) -> Terms | None:
    """Return the terms of the token *one* would buy, ``None`` where it names none."""
    if one.signal.token is None:
        return None
    return terms(one.view, one.signal.token, limit_ticks=stamp.limit_ticks)


def too_small(decision: Decision, sized: Sizing | None) -> Decision:
    """Return *decision* turned to HOLD: nothing can be bought."""
    reason = Reason.NO_BOOK if sized is None else Reason.BELOW_MINIMUM
    binding = "" if sized is None else sized.binding
    return replace(
        decision, action=Action.HOLD, reason=reason, shares=Decimal(0), binding=binding,
        expires_at=None,
    )  # fmt: skip


def entry_intent(one: Proposal, decision: Decision, sized: Sizing, labels: Labels) -> Intent:
    """Return the order we would like to send. Raises ValueError without token, fee or price."""
    view, token, fee = one.view, one.signal.token, one.view.fee
    if token is None or fee is None or sized.limit_price is None:
        raise ValueError("an intent needs a token, a fee and a limit price")
    book_min = view.book.min_size if view.book is not None else None
    smallest = view.market.min_size or book_min or sizing.DEFAULT_MIN_SIZE
    return Intent(
        decision.id, view.market.id, view.event_id, one.signal.strategy, Purpose.ENTRY, Side.BUY,
        token, sized.shares, sized.limit_price, Reason.SIGNAL, fee, view.tick, smallest,
        labels.category, labels.sector, labels.themes,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standings:
    """What may forbid an order at this instant, each read when it is asked for.

    ``pauses`` are the kinds in force, oldest first; ``entered`` the events not to enter again.
    """

    switch: Standing
    pauses: Callable[[], Sequence[str]]
    entered: Callable[[], Collection[str]]


def barred(
    intent: Intent, expires_at: datetime | None, standings: Standings, now: datetime
) -> Verdict | None:
    """Return what forbids the order at this instant, whatever held when it was decided."""
    if forbidden := forbids(standings.switch, intent.purpose, intent.reason):
        return Verdict(Decimal(0), "kill switch", forbidden)
    if intent.purpose is Purpose.EXIT:
        return None
    if expires_at is not None and expires_at <= now:
        return Verdict(Decimal(0), "expiry", f"the signal expired at {expires_at:%H:%M:%S} UTC")
    if kinds := standings.pauses():
        binding = "stale" if kinds[0] == "stale" else "pause"
        return Verdict(Decimal(0), binding, f"entries are paused: {', '.join(kinds)}")
    if intent.event_id in standings.entered():
        said = f"event {intent.event_id} was entered meanwhile"
        return Verdict(Decimal(0), "already_in", said)
    return None


def groups_of(
    asked: Market,
    ours: Sequence[Market],
    outside: Sequence[Market] = (),
    correlations: Sequence[Correlation] = (),
) -> Groups:
    """Return the shapes of the events we have a stake in, and of the one to be entered.

    *correlations* are what was measured between markets, as known at that instant.
    """
    return of_markets([asked, *ours, *outside], correlations)


def judged(decision: Decision, verdict: Verdict) -> Decision:
    """Return *decision* as the gateway leaves it: its size, or HOLD and the rule that bound."""
    checks = [
        {"rule": c.rule, "allowed": str(c.allowed), "sentence": c.sentence} for c in verdict.checks
    ]
    facts = {**decision.facts, "risk": {"sentence": verdict.sentence, "checks": checks}}
    if verdict.allowed:
        return replace(decision, shares=verdict.shares, binding=verdict.binding, facts=facts)
    reason = _REASONS.get(verdict.binding, Reason.RISK)
    return replace(
        decision, action=Action.HOLD, reason=reason, shares=Decimal(0), binding=verdict.binding,
        facts=facts,
    )  # fmt: skip


def with_facts(decision: Decision, facts: Mapping[str, object]) -> Decision:
    """Return *decision* with *facts* beside its own."""
    return replace(decision, facts={**decision.facts, **facts})


def order_of(  # one order is made of this much
    intent: Intent, decision: Decision, verdict: Verdict, broker: str, now: datetime, number: int
) -> Order | None:
    """Return the order that *verdict* allows, ``None`` where it allows none.

    *number* tells the intents of one strategy, market and slot apart.
    """
    if not verdict.allowed:
        return None
    name = order_id(
        intent.strategy, intent.market_id, intent.token, intent.side, decision.slot, number
    )
    return Order(
        name, decision.id, intent.market_id, intent.event_id, intent.strategy, intent.purpose,
        intent.side, intent.token, verdict.shares, intent.limit_price, intent.reason,
        OrderState.PENDING, now, risk.reserve(intent, verdict.shares), broker,
    )  # fmt: skip
