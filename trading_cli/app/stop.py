"""The stop: first the file, then the row, then the proof. Anybody may, nobody is asked.

Nothing here needs valid settings, a sound database or room on the disk: one of the file and the row
is enough, and what could not be done is said. ``release`` is the way back.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trading_cli.app import brief
from trading_cli.app.latch import KILL_FILE, Latched, file_standing, latch
from trading_cli.core.errors import ConfigError, StoreLocked, TradingError
from trading_cli.core.faults import fault
from trading_cli.core.home import PREFIX, find_home
from trading_cli.domain import Notice, OrderState, PositionState, Purpose, Severity
from trading_cli.store import Store, Transaction, deals, holdings, journal, kill, outbox
from trading_cli.store.rows import MILLION
from trading_cli.trading import killswitch
from trading_cli.trading.killswitch import Proof, Standing, State, stricter, unreadable

BUSY_MS = 200
PATIENT_MS = 5_000
DEFAULT_LEVEL = 4
SELLS_ALL = 3
PERSON = "person"
AUTOMATIC = frozenset({"guard", "risk"})
DATABASE = Path("data") / "trading.db"
_MAX_BYTES = 4_000_000
# how a damaged file may fail while it is read
BREAKDOWNS = (
    TradingError, OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError,
)  # fmt: skip
_FLOW = re.compile(r"database:[ \t]*\{(?:[^}\n]*[,\s])?path:[ \t]*(?P<name>[^,}\n]+)")


@dataclass(frozen=True, slots=True)
class Place:
    """One home to stop: its folder with the file, its database, and what is odd about it."""

    home: Path
    database: Path
    oddities: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Return the folder of the file KILL."""
        return self.home / "data"


@dataclass(frozen=True, slots=True)
class Tripped:
    """What a trip came to: ``latched`` is what counts, the rest says what could not be done.

    ``level`` is what is forbidden now, ``seconds`` until that was so, ``at`` when (epoch seconds);
    ``proof`` is ``None`` where nobody could look.
    """

    place: Place
    level: int
    file_error: str
    seq: int | None
    row_error: str
    proof: kill.ProofRow | None
    seconds: float
    at: float

    @property
    def latched(self) -> bool:
        """Return whether the file or the row stands."""
        return not self.file_error or self.seq is not None

    @property
    def troubles(self) -> tuple[str, ...]:
        """Return what could not be done, in sentences."""
        found = list(self.place.oddities)
        if self.file_error:
            found.append(f"the file could not be written: {self.file_error}")
        if self.row_error:
            found.append(f"the database could not be told: {self.row_error}")
        return tuple(found)


def find_place(config: Path | None, env: Mapping[str, str]) -> Place:
    """Return the home to stop, also where its settings are wrong or gone.

    Raises ``ConfigError`` only where there is no such folder at all.
    """
    oddities: list[str] = []
    try:
        found = find_home(config, env)
        home, file = found.home, found.config
    except (ConfigError, OSError) as error:
        named = env.get("TRADING_HOME", "")
        home = Path(named).expanduser().absolute() if named else _folder_of(config)
        file = None
        oddities.append(said(error))
    if not os.path.isdir(home):  # noqa: PTH112  # never raises, whatever the folder's mode
        raise ConfigError(
            f"there is no folder {home}: nothing was stopped",
            hint="name the right one: --config PATH, or TRADING_HOME",
        )
    database = _database(home, file, config, env)
    if file is None and not os.path.lexists(database):
        oddities.append(f"{home} has neither settings nor a database: is it the right home?")
    return Place(home, database, tuple(oddities))


def _folder_of(config: Path | None) -> Path:
    return Path.cwd() if config is None else config.expanduser().absolute().parent


def _database(home: Path, file: Path | None, config: Path | None, env: Mapping[str, str]) -> Path:
    """Return where the database is: as noted, as one can read it, as usual; the first there."""
    candidates = []
    try:
        noted = brief.noted(config, env)
    except (TradingError, OSError, ValueError):
        noted = None
    if noted is not None:
        candidates.append(noted.database)
    candidates += [home / name for name in _named(file, env)]
    candidates.append(home / DATABASE)
    return next((path for path in candidates if os.path.lexists(path)), candidates[0])


def _named(file: Path | None, env: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the database that stand in *env* and, as plain text, in *file*."""
    yield from (v for k, v in env.items() if k.upper() == f"{PREFIX}DATABASE__PATH" and v)
    if file is None:
        return
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as opened:
            text = opened.read(_MAX_BYTES)
    except OSError:
        return
    for line in _paths(text):
        name = line.partition(" #")[0].strip().strip("'\"")
        if name and "\0" not in name:
            yield name


def _paths(text: str) -> Iterator[str]:
    """Yield what stands behind `path:` below a line `database:` of *text*, valid YAML or not."""
    inside = False
    for line in text.splitlines():
        word = line.strip()
        if line[:1] not in {" ", "\t", "#", ""}:
            inside = word.partition("#")[0].strip() == "database:"
            if flow := _FLOW.match(line):
                yield flow["name"]
        elif inside and word.startswith("path:"):
            yield word.removeprefix("path:")


def standing_of(look: Transaction, folder: Path) -> Standing:
    """Return how the kill switch stands: the file and the rows, whichever forbids more."""
    rows = kill.standing(look)
    if rows.row is None:
        return stricter(file_standing(folder), unreadable(rows.doubt))
    seq, state, level, at, actor, reason = rows.row
    written = Standing(State(state), level, reason, at, actor, seq)
    return stricter(written, file_standing(folder))


def standing_at(place: Place, *, busy_ms: int = PATIENT_MS) -> Standing:
    """Return how the switch of *place* stands, whatever is wrong there. Never raises."""
    try:
        with opened(place, busy_ms=busy_ms) as store, store.reading() as look:
            return standing_of(look, place.folder)
    except BREAKDOWNS as error:
        return stricter(file_standing(place.folder), unreadable(said(error)))


@contextmanager
def opened(place: Place, *, now: datetime | None = None, busy_ms: int) -> Iterator[Store]:
    """Yield the store of *place* as it is, to write with *now*; never made, never migrated."""
    with ExitStack() as stack:
        store = stack.enter_context(Store.reader(place.database, busy_timeout_ms=busy_ms))
        if now is not None:  # the look has shown that it is ours and of this version
            stack.close()
            store = Store.open(place.database, now=now, busy_timeout_ms=busy_ms)
            stack.enter_context(store)
        yield store


def said(error: BaseException) -> str:
    """Return *error* as one sentence."""
    if isinstance(error, TradingError):
        return error.message
    return f"{type(error).__name__}: {error}"


def trip(place: Place, *, level: int, reason: str, actor: str, now: datetime) -> Tripped:
    """Stop *place* at *level* at least: the file, then the row with what it causes, then the proof.

    Not inside a transaction of this process: the row would find the database locked. An
    automatic *actor* asks again in every slot: it adds nothing where that much is forbidden
    already. Raises ``UsageError`` only for a level that is none.
    """
    killswitch.check_trigger(level)
    reason, actor = (text.encode("utf-8", "replace").decode() for text in (reason, actor))
    began = time.perf_counter()
    if actor in AUTOMATIC and (stands := _stands(place, level)):
        return Tripped(place, level, "", stands, "", None, 0.0, time.time())
    words = f"{now.isoformat(timespec='seconds')} {actor}: {reason}"
    try:
        latched = latch(place.folder, level, words)
    except BREAKDOWNS as error:  # whatever it is, the row is still to be tried
        latched = Latched(0, said(error))
    seconds, at = time.perf_counter() - began, time.time()
    fault("kill.file")
    row, trouble = _write(place, level, reason, actor, now, alone=bool(latched.error))
    if latched.error:
        seconds, at = time.perf_counter() - began, time.time()
    fault("kill.row")
    proof = None
    if row is not None:
        try:
            proof = verify(place, now, busy_ms=BUSY_MS)
        except BREAKDOWNS as error:
            trouble = f"{trouble}; not verified: {said(error)}".removeprefix("; ")
    fault("kill.done")
    held = max(latched.level, row.level if row is not None else 0)
    seq = row.seq if row is not None else None
    return Tripped(place, held, latched.error, seq, trouble, proof, seconds, at)


def _stands(place: Place, level: int) -> int:
    """Return the number of the row by which *level* is forbidden, 0 where file or row say less."""
    try:
        with opened(place, busy_ms=BUSY_MS) as store, store.reading() as look:
            row = kill.standing(look).row
    except BREAKDOWNS:
        return 0
    low = row is None or row.level < level or file_standing(place.folder).level < level
    return 0 if row is None or low else row.seq


def _write(  # what a row says, and whether it stands alone
    place: Place, level: int, reason: str, actor: str, now: datetime, *, alone: bool
) -> tuple[kill.Row | None, str]:
    """Write the row, the journal and the notice; where those two fail, the row only.

    A row that stands *alone*, without the file, is moved into the database at once: the log beside
    it may be lost. Return it and what could not be done.
    """
    trouble = ""
    for told in (True, False):
        try:
            with opened(place, now=now, busy_ms=BUSY_MS) as store:
                with store.transaction() as tx:
                    row = record_trigger(tx, place, level, reason=reason, actor=actor, now=now)
                    if told:
                        tell(tx, place, row, now=now)
                if alone:
                    store.checkpoint(patience_ms=BUSY_MS)
        except BREAKDOWNS as error:
            trouble = trouble or said(error)
            if isinstance(error, StoreLocked):
                break
        else:
            return row, trouble and f"the row stands, but not its journal: {trouble}"
    return None, trouble


def record_trigger(
    tx: Transaction, place: Place, level: int, *, reason: str, actor: str, now: datetime
) -> kill.Row:
    """Append a row that forbids *level* and whatever is forbidden already. Return it."""
    before = standing_of(tx, place.folder)
    worst = killswitch.HIGHEST if before.state is State.DISARMED else max(level, before.level)
    seq = kill.record(tx, State.TRIGGERED, worst, at=now, actor=actor, reason=reason)
    return kill.Row(seq, State.TRIGGERED, worst, now, actor, reason)


def tell(tx: Transaction, place: Place, row: kill.Row, *, now: datetime) -> None:
    """Put a trigger into the journal and the outbox, in its own transaction."""
    seq = row.seq
    body = {"state": row.state, "level": row.level, "reason": row.reason, "market": ""}
    journal.append(tx, "kill", f"kill:{seq}", body, at=now, actor=row.actor)
    sentence = f"KILL SWITCH level {row.level} by {row.actor}: {row.reason} ({place.home})"
    facts = {"level": row.level, "reason": row.reason, "actor": row.actor}
    outbox.put(
        tx, Notice(f"kill:{seq}", "kill", Severity.ERROR, sentence, now, critical=True, facts=facts)
    )


def verify(place: Place, now: datetime, *, busy_ms: int = PATIENT_MS) -> kill.ProofRow:
    """Look what could still be filled, and keep what was found as the proof of the trigger.

    Where only the file says TRIGGERED, or the rows cannot be believed, the row that is missing is
    written first. Raises ``KillRefused`` where nothing is triggered, ``StoreError`` where the
    database cannot be read: then nothing is verified.
    """
    began = time.perf_counter()
    with opened(place, now=now, busy_ms=busy_ms) as store, store.transaction() as tx:
        standing = standing_of(tx, place.folder)
        if standing.state is not State.TRIGGERED:
            raise killswitch.KillRefused(
                f"the kill switch is {standing.state}: there is nothing to verify.",
                hint="trading kill status",
            )
        trigger = _trigger(tx, place, standing, now)
        found, cost = proof_of(tx)
        row = kill.ProofRow(
            trigger,
            "VERIFIED" if found.verified(standing.level) else "UNVERIFIED",
            now,
            found.open_orders,
            found.opening_orders,
            found.unknown_orders,
            found.positions,
            cost,
            time.perf_counter() - began,
            _sentence(found, cost, standing.level),
        )
        kill.record_proof(tx, row)
    return row


def _trigger(tx: Transaction, place: Place, standing: Standing, now: datetime) -> int:
    """Return the number of the row that says *standing*; write it where none does."""
    last = kill.newest(tx)
    if last is not None and last[0].state == State.TRIGGERED and last[0].level >= standing.level:
        return last[0].seq
    actor, reason = standing.actor or "unknown", standing.reason
    row = record_trigger(tx, place, standing.level, reason=reason, actor=actor, now=now)
    tell(tx, place, row, now=now)
    return row.seq


def proof_of(look: Transaction) -> tuple[Proof, int]:
    """Return what is open and held, and what the holdings can lose, USD in millionths."""
    orders = deals.open_orders(look)
    held = [one for one in holdings.positions(look) if one.state is not PositionState.CLOSED]
    found = Proof(
        len(orders),
        sum(order.purpose is Purpose.ENTRY for order in orders),
        sum(order.state is OrderState.UNKNOWN for order in orders),
        len(held),
    )
    return found, int(sum((one.cost for one in held), start=0) * MILLION)


def _sentence(proof: Proof, cost: int, level: int) -> str:
    """Return what was found, in words."""
    worst = f"{cost / 1e6:.2f}"
    sign = "" if float(worst) == 0 else "\N{MINUS SIGN}"
    text = (
        f"open orders {proof.open_orders}; positions {proof.positions},"
        f" worst case {sign}{worst} USD"
    )
    if proof.unknown_orders:
        text += f"; {proof.unknown_orders} orders are unknown"
    if level == SELLS_ALL and proof.positions:
        text += f"; {proof.positions} UNCLOSED: each cycle tries again"
    if level >= killswitch.HIGHEST and proof.positions:
        text += f"; {proof.positions} positions have no stop while this lasts"
    return text


__all__ = [
    "KILL_FILE",
    "Place",
    "Tripped",
    "file_standing",
    "find_place",
    "opened",
    "proof_of",
    "standing_at",
    "standing_of",
    "trip",
    "verify",
]
