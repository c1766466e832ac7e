"""How likely what was found is luck, given everything that was ever tried."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.backtests.figures import number
from trading_cli.app.backtests.tried import Tried
from trading_cli.app.trials import YEAR, luck_of, yardstick
from trading_cli.research import overfitting
from trading_cli.research.blocks import block_lengths
from trading_cli.research.measures import LEAST_DAYS
from trading_cli.store import Transaction

Floats = NDArray[np.float64]
DRAWS = 1000
NO_GRID = "INSUFFICIENT: it is of the cells of a sweep over one span, and there was none"


def luck(
    look: Transaction, returns: Floats, cells: Sequence[Tried], *, seed: int
) -> dict[str, Any]:
    """Return PSR, DSR, the least track record, PBO and SPA of daily *returns* [n].

    The number of trials is that of the whole ledger, all strategies together: who looks at several
    has tried them all. *cells* are those of the sweep that *returns* were chosen from.
    """
    yard = yardstick(look)
    found = luck_of(returns.tolist(), yard)
    hurdle = number(yard.hurdle * math.sqrt(YEAR))
    short = "" if returns.size >= LEAST_DAYS else f"{returns.size} of {LEAST_DAYS} days"
    if short:
        found |= {"psr": None, "dsr": None, "least_days": None}
        found["missing"] = "; ".join(
            one for one in (f"INSUFFICIENT: {short}", found["missing"]) if one
        )
    return found | {
        "hurdle_a_year": hurdle,
        "pbo": _pbo(cells),
        "spa": _spa(returns, cells, seed),
    }


def _pbo(cells: Sequence[Tried]) -> dict[str, Any]:
    lacking: dict[str, Any] = {
        "pbo": None, "loss": None, "blocks": None, "configurations": len(cells), "missing": NO_GRID,
    }  # fmt: skip
    if len(cells) < 2 or len({one.returns.size for one in cells}) != 1:  # noqa: PLR2004  # one is no choice
        return lacking
    returns = np.column_stack([one.returns for one in cells])
    trades = np.column_stack([one.opened for one in cells])
    found = overfitting.probability_of_overfitting(returns, trades)
    if found.missing:
        return lacking | {"missing": f"INSUFFICIENT: {found.missing}"}
    told = {"pbo": number(found.pbo), "loss": number(found.loss), "blocks": found.blocks}
    return lacking | told | {"missing": ""}


def _spa(returns: Floats, cells: Sequence[Tried], seed: int) -> dict[str, Any]:
    """Return Hansen's p-values that nothing tried here beats doing nothing."""
    columns = [one.returns for one in cells if one.returns.size == returns.size] or [returns]
    lacking = {"lower": None, "consistent": None, "upper": None, "models": len(columns)}
    if returns.size < LEAST_DAYS:
        return lacking | {"missing": f"INSUFFICIENT: {returns.size} of {LEAST_DAYS} days"}
    if not any(np.ptp(one) for one in columns):
        return lacking | {"missing": "returns that do not vary"}
    length = block_lengths(returns).stationary if np.ptp(returns) else 1.0
    found = overfitting.superior_ability(
        np.zeros(returns.size), -np.column_stack(columns), length=max(length, 1.0), draws=DRAWS,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    told = {name: number(getattr(found, name)) for name in ("lower", "consistent", "upper")}
    return {**told, "models": len(columns), "missing": ""}
