"""One run of the engine over a seeded world, in a process of its own; prints what it came to."""

import dataclasses
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "trading" / "backtest"))

import random_worlds  # see above

from trading_cli.trading.backtest.engine import run
from trading_cli.trading.strategies.price_only import PriceOnly
from trading_cli.trading.strategies.random_entries import RandomEntries
from trading_cli.trading.strategies.roc_only import RocOnly


def main(seed: int) -> None:
    """Run the world of *seed* and print every field of the result, then where it was asked."""
    strategies = [RocOnly(), PriceOnly(), RandomEntries(seed=seed)]
    done = run(random_worlds.history(seed), random_worlds.rules(seed), strategies)
    for field in dataclasses.fields(done):
        value = getattr(done, field.name)
        told = sorted(value) if isinstance(value, frozenset) else value  # a set has no order
        sys.stdout.write(f"{field.name}: {told!r}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
