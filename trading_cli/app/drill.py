"""A stop that is tried: on a copy of the home, with real processes, measured.

Some processes ask for permission to open a thousand times a second, as a broker's guard does
before each send, while `trading kill` runs as a person would run it. Nothing of the real home is
stopped; what was measured is written into its journal.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trading_cli.app import release
from trading_cli.app.stop import Place, opened, standing_at, standing_of, verify
from trading_cli.core.errors import TradingError
from trading_cli.domain import Purpose, Reason
from trading_cli.store import Store, journal, kill
from trading_cli.trading.killswitch import State, forbids

PROCESSES = 4
LIMIT_S = 1.0  # by then nobody may give a permission any more
PATIENCE_S = 30.0
PAUSE_S = 0.001
AFTER_S = 0.3  # how long a process goes on asking once it was refused
ACTOR = "drill"


@dataclass(frozen=True, slots=True)
class Drilled:
    """What was measured, times in seconds; what comes after the latch counts from the file."""

    passed: bool
    processes: int
    asked: int
    process_seconds: float
    latched_seconds: float
    last_permission_seconds: float
    refused_seconds: float
    permitted_after: int
    proof: str
    reset: str


def drill(place: Place, *, now: datetime) -> tuple[Drilled, int]:
    """Try a stop on a copy of *place*, journal what came of it; return it and the journal's row.

    Raises ``StoreError`` without a database, ``TradingError`` where a process could not be run.
    """
    with TemporaryDirectory(prefix="trading-drill-") as folder:
        copy = _copied(place, Path(folder), now)
        drilled = _tried(copy, now)
    with opened(place, now=now, busy_ms=release.WAIT_MS) as store, store.transaction() as tx:
        body = {**asdict(drilled), "market": "", "reason": "drill"}
        seq = journal.append(tx, "drill", f"drill:{now:%Y%m%dT%H%M%SZ}", body, at=now, actor=ACTOR)
    return drilled, seq


def _copied(place: Place, folder: Path, now: datetime) -> Place:
    """Make a home with a copy of the database, armed."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    copy = Place(folder, data / "trading.db")
    room = shutil.disk_usage(folder).free
    if room < 2 * place.database.stat().st_size:
        raise TradingError(
            f"{folder} has no room for a copy of the database.", hint="set TMPDIR to another disk"
        )
    with opened(place, busy_ms=release.WAIT_MS) as store:
        store.copy_to(copy.database)
    with Store.open(copy.database, now=now) as store, store.transaction() as tx:
        kill.record(tx, State.ARMED, 0, at=now, actor=ACTOR, reason="a drill begins", anew=True)
    return copy


def _tried(copy: Place, now: datetime) -> Drilled:
    with ExitStack() as stack:
        notes = [copy.home / f"asker-{number}" for number in range(PROCESSES)]
        askers = [stack.enter_context(_asker(copy, note)) for note in notes]
        stack.callback(_end, askers)
        _all_permitted(notes, askers)
        began, clock = time.time(), time.perf_counter()
        told = _trip(copy)
        took = time.perf_counter() - clock
        heard = [_heard(*pair) for pair in zip(askers, notes, strict=True)]
    latched = datetime.fromisoformat(told["latched_at"]).timestamp()
    proof = verify(copy, now)
    last = max(one["last_permission"] for one in heard) - latched
    refused = max(one["first_refusal"] for one in heard) - latched
    after = sum(one["permitted_after"] for one in heard)
    state = _way_back(copy, now)
    return Drilled(
        refused <= LIMIT_S and not after and proof.state == "VERIFIED" and state == State.ARMED,
        PROCESSES,
        sum(one["asked"] for one in heard),
        took,
        latched - began,
        last,
        max(0.0, refused),
        after,
        proof.state,
        state,
    )


def _asker(copy: Place, note: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "trading_cli.app.drill", str(copy.home), str(note)]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)  # noqa: S603  # our own


def _end(askers: Sequence[subprocess.Popen[bytes]]) -> None:
    for asker in askers:
        asker.kill()


def _all_permitted(notes: Sequence[Path], askers: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait until each was permitted once: it has made its note then."""
    until = time.monotonic() + PATIENCE_S
    while not all(note.exists() for note in notes):
        if time.monotonic() > until or any(asker.poll() is not None for asker in askers):
            raise TradingError("a process of the drill was not permitted", hint="trading doctor")
        time.sleep(0.01)


def _heard(asker: subprocess.Popen[bytes], note: Path) -> Mapping[str, Any]:
    try:
        asker.wait(timeout=PATIENCE_S)
        told: Mapping[str, Any] = json.loads(note.read_text())
    except (subprocess.TimeoutExpired, ValueError, OSError) as error:
        raise TradingError("a process of the drill was not stopped") from error
    return told


def _trip(copy: Place) -> Mapping[str, Any]:
    """Run `trading kill` as a person would."""
    env = {k: v for k, v in os.environ.items() if not k.upper().startswith("TRADING_")}
    words = [sys.executable, "-m", "trading_cli", "kill", "--reason", "drill", "--json"]
    ran = subprocess.run(  # noqa: S603  # our own
        words, env=env | {"TRADING_HOME": str(copy.home)}, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise TradingError(f"the drill's `trading kill` failed: {ran.stderr.strip()}")
    told: Mapping[str, Any] = json.loads(ran.stdout)["data"]
    return told


def _way_back(copy: Place, now: datetime) -> str:
    """Reset and arm the copy; return the state it is in then."""
    with opened(copy, busy_ms=release.WAIT_MS) as store, store.reading() as look:
        last = kill.newest(look)
    if last is None:
        return standing_at(copy).state.value
    release.reset(
        copy, reason="the end of a drill", phrase=release.phrase_of(last[1]), actor=ACTOR,
        now=max(now, last[0].at), cool_down=timedelta(0),
    )  # fmt: skip
    return release.arm(copy, reason="the end of a drill", actor=ACTOR, now=now).state


def ask(home: Path, note: Path) -> Mapping[str, Any]:
    """Ask for permission until refused, and a little longer; make *note* at the first one."""
    place = Place(home, home / "data" / "trading.db")
    asked, permitted_after = 0, 0
    last, first_refusal, until = 0.0, 0.0, time.monotonic() + PATIENCE_S
    with Store.reader(place.database) as store:
        while time.monotonic() < until:
            with store.reading() as look:
                standing = standing_of(look, place.folder)
            asked += 1
            if not forbids(standing, Purpose.ENTRY, Reason.SIGNAL):
                if not last:
                    note.touch()
                last = time.time()
                permitted_after += bool(first_refusal)
            elif not first_refusal:
                first_refusal, until = time.time(), time.monotonic() + AFTER_S
            time.sleep(PAUSE_S)
    return {
        "asked": asked,
        "last_permission": last,
        "first_refusal": first_refusal or time.time() + PATIENCE_S,
        "permitted_after": permitted_after,
    }


def main(words: Sequence[str]) -> None:
    """Be one of the processes that ask."""
    home, note = Path(words[0]), Path(words[1])
    note.write_text(json.dumps(ask(home, note)))


if __name__ == "__main__":
    main(sys.argv[1:])
