"""The bias checks of a run, as the report has them. By default they are on."""

from collections.abc import Sequence
from typing import Any

from trading_cli.app.backtests.cells import Cell, Opened, made
from trading_cli.domain import from_epoch
from trading_cli.trading.backtest import bias
from trading_cli.trading.backtest.history import History
from trading_cli.trading.strategies import Strategy

CLEAN, EXPOSED, NONE = "CLEAN", "EXPOSED", "NOT RUN"


def checked(cell: Cell, opened: Opened, *, seed: int) -> dict[str, Any]:
    """Return {state, missing, checks}: EXPOSED where a decision used what was not known yet."""

    def strategies(_history: History) -> Sequence[Strategy]:
        return made(cell)

    found = bias.check(opened.history, cell.rules, strategies, seed=seed)
    if not sum(one.compared for one in found) and all(one.passed for one in found):
        missing = "no decision could be compared: too few slots, or no candidate in them"
        return {"state": NONE, "missing": missing, "checks": []}
    checks = [
        {
            "name": one.check,
            "until": from_epoch(one.until).isoformat(),
            "compared": one.compared,
            "clean": one.passed,
            "sentence": one.sentence,
        }
        for one in found
    ]
    state = CLEAN if all(one.passed for one in found) else EXPOSED
    return {"state": state, "missing": "", "checks": checks}
