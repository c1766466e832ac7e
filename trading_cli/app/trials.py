"""The trials ledger as a person sees it: what was ever tried, and how good luck alone would look.

``code_hash`` and ``yardstick`` are for whoever plans a trial and whoever judges one.
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from statistics import variance
from typing import Any

from trading_cli.app import brief
from trading_cli.app.journal import now_of
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.research.sharpe import (
    expected_maximum,
    least_track_record,
    moments,
    probabilistic_sharpe,
)
from trading_cli.store import Store, Transaction, trials
from trading_cli.store.born import is_there

YEAR = 365
_PACKAGE = Path(__file__).parent.parent


@cache
def code_hash() -> str:
    """Return 16 hex digits that stand for every line of this program."""
    digest = blake2b(digest_size=8, person=b"trialcode")
    for path in sorted(_PACKAGE.rglob("*.py")):
        body = path.read_bytes()
        name = path.relative_to(_PACKAGE).as_posix().encode()
        digest.update(len(name).to_bytes(4, "big") + name + len(body).to_bytes(8, "big") + body)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What the search alone would show: distinct trials, the variance of their daily Sharpe.

    ``variance`` and ``hurdle`` (the best daily ratio expected of so many trials without skill) are
    NaN where fewer than 2 distinct trials ended with a ratio and there was more than one: a
    deflated Sharpe ratio does not exist then.
    """

    trials: int
    variance: float
    hurdle: float


def yardstick(look: Transaction, strategy: str | None = None) -> Yardstick:
    """Return what to deflate a ratio of *strategy* by (``None``: of all): backtests and cells.

    A trial about to be judged must be in the ledger already.
    """
    kinds = ("backtest", "cell")
    tried = sum(trials.counted(look, strategy=strategy, kind=one).distinct for one in kinds)
    ratios = trials.sharpes(look, strategy)
    if tried <= 1:
        return Yardstick(tried, math.nan, 0.0)
    if len(ratios) < 2:  # noqa: PLR2004  # one ratio has no variance
        return Yardstick(tried, math.nan, math.nan)
    spread = variance(ratios)
    return Yardstick(tried, spread, expected_maximum(tried, spread))


def luck_of(returns: Sequence[float], yard: Yardstick) -> dict[str, Any]:
    """Return how likely a record of daily *returns* is luck, given what was tried.

    {sharpe_a_year, psr, dsr, least_days, days, trials, missing}: PSR against 0, DSR against the
    yardstick's hurdle, the days PSR needs to reach 95 %. ``None`` where a number does not exist.
    """
    found = moments(returns)
    shape = (found.sharpe, found.n, found.skew, found.kurtosis)
    numbers = {
        "sharpe_a_year": found.sharpe * math.sqrt(YEAR),
        "psr": probabilistic_sharpe(*shape),
        "dsr": probabilistic_sharpe(*shape, benchmark=yard.hurdle),
        "least_days": least_track_record(found.sharpe, found.skew, found.kurtosis),
    }
    missing = "" if math.isfinite(yard.hurdle) else "fewer than 2 trials ended with a ratio"
    if not math.isfinite(found.sharpe):
        missing = f"{found.n} daily returns that do not vary"
    told = {name: round(one, 6) if math.isfinite(one) else None for name, one in numbers.items()}
    return told | {"days": found.n, "trials": yard.trials, "missing": missing}


def ledger(
    config: Path | None,
    *,
    strategy: str | None = None,
    kind: str | None = None,
    limit: int = 50,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Return {trials, counted, luck}: the newest rows, how much was tried, what luck would show.

    Raises UsageError for a kind there is not. Works on a home without a database.
    """
    if kind is not None and kind not in trials.KINDS:
        raise UsageError(
            f"there is no kind of trial {kind!r}.", hint=f"one of {', '.join(trials.KINDS)}"
        )
    known = brief.read(config, os.environ)
    now = now_of(clock)
    if not is_there(known.database):
        nothing = trials.Counted(0, 0, 0, 0)
        return _told([], nothing, Yardstick(0, math.nan, 0.0), now)
    with Store.reader(known.database) as store, store.reading() as look:
        rows = trials.trials(look, strategy=strategy, kind=kind, limit=limit)
        tried = trials.counted(look, strategy=strategy, kind=kind)
        return _told([_row(one) for one in rows], tried, yardstick(look, strategy), now)


def _row(one: trials.Trial) -> dict[str, Any]:
    sharpe = None if one.sharpe is None else round(one.sharpe * math.sqrt(YEAR), 6)
    return {
        "id": one.id,
        "kind": one.kind,
        "sweep": one.parent,
        "strategy": one.strategy,
        "at": one.at.isoformat(),
        "since": one.since.isoformat(),
        "until": one.until.isoformat(),
        "hash": one.hash,
        "settings": dict(one.settings),
        "tests": one.tests,
        "in_sample": one.in_sample,
        "state": one.state,
        "why": one.why,
        "sharpe_a_year": sharpe,
        "days": one.periods,
    }


def _told(
    rows: list[dict[str, Any]], tried: trials.Counted, luck: Yardstick, now: datetime
) -> dict[str, Any]:
    missing = "" if math.isfinite(luck.hurdle) else "fewer than 2 trials ended with a ratio"
    if not luck.trials:
        missing = "nothing was tried yet"
    return {
        "as_of": now.isoformat(timespec="seconds"),
        "trials": rows,
        "counted": _counts(tried),
        "luck": {
            "trials": luck.trials,
            "sharpe_a_year": None if missing else round(luck.hurdle * math.sqrt(YEAR), 6),
            "missing": missing,
        },
    }


def _counts(tried: trials.Counted) -> Mapping[str, int]:
    return {
        "rows": tried.rows,
        "distinct": tried.distinct,
        "tests": tried.tests,
        "unfinished": tried.unfinished,
    }
