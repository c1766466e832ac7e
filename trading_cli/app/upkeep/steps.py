"""The upkeep as steps of the cycles: the weekly one whole, the daily one a look."""

from typing import Any

from trading_cli.app import stop
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.upkeep import archive, backup, optimize, verify
from trading_cli.core.errors import StoreError, UsageError
from trading_cli.store import sealing, upkeep

ACTOR = "guard"


def seal(cycle: Cycle) -> None:
    """Seal what the run wrote: the last thing a run does, after it is closed."""
    sealing.seal_all(cycle.store, run=cycle.ticket.run, now=cycle.toolkit.clock.now())


def verify_step(cycle: Cycle) -> Done:
    """Read the whole file against its seals; what is broken pulls the kill switch."""
    return _verified(cycle, {})


def upkeep_step(cycle: Cycle) -> Done:
    """Archive what is old, write the file anew, keep a copy of it, and read it all.

    Before a file is written anew it is copied: what is damaged is neither tidied nor kept.
    """
    loaded, clock = cycle.toolkit.loaded, cycle.toolkit.clock
    numbers: dict[str, Any] = {}
    why = _archived(cycle, numbers)
    sealing.seal_all(cycle.store, run=cycle.ticket.run, now=clock.now())
    try:
        kept = backup.make(loaded, None, 0.0, cycle.say, clock)
        with upkeep.released(cycle.store, clock.now()):
            tidied = optimize.tidy(loaded, cycle.say, clock, frozenset({cycle.ticket.cycle}))
    except StoreError as error:
        done = _verified(cycle, numbers)
        said = "; ".join(filter(None, (error.message, done.why)))
        return Done("FAILED", said, done.numbers)
    numbers |= {"backup": kept.file.name, "backup_bytes": kept.file.stat().st_size}
    numbers |= {"freed": tidied["freed"], "swapped": tidied["swapped"]}
    done = _verified(cycle, numbers)
    reasons = "; ".join(filter(None, (why, tidied["why"], done.why)))
    state = "PARTIAL" if done.state == "OK" and not tidied["swapped"] else done.state
    return Done(state, reasons, done.numbers)


def _archived(cycle: Cycle, numbers: dict[str, Any]) -> str:
    """Move what is old into the archive. Return why not, "" where it is done."""
    loaded, now = cycle.toolkit.loaded, cycle.toolkit.clock.now()
    try:
        told = archive.move(loaded, None, now, cycle.say, dry_run=False)
    except UsageError as error:  # without its library: rows stay where they are
        archive.forget_news(loaded, now)
        return error.message
    numbers["archived"] = sum(told["deleted"].values())
    return ""


def _verified(cycle: Cycle, numbers: dict[str, Any]) -> Done:
    loaded = cycle.toolkit.loaded
    try:
        told = verify.examined(loaded, cycle.say)
        reason = verify.first_of(told)
    except StoreError as error:
        told, reason = {"rows": 0, "seconds": 0.0}, error.message
    numbers |= {"rows_verified": told["rows"], "verify_s": told["seconds"]}
    if not reason:
        return Done("OK", "", numbers)
    place = stop.Place(cycle.toolkit.home, loaded.database)
    level = cycle.toolkit.settings.kill_switch.default_level
    stop.trip(place, level=level, reason=reason, actor=ACTOR, now=cycle.toolkit.clock.now())
    return Done("FAILED", reason, numbers)
