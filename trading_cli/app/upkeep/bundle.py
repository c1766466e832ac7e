"""`trading db bundle RUN --to FILE`: what one run read and wrote, to be looked at elsewhere."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from trading_cli import __version__
from trading_cli.app.facts import settings_hash
from trading_cli.app.gather import Progress
from trading_cli.app.settings import Loaded, load
from trading_cli.app.trials import code_hash
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import StoreError, StoreReadOnly, UsageError
from trading_cli.store import Store, bundles, upkeep

SCHEMA = "trading.bundle/1"
LEFT_OUT = frozenset({"alerts"})  # whom it is told is nobody else's business


def bundle(
    config: Path | None,
    run: str,
    to: Path,
    progress: Progress,
    *,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Write what *run* (a number, or @last) read and wrote to a new file *to*. Return its manifest.

    Raises ``UsageError`` for a run that is none, or a file that is there already; ``StoreError``
    where a secret would stand in it.
    """
    loaded, began = load(config), time.perf_counter()
    now = (clock or SystemClock()).now()
    target = to.absolute()
    if os.path.lexists(target):
        raise UsageError(f"{to} is there already.", hint="name a new file")
    with Store.reader(loaded.database) as store, store.reading() as look:
        want = bundles.asked(look, _number(run), now, loaded.settings.hype.baseline_days)
    half = target.with_name(f".{target.name}.part{os.getpid()}")
    try:
        os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreReadOnly(
            f"{to} cannot be made: {error.strerror or error}",
            hint="name a file in a folder that is there and yours to write",
        ) from error
    try:
        progress(f"run {want.run}: what it read since {bundles.when(want.since)}, what it wrote")
        told = bundles.write(half, loaded.database, want, _manifest(loaded, want, now), now)
        _no_secret(loaded, half)
        upkeep.settle(half)
        half.replace(target)
        upkeep.settle(target.parent)
    finally:
        with suppress(FileNotFoundError):
            half.unlink()
    return _told(target, told) | {"seconds": round(time.perf_counter() - began, 3), "warnings": []}


def opened(file: Path) -> dict[str, Any]:
    """Return what the bundle *file* says of itself, after reading every row of it."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}.", hint="trading db bundle RUN --to FILE")
    began = time.perf_counter()
    told = _told(file.absolute(), bundles.manifest_of(file))
    return told | {"seconds": round(time.perf_counter() - began, 3), "warnings": []}


def _number(run: str) -> int | None:
    if run == "@last":
        return None
    if not (run.isascii() and run.isdigit() and len(run) < 16):  # noqa: PLR2004  # sqlite counts so far
        raise UsageError(f"{run!r} is no run.", hint="a number as in `trading status`, or @last")
    return int(run)


def _manifest(loaded: Loaded, want: bundles.Asked, now: Any) -> dict[str, Any]:
    settings = loaded.settings.model_dump(mode="json", exclude=set(LEFT_OUT))
    return {
        "schema": SCHEMA,
        "run": want.run,
        "cycle": want.cycle,
        "slot": bundles.when(want.slot),
        "started": bundles.when(want.started),
        "finished": bundles.when(want.finished),
        "since": bundles.when(want.since),
        "made_at": now.isoformat(),
        "version": __version__,
        "code": code_hash(),
        "settings": settings,
        "settings_hash": settings_hash(loaded.settings),
    }


def _no_secret(loaded: Loaded, half: Path) -> None:
    """Raise ``StoreError`` where a secret of this home stands in the file, in plain text."""
    given = [value.encode() for value in loaded.secrets.values() if len(value) >= 6]  # noqa: PLR2004  # shorter ones are found everywhere
    tail = b""
    with half.open("rb") as file:
        while block := file.read(1 << 20):
            if any(one in tail + block for one in given):
                raise StoreError(
                    "a secret of this home stands in what the run read; no bundle was made",
                    hint="look for it with `trading logs`, and take it out of where it came from",
                )
            tail = block[-4096:]


def _told(file: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in manifest.items() if key != "settings"}
    return {"file": str(file), "bytes": file.stat().st_size, **kept}
