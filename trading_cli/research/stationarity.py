"""Whether a series keeps to a level: ADF (H0: unit root) and KPSS (H0: stationary), together.

Series [T], NaN where nothing is known. ADF drops every row of which a lag is missing (lags are
lags in time); KPSS reads the known values in their order. Sources: Said and Dickey 1984, MacKinnon
1994 (p-values, his polynomials for one variable), Kwiatkowski et al. 1992 (critical values),
Schwert 1989 (the longest lag tried).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading_cli.research import least_squares as ls
from trading_cli.research import tails

Floats = NDArray[np.float64]

LEAST = 48
ALPHA = 0.05
TOP_P, LOW_P = 0.10, 0.01
STATIONARY, INTEGRATED, UNDETERMINED = "I(0)", "I(1)", "undetermined"
_KPSS_P = (0.10, 0.05, 0.025, 0.01)
_KPSS_AT = {"c": (0.347, 0.463, 0.574, 0.739), "ct": (0.119, 0.146, 0.176, 0.216)}
_SMALL = {
    "n": (0.6344, 1.2378, 0.032496),
    "c": (2.1659, 1.4412, 0.038269),
    "ct": (3.2512, 1.6047, 0.049588),
}
_LARGE = {
    "n": (0.4797, 0.93557, -0.06999, 0.033066),
    "c": (1.7339, 0.93202, -0.12745, -0.010368),
    "ct": (2.5261, 0.61654, -0.37956, -0.060285),
}
_STAR = {"n": -1.04, "c": -1.61, "ct": -2.89}
_LOWEST = {"n": -19.04, "c": -18.83, "ct": -16.18}
_HIGHEST = {"n": np.inf, "c": 2.74, "ct": 0.7}


@dataclass(frozen=True, slots=True)
class UnitRoot:
    """A test of one series: its statistic, its p-value, the lags used, the rows used."""

    statistic: float
    p: float
    lags: int
    rows: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What both say together: I(0), I(1) or undetermined, with each."""

    state: str
    adf: UnitRoot
    kpss: UnitRoot


def schwert(rows: int) -> int:
    """Return the longest lag that ADF tries: ⌈12 (T / 100)^¼⌉."""
    return math.ceil(12 * (rows / 100) ** 0.25) if rows > 0 else 0


def adf(series: Floats, *, lags: int | None = None, trend: str = "c") -> UnitRoot:
    """Return the augmented Dickey-Fuller test of *series* with so many lagged differences.

    Without *lags* the BIC chooses among 0 .. Schwert's bound, all on the same rows; then the test
    is on all rows that the chosen one has. *trend*: n none, c constant, ct constant and trend.
    NaN where the series does not move or is too short.
    """
    known = int(np.isfinite(series).sum())
    longest = min(schwert(known), max(known // 2 - 3, 0)) if lags is None else lags
    rows, y, x = _differences(series, longest, trend)
    if lags is None:
        chosen = _by_bic(rows, y, x, longest)
        if chosen != longest:
            longest = chosen
            rows, y, x = _differences(series, longest, trend)
    if rows <= x.shape[1] or float(np.ptp(y)) == 0:
        return UnitRoot(np.nan, np.nan, longest, rows)
    found = ls.fit(x, y)
    error = float(np.sqrt(ls.classical(found)[0, 0]))
    statistic = float(found.beta[0]) / error if error > 0 else np.nan
    return UnitRoot(statistic, mackinnon(statistic, trend), longest, rows)


def _differences(series: Floats, lags: int, trend: str) -> tuple[int, Floats, Floats]:
    """Return the rows, Δy and [y₋₁, Δy₋₁ .., deterministic] where all of them are known."""
    series = np.asarray(series, float)
    step = np.diff(series, prepend=np.nan)
    parts = [ls.lagged(series, range(1, 2)), ls.lagged(step, range(1, lags + 1))]
    x = np.concatenate(parts, axis=-1)
    whole = np.isfinite(step) & np.isfinite(x).all(axis=-1)
    time = np.arange(1.0, whole.sum() + 1)
    more = {"n": [], "c": [np.ones_like(time)], "ct": [np.ones_like(time), time]}[trend]
    return int(whole.sum()), step[whole], np.column_stack([x[whole], *more])


def _by_bic(rows: int, y: Floats, x: Floats, longest: int) -> int:
    """Return the number of lagged differences with the least BIC."""
    best, least = 0, np.inf
    for lags in range(longest + 1):
        kept = [*range(lags + 1), *range(longest + 1, x.shape[1])]
        if rows <= len(kept):
            break
        rss = float(ls.fit(x[:, kept], y).rss)
        bic = rows * np.log(rss / rows) + len(kept) * np.log(rows) if rss > 0 else np.inf
        if bic < least:
            best, least = lags, bic
    return best


def mackinnon(statistic: float, trend: str = "c") -> float:
    """Return the p-value of an ADF statistic (MacKinnon 1994, one variable)."""
    if not np.isfinite(statistic):
        return float("nan")
    if statistic > _HIGHEST[trend]:
        return 1.0
    if statistic < _LOWEST[trend]:
        return 0.0
    terms = (_SMALL if statistic <= _STAR[trend] else _LARGE)[trend]
    return float(tails.below(sum(one * statistic**power for power, one in enumerate(terms))))


def kpss(series: Floats, *, lags: int | None = None, trend: str = "c") -> UnitRoot:
    """Return the KPSS test that *series* is stationary about a level (c) or a trend (ct).

    Without *lags* ⌊4 (T / 100)^(2/9)⌋. The p-value is read from the table of four: .10 stands for
    ".10 or more", .01 for ".01 or less". NaN where the series does not move.
    """
    y = np.asarray(series, float)
    y = y[np.isfinite(y)]
    rows = y.size
    used = ls.bandwidth(rows) if lags is None else lags
    if rows <= used + 2 or float(np.ptp(y)) == 0:
        return UnitRoot(np.nan, np.nan, used, rows)
    if trend == "ct":
        time = np.arange(1.0, rows + 1)
        left = ls.fit(np.column_stack([np.ones(rows), time]), y).residuals
    else:
        left = y - y.mean()
    statistic = float((np.cumsum(left) ** 2).sum()) / rows**2 / long_run_variance(left, used)
    p = float(np.interp(statistic, _KPSS_AT[trend], _KPSS_P))
    return UnitRoot(statistic, p, used, rows)


def long_run_variance(left: Floats, lags: int) -> float:
    """Return Newey and West's long-run variance of residuals, Bartlett weights, over n."""
    total = float(left @ left)
    for lag in range(1, min(lags, left.size - 1) + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(left[lag:] @ left[:-lag])
    return total / left.size


def judge(series: Floats) -> Verdict:
    """Return what ADF and KPSS say together at 5 %; undetermined also below 48 known values.

    ADF rejects and KPSS keeps: I(0). ADF keeps and KPSS rejects: I(1). Else nobody knows.
    """
    root, level = adf(series), kpss(series)
    state = UNDETERMINED
    if level.rows >= LEAST and np.isfinite(root.p) and np.isfinite(level.p):
        gone, kept = root.p < ALPHA, level.p > ALPHA
        state = {(True, True): STATIONARY, (False, False): INTEGRATED}.get(
            (gone, kept), UNDETERMINED
        )
    return Verdict(state, root, level)
