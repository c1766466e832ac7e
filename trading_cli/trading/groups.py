"""Which markets stand or fall together: the outcomes of an event, and measured correlation.

An event whose markets exclude one another (the venue's negRisk: one YES at most) has as outcomes
each market alone, or none of them unless the list is known to be exhaustive. Markets of an event
that do not exclude one another may come out in every combination; there the worst of all is the
sum of each market's worst, so nothing has to be enumerated. Either kind may be cancelled: every
market then pays 0.5.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trading_cli.domain import Market, Token
from trading_cli.trading.account import Stake
from trading_cli.trading.fills import ONE, ZERO

HALF = Decimal("0.5")
MIN_MOVES = 100
MIN_RHO = 0.7


@dataclass(frozen=True, slots=True)
class Group:
    """The markets of one event. ``exhaustive``: one of ``markets`` must come out YES."""

    event_id: str
    markets: frozenset[str]
    exclusive: bool = False
    exhaustive: bool = False


@dataclass(frozen=True, slots=True)
class Correlation:
    """How two markets' YES sides moved: rho of hourly changes of the logit, over ``moves``."""

    one: str
    other: str
    rho: float
    moves: int


@dataclass(frozen=True, slots=True)
class Groups:
    """Every event we know the shape of, and what was measured. Unknown events are independent."""

    events: Mapping[str, Group] = field(default_factory=dict)
    correlations: tuple[Correlation, ...] = ()

    def moves_with(self, market_id: str, token: Token, stake: Stake) -> bool:
        """Return whether *stake* is measured to win and lose with this token of this market.

        Below 100 moves, or |rho| up to 0.7, nothing is measured; NO turns the sign.
        """
        pair = {market_id, stake.market_id}
        same = ONE if token is stake.token else -ONE
        return any(
            {c.one, c.other} == pair and c.moves >= MIN_MOVES and c.rho * float(same) > MIN_RHO
            for c in self.correlations
        )


def of_markets(markets: Iterable[Market], correlations: Iterable[Correlation] = ()) -> Groups:
    """Return the groups of *markets* by event; exclusive where all of them are of one negRisk set.

    Never exhaustive: the listing may not show every market of the event.
    """
    members: dict[str, list[Market]] = {}
    for market in markets:
        members.setdefault(market.event_id or market.id, []).append(market)
    events = {
        event: Group(
            event,
            frozenset(m.id for m in held),
            exclusive=all(m.neg_risk for m in held)
            and len({m.neg_risk_market_id for m in held}) == 1,
        )
        for event, held in members.items()
    }
    return Groups(events, tuple(correlations))


@dataclass(frozen=True, slots=True)
class Line:
    """One stake in one outcome: what a share pays, what it cost. ``sure``: it is really held."""

    market_id: str
    token: Token
    shares: Decimal
    cost: Decimal
    sure: bool = True

    def loss(self, yes: Decimal) -> Decimal:
        """Return what this loses where the market's YES pays *yes*; a gain is negative.

        An order that may not be filled never gains.
        """
        pays = yes if self.token is Token.YES else ONE - yes
        lost = self.cost - pays * self.shares
        return lost if self.sure else max(ZERO, lost)


Outcome = Mapping[str, Decimal]


def outcomes(group: Group, held: Iterable[str]) -> tuple[Outcome, ...]:
    """Return what YES pays in each market of *held*, for every feasible outcome of *group*.

    Only for an exclusive group: one YES alone, none (unless it is exhaustive and all its markets
    are held), or cancelled at 0.5.
    """
    ids = sorted(set(held))
    alone = [{m: ONE if m == winner else ZERO for m in ids} for winner in ids]
    nobody = [] if group.exhaustive and group.markets <= set(ids) else [dict.fromkeys(ids, ZERO)]
    return (*alone, *nobody, dict.fromkeys(ids, HALF))


def worst_loss(group: Group, lines: Sequence[Line]) -> Decimal:
    """Return the most *lines* can lose together in one feasible outcome, USD, never below 0."""
    return max((ZERO, *(loss for loss, _ in losses_by_outcome(group, lines))))


def losses_by_outcome(
    group: Group, lines: Sequence[Line], market_id: str = ""
) -> tuple[tuple[Decimal, Decimal | None], ...]:
    """Return (loss of *lines*, what YES of *market_id* pays) for each outcome that can be worst.

    Where markets do not exclude one another, the other markets' worst is added to each of this
    one's outcomes. The second is ``None`` where *market_id* is "".
    """
    if group.exclusive:
        ids = {line.market_id for line in lines} | ({market_id} if market_id else set())
        return tuple(
            (sum((ln.loss(pays[ln.market_id]) for ln in lines), ZERO), pays.get(market_id))
            for pays in outcomes(group, ids)
        )
    rest = _apart([line for line in lines if line.market_id != market_id])
    own = [line for line in lines if line.market_id == market_id]
    if not market_id:
        return ((rest, None),)
    return tuple(
        (rest + sum((line.loss(yes) for line in own), ZERO), yes) for yes in (ZERO, ONE, HALF)
    )


def _apart(lines: Sequence[Line]) -> Decimal:
    """Return the sum of each market's worst: exact where every combination is feasible."""
    by_market: dict[str, list[Line]] = {}
    for line in lines:
        by_market.setdefault(line.market_id, []).append(line)
    return sum(
        (
            max(sum((line.loss(yes) for line in own), ZERO) for yes in (ZERO, ONE))
            for own in by_market.values()
        ),
        ZERO,
    )
