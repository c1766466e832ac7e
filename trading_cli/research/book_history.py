"""What many looks at one market's books imply: spread by time, resilience, price impact.

A look has two times: when the venue says the book last changed, and when it was seen. Between two
looks more than ``LONGEST`` apart nothing is known, and nothing is filled in.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # type: ignore[import-untyped]  # it ships no stubs

from trading_cli.research import least_squares as ls
from trading_cli.research.clustered import ClusteredMean, clustered_mean
from trading_cli.research.track_record import LEVEL

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LONGEST = 1800.0
"""Seconds between two looks beyond which what lay between them is not known: two slots."""
SKEW = 60.0
"""Seconds our clock and the venue's may be apart."""
LOSS = 0.2
BACK = 0.5
FOLLOWED = 6 * 3600.0
LEAST_LOSSES = 10
LEAST_ROWS = 30
DRAWS = 2000
SEED = 1
_AT_ONCE = 100  # draws
_FREE = 1e-9
NAN = float("nan")
_EVEN = 1e-12  # what a product of floats may be off


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks in the order they were seen, all [n]: epoch seconds, prices, shares near the best.

    ``bid`` and ``ask`` are NaN where that side was empty; its depth is then 0. ``changed`` is the
    venue's time of the last change.
    """

    seen: Floats
    changed: Floats
    bid: Floats
    ask: Floats
    bid_depth: Floats
    ask_depth: Floats

    @property
    def mid(self) -> Floats:
        """Return the mids [n]; NaN where a side was empty."""
        return (self.bid + self.ask) / 2


def timed(looks: Looks) -> tuple[Looks, bool]:
    """Return *looks* in the order of time, and whether that is the venue's time alone.

    A book cannot be seen after the next one replaced it. Where most were, they were taken in from
    a recording later on, and only the venue's times mean anything: ``seen`` becomes ``changed``.
    So they can be held against the venue's times of trades.
    Looks at the same instant are one, the last.
    """
    order = np.lexsort((looks.seen, looks.changed))
    changed, seen = looks.changed[order], looks.seen[order]
    moves = changed[1:] > changed[:-1]
    late = seen[:-1] > changed[1:] + SKEW
    taken_in = bool(moves.any() and late[moves].mean() > 0.5)  # noqa: PLR2004  # most
    if taken_in:
        seen = changed
    else:
        order = np.argsort(looks.seen, kind="stable")
        seen, changed = looks.seen[order], looks.changed[order]
    last = np.append(seen[1:] > seen[:-1], np.ones(min(seen.size, 1), bool))
    rows = order[last]
    found = Looks(
        seen[last], changed[last], looks.bid[rows], looks.ask[rows],
        looks.bid_depth[rows], looks.ask_depth[rows],
    )  # fmt: skip
    return found, taken_in


@dataclass(frozen=True, slots=True)
class Standing:
    """How long each look's book stood: ``seconds`` [n], of a span of ``span`` seconds."""

    seconds: Floats
    span: float

    @property
    def known(self) -> float:
        """Return the seconds of which it is known how the book stood."""
        return float(self.seconds.sum())


def standing(looks: Looks, longest: float = LONGEST) -> Standing:
    """Return how long each book stood, from *looks* that are ``timed``.

    A book stands from its change, or from the look before where that is later, to the next change;
    where the next change came more than *longest* after the look, only to the look. The first
    counts from its look on.
    """
    n = looks.seen.size
    if n == 0:
        return Standing(np.zeros(0), 0.0)
    begin = np.maximum(looks.changed, np.append(looks.seen[0], looks.seen[:-1]))
    begin = np.minimum(begin, looks.seen)
    begin[0] = looks.seen[0]
    follows = np.append(begin[1:], looks.seen[-1])
    end = np.where(follows - looks.seen <= longest, follows, looks.seen)
    return Standing(np.maximum(end - begin, 0.0), float(looks.seen[-1] - looks.seen[0]))


@dataclass(frozen=True, slots=True)
class Weighted:
    """A spread by the time it stood: in price, basis points of the mid, fraction of the ask.

    ``two_sided`` and ``one_sided`` are seconds of which it is known that the book had, or had not,
    two sides; NaN numbers where the first is 0.
    """

    absolute: float
    bps: float
    of_ask: float
    two_sided: float
    one_sided: float
    looks: int


def weighted_spread(looks: Looks, stood: Standing) -> Weighted:
    """Return the time-weighted spread of *looks*: Σ spread · seconds / Σ seconds."""
    both = np.isfinite(looks.mid)
    seconds = stood.seconds[both]
    known, other = float(seconds.sum()), float(stood.seconds[~both].sum())
    if known == 0:
        return Weighted(NAN, NAN, NAN, 0.0, other, looks.seen.size)
    ask, wide, mid = looks.ask[both], (looks.ask - looks.bid)[both], looks.mid[both]
    means = [float(seconds @ one / known) for one in (wide, wide / mid * 10_000, wide / ask)]
    return Weighted(means[0], means[1], means[2], known, other, looks.seen.size)


@dataclass(frozen=True, slots=True)
class Losses:
    """Times a side lost depth. All [n]: the share back at the next look, and the wait for half.

    ``waits`` are seconds from the look that showed the loss to the one that showed half of it
    back, or, where ``ended`` is False, to the last look that did not.
    """

    back: Floats
    waits: Floats
    ended: Bools
    dealt: Bools


def losses(looks: Looks, bought: ArrayLike, sold: ArrayLike, longest: float = LONGEST) -> Losses:
    """Return every loss of a fifth or more of a side's depth between two looks, and what came back.

    *bought* and *sold* [n] are shares of YES that takers bought and sold between the look before
    and this one: a loss of asks (bids) with any is one that was dealt. A loss is followed to the
    first look with half of it back, at most six hours, a break, or the end; no other begins before.
    After Large, "Measuring the resiliency of an electronic limit order book" (Journal of Financial
    Markets 10(1), 2007) in the coarse form that looks at intervals allow: what came back and went
    again between two of them is not seen, and depth that merely fluctuates counts as resilient.
    """
    found: list[tuple[float, float, bool, bool]] = []
    sides = (
        (looks.bid_depth, np.asarray(sold, float)),
        (looks.ask_depth, np.asarray(bought, float)),
    )
    for depth, flow in sides:
        place = 1
        while place < depth.size - 1:
            before, left = depth[place - 1], depth[place]
            joined = looks.seen[place] - looks.seen[place - 1] <= longest
            if not joined or before <= 0 or left > (1 - LOSS) * before:
                place += 1
                continue
            last, ended = _follow(looks.seen, depth, place, longest)
            if last > place:
                back = (depth[place + 1] - left) / (before - left)
                wait = float(looks.seen[last] - looks.seen[place])
                found.append((float(back), wait, ended, bool(flow[place] > 0)))
            place = max(last, place + 1)
    columns = list(zip(*found, strict=True)) if found else [(), (), (), ()]
    return Losses(
        np.asarray(columns[0], float), np.asarray(columns[1], float),
        np.asarray(columns[2], bool), np.asarray(columns[3], bool),
    )  # fmt: skip


def _follow(seen: Floats, depth: Floats, place: int, longest: float) -> tuple[int, bool]:
    """Return the last look at a loss shown at *place*, and whether half was back by then."""
    enough = depth[place] + BACK * (depth[place - 1] - depth[place])
    last = place
    for later in range(place + 1, seen.size):
        if seen[later] - seen[later - 1] > longest or seen[later] - seen[place] > FOLLOWED:
            break
        last = later
        if depth[later] >= enough:
            return last, True
    return last, False


@dataclass(frozen=True, slots=True)
class Resilience:
    """How depth comes back: the mean share at the next look, and the half-life in seconds.

    ``back`` clips each share to [0, 1]. Of the half-life's interval ``high`` is infinite where
    the data set no upper end. All are NaN where ``undefined`` says why.
    """

    n: int
    dealt: int
    ended: int
    back: ClusteredMean
    half_life: float
    low: float
    high: float
    undefined: str


def resilience(found: Losses, level: float = LEVEL) -> Resilience:
    """Return how depth came back after at least ten losses.

    The half-life is the median wait for half of it, by Kaplan and Meier (J. Am. Stat. Assoc. 53,
    1958, pp. 457-481) since some were not back when last seen; its interval is Brookmeyer and
    Crowley's (Biometrics 38, 1982, pp. 29-41) on the log(-log) scale. A wait is the next look that
    showed it, so it is an upper end: no half-life can be seen shorter than one interval of looks.
    """
    n, ended = found.waits.size, int(found.ended.sum())
    dealt = int(found.dealt.sum())
    if n < LEAST_LOSSES:
        why = f"INSUFFICIENT: {n} of {LEAST_LOSSES} losses of depth"
        return Resilience(n, dealt, ended, clustered_mean([]), NAN, NAN, NAN, why)
    back = clustered_mean(np.clip(found.back, 0, 1), level=level)
    median, low, high = median_wait(found.waits, found.ended, level)
    why = "" if math.isfinite(median) else "half was not back within what was followed, as a rule"
    return Resilience(n, dealt, ended, back, median, low, high, why)


def median_wait(
    waits: ArrayLike, ended: ArrayLike, level: float = LEVEL
) -> tuple[float, float, float]:
    """Return the Kaplan-Meier median of *waits* [n], *ended* [n], and its interval.

    The median is NaN, an end of the interval infinite, where the curve does not come down so far.
    """
    t, done = np.asarray(waits, float), np.asarray(ended, bool)
    times = np.unique(t[done])
    if not times.size:
        return NAN, NAN, math.inf
    risk = (t[None, :] >= times[:, None]).sum(axis=1)
    died = ((t[None, :] == times[:, None]) & done[None, :]).sum(axis=1)
    alive = np.cumprod(1 - died / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.sqrt(np.cumsum(died / (risk * (risk - died))))
        scale = np.log(-np.log(alive))
        error = greenwood / np.abs(np.log(alive))
        off = np.abs(scale - math.log(math.log(2))) <= special.ndtri((1 + level) / 2) * error
    inside = off & (alive > 0)
    below = np.flatnonzero(alive <= BACK + _EVEN)
    median = float(times[below[0]]) if below.size else NAN
    if not inside.any():
        return median, median, median if below.size else math.inf
    first, last = np.flatnonzero(inside)[[0, -1]]
    high = float(times[last + 1]) if last + 1 < times.size else math.inf
    return median, float(times[first]), high


@dataclass(frozen=True, slots=True)
class Impact:
    """One measure of how trades move the mid, with its interval; NaN where ``undefined``."""

    name: str
    value: float
    low: float
    high: float
    n: int
    undefined: str


@dataclass(frozen=True, slots=True)
class Moves:
    """Between two looks, where something was dealt [n]: the mid's change, net shares, USD."""

    change: Floats
    net: Floats
    usd: Floats


def moves(looks: Looks, net: ArrayLike, usd: ArrayLike, longest: float = LONGEST) -> Moves:
    """Return the changes between joined looks with trades between them.

    *net* [n]: shares of YES that takers bought less those they sold, between the look before and
    this one (NO sold is YES bought); *usd* [n]: what changed hands. A pair without a trade is left
    out: a trade that was not collected looks the same.
    """
    shares, money, mid = np.asarray(net, float), np.asarray(usd, float), looks.mid
    if mid.size < 2:  # noqa: PLR2004  # one look shows no change
        return Moves(np.zeros(0), np.zeros(0), np.zeros(0))
    change = np.diff(mid)
    good = (np.diff(looks.seen) <= longest) & np.isfinite(change) & (money[1:] > 0)
    return Moves(change[good], shares[1:][good], money[1:][good])


def amihud(found: Moves, level: float = LEVEL) -> Impact:
    """Return the mean of |change of the mid| / USD dealt, in price per USD.

    Y. Amihud, "Illiquidity and stock returns", Journal of Financial Markets 5, 2002, p. 34, with
    the change of a probability for the return and the time between two looks for the day. Small
    sums of USD make a long right tail, so the interval is the bootstrap-t. At least 30 pairs.
    """
    n = found.change.size
    if n < LEAST_ROWS:
        return Impact("amihud", NAN, NAN, NAN, n, _few(n))
    each = np.abs(found.change) / found.usd
    low, high = bootstrap_t(each, level)
    return Impact("amihud", float(each.mean()), low, high, n, "")


def bootstrap_t(x: ArrayLike, level: float = LEVEL, draws: int = DRAWS) -> tuple[float, float]:
    """Return the studentized bootstrap interval of the mean of x [n], n >= 2; the seed is fixed.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 12. Where the mean is of
    a skewed sample Student's interval covers too little (76 % for 95 at n = 30 of a log-normal
    divisor with sigma 1.5; this one 89 %).
    """
    values, rng = np.asarray(x, float), np.random.default_rng(SEED)
    n, mean = values.size, float(values.mean())
    root = math.sqrt(n)
    error = float(values.std(ddof=1)) / root
    ratios = np.empty(draws)
    for begin in range(0, draws, _AT_ONCE):
        size = min(_AT_ONCE, draws - begin)
        drawn = values[rng.integers(0, n, (size, n))]
        spread = drawn.std(axis=1, ddof=1) / root
        off = drawn.mean(axis=1) - mean
        ratios[begin : begin + size] = np.divide(off, spread, out=np.zeros(size), where=spread > 0)
    below, above = np.quantile(ratios, ((1 - level) / 2, (1 + level) / 2))
    return mean - float(above) * error, mean - float(below) * error


def kyle(found: Moves, level: float = LEVEL) -> Impact:
    """Return λ of change = a + λ · net shares + e, in price per share, with its interval.

    A. S. Kyle, Econometrica 53(6), 1985, theorem 1 (P = p0 + λ (x + u)), over the time between
    two looks. A few large trades weigh much in such a line, so residuals are divided by what their
    row leaves free, e / (1 - h): HC3 (MacKinnon and White, Journal of Econometrics 29, 1985), and
    Newey and West's sum of the same beside it; the larger variance counts. Student's t with n - 2
    degrees. At least 30 pairs, and net flows that differ.
    """
    n = found.change.size
    if n < LEAST_ROWS:
        return Impact("kyle", NAN, NAN, NAN, n, _few(n))
    if np.ptp(found.net) == 0:
        return Impact("kyle", NAN, NAN, NAN, n, "undefined: the net flow was always the same")
    line = ls.fit(np.column_stack((np.ones(n), found.net)), found.change)
    weight = np.einsum("ni,ij,nj->n", line.x, line.inverse, line.x)
    free = 1 - weight
    if free.min() < _FREE:
        return Impact("kyle", NAN, NAN, NAN, n, "undefined: one pair alone sets the slope")
    freed = replace(line, residuals=line.residuals / free)
    variance = max(float(ls.newey_west(freed, lags)[1, 1]) for lags in (0, ls.bandwidth(n)))
    value = float(line.beta[1])
    half = float(special.stdtrit(n - 2, (1 + level) / 2)) * math.sqrt(variance)
    return Impact("kyle", value, value - half, value + half, n, "")


def _few(n: int) -> str:
    return f"INSUFFICIENT: {n} of {LEAST_ROWS} pairs of books with trades between them"
