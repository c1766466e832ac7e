"""`trading replay RUN`: the decisions of one stored run, recomputed from the stored inputs."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from trading_cli.app.backtests import parity, repeating
from trading_cli.app.journal import must_exist
from trading_cli.app.toolkit import build
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.store import Transaction, operated

LAST = "@last"


def replay(config: Path | None, name: str, *, clock: Clock | None = None) -> dict[str, Any]:
    """Return the answer for the run *name* (its number, or ``@last``), as the envelope has it.

    Nothing is written. Raises ``UsageError`` where there is no such run, it decides nothing, or
    nothing was decided in its slot.
    """
    with ExitStack() as stack:
        toolkit = stack.enter_context(build(config, clock=clock))
        must_exist(toolkit.loaded.database)
        store = stack.enter_context(toolkit.open_store())
        with store.reading() as look:
            run, cycle, slot, state, started = _run(look, name)
        found = repeating.repeat(toolkit, store, slot, slot + SLOT_SECONDS)
        data = parity.answer(found)
        for unused in ("journal", "since", "until", "slots", "slots_left_out"):
            del data[unused]
        return {
            "run": run, "cycle": cycle, "slot": from_epoch(slot).isoformat(), "state": state,
            "started": started.isoformat(), **data,
        }  # fmt: skip


def _run(look: Transaction, name: str) -> tuple[int, str, int, str, Any]:
    if name != LAST and not (name.isascii() and name.isdigit() and len(name) < 16):  # noqa: PLR2004  # sqlite counts so far
        raise UsageError(f"{name!r} is no run.", hint="the number of a run, or @last")
    found = operated.run_of(look, name)
    if found is None:
        what = "no run has decided anything yet" if name == LAST else f"there is no run {name}"
        raise UsageError(f"{what}.", hint="trading journal list, trading profile: what there is")
    if found[3] == "RUNNING":
        raise UsageError(f"run {found[0]} is still at work.", hint="when it has ended")
    if found[1] not in operated.DECIDING:
        raise UsageError(
            f"run {name} is of the cycle {found[1]}, which decides nothing.",
            hint=f"runs of {' and '.join(operated.DECIDING)} do",
        )
    return found
