"""The hash-chained record: what it says, what a person adds to it, and whether it is whole."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from trading_cli.app import brief, subjects
from trading_cli.app.toolkit import build
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Decision, Position, PositionState, Purpose, Reason
from trading_cli.store import Store, Transaction, deals, journal
from trading_cli.store.born import is_there

PERSON = "person"
DAY = 86_400
KINDS = (
    "decision", "decisions", "deposit", "drill", "exit", "fill", "gate", "geoblock", "kill", "note",
    "operator", "order", "outcome", "parity", "pause", "review", "settlement", "tag",
)  # fmt: skip
EMPTY = "nothing is written down yet: `trading run`, or `trading cycle collection`"


def entries(
    config: Path | None,
    *,
    kind: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
    before: int | None = None,
) -> dict[str, Any]:
    """Return {entries: […], total}: the newest rows that match, newest first; *before* a number.

    Where there are rows and none matches, a warning names the filters. Raises UsageError for an
    unknown *kind*.
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}.", hint=f"one of: {', '.join(KINDS)}")
    known = brief.read(config, os.environ)
    if not is_there(known.database):
        return {"entries": [], "total": 0, "warnings": [EMPTY]}
    with Store.reader(known.database) as store, store.reading() as look:
        found = journal.newest(
            look, kind=kind, subject=subject, since=since, before=before, limit=limit
        )
        older = [] if found else journal.newest(look, kind=kind, subject=subject, limit=1)
        total = journal.head(look)[0]
    data: dict[str, Any] = {"entries": [told(row) for row in found], "total": total}
    if older and before is None:
        data["warnings"] = [_older(older[0].at, since)]
    elif total and not found and before is None:
        asked = {"--kind": kind, "--subject": subject}
        words = " ".join(f"{name} {value}" for name, value in asked.items() if value)
        data["warnings"] = [f"none of {total} rows is of {words}"]
    return data


def _older(newest: datetime, since: datetime | None) -> str:
    shown = "" if since is None else f" {since:%Y-%m-%dT%H:%MZ}"
    return (
        f"--since{shown} hides them: the newest such row is of {newest:%Y-%m-%dT%H:%MZ};"
        f" --since {newest:%Y-%m-%d} shows it"
    )


def told(row: journal.Row) -> dict[str, Any]:
    """Return a row as JSON has it."""
    return {
        "seq": row.seq,
        "at": row.at.isoformat(),
        "kind": row.kind,
        "subject": row.subject,
        "actor": row.actor,
        "body": dict(row.body),
    }


def about(config: Path | None, name: str) -> dict[str, Any]:
    """Return {kind, id, entries}: every row about what *name* names, oldest first.

    *name* is the number of a row, or the id (or its unique beginning) of a decision, order,
    position or fill. Raises UsageError where it names nothing.
    """
    known = brief.read(config, os.environ)
    with Store.reader(known.database) as store, store.reading() as look:
        if name.isdecimal() and (rows := journal.rows(look, since_seq=int(name) - 1, limit=1)):
            (row,) = rows
            if row.seq == int(name):
                return {"kind": "row", "id": name, "entries": [told(row)]}
        found = subjects.find(look, name)
        rows = journal.rows(look, subject=found.id)
        return {"kind": found.kind, "id": found.id, "entries": [told(row) for row in rows]}


def note(
    config: Path | None, name: str, text: str, *, clock: Clock | None = None
) -> dict[str, Any]:
    """Append a person's words about what *name* names; return the row."""
    if not text.strip():
        raise UsageError("a note says something.", hint='trading journal note ID "your words"')
    return _append(config, name, "note", {"text": text}, clock)


def tag(
    config: Path | None, name: str, tags: tuple[str, ...], *, clock: Clock | None = None
) -> dict[str, Any]:
    """Append *tags* to what *name* names; return the row."""
    words = tuple(dict.fromkeys(word.strip().lower() for word in tags if word.strip()))
    if not words:
        raise UsageError("no tag was given.", hint="trading journal tag ID late-entry")
    return _append(config, name, "tag", {"tags": list(words)}, clock)


def _append(
    config: Path | None, name: str, kind: str, body: Mapping[str, object], clock: Clock | None
) -> dict[str, Any]:
    with ExitStack() as stack:
        toolkit = stack.enter_context(build(config, clock=clock))
        must_exist(toolkit.loaded.database)
        store = stack.enter_context(toolkit.open_store())
        tx = stack.enter_context(store.transaction())
        found = subjects.find(tx, name)
        full = {**body, "about": found.kind}
        now = toolkit.clock.now()
        seq = journal.append(tx, kind, found.id, full, at=now, actor=PERSON)
        (row,) = journal.rows(tx, since_seq=seq - 1)
    return told(row)


def must_exist(database: Path) -> None:
    """Raise StoreError where there is no database: nothing can be about what is not there."""
    if not database.exists():
        Store.reader(database)


def review(
    config: Path | None, name: str, text: str | None, *, clock: Clock | None = None
) -> dict[str, Any]:
    """Return {position, plan, outcome, text, written}: what was planned against what came.

    With *text* it is appended to the journal too. Raises UsageError for a position still held.
    """
    with ExitStack() as stack:
        toolkit = stack.enter_context(build(config, clock=clock))
        must_exist(toolkit.loaded.database)
        store = stack.enter_context(toolkit.open_store())
        tx = stack.enter_context(store.transaction())
        found = subjects.whole(tx, subjects.find(tx, name))
        position = found.position
        if position is None:
            raise UsageError(f"{found.kind} {found.id} opened no position: nothing to review.")
        if position.state is not PositionState.CLOSED:
            raise UsageError(
                f"position {position.id} is still held.", hint="review it when it is closed"
            )
        data = {
            "position": position.id,
            "plan": _plan(found.decision),
            "outcome": outcome(tx, position),
            "text": text,
            "written": text is not None,
        }
        if text is not None:
            now = toolkit.clock.now()
            journal.append(tx, "review", position.id, data, at=now, actor=PERSON)
    return data


def _plan(decision: Decision | None) -> dict[str, Any] | None:
    """Return what the entry's decision meant to do; ``None`` of a trade without one."""
    if decision is None:
        return None
    terms = decision.facts.get("terms")
    terms = terms if isinstance(terms, Mapping) else {}
    return {
        "decision": decision.id,
        "decided_at": decision.decided_at.isoformat(),
        "reason": decision.reason.value,
        "shares": float(decision.shares),
        "limit_price": None if decision.limit_price is None else float(decision.limit_price),
        "worst_case": _number(terms.get("worst_case", decision.facts.get("worst_case"))),
        "break_even": _number(terms.get("break_even")),
        "deadline": _text(terms.get("deadline", decision.facts.get("deadline"))),
    }


def _number(value: object) -> float | None:
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def outcome(look: Transaction, position: Position) -> dict[str, Any]:
    """Return what became of *position*: bought, sold, fees, net result, return, days, exits.

    ``returned`` is the net result over everything it cost; ``None`` while it is held, and where
    nothing is known to have been paid. ``net`` of one still held is of what was sold.
    """
    bought = sold = fees = paid = 0
    exits: list[dict[str, Any]] = []
    for order, fill in deals.dealings(look, position):
        fee = int(fill.fee * 1_000_000)
        fees += fee
        if order.purpose is Purpose.ENTRY:
            bought += deals.gross_of(fill)
            paid += deals.gross_of(fill) + fee
            continue
        sold += deals.gross_of(fill)
        exits.append(_exit(order.reason, fill.at, float(fill.shares), float(fill.price)))
    until = position.closed_at
    days = None if until is None else (until - position.opened_at).total_seconds() / DAY
    net = float(position.realized)
    return {
        "bought": bought / 1e6,
        "sold": sold / 1e6,
        "fees": fees / 1e6,
        "net": net,
        "returned": net / (paid / 1e6) if paid and until is not None else None,
        "days": None if days is None else round(days, 3),
        "exits": exits,
    }


def _exit(reason: Reason, at: datetime, shares: float, price: float) -> dict[str, Any]:
    return {"at": at.isoformat(), "reason": reason.value, "shares": shares, "price": price}


def verify(config: Path | None) -> dict[str, Any]:
    """Return {whole, rows, head, broken}: whether the chain is as it was written.

    ``broken`` is {seq, what} of the first row that is not, ``None`` where all are.
    """
    known = brief.read(config, os.environ)
    with Store.reader(known.database) as store, store.reading() as look:
        broken = journal.verify(look)
        seq, head = journal.head(look)
    return {
        "whole": broken is None,
        "rows": seq,
        "head": head.hex(),
        "broken": None if broken is None else {"seq": broken.seq, "what": broken.what},
    }


def now_of(clock: Clock | None) -> datetime:
    """Return the world's time."""
    return (clock or SystemClock()).now()
