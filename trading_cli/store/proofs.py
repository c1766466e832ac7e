"""What strategies have shown of themselves: their trades, and each verdict of the gate by date."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_cli.domain import from_epoch
from trading_cli.store.deals import PERSON
from trading_cli.store.rows import as_json, epoch, moment


@dataclass(frozen=True, slots=True)
class Traded:
    """One position a strategy took, as it stood at an instant; ``closed_at`` ``None``: open.

    USD: ``net`` what a closed one made after fees (of an open one it says nothing), ``paid`` what
    its buys cost with fees. A person's own trades are no strategy's.
    """

    strategy: str
    event: str
    themes: tuple[str, ...]
    opened_at: datetime
    closed_at: datetime | None
    net: float
    paid: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate made of a strategy from ``at`` on, and what it rested on."""

    strategy: str
    at: datetime
    rests_on: str
    passed: bool
    body: Mapping[str, Any]


def rests_on(look: sqlite3.Connection, *, as_of: datetime) -> dict[str, str]:
    """Return for each strategy what changes whenever a position of it was opened or closed."""
    rows = look.execute(
        "SELECT strategy, count(*), max(opened_at), sum(closed_at <= ?1),"
        " max(CASE WHEN closed_at <= ?1 THEN closed_at END) FROM positions"
        " WHERE by <> ?2 AND opened_at <= ?1 GROUP BY strategy",
        (epoch(as_of), PERSON),
    )
    return {
        strategy: f"{count} to {opened}, {closed or 0} closed to {last or 0}"
        for strategy, count, opened, closed, last in rows
    }


def traded(look: sqlite3.Connection, *, as_of: datetime) -> dict[str, list[Traded]]:
    """Return every position of each strategy as of then, in the order of opening."""
    at = epoch(as_of)
    buys = _buys(look, at)
    found: dict[str, list[Traded]] = defaultdict(list)
    rows = look.execute(
        "SELECT strategy, market, token, event, json_extract(body, '$.themes'), opened_at,"
        " CASE WHEN closed_at <= ?1 THEN closed_at END, realized FROM positions"
        " WHERE by <> ?2 AND opened_at <= ?1 ORDER BY opened_at, id",
        (at, PERSON),
    )
    for strategy, market, token, event, themes, opened, closed, realized in rows:
        until = at if closed is None else closed
        paid = sum(
            usd for when, usd in buys.get((strategy, market, token), ()) if opened <= when <= until
        )
        found[strategy].append(
            Traded(strategy, event, tuple(json.loads(themes)), from_epoch(opened), moment(closed),
                   realized / 1e6, paid / 1e6)
        )  # fmt: skip
    return dict(found)


def _buys(look: sqlite3.Connection, at: int) -> dict[tuple[str, str, str], list[tuple[int, int]]]:
    """Return (when, millionths of a USD with the fee) of every buy, by what was bought."""
    found: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    rows = look.execute(
        "SELECT o.strategy, f.market, f.token, f.at, f.gross + f.fee FROM fills f"
        " JOIN orders o ON o.id = f.order_id"
        " WHERE o.purpose = 'entry' AND o.broker <> ?1 AND f.at <= ?2",
        (PERSON, at),
    )
    for strategy, market, token, when, usd in rows:
        found[strategy, market, token].append((when, usd))
    return found


def record_verdict(tx: sqlite3.Connection, verdict: Verdict) -> None:
    """Keep what holds from its instant on; of one instant the later word stands."""
    tx.execute(
        "INSERT OR REPLACE INTO gate_verdicts (strategy, at, rests_on, passed, body)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            verdict.strategy,
            epoch(verdict.at),
            verdict.rests_on,
            int(verdict.passed),
            as_json(verdict.body),
        ),
    )


def verdicts(look: sqlite3.Connection, *, as_of: datetime) -> dict[str, Verdict]:
    """Return the verdict on each strategy that stood at *as_of*."""
    rows = look.execute(
        "SELECT strategy, max(at), rests_on, passed, body FROM gate_verdicts WHERE at <= ?"
        " GROUP BY strategy",
        (epoch(as_of),),
    )
    return {
        strategy: Verdict(strategy, from_epoch(at), rest, bool(passed), json.loads(body))
        for strategy, at, rest, passed, body in rows
    }
