"""When trading happens: by hour of the UTC day and by weekday, of markets heard whole.

A day (or a week) is one observation, so the numbers say how steady the pattern is, not how many
trades there were. Whole days only; a day without trades in any market says nothing and is left out.
"""

import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from trading_cli.app import brief
from trading_cli.app.journal import must_exist, now_of
from trading_cli.core.clock import Clock
from trading_cli.research.rhythm import LEAST, Share, shares
from trading_cli.store import Store
from trading_cli.store.agenda import traded_hours

DAY = 86_400
WEEK = 7
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def patterns(config: Path | None, *, days: int = 56, clock: Clock | None = None) -> dict[str, Any]:
    """Return {since, until, days, weeks, least, hours, weekdays}: shares of USD with intervals.

    ``share`` is ``None`` below 8 days (hours) or 8 weeks (weekdays); an even pattern is 1/24, 1/7.
    """
    known = brief.read(config, os.environ)
    must_exist(known.database)
    now = now_of(clock)
    until = int(now.timestamp()) // DAY * DAY
    since = until - days * DAY
    with Store.reader(known.database) as store, store.reading() as look:
        held = traded_hours(
            look, datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
        )
    by_day = np.full((days, 24), np.nan)
    for day, (_, usd) in held.items():
        by_day[(day - since) // DAY] = usd
    weeks = _weeks(by_day.sum(axis=1), since)
    hours, weekdays = shares(by_day), shares(weeks)
    return {
        "since": datetime.fromtimestamp(since, UTC).isoformat(),
        "until": datetime.fromtimestamp(until, UTC).isoformat(),
        "days": hours[0].n,
        "weeks": weekdays[0].n,
        "least": LEAST,
        "hours": [_told(f"{hour:02d}:00", one) for hour, one in enumerate(hours)],
        "weekdays": [_told(name, one) for name, one in zip(WEEKDAYS, weekdays, strict=True)],
    }


def _weeks(usd: np.ndarray, since: int) -> np.ndarray:
    """Return USD [W, 7] of the whole weeks from Monday on in *usd* [D], whose first day is *since*.

    A week with a day that was not heard has a NaN, and is left out by ``shares``.
    """
    first = datetime.fromtimestamp(since, UTC).weekday()
    begin = -first % WEEK
    whole = (usd.size - begin) // WEEK
    return usd[begin : begin + whole * WEEK].reshape(max(whole, 0), WEEK)


def _told(name: str, one: Share) -> dict[str, Any]:
    known = math.isfinite(one.share)
    return {
        "when": name,
        "share": round(one.share, 6) if known else None,
        "low": round(one.low, 6) if known else None,
        "high": round(one.high, 6) if known else None,
    }
