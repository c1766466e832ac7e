"""Walking a book: what an order would get, level by level, best first, within its limit.

Shares come in hundredths (the venue's size step), taken down; prices are the levels' own. A level
costs size x price plus the fee of that level (5 decimals): with prices of at most 4 decimals every
amount is a whole number of millionths. Where a price has more, we pay rounded up and get rounded
down. Depth our own fills took is gone until a newer book shows it back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from types import MappingProxyType

from trading_cli.domain import Book, FeeSchedule, Fill, Level, Side, Token
from trading_cli.trading.fees import fee as fee_of

SHARE_STEP = Decimal("0.01")
MICRO = Decimal("0.000001")
ZERO = Decimal(0)
ONE = Decimal(1)
# What a way out is charged where nobody knows the fee: the dearest of the table at any price. An
# unknown fee forbids entries; it must not lock a holding in.
DEAREST_FEE = FeeSchedule(Decimal("0.07"), ONE, "dearest known")
_NOTHING_TAKEN: Mapping[Decimal, Decimal] = MappingProxyType({})


def whole_shares(shares: Decimal) -> Decimal:
    """Return *shares* down to the venue's size step, a hundredth of a share; never below 0."""
    return max(ZERO, shares).quantize(SHARE_STEP, ROUND_DOWN)


@dataclass(frozen=True, slots=True)
class Walk:
    """What an order gets out of one book: the parts of levels it took, best first.

    ``gross`` and ``fee`` are USD in whole millionths. ``price`` is the average, ``None`` where
    nothing was within the limit.
    """

    side: Side
    levels: tuple[Level, ...]
    shares: Decimal
    gross: Decimal
    fee: Decimal

    @property
    def price(self) -> Decimal | None:
        """Return the average price of a share without the fee."""
        return self.gross / self.shares if self.shares else None

    @property
    def net(self) -> Decimal:
        """Return USD that leave (a buy: gross + fee) or come in (a sell: gross - fee)."""
        return self.gross + self.fee if self.side is Side.BUY else self.gross - self.fee


def walk(  # an order, a book and a fee are this many things
    book: Book,
    side: Side,
    shares: Decimal,
    limit: Decimal,
    schedule: FeeSchedule,
    taken: Mapping[Decimal, Decimal] = _NOTHING_TAKEN,
) -> Walk:
    """Return what *shares* of the book's own token get: asks up to *limit*, or bids down to it.

    *taken* is the depth already ours, by price (see ``depth_taken``). A partial fill is a shorter
    walk; a bid that would pay less than its own fee is not sold to. Raises ValueError where the
    limit is no price.
    """
    if not (limit.is_finite() and ZERO <= limit <= ONE):
        raise ValueError(f"a limit price lies in [0, 1], not {limit}")
    left = whole_shares(shares)
    got: list[Level] = []
    gross = fees = ZERO
    for level in book.asks if side is Side.BUY else book.bids:
        beyond = level.price > limit if side is Side.BUY else level.price < limit
        if beyond or left == 0:
            break
        size = min(left, whole_shares(level.size - taken.get(level.price, ZERO)))
        amount = _amount(size, level.price, side)
        cost = fee_of(size, level.price, schedule)
        if size == 0 or (side is Side.SELL and cost >= amount):
            continue
        got.append(Level(level.price, size))
        left -= size
        gross += amount
        fees += cost
    return Walk(side, tuple(got), sum((lv.size for lv in got), ZERO), gross, fees)


def _amount(size: Decimal, price: Decimal, side: Side) -> Decimal:
    return (size * price).quantize(MICRO, ROUND_UP if side is Side.BUY else ROUND_DOWN)


def gross_of(fill: Fill) -> Decimal:
    """Return USD that changed hands in *fill* without the fee, in whole millionths.

    From its levels where they are kept, else from the average price.
    """
    if fill.levels:
        return sum((_amount(lv.size, lv.price, fill.side) for lv in fill.levels), ZERO)
    return fill.gross.quantize(MICRO)


def depth_taken(
    book: Book, token: Token, side: Side, fills: Iterable[Fill]
) -> Mapping[Decimal, Decimal]:
    """Return price -> shares of this side of *token*'s *book* that our earlier *fills* took.

    A fill counts while the book is the one it ate from (same hash), or has no change newer than
    the fill. Buying NO at p eats the bids of YES at 1 - p: both tokens share one pool of orders.
    *fills* are of one market.
    """
    taken: dict[Decimal, Decimal] = {}
    for fill in fills:
        shown_back = book.event_time > fill.at and (not book.hash or book.hash != fill.book_hash)
        same = fill.token is token and fill.side is side
        mirrored = fill.token is not token and fill.side is not side
        if shown_back or not (same or mirrored):
            continue
        for level in fill.levels:
            price = level.price if same else ONE - level.price
            taken[price] = taken.get(price, ZERO) + level.size
    return taken


def liquidation(book: Book | None, shares: Decimal, schedule: FeeSchedule) -> Decimal:
    """Return USD for which *shares* could be sold into *book* now, after fees.

    What finds no bid is worth 0; so is everything without a book.
    """
    return ZERO if book is None else walk(book, Side.SELL, shares, ZERO, schedule).net
