"""Which trades were one bet: what one theme decided, however many markets it was bought in.

The bound of the gate (research/gates.py) assumes that events do not know of one another. What was
open at the same time and shares a theme does: five markets of one election, or a bet a day on the
same coin, each held a week. Of zero-edge records in which a bet is opened every day, held for
seven and shares a factor with the others (correlation .6), 25 % pass when every event counts; 2 %
when they are grouped as here.

A bet begins with a trade. Whatever is opened before that trade is closed and shares a theme with
one already in the bet belongs to it; the next one begins the next bet. Trades of one event are
always one bet, whenever they were made: entering it again begins the bet again. A bet counts when
nothing of it is open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from trading_cli.research.gates import ClosedTrade


@dataclass(frozen=True, slots=True)
class Trade:
    """One position: its event, its themes, from when to when (``None``: open), USD.

    ``net`` is what it made after fees, ``paid`` what it cost with them.
    """

    event: str
    themes: frozenset[str]
    opened_at: datetime
    closed_at: datetime | None
    net: float
    paid: float


@dataclass(slots=True, eq=False)
class _Bet:
    """A bet in the making: ``until`` is when its first trade was closed (``None``: not yet)."""

    name: str
    until: datetime | None
    themes: set[str] = field(default_factory=set)
    trades: list[Trade] = field(default_factory=list)

    def takes(self, one: Trade) -> bool:
        """Return whether *one*, opened while this bet runs, shares a theme with it."""
        return not self.themes.isdisjoint(one.themes)

    def add(self, trades: Iterable[Trade]) -> None:
        """Take *trades* in."""
        for one in trades:
            self.trades.append(one)
            self.themes |= one.themes


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later of two ends; ``None`` is not yet."""
    return None if one is None or other is None else max(one, other)


def _order(one: Trade) -> tuple[datetime, bool, float, str, list[str]]:
    """Return what trades are taken by: when opened; of one instant the longest first.

    What is equal in all of it is in the same bet in whatever order it comes.
    """
    closed = one.closed_at
    return (
        one.opened_at,
        closed is not None,
        0.0 if closed is None else -closed.timestamp(),
        one.event,
        sorted(one.themes),
    )


def grouped(trades: Sequence[Trade]) -> tuple[list[ClosedTrade], int]:
    """Return the closed trades of the bets that are over, and how many wait for their bet's end.

    A trade's ``event`` is its bet's: the event of the bet's first trade. What cost nothing has no
    return and is left out.
    """
    of_event: dict[str, _Bet] = {}
    found: list[_Bet] = []
    running: list[_Bet] = []
    for one in sorted(trades, key=_order):
        running = [bet for bet in running if bet.until is None or one.opened_at < bet.until]
        own = of_event.get(one.event)
        near = [bet for bet in running if bet is not own and bet.takes(one)]
        near = near if own is None else [own, *near]
        bet = near[0] if near else _Bet(one.event, one.closed_at)
        if not near:
            found.append(bet)
        if bet not in running:  # a new one, or one whose event is entered again
            bet.until = one.closed_at
            running.append(bet)
        bet.add([one])
        of_event[one.event] = bet
        for other in near[1:]:
            bet.add(other.trades)
            bet.until = _later(bet.until, other.until)
            of_event |= {each.event: bet for each in other.trades}
            found.remove(other)
            running = [each for each in running if each is not other]
    over = [bet for bet in found if all(one.closed_at is not None for one in bet.trades)]
    closed = [
        ClosedTrade(bet.name, one.closed_at, one.net, one.paid)
        for bet in over
        for one in bet.trades
        if one.closed_at is not None and one.paid > 0
    ]
    ended = sum(one.closed_at is not None and one.paid > 0 for one in trades)
    return closed, ended - len(closed)
