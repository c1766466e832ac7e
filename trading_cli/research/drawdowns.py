"""What chance alone makes of falls from a peak. The falls of one curve are ``measures``.

brownian_cdf        P(maximum drawdown <= h) of a driftless Brownian motion; brownian_quantile
brownian_drifting   the expected maximum drawdown with a positive drift, over a long time
ruined              the gambler's ruin
streak              a run of losses somewhere in n trades
"""

import math

BROWNIAN_MEAN = math.sqrt(math.pi / 2)  # of the maximum drawdown, in sigma sqrt(T)
_TERMS = 200
_SMALL = 1e-6
_EXACT = 1e-12


def brownian_cdf(h: float, sigma: float = 1.0, time: float = 1.0) -> float:
    """Return P(MDD <= h) without drift: the drawdown is |B|, so MDD is max |B|.

    (4/π) Σ (-1)^k/(2k+1) exp(-(2k+1)² π² σ² T / (8 h²)); statistics: Magdon-Ismail et al. (2004).
    """
    if h <= _SMALL * sigma * math.sqrt(time):
        return 0.0
    rate = math.pi**2 * sigma**2 * time / (8 * h**2)
    total = math.fsum(
        (-1) ** k / (2 * k + 1) * math.exp(-((2 * k + 1) ** 2) * rate) for k in range(_TERMS)
    )
    return min(1.0, max(0.0, 4 / math.pi * total))


def brownian_quantile(p: float) -> float:
    """Return the MDD that is not exceeded with probability *p*, in sigma sqrt(T), by bisection."""
    if not 0 < p < 1:
        raise ValueError(f"no quantile at {p}")
    low, high = 0.0, 20.0
    while high - low > _EXACT:
        middle = (low + high) / 2
        low, high = (middle, high) if brownian_cdf(middle) < p else (low, middle)
    return (low + high) / 2


def brownian_drifting(mu: float, sigma: float, time: float) -> float:
    """Return the expected MDD for drift *mu* > 0 over a long *time* (asymptotic).

    (sigma²/mu)(0.63519 + ½ ln T + ln(mu/sigma)), Magdon-Ismail et al. (2004).
    """
    if mu <= 0 or sigma <= 0 or time <= 0:
        raise ValueError("drift, sigma and time must be above 0")
    return sigma**2 / mu * (0.63519 + 0.5 * math.log(time) + math.log(mu / sigma))


def ruined(start: int, goal: float, win: float) -> float:
    """Return P(a gambler with *start* units reaches 0 before *goal*), winning 1 with P *win*.

    *goal* may be infinite. Raises ValueError unless 0 < start < goal and 0 < win < 1.
    """
    if not 0 < start < goal or not 0 < win < 1:
        raise ValueError("0 < start < goal and 0 < win < 1 must hold")
    ratio: float = (1 - win) / win
    if math.isinf(goal):
        return min(1.0, ratio**start)
    if ratio == 1:
        return 1 - start / goal
    if ratio > 1:  # divided through by ratio^goal, lest it overflow
        return float((ratio ** (start - goal) - 1) / (ratio**-goal - 1))
    return float((ratio**start - ratio**goal) / (1 - ratio**goal))


def streak(n: int, run: int, loss: float = 0.5) -> float:
    """Return P(at least *run* losses in a row somewhere in *n* trades), each lost with P *loss*."""
    if run < 1 or n < 0 or not 0 <= loss <= 1:
        raise ValueError("run >= 1, n >= 0 and 0 <= loss <= 1 must hold")
    at = [1.0] + [0.0] * (run - 1)  # P(no such run yet, and so many lost in a row now)
    done = 0.0
    for _ in range(n):
        done += at[-1] * loss
        at = [(1 - loss) * math.fsum(at), *(one * loss for one in at[:-1])]
    return done
