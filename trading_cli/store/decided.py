"""What was decided of every candidate and holding in every slot, trade or no trade.

The same evaluation is the same row; one that says otherwise the second time is noted in
`conflicts` and the first stands, since orders hang on it.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter

from trading_cli.core.errors import UsageError
from trading_cli.domain import Action, Decision, Purpose, Reason, Token, from_epoch
from trading_cli.store.rows import (
    Shape,
    Written,
    as_json,
    decimal_of,
    epoch,
    epoch_or_none,
    exact,
    keep,
    moment,
    narrowed,
    whole,
    whole_or_none,
)

FOREVER = 2**62

_COLUMNS = (
    "id, slot, decided_at, market, event, strategy, purpose, action, reason, token, shares,"
    " limit_price, binding, formula, settings_hash, expires_at, facts"
)
DECISIONS = Shape(
    "decisions",
    f"INSERT INTO decisions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # our own column names
    " ON CONFLICT DO NOTHING",
    "SELECT market, strategy, purpose, action, reason, token, shares, limit_price FROM decisions"
    " WHERE id = ?",
    itemgetter(slice(0, 1)),
    itemgetter(3, 5, 6, 7, 8, 9, 10, 11),
    2,
)


def record_decisions(tx: sqlite3.Connection, decisions: Iterable[Decision]) -> Written:
    """Keep each decision once. Raises ValueError where shares or price are no whole millionths."""
    return keep(tx, DECISIONS, (_row(decision) for decision in decisions))


def _row(item: Decision) -> tuple[object, ...]:
    return (
        item.id,
        item.slot,
        epoch(item.decided_at),
        item.market_id,
        item.event_id,
        item.strategy,
        item.purpose.value,
        item.action.value,
        item.reason.value,
        None if item.token is None else item.token.value,
        whole(item.shares, "shares"),
        whole_or_none(item.limit_price, "limit price"),
        item.binding,
        item.formula,
        item.settings_hash,
        epoch_or_none(item.expires_at),
        as_json(item.facts),
    )


def decisions(
    look: sqlite3.Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    slot: int | None = None,
    market: str | None = None,
    strategy: str | None = None,
    reason: Reason | None = None,
    limit: int = 200,
) -> list[Decision]:
    """Return the decisions taken in [since, until) that match all that is asked, newest first."""
    where, values = narrowed(
        {
            "decided_at >= ?": epoch_or_none(since),
            "decided_at < ?": epoch_or_none(until),
            "slot = ?": slot,
            "market = ?": market,
            "strategy = ?": strategy,
            "reason = ?": None if reason is None else reason.value,
        }
    )
    return [one for _, one in decisions_where(look, where, values, limit)]


def decisions_where(
    look: sqlite3.Connection, where: str, values: Sequence[object], limit: int
) -> list[tuple[tuple[int, int], Decision]]:
    """Return the decisions of which *where* (our own words) holds, newest first, with their places.

    A place is (decided_at, seq): the order of the rows.
    """
    rows = look.execute(
        f"SELECT seq, {_COLUMNS} FROM decisions WHERE {where}"  # noqa: S608  # our own words
        " ORDER BY decided_at DESC, seq DESC LIMIT ?",
        (*values, limit),
    )
    return [((row[3], row[0]), _decision(row[1:])) for row in rows]


def decision(look: sqlite3.Connection, name: str) -> Decision | None:
    """Return the decision whose id is, or alone begins with, *name*; ``None`` where there is none.

    Raises UsageError where several begin so.
    """
    sql = f"SELECT {_COLUMNS} FROM decisions WHERE id >= ? AND id < ? ORDER BY id LIMIT 2"  # noqa: S608  # our own column names
    row = only_one(name, look.execute(sql, prefix_bounds(name)).fetchall(), "decisions")
    return None if row is None else _decision(row)


def prefix_bounds(name: str) -> tuple[str, str]:
    """Return the first text that begins with *name* and the first after all that do."""
    return name, name + "\U0010ffff"


def only_one(
    name: str, rows: list[tuple[object, ...]], what: str, id_at: int = 0
) -> tuple[object, ...] | None:
    """Return the row whose id is *name*, else the only one; ``None`` of none or no name.

    *rows* are at most two, in the order of their ids. Raises UsageError where it is ambiguous.
    """
    if not rows or not name:
        return None
    if len(rows) == 1 or rows[0][id_at] == name:
        return rows[0]
    raise UsageError(
        f"several {what} begin with {name!r}: {rows[0][id_at]}, {rows[1][id_at]}, …",
        hint="give more of the id",
    )


def _decision(row: tuple[object, ...]) -> Decision:
    return _read(*row)  # type: ignore[arg-type]  # the columns are those of _COLUMNS


def _read(  # noqa: PLR0913, PLR0917  # one argument for each column
    name: str,
    slot: int,
    decided_at: int,
    market: str,
    event: str,
    strategy: str,
    purpose: str,
    action: str,
    reason: str,
    token: str | None,
    shares: int,
    limit_price: int | None,
    binding: str,
    formula: str,
    settings_hash: str,
    expires_at: int | None,
    facts: str,
) -> Decision:
    return Decision(
        name,
        slot,
        from_epoch(decided_at),
        market,
        event,
        strategy,
        Purpose(purpose),
        Action(action),
        Reason(reason),
        None if token is None else Token(token),
        exact(shares),
        decimal_of(limit_price),
        binding,
        formula,
        settings_hash,
        moment(expires_at),
        json.loads(facts),
    )


def unknown(look: sqlite3.Connection, names: Iterable[str]) -> frozenset[str]:
    """Return which of the ids *names* are of no decision kept yet."""
    wanted = frozenset(names)
    rows = look.execute(
        "SELECT id FROM decisions WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(wanted)),),
    )
    return wanted - {str(name) for (name,) in rows}


def offered(look: sqlite3.Connection, at: datetime) -> frozenset[str]:
    """Return the events of the signals to enter that nobody has acted on, and that still stand."""
    rows = look.execute(
        "SELECT DISTINCT event FROM decisions INDEXED BY decisions_by_time WHERE decided_at <= ?1"
        " AND decided_at > ?1 - 86400 AND purpose = 'entry' AND action = 'BUY' AND expires_at > ?1"
        " AND NOT EXISTS (SELECT 1 FROM orders WHERE orders.decision = decisions.id)",
        (epoch(at),),
    )
    return frozenset(str(event) for (event,) in rows)


def entered_since(look: sqlite3.Connection, since: datetime) -> dict[str, datetime]:
    """Return when each event was last entered, of the entry orders placed at or after *since*.

    An order that got nothing and never can is no entry.
    """
    rows = look.execute(
        "SELECT event, max(placed_at) FROM orders WHERE placed_at >= ? AND purpose = 'entry'"
        " AND (state IN ('PENDING', 'UNKNOWN')"
        " OR EXISTS (SELECT 1 FROM fills WHERE fills.order_id = orders.id)) GROUP BY event",
        (epoch(since),),
    )
    return {str(event): from_epoch(at) for event, at in rows}
