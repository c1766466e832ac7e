"""How often the gate opens: by mistake without an edge, and in how many weeks with one.

Every path is two years of weekly looks at the trades closed so far. Events arrive at a steady
rate; one to three trades each, asks between .17 and .85, fees in the price, a third of the trades
stopped out on the way. Run: .venv/bin/python benchmarks/gate_power.py [--paths 10000] [--seed 1]
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from trading_cli.research.gates import refuted

WEEKS = 104
LEAST_TRADES, LEAST_EVENTS, LEAST_WEEKS = 100, 50, 13  # 90 days are 12.9 weeks
Floats = np.ndarray


@dataclass(frozen=True)
class World:
    """A kind of path: *edge* in points of probability, *a_week* events, *stopped* trades' share.

    *shape*: "asks" spread over the band, "longshots" near .17, "favourites" near .85.
    """

    edge: float = 0.0
    a_week: float = 2.0
    stopped: float = 0.0
    shape: str = "asks"


def paths(world: World, count: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return returns [count, n], trades per event and the week each event closes."""
    n = int(world.a_week * WEEKS)
    size = (count, n)
    low, high = {"asks": (0.17, 0.85), "longshots": (0.17, 0.2), "favourites": (0.8, 0.85)}[
        world.shape
    ]
    ask = rng.uniform(low, high, size)
    chance = np.minimum(ask + world.edge, 1.0)
    # stopped at 88 % of the price; who is not stopped wins the more often, the mean stays
    stop = rng.random(size) < world.stopped
    floor = 0.88 * ask * stop
    kept = (chance - world.stopped * 0.88 * ask) / max(1 - world.stopped, 1e-9)
    kept = np.where(world.stopped > 0, kept, chance)
    paid = np.where(stop, floor, rng.random(size) < kept)
    trades = rng.integers(1, 4, size)
    week = np.arange(1, n + 1) / world.a_week
    return paid / ask - 1, trades, week


def passes(world: World, count: int, rng: np.random.Generator) -> Floats:
    """Return for each path the week it first passes at a weekly look, inf if never."""
    returns, trades, week = paths(world, count, rng)
    events = np.arange(1, week.size + 1)
    open_ = refuted(returns) & (trades.cumsum(axis=1) >= LEAST_TRADES) & (events >= LEAST_EVENTS)
    open_ &= (week - week[0]) >= LEAST_WEEKS
    looks = np.ceil(week)
    last_of_week = np.append(looks[1:] != looks[:-1], True)
    first = np.where(open_ & last_of_week, looks, np.inf)
    found: Floats = first.min(axis=1)
    return found


NULLS = (
    World(),
    World(a_week=10),
    World(stopped=0.1),
    World(shape="longshots", a_week=10),
    World(shape="favourites", a_week=10),
)


def wrongly(count: int, seed: int) -> list[tuple[World, float]]:
    """Return each world without an edge and the share of its *count* paths that ever pass."""
    rng = np.random.default_rng(seed)
    return [(world, float(np.isfinite(passes(world, count, rng)).mean())) for world in NULLS]


def power(count: int, seed: int, edge: float = 0.10) -> list[tuple[float, list[float]]]:
    """Return for each rate of events a week the share passed by week 13, 26, 52, 78, 104."""
    rng = np.random.default_rng(seed)
    found = []
    for a_week in (1.0, 2.0, 5.0, 10.0):
        first = passes(World(edge=edge, a_week=a_week), count, rng)
        found.append((a_week, [float((first <= week).mean()) for week in (14, 26, 52, 78, 104)]))
    return found


def main(arguments: list[str]) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    print(f"{chosen.paths} paths without an edge, weekly looks for two years: share that pass")
    for world, share in wrongly(chosen.paths, chosen.seed):
        print(f"  {share:7.4f}  {world}")
    for edge in (0.05, 0.10, 0.15):
        print(f"share passed with a true edge of {100 * edge:g} points by week")
        print("  events a week      14      26      52      78     104")
        for a_week, shares in power(max(chosen.paths // 5, 100), chosen.seed, edge):
            print(f"  {a_week:13g}" + "".join(f"  {share:6.3f}" for share in shares))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
