"""Was the Sharpe ratio luck? Probabilistic and deflated Sharpe, and how long a record must be.

Everywhere: ``sharpe`` is per period, not annualised; ``n`` counts the periods; ``kurtosis`` is
raw (the normal's is 3: feeding the excess is the classic mistake, and refused where it can be
told). Sources: Bailey and López de Prado 2012 (The Sharpe ratio efficient frontier) and 2014 (The
deflated Sharpe ratio); Bailey, Borwein, López de Prado and Zhu 2014 (Pseudo-mathematics); Mertens
2002 and Lo 2002 for the standard errors.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special  # type: ignore[import-untyped]  # it ships no stubs

EULER = 0.5772156649015329
LEVEL = 0.95
NORMAL_KURTOSIS = 3.0
_NAN = float("nan")


class Moments(NamedTuple):
    """What a Sharpe ratio is judged by: per period, raw kurtosis, n periods."""

    sharpe: float
    skew: float
    kurtosis: float
    n: int


def moments(returns: ArrayLike) -> Moments:
    """Return the moments of *returns* [n]: mean over sample deviation (n-1), skew, raw kurtosis.

    Skew and kurtosis are the plain ones (third and fourth moment over powers of the n-deviation).
    NaN for what does not exist: fewer than 2 returns, or returns that do not vary. Raises
    ValueError for NaN or infinite returns.
    """
    x = np.asarray(returns, float)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError("returns: one row of finite numbers.")
    if x.size < 2 or np.ptp(x) == 0:  # noqa: PLR2004  # one return has no spread
        return Moments(_NAN, _NAN, _NAN, int(x.size))
    away = x - x.mean()
    m2, m3, m4 = (float((away**power).mean()) for power in (2, 3, 4))
    sharpe = float(x.mean()) / math.sqrt(m2 * x.size / (x.size - 1))
    return Moments(sharpe, m3 / m2**1.5, m4 / m2**2, int(x.size))


def _spread(sharpe: float, skew: float, kurtosis: float) -> float:
    """Return 1 - skew·SR + (kurtosis - 1)/4·SR²: the variance of √n·(estimate of SR), Mertens."""
    if not kurtosis >= 1 + skew * skew - 1e-9:
        raise ValueError(
            f"kurtosis {kurtosis:g} with skew {skew:g} cannot be: raw kurtosis is at least"
            " 1 + skew² (was the excess given?)"
        )
    return 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2


def standard_error(sharpe: float, n: int, skew: float = 0.0, kurtosis: float = 3.0) -> float:
    """Return the standard error of a Sharpe ratio as PSR has it (Mertens, with n - 1).

    NaN below 2 periods or where the sharpe is NaN.
    """
    if n < 2 or not math.isfinite(sharpe):  # noqa: PLR2004
        return _NAN
    return math.sqrt(_spread(sharpe, skew, kurtosis) / (n - 1))


def probabilistic_sharpe(
    sharpe: float, n: int, skew: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float:
    """Return PSR: how sure the true ratio is above *benchmark* (both per period).

    NaN below 2 periods or where the sharpe is NaN.
    """
    error = standard_error(sharpe, n, skew, kurtosis)
    if not error > 0:
        return _NAN
    return float(special.ndtr((sharpe - benchmark) / error))


def expected_maximum(trials: float, variance: float = 1.0) -> float:
    """Return the best Sharpe ratio that *trials* tries without any skill are expected to show.

    *variance* is that of the ratio across the trials (its unit decides the answer's). One trial
    selects nothing: 0. *trials* may be an effective, broken number. Raises ValueError below 1.
    """
    if not (trials >= 1 and variance >= 0):
        raise ValueError(f"{trials:g} trials of variance {variance:g} are none.")
    if trials == 1:
        return 0.0
    first = float(special.ndtri(1 - 1 / trials))
    second = float(special.ndtri(1 - 1 / (trials * math.e)))
    return max(0.0, math.sqrt(variance) * ((1 - EULER) * first + EULER * second))


def deflated_sharpe(  # five moments and two of the search
    sharpe: float,
    n: int,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    *,
    trials: float,
    variance: float,
) -> float:
    """Return DSR: PSR against the best ratio that *trials* tries without skill would show.

    *variance* is that of the per-period ratio across the trials; with one trial it is not used.
    """
    return probabilistic_sharpe(
        sharpe, n, skew, kurtosis, benchmark=expected_maximum(trials, variance)
    )


def effective_trials(trials: int, correlation: float) -> float:
    """Return how many independent trials *trials* of this mean pairwise correlation are worth.

    r + (1 - r)·N (Bailey and López de Prado 2014, appendix); a negative r counts as 0.
    """
    if trials < 1 or correlation > 1:
        raise ValueError(f"{trials} trials of correlation {correlation:g} cannot be.")
    kept = max(0.0, correlation)
    return kept + (1 - kept) * trials


def least_track_record(
    sharpe: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    *,
    benchmark: float = 0.0,
    level: float = LEVEL,
) -> float:
    """Return MinTRL: how many periods until PSR(*benchmark*) reaches *level*.

    NaN where the ratio is not above the benchmark (no length suffices) or is NaN.
    """
    if not sharpe > benchmark:
        return _NAN
    reach = float(special.ndtri(level)) / (sharpe - benchmark)
    return 1 + _spread(sharpe, skew, kurtosis) * reach**2


def least_backtest_years(trials: float, target: float = 1.0) -> float:
    """Return MinBTL: years below which the best of *trials* skilless tries shows *target* a year.

    (E[max]/target)² with variance 1; *target* is an annual Sharpe ratio above 0.
    """
    if not target > 0:
        raise ValueError(f"target {target:g} is not above 0.")
    return (expected_maximum(trials) / target) ** 2


def lo_error(sharpe: float, n: int) -> float:
    """Return Lo's standard error √((1 + SR²/2)/n) for independent normal returns."""
    return math.sqrt((1 + sharpe**2 / 2) / n)


def lo_scale(periods: int, correlation: float) -> float:
    """Return Lo's η(q): what to multiply a ratio per period with for *periods* at a time.

    For returns of first-order autocorrelation *correlation*; √q where it is 0.
    """
    if periods < 1 or not abs(correlation) < 1:
        raise ValueError(f"{periods} periods of autocorrelation {correlation:g} cannot be.")
    lags = np.arange(1, periods)
    return periods / math.sqrt(periods + 2 * float(((periods - lags) * correlation**lags).sum()))


def bet_sharpe(chance: float, price: float) -> float:
    """Return the Sharpe ratio of one binary bet bought all-in at *price*: (q - p)/√(q(1 - q)).

    NaN where *chance* is 0 or 1: the bet has no spread.
    """
    spread = chance * (1 - chance)
    return (chance - price) / math.sqrt(spread) if spread > 0 else _NAN


def bets_to_see(chance: float, price: float, level: float = LEVEL) -> float:
    """Return how many independent bets show an edge one-sided at *level*: (z√(q(1-q))/(q-p))².

    *chance* is the true probability, *price* all-in. NaN without an edge: it is never seen.
    """
    if not chance > price:
        return _NAN
    ratio = bet_sharpe(chance, price)
    return math.ceil((float(special.ndtri(level)) / ratio) ** 2) if ratio > 0 else _NAN
