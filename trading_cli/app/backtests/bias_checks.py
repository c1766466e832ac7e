"""The bias checks of a run, as the report has them. By default they are on.

repeat, truncate, poison and blind hide the future from the strategies; ``cut`` opens the stored
past anew, once to an instant and once beyond it, so that what the history itself gives away shows.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from trading_cli.app.backtests.cells import Cell, Opened, made
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.trading.backtest import bias
from trading_cli.trading.backtest.bias import Finding
from trading_cli.trading.backtest.history import History
from trading_cli.trading.strategies import Strategy

CLEAN, EXPOSED, NONE = "CLEAN", "EXPOSED", "NOT RUN"
CUT = "cut"
CUT_SLOTS = 48
BEYOND = timedelta(days=1)


def checked(cell: Cell, opened: Opened, *, seed: int) -> dict[str, Any]:
    """Return {state, missing, checks}: EXPOSED where a decision used what was not known yet."""

    def strategies(_history: History) -> Sequence[Strategy]:
        return made(cell)

    found = [*bias.check(opened.history, cell.rules, strategies, seed=seed)]
    if found:
        found.append(_cut(cell, opened))
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


def _cut(cell: Cell, opened: Opened) -> Finding:
    """Return whether half a day is decided alike where the history ends with it."""
    moments = opened.history.moments()
    last = max(bias.LEAST_SLOTS - 1, 2 * (len(moments) - 1) // 3)
    since = from_epoch(moments[max(0, last - CUT_SLOTS + 1)].slot)
    until = from_epoch(moments[last].slot + SLOT_SECONDS)
    beyond, source = min(cell.until, until + BEYOND), cell.source

    def strategies(_history: History) -> Sequence[Strategy]:
        return made(cell)

    with (
        source.opened(cell.whole, since, max(beyond, until), cell.fees) as longer,
        source.opened(cell.whole, since, until, cell.fees) as ended,
    ):
        found = bias.compare(longer.history, ended.history, cell.rules, strategies, until=until)
    return replace(found, check=CUT)
