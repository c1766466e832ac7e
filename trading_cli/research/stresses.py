"""The same trades in a worse world, and what is left of them.

Each stress changes the sample that the engines then redraw; all are arithmetic of what was
recorded, none is a forecast. Returns are fractions of the equity before the trade.
"""

from dataclasses import dataclass

import numpy as np

from trading_cli.research.paths import Floats

NAMES = (
    "as recorded", "volatility x 2", "slippage x 2", "liquidity x 0.5", "correlated resolution",
    "gap to 0",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """Closed trades in the order they closed; arrays (n,), fractions of the equity before each.

    ``returns``   net result
    ``stakes``    what could be lost: all that was paid, fees included; >= 0
    ``slippage``  paid for the spread: half of it for each share bought or sold
    ``impact``    paid beyond the best price for walking the book
    ``together``  how many were usually open at once, at least 1
    """

    returns: Floats
    stakes: Floats
    slippage: Floats
    impact: Floats
    together: int = 1

    def __post_init__(self) -> None:
        columns = (self.returns, self.stakes, self.slippage, self.impact)
        if len({len(one) for one in columns}) != 1 or self.together < 1:
            raise ValueError("the columns of a record are as long as one another")
        if not all(np.isfinite(one).all() for one in columns):
            raise ValueError("a record has no undefined numbers")


def stressed(record: Record, name: str) -> Floats:
    """Return the sample that stress *name* makes of *record*, each at least -1 (all is lost).

    as recorded            the returns
    volatility x 2         deviations from the mean doubled, but no trade loses more than its stake;
                           gains grow only as much as keeps the mean, or it would be a gift
    slippage x 2           what the spread took is taken once more
    liquidity x 0.5        with half the depth the book is walked twice as far: the impact doubles
    correlated resolution  the trades open at once come out alike: one draw counts ``together``
                           times, so a path has that many fewer steps
    gap to 0               no stop ever works: what lost, lost its whole stake
    """
    returns = record.returns
    match name:
        case "as recorded":
            made = returns
        case "volatility x 2":
            made = _wilder(record)
        case "slippage x 2":
            made = returns - record.slippage
        case "liquidity x 0.5":
            made = returns - record.impact
        case "correlated resolution":
            made = returns * record.together
        case "gap to 0":
            made = np.where(returns < 0, np.minimum(-record.stakes, returns), returns)
        case _:
            raise ValueError(f"there is no stress {name!r}: {', '.join(NAMES)}")
    return np.maximum(made, -1.0)


def _wilder(record: Record) -> Floats:
    """Return the returns with doubled deviations, losses within the stakes, the same mean."""
    mean = float(record.returns.mean())
    most = np.minimum(-record.stakes, record.returns) - mean
    deviations = np.maximum(2 * (record.returns - mean), most)
    up, down = np.maximum(deviations, 0.0), np.minimum(deviations, 0.0)
    gained = float(up.sum())
    return mean + down + up * (-float(down.sum()) / gained if gained > 0 else 0.0)


def steps(record: Record, name: str) -> int:
    """Return how many steps a path over *record* has under stress *name*."""
    n = len(record.returns)
    return max(1, n // record.together) if name == "correlated resolution" else n
