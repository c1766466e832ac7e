"""Monte Carlo by running the backtest again, through a callable: this room knows no backtest.

The same strategy with fees, spreads, delays and thresholds a little other, and the values of RVR
threshold, stop distance and size that are tried beside one another.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from trading_cli.research.montecarlo import MOST_PATHS
from trading_cli.research.paths import Paths, given_paths, joined

NUMBER = 5  # of this engine, in its seeds
Changes = Mapping[str, float]
Rerun = Callable[[Changes], Sequence[float]]  # the trades' returns (fractions of equity), in order
Work = Callable[[int], tuple[Paths, Changes]]
Each = Callable[[Work, Iterable[int]], Iterable[tuple[Paths, Changes]]]

FACTORS: Changes = {"fee": 0.25, "spread": 0.5, "latency": 0.5, "threshold": 0.1}
RVR = (1.5, 2.0, 2.5)
STOPS = (0.10, 0.12, 0.15)
SIZES = (0.02, 0.03, 0.05)


@dataclass(frozen=True, slots=True)
class Perturbed:
    """The path of each re-run, and what was changed in it (factors of the settings)."""

    paths: Paths
    changes: tuple[Changes, ...]


def perturbed(
    rerun: Rerun, runs: int, seed: int, factors: Changes = FACTORS, each: Each = map
) -> Perturbed:
    """Run the backtest *runs* times, every factor drawn from [1 - x, 1 + x], x of *factors*.

    The same for the same *seed*, whatever *each* is. A run without trades is a flat path. Raises
    ValueError for no runs, a negative seed, and a factor outside 0..1.
    """
    if not 1 <= runs <= MOST_PATHS or seed < 0:
        raise ValueError(f"{runs} runs with seed {seed} cannot be drawn")
    if not factors or not all(0 <= x <= 1 for x in factors.values()):
        raise ValueError("a factor's range is 0 to 1, and there must be one")
    done = list(each(partial(_again, rerun, seed, dict(factors)), range(runs)))
    return Perturbed(joined([paths for paths, _ in done]), tuple(changes for _, changes in done))


def _again(rerun: Rerun, seed: int, factors: Changes, run: int) -> tuple[Paths, Changes]:
    root = np.random.SeedSequence(seed, spawn_key=(NUMBER, run))
    generator = np.random.Generator(np.random.PCG64(root))
    changes = {name: float(generator.uniform(1 - x, 1 + x)) for name, x in factors.items()}
    returns = np.asarray(rerun(changes), dtype=np.float64).reshape(1, -1)
    return given_paths(returns), changes
