"""The trials ledger: every backtest, sweep cell and correlation family, a row before it runs.

The count of distinct trials is what a Sharpe ratio is deflated by. The same settings on the same
data by the same code are the same trial however often it ran; one that failed or never ended was
tried too.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from trading_cli.domain import from_epoch
from trading_cli.store.rows import as_json, epoch, moment, narrowed

KINDS = ("backtest", "cell", "correlation")
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Planned:
    """What is about to be tried.

    kind       backtest, cell (of a sweep: ``parent`` is the sweep's row) or correlation
    strategy   the strategy, "" for a correlation family
    since, until  the data's span
    settings   what distinguishes it: every setting, or the cell's own
    data_hash  stands for the data read (``fingerprint``), ``code`` for the program
    tests      how many tests are in it (a correlation family: markets times directions)
    in_sample  whether today's labels, or anything fitted on the span, were used
    """

    kind: str
    strategy: str
    at: datetime
    since: datetime
    until: datetime
    settings: Mapping[str, Any]
    data_hash: str
    code: str
    tests: int = 1
    parent: int | None = None
    in_sample: bool = False

    @property
    def settings_hash(self) -> str:
        """Return 16 hex digits of the settings."""
        return _digest(as_json(self.settings))

    @property
    def hash(self) -> str:
        """Return 16 hex digits that stand for kind, strategy, span, settings, data and code."""
        span = (str(epoch(self.since)), str(epoch(self.until)))
        whole = (self.kind, self.strategy, *span, self.settings_hash, self.data_hash, self.code)
        return _digest("\x1f".join(whole))


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a trial; ``sharpe`` is per period of ``period_s`` seconds, kurtosis raw."""

    sharpe: float | None = None
    periods: int | None = None
    period_s: int = DAY_S
    skew: float | None = None
    kurtosis: float | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """A row of the ledger."""

    id: int
    kind: str
    parent: int | None
    strategy: str
    at: datetime
    since: datetime
    until: datetime
    hash: str
    settings: Mapping[str, Any]
    tests: int
    in_sample: bool
    state: str
    finished_at: datetime | None
    why: str
    sharpe: float | None
    periods: int | None
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """How much was tried: rows, distinct trials, tests in them, rows that never came to an end."""

    rows: int
    distinct: int
    tests: int
    unfinished: int


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8, person=b"trial").hexdigest()


def plan(tx: sqlite3.Connection, planned: Planned) -> int:
    """Write down what is about to be tried and return its row. Commit before it runs."""
    return plan_all(tx, [planned])[0]


def plan_all(tx: sqlite3.Connection, every: Iterable[Planned]) -> list[int]:
    """Write down each of *every* and return the rows in their order."""
    return [
        int(
            tx.execute(
                "INSERT INTO trials (kind, parent, strategy, at, since, until, hash, settings_hash,"
                " data_hash, code, settings, tests, in_sample)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (one.kind, one.parent, one.strategy, epoch(one.at), epoch(one.since),
                 epoch(one.until), one.hash, one.settings_hash, one.data_hash, one.code,
                 as_json(one.settings), one.tests, int(one.in_sample)),
            ).fetchone()[0]
        )
        for one in every
    ]  # fmt: skip


def finish(tx: sqlite3.Connection, trial: int, at: datetime, result: Result) -> None:
    """Write down what came of a planned trial. Raises KeyError unless it is there and PLANNED."""
    _end(
        tx, trial, at,
        "state = 'DONE', sharpe = ?, periods = ?, period_s = ?, skew = ?, kurtosis = ?,"
        " summary = ?",
        (result.sharpe, result.periods, result.period_s, result.skew, result.kurtosis,
         as_json(result.summary)),
    )  # fmt: skip


def fail(tx: sqlite3.Connection, trial: int, at: datetime, why: str) -> None:
    """Write down that a planned trial failed; it counts. Raises KeyError as ``finish`` does."""
    _end(tx, trial, at, "state = 'FAILED', why = ?", (why,))


def _end(
    tx: sqlite3.Connection, trial: int, at: datetime, what: str, values: tuple[object, ...]
) -> None:
    ended = tx.execute(
        f"UPDATE trials SET {what}, finished_at = ? WHERE id = ? AND state = 'PLANNED'",  # noqa: S608  # our own words
        (*values, epoch(at), trial),
    )
    if ended.rowcount != 1:
        raise KeyError(f"no planned trial {trial}")


def trials(
    look: sqlite3.Connection,
    *,
    strategy: str | None = None,
    kind: str | None = None,
    since: datetime | None = None,
    limit: int = 200,
) -> list[Trial]:
    """Return the rows planned at or after *since* that match, newest first."""
    where, values = _asked(strategy, kind, since)
    rows = look.execute(
        "SELECT id, kind, parent, strategy, at, since, until, hash, settings, tests, in_sample,"  # noqa: S608  # our own words
        f" state, finished_at, why, sharpe, periods, summary FROM trials WHERE {where}"
        " ORDER BY id DESC LIMIT ?",
        (*values, limit),
    )
    return [_trial(*row) for row in rows]


def _asked(
    strategy: str | None, kind: str | None, since: datetime | None
) -> tuple[str, list[object]]:
    return narrowed(
        {
            "strategy = ?": strategy,
            "kind = ?": kind,
            "at >= ?": None if since is None else epoch(since),
        }
    )


def _trial(  # noqa: PLR0913, PLR0917  # one argument for each column
    number: int,
    kind: str,
    parent: int | None,
    strategy: str,
    at: int,
    since: int,
    until: int,
    name: str,
    settings: str,
    tests: int,
    in_sample: int,
    state: str,
    finished: int | None,
    why: str,
    sharpe: float | None,
    periods: int | None,
    summary: str,
) -> Trial:
    return Trial(
        number, kind, parent, strategy, from_epoch(at), from_epoch(since), from_epoch(until), name,
        json.loads(settings), tests, bool(in_sample), state, moment(finished), why, sharpe,
        periods, json.loads(summary),
    )  # fmt: skip


def counted(
    look: sqlite3.Connection,
    *,
    strategy: str | None = None,
    kind: str | None = None,
    since: datetime | None = None,
) -> Counted:
    """Return how much was tried of what matches, whatever came of it.

    A sweep is its cells: its own row is counted among the rows, not among the distinct trials.
    """
    where, values = _asked(strategy, kind, since)
    rows, unfinished = look.execute(
        f"SELECT count(*), coalesce(sum(state = 'PLANNED'), 0) FROM trials WHERE {where}",  # noqa: S608  # our own words
        values,
    ).fetchone()
    distinct, tests = look.execute(
        "SELECT count(*), coalesce(sum(most), 0) FROM (SELECT max(tests) AS most FROM trials t"  # noqa: S608  # our own words
        f" WHERE {where} AND NOT EXISTS (SELECT 1 FROM trials c WHERE c.parent = t.id)"
        " GROUP BY hash)",
        values,
    ).fetchone()
    return Counted(rows, distinct, tests, unfinished)


def sharpes(look: sqlite3.Connection, strategy: str | None = None) -> list[float]:
    """Return the daily Sharpe ratios of the distinct backtests and cells that came to an end."""
    rows = look.execute(
        "SELECT sharpe FROM trials WHERE id IN (SELECT max(id) FROM trials WHERE state = 'DONE'"
        " AND sharpe IS NOT NULL AND period_s = ?1 AND kind <> 'correlation'"
        " AND (?2 IS NULL OR strategy = ?2) GROUP BY hash) ORDER BY id",
        (DAY_S, strategy),
    )
    return [float(sharpe) for (sharpe,) in rows]


_SPAN = "event_time >= ?1 AND event_time < ?2 GROUP BY market ORDER BY market"
_ENDS = "market, count(*), min(event_time), max(event_time)"
_DATA = (
    # in whole parts: a sum of floats would go by the order of its rows
    f"SELECT {_ENDS}, sum(CAST(round(price * 1e9) AS INTEGER)) FROM points WHERE {_SPAN}",  # noqa: S608  # our own words
    f"SELECT {_ENDS}, sum(price), sum(size) FROM trades WHERE {_SPAN}",  # noqa: S608  # our own words
    "SELECT market, observed_at, outcome, payout FROM resolutions WHERE observed_at < ?2 ORDER BY 1, 2",  # noqa: E501  # one question
    "SELECT market, hash FROM listing_versions WHERE observed_at < ?2 ORDER BY market, id",
)


def fingerprint(look: sqlite3.Connection, since: datetime, until: datetime) -> str:
    """Return 16 hex digits of what is stored of [since, until): quotes, mids, trades, settlements.

    Quotes byte for byte; of mids and trades the count, ends and sums by market. Books and talk
    are not in it, nor in which order quotes came, nor whether they lie in the archive by now.
    """
    from trading_cli.store import past  # noqa: PLC0415  # numpy: the ledger is read without it

    digest = blake2b(digest_size=8, person=b"trialdata")
    ends = epoch(since), epoch(until)
    packs = ((slot, past.by_market(pack).tobytes()) for slot, pack in past.packs(look, *ends))
    for rows in (packs, *(look.execute(question, ends) for question in _DATA)):
        for row in rows:
            for value in row:
                part = value if isinstance(value, bytes) else repr(value).encode()
                digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()
