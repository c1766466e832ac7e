"""How much a source has known beyond the price, by what became of what it said.

One number is fitted on its settled opinions q, the price p when each came and the outcome, one row
an event:

    logit P(YES) = b · logit p + w · (logit q - logit p)        b ~ N(1, ½²), w ~ N(0, ½²)

w = 0: the price knew it all; w = 1: the opinion is as true as it claims to be. The weight is the
lower bound of w, one-sided 95 % (by Bonferroni over the sources that are judged together), within
[0, 1], and 0 below 30 events: nobody is believed for what may be luck. There is no intercept, so
the market seen from NO gives the same answer.

Logistic regression with normal priors, Laplace's approximation.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # type: ignore[import-untyped]  # it ships no stubs

from trading_cli.research.calibration import log_losses, log_odds, squared_errors
from trading_cli.research.opinions import CLIP, Record
from trading_cli.research.track_record import LEAST_EVENTS, mean_interval

Floats = NDArray[np.float64]
PRIOR_DEVIATION = 0.5
UNSURE = 0.05
_CLOSE = 1e-10
_MOST_STEPS = 200


class Fitted(NamedTuple):
    """The slope of the price, what the opinion adds, and the posterior deviation of each."""

    slope: float
    added: float
    slope_error: float
    added_error: float


def fitted(
    opinions: ArrayLike, prices: ArrayLike, outcomes: ArrayLike, deviation: float = PRIOR_DEVIATION
) -> Fitted:
    """Return the fit on opinions, prices (of YES, in (0, 1)) and outcomes (0 or 1), all [n].

    ``deviation`` is the priors'; infinite is maximum likelihood. Raises ValueError for what lies
    outside, for lengths that differ, or where nothing can be fitted.
    """
    q, p, o = (np.asarray(one, float) for one in (opinions, prices, outcomes))
    if not (q.ndim == 1 and q.shape == p.shape == o.shape):
        raise ValueError("opinions, prices and outcomes: one row each, alike long.")
    inside = ((q > 0) & (q < 1) & (p > 0) & (p < 1)).all()
    if not inside or not ((o == 0) | (o == 1)).all():
        raise ValueError("opinions and prices lie between 0 and 1, outcomes are 0 or 1.")
    base = log_odds(p, CLIP)
    x = np.column_stack((base, log_odds(q, CLIP) - base))
    return _maximum(x, o, 1 / deviation**2)


def _maximum(x: Floats, o: Floats, precision: float) -> Fitted:
    """Return the posterior mode, by Newton's method with halved steps: the sum is concave."""
    prior, theta = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    height = _posterior(x, o, theta, prior, precision)
    for _ in range(_MOST_STEPS):
        chance = special.expit(x @ theta)
        gradient = x.T @ (o - chance) - precision * (theta - prior)
        step = _solved(_curvature(x, chance, precision), gradient)
        while (now := _posterior(x, o, theta + step, prior, precision)) < height - _CLOSE:
            step = step / 2
        theta, height = theta + step, now
        if float(np.abs(step).max()) < _CLOSE:
            break
    curvature = _curvature(x, special.expit(x @ theta), precision)
    errors = np.sqrt(np.diagonal(_solved(curvature, np.eye(2))))
    return Fitted(float(theta[0]), float(theta[1]), float(errors[0]), float(errors[1]))


def _curvature(x: Floats, chance: Floats, precision: float) -> Floats:
    found: Floats = (x * (chance * (1 - chance))[:, None]).T @ x + precision * np.eye(2)
    return found


def _solved(matrix: Floats, right: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise ValueError("without a prior, opinions that repeat the price fit nothing.") from error


def _posterior(x: Floats, o: Floats, theta: Floats, prior: Floats, precision: float) -> float:
    reach = x @ theta
    likelihood = float((o * reach - np.logaddexp(0, reach)).sum())
    return likelihood - precision * float(((theta - prior) ** 2).sum()) / 2


def record(
    opinions: ArrayLike,
    prices: ArrayLike,
    outcomes: ArrayLike,
    *,
    judged: int = 1,
    least: int = LEAST_EVENTS,
) -> Record:
    """Return what a source has shown by its opinions [n], the prices then and the outcomes.

    One row an event. *judged* is how many sources are judged together. Below *least* events there
    is a count and nothing else. Raises ValueError as ``fitted`` does.
    """
    q, p = np.asarray(opinions, float), np.asarray(prices, float)
    if q.size < least:
        return Record(int(q.size))
    found = fitted(q, p, outcomes)
    z = NormalDist().inv_cdf(1 - UNSURE / max(judged, 1))
    low = found.added - z * found.added_error
    said, priced = np.clip(q, CLIP, 1 - CLIP), np.clip(p, CLIP, 1 - CLIP)
    point, lowest, highest = mean_interval(
        (log_losses(priced, outcomes) - log_losses(said, outcomes)).tolist()
    )
    return Record(
        int(q.size),
        min(max(low, 0.0), 1.0),
        found.added,
        found.added_error,
        low,
        (point, lowest, highest),
        float(squared_errors(said, outcomes).mean()),
        float(squared_errors(priced, outcomes).mean()),
    )
