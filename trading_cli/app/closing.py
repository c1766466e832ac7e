"""Closing by hand: which positions are meant, then the same way out as every exit."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from trading_cli.app import subjects
from trading_cli.app.journal import PERSON, must_exist
from trading_cli.app.meanings import mapping_in
from trading_cli.app.toolkit import build
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Action, Position, PositionState
from trading_cli.store import Transaction, decided, holdings, journal, listings

YOURS = "a position of your own is sold by you: `trading journal exit ID --price P` books it"


def close(
    config: Path | None,
    names: tuple[str, ...],
    *,
    every: bool,
    reason: str,
    progress: Callable[[str], None],
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Sell the positions *names* mean, or *every* one the broker holds, through the gateway.

    Return {reason, closed: [{position, question, state, sold, left, why, …}], refused}; ``refused``
    where the gateway let nothing go. Raises UsageError where nothing is named, a name is no open
    position, or it is a person's own.
    """
    if bool(names) == every:
        raise UsageError("which positions?", hint="trading close ID… , or --all, with --reason T")
    if not reason.strip():
        raise UsageError("a reason says something.", hint='--reason "the rules changed"')
    with ExitStack() as stack:
        toolkit = stack.enter_context(build(config, clock=clock))
        must_exist(toolkit.loaded.database)
        store = stack.enter_context(toolkit.open_store())
        with store.transaction() as tx:
            meant = _meant(tx, names, every=every)
            if meant:  # where nothing is held nothing was done
                body = {"action": "close", "positions": [one.id for one in meant], "reason": reason}
                now = toolkit.clock.now()
                journal.append(tx, "operator", "close", body, at=now, actor=PERSON)
        from trading_cli.app import trade  # noqa: PLC0415  # paid when used

        said: list[str] = []

        def hear(text: str) -> None:
            said.append(text)
            progress(text)

        if meant:
            trade.close(toolkit, [one.id for one in meant], reason, hear)
        with store.reading() as look:
            rows = [_told(look, one, said) for one in meant]
    left = [row for row in rows if row["left"]]
    warnings = [f"{len(left)} of {len(rows)} are still held: see why"] if left else []
    refused = bool(rows) and all(row["refused"] for row in rows)
    return {"reason": reason, "closed": rows, "refused": refused, "warnings": warnings}


def _meant(tx: Transaction, names: tuple[str, ...], *, every: bool) -> list[Position]:
    if every:
        return [one for one in holdings.positions(tx) if one.by != PERSON]
    found: dict[str, Position] = {}
    for name in names:
        subject = subjects.whole(tx, subjects.find(tx, name))
        position = subject.position
        if position is None or position.state is PositionState.CLOSED:
            raise UsageError(f"{subject.kind} {subject.id} is no open position.")
        if position.by == PERSON:
            raise UsageError(f"position {position.id} is your own.", hint=YOURS)
        found[position.id] = position
    return list(found.values())


def _told(look: Transaction, before: Position, said: Sequence[str]) -> dict[str, Any]:
    """Return what became of one position, with the last word *said* about it where it is held."""
    after = holdings.position(look, before.id) or before
    about = [text.removeprefix(before.id).lstrip(": ") for text in said if before.id in text]
    known = listings.listing_at(look, as_of=after.closed_at or before.opened_at,
                                venue_ids=[before.market_id])  # fmt: skip
    sold = before.shares - after.shares
    refusal = _refusal(look, before) if after.shares and not sold else ""
    return {
        "position": before.id,
        "question": known[0].question if known else None,
        "state": after.state.value,
        "sold": float(sold),
        "left": float(after.shares),
        "realized": float(after.realized),
        "why": refusal or (about[-1] if about and after.shares else ""),
        "refused": bool(refusal),
    }


def _refusal(look: Transaction, position: Position) -> str:
    """Return why the gateway let nothing of *position* go, "" where it did."""
    taken = decided.decisions(look, market=position.market_id, limit=20)
    mine = (one for one in taken if one.facts.get("position") == position.id)
    newest = next(mine, None)
    if newest is None or newest.action is not Action.HOLD or not newest.binding:
        return ""
    return str(mapping_in(newest.facts, "risk").get("sentence") or newest.binding)
