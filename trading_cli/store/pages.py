"""Rows page by page, and rows for pictures: the reads of the page and the API.

A page begins after a row's place, never at a count: what is added meanwhile moves nothing. All are
bounded by an index and a limit. Newest first, where nothing else is said.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading_cli.domain import Action, Decision, Reason, Tier, from_epoch
from trading_cli.store.balances import OPENING, Mark
from trading_cli.store.decided import decisions_where
from trading_cli.store.rows import epoch, epoch_or_none, exact, moment, narrowed
from trading_cli.store.runs import Run, runs_where

Place = tuple[int, int]
_MANY = 10_000


def decisions_before(
    look: sqlite3.Connection,
    before: Place | None,
    *,
    market: str | None = None,
    action: Action | None = None,
    reason: Reason | None = None,
    strategy: str | None = None,
    limit: int,
) -> list[tuple[Place, Decision]]:
    """Return the newest decisions that match all asked, each with its place (decided_at, seq)."""
    at, seq = before or (None, None)
    asked = {
        "market = ?": market,
        "action = ?": None if action is None else action.value,
        "reason = ?": None if reason is None else reason.value,
        "strategy = ?": strategy,
        "decided_at <= ?": at,
    }
    where, values = narrowed(asked)
    if before is not None:
        where, values = f"({where}) AND (decided_at, seq) < (?, ?)", [*values, at, seq]
    return decisions_where(look, where, values, limit)


def newest_decided_slot(look: sqlite3.Connection, *, until: int) -> int | None:
    """Return the newest slot up to *until* in which an entry was decided on."""
    row = look.execute(
        "SELECT max(slot) FROM decisions WHERE slot <= ? AND purpose = 'entry'", (until,)
    ).fetchone()
    return None if row[0] is None else int(row[0])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger as it is kept: *seq* is its place; money in USD."""

    seq: int
    transfer: str
    line: int
    account: str
    amount: float
    at: datetime
    kind: str
    reference: str
    market: str
    token: str | None
    shares: float


def lines_before(
    look: sqlite3.Connection, before: int | None, *, account: str | None, limit: int
) -> list[Line]:
    """Return the newest lines of the double-entry ledger, of one *account* or of all."""
    where, values = narrowed({"seq < ?": before, "account = ?": account})
    rows = look.execute(
        "SELECT seq, transfer, line, account, amount, at, kind, reference, market, token, shares"  # noqa: S608  # our own words
        f" FROM entries WHERE {where} ORDER BY seq DESC LIMIT ?",
        (*values, limit),
    )
    return [
        Line(seq, transfer, line, account_, float(exact(amount)), from_epoch(at), kind, about,
             market, token, float(exact(shares)))
        for seq, transfer, line, account_, amount, at, kind, about, market, token, shares in rows
    ]  # fmt: skip


def lines_counted(look: sqlite3.Connection, account: str | None) -> int:
    """Return how many lines the ledger has, of one *account* or of all."""
    where, values = narrowed({"account = ?": account})
    counted = look.execute(f"SELECT count(*) FROM entries WHERE {where}", values)  # noqa: S608  # our own words
    return int(counted.fetchone()[0])


def runs_since(look: sqlite3.Connection, cycles: Sequence[str], slot: int) -> list[Run]:
    """Return the runs of *cycles* for the slots from *slot* on, in the order they began."""
    marks = ", ".join("?" * len(cycles))
    return runs_where(look, f"cycle IN ({marks}) AND slot >= ?", [*cycles, slot])


def first_run_slot(look: sqlite3.Connection, cycles: Sequence[str]) -> int | None:
    """Return the first slot that has a run of *cycles*, ``None`` before there is one."""
    marks = ", ".join("?" * len(cycles))
    row = look.execute(
        f"SELECT min(slot) FROM runs WHERE cycle IN ({marks})",  # noqa: S608  # question marks
        tuple(cycles),
    ).fetchone()
    return None if row[0] is None else int(row[0])


@dataclass(frozen=True, slots=True)
class Indicator:
    """What one indicator of one market was in one slot; ``value`` is ``None`` where undefined."""

    slot: int
    name: str
    value: float | None
    undefined: str
    tier: Tier
    provisional: bool


def indicators_since(
    look: sqlite3.Connection, market: str, since: datetime, *, as_of: datetime
) -> list[Indicator]:
    """Return the market's indicators of the slots from *since* on, oldest first, then by name."""
    rows = look.execute(
        "SELECT slot, name, value, undefined, tier, provisional FROM features"
        " WHERE market = (SELECT id FROM markets WHERE venue_id = ?) AND slot >= ?"
        " AND computed_at <= ? ORDER BY slot, name",
        (market, epoch(since), epoch(as_of)),
    )
    return [
        Indicator(slot, name, value, undefined, Tier(tier), bool(half))
        for slot, name, value, undefined, tier, half in rows
    ]


def newest_indicators(
    look: sqlite3.Connection, names: Sequence[str], since: datetime, *, as_of: datetime
) -> dict[str, list[Indicator]]:
    """Return each market's newest indicators of the slots from *since* on, by name's order."""
    rows = look.execute(
        "SELECT m.venue_id, f.slot, f.name, f.value, f.undefined, f.tier, f.provisional"
        " FROM json_each(?1) w CROSS JOIN markets m ON m.venue_id = w.value"
        " CROSS JOIN features f ON f.market = m.id AND f.slot = (SELECT max(slot) FROM features"
        "  WHERE market = m.id AND slot >= ?2 AND computed_at <= ?3)"
        " WHERE f.computed_at <= ?3 ORDER BY m.venue_id, f.name",
        (json.dumps(list(names)), epoch(since), epoch(as_of)),
    )
    found: dict[str, list[Indicator]] = {}
    for venue, slot, name, value, undefined, tier, half in rows:
        one = Indicator(slot, name, value, undefined, Tier(tier), bool(half))
        found.setdefault(str(venue), []).append(one)
    return found


def marks_thinned(
    look: sqlite3.Connection, since: datetime | None, *, until: datetime, most: int
) -> list[Mark]:
    """Return at most *most* marks of [since, until], oldest first: of each stretch its last."""
    asked = {"slot >= ?": epoch_or_none(since), "at <= ?": epoch(until)}
    where, values = narrowed(asked)
    rows = look.execute(
        "WITH there AS (SELECT *, row_number() OVER (ORDER BY slot DESC) - 1 AS back,"  # noqa: S608  # our own words
        f" count(*) OVER () AS many FROM marks WHERE {where})"
        " SELECT slot, at, cash, liquidation, mid, exposure, equity, flows, open, fresh, seen"
        " FROM there WHERE back % ((many + ? - 1) / ?) = 0 ORDER BY slot",
        (*values, most, most),
    )
    return [_mark(row) for row in rows]


def _mark(row: tuple[Any, ...]) -> Mark:
    slot, at, cash, liquidation, mid, exposure, equity, flows, held, fresh, seen = row
    return Mark(
        slot, from_epoch(at), exact(cash), exact(liquidation), exact(mid), exact(exposure),
        exact(equity), exact(flows), held, bool(fresh), bool(seen),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Backtested:
    """A kept backtest that somebody asked for, in a few words; USD."""

    id: int
    at: datetime
    since: datetime
    until: datetime
    strategy: str
    engine: str
    fees: str
    kind: str
    state: str
    sentence: str
    opening: float
    closing: float
    killed_at: datetime | None


def backtests_before(
    look: sqlite3.Connection, before: int | None, *, limit: int
) -> list[Backtested]:
    """Return the newest backtests that answered somebody, without the cells of sweeps."""
    where, values = narrowed({"id < ?": before})
    rows = look.execute(
        "SELECT id, at, since, until, strategy, engine, fees, json_extract(report, '$.kind'),"  # noqa: S608  # our own words
        " json_extract(report, '$.state'), json_extract(report, '$.sentence'), opening, closing,"
        f" killed_at FROM backtest_runs WHERE report <> '{{}}' AND {where}"
        " ORDER BY id DESC LIMIT ?",
        (*values, limit),
    )
    return [
        Backtested(
            number, from_epoch(at), from_epoch(since), from_epoch(until), strategy, engine, fees,
            kind or "", state or "", sentence or "", float(exact(opening)), float(exact(closing)),
            moment(killed),
        )
        for number, at, since, until, strategy, engine, fees, kind, state, sentence, opening,
        closing, killed in rows
    ]  # fmt: skip


def seconds_of(look: sqlite3.Connection, runs: Sequence[int]) -> dict[int, float]:
    """Return how long the steps of each run took together, real seconds; without steps: not."""
    rows = look.execute(
        "SELECT run, sum(seconds) FROM steps WHERE run IN (SELECT value FROM json_each(?))"
        " GROUP BY run",
        (json.dumps(list(runs)),),
    )
    return {int(run): float(seconds) for run, seconds in rows}


def market_named(look: sqlite3.Connection, name: str) -> str | None:
    """Return the id of the market whose id, or whose condition's id, is *name*."""
    row = look.execute(
        "SELECT venue_id FROM markets WHERE venue_id = ?1 OR condition_id = ?1 LIMIT 1", (name,)
    ).fetchone()
    return None if row is None else str(row[0])


def known_markets(look: sqlite3.Connection, names: Sequence[str]) -> list[str]:
    """Return those of *names* that are ids of markets, in the order asked, each once."""
    found = {
        str(name)
        for (name,) in look.execute(
            "SELECT venue_id FROM markets WHERE venue_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(names)),),
        )
    }
    return [name for name in dict.fromkeys(names) if name in found]


def opening_deposit(look: sqlite3.Connection) -> Decimal:
    """Return the first deposit, the bankroll, USD; 0 before it."""
    row = look.execute(
        "SELECT coalesce(sum(amount), 0) FROM entries WHERE account = 'cash' AND kind = 'deposit'"
        " AND reference = ?",
        (OPENING,),
    ).fetchone()
    return exact(row[0])


def acted_on(look: sqlite3.Connection, market: str, since: datetime) -> list[Decision]:
    """Return the decisions of *market* from *since* on to buy or to sell, oldest first."""
    where = "market = ? AND decided_at >= ? AND action <> 'HOLD'"
    found = decisions_where(look, where, (market, epoch(since)), _MANY)
    return [one for _, one in reversed(found)]


def report_of(look: sqlite3.Connection, number: int) -> dict[str, Any]:
    """Return what the command answered of a backtest; empty of none, and of a cell of a sweep."""
    row = look.execute("SELECT report FROM backtest_runs WHERE id = ?", (number,)).fetchone()
    told: dict[str, Any] = {} if row is None else json.loads(row[0])
    return told
