"""`trading db verify`: every page, every reference, every chain, every row against its seal."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from trading_cli.app.gather import Progress
from trading_cli.app.settings import Loaded, load
from trading_cli.app.upkeep.archive import folder_of
from trading_cli.core.errors import StoreCorrupt
from trading_cli.store import (
    Store,
    archived,
    backfill,
    bundles,
    seal_check,
    sealed_rows,
    upkeep,
)
from trading_cli.store.seal_check import Broken, TakenIn, taken_in

NONSENSE = (ValueError, TypeError, LookupError, ArithmeticError)
SHOWN = 20


def verify(config: Path | None, progress: Progress) -> dict[str, Any]:
    """Return what was looked at and what is broken; each table is one look of its own.

    Raises ``StoreCorrupt`` where the file cannot be read at all.
    """
    return examined(load(config), progress)


def examined(loaded: Loaded, progress: Progress) -> dict[str, Any]:
    """Do what ``verify`` does, with the settings of a home."""
    began = time.perf_counter()
    path, busy = loaded.database, loaded.settings.database.busy_timeout_ms
    Store.reader(path, busy_timeout_ms=busy).close()  # says what to do where it cannot be read

    try:
        with upkeep.looks(path, busy) as ask:
            progress("pages and references")
            wrong, found, facts = _looked(ask, progress)
            parts = ask(archived.parts)
            taken: TakenIn = ask(taken_in)
            said: str | None = ask(partial(backfill.meta, name=bundles.NAME))
            run = None if said is None else int(json.loads(said)["run"])
    except NONSENSE as error:
        raise StoreCorrupt(
            f"the database {path} is damaged ({error})",
            hint="trading db restore FILE, with the newest backup that verifies",
        ) from error
    gone = [bad for one in parts if (bad := archived.whole(folder_of(loaded), one))]
    return {
        "sound": not (wrong or found or gone),
        "path": str(path),
        "bundle": run,
        "tables": len(facts.rows),
        "rows": sum(facts.rows.values()),
        "seals": facts.data()["seals"],
        "journal": facts.data()["journal"],
        "sealed": taken.rows,
        "found_first": {
            "rows": taken.found,
            "at": None if taken.began is None else taken.began.isoformat(),
        },
        "unsealed": facts.unsealed,
        "pages": wrong[:SHOWN],
        "broken": [told(one) for one in found[:SHOWN]],
        "broken_total": len(found),
        "archive": gone[:SHOWN],
        "seconds": round(time.perf_counter() - began, 3),
    }


def _looked(ask: upkeep.Ask, progress: Progress) -> tuple[list[str], list[Broken], upkeep.Facts]:
    """Return what is wrong with the pages, with the rows, and what the file holds."""
    wrong: list[str] = ask(upkeep.damage)
    found: list[Broken] = [*ask(upkeep.broken_chains), *ask(upkeep.broken_links)]
    names: list[str] = ask(sealed_rows.tables)
    for place, name in enumerate(names, start=1):
        progress(f"table {place} of {len(names)}: {name}")
        found += ask(partial(seal_check.check_table, name=name))
    facts: upkeep.Facts = ask(upkeep.facts)
    return wrong, sorted(found, key=upkeep.when), facts


def told(one: Broken) -> dict[str, Any]:
    """Return a finding as JSON has it."""
    since = None if one.since is None else one.since.isoformat()
    return {"table": one.table, "since": since, "run": one.run, "what": one.what}


def first_of(told: dict[str, Any]) -> str:
    """Return the first thing that is wrong in one sentence, "" where all is sound."""
    if told["pages"]:
        return f"the database is damaged: {told['pages'][0]}"
    if told["broken"]:
        one = told["broken"][0]
        run = "" if one["run"] is None else f" of run {one['run']}"
        return f"the database is not what was written: {one['table']}{run}: {one['what']}"
    if told["archive"]:
        return f"the archive is damaged: {told['archive'][0]}"
    return ""
