"""How many shares to ask for, before any risk limit: the smallest of what each check allows.

    tier        the strategy's ceiling, a share of the account's base
    kelly       a quarter of (q - p') / (1 - p'), only where the strategy states a probability q;
                p' is the all-in ask. Never from a strength or a "confidence"
    ask_depth   5 % of the shares offered within 2 ticks of the best ask
    bid_depth   20 % of the shares bid within 2 % of the best bid: one must get out again
    halved      half of that, where the hype is provisional or the market may resolve any day
    minimum     the venue's smallest order: below it, no trade

The limit price is the ask and two ticks, at most one tick below 1.
"""

from dataclasses import dataclass
from decimal import Decimal

from trading_cli.domain import Book, Check, FeeSchedule, Signal
from trading_cli.trading import RiskSection
from trading_cli.trading.account import Account
from trading_cli.trading.fills import ONE, ZERO, whole_shares
from trading_cli.trading.risk import unit_cost

BID_DEPTH_WITHIN = Decimal("0.02")
HALF = Decimal("0.5")
DEFAULT_TICK = Decimal("0.01")
DEFAULT_MIN_SIZE = Decimal(5)


@dataclass(frozen=True, slots=True)
class Sizing:
    """Shares to ask for (0: no trade), the limit price, and which check gave the answer.

    ``limit_price`` is ``None`` exactly where the book offers nothing.
    """

    shares: Decimal
    limit_price: Decimal | None
    binding: str
    sentence: str
    checks: tuple[Check, ...] = ()


def limit_price(ask: Decimal, tick: Decimal, ticks: int) -> Decimal:
    """Return the most we pay for a share: *ticks* above the ask, at most one tick below 1."""
    return min(ask + ticks * tick, ONE - tick)


def size(  # one order's size is made of this much
    signal: Signal,
    book: Book,
    fee: FeeSchedule,
    account: Account,
    section: RiskSection,
    *,
    tick: Decimal | None = None,
    min_size: Decimal | None = None,
    halved: bool = False,
) -> Sizing:
    """Return what to ask for of the book's own token (the one *signal* buys).

    *tick* and *min_size* default to the book's, then to 0.01 and 5. *halved* adds to
    ``signal.halved``; together they halve once.
    """
    step = tick or book.tick or DEFAULT_TICK
    smallest = min_size if min_size is not None else book.min_size
    smallest = DEFAULT_MIN_SIZE if smallest is None else smallest
    if book.best_ask is None or book.best_bid is None:
        return Sizing(ZERO, None, "book", "no trade: the book has one side or none")
    limit = limit_price(book.best_ask, step, section.limit_ticks)
    checks = [
        _tier(signal, account, unit_cost(limit, fee)),
        *_kelly(signal, book.best_ask, fee, account, section),
        _ask_depth(book, book.best_ask, step, section),
        _bid_depth(book, book.best_bid, section),
    ]
    tightest = min(checks, key=lambda check: check.allowed)
    shares = tightest.allowed
    if signal.halved or halved:
        shares = whole_shares(shares * HALF)
        checks.append(Check("halved", shares, f"half of {tightest.allowed}: {shares} shares"))
    if shares >= smallest and shares > 0:
        sentence = f"{shares} shares at up to {limit}: {tightest.sentence}"
        return Sizing(shares, limit, tightest.rule, sentence, tuple(checks))
    sentence = f"{shares} shares are below the venue's minimum of {smallest}"
    checks.append(Check("minimum", ZERO, sentence))
    binding = tightest.rule if tightest.allowed == 0 else "minimum"
    return Sizing(ZERO, limit, binding, f"no trade: {sentence}; {tightest.sentence}", tuple(checks))


def _tier(signal: Signal, account: Account, unit: Decimal) -> Check:
    usd = signal.ceiling * account.base
    sentence = f"{signal.ceiling:.1%} of {account.base:.2f} USD is {usd:.2f} USD"
    return Check("tier", whole_shares(usd / unit), sentence)


def kelly_fraction(probability: float, price: Decimal) -> Decimal:
    """Return Kelly's fraction of the account for a token that costs *price* all-in, at least 0.

    (q - p') / (1 - p'). Raises ValueError unless 0 <= q <= 1; 0 where the price is 1 or more.
    """
    q = Decimal(repr(probability))
    if not (q.is_finite() and ZERO <= q <= ONE):
        raise ValueError(f"a probability lies in [0, 1], not {probability}")
    return ZERO if price >= ONE else max(ZERO, (q - price) / (ONE - price))


def _kelly(
    signal: Signal, ask: Decimal, fee: FeeSchedule, account: Account, section: RiskSection
) -> list[Check]:
    """Return the check where a probability is stated, else none."""
    if signal.probability is None:
        return []
    price = unit_cost(ask, fee)
    fraction = section.kelly * kelly_fraction(signal.probability, price)
    sentence = (
        f"{section.kelly} Kelly of a probability of {signal.probability:.3f} against"
        f" {price:.4f} all-in is {fraction:.2%} of {account.base:.2f} USD"
    )
    return [Check("kelly", whole_shares(fraction * account.base / price), sentence)]


def _ask_depth(book: Book, ask: Decimal, tick: Decimal, section: RiskSection) -> Check:
    top = ask + 2 * tick
    offered = sum((lv.size for lv in book.asks if lv.price <= top), ZERO)
    sentence = f"{section.ask_depth:.0%} of {offered:.2f} shares offered up to {top}"
    return Check("ask_depth", whole_shares(section.ask_depth * offered), sentence)


def _bid_depth(book: Book, bid: Decimal, section: RiskSection) -> Check:
    low = bid * (ONE - BID_DEPTH_WITHIN)
    wanted = sum((lv.size for lv in book.bids if lv.price >= low), ZERO)
    sentence = f"{section.bid_depth:.0%} of {wanted:.2f} shares bid down to {low:.4f}"
    return Check("bid_depth", whole_shares(section.bid_depth * wanted), sentence)
