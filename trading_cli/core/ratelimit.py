"""One budget per host and endpoint, shared by every process and every home of a person.

The state lives in one small SQLite file (the one SQL outside ``store``). A request reserves its
instant in one transaction and then sleeps until it: no queue, no daemon, nothing lost when a
process dies. Time in the file is wall time, since only that survives a restart; durations are real.

Why the promise is exact: instants are granted so that the k-th after any other is at least
``(k - burst) * interval`` later, and ``interval`` is chosen so that ``requests + 1`` of them never
fit into ``per_s`` plus the lateness we allow a sleeper. One who wakes later than that asks again.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from trading_cli.core.clock import Clock
from trading_cli.core.errors import CircuitOpen, SourceDown, SourceThrottled
from trading_cli.core.limits_file import LimitsFile, looking

FAILURES_TO_OPEN = 5
OPEN_S = 60.0
OPEN_MAX_S = 900.0
PROBE_S = 60.0  # one probe may take so long before another is let through
BACKOFF_S = 2.0
BACKOFF_MAX_S = 300.0
LONGEST_CAUSE = 200
LONGEST_NAP_S = 120.0  # without a deadline nobody sleeps longer for a host that told us to wait


@dataclass(frozen=True)
class Rate:
    """At most *requests* in any *per_s* seconds, at most *burst* of them at once.

    The burst is bought with pace (the promise per window stays exact), so half the requests is
    the most it may be.
    """

    requests: float
    per_s: float
    burst: int = 1

    def __post_init__(self) -> None:
        if not (self.requests > 0 and self.per_s > 0 and self.burst >= 1):
            raise ValueError(f"a rate must be positive: {self}")

    @property
    def window_s(self) -> float:
        """Return the window in seconds; longer than per_s where less than one request fits."""
        return self.per_s if self.requests >= 1 else self.per_s / self.requests

    @property
    def slack_s(self) -> float:
        """Return how late a sleeper may wake and still use its instant."""
        return min(max(0.05 * self.window_s, 0.02), 0.5)

    @property
    def depth(self) -> int:
        """Return the burst that is really granted."""
        return min(self.burst, max(1, int(self.requests) // 2))

    @property
    def interval_s(self) -> float:
        """Return the seconds between two instants once the burst is spent."""
        return (self.window_s + self.slack_s) / (max(1, int(self.requests)) + 1 - self.depth)


@dataclass(frozen=True)
class BudgetState:
    """How one budget stands: counts since the file was made, instants as epoch seconds."""

    host: str
    endpoint: str
    requests: int
    waited_s: float
    throttled: int
    tokens: float
    blocked_until: float | None
    circuit: str


@dataclass(frozen=True)
class _Grant:
    """An instant reserved: *wait_s* from now, *due* on the monotonic clock, in which file."""

    wait_s: float
    due: float
    probe: bool
    generation: int


def default_limits_path(env: Mapping[str, str] | None = None) -> Path:
    """Return ${XDG_STATE_HOME:-~/.local/state}/trading/limits.db."""
    env = os.environ if env is None else env
    state = env.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):  # noqa: PTH117  # the rule of the XDG text: relative ones are ignored
        return Path(state) / "trading" / "limits.db"
    home = env.get("HOME", "")
    return (Path(home) if home else Path.home()) / ".local" / "state" / "trading" / "limits.db"


class Limiter:
    """Says when the next request may leave. Safe for threads, processes and restarts.

    Raises ConfigError when the folder of *path* cannot be used.
    """

    def __init__(self, path: Path, *, clock: Clock, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._random = SystemRandom()
        self._file = LimitsFile(path, wall)

    def acquire(self, host: str, endpoint: str, rate: Rate, deadline: float | None) -> float:
        """Sleep until a request may be sent; return the seconds waited.

        *deadline* is an instant of clock.monotonic(). Raises CircuitOpen, SourceThrottled when
        the host's own wish outlasts the deadline, SourceDown when our budget does.
        """
        began = self._clock.monotonic()
        former: _Grant | None = None
        while True:
            grant = self._reserve(host, endpoint, rate, deadline, former)
            if grant.wait_s > 0:
                self._clock.sleep(grant.wait_s)
            stopped = grant.wait_s > 0 and self._stopped_meanwhile(host, endpoint, grant)
            if self._clock.monotonic() - grant.due <= rate.slack_s and not stopped:
                return self._clock.monotonic() - began
            former = grant

    def throttled(self, host: str, endpoint: str, retry_after: float | None) -> None:
        """Note a 429: nobody asks that endpoint before *retry_after* seconds have passed.

        Without a number we back off ourselves, doubling with jitter up to five minutes.
        """

        def noted(db: sqlite3.Connection, now: float) -> None:
            row = db.execute(
                "SELECT blocked, strikes FROM budget WHERE host = ? AND endpoint = ?",
                (host, endpoint),
            ).fetchone() or (0.0, 0)
            blocked, strikes = row
            if now >= blocked:  # replies to requests already under way are one strike, not many
                strikes += 1
            pause = min(BACKOFF_S * 2.0 ** (min(max(strikes, 1), 20) - 1), BACKOFF_MAX_S)
            pause *= self._random.uniform(0.5, 1.0)
            if retry_after is not None and retry_after > 0:
                pause = retry_after
            db.execute(
                "INSERT INTO budget (host, endpoint, blocked, strikes, throttled, seen)"
                " VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT (host, endpoint) DO UPDATE SET"
                " blocked = excluded.blocked, strikes = excluded.strikes,"
                " throttled = throttled + 1",
                (host, endpoint, max(blocked, now + pause), strikes, now),
            )
            _close_circuit(db, host)  # who tells us to wait is there

        self._file.write(noted)

    def failed(self, host: str, cause: str = "") -> None:
        """Note a failure to reach *host*; the fifth in a row opens its circuit.

        *cause* is what whoever is not let through will read.
        """

        def noted(db: sqlite3.Connection, now: float) -> None:
            row = db.execute(
                "SELECT failures, opened, until FROM circuit WHERE host = ?", (host,)
            ).fetchone()
            failures, opened, until = row or (0, 0, 0.0)
            failures += 1
            if failures >= FAILURES_TO_OPEN and now >= until:
                opened += 1
                until = now + min(OPEN_S * 2.0 ** (min(opened, 20) - 1), OPEN_MAX_S)
            db.execute(
                "INSERT INTO circuit (host, failures, opened, until, probe, seen, cause)"
                " VALUES (?, ?, ?, ?, 0, ?, ?) ON CONFLICT (host) DO UPDATE SET failures ="
                " excluded.failures, opened = excluded.opened, until = excluded.until, probe = 0,"
                " cause = excluded.cause",
                (host, failures, opened, until, now, cause[:LONGEST_CAUSE]),
            )

        self._file.write(noted)

    def succeeded(self, host: str, endpoint: str = "") -> None:
        """Note that *host* answered: its circuit closes, the back-off of *endpoint* ends."""
        troubled = self._file.read(
            lambda db: db.execute(
                "SELECT EXISTS (SELECT 1 FROM circuit WHERE host = ?1 AND failures > 0) OR"
                " EXISTS (SELECT 1 FROM budget WHERE host = ?1 AND endpoint = ?2 AND strikes > 0)",
                (host, endpoint),
            ).fetchone()[0]
        )
        if not troubled:
            return

        def noted(db: sqlite3.Connection, _now: float) -> None:
            _close_circuit(db, host)
            db.execute(
                "UPDATE budget SET strikes = 0 WHERE host = ? AND endpoint = ?", (host, endpoint)
            )

        self._file.write(noted)

    def report(self) -> list[BudgetState]:
        """Return how every budget ever used stands, by host and endpoint."""
        return self._file.read(lambda db: _report(db, self._wall()))

    def close(self) -> None:
        """Close the file. The limiter must not be used afterwards."""
        self._file.close()

    def _reserve(
        self,
        host: str,
        endpoint: str,
        rate: Rate,
        deadline: float | None,
        former: _Grant | None,
    ) -> _Grant:
        """Take the next free instant in one transaction; *former* is the one that was missed."""

        def taken(db: sqlite3.Connection, now: float) -> _Grant:
            mono = self._clock.monotonic()
            mono -= max(0.0, self._wall() - now)  # when it was now: a grant counts from there
            probe = _heed_circuit(db, host, now, held=former is not None and former.probe)
            interval, depth = rate.interval_s, rate.depth
            tat, blocked = _budget(db, host, endpoint, rate, now)
            instant = max(now, tat - (depth - 1) * interval, blocked)
            wait = instant - now
            self._refuse_late(host, endpoint, wait, blocked - now, mono, deadline)
            sent = former is None
            db.execute(
                "INSERT INTO budget (host, endpoint, tat, interval, depth, sent, waited, seen)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (host, endpoint) DO UPDATE"
                " SET tat = ?3, interval = ?4, depth = ?5, sent = sent + ?6,"
                " waited = waited + ?7, seen = ?8",
                (host, endpoint, max(tat, instant) + interval, interval, depth, sent, wait, now),
            )
            return _Grant(wait, mono + wait, probe, self._file.generation)

        return self._file.write(taken)

    def _refuse_late(  # one instant and what it is measured against
        self,
        host: str,
        endpoint: str,
        wait: float,
        blocked: float,
        mono: float,
        deadline: float | None,
    ) -> None:
        """Raise rather than let somebody sleep past the deadline."""
        told = blocked > 0
        if deadline is None:
            if told and blocked > LONGEST_NAP_S:
                raise _told_to_wait(host, endpoint, blocked)
            return
        if mono + wait <= deadline:
            return
        if told and mono + blocked > deadline:
            raise _told_to_wait(host, endpoint, blocked)
        raise SourceDown(
            host, f"our own budget for {endpoint} has no room before the deadline ({wait:.1f} s)"
        )

    def _stopped_meanwhile(self, host: str, endpoint: str, grant: _Grant) -> bool:
        """Say whether somebody was told to wait, or the circuit opened, while we slept."""
        found = self._file.read(
            lambda db: db.execute(
                "SELECT EXISTS (SELECT 1 FROM budget WHERE host = ?1 AND endpoint = ?2"
                " AND blocked > ?3) OR EXISTS (SELECT 1 FROM circuit WHERE host = ?1"
                " AND until > ?3)",
                (host, endpoint, self._wall()),
            ).fetchone()
        )
        return bool(found[0]) or grant.generation != self._file.generation


def report_of(path: Path, *, wall: Callable[[], float] = time.time) -> list[BudgetState]:
    """Return the same of the file at *path*, which is read and in no way changed.

    Raises SourceDown where it cannot be read: it is missing, damaged or not ours.
    """
    try:
        with closing(looking(path)) as db:
            return _report(db, wall())
    except sqlite3.Error as error:
        said = f"the shared file {path} cannot be read: {error}"
        raise SourceDown("limits", said) from error


def _report(db: sqlite3.Connection, now: float) -> list[BudgetState]:
    rows = db.execute(
        "SELECT b.host, b.endpoint, sent, waited, throttled, tat, interval, depth,"
        " blocked, coalesce(c.failures, 0), coalesce(c.until, 0)"
        " FROM budget b LEFT JOIN circuit c ON c.host = b.host"
        " ORDER BY b.host, b.endpoint"
    )
    return [_state(row, now) for row in rows]


def _heed_circuit(db: sqlite3.Connection, host: str, now: float, *, held: bool) -> bool:
    """Raise CircuitOpen, or claim the one probe of a circuit that may be tried again.

    Return whether the caller has that probe now; *held* says that it had it before.
    """
    row = db.execute(
        "SELECT failures, until, probe, cause FROM circuit WHERE host = ?", (host,)
    ).fetchone()
    if row is None or row[0] < FAILURES_TO_OPEN:
        return False
    _failures, until, probe, cause = row
    closed_until = until if held else max(until, probe)
    if closed_until > now:
        raise CircuitOpen(host, closed_until - now, cause)
    db.execute("UPDATE circuit SET probe = ? WHERE host = ?", (now + PROBE_S, host))
    return True


def _close_circuit(db: sqlite3.Connection, host: str) -> None:
    db.execute(
        "UPDATE circuit SET failures = 0, opened = 0, until = 0, probe = 0, cause = ''"
        " WHERE host = ?",
        (host,),
    )


def _budget(
    db: sqlite3.Connection, host: str, endpoint: str, rate: Rate, now: float
) -> tuple[float, float]:
    """Return when the budget is full again and until when the host told us to wait."""
    row = db.execute(
        "SELECT tat, blocked, sent FROM budget WHERE host = ? AND endpoint = ?", (host, endpoint)
    ).fetchone()
    if row is not None and row[2] > 0:
        return row[0], row[1]
    careful = db.execute("SELECT careful_since FROM file").fetchone()[0]
    tat = now if careful is None else careful + rate.window_s + (rate.depth - 1) * rate.interval_s
    return tat, 0.0 if row is None else row[1]


def _told_to_wait(host: str, endpoint: str, seconds: float) -> SourceThrottled:
    """Return the error for a wait nobody should sleep through."""
    return SourceThrottled(host, f"{endpoint} told us to wait {seconds:.0f} s", retry_after=seconds)


def _state(
    row: tuple[str, str, int, float, int, float, float, int, float, int, float], now: float
) -> BudgetState:
    host, endpoint, sent, waited, throttled, tat, interval, depth, blocked, failures, until = row
    circuit = "closed"
    if failures >= FAILURES_TO_OPEN:
        circuit = "open" if until > now else "half-open"
    owed = max(0.0, tat - now) / interval if interval > 0 else 0.0
    return BudgetState(
        host=host,
        endpoint=endpoint,
        requests=sent,
        waited_s=waited,
        throttled=throttled,
        tokens=0.0 if blocked > now else min(float(depth), max(0.0, depth - owed)),
        blocked_until=blocked if blocked > now else None,
        circuit=circuit,
    )
