"""A look back: the page of a home as of a moment that is over, its clock standing still there."""

from datetime import datetime

from trading_cli.app.settings import Loaded
from trading_cli.core.errors import UsageError
from trading_cli.core.times import instant
from trading_cli.store import Store, history, runs
from trading_cli.store.born import is_there

LAST = "last"


def moment(loaded: Loaded, text: str, now: datetime) -> datetime:
    """Return the moment that *text* names: ``last``, when the last collection ended, or a time.

    Raises ``UsageError`` for a home where nothing was collected, for a time before its last
    collection (what came later would be shown as if it had been known) and for one to come.
    """
    last = _last(loaded)
    if last is None:
        raise UsageError(
            f"nothing was collected in {loaded.home} yet: there is nothing to look back at.",
            hint="trading demo, or trading collect",
        )
    at = last if text.strip().lower() == LAST else instant(text, now)
    if at < last:
        raise UsageError(
            f"{at.isoformat()} is before the last collection, {last.isoformat()}: what came later"
            " would be shown too.",
            hint="--at last",
        )
    if at > now:
        raise UsageError(f"{at.isoformat()} is still to come.", hint="--at last")
    return at


def _last(loaded: Loaded) -> datetime | None:
    """Return when the last collection ended, ``None`` where there was none."""
    if not is_there(loaded.database):
        return None
    busy = loaded.settings.database.busy_timeout_ms
    with Store.reader(loaded.database, busy_timeout_ms=busy) as store, store.reading() as look:
        done = runs.collected(look, limit=1)
        ended = [one.finished or one.started for one in done]
        seen = history.newest_quote_at(look)
    return max((at for at in (*ended, seen) if at is not None), default=None)
