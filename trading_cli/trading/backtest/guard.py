"""How a run stands: the switch, the pauses, and the marks that begin the one or pull the other."""

from collections.abc import Mapping
from datetime import datetime

from trading_cli.trading import looking_after
from trading_cli.trading.backtest.dealing import Dealer
from trading_cli.trading.backtest.history import History
from trading_cli.trading.backtest.marks import Marks, SlotMark
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.killswitch import Standing, State, stricter
from trading_cli.trading.looking_after import whole
from trading_cli.trading.losses import Loss


class Guard:
    """Keeps the dealer's switch, pauses and losses current.

    What others did comes from the history; the loss limits are the run's own. A loss from the peak
    pulls the switch for good: everything is sold, and the run trades no more.
    """

    def __init__(self, history: History, rules: Rules, dealer: Dealer) -> None:
        self.history, self.rules, self.dealer = history, rules, dealer
        self.marks = Marks()
        self.killed: Standing | None = None
        self.begun: dict[str, datetime] = {}
        self.counted: dict[str, int] = {}
        self._paused: dict[str, Loss] = {}

    def resume(self, losses: Mapping[str, Loss], begun: Mapping[str, datetime]) -> None:
        """Go on from loss limits in force, by kind, and from when each last began."""
        self._paused, self.begun = dict(losses), dict(begun)

    def stand(self, slot: int, now: datetime) -> None:
        """Bring the switch and the pauses up to date."""
        operated = self.history.operated(slot)
        switch = Standing(State(operated.kill_state), operated.kill_level, "as operated")
        self._paused = {
            kind: loss
            for kind, loss in self._paused.items()
            if loss.until is not None and loss.until > now
        }
        dealer = self.dealer
        dealer.switch = switch if self.killed is None else stricter(switch, self.killed)
        dealer.losses = tuple(self._paused.values())
        dealer.pauses = (*operated.pauses, *self._paused)

    def mark(self, slot: int, now: datetime) -> None:
        """Keep what everything is worth, and begin the pause or the stop that calls for."""
        dealer = self.dealer
        held = dealer.holdings.held()
        books = {
            (one.market_id, one.token): book
            for one in held
            if (book := dealer.book(dealer.market(one.market_id, now), one.token)) is not None
        }
        middle, fresh, seen = looking_after.middle_of(held, books, now)
        account = dealer.account(now)
        mark = SlotMark(
            slot=slot,
            at=now,
            cash=account.cash,
            liquidation=whole(account.liquidation),
            mid=whole(middle),
            exposure=account.exposure,
            equity=whole(account.equity),
            fresh=fresh,
            seen=seen,
            flows=account.capital - self.rules.bankroll,
        )
        self.marks.take(mark)
        for loss in self.marks.losses(now, self.rules.risk, self.rules.bankroll, self.begun):
            self._broken(loss, now)
        self.stand(slot, now)

    def _broken(self, loss: Loss, now: datetime) -> None:
        if loss.kill_level is None:
            self._paused[loss.kind], self.begun[loss.kind] = loss, now
            self.counted[loss.kind] = self.counted.get(loss.kind, 0) + 1
        elif self.killed is None:
            reason = loss.sentence
            self.killed = Standing(State.TRIGGERED, loss.kill_level, reason, now, "risk")
