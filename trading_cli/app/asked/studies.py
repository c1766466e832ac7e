"""Studies as they were kept: the newest family of correlations; backtests, and one as answered."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from trading_cli.app.asked.opening import NOTHING, Look, looking
from trading_cli.app.asked.rows import Page
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.store import correlations, listings, pages

_TIMES = ("at", "since", "until", "killed_at")


def family(config: Path | None, *, clock: Clock | None = None) -> dict[str, Any]:
    """Return {family}: the newest run as `correlate` told it, ``None`` before there is one.

    Labels are those of now. Nothing is computed or kept: it is no look at the data.
    """
    with looking(config, clock) as look:
        found = None if look is None else correlations.last_run(look.rows, as_of=look.now)
        if look is None or found is None:
            return {"family": None, "warnings": ["no family was tested yet: trading correlate"]}
        return {"family": _family(look, found)}


def _family(look: Look, found: correlations.Run) -> dict[str, Any]:
    from trading_cli.app import correlate_told as told  # noqa: PLC0415  # it loads scipy
    from trading_cli.research.pooled import EVERYTHING  # noqa: PLC0415  # so does it

    planned, rows = found.planned, look.rows
    together = sorted(
        correlations.pooled_of(rows, found.id),
        key=lambda one: (one.category != EVERYTHING, one.category, one.horizon),
    )
    standing = correlations.labels(rows, as_of=look.now)
    looks = correlations.looks(rows, as_of=look.now)
    markets = told.ranked(correlations.markets_of(rows, found.id))
    return {
        **told.head(found.id, planned, planned.family["lags"], looks),
        "followed": len(listings.panel_members(rows, as_of=planned.at)),
        "pooled": [told.told_pooled(row, standing) for row in together],
        "event_study": found.summary["study"],
        "markets": [told.told_market(row, standing) for row in markets],
        "counts": found.summary["counts"],
    }


def backtests(
    config: Path | None,
    *,
    limit: int = 50,
    after: int | None = None,
    clock: Clock | None = None,
) -> Page:
    """Return {backtests}: those somebody asked for, the newest first, in a few words each."""
    with looking(config, clock) as look:
        if look is None:
            return {"backtests": [], "warnings": NOTHING}, None
        found = pages.backtests_before(look.rows, after, limit=limit + 1)
    more = found[limit - 1].id if len(found) > limit else None
    return {"backtests": [_told(one) for one in found[:limit]]}, more


def _told(one: pages.Backtested) -> dict[str, Any]:
    facts = asdict(one)
    times = {name: facts[name] and facts[name].isoformat() for name in _TIMES}
    return facts | times | {"returned": one.closing / one.opening - 1 if one.opening else None}


def backtest(config: Path | None, number: int, *, clock: Clock | None = None) -> dict[str, Any]:
    """Return what `trading backtest` answered of run *number*. Raises UsageError of none."""
    with looking(config, clock) as look:
        told = {} if look is None else pages.report_of(look.rows, number)
    if not told:
        raise UsageError(f"there is no backtest {number}.", hint="trading backtest; trading trials")
    return told
