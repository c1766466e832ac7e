"""The one gateway: every limit a small rule, the smallest answer wins, the verdict names it.

A rule answers how many shares it would allow and says so with its numbers. Percentages are of
``Account.base``; what counts is the stake: all a position cost can be lost, and an open order
counts with what is reserved for it. No limit, cool-down or count ever blocks a reduction: an exit
is allowed in full, up to the shares that are held.

    position        5 %   all stakes in one market
    event_group     5 %   the worst feasible outcome of one event
    theme           5 %   each theme, as if it were one position
    correlation     5 %   stakes measured to move with this one; can only tighten
    category       10 %
    sector          of the exposure limit: crypto 30, politics 30, sports 20, other 20 %
    exposure       25 %   everything
    cash           50 %   stays as cash
    trades_per_day, cool_down, open_positions, per_category            counts and waits
    day_loss, week_loss, month_loss, peak_loss                         loss limits in force
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading_cli.domain import Check, FeeSchedule, Intent, Purpose, Side, Verdict
from trading_cli.trading import RiskSection
from trading_cli.trading.account import Account, Stake
from trading_cli.trading.fees import fee as fee_of
from trading_cli.trading.fills import MICRO, ZERO, whole_shares
from trading_cli.trading.groups import Group, Groups, Line, losses_by_outcome

# Fees are rounded up level by level: a hundred levels cost at most this much more than one.
FEE_ROUNDING = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Request:
    """What a rule is asked: an intent to open, and everything known at ``now``."""

    intent: Intent
    account: Account
    limits: RiskSection
    groups: Groups
    now: datetime

    @property
    def unit(self) -> Decimal:
        """Return what one share costs at worst: the limit price and the fee there."""
        return unit_cost(self.intent.limit_price, self.intent.fee)

    def room(self, limit: Decimal, used: Decimal) -> Decimal:
        """Return the shares that fit between *used* and *limit*, both USD."""
        return whole_shares((limit - used - FEE_ROUNDING) / self.unit)


Rule = Callable[[Request], Check]


def unit_cost(price: Decimal, schedule: FeeSchedule) -> Decimal:
    """Return what one share costs all-in at *price*, USD, before any rounding of the fee."""
    return price + fee_of(Decimal(1_000_000), price, schedule) / Decimal(1_000_000)


def reserve(intent: Intent, shares: Decimal) -> Decimal:
    """Return USD to hold back for *shares* of *intent*: no fill within its limit costs more.

    0 for an exit.
    """
    if intent.purpose is Purpose.EXIT or shares <= 0:
        return ZERO
    cost = shares * unit_cost(intent.limit_price, intent.fee) + FEE_ROUNDING
    return cost.quantize(MICRO)


def review(
    intent: Intent, account: Account, limits: RiskSection, groups: Groups, now: datetime
) -> Verdict:
    """Return how many shares of *intent* may be sent, at most what it asks, and which rule binds.

    An entry below the venue's minimum becomes none. An exit is only ever cut to what is held.
    """
    if intent.purpose is Purpose.EXIT:
        return _reduction(intent, account)
    if intent.side is not Side.BUY or intent.shares <= 0 or intent.limit_price <= 0:
        return Verdict(ZERO, "entry", f"an entry buys: {intent.side} {intent.shares} does not")
    request = Request(intent, account, limits, groups, now)
    checks = tuple(rule(request) for rule in RULES)
    tightest = min(checks, key=lambda check: check.allowed)
    wanted = whole_shares(intent.shares)
    if tightest.allowed >= wanted >= intent.min_size:
        return Verdict(wanted, "", f"{wanted} shares: within every limit", checks)
    shares = min(wanted, tightest.allowed)
    if shares >= intent.min_size:
        return Verdict(shares, tightest.rule, f"{shares} shares: {tightest.sentence}", checks)
    if tightest.allowed >= wanted:
        sentence = f"{wanted} shares are below the venue's minimum of {intent.min_size}"
        return Verdict(ZERO, "minimum", sentence, checks)
    small = f" ({shares} is below the venue's minimum of {intent.min_size})" if shares else ""
    return Verdict(ZERO, tightest.rule, f"no shares: {tightest.sentence}{small}", checks)


def _reduction(intent: Intent, account: Account) -> Verdict:
    held = account.held(intent.strategy, intent.market_id, intent.token)
    if intent.side is not Side.SELL:
        return Verdict(ZERO, "held", "an exit sells what is held: this one buys")
    shares = max(ZERO, min(intent.shares, held))
    check = Check("held", held, f"{held} shares are held and not being sold already")
    binding = "held" if shares < intent.shares else ""
    return Verdict(shares, binding, f"{shares} shares: no limit blocks a reduction", (check,))


def _within(request: Request, rule: str, share: Decimal, stakes: list[Stake], what: str) -> Check:
    """Return what fits under *share* of the base beside *stakes*."""
    limit = share * request.account.base
    used = sum((stake.cost for stake in stakes), ZERO)
    sentence = f"{what}: {used:.2f} of {limit:.2f} USD at stake ({share:.1%} of the account)"
    return Check(rule, request.room(limit, used), sentence)


def _count(rule: str, request: Request, used: int, limit: int, what: str) -> Check:
    """Return all that is asked while *used* is below *limit*, else nothing."""
    allowed = request.intent.shares if used < limit else ZERO
    return Check(rule, allowed, f"{what}: {used} of {limit}")


def position(request: Request) -> Check:
    """Return what the limit of one market leaves, both tokens counted."""
    own = request.intent.market_id
    stakes = [s for s in request.account.stakes if s.market_id == own]
    return _within(request, "position", request.limits.position, stakes, "this market")


def event_group(request: Request) -> Check:
    """Return the most shares with which no feasible outcome of the event loses more than allowed.

    A share bought at ``unit`` loses unit - payout; an order may also stay unfilled, so it never
    makes another outcome better, and where the limit is broken already nothing is bought.
    """
    intent, account = request.intent, request.account
    limit = request.limits.event_group * account.base
    group = request.groups.events.get(
        intent.event_id, Group(intent.event_id, frozenset({intent.market_id}))
    )
    lines = [
        Line(s.market_id, s.token, s.shares, s.cost, sure=s.kind != "order")
        for s in account.stakes
        if s.event_id == intent.event_id
    ]
    allowed, worst = intent.shares, ZERO
    for lost, yes in losses_by_outcome(group, lines, intent.market_id):
        one = Line(intent.market_id, intent.token, Decimal(1), request.unit)
        slope = one.loss(yes if yes is not None else ZERO)
        worst = max(worst, lost)
        if slope > 0:
            allowed = min(allowed, whole_shares((limit - lost - FEE_ROUNDING) / slope))
    allowed = allowed if worst <= limit else ZERO
    sentence = f"the event's worst outcome loses {worst:.2f} already, {limit:.2f} USD is the limit"
    return Check("event_group", allowed, sentence)


def theme(request: Request) -> Check:
    """Return what the fullest of the intent's themes leaves: each counts as one position."""
    checks = [
        _within(
            request,
            "theme",
            request.limits.position,
            [s for s in request.account.stakes if name in s.labels.themes],
            f"theme {name!r}",
        )
        for name in request.intent.themes
    ]
    none = Check("theme", request.intent.shares, "no theme")
    return min(checks, key=lambda check: check.allowed, default=none)


def correlation(request: Request) -> Check:
    """Return what is left of one position among the stakes measured to move with this one."""
    intent, groups = request.intent, request.groups
    stakes = [
        s for s in request.account.stakes if groups.moves_with(intent.market_id, intent.token, s)
    ]
    if not stakes:
        return Check("correlation", intent.shares, "nothing held is measured to move with it")
    what = f"{len(stakes)} stakes that move with it"
    return _within(request, "correlation", request.limits.position, stakes, what)


def category(request: Request) -> Check:
    """Return what the category's limit leaves; markets without one count as one category."""
    own = request.intent.category
    stakes = [s for s in request.account.stakes if s.labels.category == own]
    return _within(request, "category", request.limits.category, stakes, f"category {own!r}")


def sector(request: Request) -> Check:
    """Return what the sector's share of the exposure limit leaves; an unknown one is "other"."""
    shares = {
        "crypto": request.limits.sector_crypto,
        "politics": request.limits.sector_politics,
        "sports": request.limits.sector_sports,
    }
    own = request.intent.sector if request.intent.sector in shares else "other"
    share = shares.get(own, request.limits.sector_other) * request.limits.exposure
    stakes = [
        s
        for s in request.account.stakes
        if (s.labels.sector if s.labels.sector in shares else "other") == own
    ]
    return _within(request, "sector", share, stakes, f"sector {own}")


def exposure(request: Request) -> Check:
    """Return what the limit of all stakes together leaves."""
    stakes = list(request.account.stakes)
    return _within(request, "exposure", request.limits.exposure, stakes, "everything")


def cash(request: Request) -> Check:
    """Return what may be spent while enough cash stays, open orders paid."""
    account = request.account
    floor = request.limits.cash * account.base
    free = account.cash - account.reserved
    sentence = f"{free:.2f} USD of cash is free, {floor:.2f} must stay"
    return Check("cash", request.room(free, floor), sentence)


def trades_per_day(request: Request) -> Check:
    """Return all or nothing: entries of this UTC day against their limit."""
    used, limit = request.account.entries_today, request.limits.trades_per_day
    return _count("trades_per_day", request, used, limit, "entries today")


def cool_down(request: Request) -> Check:
    """Return nothing for a while after a loss, else all."""
    last = request.account.last_loss_at
    wait = timedelta(minutes=request.limits.cool_down_minutes)
    if last is None or request.now >= last + wait:
        return Check("cool_down", request.intent.shares, "no loss within the cool-down")
    until = (last + wait).astimezone(UTC)
    return Check("cool_down", ZERO, f"a loss at {last:%H:%M}: no entry until {until:%H:%M} UTC")


def _holdings(request: Request, own: str | None = None) -> int:
    """Return how many other markets' tokens are held or ordered, of one category where named."""
    mine = (request.intent.market_id, request.intent.token)
    return len(
        {
            (s.market_id, s.token)
            for s in request.account.stakes
            if (s.market_id, s.token) != mine and (own is None or s.labels.category == own)
        }
    )


def open_positions(request: Request) -> Check:
    """Return all or nothing: positions and open entry orders, the wallet's own included."""
    limit = request.limits.open_positions
    return _count("open_positions", request, _holdings(request), limit, "open positions")


def per_category(request: Request) -> Check:
    """Return all or nothing: positions in this category."""
    own, limit = request.intent.category, request.limits.per_category
    what = f"open positions in category {own!r}"
    return _count("per_category", request, _holdings(request, own), limit, what)


def _loss(kind: str) -> Rule:
    """Return the rule that forbids entries while the loss limit of *kind* is in force."""

    def rule(request: Request) -> Check:
        found = [loss for loss in request.account.losses if loss.kind == kind]
        allowed = ZERO if found else request.intent.shares
        sentence = found[0].sentence if found else f"no {kind} loss limit is in force"
        return Check(f"{kind}_loss", allowed, sentence)

    return rule


day_loss = _loss("day")
week_loss = _loss("week")
month_loss = _loss("month")
peak_loss = _loss("peak")

RULES: tuple[Rule, ...] = (
    peak_loss, month_loss, week_loss, day_loss,
    cool_down, trades_per_day, open_positions, per_category,
    exposure, cash, position, event_group, theme, correlation, category, sector,
)  # fmt: skip
