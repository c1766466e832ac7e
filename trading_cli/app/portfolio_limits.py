"""How much of each limit is in use, and what would have to go for all of them to hold.

The rules are those of the gateway (trading.risk); here they are asked of what is held, not of what
is wanted. What a wallet or a person holds fills the limits and is never advised away.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from trading_cli.trading import RiskSection
from trading_cli.trading.account import Account, Stake
from trading_cli.trading.groups import Group, Groups, Line, worst_loss

ZERO, ONE = Decimal(0), Decimal(1)
SECTORS = ("crypto", "politics", "sports")
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Use:
    """One limit: of what, how much is used of how much, USD or a count.

    ``share`` is used over limit; of cash, which must stay, limit over what is free. Above 1 it is
    broken. ``stakes`` are those it counts.
    """

    rule: str
    of: str
    used: Decimal
    limit: Decimal
    unit: str = "USD"
    stakes: tuple[Stake, ...] = ()

    @property
    def share(self) -> Decimal | None:
        """Return how full it is; ``None`` where the limit is 0 and something is used."""
        over, under = (self.limit, self.used) if self.rule == "cash" else (self.used, self.limit)
        if under > 0:
            return over / under
        return ZERO if over <= 0 else None

    @property
    def broken(self) -> bool:
        """Say whether more is used than allowed."""
        return self.share is None or self.share > 1


def uses(account: Account, limits: RiskSection, groups: Groups) -> list[Use]:
    """Return every limit that has something in it, the fullest first."""
    base, stakes = account.base, account.stakes
    found: list[Use] = []

    def add(rule: str, share: Decimal, members: dict[str, list[Stake]]) -> None:
        found.extend(
            Use(rule, name, _cost(some), share * base, "USD", tuple(some))
            for name, some in members.items()
        )

    add("position", limits.position, _by(stakes, lambda s: [s.market_id]))
    add("theme", limits.position, _by(stakes, lambda s: s.labels.themes))
    add("category", limits.category, _by(stakes, lambda s: [s.labels.category or "none"]))
    for name, some in _by(stakes, lambda s: [_sector(s)]).items():
        share = Decimal(getattr(limits, f"sector_{name}")) * limits.exposure
        add("sector", share, {name: some})
    for event, some in _by(stakes, lambda s: [s.event_id]).items():
        worst = worst_loss(group_of(groups, event, some), _lines(some))
        found.append(
            Use("event_group", event, worst, limits.event_group * base, "USD", tuple(some))
        )
    found.append(Use("exposure", "all", account.exposure, limits.exposure * base, "USD", stakes))
    found.append(Use("cash", "free", account.cash - account.reserved, limits.cash * base))
    markets = {(s.market_id, s.token) for s in stakes}
    found.append(_count("open_positions", "all", len(markets), limits.open_positions))
    for name, some in _by(stakes, lambda s: [s.labels.category or "none"]).items():
        held = len({(s.market_id, s.token) for s in some})
        found.append(_count("per_category", name, held, limits.per_category))
    found.append(_count("trades_per_day", "today", account.entries_today, limits.trades_per_day))
    return sorted(found, key=lambda one: (-_fullness(one), one.rule, one.of))


def _fullness(one: Use) -> Decimal:
    return Decimal("Infinity") if one.share is None else one.share


def _count(rule: str, of: str, used: int, limit: int) -> Use:
    return Use(rule, of, Decimal(used), Decimal(limit), "count")


def _cost(stakes: Iterable[Stake]) -> Decimal:
    return sum((stake.cost for stake in stakes), ZERO)


def _by(stakes: Iterable[Stake], names: Callable[[Stake], Iterable[str]]) -> dict[str, list[Stake]]:
    found: dict[str, list[Stake]] = defaultdict(list)
    for stake in stakes:
        for name in names(stake):
            found[name].append(stake)
    return found


def _sector(stake: Stake) -> str:
    return stake.labels.sector if stake.labels.sector in SECTORS else "other"


def group_of(groups: Groups, event: str, stakes: Sequence[Stake]) -> Group:
    """Return the shape of *event*; one nobody knows is its markets, apart from one another."""
    return groups.events.get(event, Group(event, frozenset(s.market_id for s in stakes)))


def _lines(stakes: Iterable[Stake]) -> list[Line]:
    return [Line(s.market_id, s.token, s.shares, s.cost, sure=s.kind != "order") for s in stakes]


Key = tuple[str, str, str]  # strategy, market, token


def key_of(stake: Stake) -> Key:
    """Return what tells one of our positions from another."""
    return stake.strategy, stake.market_id, stake.token.value


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of a position may stay, 0..1, and the rule that says so."""

    share: Decimal
    rule: str
    of: str


def kept(found: Sequence[Use], groups: Groups) -> dict[Key, Kept]:
    """Return what may stay of each of our positions under a broken limit of stakes, the least.

    All of ours under a broken limit are cut by the same share; the cuts of several limits are not
    added up, the smallest that stays is taken.
    """
    said: dict[Key, Kept] = {}
    for use in found:
        if use.unit != "USD" or use.rule == "cash" or not use.broken:
            continue
        own = [s for s in use.stakes if s.kind == "position"]
        share = _event_share(use, groups) if use.rule == "event_group" else _share(use, own)
        for stake in own:
            before = said.get(key_of(stake))
            if before is None or share < before.share:
                said[key_of(stake)] = Kept(share, use.rule, use.of)
    return said


def _share(use: Use, own: Sequence[Stake]) -> Decimal:
    held = _cost(own)
    return max(ZERO, (held - (use.used - use.limit)) / held) if held > 0 else ONE


def _event_share(use: Use, groups: Groups) -> Decimal:
    """Return the share of ours with which the event's worst outcome is within its limit.

    By bisection, since what is not ours stays as it is.
    """
    group = group_of(groups, use.of, use.stakes)
    low, high = ZERO, ONE
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        scaled = [_scaled(s, middle) if s.kind == "position" else s for s in use.stakes]
        within = worst_loss(group, _lines(scaled)) <= use.limit
        low, high = (middle, high) if within else (low, middle)
    return low


def _scaled(stake: Stake, share: Decimal) -> Stake:
    return replace(stake, shares=stake.shares * share, cost=stake.cost * share)
