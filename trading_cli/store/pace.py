"""How much room each table takes, and how fast it grows."""

import sqlite3
from statistics import median

DAY = 86_400
LEAST_DAYS = 3


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


def rows_a_day(look: sqlite3.Connection, until: int, days: int) -> dict[str, float]:
    """Return the median rows a day of each table over the *days* before *until*, epoch seconds.

    The median, since one day of filling in the past is no pace; {} below three days.
    """
    found: dict[str, dict[int, int]] = {}
    first = until - days * DAY
    for name, day, rows in look.execute(
        "SELECT name, bucket / 86400, sum(rows) FROM seal_sums WHERE bucket >= ? AND bucket < ?"
        " GROUP BY 1, 2",
        (first, until),
    ):
        found.setdefault(name, {})[int(day)] = int(rows)
    seen = {day for held in found.values() for day in held}
    whole = range(min(seen, default=until // DAY), until // DAY)
    if len(whole) < LEAST_DAYS:
        return {}
    return {name: float(median(held.get(day, 0) for day in whole)) for name, held in found.items()}


def rows(look: sqlite3.Connection) -> dict[str, int]:
    """Return the rows of each table as they were last sealed: no row is counted."""
    found = look.execute("SELECT name, sum(rows) FROM seal_sums GROUP BY name")
    return {str(name): int(count) for name, count in found}
