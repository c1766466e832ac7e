"""Which spans a source answered completely: what was asked and heard, as against not asked."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from trading_cli.store.rows import epoch

Span = tuple[int, int]


def complete_spans(
    connection: sqlite3.Connection,
    source: str,
    subjects: Sequence[str],
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
) -> dict[str, list[Span]]:
    """Return each subject's completely answered spans that touch [since, until), epoch seconds.

    A subject that was never answered is not in the answer.
    """
    rows = connection.execute(
        "SELECT subject, since, until FROM coverage WHERE source = ? AND complete = 1"
        " AND subject IN (SELECT value FROM json_each(?)) AND until > ? AND since < ?"
        " AND observed_at <= ? ORDER BY subject, since",
        (source, json.dumps(list(subjects)), epoch(since), epoch(until), epoch(as_of)),
    )
    found: dict[str, list[Span]] = defaultdict(list)
    for subject, start, stop in rows:
        found[subject].append((start, stop))
    return dict(found)
