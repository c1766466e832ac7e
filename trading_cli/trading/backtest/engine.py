"""Slot by slot over a history: the live steps, in their order, with the live functions.

In each slot: orders whose book was seen by now are settled; what the venue paid is settled; every
holding is judged on its own fresh book; the account is marked and the loss limits are asked; then
the candidates are decided, sized, reviewed, ordered and filled; and the account is marked again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from trading_cli.domain import Action, Decision, Market, Position, Reason, Token
from trading_cli.trading import deciding, looking_after, orchestrator
from trading_cli.trading.account import PERSON
from trading_cli.trading.backtest.dealing import Asked, Dealer
from trading_cli.trading.backtest.guard import Guard
from trading_cli.trading.backtest.history import History, Moment
from trading_cli.trading.backtest.marks import PERIODS
from trading_cli.trading.backtest.result import Equity, Floats, Run
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.backtest.tally import Said, Tally, features_of
from trading_cli.trading.deciding import Stamp
from trading_cli.trading.exits import Exit, Holding, Stay, review
from trading_cli.trading.fills import DEAREST_FEE
from trading_cli.trading.killswitch import State
from trading_cli.trading.looking_after import DAY, WEEK
from trading_cli.trading.orchestrator import Proposal
from trading_cli.trading.strategies import Strategy
from trading_cli.trading.vetoes import Sections
from trading_cli.trading.view import TradingState, View


def run(
    history: History,
    rules: Rules,
    strategies: Sequence[Strategy],
    *,
    keep_decisions: bool = False,
) -> Run:
    """Return what *strategies*, in their order, would have done over *history* under *rules*.

    ``keep_decisions`` keeps every decision row with its facts and vetoes; the digest is the same
    without. Raises ``LedgerRefused`` where the run's books would not balance.
    """
    engine = Engine(history, rules, strategies, Tally(keep=keep_decisions))
    for moment in history.moments():
        engine.step(moment)
    return result_of(engine)


def trace(history: History, rules: Rules, strategies: Sequence[Strategy]) -> tuple[str, ...]:
    """Return what the digest takes of every decision of such a run, in order: to compare two."""
    engine = Engine(history, rules, strategies, Tally(keep=False, trace=True))
    for moment in history.moments():
        engine.step(moment)
    return tuple(engine.tally.lines or ())


class Engine:
    """One run, a slot at a time. ``done``: its own switch was pulled, and nothing is held.

    ``explain``: what a strategy holds anyway is told its vetoes, too, where decisions are kept.
    """

    def __init__(
        self, history: History, rules: Rules, strategies: Sequence[Strategy], tally: Tally
    ) -> None:
        self.history, self.rules, self.strategies = history, rules, tuple(strategies)
        self.tally = tally
        self.dealer = Dealer(history, rules, tally)
        self.guard = Guard(history, rules, self.dealer)
        self.sections = Sections(rules.signals, rules.exits)
        self.waived: frozenset[Reason] = frozenset()
        self.done = False
        self.explain = tally.keep

    def step(self, moment: Moment) -> None:
        """Do one slot."""
        dealer, guard = self.dealer, self.guard
        if not guard.marks.taken and not dealer.holdings.totals:
            dealer.holdings.open(self.rules.bankroll, moment.exits_at)
        dealer.forget_books()
        if not self.done:
            self.look_after(moment.slot, moment.exits_at)
            guard.mark(moment.slot, moment.exits_at)
            self.done = guard.killed is not None and not dealer.holdings.markets()
        if not self.done:
            self.enter(moment.slot, moment.decided_at)
        guard.mark(moment.slot, moment.decided_at)
        dealer.holdings.check()

    def _stamp(self, slot: int) -> Stamp:
        rules = self.rules
        return Stamp(slot, rules.settings_hash, rules.expiry, rules.risk.limit_ticks)

    # --- what is held

    def look_after(self, slot: int, now: datetime) -> None:
        """Settle what is paid and check every holding's exits, each on its own book."""
        dealer = self.dealer
        dealer.resolve(now)
        self.guard.stand(slot, now)
        self._settle(now)
        held = dealer.holdings.held()
        markets = {one.market_id: dealer.market(one.market_id, now) for one in held}
        if held:
            for name, book in self.history.exit_books(slot, list(markets)).items():
                dealer.remember(markets[name], book)
        found = [self._holding(position, markets[position.market_id], now) for position in held]
        stamp = self._stamp(slot)
        kept: list[Position] = []
        for holding in found:
            answer = review(holding, self.rules.exits, now)
            decision = looking_after.exit_decision(holding, answer, stamp, now)
            if isinstance(answer, Stay):
                self.tally.decided(decision, "")
                kept.append(answer.position)
            elif not self._sell(answer, holding, decision, now):
                kept.append(answer.position)
        for position in kept:
            dealer.holdings.brought_up_to_date(position)

    def _holding(self, position: Position, market: Market, now: datetime) -> Holding:
        opened, traded = position.opened_at, self.history.traded_usd
        return looking_after.holding_of(
            position,
            market,
            self.dealer.book(market, position.token),
            self.dealer.fee(market, now) or DEAREST_FEE,
            volume_24h=traded(market.id, now - DAY, now, now),
            volume_before=traded(market.id, opened - WEEK, opened, now),
            kill_level=self.dealer.switch.level,
        )

    def _sell(self, answer: Exit, holding: Holding, decision: Decision, now: datetime) -> bool:
        """Send the sale; return whether anything was sold at once. A person sells their own."""
        if answer.position.by == PERSON:
            self.tally.decided(decision, "")
            return False
        market = self.dealer.market(answer.position.market_id, now)
        intent = looking_after.exit_intent(holding, answer, decision.id)
        asked = Asked(intent, decision, market, position=answer.position, number=1)
        return self.dealer.carry_out(asked, now)

    def _settle(self, now: datetime) -> None:
        """Settle every position whose market has paid; one that is being sold waits."""
        for position in self.dealer.holdings.held():
            yes = self.history.payout(position.market_id, now)
            if yes is None or self.dealer.holdings.being_sold(position):
                continue
            payout = yes if position.token is Token.YES else 1 - yes
            after = self.dealer.holdings.settled(position, payout, now)
            self.tally.settled(position, after, payout)

    # --- what is entered

    def enter(self, slot: int, now: datetime) -> None:
        """Decide on every candidate, and carry out what is allowed."""
        dealer, keep = self.dealer, self.tally.keep
        dealer.resolve(now)
        self.guard.stand(slot, now)
        views = self._seen(slot, now)
        stamp = self._stamp(slot)
        told = {view.market.id: features_of(view.features) for view in views}
        for one in orchestrator.decide(
            views, self.strategies, self.sections, explain=self.explain, bare=not keep, in_line=True
        ):
            if one.view.book is not None:
                dealer.remember(one.view.market, one.view.book)
            if one.action is not Action.HOLD:
                self._entry(one, stamp, now)
            elif keep:
                decision = deciding.entry_decision(one, stamp, now)
                self.tally.decided(decision, told[one.view.market.id])
            else:
                self.tally.held_off(one, told[one.view.market.id])

    def _seen(self, slot: int, now: datetime) -> list[View]:
        """Return the candidates' views with what the account alone knows."""
        dealer, entered = self.dealer, self.dealer.entered(now)
        armed = dealer.switch.state is State.ARMED
        fees = self.rules.fees
        changed = bool(entered or dealer.pauses or fees or not armed)
        given: TradingState | None = None
        found = []
        for view in self.history.views(slot):
            self.waived |= view.waived
            if not changed:
                found.append(view)
                continue
            if view.state is not given:
                given = view.state
                told = replace(
                    given,
                    kill_state=dealer.switch.state.value,
                    kill_level=dealer.switch.level,
                    pauses=dealer.pauses,
                )
            found.append(_told(view, entered=entered, state=told, fee=fees or view.fee))
        return found

    def _entry(self, one: Proposal, stamp: Stamp, now: datetime) -> None:
        """Size one proposal and carry it out, or keep why it comes to nothing."""
        features, keep = features_of(one.view.features), self.tally.keep
        sized = deciding.size_of(one, lambda: self.dealer.account(now), self.rules.risk)
        decision = deciding.entry_decision(one, stamp, now, sized, bare=not keep)
        if sized is None or not sized.shares or sized.limit_price is None:
            self.tally.decided(deciding.too_small(decision, sized), features)
            return
        market = one.view.market
        asked = Asked(
            deciding.entry_intent(one, decision, sized, self.dealer.labels(market)),
            decision,
            market,
            features,
            said=Said(one.signal.label, one.signal.probability, market.question),
            sized=(lambda shares: deciding.sized_facts(one, shares, stamp)) if keep else None,
        )
        self.dealer.carry_out(asked, now)


def _told(view: View, **known: object) -> View:
    """Return *view* with what the account knows: as ``replace`` does, in a tenth of its time."""
    told = object.__new__(View)
    for name in View.__slots__:
        object.__setattr__(told, name, known[name] if name in known else getattr(view, name))
    return told


def result_of(engine: Engine) -> Run:
    """Return everything that *engine* did until now."""
    tally, guard, holdings = engine.tally, engine.guard, engine.dealer.holdings
    taken = guard.marks.taken
    values = engine.dealer.values(taken[-1].at) if taken else {}

    def column(name: str) -> Floats:
        return np.array([float(getattr(mark, name)) for mark in taken], dtype=np.float64)

    equity = Equity(
        np.array([mark.slot for mark in taken], dtype=np.int64),
        column("cash"),
        column("liquidation"),
        column("mid"),
        column("exposure"),
    )
    return Run(
        closed=tuple(tally.closed),
        still_open=tally.still_open(values),
        equity=equity,
        reasons=dict(tally.reasons),
        grades=dict(tally.grades),
        digest=tally.digest(holdings.orders, holdings.fills),
        orders=tuple(holdings.orders.values()),
        fills=tuple(holdings.fills),
        entries=tuple(holdings.entries),
        decisions=tuple(tally.decisions),
        traded=holdings.traded,
        waived=frozenset(reason.value for reason in engine.waived),
        killed_at=None if guard.killed is None else guard.killed.since,
        pauses={kind: guard.counted[kind] for kind in PERIODS if kind in guard.counted},
    )


__all__ = ["Engine", "result_of", "run", "trace"]
