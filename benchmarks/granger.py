"""How much quicker our Granger tests are than statsmodels', in one run, and that they agree.

    OPENBLAS_NUM_THREADS=1 python benchmarks/granger.py [--pairs 300] [--points 700] [--referee 6]

All pairs both ways at lags 1 to 24. statsmodels is timed on a few pairs, taken in turns with ours
so that both meet the same machine, and scaled. CPU seconds of this process, one thread. Beside it
pairs so nearly dependent that ours takes the careful way, and the whole of `correlate`'s
arithmetic for 100 markets of 30 days.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trading_cli.research import event_study, granger, lead, pooled, verdicts

Floats = NDArray[np.float64]
LAGS = 24


def cpu(what: Callable[[], object]) -> float:
    """Return the CPU seconds of *what*."""
    start = time.process_time()
    what()
    return time.process_time() - start


def referee(x: Floats, y: Floats) -> dict[int, float]:
    """Return statsmodels' F of x on y by lag."""
    from statsmodels.tsa.stattools import grangercausalitytests  # noqa: PLC0415  # timed apart

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = grangercausalitytests(np.column_stack([y, x]), LAGS)
    return {lag: told[lag][0]["ssr_ftest"][0] for lag in told}


def compare(name: str, x: Floats, y: Floats, referees: int) -> None:
    """Print both times for all pairs, their ratio and the largest difference of F."""
    granger.both_ways(x[:2], y[:2], LAGS)
    referee(x[0], y[0])
    ours, theirs = [], []
    for place in range(referees):
        ours.append(cpu(lambda: granger.both_ways(x, y, LAGS)))
        theirs.append(cpu(lambda p=place: (referee(x[p], y[p]), referee(y[p], x[p]))))
    there, _ = granger.both_ways(x, y, LAGS)
    worst = max(
        abs(there.f[p, lag - 1] / f - 1)
        for p in range(referees)
        for lag, f in referee(x[p], y[p]).items()
    )
    own, other = float(np.median(ours)), float(np.median(theirs)) * x.shape[0]
    print(
        f"{name:28} ours {own:7.3f} s   statsmodels {other:7.1f} s (scaled from {referees} pairs)"
        f"   {other / own:5.0f} x   F differs by {worst:.1e} at most"
    )


def whole(markets: int) -> None:
    """Print what the arithmetic of a whole run costs."""
    rng = np.random.default_rng(2)
    held = [
        lead.Market(
            f"m{n}", f"e{n // 2}", "c", rng.standard_normal(720),
            np.cumsum(0.05 * rng.standard_normal(720)),
        )
        for n in range(markets)
    ]  # fmt: skip

    def run() -> None:
        verdicts.judge(lead.examine(held, lead.Rules()))
        pooled.pooled(held)
        event_study.study(held)

    print(f"correlate's arithmetic, {markets} markets of 720 hours: {cpu(run):.1f} s of CPU")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--points", type=int, default=700)
    parser.add_argument("--referee", type=int, default=6)
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, asked.pairs, asked.points))
    compare("independent noise", x, y, asked.referee)
    compare("levels that wander", np.cumsum(x, 1), np.cumsum(y, 1), asked.referee)
    near = x[:20] * 2e3 + y[:20]
    compare("nearly dependent, 20 pairs", x[:20], near, min(asked.referee, 3))
    whole(100)


if __name__ == "__main__":
    main()
