"""What one order book implies: spread, depth, imbalance, cost of a size, and how liquid it is.

A side is two arrays, best level first: prices in (0, 1) strictly away from the other side, and
sizes in shares above 0. A size in USD is the money that changes hands (price x shares) before
fees, the same for a purchase and a sale. Numbers are floats: to look at, never to pay with. What
cannot be said is NaN. The NO book is the mirror of the YES book: each price p there is 1 - p here
and the sides change places, the shares stay.

Terms: tightness, depth and resiliency are Kyle's three sides of liquidity (A. S. Kyle, "Continuous
auctions and insider trading", Econometrica 53(6), 1985, p. 1316). Cost by size is the cost of a
round trip of Irvine, Benston and Kandel ("Liquidity beyond the inside spread", 2000), a leg at a
time. The score is our own and no more than its parts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BUY, SELL = "BUY", "SELL"
NAN = float("nan")
TOP = 5
TICKS = (1, 2, 5)
SHARES_OF_MID = (0.01, 0.02, 0.05)
SLIPPAGE = 0.01
WHALE_USD = 10_000.0
DOMINANT = 0.5
WIDE = 0.10
"""A spread of so much of the mid is worth 0 in the score."""
DEEP_USD = 10_000.0
"""So much on the thinner side within 5 ticks of its best is worth 1 in the score."""
WEIGHTS = (("tightness", 0.3), ("depth", 0.3), ("dispersion", 0.2), ("resilience", 0.2))
_EDGE = 1e-9  # what a float may be off and still stand on the level


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a book, best first: prices [n] and shares [n]."""

    prices: Floats
    sizes: Floats

    @classmethod
    def of(cls, prices: ArrayLike, sizes: ArrayLike) -> "Side":
        """Return the side; raises ValueError for prices outside (0, 1) or sizes not above 0."""
        p, s = np.asarray(prices, float), np.asarray(sizes, float)
        if p.ndim != 1 or p.shape != s.shape:
            raise ValueError(f"{p.size} prices and {s.size} sizes are no side of a book.")
        if not ((p > 0) & (p < 1)).all() or not ((s > 0) & np.isfinite(s)).all():
            raise ValueError("a level has a price inside (0, 1) and a size above 0.")
        return cls(p, s)

    @property
    def usd(self) -> Floats:
        """Return price x shares of each level [n]."""
        return self.prices * self.sizes


@dataclass(frozen=True, slots=True)
class Orders:
    """Both sides of one token's book; at least one level each, best bid below best ask."""

    bids: Side
    asks: Side

    def __post_init__(self) -> None:
        for name, side, falls in (("bids", self.bids, True), ("asks", self.asks, False)):
            if not side.prices.size:
                raise ValueError(f"the book has no {name}.")
            steps = np.diff(side.prices)
            if not ((steps < 0) if falls else (steps > 0)).all():
                raise ValueError(f"{name} are not best first.")
        if self.bids.prices[0] >= self.asks.prices[0]:
            raise ValueError("the book is crossed: its best bid is not below its best ask.")

    @property
    def bid(self) -> float:
        """Return the best bid."""
        return float(self.bids.prices[0])

    @property
    def ask(self) -> float:
        """Return the best ask."""
        return float(self.asks.prices[0])

    @property
    def mid(self) -> float:
        """Return the middle of best bid and best ask."""
        return (self.bid + self.ask) / 2

    def mirrored(self) -> "Orders":
        """Return the other outcome's book, which this one implies."""
        return Orders(
            Side(1 - self.asks.prices, self.asks.sizes), Side(1 - self.bids.prices, self.bids.sizes)
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """Best ask - best bid: in price, in basis points of the mid, as a fraction of the ask."""

    absolute: float
    bps: float
    of_ask: float


def spread(bid: float, ask: float) -> Spread:
    """Return the quoted spread of one bid below one ask."""
    wide = ask - bid
    return Spread(wide, wide / ((bid + ask) / 2) * 10_000, wide / ask)


@dataclass(frozen=True, slots=True)
class Depth:
    """What rests within ``distance`` ticks of a side's own best, or a share of the mid.

    ``unit`` is ticks or of_mid. Shares, and USD at the levels' own prices.
    """

    unit: str
    distance: float
    bid_shares: float
    ask_shares: float
    bid_usd: float
    ask_usd: float


def depths(book: Orders, tick: float | None) -> list[Depth]:
    """Return depth within 1, 2, 5 ticks of each side's best (the best level is 0 ticks away).

    Then within 1, 2, 5 % of the mid on either side of it. Without a tick those rows are left out.
    """
    found = []
    for count in TICKS if tick is not None else ():
        reach = count * (tick or 0.0) + _EDGE
        found.append(_depth(book, "ticks", count, book.bid - reach, book.ask + reach))
    for share in SHARES_OF_MID:
        reach = share * book.mid + _EDGE
        found.append(_depth(book, "of_mid", share, book.mid - reach, book.mid + reach))
    return found


def _depth(book: Orders, unit: str, distance: float, low: float, high: float) -> Depth:
    bids, asks = book.bids.prices >= low, book.asks.prices <= high
    return Depth(
        unit,
        distance,
        float(book.bids.sizes[bids].sum()),
        float(book.asks.sizes[asks].sum()),
        float(book.bids.usd[bids].sum()),
        float(book.asks.usd[asks].sum()),
    )


def imbalance(bids: float, asks: float) -> float:
    """Return (bids - asks) / (bids + asks) in [-1, 1]: above 0 more is bid; NaN of nothing.

    The order imbalance of Cao, Hansch and Wang (Journal of Futures Markets 29(1), 2009).
    """
    return (bids - asks) / (bids + asks) if bids + asks > 0 else NAN


def top_value(book: Orders, levels: int = TOP) -> tuple[float, float]:
    """Return USD of the best *levels* levels of each side (bids, asks)."""
    return float(book.bids.usd[:levels].sum()), float(book.asks.usd[:levels].sum())


@dataclass(frozen=True, slots=True)
class Walk:
    """What an order for ``asked`` USD gets out of a side: ``taken`` [n] shares of each level.

    ``filled`` is False where the side ends before: ``usd`` and ``shares`` are then all it gives,
    and ``average`` is the price of that, never of what was asked.
    """

    side: str
    asked: float
    taken: Floats
    prices: Floats
    usd: float
    shares: float
    filled: bool

    @property
    def average(self) -> float:
        """Return USD a share."""
        return self.usd / self.shares

    @property
    def worst(self) -> float:
        """Return the price of the last level touched."""
        return float(self.prices[np.flatnonzero(self.taken)[-1]])

    def slippage(self, reference: float) -> float:
        """Return how much worse than *reference* the average is, as a fraction of it."""
        off = self.average / reference - 1
        return off if self.side == BUY else -off


def walk(book: Orders, side: str, usd: float) -> Walk:
    """Return what *usd* > 0 gets: a BUY eats asks, a SELL hits bids, level by level, best first.

    Shares are not rounded to the venue's hundredths. Raises ValueError for a size not above 0.
    """
    if not (math.isfinite(usd) and usd > 0):
        raise ValueError(f"a size is USD above 0, not {usd:g}.")
    eaten = book.asks if side == BUY else book.bids
    before = np.cumsum(eaten.usd) - eaten.usd
    spent = np.clip(usd - before, 0, eaten.usd)
    taken = np.where(spent >= eaten.usd, eaten.sizes, spent / eaten.prices)
    total, whole = float(spent.sum()), float(eaten.usd.sum())
    filled = usd <= whole * (1 + _EDGE)
    return Walk(
        side, usd, taken, eaten.prices, usd if filled else total, float(taken.sum()), filled
    )


def walk_shares(book: Orders, side: str, shares: float) -> Walk:
    """Return what *shares* > 0 get, as ``walk`` does for USD; ``asked`` is then shares.

    Raises ValueError for a number of shares not above 0.
    """
    if not (math.isfinite(shares) and shares > 0):
        raise ValueError(f"shares are above 0, not {shares:g}.")
    eaten = book.asks if side == BUY else book.bids
    before = np.cumsum(eaten.sizes) - eaten.sizes
    taken = np.clip(shares - before, 0, eaten.sizes)
    got = float(taken.sum())
    filled = shares <= got * (1 + _EDGE)
    usd = float((taken * eaten.prices).sum())
    return Walk(side, shares, taken, eaten.prices, usd, shares if filled else got, filled)


@dataclass(frozen=True, slots=True)
class Largest:
    """The most USD whose average price is at most ``slippage`` worse than ``reference``.

    0 where the best level is worse already; ``whole`` where the side ends before: more may be
    within the slippage, but this book does not hold it.
    """

    side: str
    slippage: float
    usd: float
    shares: float
    whole: bool


def largest(book: Orders, side: str, reference: float, slippage: float = SLIPPAGE) -> Largest:
    """Return the largest size within *slippage*, solved on the level where the average crosses.

    With C USD for S shares before a level at p and the average allowed a, x shares of it satisfy
    (C + p x) / (S + x) = a, so x = (a S - C) / (p - a).
    """
    eaten = book.asks if side == BUY else book.bids
    sign = 1.0 if side == BUY else -1.0
    allowed = reference * (1 + sign * slippage)
    usd = shares = 0.0
    for price, size in zip(eaten.prices, eaten.sizes, strict=True):
        worse = sign * (price - allowed)
        room = sign * (allowed * shares - usd)
        if worse > 0 and room < worse * size:
            part = max(room, 0.0) / worse
            usd, shares = usd + part * price, shares + part
            return Largest(side, slippage, float(usd), float(shares), whole=False)
        usd, shares = usd + price * size, shares + size
    return Largest(side, slippage, float(usd), float(shares), whole=True)


@dataclass(frozen=True, slots=True)
class Heavy:
    """A level that holds much: its USD, and the share of its side's USD. Orders are not seen."""

    side: str
    price: float
    shares: float
    usd: float
    share: float

    @property
    def dominant(self) -> bool:
        """Return whether it is more than half of its side."""
        return self.share > DOMINANT


def heaviest(book: Orders) -> list[Heavy]:
    """Return the heaviest level of the bids and of the asks, by USD."""
    found = []
    for name, side in (("bid", book.bids), ("ask", book.asks)):
        found.append(_heavy(name, side, int(np.argmax(side.usd))))
    return found


def whales(book: Orders, least: float = WHALE_USD) -> list[Heavy]:
    """Return every level above *least* USD, heaviest first.

    A level is a sum of orders: one person's or many's, the venue does not say.
    """
    found = [
        _heavy(name, side, int(place))
        for name, side in (("bid", book.bids), ("ask", book.asks))
        for place in np.flatnonzero(side.usd > least)
    ]
    return sorted(found, key=lambda one: -one.usd)


def _heavy(name: str, side: Side, place: int) -> Heavy:
    usd = side.usd
    share = float(usd[place] / usd.sum())
    return Heavy(
        name, float(side.prices[place]), float(side.sizes[place]), float(usd[place]), share
    )


def concentration(book: Orders) -> float:
    """Return the Herfindahl index of the levels' USD, both sides together: 1/levels to 1."""
    usd = np.concatenate((book.bids.usd, book.asks.usd))
    return float(((usd / usd.sum()) ** 2).sum())


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the score in [0, 1], NaN where ``why`` says it is not known."""

    name: str
    weight: float
    value: float
    why: str


@dataclass(frozen=True, slots=True)
class Score:
    """The weighted mean of the parts that are known; their weights sum to ``weight``."""

    value: float
    weight: float
    parts: Sequence[Part]


def score(book: Orders, tick: float | None, resilience: float, missing: str = "") -> Score:
    """Return how liquid the book is, in [0, 1], with every part.

    tightness   1 - spread / mid / 10 %, at least 0
    depth       USD within 5 ticks of the best on the thinner side / 10,000, at most 1
    dispersion  1 - Herfindahl index of the levels' USD
    resilience  *resilience*: the mean share of taken depth that the next book shows back

    A part that is not known is left out, and the others keep their proportions. *missing* says why
    there is no resilience.
    """
    near = [one for one in depths(book, tick) if (one.unit, one.distance) == ("ticks", TICKS[-1])]
    thin = min(near[0].bid_usd, near[0].ask_usd) if near else NAN
    known = {
        "tightness": (max(0.0, 1 - (book.ask - book.bid) / book.mid / WIDE), ""),
        "depth": (min(1.0, thin / DEEP_USD) if near else NAN, "" if near else "no tick known"),
        "dispersion": (1 - concentration(book), ""),
        "resilience": (resilience, missing if math.isnan(resilience) else ""),
    }
    parts = [Part(name, weight, *known[name]) for name, weight in WEIGHTS]
    there = [one for one in parts if not math.isnan(one.value)]
    weight = sum(one.weight for one in there)
    return Score(sum(one.weight * one.value for one in there) / weight, weight, parts)


def seen_tick(prices: ArrayLike, ticks: Sequence[float] = (0.1, 0.01, 0.001, 0.0001)) -> float:
    """Return the widest of the venue's *ticks* that every price stands on; NaN where none does."""
    p = np.asarray(prices, float)
    for tick in ticks:
        steps = p / tick
        if p.size and (np.abs(steps - np.round(steps)) < 1e-6).all():  # noqa: PLR2004  # a float's
            return tick
    return NAN
