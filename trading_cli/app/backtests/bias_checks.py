"""The bias checks of a run, as the report has them. By default they are on.

repeat, truncate, poison and blind hide the future from the strategies; ``cut`` decides on a copy of
the stored past from which all that came later is absent, so that what a reader of the history
itself gives away shows, too.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from trading_cli.app.backtests.cells import Cell, Opened, made
from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.trading.backtest import bias
from trading_cli.trading.backtest.bias import Finding
from trading_cli.trading.backtest.history import History, Moment
from trading_cli.trading.strategies import Strategy

CLEAN, EXPOSED, NONE = "CLEAN", "EXPOSED", "NOT RUN"
CUT = "cut"
CUT_SLOTS = 48
BEYOND = timedelta(days=1)
PRINTED = timedelta(seconds=90)
"""A slot of history mids alone is there once a mid of it is: so much later than it is decided."""


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
    """Return what came of cutting at two thirds of the slots; in a gap, at one third or the end."""
    moments = opened.history.moments()
    for part in (2, 1, 3):
        last = max(bias.LEAST_SLOTS - 1, part * (len(moments) - 1) // 3)
        with suppress(UsageError):  # no price is stored of that half day
            return _cut_at(cell, moments, last)
    return Finding(CUT, moments[-1].slot, 0, "no half day with prices was found to cut after")


def _cut_at(cell: Cell, moments: Sequence[Moment], last: int) -> Finding:
    """Return whether half a day is decided alike where nothing later is stored at all."""
    since = from_epoch(moments[max(0, last - CUT_SLOTS + 1)].slot)
    at, until = moments[last].decided_at + PRINTED, from_epoch(moments[last].slot + SLOT_SECONDS)
    beyond = max(until, min(cell.until, until + BEYOND))

    def strategies(_history: History) -> Sequence[Strategy]:
        return made(cell)

    with (
        cell.source.opened(cell.whole, since, beyond, cell.fees) as whole,
        cell.source.cut(since, at) as then,
        then.opened(cell.whole, since, until, cell.fees) as ended,
    ):
        found = bias.compare(whole.history, ended.history, cell.rules, strategies, until=at)
        if found.passed:
            sight = bias.seen_alike(whole.history, ended.history)
            found = sight if not sight.passed else found
    return replace(found, check=CUT)
