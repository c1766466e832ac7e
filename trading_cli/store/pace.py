"""How much room each table takes, and how fast it grows.

Rows a day come from the seals' sums: no row of a watched table is counted. What the sums cannot
tell is asked for: rows without a time of their own, and the seals themselves. What `retention`
throws away again after days (`events`, `jobs`) is no pace and is left out; what is written once a
week (backtests) is not seen by a median of days.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, median

DAY = 86_400
LEAST_DAYS = 3
RECENT_DAYS = 3  # one day alone has a fifth more candidates than the next, or less
MARKETS, CANDIDATES = "panel", "candidates"  # the stages of the funnel
Days = dict[int, float]  # UTC day -> rows
Loads = dict[str, Days]  # stage -> UTC day -> markets at that stage, a slot on average

# Where a row is written for each market that is followed, and for each that may be traded.
FOLLOWED = frozenset(
    {
        "books", "coverage", "findings", "gaps", "points", "post_events", "post_links", "post_seen",
        "posts", "quotes", "scores", "talk_hours", "traded_days", "trades", "volume_ladders",
    }
)  # fmt: skip
TRADABLE = frozenset({"decisions", "features"})

# What has no time that the sums go by: where its rows stand, and when they came. The run is looked
# up first (CROSS): a week of them, not every row there ever was.
ASKED: Mapping[str, tuple[str, str]] = {
    "correlations": ("correlation_runs r CROSS JOIN correlations ON run = r.id", "r.at"),
    "deliveries": ("deliveries", "tried_at"),
    "pooled_correlations": (
        "correlation_runs r CROSS JOIN pooled_correlations ON run = r.id",
        "r.at",
    ),
    "positions": ("positions", "opened_at"),
    "seals": ("seals", "at"),
    "steps": ("runs r CROSS JOIN steps ON run = r.id", "r.started"),
}


@dataclass(frozen=True, slots=True)
class Pace:
    """Rows a day by table, and for how many markets: those of the newest whole days.

    ``load``: stage of the funnel (``MARKETS``, ``CANDIDATES``) to the markets at that stage in a
    slot, on average over three days; a stage nobody counted is not there.
    """

    rows: Mapping[str, float]
    load: Mapping[str, float]


def driver(name: str) -> str | None:
    """Return the stage of the funnel whose markets table *name* grows with; ``None``: with time."""
    if name in TRADABLE:
        return CANDIDATES
    return MARKETS if name in FOLLOWED else None


def sizes(look: sqlite3.Connection) -> dict[str, int] | None:
    """Return the bytes of each table with its indexes; ``None`` where sqlite cannot tell."""
    try:
        rows = look.execute(
            "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name"
            " WHERE d.aggregate = TRUE GROUP BY s.tbl_name"
        ).fetchall()
    except sqlite3.OperationalError:  # built without dbstat
        return None
    return {str(name): int(size) for name, size in rows}


def newest_day(look: sqlite3.Connection) -> int | None:
    """Return the last UTC day in which evidence was written, ``None`` before the first."""
    row = look.execute("SELECT max(bucket) FROM seal_sums WHERE name = 'quotes'").fetchone()
    return None if row[0] is None else int(row[0]) // DAY * DAY


def pace(look: sqlite3.Connection, until: int, days: int) -> Pace:
    """Return the rows a day of each table, by the *days* before *until*, epoch seconds.

    What grows with the markets is the median over the days of its rows for one market, times the
    markets of the newest three days; the rest is the median of its rows. The median, since one day
    of filling in the past is no pace; nothing below three days.
    """
    first = until - days * DAY
    found = _rows(look, first, until)
    seen = {day for held in found.values() for day in held}
    whole = range(min(seen, default=until // DAY), until // DAY)
    if len(whole) < LEAST_DAYS:
        return Pace({}, {})
    by_day = loads(look, first, until)
    load = {
        stage: fmean(held[day] for day in sorted(held)[-RECENT_DAYS:])
        for stage, held in by_day.items()
    }
    a_day = {}
    for name, held in found.items():
        stage = driver(name)
        if stage in load:
            a_day[name] = load[stage] * _each(held, by_day[stage], whole)
        else:
            a_day[name] = float(median(held.get(day, 0) for day in whole))
    return Pace(a_day, load)


def _each(held: Days, markets: Days, whole: range) -> float:
    """Return the rows a day for one market, the median over the days that had any."""
    each = [held.get(day, 0) / markets[day] for day in whole if markets.get(day)]
    return median(each) if each else 0.0


def _rows(look: sqlite3.Connection, first: int, until: int) -> dict[str, Days]:
    """Return, by table, the rows of each day in [*first*, *until*)."""
    found: dict[str, Days] = {"seal_sums": {}}
    for name, day, rows, sums in look.execute(
        "SELECT name, bucket / 86400, sum(rows), count(*) FROM seal_sums"
        " WHERE bucket >= ? AND bucket < ? GROUP BY 1, 2",
        (first, until),
    ):
        found.setdefault(name, {})[int(day)] = int(rows)
        found["seal_sums"][int(day)] = found["seal_sums"].get(int(day), 0) + int(sums)
    for name, (where, at) in ASKED.items():
        asked = look.execute(
            f"SELECT {at} / 86400, count(*) FROM {where} WHERE {at} >= ? AND {at} < ? GROUP BY 1",  # noqa: S608  # our own names
            (first, until),
        )
        found[name] = {int(day): int(rows) for day, rows in asked}
    return found


def loads(look: sqlite3.Connection, first: int, until: int) -> Loads:
    """Return how many markets a slot had at each stage, on average by day; [first, until)."""
    found: Loads = {}
    for stage, day, markets in look.execute(
        "SELECT stage, slot / 86400, avg(count) FROM funnel"
        " WHERE slot >= ? AND slot < ? AND stage IN (?, ?) GROUP BY 1, 2",
        (first, until, MARKETS, CANDIDATES),
    ):
        found.setdefault(stage, {})[int(day)] = float(markets)
    return found


def rows(look: sqlite3.Connection) -> dict[str, int]:
    """Return the rows of each table, those that are watched as they were last sealed."""
    found = {
        str(name): int(count)
        for name, count in look.execute("SELECT name, sum(rows) FROM seal_sums GROUP BY name")
    }
    for name in ("seals", "seal_sums"):
        found[name] = int(look.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608  # our own names
    return found
