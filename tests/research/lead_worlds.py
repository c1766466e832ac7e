"""Pretend markets whose truth is known: talk leads, the price leads, both follow a third, neither.

Hype is AR(.5) of heavy-tailed news that also make the price more volatile; changes of the price
are heavy-tailed. ``b`` is the change of the log-odds, in its own sds, per sd of hype.
"""

import numpy as np

from trading_cli.research.lead import Market

SD = 0.05
TAIL = 5


def noise(rng, hours):
    """Return heavy-tailed noise of sd 1: Student's t with 5 degrees."""
    return rng.standard_t(TAIL, hours) / np.sqrt(TAIL / (TAIL - 2))


def talk(rng, hours):
    """Return hype: AR(.5), sd 1."""
    found, shocks = np.empty(hours), noise(rng, hours)
    found[0] = shocks[0]
    for t in range(1, hours):
        found[t] = 0.5 * found[t - 1] + np.sqrt(0.75) * shocks[t]
    return found


def later(series, lag):
    """Return *series* as much as *lag* hours later, zeros before."""
    return np.concatenate([np.zeros(lag), series[: series.size - lag]])


def market(rng, number, hours, *, kind="null", b=0.0, lag=1, common=None, category="c"):
    """Return one market of *kind*: null, lead, reverse or common."""
    hype = talk(rng, hours)
    loud = 1 + 0.3 * np.minimum(np.abs(later(hype, 1)), 3)
    step = noise(rng, hours) * loud / np.sqrt(np.mean(loud**2))
    if kind == "lead":
        step = step + b * later(hype, lag)
    if kind == "reverse":
        hype = hype + 2 * b * later(step, lag)
    if kind == "common":
        hype = hype + common
        step = 0.7 * step + later(common, lag)
    return Market(
        f"m{number:03d}", f"e{number:03d}", category, hype, np.cumsum(step * SD), 0.5, 2.0
    )


def world(seed, *, markets, hours, planted=0, b=0.0, lags=(1, 3, 6, 12, 24), kinds=()):
    """Return markets, the first *planted* of them leads at *lags* in turn, then *kinds*."""
    rng = np.random.default_rng(seed)
    common = talk(rng, hours)
    found = []
    for n in range(markets):
        if n < planted:
            found.append(market(rng, n, hours, kind="lead", b=b, lag=lags[n % len(lags)]))
        elif n - planted < len(kinds):
            kind = kinds[n - planted]
            more = {"lag": 2, "common": common, "category": "k"} if kind == "common" else {"lag": 2}
            found.append(market(rng, n, hours, kind=kind, b=0.3, **more))
        else:
            found.append(market(rng, n, hours))
    return found
