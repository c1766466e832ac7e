"""Weeks of talk and prices in a real file, with a truth: in the first market talk leads."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import analyse_world as w
import numpy as np

from trading_cli.domain import Quote
from trading_cli.store import Store, listings, series
from trading_cli.store.talk_hours import record_hours

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = 3600


def number(hour):
    """Return the epoch second of an hour's end, counted from the start."""
    return int(START.timestamp()) + hour * HOUR


def fill(path, *, days, markets, seed=1, b=0.5, lag=2):
    """Write *days* of hourly quotes and counted talk of *markets*, the first one led by its talk.

    All is observed when it happens: a quote seconds after its slot, an hour of talk a minute after.
    """
    rng = np.random.default_rng(seed)
    hours = days * 24
    with Store.open(path, now=START) as store:
        for m in range(1, markets + 1):
            talk = rng.standard_normal(hours)
            step = rng.standard_normal(hours)
            if m == 1:
                step[lag:] += b * talk[:-lag]
            level = np.zeros(hours)
            for t in range(1, hours):  # drawn back: it must stay within .05 and .95
                level[t] = 0.995 * level[t - 1] + 0.08 * step[t]
            posts = np.round(np.exp(2.5 + 0.5 * talk)).astype(int)
            _keep(store, m, 1 / (1 + np.exp(-level)), posts)


def _keep(store, m, price, posts):
    event = f"e{m}"
    with store.transaction() as tx:
        listings.record_markets(tx, [w.market(m, event_id=event, observed_at=START)])
        listings.panel_enter(tx, f"50{m}", START, START + timedelta(days=7))
        quotes = []
        for hour, p in enumerate(price):
            seen = datetime.fromtimestamp(number(hour) + 7, tz=UTC)
            mid = Decimal(f"{p:.4f}")
            half = Decimal("0.005")
            quotes.append(
                Quote(f"50{m}", number(hour), mid - half, mid + half, 9.0, 9.0, seen, seen,
                      Decimal(0))
            )  # fmt: skip
        series.record_quotes(tx, quotes)
        for day in range(len(posts) // 24):
            since = START + timedelta(days=day)
            w.heard_talk(tx, "gdelt", since, since + timedelta(days=1, seconds=60), event=event)
        for hour, count in enumerate(posts):
            said = {(event, "gdelt"): {number(hour): (int(count), 5, None, None, None)}}
            record_hours(tx, said, datetime.fromtimestamp(number(hour) + 60, tz=UTC))
