"""What backtests came to: each run with its trial, its round trips and its equity.

A run is kept once, whole, when it has ended; its row in the ledger of trials was there before.
"""

import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_cli.domain import SLOT_SECONDS, Origin, Token, Trip, from_epoch
from trading_cli.store import thawed
from trading_cli.store.rows import (
    ORIGINS,
    as_json,
    epoch,
    epoch_or_none,
    exact,
    millionths,
    moment,
)

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Span = tuple[datetime, datetime]
_MILLION = 1_000_000
_KEPT = (
    "id, trial, at, since, until, strategy, engine, fees, digest, opening, closing, traded,"
    " killed_at"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A run: of which trial, over what, by which engine, and what it began and ended with, USD.

    ``closing`` is the equity at liquidation value, ``traded`` both sides of all fills.
    """

    trial: int
    at: datetime
    since: datetime
    until: datetime
    strategy: str
    engine: str
    fees: str
    digest: str
    opening: Decimal
    closing: Decimal
    traded: Decimal = Decimal(0)
    killed_at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Curve:
    """Equity by slot [S]: epoch seconds, USD, and the trips opened since the row before."""

    slots: Whole
    cash: Floats
    liquidation: Floats
    mid: Floats
    staked: Floats
    opened: Whole

    @property
    def at_liquidation(self) -> Floats:
        """Return cash and what everything would bring, [S]."""
        return self.cash + self.liquidation

    @property
    def at_mid(self) -> Floats:
        """Return cash and everything at its mid, [S]."""
        return self.cash + self.mid


def keep(
    tx: sqlite3.Connection,
    row: Row,
    *,
    trips: Sequence[Trip] = (),
    curve: Curve | None = None,
) -> int:
    """Write a run down whole and return its number. Its trial must be in the ledger."""
    number = int(
        tx.execute(
            "INSERT INTO backtest_runs (trial, at, since, until, strategy, engine, fees, digest,"
            " opening, closing, traded, killed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (row.trial, epoch(row.at), epoch(row.since), epoch(row.until), row.strategy,
             row.engine, row.fees, row.digest, _micro(row.opening), _micro(row.closing),
             _micro(row.traded), epoch_or_none(row.killed_at)),
        ).fetchone()[0]
    )  # fmt: skip
    tx.executemany(
        f"INSERT INTO backtest_trips VALUES ({', '.join('?' * 24)})",  # noqa: S608  # our own words
        [_cells(number, place, one) for place, one in enumerate(trips)],
    )
    if curve is not None and curve.slots.size:
        tx.execute(
            "INSERT INTO backtest_equity (run, rows, pack) VALUES (?, ?, ?)",
            (number, int(curve.slots.size), _packed(curve)),
        )
    return number


def _micro(value: Decimal) -> int:
    """Return *value* in millionths: of a derived number, an average price, the nearest."""
    return millionths(value) or 0


def _cells(run: int, place: int, one: Trip) -> tuple[object, ...]:
    return (
        run, place, one.id, one.market_id, one.event_id, one.category, one.sector, one.strategy,
        one.token.value, one.label, one.question, epoch(one.opened_at),
        epoch_or_none(one.closed_at), _micro(one.shares), _micro(one.cost), _micro(one.proceeds),
        _micro(one.fees), _micro(one.net), one.grade, int(one.late), as_json(list(one.reasons)),
        millionths(one.payout), one.probability,
        _micro(one.entry_price),
    )  # fmt: skip


def tell(tx: sqlite3.Connection, number: int, report: Mapping[str, Any]) -> None:
    """Write down what the command answered of a run, which is kept already."""
    tx.execute("UPDATE backtest_runs SET report = ? WHERE id = ?", (as_json(report), number))


def report_of(look: sqlite3.Connection, number: int) -> dict[str, Any]:
    """Return what the command answered of a run. Raises KeyError where there is no such run."""
    found = look.execute("SELECT report FROM backtest_runs WHERE id = ?", (number,)).fetchone()
    if found is None:
        raise KeyError(f"no backtest run {number}")
    told: dict[str, Any] = json.loads(found[0])
    return told


def run_of(look: sqlite3.Connection, number: int) -> Row | None:
    """Return a run by its number."""
    found = look.execute(f"SELECT {_KEPT} FROM backtest_runs WHERE id = ?", (number,)).fetchone()  # noqa: S608  # our own words
    return None if found is None else _row(found)


def last(look: sqlite3.Connection, kind: str = "") -> Row | None:
    """Return the newest run that a person asked for: no cell of a sweep, nothing shown beside.

    *kind*: the newest of this kind alone (run, grid, walk-forward).
    """
    found = look.execute(
        f"SELECT {_KEPT} FROM backtest_runs WHERE report <> '{{}}'"  # noqa: S608  # our own words
        " AND (? = '' OR json_extract(report, '$.kind') = ?) ORDER BY id DESC LIMIT 1",
        (kind, kind),
    ).fetchone()
    return None if found is None else _row(found)


def same(look: sqlite3.Connection, trial_hash: str) -> Row | None:
    """Return the newest kept run of a trial of this hash that came to its end."""
    columns = ", ".join(f"r.{name.strip()}" for name in _KEPT.split(","))
    found = look.execute(
        f"SELECT {columns} FROM backtest_runs r JOIN trials t ON t.id = r.trial"  # noqa: S608  # our own words
        " WHERE t.hash = ? AND t.state = 'DONE' ORDER BY r.id DESC LIMIT 1",
        (trial_hash,),
    ).fetchone()
    return None if found is None else _row(found)


def _row(found: Sequence[Any]) -> Row:
    (number, trial, at, since, until, strategy, engine, fees, digest, opening, closing, traded,
     killed) = found  # fmt: skip
    return Row(
        trial, from_epoch(at), from_epoch(since), from_epoch(until), strategy, engine, fees,
        digest, exact(opening), exact(closing), exact(traded), moment(killed), number,
    )  # fmt: skip


def trips(look: sqlite3.Connection, number: int) -> list[Trip]:
    """Return the round trips of a run in the order they were kept."""
    rows = look.execute("SELECT * FROM backtest_trips WHERE run = ? ORDER BY place", (number,))
    return [_trip(one) for one in rows]


def _trip(found: Sequence[Any]) -> Trip:
    (_, _, number, market, event, category, sector, strategy, token, label, question, opened,
     closed, shares, cost, proceeds, fees, net, grade, late, reasons, payout, probability,
     price) = found  # fmt: skip
    return Trip(
        number, market, event, category, sector, strategy, Token(token), label,
        from_epoch(opened), moment(closed), exact(shares), exact(cost), exact(proceeds),
        exact(fees), exact(net), grade, bool(late), tuple(json.loads(reasons)),
        None if payout is None else exact(payout), probability, exact(price), question,
    )  # fmt: skip


def curve(look: sqlite3.Connection, number: int) -> Curve | None:
    """Return the equity of a run, ``None`` where none was kept."""
    found = look.execute(
        "SELECT rows, pack FROM backtest_equity WHERE run = ?", (number,)
    ).fetchone()
    return None if found is None else _unpacked(*found)


def _packed(one: Curve) -> bytes:
    money = [np.rint(row * _MILLION) for row in (one.cash, one.liquidation, one.mid, one.staked)]
    table = np.vstack([one.slots, *money, one.opened]).astype("<i8")
    return zlib.compress(np.diff(table, axis=1, prepend=0).tobytes(), 6)


def _unpacked(rows: int, pack: bytes) -> Curve:
    steps = np.frombuffer(zlib.decompress(pack), "<i8").reshape(6, rows)
    table = np.cumsum(steps, axis=1)
    cash, liquidation, mid, staked = (row / _MILLION for row in table[1:5])
    return Curve(
        table[0].astype(np.int64), cash, liquidation, mid, staked, table[5].astype(np.int64)
    )


@dataclass(frozen=True, slots=True)
class Extent:
    """From when to when there are prices: ``usual`` where recorded, else all; ``whole`` all.

    ``imported``: what a person brought in, ``None`` where that is nothing.
    """

    usual: Span
    whole: Span
    imported: Span | None = None

    def left_out(self, since: datetime, until: datetime) -> tuple[Span, ...]:
        """Return from when to when there is imported history outside [since, until)."""
        if self.imported is None:
            return ()
        first, last = self.imported
        before, after = (first, min(last, since)), (max(first, until), last)
        return tuple(span for span in (before, after) if span[0] < span[1])


_QUOTED = (
    "SELECT min(a), max(b) FROM (SELECT min(slot) AS a, max(slot) AS b FROM quote_packs"
    " UNION ALL SELECT since, until FROM archives WHERE name = 'quotes')"
)
_PRICED = (
    "SELECT min(a), max(b) FROM (SELECT min(event_time) AS a, max(event_time) AS b FROM points"
    " UNION ALL SELECT since, until FROM archives WHERE name = 'points')"
)


def extent(look: sqlite3.Connection) -> Extent | None:
    """Return from when to when there are quotes and mids, by whole slots; ``None``: none.

    What lies in the archive counts.
    """
    quotes, mids = (look.execute(question).fetchone() for question in (_QUOTED, _PRICED))
    first, last = look.execute(
        "SELECT min(event_time), max(event_time) FROM points WHERE origin = ?",
        (ORIGINS[Origin.IMPORTED],),
    ).fetchone()
    old = thawed.ends(look, thawed.POINTS, ORIGINS[Origin.IMPORTED])
    if old is not None:
        first, last = (min(first or old[0], old[0]), max(last or old[1], old[1]))
    there = [ends for ends in (quotes, mids) if ends[0] is not None]
    if not there:
        return None
    whole = (min(one[0] for one in there), max(one[1] for one in there))
    imported = None if first is None else _slots((first, last))
    return Extent(_slots(there[0]), _slots(whole), imported)


def _slots(ends: Sequence[int]) -> Span:
    first, last = (one // SLOT_SECONDS * SLOT_SECONDS for one in ends)
    return from_epoch(first), from_epoch(last + SLOT_SECONDS)
