"""`trading parity`: a recorded span backtested from its own rows, decision for decision.

What it finds is written into the journal: the proof that paper and backtest are one machine is
what the gate asks for.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app.backtests import repeating
from trading_cli.app.backtests.repeating import Repeated
from trading_cli.app.journal import must_exist
from trading_cli.app.toolkit import Toolkit, build
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.store import Store, journal, operated

ACTOR = "parity"
BY_DEFAULT = timedelta(days=7)
HINT = "trading cycle collection decides a slot; `trading run` every one"


def parity(
    config: Path | None,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    clock: Clock | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """Return the answer, as the envelope has it, and journal it; by default of the last 7 days.

    Raises ``UsageError`` where nothing was decided in [since, until), ``StoreError`` where there is
    no database.
    """
    with ExitStack() as stack:
        toolkit = stack.enter_context(build(config, clock=clock))
        must_exist(toolkit.loaded.database)
        store = stack.enter_context(toolkit.open_store())
        first, last = _span(store, since, until)
        say(f"recomputing {from_epoch(first):%Y-%m-%d %H:%M} to {from_epoch(last):%Y-%m-%d %H:%M}")
        found = repeating.repeat(toolkit, store, first, last)
        data = answer(found)
        data["journal"] = _keep(toolkit, store, data)
        return data


def _span(store: Store, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Return the span in epoch seconds: what was asked for, else the last days that were decided.

    Raises ``UsageError`` where nothing ever was.
    """
    with store.reading() as look:
        there = operated.span(look)
    if there is None:
        raise UsageError("nothing has been decided in this home yet.", hint=HINT)
    last = there[1] + SLOT_SECONDS if until is None else int(until.timestamp())
    earliest = max(there[0], last - int(BY_DEFAULT.total_seconds()))
    first = earliest if since is None else int(since.timestamp())
    if first >= last:
        raise UsageError(
            f"the span from {from_epoch(first).isoformat()} to {from_epoch(last).isoformat()} is"
            " empty.",
            hint=f"decided were {from_epoch(there[0]).isoformat()} to"
            f" {from_epoch(there[1]).isoformat()}",
        )
    return first, last


def answer(one: Repeated) -> dict[str, Any]:
    """Return what was found, without its row of the journal."""
    slots = one.again.slots
    return {
        "identical": one.identical,
        "sentence": sentence(one),
        "since": from_epoch(slots[0].slot).isoformat(),
        "until": from_epoch(slots[-1].slot + SLOT_SECONDS).isoformat(),
        "slots": len(slots),
        "slots_left_out": len(one.again.left_out),
        "from": repeating.started_from(one),
        **repeating.counts(one),
        "digest": repeating.digests(one),
        **repeating.basis(one),
        **repeating.differences(one),
        "journal": None,
        "warnings": repeating.warnings(one),
    }


def sentence(one: Repeated) -> str:
    """Return the result in one sentence."""
    compared, slots = one.compared, len(one.again.slots)
    if one.cause is None:
        return (
            f"IDENTICAL: {compared.decisions:,} decisions of {slots} slot{'s' * (slots != 1)},"
            f" {compared.fills} fills and {compared.settlements} settlements come out as they were"
            " recorded"
        )
    rest = len(compared.differences) - 1
    follows = f"; {rest} more differences follow" if rest else ""
    return f"{one.cause.cause}: {one.cause.sentence}{follows}"


def _keep(toolkit: Toolkit, store: Store, data: dict[str, Any]) -> int:
    """Write the result into the journal; return the row's number."""
    names = ("identical", "sentence", "since", "until", "slots", "decisions", "fills",
             "settlements", "digest", "cause", "follows", "settings", "formula")  # fmt: skip
    now = toolkit.clock.now()
    with store.transaction() as tx:
        body = {name: data[name] for name in names}
        return journal.append(
            tx, "parity", f"parity:{now:%Y%m%dT%H%M%SZ}", body, at=now, actor=ACTOR
        )
