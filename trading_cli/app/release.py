"""The way back from a stop: look, reset, arm. Only a person goes it, and every step is a row.

A reset needs valid settings, a database that can be written, a reason, the phrase of this very
trigger, the cool-down, and a proof that nothing can still be filled.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app import latch
from trading_cli.app.stop import (
    BREAKDOWNS,
    Place,
    find_place,
    opened,
    proof_of,
    said,
    standing_at,
    standing_of,
)
from trading_cli.core.errors import ConfigError
from trading_cli.domain import Notice, Severity
from trading_cli.store import Transaction, journal, kill, outbox
from trading_cli.store.backfill import set_meta
from trading_cli.store.rows import epoch
from trading_cli.trading.killswitch import (
    KillRefused,
    Standing,
    State,
    check_arm,
    check_reset,
)

PEAK_SINCE = "risk.peak_since"
WAIT_MS = 5_000
_FORBIDS = (
    "nothing is forbidden",
    "nothing is opened; exits go on",
    "nothing is opened; winners are sold, losers kept",
    "nothing is opened; everything is sold, no lower than the floor",
    "no order at all; nothing has a stop",
)


@dataclass(frozen=True, slots=True)
class Released:
    """A step back: the row's number, the state now, and why the file still stops ("" for not)."""

    place: Place
    seq: int
    state: str
    trouble: str = ""


def phrase_of(seal: str) -> str:
    """Return the phrase that resets the trigger sealed with *seal* (hex)."""
    return f"{seal[:4]}-{seal[4:8]}"


def settled_place(config: Path | None, env: Mapping[str, str]) -> tuple[Place, timedelta]:
    """Return the home and the cool-down by its settings. Raises ``ConfigError`` for wrong ones."""
    from trading_cli.app.settings import load  # noqa: PLC0415  # paid when needed: pydantic

    loaded = load(config, env=env)
    cool_down = timedelta(minutes=loaded.settings.kill_switch.cool_down_minutes)
    return Place(loaded.home, loaded.database), cool_down


def reset(  # what a person must say, and when
    place: Place, *, reason: str, phrase: str, actor: str, now: datetime, cool_down: timedelta
) -> Released:
    """Make TRIGGERED DISARMED: first the row, then the file is taken away. The peak begins anew.

    Raises ``KillRefused`` with what is missing, ``StoreError`` where nothing can be written.
    """
    with opened(place, now=now, busy_ms=WAIT_MS) as store, store.transaction() as tx:
        before = latch.seen(place.folder)
        standing = standing_of(tx, place.folder)
        last = kill.newest(tx)
        if standing.state is State.TRIGGERED:
            if last is None or last[0].state != State.TRIGGERED or last[0].level < standing.level:
                raise KillRefused(
                    f"no row says what is forbidden now ({standing.reason}).",
                    hint="trading kill verify writes it; then the cool-down begins",
                )
            row = last[0]
            standing = Standing(State.TRIGGERED, row.level, row.reason, row.at, row.actor, row.seq)
        proof, _ = proof_of(tx)
        check_reset(
            standing,
            proof,
            now=now,
            cool_down=cool_down,
            reason=reason,
            phrase=phrase.strip().lower(),
            wanted=phrase_of(last[1]) if last is not None else "",
        )
        _removable(place.folder)
        anew = bool(kill.verify(tx))
        seq = kill.record(tx, State.DISARMED, 0, at=now, actor=actor, reason=reason, anew=anew)
        set_meta(tx, PEAK_SINCE, str(epoch(now)))
        _tell(tx, place, seq, f"reset by {actor}, no trading until it is armed: {reason}", now)
    trouble = latch.unlatch(place.folder, before) if before is not None else ""
    return Released(place, seq, standing_at(place).state, trouble)


def _removable(folder: Path) -> None:
    """Refuse where the file KILL is a folder that holds something: it is not ours to delete."""
    path = folder / latch.KILL_FILE
    if path.is_dir() and not path.is_symlink() and any(path.iterdir()):
        raise KillRefused(f"{path} is a folder that is not empty.", hint="look into it, remove it")


def arm(place: Place, *, reason: str, actor: str, now: datetime) -> Released:
    """Make DISARMED ARMED. Raises ``KillRefused`` unless a reset came before."""
    with opened(place, now=now, busy_ms=WAIT_MS) as store, store.transaction() as tx:
        check_arm(standing_of(tx, place.folder))
        seq = kill.record(tx, State.ARMED, 0, at=now, actor=actor, reason=reason)
        _tell(tx, place, seq, f"armed by {actor}: {reason}", now)
    return Released(place, seq, standing_at(place).state)


def _tell(tx: Transaction, place: Place, seq: int, text: str, now: datetime) -> None:
    row = kill.history(tx, 1)[0]
    body = {"state": row.state, "level": row.level, "reason": row.reason, "market": ""}
    journal.append(tx, "kill", f"kill:{seq}", body, at=now, actor=row.actor)
    sentence = f"kill switch {text} ({place.home})"
    outbox.put(tx, Notice(f"kill:{seq}", "kill", Severity.WARN, sentence, now))


def status(config: Path | None, env: Mapping[str, str]) -> dict[str, Any]:
    """Return how the switch stands and what the way back needs; whatever is broken is said.

    ``phrase`` and ``reset_from`` are ``None`` where there is nothing to reset, or no row of it.
    """
    place = find_place(config, env)
    standing = standing_at(place)
    data = {
        "home": str(place.home),
        "database": str(place.database),
        "file": str(place.folder / latch.KILL_FILE),
        "file_there": os.path.lexists(place.folder / latch.KILL_FILE),
        "state": standing.state.value,
        "level": standing.level,
        "reason": standing.reason,
        "actor": standing.actor,
        "since": _iso(standing.since),
        "forbids": "no trading" if standing.state is State.DISARMED else _FORBIDS[standing.level],
        "phrase": None,
        "reset_from": None,
        "doubt": "",
        "proof": None,
    }
    try:
        with opened(place, busy_ms=WAIT_MS) as store, store.reading() as look:
            data["doubt"] = kill.verify(look)
            last = kill.newest(look)
            if standing.state is State.TRIGGERED and last is not None:
                data |= _way_back(look, standing, *last, config=config, env=env)
    except BREAKDOWNS as error:
        data["doubt"] = said(error)
    return {**data, "warnings": list(place.oddities)}


def _way_back(  # what a person needs to know of a trigger
    look: Transaction,
    standing: Standing,
    row: kill.Row,
    seal: str,
    *,
    config: Path | None,
    env: Mapping[str, str],
) -> dict[str, Any]:
    """Return phrase, time and proof of the trigger *row*; nothing of a row that is not one."""
    if row.state != State.TRIGGERED or row.level < standing.level:
        return {}
    proof = kill.last_proof(look, row.seq)
    try:
        _, cool_down = settled_place(config, env)
    except ConfigError:
        cool_down = None
    return {
        "since": _iso(row.at),
        "phrase": phrase_of(seal),
        "reset_from": None if cool_down is None else _iso(row.at + cool_down),
        "proof": None if proof is None else proof_told(proof),
    }


def proof_told(proof: kill.ProofRow) -> dict[str, Any]:
    """Return a proof as JSON has it."""
    return {
        "state": proof.state,
        "trigger": proof.trigger,
        "at": proof.at.isoformat(),
        "open_orders": proof.open_orders,
        "opening_orders": proof.opening_orders,
        "unknown_orders": proof.unknown_orders,
        "positions": proof.positions,
        "worst_case": proof.worst_case / 1e6,
        "detail": proof.detail,
    }


def history(config: Path | None, env: Mapping[str, str], limit: int) -> dict[str, Any]:
    """Return {home, rows, doubt}: the newest states first. Raises ``StoreError``."""
    place = find_place(config, env)
    with opened(place, busy_ms=WAIT_MS) as store, store.reading() as look:
        rows = kill.history(look, limit)
        doubt = kill.verify(look)
    told = [
        {
            "seq": row.seq,
            "at": row.at.isoformat(),
            "state": row.state,
            "level": row.level,
            "actor": row.actor,
            "reason": row.reason,
        }
        for row in rows
    ]
    return {"home": str(place.home), "rows": told, "doubt": doubt}


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
