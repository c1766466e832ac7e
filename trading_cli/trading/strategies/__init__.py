"""One module per algorithm, behind one Protocol; users add their own by name, without a fork.

rvr_roc_hype        volume, price and talk agree: the plan's signal
early               volume and talk are up, the price is not: the plan's own thesis
momentum_sentiment  a move that the mood agrees with
opinions            what outsiders say, as far as they have shown to know more than the price
price_only          a recalibrated probability; for imported history, off in paper and live
roc_only, hype_only its parts alone: benchmarks
favourite           the likelier token; a benchmark, for history only
random_entries      a coin; a benchmark, for history only

``signals.strategies`` lists names in order of precedence: one of these, an entry point of the group
``trading_cli.strategies``, or "path/to/file.py:Class" (relative to the home).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from trading_cli.domain import Action, Reason, Token
from trading_cli.trading.strategies.advice import Advice, Strategy, hold, risen
from trading_cli.trading.strategies.early import Early
from trading_cli.trading.strategies.favourite import Favourite
from trading_cli.trading.strategies.foreign import Broken, load_foreign
from trading_cli.trading.strategies.hype_only import HypeOnly
from trading_cli.trading.strategies.momentum_sentiment import MomentumSentiment
from trading_cli.trading.strategies.opinions import Opinions
from trading_cli.trading.strategies.price_only import PriceOnly
from trading_cli.trading.strategies.random_entries import RandomEntries
from trading_cli.trading.strategies.roc_only import RocOnly
from trading_cli.trading.strategies.rvr_roc_hype import RvrRocHype

FORMULA = "strategies/1"  # part of every decision: raise it when a decision would change


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """How to make one of ours from the tier ceilings; ``history_only``: off in paper and live."""

    make: Callable[[tuple[Decimal, ...]], Strategy]
    history_only: bool = False


BUILT_IN: dict[str, BuiltIn] = {
    "rvr_roc_hype": BuiltIn(RvrRocHype),
    "early": BuiltIn(lambda _: Early()),
    "momentum_sentiment": BuiltIn(lambda _: MomentumSentiment()),
    "opinions": BuiltIn(lambda _: Opinions()),
    "price_only": BuiltIn(lambda _: PriceOnly(), history_only=True),
    "roc_only": BuiltIn(lambda _: RocOnly()),
    "hype_only": BuiltIn(lambda _: HypeOnly()),
    "favourite": BuiltIn(lambda _: Favourite(), history_only=True),
    "random_entries": BuiltIn(lambda _: RandomEntries(), history_only=True),
}


_OURS = (
    RvrRocHype, Early, MomentumSentiment, Opinions, PriceOnly, RocOnly, HypeOnly, Favourite,
    RandomEntries,
)  # fmt: skip


def ours(strategy: Strategy) -> bool:
    """Return whether *strategy* is one of ours, not made by a user from one of ours."""
    return type(strategy) in _OURS


def load(
    names: Sequence[str],
    tier_ceilings: tuple[Decimal, ...],
    *,
    folder: Path,
    history: bool = False,
) -> tuple[Strategy, ...]:
    """Return the strategies in the order of *names*; what does not load is there as ``Broken``.

    *folder* is where relative paths start, *history* whether this is a run over imported history.
    It never raises for a bad strategy: exits must go on, and its decisions say what is wrong.
    """
    taken: set[str] = set()
    found: list[Strategy] = []
    for place, name in enumerate(names, start=1):
        one = _load(name, tier_ceilings, folder, history=history)
        if one.name in taken:
            said = f"two strategies are called {one.name}; give each its own name"
            one = Broken(f"{name}#{place}", said)
        taken.add(one.name)
        found.append(one)
    return tuple(found)


def _load(
    name: str, tier_ceilings: tuple[Decimal, ...], folder: Path, *, history: bool
) -> Strategy:
    ours = BUILT_IN.get(name)
    if ours is None:
        made = load_foreign(name, folder)
        if made.name in BUILT_IN:
            return Broken(name, f"strategy {name} calls itself {made.name}, a name of ours")
        return made
    if ours.history_only and not history:
        return Broken(name, f"strategy {name} is for imported history: off in paper and live")
    return ours.make(tier_ceilings)


def problems(strategies: Sequence[Strategy]) -> tuple[str, ...]:
    """Return a sentence for each strategy that could not be loaded."""
    return tuple(one.error for one in strategies if isinstance(one, Broken))


__all__ = [
    "BUILT_IN",
    "FORMULA",
    "Action",
    "Advice",
    "Broken",
    "BuiltIn",
    "Reason",
    "Strategy",
    "Token",
    "hold",
    "load",
    "ours",
    "problems",
    "risen",
]
