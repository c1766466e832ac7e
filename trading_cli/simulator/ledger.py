"""Who was asked how often, in real time, against the documented limits."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class Limit:
    """At most *requests* in any *window_s* seconds."""

    requests: int
    window_s: float = WINDOW_S


# Documented limits, grouped as documented: one request may count towards several.
LIMITS: Mapping[str, Limit] = {
    "gamma *": Limit(4000),
    "gamma /markets": Limit(300),
    "gamma /events": Limit(500),
    "gamma listing": Limit(900),
    "gamma /tags": Limit(200),
    "clob *": Limit(9000),
    "clob /ok": Limit(100),
    "clob /book": Limit(1500),
    "clob /price": Limit(1500),
    "clob /midpoint": Limit(1500),
    "clob /books": Limit(500),
    "clob /prices-history": Limit(1000),
    "clob /tick-size": Limit(200),
    "data *": Limit(1000),
    "data /trades": Limit(200),
    "gdelt /api": Limit(1, 5.0),
    "bluesky /xrpc": Limit(3000, 300.0),
    "hacker_news /api": Limit(10_000, 3600.0),
    "x /2": Limit(60, 900.0),
}
SECTIONS = {"v2", "v1"}


def buckets(path: str) -> list[str]:
    """Return the names under which a request to *path* counts, the narrowest first."""
    parts = [part for part in path.split("/") if part]
    if not parts:
        return []
    host, rest = parts[0], [part for part in parts[1:] if part not in SECTIONS]
    names = [f"{host} /{rest[0] if rest else ''}"]
    if host == "gamma" and rest and rest[0] in {"markets", "events"}:
        names.append("gamma listing")
    if f"{host} *" in LIMITS:
        names.append(f"{host} *")
    return names


@dataclass(slots=True)
class Account:
    """The requests of one bucket: how many came, and how many came close together."""

    limit: Limit | None
    total: int = 0
    throttled: int = 0
    max_in_10s: int = 0
    arrivals: deque[float] = field(default_factory=deque)
    admitted: deque[float] = field(default_factory=deque)

    def arrive(self, now: float) -> None:
        """Count one request at real instant *now*."""
        self.total += 1
        self.arrivals.append(now)
        _forget(self.arrivals, now - WINDOW_S)
        self.max_in_10s = max(self.max_in_10s, len(self.arrivals))

    def wait(self, now: float) -> float:
        """Return the seconds until one more may be admitted; 0.0 for at once."""
        if self.limit is None:
            return 0.0
        _forget(self.admitted, now - self.limit.window_s)
        if len(self.admitted) < self.limit.requests:
            return 0.0
        return self.admitted[0] + self.limit.window_s - now

    def summary(self) -> dict[str, Any]:
        """Return the account as the control route shows it.

        ``limit_10s`` is ``None`` where the documented window is longer than ten seconds.
        """
        limit = self.limit
        short = limit is not None and limit.window_s <= WINDOW_S
        return {
            "total": self.total,
            "max_in_10s": self.max_in_10s,
            "limit_10s": limit.requests * WINDOW_S / limit.window_s if limit and short else None,
            "limit": limit.requests if limit else None,
            "window_s": limit.window_s if limit else None,
            "throttled": self.throttled,
        }


class Ledger:
    """Counts requests by bucket; with *limits* it also says who must wait."""

    def __init__(
        self, *, limits: bool = True, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._accounts: dict[str, Account] = {}

    def enter(self, path: str) -> float:
        """Count a request to *path* and return the seconds it must wait, 0.0 when admitted."""
        now = self._monotonic()
        accounts = [self._account(name) for name in buckets(path)]
        for account in accounts:
            account.arrive(now)
        if not self._limits or not accounts:
            return 0.0
        full = max(((account.wait(now), account) for account in accounts), key=lambda it: it[0])
        if full[0] > 0:
            full[1].throttled += 1
            return full[0]
        for account in accounts:
            if account.limit is not None:
                account.admitted.append(now)
        return 0.0

    def report(self) -> dict[str, dict[str, Any]]:
        """Return every bucket that was ever asked, by name."""
        return {name: self._accounts[name].summary() for name in sorted(self._accounts)}

    def reset(self) -> None:
        """Forget the counts; what the limits admitted lately stays counted against them."""
        for name, old in list(self._accounts.items()):
            self._accounts[name] = Account(old.limit, admitted=old.admitted)

    def _account(self, name: str) -> Account:
        if name not in self._accounts:
            self._accounts[name] = Account(LIMITS.get(name))
        return self._accounts[name]


def _forget(stamps: deque[float], before: float) -> None:
    """Drop what is not later than *before*."""
    while stamps and stamps[0] <= before:
        stamps.popleft()
